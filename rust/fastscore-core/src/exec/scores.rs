//! What comes out: one group of columns a target, each group in one buffer.

use crate::error::{Error, Result};
use crate::model::{Decision, Model, Target};

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
}

impl Output {
    /// Every output, in the order in which they are listed to users.
    pub const ALL: [Output; 4] = [Output::Prediction, Output::Probability, Output::Margin, Output::Leaf];

    /// Its name in the public interface.
    pub fn name(self) -> &'static str {
        match self {
            Output::Prediction => "prediction",
            Output::Probability => "probability",
            Output::Margin => "margin",
            Output::Leaf => "leaf",
        }
    }

    /// The output of that name.
    pub fn parse(name: &str) -> Result<Output> {
        Output::ALL.into_iter().find(|output| output.name() == name).ok_or_else(|| {
            Error::InvalidArgument(format!("output={name:?} is not one of prediction, probability, margin, leaf"))
        })
    }
}

/// The elements of a group.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Numbers.
    F64(Vec<f64>),
    /// Leaf indexes, or class codes (indexes into the target's labels).
    I32(Vec<i32>),
}

/// The columns of one target: row r of column c is element `c * rows + r`.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Name of each column.
    pub names: Vec<String>,
    /// The elements.
    pub data: Data,
    /// The target whose labels the codes index; None for numbers.
    pub codes_of: Option<usize>,
}

/// One output of a model for some rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// How many rows.
    pub rows: usize,
    /// One a target (one in all for leaves).
    pub groups: Vec<Group>,
    /// A byte a row, 1 where the row is null; None where no row can be.
    pub nulls: Option<Vec<u8>>,
}

/// Column names of an output, a list a target; None when the model lacks the output.
pub fn column_names(model: &Model, output: Output) -> Option<Vec<Vec<String>>> {
    if output == Output::Leaf {
        let trees = model.leaf_forest()?.1.trees();
        return Some(vec![(0..trees).map(|tree| format!("leaf_{tree}")).collect()]);
    }
    let several = model.targets().len() > 1;
    let mut groups = Vec::with_capacity(model.targets().len());
    for (index, target) in model.targets().iter().enumerate() {
        let base = match (&target.name, several) {
            (Some(name), true) => format!("{}_{name}", output.name()),
            (None, true) => format!("{}_{index}", output.name()),
            (_, false) => output.name().to_string(),
        };
        let (value, one_name) = match output {
            Output::Prediction => match target.prediction {
                Decision::Value(value) => (value, true),
                Decision::ArgMax(_) | Decision::Positive(_) => {
                    groups.push(vec![base]);
                    continue;
                }
            },
            Output::Probability => (target.probability?, false),
            Output::Margin | Output::Leaf => (target.margin, true),
        };
        let width = model.width(value);
        let labels = target.classes.as_ref().map(|labels| labels.text());
        groups.push(match labels {
            _ if width == 1 && one_name => vec![base],
            Some(labels) if labels.len() == width => labels.iter().map(|label| format!("{base}_{label}")).collect(),
            _ => (0..width).map(|column| format!("{base}_{column}")).collect(),
        });
    }
    Some(groups)
}

/// The steps that an output needs, as flags.
pub(super) fn needed_steps(model: &Model, output: Output) -> Vec<bool> {
    let mut needed = vec![false; model.steps().len()];
    let mut want = |value: usize| {
        if value > 0 {
            needed[value - 1] = true;
        }
    };
    match output {
        Output::Leaf => {
            if let Some((step, _)) = model.leaf_forest() {
                // Its own sums are not needed, only what it reads.
                want(model.steps()[step].input);
            }
        }
        _ => model.targets().iter().for_each(|target| want(output_value(target, output))),
    }
    for step in (0..needed.len()).rev() {
        let input = model.steps()[step].input;
        if needed[step] && input > 0 {
            needed[input - 1] = true;
        }
    }
    needed
}

/// The value behind a target's output (not for leaves).
pub(super) fn output_value(target: &Target, output: Output) -> usize {
    match output {
        Output::Probability => target.probability.unwrap_or(target.margin),
        Output::Margin | Output::Leaf => target.margin,
        Output::Prediction => target.prediction.value(),
    }
}
