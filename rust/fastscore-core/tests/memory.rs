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
        let step =
            Step { input: 0, op: Op::Forest(common::complete_trees(FEATURES, trees, depth, thresholds, leaf_width)) };
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
