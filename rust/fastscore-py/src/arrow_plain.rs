//! Columns of numbers as the Arrow C data interface hands them over.
//!
//! arrow-rs makes a field, a type, buffers and reference counts of each column, which takes half a microsecond: where there
//! are few rows, more than to score it. Columns whose type says more than what their cells are go by it all the same.

use std::sync::Arc;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use fastscore_core::exec::table::{Chunk, Nulls, Strided, Values};
use half::f16;

use crate::arrow_ffi::Arrays;
use crate::arrow_import;

/// The format of a table, an array of structs.
pub const STRUCT: &str = "+s";

/// The type of numbers that lie one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    F64,
    F32,
    F16,
    I64,
    I32,
    I16,
    I8,
    U64,
    U32,
    U16,
    U8,
}

impl Kind {
    /// The type that a schema says; None for every other one, and where there is more to it (an extension).
    pub fn of(schema: &FFI_ArrowSchema) -> Option<Self> {
        let kind = match schema.format() {
            "g" => Kind::F64,
            "f" => Kind::F32,
            "e" => Kind::F16,
            "l" => Kind::I64,
            "i" => Kind::I32,
            "s" => Kind::I16,
            "c" => Kind::I8,
            "L" => Kind::U64,
            "I" => Kind::U32,
            "S" => Kind::U16,
            "C" => Kind::U8,
            _ => return None,
        };
        let more = schema.dictionary().is_some() || schema.metadata().map_or(true, |metadata| !metadata.is_empty());
        (!more).then_some(kind)
    }

    fn size(self) -> usize {
        match self {
            Kind::F64 | Kind::I64 | Kind::U64 => 8,
            Kind::F32 | Kind::I32 | Kind::U32 => 4,
            Kind::F16 | Kind::I16 | Kind::U16 => 2,
            Kind::I8 | Kind::U8 => 1,
        }
    }
}

/// A run of a column's cells, in memory that an array of Arrow owns.
pub struct Cells<'a> {
    values: Values<'a>,
    valid: Option<NullBuffer>,
}

impl Cells<'_> {
    /// As the core sees it.
    pub fn chunk(&self) -> Chunk<'_> {
        let nulls = self.valid.as_ref().map_or(Nulls::None, Nulls::Bitmap);
        Chunk { values: self.values.clone(), nulls }
    }
}

/// Whether the rows of a struct array are those of its children: it has neither an offset nor nulls of its own.
pub fn is_plain(array: &FFI_ArrowArray) -> bool {
    let valid = array.null_count_opt() == Some(0) || array.num_buffers() == 0 || array.buffer(0).is_null();
    array.offset() == 0 && valid
}

/// The first `rows` cells of a column; None where they can't be read in place.
///
/// # Safety
/// `column` must be valid, of the type that `kind` was made of, and live as long as `'a`.
pub unsafe fn cells<'a>(column: &FFI_ArrowArray, kind: Kind, rows: usize) -> Option<Cells<'a>> {
    if column.num_buffers() != 2 || column.len() < rows {
        return None;
    }
    let (data, offset) = (column.buffer(1), column.offset());
    if data.is_null() || !data.addr().is_multiple_of(kind.size()) {
        return None;
    }
    macro_rules! of {
        ($variant:ident, $type:ty) => {{
            // SAFETY: the second buffer of a valid array of this type holds `offset + length` numbers, of which these are
            // some, and lives as long as the array; it is aligned, as was checked.
            let cells = unsafe { std::slice::from_raw_parts(data.cast::<$type>().add(offset), rows) };
            Values::$variant(Strided::contiguous(cells))
        }};
    }
    let values = match kind {
        Kind::F64 => of!(F64, f64),
        Kind::F32 => of!(F32, f32),
        Kind::F16 => of!(F16, f16),
        Kind::I64 => of!(I64, i64),
        Kind::I32 => of!(I32, i32),
        Kind::I16 => of!(I16, i16),
        Kind::I8 => of!(I8, i8),
        Kind::U64 => of!(U64, u64),
        Kind::U32 => of!(U32, u32),
        Kind::U16 => of!(U16, u16),
        Kind::U8 => of!(U8, u8),
    };
    // SAFETY: the caller's.
    Some(Cells { values, valid: unsafe { valid(column, rows) } })
}

/// Which of the first `rows` are not null; None where all are.
///
/// # Safety
/// As [`cells`].
unsafe fn valid(column: &FFI_ArrowArray, rows: usize) -> Option<NullBuffer> {
    let bits = std::ptr::NonNull::new(column.buffer(0).cast_mut()).filter(|_| column.null_count_opt() != Some(0))?;
    let bytes = (column.offset() + rows).div_ceil(8);
    // SAFETY: the first buffer of a valid array is null or holds a bit for each of its rows, and lives as long as the
    // array: the caller sees to it that this is longer than the cells are used, so nothing need own it here.
    let buffer = unsafe { Buffer::from_custom_allocation(bits, bytes, Arc::new(())) };
    let nulls = NullBuffer::new(BooleanBuffer::new(buffer, column.offset(), rows));
    (nulls.null_count() > 0).then_some(nulls)
}

/// Struct arrays whose columns are read in place where they are numbers.
pub struct Borrowed {
    /// The runs of each of these columns, one an array. Before their owners, so that they are dropped first.
    cells: Vec<Cells<'static>>,
    arrays: Vec<FFI_ArrowArray>,
    /// Which of the columns they are.
    kinds: Vec<Option<Kind>>,
}

impl Borrowed {
    /// From struct arrays, where all columns that have a type of numbers can be read in place; else they are given back.
    pub fn new(Arrays { schema, arrays }: Arrays) -> Result<(Self, FFI_ArrowSchema), Arrays> {
        let kinds: Vec<_> = schema.children().map(Kind::of).collect();
        let fits = |array: &FFI_ArrowArray| is_plain(array) && array.num_children() == kinds.len();
        if schema.format() != STRUCT || arrays.is_empty() || !arrays.iter().all(fits) {
            return Err(Arrays { schema, arrays });
        }
        let mut cells = Vec::with_capacity(kinds.len() * arrays.len());
        for (column, kind) in kinds.iter().enumerate() {
            let Some(kind) = *kind else { continue };
            for array in &arrays {
                // SAFETY: the schema describes the arrays, as their producer must have seen to. Their memory is where it is
                // until they are dropped with `Borrowed`, after its cells.
                match unsafe { self::cells(array.child(column), kind, array.len()) } {
                    Some(found) => cells.push(found),
                    None => return Err(Arrays { schema, arrays }),
                }
            }
        }
        Ok((Borrowed { cells, arrays, kinds }, schema))
    }

    /// Rows of all arrays.
    pub fn rows(&self) -> usize {
        self.arrays.iter().map(FFI_ArrowArray::len).sum()
    }

    /// Whether a column is read in place.
    pub fn has(&self, column: usize) -> bool {
        self.kinds.get(column).is_some_and(Option::is_some)
    }

    /// Move a column that is not read in place out of the arrays: an array of each, with the rows that are the table's; none of a
    /// column that is, or is not there.
    pub fn take(&mut self, column: usize) -> Vec<(FFI_ArrowArray, usize)> {
        if !self.kinds.get(column).is_some_and(Option::is_none) {
            return Vec::new();
        }
        let child = |array: &mut FFI_ArrowArray| {
            let rows = array.len();
            // SAFETY: the array has as many children as there are kinds, and no cells of ours are in this one. The interface
            // lets a consumer move a child out: `from_raw` leaves a released shell, which the array's own release passes by.
            (unsafe { FFI_ArrowArray::from_raw(arrow_import::child(array, column)) }, rows)
        };
        self.arrays.iter_mut().map(child).collect()
    }

    /// The runs of the plain column of that number, counted among plain columns only.
    pub fn column(&self, number: usize) -> &[Cells<'_>] {
        let runs = self.arrays.len();
        &self.cells[number * runs..][..runs]
    }
}
