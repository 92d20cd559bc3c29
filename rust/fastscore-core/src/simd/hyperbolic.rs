//! `exp(x) - 1` and the hyperbolic functions.
//!
//! # Idea
//!
//! ```text
//! x = k ln 2 + r        |r| <= ln 2 / 2, r with what its rounding left
//! s = exp(r) - 1 = r + r^2/2 + r^3 p(r), as a sum of two numbers
//! expm1 = 2^k ((1 - 2^-k) + s)
//! tanh  = -e / (2 + e),  e = expm1(-2 |x|), a sum of two numbers
//! cosh  = 2^(k-1) (v + 2^-2k / v),  sinh = 2^(k-1) (v - 2^-2k / v),  v = 1 + s
//! ```
//!
//! Where k is 0, `sinh` is its odd polynomial.

use super::exp::{Each, Function, TO_EXPONENT, times_power_of_two};
use super::level::{self, Level};
use super::pair::{magnitude, odd, polynomial, quick_sum, quotient, sum};
use super::vector::Vector;

/// Replaces each value by `exp(x) - 1`; the same bits on every [`Level`].
///
/// All of `f64` is the domain. The result is within 0.53 ulp of the exact value. It is `x` for both zeros, infinite
/// above `ln(f64::MAX)`, -1 for negative infinity, and [`f64::NAN`] for every NaN.
pub fn expm1(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, Expm1));
}

/// Replaces each value by its hyperbolic tangent; the same bits on every [`Level`].
///
/// All of `f64` is the domain. The result is within 0.53 ulp of the exact value, `x` for both zeros, and [`f64::NAN`] for
/// every NaN.
pub fn tanh(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, Tanh));
}

/// Replaces each value by its hyperbolic sine; the same bits on every [`Level`].
///
/// All of `f64` is the domain. The result is within 0.54 ulp of the exact value, `x` for both zeros, and [`f64::NAN`] for
/// every NaN.
pub fn sinh(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, Sinh));
}

/// Replaces each value by its hyperbolic cosine; the same bits on every [`Level`].
///
/// All of `f64` is the domain. The result is within 0.53 ulp of the exact value, and [`f64::NAN`] for every NaN.
pub fn cosh(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, Cosh));
}

const LOG2_E: f64 = std::f64::consts::LOG2_E;
/// The upper 42 bits of `ln 2`, and the rest.
const LN2: (f64, f64) = (0.6931471805598903, 5.497923018708371e-14);

/// `(exp(r) - 1 - r - r^2 / 2) / r^3` for `|r| <= 0.3466`, within 2^-52.8 (interpolated at the Chebyshev nodes, as the
/// others are).
const P: [f64; 10] = [
    0.16666666666666669,
    0.041666666666666664,
    0.008333333333330063,
    0.0013888888888886552,
    0.00019841269863050506,
    2.4801587317142276e-05,
    2.7557268464831627e-06,
    2.7557282973002415e-07,
    2.510038319586702e-08,
    2.091123498804083e-09,
];

/// `(sinh(r) - r) / r^3` in powers of `r^2`, for `|r| <= 0.3468`, within 2^-54.
const SINH: [f64; 6] = [
    0.16666666666666666,
    0.008333333333333333,
    0.00019841269841263263,
    2.7557319247313303e-06,
    2.505207099314993e-08,
    1.6086665349709771e-10,
];

/// `k` and `s` such that `exp(x) = 2^k (1 + s)`, for `|x| < 2^20`.
#[inline(always)]
fn parts<V: Vector>(x: V) -> (V, (V, V)) {
    let c = |value: f64| x.splat(value);
    let k = x.mul_add(c(LOG2_E), c(TO_EXPONENT)).sub(c(TO_EXPONENT));
    let upper = k.neg_mul_add(c(LN2.0), x);
    let r = k.neg_mul_add(c(LN2.1), upper);
    let r_low = k.neg_mul_add(c(LN2.1), upper.sub(r));

    let half = r.mul(c(0.5));
    let h = r.mul(half);
    let h_low = r.mul_add(half, c(0.0).sub(h));
    let (s, left) = quick_sum(r, h);
    let low = r_low.mul_add(r, r_low).add(h_low.add(left));
    let low = r.mul(r).mul(r).mul_add(polynomial(r, &P), low);
    (k, quick_sum(s, low))
}

/// `2^k` for `k` from -1022 to 1023.
#[inline(always)]
fn power_of_two<V: Vector>(k: V) -> V {
    k.add(k.splat(TO_EXPONENT)).low_bits_to_exponent()
}

/// `(1 - 2^-k) + s`, which times `2^k` is `expm1`.
#[inline(always)]
fn less_one<V: Vector>(k: V, (s, s_low): (V, V)) -> (V, V) {
    // Above 64 it is 1 anyway.
    let down = power_of_two(k.splat(0.0).sub(k.splat(64.0).min(k)));
    let (one, one_low) = sum(k.splat(1.0), k.splat(0.0).sub(down));
    let (high, left) = sum(one, s);
    (high, left.add(s_low).add(one_low))
}

#[inline(always)]
pub(super) fn expm1_lanes<V: Vector>(x: V) -> V {
    let c = |value: f64| x.splat(value);
    // The constants come first: so a NaN in `x` is what remains.
    let inside = c(710.0).min(c(-50.0).max(x));
    let (k, s) = parts(inside);
    let (high, low) = less_one(k, s);
    let y = times_power_of_two(high.add(low), k, k.add(c(TO_EXPONENT)));
    c(f64::EPSILON / 8.0).if_less(magnitude(inside), y, inside)
}

#[derive(Clone, Copy)]
struct Expm1;

impl Function for Expm1 {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        expm1_lanes(x).canonical()
    }
}

/// The hyperbolic tangent of a magnitude and what its rounding left.
#[inline(always)]
pub(super) fn tanh_of_magnitude<V: Vector>(t: V) -> (V, V) {
    let c = |value: f64| t.splat(value);
    // Beyond 20 it is 1.
    let power = c(-40.0).max(c(-2.0).mul(t));
    let (k, s) = parts(power);
    let (high, low) = less_one(k, s);
    let up = power_of_two(k);
    let (e, e_low) = quick_sum(high.mul(up), low.mul(up));
    let (d, left) = quick_sum(c(2.0), e);
    let zero = c(0.0);
    quotient((zero.sub(e), zero.sub(e_low)), (d, left.add(e_low)))
}

#[inline(always)]
pub(super) fn tanh_lanes<V: Vector>(x: V) -> V {
    let (y, y_low) = tanh_of_magnitude(magnitude(x));
    odd(x, 2f64.powi(-28), y.add(y_low))
}

#[derive(Clone, Copy)]
struct Tanh;

impl Function for Tanh {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        tanh_lanes(x).canonical()
    }
}

/// `k`, `v` and `2^-2k / v`, where `exp(x) = 2^k v`, of a positive number.
#[inline(always)]
fn both<V: Vector>(x: V) -> (V, (V, V), (V, V)) {
    let c = |value: f64| x.splat(value);
    let (k, (s, s_low)) = parts(x);
    let (v, left) = quick_sum(c(1.0), s);
    let v = quick_sum(v, left.add(s_low));
    let (w, w_low) = quotient((c(1.0), c(0.0)), v);
    // From 2^-128 on it is nothing beside v.
    let down = power_of_two(c(0.0).sub(c(128.0).min(k.add(k))));
    (k, v, (w.mul(down), w_low.mul(down)))
}

/// Beyond, both are infinite.
const HIGHEST: f64 = 711.0;

#[derive(Clone, Copy)]
struct Sinh;

impl Function for Sinh {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        let c = |value: f64| x.splat(value);
        let t = c(HIGHEST).min(magnitude(x));
        let (k, (v, v_low), (w, w_low)) = both(t);
        let (high, left) = quick_sum(v, c(0.0).sub(w));
        let y = high.add(left.add(v_low.sub(w_low)));
        let k_1 = k.sub(c(1.0));
        let far = times_power_of_two(y, k_1, k_1.add(c(TO_EXPONENT)));
        let z = t.mul(t);
        let near = t.mul(z).mul_add(polynomial(z, &SINH), t);
        odd(x, 2f64.powi(-28), k.if_less(c(0.5), near, far)).canonical()
    }
}

#[derive(Clone, Copy)]
struct Cosh;

impl Function for Cosh {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        let c = |value: f64| x.splat(value);
        let (k, (v, v_low), (w, w_low)) = both(c(HIGHEST).min(magnitude(x)));
        let (high, left) = quick_sum(v, w);
        let y = high.add(left.add(v_low.add(w_low)));
        let k_1 = k.sub(c(1.0));
        times_power_of_two(y, k_1, k_1.add(c(TO_EXPONENT))).canonical()
    }
}
