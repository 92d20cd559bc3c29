//! Activations of networks, written once for both widths.

mod functions;
mod narrow;
mod wide;

use super::exp::{Each, Function};
use super::lanes32::Narrow;
use super::level::{self, Level};
use super::vector::{Vector, Work};
use functions::Activate;
use narrow::Single;
use wide::Wide;

/// A function of one number that networks apply between layers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// 0 below 0, else x.
    Relu,
    /// `x < 0 ? alpha x : x`
    LeakyRelu(f64),
    /// `x > alpha ? x : 0`
    ThresholdedRelu(f64),
    /// At least the first number, at most the second.
    Clip(f64, f64),
    /// `x * by`
    Multiply(f64),
    /// `x + value`
    Add(f64),
    /// `x / by`
    Divide(f64),
    /// `x / (1 + |x|)`
    Softsign,
    /// `alpha x + beta` between 0 and 1.
    HardSigmoid(f64, f64),
    /// `x` times `x / 6 + 1/2` between 0 and 1.
    HardSwish,
    /// `x + bias` below -lambda, `x - bias` above lambda, else 0: lambda, bias.
    Shrink(f64, f64),
    /// `(x + sqrt(x^2 + b)) / 2`
    Squareplus(f64),
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
///
/// All of `f64` is the domain; a NaN result, of NaN or of 0 times infinity, is [`f64::NAN`]. What is elementary is rounded
/// operation by operation. Else the result is within 2 ulp of the exact value of the formula in [`Activation`], but for
///
/// * `Swish`, `Mish` and `TanhGelu`: 3 ulp, as a quotient of sums is multiplied; where the exponential in them is subnormal
///   (x below -708, of `TanhGelu` -21) they are off by what it has lost, at most `|x| 2^-1074`;
/// * `Swish` of another alpha than 1: `3 + |alpha x|` ulp, as what is exponentiated is a rounded product;
/// * `Celu` of a negative alpha: 5 ulp, where the exponential is normal, above which it overflows;
/// * `TanhShrink`: 2.5 ulp, which `x - tanh(x)` would not be near 0;
/// * `Gelu`: `2^-51 |x|`, as the sources' own `1 + erf` has it: in its lower tail that is no bound in ulp.
pub fn activate(level: Level, activation: Activation, xs: &mut [f64]) {
    functions::with(activation, Column { level, xs });
}

/// The same at `f32`, by `f32` operations: the same bounds in ulp of `f32`, but for `Tanh`, within 2.1, `TanhShrink`, within 3, and
/// `Gelu`, within 3 above -1 and 7 below. Where exponentials are subnormal (x below -87, of `TanhGelu` -10, of `Gelu` -13), it is
/// at most `|x| 2^-126`.
pub fn activate_f32(level: Level, activation: Activation, xs: &mut [f32]) {
    let rows = xs.len();
    functions::with(activation, Tile { level, xs, stride: rows.max(1), rows });
}

/// Replaces the first `rows` values of every `stride` values, a divisor of whose number it is.
pub(super) fn f64(level: Level, activation: Activation, xs: &mut [f64], stride: usize, rows: usize) {
    xs.chunks_mut(stride).for_each(|column| activate(level, activation, &mut column[..rows]));
}

/// The same at `f32`; values up to the next multiple of 16, where the stride is one, are replaced too.
pub(super) fn f32(level: Level, activation: Activation, xs: &mut [f32], stride: usize, rows: usize) {
    let rows = rows.next_multiple_of(MOST).min(stride);
    functions::with(activation, Tile { level, xs, stride, rows });
}

/// What is done with a function that is chosen by name.
trait With {
    fn with(self, function: impl Activate);
}

struct Column<'a> {
    level: Level,
    xs: &'a mut [f64],
}

impl With for Column<'_> {
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

struct Tile<'a> {
    level: Level,
    xs: &'a mut [f32],
    stride: usize,
    rows: usize,
}

impl With for Tile<'_> {
    fn with(self, function: impl Activate) {
        level::run(self.level, Columns { tile: self, function });
    }
}

struct Columns<'a, A> {
    tile: Tile<'a>,
    function: A,
}

impl<A: Activate> Work for Columns<'_, A> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Columns { tile, function } = self;
        for column in tile.xs.chunks_mut(tile.stride) {
            let (groups, rest) = column[..tile.rows].split_at_mut(tile.rows - tile.rows % V::Narrow::LANES);
            for group in groups.chunks_exact_mut(V::Narrow::LANES) {
                // SAFETY: the caller vouches for the processor.
                unsafe { one_group::<V::Narrow>(function, group) }.store(group);
            }
            if !rest.is_empty() {
                let mut group = [0.0; MOST];
                group[..rest.len()].copy_from_slice(rest);
                let group = &mut group[..V::Narrow::LANES];
                // SAFETY: as above.
                unsafe { one_group::<V::Narrow>(function, group) }.store(group);
                rest.copy_from_slice(&group[..rest.len()]);
            }
        }
    }
}

/// The most lanes of `f32`.
const MOST: usize = 16;

/// # Safety
///
/// As for [`Narrow::load`].
#[inline(always)]
unsafe fn one_group<V: Narrow>(function: impl Activate, group: &[f32]) -> V {
    // SAFETY: the caller vouches for the processor.
    let x = unsafe { V::load(group) };
    function.of(Single(x)).0.canonical()
}
