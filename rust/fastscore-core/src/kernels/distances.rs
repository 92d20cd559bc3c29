//! Weighted sums of distances along columns, an output and a term at a time: rows are the vector's lanes.
//!
//! The bound is a load of the column, a load and a store of the sum, and two or three operations a row and term.

use super::Columns;
use crate::model::{Distances, Metric};
use crate::simd::Level;
use crate::simd::bits::{self, BitWork, Bits};

/// `out[o * stride + r]`, for `rows` rows.
pub(crate) fn distances(
    level: Level,
    model: &Distances,
    input: &impl Columns,
    out: &mut [f64],
    stride: usize,
    rows: usize,
) {
    for (o, (out, &start)) in out.chunks_mut(stride).zip(&model.start).enumerate() {
        let out = &mut out[..rows];
        out.fill(start);
        for term in model.terms(o) {
            let (center, weight) = (model.center[term], model.weight[term]);
            let x = input.column(model.column[term] as usize);
            bits::run(level, Add { metric: model.metric, center, weight, x, out });
        }
    }
}

struct Add<'a> {
    metric: Metric,
    center: f64,
    weight: f64,
    x: &'a [f64],
    out: &'a mut [f64],
}

impl BitWork for Add<'_> {
    #[inline(always)]
    fn run(self, _: impl Bits) {
        let Add { metric, center, weight, x, out } = self;
        match metric {
            Metric::Squared => {
                for (y, &x) in out.iter_mut().zip(x) {
                    let d = x - center;
                    *y = (weight * d).mul_add(d, *y);
                }
            }
            Metric::Absolute => {
                for (y, &x) in out.iter_mut().zip(x) {
                    *y = (x - center).abs().mul_add(weight, *y);
                }
            }
        }
    }
}
