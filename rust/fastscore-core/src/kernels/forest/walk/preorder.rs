//! A row or a few: 64 trees side by side, a byte each, through their splits in preorder.
//!
//! A lane holds the first leaf of the subtree that its row is in, leaves numbered from left to right. The next split of
//! the path is the next in preorder whose subtree begins with that leaf: what lies between belongs to subtrees left
//! behind, which begin with lower leaves, and what follows a leaf that is reached begins with higher ones. So
//!
//! ```text
//! for each split, in preorder:  if at == first and key[plane] > rank:  at = next
//! ```
//! where `first` is the first leaf of its left subtree and `next` that of its right one. Every split is looked at, but
//! without a load that waits for another.
//!
//! Layout: split s of a group's trees is one line, byte l of each array for tree `64 * group + l`. Bound for a line: a
//! byte permutation, two comparisons and a masked move, 256 bytes read.

use super::super::planes::{Key, Planes};
use super::node::{Node, Nodes, Ranked};
use crate::kernels::Columns;
use crate::simd::Level;
use crate::simd::bits::{self, BitWork, Bits, MOST_KEYS, SplitLine, WORD};
use crate::simd::leaf_table::has_byte_permutations;
use crate::simd::rank::Ranks;

/// Rows up to which this is tried.
pub(super) const MOST_ROWS: usize = 32;

/// The splits of a forest's trees, 64 trees a group.
#[derive(Debug)]
pub(super) struct Preorder {
    level: Level,
    lines: Vec<SplitLine>,
    /// Group g has the lines `groups[g] .. groups[g + 1]`.
    groups: Vec<usize>,
    /// The forest's leaf for leaf i of tree t, from left to right, is at `first_leaf[t] + i`.
    leaves: Vec<u32>,
    first_leaf: Vec<usize>,
}

impl Preorder {
    /// None where a byte can't hold a leaf, a plane or a rank, where the level has no byte permutations, or where
    /// walking the nodes costs less.
    pub(super) fn new(nodes: &Nodes<Ranked>, level: Level) -> Option<Self> {
        let mut laid =
            Preorder { level, lines: Vec::new(), groups: vec![0], leaves: Vec::new(), first_leaf: Vec::new() };
        if !has_byte_permutations(level) {
            return None;
        }
        for trees in nodes.trees.chunks(WORD) {
            let start = laid.lines.len();
            for (lane, tree) in trees.iter().enumerate() {
                let first_leaf = laid.leaves.len();
                laid.first_leaf.push(first_leaf);
                let mut line = start;
                // Nodes ahead, a right child with the line of its parent.
                let mut ahead = vec![(0, None)];
                while let Some((at, right_of)) = ahead.pop() {
                    let node = nodes.nodes[tree.first + at as usize];
                    let passed = laid.leaves.len() - first_leaf;
                    if let Some(parent) = right_of {
                        let parent: &mut SplitLine = laid.lines.get_mut(parent)?;
                        parent.next[lane] = u8::try_from(passed).ok()?;
                    }
                    // Only a leaf reads plane 0.
                    if node.plane() == 0 {
                        laid.leaves.push(tree.leaves as u32 + node.number());
                        continue;
                    }
                    if line == laid.lines.len() {
                        laid.lines.push(SplitLine::NONE);
                    }
                    let split = &mut laid.lines[line];
                    split.plane[lane] =
                        u8::try_from(node.plane()).ok().filter(|&plane| usize::from(plane) < MOST_KEYS)?;
                    split.rank[lane] = u8::try_from(node.rank()).ok().filter(|&rank| rank < u8::MAX)?;
                    split.first[lane] = u8::try_from(passed).ok()?;
                    ahead.extend([(node.left() + 1, Some(line)), (node.left(), None)]);
                    line += 1;
                }
            }
            laid.groups.push(laid.lines.len());
        }
        (laid.cost() < nodes.cost()).then_some(laid)
    }

    /// Nanoseconds a row, roughly, beside those for its keys.
    pub(super) fn cost(&self) -> f64 {
        2.0 * self.lines.len() as f64 + 4.0 * self.first_leaf.len() as f64
    }

    /// As [`super::trees::Trees::run`].
    pub(super) fn run(
        &self,
        planes: &Planes,
        ranks: &Ranks,
        input: &impl Columns,
        keys: &mut Vec<u16>,
        rows: usize,
        mut visit: impl FnMut(usize, usize, &[u32]),
    ) {
        keys.resize(planes.len(), u16::LOWEST);
        let mut bytes = [0; MOST_KEYS];
        for row in 0..rows {
            planes.fill(ranks, input, row, 1, keys, 1);
            for (byte, &key) in bytes.iter_mut().zip(keys.iter()) {
                // No rank is the largest byte, so that it stays what no threshold reaches.
                *byte = key.min(u8::MAX.into()) as u8;
            }
            for ((group, lines), trees) in self.groups.windows(2).enumerate().zip(self.first_leaf.chunks(WORD)) {
                let mut at = [0; WORD];
                bits::run(self.level, Descend { keys: &bytes, lines: &self.lines[lines[0]..lines[1]], at: &mut at });
                for ((lane, first_leaf), at) in trees.iter().enumerate().zip(at) {
                    visit(WORD * group + lane, row, &[self.leaves[first_leaf + usize::from(at)]]);
                }
            }
        }
    }
}

struct Descend<'a> {
    keys: &'a [u8; MOST_KEYS],
    lines: &'a [SplitLine],
    at: &'a mut [u8; WORD],
}

impl BitWork for Descend<'_> {
    #[inline(always)]
    fn run(self, bits: impl Bits) {
        bits.descend(self.keys, self.lines, self.at);
    }
}
