//! Links over groups of columns: layer normalisation, logarithms of shares, one number of several.
//!
//! Sums run in column order, every operation rounded to the width.

use super::Columns;
use super::link::each;
use crate::model::{Reduction, Width};
use crate::simd::bits::{self, BitWork, Bits};
use crate::simd::{self, Level};

/// `a[r] = f(a[r], b[r])`, compiled for the level: the same bits at each.
fn fold(level: Level, a: &mut [f64], b: &[f64], f: impl Fn(f64, f64) -> f64) {
    struct Fold<'a, F>(&'a mut [f64], &'a [f64], F);
    impl<F: Fn(f64, f64) -> f64> BitWork for Fold<'_, F> {
        #[inline(always)]
        fn run(self, _: impl Bits) {
            let Fold(a, b, f) = self;
            a.iter_mut().zip(b).for_each(|(a, &b)| *a = f(*a, b));
        }
    }
    bits::run(level, Fold(a, b, f));
}

/// What a layer normalisation has for each column.
pub(crate) struct LayerNorm<'a> {
    /// What is added to the variance.
    pub epsilon: f64,
    /// Factors of the columns.
    pub scale: Option<&'a [f64]>,
    /// What is added to them.
    pub shift: Option<&'a [f64]>,
    /// Whether the mean counts as 0.
    pub rms: bool,
}

/// Replace columns, a group, whose first is number `first` of all.
///
/// ```text
/// mean = sum of x / n                                0 where rms
/// by   = 1 / sqrt(sum of (x - mean)^2 / n + epsilon)
/// y    = (x - mean) by scale + shift                 every operation rounded
/// ```
pub(crate) fn layer_norm(level: Level, model: &LayerNorm, width: Width, columns: &mut [&mut [f64]], first: usize) {
    let (rows, n) = (columns.first().map_or(0, |column| column.len()), columns.len() as f64);
    let round = |x: f64| width.round(x);
    let n = round(n);
    each(level, columns, round);
    let mut sums = vec![0.0; rows];
    if !model.rms {
        columns.iter().for_each(|column| fold(level, &mut sums, column, |sum, x| round(sum + x)));
        each(level, &mut [&mut sums], |sum| round(sum / n));
        columns.iter_mut().for_each(|column| fold(level, column, &sums, |x, mean| round(x - mean)));
        sums.fill(0.0);
    }
    columns.iter().for_each(|column| fold(level, &mut sums, column, |sum, x| round(sum + round(x * x))));
    let epsilon = model.epsilon;
    each(level, &mut [&mut sums], |sum| round(1.0 / round(round(round(sum / n) + epsilon).sqrt())));
    for (c, column) in columns.iter_mut().enumerate() {
        let [scale, shift] = [model.scale, model.shift].map(|numbers| numbers.map(|numbers| numbers[first + c]));
        match (scale, shift) {
            (Some(scale), Some(shift)) => {
                fold(level, column, &sums, |x, by| round(round(round(x * by) * scale) + shift));
            }
            (Some(scale), None) => fold(level, column, &sums, |x, by| round(round(x * by) * scale)),
            (None, Some(shift)) => fold(level, column, &sums, |x, by| round(round(x * by) + shift)),
            (None, None) => fold(level, column, &sums, |x, by| round(x * by)),
        }
    }
}

/// Replace columns, a group, by the logarithms of their softmax: at float64, rounded to the width.
pub(crate) fn log_softmax(level: Level, width: Width, columns: &mut [&mut [f64]]) {
    each(level, columns, |x| width.round(x));
    let Some((first, others)) = columns.split_first() else { return };
    let mut max = first.to_vec();
    others.iter().for_each(|column| fold(level, &mut max, column, |max, x| if x > max { x } else { max }));
    let mut sums = vec![0.0; max.len()];
    let mut powers = Vec::new();
    for column in columns.iter_mut() {
        fold(level, column, &max, |x, max| x - max);
        powers.clear();
        powers.extend_from_slice(column);
        simd::exp(level, &mut powers);
        fold(level, &mut sums, &powers, |sum, x| sum + x);
    }
    simd::log(level, &mut sums);
    columns.iter_mut().for_each(|column| fold(level, column, &sums, |x, log| width.round(x - log)));
}

/// Columns of a value to one.
pub(crate) fn reduce(
    level: Level,
    how: Reduction,
    width: Width,
    input: &impl Columns,
    columns: std::ops::Range<usize>,
    out: &mut [f64],
) {
    let round = |x: f64| width.round(x);
    let n = round(columns.len() as f64);
    let first = columns.start;
    match how {
        Reduction::Product => out.fill(1.0),
        Reduction::Max | Reduction::Min => out.copy_from_slice(&input.column(first)[..out.len()]),
        _ => out.fill(0.0),
    }
    each(level, &mut [&mut *out], round);
    for c in columns {
        let x = input.column(c);
        match how {
            Reduction::Sum | Reduction::Mean => fold(level, out, x, |sum, x| round(sum + round(x))),
            Reduction::Product => fold(level, out, x, |product, x| round(product * round(x))),
            Reduction::L1 => fold(level, out, x, |sum, x| round(sum + round(x).abs())),
            Reduction::L2 | Reduction::SumSquare => {
                fold(level, out, x, |sum, x| round(sum + round(round(x) * round(x))));
            }
            Reduction::Max => fold(level, out, x, |max, x| if round(x) > max || x.is_nan() { round(x) } else { max }),
            Reduction::Min => fold(level, out, x, |min, x| if round(x) < min || x.is_nan() { round(x) } else { min }),
        }
    }
    match how {
        Reduction::Mean => each(level, &mut [out], |sum| round(sum / n)),
        Reduction::L2 => each(level, &mut [out], |sum| round(sum.sqrt())),
        _ => {}
    }
}
