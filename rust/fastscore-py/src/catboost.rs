//! The options of `from_catboost`, as `fastscore.importers.catboost` writes them.

use fastscore_core::import::catboost;
use fastscore_core::model::{Labels, Source};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Deserialize;

use crate::model::ClassesOption;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatboostOptions {
    class_name: String,
    version: Option<String>,
    iterations: Option<usize>,
    raw: bool,
    classifier: bool,
    classes: Option<ClassesOption>,
    #[serde(default)]
    notes: Vec<String>,
    #[serde(default)]
    parameters: std::collections::BTreeMap<String, serde_json::Value>,
}

impl CatboostOptions {
    pub fn parse(json: &str) -> PyResult<catboost::Options> {
        let options: CatboostOptions =
            serde_json::from_str(json).map_err(|e| PyValueError::new_err(format!("options: {e}")))?;
        Ok(catboost::Options {
            iterations: options.iterations,
            raw: options.raw,
            classifier: options.classifier,
            classes: options.classes.map(Labels::from),
            source: Source {
                version: options.version.unwrap_or_default(),
                class: options.class_name,
                notes: options.notes,
                parameters: options.parameters,
                ..Source::default()
            },
        })
    }
}
