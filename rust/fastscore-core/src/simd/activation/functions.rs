//! The formulas.

use super::{Activation, With};

/// Lanes of numbers of a width, and the functions that activations are made of. What a NaN gives is some NaN.
pub(super) trait Real: Copy {
    /// The nearest number in each lane.
    fn c(self, value: f64) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn sqrt(self) -> Self;
    /// `self * factor + addend`, rounded once.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// `if self < other { then } else { otherwise }`
    fn if_less(self, other: Self, then: Self, otherwise: Self) -> Self;
    /// The magnitude.
    fn abs(self) -> Self;
    /// `exp(x)`, for `x <= 0`.
    fn exp_below(self) -> Self;
    /// `exp(x) - 1`, for `x <= 0`; any number elsewhere.
    fn expm1_below(self) -> Self;
    /// `log(1 + x)`, for x from 0 to 1.
    fn log1p_unit(self) -> Self;
    fn tanh(self) -> Self;
    /// `x - tanh(x)`
    fn less_tanh(self) -> Self;
    /// The part of a normal distribution below x.
    fn below(self) -> Self;
    /// A number that is the sum of these, and what its rounding to the width leaves.
    fn pair(self, high: f64, low: f64) -> (Self, Self);

    #[inline(always)]
    fn negated(self) -> Self {
        self.c(-0.0).sub(self)
    }
}

/// A function of each lane.
pub(super) trait Activate: Copy {
    fn of<R: Real>(self, x: R) -> R;
}

macro_rules! activations {
    ($($name:ident$(($($field:ident),*))? = |$x:ident| $formula:expr;)*) => {
        $(
            #[derive(Clone, Copy)]
            struct $name$(($(number!($field)),*))?;

            impl Activate for $name {
                #[inline(always)]
                fn of<R: Real>(self, $x: R) -> R {
                    let $name$(($($field),*))? = self;
                    $formula
                }
            }
        )*

        /// Do something with the function of that name.
        pub(super) fn with(activation: Activation, action: impl With) {
            match activation {
                $(Activation::$name$(($($field),*))? => action.with($name$(($($field),*))?),)*
            }
        }
    };
}

macro_rules! number {
    ($field:ident) => {
        f64
    };
}

activations! {
    Relu = |x| x.if_less(x.c(0.0), x.c(0.0), x);
    LeakyRelu(alpha) = |x| x.if_less(x.c(0.0), x.mul(x.c(alpha)), x);
    ThresholdedRelu(alpha) = |x| x.c(alpha).if_less(x, x, x.c(0.0));
    Clip(low, high) = |x| clip(x, low, high);
    Multiply(by) = |x| x.mul(x.c(by));
    Add(value) = |x| x.add(x.c(value));
    Divide(by) = |x| x.div(x.c(by));
    Softsign = |x| x.div(x.c(1.0).add(x.abs()));
    HardSigmoid(alpha, beta) = |x| clip(x.mul(x.c(alpha)).add(x.c(beta)), 0.0, 1.0);
    HardSwish = |x| x.mul(clip(x.mul(x.c(1.0 / 6.0)).add(x.c(0.5)), 0.0, 1.0));
    Shrink(lambda, bias) = |x| {
        let above = x.c(lambda).if_less(x, x.sub(x.c(bias)), x.c(0.0));
        x.if_less(x.c(-lambda), x.add(x.c(bias)), above)
    };
    Squareplus(b) = |x| x.add(x.mul(x).add(x.c(b)).sqrt()).div(x.c(2.0));
    Elu(alpha) = |x| x.if_less(x.c(0.0), x.expm1_below().mul(x.c(alpha)), x);
    Selu(alpha, gamma) = |x| {
        let below = x.expm1_below().mul(x.c(alpha));
        x.if_less(x.c(0.0), below, x).mul(x.c(gamma))
    };
    Celu(alpha) = |x| {
        // Of a negative alpha the quotient is positive.
        let t = x.div(x.c(alpha));
        let below = if alpha > 0.0 { t.expm1_below() } else { expm1_above(t) };
        x.if_less(x.c(0.0), below.mul(x.c(alpha)), x)
    };
    Gelu = |x| x.mul(x.below());
    TanhGelu = |x| tanh_gelu(x);
    Swish(alpha) = |x| x.mul(sigmoid(x.mul(x.c(alpha))));
    Logistic = |x| sigmoid(x);
    Mish = |x| mish(x);
    Softplus = |x| x.c(0.0).if_less(x, x, x.c(0.0)).add(log_of_more(x));
    LogSigmoid = |x| x.if_less(x.c(0.0), x, x.c(0.0)).sub(log_of_more(x));
    Tanh = |x| x.tanh();
    TanhShrink = |x| x.less_tanh();
}

/// NaN stays, and of zeros the sign.
#[inline(always)]
fn clip<R: Real>(x: R, low: f64, high: f64) -> R {
    let x = x.if_less(x.c(low), x.c(low), x);
    x.c(high).if_less(x, x.c(high), x)
}

/// `log(1 + exp(-|x|))`
#[inline(always)]
fn log_of_more<R: Real>(x: R) -> R {
    x.abs().negated().exp_below().log1p_unit()
}

/// `exp(x) - 1` for `x >= 0`.
#[inline(always)]
fn expm1_above<R: Real>(x: R) -> R {
    // exp(x) - 1 = -expm1(-x) / exp(-x)
    let below = x.negated();
    below.expm1_below().negated().div(below.exp_below())
}

/// `1 / (1 + exp(-x))`, by the exponential of `-|x|`.
#[inline(always)]
fn sigmoid<R: Real>(x: R) -> R {
    let e = x.abs().negated().exp_below();
    x.if_less(x.c(0.0), e, x.c(1.0)).div(x.c(1.0).add(e))
}

/// `n / (n + 2)` of `n = e (e + 2)`, `e = exp(x)`; above 0 divided by `e^2`.
#[inline(always)]
fn mish<R: Real>(x: R) -> R {
    let (one, two) = (x.c(1.0), x.c(2.0));
    let e = x.abs().negated().exp_below();
    let below = e.mul_add(e, e.add(e));
    let above = e.mul_add(two, one);
    let is_below = |this: R, other: R| x.if_less(x.c(0.0), this, other);
    let rest = is_below(two, e.add(e).mul(e));
    let upper = is_below(below, above);
    x.mul(upper.div(upper.add(rest)))
}

/// `x sigmoid(t)` with `t = 2 sqrt(2 / pi) (x + 0.044715 x^3)`, whose rounding is made good: the exponential of t magnifies it.
#[inline(always)]
fn tanh_gelu<R: Real>(x: R) -> R {
    // 2 sqrt(2 / pi) and 0.044715, in two parts.
    let (factor, factor_low) = x.pair(1.595_769_121_605_730_8, -9.969_308_809_110_92e-17);
    let (cubic, cubic_low) = x.pair(0.044_715, 2.196_021_142_708_559_5e-18);
    let square = x.mul(x);
    let square_low = x.mul_add(x, square.negated());
    let p = square.mul_add(cubic, x.c(1.0));
    let p_low = square.mul_add(cubic, x.c(1.0).sub(p));
    let p_low = square.mul_add(cubic_low, square_low.mul_add(cubic, p_low));
    let w = p.mul(x);
    let w_low = p_low.mul_add(x, p.mul_add(x, w.negated()));
    let t = w.mul(factor);
    let t_low = w.mul_add(factor_low, w_low.mul_add(factor, w.mul_add(factor, t.negated())));
    let below = t.abs().negated();
    let low = t.if_less(x.c(0.0), t_low, t_low.negated());
    let e = below.exp_below();
    // What overflows has no rest; long before, e is 0.
    let e = x.abs().if_less(x.c(100.0), e.mul_add(low, e), e);
    let share = x.if_less(x.c(0.0), e, x.c(1.0)).div(x.c(1.0).add(e));
    x.mul(share)
}
