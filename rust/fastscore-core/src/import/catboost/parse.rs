//! CatBoost's model as it means it, whatever file it came from. Nothing is translated here.

use std::collections::BTreeMap;

use crate::error::{Result, format_error};

/// A model.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Parsed {
    /// Metadata: `params`, `class_params`, ... as JSON text, others as plain text.
    pub info: BTreeMap<String, String>,
    /// Values of a leaf.
    pub dimensions: usize,
    /// Numerical features, those without borders included.
    pub floats: Vec<FloatFeature>,
    /// Categorical features.
    pub categories: Vec<CatFeature>,
    /// Values of categorical features that splits ask for.
    pub one_hot: Vec<OneHot>,
    /// Statistics of categorical features that splits compare.
    pub ctrs: Vec<Ctr>,
    /// The tables behind them.
    pub tables: Vec<Table>,
    /// The trees.
    pub trees: Vec<Tree>,
    /// Factor of the sums.
    pub scale: f64,
    /// Added to the scaled sums: one a dimension, or none.
    pub bias: Vec<f64>,
}

/// What NaN counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nan {
    /// Not above any border.
    Below,
    /// Above every border.
    Above,
}

impl Nan {
    /// Whether NaN is above a border: CatBoost puts an infinity in its place, which is not above itself.
    pub fn is_above(self, border: f32) -> bool {
        self == Nan::Above && border < f32::INFINITY
    }
}

/// A numerical feature.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FloatFeature {
    /// Its number among numerical features.
    pub index: i64,
    /// Its number among all features.
    pub flat: i64,
    /// Its name, empty where there is none.
    pub name: String,
    /// Rising.
    pub borders: Vec<f32>,
    /// What NaN counts as.
    pub nan: Nan,
}

/// A categorical feature.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CatFeature {
    /// Its number among categorical features.
    pub index: i64,
    /// Its number among all features.
    pub flat: i64,
    /// Its name, empty where there is none.
    pub name: String,
}

/// Values of a categorical feature, by their hashes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OneHot {
    /// The categorical feature.
    pub category: i64,
    /// The hashes.
    pub values: Vec<i32>,
}

/// Which statistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum CtrType {
    /// Share of targets above a border.
    Borders,
    /// Share of targets in a bucket.
    Buckets,
    /// Mean of the binarized target.
    BinarizedTargetMeanValue,
    /// Mean of the target.
    FloatTargetMeanValue,
    /// Count by the largest count.
    Counter,
    /// Count by the number of rows.
    FeatureFreq,
}

impl CtrType {
    /// All, in the order of CatBoost's enumeration.
    pub const ALL: [CtrType; 6] = [
        CtrType::Borders,
        CtrType::Buckets,
        CtrType::BinarizedTargetMeanValue,
        CtrType::FloatTargetMeanValue,
        CtrType::Counter,
        CtrType::FeatureFreq,
    ];

    /// From CatBoost's name.
    pub fn parse(name: &str) -> Result<CtrType> {
        let found = CtrType::ALL.into_iter().find(|kind| format!("{kind:?}") == name);
        found.ok_or_else(|| format_error(format!("features_info: the CTR type {name:?} is unknown")))
    }
}

/// What a CTR's table is keyed by, and which statistic it holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CtrBase {
    /// Categorical features.
    pub categories: Vec<i64>,
    /// Numerical feature and border: whether it is above.
    pub borders: Vec<(i64, f32)>,
    /// Categorical feature and hash: whether it has that value.
    pub equals: Vec<(i64, i32)>,
    /// Which statistic.
    pub kind: CtrType,
    /// Which of several target binarizations.
    pub classifier: i64,
}

/// What two equal projections have in common.
pub(super) type Projection = (Vec<i64>, Vec<(i64, u32)>, Vec<(i64, i32)>);

impl CtrBase {
    /// What the keys are hashed from.
    pub fn projection(&self) -> Projection {
        // Both zeros are one border.
        let borders = self.borders.iter().map(|&(feature, border)| (feature, (border + 0.0).to_bits())).collect();
        (self.categories.clone(), borders, self.equals.clone())
    }

    /// What a table is found by.
    pub fn key(&self) -> (CtrType, i64, Projection) {
        (self.kind, self.classifier, self.projection())
    }
}

/// A CTR feature.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ctr {
    /// Its table.
    pub base: CtrBase,
    /// Bucket or border of the target.
    pub target_border: i64,
    /// Added to the numerator.
    pub prior: f32,
    /// Added to the denominator.
    pub prior_denominator: f32,
    /// Added to the ratio.
    pub shift: f32,
    /// Factor of that.
    pub scale: f32,
    /// Rising.
    pub borders: Vec<f32>,
}

/// A CTR table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table {
    /// What it is keyed by.
    pub base: CtrBase,
    /// The hashes, none twice.
    pub keys: Vec<u64>,
    /// What is known of each.
    pub rows: Rows,
    /// Denominator of `Counter` and `FeatureFreq`.
    pub denominator: i32,
}

/// The rows of a table, one a key.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Rows {
    /// Counts of `classes` target classes each.
    Counts { classes: usize, counts: Vec<i32> },
    /// Sum and count of the target.
    Means(Vec<(f32, i32)>),
}

/// Where an edge leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Child {
    /// Another node of the tree.
    Node(usize),
    /// A leaf of the tree.
    Leaf(usize),
}

/// A tree. Split conditions are numbers into [`Parsed::conditions`].
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree {
    /// One condition a level; bit d of the leaf's number says whether condition d holds.
    Symmetric { conditions: Vec<usize>, values: Vec<f64> },
    /// Nodes from the root: condition, where it leads when it does not hold, and when it does. Leaves have a number.
    Nodes { nodes: Vec<(usize, Child, Child)>, leaf_ids: Vec<i32>, values: Vec<f64> },
}

impl Tree {
    fn values(&self) -> &[f64] {
        match self {
            Tree::Symmetric { values, .. } | Tree::Nodes { values, .. } => values,
        }
    }
}

/// A condition of a split: which feature of its list, and which border or value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// `floats[.0]` is above its border `.1`.
    Float(usize, usize),
    /// `one_hot[.0]` is its value `.1`.
    OneHot(usize, usize),
    /// `ctrs[.0]` is above its border `.1`.
    Ctr(usize, usize),
}

impl Parsed {
    /// The split conditions as CatBoost numbers them: numerical, one-hot, CTR, each feature by feature.
    pub fn conditions(&self) -> Vec<Condition> {
        let floats = self.floats.iter().map(|f| f.borders.len()).enumerate();
        let one_hot = self.one_hot.iter().map(|f| f.values.len()).enumerate();
        let ctrs = self.ctrs.iter().map(|f| f.borders.len()).enumerate();
        let mut all = Vec::new();
        all.extend(floats.flat_map(|(f, n)| (0..n).map(move |b| Condition::Float(f, b))));
        all.extend(one_hot.flat_map(|(f, n)| (0..n).map(move |b| Condition::OneHot(f, b))));
        all.extend(ctrs.flat_map(|(f, n)| (0..n).map(move |b| Condition::Ctr(f, b))));
        all
    }

    /// What the evaluator relies on: rising borders, positions.
    pub fn check(&self) -> Result<()> {
        let rising =
            |borders: &[f32]| borders.windows(2).all(|pair| pair[0] < pair[1]) && !borders.iter().any(|b| b.is_nan());
        for (number, feature) in self.floats.iter().enumerate() {
            if !rising(&feature.borders) {
                return Err(format_error(format!("float feature {number}: its borders do not rise")));
            }
        }
        for (number, ctr) in self.ctrs.iter().enumerate() {
            if !rising(&ctr.borders) {
                return Err(format_error(format!("CTR feature {number}: its borders do not rise")));
            }
        }
        let backed = self.trees.iter().map(|tree| tree.values().len()).max().unwrap_or(0).max(self.bias.len());
        if self.dimensions == 0 || self.dimensions > backed.max(MAX_UNBACKED) {
            return Err(format_error(format!("ApproxDimension: {} values a leaf", self.dimensions)));
        }
        if !self.scale.is_finite() || self.bias.iter().any(|b| !b.is_finite()) {
            return Err(format_error("scale_and_bias: not finite"));
        }
        if !self.bias.is_empty() && self.bias.len() != self.dimensions {
            return Err(format_error(format!(
                "scale_and_bias: {} biases for {} dimensions",
                self.bias.len(),
                self.dimensions
            )));
        }
        Ok(())
    }
}

/// The values of a leaf level of a symmetric tree: `2^depth` leaves of `dimensions` values.
pub(super) fn leaf_count(tree: usize, depth: usize, dimensions: usize) -> Result<usize> {
    let leaves = (depth <= MAX_DEPTH).then(|| dimensions.checked_mul(1 << depth)).flatten();
    leaves.ok_or_else(|| format_error(format!("tree {tree}: {depth} levels, at most {MAX_DEPTH} are possible")))
}

/// More dimensions than this are refused where no leaf and no bias has them.
const MAX_UNBACKED: usize = 1000;

/// CatBoost's own limit.
pub(super) const MAX_DEPTH: usize = 16;
