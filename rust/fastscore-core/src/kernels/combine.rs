//! Two or more values to one, element by element, and rows of a table found by their numbers.

use super::Columns;
use super::activation::pairs;
use crate::model::{Arithmetic, Combine, Embedding};
use crate::simd::Level;

/// `out[c * stride + r]`: the first value's numbers, a single column of them over and over.
pub(crate) fn start(model: &Combine, input: &impl Columns, count: usize, out: &mut [f64], stride: usize, rows: usize) {
    for (c, out) in out.chunks_mut(stride).enumerate() {
        let from = input.column(if count == 1 { 0 } else { c });
        out[..rows].iter_mut().zip(from).for_each(|(to, &from)| *to = model.width.round(from));
    }
}

/// `out[c * stride + r]` with the number of another value.
pub(crate) fn with(
    level: Level,
    model: &Combine,
    other: &impl Columns,
    count: usize,
    out: &mut [f64],
    stride: usize,
    rows: usize,
) {
    for (c, out) in out.chunks_mut(stride).enumerate() {
        let by = other.column(if count == 1 { 0 } else { c });
        let (out, round) = (&mut out[..rows], |x: f64| model.width.round(x));
        match model.how {
            Arithmetic::Sum => pairs(level, out, by, |a, b| round(a + round(b))),
            Arithmetic::Product => pairs(level, out, by, |a, b| round(a * round(b))),
            Arithmetic::Difference => pairs(level, out, by, |a, b| round(a - round(b))),
            Arithmetic::Quotient => pairs(level, out, by, |a, b| round(a / round(b))),
            Arithmetic::Minimum => pairs(level, out, by, |a, b| Arithmetic::Minimum.of(a, round(b))),
            Arithmetic::Maximum => pairs(level, out, by, |a, b| Arithmetic::Maximum.of(a, round(b))),
            Arithmetic::Mask => pairs(level, out, by, |a, b| Arithmetic::Mask.of(a, round(b))),
        }
    }
}

/// `out[c * stride + r]`: column by column of the input the columns of the table.
pub(crate) fn embedding(model: &Embedding, input: &impl Columns, out: &mut [f64], stride: usize, rows: usize) {
    for (&column, out) in model.columns.iter().zip(out.chunks_mut(model.dims * stride)) {
        for (r, &number) in input.column(column)[..rows].iter().enumerate() {
            match model.row(number) {
                Some(row) => row.iter().enumerate().for_each(|(d, &x)| out[d * stride + r] = x),
                None => (0..model.dims).for_each(|d| out[d * stride + r] = f64::NAN),
            }
        }
    }
}
