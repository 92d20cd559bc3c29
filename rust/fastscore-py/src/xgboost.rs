//! The options of `Model.from_xgboost`.

use fastscore_core::import::xgboost;
use fastscore_core::model::{Labels, Source};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Deserialize;

use crate::model::{ClassValues, ClassesOption};

/// The options of `from_xgboost`, as `fastscore.importers.xgboost` writes them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    like: Option<String>,
    iterations: Option<usize>,
    classes: Option<ClassesOption>,
    #[serde(default)]
    categories: Vec<Categories>,
    #[serde(default)]
    unknown_raises: Vec<(Column, bool)>,
    /// As text: JSON has no infinities.
    missing: Option<String>,
    source: Source,
}

/// A column: its name, or its number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Column {
    Number(usize),
    Name(String),
}

#[derive(Deserialize)]
struct Categories {
    column: Column,
    #[serde(flatten)]
    values: ClassValues,
}

impl From<Column> for xgboost::Column {
    fn from(column: Column) -> Self {
        match column {
            Column::Number(number) => xgboost::Column::Number(number),
            Column::Name(name) => xgboost::Column::Name(name),
        }
    }
}

/// Read them.
pub fn options(json: &str) -> PyResult<xgboost::Options> {
    let bad = |what: String| PyValueError::new_err(format!("options: {what}"));
    let options: Options = serde_json::from_str(json).map_err(|error| bad(error.to_string()))?;
    let like = match options.like.as_deref() {
        None => None,
        Some("booster") => Some(xgboost::Like::Booster),
        Some("estimator") => Some(xgboost::Like::Estimator),
        Some("classifier") => Some(xgboost::Like::Classifier),
        Some("regressor") => Some(xgboost::Like::Regressor),
        Some(other) => return Err(bad(format!("like={other:?}"))),
    };
    let missing = options.missing.map(|text| text.parse::<f32>().map_err(|_| bad(format!("missing={text:?}"))));
    Ok(xgboost::Options {
        like,
        iterations: options.iterations,
        classes: options.classes.map(Labels::from),
        categories: options.categories.into_iter().map(|own| (own.column.into(), own.values.into())).collect(),
        unknown_raises: options.unknown_raises.into_iter().map(|(column, raises)| (column.into(), raises)).collect(),
        missing: missing.transpose()?.filter(|missing| !missing.is_nan()),
        source: options.source,
    })
}
