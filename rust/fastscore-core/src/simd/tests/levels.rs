//! How a level is chosen.

use super::{Level, bits};
use crate::simd::exp;

#[test]
fn no_setting_means_the_best_level() {
    assert_eq!(Level::from_env_value(None), Ok(Level::detect()));
    assert_eq!(Level::from_env_value(Some("")), Ok(Level::detect()));
    assert!(Level::detect().is_available());
}

#[test]
fn a_level_is_chosen_by_name_or_refused_with_the_reason() {
    for level in Level::ALL {
        let chosen = Level::from_env_value(Some(level.name()));
        if level.is_available() {
            assert_eq!(chosen, Ok(level));
        } else {
            let message = chosen.err().unwrap_or_default();
            assert!(message.contains(level.name()), "{message}");
            assert!(message.contains(level.missing()[0]), "{message}");
        }
    }
    assert_eq!(Level::from_env_value(Some("portable")), Ok(Level::Portable));
}

#[test]
fn an_unknown_name_is_refused_with_the_valid_ones() {
    for name in ["sse2", "AVX2", " avx2"] {
        let message = Level::from_env_value(Some(name)).err().unwrap_or_default();
        assert!(message.contains("portable, avx2, avx512"), "{message}");
    }
}

/// Whatever the processor, no level does harm.
#[test]
fn a_level_that_is_missing_is_run_as_portable() {
    for level in Level::ALL {
        let (mut found, mut expected) = ([0.3; 11], [0.3; 11]);
        exp(level, &mut found);
        exp(Level::Portable, &mut expected);
        assert_eq!(bits(&found), bits(&expected));
    }
}
