//! Links over groups of columns: layer normalisation, logarithms of shares, one number of several.
//!
//! Sums run in column order, every operation rounded to the width.

use super::Columns;
use super::activation::pairs;
use super::link::each;
use crate::model::{Reduction, Width};
use crate::simd::bits::{self, BitWork, Bits};
use crate::simd::dense::Float;
use crate::simd::{self, Level};

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
    /// Equal groups of columns.
    pub groups: usize,
}

/// Replace columns, group by group.
///
/// ```text
/// mean = sum of x / n                                0 where rms
/// by   = 1 / sqrt(sum of (x - mean)^2 / n + epsilon)
/// y    = (x - mean) by scale + shift                 every operation rounded
/// ```
pub(crate) fn layer_norm<F: Float>(level: Level, model: &LayerNorm, columns: &mut [&mut [F]]) {
    bits::run(level, Norm { model, columns });
}

struct Norm<'a, 'c, F> {
    model: &'a LayerNorm<'a>,
    columns: &'a mut [&'c mut [F]],
}

/// Rows whose sums are in registers.
const ROWS: usize = 16;

impl<F: Float> BitWork for Norm<'_, '_, F> {
    #[inline(always)]
    fn run(self, _: impl Bits) {
        let (rows, size) =
            (self.columns.first().map_or(0, |column| column.len()), self.columns.len() / self.model.groups);
        for (group, columns) in self.columns.chunks_mut(size.max(1)).enumerate() {
            let whole = rows - rows % ROWS;
            for start in (0..whole).step_by(ROWS) {
                norm_rows::<F, ROWS>(self.model, columns, group * size, start);
            }
            for start in whole..rows {
                norm_rows::<F, 1>(self.model, columns, group * size, start);
            }
        }
    }
}

/// R rows of a group whose first column is that of all.
#[inline(always)]
fn norm_rows<F: Float, const R: usize>(model: &LayerNorm, columns: &mut [&mut [F]], first: usize, start: usize) {
    let n = F::of(columns.len() as f64);
    let mut mean = [F::default(); R];
    if !model.rms {
        for column in columns.iter() {
            mean.iter_mut().zip(&column[start..start + R]).for_each(|(sum, &x)| *sum = *sum + x);
        }
        mean.iter_mut().for_each(|sum| *sum = *sum / n);
    }
    let mut by = [F::default(); R];
    for column in columns.iter_mut() {
        let x = &mut column[start..start + R];
        for i in 0..R {
            // Of mean squares nothing is subtracted: -0 stays.
            x[i] = if model.rms { x[i] } else { x[i] - mean[i] };
            by[i] = by[i] + x[i] * x[i];
        }
    }
    let (one, epsilon) = (F::of(1.0), F::of(model.epsilon));
    by.iter_mut().for_each(|by| *by = one / (*by / n + epsilon).sqrt());
    for (c, column) in columns.iter_mut().enumerate() {
        let x = column[start..start + R].iter_mut().zip(&by);
        let [scale, shift] = [model.scale, model.shift].map(|numbers| numbers.map(|numbers| F::of(numbers[first + c])));
        match (scale, shift) {
            (Some(scale), Some(shift)) => x.for_each(|(x, &by)| *x = *x * by * scale + shift),
            (Some(scale), None) => x.for_each(|(x, &by)| *x = *x * by * scale),
            (None, Some(shift)) => x.for_each(|(x, &by)| *x = *x * by + shift),
            (None, None) => x.for_each(|(x, &by)| *x = *x * by),
        }
    }
}

/// Replace columns, a group, by the logarithms of their softmax: at float64, rounded to the width.
pub(crate) fn log_softmax(level: Level, width: Width, columns: &mut [&mut [f64]]) {
    each(level, columns, |x| width.round(x));
    let Some((first, others)) = columns.split_first() else { return };
    let mut max = first.to_vec();
    others.iter().for_each(|column| pairs(level, &mut max, column, |max, x| if x > max { x } else { max }));
    let mut sums = vec![0.0; max.len()];
    let mut powers = Vec::new();
    for column in columns.iter_mut() {
        pairs(level, column, &max, |x, max| x - max);
        powers.clear();
        powers.extend_from_slice(column);
        simd::exp(level, &mut powers);
        pairs(level, &mut sums, &powers, |sum, x| sum + x);
    }
    simd::log(level, &mut sums);
    columns.iter_mut().for_each(|column| pairs(level, column, &sums, |x, log| width.round(x - log)));
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
            Reduction::Sum | Reduction::Mean => pairs(level, out, x, |sum, x| round(sum + round(x))),
            Reduction::Product => pairs(level, out, x, |product, x| round(product * round(x))),
            Reduction::L1 => pairs(level, out, x, |sum, x| round(sum + round(x).abs())),
            Reduction::L2 | Reduction::SumSquare => {
                pairs(level, out, x, |sum, x| round(sum + round(round(x) * round(x))));
            }
            Reduction::Max => pairs(level, out, x, |max, x| if round(x) > max || x.is_nan() { round(x) } else { max }),
            Reduction::Min => pairs(level, out, x, |min, x| if round(x) < min || x.is_nan() { round(x) } else { min }),
        }
    }
    match how {
        Reduction::Mean => each(level, &mut [out], |sum| round(sum / n)),
        Reduction::L2 => each(level, &mut [out], |sum| round(sum.sqrt())),
        _ => {}
    }
}
