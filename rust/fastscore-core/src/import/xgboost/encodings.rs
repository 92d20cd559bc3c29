//! Which columns hold categories, and what their codes are.
//!
//! Since 3.1 a file holds the categories of columns that were categories of a frame; older ones hold nothing, nor do
//! models of arrays: their columns are codes already. XGBoost takes an unknown category for its neighbour in sort order
//! (3.1, 3.2) or raises: here it always raises.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::parse::{Booster, Learner};
use super::trees::Categories;
use super::{Column, Options};
use crate::error::{Error, Result, format_error};
use crate::model::{Encoder, Encoding, LabelValues, MatrixRule, Unknown};

/// The encodings, and what was assumed.
pub(super) fn encodings(learner: &Learner, options: &Options) -> Result<(Vec<Encoding>, Vec<String>)> {
    let categorical = categorical(learner);
    let mut numbers: HashMap<&str, usize> = HashMap::with_capacity(learner.feature_names.len());
    for (number, name) in learner.feature_names.iter().enumerate() {
        numbers.entry(name).or_insert(number);
    }
    let find = |keyword: &str, column: &Column| find(learner, &numbers, &categorical, keyword, column);
    let mut given: BTreeMap<usize, &LabelValues> = BTreeMap::new();
    for (column, values) in &options.categories {
        given.insert(find("categories", column)?, values);
    }
    let mut policies: BTreeMap<usize, Unknown> = BTreeMap::new();
    for (column, raises) in &options.unknown_raises {
        let feature = find("unknown", column)?;
        policies.insert(feature, if *raises { Unknown::Raise } else { Unknown::Missing });
    }
    let mut found = Vec::new();
    let mut raw = Vec::new();
    for &feature in &categorical {
        let values = match given.get(&feature) {
            Some(&values) => Some(values.clone()),
            None => of_file(learner, feature)?,
        };
        match values {
            Some(values) => found.push(Encoding {
                feature,
                encoder: Encoder::Table { codes: (0..values.len()).map(|code| code as f64).collect(), values },
                unknown: policies.get(&feature).copied().unwrap_or(Unknown::Raise),
                missing_code: None,
                matrix: MatrixRule::Codes,
            }),
            None if policies.contains_key(&feature) => {
                return Err(Error::InvalidArgument(format!(
                    "unknown= names the column {}, whose categories the model does not hold: it reads codes; give them \
                     with categories=",
                    name(learner, feature)
                )));
            }
            None => raw.push(name(learner, feature)),
        }
    }
    let mut notes = Vec::new();
    if !raw.is_empty() {
        let more = if raw.len() > 10 { ", ..." } else { "" };
        raw.truncate(10);
        notes.push(format!(
            "the categories of {}{more} are not in the model: these columns are read as codes; categories= gives them",
            raw.join(", ")
        ));
    }
    Ok((found, notes))
}

/// Features of the type `c`, with categories of their own, or in categorical splits.
fn categorical(learner: &Learner) -> BTreeSet<usize> {
    let types = learner.feature_types.iter().enumerate().filter(|(_, kind)| *kind == "c");
    let mut found: BTreeSet<usize> = types.map(|(feature, _)| feature).collect();
    if let Booster::Trees(trees) = &learner.booster {
        let held = trees.categories.iter().enumerate().filter(|(_, categories)| **categories != Categories::None);
        found.extend(held.map(|(feature, _)| feature));
        let splits = trees.trees.iter().flat_map(|tree| tree.categories.iter().map(|(node, _)| tree.feature[*node]));
        let splits = splits.filter_map(|feature| usize::try_from(feature).ok());
        found.extend(splits.filter(|&feature| feature < learner.features));
    }
    found
}

fn name(learner: &Learner, feature: usize) -> String {
    learner.feature_names.get(feature).map_or_else(|| format!("number {feature}"), |name| format!("{name:?}"))
}

/// The number of a column that `keyword` names; `numbers` are the numbers of the names.
fn find(
    learner: &Learner,
    numbers: &HashMap<&str, usize>,
    categorical: &BTreeSet<usize>,
    keyword: &str,
    column: &Column,
) -> Result<usize> {
    let (feature, shown) = match column {
        Column::Number(number) => (Some(*number).filter(|&number| number < learner.features), number.to_string()),
        Column::Name(name) => (numbers.get(name.as_str()).copied(), format!("{name:?}")),
    };
    match feature {
        Some(feature) if categorical.contains(&feature) => Ok(feature),
        Some(_) => {
            Err(Error::InvalidArgument(format!("{keyword}= names the column {shown}, which is not categorical")))
        }
        None => {
            Err(Error::InvalidArgument(format!("{keyword}= names the column {shown}, which the model does not have")))
        }
    }
}

fn of_file(learner: &Learner, feature: usize) -> Result<Option<LabelValues>> {
    let Booster::Trees(trees) = &learner.booster else { return Ok(None) };
    match trees.categories.get(feature) {
        None | Some(Categories::None) => Ok(None),
        Some(Categories::Integers(values)) => Ok(Some(LabelValues::Int(values.clone()))),
        Some(Categories::Texts(texts)) => {
            // From pandas, XGBoost 3.1 and 3.2 count characters where bytes are due: all after the first text that is
            // not ASCII is shifted.
            if !texts.iter().flatten().all(u8::is_ascii) {
                let name = name(learner, feature);
                return Err(Error::UnsupportedModel(format!(
                    "the categories of the column {name} are not all ASCII, and XGBoost stores such texts damaged: give \
                     them in the order of training with categories={{{name}: [...]}}"
                )));
            }
            let texts = texts.iter().map(|text| String::from_utf8(text.clone()));
            let texts = texts.collect::<std::result::Result<Vec<_>, _>>();
            texts.map(|texts| Some(LabelValues::Str(texts))).map_err(|_| format_error("categories that are not UTF-8"))
        }
    }
}
