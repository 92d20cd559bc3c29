//! Class labels as Python values and Arrow arrays.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, PrimitiveArray, StringArray, types};
use arrow_schema::DataType;
use fastscore_core::Error;
use fastscore_core::model::{LabelValues, Labels};
use pyo3::prelude::*;
use pyo3::types::PyList;

/// The labels as Python values.
pub fn to_python<'py>(py: Python<'py>, labels: &Labels) -> PyResult<Bound<'py, PyList>> {
    values_to_python(py, &labels.values)
}

/// A list of values as Python values.
pub fn values_to_python<'py>(py: Python<'py>, values: &LabelValues) -> PyResult<Bound<'py, PyList>> {
    match values {
        LabelValues::Int(v) => PyList::new(py, v),
        LabelValues::UInt(v) => PyList::new(py, v),
        LabelValues::Float(v) => PyList::new(py, v),
        LabelValues::Bool(v) => PyList::new(py, v),
        LabelValues::Str(v) => PyList::new(py, v),
    }
}

/// The label of each code, null where `nulls` says so. Integers and floats keep the width of the source's dtype.
///
/// An error where the text of all rows is beyond what Arrow's string type holds (2 GiB).
pub fn to_arrow(labels: &Labels, codes: &[i32], nulls: Option<&[u8]>) -> Result<ArrayRef, Error> {
    macro_rules! primitive {
        ($values:expr, $type:ty) => {
            Arc::new(look_up($values, codes, nulls, |&x| x as _).collect::<PrimitiveArray<$type>>()) as ArrayRef
        };
    }
    Ok(match &labels.values {
        LabelValues::Int(v) => match labels.dtype.as_str() {
            "int8" => primitive!(v, types::Int8Type),
            "int16" => primitive!(v, types::Int16Type),
            "int32" => primitive!(v, types::Int32Type),
            _ => primitive!(v, types::Int64Type),
        },
        LabelValues::UInt(v) => match labels.dtype.as_str() {
            "uint8" => primitive!(v, types::UInt8Type),
            "uint16" => primitive!(v, types::UInt16Type),
            "uint32" => primitive!(v, types::UInt32Type),
            _ => primitive!(v, types::UInt64Type),
        },
        LabelValues::Float(v) => match labels.dtype.as_str() {
            "float32" => primitive!(v, types::Float32Type),
            _ => primitive!(v, types::Float64Type),
        },
        LabelValues::Bool(v) => Arc::new(look_up(v, codes, nulls, |&x| x).collect::<BooleanArray>()),
        LabelValues::Str(v) => {
            let bytes: usize = look_up(v, codes, nulls, String::len).flatten().sum();
            if i32::try_from(bytes).is_err() {
                return Err(Error::TooMuchText { rows: codes.len(), bytes });
            }
            Arc::new(look_up(v, codes, nulls, String::as_str).collect::<StringArray>())
        }
    })
}

/// The Arrow type of the labels.
pub fn data_type(labels: &Labels) -> Result<DataType, Error> {
    use arrow_array::Array;
    Ok(to_arrow(labels, &[], None)?.data_type().clone())
}

fn look_up<'a, T, U>(
    labels: &'a [T],
    codes: &'a [i32],
    nulls: Option<&'a [u8]>,
    get: impl Fn(&'a T) -> U + 'a,
) -> impl Iterator<Item = Option<U>> + 'a {
    codes.iter().enumerate().map(move |(row, &code)| {
        let null = nulls.is_some_and(|nulls| nulls[row] != 0);
        if null { None } else { labels.get(usize::try_from(code).ok()?).map(&get) }
    })
}
