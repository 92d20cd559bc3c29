//! What can go wrong, one variant a cause. The Python layer maps each to one exception.

/// The result of everything that can fail here.
pub type Result<T> = std::result::Result<T, Error>;

/// One variant a cause; the text says what is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The model can't be represented exactly.
    #[error("{0}")]
    UnsupportedModel(String),
    /// A model file or structure is damaged or contradictory.
    #[error("{0}")]
    ModelFormat(String),
    /// A model has more columns, of a kind all together, than any may have: well-formed, but too wide.
    #[error("{message}")]
    TooWide {
        /// Which limit, where, and what there is.
        message: String,
        /// The limit.
        most: usize,
    },
    /// The data's columns do not fit the model.
    #[error("{0}")]
    Schema(String),
    /// Missing values where the source refuses them.
    #[error(
        "column {column} has {count} missing value(s) (null or NaN), the first in row {row}; the source model refuses \
         them: fill or drop them, or pass missing=\"propagate\" to get nulls for those rows"
    )]
    MissingValue {
        /// The column, quoted by name or `number i`.
        column: String,
        /// First such row, from 0.
        row: usize,
        /// How many rows.
        count: usize,
    },
    /// Infinities, or values beyond the source's float width, where the source refuses them.
    #[error(
        "column {column} has {count} value(s) that are infinite or too large for {width}, the first in row {row}; \
         the source model refuses them: clean them, or pass missing=\"propagate\" to get nulls for those rows"
    )]
    NonFinite {
        /// The column, quoted by name or `number i`.
        column: String,
        /// First such row, from 0.
        row: usize,
        /// How many rows.
        count: usize,
        /// The source's float width.
        width: &'static str,
    },
    /// Categories that the model does not know, where its policy is to raise.
    #[error(
        "column {column} has {count} value(s) that are not among the model's categories, the first in row {row}: \
         {value}; replace them{}",
        as_missing(.policy_of.as_deref())
    )]
    UnknownCategory {
        /// The column, quoted by name or `number i`.
        column: String,
        /// First such row, from 0.
        row: usize,
        /// How many rows.
        count: usize,
        /// The first such value.
        value: String,
        /// The column as a key of `unknown=`, where the model scores rows in which it is missing.
        policy_of: Option<String>,
    },
    /// NaN where a step of the source refuses it.
    #[error(
        "the input of {step}, column {column}, is NaN in row {row} ({count} row(s)), which {step} refuses: clean the \
         data, or pass missing=\"propagate\" to get nulls for those rows"
    )]
    MissingToStep {
        /// The step of the source.
        step: String,
        /// Its own name of the column, in quotes, or `number i`.
        column: String,
        /// First such row, from 0.
        row: usize,
        /// How many rows.
        count: usize,
    },
    /// An infinity, or a value beyond a width, where a step of the source refuses it.
    #[error(
        "the input of {step}, column {column}, is infinite or too large for {width} in row {row} ({count} row(s)), \
         which {step} refuses: clean the data, or pass missing=\"propagate\" to get nulls for those rows"
    )]
    NonFiniteToStep {
        /// The step of the source.
        step: String,
        /// Its own name of the column, in quotes, or `number i`.
        column: String,
        /// First such row, from 0.
        row: usize,
        /// How many rows.
        count: usize,
        /// The step's float width.
        width: &'static str,
    },
    /// A value that a step of the source does not know, and refuses.
    #[error(
        "column {column} has {count} value(s) that {step} does not know, the first in row {row}: {value}; replace \
         them, or train the model so that {step} knows or ignores them"
    )]
    UnknownToStep {
        /// The step of the source.
        step: String,
        /// Its own name of the column, in quotes, or `number i`.
        column: String,
        /// First such row, from 0.
        row: usize,
        /// How many rows.
        count: usize,
        /// The first such value.
        value: String,
    },
    /// A value of an argument or environment variable that is not allowed.
    #[error("{0}")]
    InvalidArgument(String),
    /// The result does not fit into memory.
    #[error("{rows} rows x {columns} columns of scores do not fit into memory: score fewer rows a call")]
    OutOfMemory {
        /// Rows asked for.
        rows: usize,
        /// Columns of the output.
        columns: usize,
    },
    /// Labels that are longer, all together, than an Arrow string array can be.
    #[error(
        "the labels of {rows} rows are {bytes} bytes of text, an Arrow string array holds 2 GiB: score fewer rows a call"
    )]
    TooMuchText {
        /// Rows asked for.
        rows: usize,
        /// What their labels take.
        bytes: usize,
    },
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// How unknown categories are scored all the same.
fn as_missing(policy_of: Option<&str>) -> String {
    policy_of.map_or_else(String::new, |key| {
        format!(", or take them for missing: import or load the model with unknown={{{key}: \"missing\"}}")
    })
}

impl Error {
    /// The first row that it is about, where it is about rows.
    pub fn first_row(&mut self) -> Option<&mut usize> {
        match self {
            Error::MissingValue { row, .. }
            | Error::NonFinite { row, .. }
            | Error::UnknownCategory { row, .. }
            | Error::MissingToStep { row, .. }
            | Error::NonFiniteToStep { row, .. }
            | Error::UnknownToStep { row, .. } => Some(row),
            // One by one, so that no new variant with a row is forgotten.
            Error::UnsupportedModel(_)
            | Error::ModelFormat(_)
            | Error::TooWide { .. }
            | Error::Schema(_)
            | Error::InvalidArgument(_)
            | Error::OutOfMemory { .. }
            | Error::TooMuchText { .. }
            | Error::Interrupted => None,
        }
    }

    /// The same error of rows that are counted from `first` on: a batch among others.
    pub fn from_row(mut self, first: usize) -> Error {
        if let Some(row) = self.first_row() {
            *row += first;
        }
        self
    }
}

/// A [`Error::ModelFormat`] from anything that prints.
pub(crate) fn format_error(message: impl Into<String>) -> Error {
    Error::ModelFormat(message.into())
}
