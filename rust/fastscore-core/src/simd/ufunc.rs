//! NumPy's and SciPy's functions by their names.

use super::level::Level;
use crate::model::Function;

/// The function over slices.
pub(crate) fn ufunc(function: Function) -> fn(Level, &mut [f64]) {
    match function {
        Function::Sqrt => super::sqrt,
        Function::Square => |_, xs| each(xs, |x| x * x),
        Function::Abs => |_, xs| each(xs, f64::abs),
        Function::Sign => |_, xs| {
            each(xs, |x| match x {
                x if x > 0.0 => 1.0,
                x if x < 0.0 => -1.0,
                // Also of the negative zero.
                0.0 => 0.0,
                x => x,
            });
        },
        Function::Negative => |_, xs| each(xs, |x| -x),
        Function::Reciprocal => |_, xs| each(xs, |x| 1.0 / x),
        Function::Floor => |_, xs| each(xs, f64::floor),
        Function::Ceil => |_, xs| each(xs, f64::ceil),
        Function::Rint => |_, xs| each(xs, f64::round_ties_even),
        Function::Trunc => |_, xs| each(xs, f64::trunc),
        Function::Cbrt => super::cbrt,
        Function::Exp => super::exp,
        Function::Exp2 => super::exp2,
        Function::Expm1 => super::expm1,
        Function::Log => super::log,
        Function::Log2 => super::log2,
        Function::Log10 => super::log10,
        Function::Log1p => super::log1p,
        Function::Sin => super::sin,
        Function::Cos => super::cos,
        Function::Tan => super::tan,
        Function::Arcsin => super::arcsin,
        Function::Arccos => super::arccos,
        Function::Arctan => super::arctan,
        Function::Sinh => super::sinh,
        Function::Cosh => super::cosh,
        Function::Tanh => super::tanh,
        Function::Arcsinh => super::arcsinh,
        Function::Arccosh => super::arccosh,
        Function::Arctanh => super::arctanh,
        Function::Erf => super::erf,
        Function::Ndtr => super::ndtr,
        Function::Ndtri => super::ndtri,
    }
}

fn each(xs: &mut [f64], f: impl Fn(f64) -> f64) {
    xs.iter_mut().for_each(|x| *x = f(*x));
}
