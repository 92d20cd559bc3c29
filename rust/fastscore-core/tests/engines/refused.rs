//! Calls that give no scores: values that are refused, no rows, and those that are interrupted.

use super::*;

fn small(policy: OnBadValue) -> Plan {
    let grown = Grown { splits: vec![(0, 1, 0.5, 1)], values: vec![1.0, 2.0] };
    let forest = forest(vec![grown], Comparison::Le, 1, false, None);
    Plan::compile_for(Arc::new(model(forest, Width::Float32, vec![], policy)), Level::detect(), None).unwrap()
}

#[test]
fn refused_values_name_column_row_and_count() {
    let plan = small(OnBadValue::Refuse);
    let good = vec![0.25; 5000];
    let mut missing = good.clone();
    (missing[4000], missing[4999]) = (f64::NAN, f64::NAN);
    let mut large = good.clone();
    large[3] = 1e39;
    let score = |columns: [&[f64]; FEATURES], on_refused| {
        let table = Table::new(None, Body::Columns(columns.map(|c| numbers([c])).to_vec()), 5000).unwrap();
        exec::score(&plan, &table, Output::Margin, Some(2), on_refused, &|| false)
    };
    let error = score([&good, &missing, &good, &large], OnRefused::Raise).unwrap_err();
    assert_eq!(error, Error::MissingValue { column: "number 1".into(), row: 4000, count: 2 });
    let error = score([&good, &good, &good, &large], OnRefused::Raise).unwrap_err();
    assert_eq!(error, Error::NonFinite { column: "number 3".into(), row: 3, count: 1, width: "float32" });
    let scores = score([&good, &missing, &good, &large], OnRefused::Null).unwrap();
    let nulls: Vec<_> =
        scores.nulls.unwrap().iter().enumerate().filter(|(_, n)| **n != 0).map(|(row, _)| row).collect();
    assert_eq!(nulls, [3, 4000, 4999]);
}

/// In an array of rows a refused value is found beside cells that no feature reads, which may be anything.
#[test]
fn refused_values_of_arrays_of_rows() {
    let plan = small(OnBadValue::Refuse);
    let score = |cells: &[f64]| {
        let column = |f: usize| {
            let values = Values::F64(Strided::new(&cells[f..], FEATURES + 1, 5000).unwrap());
            Column::Numbers(Numbers::new([Chunk { values, nulls: Nulls::None }]))
        };
        let table = Table::new(None, Body::Columns((0..FEATURES).map(column).collect()), 5000).unwrap();
        exec::score(&plan, &table, Output::Margin, Some(2), OnRefused::Raise, &|| false)
    };
    // The largest that float32 rounds to a number, and NaN where no feature looks.
    let limit = 3.402_823_567_797_336_6e38_f64;
    let mut cells = vec![limit.next_down(); 5000 * (FEATURES + 1)];
    assert!(score(&cells).is_ok());
    cells[7 * (FEATURES + 1) + FEATURES] = f64::NAN;
    assert!(score(&cells).is_ok());
    cells[4321 * (FEATURES + 1) + 2] = limit;
    let error = score(&cells).unwrap_err();
    assert_eq!(error, Error::NonFinite { column: "number 2".into(), row: 4321, count: 1, width: "float32" });
    // One row has any stride.
    for stride in [0, 1, FEATURES + 1] {
        let column = |f: usize| {
            let values = Values::F64(Strided::new(&cells[4321 * (FEATURES + 1) + f..], stride, 1).unwrap());
            Column::Numbers(Numbers::new([Chunk { values, nulls: Nulls::None }]))
        };
        let table = Table::new(None, Body::Columns((0..FEATURES).map(column).collect()), 1).unwrap();
        let error = exec::score(&plan, &table, Output::Margin, Some(1), OnRefused::Raise, &|| false).unwrap_err();
        assert_eq!(error, Error::NonFinite { column: "number 2".into(), row: 0, count: 1, width: "float32" });
    }
    cells[3] = f64::NAN;
    cells[4321 * (FEATURES + 1) + 2] = 0.0;
    let error = score(&cells).unwrap_err();
    assert_eq!(error, Error::MissingValue { column: "number 3".into(), row: 0, count: 1 });
}

#[test]
fn no_rows_give_no_scores_of_the_right_type() {
    let plan = small(OnBadValue::Accept);
    let table = Table::new(None, Body::Columns(vec![numbers([]); FEATURES]), 0).unwrap();
    let margin = exec::score(&plan, &table, Output::Margin, Some(1), OnRefused::Raise, &|| false).unwrap();
    assert_eq!(margin.groups[0].data, Data::F64(vec![].into()));
    let leaf = exec::score(&plan, &table, Output::Leaf, Some(1), OnRefused::Raise, &|| false).unwrap();
    assert_eq!(leaf.groups[0].data, Data::I32(vec![]));
}

#[test]
fn a_call_can_be_interrupted() {
    let grown = Grown { splits: vec![(0, 1, 0.5, 1)], values: vec![1.0, 2.0] };
    let forest = forest(vec![grown; 2000], Comparison::Le, 1, false, None);
    let model = Arc::new(model(forest, Width::Float64, vec![], OnBadValue::Accept));
    let plan = Plan::compile_for(model, Level::Portable, Some(Forced::Walk)).unwrap();
    let column = vec![0.25; 200_000];
    let table = Table::new(None, Body::Columns(vec![numbers([column.as_slice()]); FEATURES]), column.len()).unwrap();
    let error = exec::score(&plan, &table, Output::Margin, Some(2), OnRefused::Raise, &|| true).unwrap_err();
    assert_eq!(error, Error::Interrupted);
}
