//! Ranks: the top of each tree as masks, tiles below.

use super::super::sliced::{self, Sliced, Strides};
use super::super::{Cost, PASSES};
use super::Root;
use crate::kernels::Columns;
use crate::simd::Level;
use crate::simd::tile::{self, Keys, ROWS, Tiles};

/// Bytes of a block's keys, which share the second cache level with its sums and a tree.
const BLOCK_BYTES: usize = 512 << 10;
/// Rows of a pass of the top.
const PASS: usize = PASSES[PASSES.len() - 1];

/// Tops and tiles, over up to `WIDTH` planes.
#[derive(Debug)]
pub(super) struct Ranked<const WIDTH: usize> {
    pub top: Sliced,
    pub tiles: Tiles<u16, WIDTH>,
    /// The planes that are keys of a row: of those that differ in the side of missing, the one where it goes right.
    pub turned: Vec<usize>,
    /// Whether tiles have splits that send missing values left, whose plane is not turned.
    pub missing_left: bool,
}

/// What a worker has for it.
pub(super) struct Scratch<'a, const WIDTH: usize> {
    pub planes: &'a mut Vec<u16>,
    pub keys: &'a mut Vec<Keys<u16, WIDTH>>,
    pub numbers: &'a mut Vec<u8>,
    pub top: &'a mut sliced::Scratch,
    pub tile: &'a mut tile::Scratch,
}

impl<const WIDTH: usize> Ranked<WIDTH> {
    /// Nanoseconds a row for its keys, and of the passes of the top.
    pub(super) fn cost(&self, level: Level) -> (f64, [f64; PASSES.len()]) {
        let keys = 0.5 * self.top.keys().0.len() as f64;
        match self.top.cost(level) {
            Cost::Passes(passes) => (keys, passes),
            other => (keys, PASSES.map(|rows| other.of(rows))),
        }
    }

    /// Calls `visit(tree, first row, leaf of each row from there)`, each tree and row once, trees of a row in order.
    pub(super) fn run(
        &self,
        level: Level,
        roots: &[Root],
        input: &impl Columns,
        mut scratch: Scratch<WIDTH>,
        rows: usize,
        mut visit: impl FnMut(&Root, usize, &[u32]),
    ) {
        let block = BLOCK_BYTES / size_of::<Keys<u16, WIDTH>>();
        for start in (0..rows).step_by(block) {
            self.block(level, roots, input, &mut scratch, start, block.min(rows - start), &mut visit);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "those of `run`, and which rows")]
    fn block(
        &self,
        level: Level,
        roots: &[Root],
        input: &impl Columns,
        scratch: &mut Scratch<WIDTH>,
        start: usize,
        count: usize,
        visit: &mut impl FnMut(&Root, usize, &[u32]),
    ) {
        let Scratch { planes: ranks, keys, numbers, top, tile } = scratch;
        let (planes, table) = self.top.keys();
        let (per_pass, padded) = (planes.len() * PASS, count.next_multiple_of(PASS));
        ranks.resize(padded * planes.len(), 0);
        keys.resize(padded, Keys([0; WIDTH]));
        // One pass after another, the last perhaps shorter.
        let passes =
            || (Strides { start: 0, rows: count }).map(|(rows, stride)| (rows.start / PASS * per_pass, rows, stride));
        let mut missing = false;
        for (at, rows, stride) in passes() {
            let ranks = &mut ranks[at..][..planes.len() * stride];
            planes.fill(table, input, start + rows.start, rows.len(), ranks, stride);
            self.turn(ranks, stride, &mut keys[rows]);
            missing = missing || self.missing_left && ranks.iter().fold(false, |any, &rank| any | (rank == u16::MAX));
        }
        let mut roots = roots.iter();
        let mut leaves = [0; ROWS];
        for chunk in 0..self.top.chunks() {
            let trees = self.top.trees(chunk).len();
            if trees == 0 {
                continue;
            }
            numbers.resize(trees * padded, 0);
            for (at, rows, stride) in passes() {
                let (ranks, numbers) = (&ranks[at..][..planes.len() * stride], &mut numbers[rows.start..]);
                self.top.numbers(level, chunk, ranks, stride, top, numbers, padded);
            }
            for (root, numbers) in roots.by_ref().take(trees).zip(numbers.chunks(padded)) {
                for first in (0..count).step_by(ROWS) {
                    let rows = first..(first + ROWS).min(count);
                    let leaves = &mut leaves[..rows.len()];
                    let (keys, numbers) = (&keys[rows.clone()], &numbers[rows]);
                    self.tiles.leaves(level, keys, root.tile, numbers, missing, tile, leaves);
                    visit(root, start + first, leaves);
                }
            }
        }
    }

    /// Keys row by row.
    fn turn(&self, ranks: &[u16], stride: usize, rows: &mut [Keys<u16, WIDTH>]) {
        for (key, &plane) in self.turned.iter().enumerate().take(WIDTH) {
            for (row, &rank) in rows.iter_mut().zip(&ranks[plane * stride..][..stride]) {
                row.0[key] = rank;
            }
        }
    }
}
