//! Steps that look numbers up or multiply columns: at every level, in every block size, they give the bits of the
//! reference interpreter and what is computed by hand; they are written and read back, and refused where malformed.

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

fn parts(features: usize, steps: Vec<Step>) -> ModelParts {
    let last = steps.len();
    common::parts(features, steps, last)
}

fn model(features: usize, op: Op) -> Result<Model, Error> {
    Model::new(parts(features, vec![Step { input: 0, op }]))
}

fn bits(x: f64) -> u64 {
    if x.is_nan() { u64::MAX } else { x.to_bits() }
}

fn table(columns: &[Vec<f64>]) -> Table<'_> {
    let numbers = columns.iter().map(|column| {
        Column::Numbers(Numbers::new([Chunk { values: Values::F64(Strided::contiguous(column)), nulls: Nulls::None }]))
    });
    Table::new(None, Body::Columns(numbers.collect()), columns[0].len()).unwrap()
}

/// Each level gives the interpreter's bits, of the rows and of so many copies of them; gives them, row after row.
fn check(model: Model, columns: &[Vec<f64>], times: usize) -> Vec<Vec<f64>> {
    let model = Arc::new(model);
    let last = model.steps().len();
    let many: Vec<Vec<f64>> = columns.iter().map(|column| column.repeat(times)).collect();
    let rows: Vec<Vec<f64>> = (0..columns[0].len())
        .map(|row| {
            let features: Vec<f64> = columns.iter().map(|column| column[row]).collect();
            reference::interpret(&model, &features).values[last].clone()
        })
        .collect();
    for (columns, times) in [(columns, 1), (&many, times)] {
        let expected: Vec<u64> = (0..rows[0].len())
            .flat_map(|c| rows.iter().map(move |row| bits(row[c])).collect::<Vec<_>>().repeat(times))
            .collect();
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            for forced in [None, Some(Forced::Reference)] {
                let plan = Plan::compile_for(model.clone(), level, forced).unwrap();
                let table = table(columns);
                let scores = exec::score(&plan, &table, Output::Margin, Some(1), OnRefused::Raise, &|| false).unwrap();
                let Data::F64(found) = &scores.groups[0].data else { panic!() };
                let found: Vec<u64> = found.iter().map(|&x| bits(x)).collect();
                assert!(found == expected, "{:?} at {level}, {forced:?}", model.steps());
            }
        }
    }
    rows
}

/// One column through a step of one column.
fn one(op: Op, xs: &[f64]) -> Vec<u64> {
    check(model(1, op).unwrap(), &[xs.to_vec()], 1 + 5000 / xs.len()).iter().map(|row| bits(row[0])).collect()
}

fn all(xs: &[f64]) -> Vec<u64> {
    xs.iter().map(|&x| bits(x)).collect()
}

fn map_of(keys: &[f64], values: &[f64], missing: f64, other: f64) -> Map {
    Map {
        column: vec![0],
        offset: vec![0, keys.len() as i64],
        key: keys.to_vec(),
        value: values.to_vec(),
        missing: vec![missing],
        other: vec![other],
    }
}

#[test]
fn maps_by_hand() {
    let dense = map_of(&[-1.0, 0.0, 3.0], &[10.0, NAN, 30.0], 5.0, -7.0);
    let xs = [-1.0, 0.0, -0.0, 3.0, 1.0, 2.0, 4.0, -2.0, 0.5, 3.0f64.next_down(), NAN, INF, -INF, 1e300, 5e-324];
    let expected = [10.0, NAN, NAN, 30.0, -7.0, -7.0, -7.0, -7.0, -7.0, -7.0, 5.0, -7.0, -7.0, -7.0, -7.0];
    assert_eq!(one(Op::Map(dense), &xs), all(&expected));
    let wide = map_of(&[-INF, -0.5, 0.0, 0.1, 1e9, INF], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], NAN, 0.0);
    let xs = [-INF, -0.5, -0.0, 0.1, 0.1f64.next_up(), 1e9, INF, NAN, f64::MAX];
    assert_eq!(one(Op::Map(wide), &xs), all(&[1.0, 2.0, 3.0, 4.0, 0.0, 5.0, 6.0, NAN, 0.0]));
    assert_eq!(one(Op::Map(map_of(&[], &[], 1.0, 2.0)), &[0.0, NAN, INF]), all(&[2.0, 1.0, 2.0]));
    // Integers beyond which neighbours are no integers apart.
    let large = 9007199254740992.0;
    assert_eq!(
        one(Op::Map(map_of(&[large, large + 2.0], &[1.0, 2.0], 0.0, 9.0)), &[large, large + 2.0, large + 4.0]),
        all(&[1.0, 2.0, 9.0])
    );
}

#[test]
fn one_hot_of_missing_values() {
    let one_hot = OneHot { feature: vec![0, 0, 0], value: vec![NAN, 0.0, INF] };
    let rows = check(model(1, Op::OneHot(one_hot)).unwrap(), &[vec![NAN, -0.0, INF, 1.0]], 2);
    assert_eq!(rows, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]);
}

#[test]
fn bins_by_hand() {
    let few = Bins { offset: vec![0, 4], edge: vec![-1.0, 0.5, 0.5, INF] };
    let xs = [-1.0, (-1.0f64).next_up(), -2.0, 0.5, 0.4, 7.0, INF, -INF, NAN, -0.0];
    assert_eq!(one(Op::Bins(few), &xs), all(&[1.0, 1.0, 0.0, 3.0, 1.0, 3.0, 4.0, 0.0, 4.0, 1.0]));
    for count in [0, 1, 15, 16, 17, 31, 32, 33, 100] {
        let many = Bins { offset: vec![0, count], edge: (0..count).map(|i| i as f64).collect() };
        let xs: Vec<f64> = (-2..=count + 1).flat_map(|i| [i as f64, i as f64 + 0.5]).chain([NAN]).collect();
        let due: Vec<f64> = xs
            .iter()
            .map(|x| if x.is_nan() { count as f64 } else { (x.floor() + 1.0).clamp(0.0, count as f64) })
            .collect();
        assert_eq!(one(Op::Bins(many), &xs), all(&due));
    }
}

#[test]
fn interpolation_by_hand() {
    let points = |x: &[f64], y: &[f64]| {
        Op::Interpolate(Interpolate { offset: vec![0, x.len() as i64], x: x.to_vec(), y: y.to_vec() })
    };
    let lines = points(&[-1.0, 0.0, 0.0, 2.0], &[0.0, 0.5, 1.0, -1.0]);
    let xs = [-3.0, -1.0, -0.5, 0.0, -0.0, 1.0, 2.0, 5.0, INF, -INF, NAN];
    assert_eq!(one(lines, &xs), all(&[0.0, 0.0, 0.25, 1.0, 1.0, 0.0, -1.0, -1.0, -1.0, 0.0, NAN]));
    // NumPy: everything becomes the single point's y, NaN too.
    assert_eq!(one(points(&[1.0], &[2.0]), &[0.0, 1.0, NAN, INF]), all(&[2.0; 4]));
    // From the right point where the left one gives NaN, and their y where both do.
    assert_eq!(one(points(&[-INF, 0.0], &[1.0, 2.0]), &[-INF, -1.0, 0.0]), all(&[1.0, 2.0, 2.0]));
    assert_eq!(one(points(&[-INF, INF], &[3.0, 3.0]), &[0.0]), all(&[3.0]));
    assert_eq!(one(points(&[0.0, 1.0], &[-INF, INF]), &[0.5]), all(&[NAN]));
}

#[test]
fn products_by_hand() {
    let polynomial = Polynomial { offset: vec![0, 0, 1, 4], factor: vec![1, 0, 0, 1] };
    let rows = check(model(2, Op::Polynomial(polynomial)).unwrap(), &[vec![3.0, 1e200], vec![5.0, 0.0]], 2);
    assert_eq!(rows[0], [1.0, 5.0, 45.0]);
    assert_eq!(all(&rows[1]), all(&[1.0, 0.0, NAN]));
    let square = Step { input: 0, op: common::combine(Arithmetic::Product, vec![0, 0]) };
    let rows = check(Model::new(parts(2, vec![square])).unwrap(), &[vec![3.0], vec![-2.0]], 2);
    assert_eq!(rows[0], [27.0, -8.0]);
}

/// Numbers of which tables are made, and such as are looked up in them.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-8i32..40).prop_map(f64::from),
        2 => (-8i32..8).prop_map(|i| f64::from(i) / 4.0),
        1 => -3.0..3.0f64,
        1 => any::<u64>().prop_map(f64::from_bits),
        1 => prop::sample::select(vec![0.0, -0.0, INF, -INF, NAN, 5e-324, 9007199254740993.0, 4503599627370497.0]),
    ]
}

fn sorted(mut numbers: Vec<f64>) -> Vec<f64> {
    numbers.retain(|x| !x.is_nan());
    numbers.sort_by(f64::total_cmp);
    numbers
}

fn offsets(lists: &[Vec<f64>]) -> Vec<i64> {
    let mut end = 0;
    std::iter::once(0)
        .chain(lists.iter().map(|list| {
            end += list.len() as i64;
            end
        }))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn levels_equal_the_reference(
        lists in prop::collection::vec(prop::collection::vec(value(), 1..40), 3..4),
        mut rows in prop::collection::vec(prop::collection::vec(value(), 3..4), 1..50),
        others in prop::collection::vec(value(), 4..5),
    ) {
        let lists: Vec<Vec<f64>> = lists.into_iter().map(sorted).collect();
        // What is on an edge, and beside it.
        for (i, &x) in lists.concat().iter().enumerate() {
            rows.push(vec![x, [x.next_up(), x.next_down(), -x][i % 3], x]);
        }
        let columns: Vec<Vec<f64>> = (0..3).map(|c| rows.iter().map(|row| row[c]).collect()).collect();
        let mut keys = lists.clone();
        keys.iter_mut().for_each(|keys| keys.dedup_by(|a, b| a == b));
        let count = keys.concat().len();
        let map = Map {
            column: vec![2, 0, 0],
            offset: offsets(&keys),
            key: keys.concat(),
            value: (0..count).map(|i| others[i % 4] + i as f64).collect(),
            missing: vec![others[0], NAN, 0.0],
            other: vec![NAN, others[1], others[2]],
        };
        check(model(3, Op::Map(map)).unwrap(), &columns, 3);
        check(model(3, Op::Bins(Bins { offset: offsets(&lists), edge: lists.concat() })).unwrap(), &columns, 3);
        let points: Vec<Vec<f64>> =
            lists.iter().map(|list| if list.is_empty() { vec![0.0] } else { list.clone() }).collect();
        let y = points.concat().iter().rev().map(|y| y * 0.5).collect();
        let lines = Interpolate { offset: offsets(&points), x: points.concat(), y };
        check(model(3, Op::Interpolate(lines)).unwrap(), &columns, 3);
        let one_hot = OneHot { feature: vec![0, 1, 2, 1], value: others };
        check(model(3, Op::OneHot(one_hot)).unwrap(), &columns, 3);
        let polynomial = Polynomial { offset: vec![0, 2, 2, 5, 6], factor: vec![0, 1, 2, 2, 0, 1] };
        check(model(3, Op::Polynomial(polynomial)).unwrap(), &columns, 3);
    }
}

fn refusal(features: usize, op: Op) -> String {
    match model(features, op) {
        Err(Error::ModelFormat(message) | Error::TooWide { message, .. }) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn broken_maps_are_refused() {
    let broken = |change: fn(&mut Map)| {
        let mut map = map_of(&[0.0, 1.0], &[2.0, 3.0], 0.0, 0.0);
        change(&mut map);
        refusal(2, Op::Map(map))
    };
    assert!(broken(|map| map.column = vec![2]).contains("column 2 of 2"));
    assert!(broken(|map| map.column = vec![-1]).contains("column -1 of 2"));
    assert!(broken(|map| map.column = vec![0, 1]).contains("column has 2 entries, 1 are due"));
    assert!(broken(|map| map.value.push(1.0)).contains("value has 3 entries, 2 are due"));
    assert!(broken(|map| map.missing.clear()).contains("missing has 0 entries"));
    assert!(broken(|map| map.other.push(0.0)).contains("other has 2 entries"));
    assert!(broken(|map| map.key[1] = 0.0).contains("keys of column 0 do not rise"));
    assert!(broken(|map| map.key = vec![0.0, -0.0]).contains("do not rise"));
    assert!(broken(|map| map.key[1] = NAN).contains("do not rise"));
    assert!(
        broken(|map| (map.key, map.value, map.offset) = (vec![NAN], vec![0.0], vec![0, 1])).contains("a key is NaN")
    );
    for offset in [vec![], vec![0], vec![0, 1], vec![1, 2], vec![0, 3], vec![0, 3, 2]] {
        let mut map = map_of(&[0.0, 1.0], &[2.0, 3.0], 0.0, 0.0);
        map.offset = offset;
        assert!(refusal(2, Op::Map(map)).contains("offset must rise from 0 to 2"));
    }
    let none = Map { offset: vec![0], ..Map::default() };
    assert!(refusal(2, Op::Map(none)).contains("0 columns"));
}

#[test]
fn broken_bins_are_refused() {
    let bins =
        |offset: &[i64], edge: &[f64]| refusal(2, Op::Bins(Bins { offset: offset.to_vec(), edge: edge.to_vec() }));
    assert!(bins(&[0, 1], &[0.0]).contains("1 columns, the value has 2"));
    assert!(bins(&[0, 2, 2], &[1.0, 0.0]).contains("the numbers of column 0 fall"));
    assert!(bins(&[0, 0, 1], &[NAN]).contains("a number is NaN"));
    assert!(bins(&[0, 1, 3], &[0.0]).contains("offset must rise"));
    assert!(bins(&[], &[]).contains("offset must rise"));
}

#[test]
fn broken_lines_are_refused() {
    let lines = |offset: &[i64], x: &[f64], y: &[f64]| {
        refusal(1, Op::Interpolate(Interpolate { offset: offset.to_vec(), x: x.to_vec(), y: y.to_vec() }))
    };
    assert!(lines(&[0, 2], &[1.0, 0.0], &[0.0; 2]).contains("fall"));
    assert!(lines(&[0, 1], &[NAN], &[0.0]).contains("NaN"));
    assert!(lines(&[0, 1], &[0.0], &[NAN]).contains("a y is NaN"));
    assert!(lines(&[0, 1], &[0.0], &[]).contains("1 x for 0 y"));
    assert!(lines(&[0, 0], &[], &[]).contains("column 0 has no point"));
    assert!(lines(&[0, 1, 2], &[0.0; 2], &[0.0; 2]).contains("2 columns, the value has 1"));
    assert!(lines(&[0, 2], &[0.0], &[0.0]).contains("offset must rise"));
}

#[test]
fn broken_products_are_refused() {
    let products = |offset: &[i64], factor: &[i32]| {
        refusal(2, Op::Polynomial(Polynomial { offset: offset.to_vec(), factor: factor.to_vec() }))
    };
    assert!(products(&[0, 1], &[2]).contains("column 2 of 2"));
    assert!(products(&[0, 1], &[-1]).contains("column -1 of 2"));
    assert!(products(&[0, 2], &[1]).contains("offset must rise"));
    assert!(products(&[0], &[]).contains("0 columns"));
    let narrow = Step { input: 0, op: Op::Link(Link::Columns { columns: vec![0, 1] }, Width::Float64) };
    let product = Step { input: 0, op: common::combine(Arithmetic::Product, vec![1]) };
    let error = Model::new(parts(3, vec![narrow, product])).unwrap_err().to_string();
    assert!(error.contains("product of 3 columns and the 2 of value 1"), "{error}");
}

#[test]
fn broken_arithmetic_and_embeddings_are_refused() {
    let with = |how, others: Vec<usize>| {
        let three = Step { input: 0, op: Op::Link(Link::Columns { columns: vec![0, 1, 0] }, Width::Float64) };
        let step = Step { input: 0, op: common::combine(how, others) };
        Model::new(parts(2, vec![three, step])).map(|model| model.width(2)).map_err(|error| error.to_string())
    };
    for how in Arithmetic::ALL {
        let error = with(how, vec![1]).unwrap_err();
        assert!(error.contains(&format!("{} of 3 columns and the 2 of value 0", how.name())), "{error}");
        assert!(with(how, vec![2]).unwrap_err().contains("value 2, which comes later"));
    }
    for how in [Arithmetic::Difference, Arithmetic::Quotient, Arithmetic::Mask] {
        assert!(with(how, vec![]).unwrap_err().contains("of 1 values, it takes two"));
        assert!(with(how, vec![0, 0]).unwrap_err().contains("of 3 values, it takes two"));
        assert_eq!(with(how, vec![0]), Ok(2));
    }
    let embedding = |columns: &[usize], dims, numbers| {
        refusal(2, Op::Embedding(Embedding { columns: columns.to_vec(), wrap: false, dims, table: vec![0.5; numbers] }))
    };
    assert!(embedding(&[0, 2], 2, 4).contains("column 2 of 2"));
    assert!(embedding(&[0], 0, 0).contains("0 numbers in rows of 0"));
    assert!(embedding(&[0], 0, 3).contains("3 numbers in rows of 0"));
    assert!(embedding(&[0], 2, 0).contains("0 numbers in rows of 2"));
    assert!(embedding(&[0], 2, 3).contains("3 numbers in rows of 2"));
    assert!(embedding(&[], 2, 4).contains("gives 0 columns"));
    assert!(embedding(&[1; 1 << 18], 2, 4).contains("at most"));
}

#[test]
fn arithmetic_and_embeddings_by_hand() {
    let nan = f64::NAN;
    let (columns, one) = (Link::Columns { columns: vec![0, 1] }, Link::Columns { columns: vec![2] });
    let of = |how, width, row: [f64; 3]| {
        let steps = vec![
            Step { input: 0, op: Op::Link(columns.clone(), Width::Float64) },
            Step { input: 0, op: Op::Link(one.clone(), Width::Float64) },
            Step { input: 1, op: Op::Combine(Combine { how, others: vec![2], width }) },
            Step { input: 2, op: Op::Combine(Combine { how, others: vec![1], width }) },
        ];
        common::check_steps(steps.clone(), 3, &vec![row.to_vec(); 70]);
        common::check_steps(steps.clone(), 4, &vec![row.to_vec(); 70]);
        reference::interpret(&Model::new(parts(3, steps)).unwrap(), &row).values[3].clone()
    };
    assert_eq!(of(Arithmetic::Difference, Width::Float64, [1.0, -2.0, 0.5]), [0.5, -2.5]);
    assert_eq!(of(Arithmetic::Quotient, Width::Float64, [1.0, -2.0, 0.0]), [f64::INFINITY, f64::NEG_INFINITY]);
    assert_eq!(of(Arithmetic::Minimum, Width::Float64, [1.0, -2.0, 0.5]), [0.5, -2.0]);
    assert_eq!(of(Arithmetic::Maximum, Width::Float64, [1.0, -2.0, 0.5]), [1.0, 0.5]);
    for how in [Arithmetic::Minimum, Arithmetic::Maximum] {
        assert!(of(how, Width::Float64, [nan, 1.0, 0.5])[0].is_nan());
        assert!(of(how, Width::Float32, [0.0, 1.0, nan]).iter().all(|x| x.is_nan()));
    }
    for width in [Width::Float64, Width::Float32] {
        assert_eq!(of(Arithmetic::Mask, width, [1.0, f64::INFINITY, nan]), [1.0, f64::INFINITY]);
        assert!(of(Arithmetic::Mask, width, [nan, nan, -2.0]).iter().all(|x| x.is_nan()));
        let masked = of(Arithmetic::Mask, width, [1.0, nan, -0.0]);
        assert_eq!(masked.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), [(-0.0f64).to_bits(); 2]);
    }
    let third = f64::from(1.0f32 / 3.0f32);
    assert_eq!(of(Arithmetic::Quotient, Width::Float32, [1.0, 1.0 + 1e-9, 3.0]), [third, third]);
    assert_eq!(of(Arithmetic::Sum, Width::Float32, [1.0, 2.0, 1e-9]), [1.0, 2.0]);

    let table = vec![0.0, 1.0, 10.0, 11.0, 20.0, 21.0];
    let look_up = |wrap, x: f64| {
        let op = Op::Embedding(Embedding { columns: vec![1, 1], wrap, dims: 2, table: table.clone() });
        common::check_steps(vec![Step { input: 0, op: op.clone() }], 1, &vec![vec![0.0, x]; 70]);
        let values = reference::interpret(&model(2, op).unwrap(), &[0.0, x]).values[1].clone();
        assert!(values[0].to_bits() == values[2].to_bits() && values[1].to_bits() == values[3].to_bits());
        (!values[0].is_nan()).then_some([values[0], values[1]])
    };
    for wrap in [false, true] {
        assert_eq!(look_up(wrap, 0.0), Some([0.0, 1.0]));
        assert_eq!(look_up(wrap, 1.999), Some([10.0, 11.0]));
        assert_eq!(look_up(wrap, 2.0), Some([20.0, 21.0]));
        assert_eq!(look_up(wrap, -0.999), Some([0.0, 1.0]));
        for beyond in [3.0, -4.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300] {
            assert_eq!(look_up(wrap, beyond), None);
        }
    }
    assert_eq!((look_up(false, -1.0), look_up(true, -1.0)), (None, Some([20.0, 21.0])));
    assert_eq!((look_up(false, -3.5), look_up(true, -3.5)), (None, Some([0.0, 1.0])));
}

#[test]
fn columns_that_no_bytes_stand_for_are_refused() {
    let with = |sums: usize| {
        let gather = Step { input: 0, op: Op::Concat(Vec::new()) };
        let sum = Step { input: 1, op: Op::Link(Link::LogSumExp {}, Width::Float64) };
        Model::new(parts(40_000, std::iter::once(gather).chain(vec![sum; sums]).collect()))
    };
    assert!(with(400).is_ok());
    let error = with(500).unwrap_err().to_string();
    assert!(error.contains("steps read more than 16777216 columns of values that gather"), "{error}");
}

#[test]
fn steps_are_written_and_read_back() {
    let ops = vec![
        Op::Map(map_of(&[0.0, 2.0], &[1.0, 3.0], 4.0, -1.0)),
        Op::Bins(Bins { offset: vec![0, 1], edge: vec![0.5] }),
        Op::Interpolate(Interpolate { offset: vec![0, 2], x: vec![0.0, 1.0], y: vec![2.0, 3.0] }),
        Op::Polynomial(Polynomial { offset: vec![0, 1, 3], factor: vec![0, 0, 0] }),
        common::combine(Arithmetic::Product, vec![0, 0]),
        Op::Combine(Combine { how: Arithmetic::Maximum, others: vec![0], width: Width::Float32 }),
        Op::Embedding(Embedding { columns: vec![0, 0], wrap: true, dims: 2, table: vec![0.5, 1.0] }),
    ];
    for op in ops {
        let model = model(1, op).unwrap();
        let bytes = model.to_bytes().unwrap();
        let again = Model::from_bytes(&bytes).unwrap();
        assert_eq!(again, model);
        assert_eq!(again.to_bytes().unwrap(), bytes);
    }
}
