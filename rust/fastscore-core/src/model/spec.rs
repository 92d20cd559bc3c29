//! The structure of a model as JSON, with its arrays as named tensors: one form for the file and for the importers in
//! Python. [`to_parts`] and [`from_model`] go between it and the model; nothing is trusted before `Model::new`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Comparison, Decision, Features, Forest, InputPolicy, LabelValues, Labels, Linear, Link, Model, ModelParts, Op,
    Step, Target, Tensors, ValueId,
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

/// The width at which the source reads its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputWidth {
    /// 64 bits
    Float64,
    /// 32 bits
    Float32,
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
    steps: Vec<StepSpec>,
    targets: Vec<TargetSpec>,
    leaf: Option<usize>,
    source: Source,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FeaturesSpec {
    count: usize,
    names: Option<String>,
    #[serde(rename = "match")]
    name_match: NameMatch,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InputSpec {
    missing: OnBadValue,
    non_finite: OnBadValue,
    width: InputWidth,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum StepSpec {
    Linear {
        input: ValueId,
        coefficients: String,
        intercept: String,
    },
    Forest {
        input: ValueId,
        comparison: Comparison,
        outputs: usize,
        leaf_width: usize,
        zero_band: Option<f64>,
        tensors: String,
    },
    Link {
        input: ValueId,
        kind: Link,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetSpec {
    name: Option<String>,
    classes: Option<ClassesSpec>,
    margin: ValueId,
    probability: Option<ValueId>,
    prediction: DecisionSpec,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassesSpec {
    dtype: String,
    kind: LabelKind,
    values: String,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LabelKind {
    Int,
    Uint,
    Float,
    Bool,
    String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionSpec {
    rule: Rule,
    value: ValueId,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Rule {
    Value,
    Argmax,
    Positive,
}

/// Structure and tensors to an unchecked model. Every tensor must be used exactly once.
pub(super) fn to_parts(json: &str, mut tensors: Tensors) -> Result<ModelParts> {
    let spec: Spec =
        serde_json::from_str(json).map_err(|e| format_error(format!("the model's structure can't be read: {e}")))?;
    let names = spec.features.names.map(|name| tensors.take_strings(&name)).transpose()?;
    let features = Features { count: spec.features.count, names, name_match: spec.features.name_match };
    let input = InputPolicy { missing: spec.input.missing, non_finite: spec.input.non_finite, width: spec.input.width };
    let steps = spec.steps.into_iter().map(|step| to_step(step, &mut tensors)).collect::<Result<Vec<_>>>()?;
    let targets = spec.targets.into_iter().map(|target| to_target(target, &mut tensors)).collect::<Result<Vec<_>>>()?;
    tensors.expect_empty()?;
    Ok(ModelParts { features, input, steps, targets, leaf: spec.leaf, source: spec.source })
}

fn to_step(step: StepSpec, tensors: &mut Tensors) -> Result<Step> {
    Ok(match step {
        StepSpec::Linear { input, coefficients, intercept } => {
            let (outputs, inputs, coefficients) = tensors.take_matrix(&coefficients)?;
            let intercept = tensors.take_f64(&intercept)?;
            Step { input, op: Op::Linear(Linear { inputs, outputs, coefficients, intercept }) }
        }
        StepSpec::Forest { input, comparison, outputs, leaf_width, zero_band, tensors: prefix } => {
            let name = |part: &str| format!("{prefix}.{part}");
            let (_, value_width, leaf_value) = tensors.take_matrix(&name("leaf_value"))?;
            if value_width != leaf_width {
                return Err(format_error(format!(
                    "{}: {value_width} columns, leaf_width says {leaf_width}",
                    name("leaf_value")
                )));
            }
            let target = if leaf_width == 1 { tensors.take_i32(&name("target"))? } else { Vec::new() };
            let forest = Forest {
                comparison,
                outputs,
                leaf_width,
                zero_band,
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
            };
            Step { input, op: Op::Forest(forest) }
        }
        StepSpec::Link { input, kind } => Step { input, op: Op::Link(kind) },
    })
}

fn to_target(target: TargetSpec, tensors: &mut Tensors) -> Result<Target> {
    let classes = target.classes.map(|spec| to_labels(spec, tensors)).transpose()?;
    let value = target.prediction.value;
    let prediction = match target.prediction.rule {
        Rule::Value => Decision::Value(value),
        Rule::Argmax => Decision::ArgMax(value),
        Rule::Positive => Decision::Positive(value),
    };
    Ok(Target { name: target.name, classes, margin: target.margin, probability: target.probability, prediction })
}

fn to_labels(spec: ClassesSpec, tensors: &mut Tensors) -> Result<Labels> {
    let name = &spec.values;
    let values = match spec.kind {
        LabelKind::Int => LabelValues::Int(tensors.take_i64(name)?),
        LabelKind::Uint => LabelValues::UInt(tensors.take_u64(name)?),
        LabelKind::Float => LabelValues::Float(tensors.take_f64(name)?),
        LabelKind::Bool => LabelValues::Bool(tensors.take_u8(name)?.into_iter().map(|b| b != 0).collect()),
        LabelKind::String => LabelValues::Str(tensors.take_strings(name)?),
    };
    Ok(Labels { dtype: spec.dtype, values })
}

/// A model as structure and tensors: the inverse of [`to_parts`], deterministic.
pub(super) fn from_model(model: &Model) -> Result<(String, Tensors)> {
    let mut tensors = Tensors::default();
    let features = model.features();
    let names = features.names.as_ref().map(|names| {
        tensors.put_strings("features.names", names);
        "features.names".to_string()
    });
    let input = model.input();
    let steps = model.steps().iter().enumerate().map(|(i, step)| from_step(i, step, &mut tensors)).collect();
    let targets = model.targets().iter().enumerate().map(|(i, t)| from_target(i, t, &mut tensors)).collect();
    let spec = Spec {
        features: FeaturesSpec { count: features.count, names, name_match: features.name_match },
        input: InputSpec { missing: input.missing, non_finite: input.non_finite, width: input.width },
        steps,
        targets,
        leaf: model.leaf_forest().map(|(step, _)| step),
        source: model.source().clone(),
    };
    let json = serde_json::to_string(&spec).map_err(|e| format_error(format!("the model can't be written: {e}")))?;
    Ok((json, tensors))
}

fn from_step(index: usize, step: &Step, tensors: &mut Tensors) -> StepSpec {
    let prefix = format!("steps.{index}");
    let name = |part: &str| format!("{prefix}.{part}");
    let input = step.input;
    match &step.op {
        Op::Linear(linear) => {
            tensors.put_matrix(name("coefficients"), linear.outputs, linear.inputs, linear.coefficients.clone());
            tensors.put_f64(name("intercept"), linear.intercept.clone());
            StepSpec::Linear { input, coefficients: name("coefficients"), intercept: name("intercept") }
        }
        Op::Forest(forest) => {
            let leaves = forest.leaf_id.len();
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
            tensors.put_matrix(name("leaf_value"), leaves, forest.leaf_width, forest.leaf_value.clone());
            tensors.put_i32(name("leaf_id"), forest.leaf_id.clone());
            StepSpec::Forest {
                input,
                comparison: forest.comparison,
                outputs: forest.outputs,
                leaf_width: forest.leaf_width,
                zero_band: forest.zero_band,
                tensors: prefix,
            }
        }
        Op::Link(link) => StepSpec::Link { input, kind: link.clone() },
    }
}

fn from_target(index: usize, target: &Target, tensors: &mut Tensors) -> TargetSpec {
    let classes = target.classes.as_ref().map(|labels| {
        let values = format!("targets.{index}.classes");
        let kind = match &labels.values {
            LabelValues::Int(v) => {
                tensors.put_i64(&values, v.clone());
                LabelKind::Int
            }
            LabelValues::UInt(v) => {
                tensors.put_u64(&values, v.clone());
                LabelKind::Uint
            }
            LabelValues::Float(v) => {
                tensors.put_f64(&values, v.clone());
                LabelKind::Float
            }
            LabelValues::Bool(v) => {
                tensors.put_u8(&values, v.iter().map(|&b| u8::from(b)).collect());
                LabelKind::Bool
            }
            LabelValues::Str(v) => {
                tensors.put_strings(&values, v);
                LabelKind::String
            }
        };
        ClassesSpec { dtype: labels.dtype.clone(), kind, values }
    });
    let rule = match target.prediction {
        Decision::Value(_) => Rule::Value,
        Decision::ArgMax(_) => Rule::Argmax,
        Decision::Positive(_) => Rule::Positive,
    };
    TargetSpec {
        name: target.name.clone(),
        classes,
        margin: target.margin,
        probability: target.probability,
        prediction: DecisionSpec { rule, value: target.prediction.value() },
    }
}
