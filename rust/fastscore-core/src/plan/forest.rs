//! The engines of one forest: which of them can run it, what each costs, and which one runs a block.
//!
//! An engine says why a forest does not fit it ([`Misfit`]) and what it costs ([`Cost`]); the cheapest for the number
//! of rows runs. Costs are nanoseconds, which `make calibrate` holds against measurements; they decide between engines
//! and how many threads a call is worth, never what is computed.

use std::fmt::Write as _;

use super::Forced;
use crate::error::{Error, Result};
use crate::kernels::Columns;
use crate::kernels::forest::oblivious::{self, Oblivious};
use crate::kernels::forest::sliced::{self, Sliced};
use crate::kernels::forest::walk::{self, Walk};
use crate::kernels::forest::{Cost, Misfit};
use crate::model::Forest;
use crate::simd::Level;

/// A forest laid out for the engines that are chosen for it.
#[derive(Debug)]
pub(crate) struct Engines {
    level: Level,
    walk: Walk,
    oblivious: Option<Oblivious>,
    sliced: Option<Sliced>,
    /// What is known of each engine, in the order of [`Kind::ALL`].
    known: [Known; 3],
    /// From the first row count of each on, up to the next one's, the engine that is chosen. The first is 0.
    choice: Vec<(usize, Kind)>,
}

/// What an engine makes of the forest: its cost and description, or why it does not fit.
type Known = std::result::Result<(Cost, String), Misfit>;

/// The engines, in the order in which they are preferred where costs are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Oblivious = 0,
    Sliced = 1,
    Walk = 2,
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
    /// Lay out a checked forest. `forced` is the only engine to use, if any. Engines that are not chosen are not kept.
    pub(crate) fn new(forest: &Forest, level: Level, forced: Option<Forced>) -> Result<Engines> {
        let walk = walk(forest, level)?;
        let wanted = |kind: Forced| forced.is_none_or(|forced| forced == kind || forced == Forced::Reference);
        let not_asked = || Misfit("another engine is forced".into());
        let oblivious = if wanted(Forced::Oblivious) { Oblivious::new(forest, level) } else { Err(not_asked()) };
        let sliced = if wanted(Forced::Sliced) { Sliced::new(forest, level) } else { Err(not_asked()) };
        let known = [
            oblivious.as_ref().map(|engine| (engine.cost(), engine.describe())).map_err(Clone::clone),
            sliced.as_ref().map(|engine| (engine.cost(level), engine.describe())).map_err(Clone::clone),
            Ok((walk.cost(walked_sums(forest)), walk.describe())),
        ];
        let only = |name: &str, kind: Kind| match &known[kind as usize] {
            Ok(_) => Ok(vec![(0, kind)]),
            Err(misfit) => Err(Error::InvalidArgument(format!(
                "FASTSCORE_ENGINE={name}: the forest does not fit that engine: {misfit}"
            ))),
        };
        let choice = match forced {
            Some(Forced::Walk) => only("walk", Kind::Walk)?,
            Some(Forced::Sliced) => only("sliced", Kind::Sliced)?,
            Some(Forced::Oblivious) => only("oblivious", Kind::Oblivious)?,
            Some(Forced::Reference) | None => choices(&known),
        };
        let chosen = |kind: Kind| choice.iter().any(|&(_, other)| other == kind);
        let oblivious = oblivious.ok().filter(|_| chosen(Kind::Oblivious));
        let sliced = sliced.ok().filter(|_| chosen(Kind::Sliced));
        Ok(Engines { level, walk, oblivious, sliced, known, choice })
    }

    /// Nanoseconds that so many rows take in the engine that is chosen.
    pub(crate) fn chosen_cost(&self, rows: usize) -> f64 {
        self.known[self.pick(rows) as usize].as_ref().map_or(0.0, |(cost, _)| cost.of(rows))
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
            (Kind::Oblivious, Some(oblivious), _) => oblivious.sum(input, &mut scratch.oblivious, out, stride, rows),
            (Kind::Sliced, _, Some(sliced)) => sliced.sum(self.level, input, &mut scratch.sliced, out, stride, rows),
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
            (Kind::Oblivious, Some(oblivious), _) => oblivious.leaf_ids(input, &mut scratch.oblivious, out, rows),
            (Kind::Sliced, _, Some(sliced)) => sliced.leaf_ids(self.level, input, &mut scratch.sliced, out, rows),
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
        for (kind, known) in Kind::ALL.into_iter().zip(&self.known) {
            let _ = match known {
                Ok((cost, description)) => {
                    let row = cost.of(MANY_ROWS) / MANY_ROWS as f64;
                    writeln!(text, "    {}: {description}; about {row:.0} ns for each of many rows", kind.name())
                }
                Err(misfit) => writeln!(text, "    {}: does not fit: {misfit}", kind.name()),
            };
        }
    }
}

/// The cheapest engine for each number of rows.
fn choices(known: &[Known; 3]) -> Vec<(usize, Kind)> {
    let cheapest = |rows: usize| {
        let costs = Kind::ALL.into_iter().zip(known);
        let costs = costs.filter_map(|(kind, known)| Some((kind, known.as_ref().ok()?.0.of(rows))));
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

/// Nanoseconds a row that the walk takes for what it adds beside one value a tree: 1.2 for each further column of a leaf
/// (measured with 50 and 200), and for each tree of linear leaves about as much as for walking it.
fn walked_sums(forest: &Forest) -> f64 {
    let columns = 1.2 * forest.leaf_width.saturating_sub(1) as f64;
    let linear = if forest.linear.is_some() { 10.0 } else { 0.0 };
    forest.trees() as f64 * (columns + linear)
}

/// The walk, which runs every forest that 32 bits can number.
pub(crate) fn walk(forest: &Forest, level: Level) -> Result<Walk> {
    Walk::new(forest, level).ok_or_else(|| Error::UnsupportedModel("the forest has more than 2^32 - 1 nodes".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Trees of one split, and `outputs` columns a leaf.
    fn stumps(trees: usize, outputs: usize) -> Forest {
        let leaves = (0..2 * trees * outputs).map(|i| i as f64);
        Forest {
            outputs,
            leaf_width: outputs,
            base: vec![0.0; outputs],
            feature: vec![0; trees],
            threshold: (0..trees).map(|tree| tree as f64).collect(),
            flags: vec![0; trees],
            left: vec![-1; trees],
            right: vec![-2; trees],
            leaf_id: vec![0; 2 * trees],
            leaf_value: leaves.collect(),
            split_offset: (0..=trees as i64).collect(),
            leaf_offset: (0..=trees as i64).map(|tree| 2 * tree).collect(),
            ..Forest::default()
        }
    }

    #[test]
    fn engines_that_are_not_chosen_are_not_kept() {
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            for (trees, outputs) in [(1, 1), (300, 1), (20, 200)] {
                let forest = stumps(trees, outputs);
                let engines = Engines::new(&forest, level, None).unwrap();
                let chosen = |kind| engines.choice.iter().any(|&(_, other)| other == kind);
                assert_eq!(engines.oblivious.is_some(), chosen(Kind::Oblivious), "{trees} trees of {outputs} columns");
                assert_eq!(engines.sliced.is_some(), chosen(Kind::Sliced), "{trees} trees of {outputs} columns");
                let forced = Engines::new(&forest, level, Some(Forced::Walk)).unwrap();
                assert!(forced.oblivious.is_none() && forced.sliced.is_none());
            }
        }
    }

    #[test]
    fn the_walk_pays_for_columns_of_leaves() {
        let level = Level::detect();
        let cost = |outputs| Engines::new(&stumps(50, outputs), level, Some(Forced::Walk)).unwrap().chosen_cost(1000);
        assert!(cost(100) > 10.0 * cost(1));
    }
}
