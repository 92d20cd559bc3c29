//! What comes out: one group of columns a target, each group in one buffer.

use super::recycled::Recycled;
pub(super) use crate::model::widths;
use crate::model::{Decision, Model, Target, ValueId};
pub use crate::model::{Output, column_names};

/// The elements of a group.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Numbers.
    F64(Recycled<f64>),
    /// Numbers of a model whose outputs are float32.
    F32(Recycled<f32>),
    /// Leaf indexes, or class codes (indexes into the target's labels).
    I32(Vec<i32>),
}

/// The columns of one target: row r of column c is element `c * rows + r`.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// How many columns; [`column_names`] has their names.
    pub columns: usize,
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

/// What a group of the result is written from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    /// The value.
    pub value: ValueId,
    /// Its columns.
    pub width: usize,
    /// How class codes follow from it; None where the value itself is the result.
    pub decision: Option<Decision>,
}

/// The sources of an output that the model has, one a group; none for leaves.
pub(super) fn sources(model: &Model, output: Output) -> Vec<Source> {
    let source = |value: ValueId, decision| Source { value, width: model.width(value), decision };
    let of_target = |target: &Target| match output {
        Output::Prediction => {
            let decides = !matches!(target.prediction, Decision::Value(_));
            source(target.prediction.value(), decides.then_some(target.prediction))
        }
        Output::Probability => source(target.probability.unwrap_or(target.margin), None),
        Output::Score => source(target.score.unwrap_or(target.margin), None),
        Output::Margin | Output::Leaf | Output::Transform => source(target.margin, None),
    };
    match output {
        Output::Leaf => Vec::new(),
        Output::Transform => model.transform().map(|transform| source(transform.value, None)).into_iter().collect(),
        _ => model.targets().iter().map(of_target).collect(),
    }
}
