//! Networks of any shape give the bits of their steps one after another, by the reference interpreter.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::{check_steps, linear, value};
use fastscore_core::model::*;
use fastscore_core::plan::Plan;
use fastscore_core::simd::Level;
use proptest::prelude::*;

/// What a step is made of.
#[derive(Debug, Clone)]
struct Recipe {
    kind: usize,
    inputs: Vec<prop::sample::Index>,
    size: usize,
    narrow: bool,
}

fn recipe() -> impl Strategy<Value = Recipe> {
    let inputs = prop::collection::vec(any::<prop::sample::Index>(), 3);
    (0usize..10, inputs, 1usize..9, prop::bool::weighted(0.85)).prop_map(|(kind, inputs, size, narrow)| Recipe {
        kind,
        inputs,
        size,
        narrow,
    })
}

/// The values that a step of so many known ones reads: mostly the last ones, sometimes the features.
fn chosen(recipe: &Recipe, known: usize, which: usize) -> usize {
    known - 1 - recipe.inputs[which].index(known.min(4)) * (which + 1) % known
}

/// A step, and the columns that it gives.
fn step(recipe: &Recipe, widths: &[usize]) -> (Step, usize) {
    let width = if recipe.narrow { Width::Float32 } else { Width::Float64 };
    let input = chosen(recipe, widths.len(), 0);
    let columns = widths[input];
    match recipe.kind {
        0..4 => (Step { input, op: Op::Linear(linear(columns, recipe.size, width)) }, recipe.size),
        4..7 => {
            let mut links = common::of_networks(columns);
            links.extend([Link::Relu {}, Link::Sigmoid { scale: 1.0 }, Link::Ufunc { function: Function::Tanh }]);
            let link = links.swap_remove(recipe.inputs[1].index(links.len()));
            let given = match &link {
                Link::Reduce { groups, .. } => *groups,
                _ => columns,
            };
            (Step { input, op: Op::Link(link, width) }, given)
        }
        7 => {
            let other = chosen(recipe, widths.len(), 1);
            let fits = widths[other] == columns || widths[other] == 1 || columns == 1;
            let other = if fits { other } else { input };
            let how = Arithmetic::ALL[recipe.size % Arithmetic::ALL.len()];
            let op = Op::Combine(Combine { how, others: vec![other], width });
            (Step { input, op }, columns.max(widths[other]))
        }
        8 => {
            let other = chosen(recipe, widths.len(), 1);
            (Step { input, op: Op::Concat(vec![other]) }, columns + widths[other])
        }
        _ => {
            let picked: Vec<usize> = (0..recipe.size).map(|i| (columns + i * 3 - recipe.size % 2) % columns).collect();
            (Step { input, op: Op::Link(Link::Columns { columns: picked }, Width::Float64) }, recipe.size)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn networks_of_any_shape_give_the_bits_of_their_steps(
        rows in prop::collection::vec(prop::collection::vec(value(), 5..6), 1..140),
        recipes in prop::collection::vec(recipe(), 2..14),
        shown in any::<prop::sample::Index>(),
    ) {
        let (mut widths, mut steps) = (vec![5], Vec::new());
        for recipe in &recipes {
            let (step, width) = step(recipe, &widths);
            steps.push(step);
            widths.push(width);
        }
        let last = steps.len();
        check_steps(steps.clone(), last, &rows);
        // A value inside that is shown ends one network and begins another.
        check_steps(steps, 1 + shown.index(last), &rows);
    }
}

/// What the plan of steps over five features says.
fn explained(steps: Vec<Step>) -> String {
    let last = steps.len();
    let model = Arc::new(Model::new(common::parts(5, steps, last)).unwrap());
    Plan::compile_for(model, Level::Portable, None).unwrap().explain()
}

#[test]
fn residual_sums_concatenations_and_normalisations_are_inside() {
    let narrow = Width::Float32;
    let link = |input, link| Step { input, op: Op::Link(link, narrow) };
    let norm = Link::LayerNorm { epsilon: 0.5, scale: None, shift: None, rms: false, groups: 1 };
    let steps = vec![
        Step { input: 0, op: Op::Linear(linear(5, 8, narrow)) },
        link(1, Link::Gelu { approximate: false }),
        Step { input: 2, op: Op::Linear(linear(8, 8, narrow)) },
        link(3, norm),
        Step { input: 2, op: Op::Combine(Combine { how: Arithmetic::Sum, others: vec![4], width: narrow }) },
        Step { input: 5, op: Op::Concat(vec![0, 2]) },
        Step { input: 6, op: Op::Linear(linear(21, 3, narrow)) },
        link(7, Link::Softmax { groups: 1 }),
    ];
    let text = explained(steps.clone());
    assert!(text.contains("a tile of rows through 5-8-8-3"), "{text}");
    assert_eq!(text.matches("dense kernel").count(), 1, "{text}");
    let rows: Vec<Vec<f64>> = (0..200).map(|r| common::numbers(5, r)).collect();
    check_steps(steps, 8, &rows);
}

#[test]
fn long_chains_of_steps_are_planned_soon() {
    let narrow = Width::Float32;
    // Chains without a layer, one of them behind a layer, and a network of more steps than one has.
    let mut steps = Vec::new();
    for chain in 0..12 {
        let mut input = 0;
        if chain % 2 == 1 {
            steps.push(Step { input: 0, op: Op::Linear(linear(5, 1, narrow)) });
            input = steps.len();
        }
        for _ in 0..if chain == 11 { 9000 } else { 3000 } {
            steps.push(Step { input, op: Op::Link(Link::Multiply { by: -1.0 }, narrow) });
            input = steps.len();
        }
    }
    let last = steps.len();
    let model = Arc::new(Model::new(common::parts(5, steps, last)).unwrap());
    let start = std::time::Instant::now();
    Plan::compile_for(model, Level::Portable, None).unwrap();
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}
