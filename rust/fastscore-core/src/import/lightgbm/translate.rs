//! LightGBM's types to the model.
//!
//! Margins are a plain float64 sum from 0, iteration by iteration, class within. `raw_score` of random-forest boosting
//! is that sum; its predictions divide by the number of iterations before the link. Inputs of magnitude at most 1e-35f
//! count as 0. Missing types: None reads NaN as 0, Zero sends 0 and NaN to the default side, NaN only NaN.

use super::Options;
use super::parse::{ModelText, TreeText};
use crate::error::{Error, Result, format_error};
use crate::model::{
    Comparison, Decision, FLAG_MISSING_LEFT, FLAG_ZERO_MISSING, Features, Forest, InputPolicy, Link, Model, ModelParts,
    NameMatch, OnBadValue, Op, Step, Target, ValueId, Width,
};

/// LightGBM's `kZeroThreshold`, a float32 constant.
const ZERO_BAND: f64 = 1e-35_f32 as f64;

pub(super) fn translate(text: ModelText, options: Options) -> Result<Model> {
    if text.pandas_categorical {
        return Err(Error::UnsupportedModel(
            "the model was trained on pandas categorical columns, which are not supported yet; encode them as numbers \
             before training"
                .into(),
        ));
    }
    let per_iteration = text.trees_per_iteration;
    let all_iterations = text.trees.len() / per_iteration;
    let iterations = options.iterations.unwrap_or(all_iterations);
    if (iterations == 0 && all_iterations > 0) || iterations > all_iterations {
        return Err(Error::InvalidArgument(format!(
            "iterations={iterations}: the model has {all_iterations}, ask for 1 to {all_iterations}"
        )));
    }
    let forest = forest(&text.trees[..iterations * per_iteration], per_iteration, &text.feature_names)?;
    let mut steps = vec![Step { input: 0, op: Op::Forest(forest) }];
    let margin = 1;
    let mut score: ValueId = margin;
    let mut add = |input: ValueId, link: Link| {
        steps.push(Step { input, op: Op::Link(link, Width::Float64) });
        steps.len()
    };
    if text.average_output {
        score = add(score, Link::Divide { by: iterations as f64 });
    }
    let custom = [String::from("custom")];
    let words = if options.objective_is_custom { &custom[..] } else { &text.objective };
    let objective = objective(words, per_iteration)?;
    if let Some(link) = objective.link {
        score = add(score, link);
    }
    let classifies = options.classes.is_some() && !objective.custom;
    let mut probability = None;
    if classifies || objective.classes {
        probability = Some(if per_iteration == 1 { add(score, Link::Complement {}) } else { score });
    }
    let prediction = match probability {
        Some(probability) if classifies => Decision::ArgMax(probability),
        _ => Decision::Value(score),
    };
    let classes = options.classes.filter(|_| classifies);
    if let Some(classes) = &classes
        && classes.len() != per_iteration.max(2)
    {
        return Err(Error::InvalidArgument(format!(
            "classes: {} labels, but the model has {} classes",
            classes.len(),
            per_iteration.max(2)
        )));
    }
    let count = text.feature_names.len();
    let generated = text.feature_names.iter().enumerate().all(|(i, name)| *name == format!("Column_{i}"));
    let mut source = options.source;
    source.library = "LightGBM".into();
    for (key, value) in [
        ("objective", words.join(" ").into()),
        ("iterations", iterations.into()),
        ("trees", (iterations * per_iteration).into()),
    ] {
        source.parameters.insert(key.to_string(), value);
    }
    Model::new(ModelParts {
        features: Features {
            count,
            names: (!generated).then_some(text.feature_names),
            name_match: NameMatch::Underscore,
            encodings: Vec::new(),
        },
        input: InputPolicy { missing: OnBadValue::Accept, non_finite: OnBadValue::Accept, width: Width::Float64 },
        steps,
        targets: vec![Target { name: None, classes, margin, probability, prediction, score: None }],
        transform: None,
        output_width: Width::Float64,
        leaf: Some(0),
        source,
    })
}

struct Objective {
    link: Option<Link>,
    /// The link gives class probabilities.
    classes: bool,
    custom: bool,
}

/// The link of an objective, from LightGBM's `ConvertOutput`.
fn objective(words: &[String], outputs: usize) -> Result<Objective> {
    let parameter = |key: &str| -> Result<Option<f64>> {
        let found = words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix(':'));
        let number = found.map(|text| {
            text.parse().map_err(|_| format_error(format!("the header: objective has {key}:{text:?}, no number")))
        });
        number.transpose()
    };
    let name = words.first().map_or("custom", String::as_str);
    let plain = |link| Objective { link, classes: false, custom: false };
    let sigmoid = || -> Result<Link> { Ok(Link::Sigmoid { scale: parameter("sigmoid")?.unwrap_or(1.0) }) };
    let found = match name {
        "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" => {
            let sqrt = words.iter().any(|word| word == "sqrt");
            plain(sqrt.then_some(Link::SignedSquare {}))
        }
        "lambdarank" | "rank_xendcg" => plain(None),
        "poisson" | "gamma" | "tweedie" => plain(Some(Link::Exp {})),
        "cross_entropy" => plain(Some(Link::Sigmoid { scale: 1.0 })),
        "binary" => Objective { link: Some(sigmoid()?), classes: true, custom: false },
        "multiclass" => Objective { link: Some(Link::Softmax {}), classes: true, custom: false },
        "multiclassova" => Objective { link: Some(sigmoid()?), classes: true, custom: false },
        "custom" | "none" | "null" | "na" => Objective { link: None, classes: false, custom: true },
        other => {
            return Err(Error::UnsupportedModel(format!(
                "LightGBM objective {other:?} is not supported yet; supported are regression, regression_l1, huber, fair, \
                 quantile, mape, poisson, gamma, tweedie, binary, cross_entropy, multiclass, multiclassova, lambdarank, \
                 rank_xendcg and custom objectives (margin)"
            )));
        }
    };
    let multiclass = matches!(name, "multiclass" | "multiclassova");
    if multiclass != (outputs > 1) && !found.custom {
        return Err(format_error(format!("the header: objective {name:?} with {outputs} trees an iteration")));
    }
    Ok(found)
}

fn forest(trees: &[TreeText], outputs: usize, names: &[String]) -> Result<Forest> {
    let mut forest = Forest {
        comparison: Comparison::Le,
        outputs,
        leaf_width: 1,
        zero_band: Some(ZERO_BAND),
        base: vec![0.0; outputs],
        split_offset: vec![0],
        leaf_offset: vec![0],
        target: (0..trees.len()).map(|tree| (tree % outputs) as i32).collect(),
        ..Forest::default()
    };
    for (number, tree) in trees.iter().enumerate() {
        if tree.is_linear {
            return Err(Error::UnsupportedModel(format!(
                "tree {number} has linear leaves (linear_tree=true), which are not supported yet; train with \
                 linear_tree=false"
            )));
        }
        for (split, &decision) in tree.decision_type.iter().enumerate() {
            let flags = flags(decision, tree.threshold[split]);
            forest.flags.push(flags.map_err(|why| match why {
                Bad::Categorical => {
                    let feature =
                        usize::try_from(tree.split_feature[split]).ok().and_then(|feature| names.get(feature));
                    Error::UnsupportedModel(format!(
                        "tree {number}, split {split}: categorical splits (feature {:?}) are not supported yet; encode \
                         the column as a number before training",
                        feature.map_or("?", String::as_str)
                    ))
                }
                Bad::MissingType => format_error(format!("tree {number}: split {split} has decision_type {decision}")),
            })?);
        }
        forest.feature.extend(&tree.split_feature);
        forest.threshold.extend(&tree.threshold);
        forest.left.extend(&tree.left_child);
        forest.right.extend(&tree.right_child);
        forest.leaf_value.extend(&tree.leaf_value);
        forest.leaf_id.extend(0..tree.leaf_value.len() as i32);
        forest.split_offset.push(forest.feature.len() as i64);
        forest.leaf_offset.push(forest.leaf_id.len() as i64);
    }
    Ok(forest)
}

enum Bad {
    Categorical,
    MissingType,
}

/// `decision_type`: bit 0 categorical, bit 1 default left, bits 2 and 3 the missing type.
fn flags(decision: u8, threshold: f64) -> std::result::Result<u8, Bad> {
    if decision & 1 != 0 {
        return Err(Bad::Categorical);
    }
    let default = if decision & 2 != 0 { FLAG_MISSING_LEFT } else { 0 };
    match decision >> 2 {
        // None: NaN is read as 0, so its side follows from the threshold.
        0 if 0.0 <= threshold => Ok(FLAG_MISSING_LEFT),
        0 => Ok(0),
        1 => Ok(default | FLAG_ZERO_MISSING),
        2 => Ok(default),
        _ => Err(Bad::MissingType),
    }
}
