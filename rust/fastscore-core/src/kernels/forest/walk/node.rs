//! Nodes: how a split is laid out, and how a tree's nodes lie.

use std::collections::VecDeque;

use super::super::categories::Sets;
use super::super::planes::{Key, Split};
use crate::model::{Child, Forest};

/// Levels laid out one after another.
const TOP_LEVELS: u32 = 7;

/// A node's layout.
pub(super) trait Node: Copy + Send + Sync + std::fmt::Debug {
    type Key: Key;
    fn new(key: Self::Key, plane: u32, left: u32) -> Option<Self>;
    fn plane(self) -> usize;
    /// The child that a row with this key goes to, counted from the root.
    fn next(self, key: Self::Key, sets: &Sets) -> u32;
    /// Leaf `number` of its tree, at `at`, counted from the root: a node that leads to itself, whatever the row.
    fn leaf(at: u32, number: u32) -> Option<Self>;
    /// The number of a leaf.
    fn number(self) -> u32;
}

#[derive(Debug, Clone, Copy)]
#[repr(C, align(8))]
pub(super) struct Ranked {
    left: u32,
    rank: u16,
    plane: u16,
}

impl Node for Ranked {
    type Key = u16;
    fn new(rank: u16, plane: u32, left: u32) -> Option<Self> {
        Some(Ranked { left, rank, plane: u16::try_from(plane).ok()? })
    }
    fn leaf(at: u32, number: u32) -> Option<Self> {
        Some(Ranked { left: at, rank: u16::try_from(number).ok()?, plane: 0 })
    }
    #[inline(always)]
    fn number(self) -> u32 {
        u32::from(self.rank)
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
pub(super) struct Narrow {
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
    /// The number is the bits of the threshold, which only must not be NaN.
    fn leaf(at: u32, number: u32) -> Option<Self> {
        let threshold = f32::from_bits(number);
        if number >> 31 == 1 || threshold.is_nan() { None } else { Self::new(threshold, 0, at) }
    }
    #[inline(always)]
    fn number(self) -> u32 {
        self.threshold.to_bits()
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
pub(super) struct Wide {
    threshold: f64,
    left: u32,
    plane: u32,
}

impl Node for Wide {
    type Key = f64;
    fn new(threshold: f64, plane: u32, left: u32) -> Option<Self> {
        Some(Wide { threshold, left, plane })
    }
    fn leaf(at: u32, number: u32) -> Option<Self> {
        Self::new(f64::from_bits(number.into()), 0, at)
    }
    #[inline(always)]
    fn number(self) -> u32 {
        self.threshold.to_bits() as u32
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
pub(super) struct Mixed(Wide);

pub(super) const CATEGORICAL: u32 = 1 << 31;

impl Node for Mixed {
    type Key = f64;
    fn new(threshold: f64, plane: u32, left: u32) -> Option<Self> {
        Some(Mixed(Wide { threshold, left, plane }))
    }
    fn leaf(at: u32, number: u32) -> Option<Self> {
        Wide::leaf(at, number).map(Mixed)
    }
    #[inline(always)]
    fn number(self) -> u32 {
        self.0.number()
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

/// A split of the values as they are: bit 31 of the plane says that NaN goes left. A leaf has NaN for its threshold, which
/// sends every row to `left + 1`, the leaf itself.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub(super) struct Direct<const NAN_LEFT: bool>(Wide);

/// NaN goes left.
pub(super) const TO_LEFT: u32 = 1 << 31;

impl<const NAN_LEFT: bool> Node for Direct<NAN_LEFT> {
    type Key = f64;
    fn new(threshold: f64, plane: u32, left: u32) -> Option<Self> {
        Some(Direct(Wide { threshold, left, plane }))
    }
    #[inline(always)]
    fn plane(self) -> usize {
        (if NAN_LEFT { self.0.plane & !TO_LEFT } else { self.0.plane }) as usize
    }
    #[inline(always)]
    fn next(self, key: f64, _: &Sets) -> u32 {
        let mut goes_left = key <= self.0.threshold;
        if NAN_LEFT {
            goes_left |= key.is_nan() & (self.0.plane & TO_LEFT != 0);
        }
        self.0.left.wrapping_add(u32::from(!goes_left))
    }
    /// The number is the payload of the NaN.
    fn leaf(at: u32, number: u32) -> Option<Self> {
        Self::new(f64::from_bits(f64::NAN.to_bits() | u64::from(number)), 0, at.wrapping_sub(1))
    }
    #[inline(always)]
    fn number(self) -> u32 {
        self.0.number()
    }
}

/// A tree's nodes are `nodes[first..]`, its root the first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tree {
    pub first: usize,
    /// Its first leaf among the forest's.
    pub leaves: usize,
    /// Levels below the root.
    pub depth: u32,
    /// Levels to a leaf, on average over leaves.
    pub mean_depth: f32,
}

#[derive(Debug)]
pub(super) struct Nodes<N> {
    /// One more than there are, so that what follows a node can always be read.
    pub nodes: Vec<N>,
    pub trees: Vec<Tree>,
}

impl<N: Node> Nodes<N> {
    /// How many.
    pub fn len(&self) -> usize {
        self.nodes.len() - 1
    }

    /// The forest's leaf at node `at` of a tree.
    #[inline(always)]
    pub fn leaf(&self, tree: Tree, at: u32) -> u32 {
        tree.leaves as u32 + self.nodes[tree.first + at as usize].number()
    }

    /// Nanoseconds a row, roughly.
    pub fn cost(&self) -> f64 {
        self.trees.iter().map(|tree| 1.9 + 0.69 * f64::from(tree.mean_depth)).sum()
    }
}

/// Lay out nodes, siblings side by side: the top levels, which every row passes, level by level; below them each subtree
/// depth first, so that a row's path stays on few cache lines. None where the layout can't hold them.
pub(super) fn nodes<N: Node>(forest: &Forest, splits: &[Split], key: impl Fn(usize) -> N::Key) -> Option<Nodes<N>> {
    let count = forest.feature.len() + forest.leaf_id.len();
    u32::try_from(count).ok()?;
    let mut laid = Nodes { nodes: Vec::with_capacity(count + 1), trees: Vec::new() };
    let hole = N::new(N::Key::LOWEST, 0, 0)?;
    // Branches to lay out: what is there, its place counted from the root, its level.
    let mut top: VecDeque<(Child, u32, u32)> = VecDeque::new();
    let mut below: Vec<(Child, u32, u32)> = Vec::new();
    for tree in 0..forest.trees() {
        let (tree_splits, leaves) = (forest.splits(tree), forest.leaves(tree));
        let first = laid.nodes.len();
        laid.nodes.push(hole);
        top.push_back((if tree_splits.is_empty() { Child::Leaf(0) } else { Child::Split(0) }, 0, 0));
        let (mut depth, mut leaf_levels) = (0, 0u64);
        while let Some((child, at, level)) = below.pop().or_else(|| top.pop_front()) {
            depth = depth.max(level);
            match child {
                Child::Leaf(leaf) => {
                    leaf_levels += u64::from(level);
                    laid.nodes[first + at as usize] = N::leaf(at, u32::try_from(leaf).ok()?)?;
                }
                Child::Split(split) => {
                    let split = tree_splits.start + split;
                    let left = (laid.nodes.len() - first) as u32;
                    laid.nodes.extend([hole, hole]);
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
        let mean_depth = leaf_levels as f32 / leaves.len().max(1) as f32;
        laid.trees.push(Tree { first, leaves: leaves.start, depth, mean_depth });
    }
    laid.nodes.push(hole);
    Some(laid)
}
