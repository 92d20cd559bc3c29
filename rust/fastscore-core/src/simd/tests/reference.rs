//! The exponential and the sigmoid to about 100 bits, by the arithmetic of
//! unevaluated sums of two `f64` (T. J. Dekker, 1971), to measure errors with.

/// `high + low`, with `high` the nearest `f64` to the sum.
#[derive(Clone, Copy, Debug)]
struct Double {
    high: f64,
    low: f64,
}

impl From<f64> for Double {
    fn from(high: f64) -> Self {
        Double { high, low: 0.0 }
    }
}

/// `a + b` exactly, for `|a| >= |b|`.
fn quick_sum(a: f64, b: f64) -> Double {
    let high = a + b;
    Double { high, low: b - (high - a) }
}

/// `a + b` exactly.
fn sum(a: f64, b: f64) -> Double {
    let high = a + b;
    let b_part = high - a;
    Double { high, low: (a - (high - b_part)) + (b - b_part) }
}

/// `a * b` exactly.
fn product(a: f64, b: f64) -> Double {
    let high = a * b;
    Double { high, low: a.mul_add(b, -high) }
}

impl Double {
    fn plus(self, other: Double) -> Double {
        let high = sum(self.high, other.high);
        let low = sum(self.low, other.low);
        let middle = quick_sum(high.high, high.low + low.high);
        quick_sum(middle.high, middle.low + low.low)
    }

    fn times(self, other: Double) -> Double {
        let p = product(self.high, other.high);
        let cross = self.high.mul_add(other.low, self.low * other.high);
        quick_sum(p.high, p.low + cross)
    }

    fn negative(self) -> Double {
        Double { high: -self.high, low: -self.low }
    }

    /// `1 / self`.
    fn inverse(self) -> Double {
        let first = 1.0 / self.high;
        let left = Double::from(1.0).plus(self.times(first.into()).negative());
        let second = left.high / self.high;
        let left = left.plus(self.times(second.into()).negative());
        quick_sum(first, second).plus(Double::from(left.high / self.high))
    }
}

/// `2^exponent`, for a normal result.
fn power_of_two(exponent: i32) -> f64 {
    assert!((-1022..=1023).contains(&exponent));
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// `(high + low) * 2^exponent`, with `high` not far from 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exact {
    value: Double,
    exponent: i32,
}

impl Exact {
    /// How far `computed` is away, in units of the last place that an `f64` near
    /// the exact value has.
    pub(super) fn error_in_ulp(self, computed: f64) -> f64 {
        let Double { high, low } = self.value;
        let mut binade = (high.to_bits() >> 52) as i32 - 1023;
        if high == power_of_two(binade) && low < 0.0 {
            binade -= 1;
        }
        let ulp = (binade + self.exponent).max(-1022) - 52;
        // Both now in units of 2^ulp. The product is exact: it is an integer.
        let up = -ulp;
        let computed = computed * power_of_two(up / 2) * power_of_two(up - up / 2);
        let scale = power_of_two(self.exponent - ulp);
        ((computed - high * scale) - low * scale).abs()
    }

    /// The nearest `f64`, if that is a normal number.
    pub(super) fn nearest(self) -> Option<f64> {
        let half = self.exponent / 2;
        let value = self.value.high * power_of_two(half) * power_of_two(self.exponent - half);
        value.is_normal().then_some(value)
    }
}

/// The inverse factorials `1/n!`, the coefficients of `exp`'s Taylor series.
pub(super) struct Reference {
    coefficients: Vec<Double>,
}

impl Reference {
    pub(super) fn new() -> Self {
        let mut coefficients = vec![Double::from(1.0)];
        for n in 1..=27 {
            let previous = coefficients[n - 1];
            coefficients.push(previous.times(Double::from(n as f64).inverse()));
        }
        Reference { coefficients }
    }

    /// `exp(x)`, within about `2^-100` of it, for `|x| < 1000`.
    pub(super) fn exp(&self, x: f64) -> Exact {
        let k = (x / std::f64::consts::LN_2).round_ties_even();
        let mut r = Double::from(x);
        // ln 2 in three parts.
        for part in [std::f64::consts::LN_2, 2.3190468138462996e-17, 5.707708438416212e-34] {
            r = r.plus(product(-k, part));
        }
        // |r|^28 / 28! < 2^-140
        let mut value = Double::from(0.0);
        for &coefficient in self.coefficients.iter().rev() {
            value = value.times(r).plus(coefficient);
        }
        Exact { value, exponent: k as i32 }
    }

    /// `1 / (1 + exp(a))`, for `|a| < 1000`.
    pub(super) fn sigmoid(&self, a: f64) -> Exact {
        let e = self.exp(a);
        // 2^-up / (2^-up + e 2^-up), with the larger summand near 1.
        let up = e.exponent.max(0);
        let scaled = |value: f64, exponent: i32| {
            if exponent < -1000 { 0.0 } else { value * power_of_two(exponent) }
        };
        let e = Double { high: scaled(e.value.high, e.exponent - up), low: scaled(e.value.low, e.exponent - up) };
        Exact { value: Double::from(scaled(1.0, -up)).plus(e).inverse(), exponent: -up }
    }
}

/// The reference against values computed with 400 bits: `x`, then `exp(x)` as
/// `(high + low) * 2^k`.
#[test]
#[allow(clippy::approx_constant, reason = "they are computed values")]
fn reference_is_accurate() {
    let known = [
        (1e-300, 0, 1.0, 1e-300),
        (-1e-17, 0, 1.0, -1e-17),
        (9.313225746154785e-10, 0, 1.0000000009313226, 4.33680869128834e-19),
        (0.1, 0, 1.1051709180756477, -8.149523913327619e-17),
        (-0.34657359027997264, 0, 0.7071067811865476, -4.013739792746569e-17),
        (0.34657359027997264, 0, 1.414213562373095, 1.0897353451090442e-16),
        (1.0, 1, 1.3591409142295225, 7.228234458646251e-17),
        (-1.0, -1, 0.7357588823428847, -2.4857507345576725e-17),
        (10.5, 15, 1.1082611900099681, 4.815054340783026e-17),
        (-37.42994775023705, -54, 0.9999999999999988, 3.1039952389330307e-17),
        (100.0, 144, 1.2053934152806935, -7.220059825741844e-17),
        (709.782712893384, 1024, 0.9999999999999762, 1.1733353192523864e-17),
        (-708.3964185322641, -1022, 1.0000000000000275, -5.811428946879045e-17),
        (-740.0, -1068, 1.3247037347498736, 1.4138024467924876e-17),
        (-745.13, -1075, 1.0032242888140637, -8.29955595485666e-17),
    ];
    let reference = Reference::new();
    for (x, exponent, high, low) in known {
        let found = reference.exp(x);
        let off = (found.value.high - high) + (found.value.low - low);
        assert_eq!(found.exponent, exponent, "{x:e}");
        assert!(off.abs() < 2f64.powi(-100), "exp({x:e}): {found:?}, {off:e} off");
    }
}
