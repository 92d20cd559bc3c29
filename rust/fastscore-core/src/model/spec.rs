//! The structure of a model as JSON, with its arrays as named tensors: one form for the file and for the importers in
//! Python. [`to_parts`] and [`from_model`] go between it and the model; nothing is trusted before `Model::new`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::guard::GuardSpec;
use super::spec_features::{FeaturesSpec, LabelKind};
use super::{
    Arithmetic, Bins, CategorySets, Combine, Comparison, Ctr, Decision, Distances, Embedding, Forest, InputPolicy,
    Interpolate, Labels, Linear, LinearLeaves, Link, Map, Model, ModelParts, NegativeFraction, OneHot, Op, Polynomial,
    Step, Target, Tensors, Transform, ValueId,
};
use crate::error::{Result, format_error};

/// What the source does with a kind of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBadValue {
    /// Takes it.
    Accept,
    /// Raises an error.
    Refuse,
}

/// A width of floating-point numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Width {
    /// 64 bits
    #[default]
    Float64,
    /// 32 bits
    Float32,
}

impl Width {
    /// The nearest number of this width.
    #[inline]
    pub fn round(self, x: f64) -> f64 {
        match self {
            Width::Float64 => x,
            Width::Float32 => f64::from(x as f32),
        }
    }

    /// Whether it is the default, which files leave out.
    pub(super) fn is_default(&self) -> bool {
        *self == Width::default()
    }
}

/// What an entry that a sparse matrix does not hold is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absent {
    /// 0
    #[default]
    Zero,
    /// A missing value (XGBoost).
    Missing,
}

impl Absent {
    fn is_default(&self) -> bool {
        *self == Absent::default()
    }
}

/// What distances do with differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Their squares.
    Squared,
    /// Their absolute values.
    Absolute,
}

/// How a column's name is compared with a feature's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameMatch {
    /// As it is.
    Exact,
    /// With white space as `_`.
    Underscore,
}

/// Where a model comes from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// For example `scikit-learn`.
    pub library: String,
    /// The library's version, empty where the source does not say.
    pub version: String,
    /// For example `RandomForestClassifier`.
    pub class: String,
    /// What was assumed.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What else is worth showing.
    #[serde(default)]
    pub parameters: BTreeMap<String, serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    features: FeaturesSpec,
    input: InputSpec,
    #[serde(default, skip_serializing_if = "Width::is_default")]
    output_width: Width,
    steps: Vec<StepSpec>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    guards: Vec<GuardSpec>,
    targets: Vec<TargetSpec>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transform: Option<TransformSpec>,
    leaf: Option<usize>,
    source: Source,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InputSpec {
    missing: OnBadValue,
    non_finite: OnBadValue,
    width: Width,
    #[serde(default, skip_serializing_if = "Absent::is_default")]
    absent: Absent,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum StepSpec {
    Linear {
        input: ValueId,
        coefficients: String,
        intercept: String,
        #[serde(default, skip_serializing_if = "Width::is_default")]
        width: Width,
    },
    Forest(ForestSpec),
    LeafIndicator(ForestSpec),
    Link {
        input: ValueId,
        #[serde(default, skip_serializing_if = "Width::is_default")]
        width: Width,
        kind: Link,
    },
    Concat {
        inputs: Vec<ValueId>,
    },
    Sum(CombineSpec),
    OneHot {
        input: ValueId,
        tensors: String,
    },
    Product(CombineSpec),
    Difference(CombineSpec),
    Quotient(CombineSpec),
    Minimum(CombineSpec),
    Maximum(CombineSpec),
    Mask(CombineSpec),
    Ctr {
        input: ValueId,
        tensors: String,
    },
    Distances {
        input: ValueId,
        metric: Metric,
        tensors: String,
    },
    Map {
        input: ValueId,
        tensors: String,
    },
    Bins {
        input: ValueId,
        tensors: String,
    },
    Interpolate {
        input: ValueId,
        tensors: String,
    },
    Polynomial {
        input: ValueId,
        tensors: String,
    },
    Embedding {
        input: ValueId,
        columns: Vec<usize>,
        wrap: bool,
        tensors: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CombineSpec {
    inputs: Vec<ValueId>,
    #[serde(default, skip_serializing_if = "Width::is_default")]
    width: Width,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ForestSpec {
    input: ValueId,
    comparison: Comparison,
    outputs: usize,
    leaf_width: usize,
    #[serde(default)]
    zero_band: Option<f64>,
    /// None is the input's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    width: Option<Width>,
    #[serde(default, skip_serializing_if = "Width::is_default")]
    sum: Width,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<ValueId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missing_value: Option<f64>,
    #[serde(default)]
    negative_fraction: NegativeFraction,
    tensors: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TransformSpec {
    value: ValueId,
    names: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetSpec {
    name: Option<String>,
    classes: Option<ClassesSpec>,
    margin: ValueId,
    probability: Option<ValueId>,
    prediction: DecisionSpec,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    score: Option<ValueId>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassesSpec {
    dtype: String,
    kind: LabelKind,
    values: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionSpec {
    rule: Rule,
    value: ValueId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<f64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Rule {
    Value,
    Argmax,
    Scan,
    Positive,
    Above,
    Inlier,
    Cluster,
}

/// Structure and tensors to an unchecked model. Every tensor must be used exactly once.
pub(super) fn to_parts(json: &str, mut tensors: Tensors) -> Result<ModelParts> {
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

/// A model as structure and tensors: the inverse of [`to_parts`], deterministic.
pub(super) fn from_model(model: &Model) -> Result<(String, Tensors)> {
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
