//! The checks behind [`super::Model::new`]: after them every index is in range and every tree is a tree.

use super::{
    Child, Ctr, Decision, Distances, FLAG_MISSING_LEFT, FLAG_OUTSIDE_LEFT, FLAG_ZERO_MISSING, Forest, Linear,
    LinearLeaves, Link, ModelParts, OneHot, Op, Step, Target, Transform, Width,
};
use crate::error::{Error, Result, format_error};

/// More columns in all values together, or in all outputs, than this are refused: no bytes of the file back them.
pub(crate) const MAX_COLUMNS: usize = 1 << 18;

/// More columns in all guards together are refused, of those that list none: these have no bytes behind their columns.
const MAX_GUARDED: usize = 1 << 22;

/// More columns that all steps together read of values that gather the columns of others (concat, columns) are refused: a
/// plan says of each where it is, and no bytes of the file back them.
const MAX_GATHERED: usize = 1 << 24;

/// Check everything; gives the number of columns of each value.
pub(super) fn check(parts: &ModelParts) -> Result<Vec<usize>> {
    let features = &parts.features;
    features.check()?;
    let mut widths = vec![features.count];
    let (mut columns, mut gathered) = (0, 0usize);
    for (index, step) in parts.steps.iter().enumerate() {
        if let Some(value) = step.inputs().find(|&value| value >= widths.len()) {
            return Err(format_error(format!("step {index} reads value {value}, which comes later")));
        }
        let width = check_step(step, &widths).map_err(|error| format_error(format!("step {index}: {error}")))?;
        let gathers = |&value: &usize| {
            let before = value.checked_sub(1).map(|step| &parts.steps[step].op);
            matches!(before, Some(Op::Concat(_) | Op::Link(Link::Columns { .. }, _)))
        };
        gathered = step.inputs().filter(gathers).fold(gathered, |sum, value| sum.saturating_add(widths[value]));
        if gathered > MAX_GATHERED {
            let message =
                format!("step {index}: steps read more than {MAX_GATHERED} columns of values that gather others'");
            return Err(Error::TooWide { message, most: MAX_GATHERED });
        }
        if width == 0 {
            return Err(format_error(format!("step {index} gives 0 columns; a step gives at least 1")));
        }
        columns += width;
        if columns > MAX_COLUMNS {
            let message = format!("step {index} gives {width} columns; steps give at most {MAX_COLUMNS} all together");
            return Err(Error::TooWide { message, most: MAX_COLUMNS });
        }
        widths.push(width);
    }
    let mut guarded = 0;
    for (index, guard) in parts.guards.iter().enumerate() {
        guard.check(&widths).map_err(|error| format_error(format!("guard {index}: {error}")))?;
        if guard.columns.is_none() && !guard.is_of_features() {
            guarded += widths[guard.value];
        }
        if guarded > MAX_GUARDED {
            let message =
                format!("guards without a list of columns check more than {MAX_GUARDED} columns all together");
            return Err(Error::TooWide { message, most: MAX_GUARDED });
        }
    }
    if parts.targets.is_empty() && parts.transform.is_none() {
        return Err(format_error("the model has no target"));
    }
    if let Some(transform) = &parts.transform {
        check_transform(transform, &widths)?;
    }
    let mut outputs = 0;
    for (index, target) in parts.targets.iter().enumerate() {
        check_target(target, &widths).map_err(|error| format_error(format!("target {index}: {error}")))?;
        let values = [Some(target.margin), Some(target.prediction.value()), target.probability, target.score];
        outputs += values.into_iter().flatten().map(|value| widths[value]).sum::<usize>();
        if outputs > MAX_COLUMNS {
            let message = format!("the targets have more than {MAX_COLUMNS} columns");
            return Err(Error::TooWide { message, most: MAX_COLUMNS });
        }
    }
    if let Some(leaf) = parts.leaf
        && !matches!(parts.steps.get(leaf).map(|step| &step.op), Some(Op::Forest(_) | Op::LeafIndicator(_)))
    {
        return Err(format_error(format!("leaf indexes of step {leaf}, which is no forest")));
    }
    Ok(widths)
}

/// The columns that a step gives.
fn check_step(step: &Step, widths: &[usize]) -> Result<usize> {
    let input = widths[step.input];
    match &step.op {
        Op::Linear(linear) => check_linear(linear, input),
        Op::Forest(forest) => {
            if let Some(start) = forest.start
                && widths[start] != forest.outputs
            {
                return Err(format_error(format!(
                    "forest: {} outputs start from value {start} of {} columns",
                    forest.outputs, widths[start]
                )));
            }
            if forest.start.is_some() && forest.sum == Width::Float32 {
                return Err(format_error("forest: sums in float32 start from a value, which is float64"));
            }
            check_forest(forest, input)
        }
        Op::LeafIndicator(forest) => check_leaf_indicator(forest, input),
        Op::Link(link, width) => link.check(*width, input),
        Op::Concat(_) => {
            let total = step.inputs().try_fold(0usize, |total, value| total.checked_add(widths[value]));
            total.ok_or_else(|| format_error("concat of too many columns"))
        }
        Op::OneHot(one_hot) => check_one_hot(one_hot, input),
        Op::Ctr(ctr) => check_ctr(ctr, input),
        Op::Distances(distances) => check_distances(distances, input),
        Op::Map(map) => map.check(input),
        Op::Bins(bins) => bins.check(input),
        Op::Interpolate(interpolate) => interpolate.check(input),
        Op::Polynomial(polynomial) => polynomial.check(input),
        Op::Embedding(embedding) => embedding.check(input),
        Op::Combine(combine) => combine.check(&step.inputs().map(|value| (value, widths[value])).collect::<Vec<_>>()),
    }
}

fn check_transform(transform: &Transform, widths: &[usize]) -> Result<()> {
    match widths.get(transform.value) {
        Some(&width) if transform.value > 0 && width == transform.names.len() => Ok(()),
        Some(&width) if transform.value > 0 => {
            Err(format_error(format!("transform: {} names for {width} columns", transform.names.len())))
        }
        _ => Err(format_error(format!("transform is value {}, which no step gives", transform.value))),
    }
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
    let narrow = |x: &&f64| Width::Float32.round(**x) != **x && !x.is_nan();
    match linear.coefficients.iter().chain(&linear.intercept).find(narrow) {
        Some(x) if linear.width == Width::Float32 => {
            Err(format_error(format!("linear of width float32 with the number {x}, which is none")))
        }
        _ => Ok(linear.outputs),
    }
}

fn check_distances(distances: &Distances, input: usize) -> Result<usize> {
    let (outputs, terms) = (distances.start.len(), distances.column.len());
    if distances.center.len() != terms || distances.weight.len() != terms {
        return Err(format_error("distances: column, center and weight differ in length"));
    }
    let rising = distances.offset.windows(2).all(|pair| pair[0] <= pair[1]);
    if distances.offset.len() != outputs + 1
        || distances.offset[0] != 0
        || distances.offset[outputs] != terms as i64
        || !rising
    {
        return Err(format_error(format!("distances: offset must rise from 0 to {terms}, one entry more than start")));
    }
    check_columns("distances", &distances.column, input)?;
    Ok(outputs)
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
        let several_labels = matches!(target.prediction, Decision::Above(value, _) if widths[value] > 1);
        if !several_labels && classes.is_some_and(|classes| classes != columns) {
            return Err(format_error(format!("{classes:?} classes but {columns} probabilities")));
        }
    }
    if let Some(score) = target.score {
        width(score, "score")?;
    }
    match (target.prediction, classes) {
        (Decision::Above(_, at), _) if at.is_nan() => Err(format_error("prediction above NaN")),
        (Decision::Value(_), _) => Ok(()),
        (Decision::ArgMax(_) | Decision::Scan(_) | Decision::Cluster(_), Some(classes)) if classes == decided => Ok(()),
        (Decision::Positive(_) | Decision::Inlier(_), Some(2)) if decided == 1 => Ok(()),
        (Decision::Above(..), Some(2)) => Ok(()),
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
    if forest.missing_value.is_some_and(f64::is_nan) {
        return Err(format_error("forest: missing_value is NaN, which always is missing"));
    }
    if forest.sum == Width::Float32
        && let Some(x) =
            forest.base.iter().chain(&forest.leaf_value).find(|&&x| Width::Float32.round(x) != x && !x.is_nan())
    {
        return Err(format_error(format!("forest: sums of float32, but {x} is no float32 value")));
    }
    check_categories(forest)?;
    if let Some(linear) = &forest.linear {
        check_linear_leaves(linear, forest, input)?;
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
    if forest.leaf_width != 1 && !forest.target.is_empty() {
        return Err(format_error("forest: leaves of several columns, and targets too"));
    }
    let mut reached = Vec::new();
    for tree in 0..trees {
        check_tree(forest, tree, input, &mut reached).map_err(|error| format_error(format!("tree {tree}: {error}")))?;
    }
    Ok(forest.outputs)
}

fn check_categories(forest: &Forest) -> Result<()> {
    let categories = &forest.categories;
    if !forest.has_categories() && categories.offset.is_empty() && categories.words.is_empty() {
        return Ok(());
    }
    if categories.set.len() != forest.feature.len() {
        return Err(format_error(format!(
            "forest: category_set has {} entries, {} are due",
            categories.set.len(),
            forest.feature.len()
        )));
    }
    let framed =
        categories.offset.first() == Some(&0) && categories.offset.last() == Some(&(categories.words.len() as i64));
    if !framed || !categories.offset.windows(2).all(|pair| pair[0] <= pair[1]) {
        return Err(format_error("forest: set_offset must rise from 0 to the number of set_words"));
    }
    let sets = categories.offset.len() as i64 - 1;
    let wrong = categories.set.iter().position(|&set| set < -1 || i64::from(set) >= sets);
    match wrong {
        Some(split) => {
            Err(format_error(format!("forest: split {split} has the category set {} of {sets}", categories.set[split])))
        }
        None => Ok(()),
    }
}

fn check_linear_leaves(linear: &LinearLeaves, forest: &Forest, input: usize) -> Result<()> {
    let (leaves, terms) = (forest.leaf_id.len(), linear.feature.len());
    if forest.leaf_width != 1 || forest.sum != Width::Float64 {
        return Err(format_error("forest: linear leaves have one column and are summed in float64"));
    }
    if linear.constant.len() != leaves || linear.coefficient.len() != terms || linear.offset.len() != leaves + 1 {
        return Err(format_error(format!(
            "forest: linear leaves have {} constants and {} offsets for {leaves} leaves, {} coefficients for {terms} \
             features",
            linear.constant.len(),
            linear.offset.len(),
            linear.coefficient.len()
        )));
    }
    let rising = linear.offset.windows(2).all(|pair| pair[0] <= pair[1]);
    if linear.offset[0] != 0 || linear.offset[leaves] != terms as i64 || !rising {
        return Err(format_error(format!("forest: linear_offset must rise from 0 to {terms}")));
    }
    match linear.feature.iter().find(|&&feature| usize::try_from(feature).map_or(true, |feature| feature >= input)) {
        Some(feature) => Err(format_error(format!("forest: a linear leaf reads feature {feature} of {input}"))),
        None => Ok(()),
    }
}

fn check_one_hot(one_hot: &OneHot, input: usize) -> Result<usize> {
    if one_hot.feature.len() != one_hot.value.len() {
        return Err(format_error(format!(
            "one_hot: {} features for {} values",
            one_hot.feature.len(),
            one_hot.value.len()
        )));
    }
    check_columns("one_hot", &one_hot.feature, input)?;
    Ok(one_hot.value.len())
}

pub(super) fn check_columns(what: &str, columns: &[i32], input: usize) -> Result<()> {
    match columns.iter().find(|&&column| usize::try_from(column).map_or(true, |column| column >= input)) {
        Some(column) => Err(format_error(format!("{what}: it reads column {column} of {input}"))),
        None => Ok(()),
    }
}

fn check_ctr(ctr: &Ctr, input: usize) -> Result<usize> {
    let offsets = [
        ("category_offset", &ctr.category_offset, ctr.category.len()),
        ("border_offset", &ctr.border_offset, ctr.border.len()),
        ("equal_offset", &ctr.equal_offset, ctr.equal.len()),
        ("key_offset", &ctr.key_offset, ctr.key.len()),
    ];
    let tables = ctr.tables();
    for (name, offset, end) in offsets {
        let rising = offset.windows(2).all(|pair| pair[0] <= pair[1]);
        if offset.len() != tables + 1 || offset[0] != 0 || offset[tables] != end as i64 || !rising {
            return Err(format_error(format!("ctr: {name} must rise from 0 to {end}, one entry more than tables")));
        }
    }
    let borders = ctr.border.len();
    if ctr.border_feature.len() != borders || ctr.border_missing.len() != borders {
        return Err(format_error("ctr: border, border_feature and border_missing differ in length"));
    }
    if ctr.equal_feature.len() != ctr.equal.len() {
        return Err(format_error("ctr: equal and equal_feature differ in length"));
    }
    for columns in [&ctr.category, &ctr.border_feature, &ctr.equal_feature] {
        check_columns("ctr", columns, input)?;
    }
    let (mut columns, mut values) = (0usize, 0usize);
    for table in 0..tables {
        let keys = &ctr.key[ctr.keys(table)];
        if !keys.windows(2).all(|pair| pair[0] < pair[1]) {
            return Err(format_error(format!("ctr: the keys of table {table} do not rise")));
        }
        let width = usize::try_from(ctr.columns[table]).unwrap_or(0);
        let sizes = columns.checked_add(width).zip(width.checked_mul(keys.len()).and_then(|n| n.checked_add(values)));
        (columns, values) = sizes
            .filter(|_| width > 0)
            .ok_or_else(|| format_error(format!("ctr: table {table} gives {} columns", ctr.columns[table])))?;
    }
    if columns != ctr.otherwise.len() || values != ctr.value.len() {
        return Err(format_error(format!(
            "ctr: {columns} columns and {values} values are due, there are {} and {}",
            ctr.otherwise.len(),
            ctr.value.len()
        )));
    }
    Ok(columns)
}

/// A forest whose leaves name columns: gives how many.
fn check_leaf_indicator(forest: &Forest, input: usize) -> Result<usize> {
    let columns = check_forest(forest, input)?;
    let plain = forest.leaf_width == 1 && forest.linear.is_none() && forest.start.is_none();
    if !plain {
        return Err(format_error("leaf_indicator: leaves must be plain numbers of columns"));
    }
    match forest.leaf_value.iter().find(|&&column| !(column >= 0.0 && column < columns as f64 && column.fract() == 0.0))
    {
        Some(column) => Err(format_error(format!("leaf_indicator: a leaf has the column {column} of {columns}"))),
        None => Ok(columns),
    }
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
        if forest.flags[at] & !(FLAG_MISSING_LEFT | FLAG_ZERO_MISSING | FLAG_OUTSIDE_LEFT) != 0 {
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
