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
pub(crate) enum Cost {
    /// So much a row, in multiples of `step` rows.
    Rows { row: f64, step: usize },
    /// `few` a row for up to `most` rows, `row` a row for more.
    Few { most: usize, few: f64, row: f64 },
    /// So much a pass for up to 64, 256 and 512 rows.
    Passes([f64; 3]),
}

impl Cost {
    /// Nanoseconds for so many rows.
    pub(crate) fn of(&self, rows: usize) -> f64 {
        match *self {
            Cost::Rows { row, step } => row * rows.next_multiple_of(step) as f64,
            Cost::Few { most, few, row } => rows as f64 * if rows <= most { few } else { row },
            Cost::Passes([few, some, many]) => {
                let last = match rows % 512 {
                    0 => 0.0,
                    1..=64 => few,
                    65..=256 => some,
                    _ => many,
                };
                (rows / 512) as f64 * many + last
            }
        }
    }
}

/// A sum, rounded to float32 where `NARROW`: the same as adding in float32, since float64 has more than twice its digits.
#[inline(always)]
fn add<const NARROW: bool>(sum: f64, value: f64) -> f64 {
    if NARROW { f64::from((sum + value) as f32) } else { sum + value }
}
