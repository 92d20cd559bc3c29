//! Rows as bits: comparing keys of 64 rows into a word, spreading words back into bytes, and adding what a byte a row
//! numbers.
//!
//! [`run`] does a piece of [`BitWork`] with the operations of a level, compiled under its features, so that plain loops
//! over words inside the work become vector instructions too.

use super::leaf_table::{LeafTable, LeafTables};
use super::rank::Table;
use super::{Level, add};

/// Rows of a word.
pub(crate) const WORD: usize = 64;

/// Four words, in which masks are parted: with AVX-512 two of them are faster than all eight words at once, since what
/// was just stored is loaded again (1.25 against 1.85 ns a split on Zen 5).
pub(crate) type Quad = [u64; 4];

/// A tree's leaf values, and the leaf of each of 64 rows.
pub(crate) type Looked<'a> = (LeafTable, &'a [u8; WORD]);

/// What differs between processors.
pub(crate) trait Bits: Copy {
    /// Bit i is set where `keys[i] <= threshold`.
    fn at_most(self, keys: &[u8; WORD], threshold: u8) -> u64;
    /// Sets bit `bit` of `bytes[i]` where bit i of `word` is set. `bit` is below 8.
    fn spread(self, word: u64, bit: u32, bytes: &mut [u8; WORD]);
    /// `sums[i]` gets leaf `numbers[i]` of each tree, one tree after the other; where `NARROW`, every add is rounded to
    /// float32, and the tables hold float32. Numbers are below the leaves of their tree.
    fn add_leaves<const NARROW: bool>(self, leaves: &LeafTables, trees: &[Looked<'_>], sums: &mut [f64; WORD]);

    /// The rows of `here` with and without `condition`.
    fn part(self, here: &Quad, condition: &Quad) -> (Quad, Quad);
    /// How many of a feature's thresholds are below each x.
    fn rank(self, table: &Table, x: &[f64; 8]) -> [u16; 8];
}

/// Something to do with [`Bits`]. `run` should be `#[inline(always)]`, so that it is compiled for the level.
pub(crate) trait BitWork {
    fn run(self, bits: impl Bits);
}

/// Does `work` at a level; a level that this processor lacks runs as portable code, which gives the same bits.
pub(crate) fn run(level: Level, work: impl BitWork) {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 if level.is_available() => {
            // SAFETY: this processor has the level's features, which are what the function is compiled for.
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
/// Plain Rust: eight bytes of a word at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portable;

const ONES: u64 = 0x0101_0101_0101_0101;

impl Bits for Portable {
    #[inline(always)]
    fn at_most(self, keys: &[u8; WORD], threshold: u8) -> u64 {
        let mut word = 0;
        for (i, keys) in keys.as_chunks::<8>().0.iter().enumerate() {
            let flags = u64::from_le_bytes(keys.map(|key| u8::from(key <= threshold)));
            // Byte j, 0 or 1, moves to bit 56 + j; nothing else reaches the top byte.
            word |= (flags.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
        }
        word
    }

    #[inline(always)]
    fn spread(self, word: u64, bit: u32, bytes: &mut [u8; WORD]) {
        for (rows, bytes) in word.to_le_bytes().into_iter().zip(bytes.as_chunks_mut::<8>().0) {
            // Byte j keeps bit j alone, then becomes 0 or 1.
            let alone = u64::from(rows).wrapping_mul(ONES) & 0x8040_2010_0804_0201;
            let flags = (alone + 0x7f7f_7f7f_7f7f_7f7f) >> 7 & ONES;
            *bytes = (u64::from_le_bytes(*bytes) | flags << bit).to_le_bytes();
        }
    }

    #[inline(always)]
    fn add_leaves<const NARROW: bool>(self, leaves: &LeafTables, trees: &[Looked<'_>], sums: &mut [f64; WORD]) {
        for &(table, numbers) in trees {
            for (sum, &number) in sums.iter_mut().zip(numbers) {
                *sum = add::<NARROW>(*sum, leaves.value(table, number));
            }
        }
    }

    #[inline(always)]
    fn part(self, here: &Quad, condition: &Quad) -> (Quad, Quad) {
        let (mut with, mut without) = ([0; 4], [0; 4]);
        for word in 0..4 {
            with[word] = here[word] & condition[word];
            without[word] = here[word] & !condition[word];
        }
        (with, without)
    }

    #[inline(always)]
    fn rank(self, table: &Table, x: &[f64; 8]) -> [u16; 8] {
        table.rank(x)
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
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
            unsafe {
                _mm512_cmple_epu8_mask(_mm512_loadu_si512(keys.as_ptr().cast()), _mm512_set1_epi8(threshold as i8))
            }
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
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Check<'a>(&'a [u8; WORD], u8, u64, u32);

    impl BitWork for Check<'_> {
        fn run(self, bits: impl Bits) {
            let Check(keys, threshold, word, bit) = self;
            let compared = bits.at_most(keys, threshold);
            let mut bytes = *keys;
            bits.spread(word, bit, &mut bytes);
            for i in 0..WORD {
                assert_eq!(compared >> i & 1 == 1, keys[i] <= threshold, "row {i}");
                assert_eq!(bytes[i], keys[i] | ((word >> i & 1) as u8) << bit, "row {i}");
            }
            let (here, condition) = ([word, !word, compared, u64::MAX], [compared, word, word, 0]);
            let parts = bits.part(&here, &condition);
            for i in 0..4 {
                assert_eq!((parts.0[i], parts.1[i]), (here[i] & condition[i], here[i] & !condition[i]));
            }
        }
    }

    struct Sum<'a, const NARROW: bool>(&'a LeafTables, &'a [Looked<'a>], &'a mut [f64; WORD]);

    impl<const NARROW: bool> BitWork for Sum<'_, NARROW> {
        fn run(self, bits: impl Bits) {
            bits.add_leaves::<NARROW>(self.0, self.1, self.2);
        }
    }

    fn sums<const NARROW: bool>(trees: &[(Vec<f64>, [u8; WORD])]) {
        let round = |x: f64| if NARROW { f64::from(x as f32) } else { x };
        let mut leaves = LeafTables::empty(NARROW);
        let mut expected = std::array::from_fn(|i| round(0.1 * i as f64));
        let first = expected;
        let mut looked = Vec::new();
        for (values, numbers) in trees {
            let values: Vec<f64> = values.iter().map(|&x| round(x)).collect();
            looked.push((leaves.push(values.iter().copied()).unwrap(), numbers));
            for (sum, &number) in expected.iter_mut().zip(numbers) {
                *sum = round(*sum + values[usize::from(number)]);
            }
        }
        for level in Level::ALL {
            let mut got = first;
            run(level, Sum::<NARROW>(&leaves, &looked, &mut got));
            assert_eq!(got.map(f64::to_bits), expected.map(f64::to_bits), "{level}");
        }
    }

    fn tree() -> impl Strategy<Value = (Vec<f64>, [u8; WORD])> {
        let values = proptest::collection::vec(-1e3..1e3f64, 1..=256);
        (values, proptest::collection::vec(any::<u8>(), WORD)).prop_map(|(values, numbers)| {
            let leaves = values.len();
            (values, std::array::from_fn(|i| (usize::from(numbers[i]) % leaves) as u8))
        })
    }

    proptest! {
        #[test]
        fn every_level_compares_and_spreads(
            keys in proptest::collection::vec(any::<u8>(), WORD),
            threshold: u8,
            word: u64,
            bit in 0u32..8,
        ) {
            let keys: [u8; WORD] = keys.try_into().unwrap();
            for level in Level::ALL {
                run(level, Check(&keys, threshold, word, bit));
            }
            // Equality, which random bytes seldom have.
            for level in Level::ALL {
                run(level, Check(&keys, keys[7], word, bit));
            }
        }

        #[test]
        fn every_level_adds_leaves(trees in proptest::collection::vec(tree(), 1..6)) {
            sums::<false>(&trees);
            sums::<true>(&trees);
        }
    }
}
