//! Values that splits ask for, and statistics looked up by a hash.

use super::Columns;
use std::hash::{BuildHasher, RandomState};

use crate::model::{Ctr, OneHot};

/// `out[c * stride + r]` is 1 where the column equals the number; NaN equals NaN.
pub(crate) fn one_hot(model: &OneHot, input: &impl Columns, out: &mut [f64], stride: usize, rows: usize) {
    for ((&feature, &value), out) in model.feature.iter().zip(&model.value).zip(out.chunks_mut(stride)) {
        let pairs = out[..rows].iter_mut().zip(input.column(feature as usize));
        if value.is_nan() {
            pairs.for_each(|(to, x)| *to = f64::from(u8::from(x.is_nan())));
        } else {
            pairs.for_each(|(to, &x)| *to = f64::from(u8::from(x == value)));
        }
    }
}

/// The keys of each table with their rows, in open addressing: a block's lookups are misses of the cache, so one probe
/// counts more than the size.
#[derive(Debug)]
pub(crate) struct Lookup {
    tables: Vec<Slots>,
}

#[derive(Debug)]
struct Slots {
    /// Key and row plus one; 0 is an empty slot.
    slots: Vec<(u64, u32)>,
    shift: u32,
    /// Odd, and another in each process: keys come from files, which must not choose where they collide.
    factor: u64,
}

impl Lookup {
    /// None when a table has 2^32 keys or more.
    pub fn new(ctr: &Ctr) -> Option<Lookup> {
        (0..ctr.tables())
            .map(|table| Slots::new(&ctr.key[ctr.keys(table)]))
            .collect::<Option<_>>()
            .map(|tables| Lookup { tables })
    }
}

impl Slots {
    fn new(keys: &[u64]) -> Option<Slots> {
        u32::try_from(keys.len()).ok().filter(|&n| n < u32::MAX)?;
        let bits = (2 * keys.len()).max(2).next_power_of_two().trailing_zeros();
        let mut table =
            Slots { slots: vec![(0, 0); 1 << bits], shift: 64 - bits, factor: RandomState::new().hash_one(bits) | 1 };
        for (row, &key) in keys.iter().enumerate() {
            let mut at = table.home(key);
            while table.slots[at].1 != 0 {
                at = (at + 1) % table.slots.len();
            }
            table.slots[at] = (key, row as u32 + 1);
        }
        Some(table)
    }

    /// Keys differ in few bits where tables are small: multiply once more.
    #[inline]
    fn home(&self, key: u64) -> usize {
        (key.wrapping_mul(self.factor) >> self.shift) as usize
    }

    #[inline]
    fn find(&self, key: u64) -> Option<usize> {
        let mut at = self.home(key);
        loop {
            match self.slots[at] {
                (_, 0) => return None,
                (found, row) if found == key => return Some(row as usize - 1),
                _ => at = (at + 1) & (self.slots.len() - 1),
            }
        }
    }
}

/// `out[c * stride + r]` of all tables. `keys` is scratch.
pub(crate) fn ctr(
    model: &Ctr,
    lookup: &Lookup,
    input: &impl Columns,
    keys: &mut Vec<u64>,
    out: &mut [f64],
    stride: usize,
    rows: usize,
) {
    let (mut column, mut values) = (0, 0);
    for (table, slots) in lookup.tables.iter().enumerate() {
        let width = model.columns[table] as usize;
        let [categories, borders, equals] = model.parts(table);
        keys.clear();
        keys.resize(rows, 0);
        for c in categories {
            let hashes = input.column(model.category[c] as usize);
            keys.iter_mut().zip(hashes).for_each(|(key, &hash)| *key = Ctr::add_category(*key, hash));
        }
        for b in borders {
            let x = input.column(model.border_feature[b] as usize);
            keys.iter_mut().zip(x).for_each(|(key, &x)| *key = model.add_border(*key, b, x));
        }
        for e in equals {
            let x = input.column(model.equal_feature[e] as usize);
            keys.iter_mut().zip(x).for_each(|(key, &x)| *key = model.add_equal(*key, e, x));
        }
        let otherwise = &model.otherwise[column..column + width];
        for (row, &key) in keys.iter().enumerate() {
            let found = match slots.find(key) {
                Some(at) => &model.value[values + at * width..values + (at + 1) * width],
                None => otherwise,
            };
            for (c, &value) in found.iter().enumerate() {
                out[(column + c) * stride + row] = value;
            }
        }
        column += width;
        values += model.keys(table).len() * width;
    }
}
