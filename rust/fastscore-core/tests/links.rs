//! Every link at every width and level gives the bits of the reference interpreter, is written and read back, and
//! is refused with numbers or inputs that it can't have.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use fastscore_core::Error;
use fastscore_core::exec::table::{Body, Chunk, Column, Nulls, Numbers, Strided, Table, Values};
use fastscore_core::exec::{self, Data, OnRefused, Output};
use fastscore_core::model::*;
use fastscore_core::plan::{Forced, Plan};
use fastscore_core::reference;
use fastscore_core::simd::Level;
use proptest::prelude::*;

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

/// A model of one link over the features.
fn model(features: usize, link: Link, width: Width) -> Result<Model, Error> {
    Model::new(common::parts(features, vec![Step { input: 0, op: Op::Link(link, width) }], 1))
}

/// Every kind, for so many columns, with the widths that it has.
fn links(columns: usize) -> Vec<(Link, Width)> {
    let numbers = |from: f64| (0..columns).map(|c| from + c as f64 * 0.3).collect::<Vec<_>>();
    let both = [
        Link::Sigmoid { scale: 1.0 },
        Link::Sigmoid { scale: -0.75 },
        Link::Softmax { groups: 1 },
        Link::Exp {},
        Link::Divide { by: 7.0 },
        Link::Multiply { by: 0.0 },
        Link::Multiply { by: -3.0 },
        Link::Add { value: 0.125 },
        Link::Normalize { pairwise: false, keep_zeros: false },
        Link::Normalize { pairwise: false, keep_zeros: true },
        Link::Relu {},
        Link::Affine { scale: numbers(-0.3), shift: numbers(0.1) },
        Link::Standardize { shift: Some(numbers(0.1)), scale: Some(numbers(0.7)) },
        Link::Standardize { shift: Some(numbers(-0.1)), scale: None },
        Link::Standardize { shift: None, scale: Some(numbers(-1e-3)) },
        Link::Standardize { shift: None, scale: None },
        Link::Impute { values: (0..columns).map(|c| c as f64 - 1.0).collect(), missing: None },
        Link::Impute { values: (0..columns).map(|c| c as f64 + 0.5).collect(), missing: Some(0.0) },
        Link::WeightedMedian { weights: (0..columns).map(|c| f64::from(u8::from(c + 1 == columns))).collect() },
        Link::WeightedMedian { weights: (0..columns).map(|c| if c < 2 { 8_388_608.0 } else { 1.0 }).collect() },
    ];
    let mut both = Vec::from(both);
    both.extend(Function::ALL.map(|function| Link::Ufunc { function }));
    both.extend(common::of_networks(columns));
    let mut wide = vec![
        Link::Divide { by: 0.1 },
        Link::PairwiseSoftmax {},
        Link::FastSoftmax {},
        Link::FastExp {},
        Link::SignedSquare {},
        Link::Normalize { pairwise: true, keep_zeros: true },
        Link::Confidence {},
        Link::InverseYeoJohnson { lambdas: numbers(-0.5) },
        Link::InverseYeoJohnson { lambdas: (0..columns).map(|c| [0.0, 2.0, 1.0, 0.5, 2.5, -1.0][c % 6]).collect() },
        Link::InverseBoxCox { lambdas: (0..columns).map(|c| [0.0, 0.5, -0.7, 1.0][c % 4]).collect() },
        Link::Columns { columns: vec![columns - 1, 0, columns - 1] },
        Link::Exp2 {},
        Link::Log {},
        Link::CentredLog {},
        Link::Logit {},
        Link::Log1pExp {},
        Link::Clip { low: Some(-0.0), high: Some(1.0 - f64::EPSILON) },
        Link::Clip { low: Some(0.3), high: Some(0.3) },
        Link::FillMissing { value: -1.5, also: None },
        Link::FillMissing { value: -1.5, also: Some(0.5) },
        Link::Above { at: 0.0, above: 1.0, other: -0.0 },
        Link::Vote { hit: 1.5, miss: -0.5, scan: false },
        Link::Vote { hit: 1.5, miss: -0.5, scan: true },
        Link::WeightedMedian { weights: numbers(0.0).iter().map(|w| w % 0.7 + 0.1).collect() },
        Link::RoundToFloat32 {},
        Link::LogSumExp {},
        Link::YeoJohnson { lambdas: numbers(-0.3) },
        Link::YeoJohnson { lambdas: numbers(2.0) },
        Link::BoxCox { lambdas: numbers(-0.3) },
        Link::BoxCox { lambdas: numbers(0.0) },
        Link::NormalizeRows { norm: Norm::L1 },
        Link::NormalizeRows { norm: Norm::L2 },
        Link::NormalizeRows { norm: Norm::Max },
    ];
    let mut narrow = both.clone();
    wide.extend(both);
    if columns == 1 {
        wide.push(Link::Complement {});
        narrow.push(Link::Complement {});
    }
    let at = |width: Width| move |link| (link, width);
    wide.into_iter().map(at(Width::Float64)).chain(narrow.into_iter().map(at(Width::Float32))).collect()
}

fn bits(x: f64) -> u64 {
    if x.is_nan() { u64::MAX } else { x.to_bits() }
}

/// What each level, and the interpreter run by the plan, gives for `columns`, is what the interpreter gives.
fn check(link: &Link, width: Width, columns: &[Vec<f64>]) {
    let rows = columns[0].len();
    let model = Arc::new(model(columns.len(), link.clone(), width).unwrap());
    let mut expected = vec![Vec::new(); model.width(1)];
    for row in 0..rows {
        let features: Vec<f64> = columns.iter().map(|column| column[row]).collect();
        let values = reference::interpret(&model, &features).values;
        expected.iter_mut().zip(&values[1]).for_each(|(column, &x)| column.push(bits(x)));
    }
    let expected = expected.concat();
    let numbers = columns.iter().map(|column| {
        Column::Numbers(Numbers::new([Chunk { values: Values::F64(Strided::contiguous(column)), nulls: Nulls::None }]))
    });
    let table = Table::new(None, Body::Columns(numbers.collect()), rows).unwrap();
    for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
        for forced in [None, Some(Forced::Reference)] {
            let plan = Plan::compile_for(model.clone(), level, forced).unwrap();
            let scores = exec::score(&plan, &table, Output::Margin, Some(1), OnRefused::Raise, &|| false).unwrap();
            let found = scores.groups.iter().flat_map(|group| match &group.data {
                Data::F64(data) => data.iter().map(|&x| bits(x)).collect::<Vec<_>>(),
                other => panic!("{other:?}"),
            });
            assert!(found.eq(expected.iter().copied()), "{link:?} at {width:?}, {level}, {forced:?}");
        }
    }
}

/// Values at which links change their ways.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -40.0..40.0f64,
        2 => 0.0..1.0f64,
        2 => (-6i32..6).prop_map(|i| f64::from(i) / 4.0),
        1 => any::<u64>().prop_map(f64::from_bits),
        1 => (-120.0..120.0f32).prop_map(f64::from),
        2 => prop::sample::select(vec![
            0.0, -0.0, 0.3, 0.65, 0.5, 1.0, -1.0, 5e-324, -1e-310, 1e-45, 88.7, -88.7, 88.72284, -104.0, 709.9, 1023.99,
            -1074.5, -708.3964185322641, -708.396418532264, -720.0, 1e39, f64::MAX, f64::MIN, INF, -INF, NAN,
        ]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn levels_equal_the_reference(rows in prop::collection::vec(prop::collection::vec(value(), 5..6), 1..60), columns in 1usize..6) {
        let table: Vec<Vec<f64>> = (0..columns).map(|c| rows.iter().map(|row| row[c]).collect()).collect();
        for (link, width) in links(columns) {
            check(&link, width, &table);
        }
    }
}

/// One row through a link of width float64.
fn row(link: &Link, row: &[f64]) -> Vec<u64> {
    let columns: Vec<Vec<f64>> = row.iter().map(|&x| vec![x; 3]).collect();
    check(link, Width::Float64, &columns);
    let model = model(row.len(), link.clone(), Width::Float64).unwrap();
    reference::interpret(&model, row).values[1].iter().map(|&x| bits(x)).collect()
}

#[test]
fn ties_zeros_and_missing_values() {
    let all = |xs: &[f64]| xs.iter().map(|&x| bits(x)).collect::<Vec<_>>();
    let vote = Link::Vote { hit: 1.0, miss: 0.0, scan: false };
    assert_eq!(row(&vote, &[2.0, 3.0, 3.0]), all(&[0.0, 1.0, 0.0]));
    assert_eq!(row(&vote, &[-0.0, 0.0, -1.0]), all(&[1.0, 0.0, 0.0]));
    assert_eq!(row(&vote, &[INF, NAN, NAN]), all(&[0.0, 1.0, 0.0]));
    let scan = Link::Vote { hit: 1.0, miss: 0.0, scan: true };
    assert_eq!(row(&scan, &[1.0, NAN, 2.0]), all(&[0.0, 0.0, 1.0]));
    assert_eq!(row(&scan, &[NAN, 1.0, INF]), all(&[1.0, 0.0, 0.0]));
    assert_eq!(row(&scan, &[-INF, NAN, -INF]), all(&[1.0, 0.0, 0.0]));
    let median = |weights: &[f64]| Link::WeightedMedian { weights: weights.to_vec() };
    assert_eq!(row(&median(&[1.0, 1.0]), &[7.0, 3.0]), all(&[3.0]));
    assert_eq!(row(&median(&[1.0, 1.0, 3.0]), &[7.0, 3.0, 9.0]), all(&[9.0]));
    assert_eq!(row(&median(&[0.0, 1.0, 0.0]), &[1.0, 2.0, 3.0]), all(&[2.0]));
    assert_eq!(row(&median(&[1.0, 1.0, 1.0]), &[0.0, -0.0, 1.0]), all(&[-0.0]));
    assert_eq!(row(&median(&[1.0, 1.0, 5.0]), &[0.0, 1.0, NAN]), all(&[NAN]));
    let clip = Link::Clip { low: Some(0.0), high: Some(1.0) };
    assert_eq!(row(&clip, &[-0.0, NAN, -INF, 2.0]), all(&[-0.0, NAN, 0.0, 1.0]));
    let above = Link::Above { at: 0.5, above: 2.0, other: 3.0 };
    assert_eq!(row(&above, &[0.5, 0.75, NAN, INF]), all(&[3.0, 2.0, 3.0, 2.0]));
    assert_eq!(row(&Link::FillMissing { value: 4.0, also: None }, &[NAN, INF]), all(&[4.0, INF]));
    let fill = Link::FillMissing { value: 4.0, also: Some(0.0) };
    assert_eq!(row(&fill, &[NAN, -0.0, 5e-324]), all(&[4.0, 4.0, 5e-324]));
    assert_eq!(row(&Link::Relu {}, &[-0.0, NAN, -INF, 5e-324]), all(&[-0.0, NAN, 0.0, 5e-324]));
    assert_eq!(row(&Link::LogSumExp {}, &[-INF, -INF]), all(&[-INF]));
    assert_eq!(row(&Link::LogSumExp {}, &[INF, 1.0]), all(&[INF]));
    assert_eq!(row(&Link::LogSumExp {}, &[1000.0, 0.0]), all(&[1000.0]));
    assert_eq!(row(&Link::LogSumExp {}, &[1.0, NAN]), all(&[NAN]));
    let ufunc = |function, xs: &[f64]| row(&Link::Ufunc { function }, xs);
    assert_eq!(ufunc(Function::Sign, &[-0.0, 0.0, -2.0, 5e-324, NAN]), all(&[0.0, 0.0, -1.0, 1.0, NAN]));
    assert_eq!(ufunc(Function::Rint, &[0.5, 1.5, -0.5, 2.5, INF, NAN]), all(&[0.0, 2.0, -0.0, 2.0, INF, NAN]));
    assert_eq!(ufunc(Function::Floor, &[-0.5, -0.0, 1.9]), all(&[-1.0, -0.0, 1.0]));
    assert_eq!(ufunc(Function::Ceil, &[-0.5, -0.0, 1.1]), all(&[-0.0, -0.0, 2.0]));
    assert_eq!(ufunc(Function::Trunc, &[-1.9, 1.9, -0.3]), all(&[-1.0, 1.0, -0.0]));
    assert_eq!(ufunc(Function::Sqrt, &[-1.0, -0.0, 2.0, INF]), all(&[NAN, -0.0, 2.0f64.sqrt(), INF]));
    assert_eq!(ufunc(Function::Reciprocal, &[0.0, -0.0, INF]), all(&[INF, -INF, 0.0]));
    assert_eq!(ufunc(Function::Log, &[0.0, -1.0]), all(&[-INF, NAN]));
    assert_eq!(ufunc(Function::Log1p, &[-1.0, -2.0, -0.0]), all(&[-INF, NAN, -0.0]));
    let impute = |missing| Link::Impute { values: vec![7.0, 8.0], missing };
    assert_eq!(row(&impute(None), &[NAN, 0.0]), all(&[7.0, 0.0]));
    assert_eq!(row(&impute(Some(0.0)), &[NAN, -0.0]), all(&[NAN, 8.0]));
    let standardize = Link::Standardize { shift: Some(vec![1.0, 0.0]), scale: Some(vec![3.0, -2.0]) };
    assert_eq!(row(&standardize, &[2.0, 5.0]), all(&[1.0 / 3.0, -2.5]));
    let normalize = |keep_zeros, xs: &[f64]| row(&Link::Normalize { pairwise: true, keep_zeros }, xs);
    assert_eq!(normalize(false, &[1.0, 3.0]), all(&[0.25, 0.75]));
    assert_eq!(normalize(false, &[0.0, -0.0]), all(&[0.5, 0.5]));
    assert_eq!(normalize(true, &[0.0, -0.0]), all(&[0.0, -0.0]));
    assert_eq!(row(&Link::Confidence {}, &[1.0, -0.0, -3.0, INF]), all(&[1.0 / 6.0, -0.0, -0.25, NAN]));
    // Powers of -1 with the exponents -1, -2 and -2.5, and of 0 with the exponent 2.
    let inverse = |lambdas: &[f64], xs: &[f64]| row(&Link::InverseYeoJohnson { lambdas: lambdas.to_vec() }, xs);
    assert_eq!(inverse(&[-1.0, -0.5, -0.4, 2.5], &[2.0, 4.0, 5.0, -4.0]), all(&[-2.0, 0.0, NAN, 0.0]));
    assert_eq!(inverse(&[0.0, 2.0, 2.5], &[0.0, -0.0, NAN]), all(&[0.0, 0.0, NAN]));
    let inverse = |lambdas: &[f64], xs: &[f64]| row(&Link::InverseBoxCox { lambdas: lambdas.to_vec() }, xs);
    assert_eq!(inverse(&[0.0, 0.5, 0.5, -1.0], &[0.0, -2.0, -3.0, 1.0]), all(&[1.0, 0.0, NAN, INF]));
    let rows = |norm, xs: &[f64]| row(&Link::NormalizeRows { norm }, xs);
    assert_eq!(rows(Norm::L1, &[3.0, -1.0, 0.0]), all(&[0.75, -0.25, 0.0]));
    assert_eq!(rows(Norm::L2, &[3.0, -4.0]), all(&[0.6, -0.8]));
    assert_eq!(rows(Norm::Max, &[1.0, -4.0]), all(&[0.25, -1.0]));
    assert_eq!(rows(Norm::Max, &[1.0, NAN, 2.0]), all(&[NAN, NAN, NAN]));
    assert_eq!(rows(Norm::L2, &[0.0, -0.0]), all(&[0.0, -0.0]));
    assert_eq!(rows(Norm::L1, &[1e-15, 1e-15]), all(&[1e-15, 1e-15]));
    assert_eq!(row(&Link::RoundToFloat32 {}, &[0.1, 1e39, -1e-46]), all(&[f64::from(0.1f32), INF, -0.0]));
}

#[test]
fn links_are_written_and_read_back() {
    for columns in [1, 3] {
        for (link, width) in links(columns) {
            let model = model(columns, link, width).unwrap();
            assert_eq!(Model::from_bytes(&model.to_bytes().unwrap()).unwrap(), model);
        }
    }
    let text = |width| {
        let bytes = model(1, Link::Log1pExp {}, Width::Float64).and_then(|m| m.to_bytes()).unwrap();
        let narrow = model(1, Link::Exp {}, width).and_then(|m| m.to_bytes()).unwrap();
        (String::from_utf8_lossy(&bytes).into_owned(), String::from_utf8_lossy(&narrow).into_owned())
    };
    let (wide, narrow) = text(Width::Float32);
    assert!(wide.contains("log1p_exp"), "{wide}");
    let step = r#"{"op":"link","input":0,"width":"float32","kind":{"name":"exp"}}"#;
    assert!(narrow.replace('\\', "").contains(step), "{narrow}");
    assert!(text(Width::Float64).1.replace('\\', "").contains(r#"{"op":"link","input":0,"kind":{"name":"exp"}}"#));
}

fn norm(epsilon: f64, scale: Option<Vec<f64>>, shift: Option<Vec<f64>>) -> Link {
    Link::LayerNorm { epsilon, scale, shift, rms: false, groups: 1 }
}

#[test]
fn links_are_refused_by_their_numbers_and_inputs() {
    let refusal = |link: Link, width| match model(2, link, width) {
        Err(Error::ModelFormat(message)) => message,
        other => panic!("{other:?}"),
    };
    let wide = |link| refusal(link, Width::Float64);
    let narrow = |link| refusal(link, Width::Float32);
    for number in [NAN, INF, -INF] {
        for link in [
            Link::Clip { low: Some(-1.0), high: Some(number) },
            Link::Multiply { by: number },
            Link::Add { value: number },
            Link::Affine { scale: vec![1.0, number], shift: vec![0.0; 2] },
            Link::Affine { scale: vec![1.0; 2], shift: vec![number, 0.0] },
            Link::FillMissing { value: number, also: None },
            Link::FillMissing { value: 1.0, also: Some(number) },
            Link::Above { at: number, above: 1.0, other: 0.0 },
            Link::Above { at: 1.0, above: number, other: 0.0 },
            Link::Vote { hit: 1.0, miss: number, scan: false },
            Link::WeightedMedian { weights: vec![1.0, number] },
            Link::Standardize { shift: Some(vec![1.0, number]), scale: None },
            Link::Standardize { shift: None, scale: Some(vec![number, 1.0]) },
            Link::Impute { values: vec![number, 1.0], missing: None },
            Link::YeoJohnson { lambdas: vec![number, 1.0] },
            Link::InverseYeoJohnson { lambdas: vec![number, 1.0] },
            Link::BoxCox { lambdas: vec![1.0, number] },
            Link::InverseBoxCox { lambdas: vec![1.0, number] },
            Link::Impute { values: vec![1.0; 2], missing: Some(number) },
            Link::InverseYeoJohnson { lambdas: vec![1.0, number] },
            Link::InverseBoxCox { lambdas: vec![number, 1.0] },
            Link::Clip { low: Some(number), high: None },
            Link::LeakyRelu { alpha: number },
            Link::Prelu { alphas: vec![1.0, number] },
            Link::ThresholdedRelu { alpha: number },
            Link::Elu { alpha: number },
            Link::Selu { alpha: number, gamma: 1.0 },
            Link::Selu { alpha: 1.0, gamma: number },
            Link::Celu { alpha: number },
            Link::Swish { alpha: number },
            Link::HardSigmoid { alpha: number, beta: 0.5 },
            Link::HardSigmoid { alpha: 0.5, beta: number },
            Link::Shrink { lambda: number, bias: 0.5 },
            Link::Shrink { lambda: 0.5, bias: number },
            Link::Squareplus { b: number },
            Link::Power { exponent: number },
            norm(number, None, None),
            norm(0.5, Some(vec![1.0, number]), None),
            norm(0.5, None, Some(vec![number, 1.0])),
        ] {
            assert!(!wide(link).is_empty());
        }
    }
    assert!(wide(Link::Clip { low: Some(1.0), high: Some(0.0) }).contains("between 1 and 0"));
    assert!(wide(Link::Celu { alpha: -0.0 }).contains("alpha 0"));
    assert!(wide(Link::Shrink { lambda: -0.5, bias: 0.0 }).contains("lambda -0.5, which is below 0"));
    assert!(wide(Link::Squareplus { b: -1.0 }).contains("b -1, which is below 0"));
    assert!(wide(norm(-0.5, None, None)).contains("epsilon -0.5, which is below 0"));
    let shifted = Link::LayerNorm { epsilon: 0.5, scale: None, shift: Some(vec![1.0; 2]), rms: true, groups: 1 };
    assert!(wide(shifted).contains("with a shift"));
    for alphas in [vec![1.0], vec![1.0; 3]] {
        assert!(wide(Link::Prelu { alphas: alphas.clone() }).contains("can't read 2"));
        assert!(wide(norm(0.5, Some(alphas.clone()), None)).contains("can't read 2"));
        assert!(wide(norm(0.5, None, Some(alphas))).contains("can't read 2"));
    }
    for groups in [0, 3, usize::MAX] {
        assert!(wide(Link::Softmax { groups }).contains("can't read 2"));
        assert!(wide(Link::LogSoftmax { groups }).contains("can't read 2"));
        let layers = Link::LayerNorm { epsilon: 0.5, scale: None, shift: None, rms: true, groups };
        assert!(wide(layers).contains("can't read 2"));
        for how in Reduction::ALL {
            assert!(wide(Link::Reduce { how, groups }).contains("can't read 2"));
        }
    }
    for link in [
        Link::Clip { low: Some(0.1), high: None },
        Link::Clip { low: None, high: Some(0.1) },
        Link::LeakyRelu { alpha: 0.1 },
        Link::Prelu { alphas: vec![0.1; 2] },
        Link::ThresholdedRelu { alpha: 0.1 },
        Link::Elu { alpha: 0.1 },
        Link::Selu { alpha: 1.0, gamma: 0.1 },
        Link::Celu { alpha: 0.1 },
        Link::Swish { alpha: 0.1 },
        Link::HardSigmoid { alpha: 0.5, beta: 0.1 },
        Link::Shrink { lambda: 0.5, bias: 0.1 },
        Link::Squareplus { b: 0.1 },
        Link::Power { exponent: 0.1 },
        Link::WeightedMedian { weights: vec![0.1, 1.0] },
        norm(0.1, None, None),
        norm(0.5, Some(vec![0.1; 2]), None),
    ] {
        assert!(narrow(link).contains("0.1"));
    }
    for weights in [vec![1.0, -1e-9], vec![0.0, 0.0], vec![f64::MAX, f64::MAX]] {
        assert!(wide(Link::WeightedMedian { weights }).contains("weight"));
    }
    assert!(wide(Link::WeightedMedian { weights: vec![1.0; 3] }).contains("can't read 2"));
    assert!(wide(Link::Affine { scale: vec![1.0; 3], shift: vec![1.0; 2] }).contains("can't read 2"));
    for (shift, scale) in [(Some(vec![1.0]), None), (None, Some(vec![1.0; 3]))] {
        assert!(wide(Link::Standardize { shift, scale }).contains("can't read 2"));
    }
    let by_zero = Link::Standardize { shift: None, scale: Some(vec![1.0, -0.0]) };
    assert!(wide(by_zero).contains("the scale 0"));
    assert!(wide(Link::Impute { values: vec![1.0; 3], missing: None }).contains("can't read 2"));
    assert!(narrow(Link::Impute { values: vec![0.1; 2], missing: None }).contains("0.1"));
    for lambdas in [vec![1.0], vec![1.0; 3]] {
        assert!(wide(Link::YeoJohnson { lambdas: lambdas.clone() }).contains("can't read 2"));
        assert!(wide(Link::InverseYeoJohnson { lambdas: lambdas.clone() }).contains("can't read 2"));
        assert!(wide(Link::BoxCox { lambdas: lambdas.clone() }).contains("can't read 2"));
        assert!(wide(Link::InverseBoxCox { lambdas }).contains("can't read 2"));
    }
    assert!(narrow(Link::NormalizeRows { norm: Norm::L1 }).contains("float32"));
    assert!(wide(Link::InverseYeoJohnson { lambdas: vec![1.0; 3] }).contains("can't read 2"));
    assert!(wide(Link::InverseBoxCox { lambdas: vec![1.0] }).contains("can't read 2"));
    assert!(narrow(Link::InverseBoxCox { lambdas: vec![1.0; 2] }).contains("float32"));
    assert!(narrow(Link::Normalize { pairwise: true, keep_zeros: false }).contains("float32"));
    assert!(narrow(Link::Confidence {}).contains("float32"));
    assert!(narrow(Link::Log {}).contains("float32"));
    assert!(narrow(Link::Columns { columns: vec![0] }).contains("float32"));
    assert!(narrow(Link::Divide { by: 0.1 }).contains("0.1"));
}

#[test]
fn sums_of_many_columns_equal_the_reference() {
    for columns in [8, 9, 15, 16, 20, 128, 129, 300, 1111] {
        let value = |row: usize, column: usize| ((row * 7919 + column * 104_729) % 1000) as f64 / 77.0 - 3.0;
        let data: Vec<Vec<f64>> = (0..columns).map(|c| (0..11).map(|row| value(row, c)).collect()).collect();
        check(&Link::PairwiseSoftmax {}, Width::Float64, &data);
        check(&Link::Softmax { groups: 1 }, Width::Float64, &data);
        let shares: Vec<Vec<f64>> =
            data.iter().map(|column| column.iter().map(|x| (x + 3.5) / 14.0).collect()).collect();
        check(&Link::CentredLog {}, Width::Float64, &shares);
    }
}
