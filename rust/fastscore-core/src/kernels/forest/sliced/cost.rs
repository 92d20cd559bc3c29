//! What a pass of the bit-sliced engine costs.

use crate::simd::Level;

/// What a pass does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    pub planes: f64,
    pub conditions: f64,
    pub splits: f64,
    /// Trees, each times [`sums`] and the columns of a leaf.
    pub sums: f64,
}

impl Work {
    /// Nanoseconds of a pass for 64, 256 or 512 rows: the constants that fit what `make calibrate` measured on a Zen 5.
    pub(super) fn pass(&self, level: Level, rows: usize) -> f64 {
        let [planes, conditions, splits, sums] = match (level, rows) {
            (Level::Avx512, 64) => [110.0, 0.5, 1.36, 14.3],
            (Level::Avx512, 256) => [288.0, 2.3, 1.9, 30.0],
            (Level::Avx512, _) => [420.0, 5.2, 2.95, 52.0],
            (Level::Avx2, 64) => [141.0, 0.5, 1.35, 40.0],
            (Level::Avx2, 256) => [396.0, 2.1, 2.2, 119.0],
            (Level::Avx2, _) => [640.0, 5.3, 4.4, 222.0],
            (Level::Portable, 64) => [157.0, 23.0, 2.2, 32.5],
            (Level::Portable, 256) => [406.0, 98.0, 6.3, 94.0],
            (Level::Portable, _) => [630.0, 206.0, 12.3, 150.0],
        };
        self.planes * planes + self.conditions * conditions + self.splits * splits + self.sums * sums
    }
}

/// What it takes to add a tree's values, whose tables have so many lines, or which has none, in terms of the usual.
pub(super) fn sums(level: Level, lines: u32) -> f64 {
    match (level, lines) {
        (Level::Avx512, 0) => 4.3,
        (Level::Avx512, 2) => 1.3,
        (Level::Avx512, 4) => 2.0,
        _ => 1.0,
    }
}
