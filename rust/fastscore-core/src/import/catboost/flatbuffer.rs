//! A FlatBuffers reader that trusts nothing: every offset is checked against the bytes, and a budget keeps shared
//! offsets from making a small file claim a large model. Field numbers are those of CatBoost's schemas.

use std::cell::Cell;

use crate::error::{Result, format_error};

/// How many times over a buffer's bytes may be read: tables may be shared, but not without limit.
const SHARING: usize = 8;

/// A FlatBuffers message.
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    what: &'a str,
    budget: Cell<usize>,
}

/// A table of a message.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    message: &'a Message<'a>,
    at: usize,
    vtable: usize,
    vtable_bytes: usize,
}

impl<'a> Message<'a> {
    /// `what` names the message in errors.
    pub fn new(bytes: &'a [u8], what: &'a str) -> Self {
        Message { bytes, what, budget: Cell::new(bytes.len().saturating_mul(SHARING).saturating_add(1 << 12)) }
    }

    /// The root table.
    pub fn root(&'a self) -> Result<Table<'a>> {
        let at = self.offset(0)?;
        self.table(at)
    }

    fn broken(&self, at: usize, why: &str) -> crate::Error {
        format_error(format!("{}: {why} at byte {at} of {} (cut short or damaged)", self.what, self.bytes.len()))
    }

    fn read<const N: usize>(&self, at: usize) -> Result<[u8; N]> {
        let found = self.bytes.get(at..).and_then(|rest| rest.first_chunk::<N>());
        found.copied().ok_or_else(|| self.broken(at, "an offset leads past the end"))
    }

    /// The place that the offset stored at `at` leads to.
    fn offset(&self, at: usize) -> Result<usize> {
        let distance = u32::from_le_bytes(self.read(at)?) as usize;
        at.checked_add(distance).ok_or_else(|| self.broken(at, "an offset leads past the end"))
    }

    fn spend(&self, bytes: usize, at: usize) -> Result<()> {
        let left = self.budget.get().checked_sub(bytes);
        self.budget.set(left.ok_or_else(|| self.broken(at, "parts overlap and claim more than the file holds"))?);
        Ok(())
    }

    fn table(&'a self, at: usize) -> Result<Table<'a>> {
        self.spend(4, at)?;
        let back = i64::from(i32::from_le_bytes(self.read(at)?));
        let vtable = usize::try_from(at as i64 - back).map_err(|_| self.broken(at, "a table has no field list"))?;
        let vtable_bytes = usize::from(u16::from_le_bytes(self.read(vtable)?));
        let whole = vtable.checked_add(vtable_bytes).is_some_and(|end| end <= self.bytes.len());
        if vtable_bytes < 4 || !whole {
            return Err(self.broken(vtable, "a table's field list is broken"));
        }
        Ok(Table { message: self, at, vtable, vtable_bytes })
    }

    /// The bytes of the vector whose length stands at `at`.
    fn vector(&self, at: usize, element: usize) -> Result<&'a [u8]> {
        let length = u32::from_le_bytes(self.read(at)?) as usize;
        let found = length
            .checked_mul(element)
            .and_then(|bytes| self.bytes.get(at.checked_add(4)?..)?.get(..bytes))
            .ok_or_else(|| self.broken(at, &format!("a list claims {length} entries, more than follow")))?;
        self.spend(found.len(), at)?;
        Ok(found)
    }
}

macro_rules! numbers {
    ($(($name:ident, $type:ty, $size:literal)),*) => {$(
        /// A number, or the schema's default where it is absent.
        pub fn $name(&self, field: usize, default: $type) -> Result<$type> {
            match self.field(field)? {
                Some(at) => Ok(<$type>::from_le_bytes(self.message.read::<$size>(at)?)),
                None => Ok(default),
            }
        }
    )*};
}

macro_rules! lists {
    ($(($name:ident, $type:ty, $size:literal)),*) => {$(
        /// A list of numbers, empty where it is absent.
        pub fn $name(&self, field: usize) -> Result<Vec<$type>> {
            let words = self.raw(field, $size)?.as_chunks::<$size>().0;
            Ok(words.iter().map(|&word| <$type>::from_le_bytes(word)).collect())
        }
    )*};
}

impl<'a> Table<'a> {
    numbers! { (i8, i8, 1), (i32, i32, 4), (f32, f32, 4), (f64, f64, 8) }
    lists! { (i32s, i32, 4), (u32s, u32, 4), (f32s, f32, 4), (f64s, f64, 8) }

    /// Where a field's value stands.
    fn field(&self, field: usize) -> Result<Option<usize>> {
        let entry = 4 + 2 * field;
        if entry + 2 > self.vtable_bytes {
            return Ok(None);
        }
        let distance = usize::from(u16::from_le_bytes(self.message.read(self.vtable + entry)?));
        Ok((distance != 0).then_some(self.at + distance))
    }

    /// The bytes of a list of elements of `element` bytes, empty where it is absent.
    pub fn raw(&self, field: usize, element: usize) -> Result<&'a [u8]> {
        match self.field(field)? {
            Some(at) => self.message.vector(self.message.offset(at)?, element),
            None => Ok(&[]),
        }
    }

    /// A boolean.
    pub fn bool(&self, field: usize, default: bool) -> Result<bool> {
        Ok(self.i8(field, i8::from(default))? != 0)
    }

    /// A string, empty where it is absent.
    pub fn string(&self, field: usize) -> Result<String> {
        let bytes = self.raw(field, 1)?;
        let text = std::str::from_utf8(bytes).map_err(|_| self.message.broken(self.at, "a name is not UTF-8"))?;
        Ok(text.to_string())
    }

    /// A table.
    pub fn table(&self, field: usize) -> Result<Option<Table<'a>>> {
        match self.field(field)? {
            Some(at) => Ok(Some(self.message.table(self.message.offset(at)?)?)),
            None => Ok(None),
        }
    }

    /// A list of tables.
    pub fn tables(&self, field: usize) -> Result<Vec<Table<'a>>> {
        self.entries(field)?.into_iter().map(|at| self.message.table(at)).collect()
    }

    /// A list of strings.
    pub fn strings(&self, field: usize) -> Result<Vec<String>> {
        let text = |at| {
            let bytes = self.message.vector(at, 1)?;
            let text = std::str::from_utf8(bytes).map_err(|_| self.message.broken(at, "a name is not UTF-8"))?;
            Ok(text.to_string())
        };
        self.entries(field)?.into_iter().map(text).collect()
    }

    /// Where the entries of a list of offsets stand.
    fn entries(&self, field: usize) -> Result<Vec<usize>> {
        let Some(at) = self.field(field)? else { return Ok(Vec::new()) };
        let list = self.message.offset(at)?;
        let count = self.message.vector(list, 4)?.len() / 4;
        (0..count).map(|entry| self.message.offset(list + 4 + 4 * entry)).collect()
    }
}
