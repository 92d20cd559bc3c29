//! Errors of functions at the numbers of `functions.txt`, whose values mpmath computed (`functions.py`).
//!
//! `FASTSCORE_FUNCTIONS=PATH` takes another file of that kind.

use super::accuracy::Worst;
use super::{Level, bits, levels, specials};
use crate::simd::*;

type Slices = fn(Level, &mut [f64]);

/// Each function with the bound that its documentation states, in ulp.
const FUNCTIONS: [(&str, Slices, f64); 18] = [
    ("expm1", expm1, 0.53),
    ("log2", log2, 0.53),
    ("log10", log10, 0.53),
    ("sin", sin, 0.65),
    ("cos", cos, 0.65),
    ("tan", tan, 0.75),
    ("tanh", tanh, 0.53),
    ("sinh", sinh, 0.54),
    ("cosh", cosh, 0.53),
    ("arctan", arctan, 0.53),
    ("arcsin", arcsin, 0.55),
    ("arccos", arccos, 0.55),
    ("arcsinh", arcsinh, 0.54),
    ("arccosh", arccosh, 0.54),
    ("arctanh", arctanh, 0.54),
    ("cbrt", cbrt, 0.51),
    ("erf", erf, 0.58),
    ("ndtri", ndtri, 8.0),
];

/// A line of the file: function, number, and how far its nearest float64 and the value are, in ulp.
struct Case {
    name: String,
    x: f64,
    nearest: f64,
    lacks: f64,
}

fn cases() -> Vec<Case> {
    let text = match std::env::var_os("FASTSCORE_FUNCTIONS") {
        Some(path) => std::fs::read_to_string(path).unwrap(),
        None => include_str!("functions.txt").to_string(),
    };
    let number = |digits: &str| f64::from_bits(u64::from_str_radix(digits, 16).unwrap());
    let case = |line: &str| {
        let [name, x, nearest, lacks] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        Case {
            name: name.into(),
            x: number(x),
            nearest: number(nearest),
            lacks: lacks.parse::<f64>().unwrap() / 65536.0,
        }
    };
    text.lines().map(case).collect()
}

/// Units of the last place from `from` to `to`, which are near each other.
fn distance(from: f64, to: f64) -> f64 {
    let ordered = |x: f64| if x < 0.0 { i64::MIN.wrapping_sub(x.to_bits() as i64) } else { x.to_bits() as i64 };
    if to.is_nan() {
        f64::NAN
    } else {
        i128::from(ordered(to)).abs_diff(i128::from(ordered(from))) as f64
            * if ordered(to) < ordered(from) { -1.0 } else { 1.0 }
    }
}

#[test]
fn functions_are_accurate() {
    let cases = cases();
    for (name, function, bound) in FUNCTIONS {
        let (mut normal, mut subnormal) = (Worst::default(), Worst::default());
        for Case { x, nearest, lacks, .. } in cases.iter().filter(|case| case.name == name) {
            let mut y = [*x];
            function(Level::detect(), &mut y);
            let worst = if nearest.is_normal() { &mut normal } else { &mut subnormal };
            worst.note((distance(*nearest, y[0]) - lacks).abs(), *x);
        }
        assert!(std::env::var_os("FASTSCORE_FUNCTIONS").is_some() || normal.count() > 30, "{name} has no values");
        normal.check(name, bound);
        subnormal.check(&format!("{name}, subnormal"), 0.77);
    }
}

#[test]
fn every_level_gives_the_same_bits() {
    let mut xs = specials();
    xs.extend(cases().iter().map(|case| case.x));
    for (name, function, _) in FUNCTIONS {
        let mut expected = xs.clone();
        function(Level::Portable, &mut expected);
        for level in levels("functions") {
            let mut ys = xs.clone();
            function(level, &mut ys);
            assert_eq!(bits(&ys), bits(&expected), "{name} at {level}");
            // One at a time: neither place nor neighbours count.
            for (x, y) in xs.iter().zip(&expected) {
                let mut one = [*x];
                function(level, &mut one);
                assert_eq!(one[0].to_bits(), y.to_bits(), "{name}({x:e}) at {level}");
            }
        }
    }
}

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// A function, and pairs of a number and its value.
type Values<'a> = (&'a str, Slices, &'a [(f64, f64)]);

#[test]
fn functions_of_special_values() {
    let cases: [Values; 19] = [
        (
            "expm1",
            expm1,
            &[(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1.0), (710.0, INF), (-50.0, -1.0), (5e-324, 5e-324)],
        ),
        (
            "log2",
            log2,
            &[(0.0, -INF), (-0.0, -INF), (-1.0, NAN), (INF, INF), (1.0, 0.0), (8.0, 3.0), (5e-324, -1074.0)],
        ),
        (
            "log10",
            log10,
            &[(0.0, -INF), (-1.0, NAN), (INF, INF), (1.0, 0.0), (1000.0, 3.0), (1e22, 22.0), (1e-3, -3.0)],
        ),
        ("sin", sin, &[(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (5e-324, 5e-324)]),
        ("cos", cos, &[(0.0, 1.0), (-0.0, 1.0), (INF, NAN), (-INF, NAN)]),
        ("tan", tan, &[(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN)]),
        ("tanh", tanh, &[(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (20.0, 1.0), (1e300, 1.0)]),
        ("sinh", sinh, &[(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (711.0, INF), (-1e300, -INF)]),
        ("cosh", cosh, &[(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, INF), (711.0, INF)]),
        (
            "arctan",
            arctan,
            &[(0.0, 0.0), (-0.0, -0.0), (INF, std::f64::consts::FRAC_PI_2), (-INF, -std::f64::consts::FRAC_PI_2)],
        ),
        (
            "arcsin",
            arcsin,
            &[(0.0, 0.0), (-0.0, -0.0), (1.0, std::f64::consts::FRAC_PI_2), (1.0f64.next_up(), NAN), (-INF, NAN)],
        ),
        (
            "arccos",
            arccos,
            &[(1.0, 0.0), (-1.0, std::f64::consts::PI), (0.0, std::f64::consts::FRAC_PI_2), (INF, NAN), (-1.5, NAN)],
        ),
        ("arcsinh", arcsinh, &[(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF)]),
        ("arccosh", arccosh, &[(1.0, 0.0), (1.0f64.next_down(), NAN), (0.0, NAN), (-INF, NAN), (INF, INF)]),
        (
            "arctanh",
            arctanh,
            &[(0.0, 0.0), (-0.0, -0.0), (1.0, INF), (-1.0, -INF), (1.0f64.next_up(), NAN), (INF, NAN)],
        ),
        ("cbrt", cbrt, &[(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (27.0, 3.0), (-1e-300, -1e-100)]),
        ("erf", erf, &[(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (7.0, 1.0)]),
        ("ndtr", ndtr, &[(0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (-40.0, 0.0)]),
        (
            "ndtri",
            ndtri,
            &[(0.0, -INF), (1.0, INF), (0.5, 0.0), (-5e-324, NAN), (1.0f64.next_up(), NAN), (INF, NAN), (-INF, NAN)],
        ),
    ];
    for (name, function, pairs) in cases {
        for &(x, expected) in pairs.iter().chain([&(NAN, NAN), &(-NAN, NAN)]) {
            let mut y = [x];
            function(Level::detect(), &mut y);
            assert_eq!(y[0].to_bits(), expected.to_bits(), "{name}({x:e}) = {:e}", y[0]);
        }
    }
}

#[test]
fn normal_quantiles_are_inverse() {
    for i in 1..1000 {
        let p = f64::from(i) / 1000.0;
        let mut x = [p];
        ndtri(Level::detect(), &mut x);
        ndtr(Level::detect(), &mut x);
        assert!((x[0] - p).abs() < 3e-16, "{p}");
    }
}

/// Against the formulas in the standard library's functions.
#[test]
fn power_transformations() {
    let xs: Vec<f64> =
        specials().into_iter().filter(|x| x.abs() < 1e4).chain((-400..400).map(|i| f64::from(i) / 16.0)).collect();
    for lambda in [-2.0, -0.5, 0.0, 1e-17, 2f64.powi(-52), 0.3, 1.0, 1.7, 2.0, 2.0 - 2f64.powi(-52), 2.5] {
        let mut ys = xs.clone();
        yeo_johnson(Level::detect(), lambda, &mut ys);
        for (&x, &y) in xs.iter().zip(&ys) {
            let due = match x {
                x if x >= 0.0 && lambda.abs() < f64::EPSILON => x.ln_1p(),
                x if x >= 0.0 => (lambda * x.ln_1p()).exp_m1() / lambda,
                x if (lambda - 2.0).abs() > f64::EPSILON => -((2.0 - lambda) * (-x).ln_1p()).exp_m1() / (2.0 - lambda),
                x => -(-x).ln_1p(),
            };
            assert!(y == due || (y - due).abs() <= 2e-15 * due.abs(), "{x:e} by {lambda}: {y:e}, {due:e}");
        }
        let positive: Vec<f64> = xs.iter().map(|x| x.abs()).collect();
        let mut ys = positive.clone();
        box_cox(Level::detect(), lambda, &mut ys);
        for (&x, &y) in positive.iter().zip(&ys) {
            let due = if lambda == 0.0 { x.ln() } else { (lambda * x.ln()).exp_m1() / lambda };
            let exact = y == due || (y - due).abs() <= 1e-13 * due.abs() + 1e-15;
            assert!(exact || lambda * x.ln() > 709.0, "{x:e} by {lambda}: {y:e}, {due:e}");
        }
    }
    let mut ends = [0.0, -1.0, f64::NAN, INF];
    box_cox(Level::detect(), 0.5, &mut ends);
    assert_eq!(bits(&ends), bits(&[-2.0, NAN, NAN, INF]));
    let mut far = [1e300];
    box_cox(Level::detect(), 1.025, &mut far);
    assert!((far[0] - (1.025 * 1e300f64.ln() - 1.025f64.ln()).exp()).abs() <= 1e-12 * far[0]);
}
