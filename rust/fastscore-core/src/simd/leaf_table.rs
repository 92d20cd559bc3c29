//! Leaf values cut into bytes, so that one byte permutation looks 64 rows up.
//!
//! A tree's table has one plane for each byte of a value (8 of a float64, 4 of a float32), each of as many lines of 64
//! leaves as the tree needs: byte p of leaf l is `lines[start + p * width + l / 64][l % 64]`. The planes of 64 rows,
//! looked up, are put together to values by three interleavings (two for float32).
//!
//! Bound for 64 rows: 8 permutations (16 from 65 leaves on, 32 and 8 blends from 129 leaves on), 24 interleavings, 8 adds.

use super::Level;
use super::bits::WORD;

/// The most leaves of a tree: what a byte numbers.
pub(crate) const MAX_LEAVES: usize = 256;

/// Leaves from which on a table is at most four times as large as its values.
const FEW_LEAVES: usize = 16;
/// Lines after which smaller tables are no longer made: 2 MB.
const MAX_PADDED: usize = 1 << 15;

/// Where a tree's table starts, and how many lines a plane of it has: 1, 2 or 4.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LeafTable {
    pub(super) start: u32,
    pub(super) width: u32,
}

impl LeafTable {
    /// Lines of a plane.
    pub(crate) fn width(self) -> u32 {
        self.width
    }
}

/// The tables of a forest.
#[derive(Debug)]
pub(crate) struct LeafTables {
    pub(super) lines: Vec<[u8; WORD]>,
    /// Whether values are float32.
    narrow: bool,
}

impl LeafTables {
    /// Bytes of all tables.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.lines.as_slice())
    }

    /// No tables yet; None where this level looks leaf values up one by one.
    pub(crate) fn new(level: Level, narrow: bool) -> Option<LeafTables> {
        has_byte_permutations(level).then(|| LeafTables::empty(narrow))
    }

    pub(super) fn empty(narrow: bool) -> LeafTables {
        LeafTables { lines: Vec::new(), narrow }
    }

    /// Append a table; None where it has more than [`MAX_LEAVES`] values, or one that is no float32 though all should be,
    /// or where tables of few values have become large: a table takes as much for one leaf as for 64.
    pub(crate) fn push(&mut self, values: impl ExactSizeIterator<Item = f64>) -> Option<LeafTable> {
        let leaves = values.len();
        let start = self.lines.len();
        if leaves > MAX_LEAVES || (leaves < FEW_LEAVES && start >= MAX_PADDED) {
            return None;
        }
        let number = u32::try_from(start).ok()?;
        let width = leaves.div_ceil(WORD).next_power_of_two();
        self.lines.resize(start + self.planes() * width, [0; WORD]);
        for (leaf, value) in values.enumerate() {
            let bytes = if self.narrow {
                let narrow = value as f32;
                if f64::from(narrow).to_bits() != value.to_bits() {
                    self.lines.truncate(start);
                    return None;
                }
                u64::from(narrow.to_bits()).to_le_bytes()
            } else {
                value.to_bits().to_le_bytes()
            };
            for (p, byte) in bytes.into_iter().take(self.planes()).enumerate() {
                self.lines[start + p * width + leaf / WORD][leaf % WORD] = byte;
            }
        }
        Some(LeafTable { start: number, width: width as u32 })
    }

    #[inline(always)]
    fn planes(&self) -> usize {
        if self.narrow { 4 } else { 8 }
    }

    /// The planes of one tree.
    #[inline(always)]
    pub(super) fn of(&self, table: LeafTable) -> &[[u8; WORD]] {
        &self.lines[table.start as usize..][..self.planes() * table.width as usize]
    }

    /// The value of a leaf, one by one: what every level must add.
    pub(super) fn value(&self, table: LeafTable, leaf: u8) -> f64 {
        let (line, at) = (usize::from(leaf) / WORD, usize::from(leaf) % WORD);
        let mut bytes = [0; 8];
        for (byte, plane) in bytes.iter_mut().zip(self.of(table).chunks(table.width as usize)) {
            *byte = plane[line][at];
        }
        let bits = u64::from_le_bytes(bytes);
        if self.narrow { f64::from(f32::from_bits(bits as u32)) } else { f64::from_bits(bits) }
    }
}

/// Whether a level has byte permutations over 64 bytes.
pub(crate) fn has_byte_permutations(level: Level) -> bool {
    #[cfg(target_arch = "x86_64")]
    if level == Level::Avx512 {
        return level.is_available() && std::arch::is_x86_feature_detected!("avx512vbmi");
    }
    let _ = level;
    false
}
