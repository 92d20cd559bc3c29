//! What tests of single steps share.

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
