//! The loops: rows through a tree, many in flight.
//!
//! Plain code on purpose, and never compiled under wider vector features: there the compiler turns these loops into
//! gathers, which took 50 cycles for 16 values on Zen 5, twice the time of 16 loads.

use super::super::categories::Sets;
use super::node::{Node, Tree};

/// Rows that go through a tree together. Their keys stay in the first cache level.
pub(super) const CHUNK: usize = 256;
/// Levels between two looks at whether all rows have arrived.
const STRIDE: u32 = 4;
/// Where the keys of rows are.
pub(super) trait Cells<K>: Copy {
    /// The key of plane `plane` in row `row`.
    ///
    /// # Safety
    ///
    /// There are such a plane and such a row.
    unsafe fn get(self, plane: usize, row: usize) -> K;
}

/// Row r of plane p is at `keys[r * width + p]`. Where `WIDTH` is not 0, it is the width: rows in flight are then found
/// by constants in the instructions, without which a walk takes twice as long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prepared<'a, K, const WIDTH: usize> {
    pub keys: &'a [K],
    pub width: usize,
}

impl<K: Copy, const WIDTH: usize> Cells<K> for Prepared<'_, K, WIDTH> {
    #[inline(always)]
    unsafe fn get(self, plane: usize, row: usize) -> K {
        let width = if WIDTH == 0 { self.width } else { WIDTH };
        // SAFETY: the caller vouches for plane and row.
        unsafe { *self.keys.get_unchecked(row * width + plane) }
    }
}

/// Row r of plane p is at `cells[r * stride + offset[p]]`, in an array of rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct ByRow<'a, T> {
    pub cells: &'a [T],
    pub stride: usize,
    pub offset: &'a [usize],
}

impl<T: Copy + Into<f64>> Cells<f64> for ByRow<'_, T> {
    #[inline(always)]
    unsafe fn get(self, plane: usize, row: usize) -> f64 {
        // SAFETY: the caller vouches for plane and row.
        unsafe { (*self.cells.get_unchecked(row * self.stride + *self.offset.get_unchecked(plane))).into() }
    }
}

/// Row r of plane p is at `columns[p][r]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct ByColumn<'a>(pub &'a [&'a [f64]]);

impl Cells<f64> for ByColumn<'_> {
    #[inline(always)]
    unsafe fn get(self, plane: usize, row: usize) -> f64 {
        // SAFETY: the caller vouches for plane and row.
        unsafe { *self.0.get_unchecked(plane).get_unchecked(row) }
    }
}

/// `at[i]` becomes the node, counted from the tree's root, where row `first + i` ends. `LANES` rows are in flight.
///
/// # Safety
///
/// `nodes` come from [`super::node::nodes`], `tree` is one of theirs, and `cells` has every plane that they name, with
/// the rows `first .. first + at.len()`.
#[inline(always)]
pub(super) unsafe fn scan<N: Node, const LANES: usize>(
    nodes: &[N],
    tree: Tree,
    sets: &Sets,
    cells: impl Cells<N::Key>,
    first: usize,
    at: &mut [u32],
) {
    // SAFETY: for all of them as for this function: a node leads to one of its own tree, so whatever the keys, every
    // node that is met is in `nodes`. The checks took a third of the time.
    unsafe {
        let nodes = nodes.get_unchecked(tree.first..);
        let (full, rest) = at.as_chunks_mut::<LANES>();
        let tail = first + LANES * full.len();
        for (group, at) in full.iter_mut().enumerate() {
            interleaved(nodes, tree.depth, sets, cells, first + LANES * group, at);
        }
        for (row, at) in (tail..).zip(rest) {
            interleaved(nodes, tree.depth, sets, cells, row, std::array::from_mut(at));
        }
    }
}

/// Rows side by side until none moves.
///
/// # Safety
///
/// As for [`scan`], where `nodes` begin with the tree's root.
#[inline(always)]
unsafe fn interleaved<N: Node, const LANES: usize>(
    nodes: &[N],
    mut depth: u32,
    sets: &Sets,
    cells: impl Cells<N::Key>,
    first: usize,
    out: &mut [u32; LANES],
) {
    let mut at = [0; LANES];
    while depth > 0 {
        let before = at;
        for _ in 0..depth.min(STRIDE) {
            for (lane, at) in at.iter_mut().enumerate() {
                // SAFETY: see `scan`.
                *at = unsafe { step(nodes, sets, cells, first + lane, *at) };
            }
        }
        if at == before {
            break;
        }
        depth = depth.saturating_sub(STRIDE);
    }
    *out = at;
}

/// # Safety
///
/// As for [`scan`], where `nodes` begin with the tree's root, and `at` is one of the tree.
#[inline(always)]
pub(super) unsafe fn step<N: Node>(nodes: &[N], sets: &Sets, cells: impl Cells<N::Key>, row: usize, at: u32) -> u32 {
    // SAFETY: the caller vouches for node, plane and row.
    unsafe {
        let node = *nodes.get_unchecked(at as usize);
        node.next(cells.get(node.plane(), row), sets)
    }
}
