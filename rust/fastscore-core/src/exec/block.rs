//! A block of rows of the features as float64 columns: the one place that reads tables and knows about nulls.

use super::bind::Binding;
use super::table::{Body, Column, Csr, Numbers, Table};
use crate::error::Error;
use crate::kernels::Columns;
use crate::model::{Features, InputPolicy, Model, OnBadValue, Width};

/// Rows read at a time from memory that is not contiguous by column: so many rows of some dozen columns stay in the
/// first cache level while all columns read them.
const TILE: usize = 64;

/// What a call reads, the same for every block.
pub(super) struct Reader<'t> {
    table: &'t Table<'t>,
    /// The features loaded, with their columns.
    loaded: Vec<(usize, usize)>,
    /// Per feature its slot in a block; `u32::MAX` where not loaded.
    slot: Vec<u32>,
    /// Per sparse column its slot.
    sparse_slot: Vec<u32>,
    features: &'t Features,
    policy: InputPolicy,
}

/// Where a loaded feature's rows are.
#[derive(Clone, Copy)]
enum Place<'t> {
    /// In the table itself.
    Direct(&'t [f64]),
    /// In the block's own memory.
    Own,
}

/// One worker's block.
pub(super) struct Block<'r, 't> {
    reader: &'r Reader<'t>,
    places: Vec<Place<'t>>,
    /// Row r of slot s is at `s * stride + r`.
    own: Vec<f64>,
    stride: usize,
    rows: usize,
    entries: Vec<f64>,
}

impl<'t> Reader<'t> {
    /// `read` flags the features that the output needs. A feature that is not read is still loaded where its values
    /// could be refused.
    pub(super) fn new(table: &'t Table<'t>, binding: &Binding, read: &[bool], model: &'t Model) -> Self {
        let policy = model.input();
        let mut slot = vec![u32::MAX; binding.len()];
        let mut loaded = Vec::new();
        for (feature, &column) in binding.iter().enumerate() {
            if let Some(column) = column
                && (read[feature] || policy.refuses())
            {
                slot[feature] = loaded.len() as u32;
                loaded.push((feature, column));
            }
        }
        let mut sparse_slot = Vec::new();
        if let Body::Csr(csr) = table.body() {
            sparse_slot = vec![u32::MAX; csr.columns];
            for (at, &(_, column)) in loaded.iter().enumerate() {
                sparse_slot[column] = at as u32;
            }
        }
        Reader { table, loaded, slot, sparse_slot, features: model.features(), policy }
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

    /// The error for values that the source refuses: the first such column, its first row and how many.
    pub(super) fn refusal(&self, interrupt: &dyn Fn() -> bool) -> Error {
        let mut found: Vec<Option<(Refused, usize, usize)>> = vec![None; self.loaded.len()];
        let mut block = Block::new(self, 1024.min(self.table.rows().max(1)));
        for start in (0..self.table.rows()).step_by(block.stride) {
            if (start / block.stride).is_multiple_of(64) && interrupt() {
                return Error::Interrupted;
            }
            block.load(start, block.stride.min(self.table.rows() - start));
            for (at, found) in found.iter_mut().enumerate() {
                for (row, &x) in (start..).zip(block.slot_rows(at)) {
                    let Some(kind) = refused(self.policy, x) else {
                        continue;
                    };
                    match found {
                        None => *found = Some((kind, row, 1)),
                        Some((first, _, count)) if *first == kind => *count += 1,
                        Some(_) => {}
                    }
                }
            }
        }
        for (found, &(feature, column)) in found.iter().zip(&self.loaded) {
            if let &Some((kind, row, count)) = found {
                let column = super::bind::describe(self.features, self.table, feature, column);
                return match kind {
                    Refused::Missing => Error::MissingValue { column, row, count },
                    Refused::NonFinite => {
                        let width = match self.policy.width {
                            Width::Float64 => "float64",
                            Width::Float32 => "float32",
                        };
                        Error::NonFinite { column, row, count, width }
                    }
                };
            }
        }
        Error::Schema("the data changed while it was scored: a refused value was there and is gone".into())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    Missing,
    NonFinite,
}

fn refused(policy: InputPolicy, x: f64) -> Option<Refused> {
    if x.is_nan() {
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
        Block { reader, places: Vec::new(), own: Vec::new(), stride, rows: 0, entries: Vec::new() }
    }

    /// Load rows `start .. start + rows`.
    pub(super) fn load(&mut self, start: usize, rows: usize) {
        self.rows = rows;
        self.places.clear();
        let reader = self.reader;
        if let Body::Csr(csr) = reader.table.body() {
            self.places.resize(reader.width(), Place::Own);
            self.load_sparse(csr, start, rows);
            return;
        }
        let mut strided = false;
        for (at, &(_, column)) in reader.loaded.iter().enumerate() {
            let Some(numbers) = reader.numbers(column) else {
                continue;
            };
            if let Some(direct) = numbers.direct(start, rows) {
                self.places.push(Place::Direct(direct));
                continue;
            }
            self.places.push(Place::Own);
            if self.own.is_empty() {
                self.own.resize(reader.width() * self.stride, 0.0);
            }
            if numbers.is_strided() {
                strided = true;
            } else {
                numbers.read(start, &mut self.own[at * self.stride..][..rows]);
            }
        }
        if strided {
            self.load_strided(start, rows);
        }
    }

    /// Row-major memory, a tile of rows at a time.
    fn load_strided(&mut self, start: usize, rows: usize) {
        for first in (0..rows).step_by(TILE) {
            let count = TILE.min(rows - first);
            for (at, &(_, column)) in self.reader.loaded.iter().enumerate() {
                if let Some(numbers) = self.reader.numbers(column)
                    && numbers.is_strided()
                {
                    numbers.read(start + first, &mut self.own[at * self.stride + first..][..count]);
                }
            }
        }
    }

    fn load_sparse(&mut self, csr: &Csr, start: usize, rows: usize) {
        self.own.clear();
        self.own.resize(self.reader.width() * self.stride, 0.0);
        let entries = csr.indptr[start]..csr.indptr[start + rows];
        self.entries.resize(entries.len(), 0.0);
        csr.data.read(entries.start, &mut self.entries);
        for row in 0..rows {
            for entry in csr.indptr[start + row]..csr.indptr[start + row + 1] {
                let slot = self.reader.sparse_slot[csr.indices[entry] as usize];
                if slot != u32::MAX {
                    self.own[slot as usize * self.stride + row] += self.entries[entry - entries.start];
                }
            }
        }
    }

    fn slot_rows(&self, slot: usize) -> &[f64] {
        match self.places[slot] {
            Place::Direct(rows) => rows,
            Place::Own => &self.own[slot * self.stride..][..self.rows],
        }
    }

    /// Set `bad[r]` for rows with a refused value; gives whether there is one.
    pub(super) fn find_refused(&self, bad: &mut [u8]) -> bool {
        let policy = self.reader.policy;
        let mut any = false;
        if !policy.refuses() {
            return any;
        }
        for slot in 0..self.reader.width() {
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

impl Columns for Block<'_, '_> {
    fn column(&self, feature: usize) -> &[f64] {
        self.slot_rows(self.reader.slot[feature] as usize)
    }
}
