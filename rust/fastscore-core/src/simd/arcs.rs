//! Inverse sine, cosine and tangent.
//!
//! # Idea
//!
//! ```text
//! arctan(x) = arctan(c) + arctan(t)    t = (x - c) / (1 + c x), c of 0, 1/2, 1, 3/2, infinity: |t| <= 7/16
//! arcsin(x) = x + x^3 p(x^2)           |x| <= 1/2
//! arcsin(x) = pi/2 - 2 arcsin(s)       s = sqrt((1 - x) / 2)
//! ```
//!
//! What roundings left of t and s is carried along. The breakpoints are those of fdlibm's `s_atan.c`.

use super::exp::{Each, Function};
use super::level::{self, Level};
use super::pair::{magnitude, odd, polynomial, quick_sum, root};
use super::vector::Vector;

/// Replaces each value by its inverse tangent; the same bits on every [`Level`].
///
/// All of `f64` is the domain. The result is within 0.53 ulp of the exact value, `x` for both zeros, and [`f64::NAN`] for
/// every NaN.
pub fn arctan(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, Arctan));
}

/// Replaces each value by its inverse sine; the same bits on every [`Level`].
///
/// The result is within 0.55 ulp of the exact value, `x` for both zeros, and [`f64::NAN`] for every NaN and outside -1 to 1.
pub fn arcsin(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, Arcsin));
}

/// Replaces each value by its inverse cosine; the same bits on every [`Level`].
///
/// The result is within 0.55 ulp of the exact value, and [`f64::NAN`] for every NaN and outside -1 to 1.
pub fn arccos(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, Arccos));
}

/// `(arctan(t) - t) / t^3` in powers of `t^2`, for `|t| <= 7/16`, within 2^-53.8.
const ATAN: [f64; 12] = [
    -0.3333333333333333,
    0.19999999999999407,
    -0.1428571428556615,
    0.11111111096587765,
    -0.09090908353049669,
    0.0769228548876496,
    -0.06666240859375808,
    0.0587693549653035,
    -0.05216607416783708,
    0.044919637149159995,
    -0.033121323310643644,
    0.01476642155379467,
];
/// `(arcsin(s) - s) / s^3` in powers of `s^2`, for `|s| <= 1/2`, within 2^-52.9.
const ASIN: [f64; 13] = [
    0.16666666666666669,
    0.07499999999998433,
    0.04464285714635543,
    0.030381944138531247,
    0.02237217294214989,
    0.017352392720869973,
    0.013971212973552933,
    0.011479177415184906,
    0.01032281435018578,
    0.005457506718640358,
    0.01740087944269402,
    -0.014851887071247204,
    0.028757851367421566,
];
const HALF_PI: (f64, f64) = (std::f64::consts::FRAC_PI_2, 6.123233995736766e-17);
/// Where the next c is nearer, the c, its inverse tangent in two parts.
const CENTRES: [(f64, f64, (f64, f64)); 3] = [
    (0.4375, 0.5, (0.4636476090008061, 2.2698777452961687e-17)),
    (0.6875, 1.0, (std::f64::consts::FRAC_PI_4, 3.061616997868383e-17)),
    (1.1875, 1.5, (0.982793723247329, 1.3903311031230998e-17)),
];
/// From here on c is infinity.
const FAR: f64 = 2.4375;

#[derive(Clone, Copy)]
struct Arctan;

impl Function for Arctan {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        let c = |value: f64| x.splat(value);
        let t = magnitude(x);
        let (mut centre, mut base, mut base_low) = (c(0.0), c(0.0), c(0.0));
        for (from, at, (high, low)) in CENTRES {
            let pick = |this: f64, other: V| c(from).if_less(t, c(this), other);
            (centre, base, base_low) = (pick(at, centre), pick(high, base), pick(low, base_low));
        }
        let far = |this: V, other: V| c(FAR).if_less(t, this, other);
        let below = centre.mul_add(t, c(1.0));
        let below_low = centre.mul_add(t, c(1.0).sub(below));
        let (above, below, below_low) = (far(c(-1.0), t.sub(centre)), far(t, below), far(c(0.0), below_low));
        (base, base_low) = (far(c(HALF_PI.0), base), far(c(HALF_PI.1), base_low));
        let t = above.div(below);
        let left = t.neg_mul_add(below_low, t.neg_mul_add(below, above));
        // An infinity leaves nothing.
        let t_low = c(f64::MAX).if_less(below, c(0.0), left.div(below));
        let z = t.mul(t);
        let low = t.mul(z).mul_add(polynomial(z, &ATAN), t_low.add(base_low));
        let (high, left) = quick_sum(base, t);
        odd(x, 2f64.powi(-28), high.add(left.add(low))).canonical()
    }
}

/// The inverse sine of a magnitude up to 1/2, or of `s`, which has the square `z`; without `s` itself.
#[inline(always)]
fn beyond<V: Vector>(s: V, z: V) -> V {
    s.mul(z).mul(polynomial(z, &ASIN))
}

/// `sqrt((1 - x) / 2)` of a magnitude, and its square.
#[inline(always)]
fn half_angle<V: Vector>(t: V) -> (V, V, V) {
    let z = t.splat(1.0).sub(t).mul(t.splat(0.5));
    let (s, s_low) = root(z, z.splat(0.0));
    (s, s_low, z)
}

#[derive(Clone, Copy)]
struct Arcsin;

impl Function for Arcsin {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        let c = |value: f64| x.splat(value);
        let t = magnitude(x);
        let near = t.add(beyond(t, t.mul(t)));
        let (s, s_low, z) = half_angle(t);
        let rest = s_low.add(beyond(s, z));
        let (high, left) = quick_sum(c(HALF_PI.0), c(-2.0).mul(s));
        let far = high.add(rest.mul_add(c(-2.0), left.add(c(HALF_PI.1))));
        odd(x, 2f64.powi(-28), c(0.5).if_less(t, far, near)).canonical()
    }
}

#[derive(Clone, Copy)]
struct Arccos;

impl Function for Arccos {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        let c = |value: f64| x.splat(value);
        let t = magnitude(x);
        let (middle, left) = quick_sum(c(HALF_PI.0), c(0.0).sub(x));
        let middle = middle.add(left.add(c(HALF_PI.1).sub(beyond(x, x.mul(x)))));
        let (s, s_low, z) = half_angle(t);
        let rest = s_low.add(beyond(s, z));
        let right = c(2.0).mul(s.add(rest));
        let (high, left) = quick_sum(c(2.0 * HALF_PI.0), c(-2.0).mul(s));
        let left = high.add(rest.mul_add(c(-2.0), left.add(c(2.0 * HALF_PI.1))));
        let far = x.if_less(c(0.0), left, right);
        c(0.5).if_less(t, far, middle).canonical()
    }
}
