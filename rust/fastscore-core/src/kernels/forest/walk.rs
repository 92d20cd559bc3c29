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
//! are neighbours (`right = left + 1`); a leaf is a node that leads to itself (plane 0 is -inf, its threshold +inf), so
//! the inner loop has no branch. Trees add in source order, one rounding each.
//!
//! Bound: per row, tree and level four loads, a compare and an add, some eight instructions.

use super::planes::{Planes, PlanesBuilder, Width};
use crate::kernels::Columns;
use crate::model::{Child, Forest};

/// Rows of a tile.
const TILE: usize = 64;
/// Rows in flight.
const LANES: usize = 16;
/// Levels between two looks at whether all rows have arrived.
const STRIDE: u32 = 4;
/// Bytes of nodes that stay in the first cache level beside a tile.
const GROUP_BYTES: usize = 16 << 10;

#[derive(Debug, Clone, Copy)]
struct Node<T> {
    threshold: T,
    left: u32,
    plane: u32,
}

#[derive(Debug, Clone, Copy)]
struct Tree {
    root: u32,
    depth: u32,
}

/// A forest as compact nodes: 16 bytes a node at float32 (12 and a leaf number of 4), 20 at float64.
#[derive(Debug)]
pub(crate) struct Walk<T> {
    planes: Planes,
    nodes: Vec<Node<T>>,
    /// The forest's leaf that a node is; `u32::MAX` for splits.
    leaf: Vec<u32>,
    trees: Vec<Tree>,
    /// Trees `groups[i] .. groups[i + 1]` are walked together.
    groups: Vec<usize>,
}

/// Scratch of one worker: planes for a block.
#[derive(Debug, Default)]
pub(crate) struct Scratch<T> {
    planes: Vec<T>,
}

impl<T: Width> Walk<T> {
    /// Lay out a checked forest. None when it has more nodes than 32 bits count.
    pub(crate) fn new(forest: &Forest) -> Option<Self> {
        let count = forest.feature.len() + forest.leaf_id.len();
        u32::try_from(count).ok()?;
        let mut builder = PlanesBuilder::new(forest);
        let mut nodes = Vec::with_capacity(count);
        let mut leaf = Vec::with_capacity(count);
        let mut trees = Vec::with_capacity(forest.trees());
        let mut groups = vec![0];
        let mut group_start = 0;
        let mut level: Vec<(u32, Child)> = Vec::new();
        let mut next_level = Vec::new();
        for tree in 0..forest.trees() {
            let root = nodes.len() as u32;
            let (splits, leaves) = (forest.splits(tree), forest.leaves(tree));
            if (nodes.len() + splits.len() + leaves.len() - group_start) * size_of::<Node<T>>()
                > GROUP_BYTES
                && nodes.len() > group_start
            {
                groups.push(tree);
                group_start = nodes.len();
            }
            let hole = Node {
                threshold: T::INFINITY,
                left: 0,
                plane: 0,
            };
            nodes.push(hole);
            leaf.push(u32::MAX);
            level.push((
                root,
                if splits.is_empty() {
                    Child::Leaf(0)
                } else {
                    Child::Split(0)
                },
            ));
            let mut depth = 0;
            while !level.is_empty() {
                for (at, child) in level.drain(..) {
                    match child {
                        Child::Leaf(l) => {
                            nodes[at as usize].left = at;
                            leaf[at as usize] = (leaves.start + l) as u32;
                        }
                        Child::Split(s) => {
                            let split = splits.start + s;
                            let (plane, threshold) = builder.split::<T>(forest, split);
                            let left = nodes.len() as u32;
                            nodes.extend([hole, hole]);
                            leaf.extend([u32::MAX, u32::MAX]);
                            nodes[at as usize] = Node {
                                threshold,
                                left,
                                plane,
                            };
                            next_level.push((left, Child::decode(forest.left[split])));
                            next_level.push((left + 1, Child::decode(forest.right[split])));
                        }
                    }
                }
                std::mem::swap(&mut level, &mut next_level);
                if !level.is_empty() {
                    depth += 1;
                }
            }
            trees.push(Tree { root, depth });
        }
        groups.push(forest.trees());
        Some(Walk {
            planes: builder.finish(),
            nodes,
            leaf,
            trees,
            groups,
        })
    }

    /// Bytes of scratch that a row of a block takes.
    pub(crate) fn scratch_per_row(&self) -> usize {
        self.planes.len() * size_of::<T>()
    }

    /// One line for `explain_plan()`.
    pub(crate) fn describe(&self) -> String {
        format!(
            "walk engine at {}: {} nodes of {} bytes, {} planes, {} tree groups",
            T::NAME,
            self.nodes.len(),
            size_of::<Node<T>>() + 4,
            self.planes.len() - 1,
            self.groups.len() - 1
        )
    }

    /// Margins: `out[o * stride + r]` starts at the base and gets every tree's leaf value.
    pub(crate) fn sum(
        &self,
        forest: &Forest,
        input: &impl Columns,
        scratch: &mut Scratch<T>,
        out: &mut [f64],
        stride: usize,
        rows: usize,
    ) {
        for (o, &base) in forest.base.iter().enumerate() {
            out[o * stride..o * stride + rows].fill(base);
        }
        if forest.leaf_width == 1 {
            self.run(input, scratch, rows, |tree, first, leaves| {
                let column = forest.first_output(tree) * stride + first;
                for (sum, &leaf) in out[column..column + leaves.len()].iter_mut().zip(leaves) {
                    *sum += forest.leaf_value[leaf as usize];
                }
            });
        } else {
            let width = forest.leaf_width;
            self.run(input, scratch, rows, |_, first, leaves| {
                for (row, &leaf) in (first..).zip(leaves) {
                    let values = &forest.leaf_value[leaf as usize * width..][..width];
                    for (o, value) in values.iter().enumerate() {
                        out[o * stride + row] += value;
                    }
                }
            });
        }
    }

    /// The source's leaf numbers: row r of tree t is `out[t][r]`.
    pub(crate) fn leaf_ids(
        &self,
        forest: &Forest,
        input: &impl Columns,
        scratch: &mut Scratch<T>,
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
    fn run(
        &self,
        input: &impl Columns,
        scratch: &mut Scratch<T>,
        rows: usize,
        visit: impl FnMut(usize, usize, &[u32]),
    ) {
        if rows == 1 {
            self.run_tiles::<1, 1>(input, scratch, rows, visit);
        } else if rows <= 8 {
            self.run_tiles::<8, 8>(input, scratch, rows, visit);
        } else {
            self.run_tiles::<TILE, LANES>(input, scratch, rows, visit);
        }
    }

    #[inline(always)]
    fn run_tiles<const TILE: usize, const LANES: usize>(
        &self,
        input: &impl Columns,
        scratch: &mut Scratch<T>,
        rows: usize,
        mut visit: impl FnMut(usize, usize, &[u32]),
    ) {
        let tile_size = self.planes.len() * TILE;
        scratch
            .planes
            .resize(tile_size * rows.div_ceil(TILE), T::NAN);
        for (tile, start) in scratch
            .planes
            .chunks_mut(tile_size)
            .zip((0..rows).step_by(TILE))
        {
            self.planes
                .fill(input, start, TILE.min(rows - start), tile, TILE);
        }
        for group in self.groups.windows(2) {
            for (tile, start) in scratch
                .planes
                .chunks(tile_size)
                .zip((0..rows).step_by(TILE))
            {
                for tree in group[0]..group[1] {
                    for first in (start..rows.min(start + TILE)).step_by(LANES) {
                        let leaves =
                            self.walk::<TILE, LANES>(self.trees[tree], tile, first - start);
                        visit(tree, first, &leaves[..LANES.min(rows - first)]);
                    }
                }
            }
        }
    }

    /// The leaves of `LANES` rows of a tile.
    #[inline(always)]
    fn walk<const TILE: usize, const LANES: usize>(
        &self,
        tree: Tree,
        tile: &[T],
        first: usize,
    ) -> [u32; LANES] {
        let mut at = [tree.root; LANES];
        let mut depth = tree.depth;
        while depth > 0 {
            let before = at;
            for _ in 0..depth.min(STRIDE) {
                for (lane, at) in at.iter_mut().enumerate() {
                    let node = self.nodes[*at as usize];
                    let x = tile[node.plane as usize * TILE + first + lane];
                    // Not `x > threshold`: NaN goes right.
                    *at = node.left + u32::from(!(x <= node.threshold));
                }
            }
            if at == before {
                break;
            }
            depth = depth.saturating_sub(STRIDE);
        }
        at.map(|at| self.leaf[at as usize])
    }
}
