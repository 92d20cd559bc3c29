//! A block of rows of the features as float64 columns: the one place that reads tables and knows about nulls.

use std::cell::{Cell, OnceCell};

use super::bind::{Binding, takes_codes};
use super::encode::{Encoded, Problem, Rule};
use super::refusal::{mark, may_be_refused};
use super::rows::Array;
use super::table::{Body, Column, Csr, Numbers, Table};
use crate::kernels::{Bitmap, Cells, Rows};
use crate::model::{Absent, Checks, Features, Model, Unknown};
use crate::simd::Level;

/// Rows read at a time from memory that is not contiguous by column: so many rows of some dozen columns stay in the
/// first cache level while all columns read them.
const TILE: usize = 64;

/// Between columns that are made of rows, so that they do not all begin in one set of the cache.
const GAP: usize = 8;

/// Numbers of a table that is taken to be in memory when it is scored, not in a cache: 8 MB of float64. Fetching ahead takes a linear model
/// a fifth less from memory, and a twentieth more in the last cache level.
const FAR: usize = 1 << 20;

/// What a call reads, the same for every block.
pub(super) struct Reader<'t> {
    /// The instructions that values are converted and looked at with.
    level: Level,
    table: &'t Table<'t>,
    loaded: Vec<Loaded<'t>>,
    /// Per feature its slot in a block; `u32::MAX` where not loaded.
    slot: Vec<u32>,
    /// Per sparse column its slot.
    sparse_slot: Vec<u32>,
    /// The table as an array of rows, where it is one and nothing needs converting.
    array: Option<Array<'t>>,
    /// Whether columns are converted only when they are asked for: each is read once, as it lies in memory.
    streams: bool,
    features: &'t Features,
    /// What an entry is that a sparse matrix does not hold.
    absent: Absent,
    /// What is refused of some loaded feature.
    checks: Checks,
    /// Whether steps refuse values too, which may be those that a missing one becomes.
    guarded: bool,
}

/// A feature that is loaded.
pub(super) struct Loaded<'t> {
    feature: usize,
    pub(super) column: usize,
    pub(super) way: Way<'t>,
    /// What is refused of its values before any step: of codes, those that are missing, or stand for an infinity.
    pub(super) checks: Checks,
}

/// How a loaded feature's column is read.
pub(super) enum Way<'t> {
    /// As it is: numbers.
    Numbers,
    /// A column whose values become codes, or a dictionary of numbers. Large and rare, so on its own.
    Encoded(Box<Encoded<'t>>),
    /// A column of a sparse matrix, whose values become codes.
    Recoded(Rule<'t>),
}

/// Where a loaded feature's rows are.
#[derive(Clone, Copy)]
enum Place<'t> {
    /// In the table itself.
    Direct(&'t [f64]),
    /// In the table itself, of another type or with rows that are not valid; a column is made when it is asked for.
    Cells(Cells<'t>, Option<Bitmap<'t>>),
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
    /// Columns made from the table's rows: row r of slot s is at `s * (stride + GAP) + r`.
    turned: OnceCell<Vec<f64>>,
    /// Per slot the column that was asked for though its cells are of another type.
    converted: Vec<OnceCell<Vec<f64>>>,
    /// The memory that they had in the block before.
    spare: Cell<Vec<f64>>,
    entries: Vec<f64>,
}

impl<'t> Reader<'t> {
    /// `read` flags the features that the output needs. A feature that is not read is still loaded where its values
    /// could be refused.
    pub(super) fn new(
        level: Level,
        table: &'t Table<'t>,
        binding: &Binding,
        read: &[bool],
        model: &'t Model,
        streams: bool,
    ) -> Self {
        let mut slot = vec![u32::MAX; binding.len()];
        let mut loaded = Vec::with_capacity(binding.len());
        for (feature, &column) in binding.iter().enumerate() {
            let raises = model.encoding(feature).is_some_and(|(encoding, _)| encoding.unknown == Unknown::Raise);
            let checks = model.checks(feature);
            if let Some(column) = column
                && (read[feature] || checks.refuses() || raises)
            {
                slot[feature] = loaded.len() as u32;
                // Infinities are refused before they become codes where the source lists the feature.
                let way = Way::new(level, model, table, feature, column, model.refuses_infinite_category(feature));
                let checks = Checks { missing: checks.missing || way.refuses_missing(), ..checks };
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
        let checks = loaded.iter().fold(Checks::default(), |all, loaded| all.or(loaded.checks));
        let (features, absent) = (model.features(), model.input().absent);
        let guarded = !model.guards().is_empty();
        let mut reader =
            Reader { level, table, loaded, slot, sparse_slot, array: None, streams, features, absent, checks, guarded };
        reader.array = reader.find_array();
        reader
    }

    fn find_array(&self) -> Option<Array<'t>> {
        if !self.loaded.iter().all(|loaded| matches!(loaded.way, Way::Numbers)) {
            return None;
        }
        let Body::Columns(columns) = self.table.body() else { return None };
        let numbers = |loaded: &Loaded| match columns.get(loaded.column) {
            Some(Column::Numbers(numbers)) => Some((loaded.feature, numbers)),
            _ => None,
        };
        let all = || self.loaded.iter().map(numbers);
        if !all().all(|column| column.is_some()) {
            return None;
        }
        Array::new(all().flatten(), self.slot.len(), self.table.rows())
    }

    /// Features loaded for each row.
    pub(super) fn width(&self) -> usize {
        self.loaded.len()
    }

    /// Those of them that take memory in a block. `in_place`: numbers are read once, where they lie, where they are float64
    /// columns or an array.
    pub(super) fn width_in_memory(&self, in_place: bool) -> usize {
        if !self.streams && !in_place {
            return self.width();
        }
        if self.array.is_some() {
            // Kernels turn a few rows at a time.
            return 0;
        }
        let is_read = |numbers: &Numbers| if self.streams { numbers.is_plain() } else { numbers.is_direct() };
        let own = |loaded: &&Loaded| !self.numbers(loaded.column).is_some_and(is_read);
        self.loaded.iter().filter(own).count()
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

    /// The instructions that values are converted and looked at with.
    pub(super) fn level(&self) -> Level {
        self.level
    }

    /// Per feature whether nothing of it is refused where it holds nothing of what is ruled out; None where that spares no look
    /// at any.
    pub(super) fn settled(&self, ruled_out: &[Checks]) -> Option<Vec<bool>> {
        let mut settled = vec![false; self.slot.len()];
        for loaded in self.loaded.iter().filter(|loaded| matches!(loaded.way, Way::Numbers) && loaded.checks.refuses())
        {
            settled[loaded.feature] = loaded.checks.are_within(ruled_out[loaded.feature]);
        }
        settled.contains(&true).then_some(settled)
    }

    /// The table's rows.
    pub(super) fn rows(&self) -> usize {
        self.table.rows()
    }

    /// The table.
    pub(super) fn table(&self) -> &Table<'t> {
        self.table
    }

    /// The features that are loaded.
    pub(super) fn loaded(&self) -> &[Loaded<'t>] {
        &self.loaded
    }

    /// The column of a slot, for messages.
    pub(super) fn name(&self, slot: usize) -> String {
        super::bind::describe(self.features, self.table, self.loaded[slot].feature, self.loaded[slot].column)
    }

    /// Whether a missing value in a slot's column is certainly not refused.
    pub(super) fn takes_missing(&self, slot: usize) -> bool {
        !self.guarded && !self.loaded[slot].checks.missing
    }

    /// A slot's feature as a key of `unknown=`, for messages.
    pub(super) fn key(&self, slot: usize) -> String {
        let feature = self.loaded[slot].feature;
        self.features.names.as_ref().map_or_else(|| feature.to_string(), |names| format!("{:?}", names[feature]))
    }

    /// The value in a row of a feature's column, for messages; empty where it is a plain number.
    pub(super) fn describe_feature(&self, feature: usize, row: usize) -> String {
        let slot = self.slot.get(feature).filter(|&&slot| slot != u32::MAX);
        slot.map(|&slot| self.describe(slot as usize, row)).unwrap_or_default()
    }
}

impl<'t> Way<'t> {
    fn new(
        level: Level,
        model: &'t Model,
        table: &'t Table<'t>,
        feature: usize,
        column: usize,
        infinite: bool,
    ) -> Self {
        let encoding = if takes_codes(model, table, feature, column) { None } else { model.encoding(feature) };
        let rule = || Rule::new(level, encoding, infinite);
        match (table.body(), encoding) {
            (Body::Csr(_), Some(_)) => Way::Recoded(rule()),
            (Body::Columns(columns), _) => match (columns.get(column), encoding) {
                (Some(Column::Categories(categories)), _) => {
                    Way::Encoded(Box::new(Encoded::categories(categories, rule())))
                }
                (Some(Column::Numbers(numbers)), Some(_)) => Way::Encoded(Box::new(Encoded::numbers(numbers, rule()))),
                _ => Way::Numbers,
            },
            _ => Way::Numbers,
        }
    }

    /// Whether values may come out as marks.
    pub(super) fn marks(&self) -> bool {
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
            converted: Vec::new(),
            spare: Cell::default(),
            entries: Vec::new(),
        }
    }

    /// Whether the table is taken to be in memory, not in a cache.
    pub(super) fn is_far(&self) -> bool {
        self.reader.rows().saturating_mul(self.reader.width()) > FAR
    }

    /// The most rows that it takes.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// Load rows `start .. start + rows`; false where a value has no code and the call must fail.
    pub(super) fn load(&mut self, start: usize, rows: usize) -> bool {
        self.start = start;
        self.rows = rows;
        self.places.clear();
        let reader = self.reader;
        self.converted.clear();
        if reader.streams {
            self.converted.resize_with(reader.width(), OnceCell::new);
        }
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
            if reader.streams
                && let Some((cells, valid)) = numbers.cells(start, rows)
            {
                self.places.push(Place::Cells(cells, valid));
                continue;
            }
            self.places.push(Place::Own);
            let own = self.own_rows(at, rows);
            if numbers.is_strided() {
                strided = true;
            } else {
                numbers.read(reader.level, start, own);
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
                    && numbers.is_strided()
                {
                    numbers.read(self.reader.level, start + first, &mut columns[at * self.stride + first..][..count]);
                }
            }
        }
    }

    /// The table's rows as columns.
    fn turned(&self) -> &[f64] {
        self.turned.get_or_init(|| {
            let mut columns = self.spare.take();
            let room = self.stride + GAP;
            columns.resize(self.reader.width() * room, 0.0);
            if let Some(array) = &self.reader.array {
                let features: Vec<usize> = self.reader.loaded.iter().map(|loaded| loaded.feature).collect();
                array.turn(self.reader.level, self.start, self.rows, &features, &mut columns, room);
            }
            columns
        })
    }

    fn load_sparse(&mut self, csr: &Csr, start: usize, rows: usize) {
        self.own.clear();
        let absent = match self.reader.absent {
            Absent::Zero => 0.0,
            Absent::Missing => f64::NAN,
        };
        self.own.resize(self.reader.width() * self.stride, absent);
        let entries = csr.indptr[start]..csr.indptr[start + rows];
        self.entries.resize(entries.len(), 0.0);
        csr.data.read(self.reader.level, entries.start, &mut self.entries);
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

    /// A slot's rows.
    pub(super) fn slot_rows(&self, slot: usize) -> &[f64] {
        match self.places[slot] {
            Place::Direct(rows) => rows,
            Place::Own => &self.own[slot * self.stride..][..self.rows],
            Place::Rows => &self.turned()[slot * (self.stride + GAP)..][..self.rows],
            Place::Cells(cells, valid) => self.converted[slot].get_or_init(|| {
                let mut column = vec![0.0; self.rows];
                cells.widen(self.reader.level, valid, 0, &mut column);
                column
            }),
        }
    }

    /// Set `bad[r]` for rows with a refused value; gives whether there is one.
    pub(super) fn find_refused(&self, bad: &mut [u8]) -> bool {
        if !self.reader.checks.refuses() {
            return false;
        }
        if let Some(array) = &self.reader.array
            && let Some(cells) = array.span(self.start, self.rows, self.reader.width())
            && !may_be_refused(self.reader.level, self.reader.checks, cells)
        {
            return false;
        }
        self.mark_refused(self.reader.loaded.iter().enumerate(), bad)
    }

    /// The same where some features are known to have none.
    pub(super) fn find_refused_beside(&self, known: &[bool], bad: &mut [u8]) -> bool {
        let others = |(_, loaded): &(usize, &Loaded)| !known[loaded.feature];
        self.mark_refused(self.reader.loaded.iter().enumerate().filter(others), bad)
    }

    fn mark_refused<'a>(&self, features: impl Iterator<Item = (usize, &'a Loaded<'t>)>, bad: &mut [u8]) -> bool
    where
        't: 'a,
    {
        let mut any = false;
        for (slot, loaded) in features.filter(|(_, loaded)| loaded.checks.refuses()) {
            // Integers without nulls are neither missing nor infinite.
            let fractions = |cells| matches!(cells, Cells::F64(_) | Cells::F32(_) | Cells::F16(_));
            if !matches!(self.places[slot], Place::Cells(cells, None) if !fractions(cells)) {
                any |= mark(self.reader.level, loaded.checks, self.slot_rows(slot), bad);
            }
        }
        any
    }
}

impl Block<'_, '_> {
    /// A feature's rows.
    pub(super) fn column(&self, feature: usize) -> &[f64] {
        self.slot_rows(self.reader.slot[feature] as usize)
    }

    /// A feature's numbers as they lie in memory, where that is asked for and they are of one piece.
    pub(super) fn cells(&self, feature: usize) -> (Cells<'_>, Option<Bitmap<'_>>) {
        match self.places[self.reader.slot[feature] as usize] {
            Place::Cells(cells, valid) => (cells, valid),
            _ => (Cells::F64(self.column(feature)), None),
        }
    }

    /// The block as rows of an array, where it lies so.
    pub(super) fn array_rows(&self) -> Option<Rows<'_>> {
        self.reader.array.as_ref().map(|array| array.rows(self.start))
    }
}
