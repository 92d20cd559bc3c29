//! Links, a row at a time.

use std::cmp::Ordering;

use super::networks;
use crate::model::{Function, Link, Norm, Width};
use crate::simd::{self, Activation, Level};

/// One row of a link's output.
pub(super) fn link(kind: &Link, width: Width, input: &[f64]) -> Vec<f64> {
    let each = |f: &dyn Fn(f64) -> f64| input.iter().map(|&x| f(x)).collect();
    let vector = |function: fn(Level, &mut [f64])| {
        let mut output = input.to_vec();
        function(Level::Portable, &mut output);
        output
    };
    match kind {
        Link::Sigmoid { scale } => each(&|x| sigmoid(width, -scale * x)),
        Link::Exp {} => each(&|x| exp(width, x)),
        Link::Softmax { groups } => in_groups(*groups, input, |group, _| softmax(width, group)),
        Link::LogSoftmax { groups } => in_groups(*groups, input, |group, _| networks::log_softmax(width, group)),
        Link::LayerNorm { epsilon, scale, shift, rms, groups } => in_groups(*groups, input, |group, first| {
            let [scale, shift] = [scale, shift].map(|numbers| numbers.as_ref().map(|numbers| &numbers[first..]));
            networks::layer_norm(width, group, *epsilon, scale, shift, *rms)
        }),
        Link::Reduce { how, groups } => {
            in_groups(*groups, input, |group, _| vec![networks::reduce(width, *how, group)])
        }
        Link::PairwiseSoftmax {} => {
            let max = input.iter().skip(1).fold(input[0], |max, &x| if x > max { x } else { max });
            let powers: Vec<f64> = input.iter().map(|x| exp(width, x - max)).collect();
            let sum = pairwise_sum(&powers);
            powers.iter().map(|x| x / sum).collect()
        }
        Link::FastExp {} => vector(simd::fast_exp),
        Link::FastSoftmax {} => fast_softmax(input),
        Link::SignedSquare {} => each(&|x| match x.partial_cmp(&0.0) {
            Some(Ordering::Less) => -x * x,
            Some(Ordering::Equal) => 0.0,
            Some(Ordering::Greater) | None => x * x,
        }),
        Link::Divide { by } => each(&|x| width.round(x / by)),
        Link::Multiply { by } => each(&|x| width.round(x * by)),
        Link::Add { value } => each(&|x| width.round(x + value)),
        Link::Complement {} => vec![width.round(1.0 - input[0]), input[0]],
        Link::Normalize { pairwise, keep_zeros } => {
            let total = match pairwise {
                true => pairwise_sum(input),
                false => input.iter().fold(0.0, |total, x| width.round(total + x)),
            };
            let uniform = 1.0 / input.len() as f64;
            match (total == 0.0, keep_zeros) {
                (true, true) => input.to_vec(),
                (true, false) => each(&|_| uniform),
                (false, _) => each(&|x| width.round(x / total)),
            }
        }
        Link::Confidence {} => each(&|x| x / (3.0 * (x.abs() + 1.0))),
        Link::Columns { columns } => columns.iter().map(|&column| input[column]).collect(),
        Link::Exp2 {} => vector(simd::exp2),
        Link::Log {} => vector(simd::log),
        Link::CentredLog {} => {
            let mean = pairwise_sum(&input.iter().map(|&x| log(x)).collect::<Vec<_>>()) / input.len() as f64;
            let geometric_mean = exp(width, mean);
            each(&|x| log(x / geometric_mean))
        }
        Link::Logit {} => vector(simd::logit),
        Link::Log1pExp {} => vector(simd::log1p_exp),
        Link::Clip { low, high } => each(&|x| match (width.round(x), low, high) {
            (x, Some(low), _) if x < *low => *low,
            (x, _, Some(high)) if x > *high => *high,
            (x, ..) => x,
        }),
        Link::Affine { scale, shift } => {
            let terms = scale.iter().zip(shift);
            input.iter().zip(terms).map(|(x, (scale, shift))| width.round(width.round(x * scale) + shift)).collect()
        }
        Link::FillMissing { value, also } => each(&|x| if x.is_nan() || *also == Some(x) { *value } else { x }),
        Link::Above { at, above, other } => each(&|x| if x > *at { *above } else { *other }),
        Link::Vote { hit, miss, scan: true } => {
            let numbers = input.iter().copied().filter(|x| !x.is_nan());
            let largest = if input[0].is_nan() { None } else { numbers.reduce(f64::max) };
            let first = largest.and_then(|largest| input.iter().position(|&x| x == largest)).unwrap_or(0);
            (0..input.len()).map(|column| if first == column { *hit } else { *miss }).collect()
        }
        Link::Vote { hit, miss, .. } => {
            let largest = input.iter().copied().reduce(|a, b| if order(a, b).is_lt() { b } else { a });
            let first = input.iter().position(|&x| largest.is_some_and(|largest| order(x, largest).is_eq()));
            (0..input.len()).map(|column| if first == Some(column) { *hit } else { *miss }).collect()
        }
        Link::WeightedMedian { weights } => vec![weighted_median(weights, width, input)],
        Link::Relu {} => each(&|x| if x < 0.0 { 0.0 } else { width.round(x) }),
        Link::LogSumExp {} => {
            let max = input.iter().skip(1).fold(input[0], |max, &x| if x > max { x } else { max });
            let shift = if max.is_finite() { max } else { 0.0 };
            vec![log(input.iter().fold(0.0, |sum, x| sum + exp(Width::Float64, x - shift))) + shift]
        }
        Link::Standardize { shift, scale } => {
            let shift = |c: usize, x: f64| shift.as_ref().map_or(x, |shift| width.round(x - shift[c]));
            let scale = |c: usize, x: f64| scale.as_ref().map_or(x, |scale| width.round(x / scale[c]));
            input.iter().enumerate().map(|(c, &x)| scale(c, shift(c, x))).collect()
        }
        Link::Impute { values, missing } => {
            let is_missing = |x: f64| missing.map_or(x.is_nan(), |missing| x == missing);
            input.iter().zip(values).map(|(&x, &value)| if is_missing(x) { value } else { x }).collect()
        }
        Link::YeoJohnson { lambdas } => by_column(lambdas, input, simd::yeo_johnson),
        Link::BoxCox { lambdas } => by_column(lambdas, input, simd::box_cox),
        Link::Ufunc { function: Function::Tanh } if width == Width::Float32 => {
            each(&|x| networks::kernel(Activation::Tanh, width, x))
        }
        Link::Ufunc { function } => input.iter().map(|&x| width.round(ufunc(*function, x))).collect(),
        Link::NormalizeRows { norm } => {
            let size: Vec<f64> = input.iter().map(|x| x.abs()).collect();
            let norm = match norm {
                Norm::L1 => pairwise_sum(&size),
                Norm::L2 => pairwise_sum(&size.iter().map(|x| x * x).collect::<Vec<_>>()).sqrt(),
                Norm::Max => size.iter().fold(size[0], |max, &x| if max >= x || max.is_nan() { max } else { x }),
            };
            each(&|x| if norm < 10.0 * f64::EPSILON { x } else { x / norm })
        }
        Link::InverseYeoJohnson { lambdas } => {
            input.iter().zip(lambdas).map(|(&x, &lambda)| inverse_yeo_johnson(x, lambda)).collect()
        }
        Link::InverseBoxCox { lambdas } => input
            .iter()
            .zip(lambdas)
            .map(|(&x, &lambda)| match lambda {
                0.0 => exp(width, x),
                _ => exp(width, ufunc(Function::Log1p, lambda * x) / lambda),
            })
            .collect(),
        Link::RoundToFloat32 {} => each(&|x| Width::Float32.round(x)),
        Link::Prelu { alphas } => {
            let one = |(&x, &alpha)| networks::activation(&Link::LeakyRelu { alpha }, width, x);
            input.iter().zip(alphas).map(one).collect()
        }
        _ => each(&|x| networks::activation(kind, width, x)),
    }
}

/// What a function gives for each of some equal groups of columns and the number of its first.
fn in_groups(groups: usize, input: &[f64], f: impl Fn(&[f64], usize) -> Vec<f64>) -> Vec<f64> {
    let size = input.len() / groups;
    input.chunks(size).enumerate().flat_map(|(group, columns)| f(columns, group * size)).collect()
}

fn inverse_yeo_johnson(x: f64, lambda: f64) -> f64 {
    if x >= 0.0 {
        let tail =
            if lambda.abs() < f64::EPSILON { exp(Width::Float64, x) } else { power(x * lambda + 1.0, 1.0 / lambda) };
        return tail - 1.0;
    }
    let other = 2.0 - lambda;
    let tail = if other.abs() <= f64::EPSILON { exp(Width::Float64, -x) } else { power(-other * x + 1.0, 1.0 / other) };
    1.0 - tail
}

/// `base ** exponent` by logarithms; a negative base has integer powers only.
fn power(base: f64, exponent: f64) -> f64 {
    let magnitude = exp(Width::Float64, exponent * log(base.abs()));
    match base < 0.0 {
        false => magnitude,
        true if exponent.fract() != 0.0 => f64::NAN,
        true if exponent % 2.0 == 0.0 => magnitude,
        true => -magnitude,
    }
}

fn by_column(numbers: &[f64], input: &[f64], function: fn(Level, f64, &mut [f64])) -> Vec<f64> {
    let one = |(&x, &number): (&f64, &f64)| {
        let mut one = [x];
        function(Level::Portable, number, &mut one);
        one[0]
    };
    input.iter().zip(numbers).map(one).collect()
}

fn ufunc(function: Function, x: f64) -> f64 {
    let vector = |function: fn(Level, &mut [f64])| {
        let mut one = [x];
        function(Level::Portable, &mut one);
        one[0]
    };
    match function {
        Function::Sqrt => x.sqrt(),
        Function::Square => x * x,
        Function::Abs => x.abs(),
        Function::Sign if x > 0.0 => 1.0,
        Function::Sign if x < 0.0 => -1.0,
        Function::Sign if x == 0.0 => 0.0,
        Function::Sign => x,
        Function::Negative => -x,
        Function::Reciprocal => 1.0 / x,
        Function::Floor => x.floor(),
        Function::Ceil => x.ceil(),
        Function::Rint => x.round_ties_even(),
        Function::Trunc => x.trunc(),
        other => vector(simd::ufunc(other)),
    }
}

/// NumPy's sum of neighbours: halves that start at multiples of 8, in the end eight sums at once.
fn pairwise_sum(x: &[f64]) -> f64 {
    if x.len() > 128 {
        let half = x.len() / 2;
        let (left, right) = x.split_at(half - half % 8);
        return pairwise_sum(left) + pairwise_sum(right);
    }
    let (eights, rest) = x.as_chunks::<8>();
    let total = eights.iter().copied().reduce(|sums, next| std::array::from_fn(|i| sums[i] + next[i]));
    let total = total.map_or(0.0, |[a, b, c, d, e, f, g, h]| ((a + b) + (c + d)) + ((e + f) + (g + h)));
    rest.iter().fold(total, |total, x| total + x)
}

fn exp(width: Width, x: f64) -> f64 {
    let mut one = [x];
    match width {
        Width::Float64 => simd::exp(Level::Portable, &mut one),
        Width::Float32 => simd::exp_f32(Level::Portable, &mut one),
    }
    one[0]
}

fn log(x: f64) -> f64 {
    let mut one = [x];
    simd::log(Level::Portable, &mut one);
    one[0]
}

/// `1 / (1 + exp(power))`; at float32 with the power at most 88.7.
fn sigmoid(width: Width, power: f64) -> f64 {
    let largest = match width {
        Width::Float64 => f64::INFINITY,
        Width::Float32 => f64::from(88.7f32),
    };
    let power = width.round(power);
    let power = if power > largest { largest } else { power };
    width.round(1.0 / width.round(1.0 + exp(width, power)))
}

/// The sum is of width float64 and rounded at its end.
fn softmax(width: Width, input: &[f64]) -> Vec<f64> {
    let max = input.iter().skip(1).fold(input[0], |max, &x| if x > max { x } else { max });
    let powers: Vec<f64> = input.iter().map(|x| exp(width, width.round(x - max))).collect();
    let total = width.round(powers.iter().fold(0.0, |total, x| total + x));
    powers.iter().map(|x| width.round(x / total)).collect()
}

/// CatBoost's, which takes the columns in fours and those that are left one by one, by another code.
fn fast_softmax(input: &[f64]) -> Vec<f64> {
    let max = input.iter().skip(1).fold(input[0], |max, &x| if x > max { x } else { max });
    let mut powers: Vec<f64> = input.iter().map(|x| x - max).collect();
    simd::fast_exp(Level::Portable, &mut powers);
    let left = input.len() - input.len() % 4;
    for (power, x) in powers[left..].iter_mut().zip(&input[left..]) {
        if x - max <= -708.3964185322641 {
            *power = 0.0;
        }
    }
    let total = powers.iter().fold(0.0, |total, x| total + x);
    powers.iter().map(|x| x / total).collect()
}

fn weighted_median(weights: &[f64], width: Width, input: &[f64]) -> f64 {
    let mut pairs: Vec<(f64, f64)> = input.iter().copied().zip(weights.iter().copied()).collect();
    pairs.sort_by(|a, b| order(a.0, b.0));
    let sums: Vec<f64> = pairs
        .iter()
        .scan(0.0, |sum, (_, weight)| {
            *sum = width.round(*sum + weight);
            Some(*sum)
        })
        .collect();
    let half = 0.5 * sums[sums.len() - 1];
    let at = sums.iter().position(|&sum| sum >= half).unwrap_or(0);
    pairs[at].0
}

/// NumPy's order: NaN last, zeros equal.
fn order(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}
