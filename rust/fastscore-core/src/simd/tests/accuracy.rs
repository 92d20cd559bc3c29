//! Errors measured against [`Reference`].

use std::f64::consts::LN_2;

use super::reference::Reference;
use super::{Level, Random, specials};
use crate::simd::{exp, sigmoid};

/// `exp` overflows above this.
const HIGHEST: f64 = 709.782712893384;
/// `exp` is a normal number down to this.
const LOWEST_NORMAL: f64 = -708.3964185322641;
/// `exp` is nearer to 0 than to the least subnormal below this.
const LOWEST: f64 = -745.1332191019411;

/// The worst of a kind of case.
#[derive(Default)]
pub(super) struct Worst {
    error: f64,
    at: f64,
    count: usize,
}

impl Worst {
    pub(super) fn note(&mut self, error: f64, at: f64) {
        self.count += 1;
        // By the total order a NaN is worse than all.
        if error.total_cmp(&self.error).is_gt() {
            (self.error, self.at) = (error, at);
        }
    }

    /// How many cases it has seen.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn check(&self, what: &str, bound: f64) {
        let Worst { error, at, count } = self;
        println!("{what}: {count} values, worst error {error:.4} ulp, at {at:e}");
        assert!(*error <= bound, "{what}: {error} ulp at {at:e}");
    }
}

/// Values in every part of `exp`'s finite range that is treated, or may go
/// wrong, in a way of its own.
fn values() -> Vec<f64> {
    let mut random = Random(1);
    let mut values = specials();
    values.retain(|x| (LOWEST - 1.0..=HIGHEST).contains(x));
    for _ in 0..500_000 {
        values.push(random.between(LOWEST_NORMAL, HIGHEST));
        values.push(random.between(-1.0, 1.0));
        // Tiny ones: any exponent down to 2^-80.
        let tiny = random.between(-1.0, 1.0) * 2f64.powi(-((random.bits() % 80) as i32));
        values.push(tiny);
        // Where the rounding to a multiple of ln 2 changes, and where r is 0.
        let half_multiple = (random.bits() % 2044) as f64 - 1020.0;
        let near = random.between(-1.0, 1.0) * 2f64.powi(-((random.bits() % 50) as i32));
        values.push((half_multiple / 2.0 * LN_2 + near).clamp(LOWEST_NORMAL, HIGHEST));
    }
    for _ in 0..150_000 {
        values.push(random.between(LOWEST - 0.5, LOWEST_NORMAL + 0.5));
        values.push(random.between(LOWEST_NORMAL - 1e-3, LOWEST_NORMAL + 1e-3));
        values.push(random.between(HIGHEST - 1e-3, HIGHEST));
    }
    values
}

#[test]
fn exp_is_accurate() {
    let reference = Reference::new();
    let xs = values();
    let mut ys = xs.clone();
    // One level will do: another test shows that the bits are the same.
    exp(Level::detect(), &mut ys);
    let (mut normal, mut subnormal) = (Worst::default(), Worst::default());
    for (&x, &y) in xs.iter().zip(&ys) {
        let worst = if x >= LOWEST_NORMAL { &mut normal } else { &mut subnormal };
        worst.note(reference.exp(x).error_in_ulp(y), x);
    }
    assert!(xs.len() > 2_000_000);
    normal.check("exp, normal", 0.54);
    subnormal.check("exp, subnormal", 0.77);
}

#[test]
fn exp_of_special_values() {
    let cases = [
        (0.0, 1.0),
        (-0.0, 1.0),
        (f64::INFINITY, f64::INFINITY),
        (f64::NEG_INFINITY, 0.0),
        (f64::MAX, f64::INFINITY),
        (f64::MIN, 0.0),
        (HIGHEST.next_up(), f64::INFINITY),
        (LOWEST, f64::from_bits(1)),
        (LOWEST.next_down(), 0.0),
        (-1000.0, 0.0),
        (f64::NAN, f64::NAN),
        (-f64::NAN, f64::NAN),
        (f64::from_bits(0xfff0_0000_0000_0123), f64::NAN),
    ];
    for (x, expected) in cases {
        let mut y = [x];
        exp(Level::detect(), &mut y);
        assert_eq!(y[0].to_bits(), f64::to_bits(expected), "exp({x:e})");
    }
    let mut y = [HIGHEST];
    exp(Level::detect(), &mut y);
    assert!(y[0].is_finite());
}

/// Against the formula with every rounding but that of `-scale * x` left out.
#[test]
fn sigmoid_is_accurate() {
    let reference = Reference::new();
    for scale in [1.0, 0.7] {
        let xs = values();
        let mut ys = xs.clone();
        sigmoid(Level::detect(), scale, &mut ys);
        let (mut exact, mut rounded) = (Worst::default(), Worst::default());
        for (&x, &y) in xs.iter().zip(&ys) {
            let reference = reference.sigmoid(-scale * x);
            let Some(nearest) = reference.nearest() else {
                continue;
            };
            exact.note(reference.error_in_ulp(y), x);
            rounded.note(y.to_bits().abs_diff(nearest.to_bits()) as f64, x);
        }
        exact.check("sigmoid", 2.5);
        rounded.check("sigmoid, from the correctly rounded", 2.0);
    }
}

#[test]
fn sigmoid_of_special_values() {
    let cases = [
        (1.0, 0.0, 0.5),
        (1.0, -0.0, 0.5),
        (1.0, f64::INFINITY, 1.0),
        (1.0, f64::NEG_INFINITY, 0.0),
        (1.0, 40.0, 1.0),
        (1.0, -1e4, 0.0),
        (-1.0, 1e4, 0.0),
        (0.0, 3.0, 0.5),
        (1.0, f64::NAN, f64::NAN),
        (f64::NAN, 1.0, f64::NAN),
        (0.0, f64::INFINITY, f64::NAN),
    ];
    for (scale, x, expected) in cases {
        let mut y = [x];
        sigmoid(Level::detect(), scale, &mut y);
        assert_eq!(y[0].to_bits(), f64::to_bits(expected), "sigmoid({scale} * {x:e})");
    }
}
