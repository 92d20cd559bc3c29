//! Functions of `f32` lanes, within one ulp of `f32` where nothing else is said.
//!
//! ```text
//! exp:   x = k ln 2 + r, |r| <= ln 2 / 2;  2^k (1 + (r + r^2 q(r)))
//! expm1: t = 2^k, s = r + r^2 q(r);        t s + (t - 1)
//! tanh:  e = expm1(-2 |x|);                -e / (2 + e), or 1 - 2 exp(-2 |x|) / (2 + e)
//! log1p: x + x^2 q(x)
//! tail:  u = 1 / (1 + 0.26 |x|);           exp(-x^2 / 2) p(u), for |x| < 1 instead 1/2 + x c(x^2)
//! ```
//! Coefficients are of weighted least squares, the weights those of the least largest relative error (Lawson's way).

use super::functions::Real;
use crate::simd::lanes32::Narrow;

#[derive(Clone, Copy)]
pub(super) struct Single<V>(pub V);

/// Added to a number of magnitude below `2^22` it rounds it to an integer.
const TO_INTEGER: f32 = 12_582_912.0;
const LOG2_E: f32 = std::f32::consts::LOG2_E;
/// The upper 15 bits of `ln 2`, whose products with exponents are exact, and the rest.
const LN2: (f32, f32) = (0.693_145_75, 1.428_606_8e-6);
/// Below, `exp` is 0 and `expm1` -1.
const EXP_LOWEST: f32 = -104.0;
const EXPM1_LOWEST: f32 = -20.0;

/// `(exp(r) - 1 - r) / r^2`, which gives `exp(r)` within `2^-28.3`.
const EXP: [f32; 5] = [0.499_999_94, 0.166_665_2, 0.041_668_393, 0.008_368_781, 0.001_381_446_7];
/// The same, which gives `exp(r) - 1` within `2^-32` of itself.
const EXPM1: [f32; 6] = [0.5, 0.166_666_67, 0.041_666_355, 0.008_333_273, 0.001_394_110_3, 0.000_199_143_02];
/// `(log(1 + x) - x) / x^2` for x from 0 to 1, which gives the logarithm within `2^-30.2`.
const LOG1P: [f32; 10] = [
    -0.499_999_88,
    0.333_326_9,
    -0.249_885_8,
    0.198_979_32,
    -0.161_293_37,
    0.124_671_25,
    -0.083_074_11,
    0.041_981_395,
    -0.013_631_497,
    0.002_072_950_8,
];
/// `exp(x^2 / 2)` times the tail in powers of u, for x up to 14.5, within `2^-27.4`.
const TAIL: [f32; 10] = [
    -7.167_250_7e-6,
    0.103_906_624,
    0.101_715_35,
    0.109_481_95,
    0.031_206_569,
    0.200_119_38,
    -0.200_813_38,
    0.290_983_77,
    -0.170_519_38,
    0.033_926_293,
];
const TAIL_SLOPE: f32 = 0.26;
/// The part of a normal distribution between 0 and x, divided by x, in powers of `x^2`, for `x^2 <= 1`.
const CENTRE: [f32; 6] = [0.398_942_3, -0.066_490_33, 0.009_973_171, -0.001_185_985_9, 0.000_113_144_68, -7.530_659e-6];
/// `(x - tanh(x)) / x^3` in powers of `x^2`, for `x^2 <= 2.3`, within `2^-25.2`.
const SHRINK: [f32; 10] = [
    0.333_333_3,
    -0.133_332_57,
    0.053_956_997,
    -0.021_803_955,
    0.008_664_262,
    -0.003_231_477_7,
    0.001_032_853,
    -0.000_249_242_38,
    3.840_372e-5,
    -2.750_152e-6,
];

/// The polynomial with these coefficients, from the constant on.
#[inline(always)]
fn polynomial<V: Narrow>(x: V, coefficients: &[f32]) -> V {
    let mut terms = coefficients.iter().rev();
    let mut y = x.splat(terms.next().copied().unwrap_or(0.0));
    for &term in terms {
        y = y.mul_add(x, x.splat(term));
    }
    y
}

/// `k` and `r`, for `-2^20 < x < 2^20`.
#[inline(always)]
fn parts<V: Narrow>(x: V) -> (V, V) {
    let c = |value: f32| x.splat(value);
    let k = x.mul_add(c(LOG2_E), c(TO_INTEGER)).sub(c(TO_INTEGER));
    (k, k.neg_mul_add(c(LN2.1), k.neg_mul_add(c(LN2.0), x)))
}

#[inline(always)]
fn exp_below<V: Narrow>(x: V) -> V {
    let c = |value: f32| x.splat(value);
    // The constant comes first: so a NaN in `x` is what remains.
    let inside = c(EXP_LOWEST).max(x);
    let (k, r) = parts(inside);
    let y = polynomial(r, &EXP).mul_add(r.mul(r), r).add(c(1.0));
    y.scale(k)
}

/// `s` and `t` with `exp(x) = t (1 + s)`, t a power of 2.
#[inline(always)]
fn expm1_parts<V: Narrow>(x: V) -> (V, V) {
    let inside = x.splat(0.0).min(x.splat(EXPM1_LOWEST).max(x));
    let (k, r) = parts(inside);
    (polynomial(r, &EXPM1).mul_add(r.mul(r), r), V::power_of_two(k))
}

#[inline(always)]
fn expm1_below<V: Narrow>(x: V) -> V {
    let (s, t) = expm1_parts(x);
    t.mul_add(s, t.sub(x.splat(1.0)))
}

/// Of the magnitude. From 0.55 on what is missing to 1 is computed, of which errors count for less.
#[inline(always)]
fn tanh_above<V: Narrow>(x: V) -> V {
    let c = |value: f32| x.splat(value);
    let (s, t) = expm1_parts(x.mul(c(-2.0)));
    let e = t.mul_add(s, t.sub(c(1.0)));
    let is_far = |far: V, near: V| c(0.55).if_less(x, far, near);
    let part = is_far(t.mul_add(s, t).mul(c(2.0)), e);
    is_far(c(1.0), c(0.0)).sub(part.div(c(2.0).add(e)))
}

impl<V: Narrow> Real for Single<V> {
    #[inline(always)]
    fn c(self, value: f64) -> Self {
        Single(self.0.splat(value as f32))
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Single(self.0.add(other.0))
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Single(self.0.sub(other.0))
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Single(self.0.mul(other.0))
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Single(self.0.div(other.0))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Single(self.0.sqrt())
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        Single(self.0.mul_add(factor.0, addend.0))
    }
    #[inline(always)]
    fn if_less(self, other: Self, then: Self, otherwise: Self) -> Self {
        Single(self.0.if_less(other.0, then.0, otherwise.0))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Single(self.0.abs())
    }
    #[inline(always)]
    fn exp_below(self) -> Self {
        Single(exp_below(self.0))
    }
    #[inline(always)]
    fn expm1_below(self) -> Self {
        Single(expm1_below(self.0))
    }
    #[inline(always)]
    fn log1p_unit(self) -> Self {
        let x = self.0;
        Single(polynomial(x, &LOG1P).mul_add(x.mul(x), x))
    }
    /// Within 2 ulp.
    #[inline(always)]
    fn tanh(self) -> Self {
        Single(tanh_above(self.0.abs()).with_sign_of(self.0))
    }
    #[inline(always)]
    fn less_tanh(self) -> Self {
        let t = self.0.abs();
        let z = t.mul(t);
        let near = polynomial(z, &SHRINK).mul(z.mul(t));
        let y = t.if_less(t.splat(1.5), near, t.sub(tanh_above(t)));
        Single(y.with_sign_of(self.0))
    }
    /// Within 2 ulp above -1, 6 below; 0 up to -14.5.
    #[inline(always)]
    fn below(self) -> Self {
        let x = self.0;
        let c = |value: f32| x.splat(value);
        let square = x.mul(x);
        let near = polynomial(square, &CENTRE).mul_add(x, c(0.5));
        let inside = c(14.5).min(x.abs());
        let u = c(1.0).div(inside.mul_add(c(TAIL_SLOPE), c(1.0)));
        // The rounding of the square is made good: the exponential magnifies it.
        let half = inside.mul(c(-0.5));
        let power = half.mul(inside);
        let low = half.mul_add(inside, c(0.0).sub(power));
        let p = polynomial(u, &TAIL);
        let tail = p.mul_add(low, p).mul(exp_below(power));
        let far = x.if_less(c(0.0), tail, c(1.0).sub(tail));
        Single(square.if_less(c(1.0), near, far))
    }
    #[inline(always)]
    fn pair(self, high: f64, low: f64) -> (Self, Self) {
        let rounded = high as f32;
        let left = high - f64::from(rounded) + low;
        (Single(self.0.splat(rounded)), Single(self.0.splat(left as f32)))
    }
}
