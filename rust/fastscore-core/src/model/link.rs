//! Row-wise functions between a margin and what users read.

use super::Width;
use crate::error::{Result, format_error};

/// A row-wise function of a value's columns.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum Link {
    /// `1 / (1 + exp(-scale * x))`
    Sigmoid {
        /// Factor of the margin.
        scale: f64,
    },
    /// `exp(x - max) / sum`, the sum in column order.
    Softmax {},
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
        /// The least value.
        low: f64,
        /// The largest value.
        high: f64,
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
}

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "they are NumPy's and SciPy's, by their names")]
pub enum Function {
    Sqrt,
    Square,
    Abs,
    Sign,
    Negative,
    Reciprocal,
    Floor,
    Ceil,
    Rint,
    Trunc,
    Cbrt,
    Exp,
    Exp2,
    Expm1,
    Log,
    Log2,
    Log10,
    Log1p,
    Sin,
    Cos,
    Tan,
    Arcsin,
    Arccos,
    Arctan,
    Sinh,
    Cosh,
    Tanh,
    Arcsinh,
    Arccosh,
    Arctanh,
    Erf,
    Ndtr,
    Ndtri,
}

impl Function {
    /// Every function.
    pub const ALL: [Function; 33] = [
        Function::Sqrt,
        Function::Square,
        Function::Abs,
        Function::Sign,
        Function::Negative,
        Function::Reciprocal,
        Function::Floor,
        Function::Ceil,
        Function::Rint,
        Function::Trunc,
        Function::Cbrt,
        Function::Exp,
        Function::Exp2,
        Function::Expm1,
        Function::Log,
        Function::Log2,
        Function::Log10,
        Function::Log1p,
        Function::Sin,
        Function::Cos,
        Function::Tan,
        Function::Arcsin,
        Function::Arccos,
        Function::Arctan,
        Function::Sinh,
        Function::Cosh,
        Function::Tanh,
        Function::Arcsinh,
        Function::Arccosh,
        Function::Arctanh,
        Function::Erf,
        Function::Ndtr,
        Function::Ndtri,
    ];

    /// Whether it is one operation, exact or correctly rounded.
    pub fn is_elementary(self) -> bool {
        use Function::{Abs, Ceil, Floor, Negative, Reciprocal, Rint, Sign, Sqrt, Square, Trunc};
        matches!(self, Sqrt | Square | Abs | Sign | Negative | Reciprocal | Floor | Ceil | Rint | Trunc)
    }

    /// Whether it is defined at float32: where the value at float64, rounded, is that at float32 but for what no one can tell.
    pub fn has_float32(self) -> bool {
        self.is_elementary() || matches!(self, Function::Tanh | Function::Erf)
    }
}

/// A norm of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// The sum of magnitudes, in NumPy's order of a row-major array.
    L1,
    /// The square root of the sum of squares, in that order.
    L2,
    /// The largest magnitude.
    Max,
}

impl Link {
    /// Columns of the output, or None when the input's do not fit.
    fn columns(&self, input: usize) -> Option<usize> {
        match self {
            Link::Complement {} => (input == 1).then_some(2),
            Link::Columns { columns } => {
                (!columns.is_empty() && columns.iter().all(|&c| c < input)).then_some(columns.len())
            }
            Link::Affine { scale, shift } => (scale.len() == input && shift.len() == input).then_some(input),
            Link::WeightedMedian { weights } => (weights.len() == input).then_some(1),
            Link::LogSumExp {} => Some(1),
            Link::Standardize { shift, scale } => {
                [shift, scale].into_iter().flatten().all(|numbers| numbers.len() == input).then_some(input)
            }
            Link::Impute { values: numbers, .. }
            | Link::YeoJohnson { lambdas: numbers }
            | Link::BoxCox { lambdas: numbers }
            | Link::InverseYeoJohnson { lambdas: numbers }
            | Link::InverseBoxCox { lambdas: numbers } => (numbers.len() == input).then_some(input),
            _ => Some(input),
        }
    }

    /// Whether each column is the same function of its own column only.
    pub(crate) fn is_of_each_column(&self) -> bool {
        self.of_columns(&[]).is_some_and(|link| link == *self)
    }

    /// The link of some of its columns, where each column is a function of its own column only.
    pub(crate) fn of_columns(&self, columns: &[u32]) -> Option<Link> {
        let pick = |numbers: &[f64]| columns.iter().map(|&c| numbers[c as usize]).collect();
        match self {
            Link::Affine { scale, shift } => Some(Link::Affine { scale: pick(scale), shift: pick(shift) }),
            Link::Standardize { shift, scale } => {
                let [shift, scale] = [shift, scale].map(|numbers| numbers.as_deref().map(pick));
                Some(Link::Standardize { shift, scale })
            }
            Link::YeoJohnson { lambdas } => Some(Link::YeoJohnson { lambdas: pick(lambdas) }),
            Link::BoxCox { lambdas } => Some(Link::BoxCox { lambdas: pick(lambdas) }),
            Link::Impute { values, missing } => Some(Link::Impute { values: pick(values), missing: *missing }),
            Link::InverseYeoJohnson { lambdas } => Some(Link::InverseYeoJohnson { lambdas: pick(lambdas) }),
            Link::InverseBoxCox { lambdas } => Some(Link::InverseBoxCox { lambdas: pick(lambdas) }),
            Link::Sigmoid { .. }
            | Link::Exp {}
            | Link::FastExp {}
            | Link::SignedSquare {}
            | Link::Divide { .. }
            | Link::Exp2 {}
            | Link::Log {}
            | Link::Logit {}
            | Link::Log1pExp {}
            | Link::Clip { .. }
            | Link::Multiply { .. }
            | Link::Add { .. }
            | Link::FillMissing { .. }
            | Link::Above { .. }
            | Link::Confidence {}
            | Link::Relu {}
            | Link::Ufunc { .. }
            | Link::RoundToFloat32 {} => Some(self.clone()),
            Link::Softmax {}
            | Link::PairwiseSoftmax {}
            | Link::FastSoftmax {}
            | Link::Complement {}
            | Link::Normalize { .. }
            | Link::NormalizeRows { .. }
            | Link::Columns { .. }
            | Link::CentredLog {}
            | Link::Vote { .. }
            | Link::WeightedMedian { .. }
            | Link::LogSumExp {} => None,
        }
    }

    /// Check the link's numbers, and that it can read so many columns at that width; gives the output's columns.
    pub(super) fn check(&self, width: Width, input: usize) -> Result<usize> {
        let numbers: &[f64] = match self {
            Link::Sigmoid { scale: by } | Link::Divide { by } => {
                if *by == 0.0 {
                    return Err(format_error("link with the number 0, which can't divide or scale"));
                }
                &[*by]
            }
            Link::Standardize { shift, scale } => {
                if scale.iter().flatten().any(|&scale| scale == 0.0) {
                    return Err(format_error("link that divides by the scale 0"));
                }
                &[shift.as_deref().unwrap_or(&[]), scale.as_deref().unwrap_or(&[])].concat()
            }
            Link::InverseYeoJohnson { lambdas } | Link::InverseBoxCox { lambdas } => lambdas,
            Link::Impute { values, missing } => &values.iter().copied().chain(*missing).collect::<Vec<_>>(),
            Link::Multiply { by: value } | Link::Add { value } => &[*value],
            Link::FillMissing { value, also } => &[*value, also.unwrap_or(0.0)],
            Link::Clip { low, high } => {
                if low > high {
                    return Err(format_error(format!("link that clips between {low} and {high}")));
                }
                &[*low, *high]
            }
            Link::Above { at, above, other } => &[*at, *above, *other],
            Link::Vote { hit, miss } => &[*hit, *miss],
            Link::YeoJohnson { lambdas } | Link::BoxCox { lambdas } => lambdas,
            Link::Affine { scale, shift } => &[scale.as_slice(), shift].concat(),
            Link::WeightedMedian { weights } => {
                let total: f64 = weights.iter().sum();
                if weights.iter().any(|&weight| weight < 0.0) || total <= 0.0 || total.is_infinite() {
                    return Err(format_error("weighted median: a weight is negative, or their sum is 0 or infinite"));
                }
                weights
            }
            _ => &[],
        };
        if let Some(number) = numbers.iter().find(|number| !number.is_finite()) {
            return Err(format_error(format!("link with the number {number}")));
        }
        if width == Width::Float32 {
            self.check_narrow(numbers)?;
        }
        self.columns(input).ok_or_else(|| format_error(format!("link {self:?} can't read {input} columns")))
    }

    /// Check that the link is defined at float32.
    fn check_narrow(&self, numbers: &[f64]) -> Result<()> {
        match self {
            Link::Sigmoid { .. }
            | Link::Softmax {}
            | Link::Exp {}
            | Link::Relu {}
            | Link::Complement {}
            | Link::Normalize { pairwise: false, .. }
            | Link::Divide { .. }
            | Link::Multiply { .. }
            | Link::Add { .. } => {}
            // Their numbers may be wider: NumPy computes in float64 and rounds each result.
            Link::Standardize { .. } | Link::Affine { .. } => return Ok(()),
            Link::Impute { .. } => {}
            Link::Ufunc { function } if function.has_float32() => {}
            _ => return Err(format_error(format!("link {self:?} has no width float32"))),
        }
        match numbers.iter().find(|&&number| Width::Float32.round(number) != number) {
            Some(number) => Err(format_error(format!("link of width float32 with the number {number}, which is none"))),
            None => Ok(()),
        }
    }
}
