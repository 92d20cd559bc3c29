//! What is said of each kind of link, once: which columns a column is a function of, and at which widths it is defined.

use super::Link;
use crate::error::{Result, format_error};
use crate::model::Width;

/// Which columns of the input a column of the output is a function of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    /// The one in its place, and the function is the same for all.
    Own,
    /// The one in its place, and each has numbers of its own ([`Link::own_numbers`]).
    OwnByNumbers,
    /// All, or all of a group; there are as many as in the input.
    All,
    /// Others: there may be more or fewer.
    Others,
}

/// Whether a link is defined at float32, beside float64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Narrow {
    /// No.
    No,
    /// With numbers of float32.
    Yes,
    /// With any numbers: NumPy computes in float64 and rounds each result.
    WithAnyNumbers,
}

impl Link {
    /// What is said of the kind.
    fn kind(&self) -> (Reads, Narrow) {
        match self {
            Link::Sigmoid { .. }
            | Link::Exp {}
            | Link::Divide { .. }
            | Link::Multiply { .. }
            | Link::Add { .. }
            | Link::Clip { .. }
            | Link::Power { .. }
            | Link::Ufunc { .. }
            | Link::Relu {}
            | Link::LeakyRelu { .. }
            | Link::ThresholdedRelu { .. }
            | Link::Elu { .. }
            | Link::Selu { .. }
            | Link::Celu { .. }
            | Link::Gelu { .. }
            | Link::Swish { .. }
            | Link::Logistic {}
            | Link::Mish {}
            | Link::Softplus {}
            | Link::Softsign {}
            | Link::HardSigmoid { .. }
            | Link::HardSwish {}
            | Link::LogSigmoid {}
            | Link::TanhShrink {}
            | Link::Shrink { .. }
            | Link::Squareplus { .. } => (Reads::Own, Narrow::Yes),
            Link::FastExp {}
            | Link::SignedSquare {}
            | Link::Exp2 {}
            | Link::Log {}
            | Link::Logit {}
            | Link::Log1pExp {}
            | Link::FillMissing { .. }
            | Link::Above { .. }
            | Link::Confidence {}
            | Link::RoundToFloat32 {} => (Reads::Own, Narrow::No),
            Link::Impute { .. } | Link::Prelu { .. } => (Reads::OwnByNumbers, Narrow::Yes),
            Link::Affine { .. } | Link::Standardize { .. } => (Reads::OwnByNumbers, Narrow::WithAnyNumbers),
            Link::YeoJohnson { .. }
            | Link::BoxCox { .. }
            | Link::InverseYeoJohnson { .. }
            | Link::InverseBoxCox { .. } => (Reads::OwnByNumbers, Narrow::No),
            Link::Softmax { .. }
            | Link::LogSoftmax { .. }
            | Link::LayerNorm { .. }
            | Link::Normalize { pairwise: false, .. } => (Reads::All, Narrow::Yes),
            Link::PairwiseSoftmax {}
            | Link::FastSoftmax {}
            | Link::Normalize { pairwise: true, .. }
            | Link::NormalizeRows { .. }
            | Link::CentredLog {}
            | Link::Vote { .. } => (Reads::All, Narrow::No),
            Link::Complement {} | Link::Reduce { .. } | Link::WeightedMedian { .. } => (Reads::Others, Narrow::Yes),
            Link::Columns { .. } | Link::LogSumExp {} => (Reads::Others, Narrow::No),
        }
    }

    /// The numbers that each column has of its own, list by list.
    fn own_numbers(&mut self) -> Vec<&mut Vec<f64>> {
        match self {
            Link::Affine { scale, shift } => vec![scale, shift],
            Link::Standardize { shift, scale } => [shift, scale].into_iter().flatten().collect(),
            Link::Impute { values: numbers, .. }
            | Link::Prelu { alphas: numbers }
            | Link::YeoJohnson { lambdas: numbers }
            | Link::BoxCox { lambdas: numbers }
            | Link::InverseYeoJohnson { lambdas: numbers }
            | Link::InverseBoxCox { lambdas: numbers } => vec![numbers],
            _ => Vec::new(),
        }
    }

    /// Columns of the output, or None when the input's do not fit.
    fn columns(&self, input: usize) -> Option<usize> {
        match self {
            Link::Complement {} => (input == 1).then_some(2),
            Link::Columns { columns } => {
                (!columns.is_empty() && columns.iter().all(|&c| c < input)).then_some(columns.len())
            }
            Link::WeightedMedian { weights } => (weights.len() == input).then_some(1),
            Link::LogSumExp {} => Some(1),
            Link::Softmax { groups } | Link::LogSoftmax { groups } => divides(*groups, input).then_some(input),
            Link::Reduce { groups, .. } => divides(*groups, input).then_some(*groups),
            Link::LayerNorm { scale, shift, groups, .. } => {
                let fits = [scale, shift].into_iter().flatten().all(|numbers| numbers.len() == input);
                (fits && divides(*groups, input)).then_some(input)
            }
            _ => self.clone().own_numbers().iter().all(|numbers| numbers.len() == input).then_some(input),
        }
    }

    /// Whether it gives as many columns as it reads, each in the place of one.
    pub(crate) fn keeps_columns(&self) -> bool {
        self.kind().0 != Reads::Others
    }

    /// The link of some of its columns, where each column is a function of its own column only.
    pub(crate) fn of_columns(&self, columns: &[u32]) -> Option<Link> {
        if !matches!(self.kind().0, Reads::Own | Reads::OwnByNumbers) {
            return None;
        }
        let mut link = self.clone();
        for numbers in link.own_numbers() {
            *numbers = columns.iter().map(|&c| numbers[c as usize]).collect();
        }
        Some(link)
    }

    /// Check the link's numbers, and that it can read so many columns at that width; gives the output's columns.
    pub(in crate::model) fn check(&self, width: Width, input: usize) -> Result<usize> {
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
                if let (Some(low), Some(high)) = (low, high)
                    && low > high
                {
                    return Err(format_error(format!("link that clips between {low} and {high}")));
                }
                &[low.unwrap_or(0.0), high.unwrap_or(0.0)]
            }
            Link::Celu { alpha } => {
                if *alpha == 0.0 {
                    return Err(format_error("celu with the alpha 0, which can't divide"));
                }
                &[*alpha]
            }
            Link::LeakyRelu { alpha }
            | Link::ThresholdedRelu { alpha }
            | Link::Elu { alpha }
            | Link::Swish { alpha } => &[*alpha],
            Link::Prelu { alphas } => alphas,
            Link::Selu { alpha, gamma } => &[*alpha, *gamma],
            Link::HardSigmoid { alpha, beta } => &[*alpha, *beta],
            Link::Shrink { lambda, bias } => {
                if *lambda < 0.0 {
                    return Err(format_error(format!("shrink with the lambda {lambda}, which is below 0")));
                }
                &[*lambda, *bias]
            }
            Link::Squareplus { b } => {
                if *b < 0.0 {
                    return Err(format_error(format!("squareplus with the b {b}, which is below 0")));
                }
                &[*b]
            }
            Link::Power { exponent } => &[*exponent],
            Link::LayerNorm { epsilon, scale, shift, rms, .. } => {
                if *epsilon < 0.0 {
                    return Err(format_error(format!("layer_norm with the epsilon {epsilon}, which is below 0")));
                }
                if *rms && shift.is_some() {
                    return Err(format_error("layer_norm of mean squares (rms) with a shift"));
                }
                let each = [scale, shift].into_iter().flatten().flatten();
                &each.copied().chain([*epsilon]).collect::<Vec<_>>()
            }
            Link::Above { at, above, other } => &[*at, *above, *other],
            Link::Vote { hit, miss, .. } => &[*hit, *miss],
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
        match self.kind().1 {
            Narrow::No => Err(format_error(format!("link {self:?} has no width float32"))),
            Narrow::WithAnyNumbers => Ok(()),
            Narrow::Yes => match numbers.iter().find(|&&number| Width::Float32.round(number) != number) {
                Some(number) => {
                    Err(format_error(format!("link of width float32 with the number {number}, which is none")))
                }
                None => Ok(()),
            },
        }
    }
}

/// Whether so many columns are so many equal groups.
fn divides(groups: usize, columns: usize) -> bool {
    groups > 0 && columns.is_multiple_of(groups)
}
