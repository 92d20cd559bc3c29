//! Sums and products of lanes with what rounding left: `high + low`, exactly.

use super::vector::Vector;

/// `a + b` and what rounding left.
#[inline(always)]
pub(super) fn sum<V: Vector>(a: V, b: V) -> (V, V) {
    let high = a.add(b);
    let b_part = high.sub(a);
    (high, a.sub(high.sub(b_part)).add(b.sub(b_part)))
}

/// The same where `a` is the larger, or 0.
#[inline(always)]
pub(super) fn quick_sum<V: Vector>(a: V, b: V) -> (V, V) {
    let high = a.add(b);
    (high, a.sub(high).add(b))
}

/// `a * b` and what rounding left.
#[inline(always)]
pub(super) fn product<V: Vector>(a: V, b: V) -> (V, V) {
    let high = a.mul(b);
    (high, a.mul_add(b, high.splat(0.0).sub(high)))
}

/// `(n + n_low) / (d + d_low)`, likewise.
#[inline(always)]
pub(super) fn quotient<V: Vector>((n, n_low): (V, V), (d, d_low): (V, V)) -> (V, V) {
    let high = n.div(d);
    let left = high.neg_mul_add(d, n).add(high.neg_mul_add(d_low, n_low));
    (high, left.div(d))
}

/// The square root of `x + x_low`, likewise; 0 of 0.
#[inline(always)]
pub(super) fn root<V: Vector>(x: V, x_low: V) -> (V, V) {
    let high = x.sqrt();
    let left = high.neg_mul_add(high, x).add(x_low);
    (high, left.div(high.splat(f64::MIN_POSITIVE).max(high.add(high))))
}

/// `|x|`
#[inline(always)]
pub(super) fn magnitude<V: Vector>(x: V) -> V {
    x.max(x.splat(0.0).sub(x))
}

/// `y` with the sign of `x`, and `x` itself where that is a zero or NaN, or of magnitude below `tiny`.
#[inline(always)]
pub(super) fn odd<V: Vector>(x: V, tiny: f64, y: V) -> V {
    let zero = x.splat(0.0);
    let signed = x.if_less(zero, zero.sub(y), y);
    x.splat(tiny).if_less(magnitude(x), signed, x)
}

/// The polynomial with these coefficients, from the constant on.
#[inline(always)]
pub(super) fn polynomial<V: Vector>(x: V, coefficients: &[f64]) -> V {
    let mut terms = coefficients.iter().rev();
    let mut y = x.splat(terms.next().copied().unwrap_or(0.0));
    for &term in terms {
        y = y.mul_add(x, x.splat(term));
    }
    y
}
