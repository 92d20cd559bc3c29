//! Model text to its own types. The text is lines of `key=value`: a header, then one paragraph a tree after `Tree=i`,
//! then `end of trees`. Of what follows that, two lines matter: which columns were declared categorical, and the
//! categories of pandas columns.

use std::collections::HashMap;
use std::str::FromStr;

use super::categories::{self, FeatureInfo};
use crate::error::{Error, Result, format_error};
use crate::model::{LabelValues, MAX_COLUMNS};

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
    /// `feature_infos`; empty when absent.
    pub feature_infos: Vec<FeatureInfo>,
    /// The parameter `categorical_feature`, where it is a list of numbers.
    pub declared_categorical: Option<Vec<usize>>,
    /// `pandas_categorical`: the categories of each pandas column of them, in the order of the columns.
    pub pandas_categorical: Vec<LabelValues>,
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
    /// `cat_boundaries`: one more than there are category sets.
    pub cat_boundaries: Vec<usize>,
    /// `cat_threshold`: the words of the sets.
    pub cat_threshold: Vec<u32>,
    /// Linear leaves (`is_linear`).
    pub linear: Option<LinearText>,
}

/// The linear models of a tree's leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearText {
    /// `leaf_const`, one a leaf.
    pub constant: Vec<f64>,
    /// `num_features`: how many terms a leaf has.
    pub terms: Vec<usize>,
    /// `leaf_features`, leaf after leaf.
    pub feature: Vec<i32>,
    /// `leaf_coeff`, leaf after leaf.
    pub coefficient: Vec<f64>,
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
        let feature_infos = match header.get("feature_infos") {
            None => Vec::new(),
            Some(infos) => categories::feature_infos(infos, feature_names.len())?,
        };
        let trees = trees(&mut lines)?;
        // Without trees no bytes back their number.
        if trees_per_iteration == 0
            || trees_per_iteration > MAX_COLUMNS
            || !trees.len().is_multiple_of(trees_per_iteration)
        {
            return Err(format_error(format!("{} trees, but {trees_per_iteration} an iteration", trees.len())));
        }
        let (mut declared_categorical, mut pandas_categorical) = (None, Vec::new());
        for line in lines {
            if let Some(columns) = line.strip_prefix("[categorical_feature:") {
                declared_categorical = categories::declared(columns);
            } else if let Some(lists) = line.strip_prefix("pandas_categorical:") {
                pandas_categorical = categories::pandas_lists(lists)?;
            }
        }
        Ok(ModelText {
            version: header.get("version").unwrap_or("").to_string(),
            trees_per_iteration,
            objective: header.get("objective").unwrap_or("").split_whitespace().map(str::to_string).collect(),
            average_output: header.get("average_output").is_some(),
            feature_names,
            feature_infos,
            declared_categorical,
            pandas_categorical,
            trees,
        })
    }
}

/// The paragraphs of the trees, up to `end of trees`.
fn trees<'a>(lines: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> Result<Vec<TreeText>> {
    let mut trees = Vec::new();
    loop {
        match lines.next() {
            Some("end of trees") => return Ok(trees),
            Some(line) if line.starts_with("Tree=") => {
                let number: usize = parsed(&line["Tree=".len()..], "the trees", "Tree")?;
                if number != trees.len() {
                    return Err(format_error(format!("tree {number} stands where tree {} is due", trees.len())));
                }
                let place = format!("tree {number}");
                let paragraph = Paragraph::read(lines, &place, |line| {
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
}

impl TreeText {
    fn parse(paragraph: &Paragraph) -> Result<TreeText> {
        let leaves: usize = paragraph.number("num_leaves")?;
        if leaves == 0 {
            return Err(format_error(format!("{}: num_leaves is 0", paragraph.place)));
        }
        let splits = leaves - 1;
        let split_feature: Vec<i32> = paragraph.list("split_feature", splits)?;
        let decision_type = match paragraph.get("decision_type") {
            Some(_) => paragraph.list("decision_type", splits)?,
            // As many as there are splits in the text, whatever it claims.
            None => vec![0; split_feature.len()],
        };
        let (cat_boundaries, cat_threshold) = category_sets(paragraph)?;
        let is_linear = paragraph.get("is_linear").is_some() && paragraph.number::<u8>("is_linear")? != 0;
        Ok(TreeText {
            split_feature,
            threshold: paragraph.reals("threshold", splits)?,
            decision_type,
            left_child: paragraph.list("left_child", splits)?,
            right_child: paragraph.list("right_child", splits)?,
            leaf_value: paragraph.reals("leaf_value", leaves)?,
            cat_boundaries,
            cat_threshold,
            linear: if is_linear { Some(LinearText::parse(paragraph, leaves)?) } else { None },
        })
    }
}

/// `cat_boundaries` and `cat_threshold`; both empty without category sets.
fn category_sets(paragraph: &Paragraph) -> Result<(Vec<usize>, Vec<u32>)> {
    let sets: usize = if paragraph.get("num_cat").is_some() { paragraph.number("num_cat")? } else { 0 };
    if sets == 0 {
        return Ok(Default::default());
    }
    let place = &paragraph.place;
    let due = sets.checked_add(1).ok_or_else(|| format_error(format!("{place}: num_cat is {sets}")))?;
    let boundaries: Vec<usize> = paragraph.list("cat_boundaries", due)?;
    if boundaries[0] != 0 || boundaries.windows(2).any(|pair| pair[0] > pair[1]) {
        return Err(format_error(format!("{place}: cat_boundaries must rise from 0")));
    }
    let words = paragraph.list("cat_threshold", boundaries[sets])?;
    Ok((boundaries, words))
}

impl LinearText {
    fn parse(paragraph: &Paragraph, leaves: usize) -> Result<LinearText> {
        let terms: Vec<usize> = paragraph.list("num_features", leaves)?;
        let total = terms.iter().try_fold(0usize, |sum, &terms| sum.checked_add(terms));
        let total = total.ok_or_else(|| format_error(format!("{}: num_features is too large", paragraph.place)))?;
        Ok(LinearText {
            constant: paragraph.reals("leaf_const", leaves)?,
            terms,
            feature: paragraph.list("leaf_features", total)?,
            coefficient: paragraph.reals("leaf_coeff", total)?,
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

    /// Exactly `count` float64.
    fn reals(&self, key: &str, count: usize) -> Result<Vec<f64>> {
        Ok(self.list::<Real>(key, count)?.into_iter().map(|x| x.0).collect())
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

pub(super) fn parsed<T: FromStr>(text: &str, place: &str, key: &str) -> Result<T> {
    text.trim().parse().map_err(|_| {
        let shown: String = text.chars().take(40).collect();
        Error::ModelFormat(format!("{place}: {key} has {shown:?} where a number is due"))
    })
}
