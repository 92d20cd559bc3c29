//! XGBoost files: no mutation of a real one panics, and both formats give one model.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use fastscore_core::Error;
use fastscore_core::import::xgboost::{Like, Options, import};
use proptest::prelude::*;

const FILES: [&[u8]; 6] = [
    include_bytes!("../../../tests/golden/xgboost/32_categories.json"),
    include_bytes!("../../../tests/golden/xgboost/32_onehot.ubj"),
    include_bytes!("../../../tests/golden/xgboost/32_vectors.json"),
    include_bytes!("../../../tests/golden/xgboost/17_softprob.ubj"),
    include_bytes!("../../../tests/golden/xgboost/21_dart.json"),
    include_bytes!("../../../tests/golden/xgboost/30_gblinear.json"),
];

#[test]
fn the_files_themselves_are_imported() {
    for file in FILES {
        let model = import(file, Options::default()).unwrap();
        assert_eq!(model.features().count, 3);
        assert_eq!(model.features().names, None);
    }
}

#[test]
fn what_was_asked_for_must_be_there() {
    for iterations in [0, 5, usize::MAX] {
        let options = Options { iterations: Some(iterations), ..Options::default() };
        assert!(matches!(import(FILES[0], options), Err(Error::InvalidArgument(_))));
    }
    let file = include_bytes!("../../../tests/golden/xgboost/32_estimator.json");
    let trees = |like| import(file, Options { like, ..Options::default() }).unwrap().leaf_forest().unwrap().1.trees();
    assert!(trees(None) < trees(Some(Like::Booster)));
    assert_eq!(trees(None), trees(Some(Like::Estimator)));
}

#[test]
fn empty_and_foreign_bytes_are_refused() {
    for bytes in [&b""[..], b"{", b"{}", b"[]", b"null", b"{L", b"tree\n", b"binf", b"{\"learner\":{}}"] {
        assert!(matches!(import(bytes, Options::default()), Err(Error::ModelFormat(_) | Error::UnsupportedModel(_))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutations_never_panic(
        file in 0..FILES.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4), 1..6),
    ) {
        let mut bytes = FILES[file].to_vec();
        for (at, byte, kind) in edits {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes[at] = b"0123456789-+.e[]{},\""[usize::from(byte) % 20],
                2 => bytes.truncate(at + 1),
                _ => { bytes.remove(at); }
            }
            if bytes.is_empty() {
                break;
            }
        }
        // Either a model or one of our errors.
        let _ = import(&bytes, Options::default());
    }
}
