//! The oblivious engine: a tree as a decision table, for symmetric trees.
//!
//! A tree in which each level asks one condition is a table: the outcomes of its conditions are the bits of a number,
//! and the number's entry is the leaf's value. That is seen from the conditions alone: where a tree asks d distinct
//! conditions, wherever and however often, and `2^d` is not much more than its leaves, it is a table of d bits.
//!
//! ```text
//! for each tile of rows
//!   keys      key[group][feature][place] = the feature's rank as a byte                      (planes.rs, segments.rs)
//!   for each run of trees, whose tables stay in the first cache level; for each group of 64 rows
//!     numbers number[tree][place] = OR of (key[condition b] > rank b) << b      64 rows an instruction with AVX-512
//!     sums    sum[row] = sum[row] + table[tree][number]                         tree by tree, in the source's order
//! ```
//! `place` is the row, or with AVX-512 a permutation of it ([`Tables::ROWS`]), by which values come out of the permutes
//! in the rows' order. Tables of neighbouring trees are never merged: that would change the rounding of the sums.
//!
//! Layouts: condition b of tree t of a run is `conditions[run.condition + t * bits + b]`; column c of the value of number
//! n is `values[run.value + (t * leaf_width + c) * 2^bits + n]`, where [`Tables::arrange`] may have reordered the `2^bits`
//! of a table; the source's number of that leaf is `leaf_id[run.leaf + t * 2^bits + n]`. A run's trees have one output and
//! one number of bits.
//!
//! Bounds are beside the operations in `simd/tables/`. A tree of depth 6 and 64 rows: 12 operations for the numbers,
//! 33 for looking up and adding with AVX-512, 45 in all, 0.7 a row; 36 and 2 loads and an add a row with AVX2.

use super::categories::Sets;
use super::planes::{self, MAX_STRIDE, MAX_THRESHOLDS, Planes};
use super::segments::Segments;
use super::{Cost, Misfit, by_output};
use crate::kernels::Columns;
use crate::model::{Child, Forest, Width};
use crate::simd::Level;
use crate::simd::bits::WORD;
use crate::simd::rank::Ranks;
use crate::simd::tables::{self, BYTE, Condition, GROUPS, Keys, Lookups, Numbers, TableWork, Tables};

/// Conditions of a tree: two bytes of number.
const MAX_BITS: usize = 2 * BYTE;
/// Times its leaves that a tree's table may have entries.
const MAX_SPREAD: usize = 2;
/// Planes whose keys a worker keeps, for at least [`MAX_STRIDE`] rows.
const MAX_PLANES: usize = 8192;
/// Trees of a run at most.
const RUN_TREES: usize = 32;
/// Words of tables of a run: 16 KB, half of the smallest first cache level.
const RUN_WORDS: usize = 2048;
/// Bytes of keys of a tile.
const TILE_BYTES: usize = 24 << 10;
/// Rows of a tile at most.
const TILE_ROWS: usize = 1024;
/// Words of a cache line.
const LINE: usize = 8;

/// Trees that follow each other in the source's order, with one output and one number of conditions.
#[derive(Debug)]
struct Run {
    /// Its trees are `trees[first .. first + count]`.
    first: usize,
    count: usize,
    /// Conditions of a tree.
    bits: usize,
    condition: usize,
    value: usize,
    leaf: usize,
    /// The output that they add to.
    output: usize,
}

/// A forest laid out for this engine: 8 bytes a condition, and an entry's values and 4 bytes an entry.
#[derive(Debug)]
pub(crate) struct Oblivious {
    planes: Planes,
    ranks: Ranks,
    segments: Segments,
    runs: Vec<Run>,
    /// The forest's number of each tree.
    trees: Vec<usize>,
    conditions: Vec<Condition>,
    /// Bits of values, from `aligned` on.
    values: Vec<u64>,
    /// Where a cache line starts in `values`.
    aligned: usize,
    /// The source's number of each entry's leaf.
    leaf_id: Vec<i32>,
    leaf_width: usize,
    /// The width to which every add is rounded.
    sum: Width,
    /// The level that tables are laid out for.
    level: Level,
}

/// Scratch of one worker.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    ranks: Vec<u16>,
    keys: Vec<Keys>,
    low: Vec<Numbers>,
    high: Vec<Numbers>,
}

/// A tree as a table.
struct Table {
    /// A split of each condition, counted from the forest's first.
    splits: Vec<usize>,
    /// The leaf of each number, counted from the forest's first.
    leaves: Vec<usize>,
}

impl Oblivious {
    /// Lay out a checked forest for a level.
    pub(crate) fn new(forest: &Forest, level: Level) -> Result<Self, Misfit> {
        let misfit = |reason: String| Err(Misfit(reason));
        if forest.linear.is_some() {
            return misfit("leaves are linear functions".into());
        }
        if forest.has_categories() {
            return misfit("splits test sets of categories".into());
        }
        let found = (0..forest.trees()).map(|tree| table(forest, tree)).collect::<Result<Vec<_>, _>>()?;
        let (planes, splits) = Planes::new(forest, &Sets::default(), level);
        if planes.len() > MAX_PLANES {
            return misfit(format!("{} planes; {MAX_PLANES} fit", planes.len()));
        }
        let many = || Misfit(format!("a feature has more than {MAX_THRESHOLDS} distinct thresholds"));
        let ranks = planes::ranks(forest, &planes, &splits, MAX_THRESHOLDS).ok_or_else(many)?;
        let mut engine = Oblivious {
            planes,
            ranks,
            segments: Segments::default(),
            runs: Vec::new(),
            trees: by_output(forest),
            conditions: Vec::new(),
            values: Vec::new(),
            aligned: 0,
            leaf_id: Vec::new(),
            leaf_width: forest.leaf_width,
            sum: forest.sum,
            level,
        };
        // Room for everything, so that the values stay where they are and can be aligned.
        let size: usize = found.iter().map(|table| table.leaves.len() * forest.leaf_width).sum();
        engine.values.reserve_exact(size + LINE * (found.len() + 1));
        engine.aligned = engine.values.as_ptr().align_offset(LINE * size_of::<u64>()).min(LINE);
        engine.values.resize(engine.aligned, 0);
        for at in 0..engine.trees.len() {
            let number = engine.trees[at];
            let Table { splits: own, leaves } = &found[number];
            engine.extend_run(at, own.len(), forest.first_output(number));
            for &split in own {
                let place = engine.ranks.place(forest.feature[split] as u32, splits[split].threshold);
                let (plane, rank) = engine.segments.condition(splits[split].plane, place);
                engine.conditions.push(Condition::new(plane, rank));
            }
            for column in 0..forest.leaf_width {
                let first = engine.values.len();
                let value = |&leaf: &usize| forest.leaf_value[leaf * forest.leaf_width + column].to_bits();
                engine.values.extend(leaves.iter().map(value));
                tables::run(level, Arrange(&mut engine.values[first..]));
            }
            engine.leaf_id.extend(leaves.iter().map(|&leaf| forest.leaf_id[leaf]));
        }
        Ok(engine)
    }

    /// Count tree `at` to the last run, or start one.
    fn extend_run(&mut self, at: usize, bits: usize, output: usize) {
        let words = self.leaf_width << bits;
        if let Some(run) = self.runs.last_mut()
            && (run.bits, run.output) == (bits, output)
            && run.count < RUN_TREES
            && (run.count + 1) * words <= RUN_WORDS
        {
            run.count += 1;
            return;
        }
        let value = (self.values.len() - self.aligned).next_multiple_of(LINE) + self.aligned;
        self.values.resize(value, 0);
        let (condition, leaf) = (self.conditions.len(), self.leaf_id.len());
        self.runs.push(Run { first: at, count: 1, bits, condition, value, leaf, output });
    }

    /// Bytes of its arrays.
    pub(crate) fn bytes(&self) -> usize {
        self.planes.bytes()
            + self.ranks.bytes()
            + size_of_val(self.trees.as_slice())
            + size_of_val(self.conditions.as_slice())
            + size_of_val(self.values.as_slice())
            + size_of_val(self.leaf_id.as_slice())
    }

    /// What it costs: fitted to 1000 trees of depth 6 over 25 features, less what 100 of them take, on a Zen 5 server.
    pub(crate) fn cost(&self) -> Cost {
        let (plane, number, permuted, loaded) = match self.level {
            Level::Avx512 => (1.5, 0.008, 0.055, 0.21),
            Level::Avx2 => (2.2, 0.012, 0.21, 0.21),
            Level::Portable => (2.5, 0.02, 0.21, 0.21),
        };
        let mut row = self.planes.len() as f64 * plane;
        for run in &self.runs {
            let lookup = if run.bits <= tables::MOST_PERMUTED { permuted } else { loaded };
            row += run.count as f64 * (run.bits as f64 * number + self.leaf_width as f64 * lookup);
        }
        Cost::Rows { row, step: WORD }
    }

    /// For `explain_plan()`.
    pub(crate) fn describe(&self) -> String {
        format!(
            "{} tables of up to {} conditions over {} byte planes",
            self.trees.len(),
            self.runs.iter().map(|run| run.bits).max().unwrap_or(0),
            self.segments.list.len()
        )
    }

    /// Margins: `out[o * stride + r]`, which holds where the sums start, gets every tree's leaf value.
    pub(crate) fn sum(&self, input: &impl Columns, scratch: &mut Scratch, out: &mut [f64], stride: usize, rows: usize) {
        match self.sum {
            Width::Float64 => self.run(input, scratch, rows, Sums::<false> { out, stride }),
            Width::Float32 => self.run(input, scratch, rows, Sums::<true> { out, stride }),
        }
    }

    /// The source's leaf numbers: row r of tree t is `out[t][r]`.
    pub(crate) fn leaf_ids(&self, input: &impl Columns, scratch: &mut Scratch, out: &mut [&mut [i32]], rows: usize) {
        self.run(input, scratch, rows, LeafIds { out });
    }

    fn run(&self, input: &impl Columns, scratch: &mut Scratch, rows: usize, sink: impl Sink) {
        tables::run(self.level, Pass { engine: self, input, scratch, rows, sink });
    }

    /// Rows of a tile.
    fn tile(&self) -> usize {
        let fit = TILE_BYTES / self.segments.list.len().max(1);
        (fit - fit % (GROUPS * WORD)).clamp(MAX_STRIDE, TILE_ROWS)
    }

    /// Keys of rows `start .. start + rows`: those of byte plane p and group g of 64 rows are
    /// `keys[g / 2 * planes + p][g % 2]`.
    #[inline(always)]
    fn fill(&self, tables: impl Tables, input: &impl Columns, scratch: &mut Scratch, start: usize, rows: usize) {
        let Scratch { ranks, keys, .. } = scratch;
        let planes = self.segments.list.len();
        keys.resize(planes * rows.div_ceil(GROUPS * WORD), [[0; WORD]; GROUPS]);
        for first in (0..rows).step_by(MAX_STRIDE) {
            let here = MAX_STRIDE.min(rows - first);
            let stride = here.next_multiple_of(WORD);
            ranks.resize(self.planes.len() * stride, 0);
            self.planes.fill(&self.ranks, input, start + first, here, ranks, stride);
            for group in 0..stride / WORD {
                let at = first / WORD + group;
                let keys = &mut keys[at / GROUPS * planes..][..planes];
                for (keys, &(plane, first)) in keys.iter_mut().zip(&self.segments.list) {
                    let ranks = &ranks[plane as usize * stride..][..stride];
                    tables.pack(&ranks.as_chunks::<WORD>().0[group], first, &mut keys[at % GROUPS]);
                }
            }
        }
    }
}

/// The table of a tree: its distinct conditions, level by level, and the leaf that each combination leads to.
fn table(forest: &Forest, number: usize) -> Result<Table, Misfit> {
    let (splits, leaves) = (forest.splits(number), forest.leaves(number));
    let condition = |split: usize| (forest.feature[split], forest.threshold[split].to_bits(), forest.flags[split]);
    let mut distinct = Vec::new();
    // The condition of each split.
    let mut bit = vec![0; splits.len()];
    let mut level = if splits.is_empty() { Vec::new() } else { vec![0] };
    while !level.is_empty() {
        let mut next = Vec::new();
        for split in level {
            let at = splits.start + split;
            let known = distinct.iter().position(|&other| condition(other) == condition(at));
            bit[split] = known.unwrap_or(distinct.len());
            if known.is_none() {
                distinct.push(at);
            }
            if distinct.len() > MAX_BITS || 1 << distinct.len() > MAX_SPREAD * leaves.len() {
                let leaves = leaves.len();
                return Err(Misfit(format!(
                    "tree {number} of {leaves} leaves asks {} distinct conditions or more; a table of at most {} entries \
                     fits",
                    distinct.len(),
                    (MAX_SPREAD * leaves).min(1 << MAX_BITS),
                )));
            }
            for child in [forest.left[at], forest.right[at]] {
                if let Child::Split(split) = Child::decode(child) {
                    next.push(split);
                }
            }
        }
        level = next;
    }
    let leaf = |outcomes: usize| {
        let mut child = if splits.is_empty() { Child::Leaf(0) } else { Child::Split(0) };
        loop {
            match child {
                Child::Leaf(leaf) => return leaves.start + leaf,
                Child::Split(split) => {
                    let at = splits.start + split;
                    let right = outcomes >> bit[split] & 1 == 1;
                    child = Child::decode(if right { forest.right[at] } else { forest.left[at] });
                }
            }
        }
    };
    let leaves = (0..1 << distinct.len()).map(leaf).collect();
    Ok(Table { splits: distinct, leaves })
}

struct Arrange<'a>(&'a mut [u64]);

impl TableWork for Arrange<'_> {
    #[inline(always)]
    fn run<T: Tables>(self, _: T) {
        T::arrange(self.0);
    }
}

/// The numbers of a group of rows in the trees of a run.
struct Numbered<'a> {
    run: &'a Run,
    /// Low and high bytes, the latter where numbers take two.
    low: &'a [Numbers],
    high: &'a [Numbers],
    /// Which of the two groups.
    group: usize,
    /// The group is rows `start .. start + rows`, at most 64. Numbers of rows past the end mean nothing.
    start: usize,
    rows: usize,
}

/// What becomes of numbers.
trait Sink {
    fn take<T: Tables>(&mut self, tables: T, engine: &Oblivious, numbered: &Numbered);
}

/// Margins; `NARROW`: every add is rounded to float32.
struct Sums<'a, const NARROW: bool> {
    out: &'a mut [f64],
    stride: usize,
}

impl<const NARROW: bool> Sink for Sums<'_, NARROW> {
    #[inline(always)]
    fn take<T: Tables>(&mut self, tables: T, engine: &Oblivious, numbered: &Numbered) {
        let &Numbered { run, low, high, group, start, rows } = numbered;
        let step = engine.leaf_width << run.bits;
        for column in 0..engine.leaf_width {
            let values = &engine.values[run.value + (column << run.bits)..];
            let lookups = Lookups { bits: run.bits, values, step, low, high, group };
            let sums = &mut self.out[(run.output + column) * self.stride + start..][..rows];
            if let Some(sums) = sums.first_chunk_mut::<WORD>() {
                tables.add::<NARROW>(lookups, sums);
            } else {
                let mut padded = [0.0; WORD];
                padded[..rows].copy_from_slice(sums);
                tables.add::<NARROW>(lookups, &mut padded);
                sums.copy_from_slice(&padded[..rows]);
            }
        }
    }
}

struct LeafIds<'a, 'b> {
    out: &'a mut [&'b mut [i32]],
}

impl Sink for LeafIds<'_, '_> {
    #[inline(always)]
    fn take<T: Tables>(&mut self, _: T, engine: &Oblivious, numbered: &Numbered) {
        let &Numbered { run, low, high, group, start, rows } = numbered;
        for (t, low) in low.iter().enumerate() {
            let out = &mut self.out[engine.trees[run.first + t]][start..start + rows];
            let ids = &engine.leaf_id[run.leaf + (t << run.bits)..][..1 << run.bits];
            for place in 0..WORD {
                let high = high.get(t).map_or(0, |high| usize::from(high[group][place]) << BYTE);
                if let Some(out) = out.get_mut(usize::from(T::ROWS[place])) {
                    *out = ids.get(usize::from(low[group][place]) | high).copied().unwrap_or_default();
                }
            }
        }
    }
}

struct Pass<'a, C, S> {
    engine: &'a Oblivious,
    input: &'a C,
    scratch: &'a mut Scratch,
    rows: usize,
    sink: S,
}

impl<C: Columns, S: Sink> TableWork for Pass<'_, C, S> {
    #[inline(always)]
    fn run<T: Tables>(self, tables: T) {
        let Pass { engine, input, scratch, rows, mut sink } = self;
        let planes = engine.segments.list.len();
        scratch.low.resize(RUN_TREES, [[0; WORD]; GROUPS]);
        scratch.high.resize(RUN_TREES, [[0; WORD]; GROUPS]);
        for start in (0..rows).step_by(engine.tile()) {
            let end = rows.min(start + engine.tile());
            engine.fill(tables, input, scratch, start, end - start);
            for run in &engine.runs {
                let conditions = &engine.conditions[run.condition..][..run.count * run.bits];
                let low_bits = run.bits.min(BYTE);
                let low = &mut scratch.low[..run.count];
                let high = &mut scratch.high[..if run.bits > BYTE { run.count } else { 0 }];
                for (pair, first) in (start..end).step_by(GROUPS * WORD).enumerate() {
                    let keys = &scratch.keys[pair * planes..][..planes];
                    let high_bits = run.bits - low_bits;
                    if end - first > WORD {
                        tables::number::<GROUPS>(tables, low_bits, conditions, run.bits, 0, keys, low);
                        tables::number::<GROUPS>(tables, high_bits, conditions, run.bits, BYTE, keys, high);
                    } else {
                        tables::number::<1>(tables, low_bits, conditions, run.bits, 0, keys, low);
                        tables::number::<1>(tables, high_bits, conditions, run.bits, BYTE, keys, high);
                    }
                    for (group, first) in (first..end).step_by(WORD).take(GROUPS).enumerate() {
                        let rows = WORD.min(end - first);
                        sink.take(tables, engine, &Numbered { run, low, high, group, start: first, rows });
                    }
                }
            }
        }
    }
}
