//! What several tests share.

#![allow(dead_code, reason = "no test uses all of it")]

use fastscore_core::model::*;

/// A model of steps over nameless features, which refuses nothing; `shown` is its margin, the last value its prediction.
pub fn parts(features: usize, steps: Vec<Step>, shown: usize) -> ModelParts {
    let last = steps.len();
    ModelParts {
        features: Features {
            count: features,
            names: None,
            name_match: NameMatch::Exact,
            encodings: Vec::new(),
            checked: None,
        },
        input: InputPolicy {
            missing: OnBadValue::Accept,
            non_finite: OnBadValue::Accept,
            width: Width::Float64,
            absent: Absent::Zero,
        },
        steps,
        guards: Vec::new(),
        targets: vec![Target {
            name: None,
            classes: None,
            margin: shown,
            probability: None,
            prediction: Decision::Value(last),
            score: None,
        }],
        transform: None,
        output_width: Width::Float64,
        leaf: None,
        source: Source::default(),
    }
}

/// Complete trees: split s has the children 2 s + 1 and 2 s + 2, of which those past the splits are leaves.
pub fn complete_trees(features: usize, trees: usize, depth: u32, thresholds: u64, leaf_width: usize) -> Forest {
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
            forest.feature.push(random(features as u64) as i32);
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
