//! A matrix product with intercept.

use super::Width;

/// `y[o] = intercept[o] + sum_j coefficients[o * inputs + j] * x[j]`, summed from the intercept in input order with
/// fused multiply-add.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// Columns read.
    pub inputs: usize,
    /// Columns given.
    pub outputs: usize,
    /// Row-major `[outputs, inputs]`.
    pub coefficients: Vec<f64>,
    /// `[outputs]`.
    pub intercept: Vec<f64>,
    /// The width of every number: at float32 the input is rounded to it, and each fused multiply-add is one of float32.
    pub width: Width,
}
