//! What a plan runs: the model's steps, with values that are views of others, and without columns that nobody reads.
//!
//! ```text
//! 1. concat and picked columns become views: nothing is copied, a reader is led to where the column is
//! 2. steps are fused into the step that reads them ([`fuse`])
//! 3. columns that no step, output or guard reads are not computed, where a step can leave out columns
//! ```
//! Values keep the model's numbers. Only the reference interpreter runs the model as it is.

use std::collections::{BTreeSet, HashMap};

use super::fuse;
use crate::kernels::View;
use crate::kernels::dense::Network;
use crate::kernels::terms::Terms;
use crate::model::{Checks, Guard, Link, Model, Op, Refuse, ValueId};

/// What a step computes, where that is not what the model's step does.
#[derive(Debug)]
pub(crate) enum Fused {
    /// Another step.
    Op(Box<Op>),
    /// A linear step that prepares its columns itself.
    Terms(Terms),
    /// A linear step with the layers before it.
    Network(Network),
}

/// A step that is run.
#[derive(Debug)]
pub(crate) struct Run {
    fused: Option<Fused>,
    /// Its input's columns.
    pub input: View,
    /// Those of the other values that it reads.
    pub others: Vec<View>,
    /// Columns that it gives.
    pub width: usize,
    /// The steps whose values it reads, each once.
    needs: Vec<usize>,
    /// The features that it reads, each once.
    pub features: Vec<u32>,
}

/// The steps of a model as they are run.
#[derive(Debug)]
pub(crate) struct Program {
    /// Per step of the model how it is run; None where its value is a view, or where nobody reads it.
    runs: Vec<Option<Run>>,
    /// Per value of the model its columns.
    views: Vec<View>,
    /// What must be checked of values that are computed.
    guards: Vec<Guard>,
    /// The columns that each looks at.
    guarded: Vec<Vec<(ValueId, u32)>>,
    /// For each the column that is finite only where the guard finds nothing.
    proofs: Vec<Option<Telling>>,
    /// Columns that are finite only where each feature holds nothing of what is listed for it.
    told: Vec<(Telling, Vec<Checks>)>,
}

/// A column of a step whose numbers are finite only where others, of which it is a sum, hold nothing that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Telling {
    /// The step.
    pub step: usize,
    /// The column of its value; one behind all others is nobody's but for this.
    pub column: usize,
}

/// What columns can't hold.
pub(super) type RuledOut = Vec<((ValueId, usize), Checks)>;

/// The most steps that tell of features.
const MOST_TELLING: usize = 8;

/// What must be computed for some values.
#[derive(Debug)]
pub(crate) struct Needed {
    /// The steps that run, in order.
    pub steps: Vec<usize>,
    /// Steps besides that only guards read which another step proves to find nothing: they run where it does not.
    pub late: Vec<usize>,
    /// For each guard the column that proves it.
    pub proofs: Vec<Option<Telling>>,
    /// Per feature whether it is read.
    pub features: Vec<bool>,
}

impl Run {
    /// What it is instead of a linear step, where that prepares its columns.
    pub(crate) fn terms(&self) -> Option<&Terms> {
        if let Some(Fused::Terms(terms)) = &self.fused { Some(terms) } else { None }
    }

    /// The network that it is, whose last step it would be.
    pub(crate) fn network(&self) -> Option<&Network> {
        if let Some(Fused::Network(network)) = &self.fused { Some(network) } else { None }
    }

    /// Whether it reads a feature.
    pub(crate) fn reads_features(&self) -> bool {
        !self.features.is_empty()
    }

    /// Whether it computes what the model's step does not.
    pub(crate) fn is_fused(&self) -> bool {
        self.fused.is_some()
    }
}

impl Program {
    /// Every step of a model; `as_it_is`: all columns, as the model has them.
    pub(crate) fn new(model: &Model, as_it_is: bool) -> Program {
        let views = vec![View::Whole(0, model.width(0))];
        let mut program = Program {
            runs: Vec::new(),
            views,
            guards: Vec::new(),
            guarded: Vec::new(),
            proofs: Vec::new(),
            told: Vec::new(),
        };
        for (index, step) in model.steps().iter().enumerate() {
            let (view, run) = match &step.op {
                Op::Concat(_) => (View::Picked(step.inputs().flat_map(|v| program.views[v].columns()).collect()), None),
                Op::Link(Link::Columns { columns }, _) => {
                    (program.views[step.input].pick(columns.iter().copied()), None)
                }
                _ => {
                    let width = model.width(index + 1);
                    let others = step.inputs().skip(1).map(|v| program.views[v].clone()).collect();
                    let input = program.views[step.input].clone();
                    let run = Run { fused: None, input, others, width, needs: Vec::new(), features: Vec::new() };
                    (View::Whole(index + 1, width), Some(run))
                }
            };
            program.views.push(view);
            program.runs.push(run);
        }
        program.guards = model.guards().iter().filter(|guard| !guard.is_of_features()).cloned().collect();
        program.proofs = vec![None; program.guards.len()];
        if !as_it_is {
            program.drop_idle_guards(model);
            fuse::fuse(model, &mut program);
            program.prune(model);
        }
        program.guarded = (0..program.guards.len()).map(|guard| program.columns_guarded(model, guard)).collect();
        for step in 0..program.runs.len() {
            let (needs, features) = split(program.reads(model, step));
            if let Some(run) = &mut program.runs[step] {
                (run.needs, run.features) = (needs, features);
            }
        }
        program
    }

    /// How a step is run; None where it is not.
    pub(crate) fn run(&self, step: usize) -> Option<&Run> {
        self.runs[step].as_ref()
    }

    /// What a step computes, but for lookups.
    pub(crate) fn op<'a>(&'a self, model: &'a Model, step: usize) -> &'a Op {
        match self.runs[step].as_ref().and_then(|run| run.fused.as_ref()) {
            Some(Fused::Op(op)) => op,
            _ => &model.steps()[step].op,
        }
    }

    /// Have a step compute something else from another input.
    pub(super) fn replace(&mut self, step: usize, fused: Fused, input: View) {
        if let Some(run) = &mut self.runs[step] {
            if let Fused::Network(network) = &fused {
                // All that it reads is in its input.
                run.others.clear();
                run.width += usize::from(network.tells());
            }
            (run.fused, run.input) = (Some(fused), input);
        }
    }

    /// The columns of a value.
    pub(crate) fn view(&self, value: ValueId) -> &View {
        &self.views[value]
    }

    /// What must be computed for these values of the model and for the guards. Of a `leaf_step` only what it reads is needed.
    pub(crate) fn needed(&self, values: impl IntoIterator<Item = ValueId>, leaf_step: Option<usize>) -> Needed {
        let mut needed = Closure { steps: vec![false; self.runs.len()], features: vec![false; self.views[0].len()] };
        values.into_iter().for_each(|value| needed.read(self.views[value].columns()));
        needed.close(&self.runs, leaf_step);
        let mut proofs = self.proofs.clone();
        // Nobody proves what none of these steps tells of.
        proofs.iter_mut().for_each(|proof| *proof = proof.filter(|proof| needed.steps[proof.step]));
        let open = self.guarded.iter().zip(&proofs).filter(|(_, proof)| proof.is_none());
        open.for_each(|(columns, _)| needed.read(columns.iter().copied()));
        needed.close(&self.runs, None);
        let mut late = Closure { steps: needed.steps.clone(), features: needed.features };
        self.guarded.iter().for_each(|columns| late.read(columns.iter().copied()));
        late.close(&self.runs, None);
        let is_late = |&step: &usize| late.steps[step] && !needed.steps[step];
        Needed {
            late: (0..self.runs.len()).filter(is_late).collect(),
            steps: (0..self.runs.len()).filter(|&step| needed.steps[step]).collect(),
            proofs,
            features: late.features,
        }
    }

    /// A step's column that tells of features, and what it rules out of each where it is finite.
    pub(crate) fn told(&self, step: usize) -> Option<(Telling, &[Checks])> {
        let told = self.told.iter().find(|(telling, _)| telling.step == step);
        told.map(|(telling, checks)| (*telling, checks.as_slice()))
    }

    /// Learn what columns can't hold in rows where that column is finite.
    pub(super) fn tell(&mut self, model: &Model, telling: Telling, ruled_out: &RuledOut) {
        let all = merged(ruled_out);
        for guard in 0..self.guards.len() {
            if self.proofs[guard].is_none() && self.is_proved(model, guard, &all) {
                self.proofs[guard] = Some(telling);
            }
        }
        let features = ruled_out.iter().filter(|((value, _), _)| *value == 0);
        if features.clone().count() > 0 && self.told.len() < MOST_TELLING {
            let mut told = vec![Checks::default(); self.views[0].len()];
            features.for_each(|&((_, feature), checks)| told[feature] = told[feature].or(checks));
            self.told.push((telling, told));
        }
    }

    /// Whether a guard finds nothing in columns that can't hold that.
    fn is_proved(&self, model: &Model, guard: usize, ruled_out: &HashMap<(ValueId, usize), Checks>) -> bool {
        let Refuse::Numbers(checks) = self.guards[guard].refuse else { return false };
        self.columns_guarded(model, guard).into_iter().all(|(value, column)| {
            ruled_out.get(&(value, column as usize)).is_some_and(|ruled_out| checks.are_within(*ruled_out))
        })
    }

    /// The columns that a step reads.
    fn reads(&self, model: &Model, step: usize) -> Vec<(ValueId, u32)> {
        let Some(run) = &self.runs[step] else { return Vec::new() };
        let mut columns: Vec<_> = match (&run.fused, self.op(model, step).columns_read()) {
            (Some(Fused::Terms(terms)), _) => run.input.pick(terms.columns()).columns().collect(),
            (Some(Fused::Network(_)), _) | (_, None) => run.input.columns().collect(),
            (_, Some(columns)) => run.input.pick(columns.into_iter().map(|c| c as usize)).columns().collect(),
        };
        columns.extend(run.others.iter().flat_map(View::columns));
        columns
    }

    /// Do without checks of columns that can't hold what is refused: those of tables and equalities.
    fn drop_idle_guards(&mut self, model: &Model) {
        let views = &self.views;
        self.guards.retain_mut(|guard| {
            let checked: Vec<usize> = guard.checked(model.width(guard.value)).collect();
            let may_fail = |column: usize| {
                let (value, column) = views[guard.value].at(column);
                value.checked_sub(1).is_none_or(|step| guard.refuse.may_find(&model.steps()[step].op, column))
            };
            let kept: Vec<usize> = (0..checked.len()).filter(|&place| may_fail(checked[place])).collect();
            guard.columns = Some(kept.iter().map(|&place| checked[place]).collect());
            if let Refuse::Unknown(of) = &mut guard.refuse {
                *of = kept.iter().map(|&place| of[place]).collect();
            }
            if let Some(names) = &mut guard.names {
                *names = kept.iter().map(|&place| std::mem::take(&mut names[place])).collect();
            }
            !kept.is_empty()
        });
    }

    /// What must be checked of values that are computed.
    pub(crate) fn guards(&self) -> &[Guard] {
        &self.guards
    }

    /// For each of them the column that is finite only where it finds nothing.
    pub(super) fn proofs(&self) -> &[Option<Telling>] {
        &self.proofs
    }

    /// The columns that a guard looks at.
    fn columns_guarded(&self, model: &Model, guard: usize) -> Vec<(ValueId, u32)> {
        let guard = &self.guards[guard];
        let place = |(value, column): (ValueId, usize)| {
            let (value, column) = self.views[value].at(column);
            (value, column as u32)
        };
        let own = guard.checked(model.width(guard.value)).map(|column| (guard.value, column));
        own.chain(guard.of().iter().copied()).map(place).collect()
    }

    /// The values that guards look at which no step proves to find nothing, nor what one of these is about to rule out.
    pub(super) fn values_guarded<'a>(
        &self,
        model: &Model,
        ruled_out: impl Iterator<Item = &'a RuledOut>,
    ) -> BTreeSet<ValueId> {
        let mut open: Vec<usize> = (0..self.guards.len()).filter(|&guard| self.proofs[guard].is_none()).collect();
        for found in ruled_out {
            let found = merged(found);
            open.retain(|&guard| !self.is_proved(model, guard, &found));
        }
        open.into_iter().flat_map(|guard| self.columns_guarded(model, guard)).map(|(value, _)| value).collect()
    }

    /// Leave out steps and columns that neither an output, nor a guard, nor what one of these reads reads.
    fn prune(&mut self, model: &Model) {
        let mut read: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); self.views.len()];
        let leaves = model.leaf_forest().map(|(step, _)| step + 1);
        for value in model.values_shown().chain(leaves) {
            for (value, column) in self.views[value].columns() {
                read[value].insert(column);
            }
        }
        for (value, column) in (0..self.guards.len()).flat_map(|guard| self.columns_guarded(model, guard)) {
            read[value].insert(column);
        }
        for step in (0..self.runs.len()).rev() {
            // All that read this value come later.
            let kept: Vec<u32> = read[step + 1].iter().copied().collect();
            let Some(run) = &mut self.runs[step] else { continue };
            if kept.is_empty() {
                self.runs[step] = None;
                continue;
            }
            if kept.len() < run.width
                && !run.is_fused()
                && let Some(op) = model.steps()[step].op.of_columns(&kept)
            {
                if op.is_columnwise() {
                    run.input = run.input.pick(kept.iter().map(|&c| c as usize));
                }
                run.width = kept.len();
                run.fused = Some(Fused::Op(Box::new(op)));
                self.renumber(step + 1, &kept);
            }
            for (value, column) in self.reads(model, step) {
                read[value].insert(column);
            }
        }
    }

    /// Column `kept[c]` of a value is its column c from now on. Views keep their length: where they lead to a column that is
    /// gone, nobody reads it.
    fn renumber(&mut self, value: ValueId, kept: &[u32]) {
        let renumber = |view: &mut View| {
            if view.columns().any(|(of, _)| of == value) {
                let place = |c: u32| kept.binary_search(&c).map_or(0, |at| at as u32);
                let moved = view.columns().map(|(of, c)| if of == value { (of, place(c)) } else { (of, c) });
                *view = View::Picked(moved.collect());
            }
        };
        self.views.iter_mut().for_each(renumber);
        for run in self.runs.iter_mut().flatten() {
            renumber(&mut run.input);
            run.others.iter_mut().for_each(renumber);
        }
    }
}

/// All that is said of each column.
fn merged(ruled_out: &RuledOut) -> HashMap<(ValueId, usize), Checks> {
    let mut all: HashMap<_, Checks> = HashMap::new();
    for &(at, checks) in ruled_out {
        let known = all.entry(at).or_default();
        *known = known.or(checks);
    }
    all
}

/// The steps that must run, and the features that are read.
struct Closure {
    steps: Vec<bool>,
    features: Vec<bool>,
}

impl Closure {
    fn read(&mut self, columns: impl IntoIterator<Item = (ValueId, u32)>) {
        for (value, column) in columns {
            match value.checked_sub(1) {
                Some(step) => self.steps[step] = true,
                None => self.features[column as usize] = true,
            }
        }
    }

    /// Add what the steps read, and what a step reads that need not run.
    fn close(&mut self, runs: &[Option<Run>], leaf_step: Option<usize>) {
        for step in (0..runs.len()).rev() {
            if (self.steps[step] || leaf_step == Some(step))
                && let Some(run) = &runs[step]
            {
                run.needs.iter().for_each(|&step| self.steps[step] = true);
                run.features.iter().for_each(|&feature| self.features[feature as usize] = true);
            }
        }
    }
}

/// The steps whose values columns are of, and the features among them, each once.
fn split(columns: impl IntoIterator<Item = (ValueId, u32)>) -> (Vec<usize>, Vec<u32>) {
    let (mut steps, mut features) = (BTreeSet::new(), BTreeSet::new());
    for (value, column) in columns {
        match value.checked_sub(1) {
            Some(step) => _ = steps.insert(step),
            None => _ = features.insert(column),
        }
    }
    (steps.into_iter().collect(), features.into_iter().collect())
}
