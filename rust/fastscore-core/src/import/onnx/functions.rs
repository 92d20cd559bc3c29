//! Functions that a model brings along: their nodes take the place of the nodes that call them.

use std::collections::{BTreeMap, HashMap};

use prost::Message;

use super::graph::label;
use super::proto::{Attribute, Function, Node};
use crate::error::{Error, Result, format_error};

/// Nodes and bytes of inlined functions: so many, and so many for each byte of the file.
const NODES: (usize, f64) = (4096, 0.25);
const BYTES: (usize, f64) = (1 << 20, 16.0);
const DEEPEST: usize = 32;

type Key = (String, String, String);

/// A node, and the version of its domain's operators where that is not the model's.
pub struct Inlined {
    pub node: Node,
    pub opset: Option<i64>,
}

/// The functions of a model.
pub struct Functions {
    known: HashMap<Key, Function>,
    /// The model's own versions of the operators, by domain.
    opsets: BTreeMap<String, i64>,
    calls: usize,
    nodes_left: usize,
    bytes_left: usize,
}

impl Functions {
    /// By domain, name and overload; all of the operator sets that the model, of so many bytes, has.
    pub fn new(functions: Vec<Function>, opsets: &BTreeMap<String, i64>, bytes: usize) -> Result<Functions> {
        let mut known = HashMap::new();
        for function in functions {
            let name = function.name.clone();
            let domain = super::domain(&function.domain);
            if matches!(domain, "" | "ai.onnx.ml") {
                // Whether one that is named like an operator takes its place is each runtime's choice.
                return Err(Error::UnsupportedModel(format!(
                    "function {name:?} is in the domain {domain:?}, which is that of operators; rename its domain"
                )));
            }
            let key = (super::domain(&function.domain).to_owned(), function.name.clone(), function.overload.clone());
            if known.insert(key, function).is_some() {
                return Err(format_error(format!("two functions are named {name:?}")));
            }
        }
        let limit = |(least, each): (usize, f64)| least + (each * bytes as f64) as usize;
        let opsets = opsets.clone();
        Ok(Functions { known, opsets, calls: 0, nodes_left: limit(NODES), bytes_left: limit(BYTES) })
    }

    /// The nodes without calls.
    pub fn inline(&mut self, nodes: Vec<Node>) -> Result<Vec<Inlined>> {
        let nodes = nodes.into_iter().map(|node| Inlined { node, opset: None }).collect();
        if self.known.is_empty() {
            return Ok(nodes);
        }
        let mut flat = Vec::new();
        self.expand(nodes, &mut Vec::new(), &mut flat)?;
        Ok(flat)
    }

    fn expand(&mut self, nodes: Vec<Inlined>, within: &mut Vec<Key>, flat: &mut Vec<Inlined>) -> Result<()> {
        for Inlined { node, opset } in nodes {
            let key = (super::domain(&node.domain).to_owned(), node.op_type.clone(), node.overload.clone());
            if !self.known.contains_key(&key) {
                flat.push(Inlined { node, opset });
                continue;
            }
            if within.contains(&key) || within.len() >= DEEPEST {
                return Err(format_error(format!("{}: the function {:?} calls itself", label(&node), node.op_type)));
            }
            let body = self.body(&node, &key)?;
            within.push(key);
            self.expand(body, within, flat)?;
            within.pop();
        }
        Ok(())
    }

    /// A function's nodes with the names and attributes of a call.
    fn body(&mut self, call: &Node, key: &Key) -> Result<Vec<Inlined>> {
        let Some(function) = self.known.get(key) else { return Ok(Vec::new()) };
        if call.input.len() > function.input.len() || call.output.len() > function.output.len() {
            return Err(format_error(format!(
                "{}: {} inputs and {} outputs for the function {:?} of {} and {}",
                label(call),
                call.input.len(),
                call.output.len(),
                function.name,
                function.input.len(),
                function.output.len()
            )));
        }
        self.calls += 1;
        let too_large = || {
            Error::UnsupportedModel(format!(
                "{}: with its functions inlined the model is many times its size; simplify it first \
                 (onnx.inliner.inline_local_functions, onnxsim)",
                label(call)
            ))
        };
        let count = function.node.len() + function.input.len() + function.output.len();
        self.nodes_left = self.nodes_left.checked_sub(count).ok_or_else(too_large)?;
        let mut names: HashMap<&str, String> = HashMap::new();
        for (at, input) in function.input.iter().enumerate() {
            names.insert(input, call.input.get(at).cloned().unwrap_or_default());
        }
        // What is named first counts, and the call's before the defaults.
        let mut given: HashMap<&str, &Attribute> = HashMap::new();
        for attribute in call.attribute.iter().chain(&function.attribute_default) {
            given.entry(&attribute.name).or_insert(attribute);
        }
        let mut nodes = Vec::new();
        for (output, given) in function.output.iter().zip(&call.output) {
            if let Some(input) = names.get(output.as_str()) {
                // It hands an input on.
                let node = Node {
                    input: vec![input.clone()],
                    output: vec![given.clone()],
                    name: label(call),
                    op_type: "Identity".into(),
                    ..Node::default()
                };
                nodes.push(Inlined { node, opset: None });
            } else if !given.is_empty() {
                names.insert(output, given.clone());
            }
        }
        let call_label = if call.name.is_empty() { &call.op_type } else { &call.name };
        let prefix = format!("{call_label}#{}/", self.calls);
        for inner in &function.node {
            let mut node = inner.clone();
            for name in node.input.iter_mut().chain(&mut node.output).filter(|name| !name.is_empty()) {
                *name = names.get(name.as_str()).cloned().unwrap_or_else(|| format!("{prefix}{name}"));
            }
            node.name = format!("{prefix}{}", node.name);
            node.attribute = attributes(&node, &given, function)?;
            self.bytes_left = self.bytes_left.checked_sub(node.encoded_len()).ok_or_else(too_large)?;
            let domain = super::domain(&node.domain);
            let own = function.opset_import.iter().find(|own| super::domain(&own.domain) == domain);
            let opset = own.map(|own| own.version).filter(|version| self.opsets.get(domain) != Some(version));
            nodes.push(Inlined { node, opset });
        }
        Ok(nodes)
    }
}

/// The attributes of a function's node: those that refer to what the call has, by name, are the call's.
fn attributes(node: &Node, given: &HashMap<&str, &Attribute>, function: &Function) -> Result<Vec<Attribute>> {
    let mut found = Vec::new();
    for attribute in &node.attribute {
        if attribute.g.is_some() {
            return Err(Error::UnsupportedModel(format!(
                "{} ({}): a graph within the function {:?} is not supported; inline the functions first \
                 (onnx.inliner.inline_local_functions)",
                label(node),
                node.op_type,
                function.name
            )));
        }
        if attribute.ref_attr_name.is_empty() {
            found.push(attribute.clone());
            continue;
        }
        // Neither given nor a default: the node's operator has its own.
        let given = given.get(attribute.ref_attr_name.as_str());
        found.extend(given.map(|&given| Attribute { name: attribute.name.clone(), ..given.clone() }));
    }
    Ok(found)
}
