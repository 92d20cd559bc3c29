//! Engines for forests. Each gives the bits of [`crate::reference`].

pub(crate) mod abreast;
mod bits_by_category;
mod categories;
pub(crate) mod oblivious;
pub(crate) mod planes;
mod segments;
pub(crate) mod sliced;
pub(crate) mod tiled;
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

/// Rows that [`abreast`] takes at once: as few as the rows left need.
const BLOCKS: [usize; 4] = [1, 2, 4, 8];

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
    /// So much for each of [`PASSES`].
    Passes([f64; PASSES.len()]),
    /// So much for each of [`BLOCKS`].
    Blocks([f64; BLOCKS.len()]),
}

impl Cost {
    /// Nanoseconds for so many rows.
    pub(crate) fn of(&self, rows: usize) -> f64 {
        match *self {
            Cost::Rows { row, step } => row * rows.next_multiple_of(step) as f64,
            Cost::Passes(costs) => in_parts(&PASSES, &costs, rows),
            Cost::Blocks(costs) => in_parts(&BLOCKS, &costs, rows),
        }
    }
}

/// Nanoseconds for rows in parts of so many rows: the largest, and for what is left as few as it needs.
fn in_parts(parts: &[usize], costs: &[f64], rows: usize) -> f64 {
    let last = parts.len() - 1;
    let rest = rows % parts[last];
    let part = if rest == 0 { 0.0 } else { costs[parts.partition_point(|&rows| rows < rest)] };
    (rows / parts[last]) as f64 * costs[last] + part
}

/// The trees, those of one output side by side and in the source's order: their sums are independent of the others'.
fn by_output(forest: &Forest) -> Vec<usize> {
    let mut trees: Vec<usize> = (0..forest.trees()).collect();
    trees.sort_by_key(|&tree| forest.first_output(tree));
    trees
}
