//! Exponentials, logarithms and the sigmoid to about 100 bits, by the arithmetic of
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
        if self.value.high < 0.0 {
            return Exact { value: self.value.negative(), ..self }.error_in_ulp(-computed);
        }
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
        Exact { value: self.series(r), exponent: k as i32 }
    }

    /// `2^x`, within about `2^-100` of it, for `|x| < 1100`.
    pub(super) fn exp2(&self, x: f64) -> Exact {
        let k = x.round_ties_even();
        let ln2 = Double { high: std::f64::consts::LN_2, low: 2.3190468138462996e-17 };
        Exact { value: self.series(ln2.times((x - k).into())), exponent: k as i32 }
    }

    /// The exponential of a small `r`.
    fn series(&self, r: Double) -> Double {
        // |r|^28 / 28! < 2^-140
        let mut value = Double::from(0.0);
        for &coefficient in self.coefficients.iter().rev() {
            value = value.times(r).plus(coefficient);
        }
        value
    }

    /// `log(x)`, within about `2^-100` of it or of 1, for a normal `x`.
    pub(super) fn log(&self, x: f64) -> Exact {
        if (x - 1.0).abs() < 0.01 { small_log1p(x - 1.0) } else { self.improved(x.into(), x.ln()) }
    }

    /// `log(x * 2^k)`, likewise, where that is not near 0.
    pub(super) fn log_of_scaled(&self, x: f64, k: i32) -> Exact {
        let ln2 = Double { high: std::f64::consts::LN_2, low: 2.3190468138462996e-17 };
        let Exact { value, exponent } = self.log(x);
        Exact { value: value.plus(ln2.times(f64::from(k).into())), exponent }
    }

    /// `log(1 + x)`, likewise, for `x > -1` not nearer to 0 than 1e-100.
    pub(super) fn log1p(&self, x: f64) -> Exact {
        if x.abs() < 0.01 { small_log1p(x) } else { self.improved(sum(1.0, x), x.ln_1p()) }
    }

    /// The logarithm of `x`, by one step from a near value: `y + log(x exp(-y))`.
    fn improved(&self, x: Double, y: f64) -> Exact {
        let power = self.exp(-y);
        // Both factors near 1, as their product is.
        let half = -power.exponent / 2;
        let x = Double { high: x.high * power_of_two(-half), low: x.low * power_of_two(-half) };
        let rest = power_of_two(power.exponent + half);
        let power = Double { high: power.value.high * rest, low: power.value.low * rest };
        let d = x.times(power).plus(Double::from(-1.0));
        let square = d.times(d);
        let log = d.plus(square.times((-0.5).into()));
        Exact { value: log.plus(y.into()), exponent: 0 }
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

/// `log(1 + x)` by its series, for `|x| < 0.01`.
fn small_log1p(x: f64) -> Exact {
    let mut value = Double::from(0.0);
    // 0.01^18 < 2^-119
    for n in (1..=18).rev() {
        let term = Double::from(f64::from(n)).inverse();
        let term = if n % 2 == 0 { term.negative() } else { term };
        value = value.times(x.into()).plus(term);
    }
    Exact { value: value.times(x.into()), exponent: 0 }
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

/// The same of the other functions, as `x`, `high`, `low`; of `2^x`, divided by the
/// power of the nearest integer.
#[test]
#[allow(clippy::approx_constant, clippy::excessive_precision, reason = "they are computed values")]
fn reference_of_logarithms_is_accurate() {
    let reference = Reference::new();
    let check = |what: &str, x: f64, found: Exact, high: f64, low: f64| {
        let off = (found.value.high - high) + (found.value.low - low);
        assert!(off.abs() < 2f64.powi(-96) * high.abs(), "{what}({x:e}): {found:?}, {off:e} off");
    };
    let logs = [
        (0.1, -2.3025850929940455, -1.7150243628057985e-16),
        (0.5, -0.6931471805599453, -2.3190468138462996e-17),
        (0.999, -0.0010005003335835344, -2.5644777003677798e-20),
        (1.0000000000000002, 2.2204460492503128e-16, 3.649214750845877e-48),
        (1.0000001, 9.999999505838704e-08, 1.5249709528441489e-24),
        (1.02, 0.01980262729617973, 6.6459937439851015e-19),
        (3.0, 1.0986122886681098, -9.07129723500153e-17),
        (1e-300, -690.7755278982137, -2.3670096176709832e-14),
        (1.7e+308, 709.7268368932282, 3.0936421257994655e-14),
        (2.2250738585072014e-308, -708.3964185322641, -2.7475416721234714e-14),
    ];
    let log1ps = [
        (-0.9999999999999999, -36.7368005696771, -6.739832990259606e-16),
        (-0.5, -0.6931471805599453, -2.3190468138462996e-17),
        (-0.02, -0.02020270731751945, -2.9516290593256484e-19),
        (-1e-09, -1.0000000005000001e-09, 7.427230737157087e-26),
        (2.2e-16, 2.1999999999999998e-16, 4.519032881566224e-34),
        (0.009, 0.008959741371471904, -4.8269044140046904e-20),
        (0.3, 0.26236426446749106, -1.6067257209028454e-17),
        (1.0, 0.6931471805599453, 2.3190468138462996e-17),
        (12345.678, 9.42114231801815, 4.0238422688506066e-16),
        (1e+300, 690.7755278982137, 2.3747660028800243e-14),
    ];
    let powers = [
        (0.3, 1.2311444133449163, -3.572339831433251e-17),
        (-0.5, 0.7071067811865476, -4.833646656726457e-17),
        (0.5, 1.4142135623730951, -9.667293313452913e-17),
        (-1022.7, 1.2311444133448775, 2.504218990325687e-17),
        (1000.1, 1.07177346253631, 4.923079191449487e-17),
    ];
    for (x, high, low) in logs {
        check("log", x, reference.log(x), high, low);
    }
    for (x, high, low) in log1ps {
        check("log1p", x, reference.log1p(x), high, low);
    }
    for (x, high, low) in powers {
        check("exp2", x, reference.exp2(x), high, low);
    }
}
