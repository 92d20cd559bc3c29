//! The structure of a model as JSON, with its arrays as named tensors: one form for the file and for the importers in
//! Python. [`to_parts`] and [`from_model`] go between it and the model; nothing is trusted before `Model::new`.
//!
//! Here is what the JSON holds, `read.rs` makes a model of it, `write.rs` makes it of a model.

mod read;
mod write;

use serde::{Deserialize, Serialize};

pub(super) use read::to_parts;
pub(super) use write::from_model;

use super::guard::GuardSpec;
use super::spec_features::{FeaturesSpec, LabelKind};
use super::terms::{Absent, Metric, OnBadValue, Source, Width};
use super::{Comparison, Link, NegativeFraction, ValueId};

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
