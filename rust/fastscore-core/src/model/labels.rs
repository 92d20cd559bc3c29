//! Class labels, in the source's own type.

use crate::error::{Result, format_error};

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

impl LabelValues {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            LabelValues::Int(v) => v.len(),
            LabelValues::UInt(v) => v.len(),
            LabelValues::Float(v) => v.len(),
            LabelValues::Bool(v) => v.len(),
            LabelValues::Str(v) => v.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first ones, for messages.
    pub(crate) fn preview(&self) -> String {
        fn first<T: std::fmt::Debug>(values: &[T]) -> String {
            let shown: Vec<_> = values.iter().take(5).map(|value| format!("{value:?}")).collect();
            let more = if values.len() > shown.len() { format!(", ... ({})", values.len()) } else { String::new() };
            format!("{}{more}", shown.join(", "))
        }
        match self {
            LabelValues::Int(v) => first(v),
            LabelValues::UInt(v) => first(v),
            LabelValues::Float(v) => first(v),
            LabelValues::Bool(v) => first(v),
            LabelValues::Str(v) => first(v),
        }
    }
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
        self.values.len()
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

    /// Whether the dtype is one that holds these labels. It reaches NumPy as it is, so nothing else may pass.
    pub(super) fn check(&self) -> Result<()> {
        let fits_int = |low: i64, high: i64, v: &[i64]| v.iter().all(|x| (low..=high).contains(x));
        let fits_uint = |high: u64, v: &[u64]| v.iter().all(|x| *x <= high);
        let good = match (&self.values, self.dtype.as_str()) {
            (LabelValues::Str(_) | LabelValues::Int(_) | LabelValues::Float(_) | LabelValues::Bool(_), "object") => {
                true
            }
            // Whole numbers that the source holds as floats, and whose names have no point.
            (LabelValues::Int(v), "float32") => fits_int(-(1 << 24), 1 << 24, v),
            (LabelValues::Int(v), "int8") => fits_int(i8::MIN.into(), i8::MAX.into(), v),
            (LabelValues::Int(v), "int16") => fits_int(i16::MIN.into(), i16::MAX.into(), v),
            (LabelValues::Int(v), "int32") => fits_int(i32::MIN.into(), i32::MAX.into(), v),
            (LabelValues::Int(_), "int64") | (LabelValues::UInt(_), "uint64") => true,
            (LabelValues::UInt(v), "uint8") => fits_uint(u8::MAX.into(), v),
            (LabelValues::UInt(v), "uint16") => fits_uint(u16::MAX.into(), v),
            (LabelValues::UInt(v), "uint32") => fits_uint(u32::MAX.into(), v),
            (LabelValues::Float(_), "float16" | "float32" | "float64") | (LabelValues::Bool(_), "bool") => true,
            (LabelValues::Str(v), dtype) => {
                let longest = v.iter().map(|text| text.chars().count()).max().unwrap_or(0);
                let width = dtype.strip_prefix("<U").or(dtype.strip_prefix(">U")).and_then(|n| n.parse().ok());
                width.is_some_and(|width: usize| width >= longest && width <= longest.max(MAX_STRING_WIDTH))
            }
            _ => false,
        };
        if good {
            Ok(())
        } else {
            Err(format_error(format!("class labels of the dtype {:?} do not fit it", self.dtype)))
        }
    }
}

/// NumPy's fixed-width strings take their width for every label: wider than this only where a label needs it.
const MAX_STRING_WIDTH: usize = 1 << 12;
