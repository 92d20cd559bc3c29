//! The vectors of x86-64.

use std::arch::x86_64::*;

use super::Narrow;

/// Eight lanes. Needs AVX2 and FMA.
#[derive(Clone, Copy)]
pub(in crate::simd) struct Narrow256(__m256);

/// Sixteen lanes. Needs AVX-512 F and DQ.
#[derive(Clone, Copy)]
pub(in crate::simd) struct Narrow512(__m512);

/// Implements the methods that are one intrinsic each.
macro_rules! one_intrinsic {
    ($($method:ident($($other:ident),*) = $intrinsic:ident;)*) => {$(
        #[inline(always)]
        fn $method(self, $($other: Self),*) -> Self {
            // SAFETY: holding a vector means that the processor has it.
            Self(unsafe { $intrinsic(self.0, $($other.0),*) })
        }
    )*};
}

macro_rules! lanes {
    ($count:expr, $load:ident, $store:ident, $splat:ident) => {
        const LANES: usize = $count;

        #[inline(always)]
        unsafe fn load(from: &[f32]) -> Self {
            assert_eq!(from.len(), Self::LANES);
            // SAFETY: the slice has as many values as are read; the caller vouches for the processor.
            Self(unsafe { $load(from.as_ptr()) })
        }

        #[inline(always)]
        fn store(self, to: &mut [f32]) {
            assert_eq!(to.len(), Self::LANES);
            // SAFETY: the slice has as many values as are written; holding a vector means that the processor has it.
            unsafe { $store(to.as_mut_ptr(), self.0) }
        }

        #[inline(always)]
        fn splat(self, value: f32) -> Self {
            // SAFETY: holding a vector means that the processor has it.
            Self(unsafe { $splat(value) })
        }
    };
}

impl Narrow for Narrow256 {
    lanes!(8, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_set1_ps);

    one_intrinsic! {
        add(other) = _mm256_add_ps;
        sub(other) = _mm256_sub_ps;
        mul(other) = _mm256_mul_ps;
        div(other) = _mm256_div_ps;
        sqrt() = _mm256_sqrt_ps;
        mul_add(factor, addend) = _mm256_fmadd_ps;
        neg_mul_add(factor, addend) = _mm256_fnmadd_ps;
        max(other) = _mm256_max_ps;
        min(other) = _mm256_min_ps;
    }

    #[inline(always)]
    fn abs(self) -> Self {
        // SAFETY: holding a vector means that the processor has it.
        Self(unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), self.0) })
    }

    #[inline(always)]
    fn with_sign_of(self, other: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe {
            let sign = _mm256_set1_ps(-0.0);
            _mm256_or_ps(_mm256_andnot_ps(sign, self.0), _mm256_and_ps(sign, other.0))
        })
    }

    #[inline(always)]
    fn if_less(self, other: Self, then: Self, otherwise: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_blendv_ps(otherwise.0, then.0, _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, other.0)) })
    }

    #[inline(always)]
    fn canonical(self) -> Self {
        // SAFETY: as above.
        Self(unsafe {
            let nan = _mm256_cmp_ps::<_CMP_UNORD_Q>(self.0, self.0);
            _mm256_blendv_ps(self.0, _mm256_set1_ps(f32::NAN), nan)
        })
    }

    #[inline(always)]
    fn scale(self, k: Self) -> Self {
        // In two steps, of which the first is exact: 2^k itself need not be a normal number.
        // SAFETY: as above.
        Self(unsafe {
            let k = _mm256_cvtps_epi32(k.0);
            let half = _mm256_srai_epi32::<1>(k);
            let rest = _mm256_sub_epi32(k, half);
            _mm256_mul_ps(_mm256_mul_ps(self.0, two_to(half)), two_to(rest))
        })
    }

    #[inline(always)]
    fn power_of_two(k: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { two_to(_mm256_cvtps_epi32(k.0)) })
    }
}

/// `2^k` of integers from -126 to 127.
///
/// # Safety
///
/// The processor has AVX2.
#[inline(always)]
unsafe fn two_to(k: __m256i) -> __m256 {
    // SAFETY: the caller vouches for the processor.
    unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(k, _mm256_set1_epi32(127)))) }
}

impl Narrow for Narrow512 {
    lanes!(16, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_set1_ps);

    one_intrinsic! {
        add(other) = _mm512_add_ps;
        sub(other) = _mm512_sub_ps;
        mul(other) = _mm512_mul_ps;
        div(other) = _mm512_div_ps;
        sqrt() = _mm512_sqrt_ps;
        mul_add(factor, addend) = _mm512_fmadd_ps;
        neg_mul_add(factor, addend) = _mm512_fnmadd_ps;
        max(other) = _mm512_max_ps;
        min(other) = _mm512_min_ps;
        abs() = _mm512_abs_ps;
        // Rounded once, as the two steps elsewhere are.
        scale(k) = _mm512_scalef_ps;
    }

    #[inline(always)]
    fn with_sign_of(self, other: Self) -> Self {
        // SAFETY: holding a vector means that the processor has it.
        Self(unsafe {
            let sign = _mm512_set1_ps(-0.0);
            _mm512_or_ps(_mm512_andnot_ps(sign, self.0), _mm512_and_ps(sign, other.0))
        })
    }

    #[inline(always)]
    fn if_less(self, other: Self, then: Self, otherwise: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, other.0), otherwise.0, then.0) })
    }

    #[inline(always)]
    fn canonical(self) -> Self {
        // SAFETY: as above.
        Self(unsafe {
            let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self.0, self.0);
            _mm512_mask_blend_ps(nan, self.0, _mm512_set1_ps(f32::NAN))
        })
    }

    #[inline(always)]
    fn power_of_two(k: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_scalef_ps(_mm512_set1_ps(1.0), k.0) })
    }
}
