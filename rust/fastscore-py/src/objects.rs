//! Columns of Python objects that are text: most of them hold few distinct objects, many times.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::LargeStringBuilder;
use foldhash::fast::RandomState;
use numpy::{PyArray1, PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyString, PyTuple, PyType};

use crate::table::Dictionary;

/// Rows that are looked at before it is decided whether objects repeat.
const FIRST: usize = 4096;

/// Addresses that are remembered, of objects that lie so many bytes apart at least.
const NEAR: usize = 1024;
const OBJECT: usize = 16;

/// The text of an object array, each distinct object read once. `nulls`: the types that stand for a missing value, as NaN
/// does.
///
/// None where the array holds anything else, no text at all, or objects that hardly repeat.
#[pyfunction]
#[pyo3(signature = (values, nulls, /))]
pub fn objects(values: &Bound<'_, PyAny>, nulls: &Bound<'_, PyTuple>) -> PyResult<Option<Dictionary>> {
    let Ok(array) = values.cast::<PyUntypedArray>() else { return Ok(None) };
    if array.ndim() != 1 || array.dtype().kind() != b'O' {
        return Ok(None);
    }
    let py = values.py();
    let nulls: Vec<Bound<'_, PyType>> = nulls.extract()?;
    let (rows, stride) = (array.len(), array.strides()[0]);
    // SAFETY: `array` is a live NumPy array, so the pointer to its object is valid.
    let data = unsafe { (*array.as_array_ptr()).fields.data };
    let mut known: HashMap<usize, i32, RandomState> = HashMap::default();
    known.insert(0, -1);
    let mut texts = LargeStringBuilder::new();
    let mut count = 0;
    let mut keys = Vec::with_capacity(rows);
    // What was found last for addresses that end alike: hashing each costs more than all else. Null is None.
    let mut near = [(0, -1); NEAR];
    for row in 0..rows {
        // SAFETY: NumPy guarantees that element `row` of an array of one dimension lies `row * stride` bytes from its data;
        // an object array's elements are pointers, aligned or not.
        let object = unsafe { data.offset(row as isize * stride).cast::<*mut pyo3::ffi::PyObject>().read_unaligned() };
        // The array holds on to its objects, so no address is another object's meanwhile. NumPy takes null for None.
        let address = object.addr();
        let near = &mut near[address / OBJECT % NEAR];
        if near.0 != address {
            let key = match known.get(&address) {
                Some(&key) => key,
                None => {
                    // SAFETY: it is not null, which `near` and then `known` would have found, and the array keeps the object
                    // alive: no Python code runs here.
                    let object = unsafe { Bound::from_borrowed_ptr(py, object) };
                    let key = if let Ok(text) = object.cast::<PyString>() {
                        let Ok(text) = text.to_str() else { return Ok(None) };
                        texts.append_value(text);
                        count += 1;
                        count - 1
                    } else if object.cast::<PyFloat>().is_ok_and(|x| x.value().is_nan())
                        || nulls.iter().any(|null| object.get_type().is(null))
                    {
                        -1
                    } else {
                        return Ok(None);
                    };
                    known.insert(address, key);
                    key
                }
            };
            *near = (address, key);
        }
        keys.push(near.1);
        if known.len() > FIRST && known.len() > row / 4 {
            return Ok(None);
        }
    }
    if count == 0 {
        return Ok(None);
    }
    let keys = PyArray1::from_vec(py, keys);
    Dictionary::of_text(keys.cast::<PyUntypedArray>()?, Arc::new(texts.finish())).map(Some)
}
