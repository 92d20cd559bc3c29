//! A sum of decision trees.

use super::{ValueId, Width};

/// How a value is compared with a threshold; where it holds, the row goes left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Comparison {
    /// `x <= threshold`
    #[default]
    Le,
    /// `x < threshold`
    Lt,
}

/// Flag of a split: missing values go left.
pub const FLAG_MISSING_LEFT: u8 = 1;
/// Flag of a split: zero counts as missing too.
pub const FLAG_ZERO_MISSING: u8 = 2;
/// Flag of a categorical split: categories beyond its set's words, and negative ones, go left.
pub const FLAG_OUTSIDE_LEFT: u8 = 4;

/// What a categorical split makes of a value between -1 and 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NegativeFraction {
    /// It is negative, so outside every set.
    #[default]
    Outside,
    /// It is truncated to category 0 (LightGBM).
    Zero,
}

/// The categorical splits of a forest: a category in the split's set goes left.
///
/// Bit `c % 32` of `words[offset[s] + c / 32]` says whether category c is in set s.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CategorySets {
    /// Of each split its set, -1 where it compares with a threshold; empty when all do.
    pub set: Vec<i32>,
    /// First word of each set, and the end.
    pub offset: Vec<i64>,
    /// The bits.
    pub words: Vec<u32>,
}

impl CategorySets {
    /// The words of a split's set, or None where it compares with a threshold.
    pub fn of(&self, split: usize) -> Option<&[u32]> {
        let set = usize::try_from(*self.set.get(split)?).ok()?;
        Some(&self.words[self.offset[set] as usize..self.offset[set + 1] as usize])
    }
}

/// Where a value falls in a category set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// NaN
    Missing,
    /// Negative, or at least 2^31.
    Outside,
    /// A category.
    Code(u32),
}

impl Category {
    /// The category that a value is truncated to.
    #[inline]
    pub fn of(x: f64, negative_fraction: NegativeFraction) -> Category {
        let inside = match negative_fraction {
            NegativeFraction::Outside => x >= 0.0,
            NegativeFraction::Zero => x > -1.0,
        };
        if x.is_nan() {
            Category::Missing
        } else if inside && x < 2_147_483_648.0 {
            Category::Code(x as u32)
        } else {
            Category::Outside
        }
    }

    /// Whether it goes left at a split with this set and these flags.
    #[inline]
    pub fn goes_left(self, words: &[u32], flags: u8) -> bool {
        match self {
            Category::Missing => flags & FLAG_MISSING_LEFT != 0,
            Category::Code(c) if (c as usize) < 32 * words.len() => words[c as usize / 32] >> (c % 32) & 1 == 1,
            Category::Code(_) | Category::Outside => flags & FLAG_OUTSIDE_LEFT != 0,
        }
    }
}

/// Leaves that are linear functions of the input. The terms of leaf l are `offset[l] .. offset[l + 1]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LinearLeaves {
    /// First term of each leaf, and the end.
    pub offset: Vec<i64>,
    /// Column of the input, a term.
    pub feature: Vec<i32>,
    /// Coefficient, a term.
    pub coefficient: Vec<f64>,
    /// Where each leaf's sum starts.
    pub constant: Vec<f64>,
}

impl LinearLeaves {
    /// The value of a leaf, given its input's columns: constant, then term by term, product and sum rounded each; if a
    /// column that it reads is NaN, `otherwise`.
    #[inline]
    pub fn value(&self, leaf: usize, otherwise: f64, x: impl Fn(usize) -> f64) -> f64 {
        let mut sum = self.constant[leaf];
        for term in self.offset[leaf] as usize..self.offset[leaf + 1] as usize {
            let x = x(self.feature[term] as usize);
            if x.is_nan() {
                return otherwise;
            }
            sum += self.coefficient[term] * x;
        }
        sum
    }
}

/// Where an edge leads: a split or a leaf, both counted from the tree's first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Child {
    /// Another split.
    Split(usize),
    /// A leaf.
    Leaf(usize),
}

impl Child {
    /// The stored form: a split as it is, a leaf as `-1 - leaf`.
    #[inline]
    pub fn decode(code: i32) -> Child {
        if code >= 0 { Child::Split(code as usize) } else { Child::Leaf((-1 - i64::from(code)) as usize) }
    }
}

/// A sum of trees, as arrays over all of them. Shapes and meanings are those of `docs/model-format.md`.
///
/// Index formulas: split `s` of tree `t` is at `split_offset[t] + s`, leaf `l` at `leaf_offset[t] + l`, and column `c`
/// of that leaf's value at `(leaf_offset[t] + l) * leaf_width + c`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Forest {
    /// Which side equality goes.
    pub comparison: Comparison,
    /// The width at which values are compared.
    pub width: Width,
    /// The width to which every add is rounded.
    pub sum: Width,
    /// The value whose columns the sums start from, in place of `base`.
    pub start: Option<ValueId>,
    /// Columns of the output.
    pub outputs: usize,
    /// Columns of a leaf: 1 (each tree adds to its `target`) or `outputs`.
    pub leaf_width: usize,
    /// Values of at most this magnitude count as 0.
    pub zero_band: Option<f64>,
    /// A value equal to this is missing.
    pub missing_value: Option<f64>,
    /// What categorical splits make of values between -1 and 0.
    pub negative_fraction: NegativeFraction,
    /// Where the sums start, one an output.
    pub base: Vec<f64>,
    /// First split of each tree, and the end.
    pub split_offset: Vec<i64>,
    /// First leaf of each tree, and the end.
    pub leaf_offset: Vec<i64>,
    /// The output of each tree; empty when leaves are vectors.
    pub target: Vec<i32>,
    /// Column of the input, a split.
    pub feature: Vec<i32>,
    /// Threshold, a split.
    pub threshold: Vec<f64>,
    /// Left child, a split.
    pub left: Vec<i32>,
    /// Right child, a split.
    pub right: Vec<i32>,
    /// `FLAG_*` bits, a split.
    pub flags: Vec<u8>,
    /// Leaf values, `leaf_width` a leaf.
    pub leaf_value: Vec<f64>,
    /// The source's number of each leaf.
    pub leaf_id: Vec<i32>,
    /// Which splits test categories.
    pub categories: CategorySets,
    /// Leaves that are linear functions.
    pub linear: Option<LinearLeaves>,
}

impl Forest {
    /// Number of trees.
    pub fn trees(&self) -> usize {
        self.split_offset.len().saturating_sub(1)
    }

    /// The splits of tree `t`.
    pub fn splits(&self, t: usize) -> std::ops::Range<usize> {
        self.split_offset[t] as usize..self.split_offset[t + 1] as usize
    }

    /// The leaves of tree `t`.
    pub fn leaves(&self, t: usize) -> std::ops::Range<usize> {
        self.leaf_offset[t] as usize..self.leaf_offset[t + 1] as usize
    }

    /// Whether some split tests categories.
    pub fn has_categories(&self) -> bool {
        !self.categories.set.is_empty()
    }

    /// A value as the splits see it: rounded to the width, zero where the band says so, NaN where missing.
    #[inline]
    pub fn prepare(&self, x: f64) -> f64 {
        let x = self.width.round(x);
        let x = match self.zero_band {
            Some(band) if x.abs() <= band => 0.0,
            _ => x,
        };
        if self.missing_value == Some(x) { f64::NAN } else { x }
    }

    /// The output column that tree `t` adds to (its first, when leaves are vectors).
    pub fn first_output(&self, t: usize) -> usize {
        if self.leaf_width == self.outputs && self.target.is_empty() { 0 } else { self.target[t] as usize }
    }
}
