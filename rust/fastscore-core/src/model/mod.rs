//! The portable model: what every importer produces, what the file holds, what a plan is compiled from.
//!
//! A model is a list of steps over *values*. A value is a matrix of n rows; value 0 is the features, value `i + 1` is
//! what step `i` gives. [`Model::new`] is the one door: it checks every index, shape and tree, so that nothing behind
//! it has to. `docs/model-format.md` has the same structure as JSON and tensors.

mod combine;
mod ctr;
mod distances;
mod embedding;
mod features;
mod forest;
mod format;
mod function;
mod guard;
mod hash;
mod labels;
mod linear;
mod link;
mod lookup;
mod outputs;
mod spec;
mod spec_features;
mod tables;
mod tensors;
mod terms;
mod validate;

pub use combine::{Arithmetic, Combine};
pub use ctr::{Ctr, OneHot};
pub use distances::Distances;
pub use embedding::Embedding;
pub use features::{Encoder, Encoding, Features, MatrixRule, Unknown};
pub use forest::{
    Category, CategorySets, Child, Comparison, FLAG_MISSING_LEFT, FLAG_OUTSIDE_LEFT, FLAG_ZERO_MISSING, Forest,
    LinearLeaves, NegativeFraction,
};
pub use format::sha256;
pub use function::{Function, Norm, Reduction};
pub use guard::{Checks, Guard, Refuse};
pub(crate) use hash::of_text as hash_of_text;
pub use labels::{LabelValues, Labels};
pub use linear::Linear;
pub use link::Link;
pub(crate) use lookup::hash_of_number;
pub use lookup::{Lookup, Number, NumberTable, TextTable};
pub(crate) use outputs::widths;
pub use outputs::{Output, column_names};
pub use tables::{Bins, Interpolate, Map, Polynomial};
pub use tensors::{Tensor, TensorData, Tensors};
pub use terms::{Absent, Metric, NameMatch, OnBadValue, Source, Width};
pub(crate) use validate::MAX_COLUMNS;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::error::format_error;

/// Index of a value: 0 is the features, `i + 1` the output of step `i`.
pub type ValueId = usize;

/// More features than this are refused: a count that no bytes of the file back must not decide how much memory is taken.
pub const MAX_FEATURES: usize = 1 << 24;

/// What the source does with values that some models refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputPolicy {
    /// NaN and null.
    pub missing: OnBadValue,
    /// Infinities, and at width float32 what overflows it.
    pub non_finite: OnBadValue,
    /// The width at which the source reads its input.
    pub width: Width,
    /// What an entry is that a sparse matrix does not hold.
    pub absent: Absent,
}

/// One step of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The value that it reads, the first one where it reads several.
    pub input: ValueId,
    /// What it computes.
    pub op: Op,
}

/// What a step computes.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// A sum of trees.
    Forest(Forest),
    /// A matrix product with intercept.
    Linear(Linear),
    /// A row-wise function of its input, each operation rounded to a width.
    Link(Link, Width),
    /// The input's columns, then those of these values.
    Concat(Vec<ValueId>),
    /// The input's columns with those of other values: sums, products, differences and so on.
    Combine(Combine),
    /// Trees whose leaves name output columns (`leaf_value`): 1 where the row's leaf is, 0 elsewhere.
    LeafIndicator(Forest),
    /// Which of the input's columns equal given numbers.
    OneHot(OneHot),
    /// Statistics of categories, looked up by a hash.
    Ctr(Ctr),
    /// Weighted sums of squared or absolute differences.
    Distances(Distances),
    /// Numbers looked up in tables.
    Map(Map),
    /// How many edges are not above.
    Bins(Bins),
    /// Straight lines between points.
    Interpolate(Interpolate),
    /// Products of the input's columns.
    Polynomial(Polynomial),
    /// Rows of a table, found by their numbers.
    Embedding(Embedding),
}

/// How a target's prediction follows from a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decision {
    /// The value's columns themselves.
    Value(ValueId),
    /// The class of the largest column, the first on ties.
    ArgMax(ValueId),
    /// The class that a scan of the columns by `>` ends at: as `ArgMax`, but NaN is passed over, unless it is the
    /// first column, which nothing is above then.
    Scan(ValueId),
    /// Class 1 where the one column is above 0, else class 0.
    Positive(ValueId),
    /// Each column on its own: class 1 where it is above the number, else class 0. Several columns are labels that a
    /// row can have together.
    Above(ValueId, f64),
    /// Class 0, labelled -1, where the one column is below 0, else class 1: outliers and inliers.
    Inlier(ValueId),
    /// As `ArgMax`, but the labels are numbers of clusters: the source has no `classes_`.
    Cluster(ValueId),
}

impl Decision {
    /// The value that the decision reads.
    pub fn value(&self) -> ValueId {
        match *self {
            Decision::Value(v)
            | Decision::ArgMax(v)
            | Decision::Scan(v)
            | Decision::Positive(v)
            | Decision::Above(v, _)
            | Decision::Inlier(v)
            | Decision::Cluster(v) => v,
        }
    }
}

/// One predicted target.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Its name, used in column names when there are several.
    pub name: Option<String>,
    /// Class labels; None for regression.
    pub classes: Option<Labels>,
    /// The raw score.
    pub margin: ValueId,
    /// One column a class.
    pub probability: Option<ValueId>,
    /// The prediction.
    pub prediction: Decision,
    /// What `score_samples` gives.
    pub score: Option<ValueId>,
}

/// What a model without a final predictor gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Transform {
    /// The value.
    pub value: ValueId,
    /// The name of each of its columns.
    pub names: Vec<String>,
}

/// The contents of a model before they are checked.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelParts {
    /// The features.
    pub features: Features,
    /// What is refused.
    pub input: InputPolicy,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// What steps refuse.
    pub guards: Vec<Guard>,
    /// The targets; none when the model only transforms.
    pub targets: Vec<Target>,
    /// What `transform` gives.
    pub transform: Option<Transform>,
    /// The width of margins, probabilities and predicted values, which are exact at it.
    pub output_width: Width,
    /// The forest step whose leaf indexes the source reports.
    pub leaf: Option<usize>,
    /// Where the model comes from.
    pub source: Source,
}

/// A checked, immutable model.
#[derive(Debug, Clone)]
pub struct Model {
    parts: ModelParts,
    widths: Vec<usize>,
    /// Per step the features that it reads, each once: asked for by every call.
    reads: Vec<Vec<u32>>,
    /// Per encoded feature its encoding, and the values ready to be looked up.
    lookups: BTreeMap<usize, (usize, Lookup)>,
    /// Features whose categories the model does not know: it reads codes.
    bare_codes: BTreeSet<usize>,
    checks: guard::FeatureChecks,
}

impl PartialEq for Model {
    fn eq(&self, other: &Model) -> bool {
        // All else follows from the parts.
        self.parts == other.parts
    }
}

impl Model {
    /// Check `parts`; every error names the step, tree or target.
    pub fn new(parts: ModelParts) -> crate::Result<Model> {
        let widths = validate::check(&parts)?;
        let reads = parts.steps.iter().map(|step| step.features(parts.features.count)).collect();
        let lookups = parts.features.lookups()?;
        let bare_codes = parts.steps.iter().filter(|step| step.input == 0).flat_map(Step::categorical_features);
        let bare_codes = bare_codes.filter(|feature| !lookups.contains_key(feature)).collect();
        let checks = guard::FeatureChecks::new(&parts);
        let model = Model { parts, widths, reads, lookups, bare_codes, checks };
        // Leaf columns are numbered: they can't collide, and there may be as many as bytes in the file.
        for output in Output::ALL.into_iter().filter(|&output| output != Output::Leaf) {
            let mut seen = HashSet::new();
            let names = column_names(&model, output).unwrap_or_default();
            if let Some(twice) = names.into_iter().flatten().find(|name| !seen.insert(name.clone())) {
                return Err(format_error(format!(
                    "two columns of the output {:?} would be named {twice:?}: rename the classes or targets that collide",
                    output.name()
                )));
            }
        }
        Ok(model)
    }

    /// The features.
    pub fn features(&self) -> &Features {
        &self.parts.features
    }
    /// How the values of a feature's column become numbers; None where they are numbers.
    pub fn encoding(&self, feature: usize) -> Option<(&Encoding, &Lookup)> {
        let (at, lookup) = self.lookups.get(&feature)?;
        Some((&self.parts.features.encodings[*at], lookup))
    }
    /// Whether some feature's column must hold codes.
    pub fn has_bare_codes(&self) -> bool {
        !self.bare_codes.is_empty()
    }
    /// Whether a feature's column must hold codes, because categorical splits read it and no encoding says which value
    /// has which code.
    pub fn reads_bare_codes(&self, feature: usize) -> bool {
        self.bare_codes.contains(&feature)
    }
    /// What is refused.
    pub fn input(&self) -> InputPolicy {
        self.parts.input
    }
    /// Whether rows may be refused for a number: CatBoost refuses missing categories.
    pub fn refuses(&self) -> bool {
        let encoded = || self.features().encodings.iter().any(|encoding| encoding.encoder == Encoder::Hash);
        let guarded = || self.guards().iter().any(|guard| matches!(guard.refuse, Refuse::Numbers(_)));
        self.checks.all.refuses() || !self.checks.listed.is_empty() || guarded() || encoded()
    }
    /// What is refused of a feature's values before any step.
    pub fn checks(&self, feature: usize) -> Checks {
        self.checks.all.or(self.checks.listed.get(&feature).copied().unwrap_or_default())
    }
    /// Whether an infinity in a feature's column is refused though it stands for a category: only where it is listed.
    pub(crate) fn refuses_infinite_category(&self, feature: usize) -> bool {
        self.checks.listed.get(&feature).is_some_and(|checks| checks.non_finite.is_some())
    }
    /// What steps refuse.
    pub fn guards(&self) -> &[Guard] {
        &self.parts.guards
    }
    /// The steps.
    pub fn steps(&self) -> &[Step] {
        &self.parts.steps
    }
    /// The targets.
    pub fn targets(&self) -> &[Target] {
        &self.parts.targets
    }
    /// The forest whose leaf indexes are reported, with its step.
    pub fn leaf_forest(&self) -> Option<(usize, &Forest)> {
        let step = self.parts.leaf?;
        match &self.parts.steps.get(step)?.op {
            Op::Forest(forest) | Op::LeafIndicator(forest) => Some((step, forest)),
            _ => None,
        }
    }
    /// What `transform` gives.
    pub fn transform(&self) -> Option<&Transform> {
        self.parts.transform.as_ref()
    }
    /// The width of margins, probabilities and predicted values.
    pub fn output_width(&self) -> Width {
        self.parts.output_width
    }
    /// Where the model comes from.
    pub fn source(&self) -> &Source {
        &self.parts.source
    }
    /// Columns of a value.
    pub fn width(&self, value: ValueId) -> usize {
        self.widths[value]
    }

    /// Per feature, whether any step or message reads it.
    pub fn features_read(&self) -> Vec<bool> {
        let mut read = vec![false; self.parts.features.count];
        self.reads.iter().flatten().for_each(|&feature| read[feature as usize] = true);
        let guarded = self.columns_guarded().filter(|(value, _)| *value == 0);
        guarded.for_each(|(_, feature)| read[feature] = true);
        read
    }

    /// The values that some output shows.
    pub(crate) fn values_shown(&self) -> impl Iterator<Item = ValueId> {
        let of_target =
            |target: &Target| [Some(target.margin), Some(target.prediction.value()), target.probability, target.score];
        let targets = self.parts.targets.iter().flat_map(of_target).flatten();
        targets.chain(self.parts.transform.as_ref().map(|transform| transform.value))
    }

    /// The columns of values that guards look at, but for what is checked of features before any step.
    pub(crate) fn columns_guarded(&self) -> impl Iterator<Item = (ValueId, usize)> {
        let guards = self.parts.guards.iter().filter(|guard| !guard.is_of_features());
        guards.flat_map(|guard| {
            let own = guard.checked(self.widths[guard.value]).map(|column| (guard.value, column));
            own.chain(guard.of().iter().copied())
        })
    }
}

impl Step {
    /// The values that it reads.
    pub fn inputs(&self) -> impl Iterator<Item = ValueId> {
        let others: &[ValueId] = match &self.op {
            Op::Concat(others) => others,
            Op::Combine(combine) => &combine.others,
            Op::Forest(forest) => forest.start.as_slice(),
            _ => &[],
        };
        std::iter::once(self.input).chain(others.iter().copied())
    }

    /// The columns that categorical splits test.
    fn categorical_features(&self) -> impl Iterator<Item = usize> {
        let forest = match &self.op {
            Op::Forest(forest) | Op::LeafIndicator(forest) => Some(forest),
            _ => None,
        };
        let splits = forest.into_iter().flat_map(|forest| forest.categories.set.iter().zip(&forest.feature));
        splits.filter(|(set, _)| **set >= 0).map(|(_, &feature)| feature as usize)
    }

    /// The features that this step reads, each once.
    fn features(&self, count: usize) -> Vec<u32> {
        let others_read = self.inputs().skip(1).any(|value| value == 0);
        match self.op.columns_read() {
            _ if others_read => (0..count as u32).collect(),
            _ if self.input != 0 => Vec::new(),
            Some(columns) => columns,
            None => (0..count as u32).collect(),
        }
    }
}

impl Op {
    /// The columns of the input that it reads, each once, rising; None: all.
    pub(crate) fn columns_read(&self) -> Option<Vec<u32>> {
        // Not a flag a column: no bytes of a file need back their number.
        let distinct = |columns: &mut dyn Iterator<Item = usize>| {
            let mut read: Vec<u32> = columns.map(|column| column as u32).collect();
            read.sort_unstable();
            read.dedup();
            Some(read)
        };
        match self {
            Op::Forest(forest) | Op::LeafIndicator(forest) => {
                let terms = forest.linear.iter().flat_map(|linear| &linear.feature);
                distinct(&mut forest.feature.iter().chain(terms).map(|&feature| feature as usize))
            }
            Op::OneHot(one_hot) => distinct(&mut one_hot.feature.iter().map(|&feature| feature as usize)),
            Op::Ctr(ctr) => distinct(&mut ctr.features()),
            Op::Distances(model) => distinct(&mut model.column.iter().map(|&column| column as usize)),
            Op::Map(map) => distinct(&mut map.column.iter().map(|&column| column as usize)),
            Op::Polynomial(polynomial) => distinct(&mut polynomial.factor.iter().map(|&column| column as usize)),
            Op::Link(Link::Columns { columns }, _) => distinct(&mut columns.iter().copied()),
            Op::Embedding(embedding) => distinct(&mut embedding.columns.iter().copied()),
            _ => None,
        }
    }

    /// Whether each of its columns is a function of the input's column of the same number.
    pub(crate) fn is_columnwise(&self) -> bool {
        matches!(self, Op::Link(..) | Op::Bins(_) | Op::Interpolate(_))
    }

    /// What gives only these of its columns, from the input's own columns of these numbers where it is columnwise; None
    /// where a column depends on others, or where fewer columns spare nothing.
    pub(crate) fn of_columns(&self, columns: &[u32]) -> Option<Op> {
        match self {
            Op::OneHot(one_hot) => Some(Op::OneHot(OneHot {
                feature: columns.iter().map(|&c| one_hot.feature[c as usize]).collect(),
                value: columns.iter().map(|&c| one_hot.value[c as usize]).collect(),
            })),
            Op::Link(link, width) => Some(Op::Link(link.of_columns(columns)?, *width)),
            Op::Map(map) => Some(Op::Map(map.of_columns(columns))),
            Op::Bins(bins) => Some(Op::Bins(bins.of_columns(columns))),
            Op::Interpolate(lines) => Some(Op::Interpolate(lines.of_columns(columns))),
            Op::Polynomial(polynomial) => Some(Op::Polynomial(polynomial.of_columns(columns))),
            _ => None,
        }
    }
}
