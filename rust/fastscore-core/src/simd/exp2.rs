//! The power of two.
//!
//! # Idea
//!
//! ```text
//! x    = min(max(x, -1080), 1030)    beyond, the result is 0 or infinite anyway
//! k    = round(x)
//! r    = (x - k) ln 2, rounded       lo = what that rounding left
//! exp(r) = 1 + r + r^2 (1/2 + r / 6) + r^4 q
//! exp2 = exp(r + lo) * 2^k
//! ```
//!
//! as [`exp`](super::exp()) does it, but with the terms up to `r^3` carried as
//! unevaluated sums of two numbers, so that what is rounded freely is below
//! 1/1500 of the result.
//!
//! # Error
//!
//! At most 0.505 ulp where the result is a normal number; an integer gives its
//! power exactly.

use super::exp::{Each, Function, TO_EXPONENT, times_power_of_two};
use super::level::{self, Level};
use super::vector::Vector;

/// Replaces each value `x` by `2^x`; the same bits on every [`Level`].
///
/// All of `f64` is the domain. The result is within 0.505 ulp of the exact value
/// where that is a normal number, and within 0.76 of `2^-1074` below. It is 1 for
/// both zeros, infinite from 1024 on, 0 for negative infinity, and [`f64::NAN`]
/// for every NaN.
pub fn exp2(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, Exp2));
}

#[derive(Clone, Copy)]
struct Exp2;

impl Function for Exp2 {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        exp2_lanes(x).canonical()
    }
}

/// The result is 0 from here down ...
const LOWEST: f64 = -1080.0;
/// ... and infinite from here up.
const HIGHEST: f64 = 1030.0;

const LN2: f64 = std::f64::consts::LN_2;
/// `ln 2 - LN2`
const LN2_LOW: f64 = 2.3190468138462996e-17;

const SIXTH: f64 = 1.0 / 6.0;
/// `1/6 - SIXTH`
const SIXTH_LOW: f64 = 9.25185853854297e-18;

/// `(exp(r) - 1 - r - r^2 / 2 - r^3 / 6) / r^4`, from `r^0` on, for
/// `|r| <= ln 2 / 2`, within `2^-55` relatively (interpolated at the Chebyshev
/// nodes).
const Q: [f64; 10] = [
    0.041666666666666664,
    0.008333333333333333,
    0.0013888888888886554,
    0.00019841269841268285,
    2.4801587317135164e-05,
    2.7557319234349684e-06,
    2.755728298405588e-07,
    2.5052084228536565e-08,
    2.091122972975863e-09,
    1.6082023465592172e-10,
];

/// The power of two of each lane; a NaN gives some NaN.
#[inline(always)]
pub(super) fn exp2_lanes<V: Vector>(x: V) -> V {
    let c = |value: f64| x.splat(value);

    // The constants come first: so a NaN in `x` is what remains.
    let x = c(HIGHEST).min(c(LOWEST).max(x));

    // x = k + f, exactly; f ln 2 = r + lo.
    let to_exponent = c(TO_EXPONENT);
    let k_bits = x.add(to_exponent);
    let k = k_bits.sub(to_exponent);
    let f = x.sub(k);
    let r = f.mul(c(LN2));
    let lo = f.mul_add(c(LN2), c(0.0).sub(r));
    let lo = f.mul_add(c(LN2_LOW), lo);

    let pair = |i: usize| c(Q[i + 1]).mul_add(r, c(Q[i]));
    let r2 = r.mul(r);
    let r4 = r2.mul(r2);
    let q_0 = pair(2).mul_add(r2, pair(0));
    let q_4 = pair(6).mul_add(r2, pair(4));
    let q = pair(8).mul_add(r4, q_4).mul_add(r4, q_0);

    // b = 1/2 + r/6, p = r^2 b, each with what the roundings left.
    let half = c(0.5);
    let b = r.mul_add(c(SIXTH), half);
    let b_low = r.mul_add(c(SIXTH_LOW), r.mul_add(c(SIXTH), half.sub(b)));
    let r2_low = r.mul_add(r, c(0.0).sub(r2));
    let p = r2.mul(b);
    let p_low = r2.mul_add(b, c(0.0).sub(p));
    let p_low = r2_low.mul_add(b, r2.mul_add(b_low, p_low));

    // 1 + r + p, likewise; what is left of r counts exp(r) times.
    let one = c(1.0);
    let s1 = one.add(r);
    let e1 = one.sub(s1).add(r);
    let s2 = s1.add(p);
    let e2 = s1.sub(s2).add(p);
    let e = lo.mul_add(s2, e1.add(e2)).add(p_low);
    let y = s2.add(r4.mul_add(q, e));
    times_power_of_two(y, k, k_bits)
}
