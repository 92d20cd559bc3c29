//! Matrix products and distances give the bits of the reference interpreter at every level, batch and container, and
//! are refused where their parts do not fit.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::{bits, column, linear, numbers, score, value};

use fastscore_core::Error;
use fastscore_core::exec::table::{Body, Strided, Table, Values};
use fastscore_core::exec::{self, OnRefused, Output};
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
    Model::new(parts(features, ops, shown))
}

fn parts(features: usize, ops: Vec<Op>, shown: usize) -> ModelParts {
    common::parts(features, ops.into_iter().enumerate().map(|(input, op)| Step { input, op }).collect(), shown)
}

/// The rows as columns of their own, as an array of rows and as its columns: each level gives the reference's bits.
fn check(op: &Op, rows: &[Vec<f64>]) {
    check_chain(std::slice::from_ref(op), 1, rows);
}

fn check_chain(ops: &[Op], shown: usize, rows: &[Vec<f64>]) {
    let steps = ops.iter().enumerate().map(|(input, op)| Step { input, op: op.clone() }).collect();
    common::check_steps(steps, shown, rows);
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

/// Links of one column, some of which a linear step does by itself on the way to its product.
fn preparations(features: usize) -> Vec<Vec<Link>> {
    let impute = |missing| Link::Impute { values: numbers(features, 6), missing };
    let positive: Vec<f64> = numbers(features, 8).iter().map(|x| x.abs() + 0.1).collect();
    let standardize = |shift: bool, scale: bool| Link::Standardize {
        shift: shift.then(|| numbers(features, 7)),
        scale: scale.then(|| positive.clone()),
    };
    let affine = Link::Affine { scale: positive.clone(), shift: numbers(features, 9) };
    let clip = Link::Clip { low: Some(-0.5), high: Some(1.5) };
    vec![
        vec![impute(None), standardize(true, true)],
        vec![impute(None)],
        vec![standardize(true, false)],
        vec![standardize(false, true)],
        vec![Link::FillMissing { value: -0.0, also: None }, affine.clone()],
        vec![affine, clip],
        vec![impute(Some(0.0)), standardize(true, true)],
        vec![Link::YeoJohnson { lambdas: positive.clone() }, standardize(true, true), Link::RoundToFloat32 {}],
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn columns_are_prepared_on_the_way(
        seed in prop::collection::vec(prop::collection::vec(value(), 12..13), 1..200),
        features in 1usize..13,
        outputs in prop::sample::select(vec![1, 2, 3, 4, 7]),
    ) {
        let rows: Vec<Vec<f64>> = seed.iter().map(|row| row[..features].to_vec()).collect();
        for links in preparations(features) {
            let links = links.into_iter().map(|link| Op::Link(link, Width::Float64));
            let ops: Vec<Op> = links.chain([Op::Linear(linear(features, outputs, Width::Float64))]).collect();
            check_chain(&ops, ops.len(), &rows);
            // What is shown is computed.
            check_chain(&ops, 1, &rows);
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
            _ => Link::Softmax { groups: 1 },
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
fn columns_of_every_type_are_converted_as_they_are_read() {
    let rows = 3001;
    let at = |r: usize, most: usize| (r * 7919 + 13) % most;
    let f64s: Vec<f64> = (0..rows).map(|r| at(r, 1000) as f64 / 7.0).collect();
    let f32s: Vec<f32> = (0..rows).map(|r| at(r, 1000) as f32 / 7.0).collect();
    let i8s: Vec<i8> = (0..rows).map(|r| at(r, 256) as u8 as i8).collect();
    let i16s: Vec<i16> = (0..rows).map(|r| at(r, 60_000) as u16 as i16).collect();
    let i32s: Vec<i32> = (0..rows).map(|r| at(r, 1 << 40) as u32 as i32).collect();
    let i64s: Vec<i64> = (0..rows).map(|r| i64::MAX - at(r, 100_000) as i64 * 77).collect();
    let u8s: Vec<u8> = (0..rows).map(|r| at(r, 256) as u8).collect();
    let u16s: Vec<u16> = (0..rows).map(|r| at(r, 60_000) as u16).collect();
    let u32s: Vec<u32> = (0..rows).map(|r| u32::MAX - at(r, 100_000) as u32).collect();
    let u64s: Vec<u64> = (0..rows).map(|r| u64::MAX - at(r, 100_000) as u64 * 99).collect();
    let columns = || {
        vec![
            column(Values::F64(Strided::contiguous(&f64s))),
            column(Values::F32(Strided::contiguous(&f32s))),
            column(Values::I8(Strided::contiguous(&i8s))),
            column(Values::I16(Strided::contiguous(&i16s))),
            column(Values::I32(Strided::contiguous(&i32s))),
            column(Values::I64(Strided::contiguous(&i64s))),
            column(Values::U8(Strided::contiguous(&u8s))),
            column(Values::U16(Strided::contiguous(&u16s))),
            column(Values::U32(Strided::contiguous(&u32s))),
            column(Values::U64(Strided::contiguous(&u64s))),
        ]
    };
    let row = |r: usize| {
        let wide = [i64s[r] as f64, u8s[r].into(), u16s[r].into(), u32s[r].into(), u64s[r] as f64];
        let narrow = [f64s[r], f32s[r].into(), i8s[r].into(), i16s[r].into(), i32s[r].into()];
        [narrow, wide].concat()
    };
    for (sizes, width) in [
        (vec![10, 2], Width::Float64),
        (vec![10, 9], Width::Float64),
        (vec![10, 3], Width::Float32),
        (vec![10, 5, 2], Width::Float64),
    ] {
        let ops = layers(&sizes, &[Link::Relu {}], width);
        let ops = ops[..2 * sizes.len() - 3].to_vec();
        let last = ops.len();
        let model = Arc::new(chain(10, ops, last).unwrap());
        let mut expected = vec![0; model.width(last) * rows];
        for r in 0..rows {
            for (o, &x) in reference::interpret(&model, &row(r)).values[last].iter().enumerate() {
                expected[o * rows + r] = bits(x);
            }
        }
        let table = Table::new(None, Body::Columns(columns()), rows).unwrap();
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            let plan = Plan::compile_for(model.clone(), level, None).unwrap();
            assert!(score(&plan, &table) == expected, "{level} {}", plan.explain());
        }
    }
}

#[test]
fn refused_values_are_found_whatever_their_sum() {
    let rows = 1500;
    let clean: Vec<Vec<f64>> = (0..3).map(|c| numbers(rows, c)).collect();
    for outputs in [1, 6] {
        let mut step = linear(3, outputs, Width::Float64);
        // The value of a column that counts for nothing is refused too.
        step.coefficients[1] = 0.0;
        let mut parts = parts(3, vec![Op::Linear(step)], 1);
        (parts.input.missing, parts.input.non_finite) = (OnBadValue::Refuse, OnBadValue::Refuse);
        let plan = Plan::compile_for(Arc::new(Model::new(parts).unwrap()), Level::detect(), None).unwrap();
        let call = |data: &[Vec<f64>], narrow: bool, on_refused| {
            let f32s: Vec<f32> = data[1].iter().map(|&x| x as f32).collect();
            let mut columns: Vec<_> = data.iter().map(|x| column(Values::F64(Strided::contiguous(x)))).collect();
            if narrow {
                columns[1] = column(Values::F32(Strided::contiguous(&f32s)));
            }
            let table = Table::new(None, Body::Columns(columns), rows).unwrap();
            exec::score(&plan, &table, Output::Margin, Some(1), on_refused, &|| false)
        };
        // A sum that overflows is no refused value.
        let mut large = clean.clone();
        large[0][7] = f64::MAX;
        assert!(call(&large, false, OnRefused::Raise).is_ok());
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for (narrow, c) in [(false, 0), (false, 1), (true, 1), (false, 2)] {
                let mut data = large.clone();
                data[c][1234] = bad;
                match call(&data, narrow, OnRefused::Raise) {
                    Err(Error::MissingValue { row: 1234, count: 1, .. }) => assert!(bad.is_nan()),
                    Err(Error::NonFinite { row: 1234, count: 1, .. }) => assert!(bad.is_infinite()),
                    other => panic!("{other:?}"),
                }
                let nulls = call(&data, narrow, OnRefused::Null).unwrap().nulls.unwrap();
                assert!((0..rows).all(|r| nulls[r] == u8::from(r == 1234)));
            }
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
