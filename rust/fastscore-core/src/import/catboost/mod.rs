//! CatBoost models: `.cbm` files and JSON, of symmetric and other trees, with categorical features.
//!
//! Text and embedding features are refused by name.

mod cbm;
mod ctr;
mod flatbuffer;
mod forest;
mod json;
mod links;
mod number;
mod parse;
mod translate;

use crate::error::{Error, Result, format_error};
use crate::model::{Labels, Model, Source};

/// What the caller asks for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Use only so many trees.
    pub iterations: Option<usize>,
    /// Predictions are raw values, as those of CatBoost's base class, not labels or transformed values.
    pub raw: bool,
    /// The source is a classifier, whatever its loss.
    pub classifier: bool,
    /// Class labels that the model does not hold: a classifier with an objective of the user's.
    pub classes: Option<Labels>,
    /// Where the model comes from. `library` is set by the importer, `parameters` are added to.
    pub source: Source,
}

/// Import the bytes of a `.cbm` file or of JSON.
pub fn import(bytes: &[u8], options: Options) -> Result<Model> {
    let parsed = if bytes.starts_with(cbm::MAGIC) {
        cbm::parse(bytes)?
    } else {
        let text = std::str::from_utf8(bytes)
            .map_err(|e| format_error(format!("CatBoost JSON that is not UTF-8, at byte {}", e.valid_up_to())))?;
        json::parse(text)?
    };
    translate::translate(parsed, options)
}

/// The error for what only CatBoost itself computes.
fn unsupported_feature(what: &str) -> Error {
    Error::UnsupportedModel(format!(
        "the CatBoost model uses {what}, which are not supported: train it on numerical and categorical features only"
    ))
}
