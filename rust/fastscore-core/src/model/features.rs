//! What the model knows of its features: names, and the values that encoded columns hold.

use std::collections::BTreeMap;

use super::{LabelValues, Lookup, NameMatch};
use crate::error::{Result, format_error};

/// What the model knows of its features.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// How many.
    pub count: usize,
    /// Their names, or None when the source has none.
    pub names: Option<Vec<String>>,
    /// How a column's name is compared with a feature's.
    pub name_match: NameMatch,
    /// The features whose columns hold values that become numbers; at most one entry a feature.
    pub encodings: Vec<Encoding>,
    /// The features whose values the source checks, where it refuses some; None: all. Of an encoded feature infinities
    /// are refused only where it is listed, as they have no code.
    pub checked: Option<Vec<usize>>,
}

/// How the values of one feature's column become numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoding {
    /// The feature.
    pub feature: usize,
    /// Value to code.
    pub encoder: Encoder,
    /// What becomes of a value that the encoder does not know.
    pub unknown: Unknown,
    /// The code of null and NaN; None is NaN.
    pub missing_code: Option<f64>,
    /// What a number in a nameless matrix is.
    pub matrix: MatrixRule,
}

/// From a value to its code.
#[derive(Debug, Clone, PartialEq)]
pub enum Encoder {
    /// The column's values are compared with `values[j]`; the first equal one gives `codes[j]`.
    Table {
        /// The known values, distinct.
        values: LabelValues,
        /// One code a value.
        codes: Vec<f64>,
    },
    /// The hash of the value's text (CatBoost): there are no unknown values.
    Hash,
}

/// What becomes of a value that is not in the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unknown {
    /// It is NaN to the steps.
    Missing,
    /// The call fails.
    Raise,
    /// It has a code of its own.
    Code(f64),
}

/// What a number in a nameless, typeless matrix (2-D NumPy, CSR) is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatrixRule {
    /// The code itself, taken as it is.
    Codes,
    /// A value to look up.
    Values,
}

impl Features {
    /// Check the names and encodings.
    pub(super) fn check(&self) -> Result<()> {
        if self.count == 0 || self.count > super::MAX_FEATURES {
            return Err(format_error(format!(
                "a model has between 1 and {} features, this one claims {}",
                super::MAX_FEATURES,
                self.count
            )));
        }
        if let Some(names) = &self.names {
            if names.len() != self.count {
                return Err(format_error(format!("{} features but {} names", self.count, names.len())));
            }
            let mut seen = std::collections::HashSet::with_capacity(names.len());
            if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
                return Err(format_error(format!("two features are named {twice:?}")));
            }
        }
        let mut encoded = std::collections::HashSet::with_capacity(self.encodings.len());
        for encoding in &self.encodings {
            let feature = encoding.feature;
            if feature >= self.count {
                return Err(format_error(format!("an encoding of feature {feature}, the model has {}", self.count)));
            }
            if !encoded.insert(feature) {
                return Err(format_error(format!("feature {feature} has two encodings")));
            }
            encoding.check()?;
        }
        match self.checked.iter().flatten().find(|&&feature| feature >= self.count) {
            Some(feature) => Err(format_error(format!("feature {feature} is checked, the model has {}", self.count))),
            None => Ok(()),
        }
    }
}

impl Features {
    /// Per encoded feature the index of its encoding, and the values ready to be looked up. The error names a value
    /// that occurs twice.
    pub(super) fn lookups(&self) -> Result<BTreeMap<usize, (usize, Lookup)>> {
        let lookup = |(at, encoding): (usize, &Encoding)| {
            let lookup = Lookup::new(&encoding.encoder)
                .map_err(|error| format_error(format!("the encoding of feature {}: {error}", encoding.feature)))?;
            Ok((encoding.feature, (at, lookup)))
        };
        self.encodings.iter().enumerate().map(lookup).collect()
    }
}

impl Encoding {
    fn check(&self) -> Result<()> {
        let format_error = |what: String| format_error(format!("the encoding of feature {}: {what}", self.feature));
        if let Some(code) = self.missing_code
            && !code.is_finite()
        {
            return Err(format_error(format!("missing_code is {code}")));
        }
        if let Unknown::Code(code) = self.unknown
            && !code.is_finite()
        {
            return Err(format_error(format!("unknown_code is {code}")));
        }
        let Encoder::Table { values, codes } = &self.encoder else {
            return Ok(());
        };
        if values.len() != codes.len() {
            return Err(format_error(format!("{} values but {} codes", values.len(), codes.len())));
        }
        if let Some(code) = codes.iter().find(|code| !code.is_finite()) {
            return Err(format_error(format!("the code {code} is not finite")));
        }
        match values {
            LabelValues::Float(values) if values.iter().any(|x| x.is_nan()) => {
                Err(format_error("NaN is among the values: it is what missing_code stands for".into()))
            }
            _ => Ok(()),
        }
    }
}
