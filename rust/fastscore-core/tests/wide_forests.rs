//! Engines that keep a key for each feature, where features fill the keys of a row, or are more than these: the bits of the
//! reference interpreter.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use fastscore_core::exec::table::{Body, Chunk, Column, Nulls, Numbers, Strided, Table, Values};
use fastscore_core::exec::{self, Data, OnRefused, Output};
use fastscore_core::model::*;
use fastscore_core::plan::{Forced, Plan};
use fastscore_core::reference;
use fastscore_core::simd::Level;

/// Rows of a block and some more.
const ROWS: usize = 700;

/// Numbers on thresholds, which are eighths, next to them, and none.
fn cell(row: usize, feature: usize) -> f64 {
    let x = ((row * 7 + feature * 3) % 65) as f64 / 64.0;
    match (row + feature) % 11 {
        0 => f64::NAN,
        1 => x.next_up(),
        2 => x.next_down(),
        3 if row.is_multiple_of(3) => f64::INFINITY,
        _ => x,
    }
}

#[test]
fn forests_of_many_features_equal_the_reference() {
    let columns: Vec<Vec<f64>> = (0..70).map(|feature| (0..ROWS).map(|row| cell(row, feature)).collect()).collect();
    let mut engines = Vec::new();
    for (features, sides) in [30, 31, 32, 33, 45, 62, 63, 64, 65, 70].into_iter().flat_map(|f| [(f, 1), (f, 2)]) {
        let mut forest = common::complete_trees(features, 6, 9, 64, 1);
        // Where both sides are there for missing values, a feature has two planes.
        let flag = |split: usize| if (split / features) % sides == 1 { FLAG_MISSING_LEFT } else { 0 };
        forest.flags = (0..forest.feature.len()).map(flag).collect();
        let step = Step { input: 0, op: Op::Forest(forest) };
        let model = Arc::new(Model::new(common::parts(features, vec![step], 1)).unwrap());
        let row = |row: usize| columns[..features].iter().map(|column| column[row]).collect::<Vec<_>>();
        let due: Vec<u64> = (0..ROWS).map(|r| reference::interpret(&model, &row(r)).values[1][0].to_bits()).collect();
        let array: Vec<f64> = (0..ROWS).flat_map(row).collect();
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            for forced in [Forced::Sliced, Forced::Tiled, Forced::Walk] {
                let Ok(plan) = Plan::compile_for(model.clone(), level, Some(forced)) else { continue };
                engines.push((forced, features));
                let body = Body::Columns(columns[..features].iter().map(|column| strided(column, 0, 1)).collect());
                let by_column = Table::new(None, body, ROWS).unwrap();
                let body = Body::Columns((0..features).map(|f| strided(&array, f, features)).collect());
                let by_row = Table::new(None, body, ROWS).unwrap();
                for table in [by_column, by_row] {
                    let scores = exec::score(&plan, &table, Output::Margin, Some(1), OnRefused::Raise, &|| false);
                    let scores = scores.unwrap();
                    let Data::F64(found) = &scores.groups[0].data else { unreachable!("margins are float64") };
                    let wrong = found.iter().zip(&due).position(|(found, due)| found.to_bits() != *due);
                    assert_eq!(wrong, None, "{features} features, {sides} sides, {level}, {}", forced.name());
                }
            }
        }
    }
    for features in [30, 33, 63] {
        assert!(engines.contains(&(Forced::Tiled, features)), "no tiles were laid out over {features} features");
    }
}

/// A column of numbers that begin at one and are so far apart.
fn strided(numbers: &[f64], first: usize, stride: usize) -> Column<'_> {
    let values = Values::F64(Strided::new(&numbers[first..], stride, ROWS).unwrap());
    Column::Numbers(Numbers::new([Chunk { values, nulls: Nulls::None }]))
}
