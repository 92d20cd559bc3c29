//! Tensors: their numbers as little-endian bytes of a NumPy type, whichever field held them.

use half::bf16;
use prost::bytes::Bytes;

use super::external::External;
use super::proto;
use crate::error::{Error, Result, format_error};

/// A tensor as NumPy holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// The type: a name of NumPy's, or `string`.
    pub dtype: &'static str,
    /// The shape.
    pub shape: Vec<usize>,
    /// The elements in C order.
    pub data: Data,
}

/// The elements of an [`Array`].
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Numbers, little-endian.
    Bytes(Bytes),
    /// Text.
    Strings(Vec<String>),
}

/// Types by number: name, bytes an element (0: its elements are no numbers of whole bytes).
const TYPES: [(&str, usize); 29] = [
    ("undefined", 0),
    ("float32", 4),
    ("uint8", 1),
    ("int8", 1),
    ("uint16", 2),
    ("int16", 2),
    ("int32", 4),
    ("int64", 8),
    ("string", 0),
    ("bool", 1),
    ("float16", 2),
    ("float64", 8),
    ("uint32", 4),
    ("uint64", 8),
    ("complex64", 0),
    ("complex128", 0),
    ("bfloat16", 2),
    ("float8e4m3fn", 0),
    ("float8e4m3fnuz", 0),
    ("float8e5m2", 0),
    ("float8e5m2fnuz", 0),
    ("uint4", 0),
    ("int4", 0),
    ("float4e2m1", 0),
    ("float8e8m0", 0),
    ("uint2", 0),
    ("int2", 0),
    ("float6e2m3", 0),
    ("float6e3m2", 0),
];

/// NumPy's limit; ONNX has none.
const MOST_DIMENSIONS: usize = 32;
/// The name of a type of elements.
pub fn type_name(number: i32) -> Result<&'static str> {
    let found = usize::try_from(number).ok().and_then(|number| TYPES.get(number));
    found.map(|(name, _)| *name).ok_or_else(|| format_error(format!("ONNX: element type {number} is unknown")))
}

fn shape(dims: &[i64], what: &str) -> Result<(Vec<usize>, usize)> {
    if dims.len() > MOST_DIMENSIONS {
        return Err(format_error(format!("{what} has {} dimensions; {MOST_DIMENSIONS} are the limit", dims.len())));
    }
    let broken = || format_error(format!("{what} has the shape {dims:?}"));
    let shape: Vec<usize> =
        dims.iter().map(|&dim| usize::try_from(dim).map_err(|_| broken())).collect::<Result<_>>()?;
    // Without its zeros too, as NumPy multiplies them.
    let product = shape.iter().filter(|&&dim| dim > 0).try_fold(1usize, |all, &dim| all.checked_mul(dim));
    let product = product.filter(|&all| all < isize::MAX as usize / 16).ok_or_else(broken)?;
    let count = if shape.contains(&0) { 0 } else { product };
    Ok((shape, count))
}

/// Read a tensor.
pub fn read(tensor: &proto::Tensor, what: &str, external: &mut External) -> Result<Array> {
    let (shape, count) = shape(&tensor.dims, what)?;
    let dtype = type_name(tensor.data_type)?;
    let size = TYPES[tensor.data_type as usize].1;
    if tensor.segment.is_some() {
        return Err(Error::UnsupportedModel(format!("{what} is stored in segments, which no exporter writes")));
    }
    if dtype == "string" {
        if tensor.string_data.len() != count {
            return Err(mismatch(what, &tensor.dims, tensor.string_data.len()));
        }
        let values = tensor.string_data.iter().map(|value| text(value, what)).collect::<Result<_>>()?;
        return Ok(Array { dtype, shape, data: Data::Strings(values) });
    }
    if size == 0 {
        return Err(Error::UnsupportedModel(format!(
            "{what} has elements of type {dtype}, which are not supported; export the model in float32 or float64"
        )));
    }
    let bytes = if tensor.data_location == 1 {
        external.read(&tensor.external_data, count * size, what)?
    } else if let Some(raw) = &tensor.raw_data {
        if raw.len() != count * size {
            return Err(format_error(format!(
                "{what} of shape {:?} and type {dtype} has {} bytes of data, {} are due",
                tensor.dims,
                raw.len(),
                count * size
            )));
        }
        raw.clone()
    } else {
        typed(tensor, dtype, count, what)?
    };
    if dtype == "bool" && bytes.iter().any(|&byte| byte > 1) {
        return Err(format_error(format!("{what}: a bool is neither 0 nor 1")));
    }
    if dtype == "bfloat16" {
        let number = |pair: &[u8; 2]| bf16::from_le_bytes(*pair).to_f32().to_le_bytes();
        let wide: Vec<u8> = bytes.as_chunks::<2>().0.iter().flat_map(number).collect();
        return Ok(Array { dtype: "float32", shape, data: Data::Bytes(wide.into()) });
    }
    Ok(Array { dtype, shape, data: Data::Bytes(bytes) })
}

/// The numbers of the fields that have them one by one.
fn typed(tensor: &proto::Tensor, dtype: &str, count: usize, what: &str) -> Result<Bytes> {
    fn bytes<T: Copy, const N: usize>(values: &[T], each: impl Fn(T) -> Option<[u8; N]>) -> (usize, Option<Vec<u8>>) {
        let mut all = Vec::with_capacity(values.len() * N);
        for &value in values {
            let Some(own) = each(value) else { return (values.len(), None) };
            all.extend_from_slice(&own);
        }
        (values.len(), Some(all))
    }
    let narrow = &tensor.int32_data;
    let (found, bytes) = match dtype {
        "float32" => bytes(&tensor.float_data, |v| Some(v.to_le_bytes())),
        "float64" => bytes(&tensor.double_data, |v| Some(v.to_le_bytes())),
        "int64" => bytes(&tensor.int64_data, |v| Some(v.to_le_bytes())),
        "uint64" => bytes(&tensor.uint64_data, |v| Some(v.to_le_bytes())),
        "uint32" => bytes(&tensor.uint64_data, |v| u32::try_from(v).ok().map(u32::to_le_bytes)),
        "int32" => bytes(narrow, |v| Some(v.to_le_bytes())),
        "int16" => bytes(narrow, |v| i16::try_from(v).ok().map(i16::to_le_bytes)),
        "int8" => bytes(narrow, |v| i8::try_from(v).ok().map(i8::to_le_bytes)),
        "uint16" | "float16" | "bfloat16" => bytes(narrow, |v| u16::try_from(v).ok().map(u16::to_le_bytes)),
        _ => bytes(narrow, |v| u8::try_from(v).ok().map(u8::to_le_bytes)),
    };
    if found != count {
        return Err(mismatch(what, &tensor.dims, found));
    }
    bytes.map(Bytes::from).ok_or_else(|| format_error(format!("{what}: a number is no {dtype}")))
}

/// A sparse tensor with its zeros.
pub fn dense(sparse: &proto::SparseTensor, what: &str, external: &mut External) -> Result<Array> {
    let (Some(values), Some(indices)) = (&sparse.values, &sparse.indices) else {
        return Err(format_error(format!("{what} is sparse and lacks its values or indices")));
    };
    let values = read(values, what, external)?;
    let indices = read(indices, what, external)?;
    let (shape, count) = shape(&sparse.dims, what)?;
    let (Data::Bytes(numbers), Data::Bytes(places), "int64") = (&values.data, &indices.data, indices.dtype) else {
        return Err(format_error(format!("{what} is sparse: its values are numbers and its indices int64")));
    };
    let each = values.shape.iter().product::<usize>();
    let rank = if indices.shape == [each] { 1 } else { shape.len() };
    if indices.shape != [each] && indices.shape != [each, rank] {
        return Err(format_error(format!("{what} is sparse: {each} values and indices of shape {:?}", indices.shape)));
    }
    let size = numbers.len().checked_div(each).unwrap_or(1);
    external.zeros(count.saturating_mul(size), what)?;
    let mut all = vec![0; count * size];
    let places: Vec<i64> = places.as_chunks::<8>().0.iter().map(|place| i64::from_le_bytes(*place)).collect();
    let mut last = None;
    for number in 0..each {
        let own = &places[number * rank..][..rank];
        let at = flat(own, &shape, count).ok_or_else(|| format_error(format!("{what} is sparse: index {own:?}")))?;
        if last.is_some_and(|last| at <= last) {
            return Err(format_error(format!("{what} is sparse: its indices do not rise")));
        }
        last = Some(at);
        all[at * size..][..size].copy_from_slice(&numbers[number * size..][..size]);
    }
    Ok(Array { dtype: values.dtype, shape, data: Data::Bytes(all.into()) })
}

/// The place of an element, given by one number or by one a dimension.
fn flat(index: &[i64], shape: &[usize], count: usize) -> Option<usize> {
    if index.len() == 1 {
        return usize::try_from(index[0]).ok().filter(|&at| at < count);
    }
    index.iter().zip(shape).try_fold(0, |at, (&own, &dim)| {
        let own = usize::try_from(own).ok().filter(|&own| own < dim)?;
        Some(at * dim + own)
    })
}

/// Bytes as text.
pub fn text(bytes: &Bytes, what: &str) -> Result<String> {
    std::str::from_utf8(bytes)
        .map(str::to_owned)
        .map_err(|error| format_error(format!("{what}: text that is not UTF-8, at byte {}", error.valid_up_to())))
}

fn mismatch(what: &str, dims: &[i64], found: usize) -> Error {
    format_error(format!("{what} of shape {dims:?} has {found} elements"))
}
