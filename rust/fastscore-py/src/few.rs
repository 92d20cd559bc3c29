//! A few rows of a NumPy array, by the short way: an array comes out, made in NumPy's own memory.

use fastscore_core::exec::{self, Data, FEW_ROWS, OnRefused, Output};
use fastscore_core::plan::Plan;
use numpy::{Element, PyArray1, PyArray2, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::model::Threads;
use crate::numpy_ffi::NumpyArray;

/// Nanoseconds up to which a call keeps the GIL: to hand it over and get it back takes as long.
const KEEP_GIL: f64 = 20_000.0;

/// The scores of a few rows; None where the call must take the long way, whatever the reason.
pub fn score<'py>(
    plan: &Plan,
    data: &Bound<'py, PyAny>,
    output: &Bound<'py, PyAny>,
    threads: &Bound<'py, PyAny>,
    missing: &Bound<'py, PyAny>,
) -> Option<Bound<'py, PyAny>> {
    let output = Output::parse(output.extract().ok()?).ok()?;
    // Limits that are no numbers are errors, even if one thread is all that it takes.
    exec::thread_limit(threads.extract::<Threads>().ok()?.0).ok()?;
    let on_refused = match missing.extract().ok()? {
        "source" => OnRefused::Raise,
        "propagate" => OnRefused::Null,
        _ => return None,
    };
    let array = data.cast_exact::<PyUntypedArray>().ok()?;
    if array.ndim() != 2 || array.shape()[0] > FEW_ROWS || array.shape()[1] != plan.model().features().count {
        return None;
    }
    let array = NumpyArray::in_place(array)?;
    let rows = array.rows();
    if !array.is_numbers() {
        return None;
    }
    let read = |columns: &[usize], out: &mut [f64]| array.read_columns(columns, out);
    let score = || exec::score_few(plan, rows, output, on_refused, read);
    let scores = if plan.cost(rows) <= KEEP_GIL { score() } else { data.py().detach(score) }?;
    let [group] = scores.groups.as_slice() else { return None };
    let one = group.columns == 1 && matches!(output, Output::Prediction | Output::Margin | Output::Score);
    // Labels of several columns, and integers that may be null, become objects.
    if group.codes_of.is_some() && !one || matches!(group.data, Data::I32(_)) && on_refused == OnRefused::Null {
        return None;
    }
    let py = data.py();
    Some(match &group.data {
        Data::F64(values) => array_of(py, values, rows, one),
        Data::F32(values) => array_of(py, values, rows, one),
        Data::I32(values) => array_of(py, values, rows, one),
    })
}

/// Columns one after another as an array: of one dimension, or of two in Fortran's order.
fn array_of<'py, T: Element + Copy>(py: Python<'py>, values: &[T], rows: usize, one: bool) -> Bound<'py, PyAny> {
    if one {
        return PyArray1::from_slice(py, values).into_any();
    }
    let columns = values.len() / rows;
    // SAFETY: the array is not seen before it is filled, element by element, below: T is Copy, so what was there before
    // needs no drop, and the array holds rows * columns elements, which is at most `values.len()`.
    unsafe {
        let array = PyArray2::<T>::new(py, [rows, columns], true);
        std::ptr::copy_nonoverlapping(values.as_ptr(), array.data(), rows * columns);
        array.into_any()
    }
}
