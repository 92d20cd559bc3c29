//! LightGBM model text (`save_model`, `model_to_string`): versions v2 to v4.
//!
//! Parsed first (`parse`, `categories`), translated second (`forest`, `objective`, `translate`).

mod categories;
mod forest;
mod objective;
mod parse;
mod translate;

use crate::error::Result;
use crate::model::{LabelValues, Labels, Model, Source};

pub use categories::FeatureInfo;
pub use parse::{LinearText, ModelText, TreeText};

/// What the text does not say.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Use only so many iterations.
    pub iterations: Option<usize>,
    /// Class labels: makes the model a classifier, as `LGBMClassifier` is.
    pub classes: Option<Labels>,
    /// The categories of features, as the user gave them: `values[j]` has the code j.
    pub categories: Vec<(usize, LabelValues)>,
    /// The parameter `sigmoid` as it was written, for a live model: the text rounds it to six digits.
    pub sigmoid: Option<String>,
    /// The objective was a function of the user's: margins only, whatever the text says.
    pub objective_is_custom: bool,
    /// Where the model comes from. `library` is set by the importer, `parameters` are added to.
    pub source: Source,
}

/// Import model text.
pub fn import(text: &str, options: Options) -> Result<Model> {
    translate::translate(ModelText::parse(text)?, options)
}
