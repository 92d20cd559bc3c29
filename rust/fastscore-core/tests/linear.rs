//! Matrix products and distances give the bits of the reference interpreter at every level, batch and container, and
//! are refused where their parts do not fit.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use fastscore_core::Error;
use fastscore_core::exec::table::{Body, Chunk, Column, Nulls, Numbers, Strided, Table, Values};
use fastscore_core::exec::{self, Data, OnRefused, Output};
use fastscore_core::model::*;
use fastscore_core::plan::Plan;
use fastscore_core::reference;
use fastscore_core::simd::Level;
use proptest::prelude::*;

/// A model of one step over the features.
fn model(features: usize, op: Op) -> Result<Model, Error> {
    chain(features, vec![op], 1)
}

/// A model of steps over the features, each of which reads the one before; `shown` is its margin.
fn chain(features: usize, ops: Vec<Op>, shown: usize) -> Result<Model, Error> {
    let last = ops.len();
    Model::new(ModelParts {
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
        steps: ops.into_iter().enumerate().map(|(input, op)| Step { input, op }).collect(),
        guards: vec![],
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
    })
}

fn bits(x: f64) -> u64 {
    if x.is_nan() { u64::MAX } else { x.to_bits() }
}

fn score(plan: &Plan, table: &Table) -> Vec<u64> {
    let scores = exec::score(plan, table, Output::Margin, Some(1), OnRefused::Raise, &|| false).unwrap();
    match &scores.groups[0].data {
        Data::F64(data) => data.iter().map(|&x| bits(x)).collect(),
        other => panic!("{other:?}"),
    }
}

fn column(values: Values) -> Column {
    Column::Numbers(Numbers::new([Chunk { values, nulls: Nulls::None }]))
}

/// The rows as columns of their own, as an array of rows and as its columns: each level gives the reference's bits.
fn check(op: &Op, rows: &[Vec<f64>]) {
    check_chain(&[op.clone()], 1, rows);
}

fn check_chain(ops: &[Op], shown: usize, rows: &[Vec<f64>]) {
    let (count, features) = (rows.len(), rows[0].len());
    let model = Arc::new(chain(features, ops.to_vec(), shown).unwrap());
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

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -40.0..40.0f64,
        1 => any::<u64>().prop_map(f64::from_bits),
        1 => prop::sample::select(vec![0.0, -0.0, 5e-324, 1e-310, 1e39, f64::MAX, f64::INFINITY, f64::NAN]),
    ]
}

fn numbers(count: usize, seed: usize) -> Vec<f64> {
    (0..count).map(|i| ((i * 7919 + seed * 104_729) % 997) as f64 / 77.0 - 6.0).collect()
}

fn linear(features: usize, outputs: usize, width: Width) -> Linear {
    let coefficients = numbers(features * outputs, 1).into_iter().map(|x| width.round(x)).collect();
    let intercept = numbers(outputs, 2).into_iter().map(|x| width.round(x)).collect();
    Linear { inputs: features, outputs, coefficients, intercept, width }
}

fn distances(features: usize, outputs: usize, metric: Metric) -> Distances {
    let terms = (0..outputs).flat_map(|o| (0..features).map(move |c| (c + o) % features));
    let column: Vec<i32> = terms.map(|c| c as i32).collect();
    Distances {
        metric,
        offset: (0..=outputs).map(|o| (o * features) as i64).collect(),
        center: numbers(column.len(), 3),
        weight: numbers(column.len(), 4),
        start: numbers(outputs, 5),
        column,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_level_gives_the_reference_bits(
        seed in prop::collection::vec(prop::collection::vec(value(), 19..20), 1..90),
        features in 1usize..20,
        outputs in 1usize..14,
    ) {
        let rows: Vec<Vec<f64>> = seed.iter().map(|row| row[..features].to_vec()).collect();
        for width in [Width::Float64, Width::Float32] {
            check(&Op::Linear(linear(features, outputs, width)), &rows);
        }
        for metric in [Metric::Squared, Metric::Absolute] {
            check(&Op::Distances(distances(features, outputs, metric)), &rows);
        }
    }
}

/// Dense layers of these sizes with the links between them.
fn layers(sizes: &[usize], links: &[Link], width: Width) -> Vec<Op> {
    let mut ops = Vec::new();
    for (at, pair) in sizes.windows(2).enumerate() {
        ops.push(Op::Linear(linear(pair[0], pair[1], width)));
        if let Some(link) = links.get(at) {
            ops.push(Op::Link(link.clone(), width));
        }
    }
    ops
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn networks_give_the_bits_of_their_steps(
        rows in prop::collection::vec(prop::collection::vec(value(), 7..8), 1..150),
        sizes in prop::collection::vec(1usize..20, 2..5),
        kinds in prop::collection::vec(0usize..5, 4..5),
        shown in any::<prop::sample::Index>(),
    ) {
        let kind = |kind: &usize| match kind {
            0 => Link::Relu {},
            1 => Link::Sigmoid { scale: 1.0 },
            2 => Link::Exp {},
            3 => Link::Multiply { by: 0.5 },
            _ => Link::Softmax {},
        };
        let links: Vec<Link> = kinds.iter().map(kind).collect();
        let sizes: Vec<usize> = [&[7], sizes.as_slice()].concat();
        for width in [Width::Float64, Width::Float32] {
            let ops = layers(&sizes, &links[..sizes.len() - 2], width);
            check_chain(&ops, ops.len(), &rows);
            // A value inside that is shown ends one network and begins another.
            check_chain(&ops, 1 + shown.index(ops.len()), &rows);
        }
    }
}

#[test]
fn a_plan_has_networks_where_values_are_read_once() {
    let relu = [Link::Relu {}, Link::Relu {}];
    let plan = |width, shown| {
        let ops = layers(&[5, 8, 6, 1], &relu, width);
        let model = Arc::new(chain(5, ops, shown).unwrap());
        Plan::compile_for(model, Level::Portable, None).unwrap().explain()
    };
    assert!(plan(Width::Float32, 5).contains("a tile of rows through 5-8-6-1"));
    assert!(plan(Width::Float64, 5).contains("a tile of rows through 5-8-6-1"));
    // The first layer's value is read from outside.
    assert!(plan(Width::Float64, 1).contains("a tile of rows through 8-6-1"));
    let one = Arc::new(model(9, Op::Linear(linear(9, 2, Width::Float64))).unwrap());
    assert!(Plan::compile_for(one, Level::Portable, None).unwrap().explain().contains("streaming kernel"));
}

#[test]
fn many_rows_and_columns() {
    for (count, features, outputs) in [(1, 1, 1), (2000, 3, 2), (5001, 23, 1), (700, 200, 10), (63, 513, 3)] {
        let rows: Vec<Vec<f64>> = (0..count).map(|r| numbers(features, r)).collect();
        for width in [Width::Float64, Width::Float32] {
            check(&Op::Linear(linear(features, outputs, width)), &rows);
        }
    }
}

#[test]
fn by_hand() {
    let op = |metric| {
        Op::Distances(Distances {
            metric,
            offset: vec![0, 2, 2],
            column: vec![1, 0],
            center: vec![1.0, -2.0],
            weight: vec![2.0, -1.0],
            start: vec![10.0, 7.0],
        })
    };
    let row = [1.0, 4.0];
    let of = |metric| reference::interpret(&model(2, op(metric)).unwrap(), &row).values[1].clone();
    assert_eq!(of(Metric::Squared), [10.0 + 2.0 * 9.0 - 9.0, 7.0]);
    assert_eq!(of(Metric::Absolute), [10.0 + 2.0 * 3.0 - 3.0, 7.0]);
}

#[test]
fn parts_must_fit() {
    let refusal = |change: &dyn Fn(&mut Distances)| {
        let mut distances = distances(3, 2, Metric::Squared);
        change(&mut distances);
        match model(3, Op::Distances(distances)) {
            Err(Error::ModelFormat(message)) => message,
            other => panic!("{other:?}"),
        }
    };
    assert!(refusal(&|d| d.center.truncate(5)).contains("differ in length"));
    assert!(refusal(&|d| d.weight.push(1.0)).contains("differ in length"));
    assert!(refusal(&|d| d.offset[1] = 7).contains("must rise from 0 to 6"));
    assert!(refusal(&|d| d.offset[0] = -1).contains("must rise from 0 to 6"));
    assert!(refusal(&|d| d.offset.truncate(2)).contains("must rise from 0 to 6"));
    assert!(refusal(&|d| d.offset[2] = 5).contains("must rise from 0 to 6"));
    assert!(refusal(&|d| d.offset.clear()).contains("must rise from 0 to 6"));
    assert!(refusal(&|d| d.column[0] = 3).contains("column 3 of 3"));
    assert!(refusal(&|d| d.column[0] = -1).contains("column -1 of 3"));
    let mut wide = linear(2, 1, Width::Float32);
    wide.coefficients[0] = 0.1;
    match model(2, Op::Linear(wide)) {
        Err(Error::ModelFormat(message)) => assert!(message.contains("width float32 with the number 0.1"), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn steps_are_written_and_read_back() {
    for op in [
        Op::Linear(linear(3, 2, Width::Float64)),
        Op::Linear(linear(3, 2, Width::Float32)),
        Op::Distances(distances(3, 2, Metric::Squared)),
        Op::Distances(distances(3, 2, Metric::Absolute)),
    ] {
        let model = model(3, op).unwrap();
        assert_eq!(Model::from_bytes(&model.to_bytes().unwrap()).unwrap(), model);
    }
}
