//! Model text to its own types. The text is lines of `key=value`: a header, then one paragraph a tree after `Tree=i`,
//! then `end of trees`. What follows that (importances, parameters) is not needed to predict.

use std::collections::HashMap;
use std::str::FromStr;

use crate::error::{Error, Result, format_error};
use crate::model::MAX_COLUMNS;

/// The text as LightGBM means it, before anything is translated.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelText {
    /// `version`
    pub version: String,
    /// `num_tree_per_iteration`
    pub trees_per_iteration: usize,
    /// `objective` and its parameters; empty when absent (a custom objective).
    pub objective: Vec<String>,
    /// `average_output`: random-forest boosting.
    pub average_output: bool,
    /// `feature_names`
    pub feature_names: Vec<String>,
    /// `pandas_categorical` lists categories: some columns were pandas categoricals in training, read as their codes.
    pub pandas_categorical: bool,
    /// The trees, iteration by iteration, classes within.
    pub trees: Vec<TreeText>,
}

/// One tree. Children are splits, or `-1 - leaf`.
#[derive(Debug, Clone, PartialEq)]
pub struct TreeText {
    /// `split_feature`
    pub split_feature: Vec<i32>,
    /// `threshold`
    pub threshold: Vec<f64>,
    /// `decision_type`
    pub decision_type: Vec<u8>,
    /// `left_child`
    pub left_child: Vec<i32>,
    /// `right_child`
    pub right_child: Vec<i32>,
    /// `leaf_value`
    pub leaf_value: Vec<f64>,
    /// `is_linear`
    pub is_linear: bool,
}

impl ModelText {
    /// Parse; errors name the key and the tree.
    pub fn parse(text: &str) -> Result<ModelText> {
        let mut lines = text.lines().map(|line| line.trim_end_matches('\r')).peekable();
        match lines.next() {
            Some("tree") => {}
            first => {
                return Err(format_error(format!(
                    "not LightGBM model text: its first line is {:?}, \"tree\" is due",
                    first.unwrap_or("").chars().take(40).collect::<String>()
                )));
            }
        }
        let header =
            Paragraph::read(&mut lines, "the header", |line| line.starts_with("Tree=") || line == "end of trees");
        let num_class: usize = header.number("num_class")?;
        let trees_per_iteration = match header.get("num_tree_per_iteration") {
            Some(_) => header.number("num_tree_per_iteration")?,
            None => num_class,
        };
        let highest: usize = header.number("max_feature_idx")?;
        let feature_names: Vec<String> = header.text("feature_names")?.split(' ').map(str::to_string).collect();
        if Some(feature_names.len()) != highest.checked_add(1) {
            return Err(format_error(format!(
                "the header: max_feature_idx is {highest}, but there are {} feature_names",
                feature_names.len()
            )));
        }
        let mut trees = Vec::new();
        loop {
            match lines.next() {
                Some("end of trees") => break,
                Some(line) if line.starts_with("Tree=") => {
                    let number: usize = parsed(&line["Tree=".len()..], "the trees", "Tree")?;
                    if number != trees.len() {
                        return Err(format_error(format!("tree {number} stands where tree {} is due", trees.len())));
                    }
                    let place = format!("tree {number}");
                    let paragraph = Paragraph::read(&mut lines, &place, |line| {
                        line.is_empty() || line.starts_with("Tree=") || line == "end of trees"
                    });
                    trees.push(TreeText::parse(&paragraph)?);
                }
                Some("") => {}
                Some(line) => {
                    let line: String = line.chars().take(40).collect();
                    return Err(format_error(format!("after tree {}: the line {line:?} is unknown", trees.len())));
                }
                None => {
                    return Err(format_error(format!("cut short after {} trees: no \"end of trees\"", trees.len())));
                }
            }
        }
        // Without trees no bytes back their number.
        if trees_per_iteration == 0
            || trees_per_iteration > MAX_COLUMNS
            || !trees.len().is_multiple_of(trees_per_iteration)
        {
            return Err(format_error(format!("{} trees, but {trees_per_iteration} an iteration", trees.len())));
        }
        Ok(ModelText {
            version: header.get("version").unwrap_or("").to_string(),
            trees_per_iteration,
            objective: header.get("objective").unwrap_or("").split_whitespace().map(str::to_string).collect(),
            average_output: header.get("average_output").is_some(),
            feature_names,
            pandas_categorical: lines
                .filter_map(|line| line.strip_prefix("pandas_categorical:"))
                .any(|lists| !matches!(lists.trim(), "null" | "[]" | "")),
            trees,
        })
    }
}

impl TreeText {
    fn parse(paragraph: &Paragraph) -> Result<TreeText> {
        let leaves: usize = paragraph.number("num_leaves")?;
        if leaves == 0 {
            return Err(format_error(format!("{}: num_leaves is 0", paragraph.place)));
        }
        let splits = leaves - 1;
        let is_linear = match paragraph.get("is_linear") {
            Some(_) => paragraph.number::<u8>("is_linear")? != 0,
            None => false,
        };
        let split_feature: Vec<i32> = paragraph.list("split_feature", splits)?;
        let decision_type = match paragraph.get("decision_type") {
            Some(_) => paragraph.list("decision_type", splits)?,
            // As many as there are splits in the text, whatever it claims.
            None => vec![0; split_feature.len()],
        };
        Ok(TreeText {
            split_feature,
            threshold: paragraph.list::<Real>("threshold", splits)?.into_iter().map(|x| x.0).collect(),
            decision_type,
            left_child: paragraph.list("left_child", splits)?,
            right_child: paragraph.list("right_child", splits)?,
            leaf_value: paragraph.list::<Real>("leaf_value", leaves)?.into_iter().map(|x| x.0).collect(),
            is_linear,
        })
    }
}

/// A float64 as C++ prints it, `-nan` included.
struct Real(f64);

impl FromStr for Real {
    type Err = std::num::ParseFloatError;
    fn from_str(text: &str) -> std::result::Result<Real, Self::Err> {
        text.strip_prefix('-').filter(|rest| rest.eq_ignore_ascii_case("nan")).unwrap_or(text).parse().map(Real)
    }
}

/// Lines of `key=value`.
struct Paragraph<'a> {
    place: String,
    values: HashMap<&'a str, &'a str>,
}

impl<'a> Paragraph<'a> {
    fn read<I: Iterator<Item = &'a str>>(
        lines: &mut std::iter::Peekable<I>,
        place: &str,
        ends: impl Fn(&str) -> bool,
    ) -> Self {
        let mut values = HashMap::new();
        while let Some(line) = lines.next_if(|line| !ends(line)) {
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            values.insert(key, value);
        }
        Paragraph { place: place.to_string(), values }
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.values.get(key).copied()
    }

    fn text(&self, key: &str) -> Result<&'a str> {
        self.get(key).ok_or_else(|| format_error(format!("{}: {key} is missing", self.place)))
    }

    fn number<T: FromStr>(&self, key: &str) -> Result<T> {
        parsed(self.text(key)?, &self.place, key)
    }

    /// Exactly `count` numbers. Where none are due, the key may be missing.
    fn list<T: FromStr>(&self, key: &str, count: usize) -> Result<Vec<T>> {
        let text = if count == 0 { self.get(key).unwrap_or("") } else { self.text(key)? };
        let list = text.split_whitespace().map(|word| parsed(word, &self.place, key)).collect::<Result<Vec<T>>>()?;
        if list.len() == count {
            Ok(list)
        } else {
            Err(format_error(format!("{}: {key} has {} entries, {count} are due", self.place, list.len())))
        }
    }
}

fn parsed<T: FromStr>(text: &str, place: &str, key: &str) -> Result<T> {
    text.trim().parse().map_err(|_| {
        let shown: String = text.chars().take(40).collect();
        Error::ModelFormat(format!("{place}: {key} has {shown:?} where a number is due"))
    })
}
