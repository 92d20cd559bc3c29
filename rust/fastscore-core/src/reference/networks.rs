//! Links of networks, a row at a time. The input is rounded to the width first.

use crate::model::{Link, Reduction, Width};
use crate::simd::{self, Activation, Level};

/// A function of one number.
pub(super) fn activation(kind: &Link, width: Width, x: f64) -> f64 {
    let round = |x: f64| width.round(x);
    let x = round(x);
    let hard_sigmoid = |alpha: f64, beta: f64| round(round(alpha * x) + beta).clamp(0.0, 1.0);
    match *kind {
        Link::LeakyRelu { alpha } if x < 0.0 => round(alpha * x),
        Link::LeakyRelu { .. } => x,
        Link::ThresholdedRelu { alpha } if x > alpha => x,
        Link::ThresholdedRelu { .. } => 0.0,
        Link::Softsign {} => round(x / round(1.0 + x.abs())),
        Link::HardSigmoid { alpha, beta } => hard_sigmoid(alpha, beta),
        Link::HardSwish {} => round(x * hard_sigmoid(round(1.0 / 6.0), 0.5)),
        Link::Shrink { lambda, bias } if x < -lambda => round(x + bias),
        Link::Shrink { lambda, bias } if x > lambda => round(x - bias),
        Link::Shrink { .. } => 0.0,
        Link::Squareplus { b } => round(round(x + round(round(round(x * x) + b).sqrt())) / 2.0),
        Link::Power { exponent } => {
            let mut one = [x];
            simd::power(Level::Portable, exponent, &mut one);
            round(one[0])
        }
        // What is made of exponentials, of which the bits are those of one kernel.
        Link::Elu { alpha } => kernel(Activation::Elu(alpha), width, x),
        Link::Selu { alpha, gamma } => kernel(Activation::Selu(alpha, gamma), width, x),
        Link::Celu { alpha } => kernel(Activation::Celu(alpha), width, x),
        Link::Gelu { approximate: false } => kernel(Activation::Gelu, width, x),
        Link::Gelu { approximate: true } => kernel(Activation::TanhGelu, width, x),
        Link::Swish { alpha } => kernel(Activation::Swish(alpha), width, x),
        Link::Logistic {} => kernel(Activation::Logistic, width, x),
        Link::Mish {} => kernel(Activation::Mish, width, x),
        Link::Softplus {} => kernel(Activation::Softplus, width, x),
        Link::LogSigmoid {} => kernel(Activation::LogSigmoid, width, x),
        Link::TanhShrink {} => kernel(Activation::TanhShrink, width, x),
        // Every other kind is no activation: `link` has it.
        _ => f64::NAN,
    }
}

/// What the kernel gives for a number.
pub(super) fn kernel(activation: Activation, width: Width, x: f64) -> f64 {
    match width {
        Width::Float64 => {
            let mut one = [x];
            simd::activate(Level::Portable, activation, &mut one);
            one[0]
        }
        Width::Float32 => {
            let mut one = [x as f32];
            simd::activate_f32(Level::Portable, activation, &mut one);
            one[0].into()
        }
    }
}

fn largest(input: &[f64]) -> f64 {
    input.iter().skip(1).fold(input[0], |max, &x| if x > max { x } else { max })
}

fn of_one(function: fn(Level, &mut [f64]), x: f64) -> f64 {
    let mut one = [x];
    function(Level::Portable, &mut one);
    one[0]
}

/// At float64, rounded.
pub(super) fn log_softmax(width: Width, input: &[f64]) -> Vec<f64> {
    let input: Vec<f64> = input.iter().map(|&x| width.round(x)).collect();
    let max = largest(&input);
    let sum = input.iter().fold(0.0, |sum, x| sum + of_one(simd::exp, x - max));
    let log = of_one(simd::log, sum);
    input.iter().map(|x| width.round(x - max - log)).collect()
}

pub(super) fn layer_norm(
    width: Width,
    input: &[f64],
    epsilon: f64,
    scale: Option<&[f64]>,
    shift: Option<&[f64]>,
    rms: bool,
) -> Vec<f64> {
    let round = |x: f64| width.round(x);
    let n = round(input.len() as f64);
    let mut x: Vec<f64> = input.iter().map(|&x| round(x)).collect();
    if !rms {
        let mean = round(x.iter().fold(0.0, |sum, x| round(sum + x)) / n);
        x.iter_mut().for_each(|x| *x = round(*x - mean));
    }
    let variance = round(x.iter().fold(0.0, |sum, x| round(sum + round(x * x))) / n);
    let by = round(1.0 / round(round(variance + epsilon).sqrt()));
    for (c, x) in x.iter_mut().enumerate() {
        *x = round(*x * by);
        if let Some(scale) = scale {
            *x = round(*x * scale[c]);
        }
        if let Some(shift) = shift {
            *x = round(*x + shift[c]);
        }
    }
    x
}

pub(super) fn reduce(width: Width, how: Reduction, input: &[f64]) -> f64 {
    let round = |x: f64| width.round(x);
    let x: Vec<f64> = input.iter().map(|&x| round(x)).collect();
    let sum = |f: &dyn Fn(f64) -> f64| x.iter().fold(0.0, |sum, &x| round(sum + f(x)));
    let squares = || sum(&|x| round(x * x));
    match how {
        Reduction::Sum => sum(&|x| x),
        Reduction::Mean => round(sum(&|x| x) / round(x.len() as f64)),
        Reduction::Product => x.iter().fold(1.0, |product, x| round(product * x)),
        Reduction::L1 => sum(&f64::abs),
        Reduction::SumSquare => squares(),
        Reduction::L2 => round(squares().sqrt()),
        Reduction::Max | Reduction::Min if x.iter().any(|x| x.is_nan()) => f64::NAN,
        Reduction::Max => largest(&x),
        Reduction::Min => x.iter().skip(1).fold(x[0], |min, &x| if x < min { x } else { min }),
    }
}
