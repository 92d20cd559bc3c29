//! The vector of plain Rust, for every machine.
//!
//! On processors whose baseline has vectors and a fused multiply-add (64-bit
//! Arm), the compiler makes vector instructions of it.

use super::lanes32::Portable32;
use super::vector::{FRACTION_BITS, ONE_BITS, SQRT_HALF_BITS, Vector, Work};

/// Four lanes. Needs no feature of the processor.
#[derive(Clone, Copy)]
pub(super) struct Portable([f64; 4]);

/// Does `work` with [`Portable`] vectors.
pub(super) fn run(work: impl Work) {
    // SAFETY: `Portable` needs nothing of the processor.
    unsafe { work.run::<Portable>() }
}

impl Portable {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        Self(std::array::from_fn(|lane| f(self.0[lane], other.0[lane])))
    }
}

impl Vector for Portable {
    const LANES: usize = 4;
    type Narrow = Portable32;

    #[inline(always)]
    unsafe fn load(from: &[f64]) -> Self {
        assert_eq!(from.len(), Self::LANES);
        Self(std::array::from_fn(|lane| from[lane]))
    }

    #[inline(always)]
    fn store(self, to: &mut [f64]) {
        to.copy_from_slice(&self.0);
    }

    #[inline(always)]
    fn splat(self, value: f64) -> Self {
        Self([value; 4])
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
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane].mul_add(factor.0[lane], addend.0[lane])))
    }

    #[inline(always)]
    fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
        Self(self.0.map(|a| -a)).mul_add(factor, addend)
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(self.0.map(f64::sqrt))
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
    fn canonical(self) -> Self {
        Self(self.0.map(|a| if a.is_nan() { f64::NAN } else { a }))
    }

    #[inline(always)]
    fn if_less(self, other: Self, then: Self, otherwise: Self) -> Self {
        let pick = |lane: usize| if self.0[lane] < other.0[lane] { then.0[lane] } else { otherwise.0[lane] };
        Self(std::array::from_fn(pick))
    }

    #[inline(always)]
    fn to_f32(self) -> Self {
        Self(self.0.map(|a| f64::from(a as f32)))
    }

    #[inline(always)]
    fn split(self) -> (Self, Self) {
        let moved = self.0.map(|a| a.to_bits().wrapping_add(ONE_BITS - SQRT_HALF_BITS));
        let k = moved.map(|bits| (bits >> 52) as f64 - 1023.0);
        let m = moved.map(|bits| f64::from_bits((bits & FRACTION_BITS) + SQRT_HALF_BITS));
        (Self(k), Self(m))
    }

    #[inline(always)]
    fn low_bits_to_exponent(self) -> Self {
        Self(self.0.map(|a| f64::from_bits(a.to_bits() << 52)))
    }
}
