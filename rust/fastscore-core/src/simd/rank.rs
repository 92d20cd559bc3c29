//! Ranks: how many of a feature's sorted thresholds are below x.
//!
//! ```text
//! cell(x) = trunc((x - low) * scale), kept within 0 and cells - 1          (NaN: 0)
//! rank    = first[cell(x)], the number of thresholds whose cell is lower;
//!           then m steps of a binary search among the thresholds that follow
//! ```
//! Each operation of `cell` is monotone, its rounding included: a threshold of a lower cell is below x, one of a higher
//! cell is not. So at most the thresholds of x's own cell have to be compared, of which there are below `2^m`. With one
//! cell this is a binary search. The scale and number of cells are chosen for the fewest steps.
//!
//! Layout: feature f's thresholds are `sorted[f.start ..][.. f.count]`, followed by `2^m` times +inf, so that a search
//! may read on; `first[f.cells_start + cell]`, with one more entry, so that two may be read at once.
//!
//! Bound for a value: a subtraction, a product, two limits and a conversion; one lookup, then a lookup and a comparison
//! a step. With AVX-512 eight rows a gather, otherwise eight rows side by side.

use super::bits::Bits;

/// The most cells of a feature: 8 KB of `first`.
const MAX_CELLS: usize = 4096;
/// Cells for each threshold, at most.
const CELLS_A_THRESHOLD: usize = 8;

/// The thresholds of one feature.
#[derive(Debug, Clone, Copy)]
struct Feature {
    start: u32,
    count: u32,
    cells_start: u32,
    /// The last cell.
    last: u32,
    low: f64,
    scale: f64,
    /// Steps of the search within a cell.
    steps: u32,
}

/// The sorted distinct thresholds of each feature.
#[derive(Debug, Default)]
pub(crate) struct Ranks {
    /// The features' numbers, ascending.
    numbers: Vec<u32>,
    features: Vec<Feature>,
    sorted: Vec<f64>,
    first: Vec<u16>,
}

impl Ranks {
    /// Bytes of its tables.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.sorted.as_slice()) + size_of_val(self.first.as_slice()) + size_of_val(self.features.as_slice())
    }

    /// Free what is reserved for more features.
    pub(crate) fn shrink(&mut self) {
        self.sorted.shrink_to_fit();
        self.first.shrink_to_fit();
    }

    /// Append a feature, whose number is above those before; None where it has more than `most` distinct thresholds, or
    /// more than a rank counts.
    pub(crate) fn push(&mut self, number: u32, mut thresholds: Vec<f64>, most: usize) -> Option<()> {
        thresholds.sort_by(f64::total_cmp);
        // -0 and 0 are one threshold.
        thresholds.dedup_by(|a, b| a == b);
        if thresholds.len() > most.min(u16::MAX.into()) {
            return None;
        }
        let mut best = Feature {
            start: u32::try_from(self.sorted.len()).ok()?,
            count: thresholds.len() as u32,
            cells_start: u32::try_from(self.first.len()).ok()?,
            last: 0,
            low: 0.0,
            scale: 0.0,
            steps: usize::BITS - thresholds.len().leading_zeros(),
        };
        let finite = |t: &&f64| t.is_finite();
        let (low, high) = (thresholds.iter().find(finite), thresholds.iter().rfind(finite));
        if let (Some(&low), Some(&high)) = (low, high) {
            let mut cells = 16;
            while cells <= MAX_CELLS && cells <= CELLS_A_THRESHOLD * thresholds.len() {
                let mut feature = Feature { last: cells as u32 - 1, low, scale: (cells as f64) / (high - low), ..best };
                let most = thresholds.chunk_by(|&a, &b| feature.cell(a) == feature.cell(b)).map(<[f64]>::len).max();
                feature.steps = usize::BITS - most.unwrap_or(0).leading_zeros();
                if feature.steps < best.steps {
                    best = feature;
                }
                cells *= 4;
            }
        }
        for cell in 0..=best.last + 1 {
            self.first.push(thresholds.partition_point(|&t| best.cell(t) < cell) as u16);
        }
        self.sorted.extend(thresholds);
        self.sorted.resize(self.sorted.len() + (1 << best.steps), f64::INFINITY);
        self.numbers.push(number);
        self.features.push(best);
        Some(())
    }

    fn of(&self, feature: u32) -> Table<'_> {
        // Every feature that is asked for was appended.
        let place = self.numbers.partition_point(|&number| number < feature);
        let feature = self.features[place];
        let sorted = &self.sorted[feature.start as usize..][..feature.count as usize + (1 << feature.steps)];
        let first = &self.first[feature.cells_start as usize..][..feature.last as usize + 2];
        Table { feature, sorted, first }
    }

    /// The place of a threshold among its feature's.
    pub(crate) fn place(&self, feature: u32, threshold: f64) -> u16 {
        let table = self.of(feature);
        table.sorted[..table.feature.count as usize].partition_point(|&t| t < threshold) as u16
    }

    /// How many thresholds of the feature that was pushed as number `place` are below x; anything for NaN.
    #[inline]
    pub(crate) fn rank_one(&self, place: usize, x: f64) -> u16 {
        let feature = &self.features[place];
        let mut rank = match feature.last {
            0 => 0,
            _ => usize::from(self.first[(feature.cells_start + feature.cell(x)) as usize]),
        };
        let sorted = &self.sorted[feature.start as usize..];
        for step in (0..feature.steps).rev() {
            // Not an `if`, which would become a branch that is wrong half of the time.
            rank += usize::from(sorted[rank + (1 << step) - 1] < x) << step;
        }
        rank as u16
    }

    /// `out[i]` is the number of thresholds below `x[i]`; anything for NaN.
    #[inline(always)]
    pub(crate) fn rank(&self, bits: impl Bits, feature: u32, x: &[f64], out: &mut [u16]) {
        let table = self.of(feature);
        let (x8, x_rest) = x.as_chunks::<8>();
        let (out8, out_rest) = out.as_chunks_mut::<8>();
        for (x, out) in x8.iter().zip(out8) {
            *out = bits.rank(&table, x);
        }
        if !x_rest.is_empty() {
            let mut padded = [0.0; 8];
            padded[..x_rest.len()].copy_from_slice(x_rest);
            out_rest.copy_from_slice(&bits.rank(&table, &padded)[..x_rest.len()]);
        }
    }
}

impl Feature {
    #[inline(always)]
    fn cell(&self, x: f64) -> u32 {
        // `max` and `min` give the number where the other is NaN.
        ((x - self.low) * self.scale).max(0.0).min(f64::from(self.last)) as u32
    }
}

/// One feature's part of [`Ranks`].
pub(crate) struct Table<'a> {
    feature: Feature,
    sorted: &'a [f64],
    first: &'a [u16],
}

impl Table<'_> {
    /// Eight rows side by side, so that their loads overlap.
    #[inline(always)]
    pub(super) fn rank(&self, x: &[f64; 8]) -> [u16; 8] {
        let mut ranks = [0usize; 8];
        if self.feature.last > 0 {
            for (rank, &x) in ranks.iter_mut().zip(x) {
                *rank = usize::from(self.first[self.feature.cell(x) as usize]);
            }
        }
        for step in (0..self.feature.steps).rev() {
            let half = 1usize << step;
            for (rank, x) in ranks.iter_mut().zip(x) {
                // SAFETY: `first` holds at most `count`, and the steps before added at most `2^steps - 2 * half`, so that
                // `rank + half - 1` is at most `count + 2^steps - 2`, while `of` gives `count + 2^steps` thresholds.
                // Without the check the search takes half the time.
                let threshold = unsafe { *self.sorted.get_unchecked(*rank + half - 1) };
                // Not an `if`, which would become a branch that is wrong half of the time.
                *rank += usize::from(threshold < *x) << step;
            }
        }
        ranks.map(|rank| rank as u16)
    }

    /// The same by gathers.
    ///
    /// # Safety
    ///
    /// The processor has AVX-512 F, DQ, BW and VL.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(super) unsafe fn rank_avx512(&self, x: &[f64; 8]) -> [u16; 8] {
        use std::arch::x86_64::*;
        let Feature { low, scale, last, steps, .. } = self.feature;
        let mut ranks = [0; 8];
        // SAFETY: the caller vouches for the processor. A cell is at most `last`, and `first` has `last + 2` entries, so
        // that the four bytes gathered at it are inside. Thresholds: as in `rank`.
        unsafe {
            let x = _mm512_loadu_pd(x.as_ptr());
            let mut rank = _mm256_setzero_si256();
            if last > 0 {
                let scaled = _mm512_mul_pd(_mm512_sub_pd(x, _mm512_set1_pd(low)), _mm512_set1_pd(scale));
                // Where one is NaN, the second.
                let above = _mm512_max_pd(scaled, _mm512_setzero_pd());
                let within = _mm512_min_pd(above, _mm512_set1_pd(f64::from(last)));
                let cell = _mm512_cvttpd_epi32(within);
                let both = _mm256_i32gather_epi32::<2>(self.first.as_ptr().cast(), cell);
                rank = _mm256_and_si256(both, _mm256_set1_epi32(0xffff));
            }
            for step in (0..steps).rev() {
                let half = 1 << step;
                let at = _mm256_add_epi32(rank, _mm256_set1_epi32(half - 1));
                let threshold = _mm512_i32gather_pd::<8>(at, self.sorted.as_ptr());
                let below = _mm512_cmp_pd_mask::<_CMP_LT_OQ>(threshold, x);
                rank = _mm256_mask_add_epi32(rank, below, rank, _mm256_set1_epi32(half));
            }
            _mm_storeu_si128(ranks.as_mut_ptr().cast(), _mm256_cvtepi32_epi16(rank));
        }
        ranks
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::simd::Level;
    use crate::simd::bits::{self, BitWork};

    struct Check<'a>(&'a Ranks, &'a [f64], &'a mut [u16]);

    impl BitWork for Check<'_> {
        fn run(self, bits: impl Bits) {
            self.0.rank(bits, 7, self.1, self.2);
        }
    }

    fn check(thresholds: &[f64], others: &[f64]) {
        let mut ranks = Ranks::default();
        ranks.push(0, vec![1.0], 1).unwrap();
        ranks.push(7, thresholds.to_vec(), usize::MAX).unwrap();
        ranks.push(u32::MAX, vec![f64::NEG_INFINITY; 9], 1).unwrap();
        let mut x = others.to_vec();
        for &t in thresholds {
            x.extend([t, t.next_up(), t.next_down(), -t]);
        }
        x.extend([f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, f64::MIN_POSITIVE, f64::MAX, f64::MIN, f64::NAN]);
        let mut distinct = thresholds.to_vec();
        distinct.sort_by(f64::total_cmp);
        distinct.dedup_by(|a, b| a == b);
        for &x in x.iter().filter(|x| !x.is_nan()) {
            assert_eq!(usize::from(ranks.rank_one(1, x)), distinct.partition_point(|&t| t < x), "{x:e}");
        }
        for level in Level::ALL {
            let mut got = vec![0; x.len()];
            bits::run(level, Check(&ranks, &x, &mut got));
            for (x, got) in x.iter().zip(got).filter(|(x, _)| !x.is_nan()) {
                let below = distinct.partition_point(|t| t < x);
                assert_eq!(usize::from(got), below, "{x:e} among {distinct:?}, {level}");
            }
        }
    }

    #[test]
    fn thresholds_at_the_ends_of_the_range() {
        check(&[], &[1.0]);
        check(&[0.0], &[]);
        check(&[-0.0, 0.0, 5e-324, -5e-324], &[]);
        check(&[f64::MIN, f64::MAX], &[]);
        check(&[f64::NEG_INFINITY, f64::INFINITY, 1.0, 2.0], &[]);
        check(&[f64::INFINITY], &[]);
        check(&(0..3000).map(|i| f64::from(i) * 5e-324).collect::<Vec<_>>(), &[]);
        check(&(-1000..1000).map(|i| f64::powi(1.5, i)).collect::<Vec<_>>(), &[]);
        check(&(0..65_535).map(f64::from).collect::<Vec<_>>(), &[0.5, 65_534.5]);
    }

    proptest! {
        #[test]
        fn ranks_are_counts(
            few in proptest::collection::vec(any::<f64>().prop_filter("a number", |x| !x.is_nan()), 0..40),
            many in proptest::collection::vec(-1e3..1e3f64, 0..600),
            step in 1..50i32,
        ) {
            check(&few, &many);
            check(&many, &few);
            check(&(0..300).map(|i| f64::from(i / step)).collect::<Vec<_>>(), &many);
        }
    }
}
