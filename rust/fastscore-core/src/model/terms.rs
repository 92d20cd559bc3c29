//! Small choices that models, their files and what scores them have in common, and where a model comes from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
    pub(super) fn is_default(&self) -> bool {
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
