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

/// A series that is ours: its arrays are moved out of their shells, which are freed with it.
pub struct Taken {
    series: SeriesExport,
    arrays: Vec<FFI_ArrowArray>,
}

/// Take series over, all of them, whatever becomes of the call.
///
/// # Safety
/// `inputs` must point to `count` valid series that nobody else uses or releases.
pub unsafe fn take(inputs: *const SeriesExport, count: usize) -> Vec<Taken> {
    (0..count)
        .map(|index| {
            // SAFETY: the caller's: a valid series, read once and released by its drop.
            let series = unsafe { inputs.add(index).read() };
            // SAFETY: `arrays` holds `len` pointers to arrays.
            let shells = unsafe { slice(series.arrays, series.len) }.iter();
            // SAFETY: valid arrays; `from_raw` moves each out and leaves an empty one.
            let arrays = shells.map(|&array| unsafe { FFI_ArrowArray::from_raw(array) }).collect();
            Taken { series, arrays }
        })
        .collect()
}

impl Taken {
    /// Its type and name.
    pub fn schema(&self) -> &FFI_ArrowSchema {
        // SAFETY: a valid series' schema lives as long as it.
        unsafe { &*self.series.field }
    }

    /// As Arrow arrays.
    pub fn import(self) -> Result<(FieldRef, Vec<ArrayRef>)> {
        let field = arrow_import::field(self.schema())?;
        // SAFETY: the arrays of a valid series are of its schema.
        let arrays = self.arrays.into_iter().map(|array| unsafe { arrow_import::array(array, field.data_type()) });
        let arrays = arrays.collect::<Result<_>>()?;
        Ok((field.into(), arrays))
    }

    /// The values where they are one chunk of float64 without nulls and without more to the type.
    pub fn plain(&self) -> Option<&[f64]> {
        let [array] = self.arrays.as_slice() else { return None };
        if self.schema().format() != "g" || array.null_count_opt() != Some(0) || array.num_buffers() != 2 {
            return None;
        }
        let (values, offset) = (array.buffer(1).cast::<f64>(), array.offset());
        if values.is_null() || !values.is_aligned() {
            return None;
        }
        // SAFETY: the second buffer of a valid array of float64 holds `offset + length` of them, and lives as long as the
        // array; it is aligned, as was checked.
        Some(unsafe { std::slice::from_raw_parts(values.add(offset), array.len()) })
    }
}

impl SeriesExport {
    /// A series of one chunk.
    pub fn of(field: &Field, array: &ArrayRef) -> Result<Self> {
        let failed = |error: arrow_schema::ArrowError| Error::InvalidArgument(error.to_string());
        let schema = FFI_ArrowSchema::try_from(field).map_err(failed)?;
        let (array, _) = to_ffi(&array.to_data()).map_err(failed)?;
        // Leaked before pointers into it are taken: moving a box ends what was borrowed from it.
        let ours = Box::into_raw(Box::new(Ours { schema, array: Box::into_raw(Box::new(array)) }));
        // SAFETY: `ours` points to the box that was just made, which lives until `release` frees it.
        let (field, arrays) = unsafe { (&raw mut (*ours).schema, &raw mut (*ours).array) };
        Ok(SeriesExport { field, arrays, len: 1, release: Some(release), private_data: ours.cast::<c_void>() })
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
