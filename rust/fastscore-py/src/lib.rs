//! The extension module of `fastscore`: Arrow capsules and NumPy arrays in and out, the model, the error table, the
//! Polars plugin.

mod arrow_ffi;
mod arrow_import;
mod arrow_plain;
mod catboost;
mod column_stream;
mod errors;
mod few;
mod few_python;
mod labels;
mod model;
mod numpy_ffi;
mod objects;
mod onnx;
mod polars;
mod score_stream;
mod scores;
mod table;
mod xgboost;

use pyo3::prelude::*;

use errors::to_python;

/// The number of what the Python sources and this module expect of each other; `fastscore/_build.py` has the same.
const INTERFACE: u32 = 3;

/// How many workers a call takes.
#[pyfunction]
#[pyo3(signature = (threads, /))]
fn thread_count(threads: model::Threads) -> PyResult<usize> {
    fastscore_core::exec::thread_count(threads.0).map_err(to_python)
}

/// The instruction set in use.
#[pyfunction]
fn simd_level() -> PyResult<String> {
    let value = std::env::var_os("FASTSCORE_SIMD").map(|value| value.to_string_lossy().into_owned());
    let level = fastscore_core::simd::Level::from_env_value(value.as_deref());
    level.map(|level| level.to_string()).map_err(|message| to_python(fastscore_core::Error::InvalidArgument(message)))
}

/// The module.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("INTERFACE", INTERFACE)?;
    module.add("FEW_ROWS", fastscore_core::exec::FEW_ROWS)?;
    module.add_class::<model::Model>()?;
    module.add_class::<table::Table>()?;
    module.add_class::<table::Dictionary>()?;
    module.add_class::<scores::Scores>()?;
    module.add_class::<scores::ScoreColumn>()?;
    module.add_class::<score_stream::ScoreStream>()?;
    module.add_function(wrap_pyfunction!(thread_count, module)?)?;
    module.add_function(wrap_pyfunction!(table::text, module)?)?;
    module.add_function(wrap_pyfunction!(objects::objects, module)?)?;
    module.add_function(wrap_pyfunction!(onnx::onnx, module)?)?;
    module.add_function(wrap_pyfunction!(simd_level, module)?)?;
    Ok(())
}
