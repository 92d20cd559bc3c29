//! Chains of linear steps and activations that become one network, whose values stay in cache.

use std::collections::BTreeSet;

use super::program::{Program, View};
use crate::kernels::dense::Network;
use crate::model::{Linear, Link, Model, Op, ValueId, Width};

/// A linear step alone of fewer outputs than this at float64 is bound by its input's columns, which it streams.
const FEWEST_OUTPUTS: usize = 4;

/// Who reads each value of a model.
pub(super) struct Readers {
    steps: Vec<Vec<usize>>,
    /// Values that outputs or guards read.
    shown: BTreeSet<ValueId>,
}

impl Readers {
    pub(super) fn new(model: &Model) -> Self {
        let mut steps = vec![Vec::new(); model.steps().len() + 1];
        for (index, step) in model.steps().iter().enumerate() {
            step.inputs().for_each(|value| steps[value].push(index));
        }
        let shown = model.values_shown().chain(model.columns_guarded().map(|(value, _)| value)).collect();
        Readers { steps, shown }
    }

    /// The one step that reads a step's value; None where there are several, or where it is read otherwise.
    fn only(&self, step: usize) -> Option<usize> {
        match self.steps[step + 1].as_slice() {
            [reader] if !self.shown.contains(&(step + 1)) => Some(*reader),
            _ => None,
        }
    }

    /// The linear step that alone reads this one's value, through an activation or without.
    fn next_layer(&self, model: &Model, step: usize, width: Width) -> Option<usize> {
        let reader = self.only(step)?;
        match &model.steps()[reader].op {
            Op::Linear(linear) if linear.width == width => Some(reader),
            Op::Link(link, of) if *of == width && link.is_of_each_column() => {
                let after = self.only(reader)?;
                matches!(&model.steps()[after].op, Op::Linear(linear) if linear.width == width).then_some(after)
            }
            _ => None,
        }
    }
}

/// The network that ends in a linear step, and its input; None where there is none, or where the step is part of another.
pub(super) fn network(model: &Model, program: &Program, readers: &Readers, step: usize) -> Option<(Network, View)> {
    let linear = |step: usize| match &model.steps()[step].op {
        Op::Linear(linear) if program.run(step).is_some_and(|run| !run.is_fused()) => Some(linear),
        _ => None,
    };
    let last = linear(step)?;
    let width = last.width;
    if readers.next_layer(model, step, width).is_some() {
        return None;
    }
    let mut layers: Vec<(&Linear, Option<&Link>)> = vec![(last, None)];
    let mut first = step;
    while let Some(before) = model.steps()[first].input.checked_sub(1) {
        let (link, layer) = match &model.steps()[before].op {
            Op::Linear(_) => (None, Some(before)),
            Op::Link(link, _) => (Some(link), model.steps()[before].input.checked_sub(1)),
            _ => (None, None),
        };
        let Some(layer) = layer.filter(|&layer| readers.next_layer(model, layer, width) == Some(first)) else { break };
        let Some(linear) = linear(layer).filter(|linear| linear.width == width) else { break };
        layers.push((linear, link));
        first = layer;
    }
    if layers.len() == 1 && width == Width::Float64 && last.outputs < FEWEST_OUTPUTS {
        return None;
    }
    layers.reverse();
    let input = program.run(first)?.input.clone();
    Some((Network::new(width, &layers), input))
}
