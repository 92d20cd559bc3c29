//! The bit-sliced engine: a tree for 256 rows at a time, in bitwise operations.
//!
//! The trees of a boosted model share few distinct conditions (feature, threshold, side of missing), and each is
//! evaluated once a row:
//!
//! ```text
//! ranks       key[feature][row] = number of the feature's thresholds below x            (planes.rs)
//! conditions  bitmap[c] = rows whose key is at most c's rank, 256 rows a word; for categorical conditions by a table of
//!             the conditions that each category meets (bits_by_category.rs)
//! for each tree
//!   reach     reach[root] = all rows;  for each split in depth-first order:
//!               reach[left] = reach & bitmap,  reach[right] = reach & !bitmap
//!   number    bit b of a row's leaf number = OR of the reach of the leaves whose number has bit b,
//!             spread from bits to one byte a row
//! for each row, four trees at a time: sum = (((sum + value1) + value2) + value3) + value4
//! ```
//! Every row goes through every split, without a branch, a gather or a wait: two loads, two operations and two stores
//! a split for 256 rows. The sum keeps the source's order, one rounding a tree.
//!
//! Layouts: a tree's splits are in depth-first order, split i at reach slot i, leaf j (numbered from left to right) at
//! slot `MAX_LEAVES + j`; leaf j of tree t has the value `value[(tree.value + j) * leaf_width + column]`. Keys are bytes:
//! feature thresholds are cut into segments of 254, and a rank is clamped into its segment (0 below it, 255 above), so
//! any number of thresholds fits. Conditions are numbered within a chunk of trees whose bitmaps stay in the second
//! cache level.
//!
//! Bound: a row and tree of 63 leaves takes 62 splits x 6 instructions / 256 rows = 1.5 for the reach, 0.8 for the leaf
//! numbers, 1 to spread them, 2 for the sum: about 5 instructions.

use std::collections::{BTreeMap, HashMap};

use super::bits_by_category::{Group, MAX_TABLES};
use super::categories::Sets;
use super::planes::{MAX_STRIDE, Planes, Ranks, Split};
use super::{Cost, Misfit, add};
use crate::kernels::Columns;
use crate::model::{Child, Forest, Width};
use crate::simd::Level;
use crate::simd::bits::{self, BitWork, Bits, WORD};

/// Rows evaluated together.
pub(crate) const ROWS: usize = MAX_STRIDE;
const WORDS: usize = ROWS / WORD;
/// Planes whose keys, 512 bytes each, a worker keeps: 4 MB at most.
const MAX_PLANES: usize = 8192;
/// Leaves that a byte can number.
const MAX_LEAVES: usize = 256;
/// Thresholds that a byte can rank, with 0 for "below all" and 255 for "above all".
const SEGMENT: usize = 254;
/// Distinct thresholds of a feature that u16 ranks count.
const MAX_THRESHOLDS: usize = u16::MAX as usize - 1;
/// Conditions of a chunk: 128 KiB of bitmaps.
const CHUNK_CONDITIONS: usize = 4096;
/// Trees whose leaf numbers are kept until their values are added in one pass.
const BATCH: usize = 4;

/// One bit a row.
type Mask = [u64; WORDS];

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
    /// Where its leaves start in `value` and `leaf`.
    value: usize,
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

/// A forest laid out for this engine: 8 bytes a split, and a leaf's values and 4 bytes a leaf.
#[derive(Debug)]
pub(crate) struct Sliced {
    planes: Planes,
    ranks: Ranks,
    /// Byte plane p comes from plane `segments[p].0` and holds its keys from threshold `segments[p].1` on.
    segments: Vec<(u32, u16)>,
    chunks: Vec<Chunk>,
    nodes: Vec<Node>,
    value: Vec<f64>,
    /// The source's number of each leaf.
    leaf_id: Vec<i32>,
    leaf_width: usize,
    /// The width to which every add is rounded.
    sum: Width,
    /// Words of the categories' tables.
    table_words: usize,
}

/// Scratch of one worker.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    keys: Vec<u16>,
    bytes: Vec<[u8; ROWS]>,
    bitmaps: Vec<Mask>,
    reach: Vec<Mask>,
    numbers: Vec<[u8; ROWS]>,
}

impl Sliced {
    /// Lay out a checked forest.
    pub(crate) fn new(forest: &Forest) -> Result<Self, Misfit> {
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
        let (planes, splits) = Planes::new(forest, &sets);
        if planes.len() > MAX_PLANES {
            return misfit(format!("{} planes; {MAX_PLANES} fit", planes.len()));
        }
        if !planes.indexes_fit::<u16>() {
            return Err(large_sets());
        }
        let many = || Misfit(format!("a feature has more than {MAX_THRESHOLDS} distinct thresholds"));
        let ranks = Ranks::new(forest, &planes, &splits, MAX_THRESHOLDS).ok_or_else(many)?;
        let mut sliced = Sliced {
            planes,
            ranks,
            segments: Vec::new(),
            chunks: Vec::new(),
            nodes: Vec::new(),
            value: Vec::new(),
            leaf_id: Vec::new(),
            leaf_width: forest.leaf_width,
            sum: forest.sum,
            table_words: 0,
        };
        // Trees of one output follow each other: their sums are independent of the others', and theirs keep order.
        let mut order: Vec<usize> = (0..forest.trees()).collect();
        order.sort_by_key(|&tree| forest.first_output(tree));
        let mut segment_index = HashMap::new();
        let mut shared = Shared::default();
        let mut chunk = Chunk::default();
        for tree in order {
            if shared.count() + forest.splits(tree).len() > CHUNK_CONDITIONS && !chunk.trees.is_empty() {
                let chunk = std::mem::take(&mut chunk);
                sliced.complete(chunk, std::mem::take(&mut shared), &sets).ok_or_else(large_sets)?;
            }
            sliced.lay_out(forest, tree, &splits, &mut chunk, &mut shared, &mut segment_index);
        }
        sliced.complete(chunk, shared, &sets).ok_or_else(large_sets)?;
        Ok(sliced)
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
        self.chunks.push(chunk);
        Some(())
    }

    /// Append one tree, its splits in depth-first order, its leaves from left to right.
    fn lay_out(
        &mut self,
        forest: &Forest,
        number: usize,
        splits: &[Split],
        chunk: &mut Chunk,
        shared: &mut Shared,
        segment_index: &mut HashMap<(u32, u16), u32>,
    ) {
        let (own_splits, own_leaves) = (forest.splits(number), forest.leaves(number));
        let tree = Tree {
            first: self.nodes.len(),
            splits: own_splits.len(),
            leaves: own_leaves.len(),
            value: self.leaf_id.len(),
            number,
            output: forest.first_output(number),
        };
        // Open branches: the node to be told where its child is, whether that is the right one, and the child.
        let mut open = vec![(None, if own_splits.is_empty() { Child::Leaf(0) } else { Child::Split(0) })];
        while let Some((parent, child)) = open.pop() {
            let slot = match child {
                Child::Leaf(leaf) => {
                    let slot = MAX_LEAVES + self.leaf_id.len() - tree.value;
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
                            let segment = (splits[split].plane, place - place % SEGMENT as u16);
                            let next = self.segments.len() as u32;
                            let plane = *segment_index.entry(segment).or_insert(next);
                            if plane == next {
                                self.segments.push(segment);
                            }
                            let condition = Condition { plane, rank: (place % SEGMENT as u16) as u8 };
                            let next = chunk.conditions.len() as u32;
                            *shared.conditions.entry(condition).or_insert_with(|| {
                                chunk.conditions.push(condition);
                                next
                            })
                        }
                    };
                    let at = self.nodes.len();
                    self.nodes.push(Node { condition: index, left: 0, right: 0 });
                    open.push((Some((at, true)), Child::decode(forest.right[split])));
                    open.push((Some((at, false)), Child::decode(forest.left[split])));
                    slot
                }
            };
            match parent {
                Some((at, true)) => self.nodes[at].right = slot as u16,
                Some((at, false)) => self.nodes[at].left = slot as u16,
                None => {}
            }
        }
        chunk.trees.push(tree);
    }

    /// What it costs.
    pub(crate) fn cost(&self, _level: Level) -> Cost {
        let conditions: usize = self.chunks.iter().map(Chunk::bitmaps).sum();
        let trees: usize = self.chunks.iter().map(|chunk| chunk.trees.len()).sum();
        let row = self.planes.len() as f64 * 4.0
            + conditions as f64 * 0.01
            + self.nodes.len() as f64 * 0.01
            + trees as f64 * self.leaf_width as f64 * 0.5;
        Cost { call: 0.0, row, step: ROWS }
    }

    /// For `explain_plan()`.
    pub(crate) fn describe(&self) -> String {
        let conditions: usize = self.chunks.iter().map(Chunk::bitmaps).sum();
        format!(
            "{} splits with {conditions} distinct conditions over {} byte planes, {} chunk(s)",
            self.nodes.len(),
            self.segments.len(),
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
        match self.sum {
            Width::Float64 => self.sum_to::<false>(level, input, scratch, out, stride, rows),
            Width::Float32 => self.sum_to::<true>(level, input, scratch, out, stride, rows),
        }
    }

    /// `NARROW`: every add is rounded to float32.
    fn sum_to<const NARROW: bool>(
        &self,
        level: Level,
        input: &impl Columns,
        scratch: &mut Scratch,
        out: &mut [f64],
        stride: usize,
        rows: usize,
    ) {
        let scalar = self.leaf_width == 1;
        self.run(level, input, scratch, rows, |start, trees, numbers| {
            let count = ROWS.min(rows - start);
            if scalar {
                self.add::<NARROW>(trees, numbers, &mut out[trees[0].output * stride + start..][..count]);
            } else {
                self.add_vectors::<NARROW>(trees, numbers, &mut out[start..], stride, count);
            }
        });
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
        self.run(level, input, scratch, rows, |start, trees, numbers| {
            for (tree, numbers) in trees.iter().zip(numbers) {
                let ids = &self.leaf_id[tree.value..tree.value + tree.leaves];
                for (id, &number) in out[tree.number][start..].iter_mut().zip(numbers) {
                    *id = ids.get(usize::from(number)).copied().unwrap_or_default();
                }
            }
        });
    }

    /// Add the values of up to [`BATCH`] trees of one output, in order.
    #[inline(always)]
    fn add<const NARROW: bool>(&self, trees: &[Tree], numbers: &[[u8; ROWS]], sums: &mut [f64]) {
        let table = |tree: &Tree| &self.value[tree.value..tree.value + tree.leaves];
        // A number is below the tree's leaves: the reach of a row ends in exactly one of them.
        let value = |table: &[f64], number: u8| table.get(usize::from(number)).copied().unwrap_or(f64::NAN);
        match (trees, numbers) {
            ([a, b, c, d], [na, nb, nc, nd]) => {
                let (a, b, c, d) = (table(a), table(b), table(c), table(d));
                for ((((sum, &na), &nb), &nc), &nd) in sums.iter_mut().zip(na).zip(nb).zip(nc).zip(nd) {
                    let first = add::<NARROW>(add::<NARROW>(*sum, value(a, na)), value(b, nb));
                    *sum = add::<NARROW>(add::<NARROW>(first, value(c, nc)), value(d, nd));
                }
            }
            _ => {
                for (tree, numbers) in trees.iter().zip(numbers) {
                    let table = table(tree);
                    for (sum, &number) in sums.iter_mut().zip(numbers) {
                        *sum = add::<NARROW>(*sum, value(table, number));
                    }
                }
            }
        }
    }

    /// Add vector leaves: column c of row r is at `sums[c * stride + r]`.
    #[inline(always)]
    fn add_vectors<const NARROW: bool>(
        &self,
        trees: &[Tree],
        numbers: &[[u8; ROWS]],
        sums: &mut [f64],
        stride: usize,
        rows: usize,
    ) {
        for (tree, numbers) in trees.iter().zip(numbers) {
            let table = &self.value[tree.value * self.leaf_width..][..tree.leaves * self.leaf_width];
            for (row, &number) in numbers[..rows].iter().enumerate() {
                let leaf = &table[usize::from(number) * self.leaf_width..][..self.leaf_width];
                for (column, &value) in leaf.iter().enumerate() {
                    let sum = &mut sums[column * stride + row];
                    *sum = add::<NARROW>(*sum, value);
                }
            }
        }
    }

    /// Calls `visit(first row, trees, leaf numbers of each tree)` for every tree and group of rows, trees of an output
    /// in order. Numbers of rows past the end mean nothing.
    fn run(
        &self,
        level: Level,
        input: &impl Columns,
        scratch: &mut Scratch,
        rows: usize,
        visit: impl FnMut(usize, &[Tree], &[[u8; ROWS]]),
    ) {
        bits::run(level, Pass { engine: self, input, scratch, rows, visit });
    }

    /// Keys of rows `start .. start + rows` as bytes.
    fn fill_bytes(&self, input: &impl Columns, scratch: &mut Scratch, start: usize, rows: usize) {
        scratch.keys.resize(self.planes.len() * ROWS, 0);
        scratch.bytes.resize(self.segments.len(), [0; ROWS]);
        self.planes.fill(&self.ranks, input, start, rows, &mut scratch.keys, ROWS);
        for (bytes, &(plane, first)) in scratch.bytes.iter_mut().zip(&self.segments) {
            let keys = &scratch.keys[plane as usize * ROWS..][..ROWS];
            for (byte, &key) in bytes.iter_mut().zip(keys) {
                *byte = key.saturating_sub(first).min(255) as u8;
            }
        }
    }
}

struct Pass<'a, C, V> {
    engine: &'a Sliced,
    input: &'a C,
    scratch: &'a mut Scratch,
    rows: usize,
    visit: V,
}

impl<C: Columns, V: FnMut(usize, &[Tree], &[[u8; ROWS]])> BitWork for Pass<'_, C, V> {
    #[inline(always)]
    fn run(self, bits: impl Bits) {
        let Pass { engine, input, scratch, rows, mut visit } = self;
        scratch.reach.resize(2 * MAX_LEAVES, [0; WORDS]);
        scratch.numbers.resize(BATCH, [0; ROWS]);
        for start in (0..rows).step_by(ROWS) {
            engine.fill_bytes(input, scratch, start, ROWS.min(rows - start));
            for chunk in &engine.chunks {
                scratch.bitmaps.resize(chunk.bitmaps(), [0; WORDS]);
                // Plain loops: closures of iterators would be compiled without the level's features.
                for (bitmap, condition) in scratch.bitmaps.iter_mut().zip(&chunk.conditions) {
                    let keys = scratch.bytes[condition.plane as usize].as_chunks::<WORD>().0;
                    for (word, keys) in bitmap.iter_mut().zip(keys) {
                        *word = bits.at_most(keys, condition.rank);
                    }
                }
                for group in &chunk.groups {
                    let keys = &scratch.keys[group.plane as usize * ROWS..][..ROWS];
                    for w in 0..group.words() {
                        let first = group.first + w * WORD;
                        let bitmaps = &mut scratch.bitmaps[first..(first + WORD).min(group.first + group.count)];
                        for (word, keys) in keys.as_chunks::<WORD>().0.iter().enumerate() {
                            let matrix = group.matrix(w, keys);
                            for (bitmap, &bits) in bitmaps.iter_mut().zip(&matrix) {
                                bitmap[word] = bits;
                            }
                        }
                    }
                }
                for trees in chunk.trees.chunk_by(|a, b| a.output == b.output) {
                    for trees in trees.chunks(BATCH) {
                        for (tree, numbers) in trees.iter().zip(&mut scratch.numbers) {
                            let nodes = &engine.nodes[tree.first..tree.first + tree.splits];
                            reach(nodes, &scratch.bitmaps, &mut scratch.reach);
                            number(bits, &mut scratch.reach[MAX_LEAVES..], tree.leaves, numbers);
                        }
                        visit(start, trees, &scratch.numbers[..trees.len()]);
                    }
                }
            }
        }
    }
}

/// The rows that reach each leaf.
#[inline(always)]
fn reach(nodes: &[Node], bitmaps: &[Mask], reach: &mut [Mask]) {
    let root = if nodes.is_empty() { MAX_LEAVES } else { 0 };
    reach[root] = [u64::MAX; WORDS];
    for (slot, node) in nodes.iter().enumerate() {
        let (here, condition) = (reach[slot], bitmaps[node.condition as usize]);
        let (mut left, mut right) = ([0; WORDS], [0; WORDS]);
        for word in 0..WORDS {
            left[word] = here[word] & condition[word];
            right[word] = here[word] & !condition[word];
        }
        reach[usize::from(node.left)] = left;
        reach[usize::from(node.right)] = right;
    }
}

/// Each row's leaf number. The masks are used up: at bit b, `masks[i]` is the rows whose number, without its b lowest
/// bits, is i; odd ones have the bit, and neighbours are joined for the next.
#[inline(always)]
fn number(bits: impl Bits, masks: &mut [Mask], leaves: usize, numbers: &mut [u8; ROWS]) {
    *numbers = [0; ROWS];
    let mut count = leaves;
    let mut bit = 0;
    while count > 1 {
        let mut plane = [0; WORDS];
        if count % 2 == 1 {
            masks[count] = [0; WORDS];
            count += 1;
        }
        for i in 0..count / 2 {
            let (even, odd) = (masks[2 * i], masks[2 * i + 1]);
            let mut joined = [0; WORDS];
            for word in 0..WORDS {
                plane[word] |= odd[word];
                joined[word] = even[word] | odd[word];
            }
            masks[i] = joined;
        }
        for (word, bytes) in plane.into_iter().zip(numbers.as_chunks_mut::<WORD>().0) {
            bits.spread(word, bit, bytes);
        }
        count /= 2;
        bit += 1;
    }
}
