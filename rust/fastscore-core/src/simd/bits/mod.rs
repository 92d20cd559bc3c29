//! Rows as bits: comparing keys of 64 rows into a word, spreading words back into bytes, and adding what a byte a row
//! numbers.
//!
//! [`run`] does a piece of [`BitWork`] with the operations of a level, compiled under its features, so that plain loops
//! over words inside the work become vector instructions too.

#[cfg(target_arch = "x86_64")]
mod x86;

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
