//! Activations of networks, written once for both widths.

mod functions;
mod wide;

use super::exp::{Each, Function};
use super::level::{self, Level};
use super::vector::Vector;
use functions::Activate;
use wide::Wide;

/// A function of one number that networks apply between layers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// `x < 0 ? alpha expm1(x) : x`
    Elu(f64),
    /// `gamma x` above 0, `gamma (alpha expm1(x))` elsewhere: alpha, gamma.
    Selu(f64, f64),
    /// `x < 0 ? alpha expm1(x / alpha) : x`
    Celu(f64),
    /// `x Phi(x)`
    Gelu,
    /// `x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3))`
    TanhGelu,
    /// `x sigmoid(alpha x)`
    Swish(f64),
    /// `1 / (1 + exp(-x))`
    Logistic,
    /// `x tanh(log(1 + exp(x)))`
    Mish,
    /// `log(1 + exp(x))`
    Softplus,
    /// `-log(1 + exp(-x))`
    LogSigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// `x - tanh(x)`
    TanhShrink,
}

/// Replaces each value by an activation of it; the same bits on every [`Level`].
pub fn activate(level: Level, activation: Activation, xs: &mut [f64]) {
    functions::with(activation, Run { level, xs });
}

/// What is done with a function that is chosen by name.
trait With {
    fn with(self, function: impl Activate);
}

struct Run<'a> {
    level: Level,
    xs: &'a mut [f64],
}

impl With for Run<'_> {
    fn with(self, function: impl Activate) {
        level::run(self.level, Each(self.xs, OfWide(function)));
    }
}

#[derive(Clone, Copy)]
struct OfWide<A>(A);

impl<A: Activate> Function for OfWide<A> {
    #[inline(always)]
    fn of<V: Vector>(self, x: V) -> V {
        self.0.of(Wide(x)).0.canonical()
    }
}
