//! LightGBM model text: damage is named with its place, and no mutation of a real text panics.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use fastscore_core::Error;
use fastscore_core::import::lightgbm::{Options, import};
use proptest::prelude::*;

/// LightGBM 4.7.0: `lightgbm.train({"objective": "binary", "num_leaves": 4}, Dataset(X, y), 2).model_to_string()`, cut
/// after the trees.
const TEXT: &str = include_str!("data/lightgbm_binary.txt");

/// Texts to break: each feature of the format once.
const SEEDS: [&str; 5] = [
    TEXT,
    include_str!("../../../tests/golden/lightgbm/v4_categorical.txt"),
    include_str!("../../../tests/golden/lightgbm/v4_linear_categorical.txt"),
    include_str!("../../../tests/golden/lightgbm/v4_pandas.txt"),
    include_str!("../../../tests/golden/lightgbm/v4_multiclass.txt"),
];

fn refusal(text: &str) -> String {
    match import(text, Options::default()) {
        Err(Error::ModelFormat(message) | Error::UnsupportedModel(message)) => message,
        other => panic!("{other:?}"),
    }
}

fn changed(from: &str, to: &str) -> String {
    assert!(TEXT.contains(from), "{from}");
    refusal(&TEXT.replacen(from, to, 1))
}

#[test]
fn the_text_itself_is_imported() {
    let model = import(TEXT, Options::default()).unwrap();
    assert_eq!(model.features().count, 4);
    assert_eq!(model.features().names, None, "generated names count as none");
    assert_eq!(model.leaf_forest().unwrap().1.trees(), 2);
}

#[test]
fn damage_is_named_with_its_place() {
    assert!(refusal("").contains("first line"));
    assert!(refusal("tree").contains("num_class is missing"));
    assert!(changed("num_class=1", "num_class=x").contains("num_class has \"x\""));
    assert!(changed("max_feature_idx=3", "max_feature_idx=7").contains("max_feature_idx is 7"));
    assert!(changed("max_feature_idx=3", "max_feature_idx=18446744073709551615").contains("max_feature_idx"));
    assert!(changed("num_leaves=4", "num_leaves=5").contains("tree 0"));
    assert!(changed("num_leaves=4", "num_leaves=0").contains("num_leaves is 0"));
    assert!(changed("num_leaves=4", "num_leaves=2147483648").contains("tree 0"));
    let claim = TEXT.replace("decision_type=", "other=");
    assert!(refusal(&claim.replace("num_leaves=4", "num_leaves=1000000000000000")).contains("tree 0"));
    assert!(refusal(&claim.replace("num_leaves=4", "num_leaves=18446744073709551615")).contains("tree 0"));
    assert!(changed("Tree=1", "Tree=7").contains("tree 7 stands where tree 1 is due"));
    assert!(changed("end of trees", "").contains("no \"end of trees\""));
    assert!(changed("split_feature=0 0 3", "split_feature=0 0 4").contains("reads feature 4 of 4"));
    assert!(changed("left_child=1 -1 -3", "left_child=0 -1 -3").contains("reached twice"));
    assert!(changed("left_child=1 -1 -3", "left_child=9 -1 -3").contains("not there"));
    assert!(changed("threshold=0.2", "threshold=nan 0.2").contains("threshold has 4 entries"));
    assert!(changed("threshold=0.22610042961764693", "threshold=nan").contains("the threshold NaN"));
    assert!(changed("decision_type=2 2 2", "decision_type=2 14 2").contains("decision_type 14"));
    assert!(changed("num_tree_per_iteration=1", "num_tree_per_iteration=3").contains("2 trees, but 3 an iteration"));
    assert!(changed("num_tree_per_iteration=1", "num_tree_per_iteration=0").contains("an iteration"));
}

#[test]
fn contradictions_of_categorical_and_linear_trees_are_named() {
    assert!(changed("decision_type=2 2 2", "decision_type=2 3 2").contains("tree 0, split 1 (feature \"Column_0\")"));
    assert!(changed("is_linear=0", "is_linear=1").contains("tree 0: num_features is missing"));
    assert!(changed("num_cat=0", "num_cat=18446744073709551615").contains("num_cat"));
    assert!(changed("num_cat=0", "num_cat=1").contains("cat_boundaries is missing"));
}

#[test]
fn what_is_not_supported_is_named() {
    assert!(changed("objective=binary sigmoid:1", "objective=magic").contains("magic"));
    assert!(changed("objective=binary sigmoid:1", "objective=multiclass num_class:3").contains("multiclass"));
}

#[test]
fn pandas_categories_need_their_columns() {
    assert!(refusal(&format!("{TEXT}\npandas_categorical:[[\"a\", \"b\"]]\n")).contains("categories="));
    for none in ["null", "[]"] {
        import(&format!("{TEXT}\npandas_categorical:{none}\n"), Options::default()).unwrap();
    }
}

#[test]
fn iterations_out_of_range_are_refused() {
    for iterations in [0, 3, usize::MAX] {
        let options = Options { iterations: Some(iterations), ..Options::default() };
        assert!(matches!(import(TEXT, options), Err(Error::InvalidArgument(_))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutations_never_panic(text in prop::sample::select(&SEEDS[..]), edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4), 1..6)) {
        let mut bytes = text.as_bytes().to_vec();
        for (at, byte, kind) in edits {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes[at] = b"0123456789-+.e= \n"[usize::from(byte) % 17],
                2 => bytes.truncate(at + 1),
                _ => { bytes.remove(at); }
            }
            if bytes.is_empty() {
                break;
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        // Either a model or one of our errors.
        let _ = import(&text, Options::default());
    }
}
