//! Engines for forests. Each gives the bits of [`crate::reference`].

mod bits_by_category;
mod categories;
pub(crate) mod oblivious;
pub(crate) mod planes;
mod segments;
pub(crate) mod sliced;
pub(crate) mod walk;

use std::fmt;

use crate::model::Forest;
use crate::simd::add;
use crate::simd::bits::WORD;

/// Rows of a pass that computes many at once: as few as the rows left need.
const PASSES: [usize; 3] = [WORD, 256, 512];

/// Which of [`PASSES`] is taken for so many rows left.
fn pass_for(left: usize) -> usize {
    PASSES.partition_point(|&rows| rows < left).min(PASSES.len() - 1)
}

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
    /// So much for each of [`PASSES`].
    Passes([f64; PASSES.len()]),
}

impl Cost {
    /// Nanoseconds for so many rows.
    pub(crate) fn of(&self, rows: usize) -> f64 {
        match *self {
            Cost::Rows { row, step } => row * rows.next_multiple_of(step) as f64,
            Cost::Few { most, few, row } => rows as f64 * if rows <= most { few } else { row },
            Cost::Passes(passes) => {
                let last = PASSES.len() - 1;
                let rest = rows % PASSES[last];
                let part = if rest == 0 { 0.0 } else { passes[pass_for(rest)] };
                (rows / PASSES[last]) as f64 * passes[last] + part
            }
        }
    }
}

/// The trees, those of one output side by side and in the source's order: their sums are independent of the others'.
fn by_output(forest: &Forest) -> Vec<usize> {
    let mut trees: Vec<usize> = (0..forest.trees()).collect();
    trees.sort_by_key(|&tree| forest.first_output(tree));
    trees
}
