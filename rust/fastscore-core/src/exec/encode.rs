//! Reading a column whose values become codes.
//!
//! A dictionary is translated once, then its keys map; plain columns look each value up as blocks are read. A value that
//! has no code leaves a mark, a NaN that nothing else makes, and the block's reader finds it.

use std::cell::Cell;

use super::category::{Categories, Kind, Part, Plain};
use super::table::{Chunk, Numbers, Values};
use crate::error::Error;
use crate::model::{Encoding, Lookup, Number, NumberTable, TextTable, Unknown, hash_of_number, hash_of_text};
use crate::simd::Level;

/// Why a value has no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    /// The model does not know it, and its policy is to raise.
    Unknown = 1,
    /// A dictionary's key is beyond its values.
    Key = 2,
    /// Its bytes are outside the column's memory, or not UTF-8.
    Text = 3,
    /// A number where text is due.
    Number = 4,
}

/// The marks' bits but for the problem's: quiet NaNs that neither arithmetic nor a model's codes give.
const MARK: u64 = 0x7ff8_fa57_5c0e_0000;

impl Problem {
    const fn mark(self) -> f64 {
        f64::from_bits(MARK | self as u64)
    }

    /// The problem that a mark stands for.
    pub(super) fn of(x: f64) -> Option<Problem> {
        match x.to_bits() ^ MARK {
            1 => Some(Problem::Unknown),
            2 => Some(Problem::Key),
            3 => Some(Problem::Text),
            4 => Some(Problem::Number),
            _ => None,
        }
    }

    /// The error for a column with this problem.
    ///
    /// `policy_of`: the key of `unknown=` with which the model would score such a row.
    pub(super) fn error(
        self,
        column: String,
        row: usize,
        count: usize,
        value: String,
        policy_of: Option<String>,
    ) -> Error {
        match self {
            Problem::Unknown => Error::UnknownCategory { column, row, count, value, policy_of },
            Problem::Key => Error::Schema(format!(
                "column {column} has in row {row} {value}, which its dictionary does not have: the data is damaged"
            )),
            Problem::Text => Error::Schema(format!(
                "column {column} has in row {row} a text that is not valid UTF-8: repair the data"
            )),
            Problem::Number => Error::Schema(format!(
                "column {column} has in row {row} the number {value}, but the model's feature is text; convert the \
                 column as was done for training"
            )),
        }
    }
}

/// The mark of an infinity that the source refuses in a categorical column: no problem, as rows with it may become null.
const INFINITE: f64 = f64::from_bits(MARK | 5);

/// Whether it is the mark of a refused infinity.
pub(super) fn is_infinite_category(x: f64) -> bool {
    x.to_bits() == INFINITE.to_bits()
}

/// How one value becomes a number.
#[derive(Clone, Copy)]
enum Coder<'t> {
    /// It is one: a dictionary of numbers for a feature that is a number.
    Itself,
    Numbers(&'t NumberTable),
    Texts(&'t TextTable),
    Hash,
}

/// How a feature's values become codes.
#[derive(Clone, Copy)]
pub(super) struct Rule<'t> {
    level: Level,
    coder: Coder<'t>,
    missing: f64,
    unknown: f64,
    /// What an infinity becomes.
    infinite: f64,
}

impl<'t> Rule<'t> {
    /// The rule of a feature; without an encoding its values are numbers already. `infinite`: the source refuses
    /// infinities, categories or not.
    pub(super) fn new(level: Level, encoding: Option<(&'t Encoding, &'t Lookup)>, infinite: bool) -> Self {
        let Some((encoding, lookup)) = encoding else {
            return Rule { level, coder: Coder::Itself, missing: f64::NAN, unknown: f64::NAN, infinite: f64::NAN };
        };
        let coder = match lookup {
            Lookup::Numbers(table) => Coder::Numbers(table),
            Lookup::Texts(table) => Coder::Texts(table),
            Lookup::Hash => Coder::Hash,
        };
        let unknown = match encoding.unknown {
            Unknown::Missing => f64::NAN,
            Unknown::Raise => Problem::Unknown.mark(),
            Unknown::Code(code) => code,
        };
        let infinite = if infinite { INFINITE } else { unknown };
        Rule { level, coder, missing: encoding.missing_code.unwrap_or(f64::NAN), unknown, infinite }
    }

    /// Whether missing values are refused: they have no text (CatBoost).
    pub(super) fn refuses_missing(&self) -> bool {
        matches!(self.coder, Coder::Hash)
    }

    /// Whether a feature of this encoding takes values of this kind. Floats pass for text where all of them are NaN.
    pub(super) fn takes(lookup: Option<&Lookup>, kind: Kind) -> bool {
        match lookup {
            None | Some(Lookup::Numbers(_)) => kind != Kind::Text,
            Some(Lookup::Texts(_)) => matches!(kind, Kind::Text | Kind::Float | Kind::Null),
            Some(Lookup::Hash) => true,
        }
    }

    /// Values read as float64, in place.
    pub(super) fn recode(&self, values: &mut [f64]) {
        for x in values {
            *x = if x.is_nan() { self.missing } else { self.float(*x) };
        }
    }

    #[inline(always)]
    fn float(&self, x: f64) -> f64 {
        match self.coder {
            Coder::Itself => x,
            Coder::Numbers(table) => table.code(x.into()).unwrap_or(self.other(x.into())),
            Coder::Texts(_) | Coder::Hash => Problem::Number.mark(),
        }
    }

    /// What a number is that the table does not have.
    #[inline(always)]
    fn other(&self, value: Number) -> f64 {
        if value.is_infinite() { self.infinite } else { self.unknown }
    }

    /// Rows `start .. start + out.len()` of numbers.
    fn numbers(&self, chunk: &Chunk, start: usize, out: &mut [f64]) {
        let Rule { level, coder, missing, unknown, .. } = *self;
        match coder {
            Coder::Itself => {
                chunk.read(level, start, out);
                // NaN is one NaN, so that none is taken for a mark.
                out.iter_mut().filter(|x| x.is_nan()).for_each(|x| *x = f64::NAN);
                return;
            }
            Coder::Numbers(table) => {
                each_number(&chunk.values, start, out, missing, |value| table.code(value).unwrap_or(self.other(value)));
            }
            Coder::Texts(_) => each_number(&chunk.values, start, out, missing, |_| Problem::Number.mark()),
            Coder::Hash if chunk.values.kind() == Kind::Float => {
                each_number(&chunk.values, start, out, missing, |_| Problem::Number.mark());
            }
            Coder::Hash => {
                each_number(&chunk.values, start, out, missing, |value| hash_of_number(value).unwrap_or(unknown));
            }
        }
        chunk.nulls.fill(start, out, missing);
    }

    /// Rows `start .. start + out.len()` of plain values.
    fn plain(&self, values: &Plain, start: usize, out: &mut [f64]) {
        let (texts, nulls) = match values {
            Plain::Numbers(chunk) => return self.numbers(chunk, start, out),
            Plain::Texts(texts, nulls) => (texts, nulls),
        };
        let damaged = Problem::Text.mark();
        let is_text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
        match self.coder {
            // What is found equals a string of the model, so only what is not needs to be looked at.
            Coder::Texts(table) => texts.encode(start, out, damaged, |bytes| {
                table.code(bytes).unwrap_or_else(|| if is_text(bytes) { self.unknown } else { damaged })
            }),
            Coder::Hash => {
                texts.encode(start, out, damaged, |bytes| if is_text(bytes) { hash_of_text(bytes) } else { damaged });
            }
            // Refused when the column was bound.
            Coder::Itself | Coder::Numbers(_) => out.fill(self.unknown),
        }
        nulls.fill(start, out, self.missing);
    }
}

/// `out[i] = code(value start + i)`, `missing` for NaN; nulls are left to the caller.
#[inline(always)]
fn each_number(values: &Values, start: usize, out: &mut [f64], missing: f64, code: impl Fn(Number) -> f64) {
    let float = |x: f64| if x.is_nan() { missing } else { code(x.into()) };
    match values {
        Values::F64(v) => v.convert(start, out, float),
        Values::F32(v) => v.convert(start, out, |x| float(x.into())),
        Values::F16(v) => v.convert(start, out, |x| float(x.into())),
        Values::I8(v) => v.convert(start, out, |x| code(i64::from(x).into())),
        Values::I16(v) => v.convert(start, out, |x| code(i64::from(x).into())),
        Values::I32(v) => v.convert(start, out, |x| code(i64::from(x).into())),
        Values::I64(v) => v.convert(start, out, |x| code(x.into())),
        Values::U8(v) => v.convert(start, out, |x| code(i64::from(x).into())),
        Values::U16(v) => v.convert(start, out, |x| code(i64::from(x).into())),
        Values::U32(v) => v.convert(start, out, |x| code(i64::from(x).into())),
        Values::U64(v) => v.convert(start, out, |x| code(x.into())),
        Values::Bits(v) => {
            for (to, row) in out.iter_mut().zip(start..) {
                *to = code(i64::from(v.value(row)).into());
            }
        }
        Values::Null(_) => out.fill(missing),
    }
}

/// Where an encoded feature's values come from.
#[derive(Clone, Copy)]
enum Source<'t> {
    Numbers(&'t Numbers<'t>),
    Categories(&'t Categories<'t>),
}

/// An encoded column of one call.
pub(super) struct Encoded<'t> {
    source: Source<'t>,
    rule: Rule<'t>,
    /// Translated dictionaries.
    tables: Vec<Vec<f64>>,
    /// Per part the table of its dictionary; None where that has more values than the part has rows.
    table_of: Vec<Option<usize>>,
}

impl<'t> Encoded<'t> {
    /// A column of numbers.
    pub(super) fn numbers(numbers: &'t Numbers<'t>, rule: Rule<'t>) -> Self {
        Encoded { source: Source::Numbers(numbers), rule, tables: Vec::new(), table_of: Vec::new() }
    }

    /// A column of strings or of a dictionary: each dictionary is translated here, once.
    pub(super) fn categories(categories: &'t Categories<'t>, rule: Rule<'t>) -> Self {
        let mut encoded =
            Encoded { source: Source::Categories(categories), rule, tables: Vec::new(), table_of: Vec::new() };
        let mut last: Option<&Plain> = None;
        for part in categories.parts() {
            let table = match part {
                Part::Keys { keys, dictionary, .. } if dictionary.len() <= keys.len() => {
                    // Chunks nearly always have the dictionary of the chunk before.
                    if !last.is_some_and(|last| last.is(dictionary)) {
                        let mut table = vec![0.0; dictionary.len()];
                        rule.plain(dictionary, 0, &mut table);
                        encoded.tables.push(table);
                        last = Some(dictionary);
                    }
                    Some(encoded.tables.len() - 1)
                }
                _ => None,
            };
            encoded.table_of.push(table);
        }
        encoded
    }

    /// Whether missing values are refused.
    pub(super) fn refuses_missing(&self) -> bool {
        self.rule.refuses_missing()
    }

    /// Rows `start .. start + out.len()` as codes or marks; the range must be within the column.
    pub(super) fn read(&self, mut start: usize, mut out: &mut [f64]) {
        let categories = match self.source {
            Source::Numbers(numbers) => {
                return numbers.each(start, out, |chunk, first, part| self.rule.numbers(chunk, first, part));
            }
            Source::Categories(categories) => categories,
        };
        while !out.is_empty() {
            let (index, first) = categories.locate(start);
            let part = &categories.parts()[index];
            let here = out.len().min(part.len() - first);
            let (rows, rest) = out.split_at_mut(here);
            self.read_part(part, self.table_of[index], first, rows);
            out = rest;
            start += here;
        }
    }

    fn read_part(&self, part: &Part, table: Option<usize>, start: usize, out: &mut [f64]) {
        let (keys, negative_is_null, dictionary) = match part {
            Part::Texts(texts, nulls) => {
                return self.rule.plain(&Plain::Texts(texts.clone(), nulls.clone()), start, out);
            }
            Part::Keys { keys, negative_is_null, dictionary } => (keys, *negative_is_null, dictionary),
        };
        let beyond = Problem::Key.mark();
        let negative = if negative_is_null { self.rule.missing } else { beyond };
        match table {
            Some(table) => {
                let table = self.tables[table].as_slice();
                each_key(&keys.values, start, out, negative, |key| table.get(key).copied().unwrap_or(beyond));
            }
            None => each_key(&keys.values, start, out, negative, |key| {
                let mut code = [beyond];
                if key < dictionary.len() {
                    self.rule.plain(dictionary, key, &mut code);
                }
                code[0]
            }),
        }
        keys.nulls.fill(start, out, self.rule.missing);
    }

    /// The value in a row, for messages.
    pub(super) fn describe(&self, row: usize) -> String {
        match self.source {
            Source::Numbers(numbers) => {
                let text = Cell::new(String::new());
                numbers.each(row, &mut [0.0], |chunk, row, _| text.set(describe_number(chunk, row)));
                text.into_inner()
            }
            Source::Categories(categories) => {
                let (part, row) = categories.locate(row);
                match &categories.parts()[part] {
                    Part::Texts(texts, nulls) => describe_plain(&Plain::Texts(texts.clone(), nulls.clone()), row),
                    Part::Keys { keys, dictionary, .. } => {
                        let mut key = [0.0];
                        keys.read(self.rule.level, row, &mut key);
                        if key[0] >= 0.0 && key[0] < dictionary.len() as f64 {
                            describe_plain(dictionary, key[0] as usize)
                        } else {
                            format!("the key {} of {} values", key[0], dictionary.len())
                        }
                    }
                }
            }
        }
    }
}

/// `out[i] = code(key start + i)`, `negative` for keys below 0; nulls are left to the caller.
#[inline(always)]
fn each_key(keys: &Values, start: usize, out: &mut [f64], negative: f64, code: impl Fn(usize) -> f64) {
    // A negative key as usize is beyond every dictionary, but it may stand for null.
    let signed = |key: i64| if key < 0 { negative } else { code(usize::try_from(key).unwrap_or(usize::MAX)) };
    match keys {
        Values::I8(v) => v.convert(start, out, |key| signed(key.into())),
        Values::I16(v) => v.convert(start, out, |key| signed(key.into())),
        Values::I32(v) => v.convert(start, out, |key| signed(key.into())),
        Values::I64(v) => v.convert(start, out, signed),
        Values::U8(v) => v.convert(start, out, |key| code(key.into())),
        Values::U16(v) => v.convert(start, out, |key| code(key.into())),
        Values::U32(v) => v.convert(start, out, |key| code(key as usize)),
        Values::U64(v) => v.convert(start, out, |key| code(usize::try_from(key).unwrap_or(usize::MAX))),
        _ => out.fill(Problem::Key.mark()),
    }
}

fn describe_number(chunk: &Chunk, row: usize) -> String {
    let found = Cell::new(None);
    let note = |value| {
        found.set(Some(value));
        0.0
    };
    each_number(&chunk.values, row, &mut [0.0], 0.0, note);
    found.get().map_or_else(|| "NaN".into(), |value: Number| value.to_string())
}

fn describe_plain(values: &Plain, at: usize) -> String {
    match values {
        Plain::Numbers(chunk) => describe_number(chunk, at),
        Plain::Texts(texts, _) => {
            let text = Cell::new(String::new());
            let note = |bytes: &[u8]| {
                text.set(format!("{:?}", String::from_utf8_lossy(bytes)));
                0.0
            };
            texts.encode(at, &mut [0.0], 0.0, note);
            text.into_inner()
        }
    }
}
