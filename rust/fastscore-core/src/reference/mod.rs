//! The slow, obvious interpreter of a model: one row at a time, as the structure's description reads. The oracle that
//! every engine equals bit for bit.

mod link;
mod networks;
mod tables;

use crate::model::{
    Arithmetic, Category, Child, Combine, Comparison, Ctr, Distances, Embedding, FLAG_MISSING_LEFT, FLAG_ZERO_MISSING,
    Forest, Linear, Metric, Model, OneHot, Op, Width,
};

/// What a model computes for one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Every value: 0 is the features, `i + 1` the output of step `i`.
    pub values: Vec<Vec<f64>>,
    /// The leaf number of each tree of the forest whose leaves the source reports.
    pub leaves: Vec<i32>,
}

/// Interpret one row of features.
pub fn interpret(model: &Model, features: &[f64]) -> Row {
    let mut values = vec![features.to_vec()];
    for step in model.steps() {
        let input = &values[step.input];
        values.push(match &step.op {
            Op::Forest(forest) => sum(forest, input, forest.start.map(|value| &values[value])),
            Op::LeafIndicator(forest) => indicate(forest, input),
            Op::Linear(model) => linear(model, input),
            Op::Link(kind, width) => link::link(kind, *width, input),
            Op::OneHot(model) => one_hot(model, input),
            Op::Ctr(model) => ctr(model, input),
            Op::Distances(model) => distances(model, input),
            Op::Concat(_) => step.inputs().flat_map(|value| values[value].iter().copied()).collect(),
            Op::Combine(model) => combine(model, &step.inputs().map(|value| &values[value]).collect::<Vec<_>>()),
            Op::Embedding(model) => embedding(model, input),
            Op::Map(model) => tables::map(model, input),
            Op::Bins(model) => tables::bins(model, input),
            Op::Interpolate(model) => tables::interpolate(model, input),
            Op::Polynomial(model) => tables::polynomial(model, input),
        });
    }
    let leaves = match model.leaf_forest() {
        None => Vec::new(),
        Some((step, forest)) => {
            let input = &values[model.steps()[step].input];
            (0..forest.trees()).map(|tree| forest.leaf_id[leaf(forest, tree, input)]).collect()
        }
    };
    Row { values, leaves }
}

/// From left to right; a value of one column counts as that column over and over.
fn combine(model: &Combine, inputs: &[&Vec<f64>]) -> Vec<f64> {
    let round = |x: f64| model.width.round(x);
    let columns = inputs.iter().map(|input| input.len()).max().unwrap_or(0);
    let column = |c: usize| {
        let mut numbers = inputs.iter().map(|input| round(if input.len() == 1 { input[0] } else { input[c] }));
        let first = numbers.next().unwrap_or(f64::NAN);
        numbers.fold(first, |a, b| match model.how {
            Arithmetic::Sum => round(a + b),
            Arithmetic::Product => round(a * b),
            Arithmetic::Difference => round(a - b),
            Arithmetic::Quotient => round(a / b),
            Arithmetic::Mask if b != 0.0 => a,
            Arithmetic::Mask => -0.0,
            Arithmetic::Minimum | Arithmetic::Maximum if a.is_nan() || b.is_nan() => f64::NAN,
            Arithmetic::Minimum => {
                if b < a {
                    b
                } else {
                    a
                }
            }
            Arithmetic::Maximum => {
                if b > a {
                    b
                } else {
                    a
                }
            }
        })
    };
    (0..columns).map(column).collect()
}

fn embedding(model: &Embedding, input: &[f64]) -> Vec<f64> {
    let rows = model.table.len() / model.dims;
    let look_up = |&column: &usize| {
        let mut row = input[column].trunc();
        if model.wrap && row < 0.0 {
            row += rows as f64;
        }
        let found = (0..rows).find(|&known| known as f64 == row);
        (0..model.dims).map(move |d| found.map_or(f64::NAN, |found| model.table[found * model.dims + d]))
    };
    model.columns.iter().flat_map(look_up).collect()
}

fn one_hot(model: &OneHot, input: &[f64]) -> Vec<f64> {
    let equal = |x: f64, value: f64| x == value || (x.is_nan() && value.is_nan());
    let pairs = model.feature.iter().zip(&model.value);
    pairs.map(|(&c, &value)| if equal(input[c as usize], value) { 1.0 } else { 0.0 }).collect()
}

fn ctr(model: &Ctr, input: &[f64]) -> Vec<f64> {
    let (mut out, mut values) = (Vec::new(), 0);
    for table in 0..model.tables() {
        let [categories, borders, equals] = model.parts(table);
        let mut key = 0;
        for c in categories {
            key = Ctr::add_category(key, input[model.category[c] as usize]);
        }
        for b in borders {
            key = model.add_border(key, b, input[model.border_feature[b] as usize]);
        }
        for e in equals {
            key = model.add_equal(key, e, input[model.equal_feature[e] as usize]);
        }
        let (keys, width) = (&model.key[model.keys(table)], model.columns[table] as usize);
        let found = match keys.iter().position(|&known| known == key) {
            Some(row) => &model.value[values + row * width..],
            None => &model.otherwise[out.len()..],
        };
        out.extend_from_slice(&found[..width]);
        values += keys.len() * width;
    }
    out
}

fn sum(forest: &Forest, input: &[f64], start: Option<&Vec<f64>>) -> Vec<f64> {
    let mut sums = start.unwrap_or(&forest.base).clone();
    for tree in 0..forest.trees() {
        let leaf = leaf(forest, tree, input);
        for column in 0..forest.leaf_width {
            let mut value = forest.leaf_value[leaf * forest.leaf_width + column];
            if let Some(linear) = &forest.linear {
                value = linear.value(leaf, value, |feature| forest.prepare(input[feature]));
            }
            let sum = &mut sums[forest.first_output(tree) + column];
            *sum = forest.sum.round(*sum + value);
        }
    }
    sums
}

fn indicate(forest: &Forest, input: &[f64]) -> Vec<f64> {
    let mut columns = vec![0.0; forest.outputs];
    for tree in 0..forest.trees() {
        columns[forest.leaf_value[leaf(forest, tree, input)] as usize] = 1.0;
    }
    columns
}

/// A step of one column, of one number; NaN where it has none.
pub(crate) fn of_one(op: &Op, x: f64) -> f64 {
    let result = match op {
        Op::Link(kind, width) => link::link(kind, *width, &[x]),
        Op::OneHot(model) => one_hot(model, &[x]),
        Op::Map(model) => tables::map(model, &[x]),
        Op::Bins(model) => tables::bins(model, &[x]),
        _ => Vec::new(),
    };
    result.first().copied().unwrap_or(f64::NAN)
}

/// The leaf that a row reaches, counted over the whole forest.
fn leaf(forest: &Forest, tree: usize, input: &[f64]) -> usize {
    let (splits, leaves) = (forest.splits(tree), forest.leaves(tree));
    let mut at = if splits.is_empty() { Child::Leaf(0) } else { Child::Split(0) };
    loop {
        let split = match at {
            Child::Leaf(leaf) => return leaves.start + leaf,
            Child::Split(split) => splits.start + split,
        };
        let goes_left = goes_left(forest, split, input[forest.feature[split] as usize]);
        at = Child::decode(if goes_left { forest.left[split] } else { forest.right[split] });
    }
}

/// Whether a number goes left at a split.
pub(crate) fn goes_left(forest: &Forest, split: usize, x: f64) -> bool {
    let x = forest.prepare(x);
    let flags = forest.flags[split];
    if let Some(words) = forest.categories.of(split) {
        return Category::of(x, forest.negative_fraction).goes_left(words, flags);
    }
    if x.is_nan() || (x == 0.0 && flags & FLAG_ZERO_MISSING != 0) {
        return flags & FLAG_MISSING_LEFT != 0;
    }
    match forest.comparison {
        Comparison::Le => x <= forest.threshold[split],
        Comparison::Lt => x < forest.threshold[split],
    }
}

fn linear(model: &Linear, input: &[f64]) -> Vec<f64> {
    let rows = model.coefficients.chunks(model.inputs);
    let output = |(row, &intercept): (&[f64], &f64)| match model.width {
        Width::Float64 => row.iter().zip(input).fold(intercept, |y, (w, x)| x.mul_add(*w, y)),
        Width::Float32 => {
            let sum = row.iter().zip(input).fold(intercept as f32, |y, (&w, &x)| (x as f32).mul_add(w as f32, y));
            f64::from(sum)
        }
    };
    rows.zip(&model.intercept).map(output).collect()
}

fn distances(model: &Distances, input: &[f64]) -> Vec<f64> {
    let output = |(o, &start): (usize, &f64)| {
        model.terms(o).fold(start, |sum, term| {
            let (d, weight) = (input[model.column[term] as usize] - model.center[term], model.weight[term]);
            match model.metric {
                Metric::Squared => (weight * d).mul_add(d, sum),
                Metric::Absolute => d.abs().mul_add(weight, sum),
            }
        })
    };
    model.start.iter().enumerate().map(output).collect()
}
