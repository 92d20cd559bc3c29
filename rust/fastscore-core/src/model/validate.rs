//! The checks behind [`super::Model::new`]: after them every index is in range and every tree is a tree.

use super::{
    Child, Decision, FLAG_MISSING_LEFT, FLAG_ZERO_MISSING, Forest, Linear, Link, MAX_FEATURES, ModelParts, Op, Target,
};
use crate::error::{Result, format_error};

/// More columns in all values together, or in all outputs, than this are refused: no bytes of the file back them.
const MAX_COLUMNS: usize = 1 << 18;

/// Check everything; gives the number of columns of each value.
pub(super) fn check(parts: &ModelParts) -> Result<Vec<usize>> {
    let features = &parts.features;
    if features.count == 0 || features.count > MAX_FEATURES {
        return Err(format_error(format!(
            "a model has between 1 and {MAX_FEATURES} features, this one claims {}",
            features.count
        )));
    }
    if let Some(names) = &features.names {
        if names.len() != features.count {
            return Err(format_error(format!("{} features but {} names", features.count, names.len())));
        }
        let mut seen = std::collections::HashSet::with_capacity(names.len());
        if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(format_error(format!("two features are named {twice:?}")));
        }
    }
    let mut widths = vec![features.count];
    let mut columns = 0;
    for (index, step) in parts.steps.iter().enumerate() {
        let Some(&input) = widths.get(step.input) else {
            return Err(format_error(format!("step {index} reads value {}, which comes later", step.input)));
        };
        let width = match &step.op {
            Op::Linear(linear) => check_linear(linear, input),
            Op::Forest(forest) => check_forest(forest, input),
            Op::Link(link) => check_link(link, input),
        };
        let width = width.map_err(|error| format_error(format!("step {index}: {error}")))?;
        columns += width;
        if width == 0 || columns > MAX_COLUMNS {
            return Err(format_error(format!(
                "step {index} gives {width} columns; a step gives at least 1, all together at most {MAX_COLUMNS}"
            )));
        }
        widths.push(width);
    }
    if parts.targets.is_empty() {
        return Err(format_error("the model has no target"));
    }
    let mut outputs = 0;
    for (index, target) in parts.targets.iter().enumerate() {
        check_target(target, &widths).map_err(|error| format_error(format!("target {index}: {error}")))?;
        outputs += widths[target.margin] + target.probability.map_or(0, |value| widths[value]);
        if outputs > MAX_COLUMNS {
            return Err(format_error(format!("the targets have more than {MAX_COLUMNS} columns")));
        }
    }
    if let Some(leaf) = parts.leaf
        && !matches!(parts.steps.get(leaf).map(|step| &step.op), Some(Op::Forest(_)))
    {
        return Err(format_error(format!("leaf indexes of step {leaf}, which is no forest")));
    }
    Ok(widths)
}

fn check_linear(linear: &Linear, input: usize) -> Result<usize> {
    let fits = linear.inputs == input
        && linear.intercept.len() == linear.outputs
        && Some(linear.coefficients.len()) == linear.inputs.checked_mul(linear.outputs);
    if !fits {
        return Err(format_error(format!(
            "linear with {} inputs (the value has {input}), {} coefficients, {} intercepts for {} outputs",
            linear.inputs,
            linear.coefficients.len(),
            linear.intercept.len(),
            linear.outputs
        )));
    }
    Ok(linear.outputs)
}

fn check_link(link: &Link, input: usize) -> Result<usize> {
    let number = match link {
        Link::Sigmoid { scale } => *scale,
        Link::Divide { by } => *by,
        _ => 1.0,
    };
    if !number.is_finite() || number == 0.0 {
        return Err(format_error(format!("link with the number {number}")));
    }
    link.width(input).ok_or_else(|| format_error(format!("link {link:?} can't read {input} columns")))
}

fn check_target(target: &Target, widths: &[usize]) -> Result<()> {
    let width = |value: usize, what: &str| match widths.get(value) {
        Some(&width) if value > 0 => Ok(width),
        _ => Err(format_error(format!("its {what} is value {value}, which no step gives"))),
    };
    if let Some(labels) = &target.classes {
        labels.check()?;
    }
    width(target.margin, "margin")?;
    let decided = width(target.prediction.value(), "prediction")?;
    let classes = target.classes.as_ref().map(super::Labels::len);
    if let Some(probability) = target.probability {
        let columns = width(probability, "probability")?;
        if classes.is_some_and(|classes| classes != columns) {
            return Err(format_error(format!("{classes:?} classes but {columns} probabilities")));
        }
    }
    match (target.prediction, classes) {
        (Decision::Value(_), _) => Ok(()),
        (Decision::ArgMax(_), Some(classes)) if classes == decided => Ok(()),
        (Decision::Positive(_), Some(2)) if decided == 1 => Ok(()),
        (rule, _) => Err(format_error(format!("prediction {rule:?} of {decided} columns with {classes:?} classes"))),
    }
}

fn check_forest(forest: &Forest, input: usize) -> Result<usize> {
    let (splits, leaves) = (forest.feature.len(), forest.leaf_id.len());
    let lengths = [
        ("threshold", forest.threshold.len(), splits),
        ("left", forest.left.len(), splits),
        ("right", forest.right.len(), splits),
        ("flags", forest.flags.len(), splits),
        ("base", forest.base.len(), forest.outputs),
    ];
    for (name, found, due) in lengths {
        if found != due {
            return Err(format_error(format!("forest: {name} has {found} entries, {due} are due")));
        }
    }
    if forest.leaf_width != 1 && forest.leaf_width != forest.outputs {
        return Err(format_error(format!(
            "forest: leaves of {} columns for {} outputs",
            forest.leaf_width, forest.outputs
        )));
    }
    if Some(forest.leaf_value.len()) != leaves.checked_mul(forest.leaf_width) {
        return Err(format_error(format!("forest: {} leaf values for {leaves} leaves", forest.leaf_value.len())));
    }
    if forest.zero_band.is_some_and(|band| !(band >= 0.0 && band.is_finite())) {
        return Err(format_error(format!("forest: zero_band is {:?}", forest.zero_band)));
    }
    let trees = forest.trees();
    for (name, offsets, end) in
        [("split_offset", &forest.split_offset, splits), ("leaf_offset", &forest.leaf_offset, leaves)]
    {
        let rising = offsets.windows(2).all(|pair| pair[0] <= pair[1]);
        if offsets.len() != trees + 1 || offsets[0] != 0 || offsets[trees] != end as i64 || !rising {
            return Err(format_error(format!("forest: {name} must rise from 0 to {end}, one entry more than trees")));
        }
    }
    if forest.leaf_width == 1 {
        if forest.target.len() != trees {
            return Err(format_error(format!("forest: {} targets for {trees} trees", forest.target.len())));
        }
        if let Some(t) = forest.target.iter().position(|&t| usize::try_from(t).map_or(true, |t| t >= forest.outputs)) {
            return Err(format_error(format!("tree {t}: output {} of {}", forest.target[t], forest.outputs)));
        }
    }
    let mut reached = Vec::new();
    for tree in 0..trees {
        check_tree(forest, tree, input, &mut reached).map_err(|error| format_error(format!("tree {tree}: {error}")))?;
    }
    Ok(forest.outputs)
}

/// Every split and leaf is reached exactly once from the root. `reached` is scratch: splits, then leaves.
fn check_tree(forest: &Forest, tree: usize, input: usize, reached: &mut Vec<bool>) -> Result<()> {
    let (splits, leaves) = (forest.splits(tree), forest.leaves(tree));
    if leaves.len() != splits.len() + 1 {
        return Err(format_error(format!("{} leaves for {} splits, one more is due", leaves.len(), splits.len())));
    }
    if splits.is_empty() {
        return Ok(());
    }
    reached.clear();
    reached.resize(splits.len() + leaves.len(), false);
    reached[0] = true;
    let mut open = vec![0];
    while let Some(split) = open.pop() {
        let at = splits.start + split;
        if usize::try_from(forest.feature[at]).map_or(true, |feature| feature >= input) {
            return Err(format_error(format!("split {split} reads feature {} of {input}", forest.feature[at])));
        }
        if forest.threshold[at].is_nan() {
            return Err(format_error(format!("split {split} has the threshold NaN")));
        }
        if forest.flags[at] & !(FLAG_MISSING_LEFT | FLAG_ZERO_MISSING) != 0 {
            return Err(format_error(format!("split {split} has unknown flags {:#x}", forest.flags[at])));
        }
        for code in [forest.left[at], forest.right[at]] {
            let slot = match Child::decode(code) {
                Child::Split(child) if child < splits.len() => {
                    open.push(child);
                    child
                }
                Child::Leaf(leaf) if leaf < leaves.len() => splits.len() + leaf,
                child => {
                    return Err(format_error(format!("split {split} leads to {child:?}, which is not there")));
                }
            };
            if std::mem::replace(&mut reached[slot], true) {
                return Err(format_error(format!(
                    "split {split} leads to {:?}, which is reached twice (a cycle or a shared branch)",
                    Child::decode(code)
                )));
            }
        }
    }
    if reached.iter().any(|&r| !r) {
        return Err(format_error("some splits or leaves are never reached from the root"));
    }
    Ok(())
}
