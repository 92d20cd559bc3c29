//! XGBoost's trees to a forest.

use super::parse::Learner;
use super::translate::Role;
use super::trees::{Tree, Trees};
use crate::error::{Error, Result, format_error};
use crate::model::{CategorySets, Comparison, FLAG_MISSING_LEFT, FLAG_OUTSIDE_LEFT, Forest, Width};

/// Words of category bits that are built at most, besides one for each byte of the file: few bytes can name a category
/// of 2^24.
const MAX_CATEGORY_WORDS: usize = 1 << 20;

pub(super) fn forest(
    learner: &Learner,
    trees: &Trees,
    iterations: usize,
    bases: &[f32],
    role: Role,
    missing: Option<f32>,
) -> Result<Forest> {
    let used = trees.iterations[iterations];
    let leaf_width = trees.trees.first().and_then(|tree| tree.vectors.as_ref()).map_or(1, |vectors| vectors.width);
    if leaf_width > 1 && (leaf_width != learner.outputs || trees.weights.is_some()) {
        return Err(format_error(format!(
            "tree 0: size_leaf_vector is {leaf_width} in a {} of {} outputs",
            if trees.weights.is_some() { "dart booster" } else { "model" },
            learner.outputs
        )));
    }
    let most_words = MAX_CATEGORY_WORDS + learner.size;
    let mut forest = Forest {
        comparison: Comparison::Lt,
        width: Width::Float32,
        sum: Width::Float32,
        outputs: learner.outputs,
        leaf_width,
        missing_value: missing.map(f64::from),
        base: bases.iter().copied().map(f64::from).collect(),
        split_offset: vec![0],
        leaf_offset: vec![0],
        target: if leaf_width == 1 { trees.outputs[..used].to_vec() } else { Vec::new() },
        categories: CategorySets { offset: vec![0], ..CategorySets::default() },
        ..Forest::default()
    };
    for (number, tree) in trees.trees[..used].iter().enumerate() {
        let weigh = |leaf: f32| match &trees.weights {
            None => leaf,
            // `DMatrix`: a tree's own prediction starts from 0.
            Some(weights) if role == Role::Booster => (0.0 + leaf) * weights[number],
            // Wrappers predict in place: it starts from the base, which is subtracted again, rounding twice.
            Some(weights) => {
                let base = bases[trees.outputs[number] as usize];
                (base + leaf - base) * weights[number]
            }
        };
        add(&mut forest, tree, number, most_words, weigh)?;
    }
    if forest.categories.words.is_empty() {
        forest.categories = CategorySets::default();
    }
    Ok(forest)
}

fn add(forest: &mut Forest, tree: &Tree, number: usize, most_words: usize, weigh: impl Fn(f32) -> f32) -> Result<()> {
    let width = tree.vectors.as_ref().map_or(1, |vectors| vectors.width);
    if width != forest.leaf_width {
        return Err(Error::UnsupportedModel(format!(
            "tree {number} has leaves of {width} numbers, tree 0 of {}: trees of both kinds in one model are not supported",
            forest.leaf_width
        )));
    }
    let reached = reached(tree, number)?;
    let (first_split, first_leaf) = (forest.feature.len() as i64, forest.leaf_id.len() as i64);
    let mut codes = vec![0; tree.left.len()];
    let (mut splits, mut leaves) = (0, 0);
    for node in (0..tree.left.len()).filter(|&node| reached[node]) {
        let leaf = tree.left[node] == -1;
        codes[node] = if leaf { -1 - leaves } else { splits };
        leaves += i32::from(leaf);
        splits += i32::from(!leaf);
    }
    for node in (0..tree.left.len()).filter(|&node| reached[node]) {
        if tree.left[node] == -1 {
            forest.leaf_id.push(node as i32);
            match &tree.vectors {
                None => forest.leaf_value.push(f64::from(weigh(tree.condition[node]))),
                Some(vectors) => {
                    let row = if vectors.by_node { Some(node) } else { usize::try_from(tree.right[node]).ok() };
                    let values = row.and_then(|row| vectors.values.get(row.checked_mul(width)?..)?.get(..width));
                    let values = values.ok_or_else(|| {
                        format_error(format!("tree {number}: the leaf {node} has the weights {}", tree.right[node]))
                    })?;
                    forest.leaf_value.extend(values.iter().copied().map(f64::from));
                }
            }
            continue;
        }
        let missing = if tree.default_left[node] != 0 { FLAG_MISSING_LEFT } else { 0 };
        let categories = tree.categories.binary_search_by_key(&node, |(node, _)| *node).ok();
        forest.feature.push(tree.feature[node]);
        forest.left.push(codes[tree.left[node] as usize]);
        forest.right.push(codes[tree.right[node] as usize]);
        match categories {
            None => {
                forest.threshold.push(f64::from(tree.condition[node]));
                forest.flags.push(missing);
                forest.categories.set.push(-1);
            }
            Some(at) => {
                forest.threshold.push(0.0);
                forest.flags.push(missing | FLAG_OUTSIDE_LEFT);
                forest.categories.set.push(forest.categories.offset.len() as i32 - 1);
                add_set(&mut forest.categories, &tree.categories[at].1, number, most_words)?;
            }
        }
    }
    forest.split_offset.push(first_split + i64::from(splits));
    forest.leaf_offset.push(first_leaf + i64::from(leaves));
    Ok(())
}

/// XGBoost's set goes right, ours left: its complement within the same words. What is beyond the words goes left in both.
fn add_set(sets: &mut CategorySets, categories: &[i32], number: usize, most_words: usize) -> Result<()> {
    let start = sets.words.len();
    let highest = categories.iter().copied().max().unwrap_or(0) as usize;
    let end = start + highest / 32 + 1;
    if end > most_words {
        return Err(Error::UnsupportedModel(format!(
            "tree {number}: the categories of all splits up to it, as far as {highest}, take too much memory: train on \
             smaller category codes"
        )));
    }
    sets.words.resize(end, u32::MAX);
    for &category in categories {
        sets.words[start + category as usize / 32] &= !(1 << (category % 32));
    }
    sets.offset.push(end as i64);
    Ok(())
}

/// The nodes that the root leads to; after this every child of such a split is a node of the tree.
fn reached(tree: &Tree, number: usize) -> Result<Vec<bool>> {
    let mut reached = vec![false; tree.left.len()];
    let mut open = vec![0];
    reached[0] = true;
    while let Some(node) = open.pop() {
        let (left, right) = (tree.left[node], tree.right[node]);
        if left == -1 {
            continue;
        }
        // XGBoost finds the right child behind the left one, whatever the file says.
        if right != left.wrapping_add(1) {
            return Err(format_error(format!(
                "tree {number}: node {node} has the children {left} and {right}, which are no neighbours"
            )));
        }
        for child in [left, right] {
            let slot = usize::try_from(child).ok().filter(|&child| child < reached.len());
            let Some(slot) = slot else {
                return Err(format_error(format!(
                    "tree {number}: node {node} leads to node {child}, of {}",
                    reached.len()
                )));
            };
            if std::mem::replace(&mut reached[slot], true) {
                return Err(format_error(format!(
                    "tree {number}: node {node} leads to node {child}, which is reached twice (a cycle or a shared branch)"
                )));
            }
            open.push(slot);
        }
    }
    Ok(reached)
}
