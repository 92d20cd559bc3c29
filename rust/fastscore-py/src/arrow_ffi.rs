//! Arrow capsules: what producers hand over, and what results give.

use std::ffi::CStr;
use std::sync::Arc;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi, to_ffi};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchIterator, StructArray, make_array};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, FieldRef, Schema};
use fastscore_core::Error;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

use crate::errors::to_python;

const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";
const STREAM: &CStr = c"arrow_array_stream";

/// Arrays of one type, from an object with `__arrow_c_stream__` or `__arrow_c_array__`.
pub fn import(data: &Bound<'_, PyAny>) -> PyResult<(FieldRef, Vec<ArrayRef>)> {
    // Where there are both, a stream is the array with more around it.
    if data.hasattr("__arrow_c_array__")? {
        let pair = data.call_method0("__arrow_c_array__")?;
        let (schema, array): (Bound<'_, PyCapsule>, Bound<'_, PyCapsule>) = pair.extract()?;
        import_array(&schema, &array)
    } else if data.hasattr("__arrow_c_stream__")? {
        let capsule = data.call_method0("__arrow_c_stream__")?;
        import_stream(capsule.cast::<PyCapsule>()?)
    } else {
        Err(PyTypeError::new_err("an object with __arrow_c_stream__ or __arrow_c_array__ is due"))
    }
}

fn unsupported(error: impl std::fmt::Display) -> PyErr {
    to_python(Error::Schema(format!("the Arrow data has a type that can't be read: {error}; drop or cast that column")))
}

fn import_array(schema: &Bound<'_, PyCapsule>, array: &Bound<'_, PyCapsule>) -> PyResult<(FieldRef, Vec<ArrayRef>)> {
    let schema = schema.pointer_checked(Some(SCHEMA))?.cast::<FFI_ArrowSchema>();
    // SAFETY: a capsule named "arrow_schema" holds a valid ArrowSchema, which it keeps while we look at it.
    let schema = unsafe { schema.as_ref() };
    let field = Field::try_from(schema).map_err(unsupported)?;
    let array = array.pointer_checked(Some(ARRAY))?.cast::<FFI_ArrowArray>();
    // SAFETY: a capsule named "arrow_array" holds a valid ArrowArray. `from_raw` moves it out and leaves a released
    // shell, as the Arrow PyCapsule interface asks of a consumer.
    let array = unsafe { FFI_ArrowArray::from_raw(array.as_ptr()) };
    // SAFETY: array and schema come from one producer, which the interface requires to describe each other.
    let data = unsafe { from_ffi(array, schema) }.map_err(unsupported)?;
    Ok((Arc::new(field), vec![make_array(data)]))
}

fn import_stream(capsule: &Bound<'_, PyCapsule>) -> PyResult<(FieldRef, Vec<ArrayRef>)> {
    let stream = capsule.pointer_checked(Some(STREAM))?.cast::<FFI_ArrowArrayStream>();
    // SAFETY: a capsule named "arrow_array_stream" holds a valid ArrowArrayStream; `from_raw` moves it out.
    let mut stream = unsafe { FFI_ArrowArrayStream::from_raw(stream.as_ptr()) };
    let (Some(get_schema), Some(get_next)) = (stream.get_schema(), stream.get_next()) else {
        return Err(PyValueError::new_err("the Arrow stream was read before: a stream can be read once"));
    };
    // The producer may need the GIL on threads of its own (a Python file system, a user's function): it is not held while
    // the stream is read.
    capsule.py().detach(|| {
        let mut schema = FFI_ArrowSchema::empty();
        // SAFETY: the stream is valid and not released, `schema` is writable.
        let code = unsafe { get_schema(&raw mut stream, &raw mut schema) };
        check(&mut stream, code)?;
        let field = Field::try_from(&schema).map_err(unsupported)?;
        let mut arrays = Vec::new();
        loop {
            let mut array = FFI_ArrowArray::empty();
            // SAFETY: as above.
            let code = unsafe { get_next(&raw mut stream, &raw mut array) };
            check(&mut stream, code)?;
            if array.is_released() {
                return Ok((Arc::new(field), arrays));
            }
            // SAFETY: the stream's arrays are described by its schema.
            let data = unsafe { from_ffi(array, &schema) }.map_err(unsupported)?;
            arrays.push(make_array(data));
            Python::attach(|py| py.check_signals())?;
        }
    })
}

fn check(stream: &mut FFI_ArrowArrayStream, code: i32) -> PyResult<()> {
    if code == 0 {
        return Ok(());
    }
    // A producer in Python leaves its exception set: it says more than the stream does.
    if let Some(error) = Python::attach(PyErr::take) {
        return Err(error);
    }
    let text = stream.get_last_error().map(|get_last_error| {
        // SAFETY: the stream is valid and not released; the text it gives is null or ends with a null byte and lives
        // until the next call on the stream.
        unsafe {
            let text = get_last_error(stream);
            if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
        }
    });
    Err(PyValueError::new_err(format!("the Arrow stream failed with code {code}: {}", text.unwrap_or_default())))
}

/// The columns of struct arrays: names, and each column's arrays. A row whose struct is null is null in every column.
pub fn columns(field: &Field, arrays: &[ArrayRef]) -> PyResult<(Vec<String>, Vec<Vec<ArrayRef>>)> {
    let DataType::Struct(fields) = field.data_type() else {
        return Err(to_python(Error::Schema(format!(
            "the Arrow data is one column of type {}, a table (struct) is due",
            field.data_type()
        ))));
    };
    let names = fields.iter().map(|field| field.name().clone()).collect();
    let mut columns = vec![Vec::with_capacity(arrays.len()); fields.len()];
    for array in arrays {
        let Some(rows) = array.as_any().downcast_ref::<StructArray>() else {
            continue;
        };
        for (column, child) in columns.iter_mut().zip(rows.columns()) {
            column.push(match rows.nulls() {
                Some(nulls) if nulls.null_count() > 0 => with_nulls(child, nulls)?,
                _ => child.clone(),
            });
        }
    }
    Ok((names, columns))
}

fn with_nulls(array: &ArrayRef, nulls: &NullBuffer) -> PyResult<ArrayRef> {
    if array.data_type() == &DataType::Null {
        return Ok(array.clone());
    }
    let nulls = NullBuffer::union(array.nulls(), Some(nulls));
    let data = array.to_data().into_builder().nulls(nulls).build().map_err(unsupported)?;
    Ok(make_array(data))
}

/// `(schema capsule, array capsule)` of an array.
pub fn export_array<'py>(py: Python<'py>, field: &Field, array: &ArrayRef) -> PyResult<Bound<'py, PyTuple>> {
    let failed = |e: arrow_schema::ArrowError| PyValueError::new_err(e.to_string());
    let schema = FFI_ArrowSchema::try_from(field).map_err(failed)?;
    let (array, _) = to_ffi(&array.to_data()).map_err(failed)?;
    let schema = PyCapsule::new_with_value(py, schema, SCHEMA)?;
    let array = PyCapsule::new_with_value(py, array, ARRAY)?;
    PyTuple::new(py, [schema, array])
}

/// The stream capsule of one batch.
pub fn export_stream(py: Python<'_>, schema: Arc<Schema>, batch: RecordBatch) -> PyResult<Bound<'_, PyCapsule>> {
    let reader = RecordBatchIterator::new([Ok(batch)], schema);
    let stream = FFI_ArrowArrayStream::new(Box::new(reader));
    PyCapsule::new_with_value(py, stream, STREAM)
}
