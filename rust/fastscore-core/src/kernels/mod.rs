//! Slices in, slices out. A block's columns lie one after another: row r of column c is at `c * stride + r`.

pub(crate) mod forest;
pub(crate) mod gather;
pub(crate) mod linear;
pub(crate) mod link;

/// Columns of equal length, read-only: what a kernel takes as its input value.
pub(crate) trait Columns {
    /// Column `c` of the block, as long as the block has rows.
    fn column(&self, c: usize) -> &[f64];
}

/// Columns in one buffer.
pub(crate) struct Buffer<'a> {
    /// Row r of column c is at `c * stride + r`.
    pub data: &'a [f64],
    /// Distance between columns.
    pub stride: usize,
    /// Rows in use.
    pub rows: usize,
}

impl Columns for Buffer<'_> {
    fn column(&self, c: usize) -> &[f64] {
        &self.data[c * self.stride..c * self.stride + self.rows]
    }
}
