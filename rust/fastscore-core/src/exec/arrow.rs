//! Arrow arrays as columns.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, cast::AsArray, types};
use arrow_schema::DataType;

use crate::error::{Error, Result};

use super::table::{Chunk, Column, Nulls, Numbers, Strided, Values};

/// Make an array readable by [`column`]: decimals become the nearest float64, dictionaries of numbers their values.
/// Other arrays come back as they are.
///
/// A dictionary key beyond the values is an error: what producers claim about memory is trusted, what it holds is not.
pub fn normalize(array: ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Decimal32(_, scale) => {
            decimals(&array, *scale, |i| array.as_primitive::<types::Decimal32Type>().value(i).to_string())
        }
        DataType::Decimal64(_, scale) => {
            decimals(&array, *scale, |i| array.as_primitive::<types::Decimal64Type>().value(i).to_string())
        }
        DataType::Decimal128(_, scale) => {
            decimals(&array, *scale, |i| array.as_primitive::<types::Decimal128Type>().value(i).to_string())
        }
        DataType::Decimal256(_, scale) => {
            decimals(&array, *scale, |i| array.as_primitive::<types::Decimal256Type>().value(i).to_string())
        }
        DataType::Dictionary(_, values) if is_number(values) => decode(&array)?,
        _ => array,
    })
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric() || matches!(data_type, DataType::Boolean | DataType::Null)
}

/// The nearest float64 of each decimal: its digits with an exponent, read by the correctly rounding parser.
fn decimals(array: &ArrayRef, scale: i8, digits: impl Fn(usize) -> String) -> ArrayRef {
    let exponent = -i32::from(scale);
    let number = |i: usize| array.is_valid(i).then(|| format!("{}e{exponent}", digits(i)).parse().unwrap_or(f64::NAN));
    Arc::new((0..array.len()).map(number).collect::<Float64Array>())
}

/// A dictionary of numbers as float64, null where the key or the value is.
fn decode(array: &ArrayRef) -> Result<ArrayRef> {
    let dictionary = array.as_any_dictionary();
    let values = normalize(dictionary.values().clone())?;
    let mut table = vec![f64::NAN; values.len()];
    if let Column::Numbers(numbers) = column(std::slice::from_ref(&values)) {
        numbers.read(0, &mut table);
    }
    let keys = dictionary.keys();
    let Some(codes) = column_of_keys(keys) else { return Ok(array.clone()) };
    let value = |(row, &code): (usize, &f64)| {
        if keys.is_null(row) {
            return Ok(None);
        }
        let at = code as usize;
        if code < 0.0 || at >= table.len() {
            return Err(Error::Schema(format!(
                "a dictionary column has the key {code} in row {row} of a chunk, but {} values: the data is damaged",
                table.len()
            )));
        }
        Ok(values.is_valid(at).then(|| table[at]))
    };
    Ok(Arc::new(codes.iter().enumerate().map(value).collect::<Result<Float64Array>>()?))
}

/// Keys as float64: exact, as no dictionary has 2^53 values.
fn column_of_keys(keys: &dyn Array) -> Option<Vec<f64>> {
    let chunk = chunk(keys)?;
    let mut out = vec![0.0; keys.len()];
    Numbers::new([chunk]).read(0, &mut out);
    Some(out)
}

/// A column of normalised arrays, all of one type.
pub fn column(arrays: &[ArrayRef]) -> Column<'_> {
    let chunks: Option<Vec<_>> = arrays.iter().map(|array| chunk(array.as_ref())).collect();
    match (chunks, arrays.first()) {
        (Some(chunks), _) => Column::Numbers(Numbers::new(chunks)),
        (None, Some(first)) => Column::Other(first.data_type().to_string()),
        (None, None) => Column::Other("unknown".into()),
    }
}

fn chunk(array: &dyn Array) -> Option<Chunk<'_>> {
    macro_rules! primitive {
        ($variant:ident, $type:ty) => {
            Values::$variant(Strided::contiguous(array.as_primitive::<$type>().values().as_ref()))
        };
    }
    let values = match array.data_type() {
        DataType::Float64 => primitive!(F64, types::Float64Type),
        DataType::Float32 => primitive!(F32, types::Float32Type),
        DataType::Float16 => primitive!(F16, types::Float16Type),
        DataType::Int8 => primitive!(I8, types::Int8Type),
        DataType::Int16 => primitive!(I16, types::Int16Type),
        DataType::Int32 => primitive!(I32, types::Int32Type),
        DataType::Int64 => primitive!(I64, types::Int64Type),
        DataType::UInt8 => primitive!(U8, types::UInt8Type),
        DataType::UInt16 => primitive!(U16, types::UInt16Type),
        DataType::UInt32 => primitive!(U32, types::UInt32Type),
        DataType::UInt64 => primitive!(U64, types::UInt64Type),
        DataType::Boolean => Values::Bits(array.as_any().downcast_ref::<BooleanArray>()?.values()),
        DataType::Null => Values::Null(array.len()),
        _ => return None,
    };
    let nulls = match array.nulls() {
        Some(nulls) if nulls.null_count() > 0 => Nulls::Bitmap(nulls),
        _ => Nulls::None,
    };
    Some(Chunk { values, nulls })
}
