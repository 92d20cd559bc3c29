//! LightGBM model text (`save_model`, `model_to_string`): versions v2 to v4.
//!
//! Numerical splits with all missing rules. Categorical splits and linear trees are refused by name.

mod parse;
mod translate;

use crate::error::Result;
use crate::model::{Labels, Model, Source};

pub use parse::ModelText;

/// What the text does not say.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Use only so many iterations.
    pub iterations: Option<usize>,
    /// Class labels: makes the model a classifier, as `LGBMClassifier` is.
    pub classes: Option<Labels>,
    /// The objective was a function of the user's: margins only, whatever the text says.
    pub objective_is_custom: bool,
    /// Where the model comes from. `library` is set by the importer, `parameters` are added to.
    pub source: Source,
}

/// Import model text.
pub fn import(text: &str, options: Options) -> Result<Model> {
    translate::translate(ModelText::parse(text)?, options)
}
