//! Batch inference for tabular models: the engine of `fastscore`, without Python.
//!
//! ```text
//! source model --import--> model (portable, validated, saved) --compile--> plan (this machine, never saved)
//!    Arrow / NumPy / frame --bind columns--> row blocks --kernels, many threads--> scores
//! ```
//!
//! * [`model`]: the portable model, the one validating door into it, the file format.
//! * [`import`]: bytes of a source format to a model.
//! * [`plan`]: a model made ready for this machine.
//! * [`exec`]: columns in, scores out; threads and nulls live here.
//! * [`reference`]: the slow, obvious interpreter, the oracle of every engine.

pub mod error;
pub mod exec;
pub mod import;
mod kernels;
pub mod model;
pub mod plan;
pub mod reference;
pub mod simd;

pub use error::{Error, Result};
