//! Powers with one exponent.

use super::exp::exp;
use super::level::Level;
use super::log::log;

/// Replaces each value by its power with this exponent, as NumPy's `x ** exponent` has it; the same bits on every [`Level`].
///
/// The exponents -1, 0, 0.5, 1 and 2 are `1 / x`, 1, the square root, `x` and `x * x`. Elsewhere it is `exp(e log|x|)`, within
/// `|e log|x||` roundings of the exact value: `2^-44` of it at most, `2^-50` where it is between `1e-10` and `1e10`. Zeros,
/// infinities, 1 and signs are as C's `pow` has them: a negative number has integer powers only, [`f64::NAN`] else.
pub fn power(level: Level, exponent: f64, xs: &mut [f64]) {
    match exponent {
        -1.0 => return xs.iter_mut().for_each(|x| *x = 1.0 / *x),
        0.0 => return xs.fill(1.0),
        0.5 => return xs.iter_mut().for_each(|x| *x = x.sqrt()),
        1.0 => return,
        2.0 => return xs.iter_mut().for_each(|x| *x *= *x),
        _ => {}
    }
    let mut powers: Vec<f64> = xs.iter().map(|x| x.abs()).collect();
    log(level, &mut powers);
    powers.iter_mut().for_each(|power| *power *= exponent);
    exp(level, &mut powers);
    let (whole, odd) = (exponent.fract() == 0.0, (exponent % 2.0).abs() == 1.0);
    for (x, magnitude) in xs.iter_mut().zip(powers) {
        *x = if odd && x.is_sign_negative() {
            -magnitude
        } else if *x < 0.0 && x.is_finite() && !whole {
            f64::NAN
        } else {
            magnitude
        };
    }
}
