//! Linear scores of a block: accumulators stay in cache, each input column is read once.
//!
//! ```text
//! y[o] = intercept[o]
//! for each input j, for each output o:  y[o] = fma(x[j], w[o][j], y[o])
//! ```
//! Rows are the vector's lanes, the sum over inputs is never reordered: any width gives the same bits. The bound is one
//! load and one fused multiply-add a row, input and output: memory bandwidth for few outputs.

use super::Columns;
use crate::model::{Linear, Width};
use crate::simd::Level;

/// `out[o * stride + r]`, for `rows` rows.
pub(crate) fn linear(level: Level, model: &Linear, input: &impl Columns, out: &mut [f64], stride: usize, rows: usize) {
    for (o, &intercept) in model.intercept.iter().enumerate() {
        out[o * stride..o * stride + rows].fill(intercept);
    }
    for j in 0..model.inputs {
        let x = input.column(j);
        for o in 0..model.outputs {
            let (w, y) = (model.coefficients[o * model.inputs + j], &mut out[o * stride..o * stride + rows]);
            match model.width {
                Width::Float64 => add_product::<false>(level, w, x, y),
                Width::Float32 => add_product::<true>(level, w, x, y),
            }
        }
    }
}

/// `y = fma(x, w, y)`
pub(super) fn add_product<const NARROW: bool>(level: Level, w: f64, x: &[f64], y: &mut [f64]) {
    #[inline(always)]
    fn body<const NARROW: bool>(w: f64, x: &[f64], y: &mut [f64]) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = if NARROW { f64::from((x as f32).mul_add(w as f32, *y as f32)) } else { x.mul_add(w, *y) };
        }
    }
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma")]
        fn avx2<const NARROW: bool>(w: f64, x: &[f64], y: &mut [f64]) {
            body::<NARROW>(w, x, y);
        }
        #[target_feature(enable = "avx512f,avx512vl")]
        fn avx512<const NARROW: bool>(w: f64, x: &[f64], y: &mut [f64]) {
            body::<NARROW>(w, x, y);
        }
        match level {
            // SAFETY: `is_available` has found the features that the function is compiled for.
            Level::Avx512 if level.is_available() => return unsafe { avx512::<NARROW>(w, x, y) },
            // SAFETY: as above.
            Level::Avx2 if level.is_available() => return unsafe { avx2::<NARROW>(w, x, y) },
            _ => {}
        }
    }
    let _ = level;
    body::<NARROW>(w, x, y);
}
