//! CatBoost's trees to ordinary ones. A condition that holds leads right: `x > border` is the right side of
//! `x <= border`, a missing value that counts as above every border goes right.

use super::parse::{Child, Condition, Nan, Parsed, Tree};
use crate::error::{Result, format_error};
use crate::model::{Comparison, FLAG_MISSING_LEFT, Forest, Width};

/// A condition as a comparison: the column of the forest's input, the threshold, the flags.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Split {
    pub column: i32,
    pub threshold: f64,
    pub flags: u8,
}

/// A comparison with a numerical feature's border.
pub(super) fn float_split(column: usize, border: f32, nan: Nan) -> Split {
    let flags = if nan.is_above(border) { 0 } else { FLAG_MISSING_LEFT };
    Split { column: column as i32, threshold: border.into(), flags }
}

/// A comparison with a column of 0 and 1.
pub(super) fn indicator_split(column: usize) -> Split {
    Split { column: column as i32, threshold: 0.5, flags: FLAG_MISSING_LEFT }
}

/// The conditions that some tree asks for.
pub(super) fn used_conditions(trees: &[Tree], count: usize) -> Result<Vec<bool>> {
    let mut used = vec![false; count];
    for (number, tree) in trees.iter().enumerate() {
        let mut mark = |condition: usize| match used.get_mut(condition) {
            Some(used) => {
                *used = true;
                Ok(())
            }
            None => Err(format_error(format!("tree {number}: split condition {condition} of {count}"))),
        };
        match tree {
            Tree::Symmetric { conditions, .. } => conditions.iter().try_for_each(|&condition| mark(condition))?,
            Tree::Nodes { nodes, .. } => nodes.iter().try_for_each(|&(condition, ..)| mark(condition))?,
        }
    }
    Ok(used)
}

/// The forest of the first `trees` trees. `splits` has an entry for every condition in use.
pub(super) fn forest(trees: &[Tree], splits: &[Option<Split>], dimensions: usize) -> Result<Forest> {
    let mut forest = Forest {
        comparison: Comparison::Le,
        width: Width::Float32,
        outputs: dimensions,
        leaf_width: dimensions,
        base: vec![0.0; dimensions],
        split_offset: vec![0],
        leaf_offset: vec![0],
        target: if dimensions == 1 { vec![0; trees.len()] } else { Vec::new() },
        ..Forest::default()
    };
    for (number, tree) in trees.iter().enumerate() {
        let split = |condition: usize| {
            let found = splits.get(condition).copied().flatten();
            found.ok_or_else(|| format_error(format!("tree {number}: split condition {condition} is not known")))
        };
        let values = match tree {
            Tree::Symmetric { conditions, values } => {
                symmetric(&mut forest, conditions, split)?;
                values
            }
            Tree::Nodes { nodes, leaf_ids, values } => {
                let code = |child: Child| match child {
                    Child::Node(node) => node as i32,
                    Child::Leaf(leaf) => -1 - leaf as i32,
                };
                for &(condition, left, right) in nodes {
                    push(&mut forest, split(condition)?, code(left), code(right));
                }
                forest.leaf_id.extend(leaf_ids);
                values
            }
        };
        forest.leaf_value.extend(values);
        forest.split_offset.push(forest.feature.len() as i64);
        forest.leaf_offset.push(forest.leaf_id.len() as i64);
    }
    Ok(forest)
}

/// One condition a level. The split that is reached by the outcomes `bits` of the first `level` conditions stands at
/// `2^level - 1 + bits`; a leaf's number is its bits.
fn symmetric(forest: &mut Forest, conditions: &[usize], split: impl Fn(usize) -> Result<Split>) -> Result<()> {
    for (level, &condition) in conditions.iter().enumerate() {
        let split = split(condition)?;
        for bits in 0..1i32 << level {
            let child = |bits: i32| {
                if level + 1 == conditions.len() { -1 - bits } else { (1 << (level + 1)) - 1 + bits }
            };
            push(forest, split, child(bits), child(bits | 1 << level));
        }
    }
    forest.leaf_id.extend(0..1i32 << conditions.len());
    Ok(())
}

fn push(forest: &mut Forest, split: Split, left: i32, right: i32) {
    forest.feature.push(split.column);
    forest.threshold.push(split.threshold);
    forest.flags.push(split.flags);
    forest.left.push(left);
    forest.right.push(right);
}

/// The features that conditions in use read, by kind: each list holds its feature once, in order.
pub(super) fn features_of(parsed: &Parsed, used: &[bool]) -> [Vec<usize>; 3] {
    let mut found = [Vec::new(), Vec::new(), Vec::new()];
    for (condition, _) in parsed.conditions().into_iter().zip(used).filter(|(_, used)| **used) {
        let (kind, feature) = match condition {
            Condition::Float(feature, _) => (0, feature),
            Condition::OneHot(feature, _) => (1, feature),
            Condition::Ctr(feature, _) => (2, feature),
        };
        let list: &mut Vec<usize> = &mut found[kind];
        if list.last() != Some(&feature) {
            list.push(feature);
        }
    }
    found
}

/// One column of minus infinity: what CatBoost gives classes that training did not see.
pub(super) fn unseen() -> Forest {
    Forest {
        outputs: 1,
        leaf_width: 1,
        base: vec![f64::NEG_INFINITY],
        split_offset: vec![0],
        leaf_offset: vec![0],
        ..Forest::default()
    }
}
