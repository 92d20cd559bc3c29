//! CatBoost's model to ours. Numerical features are compared as float32. Sums run in float64 from 0, tree by tree, then
//! `* scale + bias` once.

use std::collections::HashMap;

use super::Options;
use super::ctr::{Positions, ctr_step};
use super::forest::{Split, features_of, float_split, forest, indicator_split, unseen, used_conditions};
use super::links::{Classes, Task, classes, loss, task};
use super::parse::{CatFeature, Condition, Parsed, Tree};
use crate::error::{Error, Result, format_error};
use crate::import::{Steps, no_such_iterations};
use crate::model::{
    Absent, Decision, Encoder, Encoding, Features, InputPolicy, LabelValues, Labels, Link, MAX_FEATURES, MatrixRule,
    Model, ModelParts, NameMatch, OnBadValue, OneHot, Op, Target, Unknown, ValueId, Width,
};

pub(super) fn translate(parsed: Parsed, options: Options) -> Result<Model> {
    parsed.check()?;
    let trees = trees_in_use(&parsed.trees, options.iterations)?;
    let features = features(&parsed)?;
    let Classes { labels, value_of } = classes(&parsed)?;
    let labels = options.classes.or(labels);
    let loss = loss(&parsed)?;
    let task = task(&parsed, &loss, options.classifier || labels.is_some())?;
    let mut steps = Steps::default();
    let (input, splits) = inputs(&parsed, trees, features.count, &mut steps)?;
    let forest = forest(trees, &splits, parsed.dimensions)?;
    let sums = steps.add(input, Op::Forest(forest));
    let leaf = Some(sums - 1);
    let mut margin = sums;
    if parsed.bias.iter().any(|&x| x != 0.0) {
        let scale = vec![parsed.scale; parsed.dimensions];
        margin = steps.link(sums, Link::Affine { scale, shift: parsed.bias.clone() });
    } else if parsed.scale != 1.0 {
        margin = steps.link(sums, Link::Multiply { by: parsed.scale });
    }
    let mut columns = parsed.dimensions;
    if let Some(value_of) = value_of {
        let never = steps.add(0, Op::Forest(unseen()));
        let both = steps.add(margin, Op::Concat(vec![never]));
        columns = value_of.len();
        let place = |value: Option<usize>| value.unwrap_or(parsed.dimensions);
        margin = steps.link(both, Link::Columns { columns: value_of.into_iter().map(place).collect() });
    }
    let target = target(&task, margin, columns, labels, options.raw, &mut steps)?;
    let mut source = options.source;
    source.library = "CatBoost".into();
    for (key, value) in [("loss_function", loss.into()), ("trees", trees.len().into())] {
        source.parameters.entry(key.to_string()).or_insert(value);
    }
    Model::new(ModelParts {
        features,
        input: InputPolicy {
            missing: OnBadValue::Accept,
            non_finite: OnBadValue::Accept,
            width: Width::Float32,
            absent: Absent::default(),
        },
        steps: steps.0,
        guards: Vec::new(),
        targets: vec![target],
        transform: None,
        output_width: Width::Float64,
        leaf,
        source,
    })
}

fn trees_in_use(trees: &[Tree], iterations: Option<usize>) -> Result<&[Tree]> {
    match iterations {
        None => Ok(trees),
        Some(n) => trees.get(..n).filter(|_| n > 0).ok_or_else(|| no_such_iterations(n, trees.len())),
    }
}

/// Features that the file may leave out where others have names: no bytes back them.
const MAX_UNNAMED: usize = 1 << 17;

/// Number, names and encodings of the features, by their flat index.
fn features(parsed: &Parsed) -> Result<Features> {
    let floats = parsed.floats.iter().map(|f| (f.flat, &f.name));
    let all: Vec<(i64, &String)> = floats.chain(parsed.categories.iter().map(|c| (c.flat, &c.name))).collect();
    let count = all.iter().map(|(flat, _)| flat.saturating_add(1)).max().unwrap_or(0);
    let count = usize::try_from(count).ok().filter(|&count| count <= MAX_FEATURES);
    let count = count.ok_or_else(|| format_error("features_info: flat indexes are out of range"))?;
    let mut seen = std::collections::HashSet::with_capacity(all.len());
    for (flat, _) in &all {
        if *flat < 0 || !seen.insert(*flat) {
            return Err(format_error(format!(
                "features_info: flat index {flat} of {count} is out of range or there twice"
            )));
        }
    }
    // CatBoost's generated names are the indexes.
    let generated = |flat: i64, name: &str| name.is_empty() || name == flat.to_string();
    let mut names = None;
    if !all.iter().all(|(flat, name)| generated(*flat, name)) {
        if count - all.len() > MAX_UNNAMED {
            return Err(Error::UnsupportedModel(format!(
                "the CatBoost model names {} of {count} features; at most {MAX_UNNAMED} may be left out",
                all.len()
            )));
        }
        let mut list: Vec<String> = (0..count).map(|flat| flat.to_string()).collect();
        for (flat, name) in all.into_iter().filter(|(_, name)| !name.is_empty()) {
            list[flat as usize].clone_from(name);
        }
        names = Some(list);
    }
    let encoding = |category: &CatFeature| Encoding {
        feature: category.flat as usize,
        encoder: Encoder::Hash,
        unknown: Unknown::Missing,
        missing_code: None,
        matrix: MatrixRule::Values,
    };
    let encodings = parsed.categories.iter().map(encoding).collect();
    Ok(Features { count, names, name_match: NameMatch::Exact, encodings, checked: None })
}

/// The steps that make the forest's input, the value that it is, and the split of each condition in use.
fn inputs(parsed: &Parsed, trees: &[Tree], count: usize, steps: &mut Steps) -> Result<(ValueId, Vec<Option<Split>>)> {
    let conditions = parsed.conditions();
    let used = used_conditions(trees, conditions.len())?;
    let [floats, one_hot, ctrs] = features_of(parsed, &used);
    let column = |flat: i64| {
        let found = usize::try_from(flat).ok().filter(|&flat| flat < count);
        found.ok_or_else(|| format_error(format!("features_info: flat index {flat} of {count}")))
    };
    let of_float = |number: usize| column(parsed.floats[number].flat);
    let split_of = |pick: &dyn Fn(Condition) -> Result<Split>| -> Result<Vec<Option<Split>>> {
        conditions.iter().zip(&used).map(|(&c, &used)| used.then(|| pick(c)).transpose()).collect()
    };
    let compare = |number: usize, border: usize, column: usize| {
        let feature = &parsed.floats[number];
        float_split(column, feature.borders[border], feature.nan)
    };
    if one_hot.is_empty() && ctrs.is_empty() {
        let splits = split_of(&|condition| match condition {
            Condition::Float(number, border) => Ok(compare(number, border, of_float(number)?)),
            _ => Err(format_error("a split on a category that no tree uses")),
        })?;
        return Ok((0, splits));
    }
    let positions = Positions::new(parsed, column)?;
    let mut parts = Vec::new();
    if !floats.is_empty() {
        let columns = floats.iter().map(|&number| of_float(number)).collect::<Result<_>>()?;
        parts.push(steps.link(0, Link::Columns { columns }));
    }
    let mut equals = OneHot::default();
    let mut equal_column = vec![None; conditions.len()];
    for (place, (&condition, _)) in conditions.iter().zip(&used).enumerate().filter(|(_, (_, used))| **used) {
        if let Condition::OneHot(number, value) = condition {
            let feature = &parsed.one_hot[number];
            equal_column[place] = Some(floats.len() + equals.value.len());
            equals.feature.push(positions.category(feature.category)? as i32);
            equals.value.push(f64::from(feature.values[value] as u32));
        }
    }
    let first_ctr = floats.len() + equals.value.len();
    if !one_hot.is_empty() {
        parts.push(steps.add(0, Op::OneHot(equals)));
    }
    let mut ctr_column = Vec::new();
    if !ctrs.is_empty() {
        let (step, columns) = ctr_step(parsed, &ctrs, &positions)?;
        ctr_column = columns;
        parts.push(steps.add(0, Op::Ctr(step)));
    }
    let places = |list: &[usize]| -> HashMap<usize, usize> { list.iter().enumerate().map(|(i, &n)| (n, i)).collect() };
    let (float_place, ctr_place) = (places(&floats), places(&ctrs));
    let place = |places: &HashMap<usize, usize>, number: usize| places.get(&number).copied().unwrap_or(0);
    let mut splits = Vec::with_capacity(conditions.len());
    for (at, (&condition, &used)) in conditions.iter().zip(&used).enumerate() {
        splits.push(used.then(|| match condition {
            Condition::Float(number, border) => compare(number, border, place(&float_place, number)),
            Condition::OneHot(..) => indicator_split(equal_column[at].unwrap_or(0)),
            Condition::Ctr(number, border) => {
                let column = first_ctr + ctr_column[place(&ctr_place, number)];
                float_split(column, parsed.ctrs[number].borders[border], super::parse::Nan::Below)
            }
        }));
    }
    let input = match parts.as_slice() {
        [one] => *one,
        [first, others @ ..] => steps.add(*first, Op::Concat(others.to_vec())),
        [] => 0,
    };
    Ok((input, splits))
}

fn target(
    task: &Task,
    margin: ValueId,
    columns: usize,
    labels: Option<Labels>,
    raw: bool,
    steps: &mut Steps,
) -> Result<Target> {
    let mut target = Target {
        name: None,
        classes: None,
        margin,
        probability: None,
        prediction: Decision::Value(margin),
        score: None,
    };
    match *task {
        Task::Value => {}
        Task::Exponent if !raw => target.prediction = Decision::Value(steps.link(margin, Link::FastExp {})),
        Task::MeanAndVariance if !raw => {
            let mean = steps.link(margin, Link::Columns { columns: vec![0] });
            let log = steps.link(margin, Link::Columns { columns: vec![1] });
            let log = steps.link(log, Link::Multiply { by: 2.0 });
            let variance = steps.link(log, Link::FastExp {});
            target.prediction = Decision::Value(steps.add(mean, Op::Concat(vec![variance])));
        }
        Task::Exponent | Task::MeanAndVariance => {}
        Task::Binary { above } => {
            let share = steps.link(margin, Link::Sigmoid { scale: 1.0 });
            target.probability = Some(steps.link(share, Link::Complement {}));
            let rule = if above == 0.0 { Decision::Positive(margin) } else { Decision::Above(margin, above) };
            label(&mut target, labels, 2, rule, raw)?;
        }
        Task::Classes { one_against_all } => {
            let link = if one_against_all { Link::Sigmoid { scale: 1.0 } } else { Link::FastSoftmax {} };
            target.probability = Some(steps.link(margin, link));
            label(&mut target, labels, columns, Decision::ArgMax(margin), raw)?;
        }
        Task::Labels { above } => {
            target.probability = Some(steps.link(margin, Link::Sigmoid { scale: 1.0 }));
            // Each column is 0 or 1, whatever the labels are called.
            label(&mut target, None, 2, Decision::Above(margin, above), raw)?;
        }
    }
    Ok(target)
}

/// Labels for a classifier's predictions: the model's, or 0 to n - 1.
fn label(target: &mut Target, labels: Option<Labels>, count: usize, rule: Decision, raw: bool) -> Result<()> {
    if raw {
        return Ok(());
    }
    let sequence = || Labels { dtype: "int64".into(), values: LabelValues::Int((0..count as i64).collect()) };
    let labels = labels.unwrap_or_else(sequence);
    if labels.len() != count {
        return Err(format_error(format!("{} class labels, but the model has {count} classes", labels.len())));
    }
    target.classes = Some(labels);
    target.prediction = rule;
    Ok(())
}
