//! One table from causes to exceptions. The classes live in `fastscore._errors`.

use fastscore_core::Error;
use pyo3::exceptions::{PyKeyboardInterrupt, PyMemoryError, PyValueError};
use pyo3::prelude::*;

/// The exception for an error.
pub fn to_python(error: Error) -> PyErr {
    let mut most = None;
    let class = match &error {
        Error::UnsupportedModel(_) => "UnsupportedModelError",
        Error::ModelFormat(_) => "ModelFormatError",
        Error::TooWide { most: limit, .. } => {
            most = Some(*limit);
            "TooWideError"
        }
        Error::Schema(_) => "SchemaError",
        Error::MissingValue { .. } | Error::MissingToStep { .. } => "MissingValueError",
        Error::NonFinite { .. } | Error::NonFiniteToStep { .. } => "NonFiniteValueError",
        Error::UnknownCategory { .. } | Error::UnknownToStep { .. } => "UnknownCategoryError",
        Error::InvalidArgument(message) => return PyValueError::new_err(message.clone()),
        Error::OutOfMemory { .. } | Error::TooMuchText { .. } => return PyMemoryError::new_err(error.to_string()),
        Error::Interrupted => return PyKeyboardInterrupt::new_err(()),
    };
    Python::attach(|py| {
        let made = py
            .import("fastscore._errors")
            .and_then(|module| module.getattr(class))
            .and_then(|class| class.call1((error.to_string(),)))
            .and_then(|exception| most.map_or(Ok(()), |most| exception.setattr("most", most)).map(|()| exception));
        match made {
            Ok(exception) => PyErr::from_value(exception),
            Err(failed) => failed,
        }
    })
}
