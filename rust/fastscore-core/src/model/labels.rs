//! Class labels, in the source's own type.

/// The labels themselves.
#[derive(Debug, Clone, PartialEq)]
pub enum LabelValues {
    /// Signed integers.
    Int(Vec<i64>),
    /// Unsigned integers.
    UInt(Vec<u64>),
    /// Floats.
    Float(Vec<f64>),
    /// Booleans.
    Bool(Vec<bool>),
    /// Strings.
    Str(Vec<String>),
}

/// Class labels with the NumPy dtype of the source's `classes_`.
#[derive(Debug, Clone, PartialEq)]
pub struct Labels {
    /// For example `int64`, `<U9`, `object`.
    pub dtype: String,
    /// One a class.
    pub values: LabelValues,
}

impl Labels {
    /// How many classes.
    pub fn len(&self) -> usize {
        match &self.values {
            LabelValues::Int(v) => v.len(),
            LabelValues::UInt(v) => v.len(),
            LabelValues::Float(v) => v.len(),
            LabelValues::Bool(v) => v.len(),
            LabelValues::Str(v) => v.len(),
        }
    }

    /// Whether there is no class.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The labels as text, as column names show them: Python's `str` of each.
    pub fn text(&self) -> Vec<String> {
        match &self.values {
            LabelValues::Int(v) => v.iter().map(ToString::to_string).collect(),
            LabelValues::UInt(v) => v.iter().map(ToString::to_string).collect(),
            LabelValues::Float(v) => v.iter().map(|x| format!("{x:?}")).collect(),
            LabelValues::Bool(v) => v.iter().map(|&b| if b { "True" } else { "False" }.to_string()).collect(),
            LabelValues::Str(v) => v.clone(),
        }
    }
}
