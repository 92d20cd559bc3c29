//! The inverses of the power transformations of Yeo and Johnson, and of Box and Cox, as scikit-learn and SciPy have them.
//!
//! A power is `exp(e log(base))`: it is off by `|e log(base)|` roundings, at most some 1e-13 of itself.

use crate::simd::{self, Level};

/// For `x >= 0` the power `(lambda x + 1)^(1 / lambda)` less 1, below 1 less the power `(1 - (2 - lambda) x)^(1 / (2 - lambda))`;
/// where an exponent would be infinite, the exponential.
pub(crate) fn yeo_johnson(level: Level, lambda: f64, xs: &mut [f64]) {
    // scikit-learn's own limits.
    let above = Power::of(lambda, lambda.abs() < f64::EPSILON);
    let below = Power::of(2.0 - lambda, (2.0 - lambda).abs() <= f64::EPSILON);
    let bases: Vec<f64> = xs
        .iter()
        .map(|&x| if x >= 0.0 { above.base(x * lambda, x) } else { below.base(-(2.0 - lambda) * x, -x) })
        .collect();
    let mut powers: Vec<f64> = bases.iter().map(|base| base.abs()).collect();
    simd::log(level, &mut powers);
    for ((power, &base), &x) in powers.iter_mut().zip(&bases).zip(xs.iter()) {
        match if x >= 0.0 { above } else { below } {
            Power::Exponential => *power = base,
            Power::Of(exponent) => *power *= exponent,
        }
    }
    simd::exp(level, &mut powers);
    for ((x, power), base) in xs.iter_mut().zip(powers).zip(bases) {
        *x = if *x >= 0.0 { above.signed(base, power) - 1.0 } else { 1.0 - below.signed(base, power) };
    }
}

/// `exp(log1p(lambda x) / lambda)`, of lambda 0 `exp(x)`.
pub(crate) fn box_cox(level: Level, lambda: f64, xs: &mut [f64]) {
    if lambda != 0.0 {
        xs.iter_mut().for_each(|x| *x *= lambda);
        simd::log1p(level, xs);
        xs.iter_mut().for_each(|x| *x /= lambda);
    }
    simd::exp(level, xs);
}

/// One half of the function of Yeo and Johnson.
#[derive(Clone, Copy)]
enum Power {
    /// The exponential itself.
    Exponential,
    /// A power of the base with this exponent.
    Of(f64),
}

impl Power {
    fn of(lambda: f64, is_exponential: bool) -> Self {
        if is_exponential { Power::Exponential } else { Power::Of(1.0 / lambda) }
    }

    /// What is raised; of the exponential its argument.
    fn base(self, product: f64, x: f64) -> f64 {
        match self {
            Power::Exponential => x,
            Power::Of(_) => product + 1.0,
        }
    }

    /// The power: that of a negative base is none unless the exponent is an integer.
    fn signed(self, base: f64, magnitude: f64) -> f64 {
        match self {
            Power::Of(exponent) if base < 0.0 => match exponent % 2.0 {
                0.0 => magnitude,
                half if half.abs() == 1.0 => -magnitude,
                _ => f64::NAN,
            },
            _ => magnitude,
        }
    }
}
