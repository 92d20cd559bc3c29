//! Steps that look numbers up, a row at a time, as NumPy describes them.

use crate::model::{Bins, Interpolate, Map, Polynomial};

pub(super) fn map(model: &Map, input: &[f64]) -> Vec<f64> {
    let look_up = |c: usize| {
        let x = input[model.column[c] as usize];
        let (keys, values) = model.entries(c);
        match keys.iter().position(|&key| key == x) {
            Some(at) => values[at],
            None if x.is_nan() => model.missing[c],
            None => model.other[c],
        }
    };
    (0..model.columns()).map(look_up).collect()
}

/// `np.searchsorted(edges, x, side="right")`, which sorts NaN after all numbers.
pub(super) fn bins(model: &Bins, input: &[f64]) -> Vec<f64> {
    let count = |(c, &x): (usize, &f64)| {
        let edges = model.edges(c);
        if x.is_nan() { edges.len() as f64 } else { edges.iter().filter(|&&edge| edge <= x).count() as f64 }
    };
    input.iter().enumerate().map(count).collect()
}

/// `np.interp(x, xs, ys)`, line by line.
pub(super) fn interpolate(model: &Interpolate, input: &[f64]) -> Vec<f64> {
    let one = |(c, &x): (usize, &f64)| {
        let (xs, ys) = model.points(c);
        let last = xs.len() - 1;
        if last == 0 {
            return ys[0];
        }
        if x.is_nan() {
            return x;
        }
        if x < xs[0] {
            return ys[0];
        }
        let j = xs.iter().rposition(|&known| known <= x).unwrap_or(0);
        if j == last || xs[j] == x {
            return ys[j];
        }
        let slope = (ys[j + 1] - ys[j]) / (xs[j + 1] - xs[j]);
        let mut y = slope * (x - xs[j]) + ys[j];
        if y.is_nan() {
            y = slope * (x - xs[j + 1]) + ys[j + 1];
            if y.is_nan() && ys[j] == ys[j + 1] {
                y = ys[j];
            }
        }
        y
    };
    input.iter().enumerate().map(one).collect()
}

pub(super) fn polynomial(model: &Polynomial, input: &[f64]) -> Vec<f64> {
    let product = |o: usize| {
        let factors = model.factors(o).iter().map(|&factor| input[factor as usize]);
        factors.reduce(|product, factor| product * factor).unwrap_or(1.0)
    };
    (0..model.columns()).map(product).collect()
}
