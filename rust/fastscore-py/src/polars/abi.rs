//! The structs that cross between Polars and a plugin.

use std::ffi::c_void;

use arrow_array::ArrayRef;
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, to_ffi};
use arrow_schema::{Field, FieldRef};
use fastscore_core::{Error, Result};

use crate::arrow_import;

/// A series: a schema and the arrays of its chunks. The layout is Polars'.
#[repr(C)]
pub struct SeriesExport {
    field: *mut FFI_ArrowSchema,
    /// Pointers to arrays: the shells are freed by `release`, the arrays belong to whoever moves them out.
    arrays: *mut *mut FFI_ArrowArray,
    len: usize,
    release: Option<unsafe extern "C" fn(*mut SeriesExport)>,
    /// Null where there is no series.
    private_data: *mut c_void,
}

/// What a call may do.
#[repr(C)]
pub struct CallerContext {
    bits: u64,
}

impl CallerContext {
    /// Whether Polars runs others like it meanwhile. Its first byte was a boolean before it was a set of bits.
    pub fn is_parallel(&self) -> bool {
        self.bits & 1 == 1
    }
}

/// A slice of what the caller vouches for; an empty one may come as a null pointer.
///
/// # Safety
/// `data` must be null or point to `count` valid elements that outlive `'a`.
pub unsafe fn slice<'a, T>(data: *const T, count: usize) -> &'a [T] {
    if data.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: the caller's.
    unsafe { std::slice::from_raw_parts(data, count) }
}

/// Take series over: move their arrays out and release the shells. All are taken, also where one can't be read.
///
/// # Safety
/// `inputs` must point to `count` valid series that nobody else uses or releases.
pub unsafe fn take(inputs: *const SeriesExport, count: usize) -> Result<Vec<(FieldRef, Vec<ArrayRef>)>> {
    let mut taken = Vec::with_capacity(count);
    for index in 0..count {
        // SAFETY: the caller's: a valid series, read once and released by its drop below.
        let series = unsafe { inputs.add(index).read() };
        // SAFETY: its schema lives until it is released, and its arrays are of that schema.
        taken.push(unsafe { series.import() });
    }
    taken.into_iter().collect()
}

impl SeriesExport {
    /// # Safety
    /// The series must be valid, and its arrays not yet moved out.
    unsafe fn import(self) -> Result<(FieldRef, Vec<ArrayRef>)> {
        // SAFETY: `arrays` holds `len` pointers to arrays; `from_raw` moves each out and leaves an empty one.
        let arrays: Vec<_> = unsafe { slice(self.arrays, self.len) }
            .iter()
            .map(|&array| unsafe { FFI_ArrowArray::from_raw(array) })
            .collect();
        // SAFETY: the schema is valid until the series is released.
        let field = arrow_import::field(unsafe { &*self.field })?;
        // SAFETY: the arrays are of the series' schema.
        let arrays = arrays.into_iter().map(|array| unsafe { arrow_import::array(array, field.data_type()) });
        let arrays = arrays.collect::<Result<_>>()?;
        Ok((field.into(), arrays))
    }

    /// A series of one chunk.
    pub fn of(field: &Field, array: &ArrayRef) -> Result<Self> {
        let failed = |error: arrow_schema::ArrowError| Error::InvalidArgument(error.to_string());
        let schema = FFI_ArrowSchema::try_from(field).map_err(failed)?;
        let (array, _) = to_ffi(&array.to_data()).map_err(failed)?;
        let mut ours = Box::new(Ours { schema, array: Box::into_raw(Box::new(array)) });
        let (field, arrays) = (&raw mut ours.schema, &raw mut ours.array);
        Ok(SeriesExport {
            field,
            arrays,
            len: 1,
            release: Some(release),
            private_data: Box::into_raw(ours).cast::<c_void>(),
        })
    }
}

impl Drop for SeriesExport {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: `release` is called once: it is set to none by itself, and nothing drops a series twice.
            unsafe { release(self) };
        }
    }
}

/// What a series of ours owns.
struct Ours {
    schema: FFI_ArrowSchema,
    array: *mut FFI_ArrowArray,
}

unsafe extern "C" fn release(series: *mut SeriesExport) {
    // SAFETY: called once, on a series of `SeriesExport::of`, whose `private_data` is the box made there. Whoever took
    // the series moved the array out by copying its bytes: the shell's memory is freed, the array is not released.
    unsafe {
        let ours = Box::from_raw((*series).private_data.cast::<Ours>());
        drop(Box::from_raw(ours.array.cast::<std::mem::ManuallyDrop<FFI_ArrowArray>>()));
        (*series).release = None;
    }
}
