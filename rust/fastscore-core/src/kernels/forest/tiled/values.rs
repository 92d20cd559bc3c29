//! Values: float32 keys as they are, for few trees, which are walked by tiles from the root on.
//!
//! The columns from the first that is read to the last lie in a row's keys side by side, so that a row of an array is
//! converted by a few vector instructions (simd/narrow.rs), which also tell whether all numbers are finite: nobody has to look
//! at them again. While rows are walked, the lines of the next ones are fetched.

use super::super::planes::Planes;
use super::{Proof, Root};
use crate::kernels::{Columns, RowCells, Rows};
use crate::model::{Forest, Width};
use crate::simd::Level;
use crate::simd::bits::{self, BitWork, Bits};
use crate::simd::narrow::{self, COLUMNS, WIDTH};
use crate::simd::tile::{self, Ahead, Keys, Tiles};

/// Rows whose keys are made together: these 16 KB and the rows that are fetched meanwhile share the first cache level. With 256 a row
/// took an eighth longer.
const BLOCK: usize = 128;

/// Which columns are keys.
#[derive(Debug)]
pub(super) struct Values {
    /// Ascending.
    features: Vec<usize>,
    /// The feature that is key 0.
    first: usize,
}

impl Values {
    /// None where the forest compares more than plain float32 values of neighbouring columns.
    pub(super) fn new(forest: &Forest, planes: &Planes) -> Option<Self> {
        let mut features: Vec<usize> = forest.feature.iter().map(|&feature| feature as usize).collect();
        features.sort_unstable();
        features.dedup();
        let (&first, &last) = features.first().zip(features.last())?;
        // Columns that are not read may still be refused: those before the first are looked at too where they fit.
        let values = Values { features, first: if last < COLUMNS { 0 } else { first } };
        let fits = forest.width == Width::Float32
            && forest.zero_band.is_none()
            && forest.missing_value.is_none()
            && planes.only_nan_is_missing()
            && values.place(last as i32) < COLUMNS;
        fits.then_some(values)
    }

    /// Where the key of a split's feature is.
    pub(super) fn place(&self, feature: i32) -> usize {
        feature as usize - self.first
    }

    /// As `Ranked::run`. Gives what is proved of the numbers.
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
    ) -> Proof {
        let mut leaves = [0; BLOCK];
        let from_the_root = [0; BLOCK];
        keys.resize(BLOCK, Keys([0.0; WIDTH]));
        let source = self.source(input);
        let mut finite = true;
        for start in (0..rows).step_by(BLOCK) {
            let count = BLOCK.min(rows - start);
            let here = source.fill(level, start, count, keys);
            source.fetch(start + BLOCK, (start + 2 * BLOCK).min(rows), &mut scratch.ahead);
            let (keys, leaves) = (&keys[..count], &mut leaves[..count]);
            let mut missing = false;
            if !here {
                bits::run(level, AnyNan { keys, found: &mut missing });
            }
            finite &= here;
            for root in roots {
                tiles.leaves(level, keys, root.tile, &from_the_root[..count], missing, scratch, leaves);
                visit(root, start, leaves);
            }
        }
        match source {
            _ if !finite => Proof::None,
            Source::Array { covers: true, .. } => Proof::All,
            Source::Array { .. } | Source::Columns(_) => Proof::Read,
        }
    }

    fn source<'a>(&self, input: &'a impl Columns) -> Source<'a> {
        if let Some(array) = input.rows()
            && let Some(source) = self.array(array)
        {
            return source;
        }
        let mut columns = Vec::with_capacity(COLUMNS);
        for &feature in &self.features {
            columns.resize(self.place(feature as i32), &[][..]);
            columns.push(input.column(feature));
        }
        Source::Columns(columns)
    }

    /// None where columns do not lie as far from the first as their keys do.
    fn array<'a>(&self, array: Rows<'a>) -> Option<Source<'a>> {
        let loaded = |&feature: &usize| array.offset[feature] != usize::MAX;
        let mut keys = (self.first..array.offset.len().min(self.first + COLUMNS)).filter(loaded);
        let first = keys.next()?;
        let last = keys.next_back().unwrap_or(first);
        let base = array.offset[first].checked_sub(first - self.first)?;
        let in_line = (first..=last).filter(loaded).all(|feature| array.offset[feature] == base + feature - self.first);
        let covers = (0..self.first).chain(last + 1..array.offset.len()).all(|feature| !loaded(&feature));
        in_line.then_some(Source::Array { array, base, count: last + 1 - self.first, covers })
    }
}

/// Where numbers come from.
enum Source<'a> {
    /// The columns of an array of rows, `count` of them from `base` on; whether no feature that is loaded is another one.
    Array { array: Rows<'a>, base: usize, count: usize, covers: bool },
    /// The keys' columns, empty where none is read.
    Columns(Vec<&'a [f64]>),
}

impl Source<'_> {
    /// Rows as keys; whether all numbers are finite.
    fn fill(&self, level: Level, start: usize, count: usize, keys: &mut [Keys<f32, WIDTH>]) -> bool {
        match self {
            Source::Array { array: Rows { cells, stride, .. }, base, count: columns, .. } => {
                let (at, keys) = (start * stride + base, &mut keys[..count]);
                match cells {
                    RowCells::F64(cells) => narrow::rows(level, &cells[at..], *stride, *columns, keys),
                    RowCells::F32(cells) => narrow::rows(level, &cells[at..], *stride, *columns, keys),
                }
            }
            Source::Columns(columns) => {
                let mut here = [&[][..]; COLUMNS];
                for (here, column) in here.iter_mut().zip(columns).filter(|(_, column)| !column.is_empty()) {
                    *here = &column[start..start + count];
                }
                narrow::columns(level, &here[..columns.len()], count, keys)
            }
        }
    }

    /// Have the rows from `start` up to `end` fetched.
    fn fetch(&self, start: usize, end: usize, ahead: &mut Ahead) {
        let count = end.saturating_sub(start);
        match self {
            _ if count == 0 => ahead.set([], 0),
            Source::Array { array: Rows { cells, stride, .. }, base, .. } => {
                let at = start * stride + base;
                match cells {
                    RowCells::F64(cells) => ahead.set([cells[at..].as_ptr().cast()], 8 * count * stride),
                    RowCells::F32(cells) => ahead.set([cells[at..].as_ptr().cast()], 4 * count * stride),
                }
            }
            Source::Columns(columns) => {
                let read = columns.iter().filter(|column| !column.is_empty());
                ahead.set(read.map(|column| column[start..].as_ptr().cast()), 8 * count);
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
