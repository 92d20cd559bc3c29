//! Engines for forests. Each gives the bits of [`crate::reference`].

mod bits_by_category;
mod categories;
pub(crate) mod oblivious;
pub(crate) mod planes;
mod segments;
pub(crate) mod sliced;
pub(crate) mod walk;

use std::fmt;

/// Why a forest does not fit an engine, in the words of `explain_plan()`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit(pub String);

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Nanoseconds that an engine takes, roughly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    /// For a call, whatever its rows.
    pub call: f64,
    /// For each row that is computed.
    pub row: f64,
    /// Rows are computed in multiples of this.
    pub step: usize,
}

impl Cost {
    /// Nanoseconds for so many rows.
    pub(crate) fn of(&self, rows: usize) -> f64 {
        self.call + self.row * rows.next_multiple_of(self.step) as f64
    }
}

/// A sum, rounded to float32 where `NARROW`: the same as adding in float32, since float64 has more than twice its digits.
#[inline(always)]
fn add<const NARROW: bool>(sum: f64, value: f64) -> f64 {
    if NARROW { f64::from((sum + value) as f32) } else { sum + value }
}
