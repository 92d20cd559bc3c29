//! What the text says of categorical columns, and which column each list of pandas categories belongs to.
//!
//! LightGBM's Python package reads a pandas category as its position in the list of training. The text has a list per
//! *category column* of the training frame, in the frame's order, without saying which columns those are; ordered
//! columns have a list too, though they are split as numbers.

use std::collections::{HashMap, HashSet};

use serde_json::Number;
use serde_json::value::RawValue;

use super::parse::{ModelText, parsed};
use crate::error::{Error, Result, format_error};
use crate::model::LabelValues;

/// What `feature_infos` says of a feature.
#[derive(Debug, Clone, PartialEq)]
pub enum FeatureInfo {
    /// `none`: LightGBM never splits it.
    Unused,
    /// `[low:high]`
    Number(f64, f64),
    /// `a:b:c`: the categories seen in training, missing as -1.
    Categories(Vec<i64>),
}

/// `feature_infos`, one a feature.
pub(super) fn feature_infos(text: &str, features: usize) -> Result<Vec<FeatureInfo>> {
    let read = |word: &str| {
        Ok(match word {
            "none" => FeatureInfo::Unused,
            _ => match word.strip_prefix('[').and_then(|range| range.strip_suffix(']')?.split_once(':')) {
                Some((low, high)) => FeatureInfo::Number(
                    parsed(low, "the header", "feature_infos")?,
                    parsed(high, "the header", "feature_infos")?,
                ),
                None => FeatureInfo::Categories(
                    word.split(':').map(|code| parsed(code, "the header", "feature_infos")).collect::<Result<_>>()?,
                ),
            },
        })
    };
    let infos = text.split_whitespace().map(read).collect::<Result<Vec<_>>>()?;
    if infos.len() == features {
        Ok(infos)
    } else {
        Err(format_error(format!("the header: feature_infos has {} entries, {features} are due", infos.len())))
    }
}

/// The parameter `categorical_feature`; None when it is empty or holds names.
pub(super) fn declared(text: &str) -> Option<Vec<usize>> {
    let mut columns: Vec<usize> =
        text.trim().trim_end_matches(']').split(',').map(|column| column.trim().parse().ok()).collect::<Option<_>>()?;
    columns.sort_unstable();
    columns.dedup();
    Some(columns)
}

/// `pandas_categorical`: a JSON list of lists, or `null`.
pub(super) fn pandas_lists(text: &str) -> Result<Vec<LabelValues>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let broken = |why: String| format_error(format!("pandas_categorical is no JSON list of lists{why}"));
    // Python writes Infinity, which is no JSON.
    let infinite = || Error::UnsupportedModel("pandas_categorical: infinite categories are not supported".into());
    let lists: Option<Vec<&RawValue>> = serde_json::from_str(text)
        .map_err(|e| if text.contains("Infinity") { infinite() } else { broken(format!(": {e}")) })?;
    let lists = lists.unwrap_or_default();
    let read = |(number, list): (usize, &&RawValue)| match list.get().starts_with('[') {
        true => values(list.get(), number),
        false => Err(broken(String::new())),
    };
    lists.iter().enumerate().map(read).collect()
}

/// One list of categories, of one kind; whole numbers among floats are floats.
fn values(list: &str, number: usize) -> Result<LabelValues> {
    fn read<'a, T: serde::Deserialize<'a>>(list: &'a str) -> Option<Vec<T>> {
        serde_json::from_str(list).ok()
    }
    let found = read(list)
        .map(LabelValues::Str)
        .or_else(|| read(list).map(LabelValues::Bool))
        .or_else(|| read(list).map(LabelValues::Int))
        .or_else(|| read(list).map(LabelValues::UInt))
        .or_else(|| read(list)?.iter().map(exact_float).collect::<Option<_>>().map(LabelValues::Float));
    found.ok_or_else(|| {
        Error::UnsupportedModel(format!(
            "pandas_categorical, list {number}: categories of mixed types are not supported; train on categories that \
             are all strings, all numbers or all booleans"
        ))
    })
}

/// A number that float64 holds exactly.
fn exact_float(value: &Number) -> Option<f64> {
    const EXACT: i64 = 1 << 53;
    match value.as_i64() {
        Some(whole) => (-EXACT..=EXACT).contains(&whole).then_some(whole as f64),
        None => value.as_f64().filter(|_| value.is_f64()),
    }
}

/// The feature of each list of `pandas_categorical`. `given` are categories that the user named a column for.
pub(super) fn bind(text: &ModelText, given: Vec<(usize, LabelValues)>) -> Result<Vec<(usize, LabelValues)>> {
    let lists = &text.pandas_categorical;
    if !given.is_empty() {
        return bind_given(text, given);
    }
    if lists.is_empty() {
        return Ok(Vec::new());
    }
    let columns = categorical_columns(text)?;
    if columns.len() != lists.len() {
        let only = only_columns(&text.feature_infos, lists).ok_or_else(|| {
            unbound(&format!(
                "the model has {} lists of pandas categories and {} categorical features (ordered categories are split \
                 as numbers)",
                lists.len(),
                columns.len()
            ))
        })?;
        return Ok(only.into_iter().zip(lists.iter().cloned()).collect());
    }
    let bound: Vec<(usize, LabelValues)> = columns.into_iter().zip(lists.iter().cloned()).collect();
    let declared: HashSet<usize> = bound.iter().map(|(feature, _)| *feature).collect();
    // Of the features that were not declared categorical the first whose codes would be 0 to the key.
    let mut others: HashMap<u64, usize> = HashMap::new();
    for (feature, info) in text.feature_infos.iter().enumerate() {
        if let FeatureInfo::Number(0.0, last) = info
            && !declared.contains(&feature)
        {
            others.entry(last.to_bits()).or_insert(feature);
        }
    }
    for (feature, list) in &bound {
        check_codes(text, &others, *feature, list.len())?;
    }
    Ok(bound)
}

/// The one way to give each list a column, in order, such that the codes that training saw are positions in the list;
/// None where there are several ways, or none. Categorical features need not have a list: those of numbers have none.
fn only_columns(infos: &[FeatureInfo], lists: &[LabelValues]) -> Option<Vec<usize>> {
    /// More pairs of a column and a list than any real model has; the table below has a byte a pair.
    const MOST: usize = 1 << 26;
    let width = lists.len() + 1;
    if infos.len().checked_mul(width).is_none_or(|pairs| pairs > MOST) {
        return None;
    }
    // ways[f * width + l]: in how many ways, 2 standing for more, columns before f take the first l lists.
    let mut ways = vec![0u8; (infos.len() + 1) * width];
    ways[0] = 1;
    for (f, info) in infos.iter().enumerate() {
        let needed = values_needed(info);
        for l in 0..width {
            let skipped = ways[f * width + l];
            let fits = l > 0 && needed.is_some_and(|needed| needed <= lists[l - 1].len() as f64);
            let taken = if fits { ways[f * width + l - 1] } else { 0 };
            ways[(f + 1) * width + l] = (skipped + taken).min(2);
        }
    }
    if ways.last() != Some(&1) {
        return None;
    }
    let mut found = Vec::with_capacity(lists.len());
    let mut l = lists.len();
    for f in (0..infos.len()).rev() {
        if ways[f * width + l] == 0 {
            found.push(f);
            l -= 1;
        }
    }
    found.reverse();
    Some(found)
}

/// How many values a list must have for what training saw of a feature to be positions in it; None where no list does.
fn values_needed(info: &FeatureInfo) -> Option<f64> {
    match info {
        FeatureInfo::Unused => Some(0.0),
        FeatureInfo::Number(low, high) => {
            (*low >= 0.0 && low.fract() == 0.0 && high.fract() == 0.0).then_some(high + 1.0)
        }
        FeatureInfo::Categories(codes) => Some(codes.iter().copied().max().map_or(0.0, |code| code as f64 + 1.0)),
    }
}

/// Whether the codes that training saw speak against this list: codes beyond it, or too few where a feature that was not
/// declared categorical has exactly as many (a category column that `categorical_feature` left out).
fn check_codes(text: &ModelText, others: &HashMap<u64, usize>, feature: usize, values: usize) -> Result<()> {
    let Some(FeatureInfo::Categories(codes)) = text.feature_infos.get(feature) else {
        return Ok(());
    };
    let name = |feature: usize| text.feature_names.get(feature).map_or("?", String::as_str);
    let (highest, last) = (codes.iter().copied().max().unwrap_or(-1), values as i64 - 1);
    if highest > last {
        return Err(unbound(&format!(
            "feature {:?} has more categories than its list of pandas categories",
            name(feature)
        )));
    }
    match others.get(&(last as f64).to_bits()) {
        Some(&other) if highest < last => Err(unbound(&format!(
            "the pandas categories of feature {:?} could be those of feature {:?}",
            name(feature),
            name(other)
        ))),
        _ => Ok(()),
    }
}

fn is_subset(some: &[usize], all: &[usize]) -> bool {
    let all: HashSet<usize> = all.iter().copied().collect();
    some.iter().all(|feature| all.contains(feature))
}

/// The features that were declared categorical, in order: the parameter where there is one, as LightGBM drops a column
/// of one value from `feature_infos`.
fn categorical_columns(text: &ModelText) -> Result<Vec<usize>> {
    let seen: Vec<usize> = (text.feature_infos.iter().enumerate())
        .filter_map(|(feature, info)| matches!(info, FeatureInfo::Categories(_)).then_some(feature))
        .collect();
    match &text.declared_categorical {
        None => Ok(seen),
        Some(declared) if is_subset(&seen, declared) => {
            match declared.iter().find(|&&feature| feature >= text.feature_names.len()) {
                None => Ok(declared.clone()),
                Some(feature) => Err(format_error(format!(
                    "categorical_feature names feature {feature} of {}",
                    text.feature_names.len()
                ))),
            }
        }
        Some(_) => Err(unbound("categorical_feature and feature_infos differ in which features are categorical")),
    }
}

/// The user's columns: as many as there are lists, and the same lists in the order of the features.
fn bind_given(text: &ModelText, mut given: Vec<(usize, LabelValues)>) -> Result<Vec<(usize, LabelValues)>> {
    given.sort_by_key(|(feature, _)| *feature);
    let lists = &text.pandas_categorical;
    let same = given.len() == lists.len() && given.iter().zip(lists).all(|((_, own), list)| own == list);
    if lists.is_empty() || same {
        return Ok(given);
    }
    Err(Error::InvalidArgument(format!(
        "categories= must name every category column of the training frame with its categories in their order; the \
         model's lists, in the order of its features, are {}",
        lists.iter().map(shown).collect::<Vec<_>>().join(", ")
    )))
}

fn shown(list: &LabelValues) -> String {
    let mut text = match list {
        LabelValues::Int(v) => format!("{:?}", &v[..v.len().min(8)]),
        LabelValues::UInt(v) => format!("{:?}", &v[..v.len().min(8)]),
        LabelValues::Float(v) => format!("{:?}", &v[..v.len().min(8)]),
        LabelValues::Bool(v) => format!("{:?}", &v[..v.len().min(8)]),
        LabelValues::Str(v) => format!("{:?}", &v[..v.len().min(8)]),
    };
    if list.len() > 8 {
        text.truncate(text.len() - 1);
        text.push_str(", ...]");
    }
    text
}

fn unbound(why: &str) -> Error {
    Error::UnsupportedModel(format!(
        "{why}, so which column each list belongs to is not certain; pass categories={{column: [...]}} with every \
         category column of the training frame"
    ))
}
