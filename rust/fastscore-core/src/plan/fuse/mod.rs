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
//! Where the chain is of elementary operations that never fall as the base rises,
//!
//! ```text
//! 3. a split on the column is a split on the base whose threshold is the largest number that goes left
//! ```
//! which is found by bisection over all float64 numbers, with the operations as they are computed. All three give the bits
//! of the steps one by one: 2 since fma(1, w, y) = y + w, and fma(0, w, y) = y but for the sign of a zero.

mod forest;
mod linear;

use super::network::{Readers, network};
use super::program::{Fused, Program, View};
use crate::model::{Encoder, Link, MatrixRule, Model, Op, Unknown, ValueId, Width};
use crate::reference;

/// More codes than this are not fused: engines number categories by 16 bits.
const MAX_CODES: usize = 1 << 15;
/// Nor is a step where tables of codes for all of its columns or splits would take longer than about a second to make.
const MAX_WORK: usize = 1 << 28;
/// A larger forest is not copied to be fused.
const MAX_SPLITS: usize = 1 << 20;

/// Fuse what can be fused in every step.
pub(super) fn fuse(model: &Model, program: &mut Program) {
    let readers = Readers::new(model);
    for step in 0..model.steps().len() {
        if program.run(step).is_none() {
            continue;
        }
        let fused = match &model.steps()[step].op {
            Op::Forest(forest) if forest.feature.len() <= MAX_SPLITS => forest::fuse(model, program, step, forest)
                .map(|(forest, view)| (Fused::Op(Box::new(Op::Forest(forest))), view)),
            Op::Linear(linear) if linear.width == Width::Float64 => {
                linear::fuse(model, program, step, linear).map(|(linear, view)| (Fused::Lookup(linear), view))
            }
            _ => None,
        };
        let fused = fused
            .or_else(|| network(model, program, &readers, step).map(|(network, view)| (Fused::Network(network), view)));
        if let Some((fused, view)) = fused {
            program.replace(step, fused, view);
        }
    }
}

/// A column as a function of another one.
#[derive(Debug)]
struct Chain {
    base: (ValueId, usize),
    /// What is done to the base's numbers, in order: steps of one column.
    steps: Vec<Op>,
}

impl Chain {
    /// The columns that lead to the one that a view has at `column`, the last first, each with the step from it to the one
    /// before; the column itself has none.
    fn back<'a>(
        model: &'a Model,
        program: &'a Program,
        view: &View,
        column: usize,
    ) -> impl Iterator<Item = ((ValueId, usize), Option<Op>)> {
        let mut next = Some((view.at(column), None));
        std::iter::from_fn(move || {
            let (at, step) = next.take()?;
            next = before(model, program, at).map(|(at, op)| (at, Some(op)));
            Some((at, step))
        })
    }

    /// From the column furthest back that holds codes, and how many; None where there is none but the column itself.
    fn from_codes(model: &Model, program: &Program, view: &View, column: usize) -> Option<(Chain, usize)> {
        let (mut steps, mut found) = (Vec::new(), None);
        for (at, step) in Chain::back(model, program, view, column) {
            steps.extend(step);
            if let Some(codes) = codes(model, at).filter(|_| !steps.is_empty()) {
                found = Some((at, codes, steps.len()));
            }
        }
        let (base, codes, length) = found?;
        steps.truncate(length);
        steps.reverse();
        Some((Chain { base, steps }, codes))
    }

    /// From the column furthest back of which it is a function that never falls; None where that is the column itself.
    fn rising(model: &Model, program: &Program, view: &View, column: usize) -> Option<Chain> {
        let mut chain = Chain { base: view.at(column), steps: Vec::new() };
        for (at, step) in Chain::back(model, program, view, column) {
            if let Some(step) = step {
                if !rises(&step) {
                    break;
                }
                chain.steps.push(step);
                chain.base = at;
            }
        }
        chain.steps.reverse();
        (!chain.steps.is_empty()).then_some(chain)
    }

    fn apply(&self, x: f64) -> f64 {
        self.steps.iter().fold(x, |x, step| reference::of_one(step, x))
    }
}

/// The column that a computed column is a function of, and the function.
fn before(model: &Model, program: &Program, (value, column): (ValueId, usize)) -> Option<((ValueId, usize), Op)> {
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

/// How many codes a column holds: its numbers are 0 to one less, -1, or NaN. None where it may hold others.
fn codes(model: &Model, (value, column): (ValueId, usize)) -> Option<usize> {
    if let Some(step) = value.checked_sub(1) {
        let Op::Map(map) = &model.steps()[step].op else { return None };
        let others = [map.missing[column], map.other[column]];
        return count(map.entries(column).1.iter().copied().chain(others));
    }
    let (encoding, _) = model.encoding(column)?;
    let Encoder::Table { codes, .. } = &encoding.encoder else { return None };
    let unknown = match encoding.unknown {
        Unknown::Code(code) => Some(code),
        Unknown::Missing | Unknown::Raise => None,
    };
    // In a matrix a number may be its own code, and then it is any number.
    (encoding.matrix == MatrixRule::Values)
        .then(|| count(codes.iter().copied().chain(encoding.missing_code).chain(unknown)))?
}

/// One more than the largest code.
fn count(mut codes: impl Iterator<Item = f64>) -> Option<usize> {
    let is_code = |x: f64| x.is_nan() || x == -1.0 || (x >= 0.0 && x < MAX_CODES as f64 && x.fract() == 0.0);
    codes.try_fold(0, |most, x| is_code(x).then(|| if x >= 0.0 { most.max(x as usize + 1) } else { most }))
}

/// A function of codes.
#[derive(Debug)]
struct Table {
    missing: f64,
    outside: f64,
    values: Vec<f64>,
}

impl Table {
    fn of(chain: &Chain, codes: usize) -> Table {
        let itself = Table { missing: f64::NAN, outside: -1.0, values: (0..codes).map(|code| code as f64).collect() };
        chain.steps.iter().fold(itself, |table, step| table.then(step))
    }

    /// What a step of one column makes of it.
    fn then(mut self, step: &Op) -> Table {
        let apply = |x: f64| match step {
            // As the interpreter has it, which looks at one key after another.
            Op::Map(map) if !x.is_nan() => {
                let (keys, values) = map.entries(0);
                let place = keys.partition_point(|&key| key < x);
                if keys.get(place) == Some(&x) { values[place] } else { map.other[0] }
            }
            Op::OneHot(one_hot) if !x.is_nan() => f64::from(u8::from(x == one_hot.value[0])),
            _ => reference::of_one(step, x),
        };
        self.missing = apply(self.missing);
        self.outside = apply(self.outside);
        self.values.iter_mut().for_each(|x| *x = apply(*x));
        self
    }
}
