//! NumPy arrays as strided columns, without a copy.
//!
//! The array's memory is borrowed for the length of a call while its owner is held. As with every NumPy function that
//! releases the GIL, a thread that writes to the array meanwhile makes the result meaningless.

use fastscore_core::Error;
use fastscore_core::exec::table::{Strided, Values};
use half::f16;
use numpy::{PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::errors::to_python;

/// A NumPy array of one or two dimensions whose elements can be read where they are.
pub struct NumpyArray {
    /// Keeps the memory alive.
    _owner: Py<PyUntypedArray>,
    data: *const u8,
    kind: u8,
    item: usize,
    rows: usize,
    /// 1 where there is one dimension.
    columns: usize,
    /// From one row, and one column, to the next, in elements.
    strides: [usize; 2],
}

// SAFETY: the memory behind `data` is kept alive by `_owner`, is only read, and belongs to no thread.
unsafe impl Send for NumpyArray {}
// SAFETY: as above.
unsafe impl Sync for NumpyArray {}

impl NumpyArray {
    /// Take an array of `dimensions` dimensions. Memory that can't be read in place (negative strides, foreign byte
    /// order, misaligned) is copied by NumPy first.
    pub fn new(array: &Bound<'_, PyUntypedArray>, dimensions: usize) -> PyResult<Self> {
        if array.ndim() != dimensions {
            return Err(PyTypeError::new_err(format!(
                "an array of {dimensions} dimension(s) is due, this one has {}",
                array.ndim()
            )));
        }
        match Self::in_place(array) {
            Some(found) => Ok(found),
            None => {
                let dtype = array.dtype().call_method1("newbyteorder", ("=",))?;
                let copy = array.call_method("astype", (dtype, "C"), None)?;
                Self::in_place(copy.cast::<PyUntypedArray>()?)
                    .ok_or_else(|| PyTypeError::new_err("the array's memory can't be read"))
            }
        }
    }

    /// The same without a copy; None where there would be one.
    pub fn in_place(array: &Bound<'_, PyUntypedArray>) -> Option<Self> {
        let dtype = array.dtype();
        let item = dtype.itemsize();
        // SAFETY: `array` is a live NumPy array, so the pointer to its object is valid.
        let data = unsafe { (*array.as_array_ptr()).fields.data } as *const u8;
        let align = if dtype.kind() == b'b' { 1 } else { item.clamp(1, 8) };
        if dtype.is_native_byteorder() == Some(false) || item == 0 || !(data as usize).is_multiple_of(align) {
            return None;
        }
        let (mut shape, mut strides) = ([1; 2], [0; 2]);
        for (axis, (&length, &stride)) in array.shape().iter().zip(array.strides()).take(2).enumerate() {
            // The stride of a dimension of one element says nothing.
            let stride = if length <= 1 { 0 } else { usize::try_from(stride).ok()? };
            if !stride.is_multiple_of(item) {
                return None;
            }
            (shape[axis], strides[axis]) = (length, stride / item);
        }
        Some(NumpyArray {
            _owner: array.clone().unbind(),
            data,
            kind: dtype.kind(),
            item,
            rows: shape[0],
            columns: shape[1],
            strides,
        })
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of a two-dimensional array.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Whether this is an array of booleans.
    pub fn is_bool(&self) -> bool {
        self.kind == b'b'
    }

    /// Whether the elements are numbers or booleans.
    pub fn is_numbers(&self) -> bool {
        matches!((self.kind, self.item), (b'f', 2 | 4 | 8) | (b'i' | b'u', 1 | 2 | 4 | 8) | (b'b', 1))
    }

    /// All rows of some columns of an array of numbers, one column after the other.
    pub fn read_columns(&self, columns: &[usize], out: &mut [f64]) {
        match (self.kind, self.item) {
            (b'f', 8) => self.read::<f64>(columns, out, |x| x),
            (b'f', 4) => self.read::<f32>(columns, out, f64::from),
            (b'f', 2) => self.read::<f16>(columns, out, f64::from),
            (b'i', 8) => self.read::<i64>(columns, out, |x| x as f64),
            (b'i', 4) => self.read::<i32>(columns, out, f64::from),
            (b'i', 2) => self.read::<i16>(columns, out, f64::from),
            (b'i', 1) => self.read::<i8>(columns, out, f64::from),
            (b'u', 8) => self.read::<u64>(columns, out, |x| x as f64),
            (b'u', 4) => self.read::<u32>(columns, out, f64::from),
            (b'u', 2) => self.read::<u16>(columns, out, f64::from),
            (b'u' | b'b', 1) => self.read::<u8>(columns, out, f64::from),
            _ => {}
        }
    }

    fn read<T: Copy>(&self, columns: &[usize], out: &mut [f64], convert: impl Fn(T) -> f64) {
        let elements = self.elements::<T>();
        for (&column, out) in columns.iter().zip(out.chunks_mut(self.rows.max(1))) {
            for (row, to) in out.iter_mut().enumerate() {
                *to = convert(elements[row * self.strides[0] + column * self.strides[1]]);
            }
        }
    }

    /// The array's elements from the first one's address to the last one's.
    fn elements<T: Copy>(&self) -> &[T] {
        if self.rows == 0 || self.columns == 0 {
            return &[];
        }
        let reach = (self.rows - 1) * self.strides[0] + (self.columns - 1) * self.strides[1];
        // SAFETY: `data` is aligned for T (checked in `in_place`, where `item` is the size of T: see `values`), and
        // NumPy guarantees that every element between the first and the last index lies in the array's memory, which
        // `_owner` keeps alive. `reach` is the offset of the last one.
        unsafe { std::slice::from_raw_parts(self.data.cast::<T>(), reach + 1) }
    }

    /// Elements as they are, for arrays that are no columns (one dimension).
    pub fn integers(&self) -> Option<Vec<i64>> {
        let wide = |x: i32| i64::from(x);
        match (self.kind, self.item) {
            (b'i', 4) => Some(self.gather::<i32>().map(wide).collect()),
            (b'i', 8) => Some(self.gather::<i64>().collect()),
            _ => None,
        }
    }

    fn gather<T: Copy + 'static>(&self) -> impl Iterator<Item = T> {
        let (elements, stride) = (self.elements::<T>(), self.strides[0]);
        (0..self.rows()).map(move |row| elements[row * stride])
    }

    /// Column `column` as values; None for a dtype that is no number.
    pub fn values(&self, column: usize) -> Option<Values<'_>> {
        let (rows, stride) = (self.rows, self.strides[0]);
        let first = self.strides[1] * column;
        macro_rules! strided {
            ($variant:ident, $type:ty) => {{
                let elements = self.elements::<$type>();
                Strided::new(elements.get(first..).unwrap_or(&[]), stride, rows).map(Values::$variant)
            }};
        }
        match (self.kind, self.item) {
            (b'f', 8) => strided!(F64, f64),
            (b'f', 4) => strided!(F32, f32),
            (b'f', 2) => strided!(F16, f16),
            (b'i', 8) => strided!(I64, i64),
            (b'i', 4) => strided!(I32, i32),
            (b'i', 2) => strided!(I16, i16),
            (b'i', 1) => strided!(I8, i8),
            (b'u', 8) => strided!(U64, u64),
            (b'u', 4) => strided!(U32, u32),
            (b'u', 2) => strided!(U16, u16),
            (b'u' | b'b', 1) => strided!(U8, u8),
            _ => None,
        }
    }
}

/// The columns of a dict of arrays of numbers, each of one dimension and as long as the others, with their keys; None where they
/// are something else, or have more rows than `most`.
pub fn columns<'py>(data: &Bound<'py, PyDict>, most: usize) -> Option<(Vec<Bound<'py, PyString>>, Vec<NumpyArray>)> {
    let (mut keys, mut columns) = (Vec::with_capacity(data.len()), Vec::<NumpyArray>::with_capacity(data.len()));
    for (key, values) in data {
        let array = values.cast_exact::<PyUntypedArray>().ok()?;
        if array.ndim() != 1 || array.shape()[0] > most {
            return None;
        }
        let column = NumpyArray::in_place(array).filter(NumpyArray::is_numbers)?;
        if columns.first().is_some_and(|first| first.rows() != column.rows()) {
            return None;
        }
        keys.push(key.cast_into_exact::<PyString>().ok()?);
        columns.push(column);
    }
    Some((keys, columns))
}

/// The elements of a one-dimensional integer array, none negative.
pub fn indexes(array: &NumpyArray, name: &str) -> PyResult<Vec<usize>> {
    let integers = array.integers().ok_or_else(|| PyTypeError::new_err(format!("{name} must be int32 or int64")))?;
    let index = |x: i64| usize::try_from(x).ok();
    integers.into_iter().map(index).collect::<Option<Vec<_>>>().ok_or_else(|| {
        to_python(Error::Schema(format!("the sparse matrix is inconsistent: {name} has a negative entry")))
    })
}
