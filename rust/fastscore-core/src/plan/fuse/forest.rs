//! Splits that ask what their columns are made of.

use std::collections::HashMap;

use super::codes::{At, Known, Table};
use super::{Chain, MAX_WORK};
use crate::kernels::View;
use crate::model::{
    Comparison, FLAG_MISSING_LEFT, FLAG_OUTSIDE_LEFT, FLAG_ZERO_MISSING, Forest, Model, ValueId, Width,
};
use crate::plan::program::Program;
use crate::reference;

/// A forest whose splits read the bases of their columns, and its input; None where nothing can be fused.
pub(super) fn fuse(
    model: &Model,
    program: &Program,
    known: &mut Known,
    step: usize,
    forest: &Forest,
) -> Option<(Forest, View)> {
    let input = &program.run(step)?.input;
    let mut read: Vec<i32> = forest.feature.clone();
    read.sort_unstable();
    read.dedup();
    let mut splits = Splits::new(forest, input);
    let mut fused: HashMap<i32, Column> = HashMap::new();
    for feature in read.into_iter().filter(|_| forest.missing_value.is_none()) {
        let read = known.read(model, program, input.at(feature as usize));
        let read = read.filter(|read| read.codes().saturating_mul(forest.feature.len()) <= MAX_WORK);
        if let Some(read) = read {
            fused.insert(feature, Column { base: splits.base(read.base()), kind: Kind::Codes(read.table()) });
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
    bases: HashMap<At, i32>,
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
    fn base(&mut self, base: At) -> i32 {
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
        let view = View::Picked(self.input.into());
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
