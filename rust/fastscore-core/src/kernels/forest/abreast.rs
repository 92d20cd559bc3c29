//! A row or a few: 64 trees abreast, a byte each (`simd/descend.rs` has the idea).
//!
//! ```text
//! keys      a byte a byte plane and row: the rank of the row's value among the thresholds (planes.rs, segments.rs)
//! descend   every split of 64 trees at a time, for up to eight rows: the leaf of each row in each tree
//! sum       a row's leaf values, trees in source order
//! ```
//! Leaves are numbered from left to right. Layout: split k of a group's trees, in order, is `lines[groups[g] + k]`, byte l for
//! tree `64 g + l`; leaf i of a tree is at `first + i` in `order`, and its values are at `(first + i) * leaf_width`.
//!
//! Bound for a row: 192 bytes for each split of 64 trees, read from the second cache level where they do not fit the
//! first (4 cycles a line on Zen 5), and as many dependent additions as an output has trees (2 to 3 cycles each). Eight
//! rows share the bytes; a line then takes them four vector instructions each.

use super::categories::Sets;
use super::planes::{self, MAX_THRESHOLDS, Planes};
use super::segments::Segments;
use super::{BLOCKS, Cost, Misfit, by_output};
use crate::kernels::Columns;
use crate::model::{Child, Forest, Width};
use crate::simd::bits::WORD;
use crate::simd::descend::{Lanes, MOST_KEYS, SplitLine, descend};
use crate::simd::leaf_table::has_byte_permutations;
use crate::simd::rank::Ranks;
use crate::simd::{Level, add, byte_of};

/// The most leaves of a tree: a byte numbers them.
const MAX_LEAVES: usize = 256;
/// Bytes of lines that a split may take: trees of many sizes leave most of a line empty.
const BYTES_A_SPLIT: usize = 12;
/// Lines that are never too many.
const FEW_LINES: usize = 512;

/// Where a tree is.
#[derive(Debug)]
struct Tree {
    /// Its number in the forest.
    number: usize,
    /// The output that it adds to.
    output: usize,
    /// Its first leaf here, and among the forest's.
    first: usize,
    leaves: usize,
}

/// A forest laid out for this engine: 3 to 12 bytes a split, and a leaf's values and 1 byte a leaf.
#[derive(Debug)]
pub(crate) struct Abreast {
    level: Level,
    planes: Planes,
    ranks: Ranks,
    segments: Segments,
    lines: Vec<SplitLine>,
    /// Group g has the lines `groups[g] .. groups[g + 1]`.
    groups: Vec<usize>,
    trees: Vec<Tree>,
    /// The number in its tree of each leaf.
    order: Vec<u8>,
    value: Vec<f64>,
    leaf_width: usize,
    /// The width to which every add is rounded.
    sum: Width,
}

/// Scratch of one worker: for eight rows 1 KB of keys, and 512 bytes for each 64 trees.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    keys: Vec<u16>,
    at: Vec<Lanes>,
}

impl Abreast {
    /// Lay out a checked forest.
    pub(crate) fn new(forest: &Forest, level: Level) -> Result<Self, Misfit> {
        let misfit = |reason: String| Err(Misfit(reason));
        if forest.linear.is_some() {
            return misfit("leaves are linear functions".into());
        }
        if forest.has_categories() {
            return misfit("splits test sets of categories".into());
        }
        let most = (0..forest.trees()).map(|tree| forest.leaves(tree).len()).max().unwrap_or(0);
        if most > MAX_LEAVES {
            return misfit(format!("a tree has {most} leaves; {MAX_LEAVES} fit"));
        }
        let by_output = by_output(forest);
        let splits = |trees: &[usize]| trees.iter().map(|&tree| forest.splits(tree).len()).max().unwrap_or(0);
        let lines: usize = by_output.chunks(WORD).map(splits).sum();
        if lines > FEW_LINES && lines * size_of::<SplitLine>() > BYTES_A_SPLIT * forest.feature.len() {
            return misfit("trees differ too much in size".into());
        }
        let (planes, splits) = Planes::new(forest, &Sets::default(), level);
        let many = || Misfit(format!("a feature has more than {MAX_THRESHOLDS} distinct thresholds"));
        let ranks = planes::ranks(forest, &planes, &splits, MAX_THRESHOLDS).ok_or_else(many)?;
        let mut engine = Abreast {
            level,
            planes,
            ranks,
            segments: Segments::default(),
            lines: vec![SplitLine::NONE; lines],
            groups: vec![0],
            trees: Vec::with_capacity(forest.trees()),
            order: Vec::with_capacity(forest.leaf_id.len()),
            value: Vec::with_capacity(forest.leaf_value.len()),
            leaf_width: forest.leaf_width,
            sum: forest.sum,
        };
        // What a split compares: a byte plane and a rank.
        let conditions = splits.iter().zip(&forest.feature).map(|(split, &feature)| {
            let place = engine.ranks.place(feature as u32, split.threshold);
            engine.segments.condition(split.plane, place)
        });
        let conditions: Vec<(u32, u8)> = conditions.collect();
        let count = engine.segments.list.len();
        if count > MOST_KEYS {
            return misfit(format!("{count} byte planes; {MOST_KEYS} fit"));
        }
        for trees in by_output.chunks(WORD) {
            let start = engine.groups[engine.groups.len() - 1];
            let mut most = 0;
            for (lane, &tree) in trees.iter().enumerate() {
                engine.lay_out(forest, tree, &conditions, start, lane);
                most = most.max(forest.splits(tree).len());
            }
            engine.groups.push(start + most);
        }
        Ok(engine)
    }

    /// Append one tree as a lane of the group whose lines begin at `start`.
    fn lay_out(&mut self, forest: &Forest, number: usize, conditions: &[(u32, u8)], start: usize, lane: usize) {
        /// What is to be done next.
        enum Step {
            Enter(Child),
            /// The left subtree of a split, which begins with leaf `first`, is done.
            Between(usize, u8),
        }
        let (splits, leaves, width) = (forest.splits(number), forest.leaves(number), self.leaf_width);
        let first = self.order.len();
        self.trees.push(Tree { number, output: forest.first_output(number), first, leaves: leaves.start });
        let mut ahead = vec![Step::Enter(if splits.is_empty() { Child::Leaf(0) } else { Child::Split(0) })];
        while let Some(step) = ahead.pop() {
            // At most 256 leaves, one of which is still to come.
            let passed = self.order.len() - first;
            match step {
                Step::Enter(Child::Leaf(leaf)) => {
                    self.order.push(leaf as u8);
                    self.value.extend(&forest.leaf_value[(leaves.start + leaf) * width..][..width]);
                }
                Step::Enter(Child::Split(split)) => {
                    let split = splits.start + split;
                    let left = Child::decode(forest.left[split]);
                    ahead.extend([Step::Between(split, passed as u8), Step::Enter(left)]);
                }
                Step::Between(split, first) => {
                    let (plane, rank) = conditions[split];
                    let line = &mut self.lines[start + passed - 1];
                    (line.plane[lane], line.rank[lane], line.first[lane]) = (plane as u8, rank, first);
                    ahead.push(Step::Enter(Child::decode(forest.right[split])));
                }
            }
        }
    }

    /// Bytes of its arrays.
    pub(crate) fn bytes(&self) -> usize {
        self.planes.bytes()
            + self.ranks.bytes()
            + size_of_val(self.lines.as_slice())
            + size_of_val(self.trees.as_slice())
            + self.order.len()
            + size_of_val(self.value.as_slice())
    }

    /// What it costs: the constants that fit what `make calibrate` measured on a Zen 5.
    pub(crate) fn cost(&self) -> Cost {
        let lines = self.lines.len() as f64;
        let values = (self.trees.len() * self.leaf_width) as f64;
        let (planes, keys) = (self.planes.len() as f64, self.segments.list.len() as f64);
        let (line, more) = match self.level {
            _ if has_byte_permutations(self.level) => ([1.0, 1.7, 2.0, 3.2], 0.0),
            Level::Portable => ([60.0, 120.0, 240.0, 480.0], 0.0),
            Level::Avx2 | Level::Avx512 => ([3.5, 5.0, 8.0, 15.0], 0.5),
        };
        let tables = (keys / 16.0).ceil() * more;
        Cost::Blocks(std::array::from_fn(|at| {
            let rows = BLOCKS[at] as f64;
            lines * (line[at] + tables * rows) + values * (0.8 + 0.4 * rows) + planes * 3.0 * rows
        }))
    }

    /// For `explain_plan()`.
    pub(crate) fn describe(&self) -> String {
        format!(
            "{} lines of splits of 64 trees over {} byte planes, eight rows at a time",
            self.lines.len(),
            self.segments.list.len()
        )
    }

    /// Margins: `out[o * stride + r]`, which holds where the sums start, gets every tree's leaf value.
    pub(crate) fn sum(&self, input: &impl Columns, scratch: &mut Scratch, out: &mut [f64], stride: usize, rows: usize) {
        match self.sum {
            Width::Float64 => self.run(input, scratch, rows, &mut Sums::<false> { engine: self, out, stride }),
            Width::Float32 => self.run(input, scratch, rows, &mut Sums::<true> { engine: self, out, stride }),
        }
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
        self.run(input, scratch, rows, &mut Ids { engine: self, forest, out });
    }

    fn run(&self, input: &impl Columns, scratch: &mut Scratch, rows: usize, target: &mut impl Target) {
        let mut start = 0;
        while start < rows {
            start += match rows - start {
                1 => self.block::<1>(input, scratch, start, 1, target),
                2 => self.block::<2>(input, scratch, start, 2, target),
                left @ 3..=4 => self.block::<4>(input, scratch, start, left, target),
                left => self.block::<8>(input, scratch, start, left.min(8), target),
            };
        }
    }

    /// Up to `ROWS` rows from `start` on; gives how many.
    fn block<const ROWS: usize>(
        &self,
        input: &impl Columns,
        scratch: &mut Scratch,
        start: usize,
        rows: usize,
        target: &mut impl Target,
    ) -> usize {
        let Scratch { keys, at } = scratch;
        let mut bytes = [[0; MOST_KEYS]; ROWS];
        if ROWS < 8 {
            for (row, bytes) in (start..start + rows).zip(&mut bytes) {
                self.planes.fill_row(&self.ranks, input, row, keys);
                for (byte, &(plane, first)) in bytes.iter_mut().zip(&self.segments.list) {
                    *byte = byte_of(keys[plane as usize], first);
                }
            }
        } else {
            // Eight values a gather.
            keys.resize(self.planes.len() * ROWS, 0);
            self.planes.fill(&self.ranks, input, start, rows, keys, ROWS);
            for (place, &(plane, first)) in self.segments.list.iter().enumerate() {
                let keys = &keys[plane as usize * ROWS..][..ROWS];
                for (bytes, &key) in bytes.iter_mut().zip(keys) {
                    bytes[place] = byte_of(key, first);
                }
            }
        }
        at.resize((self.groups.len() - 1) * ROWS, [0; WORD]);
        let at = at.as_chunks_mut::<ROWS>().0;
        descend(self.level, &bytes, self.segments.list.len(), &self.lines, &self.groups, at);
        target.take(start, rows, at);
        rows
    }
}

/// What becomes of the leaves.
trait Target {
    /// The leaves of `rows` rows from `start` on, row r's in tree `64 g + l` at `at[g][r][l]`.
    fn take<const ROWS: usize>(&mut self, start: usize, rows: usize, at: &[[Lanes; ROWS]]);
}

struct Sums<'a, const NARROW: bool> {
    engine: &'a Abreast,
    out: &'a mut [f64],
    stride: usize,
}

impl<const NARROW: bool> Target for Sums<'_, NARROW> {
    fn take<const ROWS: usize>(&mut self, start: usize, rows: usize, at: &[[Lanes; ROWS]]) {
        let Abreast { trees, value, leaf_width, .. } = self.engine;
        for column in 0..*leaf_width {
            let mut output = usize::MAX;
            let mut sums = [0.0; ROWS];
            for (trees, at) in trees.chunks(WORD).zip(at) {
                for (lane, tree) in trees.iter().enumerate() {
                    if tree.output + column != output {
                        self.put(output, start, &sums[..rows]);
                        output = tree.output + column;
                        sums[..rows].copy_from_slice(&self.out[output * self.stride + start..][..rows]);
                    }
                    let values = &value[tree.first * leaf_width..];
                    for (sum, at) in sums.iter_mut().zip(at) {
                        let leaf = usize::from(at[lane]);
                        let place = if *leaf_width == 1 { leaf } else { leaf * leaf_width + column };
                        // SAFETY: a lane holds 0 or k + 1, k a split of its tree (lines without one move nothing: no key
                        // is above their rank), so a leaf of the tree, whose `leaf_width` values are from `tree.first *
                        // leaf_width` on. With a check eight rows take a tenth longer.
                        *sum = add::<NARROW>(*sum, unsafe { *values.get_unchecked(place) });
                    }
                }
            }
            self.put(output, start, &sums[..rows]);
        }
    }
}

impl<const NARROW: bool> Sums<'_, NARROW> {
    fn put(&mut self, output: usize, start: usize, sums: &[f64]) {
        if output != usize::MAX {
            self.out[output * self.stride + start..][..sums.len()].copy_from_slice(sums);
        }
    }
}

struct Ids<'a, 'o> {
    engine: &'a Abreast,
    forest: &'a Forest,
    out: &'a mut [&'o mut [i32]],
}

impl Target for Ids<'_, '_> {
    fn take<const ROWS: usize>(&mut self, start: usize, rows: usize, at: &[[Lanes; ROWS]]) {
        for (trees, at) in self.engine.trees.chunks(WORD).zip(at) {
            for (lane, tree) in trees.iter().enumerate() {
                for (id, at) in self.out[tree.number][start..start + rows].iter_mut().zip(at) {
                    let leaf = self.engine.order[tree.first + usize::from(at[lane])];
                    *id = self.forest.leaf_id[tree.leaves + usize::from(leaf)];
                }
            }
        }
    }
}
