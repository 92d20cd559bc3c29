//! Where a step finds the columns that it reads.

use std::sync::Arc;

use crate::model::ValueId;

/// Where the columns of a value are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum View {
    /// So many columns of a value that is computed, all of them in order.
    Whole(ValueId, usize),
    /// Column c is column `.1` of value `.0`, which is computed. Shared: each step that reads the value has the view.
    Picked(Arc<[(ValueId, u32)]>),
}

impl View {
    /// How many columns.
    pub(crate) fn len(&self) -> usize {
        match self {
            View::Whole(_, width) => *width,
            View::Picked(columns) => columns.len(),
        }
    }

    /// The value and the column in it where column `c` is.
    #[inline]
    pub(crate) fn at(&self, c: usize) -> (ValueId, usize) {
        match self {
            View::Whole(value, _) => (*value, c),
            View::Picked(columns) => (columns[c].0, columns[c].1 as usize),
        }
    }

    /// Where each column is.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (ValueId, u32)> {
        (0..self.len()).map(|c| {
            let (value, column) = self.at(c);
            (value, column as u32)
        })
    }

    /// A view of some of the columns.
    pub(crate) fn pick(&self, columns: impl IntoIterator<Item = usize>) -> View {
        let pick = |c| {
            let (value, column) = self.at(c);
            (value, column as u32)
        };
        View::Picked(columns.into_iter().map(pick).collect())
    }
}
