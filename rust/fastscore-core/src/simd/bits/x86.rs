//! AVX2, and AVX-512 with and without byte permutations.

use std::arch::x86_64::*;

use super::{BitWork, Bits, LeafTables, Looked, Portable, Quad, Table, WORD};
use crate::simd::Level;
use crate::simd::leaf_table::{LeafTable, has_byte_permutations};

/// AVX2. Only [`run_avx2`] makes one.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

/// AVX-512 BW, and VBMI where `VBMI`. Only [`run_avx512`] and [`run_vbmi`] make one.
#[derive(Clone, Copy)]
pub(super) struct Avx512<const VBMI: bool>(());

#[target_feature(enable = "avx2,fma")]
pub(super) fn run_avx2(work: impl BitWork) {
    work.run(Avx2(()));
}

#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
pub(super) fn run_avx512(work: impl BitWork) {
    if has_byte_permutations(Level::Avx512) {
        // SAFETY: this processor has VBMI too.
        unsafe { run_vbmi(work) }
    } else {
        work.run(Avx512::<false>(()));
    }
}

#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512vbmi")]
fn run_vbmi(work: impl BitWork) {
    work.run(Avx512::<true>(()));
}

impl Bits for Avx2 {
    #[inline(always)]
    fn at_most(self, keys: &[u8; WORD], threshold: u8) -> u64 {
        // SAFETY: an `Avx2` is only made where the processor has it; the two halves read are the 64 bytes of `keys`.
        // (No closure here: it would be compiled without the features of the function that it is inlined into.)
        unsafe {
            let low = _mm256_loadu_si256(keys.as_ptr().cast());
            let high = _mm256_loadu_si256(keys.as_ptr().add(32).cast());
            let threshold = _mm256_set1_epi8(threshold as i8);
            // There is no unsigned compare: key <= threshold where the smaller of both is the key.
            let low = _mm256_cmpeq_epi8(_mm256_min_epu8(low, threshold), low);
            let high = _mm256_cmpeq_epi8(_mm256_min_epu8(high, threshold), high);
            u64::from(_mm256_movemask_epi8(low) as u32) | u64::from(_mm256_movemask_epi8(high) as u32) << 32
        }
    }

    #[inline(always)]
    fn spread(self, word: u64, bit: u32, bytes: &mut [u8; WORD]) {
        for (half, bytes) in bytes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            // SAFETY: an `Avx2` is only made where the processor has it; `bytes` has the 32 bytes read and written.
            unsafe {
                let rows = _mm256_set1_epi32((word >> (32 * half)) as i32);
                // Byte j takes the byte of `rows` that holds its bit, then that bit alone.
                let which = _mm256_setr_epi64x(0, ONES, 2 * ONES, 3 * ONES);
                let alone = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64 as i64);
                let own = _mm256_and_si256(_mm256_shuffle_epi8(rows, which), alone);
                let set = _mm256_cmpeq_epi8(own, alone);
                let flags = _mm256_and_si256(set, _mm256_set1_epi8((1u8 << bit) as i8));
                let to = bytes.as_mut_ptr().cast();
                _mm256_storeu_si256(to, _mm256_or_si256(_mm256_loadu_si256(to), flags));
            }
        }
    }

    #[inline(always)]
    fn add_leaves<const NARROW: bool>(self, leaves: &LeafTables, trees: &[Looked<'_>], sums: &mut [f64; WORD]) {
        Portable.add_leaves::<NARROW>(leaves, trees, sums);
    }

    #[inline(always)]
    fn part(self, here: &Quad, condition: &Quad) -> (Quad, Quad) {
        // SAFETY: an `Avx2` is only made where the processor has it; 32 bytes are read and written.
        unsafe { part(here, condition) }
    }

    #[inline(always)]
    fn rank(self, table: &Table, x: &[f64; 8]) -> [u16; 8] {
        table.rank(x)
    }
}

const ONES: i64 = super::ONES as i64;

impl<const VBMI: bool> Bits for Avx512<VBMI> {
    #[inline(always)]
    fn at_most(self, keys: &[u8; WORD], threshold: u8) -> u64 {
        // SAFETY: an `Avx512` is only made where the processor has it; the 64 bytes read are those of `keys`.
        unsafe { _mm512_cmple_epu8_mask(_mm512_loadu_si512(keys.as_ptr().cast()), _mm512_set1_epi8(threshold as i8)) }
    }

    #[inline(always)]
    fn spread(self, word: u64, bit: u32, bytes: &mut [u8; WORD]) {
        // SAFETY: an `Avx512` is only made where the processor has it; `bytes` has the 64 bytes read and written.
        unsafe {
            let to: *mut __m512i = bytes.as_mut_ptr().cast();
            let flags = _mm512_maskz_set1_epi8(word, (1u8 << bit) as i8);
            _mm512_storeu_si512(to, _mm512_or_si512(_mm512_loadu_si512(to), flags));
        }
    }

    #[inline(always)]
    fn add_leaves<const NARROW: bool>(self, leaves: &LeafTables, trees: &[Looked<'_>], sums: &mut [f64; WORD]) {
        if !VBMI {
            return Portable.add_leaves::<NARROW>(leaves, trees, sums);
        }
        // SAFETY: an `Avx512<true>` is only made where the processor has VBMI; the eight vectors read and written
        // are the 64 values of `sums`.
        unsafe {
            let at: *mut f64 = sums.as_mut_ptr();
            if NARROW {
                let mut sum = [_mm512_setzero_ps(); 4];
                for (i, sum) in sum.iter_mut().enumerate() {
                    let low = _mm512_cvtpd_ps(_mm512_loadu_pd(at.add(16 * i)));
                    let high = _mm512_cvtpd_ps(_mm512_loadu_pd(at.add(16 * i + 8)));
                    *sum = _mm512_insertf32x8::<1>(_mm512_castps256_ps512(low), high);
                }
                for &(table, numbers) in trees {
                    let value = narrow_values(leaves, table, numbers);
                    for (sum, value) in sum.iter_mut().zip(value) {
                        *sum = _mm512_add_ps(*sum, _mm512_castsi512_ps(value));
                    }
                }
                for (i, sum) in sum.into_iter().enumerate() {
                    let low = _mm512_cvtps_pd(_mm512_castps512_ps256(sum));
                    let high = _mm512_cvtps_pd(_mm512_extractf32x8_ps::<1>(sum));
                    _mm512_storeu_pd(at.add(16 * i), low);
                    _mm512_storeu_pd(at.add(16 * i + 8), high);
                }
            } else {
                let mut sum = [_mm512_setzero_pd(); 8];
                for (i, sum) in sum.iter_mut().enumerate() {
                    *sum = _mm512_loadu_pd(at.add(8 * i));
                }
                for &(table, numbers) in trees {
                    let value = wide_values(leaves, table, numbers);
                    for (sum, value) in sum.iter_mut().zip(value) {
                        *sum = _mm512_add_pd(*sum, _mm512_castsi512_pd(value));
                    }
                }
                for (i, sum) in sum.into_iter().enumerate() {
                    _mm512_storeu_pd(at.add(8 * i), sum);
                }
            }
        }
    }

    #[inline(always)]
    fn part(self, here: &Quad, condition: &Quad) -> (Quad, Quad) {
        // SAFETY: an `Avx512` is only made where the processor has it; 32 bytes are read and written.
        unsafe { part(here, condition) }
    }

    #[inline(always)]
    fn rank(self, table: &Table, x: &[f64; 8]) -> [u16; 8] {
        // SAFETY: an `Avx512` is only made where the processor has it.
        unsafe { table.rank_avx512(x) }
    }
}

/// # Safety
///
/// The processor has AVX2.
#[inline(always)]
unsafe fn part(here: &Quad, condition: &Quad) -> (Quad, Quad) {
    let (mut with, mut without) = ([0; 4], [0; 4]);
    // SAFETY: each array has the 32 bytes that are read or written; the caller vouches for the processor.
    unsafe {
        let (here, condition) =
            (_mm256_loadu_si256(here.as_ptr().cast()), _mm256_loadu_si256(condition.as_ptr().cast()));
        _mm256_storeu_si256(with.as_mut_ptr().cast(), _mm256_and_si256(here, condition));
        _mm256_storeu_si256(without.as_mut_ptr().cast(), _mm256_andnot_si256(condition, here));
    }
    (with, without)
}

/// Interleaving bytes to 64-bit values leaves, in vector k and 128-bit lane l, those of places 16 l + 2 k and the
/// next: put rows 8 k + 2 l and the next there, so that vector k has rows 8 k to 8 k + 7.
const WIDE_PLACES: [u8; WORD] = places(8);
/// The same for 32-bit values, of which vector k is to have rows 16 k to 16 k + 15.
const NARROW_PLACES: [u8; WORD] = places(4);

const fn places(vectors: usize) -> [u8; WORD] {
    let (mut places, run) = ([0; WORD], 16 / vectors);
    let mut place = 0;
    while place < WORD {
        let (lane, vector, within) = (place / 16, place % 16 / run, place % run);
        places[place] = (WORD / vectors * vector + run * lane + within) as u8;
        place += 1;
    }
    places
}

/// The looked up bytes of a plane: `width` lines from `lines[plane * width]` on.
///
/// # Safety
///
/// The processor has AVX-512 BW and VBMI.
#[inline(always)]
unsafe fn bytes(lines: &[[u8; WORD]], plane: usize, width: usize, numbers: __m512i) -> __m512i {
    let line = |i: usize| lines[plane * width + i].as_ptr().cast::<__m512i>();
    // SAFETY: each line has the 64 bytes that are read; the caller vouches for the processor.
    unsafe {
        match width {
            1 => _mm512_permutexvar_epi8(numbers, _mm512_loadu_si512(line(0))),
            2 => {
                let (low, high) = (_mm512_loadu_si512(line(0)), _mm512_loadu_si512(line(1)));
                _mm512_permutex2var_epi8(low, numbers, high)
            }
            _ => {
                let (a, b) = (_mm512_loadu_si512(line(0)), _mm512_loadu_si512(line(1)));
                let (c, d) = (_mm512_loadu_si512(line(2)), _mm512_loadu_si512(line(3)));
                let low = _mm512_permutex2var_epi8(a, numbers, b);
                let high = _mm512_permutex2var_epi8(c, numbers, d);
                _mm512_mask_blend_epi8(_mm512_movepi8_mask(numbers), low, high)
            }
        }
    }
}

/// The float64 values of 64 rows, as bits.
///
/// # Safety
///
/// The processor has AVX-512 BW and VBMI.
#[inline(always)]
unsafe fn wide_values(leaves: &LeafTables, table: LeafTable, numbers: &[u8; WORD]) -> [__m512i; 8] {
    let (lines, width) = (leaves.of(table), table.width as usize);
    // SAFETY: 64 bytes are read from each array; the caller vouches for the processor.
    unsafe {
        let places = _mm512_loadu_si512(WIDE_PLACES.as_ptr().cast());
        let numbers = _mm512_permutexvar_epi8(places, _mm512_loadu_si512(numbers.as_ptr().cast()));
        let mut pairs = [_mm512_setzero_si512(); 8];
        for i in 0..4 {
            let (even, odd) = (bytes(lines, 2 * i, width, numbers), bytes(lines, 2 * i + 1, width, numbers));
            pairs[2 * i] = _mm512_unpacklo_epi8(even, odd);
            pairs[2 * i + 1] = _mm512_unpackhi_epi8(even, odd);
        }
        let mut values = [_mm512_setzero_si512(); 8];
        for half in 0..2 {
            let low = _mm512_unpacklo_epi16(pairs[half], pairs[2 + half]);
            let high = _mm512_unpacklo_epi16(pairs[4 + half], pairs[6 + half]);
            values[4 * half] = _mm512_unpacklo_epi32(low, high);
            values[4 * half + 1] = _mm512_unpackhi_epi32(low, high);
            let low = _mm512_unpackhi_epi16(pairs[half], pairs[2 + half]);
            let high = _mm512_unpackhi_epi16(pairs[4 + half], pairs[6 + half]);
            values[4 * half + 2] = _mm512_unpacklo_epi32(low, high);
            values[4 * half + 3] = _mm512_unpackhi_epi32(low, high);
        }
        values
    }
}

/// The float32 values of 64 rows, as bits.
///
/// # Safety
///
/// The processor has AVX-512 BW and VBMI.
#[inline(always)]
unsafe fn narrow_values(leaves: &LeafTables, table: LeafTable, numbers: &[u8; WORD]) -> [__m512i; 4] {
    let (lines, width) = (leaves.of(table), table.width as usize);
    // SAFETY: 64 bytes are read from each array; the caller vouches for the processor.
    unsafe {
        let places = _mm512_loadu_si512(NARROW_PLACES.as_ptr().cast());
        let numbers = _mm512_permutexvar_epi8(places, _mm512_loadu_si512(numbers.as_ptr().cast()));
        let (b0, b1) = (bytes(lines, 0, width, numbers), bytes(lines, 1, width, numbers));
        let (b2, b3) = (bytes(lines, 2, width, numbers), bytes(lines, 3, width, numbers));
        let (low, high) = (_mm512_unpacklo_epi8(b0, b1), _mm512_unpacklo_epi8(b2, b3));
        let (low2, high2) = (_mm512_unpackhi_epi8(b0, b1), _mm512_unpackhi_epi8(b2, b3));
        [
            _mm512_unpacklo_epi16(low, high),
            _mm512_unpackhi_epi16(low, high),
            _mm512_unpacklo_epi16(low2, high2),
            _mm512_unpackhi_epi16(low2, high2),
        ]
    }
}
