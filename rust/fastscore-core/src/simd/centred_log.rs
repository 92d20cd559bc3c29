//! Logarithms of shares over the row's geometric mean.

use super::exp::exp;
use super::level::{self, Level};
use super::log::log;
use super::softmax::pairwise_sum;
use super::vector::{Vector, Work, load_some, store_some};

/// Replaces each value by `log(x / g)`, with `g = exp(mean of the logarithms of the row)`, computed in
/// just those steps, the sum in NumPy's order; the same bits on every [`Level`]. It is the link of
/// scikit-learn's `MultinomialLogit` (`_loss/link.py`) over SciPy's `gmean`. The table is given as its
/// columns.
///
/// # Panics
///
/// When the columns differ in length.
pub fn centred_log(level: Level, columns: &mut [&mut [f64]]) {
    let rows = columns.first().map_or(0, |column| column.len());
    assert!(columns.iter().all(|column| column.len() == rows), "centred_log needs columns of one length");
    let mut logs: Vec<Vec<f64>> = columns.iter().map(|column| column.to_vec()).collect();
    logs.iter_mut().for_each(|column| log(level, column));
    let mut views: Vec<&mut [f64]> = logs.iter_mut().map(Vec::as_mut_slice).collect();
    let mut mean = vec![0.0; rows];
    level::run(level, PairwiseMean { columns: &mut views, mean: &mut mean });
    exp(level, &mut mean);
    for column in columns {
        for (x, mean) in column.iter_mut().zip(&mean) {
            *x /= mean;
        }
        log(level, column);
    }
}

struct PairwiseMean<'a, 'b> {
    columns: &'a mut [&'b mut [f64]],
    mean: &'a mut [f64],
}

impl Work for PairwiseMean<'_, '_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let count = self.columns.len() as f64;
        for start in (0..self.mean.len()).step_by(V::LANES) {
            let rows = start..self.mean.len().min(start + V::LANES);
            // SAFETY: the caller vouches for the processor.
            let zero = unsafe { load_some::<V>(&self.mean[rows.clone()]) }.splat(0.0);
            // SAFETY: as above.
            let sum = unsafe { pairwise_sum(self.columns, rows.clone(), zero) };
            store_some(sum.div(zero.splat(count)), &mut self.mean[rows]);
        }
    }
}
