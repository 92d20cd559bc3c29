//! Numbers of a column as they lie in memory, and their way to float64: in registers and the first cache level.
//!
//! ```text
//! for each 64 rows:   x[i] = f64(cell i)                    a conversion; bits and float16 by arithmetic that vectorises
//!                     x[i] = valid bit i ? x[i] : NaN       only where one of the 64 bits is not set
//! ```

use crate::simd::bits::{self, BitWork, Bits};
use crate::simd::{LINE, Level, fetch};

/// Rows that are converted together: their validity is a word.
pub(crate) const PIECE: usize = 64;

/// The numbers of a column as they lie in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cells<'a> {
    /// float64
    F64(&'a [f64]),
    /// float32
    F32(&'a [f32]),
    /// The bits of float16.
    F16(&'a [u16]),
    /// int8
    I8(&'a [i8]),
    /// int16
    I16(&'a [i16]),
    /// int32
    I32(&'a [i32]),
    /// int64
    I64(&'a [i64]),
    /// uint8
    U8(&'a [u8]),
    /// uint16
    U16(&'a [u16]),
    /// uint32
    U32(&'a [u32]),
    /// uint64
    U64(&'a [u64]),
    /// Booleans of one bit.
    Bits(Bitmap<'a>),
}

/// Bits, one a row: bit i is bit `(first + i) % 8` of byte `(first + i) / 8`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bitmap<'a> {
    bytes: &'a [u8],
    first: usize,
}

impl<'a> Bitmap<'a> {
    /// The bits from `first` on.
    pub(crate) fn new(bytes: &'a [u8], first: usize) -> Self {
        Bitmap { bytes: &bytes[(first / 8).min(bytes.len())..], first: first % 8 }
    }

    /// The 64 bits from bit `at` on; 0 where there are no more.
    #[inline(always)]
    fn word(self, at: usize) -> u64 {
        let (byte, bit) = ((self.first + at) / 8, (self.first + at) % 8);
        let bytes = self.bytes.get(byte..).unwrap_or_default();
        let low = match bytes.first_chunk() {
            Some(&bytes) => u64::from_le_bytes(bytes),
            None => {
                let mut last = [0; 8];
                last[..bytes.len()].copy_from_slice(bytes);
                u64::from_le_bytes(last)
            }
        };
        let high = u64::from(bytes.get(8).copied().unwrap_or(0));
        // Two shifts, since one by 64 is none.
        low >> bit | high << (63 - bit) << 1
    }
}

impl<'a> Cells<'a> {
    /// `out[i]` becomes the number of row `first + i`, NaN where it is not valid.
    pub(crate) fn widen(self, level: Level, valid: Option<Bitmap>, first: usize, out: &mut [f64]) {
        match (self, valid) {
            (Cells::F64(x), None) => out.copy_from_slice(&x[first..first + out.len()]),
            _ => bits::run(level, Widen(self, valid, first, out)),
        }
    }

    /// Have the lines of [`PIECE`] rows fetched, `bytes` behind row `at`, if there are so many: the processor finds out about a column
    /// only while it is read.
    #[inline(always)]
    pub(crate) fn fetch(self, at: usize, bytes: usize) {
        macro_rules! lines {
            ($x:expr) => {
                for line in (0..PIECE * size_of_val(&$x[..1.min($x.len())])).step_by(LINE) {
                    fetch($x.as_ptr().wrapping_add(at).wrapping_byte_add(bytes + line).cast());
                }
            };
        }
        match self {
            Cells::F64(x) => lines!(x),
            Cells::F32(x) => lines!(x),
            Cells::F16(x) => lines!(x),
            Cells::I8(x) => lines!(x),
            Cells::I16(x) => lines!(x),
            Cells::I32(x) => lines!(x),
            Cells::I64(x) => lines!(x),
            Cells::U8(x) => lines!(x),
            Cells::U16(x) => lines!(x),
            Cells::U32(x) => lines!(x),
            Cells::U64(x) => lines!(x),
            Cells::Bits(_) => {}
        }
    }

    /// The numbers of `count` rows from `at` on, NaN where they are not valid: as they lie in memory, or in `out`.
    #[inline(always)]
    pub(crate) fn piece<'p>(
        self,
        valid: Option<Bitmap>,
        at: usize,
        count: usize,
        out: &'p mut [f64; PIECE],
    ) -> &'p [f64]
    where
        'a: 'p,
    {
        let word = valid.map_or(u64::MAX, |valid| valid.word(at));
        match self {
            Cells::F64(x) if word == u64::MAX => return &x[at..at + count],
            Cells::F64(x) => convert(&x[at..at + count], |x| x, out),
            Cells::F32(x) => convert(&x[at..at + count], f64::from, out),
            Cells::F16(x) => convert(&x[at..at + count], half, out),
            Cells::I8(x) => convert(&x[at..at + count], f64::from, out),
            Cells::I16(x) => convert(&x[at..at + count], f64::from, out),
            Cells::I32(x) => convert(&x[at..at + count], f64::from, out),
            Cells::I64(x) => convert(&x[at..at + count], |x| x as f64, out),
            Cells::U8(x) => convert(&x[at..at + count], f64::from, out),
            Cells::U16(x) => convert(&x[at..at + count], f64::from, out),
            Cells::U32(x) => convert(&x[at..at + count], f64::from, out),
            Cells::U64(x) => convert(&x[at..at + count], |x| x as f64, out),
            Cells::Bits(bits) => {
                *out = [1.0; PIECE];
                choose(bits.word(at), 0.0, out);
            }
        }
        if word != u64::MAX {
            choose(word, f64::NAN, out);
        }
        &out[..count]
    }
}

struct Widen<'a>(Cells<'a>, Option<Bitmap<'a>>, usize, &'a mut [f64]);

impl BitWork for Widen<'_> {
    #[inline(always)]
    fn run(self, _: impl Bits) {
        let Widen(cells, valid, first, out) = self;
        let mut piece = [0.0; PIECE];
        for (at, out) in (first..).step_by(PIECE).zip(out.chunks_mut(PIECE)) {
            out.copy_from_slice(cells.piece(valid, at, out.len(), &mut piece));
        }
    }
}

#[inline(always)]
fn convert<T: Copy>(x: &[T], wide: impl Fn(T) -> f64, out: &mut [f64; PIECE]) {
    // With a constant number of them the compiler leaves no loop.
    if let Some(x) = x.first_chunk::<PIECE>() {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = wide(x);
        }
    } else {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = wide(x);
        }
    }
}

/// Where bit i is not set, `x[i]` becomes another number.
#[inline(always)]
fn choose(word: u64, other: f64, x: &mut [f64; PIECE]) {
    for (i, x) in x.iter_mut().enumerate() {
        *x = if word >> i & 1 == 1 { *x } else { other };
    }
}

/// The float16 of these bits.
#[inline(always)]
fn half(bits: u16) -> f64 {
    // Exponent and fraction in the place of a float32's, whose exponents begin 112 lower: exact, subnormal numbers too.
    let x = f32::from_bits(u32::from(bits & 0x7fff) << 13) * f32::from_bits((112 + 127) << 23);
    let special = if bits & 0x7c00 == 0x7c00 { 0x7f80_0000 } else { 0 };
    f64::from(f32::from_bits(x.to_bits() | special | u32::from(bits & 0x8000) << 16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_float16_is_itself() {
        for bits in 0..=u16::MAX {
            let (due, found) = (f64::from(half::f16::from_bits(bits)), half(bits));
            assert!(
                due.to_bits() == found.to_bits() || due.is_nan() && found.is_nan(),
                "{bits:x}: {found:e} for {due:e}"
            );
        }
    }

    /// At every offset of bits, with rows that are no multiple of a piece, up to the last byte.
    #[test]
    fn every_level_widens_what_is_valid() {
        let bytes: Vec<u8> = (0..40u32).map(|i| (i * 73 % 251) as u8).collect();
        let bit = |at: usize| bytes[at / 8] >> (at % 8) & 1 == 1;
        let x: Vec<i16> = (0..320).map(|i| i * 100 - 7).collect();
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            for (first, valid_first, bits_first, rows) in
                [(0, 0, 0, 320), (3, 1, 5, 64), (64, 7, 9, 200), (1, 31, 16, 129), (0, 255, 250, 65), (10, 0, 0, 1)]
            {
                let valid = Bitmap::new(&bytes, valid_first);
                for nulls in [None, Some(valid)] {
                    let due = |at: usize, x: f64| if nulls.is_some() && !bit(valid_first + at) { f64::NAN } else { x };
                    let mut out = vec![0.5; rows];
                    Cells::I16(&x).widen(level, nulls, first, &mut out);
                    for (r, &found) in out.iter().enumerate() {
                        let due = due(first + r, f64::from(x[first + r]));
                        assert!(due.to_bits() == found.to_bits(), "{level}, {first}, row {r}: {found} for {due}");
                    }
                    let rows = rows.min(320 - bits_first - first);
                    Cells::Bits(Bitmap::new(&bytes, bits_first)).widen(level, nulls, first, &mut out[..rows]);
                    for (r, &found) in out[..rows].iter().enumerate() {
                        let due = due(first + r, f64::from(u8::from(bit(bits_first + first + r))));
                        assert!(due.to_bits() == found.to_bits(), "{level}, {first}, row {r}: {found} for {due}");
                    }
                }
            }
        }
    }
}
