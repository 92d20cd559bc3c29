//! Bitmaps of categorical conditions: for 64 rows, one bit a condition, by a lookup and a transposition.
//!
//! All conditions on one feature are bits of a table row per category index: `table[index * words + w]` has bit j set
//! where the category goes left at condition `64 w + j`. The table rows of 64 rows of data are a 64 x 64 matrix of bits;
//! transposed, each of its rows is a word of a condition's bitmap. Bound: a row and condition takes a 64th of a load and
//! 6 * 32 / 64 / 64 of a swap, six operations each: 0.3 operations.

use super::categories::Sets;
use crate::simd::bits::WORD;

/// Words of a table, and of all tables of a forest, beyond which the engine is not built: 4 and 64 MB.
const MAX_TABLE: usize = 1 << 19;
pub(super) const MAX_TABLES: usize = 1 << 23;

/// The conditions of a chunk on one plane of categories.
#[derive(Debug)]
pub(super) struct Group {
    /// The plane that holds category indexes.
    pub plane: u32,
    /// Number of the first condition's bitmap in the chunk.
    pub first: usize,
    /// How many conditions.
    pub count: usize,
    /// Words of a table row.
    words: usize,
    table: Vec<u64>,
}

impl Group {
    /// Bytes of its table.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.table.as_slice())
    }

    /// The conditions `sets` over indexes below `bits`; None where the table would be too large.
    pub(super) fn new(plane: u32, first: usize, sets: &Sets, members: &[u32], bits: u32) -> Option<Group> {
        let words = members.len().div_ceil(WORD);
        let size = words.checked_mul(bits as usize).filter(|&size| size <= MAX_TABLE)?;
        let mut table = vec![0; size];
        for (j, &set) in members.iter().enumerate() {
            for index in 0..bits {
                let left = u64::from(sets.goes_left(set, index));
                table[index as usize * words + j / WORD] |= left << (j % WORD);
            }
        }
        Some(Group { plane, first, count: members.len(), words, table })
    }

    /// Word `word` of the bitmaps of conditions `64 w ..`: row i of the matrix is condition `64 w + i`. `keys` are the
    /// indexes of 64 rows, each below the table's.
    #[inline(always)]
    pub(super) fn matrix(&self, w: usize, keys: &[u16]) -> [u64; WORD] {
        let mut matrix = [0; WORD];
        for (row, &key) in matrix.iter_mut().zip(keys) {
            *row = self.table.get(usize::from(key) * self.words + w).copied().unwrap_or(0);
        }
        transpose(&mut matrix);
        matrix
    }

    /// Words of the table.
    pub(super) fn size(&self) -> usize {
        self.table.len()
    }

    /// Words of a table row.
    pub(super) fn words(&self) -> usize {
        self.words
    }
}

/// Bit j of word i becomes bit i of word j: squares of half the size change places, level by level.
#[inline(always)]
fn transpose(matrix: &mut [u64; WORD]) {
    let mut half = WORD / 2;
    let mut mask = u64::MAX >> half;
    while half > 0 {
        for start in (0..WORD).step_by(2 * half) {
            for i in start..start + half {
                let swap = (matrix[i] >> half ^ matrix[i + half]) & mask;
                matrix[i] ^= swap << half;
                matrix[i + half] ^= swap;
            }
        }
        half /= 2;
        mask ^= mask << half;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_transposed() {
        let mut seed = 1u64;
        let matrix: [u64; WORD] = std::array::from_fn(|_| {
            seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            seed ^ seed >> 29
        });
        let mut transposed = matrix;
        transpose(&mut transposed);
        for (i, row) in matrix.iter().enumerate() {
            for (j, column) in transposed.iter().enumerate() {
                assert_eq!(row >> j & 1, column >> i & 1);
            }
        }
    }
}
