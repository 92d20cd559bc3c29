//! Arrow capsules: what producers hand over, and what results give.

use std::ffi::CStr;
use std::sync::Arc;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, to_ffi};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{Array, ArrayRef, RecordBatchReader};
use arrow_schema::{DataType, Field, FieldRef};
use fastscore_core::Error;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

use crate::arrow_import;
use crate::errors::to_python;

const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";
const STREAM: &CStr = c"arrow_array_stream";

/// Arrays of one type, as the C data interface has them.
pub struct Arrays {
    /// Their type.
    pub schema: FFI_ArrowSchema,
    /// The arrays, which the schema describes.
    pub arrays: Vec<FFI_ArrowArray>,
}

impl Arrays {
    /// Take the data of an object with `__arrow_c_array__` or `__arrow_c_stream__` over.
    pub fn take(data: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = data.py();
        let stream = data.getattr_opt(intern!(py, "__arrow_c_stream__"))?;
        // Where there are both, a stream is the array with more around it, unless there are several arrays.
        if let Some(export) = data.getattr_opt(intern!(py, "__arrow_c_array__"))? {
            match (export.call0(), &stream) {
                (Err(_), Some(_)) => {}
                (pair, _) => {
                    let (schema, array): (Bound<'_, PyCapsule>, Bound<'_, PyCapsule>) = pair?.extract()?;
                    return Self::of_pair(&schema, &array);
                }
            }
        }
        match stream {
            Some(export) => Self::of_stream(export.call0()?.cast::<PyCapsule>()?),
            None => Err(PyTypeError::new_err("an object with __arrow_c_stream__ or __arrow_c_array__ is due")),
        }
    }

    fn of_pair(schema: &Bound<'_, PyCapsule>, array: &Bound<'_, PyCapsule>) -> PyResult<Self> {
        let schema = schema.pointer_checked(Some(SCHEMA))?.cast::<FFI_ArrowSchema>();
        // SAFETY: a capsule named "arrow_schema" holds a valid ArrowSchema. `from_raw` moves it out and leaves a released
        // shell, as the Arrow PyCapsule interface asks of a consumer.
        let schema = unsafe { FFI_ArrowSchema::from_raw(schema.as_ptr()) };
        let known = arrow_import::check(&schema);
        let array = array.pointer_checked(Some(ARRAY))?.cast::<FFI_ArrowArray>();
        // SAFETY: a capsule named "arrow_array" holds a valid ArrowArray, which is moved out likewise.
        let array = unsafe { FFI_ArrowArray::from_raw(array.as_ptr()) };
        // Both are ours by now, and released with an error.
        if known.map_err(to_python)?.is_none() || array.is_released() {
            return Err(PyValueError::new_err("the Arrow array was read before: its capsules can be read once"));
        }
        Ok(Arrays { schema, arrays: vec![array] })
    }

    fn of_stream(capsule: &Bound<'_, PyCapsule>) -> PyResult<Self> {
        let mut stream = RawStream::open(capsule)?;
        // The producer may need the GIL on threads of its own (a Python file system, a user's function): it is not held
        // while the stream is read.
        capsule.py().detach(|| {
            let schema = stream.schema()?;
            let mut arrays = Vec::new();
            while let Some(array) = stream.next().map_err(raised)? {
                arrays.push(array);
                Python::attach(|py| py.check_signals())?;
            }
            Ok(Arrays { schema, arrays })
        })
    }

    /// As arrow-rs has them.
    pub fn import(self) -> Result<(FieldRef, Vec<ArrayRef>), Error> {
        let field = arrow_import::field(&self.schema)?;
        // SAFETY: array and schema come from one producer, which the interface requires to describe each other.
        let import = |array| unsafe { arrow_import::array(array, field.data_type()) };
        let arrays = self.arrays.into_iter().map(import).collect::<Result<_, _>>()?;
        Ok((Arc::new(field), arrays))
    }
}

/// Arrays of one type, from an object with `__arrow_c_stream__` or `__arrow_c_array__`.
pub fn import(data: &Bound<'_, PyAny>) -> PyResult<(FieldRef, Vec<ArrayRef>)> {
    Arrays::take(data)?.import().map_err(to_python)
}

/// Arrow data that is read array by array, on any thread.
pub enum Reader {
    /// A stream.
    Stream(Stream),
    /// What comes whole is a stream of one.
    Whole(FieldRef, std::vec::IntoIter<ArrayRef>),
}

impl Reader {
    /// Take the data of an object with `__arrow_c_stream__` or `__arrow_c_array__` over.
    pub fn open(data: &Bound<'_, PyAny>) -> PyResult<Self> {
        if data.hasattr("__arrow_c_stream__")? {
            let capsule = data.call_method0("__arrow_c_stream__")?;
            return Stream::open(capsule.cast::<PyCapsule>()?).map(Reader::Stream);
        }
        let (field, arrays) = import(data)?;
        Ok(Reader::Whole(field, arrays.into_iter()))
    }

    /// The type of the arrays.
    pub fn field(&self) -> &FieldRef {
        match self {
            Reader::Stream(stream) => &stream.field,
            Reader::Whole(field, _) => field,
        }
    }

    /// The next array; None at the end.
    pub fn next(&mut self) -> Result<Option<ArrayRef>, Error> {
        match self {
            Reader::Stream(stream) => stream.next(),
            Reader::Whole(_, arrays) => Ok(arrays.next()),
        }
    }
}

/// An Arrow stream.
pub struct Stream {
    stream: RawStream,
    field: FieldRef,
}

impl Stream {
    /// Take the stream of a capsule over, and read its schema.
    fn open(capsule: &Bound<'_, PyCapsule>) -> PyResult<Self> {
        let mut stream = RawStream::open(capsule)?;
        capsule.py().detach(|| {
            let field = arrow_import::field(&stream.schema()?).map_err(to_python)?;
            Ok(Stream { stream, field: field.into() })
        })
    }

    fn next(&mut self) -> Result<Option<ArrayRef>, Error> {
        let Some(array) = self.stream.next()? else { return Ok(None) };
        // SAFETY: the stream's arrays are described by its schema, which `field` is.
        unsafe { arrow_import::array(array, self.field.data_type()) }.map(Some)
    }
}

/// The C stream itself.
struct RawStream(FFI_ArrowArrayStream);

impl RawStream {
    /// Take the stream of a capsule over.
    fn open(capsule: &Bound<'_, PyCapsule>) -> PyResult<Self> {
        let stream = capsule.pointer_checked(Some(STREAM))?.cast::<FFI_ArrowArrayStream>();
        // SAFETY: a capsule named "arrow_array_stream" holds a valid ArrowArrayStream; `from_raw` moves it out.
        let stream = unsafe { FFI_ArrowArrayStream::from_raw(stream.as_ptr()) };
        match stream.get_schema() {
            Some(_) => Ok(RawStream(stream)),
            None => Err(PyValueError::new_err("the Arrow stream was read before: a stream can be read once")),
        }
    }

    /// The type of its arrays. Not with the GIL.
    fn schema(&mut self) -> PyResult<FFI_ArrowSchema> {
        let mut schema = FFI_ArrowSchema::empty();
        if let Some(get_schema) = self.0.get_schema() {
            // SAFETY: the stream is valid and not released, `schema` is writable.
            let code = unsafe { get_schema(&raw mut self.0, &raw mut schema) };
            check(&mut self.0, code).map_err(raised)?;
        }
        match arrow_import::check(&schema).map_err(to_python)? {
            Some(()) => Ok(schema),
            None => Err(PyValueError::new_err("the Arrow stream gave no schema")),
        }
    }

    /// The next array; None at the end. Not with the GIL.
    fn next(&mut self) -> Result<Option<FFI_ArrowArray>, Error> {
        let Some(get_next) = self.0.get_next() else { return Ok(None) };
        let mut array = FFI_ArrowArray::empty();
        // SAFETY: the stream is valid and not released, `array` is writable.
        let code = unsafe { get_next(&raw mut self.0, &raw mut array) };
        check(&mut self.0, code)?;
        Ok((!array.is_released()).then_some(array))
    }
}

/// A producer in Python leaves its exception set: it says more than the stream does.
fn raised(error: Error) -> PyErr {
    Python::attach(PyErr::take).unwrap_or_else(|| to_python(error))
}

fn check(stream: &mut FFI_ArrowArrayStream, code: i32) -> Result<(), Error> {
    if code == 0 {
        return Ok(());
    }
    let text = stream.get_last_error().map(|get_last_error| {
        // SAFETY: the stream is valid and not released; the text it gives is null or ends with a null byte and lives
        // until the next call on the stream.
        unsafe {
            let text = get_last_error(stream);
            if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
        }
    });
    Err(Error::InvalidArgument(format!("the Arrow stream failed with code {code}: {}", text.unwrap_or_default())))
}

/// The columns of struct arrays with their fields.
pub fn columns(field: &Field, arrays: &[ArrayRef]) -> Result<Vec<(FieldRef, Vec<ArrayRef>)>, Error> {
    let DataType::Struct(fields) = field.data_type() else {
        return Err(Error::Schema(format!(
            "the Arrow data is one column of type {}, a table (struct) is due",
            field.data_type()
        )));
    };
    Ok(fields.iter().cloned().zip(arrow_import::children(fields, arrays)?).collect())
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

/// The stream capsule of some batches.
pub fn export_stream(
    py: Python<'_>,
    batches: impl RecordBatchReader + Send + 'static,
) -> PyResult<Bound<'_, PyCapsule>> {
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(batches)), STREAM)
}
