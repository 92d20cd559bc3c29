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
    /// The columns that `features` has, each feature's column or None, as parts of one array of `rows` rows. None where
    /// they are not.
    pub(super) fn new(features: &[Option<&Numbers<'t>>], rows: usize) -> Option<Self> {
        let first = features.iter().flatten().next()?.plain()?;
        match first {
            Values::F64(_) => {
                let strided =
                    |values: &Values<'t>| if let Values::F64(strided) = values { Some(*strided) } else { None };
                Self::of(features, rows, strided, RowCells::F64)
            }
            Values::F32(_) => {
                let strided =
                    |values: &Values<'t>| if let Values::F32(strided) = values { Some(*strided) } else { None };
                Self::of(features, rows, strided, RowCells::F32)
            }
            _ => None,
        }
    }

    fn of<T: Copy + 't>(
        features: &[Option<&Numbers<'t>>],
        rows: usize,
        strided: impl Fn(&Values<'t>) -> Option<Strided<'t, T>>,
        cells: impl Fn(&'t [T]) -> RowCells<'t>,
    ) -> Option<Self> {
        let columns = features.iter().map(|column| match column {
            Some(numbers) => strided(numbers.plain()?).map(Some),
            None => Some(None),
        });
        let columns = columns.collect::<Option<Vec<_>>>()?;
        // The array is what the column that lies first can see.
        let start = columns.iter().flatten().min_by_key(|column| column.address())?;
        let (base, stride) = start.parts();
        let reach = (rows.checked_sub(1)?).checked_mul(stride)?;
        let mut offset = Vec::with_capacity(columns.len());
        for column in &columns {
            let Some(column) = column else {
                offset.push(usize::MAX);
                continue;
            };
            let bytes = column.address() - start.address();
            let at = bytes / size_of::<T>();
            let inside = reach.checked_add(at).is_some_and(|last| last < base.len());
            if !inside || !bytes.is_multiple_of(size_of::<T>()) || column.parts().1 != stride {
                return None;
            }
            offset.push(at);
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
