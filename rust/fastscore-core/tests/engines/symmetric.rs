//! Symmetric trees, which the oblivious engine runs.

use super::*;

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
