//! Which column feeds which feature.
//!
//! By name when both sides have names, else by position, and then the counts must match. Only features that the model
//! reads must be there; one that it does not read is bound where present, so that its values are checked as the source
//! checks them.

use std::borrow::Cow;
use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::category::Kind;
use super::encode::Rule;
use super::table::Table;
use crate::error::{Error, Result};
use crate::model::{Encoder, Encoding, Features, LabelValues, MatrixRule, Model, NameMatch};

/// Per feature its column, or None where it is absent and not read.
pub type Binding = Vec<Option<usize>>;

/// Bind a table's columns to a model's features.
pub fn bind(model: &Model, table: &Table) -> Result<Binding> {
    let features = model.features();
    let read = model.features_read();
    let mut binding = match (&features.names, table.names()) {
        (Some(names), Some(columns)) => by_name(features, names, columns, &read)?,
        _ => by_position(features, table)?,
    };
    for (feature, bound) in binding.iter_mut().enumerate() {
        let Some(column) = *bound else { continue };
        // The common case first: a call for a row has little time.
        if table.has_numbers(column) && model.encoding(feature).is_none() {
            continue;
        }
        let (found, kind) = table.kind(column);
        let encoding = if takes_codes(model, table, feature, column) { None } else { model.encoding(feature) };
        // A value of a dictionary says nothing of the code that it had in training.
        if table.has_categories(column) && read[feature] && model.reads_bare_codes(feature) {
            return Err(Error::Schema(format!(
                "column {} holds categories ({found}), but the model knows only their codes; import the model with \
                 categories={{{}: [...]}}, in the order of training, or pass the codes as numbers",
                quote(table.names(), column),
                quote(features.names.as_deref(), feature),
            )));
        }
        if kind.is_some_and(|kind| Rule::takes(encoding.map(|(_, lookup)| lookup), kind)) {
            continue;
        }
        if !read[feature] {
            *bound = None;
            continue;
        }
        return Err(Error::Schema(format!(
            "column {} has the type {found}, but the model's feature {} is {}",
            quote(table.names(), column),
            quote(features.names.as_deref(), feature),
            due(encoding.map(|(encoding, _)| encoding), found)
        )));
    }
    Ok(binding)
}

/// Bind columns of numbers, for a model that takes numbers only; None where [`bind`] has an error to tell.
pub fn bind_numbers(model: &Model, columns: &[impl AsRef<str>]) -> Option<Binding> {
    let features = model.features();
    let Some(names) = &features.names else {
        return (columns.len() == features.count).then(|| in_order(features.count));
    };
    by_name(features, names, columns, &model.features_read()).ok()
}

/// Whether a feature's column holds its codes already: numbers in a matrix may be.
pub(super) fn takes_codes(model: &Model, table: &Table, feature: usize, column: usize) -> bool {
    table.is_typeless()
        && table.kind(column).1 != Some(Kind::Text)
        && model.encoding(feature).is_some_and(|(encoding, _)| encoding.matrix == MatrixRule::Codes)
}

/// What a feature's column must hold, and how to get there from the type that was found.
fn due(encoding: Option<&Encoding>, found: &str) -> String {
    const NUMBER: &str = "to float64 in the end (Polars .cast(pl.Float64), pandas .astype(\"float64\"))";
    const TEXT: &str =
        "to text in the end (Polars .cast(pl.String), pandas .astype(\"str\"); bytes .str.decode(\"utf-8\") first)";
    // pandas has no cast of these to float64, but one to the integers that they are held as.
    const TIME: &str = "dates and times by their parts or by what they count (Polars .dt.year(), .cast(pl.Int64), \
                        pandas .dt.year, .astype(\"int64\"))";
    let found = found.to_lowercase();
    let is_time = ["date", "time", "duration"].iter().any(|part| found.contains(part));
    let (what, cast) = match encoding.map(|encoding| &encoding.encoder) {
        None => ("a number".into(), NUMBER),
        Some(Encoder::Table { values: values @ LabelValues::Str(_), .. }) => {
            (format!("a category of text ({})", values.preview()), TEXT)
        }
        Some(Encoder::Table { values, .. }) => (format!("a category of numbers ({})", values.preview()), NUMBER),
        Some(Encoder::Hash) => ("a category of text or integers".into(), TEXT),
    };
    let cast = if is_time && cast == NUMBER { TIME } else { cast };
    format!("{what}; convert it as was done for training, {cast}")
}

/// A bound column for messages; where only the model has names, its feature too.
pub(super) fn describe(features: &Features, table: &Table, feature: usize, column: usize) -> String {
    match (table.names(), &features.names) {
        (None, Some(names)) => format!("number {column} (feature {:?})", names[feature]),
        (names, _) => quote(names, column),
    }
}

/// A column for messages: its name in quotes, or `number i`.
fn quote(names: Option<&[String]>, index: usize) -> String {
    match names.and_then(|names| names.get(index)) {
        Some(name) => format!("{name:?}"),
        None => format!("number {index}"),
    }
}

fn by_position(features: &Features, table: &Table) -> Result<Binding> {
    if table.columns() != features.count {
        let why = match (&features.names, table.names()) {
            (None, Some(_)) => {
                " (the model has no feature names, so columns are taken by position: pass its columns only, in its \
                 order, or name its features: import or load it with features=[...])"
            }
            (Some(_), None) => {
                " (the data has no column names, so columns are taken by position: pass the model's columns only, in \
                 its order)"
            }
            _ => "",
        };
        return Err(Error::Schema(format!(
            "the data has {} columns, the model {} features{why}",
            table.columns(),
            features.count
        )));
    }
    Ok(in_order(features.count))
}

/// A feature for each column.
fn in_order(count: usize) -> Binding {
    (0..count).map(Some).collect()
}

/// Whether columns are the features, in their order, so that nothing else can match. Features have names of their own each;
/// where white space counts as `_`, those that may have some are left to [`by_name`].
fn is_same(rule: NameMatch, names: &[String], columns: &[impl AsRef<str>]) -> bool {
    let plain = |name: &str| name.bytes().all(|byte| byte > b' ' && byte.is_ascii());
    let mut pairs = names.iter().zip(columns);
    names.len() == columns.len()
        && pairs.all(|(name, column)| name == column.as_ref() && (rule == NameMatch::Exact || plain(name)))
}

/// A name as it is matched.
fn rewritten(rule: NameMatch, name: &str) -> Cow<'_, str> {
    match rule {
        NameMatch::Underscore if name.contains(char::is_whitespace) => {
            name.chars().map(|c| if c.is_whitespace() { '_' } else { c }).collect()
        }
        NameMatch::Exact | NameMatch::Underscore => Cow::Borrowed(name),
    }
}

fn by_name(features: &Features, names: &[String], columns: &[impl AsRef<str>], read: &[bool]) -> Result<Binding> {
    if is_same(features.name_match, names, columns) {
        return Ok(in_order(names.len()));
    }
    // A call for a row has little time: names are copied only where they change, and hashed fast.
    let mut by_name = HashMap::with_capacity_and_hasher(columns.len(), RandomState::default());
    for (index, column) in columns.iter().enumerate() {
        by_name
            .entry(rewritten(features.name_match, column.as_ref()))
            .and_modify(|(_, more)| *more = true)
            .or_insert((index, false));
    }
    let mut missing = Vec::new();
    let mut binding = Vec::with_capacity(names.len());
    for (feature, name) in names.iter().enumerate() {
        let wanted = rewritten(features.name_match, name);
        binding.push(match by_name.get(&wanted) {
            Some(&(column, false)) => Some(column),
            Some(_) if read[feature] => {
                let names = columns.iter().map(AsRef::as_ref);
                let found = names.filter(|column| rewritten(features.name_match, column) == wanted);
                let found: Vec<_> = found.map(|column| format!("{column:?}")).collect();
                return Err(Error::Schema(format!(
                    "{} columns match the model's feature {name:?}: {}; rename or drop all but one",
                    found.len(),
                    found.join(", ")
                )));
            }
            Some(_) => None,
            None => {
                if read[feature] {
                    missing.push(name.as_str());
                }
                None
            }
        });
    }
    if missing.is_empty() { Ok(binding) } else { Err(Error::Schema(missing_columns(&missing, columns))) }
}

fn missing_columns(missing: &[&str], columns: &[impl AsRef<str>]) -> String {
    let listed: Vec<_> = missing
        .iter()
        .enumerate()
        // A suggestion costs a pass over all columns: not for thousands of missing ones.
        .map(|(i, name)| match (i < 20).then(|| closest(name, columns)).flatten() {
            Some(near) => format!("{name:?} (did you mean {near:?}?)"),
            None => format!("{name:?}"),
        })
        .collect();
    let shown = columns.iter().take(20).map(|column| format!("{:?}", column.as_ref())).collect::<Vec<_>>().join(", ");
    let more = if columns.len() > 20 { format!(" and {} more", columns.len() - 20) } else { String::new() };
    format!(
        "the data lacks {} column(s) that the model reads: {}; it has: {}{more}",
        missing.len(),
        listed.join(", "),
        if columns.is_empty() { "no columns" } else { &shown }
    )
}

/// The column whose name is nearest, if near enough to be a slip.
fn closest<'a>(name: &str, columns: &'a [impl AsRef<str>]) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    columns
        .iter()
        .map(AsRef::as_ref)
        .map(|column| (strsim::normalized_damerau_levenshtein(&wanted, &column.to_lowercase()), column))
        .filter(|(score, _)| *score >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, column)| column)
}
