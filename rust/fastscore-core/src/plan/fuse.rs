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

use super::program::{Fused, Program, View};
use crate::kernels::lookup::{Codes, LinearLookup, Term};
use crate::model::{
    Comparison, Encoder, FLAG_MISSING_LEFT, FLAG_OUTSIDE_LEFT, FLAG_ZERO_MISSING, Forest, Linear, Link, MatrixRule,
    Model, Op, Unknown, ValueId, Width,
};
use crate::reference;

/// More codes than this are not fused: engines number categories by 16 bits.
const MAX_CODES: usize = 1 << 15;
/// A larger forest is not copied to be fused.
const MAX_SPLITS: usize = 1 << 20;

/// Fuse what can be fused in every step.
pub(super) fn fuse(model: &Model, program: &mut Program) {
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
        if let Some((fused, view)) = fused {
            program.replace(step, fused, view);
        }
    }
}

/// What is done to a number.
#[derive(Debug)]
enum Function {
    /// A link of one column.
    Link(Link, Width),
    /// 1 where it is this number, else 0.
    Equal(f64),
}

/// A column as a function of another one.
#[derive(Debug)]
struct Chain {
    base: (ValueId, usize),
    /// What is done to the base's numbers, in order.
    functions: Vec<Function>,
}

impl Chain {
    /// The column that a view has at `column`, followed back as far as it goes.
    fn of(model: &Model, program: &Program, view: &View, column: usize) -> Chain {
        let mut chain = Chain { base: view.at(column), functions: Vec::new() };
        while let Some(step) = chain.base.0.checked_sub(1)
            && let Some(run) = program.run(step)
        {
            let column = chain.base.1;
            let (function, from) = match &model.steps()[step].op {
                Op::OneHot(one_hot) => (Function::Equal(one_hot.value[column]), one_hot.feature[column] as usize),
                Op::Link(link, width) => match link.of_columns(&[column as u32]) {
                    Some(link) => (Function::Link(link, *width), column),
                    None => break,
                },
                _ => break,
            };
            chain.functions.push(function);
            chain.base = run.input.at(from);
            if codes(model, chain.base).is_some() {
                break;
            }
        }
        chain.functions.reverse();
        chain
    }

    fn apply(&self, x: f64) -> f64 {
        self.functions.iter().fold(x, |x, function| match function {
            Function::Equal(value) => f64::from(u8::from(x == *value || (x.is_nan() && value.is_nan()))),
            Function::Link(link, width) => reference::link_of_one(link, *width, x),
        })
    }

    /// Whether it never falls as its number rises, NaN apart: elementary operations, which are rounded correctly.
    fn rises(&self) -> bool {
        self.functions.iter().all(|function| match function {
            Function::Equal(_) => false,
            Function::Link(link, _) => match link {
                Link::Affine { scale, .. } => scale.iter().all(|&scale| scale > 0.0),
                Link::Multiply { by } | Link::Divide { by } => *by > 0.0,
                Link::Add { .. } | Link::Clip { .. } | Link::RoundToFloat32 {} => true,
                Link::FillMissing { also, .. } => also.is_none(),
                Link::Above { above, other, .. } => above >= other,
                _ => false,
            },
        })
    }
}

/// How many codes a column holds: its numbers are 0 to one less, -1, or NaN. None where it may hold others.
fn codes(model: &Model, (value, column): (ValueId, usize)) -> Option<usize> {
    if value != 0 {
        return None;
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
    for feature in read {
        let chain = Chain::of(model, program, input, feature as usize);
        if chain.functions.is_empty() {
            continue;
        }
        let codes = codes(model, chain.base).filter(|_| forest.missing_value.is_none());
        if let Some(codes) = codes {
            let values = Table::of(&chain, codes);
            fused.insert(feature, Column { base: splits.base(chain.base), kind: Kind::Codes(values) });
        } else if chain.rises() && forest.width == Width::Float64 && forest.missing_value.is_none() {
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

enum Kind {
    Codes(Table),
    Number(Chain),
}

/// A function of codes.
struct Table {
    missing: f64,
    outside: f64,
    values: Vec<f64>,
}

impl Table {
    fn of(chain: &Chain, codes: usize) -> Table {
        Table {
            missing: chain.apply(f64::NAN),
            outside: chain.apply(-1.0),
            values: (0..codes).map(|code| chain.apply(code as f64)).collect(),
        }
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
                at += group.of_code.len();
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

/// Consecutive columns that are 1 for one code each.
struct Group {
    base: (ValueId, usize),
    codes: usize,
    /// Of each column the code; None is NaN.
    of_code: Vec<Option<usize>>,
}

impl Group {
    /// The columns from `at` on; None where they are fewer than two.
    fn from(model: &Model, program: &Program, input: &View, linear: &Linear, at: usize) -> Option<Group> {
        let mut group: Option<Group> = None;
        for column in at..linear.inputs {
            let finite = (0..linear.outputs).all(|o| linear.coefficients[o * linear.inputs + column].is_finite());
            let chain = Chain::of(model, program, input, column);
            let Some(codes) = codes(model, chain.base).filter(|_| finite && !chain.functions.is_empty()) else { break };
            let Some(code) = only_one(&Table::of(&chain, codes)) else { break };
            let group = group.get_or_insert_with(|| Group { base: chain.base, codes, of_code: Vec::new() });
            if group.base != chain.base || group.of_code.contains(&code) {
                break;
            }
            group.of_code.push(code);
        }
        group.filter(|group| group.of_code.len() > 1)
    }

    /// Of each output the coefficients of the codes.
    fn tables(&self, linear: &Linear, at: usize) -> Vec<Codes> {
        let table = |output: usize| {
            let coefficients = &linear.coefficients[output * linear.inputs + at..][..self.of_code.len()];
            // -0 is what changes nothing: not even the sign of a zero.
            let mut table = Codes { missing: -0.0, outside: -0.0, of_code: vec![-0.0; self.codes], then: -0.0 };
            for (code, &coefficient) in self.of_code.iter().zip(coefficients) {
                match code {
                    Some(code) => table.of_code[*code] = coefficient,
                    None => table.missing = coefficient,
                }
                // The products of the others are zeros, of which a positive one makes a negative zero positive.
                if coefficient.is_sign_positive() {
                    table.then = 0.0;
                }
            }
            table
        };
        (0..linear.outputs).map(table).collect()
    }
}

/// The only code for which a table has 1, where it has 0 for all others. `Some(None)` is NaN.
fn only_one(table: &Table) -> Option<Option<usize>> {
    let all = || std::iter::once(table.missing).chain(table.values.iter().copied()).chain([table.outside]);
    let plain = all().all(|x| x.to_bits() == 0 || x == 1.0);
    let mut hits = all().enumerate().filter(|&(_, x)| x == 1.0);
    let (place, _) = hits.next().filter(|_| plain)?;
    (hits.next().is_none() && place <= table.values.len()).then(|| place.checked_sub(1))
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
