//! The natural logarithm, of `x` and of `1 + x`.
//!
//! # Idea
//!
//! ```text
//! 1 + x = u + c        u rounded, c what that left; for log: u = x, c = 0
//! u     = 2^k m        m between the square roots of 1/2 and 2
//! f     = m - 1        exactly;      c = c 2^-k
//! s     = (f + c) / (2 + f + c)      as s + s_low, one division
//! log(1 + f + c) = 2 atanh(s) = 2 s + s^3 p(s^2)
//! log   = k ln 2 + 2 s + (s^3 p(s^2) + what the roundings left)
//! ```
//!
//! `|s|` is below 0.172, so that the freely rounded part is about a hundredth of
//! the result. Where `k` is 0, `1 + x` is not formed: `f = x`.
//!
//! # Sources
//!
//! * `log(m)` by `s = f / (2 + f)`: fdlibm's `e_log.c` describes it.
//! * What a rounded sum leaves: T. J. Dekker, 1971; D. E. Knuth, *The Art of
//!   Computer Programming*, volume 2.
//! * The coefficients: interpolation at the Chebyshev nodes, within `2^-58`.

use super::exp::{Each, Function, TO_EXPONENT};
use super::level::{self, Level};
use super::pair::{product, quick_sum};
use super::vector::Vector;

/// Replaces each value by its natural logarithm; the same bits on every
/// [`Level`].
///
/// All of `f64` is the domain. The result is within 0.53 ulp of the exact value.
/// It is negative infinity for both zeros, and [`f64::NAN`] for every NaN and
/// below 0.
pub fn log(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, Log));
}

/// Replaces each value `x` by the natural logarithm of `1 + x`; the same bits on
/// every [`Level`].
///
/// All of `f64` is the domain. The result is within 0.53 ulp of the exact value.
/// It is `x` for both zeros, negative infinity for -1, and [`f64::NAN`] for every
/// NaN and below -1.
pub fn log1p(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, Log1p));
}

/// Replaces each value by its logarithm to the base 2; the same bits on every [`Level`].
///
/// All of `f64` is the domain. The result is within 0.53 ulp of the exact value, exactly so for powers of 2. It is negative
/// infinity for both zeros, and [`f64::NAN`] for every NaN and below 0.
pub fn log2(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, LogToBase { of_2: (1.0, 0.0), of_e: LOG2_E }));
}

/// Replaces each value by its logarithm to the base 10; the same bits on every [`Level`].
///
/// All of `f64` is the domain. The result is within 0.53 ulp of the exact value, exactly so for powers of 10. It is negative
/// infinity for both zeros, and [`f64::NAN`] for every NaN and below 0.
pub fn log10(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, LogToBase { of_2: LOG10_2, of_e: LOG10_E }));
}

#[derive(Clone, Copy)]
struct Log;

impl Function for Log {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        log_lanes(x).canonical()
    }
}

#[derive(Clone, Copy)]
struct Log1p;

impl Function for Log1p {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        log1p_lanes(x).canonical()
    }
}

/// The logarithms of 2, whose first part times an exponent is exact, and of e, in two parts each.
#[derive(Clone, Copy)]
struct LogToBase {
    of_2: (f64, f64),
    of_e: (f64, f64),
}

const LOG2_E: (f64, f64) = (std::f64::consts::LOG2_E, 2.0355273740931033e-17);
const LOG10_E: (f64, f64) = (std::f64::consts::LOG10_E, 1.098319650216765e-17);
const LOG10_2: (f64, f64) = (0.30102999566383914, 1.42050232272661e-13);

impl Function for LogToBase {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        let c = |value: f64| x.splat(value);
        let (k, m) = split_all(x);
        let (s, s_low, z, p) = atanh(m.sub(c(1.0)), c(0.0));
        // The natural logarithm of m, then of this base.
        let (high, low) = (s.add(s), s.mul(z).mul_add(p, s_low.mul(z.mul_add(c(2.0), c(2.0)))));
        let (scaled, scaled_low) = product(high, c(self.of_e.0));
        let low = high.mul_add(c(self.of_e.1), low.mul_add(c(self.of_e.0), scaled_low));
        // The part of k is 0 or the larger.
        let (high, left) = quick_sum(k.mul(c(self.of_2.0)), scaled);
        let y = high.add(k.mul_add(c(self.of_2.1), left.add(low)));
        at_the_ends(x, c(0.0), y).canonical()
    }
}

/// The upper 42 bits of `ln 2`: its product with an exponent is exact.
const LN2_HIGH: f64 = 0.6931471805598903;
/// `ln 2 - LN2_HIGH`
const LN2_LOW: f64 = 5.497923018708371e-14;

/// `(2 atanh(s) - 2 s) / s^3` in powers of `s^2`, for `s^2 <= 0.02944`.
pub(super) const P: [f64; 8] = [
    0.6666666666666666,
    0.4000000000000088,
    0.28571428570803614,
    0.22222222391713917,
    0.18181795640132906,
    0.15386239702814666,
    0.1326877313865664,
    0.13086626147842664,
];

const TWO_54: f64 = 18014398509481984.0;

/// The logarithm of each lane; a NaN gives some NaN.
#[inline(always)]
pub(super) fn log_lanes<V: Vector>(x: V) -> V {
    let c = |value: f64| x.splat(value);
    let (k, m) = split_all(x);
    let y = log_of_sum(k, m.sub(c(1.0)), c(0.0));
    at_the_ends(x, c(0.0), y)
}

/// `x = m 2^k` as [`Vector::split`] has it, of subnormal numbers too.
#[inline(always)]
fn split_all<V: Vector>(x: V) -> (V, V) {
    let c = |value: f64| x.splat(value);
    let least = c(f64::MIN_POSITIVE);
    let (k, m) = x.if_less(least, x.mul(c(TWO_54)), x).split();
    (k.sub(x.if_less(least, c(54.0), c(0.0))), m)
}

/// The logarithm of `x + low`, with `x` normal and positive, and `low` at most half an ulp of it.
#[inline(always)]
pub(super) fn log_of_pair<V: Vector>(x: V, low: V) -> V {
    let c = |value: f64| x.splat(value);
    let (k, m) = x.split();
    let down = c(TO_EXPONENT).sub(c(1000.0).min(k)).low_bits_to_exponent();
    log_of_sum(k, m.sub(c(1.0)), low.mul(down))
}

/// The logarithm of 1 + each lane; a NaN gives some NaN.
#[inline(always)]
pub(super) fn log1p_lanes<V: Vector>(x: V) -> V {
    let c = |value: f64| x.splat(value);
    let one = c(1.0);
    let u = one.add(x);
    let x_part = u.sub(one);
    let left = one.sub(u.sub(x_part)).add(x.sub(x_part));
    let (k, m) = u.split();
    // 2^-k, no subnormal number: what is left of so large a sum is nothing.
    let down = c(TO_EXPONENT).sub(c(1000.0).min(k)).low_bits_to_exponent();
    let is_one = |this: V, other: V| k.mul(k).if_less(c(0.5), this, other);
    let f = is_one(x, m.sub(one));
    let left = is_one(c(0.0), left.mul(down));
    let y = log_of_sum(k, f, left);
    // x - x^2 / 2 rounds to x; so the sign of a zero stays.
    let y = x.mul(x).if_less(c(1.0 / TWO_54 / TWO_54), x, y);
    at_the_ends(x, c(-1.0), y)
}

/// `y` inside the domain: negative infinity at `low`, where it begins, NaN below,
/// and `x` for infinity and NaN.
#[inline(always)]
fn at_the_ends<V: Vector>(x: V, low: V, y: V) -> V {
    let outside = x.if_less(low, x.splat(f64::NAN), x.splat(f64::NEG_INFINITY));
    let y = low.if_less(x, y, outside);
    x.if_less(x.splat(f64::INFINITY), y, x)
}

/// The logarithm of `2 x`, with `x` normal and positive, or infinite.
#[inline(always)]
pub(super) fn log_of_double<V: Vector>(x: V) -> V {
    let c = |value: f64| x.splat(value);
    let (k, m) = x.split();
    let y = log_of_sum(k.add(c(1.0)), m.sub(c(1.0)), c(0.0));
    x.if_less(c(f64::INFINITY), y, x)
}

/// `s` and `s_low` with `log(1 + f + left) = 2 atanh(s + s_low)`, where `1 + f` is between the square roots of 1/2 and 2 and
/// `left` at most half an ulp of that; `s^2`, and `p(s^2)`.
#[inline(always)]
fn atanh<V: Vector>(f: V, left: V) -> (V, V, V, V) {
    let c = |value: f64| f.splat(value);
    let two = c(2.0);

    // f + left = (s + s_low) (divisor + divisor_low)
    let divisor = two.add(f);
    let divisor_low = f.sub(divisor.sub(two)).add(left);
    let inverse = c(1.0).div(divisor);
    let s = f.mul(inverse);
    let rest = s.neg_mul_add(divisor, f).add(left);
    let s_low = s.neg_mul_add(divisor_low, rest).mul(inverse);

    let z = s.mul(s);
    let pair = |i: usize| c(P[i + 1]).mul_add(z, c(P[i]));
    let z2 = z.mul(z);
    let p_0 = pair(2).mul_add(z2, pair(0));
    let p_4 = pair(6).mul_add(z2, pair(4));
    (s, s_low, z, p_4.mul_add(z2.mul(z2), p_0))
}

/// `k ln 2 + log(1 + f + left)`, as [`atanh`] has it.
#[inline(always)]
fn log_of_sum<V: Vector>(k: V, f: V, left: V) -> V {
    let c = |value: f64| f.splat(value);
    let two = c(2.0);
    let (s, s_low, z, p) = atanh(f, left);

    // k ln 2 is 0 or the larger, so that what the sum left is simple.
    let k_ln2 = k.mul(c(LN2_HIGH));
    let s_2 = s.add(s);
    let high = k_ln2.add(s_2);
    let low = k.mul_add(c(LN2_LOW), k_ln2.sub(high).add(s_2));
    // The derivative of 2 atanh: 2 + 2 s^2 + ...
    let low = s_low.mul_add(z.mul_add(two, two), low);
    high.add(s.mul(z).mul_add(p, low))
}
