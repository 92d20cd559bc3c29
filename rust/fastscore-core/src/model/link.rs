//! Row-wise functions between a margin and what users read.

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
    /// `exp(x)`
    Exp {},
    /// `sign(x) * x * x`
    SignedSquare {},
    /// `x / by`
    Divide {
        /// The divisor.
        by: f64,
    },
    /// One column p to two, `1 - p` and `p`.
    Complement {},
    /// Each row divided by its sum; a row of zeros becomes uniform.
    Normalize {},
    /// Some columns of the input.
    Columns {
        /// Which, in order.
        columns: Vec<usize>,
    },
}

impl Link {
    /// Columns of the output, or None when the input's do not fit.
    pub fn width(&self, input: usize) -> Option<usize> {
        match self {
            Link::Complement {} => (input == 1).then_some(2),
            Link::Columns { columns } => {
                (!columns.is_empty() && columns.iter().all(|&c| c < input)).then_some(columns.len())
            }
            _ => Some(input),
        }
    }
}
