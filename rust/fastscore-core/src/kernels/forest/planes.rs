//! Planes: input columns made ready for a plain `key <= threshold`, so that the walk knows no missing values.
//!
//! A split needs its feature, and where missing goes. If missing goes left, the plane holds there what is at most any
//! threshold; if right, what is at most none. Zero-as-missing is one more plane. Splits that agree share a plane; few
//! features need more than one.
//!
//! Every comparison becomes `x <= t` in float64, exactly. Where the source compares float32 values, x is rounded to
//! float32 as the source rounds it, and t becomes the largest float32 not above it; `x < t` is `x <= t'` with t' the
//! largest value of the width below t.
//!
//! A key is what a plane holds:
//! * `u16`: the rank of x among its feature's distinct thresholds, the number of them below x. With thresholds sorted,
//!   `x <= t[i]` is `rank(x) <= i`.
//! * `f32`, `f64`: x itself.
//!
//! A plane for categorical splits holds the index of x's category instead (categories.rs).

use std::collections::HashMap;

use super::categories::{self, Sets};
use crate::kernels::Columns;
use crate::model::{Category, Comparison, FLAG_MISSING_LEFT, FLAG_ZERO_MISSING, Forest, NegativeFraction, Width};

/// The longest plane that [`Planes::fill`] makes.
pub(super) const MAX_STRIDE: usize = 512;

/// How one plane is made from a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Plane {
    feature: u32,
    missing_left: bool,
    zero_missing: bool,
    /// For `x < -inf`, which holds for no x: only missing can go left.
    missing_only: bool,
    /// For categorical splits, the bits of the feature's longest set.
    categories: Option<u32>,
}

/// A split as `key of plane <= threshold`, or as `key of plane is in set`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split {
    pub plane: u32,
    pub threshold: f64,
    pub set: Option<u32>,
}

/// The distinct planes of a forest. Plane 0 holds what is at most any threshold, for leaves that stay where they are.
#[derive(Debug)]
pub(super) struct Planes {
    specs: Vec<Plane>,
    zero_band: f64,
    missing_value: Option<f64>,
    negative_fraction: NegativeFraction,
    narrow: bool,
}

/// What a plane can hold.
pub(super) trait Key: Copy + PartialOrd + Send + Sync + std::fmt::Debug + 'static {
    /// At most any threshold.
    const LOWEST: Self;
    /// At most no threshold.
    const NEVER: Self;
    /// Whether the key of NaN is NEVER.
    const NAN_IS_NEVER: bool;
    /// Whether a key has at most float32's width, so that values need not be rounded before.
    const NARROWS: bool;
    /// The key of a category's index. Exact where the index is at most `MAX_INDEX`.
    fn of_index(index: u32) -> Self;
    /// The largest index.
    const MAX_INDEX: u32;
    /// What turns values into keys.
    type Table: std::fmt::Debug + Send + Sync;
    /// `out[i]` is the key of `x[i]`, a number at the source's width (what NaN becomes does not matter).
    fn convert(table: &Self::Table, feature: u32, x: &[f64], out: &mut [Self]);
}

impl Key for f64 {
    const LOWEST: f64 = f64::NEG_INFINITY;
    const NEVER: f64 = f64::NAN;
    const NAN_IS_NEVER: bool = true;
    const NARROWS: bool = false;
    const MAX_INDEX: u32 = u32::MAX;
    fn of_index(index: u32) -> f64 {
        f64::from(index)
    }
    type Table = ();
    fn convert((): &(), _: u32, x: &[f64], out: &mut [f64]) {
        out.copy_from_slice(x);
    }
}

impl Key for f32 {
    const LOWEST: f32 = f32::NEG_INFINITY;
    const NEVER: f32 = f32::NAN;
    const NAN_IS_NEVER: bool = true;
    const NARROWS: bool = true;
    const MAX_INDEX: u32 = 1 << 24;
    fn of_index(index: u32) -> f32 {
        index as f32
    }
    type Table = ();
    fn convert((): &(), _: u32, x: &[f64], out: &mut [f32]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = x as f32;
        }
    }
}

impl Key for u16 {
    const LOWEST: u16 = 0;
    const NEVER: u16 = u16::MAX;
    const NAN_IS_NEVER: bool = false;
    const NARROWS: bool = false;
    const MAX_INDEX: u32 = u16::MAX as u32;
    fn of_index(index: u32) -> u16 {
        index as u16
    }
    type Table = Ranks;
    fn convert(ranks: &Ranks, feature: u32, x: &[f64], out: &mut [u16]) {
        ranks.rank(feature, x, out);
    }
}

/// The distinct thresholds of each feature, sorted.
#[derive(Debug)]
pub(super) struct Ranks {
    /// Feature f's are `sorted[start[f]..]`, one fewer than a power of two, filled up with +inf.
    sorted: Vec<f64>,
    start: Vec<u32>,
    levels: Vec<u8>,
}

impl Ranks {
    /// None when a feature has more than `most` distinct thresholds.
    pub(super) fn new(forest: &Forest, planes: &Planes, splits: &[Split], most: usize) -> Option<Self> {
        let features = planes.specs.iter().map(|plane| plane.feature as usize + 1).max().unwrap_or(0);
        let mut by_feature = vec![Vec::new(); features];
        for (split, &feature) in splits.iter().zip(&forest.feature).filter(|(split, _)| split.set.is_none()) {
            by_feature[feature as usize].push(split.threshold);
        }
        let mut ranks = Ranks { sorted: Vec::new(), start: Vec::new(), levels: Vec::new() };
        for mut thresholds in by_feature {
            thresholds.sort_by(f64::total_cmp);
            // -0 and 0 are one threshold.
            thresholds.dedup_by(|a, b| a == b);
            if thresholds.len() > most {
                return None;
            }
            let levels = usize::BITS - thresholds.len().leading_zeros();
            thresholds.resize((1 << levels) - 1, f64::INFINITY);
            ranks.start.push(u32::try_from(ranks.sorted.len()).ok()?);
            ranks.levels.push(levels as u8);
            ranks.sorted.extend(thresholds);
        }
        Some(ranks)
    }

    fn thresholds(&self, feature: u32) -> (&[f64], u32) {
        let levels = u32::from(self.levels[feature as usize]);
        (&self.sorted[self.start[feature as usize] as usize..][..(1 << levels) - 1], levels)
    }

    /// The place of a threshold among its feature's.
    pub(super) fn place(&self, feature: u32, threshold: f64) -> u16 {
        self.thresholds(feature).0.partition_point(|&t| t < threshold) as u16
    }

    /// `out[i]` is the number of thresholds below `x[i]`: a binary search without branches, eight rows at once, so that
    /// their loads overlap.
    fn rank(&self, feature: u32, x: &[f64], out: &mut [u16]) {
        let (thresholds, levels) = self.thresholds(feature);
        let (x8, x_rest) = x.as_chunks::<8>();
        let (out8, out_rest) = out.as_chunks_mut::<8>();
        for (x, out) in x8.iter().zip(out8) {
            *out = search(thresholds, levels, x);
        }
        for (x, out) in x_rest.iter().zip(out_rest) {
            [*out] = search(thresholds, levels, &[*x]);
        }
    }
}

/// How many of `thresholds`, which are sorted and one fewer than `2^levels`, are below each x.
#[inline(always)]
fn search<const N: usize>(thresholds: &[f64], levels: u32, x: &[f64; N]) -> [u16; N] {
    let mut ranks = [0; N];
    assert!(thresholds.len() + 1 == 1 << levels);
    for level in (0..levels).rev() {
        let half = 1usize << level;
        for (rank, x) in ranks.iter_mut().zip(x) {
            // SAFETY: before this level every rank is a multiple of `2 * half` below `2^levels`, so that
            // `rank + half - 1` is at most `2^levels - 2`, the last of the thresholds by the assertion above. Without
            // the check the search takes half the time.
            let threshold = unsafe { *thresholds.get_unchecked(*rank + half - 1) };
            // Not an `if`, which would become a branch that is wrong half of the time.
            *rank += usize::from(threshold < *x) << level;
        }
    }
    ranks.map(|rank| rank as u16)
}

impl Planes {
    /// The planes of a forest, and each of its splits in terms of them.
    pub(super) fn new(forest: &Forest, sets: &Sets) -> (Planes, Vec<Split>) {
        let narrow = forest.width == Width::Float32;
        let mut longest: HashMap<i32, u32> = HashMap::new();
        for (split, &feature) in forest.feature.iter().enumerate() {
            if let Some(set) = sets.of_split(split) {
                let bits = longest.entry(feature).or_default();
                *bits = (*bits).max(sets.bits(set));
            }
        }
        let specs = (0..forest.feature.len()).map(|split| plane(forest, split, sets, &longest)).collect::<Vec<_>>();
        let mut distinct = specs.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let index: HashMap<Plane, u32> = distinct.iter().copied().zip(1..).collect();
        let splits = specs.iter().zip(&forest.threshold).enumerate().map(|(split, (plane, &threshold))| Split {
            plane: index[plane],
            threshold: at_most(forest.comparison, narrow, threshold),
            set: sets.of_split(split),
        });
        let splits = splits.collect();
        let planes = Planes {
            specs: distinct,
            // A band of -1 holds no value.
            zero_band: forest.zero_band.unwrap_or(-1.0),
            missing_value: forest.missing_value,
            negative_fraction: forest.negative_fraction,
            narrow,
        };
        (planes, splits)
    }

    /// Whether every category's index is a key of this type.
    pub(super) fn indexes_fit<K: Key>(&self) -> bool {
        self.specs.iter().all(|plane| plane.categories.is_none_or(|bits| bits <= K::MAX_INDEX))
    }

    /// The bits of the longest set of a plane; None where it holds values.
    pub(super) fn categories(&self, plane: u32) -> Option<u32> {
        self.specs.get((plane as usize).checked_sub(1)?)?.categories
    }

    /// How many, plane 0 included.
    pub(super) fn len(&self) -> usize {
        self.specs.len() + 1
    }

    /// Rows `start .. start + rows` of the input as planes: row r of plane p is at `out[p * stride + r]`. Rows up to
    /// `stride` get keys too, of no meaning.
    pub(super) fn fill<K: Key>(
        &self,
        table: &K::Table,
        input: &impl Columns,
        start: usize,
        rows: usize,
        out: &mut [K],
        stride: usize,
    ) {
        let mut scratch = [0.0; MAX_STRIDE];
        let mut keys = [K::LOWEST; MAX_STRIDE];
        let (scratch, keys) = (&mut scratch[..stride], &mut keys[..stride]);
        // What counts as zero is seen after rounding.
        let looked_at = |plane: &Plane| plane.zero_missing || plane.categories.is_some();
        let rounded = self.narrow && (!K::NARROWS || self.missing_value.is_some() || self.specs.iter().any(looked_at));
        let as_they_are = rows == stride && self.zero_band < 0.0 && self.missing_value.is_none() && !rounded;
        let mut loaded = None;
        out[..stride].fill(K::LOWEST);
        for (plane, out) in self.specs.iter().zip(out[stride..].chunks_mut(stride)) {
            let source = &input.column(plane.feature as usize)[start..start + rows];
            // Planes of one feature follow each other: its keys are found once.
            if loaded != Some(plane.feature) {
                loaded = Some(plane.feature);
                if as_they_are {
                    K::convert(table, plane.feature, source, keys);
                } else {
                    self.prepare(source, &mut scratch[..rows]);
                    K::convert(table, plane.feature, scratch, keys);
                }
            }
            let x = if as_they_are { source } else { &*scratch };
            match plane.categories {
                Some(bits) => {
                    for (out, &x) in out.iter_mut().zip(x) {
                        *out = K::of_index(categories::index(Category::of(x, self.negative_fraction), bits));
                    }
                }
                None => fill_one(*plane, x, keys, out),
            }
        }
    }

    /// Values as the source compares them.
    fn prepare(&self, source: &[f64], x: &mut [f64]) {
        x.copy_from_slice(source);
        if self.narrow {
            x.iter_mut().for_each(|x| *x = f64::from(*x as f32));
        }
        if self.zero_band >= 0.0 {
            x.iter_mut().for_each(|x| *x = if x.abs() <= self.zero_band { 0.0 } else { *x });
        }
        if let Some(missing) = self.missing_value {
            x.iter_mut().for_each(|x| *x = if *x == missing { f64::NAN } else { *x });
        }
    }
}

/// One plane from a feature's values and their keys.
fn fill_one<K: Key>(plane: Plane, x: &[f64], keys: &[K], out: &mut [K]) {
    let missing = if plane.missing_left { K::LOWEST } else { K::NEVER };
    if plane.zero_missing || plane.missing_only {
        for ((out, &key), &x) in out.iter_mut().zip(keys).zip(x) {
            let is_missing = x.is_nan() || (plane.zero_missing && x == 0.0);
            let key = if plane.missing_only { K::NEVER } else { key };
            *out = if is_missing { missing } else { key };
        }
    } else if K::NAN_IS_NEVER && !plane.missing_left {
        out.copy_from_slice(keys);
    } else {
        for ((out, &key), &x) in out.iter_mut().zip(keys).zip(x) {
            *out = if x.is_nan() { missing } else { key };
        }
    }
}

fn plane(forest: &Forest, split: usize, sets: &Sets, longest: &HashMap<i32, u32>) -> Plane {
    let flag = |bit: u8| forest.flags[split] & bit != 0;
    let feature = forest.feature[split] as u32;
    if sets.of_split(split).is_some() {
        let categories = longest.get(&forest.feature[split]).copied();
        return Plane { feature, missing_left: false, zero_missing: false, missing_only: false, categories };
    }
    Plane {
        feature,
        missing_left: flag(FLAG_MISSING_LEFT),
        zero_missing: flag(FLAG_ZERO_MISSING),
        missing_only: forest.comparison == Comparison::Lt && forest.threshold[split] == f64::NEG_INFINITY,
        categories: None,
    }
}

/// The largest value of the width that the comparison with `threshold` lets go left.
fn at_most(comparison: Comparison, narrow: bool, threshold: f64) -> f64 {
    let mut largest = threshold;
    if narrow {
        let near = threshold as f32;
        largest = f64::from(if f64::from(near) > threshold { near.next_down() } else { near });
    }
    match comparison {
        // Where rounding went down, `x < t` already is `x <= largest`.
        Comparison::Lt if largest == threshold && narrow => f64::from((largest as f32).next_down()),
        Comparison::Lt if largest == threshold => largest.next_down(),
        _ => largest,
    }
}
