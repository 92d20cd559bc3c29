//! Steps fused into the forest or linear step that reads them.
//!
//! A column that a step reads may be a function of one other column, its *base*: a chain of links, of equalities (one-hot)
//! and of tables. Where the base holds *codes* (integers from 0 on, -1 for any other value, NaN), a function of it is a
//! table, and
//!
//! ```text
//! 1. a split on the column is a split on the base with the set of codes that go left
//! 2. consecutive columns of a linear step that are 1 for one code each, else 0, are one lookup of a coefficient
//! ```
//! Where the chain is of elementary operations that never fall as the base rises,
//!
//! ```text
//! 3. a split on the column is a split on the base whose threshold is the largest number that goes left
//! ```
//! which is found by bisection over all float64 numbers, with the operations as they are computed. All three give the bits
//! of the steps one by one: 2 since fma(1, w, y) = y + w, and fma(0, w, y) = y but for the sign of a zero.

use std::collections::HashMap;

use super::network::{Readers, network};
use super::program::{Fused, Program, View};
use crate::kernels::lookup::{Codes, LinearLookup, Term};
use crate::model::{
    Comparison, Encoder, FLAG_MISSING_LEFT, FLAG_OUTSIDE_LEFT, FLAG_ZERO_MISSING, Forest, Linear, Link, MatrixRule,
    Model, Op, Unknown, ValueId, Width,
};
use crate::reference;

/// More codes than this are not fused: engines number categories by 16 bits.
const MAX_CODES: usize = 1 << 15;
/// Nor is a step where tables of codes for all of its columns or splits would take longer than about a second to make.
const MAX_WORK: usize = 1 << 28;
/// A larger forest is not copied to be fused.
const MAX_SPLITS: usize = 1 << 20;

/// Fuse what can be fused in every step.
pub(super) fn fuse(model: &Model, program: &mut Program) {
    let readers = Readers::new(model);
    for step in 0..model.steps().len() {
        if program.run(step).is_none() {
            continue;
        }
        let fused = match &model.steps()[step].op {
            Op::Forest(forest) if forest.feature.len() <= MAX_SPLITS => fuse_forest(model, program, step, forest)
                .map(|(forest, view)| (Fused::Op(Box::new(Op::Forest(forest))), view)),
            Op::Linear(linear) if linear.width == Width::Float64 => {
                fuse_linear(model, program, step, linear).map(|(linear, view)| (Fused::Lookup(linear), view))
            }
            _ => None,
        };
        let fused = fused
            .or_else(|| network(model, program, &readers, step).map(|(network, view)| (Fused::Network(network), view)));
        if let Some((fused, view)) = fused {
            program.replace(step, fused, view);
        }
    }
}

/// A column as a function of another one.
#[derive(Debug)]
struct Chain {
    base: (ValueId, usize),
    /// What is done to the base's numbers, in order: steps of one column.
    steps: Vec<Op>,
}

impl Chain {
    /// The columns that lead to the one that a view has at `column`, the last first, each with the step from it to the one
    /// before; the column itself has none.
    fn back<'a>(
        model: &'a Model,
        program: &'a Program,
        view: &View,
        column: usize,
    ) -> impl Iterator<Item = ((ValueId, usize), Option<Op>)> {
        let mut next = Some((view.at(column), None));
        std::iter::from_fn(move || {
            let (at, step) = next.take()?;
            next = before(model, program, at).map(|(at, op)| (at, Some(op)));
            Some((at, step))
        })
    }

    /// From the column furthest back that holds codes, and how many; None where there is none but the column itself.
    fn from_codes(model: &Model, program: &Program, view: &View, column: usize) -> Option<(Chain, usize)> {
        let (mut steps, mut found) = (Vec::new(), None);
        for (at, step) in Chain::back(model, program, view, column) {
            steps.extend(step);
            if let Some(codes) = codes(model, at).filter(|_| !steps.is_empty()) {
                found = Some((at, codes, steps.len()));
            }
        }
        let (base, codes, length) = found?;
        steps.truncate(length);
        steps.reverse();
        Some((Chain { base, steps }, codes))
    }

    /// From the column furthest back of which it is a function that never falls; None where that is the column itself.
    fn rising(model: &Model, program: &Program, view: &View, column: usize) -> Option<Chain> {
        let mut chain = Chain { base: view.at(column), steps: Vec::new() };
        for (at, step) in Chain::back(model, program, view, column) {
            if let Some(step) = step {
                if !rises(&step) {
                    break;
                }
                chain.steps.push(step);
                chain.base = at;
            }
        }
        chain.steps.reverse();
        (!chain.steps.is_empty()).then_some(chain)
    }

    fn apply(&self, x: f64) -> f64 {
        self.steps.iter().fold(x, |x, step| reference::of_one(step, x))
    }
}

/// The column that a computed column is a function of, and the function.
fn before(model: &Model, program: &Program, (value, column): (ValueId, usize)) -> Option<((ValueId, usize), Op)> {
    let step = value.checked_sub(1)?;
    let run = program.run(step)?;
    let mut op = model.steps()[step].op.of_columns(&[column as u32])?;
    let from = match &mut op {
        Op::OneHot(one_hot) => std::mem::take(&mut one_hot.feature[0]) as usize,
        Op::Map(map) => std::mem::take(&mut map.column[0]) as usize,
        Op::Link(..) | Op::Bins(_) => column,
        _ => return None,
    };
    Some((run.input.at(from), op))
}

/// Whether a step of one column never falls as its number rises, and gives NaN for NaN alone: elementary operations, which
/// are rounded correctly, and counts.
fn rises(op: &Op) -> bool {
    let all_positive = |numbers: &[f64]| numbers.iter().all(|&x| x > 0.0);
    match op {
        Op::Bins(_) => true,
        Op::Link(link, _) => match link {
            Link::Affine { scale, .. } => all_positive(scale),
            Link::Standardize { scale, .. } => scale.as_deref().is_none_or(all_positive),
            Link::Multiply { by } | Link::Divide { by } => *by > 0.0,
            Link::Add { .. } | Link::Clip { .. } | Link::RoundToFloat32 {} => true,
            Link::FillMissing { also, .. } => also.is_none(),
            Link::Impute { missing, .. } => missing.is_none(),
            Link::Above { above, other, .. } => above >= other,
            _ => false,
        },
        _ => false,
    }
}

/// How many codes a column holds: its numbers are 0 to one less, -1, or NaN. None where it may hold others.
fn codes(model: &Model, (value, column): (ValueId, usize)) -> Option<usize> {
    if let Some(step) = value.checked_sub(1) {
        let Op::Map(map) = &model.steps()[step].op else { return None };
        let others = [map.missing[column], map.other[column]];
        return count(map.entries(column).1.iter().copied().chain(others));
    }
    let (encoding, _) = model.encoding(column)?;
    let Encoder::Table { codes, .. } = &encoding.encoder else { return None };
    let unknown = match encoding.unknown {
        Unknown::Code(code) => Some(code),
        Unknown::Missing | Unknown::Raise => None,
    };
    // In a matrix a number may be its own code, and then it is any number.
    (encoding.matrix == MatrixRule::Values)
        .then(|| count(codes.iter().copied().chain(encoding.missing_code).chain(unknown)))?
}

/// One more than the largest code.
fn count(mut codes: impl Iterator<Item = f64>) -> Option<usize> {
    let is_code = |x: f64| x.is_nan() || x == -1.0 || (x >= 0.0 && x < MAX_CODES as f64 && x.fract() == 0.0);
    codes.try_fold(0, |most, x| is_code(x).then(|| if x >= 0.0 { most.max(x as usize + 1) } else { most }))
}

/// A forest whose splits read the bases of their columns, and its input; None where nothing can be fused.
fn fuse_forest(model: &Model, program: &Program, step: usize, forest: &Forest) -> Option<(Forest, View)> {
    let input = &program.run(step)?.input;
    let mut read: Vec<i32> = forest.feature.clone();
    read.sort_unstable();
    read.dedup();
    let mut splits = Splits::new(forest, input);
    let mut fused: HashMap<i32, Column> = HashMap::new();
    for feature in read.into_iter().filter(|_| forest.missing_value.is_none()) {
        let from_codes = Chain::from_codes(model, program, input, feature as usize);
        let from_codes = from_codes.filter(|(_, codes)| codes.saturating_mul(forest.feature.len()) <= MAX_WORK);
        if let Some((chain, codes)) = from_codes {
            let column = Column { base: splits.base(chain.base), kind: Kind::Codes(Table::of(&chain, codes)) };
            fused.insert(feature, column);
        } else if forest.width == Width::Float64
            && let Some(chain) = Chain::rising(model, program, input, feature as usize)
        {
            fused.insert(feature, Column { base: splits.base(chain.base), kind: Kind::Number(chain) });
        }
    }
    // A column of which one split can't be fused would be computed after all, and the base's be read as well.
    for split in 0..forest.feature.len() {
        if let Some(column) = fused.get(&forest.feature[split])
            && !splits.fuse(split, column)
        {
            fused.remove(&forest.feature[split]);
        }
    }
    splits.finish(&fused, model.width(0))
}

/// A column that splits read, as a function of its base.
struct Column {
    /// The base's place in the new input.
    base: i32,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Codes(Table),
    Number(Chain),
}

/// A function of codes.
#[derive(Debug)]
struct Table {
    missing: f64,
    outside: f64,
    values: Vec<f64>,
}

impl Table {
    fn of(chain: &Chain, codes: usize) -> Table {
        let itself = Table { missing: f64::NAN, outside: -1.0, values: (0..codes).map(|code| code as f64).collect() };
        chain.steps.iter().fold(itself, |table, step| table.then(step))
    }

    /// What a step of one column makes of it.
    fn then(mut self, step: &Op) -> Table {
        let apply = |x: f64| match step {
            // As the interpreter has it, which looks at one key after another.
            Op::Map(map) if !x.is_nan() => {
                let (keys, values) = map.entries(0);
                let place = keys.partition_point(|&key| key < x);
                if keys.get(place) == Some(&x) { values[place] } else { map.other[0] }
            }
            Op::OneHot(one_hot) if !x.is_nan() => f64::from(u8::from(x == one_hot.value[0])),
            _ => reference::of_one(step, x),
        };
        self.missing = apply(self.missing);
        self.outside = apply(self.outside);
        self.values.iter_mut().for_each(|x| *x = apply(*x));
        self
    }
}

/// How a split on a base is asked.
#[derive(Debug, Clone, Copy)]
enum Question {
    Set { set: i32, flags: u8 },
    Threshold { threshold: f64, flags: u8 },
}

/// The splits of a forest in the making.
struct Splits<'f> {
    forest: &'f Forest,
    input: Vec<(ValueId, u32)>,
    bases: HashMap<(ValueId, usize), i32>,
    /// What is asked in place of a threshold, or of a set, of a column.
    known: HashMap<(i32, u64, i32, u8), Option<Question>>,
    words: Vec<u32>,
    offset: Vec<i64>,
}

impl<'f> Splits<'f> {
    fn new(forest: &'f Forest, input: &View) -> Self {
        let categories = &forest.categories;
        let offset = if categories.offset.is_empty() { vec![0] } else { categories.offset.clone() };
        Splits {
            forest,
            input: input.columns().collect(),
            bases: HashMap::new(),
            known: HashMap::new(),
            words: categories.words.clone(),
            offset,
        }
    }

    /// The place of a base in the new input, behind the columns that were there.
    fn base(&mut self, base: (ValueId, usize)) -> i32 {
        *self.bases.entry(base).or_insert_with(|| {
            self.input.push((base.0, base.1 as u32));
            self.input.len() as i32 - 1
        })
    }

    fn key(&self, split: usize) -> (i32, u64, i32, u8) {
        let forest = self.forest;
        let set = forest.categories.set.get(split).copied().unwrap_or(-1);
        (forest.feature[split], forest.threshold[split].to_bits(), set, forest.flags[split])
    }

    /// Find what a split asks of its column's base; false where that can't be said.
    fn fuse(&mut self, split: usize, column: &Column) -> bool {
        let key = self.key(split);
        if let Some(known) = self.known.get(&key) {
            return known.is_some();
        }
        let question = match &column.kind {
            Kind::Codes(table) => Some(self.set(split, table)),
            Kind::Number(chain) => self.threshold(split, chain),
        };
        self.known.insert(key, question);
        question.is_some()
    }

    fn set(&mut self, split: usize, table: &Table) -> Question {
        let left = |x: f64| reference::goes_left(self.forest, split, x);
        let mut words = vec![0u32; table.values.len().div_ceil(32)];
        for (code, &x) in table.values.iter().enumerate() {
            words[code / 32] |= u32::from(left(x)) << (code % 32);
        }
        let flags = if left(table.missing) { FLAG_MISSING_LEFT } else { 0 }
            | if left(table.outside) { FLAG_OUTSIDE_LEFT } else { 0 };
        let set = self.offset.len() as i32 - 1;
        self.words.extend(words);
        self.offset.push(self.words.len() as i64);
        Question::Set { set, flags }
    }

    /// The threshold on the base; None where no threshold asks the same.
    fn threshold(&self, split: usize, chain: &Chain) -> Option<Question> {
        let forest = self.forest;
        if forest.categories.of(split).is_some() || forest.flags[split] & FLAG_ZERO_MISSING != 0 {
            return None;
        }
        let left = |x: f64| reference::goes_left(forest, split, chain.apply(x));
        let largest = last_left(left)?;
        // The band is looked at in the base's numbers now.
        let band = forest.zero_band.unwrap_or(-1.0);
        if largest.abs() <= band || largest.next_up().abs() <= band {
            return None;
        }
        let threshold = match forest.comparison {
            Comparison::Le => largest,
            // Infinity is below nothing.
            Comparison::Lt if largest == f64::INFINITY => return None,
            Comparison::Lt => largest.next_up(),
        };
        let flags = if left(f64::NAN) { FLAG_MISSING_LEFT } else { 0 };
        Some(Question::Threshold { threshold, flags })
    }

    /// The forest with the splits of these columns fused.
    fn finish(self, fused: &HashMap<i32, Column>, count: usize) -> Option<(Forest, View)> {
        if fused.is_empty() {
            return None;
        }
        let mut forest = self.forest.clone();
        let mut sets = self.forest.categories.set.clone();
        sets.resize(forest.feature.len(), -1);
        for (split, set_of_split) in sets.iter_mut().enumerate() {
            let Some(column) = fused.get(&self.forest.feature[split]) else { continue };
            let question = self.known.get(&self.key(split)).copied().flatten()?;
            forest.feature[split] = column.base;
            match question {
                Question::Set { set, flags } => {
                    *set_of_split = set;
                    (forest.threshold[split], forest.flags[split]) = (0.0, flags);
                }
                Question::Threshold { threshold, flags } => {
                    (forest.threshold[split], forest.flags[split]) = (threshold, flags);
                }
            }
        }
        if sets.iter().any(|&set| set >= 0) {
            forest.categories.set = sets;
            forest.categories.offset = self.offset;
            forest.categories.words = self.words;
        }
        let view = View::Picked(self.input);
        Some(on_features(forest, view, count))
    }
}

/// The same where all columns that the forest reads are features: they may lie in rows, which only all of them together do.
fn on_features(mut forest: Forest, view: View, count: usize) -> (Forest, View) {
    let terms = || forest.linear.iter().flat_map(|linear| &linear.feature);
    let features = forest.feature.iter().chain(terms()).all(|&column| view.at(column as usize).0 == 0);
    let View::Picked(columns) = &view else { return (forest, view) };
    if !features {
        return (forest, view);
    }
    let own = |column: &mut i32| *column = columns[*column as usize].1 as i32;
    forest.feature.iter_mut().for_each(own);
    forest.linear.iter_mut().flat_map(|linear| &mut linear.feature).for_each(own);
    (forest, View::Whole(0, count))
}

/// The largest number that goes left, infinity included, where those that go left are those up to it; None where none does,
/// or infinities go another way than their neighbours would have it.
fn last_left(left: impl Fn(f64) -> bool) -> Option<f64> {
    // In the order of the numbers, from -infinity to infinity; both zeros are in it.
    let ordered = |x: f64| {
        let bits = x.to_bits() as i64;
        bits ^ (((bits >> 63) as u64) >> 1) as i64
    };
    let number = |order: i64| f64::from_bits((order ^ (((order >> 63) as u64) >> 1) as i64) as u64);
    let (mut low, mut high) = (ordered(f64::NEG_INFINITY), ordered(f64::INFINITY));
    if left(number(high)) {
        return left(f64::MAX).then_some(f64::INFINITY);
    }
    if !left(number(low)) {
        return None;
    }
    while low + 1 < high {
        let middle = low.midpoint(high);
        if left(number(middle)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(number(low))
}

/// A linear step with its one-hot columns looked up, and its input; None where there are none.
fn fuse_linear(model: &Model, program: &Program, step: usize, linear: &Linear) -> Option<(LinearLookup, View)> {
    let input = &program.run(step)?.input;
    let mut view = Vec::new();
    let mut terms = Vec::new();
    let mut fused = false;
    let mut at = 0;
    while at < linear.inputs {
        let group = Group::from(model, program, input, linear, at);
        match group {
            Some(group) => {
                let column = view.len();
                view.push((group.base.0, group.base.1 as u32));
                terms.push(Term::Lookup { column, tables: group.tables(linear, at) });
                at += group.columns;
                fused = true;
            }
            None => {
                let (value, column) = input.at(at);
                let coefficients = (0..linear.outputs).map(|o| linear.coefficients[o * linear.inputs + at]).collect();
                terms.push(Term::Number { column: view.len(), coefficients });
                view.push((value, column as u32));
                at += 1;
            }
        }
    }
    fused.then(|| (LinearLookup { intercept: linear.intercept.clone(), terms }, View::Picked(view)))
}

/// Consecutive columns of which at most one is 1 for each code, and all others are 0.
struct Group {
    base: (ValueId, usize),
    columns: usize,
    /// Which of the columns is 1 for NaN, for what is no code, and for each code from 0 on.
    hit: Vec<Option<usize>>,
}

impl Group {
    /// The columns from `at` on; None where they are fewer than two.
    fn from(model: &Model, program: &Program, input: &View, linear: &Linear, at: usize) -> Option<Group> {
        let mut group: Option<Group> = None;
        for column in at..linear.inputs {
            let finite = (0..linear.outputs).all(|o| linear.coefficients[o * linear.inputs + column].is_finite());
            let chain = Chain::from_codes(model, program, input, column).filter(|_| finite);
            let chain = chain.filter(|(_, codes)| codes.saturating_mul(linear.inputs) <= MAX_WORK);
            let Some((chain, codes)) = chain else { break };
            let group = group.get_or_insert_with(|| Group { base: chain.base, columns: 0, hit: vec![None; codes + 2] });
            if group.base != chain.base || !group.add(&Table::of(&chain, codes)) {
                break;
            }
        }
        group.filter(|group| group.columns > 1)
    }

    /// Add a column; false, and nothing done, where it is not 0 or 1, or 1 where another column is.
    fn add(&mut self, table: &Table) -> bool {
        let values = || [table.missing, table.outside].into_iter().chain(table.values.iter().copied());
        let fits = |(hit, x): (&Option<usize>, f64)| x.to_bits() == 0 || (x == 1.0 && hit.is_none());
        if !self.hit.iter().zip(values()).all(fits) {
            return false;
        }
        for (hit, _) in self.hit.iter_mut().zip(values()).filter(|(_, x)| *x == 1.0) {
            *hit = Some(self.columns);
        }
        self.columns += 1;
        true
    }

    /// Of each output the coefficients of the codes.
    fn tables(&self, linear: &Linear, at: usize) -> Vec<Codes> {
        let table = |output: usize| {
            let coefficients = &linear.coefficients[output * linear.inputs + at..][..self.columns];
            // -0 is what changes nothing: not even the sign of a zero.
            let of = |hit: &Option<usize>| hit.map_or(-0.0, |column| coefficients[column]);
            // The products of the others are zeros, of which a positive one makes a negative zero positive.
            let then = if coefficients.iter().any(|x| x.is_sign_positive()) { 0.0 } else { -0.0 };
            let of_code = self.hit.iter().skip(2).map(of).collect();
            Codes { missing: of(&self.hit[0]), outside: of(&self.hit[1]), of_code, then }
        };
        (0..linear.outputs).map(table).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::last_left;

    #[test]
    fn the_largest_that_goes_left_is_found_among_all_numbers() {
        for threshold in [0.0, -0.0, 1.5, -1.5, 5e-324, -5e-324, f64::MAX, f64::MIN, f64::INFINITY, f64::NEG_INFINITY] {
            let found = last_left(|x| x <= threshold);
            assert_eq!(found, Some(threshold));
        }
        assert_eq!(last_left(|_| false), None);
        assert_eq!(last_left(|_| true), Some(f64::INFINITY));
        assert_eq!(last_left(|x| x < 1.0), Some(1f64.next_down()));
        // Infinities that go another way.
        assert_eq!(last_left(|x| x <= 1.0 && x.is_finite()), None);
        assert_eq!(last_left(|x| x <= 1.0 || x == f64::INFINITY), None);
    }
}
