//! The engines of one forest: which of them can run it, what each costs, and which one runs a block.
//!
//! An engine says why a forest does not fit it ([`Misfit`]) and what it costs ([`Cost`]); the cheapest for the number
//! of rows runs. Costs are nanoseconds, which `make calibrate` holds against measurements; they decide between engines
//! and how many threads a call is worth, never what is computed.

use std::fmt::Write as _;

use super::Forced;
use crate::error::{Error, Result};
use crate::kernels::Columns;
use crate::kernels::forest::abreast::{self, Abreast};
use crate::kernels::forest::oblivious::{self, Oblivious};
use crate::kernels::forest::sliced::{self, Sliced};
use crate::kernels::forest::tiled::{self, Tiled};
use crate::kernels::forest::walk::{self, Walk};
use crate::kernels::forest::{Cost, Misfit};
use crate::model::Forest;
use crate::simd::Level;

/// A forest laid out for the engines that are chosen for it.
#[derive(Debug)]
pub(crate) struct Engines {
    level: Level,
    laid_out: LaidOut,
    /// What is known of each engine, in the order of [`Kind::ALL`].
    known: Vec<Known>,
    /// From the first row count of each on, up to the next one's, the engine that is chosen. The first is 0.
    choice: Vec<(usize, Kind)>,
}

/// The engines that are kept: those that are chosen for some number of rows.
#[derive(Debug, Default)]
struct LaidOut {
    oblivious: Option<Oblivious>,
    sliced: Option<Sliced>,
    abreast: Option<Abreast>,
    tiled: Option<Tiled>,
    walk: Option<Walk>,
}

/// What an engine makes of the forest, or why it does not fit.
type Known = std::result::Result<Facts, Misfit>;

/// What is known of an engine.
#[derive(Debug)]
struct Facts {
    cost: Cost,
    description: String,
    bytes: usize,
}

/// The engines, in the order in which they are preferred where costs are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Oblivious = 0,
    Sliced = 1,
    Abreast = 2,
    Tiled = 3,
    Walk = 4,
}

impl Kind {
    const ALL: [Kind; 5] = [Kind::Oblivious, Kind::Sliced, Kind::Abreast, Kind::Tiled, Kind::Walk];

    fn name(self) -> &'static str {
        match self {
            Kind::Oblivious => "oblivious",
            Kind::Sliced => "bit-sliced",
            Kind::Abreast => "abreast",
            Kind::Tiled => "tiled",
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
    pub abreast: abreast::Scratch,
    pub tiled: tiled::Scratch,
}

/// Leaves of a tree, on average, from which on tiles are laid out: smaller trees are not worth the time that takes.
const TILED_LEAVES: usize = 256;
/// Nodes that take more than this are streamed through the cache for each block.
const DEEP_BYTES: usize = 256 << 10;
/// Bytes that the engines of a forest may take together for each node, their leaf values besides. The one for many rows is
/// kept in any case, the others as far as they fit.
const NODE_BYTES: usize = 24;
/// What they may take beside that: of a small forest nobody counts bytes.
const BYTES_BESIDES: usize = 256 << 10;
/// Numbers of rows for which an engine of their own is worth its memory, the most important first.
const WORTH_MEMORY: [usize; 5] = [MANY_ROWS, 1, 16, 128, 512];
/// Rows from which on the choice does not change: more than any engine computes at once.
const MANY_ROWS: usize = 4096;

impl Kind {
    /// What forces it.
    fn forced(self) -> Forced {
        match self {
            Kind::Oblivious => Forced::Oblivious,
            Kind::Sliced => Forced::Sliced,
            Kind::Abreast => Forced::Abreast,
            Kind::Tiled => Forced::Tiled,
            Kind::Walk => Forced::Walk,
        }
    }
}

impl LaidOut {
    /// Lay out a checked forest for an engine.
    fn add(&mut self, kind: Kind, forest: &Forest, level: Level) -> Known {
        match kind {
            Kind::Oblivious => {
                let engine = self.oblivious.insert(Oblivious::new(forest, level)?);
                Ok(Facts { cost: engine.cost(), description: engine.describe(), bytes: engine.bytes() })
            }
            Kind::Sliced => {
                let engine = self.sliced.insert(Sliced::new(forest, level)?);
                Ok(Facts { cost: engine.cost(level), description: engine.describe(), bytes: engine.bytes() })
            }
            Kind::Abreast => {
                let engine = self.abreast.insert(Abreast::new(forest, level)?);
                Ok(Facts { cost: engine.cost(), description: engine.describe(), bytes: engine.bytes() })
            }
            Kind::Tiled => {
                let engine = self.tiled.insert(Tiled::new(forest, level)?);
                Ok(Facts { cost: engine.cost(), description: engine.describe(), bytes: engine.bytes() })
            }
            Kind::Walk => {
                let many = || Misfit("more than 2^32 - 1 nodes".into());
                let engine = self.walk.insert(Walk::new(forest, level).ok_or_else(many)?);
                Ok(Facts {
                    cost: engine.cost(walked_sums(forest)),
                    description: engine.describe(),
                    bytes: engine.bytes(),
                })
            }
        }
    }

    fn has(&self, kind: Kind) -> bool {
        match kind {
            Kind::Oblivious => self.oblivious.is_some(),
            Kind::Sliced => self.sliced.is_some(),
            Kind::Abreast => self.abreast.is_some(),
            Kind::Tiled => self.tiled.is_some(),
            Kind::Walk => self.walk.is_some(),
        }
    }

    /// Drop the engines that are not chosen.
    fn keep(&mut self, choice: &[(usize, Kind)]) {
        let chosen = |kind: Kind| choice.iter().any(|&(_, other)| other == kind);
        self.oblivious.take_if(|_| !chosen(Kind::Oblivious));
        self.sliced.take_if(|_| !chosen(Kind::Sliced));
        self.abreast.take_if(|_| !chosen(Kind::Abreast));
        self.tiled.take_if(|_| !chosen(Kind::Tiled));
        self.walk.take_if(|_| !chosen(Kind::Walk));
    }
}

impl Engines {
    /// Lay out a checked forest. `forced` is the only engine to use, if any. One engine is laid out after the other, and those
    /// that are not chosen are dropped at once.
    pub(crate) fn new(forest: &Forest, level: Level, forced: Option<Forced>) -> Result<Engines> {
        let mut engines = Engines { level, laid_out: LaidOut::default(), known: Vec::new(), choice: Vec::new() };
        for kind in Kind::ALL {
            let wanted = forced.is_none_or(|forced| forced == kind.forced() || forced == Forced::Reference);
            let small = kind == Kind::Tiled && forest.leaf_id.len() < TILED_LEAVES * forest.trees();
            let known = match wanted {
                true if small && forced.is_none() => {
                    Err(Misfit(format!("trees have fewer than {TILED_LEAVES} leaves on average")))
                }
                true => engines.laid_out.add(kind, forest, level),
                false => Err(Misfit("another engine is forced".into())),
            };
            if forced == Some(kind.forced())
                && let Err(misfit) = &known
            {
                let name = kind.forced().name();
                return Err(Error::InvalidArgument(format!(
                    "FASTSCORE_ENGINE={name}: the forest does not fit that engine: {misfit}"
                )));
            }
            engines.known.push(known);
            engines.choice = choices(&engines.known, budget(forest));
            engines.laid_out.keep(&engines.choice);
        }
        // One that did not fit beside another may do so beside the one that took its place.
        for &(_, kind) in &engines.choice {
            if !engines.laid_out.has(kind) {
                engines.known[kind as usize] = engines.laid_out.add(kind, forest, level);
            }
        }
        if engines.choice.is_empty() {
            return Err(too_large());
        }
        Ok(engines)
    }

    /// Nanoseconds that so many rows take in the engine that is chosen.
    pub(crate) fn chosen_cost(&self, rows: usize) -> f64 {
        let known = self.pick(rows).and_then(|kind| self.known[kind as usize].as_ref().ok());
        known.map_or(0.0, |facts| facts.cost.of(rows))
    }

    fn pick(&self, rows: usize) -> Option<Kind> {
        let later = self.choice.partition_point(|&(from, _)| from <= rows);
        self.choice.get(later.saturating_sub(1)).map(|&(_, kind)| kind)
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
        let LaidOut { oblivious, sliced, abreast, tiled, walk } = &self.laid_out;
        // What is chosen is laid out.
        match self.pick(rows) {
            Some(Kind::Oblivious) => {
                oblivious.iter().for_each(|engine| engine.sum(input, &mut scratch.oblivious, out, stride, rows));
            }
            Some(Kind::Sliced) => {
                let level = self.level;
                sliced.iter().for_each(|engine| engine.sum(level, input, &mut scratch.sliced, out, stride, rows));
            }
            Some(Kind::Abreast) => {
                abreast.iter().for_each(|engine| engine.sum(input, &mut scratch.abreast, out, stride, rows));
            }
            Some(Kind::Tiled) => {
                tiled.iter().for_each(|engine| engine.sum(forest, input, &mut scratch.tiled, out, stride, rows));
            }
            Some(Kind::Walk) => {
                walk.iter().for_each(|engine| engine.sum(forest, input, &mut scratch.walk, out, stride, rows));
            }
            None => {}
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
        let LaidOut { oblivious, sliced, abreast, tiled, walk } = &self.laid_out;
        match self.pick(rows) {
            Some(Kind::Oblivious) => {
                oblivious.iter().for_each(|engine| engine.leaf_ids(input, &mut scratch.oblivious, out, rows));
            }
            Some(Kind::Sliced) => {
                let level = self.level;
                sliced.iter().for_each(|engine| engine.leaf_ids(level, input, &mut scratch.sliced, out, rows));
            }
            Some(Kind::Abreast) => {
                abreast.iter().for_each(|engine| engine.leaf_ids(forest, input, &mut scratch.abreast, out, rows));
            }
            Some(Kind::Tiled) => {
                tiled.iter().for_each(|engine| engine.leaf_ids(forest, input, &mut scratch.tiled, out, rows));
            }
            Some(Kind::Walk) => {
                walk.iter().for_each(|engine| engine.leaf_ids(forest, input, &mut scratch.walk, out, rows));
            }
            None => {}
        }
    }

    /// Whether the engine of many rows looks at all numbers and tells what it finds.
    pub(crate) fn proves(&self) -> bool {
        self.pick(MANY_ROWS) == Some(Kind::Tiled) && self.laid_out.tiled.as_ref().is_some_and(Tiled::proves)
    }

    /// Bytes of scratch that a row of a large block takes.
    pub(crate) fn scratch_per_row(&self) -> usize {
        // The scratch of the others does not grow with the block.
        self.walk_of_many().map_or(0, Walk::scratch_per_row)
    }

    /// Whether large blocks stream nodes that do not stay in cache.
    pub(crate) fn is_deep(&self) -> bool {
        let tiled = self.laid_out.tiled.as_ref().filter(|_| self.pick(MANY_ROWS) == Some(Kind::Tiled));
        self.walk_of_many().is_some_and(|walk| walk.node_bytes() > DEEP_BYTES)
            || tiled.is_some_and(Tiled::wants_large_blocks)
    }

    /// The walk, where it runs large blocks.
    fn walk_of_many(&self) -> Option<&Walk> {
        self.laid_out.walk.as_ref().filter(|_| self.pick(MANY_ROWS) == Some(Kind::Walk))
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
                Ok(Facts { cost, description, .. }) => {
                    let row = cost.of(MANY_ROWS) / MANY_ROWS as f64;
                    writeln!(text, "    {}: {description}; about {row:.0} ns for each of many rows", kind.name())
                }
                Err(misfit) => writeln!(text, "    {}: does not fit: {misfit}", kind.name()),
            };
        }
    }
}

/// Bytes that the engines of a forest may take together.
fn budget(forest: &Forest) -> usize {
    let nodes = forest.feature.len() + forest.leaf_id.len();
    NODE_BYTES * nodes + size_of_val(forest.leaf_value.as_slice()) + BYTES_BESIDES
}

/// The cheapest engine for each number of rows, of those that are known and fit so many bytes; empty where none is known.
fn choices(known: &[Known], bytes: usize) -> Vec<(usize, Kind)> {
    let mut taken = 0;
    let mut kept: Vec<(Kind, Cost)> = Vec::new();
    for rows in WORTH_MEMORY {
        let facts = Kind::ALL.into_iter().zip(known).filter_map(|(kind, known)| Some((kind, known.as_ref().ok()?)));
        let mut facts: Vec<(Kind, &Facts)> = facts.collect();
        facts.sort_by(|a, b| a.1.cost.of(rows).total_cmp(&b.1.cost.of(rows)));
        let is_kept = |kind: Kind| kept.iter().any(|&(other, _)| other == kind);
        let fits = |facts: &Facts| kept.is_empty() || taken + facts.bytes <= bytes;
        let best = facts.into_iter().find(|&(kind, facts)| is_kept(kind) || fits(facts));
        if let Some((kind, facts)) = best.filter(|&(kind, _)| !is_kept(kind)) {
            taken += facts.bytes;
            kept.push((kind, facts.cost));
        }
    }
    let mut choice: Vec<(usize, Kind)> = Vec::new();
    for rows in 1..=MANY_ROWS {
        let costs = kept.iter().map(|&(kind, cost)| (kind, cost.of(rows)));
        let Some((kind, _)) = costs.min_by(|a, b| a.1.total_cmp(&b.1)) else { break };
        if choice.last().is_none_or(|&(_, last)| last != kind) {
            choice.push((if rows == 1 { 0 } else { rows }, kind));
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
    Walk::new(forest, level).ok_or_else(too_large)
}

fn too_large() -> Error {
    Error::UnsupportedModel("the forest has more than 2^32 - 1 nodes".into())
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
                let kept = |engines: &Engines| {
                    let LaidOut { oblivious, sliced, abreast, tiled, walk } = &engines.laid_out;
                    [oblivious.is_some(), sliced.is_some(), abreast.is_some(), tiled.is_some(), walk.is_some()]
                };
                assert_eq!(kept(&engines), Kind::ALL.map(chosen), "{trees} trees of {outputs} columns");
                for kind in Kind::ALL {
                    let forced = Engines::new(&forest, level, Some(kind.forced())).unwrap();
                    assert_eq!(kept(&forced), Kind::ALL.map(|other| other == kind));
                }
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
