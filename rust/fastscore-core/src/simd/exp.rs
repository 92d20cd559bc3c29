//! The exponential.
//!
//! # Idea
//!
//! ```text
//! x   = min(max(x, -746), 710)      beyond, the result is 0 or infinite anyway
//! k   = round(x / ln 2)
//! r   = x - k ln 2, rounded         |r| <= ln 2 / 2
//! lo  = what the rounding of r left
//! s1  = 1 + r, rounded;             e1 = (1 - s1) + r        what that left
//! s2  = s1 + r^2 / 2, rounded once; e2 = (s1 - s2) + r^2 / 2 what that left
//! q   = (exp(r) - 1 - r - r^2 / 2) / r^3, a polynomial of degree 9
//! y   = s2 + (r^3 q + (lo s1 + e1 + e2))
//! exp = y * 2^(k/2) * 2^(k - k/2)
//! ```
//!
//! The last sum is the one rounding that counts: what is added to `s2` is below
//! 1/140, so that its own errors weigh next to nothing.
//! The power of two is applied in two steps because `2^k` itself is not always
//! a normal number. The first product is exact; the second is too, or rounds
//! once into the subnormals, or overflows, all as IEEE 754 has it.
//!
//! # Error
//!
//! Measured against a reference of 100 bits, at 2 * 10^8 values from all parts of
//! the domain: at most 0.534 ulp where the result is a normal number, and at most
//! 0.753 ulp where it is not (there `y`'s own rounding comes on top).
//!
//! # Sources
//!
//! * The reduction by two parts of `ln 2`: W. J. Cody and W. Waite, *Software
//!   Manual for the Elementary Functions*, 1980. The upper part has 42 bits, so
//!   that its product with `k` is exact.
//! * `e1` and `e2`: T. J. Dekker, *A floating-point technique for extending the
//!   available precision*, 1971. That `r^2 / 2` enters both by a fused
//!   multiply-add makes its own rounding part of `e2`.
//! * The coefficients: minimax for the relative error of `exp`, by Remez's
//!   exchange, each in turn rounded to `f64` and the rest fitted again. With them
//!   the formula is within `2^-59.7` of `exp`, relatively, roundings apart.

use super::level::{self, Level};
use super::vector::{Vector, Work, load_some, store_some};

/// Replaces each value by its exponential; the same bits on every [`Level`].
///
/// All of `f64` is the domain. The result is within 0.54 ulp of the exact value
/// where that is a normal number, and within 0.77 of `2^-1074` below. It is 1
/// for both zeros, infinite above `ln(f64::MAX)`, 0 for negative infinity, and
/// [`f64::NAN`] for every NaN.
pub fn exp(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, Exp));
}

/// A function of one value, over vectors.
pub(super) trait Function: Copy {
    /// The function of each lane. Implementations are `#[inline(always)]`.
    fn of<V: Vector>(self, x: V) -> V;
}

/// The work of putting a function's value in place of each value of a slice.
pub(super) struct Each<'a, F>(pub(super) &'a mut [f64], pub(super) F);

impl<F: Function> Work for Each<'_, F> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Each(xs, function) = self;
        let mut groups = xs.chunks_exact_mut(V::LANES);
        for group in &mut groups {
            // SAFETY: the caller vouches for the processor.
            let x = unsafe { V::load(group) };
            function.of(x).store(group);
        }
        // A loop of its own keeps the constants of the other in registers.
        let rest = groups.into_remainder();
        if !rest.is_empty() {
            // SAFETY: the caller vouches for the processor.
            let x = unsafe { load_some::<V>(rest) };
            store_some(function.of(x), rest);
        }
    }
}

#[derive(Clone, Copy)]
struct Exp;

impl Function for Exp {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        exp_lanes(x).canonical()
    }
}

/// `exp` is 0 from here down (from -745.13 on, in truth) ...
const LOWEST: f64 = -746.0;
/// ... and infinite from here up (from 709.78 on, in truth).
const HIGHEST: f64 = 710.0;

const LOG2_E: f64 = std::f64::consts::LOG2_E;
/// The upper 42 bits of `ln 2`.
const LN2_HIGH: f64 = 0.6931471805598903;
/// `ln 2 - LN2_HIGH`, within `2^-102`.
const LN2_LOW: f64 = 5.497923018708371e-14;

/// Added to a number of magnitude below `2^50` it rounds it to an integer, whose
/// low bits, biased as an exponent is, are then the sum's low bits.
pub(super) const TO_EXPONENT: f64 = 6755399441055744.0 + 1023.0;

/// `(exp(r) - 1 - r - r^2 / 2) / r^3`, from `r^0` on, for `|r| <= ln 2 / 2`.
const Q: [f64; 10] = [
    0.16666666666666688,
    0.041666666666666824,
    0.008333333333313892,
    0.001388888888877781,
    0.000198412699033766,
    2.480158755968328e-05,
    2.7557228675260195e-06,
    2.7557065610842506e-07,
    2.5114024256425785e-08,
    2.0981849690818844e-09,
];

/// The exponential of each lane; a NaN gives some NaN.
#[inline(always)]
pub(super) fn exp_lanes<V: Vector>(x: V) -> V {
    let c = |value: f64| x.splat(value);

    // The constants come first: so a NaN in `x` is what remains.
    let x = c(HIGHEST).min(c(LOWEST).max(x));

    // x = k ln 2 + r + lo. The first difference is exact.
    let to_exponent = c(TO_EXPONENT);
    let k_bits = x.mul_add(c(LOG2_E), to_exponent);
    let k = k_bits.sub(to_exponent);
    let high = k.neg_mul_add(c(LN2_HIGH), x);
    let r = k.neg_mul_add(c(LN2_LOW), high);
    let lo = k.neg_mul_add(c(LN2_LOW), high.sub(r));

    // By Estrin's scheme: its short chains keep the pipelines full.
    let pair = |i: usize| c(Q[i + 1]).mul_add(r, c(Q[i]));
    let r2 = r.mul(r);
    let r4 = r2.mul(r2);
    let q_0 = pair(2).mul_add(r2, pair(0));
    let q_4 = pair(6).mul_add(r2, pair(4));
    let q = pair(8).mul_add(r4, q_4).mul_add(r4, q_0);

    // 1 + r + r^2 / 2, with what the roundings left.
    let one = c(1.0);
    let half_r = r.mul(c(0.5));
    let s1 = one.add(r);
    let e1 = one.sub(s1).add(r);
    let s2 = half_r.mul_add(r, s1);
    let e2 = half_r.mul_add(r, s1.sub(s2));
    let e = lo.mul_add(s1, e1).add(e2);
    let y = s2.add(r2.mul(r).mul_add(q, e));

    times_power_of_two(y, k, k_bits)
}

/// `y * 2^k`, given `k` and `k + TO_EXPONENT`.
#[inline(always)]
pub(super) fn times_power_of_two<V: Vector>(y: V, k: V, k_bits: V) -> V {
    // 2^k in two factors: half of k, rounded to an integer, and the rest of it.
    let to_exponent = y.splat(TO_EXPONENT);
    let half_bits = k.mul_add(y.splat(0.5), to_exponent);
    let rest_bits = k_bits.sub(half_bits.sub(to_exponent));
    y.mul(half_bits.low_bits_to_exponent()).mul(rest_bits.low_bits_to_exponent())
}
