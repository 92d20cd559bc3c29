//! A block of rows of the features as float64 columns: the one place that reads tables and knows about nulls.

use std::cell::{Cell, OnceCell};
use std::collections::HashSet;

use super::bind::{Binding, takes_codes};
use super::encode::{Encoded, Problem, Rule, is_infinite_category};
use super::rows::Array;
use super::table::{Body, Column, Csr, Numbers, Table};
use crate::error::Error;
use crate::kernels::{Columns, RowCells, Rows};
use crate::model::{Absent, Features, InputPolicy, Model, Number, OnBadValue, Unknown, Width};
use crate::simd::Level;
use crate::simd::bits::{self, BitWork, Bits};

/// Rows read at a time from memory that is not contiguous by column: so many rows of some dozen columns stay in the
/// first cache level while all columns read them.
const TILE: usize = 64;

/// What a call reads, the same for every block.
pub(super) struct Reader<'t> {
    table: &'t Table<'t>,
    loaded: Vec<Loaded<'t>>,
    /// Per feature its slot in a block; `u32::MAX` where not loaded.
    slot: Vec<u32>,
    /// Per sparse column its slot.
    sparse_slot: Vec<u32>,
    /// The table as an array of rows, where it is one and nothing needs converting.
    array: Option<Array<'t>>,
    features: &'t Features,
    policy: InputPolicy,
}

/// A feature that is loaded.
struct Loaded<'t> {
    feature: usize,
    column: usize,
    way: Way<'t>,
    /// Whether the source looks at its values before it scores.
    checks: bool,
}

/// How a loaded feature's column is read.
enum Way<'t> {
    /// As it is: numbers.
    Numbers,
    /// A column whose values become codes, or a dictionary of numbers.
    Encoded(Encoded<'t>),
    /// A column of a sparse matrix, whose values become codes.
    Recoded(Rule<'t>),
}

/// Where a loaded feature's rows are.
#[derive(Clone, Copy)]
enum Place<'t> {
    /// In the table itself.
    Direct(&'t [f64]),
    /// In the block's own memory.
    Own,
    /// In rows of the table; columns are made when they are asked for.
    Rows,
}

/// One worker's block.
pub(super) struct Block<'r, 't> {
    reader: &'r Reader<'t>,
    places: Vec<Place<'t>>,
    /// Row r of slot s is at `s * stride + r`.
    own: Vec<f64>,
    stride: usize,
    start: usize,
    rows: usize,
    /// Columns made from the table's rows: row r of slot s is at `s * stride + r`.
    turned: OnceCell<Vec<f64>>,
    /// The memory that they had in the block before.
    spare: Cell<Vec<f64>>,
    entries: Vec<f64>,
}

impl<'t> Reader<'t> {
    /// `read` flags the features that the output needs. A feature that is not read is still loaded where its values
    /// could be refused.
    pub(super) fn new(table: &'t Table<'t>, binding: &Binding, read: &[bool], model: &'t Model) -> Self {
        let policy = model.input();
        // By hash: a wide model checks each of its features.
        let checked: Option<HashSet<usize>> =
            model.features().checked.as_ref().map(|checked| checked.iter().copied().collect());
        let mut slot = vec![u32::MAX; binding.len()];
        let mut loaded = Vec::new();
        for (feature, &column) in binding.iter().enumerate() {
            let raises = model.encoding(feature).is_some_and(|(encoding, _)| encoding.unknown == Unknown::Raise);
            let checks = policy.refuses() && checked.as_ref().is_none_or(|checked| checked.contains(&feature));
            if let Some(column) = column
                && (read[feature] || checks || raises)
            {
                slot[feature] = loaded.len() as u32;
                // Infinities are refused before they become codes where the source lists the feature.
                let infinite = checks && checked.is_some() && policy.non_finite == OnBadValue::Refuse;
                let way = Way::new(model, table, feature, column, infinite);
                loaded.push(Loaded { feature, column, way, checks });
            }
        }
        let mut sparse_slot = Vec::new();
        if let Body::Csr(csr) = table.body() {
            sparse_slot = vec![u32::MAX; csr.columns];
            for (at, loaded) in loaded.iter().enumerate() {
                sparse_slot[loaded.column] = at as u32;
            }
        }
        let mut reader = Reader { table, loaded, slot, sparse_slot, array: None, features: model.features(), policy };
        reader.array = reader.find_array();
        reader
    }

    fn find_array(&self) -> Option<Array<'t>> {
        if !self.loaded.iter().all(|loaded| matches!(loaded.way, Way::Numbers)) {
            return None;
        }
        let mut columns = vec![None; self.slot.len()];
        for loaded in &self.loaded {
            columns[loaded.feature] = Some(self.numbers(loaded.column)?);
        }
        Array::new(&columns, self.table.rows())
    }

    /// Features loaded for each row.
    pub(super) fn width(&self) -> usize {
        self.loaded.len()
    }

    fn numbers(&self, column: usize) -> Option<&'t Numbers<'t>> {
        match self.table.body() {
            Body::Columns(columns) => match columns.get(column) {
                Some(Column::Numbers(numbers)) => Some(numbers),
                _ => None,
            },
            Body::Csr(_) => None,
        }
    }

    /// The error for values that have no code, or that the source refuses: the first such column, its first row and
    /// how many.
    pub(super) fn refusal(&self, interrupt: &dyn Fn() -> bool) -> Error {
        let mut found: Vec<Option<(Refused, usize, usize)>> = vec![None; self.loaded.len()];
        let mut block = Block::new(self, 1024.min(self.table.rows().max(1)));
        for start in (0..self.table.rows()).step_by(block.stride) {
            if (start / block.stride).is_multiple_of(64) && interrupt() {
                return Error::Interrupted;
            }
            block.load(start, block.stride.min(self.table.rows() - start));
            for (at, found) in found.iter_mut().enumerate() {
                let policy = self.policy(at);
                for (row, &x) in (start..).zip(block.slot_rows(at)) {
                    let problem = self.loaded[at].way.marks().then(|| Problem::of(x).map(Refused::Uncoded)).flatten();
                    let Some(kind) = problem.or_else(|| refused(policy, x)) else {
                        continue;
                    };
                    match found {
                        Some((first, _, count)) if *first == kind => *count += 1,
                        // What has no code fails whatever becomes of refused values.
                        Some((Refused::Missing | Refused::NonFinite, ..)) if problem.is_some() => {
                            *found = Some((kind, row, 1));
                        }
                        None => *found = Some((kind, row, 1)),
                        Some(_) => {}
                    }
                }
            }
        }
        let uncoded = |at: &usize| matches!(found[*at], Some((Refused::Uncoded(_), ..)));
        let first = (0..found.len()).find(uncoded).or_else(|| found.iter().position(Option::is_some));
        let Some((at, (kind, row, count))) = first.and_then(|at| found[at].map(|found| (at, found))) else {
            return Error::Schema("the data changed while it was scored: a refused value was there and is gone".into());
        };
        let Loaded { feature, column, .. } = &self.loaded[at];
        let column = super::bind::describe(self.features, self.table, *feature, *column);
        match kind {
            Refused::Missing => Error::MissingValue { column, row, count },
            Refused::NonFinite => {
                let width = match self.policy.width {
                    Width::Float64 => "float64",
                    Width::Float32 => "float32",
                };
                Error::NonFinite { column, row, count, width }
            }
            Refused::Uncoded(problem) => problem.error(column, row, count, self.describe(at, row)),
        }
    }

    /// The value in a row of a slot's column, for messages.
    fn describe(&self, slot: usize, row: usize) -> String {
        match (&self.loaded[slot].way, self.table.body()) {
            (Way::Encoded(encoded), _) => encoded.describe(row),
            (Way::Recoded(_), Body::Csr(csr)) => {
                let mut entries = vec![0.0; csr.indptr[row + 1] - csr.indptr[row]];
                csr.data.read(csr.indptr[row], &mut entries);
                let here = (csr.indptr[row]..).zip(&entries);
                let sum: f64 = here
                    .filter(|(at, _)| self.sparse_slot[csr.indices[*at] as usize] == slot as u32)
                    .map(|(_, x)| x)
                    .sum();
                Number::from(sum).to_string()
            }
            _ => String::new(),
        }
    }

    /// What the source refuses in a slot: of codes, those that are missing, or stand for an infinity.
    fn policy(&self, slot: usize) -> InputPolicy {
        let Loaded { way, checks, .. } = &self.loaded[slot];
        let policy = match checks {
            true => self.policy,
            false => InputPolicy { missing: OnBadValue::Accept, non_finite: OnBadValue::Accept, ..self.policy },
        };
        match way.refuses_missing() {
            true => InputPolicy { missing: OnBadValue::Refuse, ..policy },
            false => policy,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    Missing,
    NonFinite,
    /// No refusal of the source: the value has no code.
    Uncoded(Problem),
}

impl<'t> Way<'t> {
    fn new(model: &'t Model, table: &'t Table<'t>, feature: usize, column: usize, infinite: bool) -> Self {
        let encoding = if takes_codes(model, table, feature, column) { None } else { model.encoding(feature) };
        match (table.body(), encoding) {
            (Body::Csr(_), Some(_)) => Way::Recoded(Rule::new(encoding, infinite)),
            (Body::Columns(columns), _) => match (columns.get(column), encoding) {
                (Some(Column::Categories(categories)), _) => {
                    Way::Encoded(Encoded::categories(categories, Rule::new(encoding, infinite)))
                }
                (Some(Column::Numbers(numbers)), Some(_)) => {
                    Way::Encoded(Encoded::numbers(numbers, Rule::new(encoding, infinite)))
                }
                _ => Way::Numbers,
            },
            _ => Way::Numbers,
        }
    }

    /// Whether values may come out as marks.
    fn marks(&self) -> bool {
        !matches!(self, Way::Numbers)
    }

    /// Whether missing values are refused, whatever the model does with others.
    fn refuses_missing(&self) -> bool {
        match self {
            Way::Numbers => false,
            Way::Encoded(encoded) => encoded.refuses_missing(),
            Way::Recoded(rule) => rule.refuses_missing(),
        }
    }
}

fn refused(policy: InputPolicy, x: f64) -> Option<Refused> {
    if is_infinite_category(x) {
        Some(Refused::NonFinite)
    } else if x.is_nan() {
        (policy.missing == OnBadValue::Refuse).then_some(Refused::Missing)
    } else {
        let overflows = match policy.width {
            Width::Float64 => x.is_infinite(),
            Width::Float32 => (x as f32).is_infinite(),
        };
        (overflows && policy.non_finite == OnBadValue::Refuse).then_some(Refused::NonFinite)
    }
}

impl<'r, 't> Block<'r, 't> {
    /// A block of at most `stride` rows.
    pub(super) fn new(reader: &'r Reader<'t>, stride: usize) -> Self {
        Block {
            reader,
            places: Vec::new(),
            own: Vec::new(),
            stride,
            start: 0,
            rows: 0,
            turned: OnceCell::new(),
            spare: Cell::default(),
            entries: Vec::new(),
        }
    }

    /// Load rows `start .. start + rows`; false where a value has no code and the call must fail.
    pub(super) fn load(&mut self, start: usize, rows: usize) -> bool {
        self.start = start;
        self.rows = rows;
        self.places.clear();
        let reader = self.reader;
        if reader.array.is_some() {
            self.places.resize(reader.width(), Place::Rows);
            if let Some(turned) = self.turned.take() {
                self.spare.set(turned);
            }
            return true;
        }
        if let Body::Csr(csr) = reader.table.body() {
            self.places.resize(reader.width(), Place::Own);
            self.load_sparse(csr, start, rows);
            return self.is_coded();
        }
        let mut strided = false;
        for (at, loaded) in reader.loaded.iter().enumerate() {
            if let Way::Encoded(encoded) = &loaded.way {
                self.places.push(Place::Own);
                encoded.read(start, self.own_rows(at, rows));
                continue;
            }
            let Some(numbers) = reader.numbers(loaded.column) else {
                continue;
            };
            if let Some(direct) = numbers.direct(start, rows) {
                self.places.push(Place::Direct(direct));
                continue;
            }
            self.places.push(Place::Own);
            let own = self.own_rows(at, rows);
            if numbers.is_strided() {
                strided = true;
            } else {
                numbers.read(start, own);
            }
        }
        if strided {
            self.load_strided(start, rows);
        }
        self.is_coded()
    }

    /// A slot's rows in the block's own memory.
    fn own_rows(&mut self, slot: usize, rows: usize) -> &mut [f64] {
        if self.own.is_empty() {
            self.own.resize(self.reader.width() * self.stride, 0.0);
        }
        &mut self.own[slot * self.stride..][..rows]
    }

    /// Whether no value left a mark.
    fn is_coded(&self) -> bool {
        let loaded = self.reader.loaded.iter().enumerate();
        loaded.filter(|(_, loaded)| loaded.way.marks()).all(|(slot, _)| {
            // Marks are NaN: one pass that vectorises tells for nearly all blocks.
            let rows = self.slot_rows(slot);
            !rows.iter().fold(false, |found, x| found | x.is_nan()) || !rows.iter().any(|&x| Problem::of(x).is_some())
        })
    }

    /// Columns that lie apart though they are no array of rows, a tile of rows at a time.
    fn load_strided(&mut self, start: usize, rows: usize) {
        let mut own = std::mem::take(&mut self.own);
        self.turn(start, rows, &mut own);
        self.own = own;
    }

    /// Read rows into columns, a tile of rows at a time.
    fn turn(&self, start: usize, rows: usize, columns: &mut [f64]) {
        for first in (0..rows).step_by(TILE) {
            let count = TILE.min(rows - first);
            for (at, loaded) in self.reader.loaded.iter().enumerate() {
                if matches!(loaded.way, Way::Numbers)
                    && let Some(numbers) = self.reader.numbers(loaded.column)
                    && (self.reader.array.is_some() || numbers.is_strided())
                {
                    numbers.read(start + first, &mut columns[at * self.stride + first..][..count]);
                }
            }
        }
    }

    /// The table's rows as columns.
    fn turned(&self) -> &[f64] {
        self.turned.get_or_init(|| {
            let mut columns = self.spare.take();
            columns.resize(self.reader.width() * self.stride, 0.0);
            self.turn(self.start, self.rows, &mut columns);
            columns
        })
    }

    fn load_sparse(&mut self, csr: &Csr, start: usize, rows: usize) {
        self.own.clear();
        let absent = match self.reader.policy.absent {
            Absent::Zero => 0.0,
            Absent::Missing => f64::NAN,
        };
        self.own.resize(self.reader.width() * self.stride, absent);
        let entries = csr.indptr[start]..csr.indptr[start + rows];
        self.entries.resize(entries.len(), 0.0);
        csr.data.read(entries.start, &mut self.entries);
        for row in 0..rows {
            for entry in csr.indptr[start + row]..csr.indptr[start + row + 1] {
                let slot = self.reader.sparse_slot[csr.indices[entry] as usize];
                if slot != u32::MAX {
                    let (to, x) =
                        (&mut self.own[slot as usize * self.stride + row], self.entries[entry - entries.start]);
                    *to = if to.is_nan() { x } else { *to + x };
                }
            }
        }
        for (slot, loaded) in self.reader.loaded.iter().enumerate() {
            if let Way::Recoded(rule) = &loaded.way {
                rule.recode(&mut self.own[slot * self.stride..][..rows]);
            }
        }
    }

    fn slot_rows(&self, slot: usize) -> &[f64] {
        match self.places[slot] {
            Place::Direct(rows) => rows,
            Place::Own => &self.own[slot * self.stride..][..self.rows],
            Place::Rows => &self.turned()[slot * self.stride..][..self.rows],
        }
    }

    /// Set `bad[r]` for rows with a refused value; gives whether there is one.
    pub(super) fn find_refused(&self, bad: &mut [u8]) -> bool {
        let mut any = false;
        if !self.reader.policy.refuses() && !self.reader.loaded.iter().any(|loaded| loaded.way.refuses_missing()) {
            return any;
        }
        if let Some(array) = &self.reader.array
            && let Some(cells) = array.span(self.start, self.rows, self.reader.width())
            && !may_be_refused(self.reader.policy, cells)
        {
            return any;
        }
        for slot in 0..self.reader.width() {
            let policy = self.reader.policy(slot);
            let rows = self.slot_rows(slot);
            // Nearly always nothing is found: one pass that vectorises, then a slow one where it did.
            if rows.iter().fold(false, |found, &x| found | suspicious(policy.width, x)) {
                for (bad, &x) in bad.iter_mut().zip(rows) {
                    if refused(policy, x).is_some() {
                        *bad = 1;
                        any = true;
                    }
                }
            }
        }
        any
    }
}

/// Whether a value may be refused: NaN, infinite, or beyond float32 at that width.
#[inline(always)]
fn suspicious(width: Width, x: f64) -> bool {
    match width {
        Width::Float64 => !x.is_finite(),
        Width::Float32 => !(x as f32).is_finite(),
    }
}

/// Whether some value is one that the policy refuses.
fn may_be_refused(policy: InputPolicy, cells: RowCells) -> bool {
    struct Look<'a>(InputPolicy, RowCells<'a>, &'a mut bool);
    impl BitWork for Look<'_> {
        #[inline(always)]
        fn run(self, _: impl Bits) {
            let Look(policy, cells, found) = self;
            let nan = policy.missing == OnBadValue::Refuse;
            let (mut beyond, mut missing) = (false, false);
            match cells {
                RowCells::F64(cells) => {
                    let limit = match policy.width {
                        Width::Float64 => f64::MAX,
                        Width::Float32 => LARGEST_FINITE,
                    };
                    for x in cells {
                        beyond |= x.abs() > limit;
                        missing |= x.is_nan();
                    }
                }
                RowCells::F32(cells) => {
                    for x in cells {
                        beyond |= x.abs() > f32::MAX;
                        missing |= x.is_nan();
                    }
                }
            }
            *found = beyond | (missing & nan);
        }
    }
    let mut found = false;
    bits::run(Level::detect(), Look(policy, cells, &mut found));
    found
}

/// The largest float64 that is rounded to a finite float32: from 2^128 - 2^103 on it is infinity.
const LARGEST_FINITE: f64 = 3.402_823_567_797_336_6e38_f64.next_down();

impl Columns for Block<'_, '_> {
    fn column(&self, feature: usize) -> &[f64] {
        self.slot_rows(self.reader.slot[feature] as usize)
    }

    fn rows(&self) -> Option<Rows<'_>> {
        self.reader.array.as_ref().map(|array| array.rows(self.start))
    }
}

#[cfg(test)]
mod tests {
    use super::LARGEST_FINITE;

    #[test]
    fn the_largest_that_stays_finite() {
        assert!((LARGEST_FINITE as f32).is_finite());
        assert!((LARGEST_FINITE.next_up() as f32).is_infinite());
    }
}
