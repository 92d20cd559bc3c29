//! Steps fused into the forest or linear step that reads them.
//!
//! A column that a step reads may be a function of one other column, its *base*: a chain of links, of equalities (one-hot)
//! and of tables. Where the base holds *codes* (integers from 0 on, -1 for any other value, NaN), a function of it is a
//! table, and
//!
//! ```text
//! 1. a split on the column is a split on the base with the set of codes that go left
//! 2. consecutive columns of a linear step that are 1 for one code each, else 0, are one lookup of a coefficient
//! ```
//! A linear step does the links of one column that nobody else reads on the way to its product.
//!
//! Where the chain is of elementary operations that never fall as the base rises,
//!
//! ```text
//! 3. a split on the column is a split on the base whose threshold is the largest number that goes left
//! ```
//! which is found by bisection over all float64 numbers, with the operations as they are computed. All three give the bits
//! of the steps one by one: 2 since fma(1, w, y) = y + w, and fma(0, w, y) = y but for the sign of a zero.

mod codes;
mod forest;
pub(super) mod linear;

use codes::{At, Known};

use super::network::{Readers, networks};
use super::program::{Fused, Program};
use crate::kernels::View;
use crate::model::{Link, Model, Op, Width};
use crate::reference;

/// A step is not fused where tables of codes for all of its columns or splits would take longer than about a second to make.
const MAX_WORK: usize = 1 << 28;
/// A larger forest is not copied to be fused.
const MAX_SPLITS: usize = 1 << 20;

/// Fuse what can be fused in every step.
pub(super) fn fuse(model: &Model, program: &mut Program) {
    let mut known = Known::default();
    let readers = Readers::new(model, program);
    for step in 0..model.steps().len() {
        if program.run(step).is_none() {
            continue;
        }
        let fused = match &model.steps()[step].op {
            Op::Forest(forest) if forest.feature.len() <= MAX_SPLITS => {
                forest::fuse(model, program, &mut known, step, forest)
                    .map(|(forest, view)| (Fused::Op(Box::new(Op::Forest(forest))), view))
            }
            Op::Linear(linear) if linear.width == Width::Float64 => {
                linear::fuse(model, program, &readers, &mut known, step, linear)
                    .map(|(terms, view)| (Fused::Terms(terms), view))
            }
            _ => None,
        };
        if let Some((fused, view)) = fused {
            program.replace(step, fused, view);
        }
    }
    for found in networks(model, program) {
        program.tell(model, found.telling, &found.ruled_out);
        program.replace(found.last, Fused::Network(found.network), found.input);
    }
}

/// A column as a function of another one.
#[derive(Debug)]
struct Chain {
    base: At,
    /// What is done to the base's numbers, in order: steps of one column.
    steps: Vec<Op>,
}

impl Chain {
    /// From the column furthest back of which it is a function that never falls; None where that is the column itself.
    fn rising(model: &Model, program: &Program, view: &View, column: usize) -> Option<Chain> {
        let mut chain = Chain { base: view.at(column), steps: Vec::new() };
        while let Some((from, step)) = before(model, program, chain.base).filter(|(_, step)| rises(step)) {
            chain.steps.push(step);
            chain.base = from;
        }
        chain.steps.reverse();
        (!chain.steps.is_empty()).then_some(chain)
    }

    fn apply(&self, x: f64) -> f64 {
        self.steps.iter().fold(x, |x, step| reference::of_one(step, x))
    }
}

/// The column that a computed column is a function of, and the function.
fn before(model: &Model, program: &Program, (value, column): At) -> Option<(At, Op)> {
    let step = value.checked_sub(1)?;
    let run = program.run(step)?;
    let mut op = model.steps()[step].op.of_columns(&[column as u32])?;
    let from = match &mut op {
        Op::OneHot(one_hot) => std::mem::take(&mut one_hot.feature[0]) as usize,
        Op::Map(map) => std::mem::take(&mut map.column[0]) as usize,
        Op::Link(..) | Op::Bins(_) => column,
        _ => return None,
    };
    Some((run.input.at(from), op))
}

/// Whether a step of one column never falls as its number rises, and gives NaN for NaN alone: elementary operations, which
/// are rounded correctly, and counts.
fn rises(op: &Op) -> bool {
    let all_positive = |numbers: &[f64]| numbers.iter().all(|&x| x > 0.0);
    match op {
        Op::Bins(_) => true,
        Op::Link(link, _) => match link {
            Link::Affine { scale, .. } => all_positive(scale),
            Link::Standardize { scale, .. } => scale.as_deref().is_none_or(all_positive),
            Link::Multiply { by } | Link::Divide { by } => *by > 0.0,
            Link::Add { .. } | Link::Clip { .. } | Link::RoundToFloat32 {} => true,
            Link::FillMissing { also, .. } => also.is_none(),
            Link::Impute { missing, .. } => missing.is_none(),
            Link::Above { above, other, .. } => above >= other,
            _ => false,
        },
        _ => false,
    }
}
