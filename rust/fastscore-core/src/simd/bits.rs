//! Rows as bits: comparing keys of 64 rows into a word, and spreading words back into bytes.
//!
//! [`run`] does a piece of [`BitWork`] with the operations of a level, compiled under its features, so that plain loops
//! over words inside the work become vector instructions too.

use super::Level;

/// Rows of a word.
pub(crate) const WORD: usize = 64;

/// What differs between processors.
pub(crate) trait Bits: Copy {
    /// Bit i is set where `keys[i] <= threshold`.
    fn at_most(self, keys: &[u8; WORD], threshold: u8) -> u64;
    /// Sets bit `bit` of `bytes[i]` where bit i of `word` is set. `bit` is below 8.
    fn spread(self, word: u64, bit: u32, bytes: &mut [u8; WORD]);
}

/// Something to do with [`Bits`]. `run` should be `#[inline(always)]`, so that it is compiled for the level.
pub(crate) trait BitWork {
    fn run(self, bits: impl Bits);
}

/// Does `work` at a level; a level that this processor lacks runs as portable code, which gives the same bits.
pub(crate) fn run(level: Level, work: impl BitWork) {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::Avx512 if level.is_available() && Level::Avx2.is_available() => {
            // SAFETY: this processor has AVX2, which is what the function is compiled for.
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
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{BitWork, Bits, WORD};

    /// AVX2. Only [`run_avx2`] makes one.
    #[derive(Clone, Copy)]
    pub(super) struct Avx2(());

    #[target_feature(enable = "avx2")]
    pub(super) fn run_avx2(work: impl BitWork) {
        work.run(Avx2(()));
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
    }

    const ONES: i64 = super::ONES as i64;
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
        }
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
    }
}
