//! The vectors of x86-64: AVX2 with FMA, and AVX-512.
//!
//! [`run_avx2`] and [`run_avx512`] are the only functions that enable the
//! processor's features; all the rest is inlined into them.

use std::arch::x86_64::*;

use super::lanes32::{Narrow256, Narrow512};
use super::vector::{FRACTION_BITS, ONE_BITS, SQRT_HALF_BITS, TWO_52, TWO_52_BITS, Vector, Work};

/// Four lanes. Needs AVX2 and FMA.
#[derive(Clone, Copy)]
pub(super) struct Avx2(__m256d);

/// Eight lanes. Needs AVX-512 F.
#[derive(Clone, Copy)]
pub(super) struct Avx512(__m512d);

/// Does `work` with [`Avx2`] vectors.
#[target_feature(enable = "avx2,fma")]
pub(super) fn run_avx2(work: impl Work) {
    // SAFETY: that this function is called means that the processor has what it
    // enables, which is what `Avx2` needs.
    unsafe { work.run::<Avx2>() }
}

/// Does `work` with [`Avx512`] vectors.
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
pub(super) fn run_avx512(work: impl Work) {
    // SAFETY: as above, with `Avx512`.
    unsafe { work.run::<Avx512>() }
}

/// Implements the methods of [`Vector`] that are one intrinsic each.
macro_rules! one_intrinsic {
    ($($method:ident($($other:ident),*) = $intrinsic:ident;)*) => {$(
        #[inline(always)]
        fn $method(self, $($other: Self),*) -> Self {
            // SAFETY: holding a vector means that the processor has it.
            Self(unsafe { $intrinsic(self.0, $($other.0),*) })
        }
    )*};
}

impl Vector for Avx2 {
    const LANES: usize = 4;
    type Narrow = Narrow256;

    #[inline(always)]
    unsafe fn load(from: &[f64]) -> Self {
        assert_eq!(from.len(), Self::LANES);
        // SAFETY: the slice has as many values as are read; the caller vouches
        // for the processor.
        Self(unsafe { _mm256_loadu_pd(from.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, to: &mut [f64]) {
        assert_eq!(to.len(), Self::LANES);
        // SAFETY: the slice has as many values as are written; holding a vector
        // means that the processor has it.
        unsafe { _mm256_storeu_pd(to.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn splat(self, value: f64) -> Self {
        // SAFETY: holding a vector means that the processor has it.
        Self(unsafe { _mm256_set1_pd(value) })
    }

    one_intrinsic! {
        add(other) = _mm256_add_pd;
        sub(other) = _mm256_sub_pd;
        mul(other) = _mm256_mul_pd;
        div(other) = _mm256_div_pd;
        mul_add(factor, addend) = _mm256_fmadd_pd;
        neg_mul_add(factor, addend) = _mm256_fnmadd_pd;
        sqrt() = _mm256_sqrt_pd;
        max(other) = _mm256_max_pd;
        min(other) = _mm256_min_pd;
    }

    #[inline(always)]
    fn canonical(self) -> Self {
        let nan = self.splat(f64::NAN);
        // SAFETY: holding a vector means that the processor has it.
        Self(unsafe {
            let is_nan = _mm256_cmp_pd::<_CMP_UNORD_Q>(self.0, self.0);
            _mm256_blendv_pd(self.0, nan.0, is_nan)
        })
    }

    #[inline(always)]
    fn if_less(self, other: Self, then: Self, otherwise: Self) -> Self {
        // SAFETY: holding a vector means that the processor has it.
        Self(unsafe {
            let less = _mm256_cmp_pd::<_CMP_LT_OQ>(self.0, other.0);
            _mm256_blendv_pd(otherwise.0, then.0, less)
        })
    }

    #[inline(always)]
    fn to_f32(self) -> Self {
        // SAFETY: holding a vector means that the processor has it.
        Self(unsafe { _mm256_cvtps_pd(_mm256_cvtpd_ps(self.0)) })
    }

    #[inline(always)]
    fn split(self) -> (Self, Self) {
        // SAFETY: holding a vector means that the processor has it.
        let (k, m) = unsafe {
            let all = |bits: u64| _mm256_set1_epi64x(bits as i64);
            let moved = _mm256_add_epi64(_mm256_castpd_si256(self.0), all(ONE_BITS - SQRT_HALF_BITS));
            let k = _mm256_or_si256(_mm256_srli_epi64::<52>(moved), all(TWO_52_BITS));
            let m = _mm256_add_epi64(_mm256_and_si256(moved, all(FRACTION_BITS)), all(SQRT_HALF_BITS));
            (Self(_mm256_castsi256_pd(k)), Self(_mm256_castsi256_pd(m)))
        };
        (k.sub(self.splat(TWO_52 + 1023.0)), m)
    }

    #[inline(always)]
    fn low_bits_to_exponent(self) -> Self {
        // SAFETY: holding a vector means that the processor has it.
        Self(unsafe { _mm256_castsi256_pd(_mm256_slli_epi64::<52>(_mm256_castpd_si256(self.0))) })
    }
}

impl Vector for Avx512 {
    const LANES: usize = 8;
    type Narrow = Narrow512;

    #[inline(always)]
    unsafe fn load(from: &[f64]) -> Self {
        assert_eq!(from.len(), Self::LANES);
        // SAFETY: the slice has as many values as are read; the caller vouches
        // for the processor.
        Self(unsafe { _mm512_loadu_pd(from.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, to: &mut [f64]) {
        assert_eq!(to.len(), Self::LANES);
        // SAFETY: the slice has as many values as are written; holding a vector
        // means that the processor has it.
        unsafe { _mm512_storeu_pd(to.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn splat(self, value: f64) -> Self {
        // SAFETY: holding a vector means that the processor has it.
        Self(unsafe { _mm512_set1_pd(value) })
    }

    one_intrinsic! {
        add(other) = _mm512_add_pd;
        sub(other) = _mm512_sub_pd;
        mul(other) = _mm512_mul_pd;
        div(other) = _mm512_div_pd;
        mul_add(factor, addend) = _mm512_fmadd_pd;
        neg_mul_add(factor, addend) = _mm512_fnmadd_pd;
        sqrt() = _mm512_sqrt_pd;
        max(other) = _mm512_max_pd;
        min(other) = _mm512_min_pd;
    }

    #[inline(always)]
    fn canonical(self) -> Self {
        let nan = self.splat(f64::NAN);
        // SAFETY: holding a vector means that the processor has it.
        Self(unsafe {
            let is_nan = _mm512_cmp_pd_mask::<_CMP_UNORD_Q>(self.0, self.0);
            _mm512_mask_blend_pd(is_nan, self.0, nan.0)
        })
    }

    #[inline(always)]
    fn if_less(self, other: Self, then: Self, otherwise: Self) -> Self {
        // SAFETY: holding a vector means that the processor has it.
        Self(unsafe {
            let less = _mm512_cmp_pd_mask::<_CMP_LT_OQ>(self.0, other.0);
            _mm512_mask_blend_pd(less, otherwise.0, then.0)
        })
    }

    #[inline(always)]
    fn to_f32(self) -> Self {
        // SAFETY: holding a vector means that the processor has it.
        Self(unsafe { _mm512_cvtps_pd(_mm512_cvtpd_ps(self.0)) })
    }

    #[inline(always)]
    fn split(self) -> (Self, Self) {
        // SAFETY: holding a vector means that the processor has it.
        let (k, m) = unsafe {
            let all = |bits: u64| _mm512_set1_epi64(bits as i64);
            let moved = _mm512_add_epi64(_mm512_castpd_si512(self.0), all(ONE_BITS - SQRT_HALF_BITS));
            let k = _mm512_or_si512(_mm512_srli_epi64::<52>(moved), all(TWO_52_BITS));
            let m = _mm512_add_epi64(_mm512_and_si512(moved, all(FRACTION_BITS)), all(SQRT_HALF_BITS));
            (Self(_mm512_castsi512_pd(k)), Self(_mm512_castsi512_pd(m)))
        };
        (k.sub(self.splat(TWO_52 + 1023.0)), m)
    }

    #[inline(always)]
    fn low_bits_to_exponent(self) -> Self {
        // SAFETY: holding a vector means that the processor has it.
        Self(unsafe { _mm512_castsi512_pd(_mm512_slli_epi64::<52>(_mm512_castpd_si512(self.0))) })
    }
}
