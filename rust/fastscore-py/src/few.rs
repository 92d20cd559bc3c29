//! A few rows by the short way. Of a NumPy array comes an array, made in NumPy's own memory.

use fastscore_core::exec::table::Numbers;
use fastscore_core::exec::{self, Data, FEW_ROWS, OnRefused, Output};
use fastscore_core::plan::Plan;
use numpy::{Element, PyArray1, PyArray2, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use crate::arrow_ffi::Arrays;
use crate::arrow_plain::{self, Kind};
use crate::model::Threads;
use crate::numpy_ffi::NumpyArray;

/// Nanoseconds up to which a call keeps the GIL: to hand it over and get it back takes as long.
const KEEP_GIL: f64 = 20_000.0;

/// The output that a call asks for, and what becomes of refused rows.
pub type Asked = (Output, OnRefused);

/// What a call asks for; None where an argument is out of the ordinary, which is for the long way to say.
pub fn asked(output: &Bound<'_, PyAny>, threads: &Bound<'_, PyAny>, missing: &Bound<'_, PyAny>) -> Option<Asked> {
    let output = Output::parse(output.extract().ok()?).ok()?;
    // Limits that are no numbers are errors, even if one thread is all that it takes.
    exec::thread_limit(threads.extract::<Threads>().ok()?.0).ok()?;
    match missing.extract().ok()? {
        "source" => Some((output, OnRefused::Raise)),
        "propagate" => Some((output, OnRefused::Null)),
        _ => None,
    }
}

/// The scores of a few rows of a matrix, whose columns have names or are the features; None where the call must take the long
/// way, whatever the reason.
pub fn score(
    plan: &Plan,
    data: &Bound<'_, PyAny>,
    names: Option<&Bound<'_, PyList>>,
    (output, on_refused): Asked,
) -> Option<exec::Scores> {
    let array = data.cast_exact::<PyUntypedArray>().ok()?;
    if array.ndim() != 2 || array.shape()[0] > FEW_ROWS {
        return None;
    }
    let columns = array.shape()[1];
    let array = NumpyArray::in_place(array)?;
    if !array.is_numbers() {
        return None;
    }
    let rows = array.rows();
    let Some(names) = names else {
        if columns != plan.model().features().count {
            return None;
        }
        return run(data.py(), plan, rows, (output, on_refused), |features, out| {
            array.read_columns(features, out);
            Some(())
        });
    };
    let names = names.iter().map(|name| name.cast_into::<PyString>().ok()).collect::<Option<Vec<_>>>()?;
    let names = names.iter().map(|name| name.to_str().ok()).collect::<Option<Vec<_>>>()?;
    if names.len() != columns {
        return None;
    }
    run(data.py(), plan, rows, (output, on_refused), |features, out| {
        let binding = exec::bind_numbers(plan.model(), &names)?;
        let columns = features.iter().map(|&feature| binding[feature]).collect::<Option<Vec<_>>>()?;
        array.read_columns(&columns, out);
        Some(())
    })
}

/// The scores of a few rows of Arrow columns; None where the call must take the long way.
pub fn score_arrow(py: Python<'_>, plan: &Plan, data: &Arrays, asked: Asked) -> Option<exec::Scores> {
    let [array] = data.arrays.as_slice() else { return None };
    let rows = array.len();
    if rows > FEW_ROWS || !arrow_plain::is_plain(array) || data.schema.format() != arrow_plain::STRUCT {
        return None;
    }
    let names: Vec<_> = data.schema.children().map(|column| column.name().unwrap_or("")).collect();
    let kinds: Vec<_> = data.schema.children().map(Kind::of).collect();
    if names.len() != array.num_children() {
        return None;
    }
    run(py, plan, rows, asked, |features, out| {
        let binding = exec::bind_numbers(plan.model(), &names)?;
        for (&feature, out) in features.iter().zip(out.chunks_exact_mut(rows)) {
            let column = binding[feature]?;
            let kind = kinds[column]?;
            // SAFETY: the schema describes the array, as its producer must have seen to, and both outlive the cells.
            let cells = unsafe { arrow_plain::cells(array.child(column), kind, rows) }?;
            Numbers::one(cells.chunk()).read(plan.level(), 0, out);
        }
        Some(())
    })
}

/// The scores of so many rows, which `read` reads without Python; see [`exec::score_few`].
pub fn run(
    py: Python<'_>,
    plan: &Plan,
    rows: usize,
    (output, on_refused): Asked,
    read: impl FnOnce(&[usize], &mut [f64]) -> Option<()> + Send,
) -> Option<exec::Scores> {
    let score = || exec::score_few(plan, rows, output, on_refused, read);
    if plan.cost(rows) <= KEEP_GIL { score() } else { py.detach(score) }
}

/// The scores as one array; None where they are none, or become objects.
pub fn to_array<'py>(py: Python<'py>, scores: &exec::Scores, (output, on_refused): Asked) -> Option<Bound<'py, PyAny>> {
    let [group] = scores.groups.as_slice() else { return None };
    let one = group.columns == 1 && matches!(output, Output::Prediction | Output::Margin | Output::Score);
    // Labels of several columns, and integers that may be null, become objects.
    if group.codes_of.is_some() && !one || matches!(group.data, Data::I32(_)) && on_refused == OnRefused::Null {
        return None;
    }
    let rows = scores.rows;
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
