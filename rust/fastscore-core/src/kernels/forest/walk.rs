//! The walk engine: compact nodes, many rows in flight. Any forest, any number of rows.
//!
//! ```text
//! for each group of trees that fits the first cache level
//!   for each tile of 64 rows
//!     for each tree of the group, for each 16 rows of the tile:
//!       node = root;  repeat:  node = node.left + !(plane[node.plane][row] <= node.threshold)
//!       until no row moves;  sum[row] += value[leaf of node]
//! ```
//! A step depends on the one before, so one walk waits for its loads; sixteen independent ones fill the core. Siblings
//! are neighbours (`right = left + 1`); a leaf is a node that leads to itself (plane 0 holds what is at most any
//! threshold), so the inner loop has no branch. Trees add in source order, one rounding each.
//!
//! Four layouts of a node, by what its plane holds:
//!
//! | key | node | runs |
//! | --- | --- | --- |
//! | `f32` | 8 bytes: threshold, plane (10 bits) and left from the root (22 bits) | float32 sources, 1 023 planes, 2^22 nodes a tree |
//! | `u16` rank | 8 bytes: rank, plane, left | many trees of a float64 source, at most 4 095 distinct thresholds a feature |
//! | `f64` | 16 bytes: threshold, plane, left | everything else without categories |
//! | `f64` | 16 bytes: threshold or set, plane and a bit for categorical splits, left | categorical splits |
//!
//! Beside it each node takes 4 bytes for its leaf's number. Bound: per row, tree and level two loads (node, key), a
//! compare and an add, some seven instructions.

use std::collections::VecDeque;

use super::categories::Sets;
use super::planes::{self, Key, Planes, Split};
use super::{Cost, add};
use crate::kernels::Columns;
use crate::model::{Child, Forest, LinearLeaves, Width};
use crate::simd::Level;

/// Rows of a tile.
pub(super) const TILE: usize = 64;
/// Rows in flight.
const LANES: usize = 16;
/// Levels between two looks at whether all rows have arrived.
const STRIDE: u32 = 4;
/// Bytes of nodes that stay in the first cache level beside a tile.
const GROUP_BYTES: usize = 16 << 10;
/// Levels laid out one after another.
const TOP_LEVELS: u32 = 7;
/// From so many trees a plane on, ranks are worth their search.
const TREES_PER_PLANE: usize = 2;
/// Above this, the search for a rank costs more than wider nodes.
const MOST_RANKS: usize = 4095;

/// A node's layout.
trait Node: Copy + Send + Sync + std::fmt::Debug {
    type Key: Key;
    fn new(key: Self::Key, plane: u32, left: u32) -> Option<Self>;
    fn plane(self) -> usize;
    /// The child that a row with this key goes to, counted from the root.
    fn next(self, key: Self::Key, sets: &Sets) -> u32;
}

#[derive(Debug, Clone, Copy)]
#[repr(C, align(8))]
struct Ranked {
    left: u32,
    rank: u16,
    plane: u16,
}

impl Node for Ranked {
    type Key = u16;
    fn new(rank: u16, plane: u32, left: u32) -> Option<Self> {
        Some(Ranked { left, rank, plane: u16::try_from(plane).ok()? })
    }
    #[inline(always)]
    fn plane(self) -> usize {
        usize::from(self.plane)
    }
    #[inline(always)]
    fn next(self, key: u16, _: &Sets) -> u32 {
        self.left + u32::from(key > self.rank)
    }
}

const PLANE_BITS: u32 = 10;

#[derive(Debug, Clone, Copy)]
#[repr(C, align(8))]
struct Narrow {
    threshold: f32,
    /// `left << PLANE_BITS | plane`
    packed: u32,
}

impl Node for Narrow {
    type Key = f32;
    fn new(threshold: f32, plane: u32, left: u32) -> Option<Self> {
        let fits = plane < 1 << PLANE_BITS && left < 1 << (u32::BITS - PLANE_BITS);
        fits.then_some(Narrow { threshold, packed: left << PLANE_BITS | plane })
    }
    #[inline(always)]
    fn plane(self) -> usize {
        (self.packed & ((1 << PLANE_BITS) - 1)) as usize
    }
    #[inline(always)]
    fn next(self, key: f32, _: &Sets) -> u32 {
        // Not `key > threshold`: NaN goes right.
        let goes_left = key <= self.threshold;
        (self.packed >> PLANE_BITS) + u32::from(!goes_left)
    }
}

#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
struct Wide {
    threshold: f64,
    left: u32,
    plane: u32,
}

impl Node for Wide {
    type Key = f64;
    fn new(threshold: f64, plane: u32, left: u32) -> Option<Self> {
        Some(Wide { threshold, left, plane })
    }
    #[inline(always)]
    fn plane(self) -> usize {
        self.plane as usize
    }
    #[inline(always)]
    fn next(self, key: f64, _: &Sets) -> u32 {
        let goes_left = key <= self.threshold;
        self.left + u32::from(!goes_left)
    }
}

/// `Wide` where bit 31 of the plane marks a categorical split, whose threshold is the number of its set.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
struct Mixed(Wide);

const CATEGORICAL: u32 = 1 << 31;

impl Node for Mixed {
    type Key = f64;
    fn new(threshold: f64, plane: u32, left: u32) -> Option<Self> {
        Some(Mixed(Wide { threshold, left, plane }))
    }
    #[inline(always)]
    fn plane(self) -> usize {
        (self.0.plane & !CATEGORICAL) as usize
    }
    #[inline(always)]
    fn next(self, key: f64, sets: &Sets) -> u32 {
        let goes_left = if self.0.plane & CATEGORICAL != 0 {
            sets.goes_left(self.0.threshold as u32, key as u32)
        } else {
            key <= self.0.threshold
        };
        self.0.left + u32::from(!goes_left)
    }
}

/// The engine: a forest in the smallest layout that holds it.
#[derive(Debug)]
pub(crate) struct Walk(Layout);

#[derive(Debug)]
enum Layout {
    Ranked(Trees<Ranked>),
    Narrow(Trees<Narrow>),
    Wide(Trees<Wide>),
    Mixed(Trees<Mixed>),
}

/// The same for whichever layout a walk has.
macro_rules! any_layout {
    ($walk:expr, $trees:ident => $value:expr) => {
        match &$walk.0 {
            Layout::Ranked($trees) => $value,
            Layout::Narrow($trees) => $value,
            Layout::Wide($trees) => $value,
            Layout::Mixed($trees) => $value,
        }
    };
}

/// Scratch of one worker: planes for a block.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    ranked: Vec<u16>,
    narrow: Vec<f32>,
    wide: Vec<f64>,
}

impl Walk {
    /// Lay out a checked forest. None when it has more nodes, or sets more words, than 32 bits count.
    pub(crate) fn new(forest: &Forest, level: Level) -> Option<Self> {
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
            return Some(Walk(Layout::Mixed(Trees::new(planes, (), sets, nodes))));
        }
        if forest.width == Width::Float32
            && let Some(nodes) = nodes::<Narrow>(forest, &splits, |split| splits[split].threshold as f32)
        {
            return Some(Walk(Layout::Narrow(Trees::new(planes, (), sets, nodes))));
        }
        // A rank costs about as much as a tree: it pays where many trees share it.
        if forest.trees() >= TREES_PER_PLANE * planes.len()
            && let Some(ranks) = planes::ranks(forest, &planes, &splits, MOST_RANKS)
        {
            let key = |split: usize| ranks.place(forest.feature[split] as u32, splits[split].threshold);
            if let Some(nodes) = nodes::<Ranked>(forest, &splits, key) {
                return Some(Walk(Layout::Ranked(Trees::new(planes, ranks, sets, nodes))));
            }
        }
        let nodes = nodes(forest, &splits, |split| splits[split].threshold)?;
        Some(Walk(Layout::Wide(Trees::new(planes, (), sets, nodes))))
    }

    /// Bytes of scratch that a row of a block takes.
    pub(crate) fn scratch_per_row(&self) -> usize {
        any_layout!(self, trees => trees.scratch_per_row())
    }

    /// Bytes of nodes.
    pub(crate) fn node_bytes(&self) -> usize {
        any_layout!(self, trees => size_of_val(trees.nodes.nodes.as_slice()))
    }

    /// What it costs.
    pub(crate) fn cost(&self, _level: Level) -> Cost {
        any_layout!(self, trees => trees.cost())
    }

    /// For `explain_plan()`.
    pub(crate) fn describe(&self) -> String {
        let keys = match &self.0 {
            Layout::Ranked(_) => "u16 ranks",
            Layout::Narrow(_) => "float32 values",
            Layout::Wide(_) => "float64 values",
            Layout::Mixed(_) => "float64 values and categories",
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
        } else {
            let width = forest.leaf_width;
            self.run(input, scratch, rows, |_, first, leaves| {
                for (row, &leaf) in (first..).zip(leaves) {
                    let values = &forest.leaf_value[leaf as usize * width..][..width];
                    for (o, &value) in values.iter().enumerate() {
                        let sum = &mut out[o * stride + row];
                        *sum = add::<NARROW>(*sum, value);
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
        match &self.0 {
            Layout::Ranked(trees) => trees.run(input, &mut scratch.ranked, rows, visit),
            Layout::Narrow(trees) => trees.run(input, &mut scratch.narrow, rows, visit),
            Layout::Wide(trees) => trees.run(input, &mut scratch.wide, rows, visit),
            Layout::Mixed(trees) => trees.run(input, &mut scratch.wide, rows, visit),
        }
    }
}

/// A tree's nodes are `nodes[first..]`, its root the first.
#[derive(Debug, Clone, Copy)]
struct Tree {
    first: usize,
    depth: u32,
}

#[derive(Debug)]
struct Nodes<N> {
    nodes: Vec<N>,
    /// The forest's leaf that a node is; `u32::MAX` for splits.
    leaf: Vec<u32>,
    trees: Vec<Tree>,
}

/// Lay out nodes, siblings side by side: the top levels, which every row passes, level by level; below them each subtree
/// depth first, so that a row's path stays on few cache lines. None where the layout can't hold them.
fn nodes<N: Node>(forest: &Forest, splits: &[Split], key: impl Fn(usize) -> N::Key) -> Option<Nodes<N>> {
    let count = forest.feature.len() + forest.leaf_id.len();
    u32::try_from(count).ok()?;
    let mut laid = Nodes { nodes: Vec::with_capacity(count), leaf: Vec::with_capacity(count), trees: Vec::new() };
    let hole = N::new(N::Key::LOWEST, 0, 0)?;
    // Branches to lay out: what is there, its place counted from the root, its level.
    let mut top: VecDeque<(Child, u32, u32)> = VecDeque::new();
    let mut below: Vec<(Child, u32, u32)> = Vec::new();
    for tree in 0..forest.trees() {
        let (tree_splits, leaves) = (forest.splits(tree), forest.leaves(tree));
        let first = laid.nodes.len();
        laid.nodes.push(hole);
        laid.leaf.push(u32::MAX);
        top.push_back((if tree_splits.is_empty() { Child::Leaf(0) } else { Child::Split(0) }, 0, 0));
        let mut depth = 0;
        while let Some((child, at, level)) = below.pop().or_else(|| top.pop_front()) {
            depth = depth.max(level);
            match child {
                Child::Leaf(leaf) => {
                    laid.nodes[first + at as usize] = N::new(N::Key::LOWEST, 0, at)?;
                    laid.leaf[first + at as usize] = (leaves.start + leaf) as u32;
                }
                Child::Split(split) => {
                    let split = tree_splits.start + split;
                    let left = (laid.nodes.len() - first) as u32;
                    laid.nodes.extend([hole, hole]);
                    laid.leaf.extend([u32::MAX, u32::MAX]);
                    laid.nodes[first + at as usize] = N::new(key(split), splits[split].plane, left)?;
                    let left_child = (Child::decode(forest.left[split]), left, level + 1);
                    let right_child = (Child::decode(forest.right[split]), left + 1, level + 1);
                    if level < TOP_LEVELS {
                        top.extend([left_child, right_child]);
                    } else {
                        below.extend([right_child, left_child]);
                    }
                }
            }
        }
        laid.trees.push(Tree { first, depth });
    }
    Some(laid)
}

#[derive(Debug)]
struct Trees<N: Node> {
    planes: Planes,
    table: <N::Key as Key>::Table,
    sets: Sets,
    nodes: Nodes<N>,
    /// Trees `groups[i] .. groups[i + 1]` are walked together.
    groups: Vec<usize>,
}

impl<N: Node> Trees<N> {
    fn new(planes: Planes, table: <N::Key as Key>::Table, sets: Sets, nodes: Nodes<N>) -> Self {
        let mut groups = vec![0];
        let mut group_start = 0;
        let ends = nodes.trees.iter().skip(1).map(|tree| tree.first).chain([nodes.nodes.len()]);
        for (tree, (first, end)) in nodes.trees.iter().map(|tree| tree.first).zip(ends).enumerate() {
            if first > group_start && (end - group_start) * size_of::<N>() > GROUP_BYTES {
                groups.push(tree);
                group_start = first;
            }
        }
        groups.push(nodes.trees.len());
        Trees { planes, table, sets, nodes, groups }
    }

    fn scratch_per_row(&self) -> usize {
        self.planes.len() * size_of::<N::Key>()
    }

    fn cost(&self) -> Cost {
        let levels: f64 = self.nodes.trees.iter().map(|tree| f64::from(tree.depth)).sum();
        let row = self.planes.len() as f64 * 4.0 + self.nodes.trees.len() as f64 * 2.0 + levels * 1.5;
        Cost { call: 0.0, row, step: 1 }
    }

    fn describe(&self, keys: &str) -> String {
        format!(
            "over {keys}: {} nodes of {} bytes, {} planes, {} tree groups",
            self.nodes.nodes.len(),
            size_of::<N>() + 4,
            self.planes.len() - 1,
            self.groups.len() - 1
        )
    }

    fn run(
        &self,
        input: &impl Columns,
        scratch: &mut Vec<N::Key>,
        rows: usize,
        visit: impl FnMut(usize, usize, &[u32]),
    ) {
        if rows == 1 {
            self.run_one_row(input, scratch, visit);
        } else if rows <= 8 {
            self.run_tiles::<8, 8>(input, scratch, rows, visit);
        } else {
            self.run_tiles::<TILE, LANES>(input, scratch, rows, visit);
        }
    }

    /// One row: eight trees in flight in place of many rows.
    fn run_one_row(
        &self,
        input: &impl Columns,
        scratch: &mut Vec<N::Key>,
        mut visit: impl FnMut(usize, usize, &[u32]),
    ) {
        const TREES: usize = 8;
        scratch.resize(self.planes.len(), N::Key::LOWEST);
        self.planes.fill(&self.table, input, 0, 1, scratch, 1);
        let nodes = &self.nodes.nodes;
        for (batch, trees) in self.nodes.trees.chunks(TREES).enumerate() {
            // Lanes past the last tree walk it again; nobody looks at them.
            let tree: [Tree; TREES] = std::array::from_fn(|lane| trees[lane.min(trees.len() - 1)]);
            let depth = trees.iter().map(|tree| tree.depth).max().unwrap_or(0);
            let mut at = [0; TREES];
            let mut level = 0;
            while level < depth {
                let before = at;
                for _ in 0..STRIDE {
                    for (at, tree) in at.iter_mut().zip(&tree) {
                        let node = nodes[tree.first + *at as usize];
                        *at = node.next(scratch[node.plane()], &self.sets);
                    }
                }
                if at == before {
                    break;
                }
                level += STRIDE;
            }
            for (lane, tree) in trees.iter().enumerate() {
                visit(batch * TREES + lane, 0, &[self.nodes.leaf[tree.first + at[lane] as usize]]);
            }
        }
    }

    #[inline(always)]
    fn run_tiles<const TILE: usize, const LANES: usize>(
        &self,
        input: &impl Columns,
        scratch: &mut Vec<N::Key>,
        rows: usize,
        mut visit: impl FnMut(usize, usize, &[u32]),
    ) {
        let tile_size = self.planes.len() * TILE;
        scratch.resize(tile_size * rows.div_ceil(TILE), N::Key::LOWEST);
        for (tile, start) in scratch.chunks_mut(tile_size).zip((0..rows).step_by(TILE)) {
            self.planes.fill(&self.table, input, start, TILE.min(rows - start), tile, TILE);
        }
        for group in self.groups.windows(2) {
            for (tile, start) in scratch.chunks(tile_size).zip((0..rows).step_by(TILE)) {
                for tree in group[0]..group[1] {
                    for first in (start..rows.min(start + TILE)).step_by(LANES) {
                        let leaves = self.walk::<TILE, LANES>(self.nodes.trees[tree], tile, first - start);
                        visit(tree, first, &leaves[..LANES.min(rows - first)]);
                    }
                }
            }
        }
    }

    /// The leaves of `LANES` rows of a tile.
    #[inline(always)]
    fn walk<const TILE: usize, const LANES: usize>(&self, tree: Tree, tile: &[N::Key], first: usize) -> [u32; LANES] {
        let nodes = &self.nodes.nodes[tree.first..];
        let mut at = [0; LANES];
        let mut depth = tree.depth;
        while depth > 0 {
            let before = at;
            for _ in 0..depth.min(STRIDE) {
                for (lane, at) in at.iter_mut().enumerate() {
                    let node = nodes[*at as usize];
                    *at = node.next(tile[node.plane() * TILE + first + lane], &self.sets);
                }
            }
            if at == before {
                break;
            }
            depth = depth.saturating_sub(STRIDE);
        }
        at.map(|at| self.nodes.leaf[tree.first + at as usize])
    }
}
