//! How well the plan's costs fit this machine: `make calibrate`.
//!
//! Random forests of many shapes are scored by each engine, at each width and for few and many rows, on one thread.
//! Every line gives the nanoseconds of a call: measured (the best of many) and stated by the plan, for each engine, and
//! the engine that the plan takes where it is not the fastest.

#![allow(clippy::unwrap_used, reason = "a tool fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastscore_core::exec::table::{Body, Chunk, Column, Nulls, Numbers, Strided, Table, Values};
use fastscore_core::exec::{self, OnRefused, Output};
use fastscore_core::model::*;
use fastscore_core::plan::{Forced, Plan};
use fastscore_core::simd::Level;

/// Features, leaves of a tree, trees, distinct thresholds of a feature, columns of a leaf; leaves 0 are symmetric trees of
/// depth 6.
const SHAPES: [(usize, usize, usize, usize, usize); 19] = [
    (5, 8, 20, 50, 1),
    (5, 31, 300, 100, 1),
    (20, 4, 500, 100, 1),
    (20, 15, 100, 60, 1),
    (20, 63, 500, 120, 1),
    (20, 255, 200, 250, 1),
    (20, 255, 200, 50_000, 1),
    (20, 1000, 50, 250, 1),
    (20, 1000, 50, 50_000, 1),
    (20, 5000, 50, 50_000, 1),
    (20, 20, 1, 50, 1),
    (200, 31, 100, 50, 1),
    (200, 127, 300, 250, 1),
    (200, 5, 3, 50, 1),
    (20, 0, 1000, 100, 1),
    (20, 0, 20, 100, 1),
    (20, 64, 100, 250, 2),
    (20, 64, 50, 250, 50),
    (20, 0, 50, 100, 10),
];
const ROWS: [usize; 10] = [1, 2, 4, 8, 16, 64, 128, 256, 512, 8192];
const ENGINES: [Forced; 5] = [Forced::Oblivious, Forced::Sliced, Forced::Abreast, Forced::Tiled, Forced::Walk];

/// Numbers from a linear congruential generator.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        ((self.0 >> 33) as usize) % most
    }

    fn number(&mut self) -> f64 {
        self.below(1 << 30) as f64 / f64::from(1 << 30)
    }
}

/// A forest whose trees are grown by splitting a random leaf, or all leaves of a level alike.
fn forest(features: usize, leaves: usize, trees: usize, thresholds: usize, columns: usize) -> Forest {
    let mut random = Random((features + leaves + trees + thresholds) as u64);
    let mut forest = Forest {
        outputs: columns,
        leaf_width: columns,
        base: vec![0.0; columns],
        split_offset: vec![0],
        leaf_offset: vec![0],
        target: if columns == 1 { vec![0; trees] } else { vec![] },
        ..Forest::default()
    };
    for _ in 0..trees {
        let first = forest.feature.len();
        let symmetric = leaves == 0;
        let count = if symmetric { 64 } else { leaves };
        let mut condition = (0, 0.0);
        for split in 0..count - 1 {
            if !symmetric || (split + 1).is_power_of_two() {
                condition = (random.below(features), random.below(thresholds) as f64 / thresholds as f64);
            }
            forest.feature.push(condition.0 as i32);
            forest.threshold.push(condition.1);
            forest.flags.push(FLAG_MISSING_LEFT);
            forest.left.push(0);
            forest.right.push(0);
        }
        // Leaf by leaf: the split that it hangs from, and its side.
        let mut edges: Vec<Option<(usize, bool)>> = vec![None];
        for split in 0..count - 1 {
            let leaf = if symmetric { 0 } else { random.below(edges.len()) };
            let edge = if symmetric { edges.remove(leaf) } else { edges.swap_remove(leaf) };
            if let Some((parent, right)) = edge {
                let side = if right { &mut forest.right } else { &mut forest.left };
                side[first + parent] = split as i32;
            }
            edges.extend([Some((split, false)), Some((split, true))]);
        }
        for (leaf, edge) in edges.iter().enumerate() {
            if let Some((parent, right)) = edge {
                let side = if *right { &mut forest.right } else { &mut forest.left };
                side[first + parent] = -1 - leaf as i32;
            }
            forest.leaf_id.push(leaf as i32);
            forest.leaf_value.extend((0..columns).map(|_| random.number()));
        }
        forest.split_offset.push(forest.feature.len() as i64);
        forest.leaf_offset.push(forest.leaf_id.len() as i64);
    }
    forest
}

fn model(forest: Forest, features: usize) -> Arc<Model> {
    let accept = OnBadValue::Accept;
    let model = Model::new(ModelParts {
        features: Features {
            count: features,
            names: None,
            name_match: NameMatch::Exact,
            encodings: vec![],
            checked: None,
        },
        input: InputPolicy { missing: accept, non_finite: accept, width: Width::Float64, absent: Absent::Zero },
        steps: vec![Step { input: 0, op: Op::Forest(forest) }],
        guards: vec![],
        targets: vec![Target {
            name: None,
            classes: None,
            margin: 1,
            probability: None,
            prediction: Decision::Value(1),
            score: None,
        }],
        transform: None,
        output_width: Width::Float64,
        leaf: Some(0),
        source: Source::default(),
    });
    Arc::new(model.unwrap())
}

fn column(values: &[f64]) -> Column<'_> {
    Column::Numbers(Numbers::new([Chunk { values: Values::F64(Strided::contiguous(values)), nulls: Nulls::None }]))
}

/// Nanoseconds of a call: the best of a tenth of a second.
fn measure(plan: &Plan, columns: &[Vec<f64>], rows: usize) -> f64 {
    let body = Body::Columns(columns.iter().map(|values| column(&values[..rows])).collect());
    let table = Table::new(None, body, rows).unwrap();
    let (start, mut best) = (Instant::now(), Duration::MAX);
    while start.elapsed() < Duration::from_millis(100) {
        let before = Instant::now();
        exec::score(plan, &table, Output::Margin, Some(1), OnRefused::Raise, &|| false).unwrap();
        best = best.min(before.elapsed());
    }
    best.as_nanos() as f64
}

fn main() {
    let mut random = Random(1);
    println!("level,features,leaves,trees,thresholds,columns,rows,chosen,fastest,engine:measured:stated ...");
    for (features, leaves, trees, thresholds, width) in SHAPES {
        let model = model(forest(features, leaves, trees, thresholds, width), features);
        let columns: Vec<Vec<f64>> =
            (0..features).map(|_| (0..ROWS[ROWS.len() - 1]).map(|_| random.number()).collect()).collect();
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            let chosen = Plan::compile_for(model.clone(), level, None).unwrap();
            let plans: Vec<_> = ENGINES
                .into_iter()
                .filter_map(|forced| Some((forced.name(), Plan::compile_for(model.clone(), level, Some(forced)).ok()?)))
                .collect();
            for rows in ROWS {
                let lines: Vec<_> =
                    plans.iter().map(|(name, plan)| (name, measure(plan, &columns, rows), plan.cost(rows))).collect();
                let fastest = lines.iter().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
                let taken = lines
                    .iter()
                    .min_by(|a, b| (a.2 - chosen.cost(rows)).abs().total_cmp(&(b.2 - chosen.cost(rows)).abs()));
                let taken = taken.unwrap();
                print!("{level},{features},{leaves},{trees},{thresholds},{width},{rows},{},{}", taken.0, fastest.0);
                for (name, measured, stated) in &lines {
                    print!(",{name}:{measured:.0}:{stated:.0}");
                }
                println!("{}", if taken.1 > 1.3 * fastest.1 { ",SLOWER" } else { "" });
            }
        }
    }
}
