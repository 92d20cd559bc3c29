//! What a pass of the bit-sliced engine costs.

use crate::simd::Level;

/// What a pass does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    pub planes: f64,
    pub conditions: f64,
    pub splits: f64,
    /// Trees, times the columns of a leaf.
    pub sums: f64,
}

impl Work {
    /// Nanoseconds of a pass for 64, 256 or 512 rows, as `make calibrate` measured them.
    pub(super) fn pass(&self, level: Level, rows: usize) -> f64 {
        let [planes, conditions, splits, sums] = match (level, rows) {
            (Level::Avx512, 64) => [100.0, 4.0, 1.0, 30.0],
            (Level::Avx512, 256) => [400.0, 4.0, 1.0, 60.0],
            (Level::Avx512, _) => [800.0, 8.0, 2.0, 120.0],
            (Level::Avx2, 64) => [200.0, 4.0, 1.0, 60.0],
            (Level::Avx2, 256) => [800.0, 4.0, 1.0, 120.0],
            (Level::Avx2, _) => [1600.0, 8.0, 2.0, 240.0],
            (Level::Portable, 64) => [200.0, 40.0, 1.0, 60.0],
            (Level::Portable, 256) => [800.0, 160.0, 2.0, 240.0],
            (Level::Portable, _) => [1600.0, 320.0, 4.0, 500.0],
        };
        self.planes * planes + self.conditions * conditions + self.splits * splits + self.sums * sums
    }
}
