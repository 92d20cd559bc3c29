//! What links name: functions of one number, norms, ways of making one number of several.

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

/// How a group of columns becomes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// Their sum, in column order.
    Sum,
    /// That divided by their number.
    Mean,
    /// The largest; NaN where one is.
    Max,
    /// The smallest; NaN where one is.
    Min,
    /// Their product, in column order.
    Product,
    /// The sum of their magnitudes.
    L1,
    /// The square root of the sum of their squares.
    L2,
    /// The sum of their squares.
    SumSquare,
}

impl Reduction {
    /// Every way.
    pub const ALL: [Reduction; 8] = [
        Reduction::Sum,
        Reduction::Mean,
        Reduction::Max,
        Reduction::Min,
        Reduction::Product,
        Reduction::L1,
        Reduction::L2,
        Reduction::SumSquare,
    ];
}
