//! How much memory models and plans take, counted by an allocator. One test, since it counts all threads together.

mod common;

use std::sync::Arc;

use dhat::{HeapStats, Profiler};
use fastscore_core::model::*;
use fastscore_core::plan::Plan;
use fastscore_core::simd::Level;

#[global_allocator]
static MEMORY: dhat::Alloc = dhat::Alloc;

const FEATURES: usize = 20;
/// What a plan takes at most for a node, its leaf values besides.
const NODE_BYTES: usize = 24;
/// The bytes of a file are freed in parts of this size.
const FREED_TOGETHER: usize = 1 << 20;
/// What small models may take besides, and what else a plan has.
const BESIDES: usize = 300 << 10;
/// Tables of trees of fewer than 16 leaves, which are padded.
const PADDED: usize = 2 << 20;

/// Complete trees: split s has the children 2 s + 1 and 2 s + 2, of which those past the splits are leaves.
fn forest(trees: usize, depth: u32, thresholds: u64, leaf_width: usize) -> Forest {
    let splits = (1 << depth) - 1;
    let mut state = 1_u64;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 33) % below
    };
    let child = |at: i32| if at < splits { at } else { -1 - (at - splits) };
    let mut forest = Forest {
        outputs: leaf_width,
        leaf_width,
        base: vec![0.0; leaf_width],
        split_offset: vec![0],
        leaf_offset: vec![0],
        target: if leaf_width == 1 { vec![0; trees] } else { vec![] },
        ..Forest::default()
    };
    for _ in 0..trees {
        for split in 0..splits {
            forest.feature.push(random(FEATURES as u64) as i32);
            forest.threshold.push(random(thresholds) as f64 / thresholds as f64);
            forest.left.push(child(2 * split + 1));
            forest.right.push(child(2 * split + 2));
            forest.flags.push(0);
        }
        for leaf in 0..=splits {
            forest.leaf_id.push(leaf);
            forest.leaf_value.extend((0..leaf_width).map(|_| random(1 << 30) as f64));
        }
        forest.split_offset.push(forest.feature.len() as i64);
        forest.leaf_offset.push(forest.leaf_id.len() as i64);
    }
    forest
}

/// The result of a call, the bytes that it holds, and those that were in use at the peak.
fn counted<T>(call: impl FnOnce() -> T) -> (T, usize, usize) {
    let _profiler = Profiler::builder().testing().build();
    let result = call();
    let HeapStats { curr_bytes, max_bytes, .. } = HeapStats::get();
    (result, curr_bytes, max_bytes)
}

#[test]
fn models_and_plans_stay_within_their_memory() {
    // Trees, depth, distinct thresholds of a feature, columns of a leaf.
    let shapes = [
        (400, 6, 200, 1),
        (200, 8, 60_000, 1),
        (40, 13, 1 << 30, 1),
        (40, 13, 250, 3),
        (1, 16, 1 << 30, 1),
        (2_000, 3, 50, 1),
    ];
    for (trees, depth, thresholds, leaf_width) in shapes {
        let case = format!("{trees} trees of depth {depth}, {thresholds} thresholds, leaves of {leaf_width}");
        let step = Step { input: 0, op: Op::Forest(forest(trees, depth, thresholds, leaf_width)) };
        let bytes = Model::new(common::parts(FEATURES, vec![step], 1)).unwrap().to_bytes().unwrap();
        let (size, nodes) = (bytes.len(), trees * ((2 << depth) - 1));
        let values = trees * (1 << depth) * leaf_width * size_of::<f64>();

        let (model, held, peak) = counted(|| Model::from_vec(bytes.clone()).unwrap());
        drop(bytes);
        assert!(held < size * 3 / 2, "{case}: a file of {size} bytes became a model of {held}");
        assert!(peak < size * 7 / 4 + FREED_TOGETHER, "{case}: reading a file of {size} bytes took {peak}");

        let model = Arc::new(model);
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            let (plan, held, _) = counted(|| Plan::compile_for(model.clone(), level, None).unwrap());
            let held_by = format!("{case}, {level}: a plan of {held} bytes for {nodes} nodes\n{}", plan.explain());
            drop(plan);
            let besides = if depth < 4 { PADDED + BESIDES } else { BESIDES };
            assert!(held <= NODE_BYTES * nodes + values + besides, "{held_by}");
        }
    }
}
