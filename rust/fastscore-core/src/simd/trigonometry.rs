//! Sine, cosine and tangent.
//!
//! # Idea
//!
//! ```text
//! x = k pi/2 + r        |r| <= pi/4, r with what its rounding left
//! ```
//!
//! Up to `2^20` pi/2 is taken in three parts, whose products with `k` are exact sums of two numbers. For larger numbers the
//! product with 2/pi is taken in integers, of those 192 bits of 2/pi that decide (M. Payne, R. Hanek, 1983): rare enough to be
//! done lane by lane, and only in calls that have such numbers.

use super::exp::{Each, Function};
use super::level::{self, Level};
use super::pair::{magnitude, polynomial, product, quick_sum, quotient, sum};
use super::vector::{MAX_LANES, Vector};

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident = $kind:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// All of `f64` is the domain. The result is [`f64::NAN`] for infinities and every NaN.
        pub fn $name(level: Level, xs: &mut [f64]) {
            let far = xs.iter().fold(false, |far, x| far | (x.abs() > NEAR));
            level::run(level, Each(xs, Trigonometric { kind: Kind::$kind, far }));
        }
    )*};
}

functions! {
    /// Replaces each value by its sine, within 0.65 ulp of the exact value; the same bits on every [`Level`].
    sin = Sin;
    /// Replaces each value by its cosine, within 0.65 ulp of the exact value; the same bits on every [`Level`].
    cos = Cos;
    /// Replaces each value by its tangent, within 0.75 ulp of the exact value; the same bits on every [`Level`].
    tan = Tan;
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sin,
    Cos,
    Tan,
}

#[derive(Clone, Copy)]
struct Trigonometric {
    kind: Kind,
    /// Whether there are numbers beyond [`NEAR`].
    far: bool,
}

/// Up to here the reduction is done by vectors.
const NEAR: f64 = 1048576.0;
/// Added to a number of magnitude below `2^50` it rounds it to an integer.
const TO_INTEGER: f64 = 6755399441055744.0;
const TWO_OVER_PI: f64 = std::f64::consts::FRAC_2_PI;
/// `pi / 2`
const HALF_PI: [f64; 3] = [std::f64::consts::FRAC_PI_2, 6.123233995736766e-17, -1.4973849048591698e-33];

/// `(sin(r) - r) / r^3` in powers of `r^2`, for `|r| <= 0.7854`, within 2^-54.
const SIN: [f64; 7] = [
    -0.16666666666666666,
    0.008333333333333331,
    -0.00019841269841265065,
    2.7557319219338875e-06,
    -2.505210623234594e-08,
    1.6058531602876344e-10,
    -7.586696168072366e-13,
];
/// `(cos(r) - 1 + r^2 / 2) / r^4`, likewise.
const COS: [f64; 6] = [
    0.041666666666666664,
    -0.0013888888888887398,
    2.480158729876551e-05,
    -2.755731727163763e-07,
    2.0876146249194634e-09,
    -1.1382631041621262e-11,
];

#[inline(always)]
fn round<V: Vector>(x: V) -> V {
    x.add(x.splat(TO_INTEGER)).sub(x.splat(TO_INTEGER))
}

/// `k` and `r`.
#[inline(always)]
fn reduce<V: Vector>(x: V, far: bool) -> (V, (V, V)) {
    let c = |value: f64| x.splat(value);
    let k = round(x.mul(c(TWO_OVER_PI)));
    // The first difference is exact: what cancels are the upper bits.
    let first = k.neg_mul_add(c(HALF_PI[0]), x);
    let (second, second_low) = product(k, c(HALF_PI[1]));
    let (r, left) = sum(first, c(0.0).sub(second));
    let low = k.neg_mul_add(c(HALF_PI[2]), left.sub(second_low));
    let (r, r_low) = quick_sum(r, low);
    if !far {
        return (k, (r, r_low));
    }
    let mut lanes = [[0.0; MAX_LANES]; 4];
    for (lanes, values) in lanes.iter_mut().zip([x, k, r, r_low]) {
        values.store(&mut lanes[..V::LANES]);
    }
    let [xs, ks, rs, lows] = &mut lanes;
    for (((&mut x, k), r), r_low) in xs.iter_mut().zip(ks).zip(rs).zip(lows) {
        if x.abs() > NEAR && x.is_finite() {
            (*k, *r, *r_low) = reduce_far(x);
        }
    }
    // SAFETY: holding `x` means that the processor has what `V` needs.
    let [_, k, r, r_low] = lanes.map(|lanes| unsafe { V::load(&lanes[..V::LANES]) });
    (k, (r, r_low))
}

/// The binary digits of `2 / pi` behind the point.
const DIGITS: [u64; 20] = [
    0xa2f9836e4e441529,
    0xfc2757d1f534ddc0,
    0xdb6295993c439041,
    0xfe5163abdebbc561,
    0xb7246e3a424dd2e0,
    0x06492eea09d1921c,
    0xfe1deb1cb129a73e,
    0xe88235f52ebb4484,
    0xe99c7026b45f7e41,
    0x3991d639835339f4,
    0x9c845f8bbdf9283b,
    0x1ff897ffde05980f,
    0xef2f118b5a0a6d1f,
    0x6d367ecf27cb09b7,
    0x4f463f669e5fea2d,
    0x7527bac7ebe5f17b,
    0x3d0739f78a5292ea,
    0x6bfb5fb11f8d5d08,
    0x56033046fc7b6bab,
    0xf0cfbc209af4361d,
];

/// `k`, modulo 4, and `r` of a finite number beyond [`NEAR`].
///
/// ```text
/// |x| = m 2^e           m of 53 bits
/// |x| 2/pi = m 2^e (digits), of which those above 4 do not matter:
/// from digit e - 2 on, 192 digits w: m w / 2^190 modulo 4
/// ```
fn reduce_far(x: f64) -> (f64, f64, f64) {
    let bits = x.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i64 - 1075;
    let m = bits & ((1 << 52) - 1) | 1 << 52;
    // Digit i (from 1) counts 2^-i; m 2^(exponent - i) is a multiple of 4 up to digit exponent - 2. Below 0 are zeros.
    let skip = exponent - 2;
    let word = |from: i64| -> u64 {
        let at = |index: i64| usize::try_from(index).ok().and_then(|index| DIGITS.get(index)).copied().unwrap_or(0);
        let (index, shift) = (from.div_euclid(64), from.rem_euclid(64) as u32);
        match shift {
            0 => at(index),
            shift => at(index) << shift | at(index + 1) >> (64 - shift),
        }
    };
    let words = [word(skip), word(skip + 64), word(skip + 128)];
    // The lower 192 bits of the product, from the least word.
    let low = u128::from(m) * u128::from(words[2]);
    let middle = u128::from(m) * u128::from(words[1]) + (low >> 64);
    let high = m.wrapping_mul(words[0]).wrapping_add((middle >> 64) as u64);
    // high's upper two bits are k modulo 4; what follows is the fraction, in 128 bits.
    let fraction = u128::from(high) << 66 | (middle & u128::from(u64::MAX)) << 2 | (low as u64 >> 62) as u128;
    let mut k = (high >> 62) as f64;
    let mut left = fraction as i128;
    if left < 0 {
        // Above one half: from the next one down. As a signed number it is less 2^128 already.
        k += 1.0;
    }
    let negative = left < 0;
    left = if negative { left.wrapping_neg() } else { left };
    let size = left as u128;
    let zeros = size.leading_zeros().min(127);
    // The upper 53 bits, and the next ones.
    let normal = size << zeros;
    let upper = (normal >> 75) as u64;
    let lower = (normal >> 22) as u64 & ((1 << 53) - 1);
    let scale = |bits: u64, shift: i32| bits as f64 * 2f64.powi(-shift);
    let (f, f_low) = (scale(upper, 53 + zeros as i32), scale(lower, 106 + zeros as i32));
    let r = f * HALF_PI[0];
    let r_low = f.mul_add(HALF_PI[0], -r) + f.mul_add(HALF_PI[1], f_low * HALF_PI[0]);
    let (r, r_low) = (r + r_low, (r - (r + r_low)) + r_low);
    if negative != (x < 0.0) {
        (if x < 0.0 { -k } else { k }, -r, -r_low)
    } else {
        (if x < 0.0 { -k } else { k }, r, r_low)
    }
}

/// The sine of `r`.
#[inline(always)]
fn sin_of<V: Vector>((r, r_low): (V, V)) -> (V, V) {
    let z = r.mul(r);
    // The derivative, 1 - r^2/2, counts for what is left of r.
    let low = z.mul(z.splat(0.5)).neg_mul_add(r_low, r_low);
    let low = r.mul(z).mul_add(polynomial(z, &SIN), low);
    quick_sum(r, low)
}

/// The cosine of `r`.
#[inline(always)]
fn cos_of<V: Vector>((r, r_low): (V, V)) -> (V, V) {
    let c = |value: f64| r.splat(value);
    let (z, z_low) = product(r, r);
    let half = z.mul(c(0.5));
    let (one, left) = quick_sum(c(1.0), c(0.0).sub(half));
    let low = z_low.neg_mul_add(c(0.5), left);
    let low = r.neg_mul_add(r_low, low);
    quick_sum(one, z.mul(z).mul_add(polynomial(z, &COS), low))
}

impl Function for Trigonometric {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        let c = |value: f64| x.splat(value);
        let (k, r) = reduce(x, self.far);
        // k modulo 4, for the cosine of the next quarter, and whether that is odd.
        let k = if self.kind == Kind::Cos { k.add(c(1.0)) } else { k };
        let n = round(k.sub(c(1.5)).mul(c(0.25))).neg_mul_add(c(4.0), k);
        let p = round(n.sub(c(0.5)).mul(c(0.5))).neg_mul_add(c(2.0), n);
        let (sin, cos) = (sin_of(r), cos_of(r));
        let pick = |odd: V, even: V| c(0.5).if_less(p, odd, even);
        let zero = c(0.0);
        let y = if self.kind == Kind::Tan {
            let above = (pick(cos.0, sin.0), pick(cos.1, sin.1));
            let below = (pick(zero.sub(sin.0), cos.0), pick(zero.sub(sin.1), cos.1));
            let (y, low) = quotient(above, below);
            y.add(low)
        } else {
            let y = pick(cos.0, sin.0).add(pick(cos.1, sin.1));
            c(1.5).if_less(n, zero.sub(y), y)
        };
        if self.kind == Kind::Cos {
            return y.canonical();
        }
        // Where x^2 is nothing beside 1 the sign of a zero stays.
        magnitude(x).if_less(c(1.0 / 134217728.0), x, y).canonical()
    }
}
