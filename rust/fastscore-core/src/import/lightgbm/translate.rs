//! LightGBM's types to the model.
//!
//! Margins are a plain float64 sum from 0, iteration by iteration, class within. `raw_score` of random-forest boosting
//! is that sum; its predictions divide by the number of iterations before the link.

use super::objective::objective;
use super::parse::ModelText;
use super::{Options, categories, forest};
use crate::error::{Error, Result};
use crate::import::{Steps, no_such_iterations};
use crate::model::{
    Absent, Decision, Encoder, Encoding, Features, InputPolicy, LabelValues, Link, MatrixRule, Model, ModelParts,
    NameMatch, OnBadValue, Op, Target, Unknown, Width,
};

pub(super) fn translate(text: ModelText, options: Options) -> Result<Model> {
    let per_iteration = text.trees_per_iteration;
    let all_iterations = text.trees.len() / per_iteration;
    let iterations = options.iterations.unwrap_or(all_iterations);
    if (iterations == 0 && all_iterations > 0) || iterations > all_iterations {
        return Err(no_such_iterations(iterations, all_iterations));
    }
    let bound = categories::bind(&text, options.categories)?;
    let forest = forest::forest(&text.trees[..iterations * per_iteration], per_iteration, &text.feature_names)?;
    let mut steps = Steps::default();
    let margin = steps.add(0, Op::Forest(forest));
    let mut score = margin;
    if text.average_output {
        score = steps.link(score, Link::Divide { by: iterations as f64 });
    }
    let custom = [String::from("custom")];
    let words = if options.objective_is_custom { &custom[..] } else { &text.objective };
    let objective = objective(words, per_iteration, options.sigmoid.as_deref())?;
    if let Some(link) = objective.link {
        score = steps.link(score, link);
    }
    let classifies = options.classes.is_some() && !objective.custom;
    let mut probability = None;
    if classifies || objective.classes {
        probability = Some(if per_iteration == 1 { steps.link(score, Link::Complement {}) } else { score });
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
            encodings: bound.into_iter().map(|(feature, values)| encoding(feature, values)).collect(),
            checked: None,
        },
        input: InputPolicy {
            missing: OnBadValue::Accept,
            non_finite: OnBadValue::Accept,
            width: Width::Float64,
            absent: Absent::Zero,
        },
        steps: steps.0,
        guards: Vec::new(),
        targets: vec![Target { name: None, classes, margin, probability, prediction, score: None }],
        transform: None,
        output_width: Width::Float64,
        leaf: Some(0),
        source,
    })
}

/// pandas categories: a value counts as its position in the list, what is not in it as missing.
fn encoding(feature: usize, values: LabelValues) -> Encoding {
    let codes = (0..values.len()).map(|code| code as f64).collect();
    Encoding {
        feature,
        encoder: Encoder::Table { values, codes },
        unknown: Unknown::Missing,
        missing_code: None,
        matrix: MatrixRule::Codes,
    }
}
