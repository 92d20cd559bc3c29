//! The bit-sliced engine: a tree for up to 512 rows at a time, in bitwise operations.
//!
//! The trees of a boosted model share few distinct conditions (feature, threshold, side of missing), and each is
//! evaluated once a row:
//!
//! ```text
//! ranks       key[feature][row] = number of the feature's thresholds below x            (planes.rs)
//! conditions  bitmap[c] = rows whose key is at most c's rank, one bit a row; for categorical conditions by a table of
//!             the conditions that each category meets (bits_by_category.rs)
//! for each tree
//!   reach     reach[root] = all rows;  for each split, level by level:
//!               reach[left] = reach & bitmap,  reach[right] = reach & !bitmap
//!   number    bit b of a row's leaf number = OR of the reach of the leaves whose number has bit b,
//!             spread from bits to one byte a row
//!   value     sum[row] += value[leaf number of row], trees in source order
//! ```
//! Every row goes through every split, without a branch, a gather or a wait: two loads, two operations and two stores
//! a split for all rows. The sum keeps the source's order, one rounding a tree.
//!
//! Masks have 512 rows (with AVX2 too: 256 took a fifth longer), 256 for up to so many, and 64, a plain word, for up to
//! 64: the layout does not depend on it.
//!
//! Layouts: a tree's splits are numbered level by level, and so are its leaves; split i is at reach slot i, leaf j at
//! slot `splits + j`. (Depth first, each split waits for the store of the one before.) Leaf j of tree t has the
//! value `value[t.value + j * leaf_width + column]`, or, where the processor permutes bytes, a table for each column
//! (`simd/leaf_table.rs`). Keys are bytes (`segments.rs`).
//! Conditions are numbered within a chunk of trees whose bitmaps stay in the second cache level.
//!
//! Bound for W words of 64 rows: a split takes two loads and two stores of W words, a leaf one load, and W words are
//! spread by a byte's bits, looked up and added: with AVX-512, 8 + 24 + 8 vector instructions a word and tree
//! (`docs/kernels.md` has what was measured).

mod cost;
mod layout;
mod pass;

use std::ops::Range;

use super::bits_by_category::Group;
use super::planes::Planes;
use super::segments::Segments;
use super::{Cost, PASSES, pass_for};
use crate::kernels::Columns;
use crate::model::Width;
use crate::simd::Level;
use crate::simd::bits::{self, WORD};
use crate::simd::leaf_table::{LeafTable, LeafTables};
use crate::simd::rank::Ranks;
use pass::{Numbers, Pass, Target};

/// Planes whose keys, 1 KB each, a worker keeps: 8 MB at most.
const MAX_PLANES: usize = 8192;
/// The most leaves of a tree. A row passes every split, so that larger trees are better walked.
const MAX_LEAVES: usize = 1024;
/// Conditions of a chunk: 256 KiB of bitmaps for 512 rows.
const CHUNK_CONDITIONS: usize = 4096;

/// `key[plane] <= rank`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Condition {
    plane: u32,
    rank: u8,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    /// Index of the chunk's bitmap.
    condition: u32,
    /// Reach slots of the children.
    left: u16,
    right: u16,
}

#[derive(Debug)]
struct Tree {
    /// Its splits are `nodes[first .. first + splits]`.
    first: usize,
    splits: usize,
    leaves: usize,
    /// Where its leaves start in `leaf_id`.
    leaf: usize,
    /// Where its leaves' values start in `value`, if it has no tables.
    value: usize,
    /// Where its tables, one a column of its leaves, start in `table`.
    table: Option<usize>,
    /// Its number in the forest.
    number: usize,
    /// The output that it adds to.
    output: usize,
}

/// Trees with their own list of conditions.
#[derive(Debug, Default)]
struct Chunk {
    conditions: Vec<Condition>,
    /// Categorical conditions, numbered after the others.
    groups: Vec<Group>,
    trees: Vec<Tree>,
}

impl Chunk {
    /// How many conditions, categorical ones included.
    fn bitmaps(&self) -> usize {
        self.groups.last().map_or(self.conditions.len(), |group| group.first + group.count)
    }
}

/// A forest laid out for this engine: 8 bytes a split, and a leaf's values and 4 bytes a leaf.
#[derive(Debug)]
pub(crate) struct Sliced {
    planes: Planes,
    ranks: Ranks,
    segments: Segments,
    chunks: Vec<Chunk>,
    nodes: Vec<Node>,
    value: Vec<f64>,
    tables: Option<LeafTables>,
    table: Vec<LeafTable>,
    /// The source's number of each leaf.
    leaf_id: Vec<i32>,
    leaf_width: usize,
    /// The width to which every add is rounded.
    sum: Width,
    /// The most splits and leaves that a tree has.
    most_slots: usize,
    /// Words of the categories' tables.
    table_words: usize,
}

/// Scratch of one worker.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Row r of plane p is at `p * stride + r`, with as many rows a plane as a mask has.
    keys: Vec<u16>,
    /// Row r of byte plane p, likewise.
    bytes: Vec<u8>,
    bitmaps: Vec<u64>,
    reach: Vec<u64>,
    /// Low bytes of a tree's leaf numbers, then high ones, tree by tree.
    numbers: Vec<u8>,
}

impl Sliced {
    /// Bytes of its arrays.
    pub(crate) fn bytes(&self) -> usize {
        let chunk = |chunk: &Chunk| {
            size_of_val(chunk.conditions.as_slice())
                + size_of_val(chunk.trees.as_slice())
                + chunk.groups.iter().map(Group::bytes).sum::<usize>()
        };
        self.planes.bytes()
            + self.ranks.bytes()
            + self.chunks.iter().map(chunk).sum::<usize>()
            + size_of_val(self.nodes.as_slice())
            + size_of_val(self.value.as_slice())
            + self.tables.as_ref().map_or(0, LeafTables::bytes)
            + size_of_val(self.table.as_slice())
            + size_of_val(self.leaf_id.as_slice())
    }

    /// What it costs.
    pub(crate) fn cost(&self, level: Level) -> Cost {
        let trees = self.chunks.iter().flat_map(|chunk| &chunk.trees);
        // Lines of a tree's tables; 0 where it has none.
        let lines = trees.map(|tree| tree.table.map_or(0, |first| self.table[first].width()));
        let work = cost::Work {
            planes: self.planes.len() as f64,
            conditions: self.chunks.iter().map(Chunk::bitmaps).sum::<usize>() as f64,
            splits: self.nodes.len() as f64,
            sums: lines.map(|lines| cost::sums(level, lines) * self.leaf_width as f64).sum(),
        };
        Cost::Passes(PASSES.map(|rows| work.pass(level, rows)))
    }

    /// For `explain_plan()`.
    pub(crate) fn describe(&self) -> String {
        let conditions: usize = self.chunks.iter().map(Chunk::bitmaps).sum();
        format!(
            "{} splits with {conditions} distinct conditions over {} byte planes, {} chunk(s)",
            self.nodes.len(),
            self.segments.list.len(),
            self.chunks.len()
        )
    }

    /// Margins: `out[o * stride + r]`, which holds the base, gets every tree's leaf value.
    pub(crate) fn sum(
        &self,
        level: Level,
        input: &impl Columns,
        scratch: &mut Scratch,
        out: &mut [f64],
        stride: usize,
        rows: usize,
    ) {
        self.run(level, input, scratch, rows, Target::Sums { out, stride });
    }

    /// The source's leaf numbers: row r of tree t is `out[t][r]`.
    pub(crate) fn leaf_ids(
        &self,
        level: Level,
        input: &impl Columns,
        scratch: &mut Scratch,
        out: &mut [&mut [i32]],
        rows: usize,
    ) {
        self.run(level, input, scratch, rows, Target::LeafIds(out));
    }

    fn run(&self, level: Level, input: &impl Columns, scratch: &mut Scratch, rows: usize, mut target: Target) {
        for (rows, stride) in (Strides { start: 0, rows }) {
            scratch.keys.resize(self.planes.len() * stride, 0);
            self.planes.fill(&self.ranks, input, rows.start, rows.len(), &mut scratch.keys, stride);
            match stride {
                WORD => bits::run(level, Pass::<1> { engine: self, scratch, rows, target: &mut target }),
                256 => bits::run(level, Pass::<4> { engine: self, scratch, rows, target: &mut target }),
                _ => bits::run(level, Pass::<8> { engine: self, scratch, rows, target: &mut target }),
            }
        }
    }
}

/// For another engine that goes on where these trees end: the planes and ranks, and leaf numbers without values.
impl Sliced {
    /// The planes, and the ranks that their keys are.
    pub(super) fn keys(&self) -> (&Planes, &Ranks) {
        (&self.planes, &self.ranks)
    }

    /// The trees of a chunk: the tree's number in the forest, and `leaf_id` of each of its leaf numbers.
    pub(super) fn trees(&self, chunk: usize) -> impl ExactSizeIterator<Item = (usize, &[i32])> {
        let trees = self.chunks[chunk].trees.iter();
        trees.map(|tree| (tree.number, &self.leaf_id[tree.leaf..tree.leaf + tree.leaves]))
    }

    pub(super) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// Row r of tree t of a chunk gets its leaf number, of 256 at most, at `out[t * out_stride + r]`, for as many rows as
    /// `stride`, one of [`PASSES`], whose keys are given: row r of plane p at `keys[p * stride + r]`.
    #[expect(clippy::too_many_arguments, reason = "what goes in, how, and where to")]
    pub(super) fn numbers(
        &self,
        level: Level,
        chunk: usize,
        keys: &[u16],
        stride: usize,
        scratch: &mut Scratch,
        out: &mut [u8],
        out_stride: usize,
    ) {
        let (engine, chunk) = (self, &self.chunks[chunk]);
        match stride {
            WORD => bits::run(level, Numbers::<1> { engine, chunk, keys, scratch, out, out_stride }),
            256 => bits::run(level, Numbers::<4> { engine, chunk, keys, scratch, out, out_stride }),
            _ => bits::run(level, Numbers::<8> { engine, chunk, keys, scratch, out, out_stride }),
        }
    }
}

/// Rows in passes: which rows, and for how many the pass computes, one of [`PASSES`].
pub(super) struct Strides {
    pub start: usize,
    pub rows: usize,
}

impl Iterator for Strides {
    type Item = (Range<usize>, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let left = self.rows.checked_sub(self.start).filter(|&left| left > 0)?;
        let stride = PASSES[pass_for(left)];
        let rows = self.start..self.start + left.min(stride);
        self.start = rows.end;
        Some((rows, stride))
    }
}
