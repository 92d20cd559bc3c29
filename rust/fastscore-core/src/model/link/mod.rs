//! Row-wise functions between a margin and what users read. What is said of each kind, and what its numbers may be, is in
//! `rules.rs`.

mod rules;

use super::{Function, Norm, Reduction};

/// A row-wise function of a value's columns.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum Link {
    /// `1 / (1 + exp(-scale * x))`
    Sigmoid {
        /// Factor of the margin.
        scale: f64,
    },
    /// `exp(x - max) / sum`, the sum in column order, in each of some equal groups of columns.
    Softmax {
        /// How many.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        groups: usize,
    },
    /// `softmax` with the sum in NumPy's order (scikit-learn).
    PairwiseSoftmax {},
    /// `softmax` with `fast_exp`; it is 0 instead of the least normal number in the columns past the last multiple of four.
    FastSoftmax {},
    /// `exp(x)`
    Exp {},
    /// CatBoost's coarser exponential, see `simd::fast_exp`.
    FastExp {},
    /// `sign(x) * x * x`
    SignedSquare {},
    /// `x / by`
    Divide {
        /// The divisor.
        by: f64,
    },
    /// One column p to two, `1 - p` and `p`.
    Complement {},
    /// Each row divided by its sum; a row whose sum is 0 becomes uniform.
    Normalize {
        /// The sum is in NumPy's order, as of a row-major array; else in column order.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pairwise: bool,
        /// A row whose sum is 0 stays.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        keep_zeros: bool,
    },
    /// `x / (3 (|x| + 1))` (scikit-learn's one-vs-one).
    Confidence {},
    /// Some columns of the input.
    Columns {
        /// Which, in order.
        columns: Vec<usize>,
    },
    /// `2 ** x`
    Exp2 {},
    /// The natural logarithm.
    Log {},
    /// `log(x / g)`, with `g` the exponential of the mean of the row's logarithms, summed in NumPy's order (scikit-learn).
    CentredLog {},
    /// `log(x / (1 - x))`, between 0.3 and 0.65 as `log1p(s) - log1p(-s)` with `s = 2 (x - 0.5)`.
    Logit {},
    /// `log1p(exp(x))`
    Log1pExp {},
    /// At least `low`, at most `high`; NaN stays.
    Clip {
        /// The least value, if there is one.
        low: Option<f64>,
        /// The largest value, if there is one.
        high: Option<f64>,
    },
    /// `x * by`
    Multiply {
        /// The factor.
        by: f64,
    },
    /// `x + value`
    Add {
        /// What is added.
        value: f64,
    },
    /// `x * scale + shift` with each column's own numbers, rounded twice.
    Affine {
        /// Factors.
        scale: Vec<f64>,
        /// What is added then.
        shift: Vec<f64>,
    },
    /// NaN becomes a number, and so does another value.
    FillMissing {
        /// The number.
        value: f64,
        /// The other value that counts as missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        also: Option<f64>,
    },
    /// `x > at ? above : other`
    Above {
        /// What is compared with.
        at: f64,
        /// The result above it.
        above: f64,
        /// The result elsewhere, and for NaN.
        other: f64,
    },
    /// `hit` in the row's first largest column (NaN counts as larger than all), `miss` in the others.
    Vote {
        /// The value there.
        hit: f64,
        /// The value elsewhere.
        miss: f64,
        /// Whether NaN is passed over, unless it is in the first column, which nothing is above then.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        scan: bool,
    },
    /// The row's first value, in ascending order, up to which the weights sum to at least half of all.
    WeightedMedian {
        /// Of the columns.
        weights: Vec<f64>,
    },
    /// The nearest float32.
    RoundToFloat32 {},
    /// 0 where `x < 0`, else x (NaN and -0 stay).
    Relu {},
    /// All columns to one: `m + log(sum of exp(x - m))`, the sum in column order, m the largest column, or 0 where that
    /// is not finite.
    LogSumExp {},
    /// `(x - shift) / scale` with each column's own numbers, rounded twice; a part that is None is left out.
    Standardize {
        /// What is subtracted.
        shift: Option<Vec<f64>>,
        /// What that is divided by.
        scale: Option<Vec<f64>>,
    },
    /// A number of the column in the place of missing values.
    Impute {
        /// One a column.
        values: Vec<f64>,
        /// The number that is missing; None: NaN.
        missing: Option<f64>,
    },
    /// A function of each number, as NumPy defines it.
    Ufunc {
        /// Which.
        function: Function,
    },
    /// Yeo and Johnson's power transformation with each column's own power.
    YeoJohnson {
        /// The powers.
        lambdas: Vec<f64>,
    },
    /// Box and Cox's power transformation with each column's own power.
    BoxCox {
        /// The powers.
        lambdas: Vec<f64>,
    },
    /// Each row divided by its norm; rows whose norm is below ten times 2^-52 stay, as scikit-learn has it.
    NormalizeRows {
        /// Which.
        norm: Norm,
    },
    /// The inverse of Yeo and Johnson's power transformation, with each column's lambda.
    InverseYeoJohnson {
        /// One a column.
        lambdas: Vec<f64>,
    },
    /// The inverse of Box and Cox's power transformation, with each column's lambda.
    InverseBoxCox {
        /// One a column.
        lambdas: Vec<f64>,
    },
    /// `x < 0 ? alpha x : x`
    LeakyRelu {
        /// The slope below 0.
        alpha: f64,
    },
    /// `leaky_relu` with each column's own slope.
    Prelu {
        /// The slopes below 0.
        alphas: Vec<f64>,
    },
    /// `x > alpha ? x : 0`
    ThresholdedRelu {
        /// The number that counts as 0, as what is below it does.
        alpha: f64,
    },
    /// `x < 0 ? alpha expm1(x) : x`
    Elu {
        /// What it falls to, negated.
        alpha: f64,
    },
    /// `gamma x` above 0, `gamma (alpha expm1(x))` elsewhere.
    Selu {
        /// The factor below 0.
        alpha: f64,
        /// The factor everywhere.
        gamma: f64,
    },
    /// `x < 0 ? alpha expm1(x / alpha) : x`
    Celu {
        /// What it falls to, negated.
        alpha: f64,
    },
    /// `x Phi(x)`, Phi the normal distribution function.
    Gelu {
        /// Whether `x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3))` is meant.
        approximate: bool,
    },
    /// `x sigmoid(alpha x)`
    Swish {
        /// The factor in the sigmoid.
        alpha: f64,
    },
    /// `1 / (1 + exp(-x))`: `sigmoid`, but for what its bits at float32 are.
    Logistic {},
    /// `x tanh(log(1 + exp(x)))`
    Mish {},
    /// `log(1 + exp(x))`, without overflow.
    Softplus {},
    /// `x / (1 + |x|)`
    Softsign {},
    /// `alpha x + beta` between 0 and 1.
    HardSigmoid {
        /// The slope.
        alpha: f64,
        /// The value at 0.
        beta: f64,
    },
    /// `x` times `x / 6 + 1/2` between 0 and 1.
    HardSwish {},
    /// `(x - max) - log(sum of exp(x - max))` in each of some equal groups of columns.
    LogSoftmax {
        /// How many.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        groups: usize,
    },
    /// `-log(1 + exp(-x))`
    LogSigmoid {},
    /// `x - tanh(x)`
    TanhShrink {},
    /// `x + bias` below -lambda, `x - bias` above lambda, else 0.
    Shrink {
        /// Up to where numbers become 0.
        lambda: f64,
        /// How much nearer to 0 the others come.
        bias: f64,
    },
    /// `(x + sqrt(x^2 + b)) / 2`
    Squareplus {
        /// What is added to the square.
        b: f64,
    },
    /// NumPy's `x ** exponent`.
    Power {
        /// The exponent.
        exponent: f64,
    },
    /// Each of some equal groups of columns less its mean, divided by its standard deviation.
    LayerNorm {
        /// What is added to the variance.
        epsilon: f64,
        /// Factors then, one a column.
        scale: Option<Vec<f64>>,
        /// What is added then, one a column.
        shift: Option<Vec<f64>>,
        /// Whether the mean counts as 0.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        rms: bool,
        /// How many groups.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        groups: usize,
    },
    /// Each of some equal groups of columns to one column.
    Reduce {
        /// How.
        how: Reduction,
        /// How many groups.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        groups: usize,
    },
}

/// One group of columns: all of them.
fn one() -> usize {
    1
}

fn is_one(groups: &usize) -> bool {
    *groups == 1
}
