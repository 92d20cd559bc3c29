//! Columns to score, borrowed from whoever owns them (Arrow arrays, NumPy buffers), never copied.

use std::ops::Range;

use arrow_buffer::{BooleanBuffer, NullBuffer};
use half::f16;
use half::slice::HalfFloatSliceExt;

use super::category::{Categories, Kind};
use crate::kernels::{Bitmap, Cells, gather};
use crate::simd::Level;

/// Elements `base[i * stride]` for `i < len`.
#[derive(Debug, Clone, Copy)]
pub struct Strided<'a, T> {
    base: &'a [T],
    stride: usize,
    len: usize,
}

impl<'a, T: Copy> Strided<'a, T> {
    /// Neighbouring elements.
    pub fn contiguous(base: &'a [T]) -> Self {
        Strided { base, stride: 1, len: base.len() }
    }

    /// Every `stride`-th element (a stride of 0 repeats the first); None where `base` is too short.
    pub fn new(base: &'a [T], stride: usize, len: usize) -> Option<Self> {
        let reach = match len {
            0 => 0,
            _ => (len - 1).checked_mul(stride)?.checked_add(1)?,
        };
        (reach <= base.len()).then_some(Strided { base, stride, len })
    }

    /// How many elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether elements are not neighbours.
    pub fn is_strided(&self) -> bool {
        self.stride != 1
    }

    /// The elements from the first on, others between them, and the distance from one to the next.
    pub(super) fn parts(&self) -> (&'a [T], usize) {
        (self.base, self.stride)
    }

    /// Where the first element lies.
    pub(super) fn address(&self) -> usize {
        self.base.as_ptr().addr()
    }

    /// Elements `start .. start + count`, which must be in range, as a slice when they are neighbours.
    pub fn slice(&self, start: usize, count: usize) -> Option<&'a [T]> {
        (self.stride == 1).then(|| &self.base[start..start + count])
    }

    /// `out[i] = convert(element start + i)`; the range must be within `len`.
    #[inline]
    pub fn convert(&self, start: usize, out: &mut [f64], convert: impl Fn(T) -> f64) {
        match self.stride {
            1 => {
                let source = &self.base[start..start + out.len()];
                for (to, &from) in out.iter_mut().zip(source) {
                    *to = convert(from);
                }
            }
            0 => {
                if let Some(&first) = self.base.first() {
                    out.fill(convert(first));
                }
            }
            stride => gather::strided(&self.base[start * stride..], stride, out, convert),
        }
    }
}

/// The values of a chunk.
#[derive(Debug, Clone)]
pub enum Values<'a> {
    /// float64
    F64(Strided<'a, f64>),
    /// float32
    F32(Strided<'a, f32>),
    /// float16
    F16(Strided<'a, f16>),
    /// int8
    I8(Strided<'a, i8>),
    /// int16
    I16(Strided<'a, i16>),
    /// int32
    I32(Strided<'a, i32>),
    /// int64
    I64(Strided<'a, i64>),
    /// uint8, and booleans of one byte
    U8(Strided<'a, u8>),
    /// uint16
    U16(Strided<'a, u16>),
    /// uint32
    U32(Strided<'a, u32>),
    /// uint64
    U64(Strided<'a, u64>),
    /// Booleans of one bit.
    Bits(&'a BooleanBuffer),
    /// Nothing but nulls, so many.
    Null(usize),
}

/// Which rows of a chunk are null.
#[derive(Debug, Clone, Default)]
pub enum Nulls<'a> {
    /// None is.
    #[default]
    None,
    /// Arrow's bitmap, a set bit is valid.
    Bitmap(&'a NullBuffer),
    /// A byte a row, not zero where null (pandas, `numpy.ma`).
    Mask(Strided<'a, u8>),
}

/// A run of a column's rows.
#[derive(Debug, Clone)]
pub struct Chunk<'a> {
    /// The values; what stands at null rows is never looked at.
    pub values: Values<'a>,
    /// Which are null.
    pub nulls: Nulls<'a>,
}

impl<'a> Chunk<'a> {
    /// Rows `first .. first + count` themselves, as [`Numbers::cells`].
    fn cells(&self, first: usize, count: usize) -> Option<(Cells<'a>, Option<Bitmap<'a>>)> {
        let bitmap = |bits: &'a BooleanBuffer| Bitmap::new(bits.values(), bits.offset() + first);
        let valid = match self.nulls {
            Nulls::None => None,
            Nulls::Bitmap(valid) => Some(bitmap(valid.inner())),
            Nulls::Mask(_) => return None,
        };
        let cells = match &self.values {
            Values::F64(v) => Cells::F64(v.slice(first, count)?),
            Values::F32(v) => Cells::F32(v.slice(first, count)?),
            Values::F16(v) => Cells::F16(v.slice(first, count)?.reinterpret_cast()),
            Values::I8(v) => Cells::I8(v.slice(first, count)?),
            Values::I16(v) => Cells::I16(v.slice(first, count)?),
            Values::I32(v) => Cells::I32(v.slice(first, count)?),
            Values::I64(v) => Cells::I64(v.slice(first, count)?),
            Values::U8(v) => Cells::U8(v.slice(first, count)?),
            Values::U16(v) => Cells::U16(v.slice(first, count)?),
            Values::U32(v) => Cells::U32(v.slice(first, count)?),
            Values::U64(v) => Cells::U64(v.slice(first, count)?),
            Values::Bits(bits) => Cells::Bits(bitmap(bits)),
            Values::Null(_) => return None,
        };
        Some((cells, valid))
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        match &self.values {
            Values::F64(v) => v.len(),
            Values::F32(v) => v.len(),
            Values::F16(v) => v.len(),
            Values::I8(v) => v.len(),
            Values::I16(v) => v.len(),
            Values::I32(v) => v.len(),
            Values::I64(v) => v.len(),
            Values::U8(v) => v.len(),
            Values::U16(v) => v.len(),
            Values::U32(v) => v.len(),
            Values::U64(v) => v.len(),
            Values::Bits(v) => v.len(),
            Values::Null(n) => *n,
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows `start .. start + out.len()` as float64, NaN where null.
    pub(super) fn read(&self, level: Level, start: usize, out: &mut [f64]) {
        if let Some((cells, valid)) = self.cells(start, out.len()) {
            return cells.widen(level, valid, 0, out);
        }
        match &self.values {
            Values::F64(v) => v.convert(start, out, |x| x),
            Values::F32(v) => v.convert(start, out, f64::from),
            Values::F16(v) => v.convert(start, out, f64::from),
            Values::I8(v) => v.convert(start, out, f64::from),
            Values::I16(v) => v.convert(start, out, f64::from),
            Values::I32(v) => v.convert(start, out, f64::from),
            Values::I64(v) => v.convert(start, out, |x| x as f64),
            Values::U8(v) => v.convert(start, out, f64::from),
            Values::U16(v) => v.convert(start, out, f64::from),
            Values::U32(v) => v.convert(start, out, f64::from),
            Values::U64(v) => v.convert(start, out, |x| x as f64),
            Values::Bits(v) => {
                for (to, row) in out.iter_mut().zip(start..) {
                    *to = f64::from(u8::from(v.value(row)));
                }
            }
            Values::Null(_) => out.fill(f64::NAN),
        }
        self.nulls.fill(start, out, f64::NAN);
    }
}

impl Nulls<'_> {
    /// Put `with` where the rows `start .. start + out.len()` are null.
    pub(super) fn fill(&self, start: usize, out: &mut [f64], with: f64) {
        match self {
            Nulls::None => {}
            Nulls::Bitmap(valid) => {
                for (to, row) in out.iter_mut().zip(start..) {
                    if valid.is_null(row) {
                        *to = with;
                    }
                }
            }
            Nulls::Mask(mask) => {
                let mut flags = [0.0; 64];
                for (part, at) in out.chunks_mut(64).zip((start..).step_by(64)) {
                    let flags = &mut flags[..part.len()];
                    mask.convert(at, flags, f64::from);
                    for (to, &flag) in part.iter_mut().zip(flags.iter()) {
                        if flag != 0.0 {
                            *to = with;
                        }
                    }
                }
            }
        }
    }
}

impl Values<'_> {
    /// What tells values of one length apart from others: their type, where the first one lies, and the stride.
    pub(super) fn place(&self) -> (std::mem::Discriminant<Self>, usize, usize) {
        let (address, stride) = match self {
            Values::F64(v) => (v.address(), v.stride),
            Values::F32(v) => (v.address(), v.stride),
            Values::F16(v) => (v.address(), v.stride),
            Values::I8(v) => (v.address(), v.stride),
            Values::I16(v) => (v.address(), v.stride),
            Values::I32(v) => (v.address(), v.stride),
            Values::I64(v) => (v.address(), v.stride),
            Values::U8(v) => (v.address(), v.stride),
            Values::U16(v) => (v.address(), v.stride),
            Values::U32(v) => (v.address(), v.stride),
            Values::U64(v) => (v.address(), v.stride),
            Values::Bits(v) => (v.values().as_ptr().addr(), v.offset()),
            Values::Null(_) => (0, 0),
        };
        (std::mem::discriminant(self), address, stride)
    }

    /// The type's name, for messages.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Values::F64(_) => "float64",
            Values::F32(_) => "float32",
            Values::F16(_) => "float16",
            Values::I8(_) => "int8",
            Values::I16(_) => "int16",
            Values::I32(_) => "int32",
            Values::I64(_) => "int64",
            Values::U8(_) => "uint8",
            Values::U16(_) => "uint16",
            Values::U32(_) => "uint32",
            Values::U64(_) => "uint64",
            Values::Bits(_) => "bool",
            Values::Null(_) => "null",
        }
    }
}

/// A column: chunks one after another, or the name of a type that can't be scored.
#[derive(Debug, Clone)]
pub enum Column<'a> {
    /// Numbers.
    Numbers(Numbers<'a>),
    /// Strings, and dictionaries of strings or numbers.
    Categories(Categories<'a>),
    /// A type without numbers, by the name that its library gives it. An error only when the model uses the column.
    Other(String),
}

impl Column<'_> {
    /// Where the values of each chunk lie: tests prove by it that nothing is copied. None of categories.
    pub fn addresses(&self) -> Vec<usize> {
        match self {
            Column::Numbers(numbers) => numbers.chunks().iter().map(|chunk| chunk.values.place().1).collect(),
            Column::Categories(_) | Column::Other(_) => Vec::new(),
        }
    }

    /// How many rows; None where that is not known.
    fn rows(&self) -> Option<usize> {
        match self {
            Column::Numbers(numbers) => Some(numbers.len()),
            Column::Categories(categories) => Some(categories.len()),
            Column::Other(_) => None,
        }
    }

    /// The name of its type, and what the values are where they can be scored.
    pub(super) fn kind(&self) -> (&str, Option<Kind>) {
        match self {
            Column::Numbers(numbers) => match numbers.chunks().first() {
                Some(chunk) => (chunk.values.type_name(), Some(chunk.values.kind())),
                None => ("null", Some(Kind::Null)),
            },
            Column::Categories(categories) => (categories.type_name(), Some(categories.kind())),
            Column::Other(name) => (name, None),
        }
    }
}

/// The chunks of a column of numbers.
#[derive(Debug, Clone)]
pub struct Numbers<'a>(Chunks<'a>);

/// One chunk takes no memory of its own: a call for a row or two has little time.
#[derive(Debug, Clone)]
enum Chunks<'a> {
    One(Chunk<'a>),
    /// `ends[i]` is the row after chunk i's last.
    Many {
        chunks: Vec<Chunk<'a>>,
        ends: Vec<usize>,
    },
}

impl<'a> Numbers<'a> {
    /// From the only chunk.
    pub fn one(chunk: Chunk<'a>) -> Self {
        Numbers(Chunks::One(chunk))
    }

    /// From chunks in row order.
    pub fn new(chunks: impl IntoIterator<Item = Chunk<'a>>) -> Self {
        let mut chunks = chunks.into_iter();
        match (chunks.next(), chunks.next()) {
            (Some(chunk), None) => Numbers(Chunks::One(chunk)),
            (first, second) => {
                let chunks: Vec<_> = first.into_iter().chain(second).chain(chunks).collect();
                let mut end = 0;
                let ends = chunks.iter().map(|chunk| {
                    end += chunk.len();
                    end
                });
                Numbers(Chunks::Many { ends: ends.collect(), chunks })
            }
        }
    }

    /// The chunks in row order.
    pub(super) fn chunks(&self) -> &[Chunk<'a>] {
        match &self.0 {
            Chunks::One(chunk) => std::slice::from_ref(chunk),
            Chunks::Many { chunks, .. } => chunks,
        }
    }

    /// The chunk that has a row, and its rows.
    fn locate(&self, row: usize) -> Option<(usize, Range<usize>)> {
        match &self.0 {
            Chunks::One(chunk) => (row < chunk.len()).then(|| (0, 0..chunk.len())),
            Chunks::Many { ends, .. } => {
                let index = ends.partition_point(|&end| end <= row);
                let first = if index == 0 { 0 } else { ends[index - 1] };
                Some((index, first..*ends.get(index)?))
            }
        }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        match &self.0 {
            Chunks::One(chunk) => chunk.len(),
            Chunks::Many { ends, .. } => ends.last().copied().unwrap_or(0),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The one chunk; None where there are several.
    pub fn single(self) -> Option<Chunk<'a>> {
        match self.0 {
            Chunks::One(chunk) => Some(chunk),
            Chunks::Many { .. } => None,
        }
    }

    /// The values, where they are one chunk without nulls.
    pub(super) fn plain(&self) -> Option<&Values<'a>> {
        match self.chunks() {
            [Chunk { values, nulls: Nulls::None }] => Some(values),
            _ => None,
        }
    }

    /// Whether every chunk gives its [`Numbers::cells`].
    pub(super) fn is_plain(&self) -> bool {
        let whole = |chunk: &Chunk| Numbers::new([chunk.clone()]).cells(0, chunk.len()).is_some() || chunk.is_empty();
        self.chunks().iter().all(whole)
    }

    /// Whether every chunk lies in memory as float64 without nulls.
    pub(super) fn is_direct(&self) -> bool {
        let direct =
            |chunk: &Chunk| matches!(chunk, Chunk { values: Values::F64(v), nulls: Nulls::None } if !v.is_strided());
        self.chunks().iter().all(direct)
    }

    /// Whether reading jumps over memory between elements.
    pub fn is_strided(&self) -> bool {
        matches!(self.chunks(), [Chunk { values: Values::F64(v), .. }] if v.is_strided())
            || matches!(self.chunks(), [Chunk { values: Values::F32(v), .. }] if v.is_strided())
    }

    /// The rows `start .. start + count` themselves, where they lie in memory as float64 without nulls.
    pub fn direct(&self, start: usize, count: usize) -> Option<&'a [f64]> {
        let (index, range) = self.locate(start)?;
        let chunk = self.chunks().get(index)?;
        match (&chunk.values, &chunk.nulls) {
            (Values::F64(v), Nulls::None) if start + count <= range.end => v.slice(start - range.start, count),
            _ => None,
        }
    }

    /// The rows `start .. start + count` themselves, where they lie in memory one after another, and which are valid; None
    /// where all are.
    pub(super) fn cells(&self, start: usize, count: usize) -> Option<(Cells<'a>, Option<Bitmap<'a>>)> {
        let (index, range) = self.locate(start)?;
        let chunk = self.chunks().get(index).filter(|_| start + count <= range.end)?;
        chunk.cells(start - range.start, count)
    }

    /// Rows `start .. start + out.len()` as float64, NaN where null; the range must be within `len`.
    pub fn read(&self, level: Level, start: usize, out: &mut [f64]) {
        self.each(start, out, |chunk, first, part| chunk.read(level, first, part));
    }

    /// Give each chunk its part of `out`, and the row of the chunk where that begins.
    pub(super) fn each(&self, mut start: usize, mut out: &mut [f64], read: impl Fn(&Chunk<'a>, usize, &mut [f64])) {
        while let (false, Some((index, range))) = (out.is_empty(), self.locate(start)) {
            let here = out.len().min(range.end - start);
            let (part, rest) = out.split_at_mut(here);
            read(&self.chunks()[index], start - range.start, part);
            out = rest;
            start += here;
        }
    }
}

/// A sparse matrix by rows: absent entries are 0, entries named twice add up, as in SciPy.
#[derive(Debug, Clone)]
pub struct Csr<'a> {
    /// Where each row's entries start, and the end.
    pub indptr: Vec<usize>,
    /// Column of each entry.
    pub indices: Vec<u32>,
    /// Value of each entry.
    pub data: Numbers<'a>,
    /// Number of columns.
    pub columns: usize,
}

/// What a table holds.
#[derive(Debug, Clone)]
pub enum Body<'a> {
    /// Columns of the same length.
    Columns(Vec<Column<'a>>),
    /// A sparse matrix.
    Csr(Csr<'a>),
}

/// Columns of the same length, with or without names.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    names: Option<&'a [String]>,
    body: Body<'a>,
    rows: usize,
    typeless: bool,
}

impl<'a> Table<'a> {
    /// A table of `rows` rows. The error says which column has another length, or which sparse entry is out of range.
    pub fn new(names: Option<&'a [String]>, body: Body<'a>, rows: usize) -> crate::Result<Self> {
        let schema = |message: String| Err(crate::Error::Schema(message));
        let columns = match &body {
            Body::Columns(columns) => {
                for (index, column) in columns.iter().enumerate() {
                    if let Some(found) = column.rows()
                        && found != rows
                    {
                        return schema(format!("column number {index} has {found} rows, the table {rows}"));
                    }
                }
                columns.len()
            }
            Body::Csr(csr) => {
                let entries = csr.indices.len();
                let rising = csr.indptr.windows(2).all(|pair| pair[0] <= pair[1]);
                let framed = csr.indptr.first() == Some(&0) && csr.indptr.last() == Some(&entries);
                if csr.indptr.len() != rows + 1 || !rising || !framed || csr.data.len() != entries {
                    return schema("the sparse matrix is inconsistent: indptr must rise from 0 to the entries".into());
                }
                if let Some(entry) = csr.indices.iter().position(|&column| column as usize >= csr.columns) {
                    return schema(format!(
                        "the sparse matrix is inconsistent: entry {entry} is in column {} of {}",
                        csr.indices[entry], csr.columns
                    ));
                }
                csr.columns
            }
        };
        if let Some(names) = names
            && names.len() != columns
        {
            return schema(format!("{} column names for {columns} columns", names.len()));
        }
        let typeless = matches!(body, Body::Csr(_));
        Ok(Table { names, body, rows, typeless })
    }

    /// The same as a matrix whose numbers say nothing of what they stand for: in columns of encoded features they are
    /// what [`crate::model::MatrixRule`] says. Sparse matrices always are.
    pub fn typeless(mut self) -> Self {
        self.typeless = true;
        self
    }

    /// Whether it is such a matrix.
    pub fn is_typeless(&self) -> bool {
        self.typeless
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns.
    pub fn columns(&self) -> usize {
        match &self.body {
            Body::Columns(columns) => columns.len(),
            Body::Csr(csr) => csr.columns,
        }
    }

    /// The columns' names.
    pub fn names(&self) -> Option<&'a [String]> {
        self.names
    }

    /// What it holds.
    pub fn body(&self) -> &Body<'a> {
        &self.body
    }

    /// Whether a column has plain numbers.
    pub(super) fn has_numbers(&self, column: usize) -> bool {
        matches!(&self.body, Body::Columns(columns) if matches!(columns.get(column), Some(Column::Numbers(_))))
    }

    /// Whether a column has keys or texts, and not plain numbers.
    pub(super) fn has_categories(&self, column: usize) -> bool {
        matches!(&self.body, Body::Columns(columns) if matches!(columns.get(column), Some(Column::Categories(_))))
    }

    /// The name of a column's type, and what its values are where they can be scored.
    pub(super) fn kind(&self, column: usize) -> (&str, Option<Kind>) {
        match &self.body {
            Body::Columns(columns) => columns.get(column).map_or(("unknown", None), Column::kind),
            Body::Csr(_) => ("float64", Some(Kind::Float)),
        }
    }
}
