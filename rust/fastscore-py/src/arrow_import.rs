//! Arrays of the Arrow C data interface, without Python, and what arrow-rs alone does not read: columns of nulls that
//! come with a buffer (Polars), and the 128-bit integers of Polars.

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_void};

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi_and_data_type};
use arrow_array::{Array, ArrayRef, FixedSizeBinaryArray, Float64Array, StructArray, make_array};
use arrow_buffer::NullBuffer;
use arrow_schema::{ArrowError, DataType, Field, Fields};
use fastscore_core::Error;

/// The formats by which Polars exports its 128-bit integers: sixteen bytes each, the lowest first.
const INT128: &str = "_pli128";
const UINT128: &str = "_plu128";
/// Where an extension type has its name, and where a field of ours says which 128-bit integers its bytes are.
const EXTENSION: &str = "ARROW:extension:name";
const WIDE: &str = "fastscore:wide_integer";

fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::Schema(format!("the Arrow data has a type that can't be read: {error}; drop or cast that column"))
}

/// The C struct of a schema, whose fields arrow-rs keeps private: the layout is the Arrow C data interface's.
#[repr(C)]
struct RawSchema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *mut *mut RawSchema,
    dictionary: *mut RawSchema,
    release: Option<unsafe extern "C" fn(*mut RawSchema)>,
    private_data: *mut c_void,
}

const _: () = assert!(size_of::<RawSchema>() == size_of::<FFI_ArrowSchema>());

/// Look a schema through for what arrow-rs panics at: names and formats that are no UTF-8, or no format. None where it was
/// released, or moved away.
pub fn check(schema: &FFI_ArrowSchema) -> Result<Option<()>, Error> {
    // SAFETY: `RawSchema` is the layout of a schema, which is valid as long as it is borrowed.
    let raw = unsafe { &*std::ptr::from_ref(schema).cast::<RawSchema>() };
    if raw.release.is_none() {
        return Ok(None);
    }
    let text = |text: *const c_char, what: &str| {
        // SAFETY: the texts of a valid schema end with a null byte and live as long as it.
        match (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_str()) {
            Some(Err(_)) => {
                Err(Error::Schema(format!("the Arrow data has a {what} that is not UTF-8; rename that column")))
            }
            Some(Ok(_)) => Ok(true),
            None => Ok(false),
        }
    };
    if !text(raw.format, "type")? {
        return Err(Error::Schema("the Arrow data has a column without a type".into()));
    }
    text(raw.name, "column name")?;
    for child in schema.children().chain(schema.dictionary()) {
        check(child)?;
    }
    Ok(Some(()))
}

/// The field that a C schema describes.
pub fn field(schema: &FFI_ArrowSchema) -> Result<Field, Error> {
    read_field(schema).map_err(unreadable)
}

fn read_field(schema: &FFI_ArrowSchema) -> Result<Field, ArrowError> {
    let name = schema.name().unwrap_or("");
    match schema.format() {
        format @ (INT128 | UINT128) => {
            let kind = HashMap::from([(WIDE.to_string(), format.to_string())]);
            Ok(Field::new(name, DataType::FixedSizeBinary(16), schema.nullable()).with_metadata(kind))
        }
        "+s" => {
            let fields = schema.children().map(read_field).collect::<Result<Fields, _>>()?;
            Ok(Field::new(name, DataType::Struct(fields), schema.nullable()).with_metadata(schema.metadata()?))
        }
        _ => Field::try_from(schema),
    }
}

/// The array that a C array holds, whose type is `data_type`.
///
/// # Safety
/// The array must be valid and of the type that its schema said, `data_type` what [`field`] made of that schema.
pub unsafe fn array(mut array: FFI_ArrowArray, data_type: &DataType) -> Result<ArrayRef, Error> {
    // SAFETY: the caller vouches for the array; `Raw` is its layout.
    unsafe { without_null_buffers((&raw mut array).cast(), data_type) };
    // SAFETY: as above.
    unsafe { from_ffi_and_data_type(array, data_type.clone()) }.map(make_array).map_err(unreadable)
}

/// The C struct, whose fields arrow-rs keeps private: the layout is the Arrow C data interface's.
#[repr(C)]
struct Raw {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const c_void,
    children: *mut *mut Raw,
    dictionary: *mut Raw,
    release: Option<unsafe extern "C" fn(*mut FFI_ArrowArray)>,
    private_data: *mut c_void,
}

const _: () = assert!(size_of::<Raw>() == size_of::<FFI_ArrowArray>());

/// A child of an array.
///
/// # Safety
/// The array must be valid and have that child.
pub unsafe fn child(array: &mut FFI_ArrowArray, index: usize) -> *mut FFI_ArrowArray {
    let raw = (&raw mut *array).cast::<Raw>();
    // SAFETY: the caller vouches for the array; `Raw` is its layout.
    unsafe { (*(*raw).children.add(index)).cast::<FFI_ArrowArray>() }
}

/// An array of nulls has no buffer; Polars gives it one all the same. Its producer frees by `private_data`, so the count
/// is ours to correct.
///
/// # Safety
/// As [`array`].
unsafe fn without_null_buffers(array: *mut Raw, data_type: &DataType) {
    let child = |index: usize, data_type: &DataType| {
        // SAFETY: a valid array has as many children as its type says.
        unsafe {
            if i64::try_from(index).is_ok_and(|index| index < (*array).n_children) {
                without_null_buffers(*(*array).children.add(index), data_type);
            }
        }
    };
    match data_type {
        // SAFETY: the caller vouches for the pointer.
        DataType::Null => unsafe { (*array).n_buffers = 0 },
        DataType::Struct(fields) => {
            for (index, field) in fields.iter().enumerate() {
                child(index, field.data_type());
            }
        }
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            child(0, field.data_type());
        }
        _ => {}
    }
}

/// The name of a field's extension type, whose values are not what their storage is.
pub fn extension(field: &Field) -> Option<&str> {
    field.metadata().get(EXTENSION).map(String::as_str)
}

/// An array as the core reads it: 128-bit integers become the nearest float64.
pub fn narrowed(field: &Field, array: ArrayRef) -> ArrayRef {
    let Some(format) = field.metadata().get(WIDE) else {
        return array;
    };
    let Some(bytes) = array.as_any().downcast_ref::<FixedSizeBinaryArray>() else {
        return array;
    };
    let number = |bytes: &[u8]| {
        let bytes = <[u8; 16]>::try_from(bytes).unwrap_or_default();
        if format == UINT128 { u128::from_le_bytes(bytes) as f64 } else { i128::from_le_bytes(bytes) as f64 }
    };
    std::sync::Arc::new(bytes.iter().map(|bytes| bytes.map(number)).collect::<Float64Array>())
}

/// The columns of struct arrays, one of `fields` each. A row whose struct is null is null in every column.
pub fn children(fields: &Fields, arrays: &[ArrayRef]) -> Result<Vec<Vec<ArrayRef>>, Error> {
    let mut columns = vec![Vec::with_capacity(arrays.len()); fields.len()];
    for rows in arrays.iter().filter_map(|array| array.as_any().downcast_ref::<StructArray>()) {
        for (column, child) in columns.iter_mut().zip(rows.columns()) {
            column.push(match rows.nulls() {
                Some(nulls) if nulls.null_count() > 0 => with_nulls(child, nulls)?,
                _ => child.clone(),
            });
        }
    }
    Ok(columns)
}

fn with_nulls(array: &ArrayRef, nulls: &NullBuffer) -> Result<ArrayRef, Error> {
    if array.data_type() == &DataType::Null {
        return Ok(array.clone());
    }
    let nulls = NullBuffer::union(array.nulls(), Some(nulls));
    let data = array.to_data().into_builder().nulls(nulls).build().map_err(unreadable)?;
    Ok(make_array(data))
}
