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

use super::cells::{Bitmap, Cells, PIECE};
use super::{Columns, RowCells};
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

/// Add the products of all columns, of which up to four are read side by side.
fn columns(level: Level, model: &Linear, input: &impl Columns, out: &mut [f64], stride: usize, rows: usize) {
    let count = |j: usize| if model.width == Width::Float32 { 1 } else { (model.inputs - j).min(4) };
    let mut j = 0;
    while j < model.inputs {
        let columns = j..j + count(j);
        j = columns.end;
        let cells: [_; 4] = std::array::from_fn(|i| input.cells(columns.end.min(columns.start + i + 1) - 1));
        for first in (0..rows).step_by(ROWS) {
            let here = first..rows.min(first + ROWS);
            let mut sums = Sums { model, first: columns.start, out, stride, rows: here.clone() };
            if model.width == Width::Float32 {
                let x = &input.column(columns.start)[here];
                sums.each(|w, y| add_product::<true>(level, w[0], x, y));
                continue;
            }
            // Four columns of a type go through registers only.
            macro_rules! four {
                ($type:ident, $wide:expr) => {
                    if let [
                        (Cells::$type(a), None),
                        (Cells::$type(b), None),
                        (Cells::$type(c), None),
                        (Cells::$type(d), None),
                    ] = cells
                        && columns.len() == 4
                    {
                        let x = [a, b, c, d].map(|x| &x[here.clone()]);
                        sums.each(|w, y| bits::run(level, AddFour([w[0], w[1], w[2], w[3]], x, y, $wide)));
                        continue;
                    }
                };
            }
            four!(F64, |x| x);
            four!(F32, f64::from);
            four!(I8, f64::from);
            four!(I16, f64::from);
            four!(I32, f64::from);
            four!(I64, |x| x as f64);
            four!(U8, f64::from);
            four!(U16, f64::from);
            four!(U32, f64::from);
            four!(U64, |x| x as f64);
            bits::run(level, AddMixed { cells: &cells[..columns.len()], sums });
        }
    }
}

/// The sums of some rows, to which products of columns are added.
struct Sums<'a> {
    model: &'a Linear,
    /// The first of the columns.
    first: usize,
    out: &'a mut [f64],
    stride: usize,
    rows: Range<usize>,
}

impl Sums<'_> {
    /// For each output its coefficients from the first column on, and its sums.
    #[inline(always)]
    fn each(&mut self, mut add: impl FnMut(&[f64], &mut [f64])) {
        for o in 0..self.model.outputs {
            let w = &self.model.coefficients[o * self.model.inputs + self.first..];
            add(w, &mut self.out[o * self.stride..][self.rows.clone()]);
        }
    }
}

/// Columns of any types, with rows that are not valid, one after the other into each sum: 64 rows of them are made float64 in the
/// first cache level.
struct AddMixed<'a> {
    cells: &'a [(Cells<'a>, Option<Bitmap<'a>>)],
    sums: Sums<'a>,
}

impl BitWork for AddMixed<'_> {
    #[inline(always)]
    fn run(self, _: impl Bits) {
        let AddMixed { cells, mut sums } = self;
        let mut rooms = [[0.0; PIECE]; 4];
        let rows = sums.rows.clone();
        for at in rows.clone().step_by(PIECE) {
            let count = PIECE.min(rows.end - at);
            let mut x = [&[][..]; 4];
            for ((&(cells, valid), room), x) in cells.iter().zip(&mut rooms).zip(&mut x) {
                *x = cells.piece(valid, at, count, room);
            }
            sums.rows = at..at + count;
            let whole = x.map(|x| x.first_chunk::<PIECE>());
            sums.each(|w, y| match (whole, y.first_chunk_mut::<PIECE>()) {
                ([Some(a), Some(b), Some(c), Some(d)], Some(y)) => {
                    for ((((y, a), b), c), d) in y.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                        *y = d.mul_add(w[3], c.mul_add(w[2], b.mul_add(w[1], a.mul_add(w[0], *y))));
                    }
                }
                _ => {
                    for (x, &w) in x[..cells.len()].iter().zip(w) {
                        for (y, x) in y.iter_mut().zip(*x) {
                            *y = x.mul_add(w, *y);
                        }
                    }
                }
            });
        }
    }
}

/// `y = fma(x, w, y)`; each number rounded to float32 where `NARROW`.
pub(super) fn add_product<const NARROW: bool>(level: Level, w: f64, x: &[f64], y: &mut [f64]) {
    bits::run(level, AddProduct::<NARROW>(w, x, y));
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
