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

mod row;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::categories::{self, Sets};
use crate::kernels::{Columns, RowCells, Rows};
use crate::model::{Category, Comparison, FLAG_MISSING_LEFT, FLAG_ZERO_MISSING, Forest, NegativeFraction, Width};
use crate::simd::Level;
use crate::simd::bits::{self, BitWork, Bits};
use crate::simd::rank::Ranks;

/// The longest plane that [`Planes::fill`] makes.
pub(super) const MAX_STRIDE: usize = 512;
/// Distinct thresholds of a feature that u16 ranks count: one more is what no threshold reaches.
pub(super) const MAX_THRESHOLDS: usize = u16::MAX as usize - 1;

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
    level: Level,
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
    /// The key of a number, NEVER for NaN, where it takes no table.
    fn of_number(x: f64) -> Option<Self>;
    /// The key of a category's index. Exact where the index is at most `MAX_INDEX`.
    fn of_index(index: u32) -> Self;
    /// The largest index.
    const MAX_INDEX: u32;
    /// What turns values into keys.
    type Table: std::fmt::Debug + Send + Sync;
    /// Bytes of a table.
    fn bytes(table: &Self::Table) -> usize;
    /// `out[i]` is the key of `x[i]`, a number at the source's width (what NaN becomes does not matter).
    fn convert(bits: impl Bits, table: &Self::Table, feature: u32, x: &[f64], out: &mut [Self]);
}

impl Key for f64 {
    const LOWEST: f64 = f64::NEG_INFINITY;
    const NEVER: f64 = f64::NAN;
    const NAN_IS_NEVER: bool = true;
    const NARROWS: bool = false;
    const MAX_INDEX: u32 = u32::MAX;
    #[inline(always)]
    fn of_number(x: f64) -> Option<f64> {
        Some(x)
    }
    fn of_index(index: u32) -> f64 {
        f64::from(index)
    }
    type Table = ();
    fn bytes((): &()) -> usize {
        0
    }
    #[inline(always)]
    fn convert(_: impl Bits, (): &(), _: u32, x: &[f64], out: &mut [f64]) {
        out.copy_from_slice(x);
    }
}

impl Key for f32 {
    const LOWEST: f32 = f32::NEG_INFINITY;
    const NEVER: f32 = f32::NAN;
    const NAN_IS_NEVER: bool = true;
    const NARROWS: bool = true;
    const MAX_INDEX: u32 = 1 << 24;
    #[inline(always)]
    fn of_number(x: f64) -> Option<f32> {
        Some(x as f32)
    }
    fn of_index(index: u32) -> f32 {
        index as f32
    }
    type Table = ();
    fn bytes((): &()) -> usize {
        0
    }
    #[inline(always)]
    fn convert(_: impl Bits, (): &(), _: u32, x: &[f64], out: &mut [f32]) {
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
    fn of_number(_: f64) -> Option<u16> {
        None
    }
    fn of_index(index: u32) -> u16 {
        index as u16
    }
    type Table = Ranks;
    fn bytes(table: &Ranks) -> usize {
        table.bytes()
    }
    #[inline(always)]
    fn convert(bits: impl Bits, ranks: &Ranks, feature: u32, x: &[f64], out: &mut [u16]) {
        ranks.rank(bits, feature, x, out);
    }
}

/// The thresholds of each feature; None when one has more than `most` distinct ones.
pub(super) fn ranks(forest: &Forest, planes: &Planes, splits: &[Split], most: usize) -> Option<Ranks> {
    // Features of categorical splits alone have none.
    let mut by_feature: BTreeMap<u32, Vec<f64>> =
        planes.specs.iter().map(|plane| (plane.feature, Vec::new())).collect();
    for (split, &feature) in splits.iter().zip(&forest.feature).filter(|(split, _)| split.set.is_none()) {
        by_feature.entry(feature as u32).or_default().push(split.threshold);
    }
    let mut ranks = Ranks::default();
    for (feature, thresholds) in by_feature {
        ranks.push(feature, thresholds, most)?;
    }
    ranks.shrink();
    Some(ranks)
}

impl Planes {
    /// Bytes of their list.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.specs.as_slice())
    }

    /// The planes of a forest, and each of its splits in terms of them.
    pub(super) fn new(forest: &Forest, sets: &Sets, level: Level) -> (Planes, Vec<Split>) {
        let narrow = forest.width == Width::Float32;
        let mut longest: HashMap<i32, u32> = HashMap::new();
        for (split, &feature) in forest.feature.iter().enumerate() {
            if let Some(set) = sets.of_split(split) {
                let bits = longest.entry(feature).or_default();
                *bits = (*bits).max(sets.bits(set));
            }
        }
        // Numbers in order of appearance first: a number a split is a fifth of what its plane takes.
        let mut found: HashMap<Plane, u32> = HashMap::new();
        let number = |split: usize| {
            let next = found.len() as u32;
            *found.entry(plane(forest, split, sets, &longest)).or_insert(next)
        };
        let numbers: Vec<u32> = (0..forest.feature.len()).map(number).collect();
        let mut distinct: Vec<(Plane, u32)> = found.into_iter().collect();
        distinct.sort_unstable();
        let mut place = vec![0; distinct.len()];
        distinct.iter().zip(1..).for_each(|((_, number), at)| place[*number as usize] = at);
        let splits = numbers.iter().zip(&forest.threshold).enumerate().map(|(split, (&number, &threshold))| Split {
            plane: place[number as usize],
            threshold: at_most(forest.comparison, narrow, threshold),
            set: sets.of_split(split),
        });
        let splits = splits.collect();
        let planes = Planes {
            specs: distinct.into_iter().map(|(plane, _)| plane).collect(),
            // A band of -1 holds no value.
            zero_band: forest.zero_band.unwrap_or(-1.0),
            missing_value: forest.missing_value,
            negative_fraction: forest.negative_fraction,
            narrow,
            level,
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

    /// Whether NaN, and nothing else, is missing at every split.
    pub(super) fn only_nan_is_missing(&self) -> bool {
        self.specs.iter().all(|plane| !plane.zero_missing && !plane.missing_only)
    }

    /// For each plane, another that holds the same but for missing values, which go right there and left here; itself where
    /// there is none.
    pub(super) fn right_sides(&self) -> Vec<usize> {
        let places: HashMap<Plane, usize> = self.specs.iter().copied().zip(1..).collect();
        let right = |plane: &Plane| places.get(&Plane { missing_left: false, ..*plane }).copied();
        let plain = |plane: &Plane| !plane.zero_missing && !plane.missing_only && plane.categories.is_none();
        let sides = self.specs.iter().zip(1..);
        let sides = sides.map(|(plane, own)| right(plane).filter(|_| plain(plane)).unwrap_or(own));
        [0].into_iter().chain(sides).collect()
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
        bits::run(self.level, Fill { planes: self, table, input, rows: start..start + rows, out, stride });
    }
}

struct Fill<'a, K: Key, C> {
    planes: &'a Planes,
    table: &'a K::Table,
    input: &'a C,
    rows: Range<usize>,
    out: &'a mut [K],
    stride: usize,
}

impl<K: Key, C: Columns> BitWork for Fill<'_, K, C> {
    #[inline(always)]
    fn run(self, bits: impl Bits) {
        let Fill { planes, table, input, rows, out, stride } = self;
        let mut scratch = [0.0; MAX_STRIDE];
        let mut keys = [K::LOWEST; MAX_STRIDE];
        let keys = &mut keys[..stride];
        // What counts as zero is seen after rounding.
        let looked_at = |plane: &Plane| plane.zero_missing || plane.categories.is_some();
        let rounded =
            planes.narrow && (!K::NARROWS || planes.missing_value.is_some() || planes.specs.iter().any(looked_at));
        let as_they_are = rows.len() == stride && planes.zero_band < 0.0 && planes.missing_value.is_none() && !rounded;
        let mut loaded = None;
        out[..stride].fill(K::LOWEST);
        for (plane, out) in planes.specs.iter().zip(out[stride..].chunks_mut(stride)) {
            let source = &input.column(plane.feature as usize)[rows.clone()];
            // Planes of one feature follow each other: its keys are found once.
            if loaded != Some(plane.feature) {
                loaded = Some(plane.feature);
                if !as_they_are {
                    planes.prepare(source, &mut scratch[..rows.len()]);
                }
                let x = if as_they_are { source } else { &scratch[..stride] };
                K::convert(bits, table, plane.feature, x, keys);
            }
            let x = if as_they_are { source } else { &scratch[..stride] };
            match plane.categories {
                Some(bits) => {
                    for (out, &x) in out.iter_mut().zip(x) {
                        *out = K::of_index(categories::index(Category::of(x, planes.negative_fraction), bits));
                    }
                }
                None => fill_one(*plane, x, keys, out),
            }
        }
    }
}

// Plain loops from here on: closures of iterators would be compiled without the level's features.
impl Planes {
    /// The same from an array of rows, key p of row r at `out[r * width + p]`; false, and nothing done, where the input is
    /// no such array or values are more than converted.
    pub(super) fn fill_rows<K: Key>(
        &self,
        input: &impl Columns,
        start: usize,
        rows: usize,
        out: &mut [K],
        width: usize,
    ) -> bool {
        let plain = |plane: &Plane| !plane.zero_missing && !plane.missing_only && plane.categories.is_none();
        let as_they_are = self.zero_band < 0.0 && self.missing_value.is_none() && (K::NARROWS || !self.narrow);
        if !as_they_are || !self.specs.iter().all(plain) || K::of_number(0.0).is_none() {
            return false;
        }
        let Some(array) = input.rows() else { return false };
        match array.cells {
            RowCells::F64(cells) => self.convert_rows(cells, array, start..start + rows, out, width),
            RowCells::F32(cells) => self.convert_rows(cells, array, start..start + rows, out, width),
        }
        true
    }

    fn convert_rows<T: Copy + Into<f64>, K: Key>(
        &self,
        cells: &[T],
        array: Rows,
        rows: Range<usize>,
        out: &mut [K],
        width: usize,
    ) {
        // Columns from the first that is read to the last are converted side by side, then planes take theirs.
        let columns = || self.specs.iter().map(|plane| array.offset[plane.feature as usize]);
        let (Some(first), Some(last)) = (columns().min(), columns().max()) else {
            out.fill(K::LOWEST);
            return;
        };
        let places: Vec<_> = columns().zip(&self.specs).map(|(at, plane)| (at - first, plane.missing_left)).collect();
        let mut keys = vec![K::LOWEST; last + 1 - first];
        for (row, out) in rows.zip(out.chunks_mut(width)) {
            let cells = &cells[row * array.stride + first..][..keys.len()];
            for (key, &cell) in keys.iter_mut().zip(cells) {
                *key = K::of_number(cell.into()).unwrap_or(K::NEVER);
            }
            out[0] = K::LOWEST;
            for (out, &(at, missing_left)) in out[1..].iter_mut().zip(&places) {
                // SAFETY: `at` is at most `last - first`. With a check this loop takes half as long again.
                let key = unsafe { *keys.get_unchecked(at) };
                // NEVER is NaN here, which has no order.
                let missing = key.partial_cmp(&key).is_none();
                *out = if missing_left & missing { K::LOWEST } else { key };
            }
        }
    }

    /// Values as the source compares them.
    #[inline(always)]
    fn prepare(&self, source: &[f64], x: &mut [f64]) {
        x.copy_from_slice(source);
        if self.narrow {
            for x in &mut *x {
                *x = f64::from(*x as f32);
            }
        }
        if self.zero_band >= 0.0 {
            for x in &mut *x {
                *x = if x.abs() <= self.zero_band { 0.0 } else { *x };
            }
        }
        if let Some(missing) = self.missing_value {
            for x in &mut *x {
                *x = if *x == missing { f64::NAN } else { *x };
            }
        }
    }
}

/// One plane from a feature's values and their keys.
#[inline(always)]
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
