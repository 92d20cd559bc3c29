//! Linear scores of a block: accumulators stay in cache, each input column is read once.
//!
//! ```text
//! y[o] = intercept[o]
//! for each input j, for each output o:  y[o] = fma(x[j], w[o][j], y[o])
//! ```
//! Rows are the vector's lanes, the sum over inputs is never reordered: any width gives the same bits. The bound is one
//! load and one fused multiply-add a row, input and output: memory bandwidth for few outputs.

use super::Columns;
use crate::model::Linear;
use crate::simd::Level;

/// `out[o * stride + r]`, for `rows` rows.
pub(crate) fn linear(level: Level, model: &Linear, input: &impl Columns, out: &mut [f64], stride: usize, rows: usize) {
    for (o, &intercept) in model.intercept.iter().enumerate() {
        out[o * stride..o * stride + rows].fill(intercept);
    }
    for j in 0..model.inputs {
        let x = input.column(j);
        for o in 0..model.outputs {
            add_product(level, model.coefficients[o * model.inputs + j], x, &mut out[o * stride..o * stride + rows]);
        }
    }
}

/// `y = fma(x, w, y)`
pub(super) fn add_product(level: Level, w: f64, x: &[f64], y: &mut [f64]) {
    #[inline(always)]
    fn body(w: f64, x: &[f64], y: &mut [f64]) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = x.mul_add(w, *y);
        }
    }
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma")]
        fn avx2(w: f64, x: &[f64], y: &mut [f64]) {
            body(w, x, y);
        }
        #[target_feature(enable = "avx512f,avx512vl")]
        fn avx512(w: f64, x: &[f64], y: &mut [f64]) {
            body(w, x, y);
        }
        match level {
            // SAFETY: `is_available` has found the features that the function is compiled for.
            Level::Avx512 if level.is_available() => return unsafe { avx512(w, x, y) },
            // SAFETY: as above.
            Level::Avx2 if level.is_available() => return unsafe { avx2(w, x, y) },
            _ => {}
        }
    }
    let _ = level;
    body(w, x, y);
}
