//! Forests and trees as large as the engines' limits, and beyond them.

use super::*;

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
