//! Links over a block.

use std::cmp::Ordering;

use super::dense::Convert;
use super::{Columns, groups, inverse_power};
use crate::model::{Function, Link, Width};
use crate::simd::bits::{self, BitWork, Bits};
use crate::simd::{self, Activation, Level};

/// `out[c * stride + r]` for `rows` rows of a link, at a width of numbers, that reads `count` columns.
#[expect(clippy::too_many_arguments, reason = "a kernel's block, and what to do with it")]
pub(crate) fn link(
    level: Level,
    link: &Link,
    width: Width,
    input: &impl Columns,
    count: usize,
    out: &mut [f64],
    stride: usize,
    rows: usize,
) {
    match link {
        Link::Columns { columns } => {
            for (to, &from) in columns.iter().enumerate() {
                out[to * stride..to * stride + rows].copy_from_slice(input.column(from));
            }
            return;
        }
        Link::Complement {} => {
            let p = input.column(0);
            for (to, &p) in out[..rows].iter_mut().zip(p) {
                *to = width.round(1.0 - p);
            }
            out[stride..stride + rows].copy_from_slice(p);
            return;
        }
        Link::WeightedMedian { weights } => return weighted_median(weights, width, input, &mut out[..rows]),
        Link::LogSumExp {} => return log_sum_exp(level, input, count, &mut out[..rows]),
        Link::Reduce { how, groups } => {
            let size = count / groups;
            for (group, out) in out.chunks_mut(stride).enumerate().take(*groups) {
                groups::reduce(level, *how, width, input, group * size..(group + 1) * size, &mut out[..rows]);
            }
            return;
        }
        _ => {
            for c in 0..count {
                out[c * stride..c * stride + rows].copy_from_slice(input.column(c));
            }
        }
    }
    let mut columns: Vec<&mut [f64]> = out.chunks_mut(stride).take(count).map(|column| &mut column[..rows]).collect();
    apply(level, link, width, &mut columns);
}

/// Replace columns by a link's that gives as many.
pub(crate) fn apply(level: Level, link: &Link, width: Width, columns: &mut [&mut [f64]]) {
    let rows = columns.first().map_or(0, |column| column.len());
    let mut vector =
        |function: &dyn Fn(Level, &mut [f64])| columns.iter_mut().for_each(|column| function(level, column));
    match (link, width) {
        (Link::Sigmoid { scale }, Width::Float64) => vector(&|level, xs| simd::sigmoid(level, *scale, xs)),
        (Link::Sigmoid { scale }, Width::Float32) => vector(&|level, xs| simd::sigmoid_f32(level, *scale, xs)),
        (Link::Exp {}, Width::Float64) => vector(&simd::exp),
        (Link::Exp {}, Width::Float32) => vector(&simd::exp_f32),
        (Link::PairwiseSoftmax {}, _) => simd::pairwise_softmax(level, columns),
        (Link::Softmax { groups }, Width::Float64) => {
            in_groups(*groups, columns).for_each(|columns| simd::softmax(level, columns));
        }
        (Link::Softmax { groups }, Width::Float32) => {
            in_groups(*groups, columns).for_each(|columns| simd::softmax_f32(level, columns));
        }
        (Link::LogSoftmax { groups }, _) => {
            in_groups(*groups, columns).for_each(|columns| groups::log_softmax(level, width, columns));
        }
        (Link::LayerNorm { epsilon, scale, shift, rms, groups }, _) => {
            let (epsilon, rms, groups) = (*epsilon, *rms, *groups);
            let model = groups::LayerNorm { epsilon, scale: scale.as_deref(), shift: shift.as_deref(), rms, groups };
            if width == Width::Float64 {
                return groups::layer_norm(level, &model, columns);
            }
            let mut narrow = vec![0.0; columns.len() * rows];
            let pieces = narrow.chunks_mut(rows.max(1));
            columns.iter().zip(pieces).for_each(|(from, to)| bits::run(level, Convert(from, to, |x: f64| x as f32)));
            groups::layer_norm(level, &model, &mut narrow.chunks_mut(rows.max(1)).collect::<Vec<_>>());
            let pieces = narrow.chunks(rows.max(1));
            columns.iter_mut().zip(pieces).for_each(|(to, from)| bits::run(level, Convert(from, to, f64::from)));
        }
        (Link::FastExp {}, _) => vector(&simd::fast_exp),
        (Link::FastSoftmax {}, _) => simd::fast_softmax(level, columns),
        (Link::Exp2 {}, _) => vector(&simd::exp2),
        (Link::Log {}, _) => vector(&simd::log),
        (Link::CentredLog {}, _) => simd::centred_log(level, columns),
        (Link::Logit {}, _) => vector(&simd::logit),
        (Link::Log1pExp {}, _) => vector(&simd::log1p_exp),
        (Link::SignedSquare {}, _) => each(level, columns, signed_square),
        (Link::Divide { by }, _) => each(level, columns, |x| width.round(x / by)),
        (Link::Multiply { by }, _) => each(level, columns, |x| width.round(x * by)),
        (Link::Add { value }, _) => each(level, columns, |x| width.round(x + value)),
        (Link::Relu {}, _) => each(level, columns, |x| if x < 0.0 { 0.0 } else { width.round(x) }),
        (Link::Affine { scale, shift }, _) => {
            for ((column, scale), shift) in columns.iter_mut().zip(scale).zip(shift) {
                each(level, std::slice::from_mut(column), |x| width.round(width.round(x * scale) + shift));
            }
        }
        (Link::Standardize { shift, scale }, _) => {
            for (c, column) in columns.iter_mut().enumerate() {
                let column = std::slice::from_mut(column);
                match (shift.as_ref().map(|shift| shift[c]), scale.as_ref().map(|scale| scale[c])) {
                    (Some(shift), Some(scale)) => each(level, column, |x| width.round(width.round(x - shift) / scale)),
                    (Some(shift), None) => each(level, column, |x| width.round(x - shift)),
                    (None, Some(scale)) => each(level, column, |x| width.round(x / scale)),
                    (None, None) => {}
                }
            }
        }
        (Link::Impute { values, missing }, _) => {
            for (column, &value) in columns.iter_mut().zip(values) {
                let column = std::slice::from_mut(column);
                match *missing {
                    None => each(level, column, |x| if x.is_nan() { value } else { x }),
                    Some(missing) => each(level, column, |x| if x == missing { value } else { x }),
                }
            }
        }
        (Link::Ufunc { function: Function::Tanh }, Width::Float32) => {
            columns.iter_mut().for_each(|column| activate(level, width, Activation::Tanh, column));
        }
        (Link::Ufunc { function }, _) => {
            vector(&simd::ufunc(*function));
            if width != Width::Float64 {
                each(level, columns, |x| width.round(x));
            }
        }
        (Link::YeoJohnson { lambdas }, _) => by_column(level, columns, lambdas, simd::yeo_johnson),
        (Link::BoxCox { lambdas }, _) => by_column(level, columns, lambdas, simd::box_cox),
        (Link::NormalizeRows { norm }, _) => simd::normalize_rows(level, *norm, columns),
        (Link::FillMissing { value, also: None }, _) => each(level, columns, |x| if x.is_nan() { *value } else { x }),
        (Link::FillMissing { value, also: Some(also) }, _) => {
            each(level, columns, |x| if x.is_nan() || x == *also { *value } else { x });
        }
        (Link::Above { at, above, other }, _) => each(level, columns, |x| if x > *at { *above } else { *other }),
        (Link::RoundToFloat32 {}, _) => each(level, columns, |x| Width::Float32.round(x)),
        (Link::Normalize { pairwise, keep_zeros }, _) => normalize(level, *pairwise, *keep_zeros, width, columns, rows),
        (Link::Confidence {}, _) => each(level, columns, |x| x / (3.0 * (x.abs() + 1.0))),
        (Link::InverseYeoJohnson { lambdas }, _) => {
            columns.iter_mut().zip(lambdas).for_each(|(column, &by)| inverse_power::yeo_johnson(level, by, column));
        }
        (Link::InverseBoxCox { lambdas }, _) => {
            columns.iter_mut().zip(lambdas).for_each(|(column, &by)| inverse_power::box_cox(level, by, column));
        }
        (Link::Vote { hit, miss, scan }, _) => vote(*hit, *miss, *scan, columns, rows),
        (Link::Prelu { alphas }, _) => {
            for (column, &alpha) in columns.iter_mut().zip(alphas) {
                activate(level, width, Activation::LeakyRelu(alpha), column);
            }
        }
        (Link::Power { exponent }, _) => {
            let of_width = |xs: &mut [f64]| each(level, &mut [xs], |x| width.round(x));
            for column in columns.iter_mut() {
                of_width(column);
                simd::power(level, *exponent, column);
                of_width(column);
            }
        }
        (
            Link::Clip { .. }
            | Link::LeakyRelu { .. }
            | Link::ThresholdedRelu { .. }
            | Link::Softsign {}
            | Link::HardSigmoid { .. }
            | Link::HardSwish {}
            | Link::Shrink { .. }
            | Link::Squareplus { .. }
            | Link::Elu { .. }
            | Link::Selu { .. }
            | Link::Celu { .. }
            | Link::Gelu { .. }
            | Link::Swish { .. }
            | Link::Logistic {}
            | Link::Mish {}
            | Link::Softplus {}
            | Link::LogSigmoid {}
            | Link::TanhShrink {},
            _,
        ) => {
            if let Some(activation) = activation(link, width) {
                columns.iter_mut().for_each(|column| activate(level, width, activation, column));
            }
        }
        // They give other columns than they read.
        (
            Link::Columns { .. }
            | Link::Complement {}
            | Link::WeightedMedian { .. }
            | Link::LogSumExp {}
            | Link::Reduce { .. },
            _,
        ) => {}
    }
}

/// The link as one of the functions that are written for both widths, where it reads numbers of the width.
pub(crate) fn activation(link: &Link, width: Width) -> Option<Activation> {
    Some(match *link {
        Link::Relu {} => Activation::Relu,
        Link::LeakyRelu { alpha } => Activation::LeakyRelu(alpha),
        Link::ThresholdedRelu { alpha } => Activation::ThresholdedRelu(alpha),
        Link::Clip { low, high } => Activation::Clip(low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY)),
        Link::Multiply { by } => Activation::Multiply(by),
        Link::Add { value } => Activation::Add(value),
        Link::Divide { by } => Activation::Divide(by),
        Link::Softsign {} => Activation::Softsign,
        Link::HardSigmoid { alpha, beta } => Activation::HardSigmoid(alpha, beta),
        Link::HardSwish {} => Activation::HardSwish,
        Link::Shrink { lambda, bias } => Activation::Shrink(lambda, bias),
        Link::Squareplus { b } => Activation::Squareplus(b),
        Link::Elu { alpha } => Activation::Elu(alpha),
        Link::Selu { alpha, gamma } => Activation::Selu(alpha, gamma),
        Link::Celu { alpha } => Activation::Celu(alpha),
        Link::Gelu { approximate: false } => Activation::Gelu,
        Link::Gelu { approximate: true } => Activation::TanhGelu,
        Link::Swish { alpha } => Activation::Swish(alpha),
        Link::Logistic {} => Activation::Logistic,
        Link::Mish {} => Activation::Mish,
        Link::Softplus {} => Activation::Softplus,
        Link::LogSigmoid {} => Activation::LogSigmoid,
        Link::TanhShrink {} => Activation::TanhShrink,
        Link::Ufunc { function: Function::Tanh } if width == Width::Float32 => Activation::Tanh,
        _ => return None,
    })
}

/// Replace a column's numbers; at float32 they are rounded to it first.
fn activate(level: Level, width: Width, activation: Activation, column: &mut [f64]) {
    if width == Width::Float64 {
        return simd::activate(level, activation, column);
    }
    let mut numbers = [0.0; PIECE];
    for piece in column.chunks_mut(PIECE) {
        let numbers = &mut numbers[..piece.len()];
        bits::run(level, Convert(piece, numbers, |x: f64| x as f32));
        simd::activate_f32(level, activation, numbers);
        bits::run(level, Convert(numbers, piece, f64::from));
    }
}

/// Numbers that are made float32 at a time.
const PIECE: usize = 1024;

/// Equal parts of the columns, one after another.
fn in_groups<'a, 'c>(groups: usize, columns: &'a mut [&'c mut [f64]]) -> impl Iterator<Item = &'a mut [&'c mut [f64]]> {
    let size = columns.len() / groups;
    columns.chunks_mut(size.max(1))
}

/// A function that has a number for each column.
fn by_column(level: Level, columns: &mut [&mut [f64]], numbers: &[f64], function: fn(Level, f64, &mut [f64])) {
    columns.iter_mut().zip(numbers).for_each(|(column, &number)| function(level, number, column));
}

/// Replace each number by a function of elementary operations, compiled for the level: the same bits at each.
pub(super) fn each(level: Level, columns: &mut [&mut [f64]], f: impl Fn(f64) -> f64) {
    struct Each<'a, 'c, F>(&'a mut [&'c mut [f64]], F);
    impl<F: Fn(f64) -> f64> BitWork for Each<'_, '_, F> {
        #[inline(always)]
        fn run(self, _: impl Bits) {
            let Each(columns, f) = self;
            for column in columns {
                for x in column.iter_mut() {
                    *x = f(*x);
                }
            }
        }
    }
    bits::run(level, Each(columns, f));
}

/// `sign(x) * x * x`, the order of LightGBM's `reg_sqrt`.
fn signed_square(x: f64) -> f64 {
    let sign = f64::from(i8::from(x > 0.0) - i8::from(x < 0.0));
    sign * x * x
}

fn normalize(level: Level, pairwise: bool, keep_zeros: bool, width: Width, columns: &mut [&mut [f64]], rows: usize) {
    let uniform = 1.0 / columns.len() as f64;
    let mut sums = vec![0.0; rows];
    if pairwise {
        simd::pairwise_sums(level, columns, &mut sums);
    } else {
        for column in columns.iter() {
            sums.iter_mut().zip(column.iter()).for_each(|(sum, x)| *sum = width.round(*sum + x));
        }
    }
    for column in columns {
        for (x, &sum) in column.iter_mut().zip(&sums) {
            *x = match sum {
                0.0 if keep_zeros => *x,
                0.0 => uniform,
                _ => width.round(*x / sum),
            };
        }
    }
}

fn vote(hit: f64, miss: f64, scan: bool, columns: &mut [&mut [f64]], rows: usize) {
    for row in 0..rows {
        let mut first = 0;
        for (c, column) in columns.iter().enumerate() {
            let (x, best) = (column[row], columns[first][row]);
            if if scan { x > best } else { order(x, best).is_gt() } {
                first = c;
            }
        }
        for (c, column) in columns.iter_mut().enumerate() {
            column[row] = if c == first { hit } else { miss };
        }
    }
}

fn weighted_median(weights: &[f64], width: Width, input: &impl Columns, out: &mut [f64]) {
    let mut sorted: Vec<(f64, usize)> = Vec::with_capacity(weights.len());
    for (row, to) in out.iter_mut().enumerate() {
        sorted.clear();
        sorted.extend((0..weights.len()).map(|c| (input.column(c)[row], c)));
        // The place decides between equals: as a stable sort, which would need memory for each row.
        sorted.sort_unstable_by(|a, b| order(a.0, b.0).then(a.1.cmp(&b.1)));
        let half = 0.5 * sorted.iter().fold(0.0, |sum, &(_, c)| width.round(sum + weights[c]));
        let mut sum = 0.0;
        let median = sorted.iter().find(|&&(_, c)| {
            sum = width.round(sum + weights[c]);
            sum >= half
        });
        *to = median.map_or(f64::NAN, |&(x, _)| x);
    }
}

fn log_sum_exp(level: Level, input: &impl Columns, count: usize, out: &mut [f64]) {
    let mut shift = input.column(0).to_vec();
    for c in 1..count {
        for (shift, &x) in shift.iter_mut().zip(input.column(c)) {
            *shift = if x > *shift { x } else { *shift };
        }
    }
    shift.iter_mut().filter(|shift| !shift.is_finite()).for_each(|shift| *shift = 0.0);
    let mut powers = vec![0.0; out.len()];
    out.fill(0.0);
    for c in 0..count {
        for ((power, &x), &shift) in powers.iter_mut().zip(input.column(c)).zip(&shift) {
            *power = x - shift;
        }
        simd::exp(level, &mut powers);
        out.iter_mut().zip(&powers).for_each(|(sum, power)| *sum += power);
    }
    simd::log(level, out);
    out.iter_mut().zip(&shift).for_each(|(sum, shift)| *sum += shift);
}

/// NumPy's order: NaN last, zeros equal.
fn order(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}
