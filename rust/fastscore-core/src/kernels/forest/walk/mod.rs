//! The walk engine: compact nodes, many rows in flight. Any forest, any number of rows.
//!
//! ```text
//! for each group of trees that fits the first cache level
//!   for each chunk of 256 rows
//!     for each tree of the group, for each 16 rows of the chunk:
//!       node = root;  repeat:  node = node.left + !(key[row][node.plane] <= node.threshold)
//!       until no row moves;  sum[row] += value[leaf of node]
//! ```
//! A step depends on the one before, so one walk waits for its loads; sixteen independent ones fill the core. Trees of
//! more than 16 levels, whose leaves lie at all depths, take the rows of a chunk two levels a pass instead and drop those
//! that have arrived from the list, without a branch (scan.rs). Siblings are neighbours (`right = left + 1`); a leaf is a
//! node that leads to itself (plane 0 holds what is at most any threshold), so the inner loop has no branch. Trees add
//! in source order, one rounding each.
//!
//! Layouts of a node, by what its key is (node.rs):
//!
//! | key | node | runs |
//! | --- | --- | --- |
//! | the value where it lies | 16 bytes: threshold, column, left | one tree, or a quarter as many as planes (direct.rs) |
//! | `f32` | 8 bytes: threshold, plane (10 bits) and left from the root (22 bits) | float32 sources, 1 023 planes, 2^22 nodes a tree |
//! | `u16` rank | 8 bytes: rank, plane, left | many trees of a float64 source, at most 4 095 distinct thresholds a feature |
//! | `f64` | 16 bytes: threshold, plane, left | everything else without categories |
//! | `f64` | 16 bytes: threshold or set, plane and a bit for categorical splits, left | categorical splits |
//!
//! A leaf's number is where its threshold would be. Keys are prepared for a block: row r of plane p is at
//! `keys[r * planes + p]`, so that the levels of a row read one or two cache lines. Bound: per row, tree and level two loads
//! (node, key), a compare and an add, some seven instructions.

mod direct;
mod node;
mod scan;
mod trees;

use super::categories::Sets;
use super::planes::{self, Planes};
use super::{Cost, add};
use crate::kernels::Columns;
use crate::model::{Forest, LinearLeaves, Width};
use crate::simd::Level;
use direct::DirectTrees;
use node::{CATEGORICAL, Mixed, Narrow, Ranked, Wide, nodes};
use trees::{Buffers, Trees};

/// From so many trees a plane on, ranks are worth their search.
const TREES_PER_PLANE: usize = 2;
/// Above this, the search for a rank costs more than wider nodes.
const MOST_RANKS: usize = 4095;

/// The engine: a forest in the smallest layout that holds it.
#[derive(Debug)]
pub(crate) struct Walk {
    layout: Layout,
}

#[derive(Debug)]
enum Layout {
    Ranked(Trees<Ranked>),
    Narrow(Trees<Narrow>),
    Wide(Trees<Wide>),
    Mixed(Trees<Mixed>),
    Direct(DirectTrees<false>),
    DirectNan(DirectTrees<true>),
}

/// The same for whichever layout a walk has.
macro_rules! any_layout {
    ($walk:expr, $trees:ident => $value:expr) => {
        match &$walk.layout {
            Layout::Ranked($trees) => $value,
            Layout::Narrow($trees) => $value,
            Layout::Wide($trees) => $value,
            Layout::Mixed($trees) => $value,
            Layout::Direct($trees) => $value,
            Layout::DirectNan($trees) => $value,
        }
    };
}

/// Scratch of one worker: keys for a block.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    ranked: Buffers<u16>,
    narrow: Buffers<f32>,
    wide: Buffers<f64>,
}

impl Layout {
    fn new(forest: &Forest, level: Level) -> Option<Self> {
        let sets = Sets::new(forest)?;
        let (planes, mut splits) = Planes::new(forest, &sets, level);
        if sets.len() > 0 {
            for split in &mut splits {
                if let Some(set) = split.set {
                    split.plane |= CATEGORICAL;
                    split.threshold = f64::from(set);
                }
            }
            let nodes = nodes(forest, &splits, |split| splits[split].threshold)?;
            return Some(Layout::Mixed(Trees::new(planes, (), sets, nodes)));
        }
        if direct::is_better(forest, &planes) {
            return Some(if direct::sends_left(forest) {
                Layout::DirectNan(DirectTrees::new(forest, &splits)?)
            } else {
                Layout::Direct(DirectTrees::new(forest, &splits)?)
            });
        }
        if forest.width == Width::Float32
            && let Some(nodes) = nodes::<Narrow>(forest, &splits, |split| splits[split].threshold as f32)
        {
            return Some(Layout::Narrow(Trees::new(planes, (), sets, nodes)));
        }
        // A rank costs about as much as a tree: it pays where many trees share it.
        if forest.trees() >= TREES_PER_PLANE * planes.len()
            && let Some(ranks) = planes::ranks(forest, &planes, &splits, MOST_RANKS)
        {
            let key = |split: usize| ranks.place(forest.feature[split] as u32, splits[split].threshold);
            if let Some(nodes) = nodes::<Ranked>(forest, &splits, key) {
                return Some(Layout::Ranked(Trees::new(planes, ranks, sets, nodes)));
            }
        }
        let nodes = nodes(forest, &splits, |split| splits[split].threshold)?;
        Some(Layout::Wide(Trees::new(planes, (), sets, nodes)))
    }
}

impl Walk {
    /// Lay out a checked forest. None when it has more nodes, or sets more words, than 32 bits count.
    pub(crate) fn new(forest: &Forest, level: Level) -> Option<Self> {
        Some(Walk { layout: Layout::new(forest, level)? })
    }

    /// Bytes of scratch that a row of a block takes.
    pub(crate) fn scratch_per_row(&self) -> usize {
        any_layout!(self, trees => trees.scratch_per_row())
    }

    /// Bytes of nodes.
    pub(crate) fn node_bytes(&self) -> usize {
        any_layout!(self, trees => trees.node_bytes())
    }

    /// Bytes of its arrays.
    pub(crate) fn bytes(&self) -> usize {
        any_layout!(self, trees => trees.bytes())
    }

    /// What it costs, with so much a row for what is added.
    pub(crate) fn cost(&self, sums: f64) -> Cost {
        let row = any_layout!(self, trees => trees.cost()) + sums;
        Cost::Rows { row, step: 1 }
    }

    /// For `explain_plan()`.
    pub(crate) fn describe(&self) -> String {
        let keys = match &self.layout {
            Layout::Ranked(_) => "u16 ranks",
            Layout::Narrow(_) => "float32 values",
            Layout::Wide(_) => "float64 values",
            Layout::Mixed(_) => "float64 values and categories",
            Layout::Direct(_) | Layout::DirectNan(_) => "values where they lie",
        };
        any_layout!(self, trees => trees.describe(keys))
    }

    /// Margins: `out[o * stride + r]`, which holds where the sums start, gets every tree's leaf value.
    pub(crate) fn sum(
        &self,
        forest: &Forest,
        input: &impl Columns,
        scratch: &mut Scratch,
        out: &mut [f64],
        stride: usize,
        rows: usize,
    ) {
        match (&forest.linear, forest.sum) {
            (Some(linear), _) => self.sum_linear(forest, linear, input, scratch, out, stride, rows),
            (None, Width::Float64) => self.sum_plain::<false>(forest, input, scratch, out, stride, rows),
            (None, Width::Float32) => self.sum_plain::<true>(forest, input, scratch, out, stride, rows),
        }
    }

    /// `NARROW`: every add is rounded to float32.
    fn sum_plain<const NARROW: bool>(
        &self,
        forest: &Forest,
        input: &impl Columns,
        scratch: &mut Scratch,
        out: &mut [f64],
        stride: usize,
        rows: usize,
    ) {
        if forest.leaf_width == 1 {
            self.run(input, scratch, rows, |tree, first, leaves| {
                let column = forest.first_output(tree) * stride + first;
                for (sum, &leaf) in out[column..column + leaves.len()].iter_mut().zip(leaves) {
                    *sum = add::<NARROW>(*sum, forest.leaf_value[leaf as usize]);
                }
            });
        } else if forest.leaf_width == 2 {
            let values = forest.leaf_value.as_chunks::<2>().0;
            self.run(input, scratch, rows, |_, first, leaves| {
                let (one, two) = out.split_at_mut(stride);
                let sums = one[first..].iter_mut().zip(&mut two[first..]);
                for ((one, two), &leaf) in sums.zip(leaves) {
                    let [first, second] = values[leaf as usize];
                    *one = add::<NARROW>(*one, first);
                    *two = add::<NARROW>(*two, second);
                }
            });
        } else {
            let width = forest.leaf_width;
            self.run(input, scratch, rows, |_, first, leaves| {
                for o in 0..width {
                    let column = o * stride + first;
                    for (sum, &leaf) in out[column..column + leaves.len()].iter_mut().zip(leaves) {
                        *sum = add::<NARROW>(*sum, forest.leaf_value[leaf as usize * width + o]);
                    }
                }
            });
        }
    }

    #[expect(clippy::too_many_arguments, reason = "those of `sum`")]
    fn sum_linear(
        &self,
        forest: &Forest,
        linear: &LinearLeaves,
        input: &impl Columns,
        scratch: &mut Scratch,
        out: &mut [f64],
        stride: usize,
        rows: usize,
    ) {
        self.run(input, scratch, rows, |tree, first, leaves| {
            let column = forest.first_output(tree) * stride;
            for (row, &leaf) in (first..).zip(leaves) {
                let leaf = leaf as usize;
                out[column + row] +=
                    linear.value(leaf, forest.leaf_value[leaf], |feature| forest.prepare(input.column(feature)[row]));
            }
        });
    }

    /// Leaf indicators: `out[o * stride + r]`, which holds 0, becomes 1 where a leaf of row r names column o.
    pub(crate) fn indicate(
        &self,
        forest: &Forest,
        input: &impl Columns,
        scratch: &mut Scratch,
        out: &mut [f64],
        stride: usize,
        rows: usize,
    ) {
        self.run(input, scratch, rows, |_, first, leaves| {
            for (row, &leaf) in (first..).zip(leaves) {
                out[forest.leaf_value[leaf as usize] as usize * stride + row] = 1.0;
            }
        });
    }

    /// The source's leaf numbers: row r of tree t is `out[t][r]`.
    pub(crate) fn leaf_ids(
        &self,
        forest: &Forest,
        input: &impl Columns,
        scratch: &mut Scratch,
        out: &mut [&mut [i32]],
        rows: usize,
    ) {
        self.run(input, scratch, rows, |tree, first, leaves| {
            for (id, &leaf) in out[tree][first..].iter_mut().zip(leaves) {
                *id = forest.leaf_id[leaf as usize];
            }
        });
    }

    /// Calls `visit(tree, first row, leaf of each row from there)`, each tree and row once, trees of a row in order.
    fn run(&self, input: &impl Columns, scratch: &mut Scratch, rows: usize, visit: impl FnMut(usize, usize, &[u32])) {
        match &self.layout {
            Layout::Ranked(trees) => trees.run(input, &mut scratch.ranked, rows, visit),
            Layout::Narrow(trees) => trees.run(input, &mut scratch.narrow, rows, visit),
            Layout::Wide(trees) => trees.run(input, &mut scratch.wide, rows, visit),
            Layout::Mixed(trees) => trees.run(input, &mut scratch.wide, rows, visit),
            Layout::Direct(trees) => trees.run(input, rows, visit),
            Layout::DirectNan(trees) => trees.run(input, rows, visit),
        }
    }
}
