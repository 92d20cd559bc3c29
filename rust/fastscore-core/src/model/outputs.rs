//! Which outputs a model has, how many columns each, and their names.

use super::{Decision, Model, Target};
use crate::error::{Error, Result};

/// Which output of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// What the source's own `predict` returns.
    Prediction,
    /// One column a class.
    Probability,
    /// The raw score before the link.
    Margin,
    /// The leaf index of each tree.
    Leaf,
    /// What `score_samples` gives.
    Score,
    /// What a model without a final predictor gives.
    Transform,
}

impl Output {
    /// Every output, in the order in which they are listed to users.
    pub const ALL: [Output; 6] =
        [Output::Prediction, Output::Probability, Output::Margin, Output::Leaf, Output::Score, Output::Transform];

    /// Its name in the public interface.
    pub fn name(self) -> &'static str {
        match self {
            Output::Prediction => "prediction",
            Output::Probability => "probability",
            Output::Margin => "margin",
            Output::Leaf => "leaf",
            Output::Score => "score",
            Output::Transform => "transform",
        }
    }

    /// The output of that name.
    pub fn parse(name: &str) -> Result<Output> {
        Output::ALL.into_iter().find(|output| output.name() == name).ok_or_else(|| {
            let names = Output::ALL.map(Output::name).join(", ");
            Error::InvalidArgument(format!("output={name:?} is not one of {names}"))
        })
    }
}

/// Columns of an output, a number a target (one in all for leaves); None when the model lacks the output.
pub(crate) fn widths(model: &Model, output: Output) -> Option<Vec<usize>> {
    match output {
        Output::Leaf => return Some(vec![model.leaf_forest()?.1.trees()]),
        Output::Transform => return Some(vec![model.transform()?.names.len()]),
        _ if model.targets().is_empty() => return None,
        _ => {}
    }
    let width = |target: &Target| {
        let value = match (output, target.prediction) {
            // Labels that a row can have together have a column each.
            (Output::Prediction, Decision::Value(value) | Decision::Above(value, _)) => value,
            (Output::Prediction, _) => return Some(1),
            (Output::Probability, _) => target.probability?,
            (Output::Score, _) => target.score?,
            (Output::Margin | Output::Leaf | Output::Transform, _) => target.margin,
        };
        Some(model.width(value))
    };
    model.targets().iter().map(width).collect()
}

/// Column names of an output, a list a target; None when the model lacks the output.
pub fn column_names(model: &Model, output: Output) -> Option<Vec<Vec<String>>> {
    let widths = widths(model, output)?;
    if output == Output::Leaf {
        return Some(widths.into_iter().map(|trees| (0..trees).map(|tree| format!("leaf_{tree}")).collect()).collect());
    }
    if output == Output::Transform {
        return Some(vec![model.transform()?.names.clone()]);
    }
    let several = model.targets().len() > 1;
    let names = model.targets().iter().zip(widths).enumerate().map(|(index, (target, width))| {
        let base = match (&target.name, several) {
            (Some(name), true) => format!("{}_{name}", output.name()),
            (None, true) => format!("{}_{index}", output.name()),
            (_, false) => output.name().to_string(),
        };
        let several_labels = matches!(target.prediction, Decision::Above(value, _) if model.width(value) > 1);
        let labels = target.classes.as_ref().filter(|_| !several_labels).map(|labels| labels.text());
        match labels {
            _ if width == 1 && output != Output::Probability => vec![base],
            Some(labels) if labels.len() == width => labels.iter().map(|label| format!("{base}_{label}")).collect(),
            _ => (0..width).map(|column| format!("{base}_{column}")).collect(),
        }
    });
    Some(names.collect())
}
