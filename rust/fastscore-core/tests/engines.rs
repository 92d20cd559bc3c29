//! Every engine at every width, for every number of rows and threads, gives the bits of the reference interpreter, on
//! random models and on rows at, above and below their thresholds.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

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

const FEATURES: usize = 4;

/// Thresholds of which random trees are made: neighbours, both zeros, denormals, infinities, values that float32 rounds
/// up and down.
fn threshold() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => (-20i32..20).prop_map(|i| f64::from(i) / 8.0),
        2 => (-200i32..200).prop_map(|i| f64::from(i) / 7.0),
        1 => prop::sample::select(vec![
            0.0, -0.0, 1e-35, 1.1e-35, -1e-35, 5e-324, -5e-324, 1e-45, 0.1, 0.30000000000000004, f64::MAX, f64::MIN, 1e39,
            -1e39, f64::INFINITY, f64::NEG_INFINITY, 16777216.0, 16777217.0,
        ]),
    ]
}

/// A tree's shape as the choices that grow it: which leaf to split next.
#[derive(Debug, Clone)]
struct Grown {
    splits: Vec<(usize, usize, f64, u8)>,
    values: Vec<f64>,
}

fn tree(most: usize, leaf_width: usize) -> impl Strategy<Value = Grown> {
    let split = (any::<prop::sample::Index>(), 0..FEATURES, threshold(), 0u8..4);
    prop::collection::vec(split, 0..most).prop_flat_map(move |splits| {
        let leaves = splits.len() + 1;
        let splits: Vec<_> = splits.iter().enumerate().map(|(i, s)| (s.0.index(i + 1), s.1, s.2, s.3)).collect();
        let values = prop::collection::vec(-3.0..3.0f64, leaves * leaf_width);
        (Just(splits), values).prop_map(|(splits, values)| Grown { splits, values })
    })
}

fn forest(grown: Vec<Grown>, comparison: Comparison, outputs: usize, vector: bool, zero_band: Option<f64>) -> Forest {
    let mut forest = Forest {
        comparison,
        outputs,
        leaf_width: if vector { outputs } else { 1 },
        zero_band,
        base: (0..outputs).map(|o| o as f64 * 0.3).collect(),
        split_offset: vec![0],
        leaf_offset: vec![0],
        ..Forest::default()
    };
    for (number, tree) in grown.into_iter().enumerate() {
        // `edges[leaf]` is where the leaf hangs: None for the root, else a split and its side.
        let mut edges: Vec<Option<(usize, bool)>> = vec![None];
        let first = forest.feature.len();
        for (index, (leaf, feature, threshold, flags)) in tree.splits.iter().enumerate() {
            if let Some((split, right)) = edges[*leaf] {
                let side = if right { &mut forest.right } else { &mut forest.left };
                side[first + split] = index as i32;
            }
            edges[*leaf] = Some((index, false));
            edges.push(Some((index, true)));
            forest.feature.push(*feature as i32);
            forest.threshold.push(*threshold);
            forest.flags.push(*flags);
            forest.left.push(0);
            forest.right.push(0);
        }
        for (leaf, edge) in edges.iter().enumerate() {
            if let Some((split, right)) = edge {
                let side = if *right { &mut forest.right } else { &mut forest.left };
                side[first + split] = -1 - leaf as i32;
            }
        }
        forest.leaf_id.extend((0..edges.len()).map(|leaf| leaf as i32 * 3 + 1));
        forest.leaf_value.extend(&tree.values);
        if !vector || outputs == 1 {
            forest.target.push((number % outputs) as i32);
        }
        forest.split_offset.push(forest.feature.len() as i64);
        forest.leaf_offset.push(forest.leaf_id.len() as i64);
    }
    forest
}

fn model(mut forest: Forest, width: Width, links: Vec<Link>, policy: OnBadValue) -> Model {
    forest.width = width;
    let output_width = forest.sum;
    let mut steps = vec![Step { input: 0, op: Op::Forest(forest) }];
    for link in links {
        let input = steps.len();
        steps.push(Step { input, op: Op::Link(link, Width::Float64) });
    }
    let last = steps.len();
    Model::new(ModelParts {
        features: Features {
            count: FEATURES,
            names: None,
            name_match: NameMatch::Exact,
            encodings: vec![],
            checked: None,
        },
        input: InputPolicy { missing: policy, non_finite: policy, width, absent: Absent::Zero },
        steps,
        guards: vec![],
        targets: vec![Target {
            name: None,
            classes: None,
            margin: 1,
            probability: Some(last),
            prediction: Decision::Value(last),
            score: None,
        }],
        transform: None,
        output_width: if last == 1 { output_width } else { Width::Float64 },
        leaf: Some(0),
        source: Source { parameters: BTreeMap::new(), ..Source::default() },
    })
    .unwrap()
}

/// What some libraries' forests have beside thresholds.
#[derive(Debug, Clone)]
struct Extras {
    /// Which splits are categorical, with their sets.
    categories: Vec<Option<Vec<u32>>>,
    outside_left: bool,
    fraction: bool,
    missing_value: Option<f64>,
    narrow_sums: bool,
    /// Terms of leaf `i % len`, none where leaves are plain.
    linear: Option<Vec<Vec<(usize, f64)>>>,
}

fn extras() -> impl Strategy<Value = Extras> {
    let set = prop_oneof![
        prop::collection::vec(any::<u32>(), 0..4),
        Just(vec![u32::MAX]),
        Just(vec![0, 0, 0, 1]),
        prop::collection::vec(any::<u32>(), 200..201),
    ];
    let terms = prop::collection::vec((0..FEATURES, -2.0..2.0f64), 0..3);
    (
        prop::collection::vec(prop::option::of(set), 0..12),
        any::<bool>(),
        any::<bool>(),
        prop::option::of(prop::sample::select(vec![-1.0, 0.0, 2.0, 0.1])),
        any::<bool>(),
        prop::option::weighted(0.2, prop::collection::vec(terms, 1..5)),
    )
        .prop_map(|(categories, outside_left, fraction, missing_value, narrow_sums, linear)| Extras {
            categories,
            outside_left,
            fraction,
            missing_value,
            narrow_sums,
            linear,
        })
}

fn extend(forest: &mut Forest, extras: Extras) {
    if extras.categories.iter().any(Option::is_some) && !forest.feature.is_empty() {
        forest.categories.offset.push(0);
        for split in 0..forest.feature.len() {
            let Some(words) = &extras.categories[split % extras.categories.len()] else {
                forest.categories.set.push(-1);
                continue;
            };
            forest.threshold[split] = 0.0;
            forest.flags[split] |= if extras.outside_left { FLAG_OUTSIDE_LEFT } else { 0 };
            forest.categories.set.push(forest.categories.offset.len() as i32 - 1);
            forest.categories.words.extend(words);
            forest.categories.offset.push(forest.categories.words.len() as i64);
        }
        if extras.fraction {
            forest.negative_fraction = NegativeFraction::Zero;
        }
    }
    forest.missing_value = extras.missing_value;
    match extras.linear {
        Some(terms) if forest.leaf_width == 1 => {
            let mut linear = LinearLeaves { offset: vec![0], ..LinearLeaves::default() };
            for leaf in 0..forest.leaf_id.len() {
                for &(feature, coefficient) in &terms[leaf % terms.len()] {
                    linear.feature.push(feature as i32);
                    linear.coefficient.push(coefficient);
                }
                linear.offset.push(linear.feature.len() as i64);
                linear.constant.push(leaf as f64 * 0.1);
            }
            forest.linear = Some(linear);
        }
        _ if extras.narrow_sums => {
            forest.sum = Width::Float32;
            forest.base.iter_mut().chain(&mut forest.leaf_value).for_each(|x| *x = f64::from(*x as f32));
        }
        _ => {}
    }
}

prop_compose! {
    fn any_model()(
        grown in prop::collection::vec(tree(40, 3), 0..8),
        lt: bool,
        narrow: bool,
        shape in 0usize..3,
        band: bool,
        extras in prop::option::of(extras()),
        link in prop::sample::select(vec![
            vec![],
            vec![Link::Sigmoid { scale: 1.5 }],
            vec![Link::Softmax { groups: 1 }],
            vec![Link::Divide { by: 7.0 }, Link::Exp {}],
            vec![Link::Exp {}, Link::Normalize { pairwise: false, keep_zeros: false }],
            vec![Link::SignedSquare {}],
        ]),
    ) -> Model {
        let (outputs, vector): (usize, bool) = [(1, false), (3, false), (3, true)][shape];
        let grown = grown.into_iter().map(|mut tree| {
            if !vector {
                tree.values.truncate(tree.splits.len() + 1);
            }
            tree
        }).collect();
        let comparison = if lt { Comparison::Lt } else { Comparison::Le };
        let width = if narrow { Width::Float32 } else { Width::Float64 };
        let mut forest = forest(grown, comparison, outputs, vector, band.then_some(f64::from(1e-35f32)));
        if let Some(extras) = extras {
            extend(&mut forest, extras);
        }
        model(forest, width, link, OnBadValue::Accept)
    }
}

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

/// A symmetric tree: one condition a level, some of them perhaps the same; `mirrored` levels have their sides exchanged
/// in every other split.
#[derive(Debug, Clone)]
struct Symmetric {
    conditions: Vec<(usize, f64, u8)>,
    values: Vec<f64>,
    mirrored: u32,
}

fn symmetric(depth: usize, leaf_width: usize) -> impl Strategy<Value = Symmetric> {
    let values = prop::collection::vec(-3.0..3.0f64, leaf_width << depth);
    let conditions = prop::collection::vec((0..FEATURES, threshold(), 0u8..4), depth);
    let again = prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<prop::sample::Index>()));
    (conditions, values, again).prop_map(move |(mut conditions, values, again)| {
        if let Some((from, to)) = again.filter(|_| depth > 0) {
            conditions[to.index(depth)] = conditions[from.index(depth)];
        }
        Symmetric { conditions, values, mirrored: 0 }
    })
}

/// Split `2^level - 1 + i` is the one that the outcomes i of the levels above lead to.
fn push_symmetric(forest: &mut Forest, tree: &Symmetric, output: i32) {
    let depth = tree.conditions.len();
    for (level, &(feature, threshold, flags)) in tree.conditions.iter().enumerate() {
        for i in 0..1i32 << level {
            let child = |i: i32| if level + 1 == depth { -1 - i } else { (1 << (level + 1)) - 1 + i };
            forest.feature.push(feature as i32);
            forest.threshold.push(threshold);
            forest.flags.push(flags);
            let mut sides = [child(i), child(i | 1 << level)];
            if tree.mirrored >> level & 1 == 1 && i % 2 == 1 {
                sides.reverse();
            }
            forest.left.push(sides[0]);
            forest.right.push(sides[1]);
        }
    }
    forest.leaf_id.extend((0..1 << depth).map(|leaf| leaf * 3 + 1));
    forest.leaf_value.extend(&tree.values);
    if forest.leaf_width == 1 {
        forest.target.push(output);
    }
    forest.split_offset.push(forest.feature.len() as i64);
    forest.leaf_offset.push(forest.leaf_id.len() as i64);
}

prop_compose! {
    /// Symmetric trees, runs of one depth and changes of depth.
    fn any_symmetric_model()(
        trees in prop::collection::vec((0usize..=8, 1usize..40), 1..5).prop_flat_map(|depths| {
            let trees = depths.iter().flat_map(|&(depth, count)| (0..count).map(move |_| symmetric(depth, 3)));
            trees.collect::<Vec<_>>()
        }),
        mirrored in prop::collection::vec(any::<u32>(), 1..5),
        shape in 0usize..3,
        lt: bool,
        narrow: bool,
        narrow_sums: bool,
        band: bool,
        missing_value in prop::option::of(prop::sample::select(vec![-1.0, 0.0, 0.1])),
    ) -> Model {
        let (outputs, vector): (usize, bool) = [(1, false), (3, false), (3, true)][shape];
        let comparison = if lt { Comparison::Lt } else { Comparison::Le };
        let mut forest = forest(vec![], comparison, outputs, vector, band.then_some(f64::from(1e-35f32)));
        for (number, mut tree) in trees.into_iter().enumerate() {
            tree.mirrored = mirrored[number % mirrored.len()];
            tree.values.truncate(forest.leaf_width << tree.conditions.len());
            push_symmetric(&mut forest, &tree, (number % outputs) as i32);
        }
        forest.missing_value = missing_value;
        if narrow_sums {
            forest.sum = Width::Float32;
            forest.base.iter_mut().chain(&mut forest.leaf_value).for_each(|x| *x = f64::from(*x as f32));
        }
        model(forest, if narrow { Width::Float32 } else { Width::Float64 }, vec![], OnBadValue::Accept)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn engines_equal_the_reference_on_symmetric_trees(
        model in any_symmetric_model(),
        seeds in prop::collection::vec(any::<u64>(), 1..700),
    ) {
        let rows = rows(&model, &seeds);
        let columns = columns(&rows);
        let body = Body::Columns(columns.iter().map(|c| numbers([c.as_slice()])).collect());
        let table = Table::new(None, body, rows.len()).unwrap();
        let model = Arc::new(model);
        let plans = plans(&model);
        let oblivious = plans.iter().filter(|(name, _)| name.ends_with("Some(Oblivious)")).count();
        // A condition asked twice makes a table smaller, never too large.
        prop_assert_eq!(oblivious, Level::ALL.into_iter().filter(|level| level.is_available()).count());
        for output in [Output::Margin, Output::Leaf] {
            let expected = expected(&model, &rows, output);
            for (name, plan) in plans.iter().filter(|(name, _)| !name.contains("Reference")) {
                let found = difference(&run(plan, &table, output, 1), &expected);
                prop_assert_eq!(found, None, "{} {:?}", name, output);
            }
        }
    }
}

/// Trees beyond the tops that the tiled engine has, whose leaves lie at all depths, for rows of more than one block: values and
/// ranks, both sides of missing, more keys than one register holds, each width of a leaf.
#[test]
fn large_trees_equal_the_reference() {
    let mut state = 7u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        ((state >> 33) as usize) % below
    };
    for (trees, outputs, narrow, narrow_sums, sides) in [
        (1, 1, true, false, 1),
        (1, 2, true, false, 2),
        (30, 2, true, false, 2),
        (30, 1, false, true, 1),
        (3, 3, false, false, 2),
    ] {
        let mut grown = Vec::new();
        for _ in 0..trees {
            let splits: Vec<_> = (0..700)
                .map(|i| {
                    // Half of them split one of the leaves made last, so that some ways are long.
                    let leaf = if i % 2 == 0 { random(i + 1) } else { i };
                    (leaf, random(FEATURES), random(2000) as f64 / 100.0, random(sides) as u8)
                })
                .collect();
            let values = (0..701 * outputs).map(|_| random(1000) as f64 / 7.0).collect();
            grown.push(Grown { splits, values });
        }
        let mut forest = forest(grown, Comparison::Le, outputs, outputs > 1, None);
        if narrow_sums {
            forest.sum = Width::Float32;
            forest.base.iter_mut().chain(&mut forest.leaf_value).for_each(|x| *x = f64::from(*x as f32));
        }
        let model = model(forest, if narrow { Width::Float32 } else { Width::Float64 }, vec![], OnBadValue::Accept);
        let some = |random: &mut dyn FnMut(usize) -> usize| match random(40) {
            0 => f64::NAN,
            1 => f64::INFINITY,
            2 => f64::NEG_INFINITY,
            _ => random(2000) as f64 / 100.0 + [0.0, 1e-12, -1e-12, 0.001][random(4)],
        };
        let rows: Vec<[f64; FEATURES]> = (0..9000).map(|_| std::array::from_fn(|_| some(&mut random))).collect();
        let whole: Vec<_> = rows.iter().copied().filter(|row| row.iter().all(|x| !x.is_nan())).collect();
        let model = Arc::new(model);
        let plans = plans(&model);
        let tiled = plans.iter().filter(|(name, _)| name.ends_with("Some(Tiled)")).count();
        assert_eq!(tiled, Level::ALL.into_iter().filter(|level| level.is_available()).count());
        for rows in [&rows[..], &rows[..1], &rows[..65], &rows[..1025], &whole[..600]] {
            let columns = columns(rows);
            let flat: Vec<f64> = rows.iter().flatten().copied().collect();
            let by_column = Body::Columns(columns.iter().map(|c| numbers([c.as_slice()])).collect());
            let strided = |f: usize| {
                let values = Values::F64(Strided::new(&flat[f..], FEATURES, rows.len()).unwrap());
                Column::Numbers(Numbers::new([Chunk { values, nulls: Nulls::None }]))
            };
            let by_row = Body::Columns((0..FEATURES).map(strided).collect());
            for body in [by_column, by_row] {
                let table = Table::new(None, body, rows.len()).unwrap();
                for output in [Output::Margin, Output::Leaf] {
                    let expected = expected(&model, rows, output);
                    for (name, plan) in plans.iter().filter(|(name, _)| !name.contains("Reference")) {
                        let found = difference(&run(plan, &table, output, 1), &expected);
                        assert_eq!(found, None, "{name} {output:?}, {trees} trees, {} rows", rows.len());
                    }
                }
            }
        }
    }
}

/// Every depth that the oblivious engine runs, one that it does not, more rows than a tile has, and every count of rows
/// about the groups that it computes.
#[test]
fn symmetric_trees_of_every_depth_equal_the_reference() {
    for depth in 0..=17 {
        let mut forest = forest(vec![], Comparison::Le, 1, false, None);
        for tree in 0..if depth > 10 { 2 } else { 9 } {
            let condition = |level: usize| {
                let threshold = ((level * 31 + tree * 7) as f64 * 0.77).sin() * 3.0;
                ((level * 5 + tree) % FEATURES, threshold, ((level + tree) % 4) as u8)
            };
            let conditions = (0..depth).map(condition).collect();
            let values = (0..1 << depth).map(|leaf| ((leaf * 13 + tree) as f64).sqrt() - 40.0).collect();
            push_symmetric(&mut forest, &Symmetric { conditions, values, mirrored: tree as u32 }, 0);
        }
        let model = model(forest, Width::Float32, vec![], OnBadValue::Accept);
        let all = rows(&model, &(0..1300).collect::<Vec<_>>());
        let model = Arc::new(model);
        let margins = expected(&model, &all, Output::Margin);
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            let plan = match Plan::compile_for(model.clone(), level, Some(Forced::Oblivious)) {
                Ok(plan) => plan,
                Err(error) => {
                    assert_eq!(depth, 17, "{error}");
                    assert!(error.to_string().contains("distinct conditions"), "{error}");
                    continue;
                }
            };
            for count in [1, 2, 63, 64, 65, 127, 128, 129, 255, 256, 257, 320, 1023, 1024, 1025, 1300] {
                let columns = columns(&all[..count]);
                let body = Body::Columns(columns.iter().map(|c| numbers([c.as_slice()])).collect());
                let table = Table::new(None, body, count).unwrap();
                let found = difference(&run(&plan, &table, Output::Margin, 1), &margins[..count]);
                assert_eq!(found, None, "depth {depth}, {count} rows, {level}");
                if count == 65 || count == 1300 {
                    let found = run(&plan, &table, Output::Leaf, 1);
                    let found = difference(&found, &expected(&model, &all[..count], Output::Leaf));
                    assert_eq!(found, None, "leaves, depth {depth}, {count} rows, {level}");
                }
            }
        }
    }
}

/// More thresholds of a feature than a byte ranks, and than a short rank does.
#[test]
fn symmetric_trees_of_many_thresholds_equal_the_reference() {
    for thresholds in [253usize, 254, 255, 256, 508, 509, 2000, 70_000] {
        let mut forest = forest(vec![], Comparison::Le, 1, false, None);
        for tree in 0..thresholds.div_ceil(4) {
            let condition = |level: usize| (0, (4 * tree + level) as f64 * 0.5, (tree % 3) as u8);
            let values = (0..16).map(|leaf| f64::from(leaf * tree as u32 + 1).ln()).collect();
            let tree = Symmetric { conditions: (0..4).map(condition).collect(), values, mirrored: 0 };
            push_symmetric(&mut forest, &tree, 0);
        }
        let model = model(forest, Width::Float64, vec![], OnBadValue::Accept);
        let rows = rows(&model, &(0..if thresholds > 2000 { 40 } else { 700 }).collect::<Vec<_>>());
        let columns = columns(&rows);
        let body = Body::Columns(columns.iter().map(|c| numbers([c.as_slice()])).collect());
        let table = Table::new(None, body, rows.len()).unwrap();
        let model = Arc::new(model);
        let margins = expected(&model, &rows, Output::Margin);
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            match Plan::compile_for(model.clone(), level, Some(Forced::Oblivious)) {
                Ok(plan) => {
                    let found = difference(&run(&plan, &table, Output::Margin, 1), &margins);
                    assert_eq!(found, None, "{thresholds} thresholds, {level}");
                }
                Err(error) => {
                    assert!(thresholds > usize::from(u16::MAX), "{error}");
                    assert!(error.to_string().contains("distinct thresholds"), "{error}");
                }
            }
        }
    }
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

/// Leaves that fill tables and bytes of the bit-sliced engine, more than it holds, more thresholds than a byte or a short
/// rank holds, and more conditions than a chunk holds; sums at both widths, leaves with and without columns.
#[test]
fn large_forests_equal_the_reference() {
    let narrow = Width::Float32;
    let wide = Width::Float64;
    let cases = [
        (63, 9, wide),
        (64, 9, wide),
        (65, 9, narrow),
        (128, 3, wide),
        (129, 3, wide),
        (255, 2, wide),
        (256, 2, wide),
        (257, 2, wide),
        (512, 9, wide),
        (513, 2, wide),
        (1024, 9, wide),
        (1025, 2, wide),
        (250, 60, wide),
        (250, 60, narrow),
        (6000, 2, narrow),
        (6000, 2, wide),
        (70_000, 2, wide),
    ];
    let kinds = [(1, wide), (1, narrow), (2, wide), (2, narrow)];
    for ((leaves, trees, width), (outputs, sum)) in cases.into_iter().flat_map(|case| kinds.map(|kind| (case, kind))) {
        if leaves > 2000 && (outputs, sum) != (1, wide) {
            continue;
        }
        let tree = |tree: usize| {
            let threshold = |i: usize| ((i + 1000 * tree) as f64 * 0.37).sin() * 50.0;
            let splits = (0..leaves - 1).map(|i| (i * 7 % (i + 1), i % FEATURES, threshold(i), (i % 4) as u8));
            let values = (0..leaves * outputs).map(|i| f64::from((i + tree) as u32).sqrt() - 9.0);
            Grown { splits: splits.collect(), values: values.collect() }
        };
        let mut forest = forest((0..trees).map(tree).collect(), Comparison::Le, outputs, outputs > 1, None);
        forest.sum = sum;
        if sum == narrow {
            forest.base.iter_mut().chain(&mut forest.leaf_value).for_each(|x| *x = f64::from(*x as f32));
        }
        let model = model(forest, width, vec![], OnBadValue::Accept);
        let rows = rows(&model, &(0..500).collect::<Vec<_>>());
        let columns = columns(&rows);
        let body = Body::Columns(columns.iter().map(|c| numbers([c.as_slice()])).collect());
        let table = Table::new(None, body, rows.len()).unwrap();
        let model = Arc::new(model);
        for (name, plan) in plans(&model) {
            for output in [Output::Margin, Output::Leaf] {
                let found = difference(&run(&plan, &table, output, 1), &expected(&model, &rows, output));
                assert_eq!(
                    found, None,
                    "{leaves} leaves, {trees} trees, {outputs} outputs, sums {sum:?}, {name}, {output:?}"
                );
            }
        }
    }
}

/// Many trees with few thresholds, of which a byte holds leaves and ranks: a row or a few go through 64 of them at a time. Trees of different sizes, one without a split, and a last group that is not full.
#[test]
fn few_rows_through_many_trees_equal_the_reference() {
    for (most, outputs) in [(31, 1), (256, 1), (12, 3)] {
        let tree = |tree: usize| {
            let leaves = if tree % 50 == 7 { 1 } else { 2 + tree * 17 % (most - 1) };
            let threshold = |i: usize| ((i * 31 + tree) % 50) as f64 / 4.0 - 6.0;
            let splits = (0..leaves - 1).map(|i| ((i * 7 + tree) % (i + 1), i % FEATURES, threshold(i), (i % 4) as u8));
            let values = (0..leaves).map(|i| ((i + tree) as f64).sqrt());
            Grown { splits: splits.collect(), values: values.collect() }
        };
        let forest = forest((0..331).map(tree).collect(), Comparison::Le, outputs, false, None);
        let model = Arc::new(model(forest, Width::Float64, vec![], OnBadValue::Accept));
        let all = rows(&model, &(0..40).collect::<Vec<_>>());
        for (name, plan) in plans(&model) {
            for count in [1, 2, 3, 4, 5, 7, 8, 9, 32, 33, 40] {
                let rows = &all[all.len() - count..];
                let columns = columns(rows);
                let body = Body::Columns(columns.iter().map(|c| numbers([c.as_slice()])).collect());
                let table = Table::new(None, body, rows.len()).unwrap();
                for output in [Output::Margin, Output::Leaf] {
                    let found = difference(&run(&plan, &table, output, 1), &expected(&model, rows, output));
                    assert_eq!(found, None, "{most} leaves, {count} rows, {name}, {output:?}");
                    let few = run_few(&plan, rows, output);
                    let found = few.and_then(|few| difference(&few, &expected(&model, rows, output)));
                    assert_eq!(found, None, "{most} leaves, few rows: {count}, {name}, {output:?}");
                }
            }
        }
    }
}

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
