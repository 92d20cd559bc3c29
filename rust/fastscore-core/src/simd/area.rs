//! Inverse hyperbolic functions, by logarithms of numbers that are sums of two.

use super::exp::{Each, Function};
use super::level::{self, Level};
use super::log::{P, log_of_double, log_of_pair};
use super::pair::{magnitude, odd, polynomial, product, quick_sum, quotient, root, sum};
use super::vector::Vector;

/// Replaces each value by `log(x + sqrt(x^2 + 1))`; the same bits on every [`Level`].
///
/// All of `f64` is the domain. The result is within 0.54 ulp of the exact value, `x` for zeros and infinities, and
/// [`f64::NAN`] for every NaN.
pub fn arcsinh(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, Arcsinh));
}

/// Replaces each value by `log(x + sqrt(x^2 - 1))`; the same bits on every [`Level`].
///
/// The result is within 0.54 ulp of the exact value, and [`f64::NAN`] for every NaN and below 1.
pub fn arccosh(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, Arccosh));
}

/// Replaces each value by `log((1 + x) / (1 - x)) / 2`; the same bits on every [`Level`].
///
/// The result is within 0.54 ulp of the exact value, `x` for both zeros, infinite for 1 and -1, and [`f64::NAN`] for every NaN
/// and outside.
pub fn arctanh(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, Arctanh));
}

/// From here on 1 is nothing beside the square.
const LARGE: f64 = 268435456.0;
/// `arcsinh(x) / x - 1` in powers of `x^2`, but for the power 0: Taylor's series.
const ASINH: [f64; 4] = [-1.0 / 6.0, 3.0 / 40.0, -15.0 / 336.0, 105.0 / 3456.0];
/// Up to here that is enough: the next term is below 2^-63 of x.
const SMALL: f64 = 0.01;

#[derive(Clone, Copy)]
struct Arcsinh;

impl Function for Arcsinh {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        let c = |value: f64| x.splat(value);
        let t = magnitude(x);
        let (square, square_low) = product(t, t);
        let (s, left) = sum(square, c(1.0));
        let (r, r_low) = root(s, left.add(square_low));
        let (y, left) = quick_sum(r, t);
        let middle = log_of_pair(y, left.add(r_low));
        let near = t.mul(square).mul_add(polynomial(square, &ASINH), t);
        let y = c(LARGE).if_less(t, log_of_double(t), t.if_less(c(SMALL), near, middle));
        odd(x, 2f64.powi(-28), y).canonical()
    }
}

#[derive(Clone, Copy)]
struct Arccosh;

impl Function for Arccosh {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        let c = |value: f64| x.splat(value);
        let (less, less_low) = sum(x, c(-1.0));
        let (more, more_low) = sum(x, c(1.0));
        let (square, low) = product(less, more);
        let low = less.mul_add(more_low, less_low.mul_add(more, low));
        let (r, r_low) = root(square, low);
        // y - 1, then y.
        let (u, u_low) = sum(less, r);
        let u_low = u_low.add(less_low.add(r_low));
        let (y, left) = sum(c(1.0), u);
        let y = log_of_pair(y, left.add(u_low));
        let y = c(LARGE).if_less(x, log_of_double(x), y);
        // Below 1 the root is NaN, but for what rounds to no difference.
        x.if_less(c(1.0), c(f64::NAN), y).canonical()
    }
}

#[derive(Clone, Copy)]
struct Arctanh;

/// Up to here the series in the logarithm has all there is.
const WITHIN: f64 = 0.1715;

impl Function for Arctanh {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        let c = |value: f64| x.splat(value);
        let t = magnitude(x);
        let one = c(1.0);
        let (y, y_low) = quotient(sum(one, t), sum(one, c(0.0).sub(t)));
        let far = log_of_pair(y, y_low).mul(c(0.5));
        let z = t.mul(t);
        let near = t.mul(z).mul_add(polynomial(z, &P).mul(c(0.5)), t);
        let y = t.if_less(c(WITHIN), near, far);
        let end = one.if_less(t, c(f64::NAN), t.mul(c(f64::INFINITY)));
        odd(x, 2f64.powi(-28), t.if_less(one, y, end)).canonical()
    }
}
