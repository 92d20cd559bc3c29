//! Columns as functions of codes.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::before;
use crate::model::{Encoder, MatrixRule, Model, OneHot, Op, Unknown, ValueId};
use crate::plan::program::Program;
use crate::reference;

/// More codes than this are not fused: engines number categories by 16 bits.
const MAX_CODES: usize = 1 << 15;

/// A column: which of which value.
pub(super) type At = (ValueId, usize);

/// A function of codes.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// Of NaN.
    pub missing: f64,
    /// Of what is no code.
    pub outside: f64,
    /// Of code i.
    pub values: Vec<f64>,
}

/// A column as a function of the codes in another one, or in itself.
#[derive(Debug)]
pub(super) struct OfCodes {
    /// The column that holds codes.
    pub base: At,
    /// The function.
    pub table: Table,
    /// For each number of the table its places: 0 for NaN, 1 for what is no code, code i at `2 + i`.
    places: OnceCell<HashMap<u64, Vec<usize>>>,
}

/// What is known of columns already: every column is followed back once, however many steps read it.
#[derive(Debug, Default)]
pub(super) struct Known {
    codes: HashMap<At, Option<usize>>,
    functions: HashMap<At, Option<Rc<OfCodes>>>,
}

/// What a step reads.
#[derive(Debug)]
pub(super) enum Read {
    /// 1 where a column of codes, or a function of one, is a number, else 0.
    Equal(Rc<OfCodes>, f64),
    /// Another function of codes.
    Function(Rc<OfCodes>),
}

impl Read {
    /// The column that holds codes.
    pub(super) fn base(&self) -> At {
        match self {
            Read::Equal(of, _) | Read::Function(of) => of.base,
        }
    }

    /// How many codes there are.
    pub(super) fn codes(&self) -> usize {
        match self {
            Read::Equal(of, _) | Read::Function(of) => of.table.values.len(),
        }
    }

    /// The function.
    pub(super) fn table(&self) -> Table {
        match self {
            Read::Equal(of, value) => {
                of.table.clone().then(&Op::OneHot(OneHot { feature: vec![0], value: vec![*value] }))
            }
            Read::Function(of) => of.table.clone(),
        }
    }

    /// The places of the table that are 1, where all others are 0; None where others are something else.
    pub(super) fn ones(&self) -> Option<Vec<usize>> {
        match self {
            Read::Equal(of, value) => Some(of.places(*value).to_vec()),
            Read::Function(of) => {
                let plain = |x: f64| x.to_bits() == 0 || x == 1.0;
                let places = || of.table.all().enumerate();
                places().all(|(_, x)| plain(x)).then(|| places().filter(|(_, x)| *x == 1.0).map(|(at, _)| at).collect())
            }
        }
    }
}

impl Known {
    /// A column as a function of the codes that lie furthest back; None where there are none but its own.
    pub(super) fn read(&mut self, model: &Model, program: &Program, at: At) -> Option<Read> {
        let (from, op) = before(model, program, at)?;
        if let Op::OneHot(one_hot) = &op {
            // Not kept: there may be as many such columns as codes.
            return Some(Read::Equal(self.function(model, program, from)?, one_hot.value[0]));
        }
        self.function(model, program, at).filter(|of| of.base != at).map(Read::Function)
    }

    /// The same, where the column's own codes count too.
    fn function(&mut self, model: &Model, program: &Program, at: At) -> Option<Rc<OfCodes>> {
        let (mut path, mut here) = (Vec::new(), at);
        let mut found = loop {
            if let Some(known) = self.functions.get(&here) {
                break known.clone();
            }
            match before(model, program, here) {
                Some((from, op)) => {
                    path.push((here, op));
                    here = from;
                }
                None => break self.own(model, here),
            }
        };
        if path.is_empty() {
            self.functions.insert(here, found.clone());
        }
        for (column, op) in path.into_iter().rev() {
            found = match found {
                Some(of) => Some(OfCodes::rc(of.base, of.table.clone().then(&op))),
                None => self.own(model, column),
            };
            self.functions.insert(column, found.clone());
        }
        found
    }

    /// A column that holds codes as the function of itself.
    fn own(&mut self, model: &Model, at: At) -> Option<Rc<OfCodes>> {
        let codes = (*self.codes.entry(at).or_insert_with(|| codes(model, at)))?;
        let values = (0..codes).map(|code| code as f64).collect();
        Some(OfCodes::rc(at, Table { missing: f64::NAN, outside: -1.0, values }))
    }
}

impl OfCodes {
    fn rc(base: At, table: Table) -> Rc<OfCodes> {
        Rc::new(OfCodes { base, table, places: OnceCell::new() })
    }

    fn places(&self, value: f64) -> &[usize] {
        // Zeros are equal, and so are NaNs here.
        let key = |x: f64| if x.is_nan() { f64::NAN.to_bits() } else { (x + 0.0).to_bits() };
        let places = self.places.get_or_init(|| {
            let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
            self.table.all().enumerate().for_each(|(place, x)| places.entry(key(x)).or_default().push(place));
            places
        });
        places.get(&key(value)).map_or(&[], Vec::as_slice)
    }
}

impl Table {
    /// Of NaN, of what is no code, and of each code.
    fn all(&self) -> impl Iterator<Item = f64> {
        [self.missing, self.outside].into_iter().chain(self.values.iter().copied())
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

/// How many codes a column holds: its numbers are 0 to one less, -1, or NaN. None where it may hold others.
fn codes(model: &Model, (value, column): At) -> Option<usize> {
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
