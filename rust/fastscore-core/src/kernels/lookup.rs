//! Linear scores of columns, and of codes whose coefficients are looked up.
//!
//! ```text
//! y[o] = intercept[o]
//! for each term, in order, for each output o:
//!     number:  y[o] = fma(x, w[o], y[o])
//!     codes:   y[o] = y[o] + table[o][x]
//! ```
//! Rows are independent, and the sum over terms is never reordered. Bound: a row, code and output takes a load of a number
//! in the first cache level and an add.

use super::Columns;
use super::linear::add_product;
use crate::simd::Level;

/// A linear step whose one-hot columns are looked up.
#[derive(Debug)]
pub(crate) struct LinearLookup {
    /// Of each output.
    pub intercept: Vec<f64>,
    /// What is added, in order.
    pub terms: Vec<Term>,
}

/// What is added to the sums.
#[derive(Debug)]
pub(crate) enum Term {
    /// A column times a coefficient.
    Number {
        /// Of the input.
        column: usize,
        /// Of each output.
        coefficients: Vec<f64>,
    },
    /// The coefficient of a code.
    Lookup {
        /// Of the input.
        column: usize,
        /// Of each output.
        tables: Vec<Codes>,
    },
}

/// What is added for a code.
#[derive(Debug, Clone)]
pub(crate) struct Codes {
    /// For NaN.
    pub missing: f64,
    /// For what is no code.
    pub outside: f64,
    /// For code i.
    pub of_code: Vec<f64>,
    /// A zero that is added too.
    pub then: f64,
}

impl LinearLookup {
    /// `out[o * stride + r]`, for `rows` rows.
    pub(crate) fn run(&self, level: Level, input: &impl Columns, out: &mut [f64], stride: usize, rows: usize) {
        for (o, &intercept) in self.intercept.iter().enumerate() {
            out[o * stride..o * stride + rows].fill(intercept);
        }
        for term in &self.terms {
            match term {
                Term::Number { column, coefficients } => {
                    let x = input.column(*column);
                    for (&w, out) in coefficients.iter().zip(out.chunks_mut(stride)) {
                        add_product::<false>(level, w, x, &mut out[..rows]);
                    }
                }
                Term::Lookup { column, tables } => {
                    let x = input.column(*column);
                    for (table, out) in tables.iter().zip(out.chunks_mut(stride)) {
                        table.add(x, &mut out[..rows]);
                    }
                }
            }
        }
    }
}

impl Codes {
    fn add(&self, x: &[f64], sums: &mut [f64]) {
        for (sum, &x) in sums.iter_mut().zip(x) {
            // A cast saturates: what is below 0 becomes 0, so the sign decides first.
            let other = if x.is_nan() { self.missing } else { self.outside };
            let found = self.of_code.get(x as usize).copied().unwrap_or(other);
            let found = if x >= 0.0 { found } else { other };
            *sum = (*sum + found) + self.then;
        }
    }
}
