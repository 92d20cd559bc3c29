//! Arrow arrays as columns.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, cast::AsArray, types};
use arrow_schema::DataType;

use super::category::{Categories, Part, Plain, Texts};
use super::table::{Chunk, Column, Nulls, Numbers, Strided, Values};

/// Make an array readable by [`column`]: decimals become the nearest float64, also in dictionaries. Other arrays come
/// back as they are.
pub fn normalize(array: ArrayRef) -> ArrayRef {
    match array.data_type() {
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
        DataType::Dictionary(_, values) if is_decimal(values) => {
            let dictionary = array.as_any_dictionary();
            dictionary.with_values(normalize(dictionary.values().clone()))
        }
        _ => array,
    }
}

fn is_decimal(data_type: &DataType) -> bool {
    use DataType::{Decimal32, Decimal64, Decimal128, Decimal256};
    matches!(data_type, Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..))
}

/// The nearest float64 of each decimal: its digits with an exponent, read by the correctly rounding parser.
fn decimals(array: &ArrayRef, scale: i8, digits: impl Fn(usize) -> String) -> ArrayRef {
    let exponent = -i32::from(scale);
    let number = |i: usize| array.is_valid(i).then(|| format!("{}e{exponent}", digits(i)).parse().unwrap_or(f64::NAN));
    Arc::new((0..array.len()).map(number).collect::<Float64Array>())
}

/// A column of normalised arrays, all of one type.
pub fn column(arrays: &[ArrayRef]) -> Column<'_> {
    let Some(first) = arrays.first() else { return Column::Other("unknown".into()) };
    let chunks: Option<Vec<_>> = arrays.iter().map(|array| chunk(array.as_ref())).collect();
    if let Some(chunks) = chunks {
        return Column::Numbers(Numbers::new(chunks));
    }
    let type_name = first.data_type().to_string();
    let parts: Option<Vec<_>> = arrays.iter().map(|array| part(array.as_ref())).collect();
    match parts {
        Some(parts) => Column::Categories(Categories::new(parts, type_name)),
        None => Column::Other(type_name),
    }
}

fn part(array: &dyn Array) -> Option<Part<'_>> {
    let Some(dictionary) = array.as_any_dictionary_opt() else {
        return texts(array).map(|texts| Part::Texts(texts, nulls(array)));
    };
    let values = dictionary.values().as_ref();
    let dictionary_values = match chunk(values) {
        Some(chunk) => Plain::Numbers(chunk),
        None => Plain::Texts(texts(values)?, nulls(values)),
    };
    Some(Part::Keys { keys: chunk(dictionary.keys())?, negative_is_null: false, dictionary: dictionary_values })
}

fn texts(array: &dyn Array) -> Option<Texts<'_>> {
    Some(match array.data_type() {
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            Texts::Small(array.value_offsets(), array.value_data())
        }
        DataType::LargeUtf8 => {
            let array = array.as_string::<i64>();
            Texts::Large(array.value_offsets(), array.value_data())
        }
        DataType::Utf8View => {
            let array = array.as_string_view();
            Texts::Views(array.views(), array.data_buffers())
        }
        _ => return None,
    })
}

fn nulls(array: &dyn Array) -> Nulls<'_> {
    match array.nulls() {
        Some(nulls) if nulls.null_count() > 0 => Nulls::Bitmap(nulls),
        _ => Nulls::None,
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
    Some(Chunk { values, nulls: nulls(array) })
}
