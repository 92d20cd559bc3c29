//! One array as an Arrow C stream. arrow-rs has streams of record batches only; a column is a stream too, as pyarrow's
//! ChunkedArray and Polars' Series are.

use std::ffi::{c_char, c_int, c_void};

use arrow_array::ArrayRef;
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, to_ffi};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_schema::Field;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

/// What the stream owns. The array is given once.
struct Column {
    field: Field,
    array: Option<ArrayRef>,
}

/// `EIO`: what cannot happen for our own types still has an answer.
const FAILED: c_int = 5;

/// The stream's capsule.
pub fn export(py: Python<'_>, field: Field, array: ArrayRef) -> PyResult<Bound<'_, PyCapsule>> {
    let column = Box::into_raw(Box::new(Column { field, array: Some(array) })).cast::<c_void>();
    // SAFETY: the callbacks take `private_data` for the `Column` that it is, and `release` frees it once.
    let stream = unsafe {
        FFI_ArrowArrayStream::new_unchecked(
            Some(get_schema),
            Some(get_next),
            Some(get_last_error),
            Some(release),
            column,
        )
    };
    PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
}

/// The fields of the C struct, which arrow-rs keeps private: the layout is the Arrow C stream interface's.
#[repr(C)]
struct Raw {
    get_schema: usize,
    get_next: usize,
    get_last_error: usize,
    release: Option<unsafe extern "C" fn(*mut FFI_ArrowArrayStream)>,
    private_data: *mut c_void,
}

const _: () = assert!(size_of::<Raw>() == size_of::<FFI_ArrowArrayStream>());

/// # Safety
/// `stream` must be one of ours, not released.
unsafe fn column<'a>(stream: *mut FFI_ArrowArrayStream) -> &'a mut Column {
    // SAFETY: the caller vouches for the stream, whose `private_data` is the `Column` of `export`.
    unsafe { &mut *(*stream.cast::<Raw>()).private_data.cast::<Column>() }
}

unsafe extern "C" fn get_schema(stream: *mut FFI_ArrowArrayStream, out: *mut FFI_ArrowSchema) -> c_int {
    // SAFETY: the interface lets a consumer call this on an unreleased stream only.
    let column = unsafe { column(stream) };
    match FFI_ArrowSchema::try_from(&column.field) {
        Ok(schema) => {
            // SAFETY: `out` is the consumer's, writable, and holds nothing that must be dropped.
            unsafe { out.write(schema) };
            0
        }
        Err(_) => FAILED,
    }
}

unsafe extern "C" fn get_next(stream: *mut FFI_ArrowArrayStream, out: *mut FFI_ArrowArray) -> c_int {
    // SAFETY: as above.
    let column = unsafe { column(stream) };
    let array = match column.array.take().map(|array| to_ffi(&array.to_data())) {
        None => FFI_ArrowArray::empty(),
        Some(Ok((array, _))) => array,
        Some(Err(_)) => return FAILED,
    };
    // SAFETY: as above.
    unsafe { out.write(array) };
    0
}

unsafe extern "C" fn get_last_error(_: *mut FFI_ArrowArrayStream) -> *const c_char {
    c"the array can't be exported".as_ptr()
}

unsafe extern "C" fn release(stream: *mut FFI_ArrowArrayStream) {
    // SAFETY: the interface calls this once, on an unreleased stream; the fields are those of `Raw`.
    unsafe {
        let raw = &mut *stream.cast::<Raw>();
        drop(Box::from_raw(raw.private_data.cast::<Column>()));
        raw.private_data = std::ptr::null_mut();
        raw.release = None;
    }
}
