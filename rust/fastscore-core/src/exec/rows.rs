//! Columns that are an array of rows, as NumPy's C order: found so that rows can be read where they lie.

use super::table::{Numbers, Strided, Values};
use crate::kernels::{RowCells, Rows};
use crate::simd::{Level, turn};

/// Columns in one array: row r of column c is at `cells[r * stride + offset[c]]`.
#[derive(Debug)]
pub(super) struct Array<'t> {
    cells: RowCells<'t>,
    stride: usize,
    offset: Vec<usize>,
}

impl<'t> Array<'t> {
    /// The columns of features, each with its feature's number, as parts of one array of `rows` rows. None where they are
    /// not. `features`: how many there are in all.
    pub(super) fn new<'n>(
        columns: impl Iterator<Item = (usize, &'n Numbers<'t>)> + Clone,
        features: usize,
        rows: usize,
    ) -> Option<Self>
    where
        't: 'n,
    {
        match columns.clone().next()?.1.plain()? {
            Values::F64(_) => {
                let strided =
                    |values: &Values<'t>| if let Values::F64(strided) = values { Some(*strided) } else { None };
                Self::of(columns, features, rows, strided, RowCells::F64)
            }
            Values::F32(_) => {
                let strided =
                    |values: &Values<'t>| if let Values::F32(strided) = values { Some(*strided) } else { None };
                Self::of(columns, features, rows, strided, RowCells::F32)
            }
            _ => None,
        }
    }

    fn of<'n, T: Copy + 't>(
        columns: impl Iterator<Item = (usize, &'n Numbers<'t>)> + Clone,
        features: usize,
        rows: usize,
        strided: impl Fn(&Values<'t>) -> Option<Strided<'t, T>>,
        cells: impl Fn(&'t [T]) -> RowCells<'t>,
    ) -> Option<Self>
    where
        't: 'n,
    {
        // The array is what the column that lies first can see.
        let mut start = strided(columns.clone().next()?.1.plain()?)?;
        for (_, numbers) in columns.clone() {
            let column = strided(numbers.plain()?)?;
            if column.address() < start.address() {
                start = column;
            }
        }
        let (base, stride) = start.parts();
        let reach = (rows.checked_sub(1)?).checked_mul(stride)?;
        let mut offset = vec![usize::MAX; features];
        for (feature, numbers) in columns {
            let column = strided(numbers.plain()?)?;
            let bytes = column.address() - start.address();
            let at = bytes / size_of::<T>();
            let inside = reach.checked_add(at).is_some_and(|last| last < base.len());
            if !inside || !bytes.is_multiple_of(size_of::<T>()) || column.parts().1 != stride {
                return None;
            }
            *offset.get_mut(feature)? = at;
        }
        (stride != 1 || rows == 1).then(|| Array { cells: cells(base), stride, offset })
    }

    /// The rows from `start` on.
    pub(super) fn rows(&self, start: usize) -> Rows<'_> {
        let skip = start * self.stride;
        let cells = match self.cells {
            RowCells::F64(cells) => RowCells::F64(&cells[skip..]),
            RowCells::F32(cells) => RowCells::F32(&cells[skip..]),
        };
        Rows { cells, stride: self.stride, offset: &self.offset }
    }

    /// Rows `start .. start + rows` as columns: row r of slot s goes to `columns[s * room + r]`; a slot's column is `offset[s]`.
    pub(super) fn turn(
        &self,
        level: Level,
        start: usize,
        rows: usize,
        slots: &[usize],
        columns: &mut [f64],
        room: usize,
    ) {
        let mut first = 0;
        for run in slots.chunk_by(|a, b| self.offset[*a] + 1 == self.offset[*b]) {
            let at = start * self.stride + self.offset[run[0]];
            let (columns, size) = (&mut columns[first * room..], (rows, run.len()));
            match self.cells {
                RowCells::F64(cells) => turn::turn(level, &cells[at..], self.stride, size, columns, room),
                RowCells::F32(cells) => turn::turn(level, &cells[at..], self.stride, size, columns, room),
            }
            first += run.len();
        }
    }

    /// Rows `start .. start + rows` with what lies between their cells, if that is not much.
    pub(super) fn span(&self, start: usize, rows: usize, width: usize) -> Option<RowCells<'t>> {
        if self.stride > 2 * width {
            return None;
        }
        let last = self.offset.iter().filter(|&&offset| offset != usize::MAX).max()?;
        // Not the end of the last row's stride, which says nothing where there is one row.
        let range = start * self.stride..(start + rows.checked_sub(1)?) * self.stride + last + 1;
        Some(match self.cells {
            RowCells::F64(cells) => RowCells::F64(&cells[range]),
            RowCells::F32(cells) => RowCells::F32(&cells[range]),
        })
    }
}
