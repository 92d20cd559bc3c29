//! Rows of a table, found by their numbers.

use super::Tensors;
use crate::error::{Result, format_error};

/// For each listed column the row of a table whose number it is: `dims` columns each, one after another.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// Columns of the input that hold numbers of rows.
    pub columns: Vec<usize>,
    /// Whether -1 is the last row, and so on.
    pub wrap: bool,
    /// Columns of the table.
    pub dims: usize,
    /// Row-major `[rows, dims]`.
    pub table: Vec<f64>,
}

impl Embedding {
    /// Rows of the table.
    pub fn rows(&self) -> usize {
        self.table.len().checked_div(self.dims).unwrap_or(0)
    }

    /// The row of the table that a number means, truncated towards zero; None for one that it has not, and for NaN.
    #[inline]
    pub fn row(&self, number: f64) -> Option<&[f64]> {
        let (rows, whole) = (self.rows() as f64, number.trunc());
        let row = if self.wrap && whole < 0.0 { whole + rows } else { whole };
        // Beyond, and for NaN, it is not within the table.
        (row >= 0.0 && row < rows).then(|| &self.table[row as usize * self.dims..][..self.dims])
    }

    pub(super) fn check(&self, input: usize) -> Result<usize> {
        if self.table.is_empty() || !self.table.len().is_multiple_of(self.dims) {
            return Err(format_error(format!("embedding: {} numbers in rows of {}", self.table.len(), self.dims)));
        }
        if let Some(column) = self.columns.iter().find(|&&column| column >= input) {
            return Err(format_error(format!("embedding: it reads column {column} of {input}")));
        }
        let columns = self.columns.len().checked_mul(self.dims);
        columns.ok_or_else(|| format_error("embedding of too many columns"))
    }

    pub(super) fn take(prefix: &str, columns: Vec<usize>, wrap: bool, tensors: &mut Tensors) -> Result<Embedding> {
        let (_, dims, table) = tensors.take_matrix(&format!("{prefix}.table"))?;
        Ok(Embedding { columns, wrap, dims, table })
    }

    pub(super) fn put(&self, prefix: &str, tensors: &mut Tensors) {
        tensors.put_matrix(format!("{prefix}.table"), self.rows(), self.dims, self.table.clone());
    }
}
