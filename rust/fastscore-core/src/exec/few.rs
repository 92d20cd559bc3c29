//! A few rows of numbers, without what a call for many prepares: what an output needs is found once a model, the memory
//! is the thread's own, and nothing is shared out.
//!
//! Where anything is out of the ordinary (a value that is refused, categories, guards of steps), the call goes the long
//! way ([`super::score`]), which knows what to do about it.

use std::cell::RefCell;

use super::block::Block;
use super::refusal::{all_finite, mark};
use super::score::{OnRefused, Slices, decide};
use super::scores::{Data, Group, Output, Scores, Source, sources, widths};
use crate::kernels::{Bitmap, Cells, Columns, Rows, Values};
use crate::model::{Checks, Width};
use crate::plan::{Needed, Plan, Scratch, Telling};

/// The most rows.
pub const FEW_ROWS: usize = 64;
/// The most numbers that a thread keeps memory for: half a megabyte, besides what engines take for as many rows.
const MOST_NUMBERS: usize = 64 << 10;

/// What an output of a model needs.
#[derive(Debug)]
pub(crate) struct Needs {
    /// The features that are read or checked, and what is refused of each.
    features: Vec<usize>,
    checks: Vec<Checks>,
    /// Per feature its place among them; `u32::MAX` where it is none of them.
    slot: Vec<u32>,
    /// The steps to run, in order, and the columns of each.
    steps: Vec<(usize, usize)>,
    /// Columns that are finite only where guards find nothing.
    proofs: Vec<Telling>,
    leaf_step: Option<usize>,
    sources: Vec<Source>,
    /// Columns of each group of the result.
    widths: Vec<usize>,
    /// Numbers a row, of features and steps.
    numbers: usize,
    /// Whether rows can be null.
    nullable: bool,
}

impl Needs {
    /// None where the model has no such output, or where a few rows take the long way.
    pub(crate) fn new(plan: &Plan, output: Output) -> Option<Self> {
        let model = plan.model();
        if plan.is_reference() || !model.features().encodings.is_empty() {
            return None;
        }
        let widths = widths(model, output)?;
        let sources = sources(model, output);
        let leaf_step = if output == Output::Leaf { Some(model.leaf_forest()?.0) } else { None };
        let Needed { steps, features: read, proofs, .. } =
            plan.needed(sources.iter().map(|source| source.value), leaf_step);
        let proofs = proofs.into_iter().collect::<Option<Vec<_>>>()?;
        let wanted = |&feature: &usize| read[feature] || model.checks(feature).refuses();
        let features: Vec<usize> = (0..read.len()).filter(wanted).collect();
        let mut slot = vec![u32::MAX; read.len()];
        features.iter().zip(0..).for_each(|(&feature, at)| slot[feature] = at);
        let steps: Vec<_> = steps.into_iter().map(|step| (step, plan.width(step))).collect();
        Some(Needs {
            checks: features.iter().map(|&feature| model.checks(feature)).collect(),
            numbers: features.len() + steps.iter().map(|(_, width)| width).sum::<usize>(),
            features,
            slot,
            steps,
            proofs,
            leaf_step,
            sources,
            widths,
            nullable: model.refuses(),
        })
    }
}

/// What a thread keeps between calls.
#[derive(Default)]
struct Memory {
    /// Row r of slot s is at `s * rows + r`.
    features: Vec<f64>,
    values: Vec<Vec<f64>>,
    scratch: Scratch,
    bad: Vec<u8>,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

/// Score up to [`FEW_ROWS`] rows of columns of numbers that fit the model. `read(features, out)` puts row r of feature
/// `features[s]` at `out[s * rows + r]`, NaN where it is null; None where it can't. None: the call must go the long way.
pub fn score_few(
    plan: &Plan,
    rows: usize,
    output: Output,
    on_refused: OnRefused,
    read: impl FnOnce(&[usize], &mut [f64]) -> Option<()>,
) -> Option<Scores> {
    let needs = plan.needs(output)?;
    if rows == 0 || rows > FEW_ROWS || rows * needs.numbers > MOST_NUMBERS {
        return None;
    }
    MEMORY.with(|memory| {
        let mut memory = memory.try_borrow_mut().ok()?;
        let scores = run(plan, needs, &mut memory, rows, output, on_refused, read);
        if memory.scratch.bytes() > size_of::<f64>() * MOST_NUMBERS {
            memory.scratch = Scratch::default();
        }
        scores
    })
}

fn run(
    plan: &Plan,
    needs: &Needs,
    memory: &mut Memory,
    rows: usize,
    output: Output,
    on_refused: OnRefused,
    read: impl FnOnce(&[usize], &mut [f64]) -> Option<()>,
) -> Option<Scores> {
    let Memory { features, values, scratch, bad } = memory;
    features.resize(needs.features.len() * rows, 0.0);
    read(&needs.features, features)?;
    for (&checks, column) in needs.checks.iter().zip(features.chunks(rows)) {
        if checks.refuses() {
            bad.resize(rows, 0);
            if mark(plan.level(), checks, column, bad) {
                bad.clear();
                return None;
            }
        }
    }
    let steps = plan.model().steps().len();
    if values.len() < steps {
        values.resize_with(steps, Vec::new);
    }
    let few = Input::Few { columns: features, slot: &needs.slot, rows };
    for &(step, width) in &needs.steps {
        let (before, after) = values.split_at_mut(step);
        let values = Values { features: &few, steps: before, stride: rows, rows };
        after[0].resize(width * rows, 0.0);
        plan.run(step, &values, scratch, &mut after[0]);
    }
    if !needs.proofs.iter().all(|proof| all_finite(plan.level(), &values[proof.step][proof.column * rows..][..rows])) {
        return None;
    }
    let values = Values { features: &few, steps: values, stride: rows, rows };
    let narrow = plan.model().output_width() == Width::Float32;
    let mut groups = Vec::with_capacity(needs.widths.len());
    for (index, &columns) in needs.widths.iter().enumerate() {
        let source = needs.sources.get(index);
        let codes = source.is_some_and(|source| source.decision.is_some());
        let mut data = match narrow {
            _ if codes || output == Output::Leaf => Data::I32(vec![0; columns * rows]),
            true => Data::F32(vec![0.0; columns * rows].into()),
            false => Data::F64(vec![0.0; columns * rows].into()),
        };
        let mut out = Slices::of(&mut data, rows);
        match (needs.leaf_step, &mut out, source) {
            (Some(step), Slices::I32(out), _) => plan.run_leaves(step, &values, scratch, out),
            (_, out, Some(source)) => decide(source, &values.of(plan.view(source.value)), out),
            _ => return None,
        }
        groups.push(Group { columns, data, codes_of: codes.then_some(index) });
    }
    let nulls = (on_refused == OnRefused::Null && needs.nullable).then(|| vec![0; rows]);
    Some(Scores { rows, groups, nulls })
}

/// The features of a block, or of a few rows.
pub(super) enum Input<'a, 'r, 't> {
    Block(&'a Block<'r, 't>),
    /// Row r of slot s is at `columns[s * rows + r]`.
    Few {
        columns: &'a [f64],
        slot: &'a [u32],
        rows: usize,
    },
}

impl Columns for Input<'_, '_, '_> {
    #[inline]
    fn column(&self, feature: usize) -> &[f64] {
        match self {
            Input::Block(block) => block.column(feature),
            Input::Few { columns, slot, rows } => &columns[slot[feature] as usize * rows..][..*rows],
        }
    }

    fn cells(&self, feature: usize) -> (Cells<'_>, Option<Bitmap<'_>>) {
        match self {
            Input::Block(block) => block.cells(feature),
            Input::Few { .. } => (Cells::F64(self.column(feature)), None),
        }
    }

    fn rows(&self) -> Option<Rows<'_>> {
        match self {
            Input::Block(block) => block.array_rows(),
            Input::Few { .. } => None,
        }
    }

    fn is_far(&self) -> bool {
        match self {
            Input::Block(block) => block.is_far(),
            Input::Few { .. } => false,
        }
    }
}
