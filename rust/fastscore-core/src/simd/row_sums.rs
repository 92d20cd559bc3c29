//! Sums of rows in NumPy's order, and rows divided by their norms.

use super::level::{self, Level};
use super::softmax::pairwise_sum;
use super::vector::{Vector, Work, load_some, store_some};
use crate::model::Norm;

/// Norms below this count as 0: rows of them stay, as scikit-learn's `normalize` has it.
const NO_NORM: f64 = 10.0 * f64::EPSILON;

/// The sum of each row in NumPy's order of a row-major array. `sums` is as long as the columns.
pub(crate) fn pairwise_sums(level: Level, columns: &[&mut [f64]], sums: &mut [f64]) {
    level::run(level, PairwiseSums { columns, sums });
}

struct PairwiseSums<'a, 'b> {
    columns: &'a [&'b mut [f64]],
    sums: &'a mut [f64],
}

impl Work for PairwiseSums<'_, '_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        for start in (0..self.sums.len()).step_by(V::LANES) {
            let rows = start..self.sums.len().min(start + V::LANES);
            // SAFETY: the caller vouches for the processor.
            let zero = unsafe { load_some::<V>(&self.sums[rows.clone()]) }.splat(0.0);
            // SAFETY: as above.
            let sum = unsafe { pairwise_sum(self.columns, rows.clone(), zero) };
            store_some(sum, &mut self.sums[rows]);
        }
    }
}

/// Divides each row by its norm; rows of a norm below ten times the distance of 1 to the next number stay. Sums are in
/// NumPy's order; the same bits on every [`Level`].
///
/// # Panics
///
/// When the columns differ in length.
pub fn normalize_rows(level: Level, norm: Norm, columns: &mut [&mut [f64]]) {
    let rows = columns.first().map_or(0, |column| column.len());
    assert!(columns.iter().all(|column| column.len() == rows), "normalize_rows needs columns of one length");
    let mut norms = vec![0.0; rows];
    if norm == Norm::Max {
        for (c, column) in columns.iter().enumerate() {
            for (norm, x) in norms.iter_mut().zip(column.iter()) {
                let x = x.abs();
                // NaN is the largest, as in NumPy.
                *norm = if c > 0 && (*norm >= x || norm.is_nan()) { *norm } else { x };
            }
        }
    } else {
        let size = |x: &f64| if norm == Norm::L1 { x.abs() } else { x * x };
        let mut sizes: Vec<Vec<f64>> = columns.iter().map(|column| column.iter().map(size).collect()).collect();
        let views: Vec<&mut [f64]> = sizes.iter_mut().map(Vec::as_mut_slice).collect();
        pairwise_sums(level, &views, &mut norms);
        if norm == Norm::L2 {
            norms.iter_mut().for_each(|norm| *norm = norm.sqrt());
        }
    }
    norms.iter_mut().filter(|norm| **norm < NO_NORM).for_each(|norm| *norm = 1.0);
    for column in columns {
        column.iter_mut().zip(&norms).for_each(|(x, norm)| *x /= norm);
    }
}
