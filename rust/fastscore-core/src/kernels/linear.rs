//! Linear scores of a block: accumulators stay in cache, each input column is read once, as it lies in memory.
//!
//! ```text
//! y[o] = intercept[o]
//! for each input j, for each output o:  y[o] = fma(x[j], w[o][j], y[o])
//! ```
//! Rows are the vector's lanes, the sum over inputs is never reordered: any width gives the same bits. Integers and float32
//! are converted in registers. The bound is the memory that the columns are in: beside a load of the column, an output takes a
//! load and a store of its sum, both in the first cache level, and one fused multiply-add.

use std::ops::Range;

use super::{Cells, Columns, RowCells};
use crate::model::{Linear, Width};
use crate::simd::Level;
use crate::simd::bits::{self, BitWork, Bits};
use crate::simd::row_dots::{MOST_OUTPUTS, row_dots};

/// Rows of which a column's numbers stay in the first cache level while all outputs read them.
const ROWS: usize = 2048;

/// Bytes of the columns that rows are turned into at a time: within the second cache level. So few rows that their columns
/// lie in the first one made the calls for each column dearer than what they do (200 columns).
const TURNED: usize = 192 << 10;

/// `out[o * stride + r]`, for `rows` rows. `turned` is scratch.
pub(crate) fn linear(
    level: Level,
    model: &Linear,
    input: &impl Columns,
    turned: &mut Vec<f64>,
    out: &mut [f64],
    stride: usize,
    rows: usize,
) {
    let array = input.rows().filter(|_| model.width == Width::Float64);
    if let Some(array) = &array
        && model.outputs <= MOST_OUTPUTS
        && let Some(first) = array.side_by_side()
    {
        let (w, b) = (&model.coefficients, &model.intercept);
        let done = match array.cells {
            RowCells::F64(cells) => row_dots(level, &cells[first..], array.stride, rows, w, b, out, stride),
            RowCells::F32(cells) => row_dots(level, &cells[first..], array.stride, rows, w, b, out, stride),
        };
        if done {
            return;
        }
    }
    for (o, &intercept) in model.intercept.iter().enumerate() {
        out[o * stride..o * stride + rows].fill(intercept);
    }
    if let Some(array) = array {
        // An odd number of lines, so that columns do not all begin in one set of the cache.
        let tile = (TURNED / 8 / model.inputs).next_multiple_of(8).clamp(16, 1016) | 8;
        turned.resize(turned.len().max(tile * model.inputs), 0.0);
        for first in (0..rows).step_by(tile) {
            let count = tile.min(rows - first);
            if !array.turn(level, first, count, turned, tile) {
                return columns(level, model, input, out, stride, rows);
            }
            let here = Turned { data: turned, stride: tile, rows: count };
            columns(level, model, &here, &mut out[first..], stride, count);
        }
        return;
    }
    columns(level, model, input, out, stride, rows);
}

/// Columns in one buffer: row r of column c is at `c * stride + r`.
struct Turned<'a> {
    data: &'a [f64],
    stride: usize,
    rows: usize,
}

impl Columns for Turned<'_> {
    fn column(&self, c: usize) -> &[f64] {
        &self.data[c * self.stride..][..self.rows]
    }
}

/// Add the products of all columns, of which up to four of a type are read side by side.
fn columns(level: Level, model: &Linear, input: &impl Columns, out: &mut [f64], stride: usize, rows: usize) {
    let mut j = 0;
    while j < model.inputs {
        let four = model.width == Width::Float64 && model.inputs - j >= 4;
        let cells: [Cells; 4] = std::array::from_fn(|i| input.cells(if four { j + i } else { j }));
        for first in (0..rows).step_by(ROWS) {
            let here = first..rows.min(first + ROWS);
            for o in 0..model.outputs {
                let w = &model.coefficients[o * model.inputs + j..];
                let y = &mut out[o * stride..][here.clone()];
                if model.width == Width::Float32 {
                    add_product::<true>(level, w[0], &input.column(j)[here.clone()], y);
                    continue;
                }
                if let (true, [Cells::F64(a), Cells::F64(b), Cells::F64(c), Cells::F64(d)]) = (four, cells) {
                    let x = [a, b, c, d].map(|x| &x[here.clone()]);
                    bits::run(level, AddFour([w[0], w[1], w[2], w[3]], x, y, |x| x));
                    continue;
                }
                if let (true, [Cells::F32(a), Cells::F32(b), Cells::F32(c), Cells::F32(d)]) = (four, cells) {
                    let x = [a, b, c, d].map(|x| &x[here.clone()]);
                    bits::run(level, AddFour([w[0], w[1], w[2], w[3]], x, y, f64::from));
                    continue;
                }
                for (&w, &cells) in w.iter().zip(&cells[..if four { 4 } else { 1 }]) {
                    add_cells(level, w, cells, here.clone(), y);
                }
            }
        }
        j += if four { 4 } else { 1 };
    }
}

/// `y = fma(x, w, y)` for some rows of a column.
fn add_cells(level: Level, w: f64, cells: Cells, rows: Range<usize>, y: &mut [f64]) {
    match cells {
        Cells::F64(x) => add(level, w, &x[rows], y, |x| x),
        Cells::F32(x) => add(level, w, &x[rows], y, f64::from),
        Cells::I8(x) => add(level, w, &x[rows], y, f64::from),
        Cells::I16(x) => add(level, w, &x[rows], y, f64::from),
        Cells::I32(x) => add(level, w, &x[rows], y, f64::from),
        Cells::I64(x) => add(level, w, &x[rows], y, |x| x as f64),
        Cells::U8(x) => add(level, w, &x[rows], y, f64::from),
        Cells::U16(x) => add(level, w, &x[rows], y, f64::from),
        Cells::U32(x) => add(level, w, &x[rows], y, f64::from),
        Cells::U64(x) => add(level, w, &x[rows], y, |x| x as f64),
    }
}

/// `y = fma(x, w, y)`; each number rounded to float32 where `NARROW`.
pub(super) fn add_product<const NARROW: bool>(level: Level, w: f64, x: &[f64], y: &mut [f64]) {
    bits::run(level, AddProduct::<NARROW>(w, x, y));
}

fn add<T: Copy>(level: Level, w: f64, x: &[T], y: &mut [f64], wide: impl Fn(T) -> f64) {
    bits::run(level, AddConverted(w, x, y, wide));
}

struct AddProduct<'a, const NARROW: bool>(f64, &'a [f64], &'a mut [f64]);

impl<const NARROW: bool> BitWork for AddProduct<'_, NARROW> {
    #[inline(always)]
    fn run(self, _: impl Bits) {
        let AddProduct(w, x, y) = self;
        for (y, &x) in y.iter_mut().zip(x) {
            *y = if NARROW { f64::from((x as f32).mul_add(w as f32, *y as f32)) } else { x.mul_add(w, *y) };
        }
    }
}

struct AddConverted<'a, T, C>(f64, &'a [T], &'a mut [f64], C);

impl<T: Copy, C: Fn(T) -> f64> BitWork for AddConverted<'_, T, C> {
    #[inline(always)]
    fn run(self, _: impl Bits) {
        let AddConverted(w, x, y, wide) = self;
        for (y, &x) in y.iter_mut().zip(x) {
            *y = wide(x).mul_add(w, *y);
        }
    }
}

/// Four columns, one after the other, into each sum.
struct AddFour<'a, T, C>([f64; 4], [&'a [T]; 4], &'a mut [f64], C);

impl<T: Copy, C: Fn(T) -> f64> BitWork for AddFour<'_, T, C> {
    #[inline(always)]
    fn run(self, _: impl Bits) {
        let AddFour(w, [a, b, c, d], y, wide) = self;
        for ((((y, &a), &b), &c), &d) in y.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            let two = wide(b).mul_add(w[1], wide(a).mul_add(w[0], *y));
            *y = wide(d).mul_add(w[3], wide(c).mul_add(w[2], two));
        }
    }
}
