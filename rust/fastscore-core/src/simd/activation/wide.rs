//! Lanes of `f64`.

use super::functions::Real;
use crate::simd::erf::erf_lanes;
use crate::simd::exp::exp_lanes;
use crate::simd::hyperbolic::{expm1_lanes, tanh_lanes, tanh_of_magnitude};
use crate::simd::log::log1p_lanes;
use crate::simd::pair::{magnitude, odd, polynomial};
use crate::simd::vector::Vector;

/// `(x - tanh(x)) / x^3` in powers of `x^2`: Taylor's series, within `2^-63` for `|x| <= 1/4`.
const SHRINK: [f64; 12] = [
    0.3333333333333333,
    -0.13333333333333333,
    0.05396825396825397,
    -0.021869488536155203,
    0.008863235529902197,
    -0.003592128036572481,
    0.0014558343870513183,
    -0.000590027440945586,
    0.00023912911424355248,
    -9.691537956929451e-05,
    3.927832388331683e-05,
    -1.5918905069328964e-05,
];

#[derive(Clone, Copy)]
pub(super) struct Wide<V>(pub V);

impl<V: Vector> Real for Wide<V> {
    #[inline(always)]
    fn c(self, value: f64) -> Self {
        Wide(self.0.splat(value))
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Wide(self.0.add(other.0))
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Wide(self.0.sub(other.0))
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Wide(self.0.mul(other.0))
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Wide(self.0.div(other.0))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Wide(self.0.sqrt())
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        Wide(self.0.mul_add(factor.0, addend.0))
    }
    #[inline(always)]
    fn if_less(self, other: Self, then: Self, otherwise: Self) -> Self {
        Wide(self.0.if_less(other.0, then.0, otherwise.0))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Wide(magnitude(self.0))
    }
    #[inline(always)]
    fn exp_below(self) -> Self {
        Wide(exp_lanes(self.0))
    }
    #[inline(always)]
    fn expm1_below(self) -> Self {
        Wide(expm1_lanes(self.0))
    }
    #[inline(always)]
    fn log1p_unit(self) -> Self {
        Wide(log1p_lanes(self.0))
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        Wide(tanh_lanes(self.0))
    }
    #[inline(always)]
    fn less_tanh(self) -> Self {
        let x = self.0;
        let c = |value: f64| x.splat(value);
        let (t, z) = (magnitude(x), x.mul(x));
        let near = t.mul(z).mul(polynomial(z, &SHRINK));
        let (y, y_low) = tanh_of_magnitude(t);
        Wide(odd(x, 0.0, t.if_less(c(0.25), near, t.sub(y).sub(y_low))))
    }
    /// Within `2^-53` of it: not within ulps in the lower tail.
    #[inline(always)]
    fn below(self) -> Self {
        let c = |value: f64| self.0.splat(value);
        let within = erf_lanes(self.0.mul(c(std::f64::consts::FRAC_1_SQRT_2)));
        Wide(within.mul_add(c(0.5), c(0.5)))
    }
    #[inline(always)]
    fn pair(self, high: f64, low: f64) -> (Self, Self) {
        (self.c(high), self.c(low))
    }
}
