//! LightGBM's trees to a forest.
//!
//! Inputs of magnitude at most 1e-35f count as 0. Missing types of numerical splits: None reads NaN as 0, Zero sends 0
//! and NaN to the default side, NaN only NaN. Categorical splits take no heed of them: NaN, negative categories and
//! those beyond the set go right. A linear leaf gives its plain value where a feature that it reads is NaN.

use super::parse::TreeText;
use crate::error::{Result, format_error};
use crate::model::{
    CategorySets, Comparison, FLAG_MISSING_LEFT, FLAG_ZERO_MISSING, Forest, LinearLeaves, NegativeFraction,
};

/// LightGBM's `kZeroThreshold`, a float32 constant.
const ZERO_BAND: f64 = 1e-35_f32 as f64;

/// Bits of `decision_type`; bits 2 and 3 are the missing type.
const CATEGORICAL: u8 = 1;
const DEFAULT_LEFT: u8 = 2;

/// Translate the trees of some iterations.
pub(super) fn forest(trees: &[TreeText], outputs: usize, names: &[String]) -> Result<Forest> {
    let mut forest = Forest {
        comparison: Comparison::Le,
        outputs,
        leaf_width: 1,
        zero_band: Some(ZERO_BAND),
        negative_fraction: NegativeFraction::Zero,
        base: vec![0.0; outputs],
        split_offset: vec![0],
        leaf_offset: vec![0],
        target: (0..trees.len()).map(|tree| (tree % outputs) as i32).collect(),
        ..Forest::default()
    };
    let categorical = trees.iter().any(|tree| tree.decision_type.iter().any(|decision| decision & CATEGORICAL != 0));
    if categorical {
        forest.categories.offset.push(0);
    }
    if trees.iter().any(|tree| tree.linear.is_some()) {
        forest.linear = Some(LinearLeaves { offset: vec![0], ..LinearLeaves::default() });
    }
    for (number, tree) in trees.iter().enumerate() {
        let place = |error: String| format_error(format!("tree {number}, {error}"));
        let first_set = if categorical { add_sets(&mut forest.categories, tree) } else { 0 };
        for (split, &decision) in tree.decision_type.iter().enumerate() {
            let translated = if decision & CATEGORICAL == 0 {
                numerical(decision, tree.threshold[split])
            } else {
                categorical_split(tree, split, first_set)
            };
            let translated = translated.map_err(|error| {
                let feature = usize::try_from(tree.split_feature[split]).ok().and_then(|feature| names.get(feature));
                place(format!("split {split} (feature {:?}): {error}", feature.map_or("?", String::as_str)))
            })?;
            forest.flags.push(translated.flags);
            forest.threshold.push(translated.threshold);
            if categorical {
                forest.categories.set.push(translated.set);
            }
        }
        if let Some(linear) = &mut forest.linear {
            add_leaves(linear, tree, names.len()).map_err(place)?;
        }
        forest.feature.extend(&tree.split_feature);
        forest.left.extend(&tree.left_child);
        forest.right.extend(&tree.right_child);
        forest.leaf_value.extend(&tree.leaf_value);
        forest.leaf_id.extend(0..tree.leaf_value.len() as i32);
        forest.split_offset.push(forest.feature.len() as i64);
        forest.leaf_offset.push(forest.leaf_id.len() as i64);
    }
    Ok(forest)
}

struct Split {
    flags: u8,
    threshold: f64,
    set: i32,
}

fn numerical(decision: u8, threshold: f64) -> std::result::Result<Split, String> {
    let default = if decision & DEFAULT_LEFT != 0 { FLAG_MISSING_LEFT } else { 0 };
    let flags = match decision >> 2 {
        // None: NaN is read as 0, so its side follows from the threshold.
        0 if 0.0 <= threshold => FLAG_MISSING_LEFT,
        0 => 0,
        1 => default | FLAG_ZERO_MISSING,
        2 => default,
        _ => return Err(format!("decision_type {decision} has no known missing type")),
    };
    Ok(Split { flags, threshold, set: -1 })
}

/// The threshold of a categorical split is the number of its set within the tree.
fn categorical_split(tree: &TreeText, split: usize, first_set: usize) -> std::result::Result<Split, String> {
    let (own, sets) = (tree.threshold[split], tree.cat_boundaries.len().saturating_sub(1));
    if tree.decision_type[split] >> 4 != 0 {
        return Err(format!("decision_type {} is unknown", tree.decision_type[split]));
    }
    if !(own >= 0.0 && own < sets as f64 && own.fract() == 0.0) {
        return Err(format!("its category set is {own}, the tree has {sets}"));
    }
    let set = i32::try_from(first_set + own as usize).map_err(|_| "too many category sets".to_string())?;
    Ok(Split { flags: 0, threshold: 0.0, set })
}

/// Append the tree's sets; gives the number of its first.
fn add_sets(categories: &mut CategorySets, tree: &TreeText) -> usize {
    let (first, start) = (categories.offset.len() - 1, categories.words.len());
    categories.offset.extend(tree.cat_boundaries.iter().skip(1).map(|&end| (start + end) as i64));
    categories.words.extend(&tree.cat_threshold);
    first
}

/// Append the tree's leaves; a plain leaf is a constant.
fn add_leaves(leaves: &mut LinearLeaves, tree: &TreeText, features: usize) -> std::result::Result<(), String> {
    let end = leaves.feature.len() as i64;
    match &tree.linear {
        None => {
            leaves.constant.extend(&tree.leaf_value);
            leaves.offset.extend(std::iter::repeat_n(end, tree.leaf_value.len()));
        }
        Some(linear) => {
            let outside = |&&feature: &&i32| usize::try_from(feature).map_or(true, |feature| feature >= features);
            if let Some(feature) = linear.feature.iter().find(outside) {
                return Err(format!("leaf_features: feature {feature} of {features}"));
            }
            leaves.constant.extend(&linear.constant);
            leaves.offset.extend(linear.terms.iter().scan(end, |end, &terms| {
                *end += terms as i64;
                Some(*end)
            }));
            leaves.feature.extend(&linear.feature);
            leaves.coefficient.extend(&linear.coefficient);
        }
    }
    Ok(())
}
