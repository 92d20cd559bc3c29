//! Every engine at every width, for every number of rows and threads, gives the bits of the reference interpreter, on
//! random models and on rows at, above and below their thresholds.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod large;
mod models;
mod refused;
mod symmetric;

use std::collections::BTreeMap;
use std::sync::Arc;

use fastscore_core::Error;
use fastscore_core::exec::table::{Body, Chunk, Column, Csr, Nulls, Numbers, Strided, Table, Values};
use fastscore_core::exec::{self, Data, FEW_ROWS, OnRefused, Output, Scores};
use fastscore_core::model::*;
use fastscore_core::plan::{Forced, Plan};
use fastscore_core::reference;
use fastscore_core::simd::Level;
use proptest::prelude::*;

use self::models::*;

const FEATURES: usize = 4;

/// Rows around every threshold of the model, and the values that trip engines.
fn rows(model: &Model, seeds: &[u64]) -> Vec<[f64; FEATURES]> {
    let Op::Forest(forest) = &model.steps()[0].op else { unreachable!() };
    let mut pool = vec![
        0.0,
        -0.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e-36,
        -1e-36,
        f64::from(1e-35f32),
        f64::from(1e-35f32).next_up(),
        5e-324,
        1e-45,
        1e39,
        -1e39,
        f64::MAX,
        1.0,
        2.0,
        31.0,
        32.5,
        63.0,
        64.0,
        96.0,
        6399.0,
        6400.0,
        2_147_483_647.0,
        2_147_483_648.0,
        4_294_967_296.0,
        -1.0,
        -0.5,
        0.1,
    ];
    for &t in &forest.threshold {
        let narrow = t as f32;
        pool.extend([t, t.next_up(), t.next_down(), narrow.into(), narrow.next_up().into(), narrow.next_down().into()]);
    }
    seeds
        .iter()
        .map(|seed| {
            std::array::from_fn(|f| {
                let mixed = seed.wrapping_add(f as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                pool[(mixed >> 33) as usize % pool.len()]
            })
        })
        .collect()
}

fn columns(rows: &[[f64; FEATURES]]) -> Vec<Vec<f64>> {
    (0..FEATURES).map(|f| rows.iter().map(|row| row[f]).collect()).collect()
}

fn numbers<'a>(chunks: impl IntoIterator<Item = &'a [f64]>) -> Column<'a> {
    Column::Numbers(Numbers::new(
        chunks.into_iter().map(|chunk| Chunk { values: Values::F64(Strided::contiguous(chunk)), nulls: Nulls::None }),
    ))
}

fn bits(scores: &Scores) -> Vec<u64> {
    let mut all = Vec::new();
    for group in &scores.groups {
        match &group.data {
            Data::F64(data) => all.extend(data.iter().map(|x| if x.is_nan() { u64::MAX } else { x.to_bits() })),
            Data::F32(data) => {
                all.extend(data.iter().map(|x| if x.is_nan() { u64::MAX } else { f64::from(*x).to_bits() }))
            }
            Data::I32(data) => all.extend(data.iter().map(|&x| x as u64)),
        }
    }
    all
}

/// The first element that differs, for a message that can be read.
fn difference(found: &[u64], expected: &[u64]) -> Option<String> {
    if found.len() != expected.len() {
        return Some(format!("{} elements, {} are due", found.len(), expected.len()));
    }
    let at = found.iter().zip(expected).position(|(a, b)| a != b)?;
    Some(format!("element {at} is {:?}, {:?} is due", f64::from_bits(found[at]), f64::from_bits(expected[at])))
}

fn run(plan: &Plan, table: &Table, output: Output, threads: usize) -> Vec<u64> {
    bits(&exec::score(plan, table, output, Some(threads), OnRefused::Raise, &|| false).unwrap())
}

/// The first of these rows by the short way; None where the plan has none.
fn run_few(plan: &Plan, rows: &[[f64; FEATURES]], output: Output) -> Option<Vec<u64>> {
    let read = |features: &[usize], out: &mut [f64]| {
        let cells = features.iter().flat_map(|&feature| rows.iter().map(move |row| row[feature]));
        out.iter_mut().zip(cells).for_each(|(to, x)| *to = x);
        Some(())
    };
    exec::score_few(plan, rows.len(), output, OnRefused::Raise, read).map(|scores| bits(&scores))
}

/// What the interpreter says, column by column.
fn expected(model: &Model, rows: &[[f64; FEATURES]], output: Output) -> Vec<u64> {
    let interpreted: Vec<_> = rows.iter().map(|row| reference::interpret(model, row)).collect();
    if output == Output::Leaf {
        let trees = model.leaf_forest().unwrap().1.trees();
        return (0..trees).flat_map(|t| interpreted.iter().map(move |row| row.leaves[t] as u64)).collect();
    }
    let target = &model.targets()[0];
    let value = if output == Output::Margin { target.margin } else { target.probability.unwrap() };
    let column = |c: usize| {
        interpreted.iter().map(move |row| {
            let x = row.values[value][c];
            if x.is_nan() { u64::MAX } else { x.to_bits() }
        })
    };
    (0..model.width(value)).flat_map(column).collect()
}

fn plans(model: &Arc<Model>) -> Vec<(String, Plan)> {
    let mut plans = Vec::new();
    for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
        for forced in [None].into_iter().chain(Forced::ALL.map(Some)) {
            match Plan::compile_for(model.clone(), level, forced) {
                Ok(plan) => plans.push((format!("{level} {forced:?}"), plan)),
                Err(error) => {
                    let runs_all = matches!(forced, None | Some(Forced::Walk | Forced::Reference));
                    let may_refuse = !runs_all;
                    assert!(may_refuse, "{error}");
                    assert!(error.to_string().contains("does not fit that engine: "), "{error}");
                }
            }
        }
    }
    plans
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn engines_equal_the_reference(model in any_model(), seeds in prop::collection::vec(any::<u64>(), 1..700)) {
        let rows = rows(&model, &seeds);
        let columns = columns(&rows);
        let table = Table::new(None, Body::Columns(columns.iter().map(|c| numbers([c.as_slice()])).collect()), rows.len()).unwrap();
        let model = Arc::new(model);
        for (name, plan) in plans(&model) {
            for output in [Output::Margin, Output::Probability, Output::Leaf] {
                let found = difference(&run(&plan, &table, output, 1), &expected(&model, &rows, output));
                prop_assert_eq!(found, None, "{} {:?}", name, output);
                let rows = &rows[..rows.len().min(FEW_ROWS)];
                let few = run_few(&plan, rows, output);
                prop_assert_eq!(few.is_none(), name.contains("Reference"));
                let found = few.and_then(|few| difference(&few, &expected(&model, rows, output)));
                prop_assert_eq!(found, None, "{} few rows, {} {:?}", rows.len(), name, output);
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_batch(model in any_model(), seeds in prop::collection::vec(any::<u64>(), 300..301)) {
        let all = rows(&model, &seeds);
        let model = Arc::new(model);
        let plan = Plan::compile_for(model.clone(), Level::detect(), None).unwrap();
        for count in [1, 2, 8, 9, 15, 16, 17, 63, 64, 65, 255, 256, 257, 300] {
            let rows = &all[..count];
            let columns = columns(rows);
            // Two chunks that start anywhere.
            let cut = count * 2 / 3;
            let chunked: Vec<_> = columns.iter().map(|c| numbers([&c[..cut], &c[cut..]])).collect();
            let table = Table::new(None, Body::Columns(chunked), count).unwrap();
            for threads in [1, 2, 3] {
                let found = difference(&run(&plan, &table, Output::Margin, threads), &expected(&model, rows, Output::Margin));
                prop_assert_eq!(found, None, "{} rows", count);
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_memory(model in any_model(), seeds in prop::collection::vec(any::<u64>(), 1..400)) {
        let rows = rows(&model, &seeds);
        let expected = expected(&model, &rows, Output::Margin);
        let plan = Plan::compile_for(Arc::new(model), Level::detect(), None).unwrap();
        // Row-major.
        let matrix: Vec<f64> = rows.iter().flatten().copied().collect();
        let strided = (0..FEATURES).map(|f| Column::Numbers(Numbers::new([Chunk {
            values: Values::F64(Strided::new(&matrix[f..], FEATURES, rows.len()).unwrap()),
            nulls: Nulls::None,
        }])));
        let table = Table::new(None, Body::Columns(strided.collect()), rows.len()).unwrap();
        prop_assert_eq!(difference(&run(&plan, &table, Output::Margin, 2), &expected), None);
        // Nulls where the value is NaN.
        let columns = columns(&rows);
        let masks: Vec<Vec<u8>> = columns.iter().map(|c| c.iter().map(|x| u8::from(x.is_nan())).collect()).collect();
        let filled: Vec<Vec<f64>> = columns.iter().map(|c| c.iter().map(|&x| if x.is_nan() { 1.0 } else { x }).collect()).collect();
        let masked = filled.iter().zip(&masks).map(|(c, m)| Column::Numbers(Numbers::new([Chunk {
            values: Values::F64(Strided::contiguous(c)),
            nulls: Nulls::Mask(Strided::contiguous(m)),
        }])));
        let table = Table::new(None, Body::Columns(masked.collect()), rows.len()).unwrap();
        prop_assert_eq!(difference(&run(&plan, &table, Output::Margin, 1), &expected), None);
        // Sparse: zeros are absent.
        let (mut indptr, mut indices, mut data) = (vec![0], Vec::new(), Vec::new());
        for row in &rows {
            for (f, &x) in row.iter().enumerate().filter(|(_, x)| **x != 0.0) {
                indices.push(f as u32);
                data.push(x);
            }
            indptr.push(indices.len());
        }
        let values = Numbers::new([Chunk { values: Values::F64(Strided::contiguous(&data)), nulls: Nulls::None }]);
        let csr = Csr { indptr, indices, data: values, columns: FEATURES };
        let table = Table::new(None, Body::Csr(csr), rows.len()).unwrap();
        prop_assert_eq!(difference(&run(&plan, &table, Output::Margin, 1), &expected), None);
    }
}

/// Rows in one array of either width, with columns in any order and others between them, are read where they lie: few
/// trees without keys, many with.
#[test]
fn arrays_of_rows_equal_the_reference() {
    const STRIDE: usize = FEATURES + 3;
    for ((leaves, trees, width), backwards) in [1, 2, 40, 3000]
        .into_iter()
        .flat_map(|l| [1, 2, 9].map(|t| (l, t)))
        .flat_map(|(l, t)| [Width::Float32, Width::Float64].map(|width| (l, t, width)))
        .flat_map(|case| [false, true].map(|backwards| (case, backwards)))
    {
        let place = |feature: usize| if backwards { STRIDE - 2 - feature } else { 1 + feature };
        let tree = |tree: usize| {
            let threshold = |i: usize| ((i + 1000 * tree) as f64 * 0.37).sin() * 50.0;
            // A chain at first, so that leaves lie at all depths.
            let splits = (0..leaves - 1)
                .map(|i| (if i < 40 { i } else { i * 7 % (i + 1) }, i % FEATURES, threshold(i), (i % 2) as u8));
            Grown { splits: splits.collect(), values: (0..2 * leaves).map(|i| f64::from(i as u32).sqrt()).collect() }
        };
        let forest = forest((0..trees).map(tree).collect(), Comparison::Le, 2, true, None);
        let model = model(forest, width, vec![], OnBadValue::Accept);
        let rows = rows(&model, &(0..601).collect::<Vec<_>>());
        let narrow: Vec<_> = rows.iter().map(|row| row.map(|x| f64::from(x as f32))).collect();
        let model = Arc::new(model);
        let mut wide_cells = vec![f64::NAN; STRIDE * rows.len()];
        let mut narrow_cells = vec![f32::NAN; STRIDE * rows.len()];
        for (row, values) in rows.iter().enumerate() {
            for (feature, &x) in values.iter().enumerate() {
                wide_cells[row * STRIDE + place(feature)] = x;
                narrow_cells[row * STRIDE + place(feature)] = x as f32;
            }
        }
        for count in [1, 7, 600, 601] {
            let wide = |f: usize| Values::F64(Strided::new(&wide_cells[place(f)..], STRIDE, count).unwrap());
            let small = |f: usize| Values::F32(Strided::new(&narrow_cells[place(f)..], STRIDE, count).unwrap());
            let cases: [(Vec<Values>, _); 2] = [
                ((0..FEATURES).map(wide).collect(), &rows[..count]),
                ((0..FEATURES).map(small).collect(), &narrow[..count]),
            ];
            for (values, rows) in cases {
                let chunk = |values| Column::Numbers(Numbers::new([Chunk { values, nulls: Nulls::None }]));
                let table = Table::new(None, Body::Columns(values.into_iter().map(chunk).collect()), count).unwrap();
                for (name, plan) in plans(&model) {
                    for output in [Output::Margin, Output::Leaf] {
                        let found = difference(&run(&plan, &table, output, 1), &expected(&model, rows, output));
                        assert_eq!(
                            found, None,
                            "{leaves} leaves, {trees} trees, {width:?}, {count} rows, {name}, {output:?}"
                        );
                    }
                }
            }
        }
    }
}
