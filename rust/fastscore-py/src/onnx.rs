//! ONNX files for `fastscore.importers._onnx_graph`: the structure as JSON, the tensors as bytes or lists of str.

use std::path::Path;

use fastscore_core::import::onnx::{Data, decode};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::errors::to_python;

type Tensor<'py> = (&'static str, Vec<usize>, Bound<'py, PyAny>);

/// Decode a file's bytes; `folder` is where its external data may lie.
#[pyfunction]
#[pyo3(signature = (data, folder, /))]
pub fn onnx<'py>(py: Python<'py>, data: &[u8], folder: Option<&str>) -> PyResult<(String, Vec<Tensor<'py>>)> {
    let decoded = py.detach(|| decode(data, folder.map(Path::new))).map_err(to_python)?;
    let tensors = decoded.tensors.into_iter().map(|tensor| {
        let data = match tensor.data {
            Data::Bytes(bytes) => PyBytes::new(py, &bytes).into_any(),
            Data::Strings(values) => PyList::new(py, values)?.into_any(),
        };
        Ok((tensor.dtype, tensor.shape, data))
    });
    Ok((decoded.structure, tensors.collect::<PyResult<_>>()?))
}
