//! ONNX models: bytes to a checked graph. What its operators mean, `fastscore.importers.onnx` knows.
//!
//! Every value of a graph is made once and before it is read, every tensor has the elements that its shape says,
//! functions are inlined, and nothing outside the model's folder is opened.

mod external;
mod functions;
mod graph;
mod proto;
mod tensor;

use std::collections::BTreeMap;
use std::path::Path;

use prost::Message;
use prost::bytes::Bytes;
use serde::Serialize;

use crate::error::{Error, Result, format_error};

pub use tensor::{Array, Data};

/// The newest version of the format (ONNX 1.23).
const NEWEST: i64 = 14;

/// A graph and its tensors.
#[derive(Debug)]
pub struct Decoded {
    /// The structure as JSON, as `fastscore.importers._onnx_graph` reads it; tensors are numbers of `tensors`.
    pub structure: String,
    /// The tensors: initialisers, and attributes that are lists of numbers or tensors.
    pub tensors: Vec<Array>,
}

#[derive(Serialize)]
struct Structure {
    ir_version: i64,
    producer: String,
    producer_version: String,
    opsets: BTreeMap<String, i64>,
    graph: graph::Graph,
}

/// Decode a file's bytes; `folder` is where its external data may lie.
pub fn decode(bytes: &[u8], folder: Option<&Path>) -> Result<Decoded> {
    // One copy, which all tensors share.
    let model = proto::Model::decode(Bytes::copy_from_slice(bytes))
        .map_err(|error| format_error(format!("no ONNX model, or a damaged one: {error}")))?;
    let (Some(ir_version), Some(graph)) = (model.ir_version, model.graph) else {
        return Err(format_error("no ONNX model, or a damaged one: it has no version or no graph"));
    };
    if ir_version > NEWEST {
        return Err(Error::UnsupportedModel(format!(
            "the ONNX model is of IR version {ir_version}, and {NEWEST} is the newest that is known; export it for an \
             older version of ONNX"
        )));
    }
    let mut opsets = BTreeMap::new();
    for own in &model.opset_import {
        if opsets.insert(domain(&own.domain).to_owned(), own.version).is_some_and(|other| other != own.version) {
            return Err(format_error(format!("the ONNX model has two versions of domain {:?}", own.domain)));
        }
    }
    let functions = functions::Functions::new(model.functions, &opsets, bytes.len())?;
    let (graph, tensors) = graph::read(*graph, functions, external::External::new(folder, bytes.len())?)?;
    let structure = Structure {
        ir_version,
        producer: model.producer_name,
        producer_version: model.producer_version,
        opsets,
        graph,
    };
    let structure = serde_json::to_string(&structure).map_err(|error| format_error(error.to_string()))?;
    Ok(Decoded { structure, tensors })
}

/// A domain of operators, the default one by its short name.
fn domain(name: &str) -> &str {
    if name == "ai.onnx" { "" } else { name }
}
