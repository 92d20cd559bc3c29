//! Values: float32 keys as they are, for few trees, which are walked by tiles from the root on.
//!
//! The columns from the first that is read to the last lie in a row's keys side by side, from key 1 on, so that a row of an
//! array is converted by a few vector instructions.

use super::super::planes::Planes;
use super::Root;
use crate::kernels::{Columns, RowCells, Rows};
use crate::model::{Forest, Width};
use crate::simd::Level;
use crate::simd::bits::{self, BitWork, Bits};
use crate::simd::tile::{self, Keys, Tiles};

/// Rows whose keys are made together, 64 KB of them.
const BLOCK: usize = 512;
/// Keys of a row.
const WIDTH: usize = 32;

/// Which columns are keys.
#[derive(Debug)]
pub(super) struct Values {
    /// Ascending.
    features: Vec<usize>,
}

impl Values {
    /// None where the forest compares more than plain float32 values of neighbouring columns.
    pub(super) fn new(forest: &Forest, planes: &Planes) -> Option<Self> {
        let mut features: Vec<usize> = forest.feature.iter().map(|&feature| feature as usize).collect();
        features.sort_unstable();
        features.dedup();
        let values = Values { features };
        let fits = forest.width == Width::Float32
            && forest.zero_band.is_none()
            && forest.missing_value.is_none()
            && planes.only_nan_is_missing()
            && values.features.last().is_some_and(|&last| values.place_of(last) < WIDTH);
        fits.then_some(values)
    }

    fn place_of(&self, feature: usize) -> usize {
        feature - self.features[0] + 1
    }

    /// Where the key of a split's feature is.
    pub(super) fn place(&self, feature: i32) -> usize {
        self.place_of(feature as usize)
    }

    /// As `Ranked::run`.
    #[expect(clippy::too_many_arguments, reason = "what is walked, where, and by whom")]
    pub(super) fn run(
        &self,
        level: Level,
        tiles: &Tiles<f32, WIDTH>,
        roots: &[Root],
        input: &impl Columns,
        keys: &mut Vec<Keys<f32, WIDTH>>,
        scratch: &mut tile::Scratch,
        rows: usize,
        mut visit: impl FnMut(&Root, usize, &[u32]),
    ) {
        let mut leaves = [0; BLOCK];
        let from_the_root = [0; BLOCK];
        keys.resize(BLOCK, Keys([f32::NEG_INFINITY; WIDTH]));
        for start in (0..rows).step_by(BLOCK) {
            let count = BLOCK.min(rows - start);
            let (keys, leaves) = (&mut keys[..count], &mut leaves[..count]);
            self.fill(level, input, start, keys);
            let mut missing = false;
            bits::run(level, AnyNan { keys, found: &mut missing });
            for root in roots {
                tiles.leaves(level, keys, root.tile, &from_the_root[..count], missing, scratch, leaves);
                visit(root, start, leaves);
            }
        }
    }

    fn fill(&self, level: Level, input: &impl Columns, start: usize, keys: &mut [Keys<f32, WIDTH>]) {
        if let Some(array) = input.rows() {
            // Where every column that is read lies as far from the first as its key does.
            let (first, reach) =
                (array.offset[self.features[0]], self.features[self.features.len() - 1] - self.features[0]);
            let in_line = |&feature: &usize| array.offset[feature] == first + feature - self.features[0];
            if self.features.iter().all(in_line) {
                let work = Convert { array, first, count: reach + 1, start, keys };
                return bits::run(level, work);
            }
        }
        let rows = start..start + keys.len();
        for &feature in &self.features {
            let place = self.place_of(feature);
            for (keys, &x) in keys.iter_mut().zip(&input.column(feature)[rows.clone()]) {
                keys.0[place] = x as f32;
            }
        }
    }
}

/// Rows of an array, from `start` on, as keys.
struct Convert<'a> {
    array: Rows<'a>,
    first: usize,
    /// Columns.
    count: usize,
    start: usize,
    keys: &'a mut [Keys<f32, WIDTH>],
}

impl BitWork for Convert<'_> {
    #[inline(always)]
    fn run(self, bits: impl Bits) {
        let Convert { array, first, count, start, keys } = self;
        match array.cells {
            RowCells::F64(cells) => {
                let mut at = start * array.stride + first;
                for keys in keys {
                    // Whole vectors where there is something behind the row: what they convert beyond it is not read.
                    if let Some(cells) = cells.get(at..at + WIDTH - 1) {
                        let mut done = 0;
                        while done < count {
                            // The last one begins early, so that it ends with the keys.
                            let from = done.min(WIDTH - 1 - 8);
                            if let (Some(x), Some(out)) =
                                (cells[from..].first_chunk(), keys.0[1 + from..].first_chunk_mut())
                            {
                                bits.narrow(x, out);
                            }
                            done += 8;
                        }
                    } else {
                        for (key, &x) in keys.0[1..].iter_mut().zip(&cells[at..at + count]) {
                            *key = x as f32;
                        }
                    }
                    at += array.stride;
                }
            }
            RowCells::F32(cells) => {
                for (r, keys) in keys.iter_mut().enumerate() {
                    let at = (start + r) * array.stride + first;
                    keys.0[1..=count].copy_from_slice(&cells[at..at + count]);
                }
            }
        }
    }
}

/// Whether some key is NaN, be it one that no split reads.
struct AnyNan<'a> {
    keys: &'a [Keys<f32, WIDTH>],
    found: &'a mut bool,
}

impl BitWork for AnyNan<'_> {
    #[inline(always)]
    fn run(self, _: impl Bits) {
        // Without its sign, NaN is above infinity among the bits.
        let mut largest = [0; WIDTH];
        for keys in self.keys {
            for (largest, key) in largest.iter_mut().zip(&keys.0) {
                *largest = (key.to_bits() & !(1 << 31)).max(*largest);
            }
        }
        *self.found = largest.iter().any(|&bits| bits > f32::INFINITY.to_bits());
    }
}
