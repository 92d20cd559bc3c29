//! Yeo and Johnson's, Box and Cox's power transformations, by SciPy's formulas.

use super::exp::{Each, Function, exp_lanes};
use super::hyperbolic::expm1_lanes;
use super::level::{self, Level};
use super::log::{log, log_lanes, log1p_lanes};
use super::pair::magnitude;
use super::vector::Vector;

/// Replaces each value by Yeo and Johnson's transformation of it; the same bits on every [`Level`].
///
/// ```text
/// x >= 0: expm1(l log1p(x)) / l                    log1p(x) where |l| < 2^-52
/// x < 0:  -expm1((2 - l) log1p(-x)) / (2 - l)      -log1p(-x) where |2 - l| <= 2^-52
/// ```
pub fn yeo_johnson(level: Level, lambda: f64, xs: &mut [f64]) {
    level::run(level, Each(xs, YeoJohnson { lambda }));
}

/// Replaces each value by Box and Cox's transformation of it; the same bits on every [`Level`].
///
/// ```text
/// log(x)                                           |l| < 1e-19
/// expm1(l log(x)) / l                              l log(x) < 709.78
/// sign(l) exp(l log(x) - log|l|) - 1 / l           elsewhere
/// ```
pub fn box_cox(level: Level, lambda: f64, xs: &mut [f64]) {
    let mut size = [lambda.abs()];
    log(Level::Portable, &mut size);
    level::run(level, Each(xs, BoxCox { lambda, log_lambda: size[0] }));
}

#[derive(Clone, Copy)]
struct YeoJohnson {
    lambda: f64,
}

impl Function for YeoJohnson {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        let c = |value: f64| x.splat(value);
        let by_sign = |negative: f64, other: f64| x.if_less(c(0.0), c(negative), c(other));
        let power = by_sign(2.0 - self.lambda, self.lambda);
        // What SciPy takes for 0: its spacing at 1 excluded above, included below.
        let no_power = by_sign(
            f64::from(u8::from((self.lambda - 2.0).abs() <= f64::EPSILON)),
            f64::from(u8::from(self.lambda.abs() < f64::EPSILON)),
        );
        let t = magnitude(x);
        let straight = log1p_lanes(t);
        let y = expm1_lanes(power.mul(straight)).div(power);
        let y = c(0.5).if_less(no_power, straight, y);
        x.if_less(c(0.0), c(0.0).sub(y), y).canonical()
    }
}

#[derive(Clone, Copy)]
struct BoxCox {
    lambda: f64,
    log_lambda: f64,
}

impl Function for BoxCox {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        let c = |value: f64| x.splat(value);
        let log = log_lanes(x);
        if self.lambda.abs() < 1e-19 {
            return log.canonical();
        }
        let t = log.mul(c(self.lambda));
        let near = expm1_lanes(t).div(c(self.lambda));
        let large = exp_lanes(t.sub(c(self.log_lambda))).mul(c(1f64.copysign(self.lambda)));
        let y = t.if_less(c(709.78), near, large.sub(c(1.0 / self.lambda)));
        y.canonical()
    }
}
