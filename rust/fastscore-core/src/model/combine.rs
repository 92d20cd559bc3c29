//! Two or more values to one, element by element.

use super::{ValueId, Width};
use crate::error::{Result, format_error};

/// What is done with two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// `a + b`
    Sum,
    /// `a * b`
    Product,
    /// `a - b`
    Difference,
    /// `a / b`
    Quotient,
    /// The smaller; NaN where one is. Of equal ones a.
    Minimum,
    /// The larger; NaN where one is. Of equal ones a.
    Maximum,
    /// a where b is not 0, NaN included, else -0, which adds nothing, not even a zero's sign.
    Mask,
}

impl Arithmetic {
    /// All of them.
    pub const ALL: [Arithmetic; 7] = [
        Arithmetic::Sum,
        Arithmetic::Product,
        Arithmetic::Difference,
        Arithmetic::Quotient,
        Arithmetic::Minimum,
        Arithmetic::Maximum,
        Arithmetic::Mask,
    ];

    /// What the step is called.
    pub fn name(self) -> &'static str {
        match self {
            Arithmetic::Sum => "sum",
            Arithmetic::Product => "product",
            Arithmetic::Difference => "difference",
            Arithmetic::Quotient => "quotient",
            Arithmetic::Minimum => "minimum",
            Arithmetic::Maximum => "maximum",
            Arithmetic::Mask => "mask",
        }
    }

    /// Of two numbers, unrounded but for float64.
    #[inline(always)]
    pub fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Arithmetic::Sum => a + b,
            Arithmetic::Product => a * b,
            Arithmetic::Difference => a - b,
            Arithmetic::Quotient => a / b,
            Arithmetic::Minimum => {
                if b < a || b.is_nan() {
                    b
                } else {
                    a
                }
            }
            Arithmetic::Maximum => {
                if b > a || b.is_nan() {
                    b
                } else {
                    a
                }
            }
            Arithmetic::Mask => {
                if b == 0.0 {
                    -0.0
                } else {
                    a
                }
            }
        }
    }

    /// Whether it takes two values only.
    fn is_of_two(self) -> bool {
        matches!(self, Arithmetic::Difference | Arithmetic::Quotient | Arithmetic::Mask)
    }
}

/// The input's columns with those of other values, from left to right. A value of one column counts as that column over and
/// over. At float32 the numbers are rounded to it first, and so is each result.
#[derive(Debug, Clone, PartialEq)]
pub struct Combine {
    /// What is done.
    pub how: Arithmetic,
    /// The other values.
    pub others: Vec<ValueId>,
    /// The width of numbers and results.
    pub width: Width,
}

impl Combine {
    /// The columns that it gives, from those of all its values.
    pub(super) fn check(&self, widths: &[(ValueId, usize)]) -> Result<usize> {
        let name = self.how.name();
        if self.how.is_of_two() && self.others.len() != 1 {
            return Err(format_error(format!("{name} of {} values, it takes two", self.others.len() + 1)));
        }
        let columns = widths.iter().map(|(_, width)| *width).max().unwrap_or(0);
        match widths.iter().find(|(_, width)| *width != 1 && *width != columns) {
            Some((value, width)) => {
                Err(format_error(format!("{name} of {columns} columns and the {width} of value {value}")))
            }
            None => Ok(columns),
        }
    }
}
