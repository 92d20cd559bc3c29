//! Decision tables for 64 rows: comparisons make each row's number, numbers look up values, values are added.
//!
//! A level may keep rows and tables in an order of its own, so that values come out of the registers where their sums
//! are: [`Tables::ROWS`] and [`Tables::arrange`] say which. [`run`] does a piece of [`TableWork`] with the operations
//! of a level, compiled under its features.

#[cfg(target_arch = "x86_64")]
mod x86;

use super::bits::WORD;
use super::{Level, add, byte_of};

/// Groups of 64 rows that share what is loaded for a condition.
pub(crate) const GROUPS: usize = 2;

/// Keys of the rows of two groups: key less 128, so that signed comparisons, the only ones that AVX2 has, order them.
pub(crate) type Keys = [[i8; WORD]; GROUPS];

/// A byte of the number of each row of two groups.
pub(crate) type Numbers = [[u8; WORD]; GROUPS];

/// Bits of tables whose values AVX-512 finds by permutes.
pub(crate) const MOST_PERMUTED: usize = 6;

/// Bits of a byte, and of a table whose numbers take one.
pub(crate) const BYTE: usize = 8;

/// `key > rank`
#[derive(Debug, Clone, Copy)]
pub(crate) struct Condition {
    /// Number of the keys.
    pub plane: u32,
    /// The rank less 128, four times: what a register is filled with in one load.
    ranks: u32,
}

impl Condition {
    pub(crate) fn new(plane: u32, rank: u8) -> Condition {
        Condition { plane, ranks: u32::from_ne_bytes([rank ^ 0x80; 4]) }
    }

    fn rank(self) -> i8 {
        self.ranks as i8
    }
}

/// Tables of `2^bits` values each, table t's at `values[t * step ..]`, and the number of each row in each table.
#[derive(Clone, Copy)]
pub(crate) struct Lookups<'a> {
    pub bits: usize,
    /// Bits of float64 values, as [`Tables::arrange`] left them.
    pub values: &'a [u64],
    pub step: usize,
    /// Of each table the rows' numbers, all below `2^bits`; their low byte where they take two.
    pub low: &'a [Numbers],
    /// Their high byte; empty where they take one.
    pub high: &'a [Numbers],
    /// The group whose rows are added.
    pub group: usize,
}

/// What differs between processors.
pub(crate) trait Tables: Copy {
    /// The row at each place of keys and numbers.
    const ROWS: [u8; WORD];

    /// Bring the values of a table, a power of two of them, into the order that [`Tables::add`] reads.
    fn arrange(values: &mut [u64]);

    /// The keys of 64 rows, each cut to `first .. first + 255`, as bytes from 0 to 255.
    fn pack(self, keys: &[u16; WORD], first: u16, out: &mut [i8; WORD]);

    /// Number the rows of the first `COUNT` groups for tables of `stride` conditions each: bit b of `out[t]` is the outcome of
    /// condition `conditions[t * stride + first + b]`, for `BITS` bits.
    fn number<const BITS: usize, const COUNT: usize>(
        self,
        conditions: &[Condition],
        stride: usize,
        first: usize,
        keys: &[Keys],
        out: &mut [Numbers],
    );

    /// Add each table's values to the rows' sums, table by table; `NARROW`: every sum is rounded to float32. Sums are
    /// in the rows' own order.
    fn add<const NARROW: bool>(self, lookups: Lookups, sums: &mut [f64; WORD]);
}

/// Something to do with [`Tables`]. `run` should be `#[inline(always)]`, so that it is compiled for the level.
pub(crate) trait TableWork {
    fn run<T: Tables>(self, tables: T);
}

/// Does `work` at a level; a level that this processor lacks runs as portable code, which gives the same bits.
pub(crate) fn run(level: Level, work: impl TableWork) {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 if level.is_available() => {
            // SAFETY: this processor has what the function is compiled for.
            unsafe { x86::run_avx512(work) }
        }
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 if level.is_available() => {
            // SAFETY: as above.
            unsafe { x86::run_avx2(work) }
        }
        _ => work.run(Portable),
    }
}

/// [`Tables::number`] for any number of conditions a table up to eight.
#[inline(always)]
pub(crate) fn number<const COUNT: usize>(
    tables: impl Tables,
    bits: usize,
    conditions: &[Condition],
    stride: usize,
    first: usize,
    keys: &[Keys],
    out: &mut [Numbers],
) {
    match bits {
        0 => tables.number::<0, COUNT>(conditions, stride, first, keys, out),
        1 => tables.number::<1, COUNT>(conditions, stride, first, keys, out),
        2 => tables.number::<2, COUNT>(conditions, stride, first, keys, out),
        3 => tables.number::<3, COUNT>(conditions, stride, first, keys, out),
        4 => tables.number::<4, COUNT>(conditions, stride, first, keys, out),
        5 => tables.number::<5, COUNT>(conditions, stride, first, keys, out),
        6 => tables.number::<6, COUNT>(conditions, stride, first, keys, out),
        7 => tables.number::<7, COUNT>(conditions, stride, first, keys, out),
        _ => tables.number::<8, COUNT>(conditions, stride, first, keys, out),
    }
}

const fn in_order() -> [u8; WORD] {
    let mut rows = [0; WORD];
    let mut row = 0;
    while row < WORD {
        rows[row] = row as u8;
        row += 1;
    }
    rows
}

/// Values by loads, sixteen rows in flight; sums and numbers in one order, tables as they are.
///
/// Bound: a row and table takes a load of its number, a load of its value and an add.
#[inline(always)]
fn add_by_loads<const NARROW: bool>(lookups: Lookups, sums: &mut [f64; WORD]) {
    const IN_FLIGHT: usize = 16;
    let Lookups { bits, values, step, low, high, group: of } = lookups;
    let size = 1 << bits;
    for (group, sums) in sums.as_chunks_mut::<IN_FLIGHT>().0.iter_mut().enumerate() {
        let mut sum = *sums;
        for (t, low) in low.iter().enumerate() {
            let table = &values[t * step..][..size];
            let low = &low[of].as_chunks::<IN_FLIGHT>().0[group];
            let high = if bits > BYTE { high[t][of].as_chunks::<IN_FLIGHT>().0[group] } else { [0; IN_FLIGHT] };
            for i in 0..IN_FLIGHT {
                let number = usize::from(low[i]) | usize::from(high[i]) << BYTE;
                // SAFETY: what is left of a number by the mask is below `size`, the length of the table. A check in
                // place of the mask would be a compare and a branch more.
                let value = unsafe { *table.get_unchecked(number & (size - 1)) };
                sum[i] = add::<NARROW>(sum[i], f64::from_bits(value));
            }
        }
        *sums = sum;
    }
}

/// Plain Rust.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portable;

impl Tables for Portable {
    const ROWS: [u8; WORD] = in_order();

    fn arrange(_: &mut [u64]) {}

    #[inline(always)]
    fn pack(self, keys: &[u16; WORD], first: u16, out: &mut [i8; WORD]) {
        pack_in_order(keys, first, out);
    }

    #[inline(always)]
    fn number<const BITS: usize, const COUNT: usize>(
        self,
        conditions: &[Condition],
        stride: usize,
        first: usize,
        keys: &[Keys],
        out: &mut [Numbers],
    ) {
        for (t, out) in out.iter_mut().enumerate() {
            let mut numbers = [[0; WORD]; COUNT];
            for (bit, condition) in conditions[t * stride + first..][..BITS].iter().enumerate() {
                let (keys, rank) = (&keys[condition.plane as usize], condition.rank());
                for group in 0..COUNT {
                    for row in 0..WORD {
                        numbers[group][row] |= u8::from(keys[group][row] > rank) << bit;
                    }
                }
            }
            out[..COUNT].copy_from_slice(&numbers);
        }
    }

    #[inline(always)]
    fn add<const NARROW: bool>(self, lookups: Lookups, sums: &mut [f64; WORD]) {
        add_by_loads::<NARROW>(lookups, sums);
    }
}

#[inline(always)]
fn pack_in_order(keys: &[u16; WORD], first: u16, out: &mut [i8; WORD]) {
    for row in 0..WORD {
        out[row] = (byte_of(keys[row], first) ^ 0x80) as i8;
    }
}
