//! Slices in, slices out. A block's columns lie one after another: row r of column c is at `c * stride + r`.

pub(crate) mod activation;
pub(crate) mod cells;
pub(crate) mod combine;
pub(crate) mod ctr;
pub(crate) mod dense;
pub(crate) mod distances;
pub(crate) mod forest;
pub(crate) mod gather;
pub(crate) mod groups;
pub(crate) mod inverse_power;
pub(crate) mod linear;
pub(crate) mod link;
pub(crate) mod tables;
pub(crate) mod terms;
mod view;

use crate::simd::{Level, turn};
pub(crate) use cells::{Bitmap, Cells};
pub(crate) use view::View;

/// Columns of equal length, read-only: what a kernel takes as its input value.
pub(crate) trait Columns {
    /// Column `c` of the block, as long as the block has rows.
    fn column(&self, c: usize) -> &[f64];
    /// The same without converting it, for a kernel that reads each column once, and which rows are valid; None where all are.
    fn cells(&self, c: usize) -> (Cells<'_>, Option<Bitmap<'_>>) {
        (Cells::F64(self.column(c)), None)
    }
    /// The block where it lies as an array of rows, which spares making columns of it; None where it does not.
    fn rows(&self) -> Option<Rows<'_>> {
        None
    }
    /// Whether the columns are parts of a table that no cache holds.
    fn is_far(&self) -> bool {
        false
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

impl Rows<'_> {
    /// Where the first column is, if all are there and lie side by side in their order.
    pub(crate) fn side_by_side(&self) -> Option<usize> {
        let first = *self.offset.first().filter(|&&first| first != usize::MAX)?;
        self.offset.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)).then_some(first)
    }

    /// Rows `start .. start + rows` as columns, row r of column c at `columns[c * room + r]`; false where columns that are
    /// read do not lie side by side.
    pub(crate) fn turn(&self, level: Level, start: usize, rows: usize, columns: &mut [f64], room: usize) -> bool {
        let Some(first) = self.side_by_side() else { return false };
        let (at, size) = (start * self.stride + first, (rows, self.offset.len()));
        match self.cells {
            RowCells::F64(cells) => turn::turn(level, &cells[at..], self.stride, size, columns, room),
            RowCells::F32(cells) => turn::turn(level, &cells[at..], self.stride, size, columns, room),
        }
        true
    }
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

    fn cells(&self, c: usize) -> (Cells<'_>, Option<Bitmap<'_>>) {
        match self.view.at(c) {
            (0, c) => self.values.features.cells(c),
            _ => (Cells::F64(self.column(c)), None),
        }
    }

    fn rows(&self) -> Option<Rows<'_>> {
        if matches!(self.view, View::Whole(0, _)) { self.values.features.rows() } else { None }
    }

    fn is_far(&self) -> bool {
        self.values.features.is_far()
    }
}
