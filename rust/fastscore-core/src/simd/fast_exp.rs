//! CatBoost's exponential, which is coarser than [`super::exp`].
//!
//! # Idea
//!
//! ```text
//! x   = min(max(x, -1022 ln 2), 709.78272569338397)
//! k   = round(x a) = 2048 q + i, i from 0 to 2047         a = 2048 / ln 2
//! t   = k (1 / a) - x                                     |t| <= ln 2 / 4096
//! exp = ((C3 - t) (t t) C2 - t + 1) * (2^(i / 2048) 2^q)
//! ```
//!
//! Every operation is rounded, none is fused. The power is one factor, made of its
//! bits: infinite for `k = 2^21`, which is where the upper limit leads.
//!
//! # Error
//!
//! `k (1 / a)` is rounded, so that `t` is off by up to `2^-54 |x|` and more: about
//! `|x|` ulp of the result (715 seen near -708).
//!
//! # Sources
//!
//! S. Mitsunari's fmath, whose `expd_v` CatBoost calls (`FastExpInplace`) on x86-64
//! with AVX2; checked against CatBoost 1.2.10. It takes values in fours and what
//! is left by a scalar formula, in which a sum is fused (none of 4 million results
//! differed) and which is 0 up to the lower limit. Without AVX2 the fours are twos.
//! On other processors it calls the C library.

use super::exp::{Each, Function};
use super::level::{self, Level};
use super::vector::{FRACTION_BITS, MAX_LANES, ONE_BITS, Vector};

/// Replaces each value by its exponential as CatBoost has it, with the bits of its
/// vector code; the same bits on every [`Level`].
///
/// All of `f64` is the domain. The result is within `|x| + 1` ulp. It is the least
/// normal number up to `-1022 ln 2`, infinite from 709.7827 on, and [`f64::NAN`] for
/// every NaN.
pub fn fast_exp(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, FastExp));
}

#[derive(Clone, Copy)]
struct FastExp;

impl Function for FastExp {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        fast_exp_lanes(x).canonical()
    }
}

/// `-1022 ln 2`: the exponential is the least normal number up to here.
pub(super) const LOWEST: f64 = -708.3964185322641;
/// It is infinite from a little below.
const HIGHEST: f64 = 709.782725693384;

/// The count of powers of two, as bits.
const BITS: u32 = 11;
const COUNT: usize = 1 << BITS;
/// `2048 / ln 2`
const INVERSE: f64 = COUNT as f64 / std::f64::consts::LN_2;
/// Added to a number of magnitude below `2^51` it rounds it to an integer, which the sum's low bits hold.
const TO_INTEGER: f64 = 6755399441055744.0;
const C2: f64 = 0.16666666685227835;
const C3: f64 = 3.0000000027955394;

/// The exponential of each lane; a NaN gives some NaN.
#[inline(always)]
pub(super) fn fast_exp_lanes<V: Vector>(x: V) -> V {
    let c = |value: f64| x.splat(value);
    // The constants come first: so a NaN in `x` is what remains.
    let x = c(LOWEST).max(c(HIGHEST).min(x));
    let shifted = x.mul(c(INVERSE)).add(c(TO_INTEGER));
    let k = shifted.sub(c(TO_INTEGER));
    let t = k.mul(c(1.0 / INVERSE)).sub(x);

    let mut lanes = [0.0; MAX_LANES];
    shifted.store(&mut lanes[..V::LANES]);
    // A plain loop: see `Work`.
    for lane in &mut lanes[..V::LANES] {
        let k = lane.to_bits();
        let exponent = (k >> BITS).wrapping_shl(52).wrapping_add(ONE_BITS);
        *lane = f64::from_bits(exponent | FRACTIONS[k as usize % COUNT]);
    }
    // SAFETY: holding `x` means that the processor has what `V` needs.
    let power = unsafe { V::load(&lanes[..V::LANES]) };

    let y = c(C3).sub(t).mul(t.mul(t)).mul(c(C2));
    y.sub(t).add(c(1.0)).mul(power)
}

/// The fraction's bits of `2^(i / 2048)`, the nearest `f64`.
static FRACTIONS: [u64; COUNT] = fractions();

/// `2^(1 / 2048) * 2^127`, rounded.
const ROOT: u128 = 0x800b_179c_8202_8fd0_945e_54e2_ae18_f2f0;

/// Power after power with 127 bits behind the point. Each product loses below one of the last, so that all are right to
/// `2^-115`; the one nearest to the middle of two `f64` is `2^-65` away from it.
const fn fractions() -> [u64; COUNT] {
    let mut fractions = [0; COUNT];
    let mut power: u128 = 1 << 127;
    let mut i = 0;
    while i < COUNT {
        fractions[i] = ((power + (1 << 74)) >> 75) as u64 & FRACTION_BITS;
        power = product(power, ROOT);
        i += 1;
    }
    fractions
}

/// `a b / 2^127`, cut.
const fn product(a: u128, b: u128) -> u128 {
    let mask = (1 << 64) - 1;
    let (a1, a0, b1, b0) = (a >> 64, a & mask, b >> 64, b & mask);
    let low = a0 * b0;
    // Each of the products in the middle is below 2^128, their sum with what is carried may be above.
    let (x, y) = (a1 * b0, a0 * b1);
    let middle = (x & mask) + (y & mask) + (low >> 64);
    let high = a1 * b1 + (x >> 64) + (y >> 64) + (middle >> 64);
    high << 1 | (middle & mask) >> 63
}

#[cfg(test)]
mod tests {
    use super::super::exp_table::POWERS;
    use super::super::exp2;
    use super::*;

    #[test]
    fn fractions_are_those_of_the_nearest_powers() {
        let mut powers: Vec<f64> = (0..COUNT).map(|i| i as f64 / COUNT as f64).collect();
        exp2(Level::Portable, &mut powers);
        for (i, (&fraction, power)) in FRACTIONS.iter().zip(powers).enumerate() {
            // `exp2` is within 0.505 ulp.
            assert!((fraction | ONE_BITS).abs_diff(power.to_bits()) <= 1, "2^({i} / 2048)");
            if i % 16 == 0 {
                assert_eq!(fraction | ONE_BITS, POWERS[i / 16].1, "2^({i} / 2048)");
            }
        }
    }

    #[test]
    fn ends_and_zero() {
        let of = |x: f64| {
            let mut xs = [x];
            fast_exp(Level::Portable, &mut xs);
            xs[0]
        };
        for x in [LOWEST, LOWEST.next_down(), -1e4, f64::MIN, f64::NEG_INFINITY] {
            assert_eq!(of(x), f64::MIN_POSITIVE, "{x}");
        }
        for x in [HIGHEST, 710.0, f64::MAX, f64::INFINITY] {
            assert_eq!(of(x), f64::INFINITY, "{x}");
        }
        assert_eq!(of(0.0), 1.0);
        assert_eq!(of(-0.0), 1.0);
        assert_eq!(of(f64::NAN).to_bits(), f64::NAN.to_bits());
        for x in [-700.0, -40.0, -1.0, -1e-9, 1e-300, 0.5, 3.0, 700.0_f64] {
            let ulps = of(x).to_bits().abs_diff(x.exp().to_bits());
            assert!(ulps as f64 <= x.abs() + 1.0, "exp({x}): {ulps} ulp");
        }
    }
}
