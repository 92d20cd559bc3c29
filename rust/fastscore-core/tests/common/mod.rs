//! What several tests share.

#![allow(dead_code, reason = "no test uses all of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use fastscore_core::exec::table::{Body, Chunk, Column, Nulls, Numbers, Strided, Table, Values};
use fastscore_core::exec::{self, Data, OnRefused, Output};
use fastscore_core::model::*;
use fastscore_core::plan::Plan;
use fastscore_core::reference;
use fastscore_core::simd::Level;
use proptest::prelude::*;

/// A model of steps over nameless features, which refuses nothing; `shown` is its margin, the last value its prediction.
pub fn parts(features: usize, steps: Vec<Step>, shown: usize) -> ModelParts {
    let last = steps.len();
    ModelParts {
        features: Features {
            count: features,
            names: None,
            name_match: NameMatch::Exact,
            encodings: Vec::new(),
            checked: None,
        },
        input: InputPolicy {
            missing: OnBadValue::Accept,
            non_finite: OnBadValue::Accept,
            width: Width::Float64,
            absent: Absent::Zero,
        },
        steps,
        guards: Vec::new(),
        targets: vec![Target {
            name: None,
            classes: None,
            margin: shown,
            probability: None,
            prediction: Decision::Value(last),
            score: None,
        }],
        transform: None,
        output_width: Width::Float64,
        leaf: None,
        source: Source::default(),
    }
}

/// Complete trees: split s has the children 2 s + 1 and 2 s + 2, of which those past the splits are leaves.
pub fn complete_trees(features: usize, trees: usize, depth: u32, thresholds: u64, leaf_width: usize) -> Forest {
    let splits = (1 << depth) - 1;
    let mut state = 1_u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 33) % below
    };
    let child = |at: i32| if at < splits { at } else { -1 - (at - splits) };
    let mut forest = Forest {
        outputs: leaf_width,
        leaf_width,
        base: vec![0.0; leaf_width],
        split_offset: vec![0],
        leaf_offset: vec![0],
        target: if leaf_width == 1 { vec![0; trees] } else { vec![] },
        ..Forest::default()
    };
    for _ in 0..trees {
        for split in 0..splits {
            forest.feature.push(random(features as u64) as i32);
            forest.threshold.push(random(thresholds) as f64 / thresholds as f64);
            forest.left.push(child(2 * split + 1));
            forest.right.push(child(2 * split + 2));
            forest.flags.push(0);
        }
        for leaf in 0..=splits {
            forest.leaf_id.push(leaf);
            forest.leaf_value.extend((0..leaf_width).map(|_| random(1 << 30) as f64));
        }
        forest.split_offset.push(forest.feature.len() as i64);
        forest.leaf_offset.push(forest.leaf_id.len() as i64);
    }
    forest
}

/// A step of two or more values at float64.
pub fn combine(how: Arithmetic, others: Vec<ValueId>) -> Op {
    Op::Combine(Combine { how, others, width: Width::Float64 })
}

/// The links that networks have, for so many columns, at both widths.
pub fn of_networks(columns: usize) -> Vec<Link> {
    let numbers = |from: f64| Some((0..columns).map(|c| from + (c % 5) as f64 * 0.25).collect::<Vec<_>>());
    let groups = if columns.is_multiple_of(2) { columns / 2 } else { columns };
    let mut links = vec![
        Link::LeakyRelu { alpha: 0.25 },
        Link::LeakyRelu { alpha: -1.5 },
        Link::Prelu { alphas: numbers(-0.5).unwrap_or_default() },
        Link::ThresholdedRelu { alpha: 0.75 },
        Link::ThresholdedRelu { alpha: -0.5 },
        Link::Elu { alpha: 1.0 },
        Link::Elu { alpha: -0.75 },
        Link::Selu { alpha: 1.671875, gamma: 1.0625 },
        Link::Celu { alpha: 1.0 },
        Link::Celu { alpha: 0.375 },
        Link::Celu { alpha: -2.0 },
        Link::Gelu { approximate: false },
        Link::Gelu { approximate: true },
        Link::Swish { alpha: 1.0 },
        Link::Swish { alpha: -1.703125 },
        Link::Logistic {},
        Link::Mish {},
        Link::Softplus {},
        Link::Softsign {},
        Link::HardSigmoid { alpha: 0.25, beta: 0.5 },
        Link::HardSigmoid { alpha: -0.375, beta: 0.25 },
        Link::HardSwish {},
        Link::LogSigmoid {},
        Link::TanhShrink {},
        Link::Shrink { lambda: 0.5, bias: 0.0 },
        Link::Shrink { lambda: 0.5, bias: 0.5 },
        Link::Squareplus { b: 4.0 },
        Link::Clip { low: Some(-0.5), high: None },
        Link::Clip { low: None, high: Some(6.0) },
        Link::Clip { low: None, high: None },
        Link::Softmax { groups },
        Link::LogSoftmax { groups: 1 },
        Link::LogSoftmax { groups },
        Link::LayerNorm { epsilon: 0.0009765625, scale: None, shift: None, rms: false, groups: 1 },
        Link::LayerNorm { epsilon: 0.0, scale: numbers(0.5), shift: numbers(-0.5), rms: false, groups },
        Link::LayerNorm { epsilon: 0.125, scale: None, shift: numbers(0.25), rms: false, groups: 1 },
        Link::LayerNorm { epsilon: 0.0009765625, scale: numbers(-1.0), shift: None, rms: true, groups },
    ];
    links.extend([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, -2.0, 0.75].map(|exponent| Link::Power { exponent }));
    links.extend(Reduction::ALL.map(|how| Link::Reduce { how, groups: 1 }));
    links.extend(Reduction::ALL.map(|how| Link::Reduce { how, groups }));
    links
}

pub fn bits(x: f64) -> u64 {
    if x.is_nan() { u64::MAX } else { x.to_bits() }
}

pub fn score(plan: &Plan, table: &Table) -> Vec<u64> {
    let scores = exec::score(plan, table, Output::Margin, Some(1), OnRefused::Raise, &|| false).unwrap();
    match &scores.groups[0].data {
        Data::F64(data) => data.iter().map(|&x| bits(x)).collect(),
        other => panic!("{other:?}"),
    }
}

pub fn column(values: Values) -> Column {
    Column::Numbers(Numbers::new([Chunk { values, nulls: Nulls::None }]))
}

/// The rows as an array of rows and as its columns: each level gives the reference's bits of a model of these steps.
pub fn check_steps(steps: Vec<Step>, shown: usize, rows: &[Vec<f64>]) {
    let (count, features) = (rows.len(), rows[0].len());
    let model = Arc::new(Model::new(parts(features, steps, shown)).unwrap());
    let mut expected = vec![0; model.width(shown) * count];
    for (r, row) in rows.iter().enumerate() {
        for (o, &x) in reference::interpret(&model, row).values[shown].iter().enumerate() {
            expected[o * count + r] = bits(x);
        }
    }
    let flat: Vec<f64> = rows.concat();
    let apart: Vec<Vec<f64>> = (0..features).map(|c| rows.iter().map(|row| row[c]).collect()).collect();
    let by_row =
        (0..features).map(|c| column(Values::F64(Strided::new(&flat[c..], features, count).unwrap()))).collect();
    let by_column = apart.iter().map(|x| column(Values::F64(Strided::contiguous(x)))).collect();
    for columns in [by_row, by_column] {
        let table = Table::new(None, Body::Columns(columns), count).unwrap();
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            let plan = Plan::compile_for(model.clone(), level, None).unwrap();
            assert!(score(&plan, &table) == expected, "{level} {}", plan.explain());
        }
    }
}

pub fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -40.0..40.0f64,
        1 => any::<u64>().prop_map(f64::from_bits),
        1 => prop::sample::select(vec![0.0, -0.0, 5e-324, 1e-310, 1e39, f64::MAX, f64::INFINITY, f64::NAN]),
    ]
}

pub fn numbers(count: usize, seed: usize) -> Vec<f64> {
    (0..count).map(|i| ((i * 7919 + seed * 104_729) % 997) as f64 / 77.0 - 6.0).collect()
}

pub fn linear(features: usize, outputs: usize, width: Width) -> Linear {
    let coefficients = numbers(features * outputs, 1).into_iter().map(|x| width.round(x)).collect();
    let intercept = numbers(outputs, 2).into_iter().map(|x| width.round(x)).collect();
    Linear { inputs: features, outputs, coefficients, intercept, width }
}
