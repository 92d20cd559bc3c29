//! A model made ready for this machine. Never saved.
//!
//! Each forest gets an engine. Engines are chosen from a table of what each can run and what it costs; today there is
//! one for production, the walk, at the width at which the source compares, and the reference interpreter, which
//! `FASTSCORE_ENGINE=reference` forces for tests.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::kernels::forest::walk::{self, Walk};
use crate::kernels::{Columns, linear, link};
use crate::model::{Forest, InputWidth, Model, Op};
use crate::simd::Level;

/// Nanoseconds that a row takes in one tree, roughly: decides only how many threads a small call gets.
const TREE_NS: usize = 10;

/// A model with its engines.
#[derive(Debug)]
pub struct Plan {
    model: Arc<Model>,
    level: Level,
    engines: Vec<Engine>,
    reference: bool,
}

/// What runs a step.
#[derive(Debug)]
enum Engine {
    Walk32(Walk<f32>),
    Walk64(Walk<f64>),
    /// Linear and link kernels need nothing prepared.
    Direct,
}

/// One worker's scratch for engines.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    narrow: walk::Scratch<f32>,
    wide: walk::Scratch<f64>,
}

impl Plan {
    /// Compile for this machine. `FASTSCORE_SIMD` and `FASTSCORE_ENGINE` are read here.
    pub fn compile(model: Arc<Model>) -> Result<Plan> {
        let variable =
            |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let level = Level::from_env_value(variable("FASTSCORE_SIMD").as_deref())
            .map_err(Error::InvalidArgument)?;
        let reference = match variable("FASTSCORE_ENGINE").as_deref() {
            None | Some("" | "walk") => false,
            Some("reference") => true,
            Some(other) => {
                return Err(Error::InvalidArgument(format!(
                    "FASTSCORE_ENGINE={other} is not one of walk, reference"
                )));
            }
        };
        let width = model.input().width;
        let engines = model
            .steps()
            .iter()
            .map(|step| match &step.op {
                Op::Forest(forest) => forest_engine(forest, width),
                Op::Linear(_) | Op::Link(_) => Ok(Engine::Direct),
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Plan {
            model,
            level,
            engines,
            reference,
        })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Whether the reference interpreter is forced.
    pub(crate) fn is_reference(&self) -> bool {
        self.reference
    }

    /// Bytes of engine scratch that a row of a block takes.
    pub(crate) fn scratch_per_row(&self) -> usize {
        self.engines
            .iter()
            .map(|engine| match engine {
                Engine::Walk32(walk) => walk.scratch_per_row(),
                Engine::Walk64(walk) => walk.scratch_per_row(),
                Engine::Direct => 0,
            })
            .max()
            .unwrap_or(0)
    }

    /// Nanoseconds a row, roughly.
    pub(crate) fn cost_per_row(&self) -> usize {
        let steps = self.model.steps().iter();
        steps
            .map(|step| match &step.op {
                Op::Forest(forest) => forest.trees() * TREE_NS,
                Op::Linear(linear) => linear.coefficients.len(),
                Op::Link(_) => 2 * self.model.width(step.input),
            })
            .sum()
    }

    /// Run step `step` on a block: row r of output column c goes to `out[c * stride + r]`.
    pub(crate) fn run(
        &self,
        step: usize,
        input: &impl Columns,
        scratch: &mut Scratch,
        out: &mut [f64],
        stride: usize,
        rows: usize,
    ) {
        let here = &self.model.steps()[step];
        match (&here.op, &self.engines[step]) {
            (Op::Forest(forest), Engine::Walk32(walk)) => {
                walk.sum(forest, input, &mut scratch.narrow, out, stride, rows);
            }
            (Op::Forest(forest), Engine::Walk64(walk)) => {
                walk.sum(forest, input, &mut scratch.wide, out, stride, rows)
            }
            (Op::Linear(model), _) => linear::linear(self.level, model, input, out, stride, rows),
            (Op::Link(kind), _) => {
                link::link(
                    self.level,
                    kind,
                    input,
                    self.model.width(here.input),
                    out,
                    stride,
                    rows,
                );
            }
            (Op::Forest(_), Engine::Direct) => {}
        }
    }

    /// The leaf numbers of forest step `step`: row r of tree t goes to `out[t][r]`.
    pub(crate) fn run_leaves(
        &self,
        step: usize,
        input: &impl Columns,
        scratch: &mut Scratch,
        out: &mut [&mut [i32]],
        rows: usize,
    ) {
        let Op::Forest(forest) = &self.model.steps()[step].op else {
            return;
        };
        match &self.engines[step] {
            Engine::Walk32(walk) => walk.leaf_ids(forest, input, &mut scratch.narrow, out, rows),
            Engine::Walk64(walk) => walk.leaf_ids(forest, input, &mut scratch.wide, out, rows),
            Engine::Direct => {}
        }
    }

    /// The plan as text: each step, the engine that runs it, and why.
    pub fn explain(&self) -> String {
        let mut text = String::new();
        let features = self.model.features().count;
        let read = self
            .model
            .features_read()
            .iter()
            .filter(|&&read| read)
            .count();
        let _ = writeln!(
            text,
            "plan for {} ({} instructions)",
            self.model.source().class,
            self.level
        );
        if self.reference {
            let _ = writeln!(
                text,
                "  every step runs in the reference interpreter (FASTSCORE_ENGINE)"
            );
        }
        let _ = writeln!(text, "  value 0: {features} features, {read} read");
        for (index, (step, engine)) in self.model.steps().iter().zip(&self.engines).enumerate() {
            let _ = write!(
                text,
                "  value {}: {} column(s) from value {}: ",
                index + 1,
                self.model.width(index + 1),
                step.input
            );
            let _ = match (&step.op, engine) {
                (Op::Forest(forest), Engine::Walk32(walk)) => {
                    writeln!(
                        text,
                        "forest of {} trees; {}",
                        forest.trees(),
                        walk.describe()
                    )
                }
                (Op::Forest(forest), Engine::Walk64(walk)) => {
                    writeln!(
                        text,
                        "forest of {} trees; {}",
                        forest.trees(),
                        walk.describe()
                    )
                }
                (Op::Forest(forest), Engine::Direct) => {
                    writeln!(text, "forest of {} trees", forest.trees())
                }
                (Op::Linear(linear), _) => {
                    writeln!(
                        text,
                        "linear {} x {}; streaming kernel",
                        linear.inputs, linear.outputs
                    )
                }
                (Op::Link(kind), _) => writeln!(text, "link {kind:?}"),
            };
        }
        text
    }
}

fn forest_engine(forest: &Forest, width: InputWidth) -> Result<Engine> {
    let engine = match width {
        InputWidth::Float32 => Walk::new(forest).map(Engine::Walk32),
        InputWidth::Float64 => Walk::new(forest).map(Engine::Walk64),
    };
    engine.ok_or_else(|| Error::UnsupportedModel("the forest has more than 2^32 - 1 nodes".into()))
}
