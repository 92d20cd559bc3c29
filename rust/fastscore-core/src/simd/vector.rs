//! What a kernel may do with a vector of `f64` lanes, whatever its width.
//!
//! ```text
//! kernel<V: Vector>(x: V) -> V      written once, for every level
//! Work::run<V: Vector>(self)        a whole call, to be compiled once a level
//! ```
//!
//! The manner is that of the `Vector` trait in the `memchr` crate: everything
//! is `#[inline(always)]` and generic, so that it is compiled anew inside the
//! one function of each level that enables the processor's features.
//!
//! **Safety by possession**: a vector comes into being only from
//! [`Vector::load`], which is unsafe because the processor must have the
//! instructions, or from another vector. Whoever holds one has therefore
//! settled that question, and every other operation is safe.

use super::lanes32::Narrow;

/// The most lanes that any [`Vector`] has.
pub(super) const MAX_LANES: usize = 8;

/// The bits of 1.
pub(super) const ONE_BITS: u64 = 1f64.to_bits();
/// The bits of the square root of 1/2.
pub(super) const SQRT_HALF_BITS: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
/// The bits of a significand.
pub(super) const FRACTION_BITS: u64 = (1 << 52) - 1;
/// The bits of `2^52`: a small integer in the place of its fraction is added to it.
pub(super) const TWO_52_BITS: u64 = TWO_52.to_bits();
/// `2^52`.
pub(super) const TWO_52: f64 = 4503599627370496.0;

/// Lanes of `f64`. Every operation works on each lane alone and gives the same
/// bits in every implementation, except for which NaN a NaN result is.
pub(super) trait Vector: Copy {
    /// How many lanes there are, at most [`MAX_LANES`].
    const LANES: usize;
    /// Lanes of `f32` for the same processors.
    type Narrow: Narrow;

    /// The vector of the values in `from`, which are [`Vector::LANES`] many.
    ///
    /// # Safety
    ///
    /// This processor has the features that the implementing type names. (For
    /// speed, the call is to be inlined into a function that enables them.)
    unsafe fn load(from: &[f64]) -> Self;

    /// Writes the lanes into `to`, which has room for [`Vector::LANES`].
    fn store(self, to: &mut [f64]);

    /// A vector with `value` in each lane. `self` is only the proof that such
    /// vectors can be had here.
    fn splat(self, value: f64) -> Self;

    /// `self + other`.
    fn add(self, other: Self) -> Self;

    /// `self - other`.
    fn sub(self, other: Self) -> Self;

    /// `self * other`.
    fn mul(self, other: Self) -> Self;

    /// `self / other`.
    fn div(self, other: Self) -> Self;

    /// `self * factor + addend`, rounded once.
    fn mul_add(self, factor: Self, addend: Self) -> Self;

    /// `addend - self * factor`, rounded once.
    fn neg_mul_add(self, factor: Self, addend: Self) -> Self;

    /// The square root.
    fn sqrt(self) -> Self;

    /// `if self > other { self } else { other }`: `other` where either is NaN.
    fn max(self, other: Self) -> Self;

    /// `if self < other { self } else { other }`: `other` where either is NaN.
    fn min(self, other: Self) -> Self;

    /// `self` where it is a number, [`f64::NAN`] where it is any NaN.
    fn canonical(self) -> Self;

    /// `if self < other { then } else { otherwise }`: `otherwise` where either of
    /// the compared is NaN.
    fn if_less(self, other: Self, then: Self, otherwise: Self) -> Self;

    /// The nearest `f32`.
    fn to_f32(self) -> Self;

    /// `k` and `m` such that `self = m * 2^k` and `m` is between the square roots
    /// of 1/2 and 2, where `self` is positive and normal; elsewhere any numbers.
    fn split(self) -> (Self, Self);

    /// The lanes' bits, moved 52 places up: the low bits of the significand
    /// become sign and exponent.
    fn low_bits_to_exponent(self) -> Self;
}

/// A call's whole work, over vectors yet to be chosen.
pub(super) trait Work {
    /// Does it. Implementations are `#[inline(always)]`.
    ///
    /// # Safety
    ///
    /// As for [`Vector::load`] of `V`.
    unsafe fn run<V: Vector>(self);
}

/// The vector of up to [`Vector::LANES`] values, further lanes being zero.
///
/// # Safety
///
/// As for [`Vector::load`].
#[inline(always)]
pub(super) unsafe fn load_some<V: Vector>(from: &[f64]) -> V {
    if from.len() == V::LANES {
        // SAFETY: the caller vouches for the processor.
        return unsafe { V::load(from) };
    }
    let mut group = [0.0; MAX_LANES];
    group[..from.len()].copy_from_slice(from);
    // SAFETY: as above.
    unsafe { V::load(&group[..V::LANES]) }
}

/// Writes as many of the lanes as `to` has room for, at most
/// [`Vector::LANES`].
#[inline(always)]
pub(super) fn store_some<V: Vector>(lanes: V, to: &mut [f64]) {
    if to.len() == V::LANES {
        return lanes.store(to);
    }
    let mut group = [0.0; MAX_LANES];
    lanes.store(&mut group[..V::LANES]);
    to.copy_from_slice(&group[..to.len()]);
}
