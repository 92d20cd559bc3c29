//! Engines that look for refused values by the way find those that the reference finds: in columns that a tree reads, beside
//! them, and where nothing may be found, in any layout of the numbers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use fastscore_core::Error;
use fastscore_core::exec::table::{Body, Chunk, Column, Nulls, Numbers, Strided, Table, Values};
use fastscore_core::exec::{self, OnRefused, Output, Scores};
use fastscore_core::model::*;
use fastscore_core::plan::{Forced, Plan};
use fastscore_core::simd::Level;

const ROWS: usize = 700;

/// One tree, a chain of splits on these features in turn.
fn model(features: usize, read: &[usize], checked: OnBadValue) -> Arc<Model> {
    let leaves = 300;
    let splits = leaves - 1;
    let forest = Forest {
        width: Width::Float32,
        outputs: 1,
        leaf_width: 1,
        base: vec![0.5],
        feature: (0..splits).map(|i| read[i % read.len()] as i32).collect(),
        threshold: (0..splits).map(|i| f64::from(((i * 37 % splits) as f32 / 100.0).sin())).collect(),
        flags: vec![0; splits],
        left: (0..splits).map(|i| -1 - i as i32).collect(),
        right: (1..=splits).map(|i| if i < splits { i as i32 } else { -1 - i as i32 }).collect(),
        leaf_id: (0..leaves as i32).collect(),
        leaf_value: (0..leaves).map(|i| f64::from(i as u32).sqrt()).collect(),
        split_offset: vec![0, splits as i64],
        leaf_offset: vec![0, leaves as i64],
        target: vec![0],
        ..Forest::default()
    };
    let mut parts = common::parts(features, vec![Step { input: 0, op: Op::Forest(forest) }], 1);
    parts.input = InputPolicy { missing: checked, non_finite: checked, width: Width::Float32, absent: Absent::Zero };
    Arc::new(Model::new(parts).unwrap())
}

fn score(plan: &Plan, columns: Vec<Values>, on_refused: OnRefused) -> Result<Scores, Error> {
    let chunk = |values| Column::Numbers(Numbers::new([Chunk { values, nulls: Nulls::None }]));
    let table = Table::new(None, Body::Columns(columns.into_iter().map(chunk).collect()), ROWS).unwrap();
    exec::score(plan, &table, Output::Margin, Some(1), on_refused, &|| false)
}

/// Rows with room between them that holds NaN, so in both widths, without it, and columns.
fn layouts(cells: &[f64], features: usize, each: impl Fn(&str, Vec<Values>)) {
    for gap in [0, 3] {
        let stride = features + gap;
        let mut wide = vec![f64::NAN; stride * ROWS];
        for (row, cells) in wide.chunks_mut(stride).zip(cells.chunks(features)) {
            row[..features].copy_from_slice(cells);
        }
        let narrow: Vec<f32> = wide.iter().map(|&x| x as f32).collect();
        let (wide, narrow) = (&wide, &narrow);
        let rows = |f: usize| Values::F64(Strided::new(&wide[f..], stride, ROWS).unwrap());
        each(&format!("rows, gap {gap}"), (0..features).map(rows).collect());
        let rows = |f: usize| Values::F32(Strided::new(&narrow[f..], stride, ROWS).unwrap());
        each(&format!("narrow rows, gap {gap}"), (0..features).map(rows).collect());
    }
    let turned: Vec<Vec<f64>> = (0..features).map(|f| cells[f..].iter().step_by(features).copied().collect()).collect();
    each("columns", turned.iter().map(|column| Values::F64(Strided::contiguous(column))).collect());
}

#[test]
fn refused_values_are_found_by_the_way() {
    for (features, read) in
        [(4, vec![1, 2]), (25, (0..24).collect()), (31, vec![30]), (40, vec![5, 6, 35]), (40, vec![2])]
    {
        let model = model(features, &read, OnBadValue::Refuse);
        let good: Vec<f64> = (0..ROWS * features).map(|i| f64::from((i as f32 * 0.7).sin())).collect();
        let plan = |level, forced| Plan::compile_for(model.clone(), level, Some(forced)).unwrap();
        let reference = plan(Level::detect(), Forced::Reference);
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            let tiled = plan(level, Forced::Tiled);
            let compare = |cells: &[f64], what: &str| {
                layouts(cells, features, |layout, columns| {
                    for on_refused in [OnRefused::Raise, OnRefused::Null] {
                        let due = score(&reference, columns.clone(), on_refused);
                        let found = score(&tiled, columns.clone(), on_refused);
                        assert_eq!(
                            format!("{found:?}"),
                            format!("{due:?}"),
                            "{level}, {features} features, {layout}, {what}, {on_refused:?}"
                        );
                    }
                });
            };
            compare(&good, "nothing refused");
            for (at, bad) in [f64::NAN, f64::INFINITY, 1e39, -1e39].into_iter().enumerate() {
                for feature in [0, 1, read[0], features - 1] {
                    let mut cells = good.clone();
                    cells[[0, 127, 128, ROWS - 1][at] * features + feature] = bad;
                    compare(&cells, &format!("{bad} in column {feature}"));
                }
            }
        }
    }
}

/// What a model accepts goes its way though it is not finite.
#[test]
fn what_is_accepted_is_no_refusal() {
    let model = model(6, &[1, 4], OnBadValue::Accept);
    let mut cells: Vec<f64> = (0..ROWS * 6).map(|i| f64::from((i as f32 * 0.7).sin())).collect();
    for (i, x) in cells.iter_mut().enumerate().filter(|(i, _)| i % 41 == 0) {
        *x = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300][i % 4];
    }
    let plan = |level, forced| Plan::compile_for(model.clone(), level, Some(forced)).unwrap();
    let reference = plan(Level::detect(), Forced::Reference);
    for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
        layouts(&cells, 6, |layout, columns| {
            let due = score(&reference, columns.clone(), OnRefused::Raise).unwrap();
            let found = score(&plan(level, Forced::Tiled), columns, OnRefused::Raise).unwrap();
            assert_eq!(format!("{found:?}"), format!("{due:?}"), "{level}, {layout}");
        });
    }
}
