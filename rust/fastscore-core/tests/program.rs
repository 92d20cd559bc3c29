//! Whatever steps follow each other, a plan gives the bits of the reference interpreter: values that are views of others,
//! columns that nothing reads, steps that are fused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use fastscore_core::exec::table::{Body, Chunk, Column, Nulls, Numbers, Strided, Table, Values};
use fastscore_core::exec::{self, Data, OnRefused, Output};
use fastscore_core::model::*;
use fastscore_core::plan::{Forced, Plan};
use fastscore_core::simd::Level;
use proptest::prelude::*;
use proptest::sample::Index;

const FEATURES: usize = 4;
const NAN: f64 = f64::NAN;

/// Codes, what is beside them, and numbers that trip engines.
const VALUES: [f64; 20] = [
    0.0,
    1.0,
    2.0,
    3.0,
    4.0,
    -1.0,
    NAN,
    0.5,
    -0.0,
    1.0 + f64::EPSILON,
    1.0 - f64::EPSILON,
    f64::INFINITY,
    f64::NEG_INFINITY,
    5e-324,
    1e-35,
    -1e-36,
    1e300,
    -1e300,
    16777217.0,
    0.30000000000000004,
];

/// What a random step is made of.
#[derive(Debug, Clone)]
struct Recipe {
    kind: usize,
    inputs: Vec<Index>,
    columns: Vec<Index>,
    numbers: Vec<f64>,
    flags: Vec<u8>,
}

fn recipe() -> impl Strategy<Value = Recipe> {
    let number = prop_oneof![
        4 => (-8i32..24).prop_map(|i| f64::from(i) / 4.0),
        1 => prop::sample::select(vec![0.0, -0.0, 0.1, 0.5, 1.0, 1e-35, 1e10, -3e-7, 1e300, 5e-324]),
    ];
    (
        0usize..17,
        prop::collection::vec(any::<Index>(), 1..4),
        prop::collection::vec(any::<Index>(), 1..7),
        prop::collection::vec(number, 8),
        prop::collection::vec(0u8..4, 4),
    )
        .prop_map(|(kind, inputs, columns, numbers, flags)| Recipe { kind, inputs, columns, numbers, flags })
}

/// A step that reads what is there: `widths` of the values so far.
fn step(recipe: &Recipe, widths: &[usize]) -> (Step, usize) {
    let input = recipe.inputs[0].index(widths.len());
    let width = widths[input];
    let number = |i: usize| recipe.numbers[i % recipe.numbers.len()];
    let numbers = |count: usize, from: usize| (0..count).map(|i| number(from + i)).collect::<Vec<_>>();
    let columns: Vec<usize> = recipe.columns.iter().map(|column| column.index(width)).collect();
    let link = |link| (Step { input, op: Op::Link(link, Width::Float64) }, width);
    match recipe.kind {
        0 => link(Link::Affine { scale: numbers(width, 0), shift: numbers(width, 3) }),
        1 => {
            let feature: Vec<i32> = columns.iter().map(|&c| c as i32).collect();
            let value = (0..columns.len()).map(|i| (i % 5) as f64).collect();
            let outputs = columns.len();
            (Step { input, op: Op::OneHot(OneHot { feature, value }) }, outputs)
        }
        2 => (Step { input, op: Op::Link(Link::Columns { columns: columns.clone() }, Width::Float64) }, columns.len()),
        3 => {
            let others: Vec<usize> = recipe.inputs[1..].iter().map(|other| other.index(widths.len())).collect();
            let total = width + others.iter().map(|&other| widths[other]).sum::<usize>();
            if total > 64 {
                return link(Link::RoundToFloat32 {});
            }
            (Step { input, op: Op::Concat(others) }, total)
        }
        4 => link(Link::FillMissing { value: number(0), also: (recipe.flags[0] == 0).then_some(number(1)) }),
        5 => link(Link::Above { at: number(0), above: number(1), other: number(2) }),
        6 => link(Link::Clip { low: Some(number(0).min(number(1))), high: Some(number(0).max(number(1))) }),
        7 => {
            let outputs = [1, 2, 4, 6][recipe.flags[0] as usize];
            let linear = Linear {
                inputs: width,
                outputs,
                coefficients: numbers(width * outputs, 0),
                intercept: numbers(outputs, 5),
                width: Width::Float64,
            };
            (Step { input, op: Op::Linear(linear) }, outputs)
        }
        8 => {
            let keys: Vec<Vec<f64>> = columns.iter().enumerate().map(|(i, _)| sorted(numbers(i % 3 + 1, i))).collect();
            let count = columns.len();
            // Codes, or any numbers.
            let codes = recipe.flags[1] & 1 == 0;
            let value = |i: usize| if codes { (i % 4) as f64 } else { number(i) - 1.0 };
            let map = Map {
                column: columns.iter().map(|&c| c as i32).collect(),
                offset: offsets(&keys),
                value: (0..keys.concat().len()).map(value).collect(),
                key: keys.concat(),
                missing: (0..count).map(|i| if codes { [NAN, 4.0][i % 2] } else { number(i + 1) }).collect(),
                other: (0..count).map(|i| if codes { [-1.0, NAN][i % 2] } else { number(i) }).collect(),
            };
            (Step { input, op: Op::Map(map) }, count)
        }
        9 => {
            let edges: Vec<Vec<f64>> = (0..width).map(|c| sorted(numbers(c % 4, c))).collect();
            let bins = Bins { offset: offsets(&edges), edge: edges.concat() };
            (Step { input, op: Op::Bins(bins) }, width)
        }
        10 => {
            let x: Vec<Vec<f64>> = (0..width).map(|c| sorted(numbers(c % 4 + 1, c))).collect();
            let y = (0..x.concat().len()).map(number).collect();
            (Step { input, op: Op::Interpolate(Interpolate { offset: offsets(&x), x: x.concat(), y }) }, width)
        }
        11 => {
            let factors: Vec<Vec<i32>> = (0..3).map(|o| columns.iter().take(o).map(|&c| c as i32).collect()).collect();
            (Step { input, op: Op::Polynomial(Polynomial { offset: offsets(&factors), factor: factors.concat() }) }, 3)
        }
        12 => (
            Step {
                input,
                op: Op::Combine(Combine { how: Arithmetic::Product, others: vec![input], width: Width::Float64 }),
            },
            width,
        ),
        13 => {
            let scale = numbers(width, 1).iter().map(|&x| if x == 0.0 { 1.0 } else { x }).collect();
            link(Link::Standardize { shift: Some(numbers(width, 0)), scale: Some(scale) })
        }
        14 => link(Link::Impute { values: numbers(width, 0), missing: (recipe.flags[0] == 0).then_some(number(1)) }),
        _ => (Step { input, op: Op::Forest(forest(recipe, &columns)) }, 1),
    }
}

fn sorted(mut numbers: Vec<f64>) -> Vec<f64> {
    numbers.sort_by(f64::total_cmp);
    numbers.dedup_by(|a, b| a == b);
    numbers
}

fn offsets<T>(lists: &[Vec<T>]) -> Vec<i64> {
    let ends = lists.iter().scan(0, |end, list| {
        *end += list.len() as i64;
        Some(*end)
    });
    std::iter::once(0).chain(ends).collect()
}

/// A check of some columns of a value.
fn guard(recipe: &Recipe, widths: &[usize]) -> Guard {
    let value = recipe.inputs[0].index(widths.len());
    let mut columns: Vec<usize> = recipe.columns.iter().map(|column| column.index(widths[value])).collect();
    columns.dedup();
    let refuse = match recipe.flags[0] {
        0 => {
            let other = recipe.inputs[recipe.inputs.len() - 1].index(widths.len());
            Refuse::Unknown(columns.iter().map(|c| (other, c % widths[other])).collect())
        }
        flag => {
            let width = if recipe.flags[1] & 1 == 0 { Width::Float32 } else { Width::Float64 };
            Refuse::Numbers(Checks { missing: flag & 1 != 0, non_finite: (flag & 2 != 0).then_some(width) })
        }
    };
    Guard { value, columns: Some(columns), refuse, step: "A step".into(), names: None }
}

/// A few trees of two splits: the second hangs left or right of the first.
fn forest(recipe: &Recipe, columns: &[usize]) -> Forest {
    let mut forest = Forest {
        comparison: if recipe.flags[1] & 1 == 0 { Comparison::Le } else { Comparison::Lt },
        width: if recipe.flags[1] & 2 == 0 { Width::Float64 } else { Width::Float32 },
        zero_band: (recipe.flags[2] == 0).then_some(f64::from(1e-35f32)),
        outputs: 1,
        leaf_width: 1,
        base: vec![0.25],
        split_offset: vec![0],
        leaf_offset: vec![0],
        ..Forest::default()
    };
    for (tree, &column) in columns.iter().enumerate() {
        let other = columns[(tree + 1) % columns.len()];
        forest.feature.extend([column as i32, other as i32]);
        forest.threshold.extend([recipe.numbers[tree % 8], recipe.numbers[(tree + 3) % 8]]);
        let (left, right) = if tree % 2 == 0 { ([1, -1], [-2, -3]) } else { ([-1, -2], [1, -3]) };
        forest.left.extend(left);
        forest.right.extend(right);
        forest.flags.extend([recipe.flags[tree % 4], recipe.flags[(tree + 1) % 4]]);
        forest.leaf_value.extend([0.1, -0.7, 0.3].map(|x: f64| x * (tree + 1) as f64));
        forest.leaf_id.extend([0, 1, 2]);
        forest.target.push(0);
        forest.split_offset.push(forest.feature.len() as i64);
        forest.leaf_offset.push(forest.leaf_id.len() as i64);
    }
    forest
}

prop_compose! {
    fn any_model()(
        recipes in prop::collection::vec(recipe(), 1..9),
        guards in prop::collection::vec(recipe(), 0..3),
        probability: Index,
    ) -> Model {
        let (mut steps, mut widths) = (Vec::new(), vec![FEATURES]);
        for recipe in &recipes {
            let (step, width) = step(recipe, &widths);
            steps.push(step);
            widths.push(width);
        }
        let last = steps.len();
        let leaf = steps.iter().rposition(|step: &Step| matches!(step.op, Op::Forest(_)));
        Model::new(ModelParts {
            features: Features {
                count: FEATURES,
                names: None,
                name_match: NameMatch::Exact,
                encodings: vec![encoding(2, Unknown::Code(-1.0), None), encoding(3, Unknown::Missing, Some(5.0))],
                checked: None,
            },
            input: InputPolicy {
                missing: OnBadValue::Accept,
                non_finite: OnBadValue::Accept,
                width: Width::Float64,
                absent: Absent::Zero,
            },
            steps,
            guards: guards.iter().map(|recipe| guard(recipe, &widths)).collect(),
            targets: vec![Target {
                name: None,
                classes: None,
                margin: last,
                probability: Some(1 + probability.index(last)),
                prediction: Decision::Value(last),
                score: None,
            }],
            transform: None,
            output_width: Width::Float64,
            leaf,
            source: Source::default(),
        })
        .unwrap()
    }
}

/// Numbers as categories.
fn encoding(feature: usize, unknown: Unknown, missing_code: Option<f64>) -> Encoding {
    let values = LabelValues::Float(vec![0.0, 1.0, 2.0, 3.0, 4.0]);
    let encoder = Encoder::Table { values, codes: vec![2.0, 0.0, 1.0, 4.0, 3.0] };
    Encoding { feature, encoder, unknown, missing_code, matrix: MatrixRule::Values }
}

fn bits(data: &Data) -> Vec<u64> {
    match data {
        // Any NaN equals any NaN.
        Data::F64(data) => data.iter().map(|x| if x.is_nan() { NAN.to_bits() } else { x.to_bits() }).collect(),
        Data::F32(data) => data.iter().map(|x| u64::from(x.to_bits())).collect(),
        Data::I32(data) => data.iter().map(|&x| x as u64).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn plans_give_the_bits_of_the_interpreter(
        model in any_model(),
        picks in prop::collection::vec(any::<Index>(), FEATURES * 9..FEATURES * 90),
    ) {
        let rows = picks.len() / FEATURES;
        let cells: Vec<f64> = picks.iter().map(|pick| VALUES[pick.index(VALUES.len())]).collect();
        let columns = (0..FEATURES).map(|c| {
            let values = Values::F64(Strided::contiguous(&cells[c * rows..(c + 1) * rows]));
            Column::Numbers(Numbers::new([Chunk { values, nulls: Nulls::None }]))
        });
        let table = Table::new(None, Body::Columns(columns.collect()), rows).unwrap();
        let model = Arc::new(model);
        let score = |level, forced, output, mode| {
            let plan = Plan::compile_for(model.clone(), level, forced).unwrap();
            exec::score(&plan, &table, output, Some(1), mode, &|| false)
        };
        let mut outputs = vec![Output::Margin, Output::Probability];
        if model.leaf_forest().is_some() {
            outputs.push(Output::Leaf);
        }
        for (output, mode) in outputs.iter().flat_map(|&output| [(output, OnRefused::Raise), (output, OnRefused::Null)]) {
            let due = score(Level::Portable, Some(Forced::Reference), output, mode);
            for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
                let found = score(level, None, output, mode);
                let (due, found) = match (&due, &found) {
                    (Ok(due), Ok(found)) => (due, found),
                    (due, found) => {
                        prop_assert_eq!(due.as_ref().err(), found.as_ref().err(), "{:?}", model.guards());
                        continue;
                    }
                };
                prop_assert_eq!(&due.nulls, &found.nulls);
                for (due, found) in due.groups.iter().zip(&found.groups) {
                    prop_assert_eq!(bits(&due.data), bits(&found.data), "{:?} {} {:?}", output, level, model.steps());
                }
            }
        }
    }
}
