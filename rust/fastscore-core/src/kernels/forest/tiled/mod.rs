//! The tiled engine: large trees for many rows. The top of each tree runs as masks of rows, what hangs below in tiles.
//!
//! ```text
//! for each block of 8 192 rows
//!   keys      rank of each value, plane by plane, and the same row by row                     (planes.rs)
//!   for each chunk of trees
//!     for each 512 rows: number[tree][row] = where the row leaves the tree's top              (sliced)
//!     for each tree of the chunk, for each 1 024 rows:
//!       leaf[row] = the leaf to which the tiles from the number on lead                       (simd/tile/)
//!       sum[row] += value[leaf[row]]
//! ```
//! The top of a tree has up to [`MOST_EXITS`] exits: the splits below which most leaves lie. Its conditions are few and
//! shared between trees, and 512 rows pass a split in 3 ns. Below, a row reads a line of keys and a line for every four
//! levels. Trees stay in the second cache level for a block; they add in the source's order, one rounding each.
//!
//! A few trees of a float32 source need neither ranks nor tops: their tiles compare the values themselves, from the root on
//! (values.rs).
//!
//! Layouts: row r of plane p of pass s is at `planes[s * planes * 512 + p * rows of the pass + r]`, key p of row r at
//! `keys[r].0[p]`, the number of row r in tree t of a chunk at `numbers[t * rows of the block + r]`. A tile is 64 bytes; leaves
//! are numbered in the order of tiles, `leaf[i]` is the forest's number of leaf i, and column c of its value is at
//! `value[i * leaf_width + c]`, where leaves have so few columns that a copy is worth its memory.
//!
//! Scratch of a worker: 8 192 rows of 64 or 128 bytes of keys, twice, 1 MB of numbers, and that of the bit-sliced engine.

mod layout;
mod ranked;
mod values;

use super::sliced::{self, Sliced};
use super::{Cost, PASSES, add};
use crate::kernels::Columns;
use crate::model::{Forest, Width};
use crate::simd::Level;
use crate::simd::tile::{self, Keys, Tiles};
use ranked::Ranked;
use values::Values;

/// Exits of a tree's top, at most: half as many are as fast, twice as many a fifth slower for trees of depth 12.
const MOST_EXITS: usize = 128;
/// Trees of a chunk, whose numbers are kept for a block.
const MOST_TREES: usize = 128;
/// Columns of a leaf up to which values are laid out anew, beside their leaves' order.
const LEAF_COPIES: usize = 2;
/// Trees for each plane from which on ranks are worth their search.
const TREES_PER_PLANE: usize = 3;

/// A forest laid out for this engine.
#[derive(Debug)]
pub(crate) struct Tiled {
    walk: Walk,
    /// In the order in which trees are walked.
    roots: Vec<Root>,
    /// The forest's number of each leaf.
    leaf: Vec<u32>,
    value: Vec<f64>,
    /// Tiles on the way to a leaf, on average over leaves.
    mean_tiles: f64,
    leaf_width: usize,
    level: Level,
}

#[derive(Debug)]
struct Root {
    /// Where rows begin that leave the top with number 0.
    tile: u32,
    /// The tree's number in the forest.
    number: usize,
    /// The output that it adds to.
    output: usize,
}

/// What is compared, by the keys of a row.
#[derive(Debug)]
enum Walk {
    /// Up to 32.
    Ranks(Ranked<32>),
    /// Up to 64.
    ManyRanks(Ranked<64>),
    Values(Values, Tiles<f32, 32>),
}

/// Scratch of one worker.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    planes: Vec<u16>,
    ranks: Vec<Keys<u16, 32>>,
    many_ranks: Vec<Keys<u16, 64>>,
    values: Vec<Keys<f32, 32>>,
    numbers: Vec<u8>,
    top: sliced::Scratch,
    tile: tile::Scratch,
    /// What is known of the numbers of the block that was summed last.
    pub proof: Proof,
}

/// Which numbers of a block are known to be finite, as float32 too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Proof {
    #[default]
    None,
    /// Those that the forest reads.
    Read,
    /// All that are loaded.
    All,
}

/// Where results go.
enum Target<'a, 'b> {
    /// Row r of output o adds to `out[o * stride + r]`.
    Sums { out: &'a mut [f64], stride: usize },
    /// Row r of tree t is `[t][r]`.
    LeafIds(&'a mut [&'b mut [i32]]),
}

impl Tiled {
    /// Bytes of its arrays.
    pub(crate) fn bytes(&self) -> usize {
        let walk = match &self.walk {
            Walk::Ranks(ranked) => ranked.top.bytes() + ranked.tiles.bytes(),
            Walk::ManyRanks(ranked) => ranked.top.bytes() + ranked.tiles.bytes(),
            Walk::Values(_, tiles) => tiles.bytes(),
        };
        walk + size_of_val(self.roots.as_slice())
            + size_of_val(self.leaf.as_slice())
            + size_of_val(self.value.as_slice())
    }

    /// What it costs.
    pub(crate) fn cost(&self) -> Cost {
        let tile = match self.level {
            Level::Avx512 => 1.7,
            Level::Avx2 | Level::Portable => 4.5,
        };
        let (keys, passes) = match &self.walk {
            Walk::Ranks(ranked) => ranked.cost(self.level),
            Walk::ManyRanks(ranked) => ranked.cost(self.level),
            Walk::Values(..) => (3.0, [0.0; PASSES.len()]),
        };
        let columns = 1.2 * self.leaf_width.saturating_sub(1) as f64;
        let (trees, tree) = (self.roots.len() as f64, 1.5 + columns + tile * self.mean_tiles);
        let pass = |top: f64, rows: usize| top + keys * rows as f64 + trees * (200.0 + tree * rows as f64);
        let mut costs = passes;
        for (cost, rows) in costs.iter_mut().zip(PASSES) {
            *cost = pass(*cost, rows);
        }
        Cost::Passes(costs)
    }

    /// How many tiles, and their bytes.
    fn tiles(&self) -> (usize, usize) {
        match &self.walk {
            Walk::Ranks(ranked) => (ranked.tiles.len(), ranked.tiles.bytes()),
            Walk::ManyRanks(ranked) => (ranked.tiles.len(), ranked.tiles.bytes()),
            Walk::Values(_, tiles) => (tiles.len(), tiles.bytes()),
        }
    }

    /// Whether it looks at all numbers and tells what it finds by [`Scratch::proof`].
    pub(crate) fn proves(&self) -> bool {
        matches!(self.walk, Walk::Values(..))
    }

    /// Whether trees stay in the second cache level while a block passes, which should then be large.
    pub(crate) fn wants_large_blocks(&self) -> bool {
        !matches!(self.walk, Walk::Values(..))
    }

    /// For `explain_plan()`.
    pub(crate) fn describe(&self) -> String {
        let (tiles, bytes) = self.tiles();
        let above = match &self.walk {
            Walk::Ranks(ranked) => format!("u16 ranks, below {}", ranked.top.describe()),
            Walk::ManyRanks(ranked) => format!("u16 ranks, below {}", ranked.top.describe()),
            Walk::Values(..) => "float32 values".into(),
        };
        let each = bytes.checked_div(tiles).unwrap_or(0);
        format!("{tiles} tiles of {each} bytes, {:.1} on the way to a leaf, over {above}", self.mean_tiles)
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
        self.run(forest, input, scratch, rows, Target::Sums { out, stride });
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
        self.run(forest, input, scratch, rows, Target::LeafIds(out));
    }

    fn run(&self, forest: &Forest, input: &impl Columns, scratch: &mut Scratch, rows: usize, mut target: Target) {
        let Scratch { planes, ranks, many_ranks, values, numbers, top, tile, proof } = scratch;
        let visit = |root: &Root, first: usize, leaves: &[u32]| self.deliver(forest, root, leaves, first, &mut target);
        match &self.walk {
            Walk::Ranks(ranked) => {
                let own = ranked::Scratch { planes, keys: ranks, numbers, top, tile };
                ranked.run(self.level, &self.roots, input, own, rows, visit);
            }
            Walk::ManyRanks(ranked) => {
                let own = ranked::Scratch { planes, keys: many_ranks, numbers, top, tile };
                ranked.run(self.level, &self.roots, input, own, rows, visit);
            }
            Walk::Values(plan, tiles) => {
                *proof = plan.run(self.level, tiles, &self.roots, input, values, tile, rows, visit);
            }
        }
    }

    /// What becomes of the leaves of rows `first ..` in a tree.
    fn deliver(&self, forest: &Forest, root: &Root, leaves: &[u32], first: usize, target: &mut Target) {
        match (target, forest.sum) {
            (Target::LeafIds(out), _) => {
                for (id, &leaf) in out[root.number][first..].iter_mut().zip(leaves) {
                    *id = forest.leaf_id[self.leaf[leaf as usize] as usize];
                }
            }
            (Target::Sums { out, stride }, Width::Float64) => {
                self.add::<false>(forest, leaves, &mut out[root.output * *stride..], first, *stride);
            }
            (Target::Sums { out, stride }, Width::Float32) => {
                self.add::<true>(forest, leaves, &mut out[root.output * *stride..], first, *stride);
            }
        }
    }

    /// `NARROW`: every add is rounded to float32.
    #[inline(never)]
    fn add<const NARROW: bool>(&self, forest: &Forest, leaves: &[u32], out: &mut [f64], first: usize, stride: usize) {
        match forest.leaf_width {
            1 => {
                for (sum, &leaf) in out[first..].iter_mut().zip(leaves) {
                    *sum = add::<NARROW>(*sum, self.value[leaf as usize]);
                }
            }
            2 => {
                let values = self.value.as_chunks::<2>().0;
                let (one, two) = out.split_at_mut(stride);
                for ((one, two), &leaf) in one[first..].iter_mut().zip(&mut two[first..]).zip(leaves) {
                    let [first, second] = values[leaf as usize];
                    *one = add::<NARROW>(*one, first);
                    *two = add::<NARROW>(*two, second);
                }
            }
            width => {
                for (row, &leaf) in (first..).zip(leaves) {
                    let values = &forest.leaf_value[self.leaf[leaf as usize] as usize * width..][..width];
                    for (column, &value) in values.iter().enumerate() {
                        let sum = &mut out[column * stride + row];
                        *sum = add::<NARROW>(*sum, value);
                    }
                }
            }
        }
    }
}
