//! Bytes of a source format to a model, a room a format: parse into the format's own types first, translate second.

pub mod catboost;
pub mod lightgbm;
pub mod onnx;
pub mod xgboost;

use crate::error::Error;
use crate::model::{Link, Op, Step, ValueId, Width};

/// The steps of a model in the making.
#[derive(Default)]
struct Steps(Vec<Step>);

impl Steps {
    /// Add a step; gives the value that it makes.
    fn add(&mut self, input: ValueId, op: Op) -> ValueId {
        self.0.push(Step { input, op });
        self.0.len()
    }

    /// Add a link in float64.
    fn link(&mut self, input: ValueId, link: Link) -> ValueId {
        self.link_at(input, link, Width::Float64)
    }

    fn link_at(&mut self, input: ValueId, link: Link, width: Width) -> ValueId {
        self.add(input, Op::Link(link, width))
    }
}

/// The error for a number of iterations that the model does not have.
fn no_such_iterations(asked: usize, available: usize) -> Error {
    Error::InvalidArgument(format!("iterations={asked}: the model has {available}, ask for 1 to {available}"))
}
