//! Logarithms of shares over the row's geometric mean.

use super::exp::exp;
use super::level::Level;
use super::log::log;
use super::row_sums::pairwise_sums;

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
    let views: Vec<&mut [f64]> = logs.iter_mut().map(Vec::as_mut_slice).collect();
    let mut mean = vec![0.0; rows];
    pairwise_sums(level, &views, &mut mean);
    mean.iter_mut().for_each(|mean| *mean /= columns.len() as f64);
    exp(level, &mut mean);
    for column in columns {
        for (x, mean) in column.iter_mut().zip(&mean) {
            *x /= mean;
        }
        log(level, column);
    }
}
