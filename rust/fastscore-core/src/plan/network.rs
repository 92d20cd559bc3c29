//! Linear steps, activations and arithmetic of one width that become one network, whose values stay in cache.
//!
//! ```text
//! a step is in the network of a later one where all that read its value are, and nothing shows it
//! a step that reads values of others, picked or beside one another, has their columns copied together first
//! ```

use std::collections::{BTreeMap, BTreeSet};

use super::fuse::linear::{Path, is_finite};
use super::program::{Program, RuledOut, Telling};
use crate::kernels::View;
use crate::kernels::dense::{Network, Stage};
use crate::model::{Model, Op, ValueId, Width};

/// A linear step of fewer outputs than this at float64 is bound by its input's columns, which it streams.
pub(super) const FEWEST_OUTPUTS: usize = 4;

/// Larger networks are steps one by one.
const MOST_STEPS: usize = 4096;
/// Steps that are looked at for all networks of a model together.
const MOST_WORK: usize = 1 << 21;
/// Passes in which steps leave a network that others have left.
const MOST_PASSES: usize = 8;

/// Who reads each value that is computed.
pub(super) struct Readers {
    steps: Vec<BTreeSet<usize>>,
    /// Values that outputs read.
    shown: BTreeSet<ValueId>,
}

/// The values that a view leads to.
fn values(view: &View) -> BTreeSet<ValueId> {
    match view {
        View::Whole(value, _) => BTreeSet::from([*value]),
        View::Picked(columns) => columns.iter().map(|(value, _)| *value).collect(),
    }
}

impl Readers {
    pub(super) fn new(model: &Model, program: &Program) -> Self {
        let mut steps = vec![BTreeSet::new(); model.steps().len() + 1];
        for step in 0..model.steps().len() {
            views(program, step).into_iter().flat_map(values).for_each(|value| _ = steps[value].insert(step));
        }
        let leaves = model.leaf_forest().map(|(step, _)| step + 1);
        let shown = model.values_shown().chain(leaves).flat_map(|value| values(program.view(value))).collect();
        Readers { steps, shown }
    }

    /// Whether a value is read by some of these steps only, and no output is.
    pub(super) fn is_read_by(&self, value: ValueId, steps: &BTreeSet<usize>) -> bool {
        self.steps[value].is_subset(steps) && !self.shown.contains(&value)
    }

    /// The steps of the network that ends in this one, rising; none where it is too large or too tangled to be told soon.
    ///
    /// `work` is what may still be looked at.
    fn network(
        &self,
        model: &Model,
        program: &Program,
        last: usize,
        width: Width,
        work: &mut usize,
    ) -> BTreeSet<usize> {
        let before = |step: usize| views(program, step).into_iter().flat_map(values).filter_map(|v| v.checked_sub(1));
        let mut steps = BTreeSet::from([last]);
        // The latest first: all that read a step come after it.
        let mut open: BTreeSet<usize> = before(last).collect();
        while let Some(step) = open.pop_last() {
            *work = work.saturating_sub(1);
            let inside = self.is_read_by(step + 1, &steps);
            if inside && width_of(model, program, step) == Some(width) {
                steps.insert(step);
                open.extend(before(step));
            }
            if steps.len() > MOST_STEPS || *work == 0 {
                return BTreeSet::new();
            }
        }
        let is_layer = |step: &usize| match &model.steps()[*step].op {
            Op::Linear(linear) => width == Width::Float32 || linear.outputs >= FEWEST_OUTPUTS,
            _ => false,
        };
        // A link may read its numbers before they are rounded to the width, which a network's are.
        let links_begin = width == Width::Float64 && steps.iter().any(is_layer);
        for _ in 0..MOST_PASSES {
            let found = steps.len();
            for step in steps.clone() {
                let inside = |view: &View| values(view).iter().all(|value| *value > 0 && steps.contains(&(value - 1)));
                let reads_inside = || program.run(step).is_some_and(|run| inside(&run.input));
                let may_begin = match &model.steps()[step].op {
                    Op::Link(..) => links_begin,
                    Op::Linear(_) => is_layer(&step),
                    _ => true,
                };
                if !may_begin && !reads_inside() {
                    steps.remove(&step);
                }
            }
            for step in steps.clone().into_iter().rev() {
                if step != last && !self.steps[step + 1].is_subset(&steps) {
                    steps.remove(&step);
                }
            }
            if steps.len() == found {
                return steps;
            }
        }
        BTreeSet::new()
    }
}

/// The views that a step reads.
fn views(program: &Program, step: usize) -> Vec<&View> {
    program.run(step).into_iter().flat_map(|run| std::iter::once(&run.input).chain(&run.others)).collect()
}

/// The width of a step that a network can have.
pub(super) fn width_of(model: &Model, program: &Program, step: usize) -> Option<Width> {
    if program.run(step).is_none_or(super::program::Run::is_fused) {
        return None;
    }
    match &model.steps()[step].op {
        Op::Linear(linear) => Some(linear.width),
        Op::Combine(combine) => Some(combine.width),
        Op::Link(link, width) if link.keeps_columns() => Some(*width),
        _ => None,
    }
}

/// A network of a model.
pub(super) struct Found {
    /// The step that it ends in.
    pub last: usize,
    pub network: Network,
    pub input: View,
    /// What columns can't hold in rows where the column that tells is finite.
    pub telling: Telling,
    pub ruled_out: RuledOut,
}

/// The networks of a model.
pub(super) fn networks(model: &Model, program: &Program) -> Vec<Found> {
    let mut readers = Readers::new(model, program);
    let looks = looks(model, program);
    readers.shown.extend(program.values_guarded(model, looks.values()));
    let (mut taken, mut work) = (BTreeSet::new(), MOST_WORK);
    let mut networks = Vec::new();
    for last in (0..model.steps().len()).rev() {
        let Some(width) = width_of(model, program, last).filter(|_| !taken.contains(&last)) else { continue };
        let steps = readers.network(model, program, last, width, &mut work);
        let is_linear = |step: &usize| matches!(model.steps()[*step].op, Op::Linear(_));
        if steps.iter().any(is_linear) && steps.contains(&last) {
            // One layer's first sum tells of itself.
            let layers = steps.iter().filter(|step| is_linear(step)).count();
            let sums_tell = match &model.steps()[last].op {
                Op::Linear(linear) => layers == 1 && is_finite(linear),
                _ => false,
            };
            let ruled_out = looks.iter().filter(|(step, _)| steps.contains(step)).flat_map(|(_, found)| found.clone());
            let ruled_out: RuledOut = ruled_out.collect();
            let mut layout = Layout::new(model, program, &readers, &steps);
            for &step in &steps {
                layout.add(step, looks.contains_key(&step) && !sums_tell);
            }
            let telling = Telling { step: last, column: if sums_tell { 0 } else { model.width(last + 1) } };
            networks.extend(layout.network(width, telling, ruled_out));
            taken.extend(steps);
        }
    }
    networks
}

/// For each layer that reads what guards or the reader look at what its columns can't hold where all that it reads is finite.
fn looks(model: &Model, program: &Program) -> BTreeMap<usize, RuledOut> {
    let guarded = program.values_guarded(model, std::iter::empty());
    let of_interest = |at: &(ValueId, usize)| guarded.contains(&at.0) || (at.0 == 0 && model.checks(at.1).refuses());
    let mut looks = BTreeMap::new();
    if guarded.is_empty() && !(0..model.width(0)).any(|feature| model.checks(feature).refuses()) {
        return looks;
    }
    for step in 0..model.steps().len() {
        let (Op::Linear(_), Some(width)) = (&model.steps()[step].op, width_of(model, program, step)) else { continue };
        let Some(run) = program.run(step) else { continue };
        let columns = run
            .input
            .columns()
            .flat_map(|(value, column)| Path::to(model, program, (value, column as usize)).ruled_out(width));
        let found: RuledOut = columns.filter(|(at, _)| of_interest(at)).collect();
        if !found.is_empty() {
            looks.insert(step, found);
        }
    }
    looks
}

/// Columns of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    first: usize,
    columns: usize,
}

/// Where the values of a network lie in its tile, and what is done with them.
struct Layout<'a> {
    model: &'a Model,
    program: &'a Program,
    readers: &'a Readers,
    steps: &'a BTreeSet<usize>,
    /// The columns of other values that it reads, in the tile's order.
    input: Vec<(ValueId, u32)>,
    /// The place of each.
    outside: BTreeMap<(ValueId, u32), usize>,
    whole: Option<View>,
    stages: Vec<Stage<'a>>,
    places: BTreeMap<usize, Place>,
    /// Columns that no value has, by the first.
    free: BTreeMap<usize, usize>,
    columns: usize,
}

impl<'a> Layout<'a> {
    fn new(model: &'a Model, program: &'a Program, readers: &'a Readers, steps: &'a BTreeSet<usize>) -> Self {
        let mut layout = Layout {
            model,
            program,
            readers,
            steps,
            input: Vec::new(),
            outside: BTreeMap::new(),
            whole: None,
            stages: Vec::new(),
            places: BTreeMap::new(),
            free: BTreeMap::new(),
            columns: 0,
        };
        layout.load();
        layout
    }

    /// Give the columns that come from outside the first places.
    fn load(&mut self) {
        let outside: Vec<&View> = self.steps.iter().flat_map(|&step| views(self.program, step)).collect();
        let inside = |value: ValueId| value > 0 && self.steps.contains(&(value - 1));
        let (mut whole, mut several) = (None, false);
        for view in outside {
            let from_outside: Vec<_> = view.columns().filter(|(value, _)| !inside(*value)).collect();
            if from_outside.len() == view.len() {
                several |= *whole.get_or_insert(view) != view;
            }
            for column in from_outside {
                self.outside.entry(column).or_insert_with(|| {
                    self.input.push(column);
                    self.input.len() - 1
                });
            }
        }
        // A value that is read as it is needs no list of its columns.
        if let (Some(view), false) = (whole, several)
            && view.len() == self.input.len()
            && view.columns().eq(self.input.iter().copied())
        {
            self.whole = Some(view.clone());
        }
        self.columns = self.input.len();
    }

    fn take(&mut self, columns: usize) -> Place {
        let fits = self.free.iter().find(|(_, free)| **free >= columns).map(|(&first, &free)| (first, free));
        let Some((first, free)) = fits else {
            self.columns += columns;
            return Place { first: self.columns - columns, columns };
        };
        self.free.remove(&first);
        if free > columns {
            self.free.insert(first + columns, free - columns);
        }
        Place { first, columns }
    }

    fn give(&mut self, place: Place) {
        let Place { mut first, mut columns } = place;
        if let Some(after) = self.free.remove(&(first + columns)) {
            columns += after;
        }
        if let Some((&before, &free)) = self.free.range(..first).next_back()
            && before + free == first
        {
            self.free.remove(&before);
            (first, columns) = (before, columns + free);
        }
        self.free.insert(first, columns);
    }

    /// Where a column is.
    fn column(&self, column: (ValueId, u32)) -> usize {
        let own = column.0.checked_sub(1).and_then(|step| self.places.get(&step));
        let own = own.map(|place| place.first + column.1 as usize);
        own.or_else(|| self.outside.get(&column).copied()).unwrap_or(0)
    }

    /// Where a view's columns are one after another, and whether they were copied to be.
    fn gather(&mut self, view: &View) -> (Place, bool) {
        let at: Vec<usize> = view.columns().map(|column| self.column(column)).collect();
        let first = at.first().copied().unwrap_or(0);
        if at.iter().enumerate().all(|(i, &at)| at == first + i) {
            return (Place { first, columns: at.len() }, false);
        }
        let place = self.take(at.len());
        let mut i = 0;
        while i < at.len() {
            let run = (i..at.len()).take_while(|&j| at[j] == at[i] + j - i).count();
            self.stages.push(Stage::Copy { from: at[i], to: place.first + i, columns: run });
            i += run;
        }
        (place, true)
    }

    /// Whether a step's own place, and nothing else, is there and is not read after `step`.
    fn is_last_reader(&self, place: Place, step: usize) -> Option<usize> {
        let owner = self.places.iter().find(|(_, own)| **own == place).map(|(&owner, _)| owner)?;
        (self.readers.steps[owner + 1].last() == Some(&step)).then_some(owner)
    }

    /// Add a step; `look`: note where what it reads is not finite.
    fn add(&mut self, step: usize, look: bool) {
        let views = views(self.program, step);
        let gathered: Vec<_> = views.iter().map(|view| self.gather(view)).collect();
        let Some((&(input, copied), others)) = gathered.split_first() else { return };
        let mut own = None;
        if look {
            self.stages.push(Stage::Look { from: input.first, columns: input.columns });
        }
        let place = match &self.model.steps()[step].op {
            Op::Linear(linear) => {
                let place = self.take(linear.outputs);
                self.stages.push(Stage::Linear { linear, from: input.first, to: place.first });
                place
            }
            Op::Link(link, _) => {
                let place = self.replace(step, input, copied, &mut own);
                self.stages.push(Stage::Link { link, at: place.first, columns: place.columns });
                place
            }
            Op::Combine(combine) => {
                let columns = gathered.iter().map(|(place, _)| place.columns).max().unwrap_or(0);
                let overlaps = others.iter().any(|(other, _)| {
                    other.first < input.first + input.columns && input.first < other.first + other.columns
                });
                let place = if input.columns == columns && !overlaps {
                    self.replace(step, input, copied, &mut own)
                } else {
                    let place = self.take(columns);
                    let repeated = if input.columns == columns { 1 } else { columns };
                    (0..repeated).for_each(|c| {
                        let to = place.first + c;
                        self.stages.push(Stage::Copy { from: input.first, to, columns: input.columns });
                    });
                    place
                };
                for (other, _) in others {
                    let (from, to) = (other.first, place.first);
                    let is_one = other.columns == 1;
                    self.stages.push(Stage::Combine { how: combine.how, from, is_one, to, columns });
                }
                place
            }
            _ => return,
        };
        for (gathered, copied) in gathered {
            if copied && gathered != place {
                self.give(gathered);
            }
        }
        // Values that nobody reads any more.
        let done: Vec<usize> = self.places.keys().copied().collect();
        for owner in done {
            if self.readers.steps[owner + 1].last().is_none_or(|&last| last <= step)
                && let Some(dead) = self.places.remove(&owner)
                && own != Some(owner)
            {
                self.give(dead);
            }
        }
        self.places.insert(step, place);
    }

    /// A place with the input's numbers, which may be replaced: its own where nothing reads them any more.
    fn replace(&mut self, step: usize, input: Place, copied: bool, own: &mut Option<usize>) -> Place {
        *own = self.is_last_reader(input, step);
        if copied || own.is_some() {
            return input;
        }
        let place = self.take(input.columns);
        self.stages.push(Stage::Copy { from: input.first, to: place.first, columns: input.columns });
        place
    }

    fn network(self, width: Width, telling: Telling, ruled_out: RuledOut) -> Option<Found> {
        let last = telling.step;
        let result = self.places.get(&last)?;
        let network = Network::new(
            width,
            self.input.len(),
            self.columns,
            &self.stages,
            result.first..result.first + result.columns,
        );
        let input = self.whole.unwrap_or(View::Picked(self.input.into()));
        Some(Found { last, network, input, telling, ruled_out })
    }
}
