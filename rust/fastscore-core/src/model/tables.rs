//! Steps that look numbers up, column by column: maps, bins, interpolation. And products of columns.
//!
//! What belongs to column c of several stands one after another, at `offset[c] .. offset[c + 1]`.

use std::ops::Range;

use super::Tensors;
use crate::error::{Result, format_error};

/// A number for each of some numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Map {
    /// Per output column the column of the input that it reads.
    pub column: Vec<i32>,
    /// First key of each output column, and the end.
    pub offset: Vec<i64>,
    /// Numbers that are known, rising within a column.
    pub key: Vec<f64>,
    /// What each becomes.
    pub value: Vec<f64>,
    /// Per output column what NaN becomes.
    pub missing: Vec<f64>,
    /// Per output column what any other number becomes.
    pub other: Vec<f64>,
}

/// Per column how many edges are not above a number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bins {
    /// First edge of each column, and the end.
    pub offset: Vec<i64>,
    /// Edges, never falling within a column.
    pub edge: Vec<f64>,
}

/// Straight lines between points, NumPy's `interp`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Interpolate {
    /// First point of each column, and the end.
    pub offset: Vec<i64>,
    /// Where the points are, never falling within a column.
    pub x: Vec<f64>,
    /// Their values.
    pub y: Vec<f64>,
}

/// Products of columns of the input.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Polynomial {
    /// First factor of each output column, and the end.
    pub offset: Vec<i64>,
    /// Columns of the input, multiplied from left to right.
    pub factor: Vec<i32>,
}

/// The part of column `c`.
fn part(offset: &[i64], c: usize) -> Range<usize> {
    offset[c] as usize..offset[c + 1] as usize
}

/// Some columns' parts of the numbers, and where they begin.
fn pick<T: Copy>(offset: &[i64], numbers: &[T], columns: &[u32]) -> (Vec<i64>, Vec<T>) {
    let mut picked = (vec![0], Vec::new());
    for &c in columns {
        picked.1.extend_from_slice(&numbers[part(offset, c as usize)]);
        picked.0.push(picked.1.len() as i64);
    }
    picked
}

/// Offsets rise from 0 to `end`; gives the number of parts.
fn check_offset(what: &str, offset: &[i64], end: usize) -> Result<usize> {
    let rising = offset.windows(2).all(|pair| pair[0] <= pair[1]);
    if offset.first() != Some(&0) || offset.last() != Some(&(end as i64)) || !rising {
        return Err(format_error(format!("{what}: offset must rise from 0 to {end}")));
    }
    Ok(offset.len() - 1)
}

fn check_input(what: &str, columns: usize, input: usize) -> Result<usize> {
    if columns == input {
        Ok(columns)
    } else {
        Err(format_error(format!("{what}: {columns} columns, the value has {input}")))
    }
}

impl Map {
    /// The same with some of its columns.
    pub(crate) fn of_columns(&self, columns: &[u32]) -> Map {
        let each = |numbers: &[f64]| columns.iter().map(|&c| numbers[c as usize]).collect();
        let (offset, key) = pick(&self.offset, &self.key, columns);
        Map {
            column: columns.iter().map(|&c| self.column[c as usize]).collect(),
            offset,
            key,
            value: pick(&self.offset, &self.value, columns).1,
            missing: each(&self.missing),
            other: each(&self.other),
        }
    }

    /// Output columns.
    pub fn columns(&self) -> usize {
        self.column.len()
    }

    /// The keys of an output column, and what they become.
    pub fn entries(&self, c: usize) -> (&[f64], &[f64]) {
        let part = part(&self.offset, c);
        (&self.key[part.clone()], &self.value[part])
    }

    pub(super) fn check(&self, input: usize) -> Result<usize> {
        let columns = check_offset("map", &self.offset, self.key.len())?;
        let lengths = [
            ("column", self.column.len(), columns),
            ("missing", self.missing.len(), columns),
            ("other", self.other.len(), columns),
            ("value", self.value.len(), self.key.len()),
        ];
        if let Some((name, found, due)) = lengths.into_iter().find(|(_, found, due)| found != due) {
            return Err(format_error(format!("map: {name} has {found} entries, {due} are due")));
        }
        super::validate::check_columns("map", &self.column, input)?;
        match (0..columns).find(|&c| !self.entries(c).0.windows(2).all(|pair| pair[0] < pair[1])) {
            Some(c) => Err(format_error(format!("map: the keys of column {c} do not rise"))),
            None if self.key.iter().any(|key| key.is_nan()) => Err(format_error("map: a key is NaN")),
            None => Ok(columns),
        }
    }

    pub(super) fn take(prefix: &str, tensors: &mut Tensors) -> Result<Map> {
        let name = |part: &str| format!("{prefix}.{part}");
        Ok(Map {
            column: tensors.take_i32(&name("column"))?,
            offset: tensors.take_i64(&name("offset"))?,
            key: tensors.take_f64(&name("key"))?,
            value: tensors.take_f64(&name("value"))?,
            missing: tensors.take_f64(&name("missing"))?,
            other: tensors.take_f64(&name("other"))?,
        })
    }

    pub(super) fn put(&self, prefix: &str, tensors: &mut Tensors) {
        let name = |part: &str| format!("{prefix}.{part}");
        tensors.put_i32(name("column"), self.column.clone());
        tensors.put_i64(name("offset"), self.offset.clone());
        tensors.put_f64(name("key"), self.key.clone());
        tensors.put_f64(name("value"), self.value.clone());
        tensors.put_f64(name("missing"), self.missing.clone());
        tensors.put_f64(name("other"), self.other.clone());
    }
}

/// Numbers that never fall within a column and are not NaN.
fn check_sorted(what: &str, offset: &[i64], numbers: &[f64], columns: usize) -> Result<()> {
    match (0..columns).find(|&c| !numbers[part(offset, c)].windows(2).all(|pair| pair[0] <= pair[1])) {
        Some(c) => Err(format_error(format!("{what}: the numbers of column {c} fall"))),
        None if numbers.iter().any(|x| x.is_nan()) => Err(format_error(format!("{what}: a number is NaN"))),
        None => Ok(()),
    }
}

impl Bins {
    /// The same with some of its columns.
    pub(crate) fn of_columns(&self, columns: &[u32]) -> Bins {
        let (offset, edge) = pick(&self.offset, &self.edge, columns);
        Bins { offset, edge }
    }

    /// The edges of a column.
    pub fn edges(&self, c: usize) -> &[f64] {
        &self.edge[part(&self.offset, c)]
    }

    pub(super) fn check(&self, input: usize) -> Result<usize> {
        let columns = check_offset("bins", &self.offset, self.edge.len())?;
        check_sorted("bins", &self.offset, &self.edge, columns)?;
        check_input("bins", columns, input)
    }

    pub(super) fn take(prefix: &str, tensors: &mut Tensors) -> Result<Bins> {
        let offset = tensors.take_i64(&format!("{prefix}.offset"))?;
        Ok(Bins { offset, edge: tensors.take_f64(&format!("{prefix}.edge"))? })
    }

    pub(super) fn put(&self, prefix: &str, tensors: &mut Tensors) {
        tensors.put_i64(format!("{prefix}.offset"), self.offset.clone());
        tensors.put_f64(format!("{prefix}.edge"), self.edge.clone());
    }
}

impl Interpolate {
    /// The same with some of its columns.
    pub(crate) fn of_columns(&self, columns: &[u32]) -> Interpolate {
        let (offset, x) = pick(&self.offset, &self.x, columns);
        Interpolate { offset, x, y: pick(&self.offset, &self.y, columns).1 }
    }

    /// The points of a column.
    pub fn points(&self, c: usize) -> (&[f64], &[f64]) {
        let part = part(&self.offset, c);
        (&self.x[part.clone()], &self.y[part])
    }

    pub(super) fn check(&self, input: usize) -> Result<usize> {
        let columns = check_offset("interpolate", &self.offset, self.x.len())?;
        check_sorted("interpolate", &self.offset, &self.x, columns)?;
        if self.y.len() != self.x.len() {
            return Err(format_error(format!("interpolate: {} x for {} y", self.x.len(), self.y.len())));
        }
        if self.y.iter().any(|y| y.is_nan()) {
            return Err(format_error("interpolate: a y is NaN"));
        }
        match (0..columns).find(|&c| part(&self.offset, c).is_empty()) {
            Some(c) => Err(format_error(format!("interpolate: column {c} has no point"))),
            None => check_input("interpolate", columns, input),
        }
    }

    pub(super) fn take(prefix: &str, tensors: &mut Tensors) -> Result<Interpolate> {
        Ok(Interpolate {
            offset: tensors.take_i64(&format!("{prefix}.offset"))?,
            x: tensors.take_f64(&format!("{prefix}.x"))?,
            y: tensors.take_f64(&format!("{prefix}.y"))?,
        })
    }

    pub(super) fn put(&self, prefix: &str, tensors: &mut Tensors) {
        tensors.put_i64(format!("{prefix}.offset"), self.offset.clone());
        tensors.put_f64(format!("{prefix}.x"), self.x.clone());
        tensors.put_f64(format!("{prefix}.y"), self.y.clone());
    }
}

impl Polynomial {
    /// The same with some of its columns.
    pub(crate) fn of_columns(&self, columns: &[u32]) -> Polynomial {
        let (offset, factor) = pick(&self.offset, &self.factor, columns);
        Polynomial { offset, factor }
    }

    /// Output columns.
    pub fn columns(&self) -> usize {
        self.offset.len() - 1
    }

    /// The factors of an output column.
    pub fn factors(&self, o: usize) -> &[i32] {
        &self.factor[part(&self.offset, o)]
    }

    pub(super) fn check(&self, input: usize) -> Result<usize> {
        let columns = check_offset("polynomial", &self.offset, self.factor.len())?;
        super::validate::check_columns("polynomial", &self.factor, input)?;
        Ok(columns)
    }

    pub(super) fn take(prefix: &str, tensors: &mut Tensors) -> Result<Polynomial> {
        let offset = tensors.take_i64(&format!("{prefix}.offset"))?;
        Ok(Polynomial { offset, factor: tensors.take_i32(&format!("{prefix}.factor"))? })
    }

    pub(super) fn put(&self, prefix: &str, tensors: &mut Tensors) {
        tensors.put_i64(format!("{prefix}.offset"), self.offset.clone());
        tensors.put_i32(format!("{prefix}.factor"), self.factor.clone());
    }
}
