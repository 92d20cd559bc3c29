//! CatBoost's features of categories: values that splits ask for, and statistics (CTRs) looked up by a hash.
//!
//! The input's category columns hold `CityHash64(text) & 0xffffffff` as numbers.

use super::Width;

/// Per output column: 1 where a column of the input equals a number, else 0; NaN equals NaN.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OneHot {
    /// Column of the input.
    pub feature: Vec<i32>,
    /// The number.
    pub value: Vec<f64>,
}

/// What the key of a table is hashed from, and the statistics of each key.
///
/// Tables are laid one after another: the categories of table t are `category_offset[t] .. category_offset[t + 1]`, and
/// so on. Table t gives `columns[t]` output columns; those of its key k are at
/// `value_offset + (k - key_offset[t]) * columns[t]`, where `value_offset` is the sum over the tables before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ctr {
    /// The width at which borders are compared.
    pub width: Width,
    /// First category of each table, and the end.
    pub category_offset: Vec<i64>,
    /// Column of the input that holds hashes.
    pub category: Vec<i32>,
    /// First border of each table, and the end.
    pub border_offset: Vec<i64>,
    /// Column of the input.
    pub border_feature: Vec<i32>,
    /// The key says whether the column is above this.
    pub border: Vec<f64>,
    /// 1 where NaN counts as above.
    pub border_missing: Vec<u8>,
    /// First equality of each table, and the end.
    pub equal_offset: Vec<i64>,
    /// Column of the input.
    pub equal_feature: Vec<i32>,
    /// The key says whether the column equals this.
    pub equal: Vec<f64>,
    /// First key of each table, and the end.
    pub key_offset: Vec<i64>,
    /// Keys, rising within a table.
    pub key: Vec<u64>,
    /// Output columns of each table.
    pub columns: Vec<i32>,
    /// The values of the keys.
    pub value: Vec<f64>,
    /// Per output column the value where the key is not in the table.
    pub otherwise: Vec<f64>,
}

/// CatBoost's `CalcHash`.
const MULTIPLIER: u64 = 0x4906_ba49_4954_cb65;

fn mix(key: u64, part: u64) -> u64 {
    MULTIPLIER.wrapping_mul(key.wrapping_add(MULTIPLIER.wrapping_mul(part)))
}

impl Ctr {
    /// Number of tables.
    pub fn tables(&self) -> usize {
        self.columns.len()
    }

    /// The columns of the input that are read.
    pub fn features(&self) -> impl Iterator<Item = usize> {
        let parts = [&self.category, &self.border_feature, &self.equal_feature];
        parts.into_iter().flatten().map(|&feature| feature as usize)
    }

    /// The categories, borders and equalities of a table.
    pub fn parts(&self, table: usize) -> [std::ops::Range<usize>; 3] {
        [&self.category_offset, &self.border_offset, &self.equal_offset]
            .map(|offset| offset[table] as usize..offset[table + 1] as usize)
    }

    /// The keys of a table.
    pub fn keys(&self, table: usize) -> std::ops::Range<usize> {
        self.key_offset[table] as usize..self.key_offset[table + 1] as usize
    }

    /// Add a category's hash to a key: CatBoost takes the 32 bits as a signed number.
    #[inline]
    pub fn add_category(key: u64, hash: f64) -> u64 {
        mix(key, i64::from(hash as u32 as i32) as u64)
    }

    /// Add border `b` to a key.
    #[inline]
    pub fn add_border(&self, key: u64, b: usize, x: f64) -> u64 {
        let above = if x.is_nan() { self.border_missing[b] != 0 } else { self.width.round(x) > self.border[b] };
        mix(key, u64::from(above))
    }

    /// Add equality `e` to a key.
    #[inline]
    pub fn add_equal(&self, key: u64, e: usize, x: f64) -> u64 {
        mix(key, u64::from(x == self.equal[e]))
    }
}
