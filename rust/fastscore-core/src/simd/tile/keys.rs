//! What tiles compare, and how a row's keys and a tile's thresholds become a mask.

#[cfg(target_arch = "x86_64")]
use super::Tile;

/// What tiles compare: u16 ranks, or float32 values.
pub(crate) trait Key: Copy + std::fmt::Debug + 'static {
    /// A number.
    const ZERO: Self;
    /// A threshold that no number is above.
    const HIGHEST: Self;
    /// Which key of a row is a number in every row: the one that nodes compare which are not there.
    const NUMBER: u8;
    fn is_above(self, threshold: Self) -> bool;
    /// Whether it is the key of a missing value, which is above all thresholds.
    fn is_missing(self) -> bool;
    /// Sixteen bits in the place of a threshold.
    fn of_bits(bits: u16) -> Self;
    fn bits(self) -> u16;
    /// Bit h says whether the key of node h is above its threshold, and not one that is missing and goes left; the latter is
    /// not looked at unless `MISSING`.
    ///
    /// # Safety
    ///
    /// The processor has AVX-512 F and BW; the tile's planes are below `WIDTH`, 32 or [`MOST_WIDTH`](Key::MOST_WIDTH).
    #[cfg(target_arch = "x86_64")]
    unsafe fn mask<const WIDTH: usize, const MISSING: bool>(tile: &Tile<Self>, keys: &Keys<Self, WIDTH>) -> u16;
    /// Keys of two registers.
    const MOST_WIDTH: usize;
}

/// A row's keys.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Keys<K, const WIDTH: usize>(pub [K; WIDTH]);

impl Key for u16 {
    const ZERO: u16 = 0;
    const HIGHEST: u16 = u16::MAX;
    const NUMBER: u8 = 0;
    const MOST_WIDTH: usize = 64;
    #[inline(always)]
    fn is_above(self, threshold: u16) -> bool {
        self > threshold
    }
    #[inline(always)]
    fn is_missing(self) -> bool {
        self == u16::MAX
    }
    #[inline(always)]
    fn of_bits(bits: u16) -> u16 {
        bits
    }
    #[inline(always)]
    fn bits(self) -> u16 {
        self
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn mask<const WIDTH: usize, const MISSING: bool>(tile: &Tile<u16>, keys: &Keys<u16, WIDTH>) -> u16 {
        use std::arch::x86_64::*;
        // SAFETY: each vector read is one array of the tile, or 32 of the row's keys; the caller vouches for the processor.
        unsafe {
            let plane = _mm256_cvtepu8_epi16(_mm_load_si128(tile.plane.as_ptr().cast()));
            let (plane, low) = (_mm512_castsi256_si512(plane), _mm512_load_si512(keys.0.as_ptr().cast()));
            let key = if WIDTH == 32 {
                _mm512_permutexvar_epi16(plane, low)
            } else {
                _mm512_permutex2var_epi16(low, plane, _mm512_load_si512(keys.0.as_ptr().add(32).cast()))
            };
            let threshold = _mm256_load_si256(tile.threshold.as_ptr().cast());
            let key = _mm512_castsi512_si256(key);
            let right = _mm256_cmpgt_epu16_mask(key, threshold);
            let missing = if MISSING { _mm256_cmpeq_epi16_mask(key, _mm256_set1_epi16(-1)) } else { 0 };
            right & !(missing & tile.missing_left())
        }
    }
}

impl Key for f32 {
    const ZERO: f32 = 0.0;
    const HIGHEST: f32 = f32::INFINITY;
    const NUMBER: u8 = 31;
    const MOST_WIDTH: usize = 32;
    #[inline(always)]
    fn is_above(self, threshold: f32) -> bool {
        let is_at_most = self <= threshold;
        !is_at_most
    }
    #[inline(always)]
    fn is_missing(self) -> bool {
        self.is_nan()
    }
    #[inline(always)]
    fn of_bits(bits: u16) -> f32 {
        f32::from_bits(bits.into())
    }
    #[inline(always)]
    fn bits(self) -> u16 {
        self.to_bits() as u16
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn mask<const WIDTH: usize, const MISSING: bool>(tile: &Tile<f32>, keys: &Keys<f32, WIDTH>) -> u16 {
        use std::arch::x86_64::*;
        // SAFETY: each vector read is one array of the tile, or 16 of the row's keys; the caller vouches for the processor.
        unsafe {
            let plane = _mm512_cvtepu8_epi32(_mm_load_si128(tile.plane.as_ptr().cast()));
            let (low, high) = (keys.0.as_ptr(), keys.0.as_ptr().add(16));
            let key = _mm512_permutex2var_ps(_mm512_load_ps(low), plane, _mm512_load_ps(high));
            let right = _mm512_cmp_ps_mask::<_CMP_NLE_UQ>(key, _mm512_load_ps(tile.threshold.as_ptr()));
            let missing = if MISSING { _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(key, key) } else { 0 };
            right & !(missing & tile.missing_left())
        }
    }
}
