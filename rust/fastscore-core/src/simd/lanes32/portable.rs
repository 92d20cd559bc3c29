//! Plain Rust, for every machine.

use super::Narrow;
use crate::simd::fused;

/// Eight lanes. Needs no feature of the processor.
#[derive(Clone, Copy)]
pub(in crate::simd) struct Portable32([f32; 8]);

impl Portable32 {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|lane| f(self.0[lane], other.0[lane])))
    }
}

/// `2^k` of an integer from -126 to 127; any number of others.
#[inline(always)]
fn two_to(k: i32) -> f32 {
    f32::from_bits((k.wrapping_add(127) as u32) << 23)
}

impl Narrow for Portable32 {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn load(from: &[f32]) -> Self {
        assert_eq!(from.len(), Self::LANES);
        Self(std::array::from_fn(|lane| from[lane]))
    }
    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        to.copy_from_slice(&self.0);
    }
    #[inline(always)]
    fn splat(self, value: f32) -> Self {
        Self([value; 8])
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(self.0.map(f32::sqrt))
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(std::array::from_fn(|lane| fused::mul_add(self.0[lane], factor.0[lane], addend.0[lane])))
    }
    #[inline(always)]
    fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
        Self(self.0.map(|a| -a)).mul_add(factor, addend)
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Self(self.0.map(f32::abs))
    }
    #[inline(always)]
    fn with_sign_of(self, other: Self) -> Self {
        self.zip(other, f32::copysign)
    }
    #[inline(always)]
    fn if_less(self, other: Self, then: Self, otherwise: Self) -> Self {
        let pick = |lane: usize| if self.0[lane] < other.0[lane] { then.0[lane] } else { otherwise.0[lane] };
        Self(std::array::from_fn(pick))
    }
    #[inline(always)]
    fn canonical(self) -> Self {
        Self(self.0.map(|a| if a.is_nan() { f32::NAN } else { a }))
    }
    #[inline(always)]
    fn scale(self, k: Self) -> Self {
        // In two steps, of which the first is exact: 2^k itself need not be a normal number.
        self.zip(k, |a, k| {
            let k = k as i32;
            let half = k >> 1;
            a * two_to(half) * two_to(k - half)
        })
    }
    #[inline(always)]
    fn power_of_two(k: Self) -> Self {
        Self(k.0.map(|k| two_to(k as i32)))
    }
}
