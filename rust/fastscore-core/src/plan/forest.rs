//! The engines of one forest: which of them can run it, what each costs, and which one runs a block.
//!
//! An engine says why a forest does not fit it ([`Misfit`]) and what it costs ([`Cost`]); the cheapest for the number
//! of rows runs. Costs are the nanoseconds that `make calibrate` measured; they decide between engines
//! and how many threads a call is worth, never what is computed.

use std::fmt::Write as _;

use super::Forced;
use crate::error::{Error, Result};
use crate::kernels::Columns;
use crate::kernels::forest::Misfit;
use crate::kernels::forest::oblivious::{self, Oblivious};
use crate::kernels::forest::sliced::{self, Sliced};
use crate::kernels::forest::walk::{self, Walk};
use crate::model::Forest;
use crate::simd::Level;

/// A forest laid out for every engine that can run it.
#[derive(Debug)]
pub(crate) struct Engines {
    level: Level,
    walk: Walk,
    oblivious: std::result::Result<Oblivious, Misfit>,
    sliced: std::result::Result<Sliced, Misfit>,
    /// From the first row count of each on, up to the next one's, the engine that is chosen. The first is 0.
    choice: Vec<(usize, Kind)>,
}

/// The engines, in the order in which they are preferred where costs are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Oblivious,
    Sliced,
    Walk,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Oblivious, Kind::Sliced, Kind::Walk];

    fn name(self) -> &'static str {
        match self {
            Kind::Oblivious => "oblivious",
            Kind::Sliced => "bit-sliced",
            Kind::Walk => "walk",
        }
    }
}

/// One worker's scratch.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub walk: walk::Scratch,
    pub oblivious: oblivious::Scratch,
    pub sliced: sliced::Scratch,
}

/// Nodes that take more than this are streamed through the cache for each block.
const DEEP_BYTES: usize = 256 << 10;
/// Rows from which on the choice does not change: more than any engine computes at once.
const MANY_ROWS: usize = 4096;

impl Engines {
    /// Lay out a checked forest. `forced` is the only engine to use, if any.
    pub(crate) fn new(forest: &Forest, level: Level, forced: Option<Forced>) -> Result<Engines> {
        let walk = walk(forest, level)?;
        let (oblivious, sliced) = (Oblivious::new(forest, level), Sliced::new(forest, level));
        let mut engines = Engines { level, walk, oblivious, sliced, choice: Vec::new() };
        let only = |name: &str, kind: Kind| match engines.cost(kind, 1) {
            Ok(_) => Ok(vec![(0, kind)]),
            Err(misfit) => Err(Error::InvalidArgument(format!(
                "FASTSCORE_ENGINE={name}: the forest does not fit that engine: {misfit}"
            ))),
        };
        engines.choice = match forced {
            Some(Forced::Walk) => only("walk", Kind::Walk)?,
            Some(Forced::Sliced) => only("sliced", Kind::Sliced)?,
            Some(Forced::Oblivious) => only("oblivious", Kind::Oblivious)?,
            Some(Forced::Reference) | None => engines.choices(),
        };
        Ok(engines)
    }

    /// Nanoseconds that so many rows take.
    fn cost(&self, kind: Kind, rows: usize) -> std::result::Result<f64, &Misfit> {
        match kind {
            Kind::Oblivious => self.oblivious.as_ref().map(|oblivious| oblivious.cost().of(rows)),
            Kind::Sliced => self.sliced.as_ref().map(|sliced| sliced.cost(self.level, rows)),
            Kind::Walk => Ok(self.walk.cost(self.level).of(rows)),
        }
    }

    /// The same for the engine that is chosen.
    pub(crate) fn chosen_cost(&self, rows: usize) -> f64 {
        self.cost(self.pick(rows), rows).unwrap_or(0.0)
    }

    /// The cheapest engine for each number of rows.
    fn choices(&self) -> Vec<(usize, Kind)> {
        let cheapest = |rows: usize| {
            let costs = Kind::ALL.into_iter().filter_map(|kind| Some((kind, self.cost(kind, rows).ok()?)));
            costs.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(Kind::Walk, |(kind, _)| kind)
        };
        let mut choice = vec![(0, cheapest(1))];
        for rows in 2..=MANY_ROWS {
            let kind = cheapest(rows);
            if choice.last().is_some_and(|&(_, last)| last != kind) {
                choice.push((rows, kind));
            }
        }
        choice
    }

    fn pick(&self, rows: usize) -> Kind {
        let later = self.choice.partition_point(|&(from, _)| from <= rows);
        self.choice.get(later.saturating_sub(1)).map_or(Kind::Walk, |&(_, kind)| kind)
    }

    /// Add every tree's leaf value to `out[o * stride + r]`, which holds where the sums start.
    pub(crate) fn sum(
        &self,
        forest: &Forest,
        input: &impl Columns,
        scratch: &mut Scratch,
        out: &mut [f64],
        stride: usize,
        rows: usize,
    ) {
        match (self.pick(rows), &self.oblivious, &self.sliced) {
            (Kind::Oblivious, Ok(oblivious), _) => oblivious.sum(input, &mut scratch.oblivious, out, stride, rows),
            (Kind::Sliced, _, Ok(sliced)) => sliced.sum(self.level, input, &mut scratch.sliced, out, stride, rows),
            _ => self.walk.sum(forest, input, &mut scratch.walk, out, stride, rows),
        }
    }

    /// The source's leaf numbers: row r of tree t goes to `out[t][r]`.
    pub(crate) fn leaf_ids(
        &self,
        forest: &Forest,
        input: &impl Columns,
        scratch: &mut Scratch,
        out: &mut [&mut [i32]],
        rows: usize,
    ) {
        match (self.pick(rows), &self.oblivious, &self.sliced) {
            (Kind::Oblivious, Ok(oblivious), _) => oblivious.leaf_ids(input, &mut scratch.oblivious, out, rows),
            (Kind::Sliced, _, Ok(sliced)) => sliced.leaf_ids(self.level, input, &mut scratch.sliced, out, rows),
            _ => self.walk.leaf_ids(forest, input, &mut scratch.walk, out, rows),
        }
    }

    /// Bytes of scratch that a row of a large block takes.
    pub(crate) fn scratch_per_row(&self) -> usize {
        match self.pick(MANY_ROWS) {
            // Their scratch does not grow with the block.
            Kind::Oblivious | Kind::Sliced => 0,
            Kind::Walk => self.walk.scratch_per_row(),
        }
    }

    /// Whether large blocks stream nodes that do not stay in cache.
    pub(crate) fn is_deep(&self) -> bool {
        self.pick(MANY_ROWS) == Kind::Walk && self.walk.node_bytes() > DEEP_BYTES
    }

    /// For `explain_plan()`: the choice by rows, then every engine with what it costs or why it does not fit.
    pub(crate) fn explain(&self, text: &mut String) {
        for (i, &(from, kind)) in self.choice.iter().enumerate() {
            let rows = match (from.max(1), self.choice.get(i + 1).map(|next| next.0 - 1)) {
                (1, None) => "any number of rows".to_owned(),
                (from, None) => format!("{from} rows and more"),
                (1, Some(1)) => "1 row".to_owned(),
                (from, Some(to)) => format!("{from} to {to} rows"),
            };
            let _ = writeln!(text, "    {rows}: {}", kind.name());
        }
        for kind in Kind::ALL {
            let description = match kind {
                Kind::Oblivious => self.oblivious.as_ref().map_or(String::new(), Oblivious::describe),
                Kind::Sliced => self.sliced.as_ref().map_or(String::new(), Sliced::describe),
                Kind::Walk => self.walk.describe(),
            };
            let _ = match self.cost(kind, MANY_ROWS) {
                Ok(cost) => {
                    let row = cost / MANY_ROWS as f64;
                    writeln!(text, "    {}: {description}; about {row:.0} ns for each of many rows", kind.name())
                }
                Err(misfit) => writeln!(text, "    {}: does not fit: {misfit}", kind.name()),
            };
        }
    }
}

/// The walk, which runs every forest that 32 bits can number.
pub(crate) fn walk(forest: &Forest, level: Level) -> Result<Walk> {
    Walk::new(forest, level).ok_or_else(|| Error::UnsupportedModel("the forest has more than 2^32 - 1 nodes".into()))
}
