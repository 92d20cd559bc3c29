//! The file format: what is written is read back, and every damage is found, by its reason.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use fastscore_core::Error;
use fastscore_core::model::*;

fn sample() -> ModelParts {
    ModelParts {
        features: Features {
            count: 2,
            names: Some(vec!["a".into(), "ö b".into()]),
            name_match: NameMatch::Exact,
            encodings: vec![],
            checked: None,
        },
        input: InputPolicy {
            missing: OnBadValue::Accept,
            non_finite: OnBadValue::Refuse,
            width: Width::Float32,
            absent: Absent::Zero,
        },
        steps: vec![
            Step {
                input: 0,
                op: Op::Forest(Forest {
                    comparison: Comparison::Le,
                    outputs: 1,
                    leaf_width: 1,
                    zero_band: None,
                    base: vec![0.5],
                    split_offset: vec![0, 2, 2],
                    leaf_offset: vec![0, 3, 4],
                    target: vec![0, 0],
                    feature: vec![0, 1],
                    threshold: vec![0.1, f64::INFINITY],
                    left: vec![1, -1],
                    right: vec![-3, -2],
                    flags: vec![1, 2],
                    leaf_value: vec![1.0, f64::MIN_POSITIVE, -0.0, 7.0],
                    leaf_id: vec![3, 4, 1, 0],
                    width: Width::Float32,
                    ..Forest::default()
                }),
            },
            Step { input: 1, op: Op::Link(Link::Sigmoid { scale: 0.1 }, Width::Float64) },
            Step { input: 2, op: Op::Link(Link::Complement {}, Width::Float64) },
        ],
        guards: vec![],
        targets: vec![Target {
            name: None,
            classes: Some(Labels { dtype: "<U3".into(), values: LabelValues::Str(vec!["no".into(), "yes".into()]) }),
            margin: 1,
            probability: Some(3),
            prediction: Decision::ArgMax(3),
            score: None,
        }],
        transform: None,
        output_width: Width::Float64,
        leaf: Some(0),
        source: Source {
            library: "test".into(),
            version: "1".into(),
            class: "Thing".into(),
            notes: vec!["a \"note\"".into()],
            parameters: BTreeMap::from([("n".into(), 3.into())]),
        },
    }
}

fn forest(parts: &mut ModelParts) -> &mut Forest {
    match &mut parts.steps[0].op {
        Op::Forest(forest) => forest,
        _ => unreachable!(),
    }
}

/// The message for parts that break one rule.
fn refusal(change: impl FnOnce(&mut ModelParts)) -> String {
    let mut parts = sample();
    change(&mut parts);
    match Model::new(parts) {
        Err(Error::ModelFormat(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_written_is_read_back() {
    let model = Model::new(sample()).unwrap();
    let bytes = model.to_bytes().unwrap();
    assert_eq!(Model::from_bytes(&bytes).unwrap(), model);
    assert_eq!(Model::from_vec(bytes.clone()).unwrap(), model);
    assert_eq!(Model::from_bytes(&bytes).unwrap().to_bytes().unwrap(), bytes);
}

#[test]
fn checked_features_are_read_back_and_in_range() {
    let mut parts = sample();
    parts.features.checked = Some(vec![1]);
    let model = Model::new(parts).unwrap();
    assert_eq!(Model::from_bytes(&model.to_bytes().unwrap()).unwrap(), model);
    assert!(refusal(|parts| parts.features.checked = Some(vec![0, 2])).contains("feature 2 is checked"));
}

/// `tests/data/sample_v1.fscore` was written by the first fastscore from [`sample`]. It must be read for ever.
#[test]
fn golden_file_of_version_1_is_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sample_v1.fscore");
    let model = Model::new(sample()).unwrap();
    assert_eq!(Model::from_bytes(&std::fs::read(path).unwrap()).unwrap(), model);
}

/// What version 2 added, as far as it can stand in one model.
fn sample_of_version_2() -> ModelParts {
    let mut parts = sample();
    parts.features.encodings = encodings();
    parts
}

fn encodings() -> Vec<Encoding> {
    let table = |values, codes| Encoder::Table { values, codes };
    vec![
        Encoding {
            feature: 1,
            encoder: table(LabelValues::Str(vec!["ö".into(), String::new()]), vec![0.0, 1.0]),
            unknown: Unknown::Raise,
            missing_code: None,
            matrix: MatrixRule::Codes,
        },
        Encoding {
            feature: 0,
            encoder: table(LabelValues::UInt(vec![u64::MAX, 3]), vec![2.5, -1.0]),
            unknown: Unknown::Code(7.0),
            missing_code: Some(-0.5),
            matrix: MatrixRule::Values,
        },
    ]
}

#[test]
fn encodings_are_read_back() {
    let mut parts = sample_of_version_2();
    let variants = [
        LabelValues::Int(vec![i64::MIN, 3]),
        LabelValues::Float(vec![f64::INFINITY, 0.5]),
        LabelValues::Bool(vec![true, false]),
    ];
    for values in variants {
        parts.features.encodings[0].encoder = Encoder::Table { values, codes: vec![0.0, 1.0] };
        parts.features.encodings[0].unknown = Unknown::Missing;
        let model = Model::new(parts.clone()).unwrap();
        assert_eq!(Model::from_bytes(&model.to_bytes().unwrap()).unwrap(), model);
    }
}

#[test]
fn broken_encodings_are_refused() {
    let change = |change: fn(&mut Encoding)| {
        refusal(|parts| {
            parts.features.encodings = encodings();
            change(&mut parts.features.encodings[0]);
        })
    };
    assert!(change(|encoding| encoding.feature = 2).contains("feature 2, the model has 2"));
    assert!(change(|encoding| encoding.feature = 0).contains("two encodings"));
    assert!(change(|encoding| encoding.missing_code = Some(f64::NAN)).contains("missing_code"));
    assert!(change(|encoding| encoding.unknown = Unknown::Code(f64::INFINITY)).contains("unknown_code"));
    let table = |values, codes: Vec<f64>| {
        refusal(|parts| {
            parts.features.encodings = encodings();
            parts.features.encodings[0].encoder = Encoder::Table { values, codes };
        })
    };
    assert!(table(LabelValues::Int(vec![1, 2]), vec![0.0]).contains("2 values but 1 codes"));
    assert!(table(LabelValues::Int(vec![1]), vec![f64::NAN]).contains("not finite"));
    assert!(table(LabelValues::Int(vec![1, 1]), vec![0.0, 1.0]).contains("the value 1 occurs twice"));
    assert!(table(LabelValues::Float(vec![0.0, -0.0]), vec![0.0, 1.0]).contains("twice"));
    assert!(table(LabelValues::Float(vec![f64::NAN]), vec![0.0]).contains("NaN"));
    assert!(table(LabelValues::Str(vec!["a".into(), "a".into()]), vec![0.0, 1.0]).contains("\"a\" occurs twice"));
}

/// `tests/data/sample_v2.fscore` was written from [`sample_of_version_2`] by a fastscore that wrote version 2. It must be read
/// for ever.
#[test]
fn golden_file_of_version_2_is_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sample_v2.fscore");
    let model = Model::new(sample_of_version_2()).unwrap();
    assert_eq!(Model::from_bytes(&std::fs::read(path).unwrap()).unwrap(), model);
}

/// What version 3 added, as far as it can stand in one model.
fn sample_of_version_3() -> ModelParts {
    let mut parts = sample_of_version_2();
    let first = parts.steps.len();
    let link = |input, link| Step { input, op: Op::Link(link, Width::Float64) };
    let map = Map {
        column: vec![1, 0],
        offset: vec![0, 2, 3],
        key: vec![0.0, 1.0, -0.5],
        value: vec![1.0, f64::NAN, 7.0],
        missing: vec![-1.0, f64::NAN],
        other: vec![f64::NAN, 0.25],
    };
    parts.steps.extend([
        Step { input: 0, op: Op::Map(map) },
        link(first + 1, Link::Impute { values: vec![0.5, 2.0], missing: None }),
        link(first + 2, Link::Standardize { shift: Some(vec![0.1, 0.2]), scale: None }),
        Step { input: first + 3, op: Op::Bins(Bins { offset: vec![0, 1, 3], edge: vec![0.0, -1.0, 1.0] }) },
        Step {
            input: first + 3,
            op: Op::Interpolate(Interpolate { offset: vec![0, 2, 3], x: vec![0.0, 1.0, 2.0], y: vec![1.0, 0.5, 0.0] }),
        },
        Step {
            input: first + 4,
            op: Op::Combine(Combine { how: Arithmetic::Product, others: vec![first + 5], width: Width::Float64 }),
        },
        Step { input: first + 6, op: Op::Polynomial(Polynomial { offset: vec![0, 0, 2], factor: vec![0, 1] }) },
    ]);
    let numbers = Checks { missing: true, non_finite: Some(Width::Float32) };
    let guard = |value, refuse, names| Guard { value, columns: Some(vec![1]), refuse, step: "Step".into(), names };
    parts.guards = vec![
        guard(0, Refuse::Numbers(Checks { non_finite: None, ..numbers }), None),
        guard(first + 3, Refuse::Numbers(numbers), Some(vec!["ä".into()])),
        guard(first + 1, Refuse::Unknown(vec![(0, 0)]), None),
    ];
    parts
}

/// `tests/data/sample_v3.fscore` was written from [`sample_of_version_3`] with
/// `FASTSCORE_WRITE_GOLDEN=3 cargo test -p fastscore-core --test format golden`. It must be read for ever.
#[test]
fn golden_file_of_version_3_is_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sample_v3.fscore");
    let model = Model::new(sample_of_version_3()).unwrap();
    if std::env::var_os("FASTSCORE_WRITE_GOLDEN").is_some_and(|version| version == "3") {
        std::fs::write(path, model.to_bytes().unwrap()).unwrap();
    }
    let read = Model::from_bytes(&std::fs::read(path).unwrap()).unwrap();
    // Two tables hold NaN, which equals nothing: their bytes do.
    assert_eq!(read.to_bytes().unwrap(), model.to_bytes().unwrap());
}

#[test]
fn every_flipped_bit_is_found() {
    let bytes = Model::new(sample()).unwrap().to_bytes().unwrap();
    for at in 0..bytes.len() {
        for bit in [0, 3, 7] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            let found = Model::from_bytes(&damaged);
            assert!(matches!(found, Err(Error::ModelFormat(_))), "byte {at}, bit {bit}");
            assert_eq!(Model::from_vec(damaged), found);
        }
    }
}

#[test]
fn every_cut_is_found() {
    let bytes = Model::new(sample()).unwrap().to_bytes().unwrap();
    for end in 0..bytes.len() {
        assert!(matches!(Model::from_bytes(&bytes[..end]), Err(Error::ModelFormat(_))), "cut at {end}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(Model::from_bytes(&longer), Err(Error::ModelFormat(_))));
}

#[test]
fn a_huge_header_length_is_refused_at_once() {
    for length in [u64::MAX, 1 << 40, 200 << 20] {
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend(b"{}");
        assert!(matches!(Model::from_bytes(&bytes), Err(Error::ModelFormat(_))));
    }
}

#[test]
fn a_newer_version_says_so() {
    let bytes = Model::new(sample()).unwrap().to_bytes().unwrap();
    let key = b"\\\"version\\\":";
    let at = bytes.windows(key.len()).position(|window| window == key).unwrap() + key.len();
    let mut newer = bytes.clone();
    newer[at] = b'9';
    let Err(Error::ModelFormat(message)) = Model::from_bytes(&newer) else { panic!() };
    assert!(message.contains("format version 9") && message.contains("update fastscore"), "{message}");
}

#[test]
fn deep_or_long_structure_is_refused() {
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let Err(Error::ModelFormat(message)) = Model::from_parts(&deep, Tensors::default()) else { panic!() };
    assert!(message.contains("64 levels"), "{message}");
    let long = format!("\"{}\"", "x".repeat(17 << 20));
    assert!(matches!(Model::from_parts(&long, Tensors::default()), Err(Error::ModelFormat(_))));
}

#[test]
fn a_claim_of_many_features_is_refused() {
    assert!(refusal(|p| (p.features.count, p.features.names) = (usize::MAX, None)).contains("features"));
    assert!(refusal(|p| p.features.count = 0).contains("features"));
    assert!(refusal(|p| p.features.count = 3).contains("3 features but 2 names"));
    assert!(
        refusal(|p| p.features.names = Some(vec!["a".into(), "a".into()])).contains("two features are named \"a\"")
    );
}

#[test]
fn a_cycle_is_refused() {
    assert!(refusal(|p| forest(p).left[1] = 0).contains("reached twice"));
    assert!(refusal(|p| forest(p).left[1] = 1).contains("reached twice"));
}

#[test]
fn a_shared_branch_is_refused() {
    assert!(refusal(|p| forest(p).left[1] = -3).contains("reached twice"));
}

#[test]
fn a_dangling_child_is_refused() {
    assert!(refusal(|p| forest(p).left[1] = 2).contains("not there"));
    assert!(refusal(|p| forest(p).left[1] = -4).contains("not there"));
    assert!(refusal(|p| forest(p).left[1] = i32::MIN).contains("not there"));
    assert!(refusal(|p| forest(p).right[0] = i32::MAX).contains("not there"));
}

#[test]
fn an_unreached_branch_is_refused() {
    let change = |p: &mut ModelParts| {
        // The root's left child is a leaf; split 1 hangs on nothing, and its leaves with it.
        let forest = forest(p);
        forest.left[0] = -1;
    };
    assert!(refusal(change).contains("never reached"));
}

#[test]
fn a_start_of_float32_sums_is_refused() {
    let text = refusal(|parts| {
        forest(parts).start = Some(0);
        forest(parts).sum = Width::Float32;
        let outputs = parts.features.count;
        let forest = forest(parts);
        forest.outputs = outputs;
        forest.base = vec![0.0; outputs];
    });
    assert!(text.contains("sums in float32 start from a value"), "{text}");
}

#[test]
fn a_nan_threshold_is_refused() {
    assert!(refusal(|p| forest(p).threshold[1] = f64::NAN).contains("tree 0: split 1 has the threshold NaN"));
}

#[test]
fn a_feature_out_of_range_is_refused() {
    assert!(refusal(|p| forest(p).feature[1] = 2).contains("reads feature 2 of 2"));
    assert!(refusal(|p| forest(p).feature[1] = -1).contains("reads feature -1 of 2"));
}

#[test]
fn unknown_flags_are_refused() {
    assert!(refusal(|p| forest(p).flags[0] = 8).contains("unknown flags"));
}

#[test]
fn lengths_that_disagree_are_refused() {
    assert!(refusal(|p| forest(p).threshold.truncate(1)).contains("threshold has 1 entries, 2 are due"));
    assert!(refusal(|p| forest(p).leaf_value.truncate(3)).contains("leaf values"));
    assert!(refusal(|p| forest(p).split_offset[1] = 3).contains("split_offset"));
    assert!(refusal(|p| forest(p).split_offset[1] = -1).contains("split_offset"));
    assert!(refusal(|p| forest(p).leaf_offset = vec![]).contains("leaf_offset"));
    assert!(refusal(|p| forest(p).base = vec![]).contains("base has 0 entries"));
    assert!(refusal(|p| forest(p).target[0] = 1).contains("output 1 of 1"));
    assert!(refusal(|p| forest(p).leaf_width = 2).contains("leaves of 2 columns"));
}

#[test]
fn leaves_of_several_columns_have_no_target() {
    let wide = |parts: &mut ModelParts| {
        let forest = forest(parts);
        (forest.outputs, forest.leaf_width, forest.base) = (2, 2, vec![0.0; 2]);
        forest.leaf_value = forest.leaf_value.repeat(2);
    };
    assert!(refusal(wide).contains("leaves of several columns, and targets too"));
    let mut parts = sample();
    wide(&mut parts);
    forest(&mut parts).target.clear();
    assert!(!format!("{:?}", Model::new(parts)).contains("targets too"));
}

#[test]
fn values_that_no_step_gives_are_refused() {
    assert!(refusal(|p| p.steps[0].input = 1).contains("comes later"));
    assert!(refusal(|p| p.targets[0].margin = 9).contains("its margin is value 9"));
    assert!(refusal(|p| p.targets[0].prediction = Decision::ArgMax(0)).contains("its prediction is value 0"));
    assert!(refusal(|p| p.targets.clear()).contains("no target"));
    assert!(refusal(|p| p.leaf = Some(1)).contains("no forest"));
}

#[test]
fn classes_must_fit_the_columns() {
    assert!(refusal(|p| p.targets[0].prediction = Decision::ArgMax(1)).contains("1 columns"));
    assert!(refusal(|p| p.targets[0].prediction = Decision::Scan(0)).contains("its prediction is value 0"));
    assert!(refusal(|p| p.targets[0].prediction = Decision::Scan(1)).contains("1 columns"));
    assert!(refusal(|p| p.targets[0].probability = Some(2)).contains("1 probabilities"));
    let twice = |p: &mut ModelParts| {
        let values = LabelValues::Str(vec!["x".into(), "x".into()]);
        p.targets[0].classes = Some(Labels { dtype: "<U1".into(), values });
    };
    assert!(refusal(twice).contains("probability_x"));
}

#[test]
fn labels_must_fit_their_dtype() {
    let labels = |dtype: &str, values: LabelValues| {
        let dtype = dtype.to_string();
        refusal(move |p: &mut ModelParts| p.targets[0].classes = Some(Labels { dtype, values }))
    };
    let text = || LabelValues::Str(vec!["no".into(), "yes".into()]);
    for dtype in ["<U200000000", "<U2", "nonsense", "datetime64[ns]", "int64", "<U", ""] {
        assert!(labels(dtype, text()).contains("dtype"), "{dtype}");
    }
    assert!(labels("int8", LabelValues::Int(vec![0, 300])).contains("int8"));
    assert!(labels("uint8", LabelValues::UInt(vec![0, 256])).contains("uint8"));
}

#[test]
fn columns_that_no_bytes_back_are_refused() {
    let refusal = |change: &dyn Fn(&mut ModelParts)| {
        let mut parts = sample();
        change(&mut parts);
        match Model::new(parts) {
            Err(Error::TooWide { message, most: 262_144 }) => message,
            other => panic!("{other:?}"),
        }
    };
    let wide = |p: &mut ModelParts| {
        (p.features.count, p.features.names) = (1 << 19, None);
        p.steps.push(Step { input: 0, op: Op::Link(Link::Exp {}, Width::Float64) });
    };
    assert!(refusal(&wide).contains("steps give at most 262144 all together"));
    let many = |p: &mut ModelParts| p.targets = vec![p.targets[0].clone(); 100_000];
    assert!(refusal(&many).contains("targets have more than"));
    let predictions = |p: &mut ModelParts| {
        p.steps.push(Step { input: 3, op: Op::Link(Link::Columns { columns: vec![0; 1000] }, Width::Float64) });
        p.targets[0].classes = None;
        p.targets[0].prediction = Decision::Value(4);
        p.targets = vec![p.targets[0].clone(); 300];
    };
    assert!(refusal(&predictions).contains("targets have more than"));
}

#[test]
fn links_must_fit_their_input() {
    assert!(
        refusal(|p| p.steps[2] = Step { input: 0, op: Op::Link(Link::Complement {}, Width::Float64) })
            .contains("can't read 2")
    );
    let columns = |columns: Vec<usize>| {
        move |p: &mut ModelParts| p.steps[2].op = Op::Link(Link::Columns { columns }, Width::Float64)
    };
    assert!(refusal(columns(vec![1])).contains("can't read 1"));
    assert!(refusal(columns(vec![])).contains("can't read 1"));
    assert!(refusal(|p| p.steps[1].op = Op::Link(Link::Divide { by: 0.0 }, Width::Float64)).contains("number 0"));
    assert!(refusal(|p| p.steps[1].op = Op::Link(Link::Sigmoid { scale: f64::NAN }, Width::Float64)).contains("NaN"));
}

#[test]
fn linear_must_fit_its_input() {
    let linear =
        Linear { inputs: 3, outputs: 1, coefficients: vec![0.0; 3], intercept: vec![0.0], width: Width::Float64 };
    assert!(refusal(|p| p.steps[1] = Step { input: 0, op: Op::Linear(linear) }).contains("linear with 3 inputs"));
}
