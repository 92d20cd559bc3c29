//! Bytes of a source format to a model, a room a format: parse into the format's own types first, translate second.

pub mod catboost;
pub mod lightgbm;
pub mod xgboost;
