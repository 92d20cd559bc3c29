//! What a model's metadata says of its loss and classes, and the links that follow.

use serde_json::Value;

use super::parse::Parsed;
use crate::error::{Error, Result, format_error};
use crate::model::{LabelValues, Labels};
use crate::simd::{self, Level};

/// What a model predicts.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Task {
    /// A value or values, as they are.
    Value,
    /// `exp` of the value.
    Exponent,
    /// Mean, and variance as `exp(2 x)` of the second value.
    MeanAndVariance,
    /// Two classes by one value above the number.
    Binary { above: f64 },
    /// Classes by the largest value, shares by softmax or, one against all, by a sigmoid of each.
    Classes { one_against_all: bool },
    /// Labels that a row can have together, each by its value above the number.
    Labels { above: f64 },
}

/// Losses of classification, by CatBoost's names.
const CLASSIFICATION: [&str; 7] =
    ["Logloss", "CrossEntropy", "Focal", "MultiClass", "MultiClassOneVsAll", "MultiLogloss", "MultiCrossEntropy"];

/// The loss's name, empty where the model does not say.
pub(super) fn loss(parsed: &Parsed) -> Result<String> {
    let params = metadata(parsed, "params")?;
    let own = metadata(parsed, "loss_function")?;
    let name = [params.get("loss_function"), Some(&own)].into_iter().flatten().find_map(|loss| loss["type"].as_str());
    Ok(name.unwrap_or_default().to_string())
}

fn metadata(parsed: &Parsed, key: &str) -> Result<Value> {
    match parsed.info.get(key) {
        Some(text) if !text.is_empty() => {
            serde_json::from_str(text).map_err(|e| format_error(format!("the metadata {key:?} is not JSON: {e}")))
        }
        _ => Ok(Value::Null),
    }
}

/// The task of a loss.
pub(super) fn task(parsed: &Parsed, loss: &str, labelled: bool) -> Result<Task> {
    let above = threshold(parsed)?;
    Ok(match (loss, parsed.dimensions) {
        ("MultiLogloss" | "MultiCrossEntropy", _) => Task::Labels { above },
        ("MultiClassOneVsAll", 2..) => Task::Classes { one_against_all: true },
        (name, 1) if labelled || CLASSIFICATION.contains(&name) => Task::Binary { above },
        (name, _) if labelled || CLASSIFICATION.contains(&name) => Task::Classes { one_against_all: false },
        ("Poisson" | "Tweedie", 1) => Task::Exponent,
        ("RMSEWithUncertainty", 2) => Task::MeanAndVariance,
        _ => Task::Value,
    })
}

/// The raw value above which class 1 is predicted: 0, or the logit of `binclass_probability_threshold`.
fn threshold(parsed: &Parsed) -> Result<f64> {
    let Some(text) = parsed.info.get("binclass_probability_threshold") else { return Ok(0.0) };
    match text.trim().parse::<f64>() {
        Ok(p) if p > 0.0 && p < 1.0 => {
            // The same on every machine, and within 0.53 ulp.
            let mut odds = [1.0 / p - 1.0];
            simd::log(Level::Portable, &mut odds);
            Ok(-odds[0])
        }
        _ => Err(format_error(format!(
            "the metadata binclass_probability_threshold is {text:?}, between 0 and 1 is due"
        ))),
    }
}

/// What a model says of its classes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Classes {
    /// None where the model has none.
    pub labels: Option<Labels>,
    /// Where classes were declared that training did not see: which value of a leaf each class has; those have none.
    pub value_of: Option<Vec<Option<usize>>>,
}

/// The classes of a model.
pub(super) fn classes(parsed: &Parsed) -> Result<Classes> {
    let dimensions = parsed.dimensions;
    let params = match metadata(parsed, "class_params")? {
        Value::Null => metadata(parsed, "multiclass_params")?,
        params => params,
    };
    let list = |key: &str| params[key].as_array().filter(|list| !list.is_empty());
    let count = params["classes_count"].as_u64().filter(|&count| count > 0);
    let of_class: Option<Vec<usize>> = list("class_to_label")
        .map(|list| list.iter().map(|label| label.as_f64().filter(|x| *x >= 0.0).map(|x| x as usize)).collect())
        .unwrap_or_default();
    let labels = match (list("class_names"), count, list("class_to_label")) {
        (Some(names), ..) => named(names)?,
        (None, Some(count), _) => {
            let count = i64::try_from(count).ok().filter(|&count| count < 1 << 18);
            let count = count.ok_or_else(|| format_error("the metadata class_params: too many classes"))?;
            Labels { dtype: "int64".into(), values: LabelValues::Int((0..count).collect()) }
        }
        (None, None, Some(labels)) => {
            let values = labels.iter().map(|label| label.as_f64().unwrap_or(0.0) as i64).collect();
            let labels = Labels { dtype: "int64".into(), values: LabelValues::Int(values) };
            return Ok(Classes { labels: Some(labels), value_of: None });
        }
        _ => return Ok(Classes::default()),
    };
    if dimensions < 2 || labels.len() <= dimensions {
        return Ok(Classes { labels: Some(labels), value_of: None });
    }
    let mut value_of = vec![None; labels.len()];
    let mut place = |(value, &class): (usize, &usize)| {
        let slot = value_of.get_mut(class).filter(|slot| slot.is_none())?;
        *slot = Some(value);
        Some(())
    };
    let fits = of_class.filter(|of| of.len() == dimensions && of.iter().enumerate().all(|pair| place(pair).is_some()));
    if fits.is_none() {
        return Err(format_error(format!(
            "the metadata class_params: class_to_label does not fit {dimensions} values a leaf"
        )));
    }
    Ok(Classes { labels: Some(labels), value_of: Some(value_of) })
}

/// Labels in the type that JSON has them in. CatBoost's own `classes_` is of `object` for strings, else of 64 bits.
fn named(names: &[Value]) -> Result<Labels> {
    let all = |test: fn(&Value) -> bool| names.iter().all(test);
    if all(Value::is_string) {
        let texts = names.iter().filter_map(|name| name.as_str().map(str::to_string)).collect();
        return Ok(Labels { dtype: "object".into(), values: LabelValues::Str(texts) });
    }
    if all(Value::is_boolean) {
        let values = names.iter().filter_map(Value::as_bool).collect();
        return Ok(Labels { dtype: "bool".into(), values: LabelValues::Bool(values) });
    }
    if all(Value::is_i64) {
        let values = names.iter().filter_map(Value::as_i64).collect();
        return Ok(Labels { dtype: "int64".into(), values: LabelValues::Int(values) });
    }
    if all(Value::is_number) {
        let values = names.iter().filter_map(Value::as_f64).collect();
        return Ok(Labels { dtype: "float64".into(), values: LabelValues::Float(values) });
    }
    Err(Error::UnsupportedModel(
        "the CatBoost model's class_names are of several types, which is not supported: train it on labels of one type"
            .into(),
    ))
}
