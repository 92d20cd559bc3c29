//! From JSON and tensors to the parts of a model, as yet unchecked.

use super::{ClassesSpec, CombineSpec, ForestSpec, InputSpec, Rule, Spec, StepSpec, TargetSpec};
use crate::error::{Result, format_error};
use crate::model::{
    Arithmetic, Bins, CategorySets, Combine, Ctr, Decision, Distances, Embedding, Forest, InputPolicy, Interpolate,
    Labels, Linear, LinearLeaves, Map, ModelParts, OneHot, Op, Polynomial, Step, Target, Tensors, Transform, ValueId,
    Width,
};

/// Structure and tensors to an unchecked model. Every tensor must be used exactly once.
pub(in crate::model) fn to_parts(json: &str, mut tensors: Tensors) -> Result<ModelParts> {
    let spec: Spec =
        serde_json::from_str(json).map_err(|e| format_error(format!("the model's structure can't be read: {e}")))?;
    let features = spec.features.take(&mut tensors)?;
    let InputSpec { missing, non_finite, width, absent } = spec.input;
    let input = InputPolicy { missing, non_finite, width, absent };
    let steps = spec.steps.into_iter().map(|step| to_step(step, input.width, &mut tensors)).collect::<Result<_>>()?;
    let guards = spec.guards.into_iter().map(|guard| guard.take(&mut tensors)).collect::<Result<_>>()?;
    let targets = spec.targets.into_iter().map(|target| to_target(target, &mut tensors)).collect::<Result<_>>()?;
    let transform = match spec.transform {
        Some(transform) => Some(Transform { value: transform.value, names: tensors.take_strings(&transform.names)? }),
        None => None,
    };
    tensors.expect_empty()?;
    Ok(ModelParts {
        features,
        input,
        steps,
        guards,
        targets,
        transform,
        output_width: spec.output_width,
        leaf: spec.leaf,
        source: spec.source,
    })
}

fn to_step(step: StepSpec, width: Width, tensors: &mut Tensors) -> Result<Step> {
    Ok(match step {
        StepSpec::Linear { input, coefficients, intercept, width } => {
            let (outputs, inputs, coefficients) = tensors.take_matrix(&coefficients)?;
            let intercept = tensors.take_f64(&intercept)?;
            Step { input, op: Op::Linear(Linear { inputs, outputs, coefficients, intercept, width }) }
        }
        StepSpec::Forest(spec) => Step { input: spec.input, op: Op::Forest(to_forest(spec, width, tensors)?) },
        StepSpec::LeafIndicator(spec) => {
            Step { input: spec.input, op: Op::LeafIndicator(to_forest(spec, width, tensors)?) }
        }
        StepSpec::Link { input, width, kind } => Step { input, op: Op::Link(kind, width) },
        StepSpec::Concat { inputs } => several(inputs, "concat", Op::Concat)?,
        StepSpec::Sum(spec) => to_combine(Arithmetic::Sum, spec)?,
        StepSpec::Product(spec) => to_combine(Arithmetic::Product, spec)?,
        StepSpec::Difference(spec) => to_combine(Arithmetic::Difference, spec)?,
        StepSpec::Quotient(spec) => to_combine(Arithmetic::Quotient, spec)?,
        StepSpec::Minimum(spec) => to_combine(Arithmetic::Minimum, spec)?,
        StepSpec::Maximum(spec) => to_combine(Arithmetic::Maximum, spec)?,
        StepSpec::Mask(spec) => to_combine(Arithmetic::Mask, spec)?,
        StepSpec::Map { input, tensors: prefix } => Step { input, op: Op::Map(Map::take(&prefix, tensors)?) },
        StepSpec::Bins { input, tensors: prefix } => Step { input, op: Op::Bins(Bins::take(&prefix, tensors)?) },
        StepSpec::Interpolate { input, tensors: prefix } => {
            Step { input, op: Op::Interpolate(Interpolate::take(&prefix, tensors)?) }
        }
        StepSpec::Polynomial { input, tensors: prefix } => {
            Step { input, op: Op::Polynomial(Polynomial::take(&prefix, tensors)?) }
        }
        StepSpec::Embedding { input, columns, wrap, tensors: prefix } => {
            Step { input, op: Op::Embedding(Embedding::take(&prefix, columns, wrap, tensors)?) }
        }
        StepSpec::OneHot { input, tensors: prefix } => {
            let feature = tensors.take_i32(&format!("{prefix}.feature"))?;
            let value = tensors.take_f64(&format!("{prefix}.value"))?;
            Step { input, op: Op::OneHot(OneHot { feature, value }) }
        }
        StepSpec::Ctr { input, tensors: prefix } => Step { input, op: Op::Ctr(to_ctr(&prefix, width, tensors)?) },
        StepSpec::Distances { input, metric, tensors: prefix } => {
            let name = |part: &str| format!("{prefix}.{part}");
            let distances = Distances {
                metric,
                offset: tensors.take_i64(&name("offset"))?,
                column: tensors.take_i32(&name("column"))?,
                center: tensors.take_f64(&name("center"))?,
                weight: tensors.take_f64(&name("weight"))?,
                start: tensors.take_f64(&name("start"))?,
            };
            Step { input, op: Op::Distances(distances) }
        }
    })
}

fn several(inputs: Vec<ValueId>, name: &str, op: impl Fn(Vec<ValueId>) -> Op) -> Result<Step> {
    match inputs.split_first() {
        Some((&input, others)) => Ok(Step { input, op: op(others.to_vec()) }),
        None => Err(format_error(format!("a step {name} without inputs"))),
    }
}

fn to_combine(how: Arithmetic, spec: CombineSpec) -> Result<Step> {
    several(spec.inputs, how.name(), |others| Op::Combine(Combine { how, others, width: spec.width }))
}

fn to_forest(spec: ForestSpec, width: Width, tensors: &mut Tensors) -> Result<Forest> {
    let name = |part: &str| format!("{}.{part}", spec.tensors);
    let (_, value_width, leaf_value) = tensors.take_matrix(&name("leaf_value"))?;
    if value_width != spec.leaf_width {
        return Err(format_error(format!(
            "{}: {value_width} columns, leaf_width says {}",
            name("leaf_value"),
            spec.leaf_width
        )));
    }
    let target = if spec.leaf_width == 1 { tensors.take_i32(&name("target"))? } else { Vec::new() };
    let mut categories = CategorySets::default();
    if tensors.has(&name("category_set")) {
        categories = CategorySets {
            set: tensors.take_i32(&name("category_set"))?,
            offset: tensors.take_i64(&name("set_offset"))?,
            words: tensors.take_u32(&name("set_words"))?,
        };
    }
    let mut linear = None;
    if tensors.has(&name("linear_constant")) {
        linear = Some(LinearLeaves {
            offset: tensors.take_i64(&name("linear_offset"))?,
            feature: tensors.take_i32(&name("linear_feature"))?,
            coefficient: tensors.take_f64(&name("linear_coefficient"))?,
            constant: tensors.take_f64(&name("linear_constant"))?,
        });
    }
    Ok(Forest {
        comparison: spec.comparison,
        width: spec.width.unwrap_or(width),
        sum: spec.sum,
        start: spec.start,
        outputs: spec.outputs,
        leaf_width: spec.leaf_width,
        zero_band: spec.zero_band,
        missing_value: spec.missing_value,
        negative_fraction: spec.negative_fraction,
        base: tensors.take_f64(&name("base"))?,
        split_offset: tensors.take_i64(&name("split_offset"))?,
        leaf_offset: tensors.take_i64(&name("leaf_offset"))?,
        target,
        feature: tensors.take_i32(&name("feature"))?,
        threshold: tensors.take_f64(&name("threshold"))?,
        left: tensors.take_i32(&name("left"))?,
        right: tensors.take_i32(&name("right"))?,
        flags: tensors.take_u8(&name("flags"))?,
        leaf_value,
        leaf_id: tensors.take_i32(&name("leaf_id"))?,
        categories,
        linear,
    })
}

fn to_ctr(prefix: &str, width: Width, tensors: &mut Tensors) -> Result<Ctr> {
    let name = |part: &str| format!("{prefix}.{part}");
    Ok(Ctr {
        width,
        category_offset: tensors.take_i64(&name("category_offset"))?,
        category: tensors.take_i32(&name("category"))?,
        border_offset: tensors.take_i64(&name("border_offset"))?,
        border_feature: tensors.take_i32(&name("border_feature"))?,
        border: tensors.take_f64(&name("border"))?,
        border_missing: tensors.take_u8(&name("border_missing"))?,
        equal_offset: tensors.take_i64(&name("equal_offset"))?,
        equal_feature: tensors.take_i32(&name("equal_feature"))?,
        equal: tensors.take_f64(&name("equal"))?,
        key_offset: tensors.take_i64(&name("key_offset"))?,
        key: tensors.take_u64(&name("key"))?,
        columns: tensors.take_i32(&name("columns"))?,
        value: tensors.take_f64(&name("value"))?,
        otherwise: tensors.take_f64(&name("otherwise"))?,
    })
}

fn to_target(target: TargetSpec, tensors: &mut Tensors) -> Result<Target> {
    let classes = target.classes.as_ref().map(|spec| to_labels(spec, tensors)).transpose()?;
    let value = target.prediction.value;
    let prediction = match target.prediction.rule {
        Rule::Value => Decision::Value(value),
        Rule::Argmax => Decision::ArgMax(value),
        Rule::Scan => Decision::Scan(value),
        Rule::Positive => Decision::Positive(value),
        Rule::Inlier => Decision::Inlier(value),
        Rule::Cluster => Decision::Cluster(value),
        Rule::Above => match target.prediction.at {
            Some(at) => Decision::Above(value, at),
            None => return Err(format_error("a prediction by the rule \"above\" without its number \"at\"")),
        },
    };
    let TargetSpec { name, margin, probability, score, .. } = target;
    Ok(Target { name, classes, margin, probability, prediction, score })
}

fn to_labels(spec: &ClassesSpec, tensors: &mut Tensors) -> Result<Labels> {
    Ok(Labels { dtype: spec.dtype.clone(), values: spec.kind.take(&spec.values, tensors)? })
}
