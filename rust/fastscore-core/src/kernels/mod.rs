//! Slices in, slices out. A block's columns lie one after another: row r of column c is at `c * stride + r`.

pub(crate) mod ctr;
pub(crate) mod dense;
pub(crate) mod distances;
pub(crate) mod forest;
pub(crate) mod gather;
pub(crate) mod linear;
pub(crate) mod link;
pub(crate) mod lookup;
pub(crate) mod tables;

use crate::plan::View;

/// Columns of equal length, read-only: what a kernel takes as its input value.
pub(crate) trait Columns {
    /// Column `c` of the block, as long as the block has rows.
    fn column(&self, c: usize) -> &[f64];
    /// The block where it lies as an array of rows, which spares making columns of it; None where it does not.
    fn rows(&self) -> Option<Rows<'_>> {
        None
    }
}

/// A block in an array of rows: row r of column c is at `cells[r * stride + offset[c]]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// From the block's first row on.
    pub cells: RowCells<'a>,
    /// Distance between rows.
    pub stride: usize,
    /// Of each column; `usize::MAX` where it is not read.
    pub offset: &'a [usize],
}

/// The elements of an array of rows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RowCells<'a> {
    /// float64
    F64(&'a [f64]),
    /// float32
    F32(&'a [f32]),
}

/// The values of a block: the features, and what each step gave.
pub(crate) struct Values<'a, C> {
    /// Value 0.
    pub features: &'a C,
    /// Values 1 and on, those that are not needed empty: row r of column c is at `c * stride + r`.
    pub steps: &'a [Vec<f64>],
    /// Distance between columns of `steps`.
    pub stride: usize,
    /// Rows in use.
    pub rows: usize,
}

impl<'a, C: Columns> Values<'a, C> {
    /// The columns that a view leads to.
    pub(crate) fn of<'v>(&'v self, view: &'v View) -> impl Columns + use<'v, 'a, C> {
        Viewed { values: self, view }
    }
}

struct Viewed<'a, C> {
    values: &'a Values<'a, C>,
    view: &'a View,
}

impl<C: Columns> Columns for Viewed<'_, C> {
    fn column(&self, c: usize) -> &[f64] {
        let Values { features, steps, stride, rows } = *self.values;
        match self.view.at(c) {
            (0, c) => features.column(c),
            (value, c) => &steps[value - 1][c * stride..c * stride + rows],
        }
    }

    fn rows(&self) -> Option<Rows<'_>> {
        if matches!(self.view, View::Whole(0, _)) { self.values.features.rows() } else { None }
    }
}
