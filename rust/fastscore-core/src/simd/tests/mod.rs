//! Tests of the room as a whole. A test that wants a level which this processor
//! lacks says so on standard error and goes on with the others.

mod accuracy;
mod bits;
mod functions;
mod levels;
mod logarithms;
mod reference;
mod speed;

use std::io::Write;

use super::Level;

/// The levels that can be tested here.
fn levels(test: &str) -> Vec<Level> {
    let (here, missing): (Vec<_>, Vec<_>) = Level::ALL.into_iter().partition(|level| level.is_available());
    for level in missing {
        // Not `eprintln!`, which the test harness would hide.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: {test} at level {level}: this CPU lacks {}",
            level.missing().join(", ")
        );
    }
    here
}

/// The splitmix64 generator: test values that never change.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        let unit = (self.bits() >> 11) as f64 / (1u64 << 53) as f64;
        low + (high - low) * unit
    }
}

/// Values at which functions like these go wrong.
fn specials() -> Vec<f64> {
    let magnitudes = [
        0.0,
        f64::from_bits(1),
        f64::MIN_POSITIVE,
        1e-20,
        f64::EPSILON / 4.0,
        f64::EPSILON / 2.0,
        f64::EPSILON,
        1e-8,
        std::f64::consts::LN_2 / 2.0,
        0.5,
        std::f64::consts::LN_2,
        1.0,
        36.7368005696771,
        37.42994775023705,
        708.3964185322641,
        709.0895657128241,
        709.782712893384,
        710.0,
        744.4400719213812,
        745.1332191019411,
        745.1332191019412,
        746.0,
        1e4,
        2f64.powi(51),
        2f64.powi(52),
        2f64.powi(63),
        1e300,
        f64::MAX,
        f64::INFINITY,
        f64::NAN,
        f64::from_bits(0x7ff0_0000_0000_0001),
        f64::from_bits(0x7fff_ffff_ffff_ffff),
    ];
    magnitudes
        .into_iter()
        .flat_map(|value| [value.next_down(), value, value.next_up()])
        .flat_map(|value| [value, -value])
        .collect()
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}
