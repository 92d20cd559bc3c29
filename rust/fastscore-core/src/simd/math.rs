//! The functions of one value that turn raw scores into probabilities.
//!
//! The sigmoid is LightGBM's, in its order of operations:
//! `BinaryLogloss::ConvertOutput` in `src/objective/binary_objective.hpp`.
//!
//! The functions whose names end in `_f32` are XGBoost's (`common::Sigmoid` in
//! `src/common/math.h`): the same steps, each rounded to `f32`. The values are
//! `f64` that hold `f32` numbers. That an operation on such is first rounded to
//! `f64` makes no difference, as that has more than twice the bits.

use super::exp::{Each, Function, TO_EXPONENT, exp_lanes};
use super::exp2::exp2_lanes;
use super::level::{self, Level};
use super::log::{log_lanes, log1p_lanes};
use super::vector::Vector;

/// Replaces each value `x` by `1 / (1 + exp(-scale * x))`, computed in just
/// those steps; the same bits on every [`Level`].
///
/// Given the rounded product `-scale * x`, the result was never more than 2 ulp
/// off the correctly rounded one (2.47 off the exact one) at the 4 * 10^8 places
/// measured, wherever that is a normal number. A NaN result, from a NaN or from
/// zero times infinity, is [`f64::NAN`].
pub fn sigmoid(level: Level, scale: f64, xs: &mut [f64]) {
    level::run(level, Each(xs, Sigmoid { scale }));
}

#[derive(Clone, Copy)]
struct Sigmoid {
    scale: f64,
}

impl Function for Sigmoid {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        let one = x.splat(1.0);
        let e = exp_lanes(x.splat(-self.scale).mul(x));
        one.div(one.add(e)).canonical()
    }
}

/// Replaces each value `x` by the `f32` number `1 / (1 + exp(-scale * x))`, with
/// the argument of the exponential at most 88.7; the same bits on every [`Level`].
/// `xs` and `scale` are `f32` numbers.
///
/// XGBoost adds 1e-16 to the divisor, which is at least 1 and so stays as it is.
pub fn sigmoid_f32(level: Level, scale: f64, xs: &mut [f64]) {
    level::run(level, Each(xs, SigmoidF32 { scale }));
}

#[derive(Clone, Copy)]
struct SigmoidF32 {
    scale: f64,
}

impl Function for SigmoidF32 {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        let one = x.splat(1.0);
        let x = x.splat(88.7f32.into()).min(x.splat(-self.scale).mul(x).to_f32());
        let e = expf_lanes(x);
        one.div(one.add(e).to_f32()).to_f32().canonical()
    }
}

/// Replaces each `f32` number by its exponential, as [`expf_lanes`] has it; the same
/// bits on every [`Level`].
pub fn exp_f32(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, ExpF32));
}

#[derive(Clone, Copy)]
struct ExpF32;

impl Function for ExpF32 {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        expf_lanes(x).canonical()
    }
}

/// `32 / ln 2`
const EXPF_INVERSE: f64 = 46.16624130844683;
/// `2^(r / 32)` in powers of r from 1 on, for `|r| <= 1/2`, as in S. Nagy's `expf`.
const EXPF: [f64; 3] = [0.021660849396613134, 0.00023459809789509004, 1.6938359250920212e-06];

/// The exponential of `f32` lanes as `f32`, with the bits of the `expf` that glibc
/// has since 2.28 (S. Nagy's, from Arm's optimized routines), which is what XGBoost
/// calls: within 0.502 ulp, so that now and then it is not the nearest `f32`.
///
/// ```text
/// x = (k + r) ln 2 / 32        |r| <= 1/2
/// y = 2^(k / 32) p(r)          p of degree 3, within 2^-33; all in f64
/// ```
///
/// The approximation is theirs; what the roundings to `f64` differ by is seen in
/// about one of `2^28` results.
#[inline(always)]
pub(super) fn expf_lanes<V: Vector>(x: V) -> V {
    let c = |value: f64| x.splat(value);
    // Beyond, the result is 0 or infinite anyway. A NaN remains.
    let x = c(200.0).min(c(-200.0).max(x));
    let z = x.mul(c(EXPF_INVERSE));
    let to_integer = c(TO_EXPONENT);
    let k = z.add(to_integer).sub(to_integer);
    let r = z.sub(k);
    let low = r.mul_add(c(EXPF[0]), c(1.0));
    let y = r.mul_add(c(EXPF[2]), c(EXPF[1])).mul_add(r.mul(r), low);
    y.mul(exp2_lanes(k.mul(c(1.0 / 32.0)))).to_f32()
}

/// Replaces each value `x` by `log1p(exp(x))`, computed in just those steps; the
/// same bits on every [`Level`]. It is infinite from 709.8 on, as
/// `CrossEntropyLambda::ConvertOutput` in LightGBM makes it.
pub fn log1p_exp(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, Log1pExp));
}

#[derive(Clone, Copy)]
struct Log1pExp;

impl Function for Log1pExp {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        log1p_lanes(exp_lanes(x)).canonical()
    }
}

/// Replaces each value `x` by `log(x / (1 - x))`; the same bits on every
/// [`Level`]. It is computed as SciPy's `logit` is:
///
/// ```text
/// from 0.3 to 0.65: s = 2 (x - 0.5); log1p(s) - log1p(-s)
/// elsewhere:        log(x / (1 - x))
/// ```
///
/// It is infinite at 0 and 1, and [`f64::NAN`] outside.
pub fn logit(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, Logit));
}

#[derive(Clone, Copy)]
struct Logit;

impl Function for Logit {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        let c = |value: f64| x.splat(value);
        let far = log_lanes(x.div(c(1.0).sub(x)));
        let s = c(2.0).mul(x.sub(c(0.5)));
        let near = log1p_lanes(s).sub(log1p_lanes(c(0.0).sub(s)));
        let near = c(0.65).if_less(x, far, near);
        x.if_less(c(0.3), far, near).canonical()
    }
}
