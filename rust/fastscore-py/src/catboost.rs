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
    iterations: Option<usize>,
    raw: bool,
    classifier: bool,
    classes: Option<ClassesOption>,
    source: Source,
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
            source: options.source,
        })
    }
}
