//! `log`, `log1p`, `exp2`, and what is made of them: errors against [`Reference`],
//! special values, and the functions of `f32`.

use super::accuracy::Worst;
use super::reference::Reference;
use super::{Level, Random, bits, specials};
use crate::simd::{exp_f32, exp2, log, log1p, log1p_exp, logit, sigmoid_f32, softmax_f32};

fn of(function: impl Fn(Level, &mut [f64]), x: f64) -> f64 {
    let mut y = [x];
    // One level will do: another test shows that the bits are the same.
    function(Level::detect(), &mut y);
    y[0]
}

fn check_all(what: &str, function: impl Fn(Level, &mut [f64]), cases: &[(f64, f64)]) {
    for &(x, expected) in cases {
        let found = of(&function, x);
        assert_eq!(found.to_bits(), expected.to_bits(), "{what}({x:e}) is {found:e}, {expected:e} is due");
    }
}

/// A number of any binade from `2^low` to `2^high`.
fn of_any_binade(random: &mut Random, low: i32, high: i32) -> f64 {
    let exponent = low + (random.bits() % (high - low) as u64) as i32;
    random.between(1.0, 2.0) * 2f64.powi(exponent)
}

#[test]
fn log_is_accurate() {
    let reference = Reference::new();
    let mut random = Random(11);
    let mut xs: Vec<f64> = specials().into_iter().filter(|x| x.is_normal() && *x > 0.0).collect();
    for _ in 0..200_000 {
        xs.push(of_any_binade(&mut random, -1022, 1023));
        xs.push(random.between(0.5, 2.0));
        xs.push(1.0 + random.between(-1.0, 1.0) * 2f64.powi(-((random.bits() % 53) as i32)));
        // Where the exponent changes.
        xs.push(2f64.sqrt() * 2f64.powi((random.bits() % 9) as i32 - 4) * (1.0 + random.between(-1e-9, 1e-9)));
    }
    let mut ys = xs.clone();
    log(Level::detect(), &mut ys);
    let mut worst = Worst::default();
    for (&x, &y) in xs.iter().zip(&ys).filter(|(x, _)| **x != 1.0) {
        worst.note(reference.log(x).error_in_ulp(y), x);
    }
    worst.check("log", 0.53);

    // A subnormal number is a normal one by a power of two.
    let (mut subnormal, up) = (Worst::default(), 2f64.powi(54));
    for _ in 0..50_000 {
        let x = f64::from_bits(random.bits() >> (12 + random.bits() % 51));
        if x > 0.0 {
            let exact = reference.log_of_scaled(x * up, -54);
            subnormal.note(exact.error_in_ulp(of(log, x)), x);
        }
    }
    subnormal.check("log, subnormal", 0.53);
}

#[test]
fn log1p_is_accurate() {
    let reference = Reference::new();
    let mut random = Random(12);
    let mut xs: Vec<f64> = specials().into_iter().filter(|x| *x > -1.0 && x.is_finite() && x.abs() > 1e-100).collect();
    for _ in 0..200_000 {
        xs.push(of_any_binade(&mut random, -80, 1023));
        xs.push(-of_any_binade(&mut random, -80, -1));
        xs.push(random.between(-1.0, 1.0));
        xs.push(random.between(-0.3, 0.42));
        xs.push(of_any_binade(&mut random, -3, 60));
        xs.push(-1.0 + of_any_binade(&mut random, -52, -1));
        // Where the exponent changes, and sums whose rounding leaves half an ulp.
        xs.push(2f64.sqrt() * 2f64.powi((random.bits() % 9) as i32 - 1) * (1.0 + random.between(-1e-9, 1e-9)) - 1.0);
        xs.push(2f64.powi((random.bits() % 60) as i32) - 1.0 + random.between(-1e-3, 1e-3));
    }
    xs.retain(|&x| x > -1.0 && x.abs() > 1e-100);
    let mut ys = xs.clone();
    log1p(Level::detect(), &mut ys);
    let mut worst = Worst::default();
    for (&x, &y) in xs.iter().zip(&ys) {
        worst.note(reference.log1p(x).error_in_ulp(y), x);
    }
    worst.check("log1p", 0.53);
}

#[test]
fn exp2_is_accurate() {
    let reference = Reference::new();
    let mut random = Random(13);
    let (mut normal, mut subnormal) = (Worst::default(), Worst::default());
    let mut xs: Vec<f64> = specials().into_iter().filter(|x| (-1075.0..1024.0).contains(x)).collect();
    for _ in 0..400_000 {
        xs.push(random.between(-1022.0, 1024.0));
        xs.push(random.between(-1.0, 1.0));
        xs.push(random.between(-1.0, 1.0) * 2f64.powi(-((random.bits() % 80) as i32)));
        xs.push(random.between(-2.0, 2.0).round() / 2.0 + random.between(-1e-3, 1e-3));
    }
    for _ in 0..100_000 {
        xs.push(random.between(-1075.0, -1021.0));
    }
    let mut ys = xs.clone();
    exp2(Level::detect(), &mut ys);
    for (&x, &y) in xs.iter().zip(&ys) {
        let worst = if x >= -1022.0 { &mut normal } else { &mut subnormal };
        worst.note(reference.exp2(x).error_in_ulp(y), x);
    }
    normal.check("exp2, normal", 0.505);
    subnormal.check("exp2, subnormal", 0.76);
    for k in -1074..1024 {
        let expected =
            if k < -1022 { f64::from_bits(1 << (k + 1074)) } else { f64::from_bits(((k + 1023) as u64) << 52) };
        assert_eq!(of(exp2, f64::from(k)), expected, "2^{k}");
    }
}

#[test]
fn special_values() {
    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    let tiny = f64::from_bits(1);
    let same = [NAN, -NAN, f64::from_bits(0xfff0_0000_0000_0123), f64::from_bits(0x7ff0_0000_0000_0001)];
    for function in [log, log1p, exp2, log1p_exp, logit, exp_f32] {
        check_all("function", function, &same.map(|nan| (nan, NAN)));
    }
    let cases =
        [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (INF, INF), (-INF, NAN), (-1.0, NAN), (-tiny, NAN), (f64::MIN, NAN)];
    check_all("log", log, &cases);
    let cases = [
        (0.0, 0.0),
        (-0.0, -0.0),
        (-1.0, -INF),
        (INF, INF),
        (-INF, NAN),
        ((-1f64).next_down(), NAN),
        (f64::MIN, NAN),
        (tiny, tiny),
        (-tiny, -tiny),
        (1e-310, 1e-310),
        (-1e-200, -1e-200),
        (f64::MIN_POSITIVE, f64::MIN_POSITIVE),
    ];
    check_all("log1p", log1p, &cases);
    let cases = [
        (0.0, 1.0),
        (-0.0, 1.0),
        (INF, INF),
        (-INF, 0.0),
        (f64::MAX, INF),
        (f64::MIN, 0.0),
        (1024.0, INF),
        (-1075.0, 0.0),
        ((-1075f64).next_up(), tiny),
        (tiny, 1.0),
    ];
    check_all("exp2", exp2, &cases);
    check_all(
        "log1p_exp",
        log1p_exp,
        &[(-INF, 0.0), (INF, INF), (710.0, INF), (-1e4, 0.0), (0.0, std::f64::consts::LN_2)],
    );
    let cases = [
        (0.0, -INF),
        (-0.0, -INF),
        (1.0, INF),
        (0.5, 0.0),
        (-tiny, NAN),
        (1f64.next_up(), NAN),
        (INF, NAN),
        (-INF, NAN),
    ];
    check_all("logit", logit, &cases);
}

/// Against the nearest `f64` to the exact value: the composition's own roundings weigh.
#[test]
fn log1p_exp_and_logit_are_near_libm() {
    let mut random = Random(14);
    for _ in 0..100_000 {
        let x = random.between(-40.0, 40.0);
        let expected = x.exp().ln_1p();
        assert!(of(log1p_exp, x).to_bits().abs_diff(expected.to_bits()) <= 2, "log1p_exp({x:e})");
        let x = random.between(0.0, 1.0);
        let s = 2.0 * (x - 0.5);
        let expected = if (0.3..=0.65).contains(&x) { s.ln_1p() - (-s).ln_1p() } else { (x / (1.0 - x)).ln() };
        assert!(of(logit, x).to_bits().abs_diff(expected.to_bits()) <= 2, "logit({x:e})");
    }
}

/// The functions of `f32` against their formulas in `f32` arithmetic.
#[test]
fn narrow_functions_are_their_formulas() {
    let mut random = Random(15);
    let exp = |x: f32| of(exp_f32, x.into()) as f32;
    for i in 0..100_000 {
        let x = if i % 2 == 0 { random.between(-110.0, 110.0) as f32 } else { f32::from_bits(random.bits() as u32) };
        let exact = of(crate::simd::exp, x.into());
        if exact.is_nan() || exact > f64::from(f32::MAX) || exact < f64::from(f32::MIN_POSITIVE) {
            assert!((exact as f32).to_bits().abs_diff(exp(x).to_bits()) <= 1 || x.is_nan(), "exp_f32({x:e})");
        } else {
            let ulp = f64::from(f32::EPSILON) * 2f64.powi(exact.log2().floor() as i32);
            assert!((f64::from(exp(x)) - exact).abs() <= 0.502 * ulp, "exp_f32({x:e})");
        }
        let power = if 88.7 < -x { 88.7 } else { -x };
        let expected = canonical(1.0 / (exp(power) + 1.0f32 + 1e-16f32));
        let found = of(|level, xs| sigmoid_f32(level, 1.0, xs), x.into());
        assert_eq!(found.to_bits(), expected.to_bits(), "sigmoid_f32({x:e})");

        let row: Vec<f32> = (0..3).map(|_| random.between(-20.0, 20.0) as f32).collect();
        let max = row.iter().copied().fold(row[0], f32::max);
        let powers: Vec<f32> = row.iter().map(|x| exp(x - max)).collect();
        let sum = powers.iter().fold(0.0f64, |sum, &e| sum + f64::from(e)) as f32;
        let expected: Vec<f64> = powers.iter().map(|e| f64::from(e / sum)).collect();
        let mut found: Vec<[f64; 1]> = row.iter().map(|&x| [x.into()]).collect();
        let mut columns: Vec<&mut [f64]> = found.iter_mut().map(|x| x.as_mut_slice()).collect();
        softmax_f32(Level::detect(), &mut columns);
        assert_eq!(bits(&found.concat()), bits(&expected), "softmax_f32({row:?})");
    }
}

/// Values that the nearest `f32` is not: computed by glibc 2.36's `expf`.
#[test]
fn exp_f32_is_that_of_glibc() {
    let cases: [(u32, u32); 24] = [
        (0x3f3008cf, 0x3ffe97b6),
        (0xc0492d22, 0x3d30b02d),
        (0xc01248da, 0x3dd049c4),
        (0xc01409c1, 0x3dcaa8a6),
        (0xc0a1fe25, 0x3bcf7588),
        (0x3f97c52f, 0x405178bb),
        (0x3f9f0bfa, 0x405db980),
        (0xbfcc59f1, 0x3e4f77ce),
        (0xc087c6ac, 0x3c6b58b0),
        (0xc0b46c6a, 0x3b694098),
        (0x40403455, 0x41a132c8),
        (0xc02efb8f, 0x3d8505a7),
        (0xbfb1dd39, 0x3e7f2a18),
        (0xc13ccc0e, 0x36fbdb65),
        (0x40969946, 0x42dd43a1),
        (0x3e09631d, 0x3f9260f6),
        (0xc10fe740, 0x39023059),
        (0xbf9180ed, 0x3ea447e7),
        (0xc010f999, 0x3dd49818),
        (0x3fbd9628, 0x408cbc3d),
        (0xc128fce0, 0x37d929b9),
        (0x3fa20330, 0x4062ebfa),
        (0x3d5fe93d, 0x3f873127),
        (0x4066a2d6, 0x4212ef17),
    ];
    for (x, y) in cases {
        let found = of(exp_f32, f32::from_bits(x).into()) as f32;
        assert_eq!(found.to_bits(), y, "exp_f32({:e})", f32::from_bits(x));
    }
}

fn canonical(x: f32) -> f64 {
    if x.is_nan() { f64::NAN } else { x.into() }
}
