//! XGBoost models: JSON and UBJSON, of every version that wrote them (1.0 to 3.x).
//!
//! Margins and leaves are XGBoost's bits: float32 input, `<` goes left, sums in float32 from the base score's margin in
//! tree order.

mod encodings;
mod forest;
mod json;
mod logf;
mod objective;
mod parse;
mod translate;
mod trees;
mod ubjson;
mod value;

use crate::error::Result;
use crate::model::{LabelValues, Labels, Model, Source};

/// What the file does not say, and what the user asks for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whose `predict` is meant; None: an estimator's when the file says that one wrote it, else the Booster's.
    pub like: Option<Like>,
    /// Use only so many iterations; None: an estimator stops at `best_iteration`, a Booster uses all.
    pub iterations: Option<usize>,
    /// Class labels: the model predicts them in place of numbers.
    pub classes: Option<Labels>,
    /// The categories of columns whose codes alone the file holds: `values[j]` has the code j.
    pub categories: Vec<(Column, LabelValues)>,
    /// Per column, whether a value that is none of its categories is an error; else it is missing.
    pub unknown_raises: Vec<(Column, bool)>,
    /// A value that counts as missing, besides NaN.
    pub missing: Option<f32>,
    /// Where the model comes from. `library` is set by the importer; notes and `parameters` are added to.
    pub source: Source,
}

/// A column of the model's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// By its name in the file.
    Name(String),
    /// By its number, from 0.
    Number(usize),
}

/// Whose `predict` a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Like {
    /// `Booster.predict` of a `DMatrix`.
    Booster,
    /// `predict` of a scikit-learn wrapper; which kind, the file or the objective tells.
    Estimator,
    /// `XGBClassifier.predict`, `XGBRFClassifier.predict`.
    Classifier,
    /// `predict` of the regressors and of `XGBRanker`.
    Regressor,
}

/// Import a model file's bytes.
pub fn import(bytes: &[u8], options: Options) -> Result<Model> {
    translate::translate(parse::Learner::parse(bytes)?, options)
}
