//! The exponential.
//!
//! # Idea
//!
//! ```text
//! x   = min(max(x, -746), 710)      beyond, the result is 0 or infinite anyway
//! k   = round(128 x / ln 2) = 128 q + i, i from 0 to 127
//! r   = x - k ln 2 / 128            |r| <= ln 2 / 256
//! p   = t + r + r^2 (C2 + C3 r) + r^4 (C4 + C5 r)        h (1 + t) = 2^(i / 128)
//! exp = (h + h p) * 2^(q/2) * 2^(q - q/2)
//! ```
//!
//! `h + h p` is rounded once, and `h p` is below 1/256 of h, so that its own
//! errors weigh little. The power of two is applied in two steps because `2^q`
//! itself is not always a normal number. The first product is exact; the second
//! is too, or rounds once into the subnormals, or overflows, all as IEEE 754 has
//! it.
//!
//! # Error
//!
//! Measured against a reference of 100 bits: within 0.512 ulp where the result is
//! a normal number, and within 0.76 ulp where it is not (there `h + h p`'s own
//! rounding comes on top).
//!
//! # Sources
//!
//! The algorithm and its constants are S. Nagy's, from Arm's optimized routines,
//! which is the `exp` of glibc since 2.28. With every sum of a product fused, as
//! glibc has it on processors with fused multiply-add, the bits are glibc's
//! wherever the result is normal: so are those of the sources that call it.

use super::exp_table::POWERS;
use super::level::{self, Level};
use super::vector::{MAX_LANES, Vector, Work, load_some, store_some};

/// Replaces each value by its exponential; the same bits on every [`Level`].
///
/// All of `f64` is the domain. The result is within 0.52 ulp of the exact value
/// where that is a normal number, and within 0.77 of `2^-1074` below. It is 1
/// for both zeros, infinite above `ln(f64::MAX)`, 0 for negative infinity, and
/// [`f64::NAN`] for every NaN.
pub fn exp(level: Level, xs: &mut [f64]) {
    level::run(level, Each(xs, Exp));
}

/// A function of one value, over vectors.
pub(super) trait Function: Copy {
    /// The function of each lane. Implementations are `#[inline(always)]`.
    fn of<V: Vector>(self, x: V) -> V;
}

/// The work of putting a function's value in place of each value of a slice.
pub(super) struct Each<'a, F>(pub(super) &'a mut [f64], pub(super) F);

impl<F: Function> Work for Each<'_, F> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Each(xs, function) = self;
        let mut groups = xs.chunks_exact_mut(V::LANES);
        for group in &mut groups {
            // SAFETY: the caller vouches for the processor.
            let x = unsafe { V::load(group) };
            function.of(x).store(group);
        }
        // A loop of its own keeps the constants of the other in registers.
        let rest = groups.into_remainder();
        if !rest.is_empty() {
            // SAFETY: the caller vouches for the processor.
            let x = unsafe { load_some::<V>(rest) };
            store_some(function.of(x), rest);
        }
    }
}

#[derive(Clone, Copy)]
struct Exp;

impl Function for Exp {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        exp_lanes(x).canonical()
    }
}

/// `exp` is 0 from here down (from -745.13 on, in truth) ...
const LOWEST: f64 = -746.0;
/// ... and infinite from here up (from 709.78 on, in truth).
const HIGHEST: f64 = 710.0;

/// `128 / ln 2`
const INVERSE: f64 = std::f64::consts::LOG2_E * 128.0;
/// `ln 2 / 128` in two parts: the upper one has so few bits that its product with `k` is exact.
const HIGH: f64 = f64::from_bits(0x3f76_2e42_fefa_0000);
const LOW: f64 = f64::from_bits(0x3d0c_f79a_bc9e_3b39);
/// `(exp(r) - 1 - r) / r^2`, from `r^0` on.
const C: [f64; 4] = [
    f64::from_bits(0x3fdf_ffff_ffff_fdbd),
    f64::from_bits(0x3fc5_5555_5555_543c),
    f64::from_bits(0x3fa5_5555_cf17_2b91),
    f64::from_bits(0x3f81_1111_67a4_d017),
];
/// Added to a number of magnitude below `2^50` it rounds it to an integer, which the sum's low bits hold.
const TO_INTEGER: f64 = 6755399441055744.0;

/// Added to a number of magnitude below `2^50` it rounds it to an integer, whose
/// low bits, biased as an exponent is, are then the sum's low bits.
pub(super) const TO_EXPONENT: f64 = 6755399441055744.0 + 1023.0;

/// The exponential of each lane; a NaN gives some NaN.
#[inline(always)]
pub(super) fn exp_lanes<V: Vector>(x: V) -> V {
    let c = |value: f64| x.splat(value);

    // The constants come first: so a NaN in `x` is what remains.
    let x = c(HIGHEST).min(c(LOWEST).max(x));

    let shifted = x.mul_add(c(INVERSE), c(TO_INTEGER));
    let k = shifted.sub(c(TO_INTEGER));
    let r = k.neg_mul_add(c(LOW), k.neg_mul_add(c(HIGH), x));

    let (mut lanes, mut tails, mut heads, mut places) =
        ([0.0; MAX_LANES], [0.0; MAX_LANES], [0.0; MAX_LANES], [0.0; MAX_LANES]);
    shifted.store(&mut lanes[..V::LANES]);
    // A plain loop: see `Work`.
    for lane in 0..V::LANES {
        let place = (lanes[lane].to_bits() & 127) as usize;
        let (tail, head) = POWERS[place];
        tails[lane] = f64::from_bits(tail);
        heads[lane] = f64::from_bits(head);
        places[lane] = place as f64;
    }
    // SAFETY: holding `x` means that the processor has what `V` needs.
    let (tail, head, place) =
        unsafe { (V::load(&tails[..V::LANES]), V::load(&heads[..V::LANES]), V::load(&places[..V::LANES])) };

    let r2 = r.mul(r);
    let low = r.mul_add(c(C[1]), c(C[0]));
    let high = r.mul_add(c(C[3]), c(C[2]));
    let p = r2.mul(r2).mul_add(high, r2.mul_add(low, tail.add(r)));
    let y = head.mul_add(p, head);

    let q = k.sub(place).mul(c(1.0 / 128.0));
    times_power_of_two(y, q, q.add(c(TO_EXPONENT)))
}

/// `y * 2^k`, given `k` and `k + TO_EXPONENT`.
#[inline(always)]
pub(super) fn times_power_of_two<V: Vector>(y: V, k: V, k_bits: V) -> V {
    // 2^k in two factors: half of k, rounded to an integer, and the rest of it.
    let to_exponent = y.splat(TO_EXPONENT);
    let half_bits = k.mul_add(y.splat(0.5), to_exponent);
    let rest_bits = k_bits.sub(half_bits.sub(to_exponent));
    y.mul(half_bits.low_bits_to_exponent()).mul(rest_bits.low_bits_to_exponent())
}
