//! Graphs: every name made once, nodes in an order in which they can run.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};

use serde::Serialize;

use super::external::External;
use super::functions::{Functions, Inlined};
use super::proto;
use super::tensor::{self, Array, Data};
use crate::error::{Error, Result, format_error};

/// Graphs within nodes of graphs.
const DEEPEST: usize = 16;

#[derive(Serialize)]
pub struct Graph {
    inputs: Vec<Value>,
    outputs: Vec<Value>,
    nodes: Vec<Node>,
    /// Numbers of tensors.
    initializers: BTreeMap<String, usize>,
}

#[derive(Serialize)]
struct Value {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    /// None where even the number of dimensions is unknown.
    shape: Option<Vec<Option<i64>>>,
}

#[derive(Serialize)]
struct Node {
    name: String,
    op: String,
    domain: String,
    inputs: Vec<String>,
    outputs: Vec<String>,
    attributes: BTreeMap<String, Attribute>,
    /// The version of its domain's operators, where a function has another than the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    opset: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Attribute {
    Int(i64),
    /// Its bits: JSON has neither NaN nor infinities.
    Float(u32),
    String(String),
    Tensor(usize),
    /// A list of numbers, as a tensor.
    List(usize),
    Strings(Vec<String>),
    Graph(Graph),
    /// What no operator that is known has.
    Other(i32),
}

/// How errors name a node.
pub fn label(node: &proto::Node) -> String {
    if !node.name.is_empty() {
        return format!("node {:?}", node.name);
    }
    match node.output.iter().find(|output| !output.is_empty()) {
        Some(output) => format!("the node that makes {output:?}"),
        None => format!("a node {:?}", node.op_type),
    }
}

/// Check a model's graph; gives it with its tensors.
pub fn read(graph: proto::Graph, functions: Functions, external: External) -> Result<(Graph, Vec<Array>)> {
    let mut reader = Reader { tensors: Vec::new(), functions, external };
    let graph = reader.graph(graph, None, 0)?;
    Ok((graph, reader.tensors))
}

/// The names that the nodes of a graph may read: its own, and those of the graphs that it is in.
struct Scope<'a> {
    own: HashSet<String>,
    outer: Option<&'a Scope<'a>>,
}

impl Scope<'_> {
    fn has(&self, name: &str) -> bool {
        self.own.contains(name) || self.outer.is_some_and(|outer| outer.has(name))
    }
}

struct Reader {
    tensors: Vec<Array>,
    functions: Functions,
    external: External,
}

impl Reader {
    /// `outer`: what a graph within a node may read besides its own.
    fn graph(&mut self, graph: proto::Graph, outer: Option<&Scope>, depth: usize) -> Result<Graph> {
        if depth > DEEPEST {
            return Err(Error::UnsupportedModel(format!(
                "the graph {:?} is more than {DEEPEST} graphs deep in others, which is not supported",
                graph.name
            )));
        }
        let mut initializers = BTreeMap::new();
        let mut add = |name: String, array: Array, tensors: &mut Vec<Array>| {
            tensors.push(array);
            match initializers.insert(name.clone(), tensors.len() - 1) {
                Some(_) => Err(format_error(format!("two initializers are named {name:?}"))),
                None => Ok(()),
            }
        };
        for own in &graph.initializer {
            let array = tensor::read(own, &format!("the tensor {:?}", own.name), &mut self.external)?;
            add(own.name.clone(), array, &mut self.tensors)?;
        }
        for own in &graph.sparse_initializer {
            let name = own.values.as_ref().map(|values| values.name.clone()).unwrap_or_default();
            let array = tensor::dense(own, &format!("the tensor {name:?}"), &mut self.external)?;
            add(name, array, &mut self.tensors)?;
        }
        let inputs: Vec<Value> = graph.input.iter().map(value).collect::<Result<_>>()?;
        let mut known: HashSet<String> = initializers.keys().cloned().collect();
        let mut own = HashSet::new();
        for input in &inputs {
            if !own.insert(&input.name) {
                return Err(format_error(format!("two inputs are named {:?}", input.name)));
            }
            known.insert(input.name.clone());
        }
        let mut known = Scope { own: known, outer };
        let nodes = sorted(self.functions.inline(graph.node)?, &known)?;
        known.own.extend(nodes.iter().flat_map(|own| own.node.output.iter().cloned()));
        let outputs: Vec<Value> = graph.output.iter().map(value).collect::<Result<_>>()?;
        if let Some(output) = outputs.iter().find(|output| !known.has(&output.name)) {
            return Err(format_error(format!(
                "the output {:?} is made by no node: the file is damaged, or was cut from another graph; export it again",
                output.name
            )));
        }
        let nodes = nodes.into_iter().map(|node| self.node(node, &known, depth)).collect::<Result<_>>()?;
        Ok(Graph { inputs, outputs, nodes, initializers })
    }

    fn node(&mut self, Inlined { node, opset }: Inlined, known: &Scope, depth: usize) -> Result<Node> {
        let label = label(&node);
        let mut attributes = BTreeMap::new();
        for own in node.attribute {
            let name = own.name.clone();
            let what = format!("{label}, attribute {name:?}");
            let found = self.attribute(own, &what, known, depth)?;
            if attributes.insert(name, found).is_some() {
                return Err(format_error(format!("{what} is there twice")));
            }
        }
        Ok(Node {
            name: node.name,
            op: node.op_type,
            domain: super::domain(&node.domain).to_owned(),
            inputs: node.input,
            outputs: node.output,
            attributes,
            opset,
        })
    }

    fn attribute(&mut self, own: proto::Attribute, what: &str, known: &Scope, depth: usize) -> Result<Attribute> {
        let lacks = || format_error(format!("{what} lacks its value"));
        Ok(match kind(&own) {
            1 => Attribute::Float(own.f.unwrap_or(0.0).to_bits()),
            2 => Attribute::Int(own.i.unwrap_or(0)),
            3 => Attribute::String(tensor::text(&own.s.unwrap_or_default(), what)?),
            4 => {
                let array = tensor::read(own.t.as_deref().ok_or_else(lacks)?, what, &mut self.external)?;
                Attribute::Tensor(self.keep(array))
            }
            5 => Attribute::Graph(self.graph(*own.g.ok_or_else(lacks)?, Some(known), depth + 1)?),
            6 => {
                let bytes: Vec<u8> = own.floats.iter().flat_map(|value| value.to_le_bytes()).collect();
                Attribute::List(self.keep(list("float32", own.floats.len(), bytes)))
            }
            7 => {
                let bytes: Vec<u8> = own.ints.iter().flat_map(|value| value.to_le_bytes()).collect();
                Attribute::List(self.keep(list("int64", own.ints.len(), bytes)))
            }
            8 => Attribute::Strings(own.strings.iter().map(|value| tensor::text(value, what)).collect::<Result<_>>()?),
            11 => {
                let array = tensor::dense(own.sparse_tensor.as_deref().ok_or_else(lacks)?, what, &mut self.external)?;
                Attribute::Tensor(self.keep(array))
            }
            other => Attribute::Other(other),
        })
    }

    fn keep(&mut self, array: Array) -> usize {
        self.tensors.push(array);
        self.tensors.len() - 1
    }
}

fn list(dtype: &'static str, count: usize, bytes: Vec<u8>) -> Array {
    Array { dtype, shape: vec![count], data: Data::Bytes(bytes.into()) }
}

/// The type of an attribute; files before IR version 2 say it by the field that is set.
fn kind(own: &proto::Attribute) -> i32 {
    match own.kind {
        0 if own.f.is_some() => 1,
        0 if own.i.is_some() => 2,
        0 if own.s.is_some() => 3,
        0 if own.t.is_some() => 4,
        0 if own.g.is_some() => 5,
        0 if !own.floats.is_empty() => 6,
        0 if !own.ints.is_empty() => 7,
        0 if !own.strings.is_empty() => 8,
        stated => stated,
    }
}

fn value(info: &proto::ValueInfo) -> Result<Value> {
    let (kind, shape) = match &info.r#type {
        Some(own) => type_of(own, 0)?,
        None => ("undefined".into(), None),
    };
    Ok(Value { name: info.name.clone(), kind, shape })
}

type Shape = Option<Vec<Option<i64>>>;

fn type_of(own: &proto::Type, depth: usize) -> Result<(String, Shape)> {
    let inner = |found: &Option<Box<proto::Type>>| match found {
        Some(found) if depth < DEEPEST => type_of(found, depth + 1).map(|(name, _)| name),
        _ => Ok("undefined".into()),
    };
    if let Some(tensor) = &own.tensor {
        let shape = tensor.shape.as_ref().map(|shape| {
            let known = |dim: &proto::Dimension| dim.value.filter(|&value| value >= 0);
            shape.dim.iter().map(known).collect()
        });
        return Ok((tensor::type_name(tensor.elem_type)?.into(), shape));
    }
    if let Some(sequence) = &own.sequence {
        return Ok((format!("sequence({})", inner(&sequence.elem_type)?), None));
    }
    if let Some(map) = &own.map {
        return Ok((format!("map({}, {})", tensor::type_name(map.key_type)?, inner(&map.value_type)?), None));
    }
    if let Some(optional) = &own.optional {
        return Ok((format!("optional({})", inner(&optional.elem_type)?), None));
    }
    if let Some(sparse) = &own.sparse_tensor {
        return Ok((format!("sparse({})", tensor::type_name(sparse.elem_type)?), None));
    }
    Ok(("undefined".into(), None))
}

/// Nodes after those that they read from, else in the order of the file.
fn sorted(nodes: Vec<Inlined>, known: &Scope) -> Result<Vec<Inlined>> {
    let mut makers: HashMap<&str, usize> = HashMap::new();
    for (at, Inlined { node, .. }) in nodes.iter().enumerate() {
        for output in node.output.iter().filter(|output| !output.is_empty()) {
            let twice = makers.insert(output, at).is_some();
            if twice || known.own.contains(output) {
                return Err(format_error(format!("{} makes {output:?}, which is there already", label(node))));
            }
        }
    }
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut due = vec![0usize; nodes.len()];
    for (at, Inlined { node, .. }) in nodes.iter().enumerate() {
        for name in reads(node) {
            if let Some(&maker) = makers.get(name) {
                readers[maker].push(at);
                due[at] += 1;
            } else if !known.has(name) {
                return Err(format_error(format!("{} reads {name:?}, which nothing makes", label(node))));
            }
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> = (0..nodes.len()).filter(|&at| due[at] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse(at)) = ready.pop() {
        order.push(at);
        for &reader in &readers[at] {
            due[reader] -= 1;
            if due[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    if let Some(at) = (0..nodes.len()).find(|&at| due[at] > 0) {
        return Err(format_error(format!(
            "{} reads, by way of others, what it makes: a cycle",
            label(&nodes[at].node)
        )));
    }
    let mut nodes: Vec<Option<Inlined>> = nodes.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|at| nodes[at].take()).collect())
}

/// The names that a node reads, those in graphs within it among them.
fn reads(node: &proto::Node) -> Vec<&str> {
    let mut names: Vec<&str> = node.input.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    for graph in node.attribute.iter().filter_map(|attribute| attribute.g.as_deref()) {
        let inner = graph.node.iter().flat_map(reads);
        let own: HashSet<&str> = graph
            .node
            .iter()
            .flat_map(|node| node.output.iter().map(String::as_str))
            .chain(graph.input.iter().map(|input| input.name.as_str()))
            .chain(graph.initializer.iter().map(|tensor| tensor.name.as_str()))
            .chain(graph.sparse_initializer.iter().filter_map(|own| own.values.as_ref()).map(|own| own.name.as_str()))
            .collect();
        let read = inner.chain(graph.output.iter().map(|output| output.name.as_str()));
        names.extend(read.filter(|name| !own.contains(name)));
    }
    names
}
