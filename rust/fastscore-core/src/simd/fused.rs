//! The fused multiply-add of float32 in plain float64 arithmetic, for targets that have no instruction for it (x86-64 before
//! Haswell), where `f32::mul_add` calls a function for every number.
//!
//! ```text
//! p = f64(a) * f64(b)      exact
//! s = p + f64(c)           rounded to odd: an inexact sum becomes the one of its two neighbours whose last bit is set
//! f32(s)                   rounded to nearest, which is the nearest float32 to a b + c
//! ```
//!
//! # Why it is right
//!
//! * p is exact: two significands of 24 bits make one of at most 48 of float64's 53, and p is 0 or from 2^-298 to 2^256.
//! * The exact sum x = p + c is a multiple of 2^-298 and below 2^257, so float64 neither underflows nor overflows, and the
//!   error of a sum that is rounded to nearest is a float64 number, which six operations give (Knuth's TwoSum). What is
//!   beyond that number's sign is not used: the sum is cut towards 0, and its last bit set where it is inexact.
//! * Call a float64 number even where its last bit is 0. Where x is no float64 number, s is the odd one beside it, so x and s
//!   lie between the same two neighbouring even numbers. Every float32 number, and every midpoint of two neighbours among them,
//!   where rounding turns, has at most 25 significant bits and is even: subnormal numbers and their midpoints have fewer, and
//!   2^128 - 2^103, from which on numbers become infinite, has 25. So x and s are on the same side of each of them, neither on
//!   one, and are rounded alike.
//! * Where the sum is exact, s is x itself; where it is 0, it has the sign that a fused operation gives it, as p has the sign of
//!   the product. Where s is infinite or NaN, the error is NaN, which is neither below nor above 0, so that s stays as it is.
//!
//! It has no branch, and compilers make vector instructions of it. S. Boldo, G. Melquiond: Emulation of FMA and correctly
//! rounded sums: proved algorithms using rounding to odd. IEEE Transactions on Computers 57(4), 2008.

/// Whether the compiler has an instruction for it wherever the crate runs.
const IS_INSTRUCTION: bool = cfg!(any(target_feature = "fma", target_arch = "aarch64"));

/// `a * b + c`, rounded once: the same as [`f32::mul_add`] but for which NaN a NaN is.
#[inline(always)]
pub(super) fn mul_add(a: f32, b: f32, c: f32) -> f32 {
    if IS_INSTRUCTION { a.mul_add(b, c) } else { emulated(a, b, c) }
}

/// The same without the instruction.
#[inline(always)]
fn emulated(a: f32, b: f32, c: f32) -> f32 {
    sum_to_odd(f64::from(a) * f64::from(b), f64::from(c)) as f32
}

/// `a + b`, rounded to odd, of numbers whose sum neither overflows nor is subnormal.
#[inline(always)]
fn sum_to_odd(a: f64, b: f64) -> f64 {
    const SIGN: u64 = 1 << 63;
    let sum = a + b;
    let part = sum - a;
    let error = (a - (sum - part)) + (b - part);
    // Below 0 where the exact sum is nearer to 0 than `sum`: then the number before it is the exact sum cut towards 0.
    let outward = f64::from_bits(error.to_bits() ^ (sum.to_bits() & SIGN));
    let cut = sum.to_bits().wrapping_sub(u64::from(outward < 0.0));
    f64::from_bits(cut | u64::from(error.abs() > 0.0))
}

#[cfg(test)]
mod tests {
    use super::super::tests::Random;
    use super::emulated;

    /// Whether the emulation gives the bits of the operation itself; of a NaN only that it is one.
    fn is_right(a: f32, b: f32, c: f32) -> bool {
        let (found, due) = (emulated(a, b, c), a.mul_add(b, c));
        found.to_bits() == due.to_bits() || found.is_nan() && due.is_nan()
    }

    fn check(a: f32, b: f32, c: f32) {
        assert!(is_right(a, b, c), "{a:e} * {b:e} + {c:e}: {:e}, not {:e}", emulated(a, b, c), a.mul_add(b, c));
    }

    /// A float32 number of any bits.
    fn any(random: &mut Random) -> f32 {
        f32::from_bits(random.bits() as u32)
    }

    /// `2^e` for e from -149 on.
    fn two_to(e: i32) -> f32 {
        2f64.powi(e) as f32
    }

    #[test]
    fn numbers_of_any_bits() {
        let mut random = Random(1);
        for _ in 0..3_000_000 {
            let (a, b, c) = (any(&mut random), any(&mut random), any(&mut random));
            check(a, b, c);
            // Where neither of the two is far below the other.
            let near = f32::from_bits((c.to_bits() & 0x807f_ffff) | ((a * b).to_bits() & 0x7f80_0000));
            check(a, b, near);
            check(a, b, -a * b);
        }
    }

    #[test]
    fn special_numbers() {
        let magnitudes =
            [0.0, 1.0, 1.5, f32::MIN_POSITIVE, f32::EPSILON, f32::MAX, two_to(-149), two_to(64), two_to(127)];
        let mut all = vec![f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -f32::NAN];
        for x in magnitudes {
            all.extend([x, x.next_up(), x.next_down(), -x, -x.next_up(), -x.next_down()]);
        }
        for &a in &all {
            for &b in &all {
                for &c in &all {
                    check(a, b, c);
                }
            }
        }
    }

    /// Products that are half a unit in the last place of the addend, or that but for a millionth of a millionth of it: rounding
    /// to float64 first and to float32 then goes wrong.
    #[test]
    fn halfway_between_two_numbers() {
        let mut random = Random(2);
        let mut fooled = 0;
        for _ in 0..3_000_000 {
            // Of the exponents some are those of subnormal numbers, and some of the largest ones.
            let bits = random.bits();
            let exponent = match bits % 4 {
                0 => bits >> 8 & 1,
                1 => 254,
                _ => (bits >> 8) % 255,
            } as i32;
            let c = f32::from_bits((random.bits() as u32 & 0x807f_ffff) | (exponent as u32) << 23);
            let half = exponent.max(1) - 127 - 24;
            let (k, sign) = ((random.bits() % 128) as f32, if random.bits().is_multiple_of(2) { 1.0 } else { -1.0 });
            let a = (1.0 + k * f32::EPSILON) * two_to(half / 2);
            for other in [1.0 - k * f32::EPSILON, 1.0 + k * f32::EPSILON, 1.0] {
                let b = sign * other * two_to(half - half / 2);
                check(a, b, c);
                check(a, b * 3.0, c);
                let twice = (f64::from(a) * f64::from(b) + f64::from(c)) as f32;
                fooled += usize::from(twice.to_bits() != a.mul_add(b, c).to_bits());
            }
        }
        assert!(fooled > 100_000, "only {fooled} cases are hard");
    }
}
