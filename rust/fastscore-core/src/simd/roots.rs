//! Square roots, which the processor rounds correctly, and cube roots.

use super::exp::{Each, Function, TO_EXPONENT};
use super::level::{self, Level};
use super::pair::{magnitude, odd, polynomial, product};
use super::vector::Vector;

/// Replaces each value by its square root, correctly rounded; [`f64::NAN`] below 0 and for every NaN.
pub fn sqrt(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, Sqrt));
}

/// Replaces each value by its cube root; the same bits on every [`Level`].
///
/// ```text
/// |x| = m 2^(3 q), m from 0.35 to 2.83
/// y   = a polynomial of m, within 2^-10, then two of Halley's steps; the last by what y^3 lacks, exactly
/// ```
///
/// All of `f64` is the domain. The result is within 0.51 ulp of the exact value, `x` for zeros and infinities, and
/// [`f64::NAN`] for every NaN.
pub fn cbrt(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, Cbrt));
}

#[derive(Clone, Copy)]
struct Sqrt;

impl Function for Sqrt {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        x.sqrt().canonical()
    }
}

/// The cube root of 0.35 to 2.83, within 2^-10.4.
const FIRST: [f64; 7] = [
    0.40536624146731043,
    1.1209290391068976,
    -0.937472725504696,
    0.5997227975303829,
    -0.23329571009225142,
    0.04910882609050766,
    -0.00427895718241172,
];

#[derive(Clone, Copy)]
struct Cbrt;

impl Function for Cbrt {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        let c = |value: f64| x.splat(value);
        let t = magnitude(x);
        let least = c(f64::MIN_POSITIVE);
        // 2^54 is a cube.
        let small = |this: f64, other: f64| t.if_less(least, c(this), c(other));
        let (k, m) = t.mul(small(18014398509481984.0, 1.0)).split();
        let round = c(TO_EXPONENT);
        let q = k.mul(c(1.0 / 3.0)).add(round).sub(round);
        let m = m.mul(q.neg_mul_add(c(3.0), k).add(round).low_bits_to_exponent());

        let y = polynomial(m, &FIRST);
        // Halley: y (y^3 + 2 m) / (2 y^3 + m), the error cubed.
        let cube = y.mul(y).mul(y);
        let y = y.mul(m.add(m).add(cube)).div(cube.add(cube).add(m));
        let (square, square_low) = product(y, y);
        let (cube, cube_low) = product(square, y);
        let lack = m.sub(cube).sub(square_low.mul_add(y, cube_low));
        let y = lack.div(square.mul(c(3.0))).add(y);

        let q = q.sub(small(18.0, 0.0));
        let y = y.mul(q.add(round).low_bits_to_exponent());
        let y = t.if_less(c(f64::INFINITY), y, t);
        odd(x, 0.0, y).canonical()
    }
}
