//! From a model to JSON and tensors.

use super::{
    ClassesSpec, CombineSpec, DecisionSpec, FeaturesSpec, ForestSpec, GuardSpec, InputSpec, LabelKind, Rule, Spec,
    StepSpec, TargetSpec, TransformSpec,
};
use crate::error::{Result, format_error};
use crate::model::{Arithmetic, Ctr, Decision, Forest, Model, Op, Step, Target, Tensors, ValueId, Width};

/// A model as structure and tensors: the inverse of [`super::to_parts`], deterministic.
pub(in crate::model) fn from_model(model: &Model) -> Result<(String, Tensors)> {
    let mut tensors = Tensors::default();
    let features = FeaturesSpec::put(model.features(), &mut tensors);
    let input = model.input();
    let steps =
        model.steps().iter().enumerate().map(|(i, step)| from_step(i, step, input.width, &mut tensors)).collect();
    let guards = model.guards().iter().enumerate().map(|(i, guard)| GuardSpec::put(i, guard, &mut tensors)).collect();
    let targets = model.targets().iter().enumerate().map(|(i, t)| from_target(i, t, &mut tensors)).collect();
    let transform = model.transform().map(|transform| {
        tensors.put_strings("transform.names", &transform.names);
        TransformSpec { value: transform.value, names: "transform.names".to_string() }
    });
    let spec = Spec {
        features,
        input: InputSpec {
            missing: input.missing,
            non_finite: input.non_finite,
            width: input.width,
            absent: input.absent,
        },
        output_width: model.output_width(),
        steps,
        guards,
        targets,
        transform,
        leaf: model.leaf_forest().map(|(step, _)| step),
        source: model.source().clone(),
    };
    let json = serde_json::to_string(&spec).map_err(|e| format_error(format!("the model can't be written: {e}")))?;
    Ok((json, tensors))
}

fn from_step(index: usize, step: &Step, width: Width, tensors: &mut Tensors) -> StepSpec {
    let prefix = format!("steps.{index}");
    let name = |part: &str| format!("{prefix}.{part}");
    let input = step.input;
    match &step.op {
        Op::Linear(linear) => {
            tensors.put_matrix(name("coefficients"), linear.outputs, linear.inputs, linear.coefficients.clone());
            tensors.put_f64(name("intercept"), linear.intercept.clone());
            StepSpec::Linear {
                input,
                coefficients: name("coefficients"),
                intercept: name("intercept"),
                width: linear.width,
            }
        }
        Op::Forest(forest) => StepSpec::Forest(from_forest(prefix, input, forest, width, tensors)),
        Op::LeafIndicator(forest) => StepSpec::LeafIndicator(from_forest(prefix, input, forest, width, tensors)),
        Op::Link(link, width) => StepSpec::Link { input, width: *width, kind: link.clone() },
        Op::Concat(_) => StepSpec::Concat { inputs: step.inputs().collect() },
        Op::Combine(combine) => {
            let spec = CombineSpec { inputs: step.inputs().collect(), width: combine.width };
            match combine.how {
                Arithmetic::Sum => StepSpec::Sum(spec),
                Arithmetic::Product => StepSpec::Product(spec),
                Arithmetic::Difference => StepSpec::Difference(spec),
                Arithmetic::Quotient => StepSpec::Quotient(spec),
                Arithmetic::Minimum => StepSpec::Minimum(spec),
                Arithmetic::Maximum => StepSpec::Maximum(spec),
                Arithmetic::Mask => StepSpec::Mask(spec),
            }
        }
        Op::Map(map) => {
            map.put(&prefix, tensors);
            StepSpec::Map { input, tensors: prefix }
        }
        Op::Bins(bins) => {
            bins.put(&prefix, tensors);
            StepSpec::Bins { input, tensors: prefix }
        }
        Op::Interpolate(interpolate) => {
            interpolate.put(&prefix, tensors);
            StepSpec::Interpolate { input, tensors: prefix }
        }
        Op::Polynomial(polynomial) => {
            polynomial.put(&prefix, tensors);
            StepSpec::Polynomial { input, tensors: prefix }
        }
        Op::Embedding(embedding) => {
            embedding.put(&prefix, tensors);
            StepSpec::Embedding { input, columns: embedding.columns.clone(), wrap: embedding.wrap, tensors: prefix }
        }
        Op::OneHot(one_hot) => {
            tensors.put_i32(name("feature"), one_hot.feature.clone());
            tensors.put_f64(name("value"), one_hot.value.clone());
            StepSpec::OneHot { input, tensors: prefix }
        }
        Op::Ctr(ctr) => {
            from_ctr(&prefix, ctr, tensors);
            StepSpec::Ctr { input, tensors: prefix }
        }
        Op::Distances(distances) => {
            tensors.put_i64(name("offset"), distances.offset.clone());
            tensors.put_i32(name("column"), distances.column.clone());
            tensors.put_f64(name("center"), distances.center.clone());
            tensors.put_f64(name("weight"), distances.weight.clone());
            tensors.put_f64(name("start"), distances.start.clone());
            StepSpec::Distances { input, metric: distances.metric, tensors: prefix }
        }
    }
}

fn from_ctr(prefix: &str, ctr: &Ctr, tensors: &mut Tensors) {
    let name = |part: &str| format!("{prefix}.{part}");
    tensors.put_i64(name("category_offset"), ctr.category_offset.clone());
    tensors.put_i32(name("category"), ctr.category.clone());
    tensors.put_i64(name("border_offset"), ctr.border_offset.clone());
    tensors.put_i32(name("border_feature"), ctr.border_feature.clone());
    tensors.put_f64(name("border"), ctr.border.clone());
    tensors.put_u8(name("border_missing"), ctr.border_missing.clone());
    tensors.put_i64(name("equal_offset"), ctr.equal_offset.clone());
    tensors.put_i32(name("equal_feature"), ctr.equal_feature.clone());
    tensors.put_f64(name("equal"), ctr.equal.clone());
    tensors.put_i64(name("key_offset"), ctr.key_offset.clone());
    tensors.put_u64(name("key"), ctr.key.clone());
    tensors.put_i32(name("columns"), ctr.columns.clone());
    tensors.put_f64(name("value"), ctr.value.clone());
    tensors.put_f64(name("otherwise"), ctr.otherwise.clone());
}

fn from_forest(prefix: String, input: ValueId, forest: &Forest, width: Width, tensors: &mut Tensors) -> ForestSpec {
    let name = |part: &str| format!("{prefix}.{part}");
    tensors.put_f64(name("base"), forest.base.clone());
    tensors.put_i64(name("split_offset"), forest.split_offset.clone());
    tensors.put_i64(name("leaf_offset"), forest.leaf_offset.clone());
    if forest.leaf_width == 1 {
        tensors.put_i32(name("target"), forest.target.clone());
    }
    tensors.put_i32(name("feature"), forest.feature.clone());
    tensors.put_f64(name("threshold"), forest.threshold.clone());
    tensors.put_i32(name("left"), forest.left.clone());
    tensors.put_i32(name("right"), forest.right.clone());
    tensors.put_u8(name("flags"), forest.flags.clone());
    tensors.put_matrix(name("leaf_value"), forest.leaf_id.len(), forest.leaf_width, forest.leaf_value.clone());
    tensors.put_i32(name("leaf_id"), forest.leaf_id.clone());
    if forest.has_categories() {
        tensors.put_i32(name("category_set"), forest.categories.set.clone());
        tensors.put_i64(name("set_offset"), forest.categories.offset.clone());
        tensors.put_u32(name("set_words"), forest.categories.words.clone());
    }
    if let Some(linear) = &forest.linear {
        tensors.put_i64(name("linear_offset"), linear.offset.clone());
        tensors.put_i32(name("linear_feature"), linear.feature.clone());
        tensors.put_f64(name("linear_coefficient"), linear.coefficient.clone());
        tensors.put_f64(name("linear_constant"), linear.constant.clone());
    }
    ForestSpec {
        input,
        comparison: forest.comparison,
        outputs: forest.outputs,
        leaf_width: forest.leaf_width,
        zero_band: forest.zero_band,
        width: (forest.width != width).then_some(forest.width),
        sum: forest.sum,
        start: forest.start,
        missing_value: forest.missing_value,
        negative_fraction: forest.negative_fraction,
        tensors: prefix,
    }
}

fn from_target(index: usize, target: &Target, tensors: &mut Tensors) -> TargetSpec {
    let classes = target.classes.as_ref().map(|labels| {
        let values = format!("targets.{index}.classes");
        let kind = LabelKind::put(&labels.values, &values, tensors);
        ClassesSpec { dtype: labels.dtype.clone(), kind, values }
    });
    let rule = match target.prediction {
        Decision::Value(_) => Rule::Value,
        Decision::ArgMax(_) => Rule::Argmax,
        Decision::Scan(_) => Rule::Scan,
        Decision::Positive(_) => Rule::Positive,
        Decision::Above(..) => Rule::Above,
        Decision::Inlier(_) => Rule::Inlier,
        Decision::Cluster(_) => Rule::Cluster,
    };
    let at = match target.prediction {
        Decision::Above(_, at) => Some(at),
        _ => None,
    };
    TargetSpec {
        name: target.name.clone(),
        classes,
        margin: target.margin,
        probability: target.probability,
        prediction: DecisionSpec { rule, value: target.prediction.value(), at },
        score: target.score,
    }
}
