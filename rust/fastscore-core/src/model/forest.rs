//! A sum of decision trees.

/// How a value is compared with a threshold; where it holds, the row goes left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Comparison {
    /// `x <= threshold`
    Le,
    /// `x < threshold`
    Lt,
}

/// Flag of a split: missing values go left.
pub const FLAG_MISSING_LEFT: u8 = 1;
/// Flag of a split: zero counts as missing too.
pub const FLAG_ZERO_MISSING: u8 = 2;

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
#[derive(Debug, Clone, PartialEq)]
pub struct Forest {
    /// Which side equality goes.
    pub comparison: Comparison,
    /// Columns of the output.
    pub outputs: usize,
    /// Columns of a leaf: 1 (each tree adds to its `target`) or `outputs`.
    pub leaf_width: usize,
    /// Values of at most this magnitude count as 0.
    pub zero_band: Option<f64>,
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

    /// The output column that tree `t` adds to (its first, when leaves are vectors).
    pub fn first_output(&self, t: usize) -> usize {
        if self.leaf_width == self.outputs && self.target.is_empty() { 0 } else { self.target[t] as usize }
    }
}
