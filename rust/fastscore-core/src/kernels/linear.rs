//! Linear scores of a block: accumulators stay in cache, each input column is read once, as it lies in memory.
//!
//! ```text
//! y[o] = intercept[o]
//! for each input j, for each output o:  y[o] = fma(x[j], w[o][j], y[o])
//! ```
//! Rows are the vector's lanes, the sum over inputs is never reordered: any width gives the same bits. Integers and float32
//! are converted in registers. The bound is the memory that the columns are in: beside a load of the column, an output takes a
//! load and a store of its sum, both in the first cache level, and one fused multiply-add.

use super::{Cells, Columns};
use crate::model::{Linear, Width};
use crate::simd::Level;
use crate::simd::bits::{self, BitWork, Bits};

/// Rows of which a column's numbers stay in the first cache level while all outputs read them.
const ROWS: usize = 2048;

/// `out[o * stride + r]`, for `rows` rows.
pub(crate) fn linear(level: Level, model: &Linear, input: &impl Columns, out: &mut [f64], stride: usize, rows: usize) {
    for (o, &intercept) in model.intercept.iter().enumerate() {
        out[o * stride..o * stride + rows].fill(intercept);
    }
    for j in 0..model.inputs {
        let cells = input.cells(j);
        for first in (0..rows).step_by(ROWS) {
            let here = first..rows.min(first + ROWS);
            for o in 0..model.outputs {
                let w = model.coefficients[o * model.inputs + j];
                let y = &mut out[o * stride..][here.clone()];
                if model.width == Width::Float32 {
                    add_product::<true>(level, w, &input.column(j)[here.clone()], y);
                    continue;
                }
                match cells {
                    Cells::F64(x) => add_product::<false>(level, w, &x[here.clone()], y),
                    Cells::F32(x) => add(level, w, &x[here.clone()], y, f64::from),
                    Cells::I8(x) => add(level, w, &x[here.clone()], y, f64::from),
                    Cells::I16(x) => add(level, w, &x[here.clone()], y, f64::from),
                    Cells::I32(x) => add(level, w, &x[here.clone()], y, f64::from),
                    Cells::I64(x) => add(level, w, &x[here.clone()], y, |x| x as f64),
                    Cells::U8(x) => add(level, w, &x[here.clone()], y, f64::from),
                    Cells::U16(x) => add(level, w, &x[here.clone()], y, f64::from),
                    Cells::U32(x) => add(level, w, &x[here.clone()], y, f64::from),
                    Cells::U64(x) => add(level, w, &x[here.clone()], y, |x| x as f64),
                }
            }
        }
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
