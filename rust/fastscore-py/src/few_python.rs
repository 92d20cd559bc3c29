//! A few rows of Python's own containers by the short way: a dict of NumPy arrays, a list of dicts of numbers.

use fastscore_core::exec::{self, FEW_ROWS};
use fastscore_core::plan::Plan;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};

use crate::few::{self, Asked};
use crate::numpy_ffi;

/// The scores of such a container; None where the call must take the long way, whatever the reason.
pub fn score(plan: &Plan, data: &Bound<'_, PyAny>, asked: Asked) -> Option<exec::Scores> {
    if let Ok(columns) = data.cast_exact::<PyDict>() {
        return score_columns(plan, columns, asked);
    }
    score_records(plan, data.cast_exact::<PyList>().ok()?, asked)
}

fn score_columns(plan: &Plan, data: &Bound<'_, PyDict>, asked: Asked) -> Option<exec::Scores> {
    let (keys, columns) = numpy_ffi::columns(data, FEW_ROWS)?;
    let names = texts(&keys)?;
    let rows = columns.first()?.rows();
    few::run(data.py(), plan, rows, asked, |features, out| {
        let binding = exec::bind_numbers(plan.model(), &names)?;
        for (&feature, out) in features.iter().zip(out.chunks_exact_mut(rows)) {
            columns[binding[feature]?].read_columns(&[0], out);
        }
        Some(())
    })
}

fn score_records(plan: &Plan, data: &Bound<'_, PyList>, asked: Asked) -> Option<exec::Scores> {
    let rows = data.len();
    if rows == 0 || rows > FEW_ROWS {
        return None;
    }
    let first = data.get_item(0).ok()?.cast_into_exact::<PyDict>().ok()?;
    let keys = first.keys().iter().map(|key| key.cast_into_exact::<PyString>().ok()).collect::<Option<Vec<_>>>()?;
    let names = texts(&keys)?;
    // Row r of column c is at `c * rows + r`; None where it is no plain number.
    let mut cells = vec![None; keys.len() * rows];
    for (row, record) in data.iter().enumerate() {
        let record = record.cast_into_exact::<PyDict>().ok()?;
        // As many keys, and all of the first row's: the same ones.
        if record.len() != keys.len() {
            return None;
        }
        for (column, key) in keys.iter().enumerate() {
            cells[column * rows + row] = number(&record.get_item(key).ok()??);
        }
    }
    few::run(data.py(), plan, rows, asked, |features, out| {
        let binding = exec::bind_numbers(plan.model(), &names)?;
        for (&feature, out) in features.iter().zip(out.chunks_exact_mut(rows)) {
            let column = binding[feature]?;
            for (to, cell) in out.iter_mut().zip(&cells[column * rows..]) {
                *to = (*cell)?;
            }
        }
        Some(())
    })
}

fn texts<'a>(keys: &'a [Bound<'_, PyString>]) -> Option<Vec<&'a str>> {
    keys.iter().map(|key| key.to_str().ok()).collect()
}

/// A float, an integer of 64 bits, a boolean, or None, which is missing.
fn number(value: &Bound<'_, PyAny>) -> Option<f64> {
    if let Ok(value) = value.cast_exact::<PyFloat>() {
        Some(value.value())
    } else if let Ok(value) = value.cast_exact::<PyInt>() {
        value.extract::<i64>().ok().map(|value| value as f64)
    } else if let Ok(value) = value.cast_exact::<PyBool>() {
        Some(f64::from(u8::from(value.is_true())))
    } else {
        value.is_none().then_some(f64::NAN)
    }
}
