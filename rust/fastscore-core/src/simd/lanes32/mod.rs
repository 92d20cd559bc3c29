//! Lanes of `f32`, as [`super::vector`] has those of `f64`: twice as many in a vector of the same level.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(super) use portable::Portable32;
#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Narrow256, Narrow512};

/// Lanes of `f32`. Every operation works on each lane alone and gives the same bits in every implementation, except for
/// which NaN a NaN result is. Comparing and choosing are as in [`Vector`](super::vector::Vector).
pub(super) trait Narrow: Copy {
    /// How many lanes there are: a divisor of 16.
    const LANES: usize;

    /// # Safety
    ///
    /// As for [`Vector::load`](super::vector::Vector::load).
    unsafe fn load(from: &[f32]) -> Self;
    /// Writes the lanes into `to`, which has room for [`Narrow::LANES`].
    fn store(self, to: &mut [f32]);
    fn splat(self, value: f32) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn sqrt(self) -> Self;
    /// `self * factor + addend`, rounded once.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// `addend - self * factor`, rounded once.
    fn neg_mul_add(self, factor: Self, addend: Self) -> Self;
    /// `if self > other { self } else { other }`
    fn max(self, other: Self) -> Self;
    /// `if self < other { self } else { other }`
    fn min(self, other: Self) -> Self;
    /// The magnitude: the sign bit cleared.
    fn abs(self) -> Self;
    /// The magnitude of `self` with the sign bit of `other`.
    fn with_sign_of(self, other: Self) -> Self;
    /// `if self < other { then } else { otherwise }`
    fn if_less(self, other: Self, then: Self, otherwise: Self) -> Self;
    /// `self` where it is a number, [`f32::NAN`] where it is any NaN.
    fn canonical(self) -> Self;
    /// `self * 2^k`, rounded once, for integers k from -250 to 250 and `self` between 1/2 and 2, 0 or NaN.
    fn scale(self, k: Self) -> Self;
    /// `2^k`, for integers k from -126 to 127.
    fn power_of_two(k: Self) -> Self;
}
