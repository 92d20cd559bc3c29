//! Weighted sums of distances along columns: squared distances to centres, quadratic forms of Gaussians.

use super::Metric;

/// `y[o] = start[o] + sum over o's terms of weight * m(x[column] - center)`, in the order of the terms: m squares
/// (`fma(weight * d, d, y)`) or takes the absolute value (`fma(weight, |d|, y)`).
#[derive(Debug, Clone, PartialEq)]
pub struct Distances {
    /// What is done with differences.
    pub metric: Metric,
    /// Terms of output o: `offset[o] .. offset[o + 1]`.
    pub offset: Vec<i64>,
    /// Of each term, the input's column.
    pub column: Vec<i32>,
    /// What is subtracted from it.
    pub center: Vec<f64>,
    /// The factor.
    pub weight: Vec<f64>,
    /// `[outputs]`: where the sums start.
    pub start: Vec<f64>,
}

impl Distances {
    /// The terms of an output.
    pub fn terms(&self, output: usize) -> std::ops::Range<usize> {
        self.offset[output] as usize..self.offset[output + 1] as usize
    }
}
