//! Laying a forest out for the bit-sliced engine.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::{CHUNK_CONDITIONS, Chunk, Condition, MAX_LEAVES, MAX_PLANES, Node, Sliced, Tree};
use crate::kernels::forest::bits_by_category::{Group, MAX_TABLES};
use crate::kernels::forest::categories::Sets;
use crate::kernels::forest::planes::{self, MAX_THRESHOLDS, Planes, Split};
use crate::kernels::forest::segments::Segments;
use crate::kernels::forest::{Misfit, by_output};
use crate::model::{Child, Forest, Width};
use crate::simd::Level;
use crate::simd::leaf_table::LeafTables;
use crate::simd::rank::Ranks;

/// What the trees of the chunk that is being laid out share.
#[derive(Debug, Default)]
struct Shared {
    conditions: HashMap<Condition, u32>,
    /// Of each plane of categories its conditions, each a set with its number.
    categorical: BTreeMap<u32, (Vec<u32>, HashMap<u32, u32>)>,
    /// Nodes with a categorical condition: their plane. Their conditions are numbered when the chunk is complete.
    pending: Vec<(usize, u32)>,
}

impl Shared {
    fn count(&self) -> usize {
        self.conditions.len() + self.categorical.values().map(|(sets, _)| sets.len()).sum::<usize>()
    }
}

impl Sliced {
    /// Lay out a checked forest.
    pub(crate) fn new(forest: &Forest, level: Level) -> Result<Self, Misfit> {
        let misfit = |reason: String| Err(Misfit(reason));
        if forest.linear.is_some() {
            return misfit("leaves are linear functions".into());
        }
        let most = (0..forest.trees()).map(|tree| forest.leaves(tree).len()).max().unwrap_or(0);
        if most > MAX_LEAVES {
            return misfit(format!("a tree has {most} leaves; {MAX_LEAVES} fit"));
        }
        let large_sets = || Misfit("sets of categories are too large".into());
        let sets = Sets::new(forest).ok_or_else(large_sets)?;
        let (planes, splits) = Planes::new(forest, &sets, level);
        if planes.len() > MAX_PLANES {
            return misfit(format!("{} planes; {MAX_PLANES} fit", planes.len()));
        }
        if !planes.indexes_fit::<u16>() {
            return Err(large_sets());
        }
        let many = || Misfit(format!("a feature has more than {MAX_THRESHOLDS} distinct thresholds"));
        let ranks = planes::ranks(forest, &planes, &splits, MAX_THRESHOLDS).ok_or_else(many)?;
        Self::of(forest, planes, ranks, &splits, &sets, level, usize::MAX).ok_or_else(large_sets)
    }

    /// The layout of a forest whose planes, ranks and splits in terms of them are known, and may be those of a larger forest,
    /// with so many trees a chunk at most; leaves may have no columns. None where its sets of categories are too large.
    pub(in crate::kernels::forest) fn of(
        forest: &Forest,
        planes: Planes,
        ranks: Ranks,
        splits: &[Split],
        sets: &Sets,
        level: Level,
        most_trees: usize,
    ) -> Option<Self> {
        let mut sliced = Sliced {
            planes,
            ranks,
            segments: Segments::default(),
            chunks: Vec::new(),
            nodes: Vec::new(),
            value: Vec::new(),
            tables: if forest.leaf_width == 0 { None } else { LeafTables::new(level, forest.sum == Width::Float32) },
            table: Vec::new(),
            leaf_id: Vec::new(),
            leaf_width: forest.leaf_width,
            sum: forest.sum,
            most_slots: 0,
            table_words: 0,
        };
        let mut shared = Shared::default();
        let mut chunk = Chunk::default();
        for tree in by_output(forest) {
            let is_full =
                shared.count() + forest.splits(tree).len() > CHUNK_CONDITIONS || chunk.trees.len() == most_trees;
            if is_full && !chunk.trees.is_empty() {
                let chunk = std::mem::take(&mut chunk);
                sliced.complete(chunk, std::mem::take(&mut shared), sets)?;
            }
            sliced.lay_out(forest, tree, splits, &mut chunk, &mut shared);
        }
        sliced.complete(chunk, shared, sets)?;
        sliced.nodes.shrink_to_fit();
        sliced.value.shrink_to_fit();
        sliced.table.shrink_to_fit();
        sliced.leaf_id.shrink_to_fit();
        Some(sliced)
    }

    /// Number the categorical conditions of a chunk; None where their tables are too large.
    fn complete(&mut self, mut chunk: Chunk, shared: Shared, sets: &Sets) -> Option<()> {
        let mut first_of = HashMap::new();
        for (plane, (members, _)) in shared.categorical {
            let bits = self.planes.categories(plane)?;
            let first = chunk.bitmaps();
            let group = Group::new(plane, first, sets, &members, bits)?;
            self.table_words += group.size();
            if self.table_words > MAX_TABLES {
                return None;
            }
            chunk.groups.push(group);
            first_of.insert(plane, first);
        }
        for (node, plane) in shared.pending {
            self.nodes[node].condition += first_of[&plane] as u32;
        }
        chunk.conditions.shrink_to_fit();
        chunk.trees.shrink_to_fit();
        self.chunks.push(chunk);
        Some(())
    }

    /// Append one tree, its splits and its leaves level by level.
    fn lay_out(&mut self, forest: &Forest, number: usize, splits: &[Split], chunk: &mut Chunk, shared: &mut Shared) {
        let (own_splits, own_leaves) = (forest.splits(number), forest.leaves(number));
        let mut tree = Tree {
            first: self.nodes.len(),
            splits: own_splits.len(),
            leaves: own_leaves.len(),
            leaf: self.leaf_id.len(),
            value: self.value.len(),
            table: None,
            number,
            output: forest.first_output(number),
        };
        // Open branches: the node to be told where its child is, whether that is the right one, and the child.
        let mut open = VecDeque::from([(None, if own_splits.is_empty() { Child::Leaf(0) } else { Child::Split(0) })]);
        while let Some((parent, child)) = open.pop_front() {
            let slot = match child {
                Child::Leaf(leaf) => {
                    let slot = tree.splits + self.leaf_id.len() - tree.leaf;
                    let leaf = own_leaves.start + leaf;
                    self.leaf_id.push(forest.leaf_id[leaf]);
                    self.value.extend(&forest.leaf_value[leaf * self.leaf_width..][..self.leaf_width]);
                    slot
                }
                Child::Split(split) => {
                    let slot = self.nodes.len() - tree.first;
                    let split = own_splits.start + split;
                    let index = match splits[split].set {
                        Some(set) => {
                            let plane = splits[split].plane;
                            let (members, known) = shared.categorical.entry(plane).or_default();
                            shared.pending.push((self.nodes.len(), plane));
                            let next = members.len() as u32;
                            *known.entry(set).or_insert_with(|| {
                                members.push(set);
                                next
                            })
                        }
                        None => {
                            let place = self.ranks.place(forest.feature[split] as u32, splits[split].threshold);
                            let (plane, rank) = self.segments.condition(splits[split].plane, place);
                            let condition = Condition { plane, rank };
                            let next = chunk.conditions.len() as u32;
                            *shared.conditions.entry(condition).or_insert_with(|| {
                                chunk.conditions.push(condition);
                                next
                            })
                        }
                    };
                    let at = self.nodes.len();
                    self.nodes.push(Node { condition: index, left: 0, right: 0 });
                    open.push_back((Some((at, false)), Child::decode(forest.left[split])));
                    open.push_back((Some((at, true)), Child::decode(forest.right[split])));
                    slot
                }
            };
            match parent {
                Some((at, true)) => self.nodes[at].right = slot as u16,
                Some((at, false)) => self.nodes[at].left = slot as u16,
                None => {}
            }
        }
        tree.table = self.tabulate(&tree);
        if tree.table.is_some() {
            self.value.truncate(tree.value);
        }
        self.most_slots = self.most_slots.max(tree.splits + tree.leaves);
        chunk.trees.push(tree);
    }

    /// Tables of a tree's leaf values, one a column; where the first is.
    fn tabulate(&mut self, tree: &Tree) -> Option<usize> {
        let (tables, width) = (self.tables.as_mut()?, self.leaf_width);
        let (leaves, first) = (&self.value[tree.value..], self.table.len());
        for column in 0..width {
            let values = leaves.iter().skip(column).step_by(width).copied();
            let Some(table) = tables.push(values) else {
                self.table.truncate(first);
                return None;
            };
            self.table.push(table);
        }
        Some(first)
    }
}
