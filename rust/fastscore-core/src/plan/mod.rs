//! A model made ready for this machine. Never saved.
//!
//! Each forest gets every engine that can run it ([`forest`]); the number of rows decides between them.
//! `FASTSCORE_ENGINE` forces one of them, or the reference interpreter, for tests.

mod explain;
mod forest;
mod fuse;
mod network;
mod program;

use std::sync::{Arc, OnceLock};

use crate::error::{Error, Result};
use crate::exec::few::Needs;
pub(crate) use crate::kernels::View;
pub(crate) use crate::kernels::forest::tiled::Proof;
use crate::kernels::forest::walk::Walk;
use crate::kernels::{Columns, Values, combine, ctr, dense, distances, linear, link, tables};
use crate::model::{Checks, Ctr, Guard, Model, Op, Output, ValueId};
use crate::simd::Level;

use program::Program;
pub(crate) use program::{Needed, Telling};

/// Nanoseconds that a lookup in a CTR table takes, roughly.
const LOOKUP_NS: usize = 30;
/// Nanoseconds that a search among a column's edges or points takes, roughly.
const SEARCH_NS: usize = 8;

/// A model with its engines.
#[derive(Debug)]
pub struct Plan {
    model: Arc<Model>,
    program: Program,
    level: Level,
    engines: Vec<Engine>,
    forced: Option<Forced>,
    /// What a few rows need, for each of [`Output::ALL`], found at first need.
    needs: [OnceLock<Option<Needs>>; Output::ALL.len()],
}

/// What `FASTSCORE_ENGINE` asks for. Every engine gives the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forced {
    /// The walk, for any number of rows.
    Walk,
    /// The bit-sliced engine, for any number of rows; an error where a forest does not fit it.
    Sliced,
    /// The oblivious engine, for any number of rows; an error where a forest does not fit it.
    Oblivious,
    /// Trees abreast, for any number of rows; an error where a forest does not fit that.
    Abreast,
    /// Tiles, for any number of rows; an error where a forest does not fit them.
    Tiled,
    /// The reference interpreter.
    Reference,
}

impl Forced {
    /// All of them, in the order in which they are listed to users.
    pub const ALL: [Forced; 6] =
        [Forced::Walk, Forced::Sliced, Forced::Oblivious, Forced::Abreast, Forced::Tiled, Forced::Reference];

    /// What it is called in `FASTSCORE_ENGINE`.
    pub fn name(self) -> &'static str {
        match self {
            Forced::Walk => "walk",
            Forced::Sliced => "sliced",
            Forced::Oblivious => "oblivious",
            Forced::Abreast => "abreast",
            Forced::Tiled => "tiled",
            Forced::Reference => "reference",
        }
    }
}

/// What runs a step.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a plan has a handful of steps")]
enum Engine {
    /// Every engine that fits.
    Forest(forest::Engines),
    /// The walk, which marks leaves.
    Indicator(Walk),
    /// The keys of CTR tables.
    Ctr(ctr::Lookup),
    /// The tables of a map.
    Map(tables::Tables),
    /// Other kernels need nothing prepared.
    Direct,
}

/// One worker's scratch for engines.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    forest: forest::Scratch,
    keys: Vec<u64>,
    network: dense::Scratch,
    turned: Vec<f64>,
}

impl Scratch {
    /// Bytes that it holds besides what engines of forests take a row.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<u64>() * (self.keys.capacity() + self.turned.capacity()) + self.network.bytes()
    }

    /// What the step that ran last proved of the features; it is forgotten.
    pub(crate) fn take_proof(&mut self) -> Proof {
        std::mem::take(&mut self.forest.tiled.proof)
    }
}

impl Plan {
    /// Compile for this machine. `FASTSCORE_SIMD` and `FASTSCORE_ENGINE` are read here.
    pub fn compile(model: Arc<Model>) -> Result<Plan> {
        let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let level = Level::from_env_value(variable("FASTSCORE_SIMD").as_deref()).map_err(Error::InvalidArgument)?;
        let forced = match variable("FASTSCORE_ENGINE").as_deref() {
            None | Some("") => None,
            Some(name) => match Forced::ALL.into_iter().find(|forced| forced.name() == name) {
                Some(forced) => Some(forced),
                None => {
                    let names = Forced::ALL.map(Forced::name).join(", ");
                    return Err(Error::InvalidArgument(format!("FASTSCORE_ENGINE={name} is not one of {names}")));
                }
            },
        };
        Plan::compile_for(model, level, forced)
    }

    /// Compile for a level, with an engine forced on every forest or not.
    pub fn compile_for(model: Arc<Model>, level: Level, forced: Option<Forced>) -> Result<Plan> {
        let program = Program::new(&model, forced == Some(Forced::Reference));
        let engine = |step: usize| {
            if program.run(step).is_none() {
                return Ok(Engine::Direct);
            }
            match program.op(&model, step) {
                Op::Forest(forest) => Ok(Engine::Forest(forest::Engines::new(forest, level, forced)?)),
                Op::LeafIndicator(forest) => Ok(Engine::Indicator(forest::walk(forest, level)?)),
                Op::Ctr(ctr) => Ok(Engine::Ctr(ctr_engine(ctr)?)),
                Op::Map(map) => Ok(Engine::Map(tables::Tables::new(map))),
                _ => Ok(Engine::Direct),
            }
        };
        let engines = (0..model.steps().len()).map(engine).collect::<Result<Vec<_>>>()?;
        Ok(Plan { model, program, level, engines, forced, needs: Default::default() })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The instructions that it was compiled for.
    pub fn level(&self) -> Level {
        self.level
    }

    /// What a few rows need for an output; None where they take the long way.
    pub(crate) fn needs(&self, output: Output) -> Option<&Needs> {
        self.needs[output as usize].get_or_init(|| Needs::new(self, output)).as_ref()
    }

    /// The columns of a value of the model.
    pub(crate) fn view(&self, value: ValueId) -> &View {
        self.program.view(value)
    }

    /// What must be computed for these values of the model and for the guards. Of a `leaf_step` only what it reads is needed.
    pub(crate) fn needed(&self, values: impl IntoIterator<Item = ValueId>, leaf_step: Option<usize>) -> Needed {
        self.program.needed(values, leaf_step)
    }

    /// What must be checked of values that are computed.
    pub(crate) fn guards(&self) -> &[Guard] {
        self.program.guards()
    }

    /// Columns that a step's value has where it is computed.
    pub(crate) fn width(&self, step: usize) -> usize {
        self.program.run(step).map_or(0, |run| run.width)
    }

    /// Whether every one of these steps that reads features reads each column once, as it lies in memory.
    pub(crate) fn streams(&self, steps: &[usize]) -> bool {
        steps.iter().all(|&step| {
            self.program.run(step).is_none_or(|run| {
                let is_linear = matches!(self.program.op(&self.model, step), Op::Linear(_)) || run.network().is_some();
                !run.reads_features() || is_linear
            })
        }) && !self.is_reference()
    }

    /// A step's column that tells of features, and what it rules out of each where it is finite.
    pub(crate) fn told(&self, step: usize) -> Option<(Telling, &[Checks])> {
        self.program.told(step)
    }

    /// Where a step's engine may find out by the way that features are finite: per feature whether it reads it.
    pub(crate) fn proves(&self, step: usize) -> Option<Vec<bool>> {
        let run = self.program.run(step).filter(|_| !self.is_reference())?;
        let (View::Whole(0, count), Engine::Forest(engines)) = (&run.input, &self.engines[step]) else { return None };
        engines.proves().then(|| {
            let mut read = vec![false; *count];
            run.features.iter().for_each(|&feature| read[feature as usize] = true);
            read
        })
    }

    /// Whether the reference interpreter is forced.
    pub(crate) fn is_reference(&self) -> bool {
        self.forced == Some(Forced::Reference)
    }

    /// Bytes of engine scratch that a row of a block takes.
    pub(crate) fn scratch_per_row(&self) -> usize {
        self.engines
            .iter()
            .map(|engine| match engine {
                Engine::Forest(engines) => engines.scratch_per_row(),
                Engine::Indicator(walk) => walk.scratch_per_row(),
                Engine::Ctr(_) => size_of::<u64>(),
                Engine::Map(_) | Engine::Direct => 0,
            })
            .max()
            .unwrap_or(0)
    }

    /// Whether some forest has trees too large to stay in cache beside a block.
    pub(crate) fn has_deep_forest(&self) -> bool {
        self.engines.iter().any(|engine| match engine {
            Engine::Forest(engines) => engines.is_deep(),
            Engine::Indicator(_) | Engine::Ctr(_) | Engine::Map(_) | Engine::Direct => false,
        })
    }

    /// Nanoseconds that so many rows take on one thread, roughly.
    pub fn cost(&self, rows: usize) -> f64 {
        let step = |(step, engine): (usize, &Engine)| {
            let Some(run) = self.program.run(step) else { return 0.0 };
            let row = match (self.program.op(&self.model, step), engine) {
                // Some 16 multiply-adds a nanosecond.
                _ if run.network().is_some() => {
                    run.network().map_or(0, dense::Network::products) / 16 + run.input.len()
                }
                (_, Engine::Forest(engines)) => return engines.chosen_cost(rows),
                (_, Engine::Indicator(walk)) => return walk.cost(0.0).of(rows),
                (Op::Linear(linear), _) => linear.coefficients.len(),
                (Op::Ctr(ctr), _) => ctr.tables() * LOOKUP_NS,
                (Op::OneHot(one_hot), _) => one_hot.feature.len(),
                (Op::Distances(distances), _) => 2 * distances.column.len(),
                (Op::Map(map), _) => map.columns() * 2,
                (Op::Polynomial(polynomial), _) => polynomial.columns() + polynomial.factor.len(),
                (Op::Bins(_) | Op::Interpolate(_), _) => run.input.len() * SEARCH_NS,
                _ => 2 * (run.input.len() + run.others.iter().map(View::len).sum::<usize>()),
            };
            (row * rows) as f64
        };
        self.engines.iter().enumerate().map(step).sum()
    }

    /// Run step `step` on a block: row r of output column c goes to `out[c * stride + r]`.
    pub(crate) fn run(&self, step: usize, values: &Values<impl Columns>, scratch: &mut Scratch, out: &mut [f64]) {
        let Some(run) = self.program.run(step) else { return };
        let (input, stride, rows) = (&values.of(&run.input), values.stride, values.rows);
        if let Some(network) = run.network() {
            return network.run(self.level, input, &mut scratch.network, out, stride, rows);
        }
        match (self.program.op(&self.model, step), &self.engines[step]) {
            (Op::Forest(forest), Engine::Forest(engines)) => {
                for (o, &base) in forest.base.iter().enumerate() {
                    let sums = &mut out[o * stride..o * stride + rows];
                    match run.others.first() {
                        Some(start) => sums.copy_from_slice(values.of(start).column(o)),
                        None => sums.fill(base),
                    }
                }
                engines.sum(forest, input, &mut scratch.forest, out, stride, rows);
            }
            (Op::LeafIndicator(forest), Engine::Indicator(walk)) => {
                out.fill(0.0);
                walk.indicate(forest, input, &mut scratch.forest.walk, out, stride, rows);
            }
            (Op::Linear(model), _) => match run.terms() {
                Some(terms) => terms.run(self.level, input, &mut scratch.turned, out, stride, rows),
                None => linear::linear(self.level, model, input, &mut scratch.turned, out, stride, rows),
            },
            (Op::Link(kind, precision), _) => {
                link::link(self.level, kind, *precision, input, run.input.len(), out, stride, rows);
            }
            (Op::OneHot(one_hot), _) => ctr::one_hot(one_hot, input, out, stride, rows),
            (Op::Distances(model), _) => distances::distances(self.level, model, input, out, stride, rows),
            (Op::Ctr(model), Engine::Ctr(lookup)) => {
                ctr::ctr(model, lookup, input, &mut scratch.keys, out, stride, rows);
            }
            (Op::Combine(model), _) => {
                combine::start(model, input, run.input.len(), out, stride, rows);
                for other in &run.others {
                    combine::with(self.level, model, &values.of(other), other.len(), out, stride, rows);
                }
            }
            (Op::Embedding(model), _) => combine::embedding(model, input, out, stride, rows),
            (Op::Map(model), Engine::Map(ready)) => tables::map(model, ready, input, out, stride, rows),
            (Op::Bins(model), _) => tables::bins(model, input, out, stride, rows),
            (Op::Interpolate(model), _) => tables::interpolate(model, input, out, stride, rows),
            (Op::Polynomial(model), _) => tables::polynomial(model, input, out, stride, rows),
            // `compile_for` pairs them, and the columns of several values are a view.
            (Op::Forest(_) | Op::LeafIndicator(_) | Op::Ctr(_) | Op::Map(_) | Op::Concat(_), _) => {}
        }
    }

    /// The leaf numbers of forest step `step`: row r of tree t goes to `out[t][r]`.
    pub(crate) fn run_leaves(
        &self,
        step: usize,
        values: &Values<impl Columns>,
        scratch: &mut Scratch,
        out: &mut [&mut [i32]],
    ) {
        let Some(run) = self.program.run(step) else { return };
        let (input, rows) = (&values.of(&run.input), values.rows);
        match (self.program.op(&self.model, step), &self.engines[step]) {
            (Op::Forest(forest), Engine::Forest(engines)) => {
                engines.leaf_ids(forest, input, &mut scratch.forest, out, rows);
            }
            (Op::LeafIndicator(forest), Engine::Indicator(walk)) => {
                walk.leaf_ids(forest, input, &mut scratch.forest.walk, out, rows);
            }
            _ => {}
        }
    }
}

fn ctr_engine(ctr: &Ctr) -> Result<ctr::Lookup> {
    ctr::Lookup::new(ctr).ok_or_else(|| Error::UnsupportedModel("a CTR table has more than 2^32 - 2 keys".into()))
}
