//! Decision tables with the instructions of x86-64. [`run_avx2`] and [`run_avx512`] are the only functions that enable
//! the processor's features; all the rest is inlined into them.

use std::arch::x86_64::*;

use super::{
    Condition, Keys, Lookups, MOST_PERMUTED, Numbers, TableWork, Tables, WORD, add_by_loads, in_order, pack_in_order,
};

/// AVX2. Only [`run_avx2`] makes one.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

/// AVX-512 F, DQ, BW and VL. Only [`run_avx512`] makes one.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

#[target_feature(enable = "avx2,fma")]
pub(super) fn run_avx2(work: impl TableWork) {
    work.run(Avx2(()));
}

#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
pub(super) fn run_avx512(work: impl TableWork) {
    work.run(Avx512(()));
}

impl Tables for Avx2 {
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
            let conditions = &conditions[t * stride + first..][..BITS];
            // SAFETY: an `Avx2` is only made where the processor has it; all reads and writes are of halves of arrays
            // of 64 bytes.
            unsafe {
                let mut numbers = [[_mm256_setzero_si256(); 2]; COUNT];
                for bit in 0..BITS {
                    let keys = &keys[conditions[bit].plane as usize];
                    let rank = _mm256_set1_epi32(conditions[bit].ranks as i32);
                    let weight = _mm256_set1_epi8((1u8 << bit) as i8);
                    for group in 0..COUNT {
                        for (half, numbers) in numbers[group].iter_mut().enumerate() {
                            let keys = _mm256_loadu_si256(keys[group].as_ptr().add(32 * half).cast());
                            let above = _mm256_and_si256(_mm256_cmpgt_epi8(keys, rank), weight);
                            *numbers = _mm256_or_si256(*numbers, above);
                        }
                    }
                }
                for group in 0..COUNT {
                    for (half, numbers) in numbers[group].into_iter().enumerate() {
                        _mm256_storeu_si256(out[group].as_mut_ptr().add(32 * half).cast(), numbers);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn add<const NARROW: bool>(self, lookups: Lookups, sums: &mut [f64; WORD]) {
        add_by_loads::<NARROW>(lookups, sums);
    }
}

/// Bits of tables whose values two registers hold; those of larger ones are cut into words.
const MOST_WHOLE: usize = 4;

/// Place p = `16 j + 4 i + 2 s + o` holds row `32 o + 8 i + 2 j + s`. So interleaving words, then double words,
/// of the 32 even places gives eight rows that follow each other in each of four registers.
const fn interleaved() -> [u8; WORD] {
    let mut rows = [0; WORD];
    let mut place = 0;
    while place < WORD {
        let (j, i, s, o) = (place >> 4, place >> 2 & 3, place >> 1 & 1, place & 1);
        rows[place] = (32 * o + 8 * i + 2 * j + s) as u8;
        place += 1;
    }
    rows
}

/// The rows, 32 less for odd places, of the even places: `interleaved()[2 * p]`.
const fn words() -> [u16; 32] {
    let rows = interleaved();
    let mut words = [0; 32];
    let mut p = 0;
    while p < 32 {
        words[p] = rows[2 * p] as u16;
        p += 1;
    }
    words
}

/// For [`_mm512_shuffle_epi8`]: both rows of double word i of each half, one at the start of each quadword.
const fn pairs(i: u8) -> [u8; 64] {
    let mut control = [0x80; 64];
    let mut byte = 0;
    while byte < 64 {
        let s = (byte / 8 % 2) as u8;
        if byte % 8 < 2 {
            control[byte] = 4 * i + 2 * s + (byte % 8) as u8;
        }
        byte += 1;
    }
    control
}

const WORDS: [u16; 32] = words();
const PAIRS: [[u8; 64]; 4] = [pairs(0), pairs(1), pairs(2), pairs(3)];

impl Tables for Avx512 {
    const ROWS: [u8; WORD] = interleaved();

    /// Tables of 32 and 64 values become four planes: plane w holds word w of each value.
    fn arrange(values: &mut [u64]) {
        let bits = values.len().trailing_zeros() as usize;
        if bits <= MOST_WHOLE || bits > MOST_PERMUTED {
            return;
        }
        let mut words = Vec::with_capacity(4 * values.len());
        for w in 0..4 {
            words.extend(values.iter().map(|value| (value >> (16 * w)) as u16));
        }
        for (to, from) in values.iter_mut().zip(words.as_chunks::<4>().0) {
            *to = from.iter().rev().fold(0, |value, &word| value << 16 | u64::from(word));
        }
    }

    #[inline(always)]
    fn pack(self, keys: &[u16; WORD], first: u16, out: &mut [i8; WORD]) {
        // SAFETY: an `Avx512` is only made where the processor has it; the two reads are the 64 keys.
        unsafe {
            let first = _mm512_set1_epi16(first as i16);
            let most = _mm512_set1_epi16(255);
            let even = _mm512_loadu_si512(keys.as_ptr().cast());
            let odd = _mm512_loadu_si512(keys.as_ptr().add(32).cast());
            let even = _mm512_min_epu16(_mm512_subs_epu16(even, first), most);
            let odd = _mm512_min_epu16(_mm512_subs_epu16(odd, first), most);
            let both = _mm512_or_si512(even, _mm512_slli_epi16::<8>(odd));
            let order = _mm512_loadu_si512(WORDS.as_ptr().cast());
            let both = _mm512_xor_si512(_mm512_permutexvar_epi16(order, both), _mm512_set1_epi8(i8::MIN));
            _mm512_storeu_si512(out.as_mut_ptr().cast(), both);
        }
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
        // Hidden from the compiler, which would make of each masked addition an OR and a masked move, because it sees
        // that they agree: a third more operations.
        let ones = std::hint::black_box(0x0101_0101_0101_0101);
        for (t, out) in out.iter_mut().enumerate() {
            let conditions = &conditions[t * stride + first..][..BITS];
            // SAFETY: an `Avx512` is only made where the processor has it; all reads and writes are of arrays of 64
            // bytes.
            unsafe {
                let mut numbers = [_mm512_setzero_si512(); COUNT];
                for bit in 0..BITS {
                    let keys = &keys[conditions[bit].plane as usize];
                    let rank = _mm512_set1_epi32(conditions[bit].ranks as i32);
                    let weight = _mm512_set1_epi64(ones << bit);
                    for group in 0..COUNT {
                        let keys = _mm512_loadu_si512(keys[group].as_ptr().cast());
                        let above = _mm512_cmpgt_epi8_mask(keys, rank);
                        numbers[group] = _mm512_mask_add_epi8(numbers[group], above, numbers[group], weight);
                    }
                }
                for group in 0..COUNT {
                    _mm512_storeu_si512(out[group].as_mut_ptr().cast(), numbers[group]);
                }
            }
        }
    }

    #[inline(always)]
    fn add<const NARROW: bool>(self, lookups: Lookups, sums: &mut [f64; WORD]) {
        let Lookups { bits, values, step, low, .. } = lookups;
        assert!(low.is_empty() || values.len() >= (low.len() - 1) * step + (1 << bits));
        match bits {
            // SAFETY: an `Avx512` is only made where the processor has it; the last table has all its values, by the
            // assertion above.
            0..=MOST_WHOLE => unsafe { add_whole::<NARROW>(lookups, sums) },
            // SAFETY: as above.
            5 => unsafe { add_words::<NARROW, false>(lookups, sums) },
            // SAFETY: as above.
            6 => unsafe { add_words::<NARROW, true>(lookups, sums) },
            _ => {
                let mut placed = [0.0; WORD];
                for place in 0..WORD {
                    placed[place] = sums[usize::from(Self::ROWS[place])];
                }
                add_by_loads::<NARROW>(lookups, &mut placed);
                for place in 0..WORD {
                    sums[usize::from(Self::ROWS[place])] = placed[place];
                }
            }
        }
    }
}

/// `sum + value`, rounded to float32 where `NARROW`.
#[inline(always)]
unsafe fn add_eight<const NARROW: bool>(sum: __m512d, value: __m512i) -> __m512d {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        let sum = _mm512_add_pd(sum, _mm512_castsi512_pd(value));
        if NARROW { _mm512_cvtps_pd(_mm512_cvtpd_ps(sum)) } else { sum }
    }
}

#[inline(always)]
unsafe fn load_sums(sums: &[f64; WORD]) -> [__m512d; 8] {
    // SAFETY: the caller vouches for the processor; the eight reads are the 64 sums.
    unsafe {
        let mut loaded = [_mm512_setzero_pd(); 8];
        for (i, loaded) in loaded.iter_mut().enumerate() {
            *loaded = _mm512_loadu_pd(sums.as_ptr().add(8 * i));
        }
        loaded
    }
}

#[inline(always)]
unsafe fn store_sums(loaded: [__m512d; 8], sums: &mut [f64; WORD]) {
    // SAFETY: the caller vouches for the processor; the eight writes are the 64 sums.
    unsafe {
        for (i, loaded) in loaded.into_iter().enumerate() {
            _mm512_storeu_pd(sums.as_mut_ptr().add(8 * i), loaded);
        }
    }
}

/// Up to 16 values: a two-source permute gives eight rows' values.
///
/// Bound: 64 rows and a table take 4 shuffles and 4 shifts of numbers, 8 permutes and 8 adds.
///
/// # Safety
///
/// The processor has AVX-512; every table has its `2^bits` values.
#[inline(always)]
unsafe fn add_whole<const NARROW: bool>(lookups: Lookups, sums: &mut [f64; WORD]) {
    let Lookups { bits, values, step, low, group, .. } = lookups;
    let some = if bits < 3 { (1 << (1 << bits)) - 1 } else { u8::MAX };
    let more = if bits == MOST_WHOLE { u8::MAX } else { 0 };
    // SAFETY: masked loads read the `2^bits` values of a table that are there; the rest as the caller vouches.
    unsafe {
        let mut sum = load_sums(sums);
        for (t, numbers) in low.iter().enumerate() {
            let table = values.as_ptr().add(t * step);
            let first = _mm512_maskz_loadu_epi64(some, table.cast());
            let second = _mm512_maskz_loadu_epi64(more, table.wrapping_add(8).cast());
            let numbers = _mm512_loadu_si512(numbers[group].as_ptr().cast());
            for i in 0..4 {
                let pairs = _mm512_loadu_si512(PAIRS[i].as_ptr().cast());
                let even = _mm512_shuffle_epi8(numbers, pairs);
                let odd = _mm512_srli_epi64::<8>(even);
                sum[i] = add_eight::<NARROW>(sum[i], _mm512_permutex2var_epi64(first, even, second));
                sum[i + 4] = add_eight::<NARROW>(sum[i + 4], _mm512_permutex2var_epi64(first, odd, second));
            }
        }
        store_sums(sum, sums);
    }
}

/// 32 values, or 64 where `TWO`: a permute over one or two registers of words gives 32 rows' words, two levels of
/// interleaving give their values.
///
/// Bound: 64 rows and a table take 8 permutes, 16 shuffles, a shift and 8 adds.
///
/// # Safety
///
/// The processor has AVX-512; every table has its values.
#[inline(always)]
unsafe fn add_words<const NARROW: bool, const TWO: bool>(lookups: Lookups, sums: &mut [f64; WORD]) {
    let Lookups { values, step, low, group, .. } = lookups;
    // SAFETY: a table's planes are 64 or 128 bytes each, four of them; the rest as the caller vouches.
    unsafe {
        let mut sum = load_sums(sums);
        for (t, numbers) in low.iter().enumerate() {
            let table: *const u8 = values.as_ptr().add(t * step).cast();
            let even = _mm512_loadu_si512(numbers[group].as_ptr().cast());
            let odd = _mm512_srli_epi16::<8>(even);
            let (mut evens, mut odds) = ([_mm512_setzero_si512(); 4], [_mm512_setzero_si512(); 4]);
            for w in 0..4 {
                if TWO {
                    let first = _mm512_loadu_si512(table.add(128 * w).cast());
                    let second = _mm512_loadu_si512(table.add(128 * w + 64).cast());
                    evens[w] = _mm512_permutex2var_epi16(first, even, second);
                    odds[w] = _mm512_permutex2var_epi16(first, odd, second);
                } else {
                    let plane = _mm512_loadu_si512(table.add(64 * w).cast());
                    evens[w] = _mm512_permutexvar_epi16(even, plane);
                    odds[w] = _mm512_permutexvar_epi16(odd, plane);
                }
            }
            for (half, words) in [evens, odds].into_iter().enumerate() {
                let low = _mm512_unpacklo_epi16(words[0], words[1]);
                let high = _mm512_unpacklo_epi16(words[2], words[3]);
                let at = 4 * half;
                sum[at] = add_eight::<NARROW>(sum[at], _mm512_unpacklo_epi32(low, high));
                sum[at + 1] = add_eight::<NARROW>(sum[at + 1], _mm512_unpackhi_epi32(low, high));
                let low = _mm512_unpackhi_epi16(words[0], words[1]);
                let high = _mm512_unpackhi_epi16(words[2], words[3]);
                sum[at + 2] = add_eight::<NARROW>(sum[at + 2], _mm512_unpacklo_epi32(low, high));
                sum[at + 3] = add_eight::<NARROW>(sum[at + 3], _mm512_unpackhi_epi32(low, high));
            }
        }
        store_sums(sum, sums);
    }
}
