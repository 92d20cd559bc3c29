//! Columns of every type, with rows that are null and without, whole, sliced and in chunks, give the reference's bits in linear
//! models and networks, and a null is refused where a missing value is.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use arrow_buffer::{BooleanBuffer, NullBuffer};
use fastscore_core::Error;
use fastscore_core::exec::table::{Body, Chunk, Column, Nulls, Numbers, Strided, Table, Values};
use fastscore_core::exec::{self, Data, OnRefused, Output};
use fastscore_core::model::*;
use fastscore_core::plan::Plan;
use fastscore_core::reference;
use fastscore_core::simd::Level;
use half::f16;

const ROWS: usize = 2500;
/// Rows before those that are scored: slices begin within a byte of bits.
const BEFORE: usize = 13;
const TYPES: usize = 12;

/// A column of each type, with what its cells are.
struct Source {
    f64s: Vec<f64>,
    f32s: Vec<f32>,
    f16s: Vec<f16>,
    i8s: Vec<i8>,
    i16s: Vec<i16>,
    i32s: Vec<i32>,
    i64s: Vec<i64>,
    u8s: Vec<u8>,
    u16s: Vec<u16>,
    u32s: Vec<u32>,
    u64s: Vec<u64>,
    bits: BooleanBuffer,
    valid: NullBuffer,
}

impl Source {
    fn new() -> Self {
        let at = |r: usize, most: usize| (r * 7919 + 13) % most;
        let all = || 0..BEFORE + ROWS;
        Source {
            f64s: all().map(|r| at(r, 1000) as f64 / 7.0 - 60.0).collect(),
            f32s: all().map(|r| at(r, 1000) as f32 / 7.0 - 60.0).collect(),
            // Subnormal numbers and both zeros too, no infinity.
            f16s: all().map(|r| f16::from_bits((at(r, 0x7c00) | (r & 1) << 15) as u16)).collect(),
            i8s: all().map(|r| at(r, 256) as u8 as i8).collect(),
            i16s: all().map(|r| at(r, 60_000) as u16 as i16).collect(),
            i32s: all().map(|r| at(r, 1 << 40) as u32 as i32).collect(),
            i64s: all().map(|r| i64::MAX - at(r, 100_000) as i64 * 77).collect(),
            u8s: all().map(|r| at(r, 256) as u8).collect(),
            u16s: all().map(|r| at(r, 60_000) as u16).collect(),
            u32s: all().map(|r| u32::MAX - at(r, 100_000) as u32).collect(),
            u64s: all().map(|r| u64::MAX - at(r, 100_000) as u64 * 99).collect(),
            bits: all().map(|r| at(r, 5) < 2).collect(),
            // Some words without a null, some with one, some of nothing else.
            valid: all()
                .map(|r| at(r, 29) != 0 && !(700..900).contains(&r) || r > 1500 && r % 256 > 1)
                .collect::<Vec<_>>()
                .into(),
        }
    }

    fn values(&self, kind: usize, first: usize, count: usize) -> Values<'_> {
        let part = first..first + count;
        match kind {
            0 => Values::F64(Strided::contiguous(&self.f64s[part])),
            1 => Values::F32(Strided::contiguous(&self.f32s[part])),
            2 => Values::F16(Strided::contiguous(&self.f16s[part])),
            3 => Values::I8(Strided::contiguous(&self.i8s[part])),
            4 => Values::I16(Strided::contiguous(&self.i16s[part])),
            5 => Values::I32(Strided::contiguous(&self.i32s[part])),
            6 => Values::I64(Strided::contiguous(&self.i64s[part])),
            7 => Values::U8(Strided::contiguous(&self.u8s[part])),
            8 => Values::U16(Strided::contiguous(&self.u16s[part])),
            9 => Values::U32(Strided::contiguous(&self.u32s[part])),
            _ => Values::U64(Strided::contiguous(&self.u64s[part])),
        }
    }

    fn number(&self, kind: usize, row: usize) -> f64 {
        match kind {
            0 => self.f64s[row],
            1 => self.f32s[row].into(),
            2 => self.f16s[row].into(),
            3 => self.i8s[row].into(),
            4 => self.i16s[row].into(),
            5 => self.i32s[row].into(),
            6 => self.i64s[row] as f64,
            7 => self.u8s[row].into(),
            8 => self.u16s[row].into(),
            9 => self.u32s[row].into(),
            10 => self.u64s[row] as f64,
            _ => f64::from(u8::from(self.bits.value(row))),
        }
    }
}

/// Buffers of the parts of a table, which it borrows.
struct Parts {
    bits: Vec<BooleanBuffer>,
    valid: Vec<NullBuffer>,
}

impl Parts {
    fn new(source: &Source, parts: &[usize]) -> Self {
        let starts = parts.iter().scan(BEFORE, |at, &rows| {
            *at += rows;
            Some((*at - rows, rows))
        });
        let (mut bits, mut valid) = (Vec::new(), Vec::new());
        for (at, rows) in starts {
            bits.push(source.bits.slice(at, rows));
            valid.push(source.valid.slice(at, rows));
        }
        Parts { bits, valid }
    }

    fn table<'a>(&'a self, source: &'a Source, columns: &[(usize, bool)]) -> Table<'a> {
        let column = |&(kind, nullable): &(usize, bool)| {
            let mut at = BEFORE;
            let chunks = self.bits.iter().zip(&self.valid).map(|(bits, valid)| {
                let values = if kind + 1 == TYPES { Values::Bits(bits) } else { source.values(kind, at, bits.len()) };
                at += bits.len();
                Chunk { values, nulls: if nullable { Nulls::Bitmap(valid) } else { Nulls::None } }
            });
            Column::Numbers(Numbers::new(chunks.collect::<Vec<_>>()))
        };
        Table::new(None, Body::Columns(columns.iter().map(column).collect()), ROWS).unwrap()
    }
}

fn model(columns: usize, outputs: usize, width: Width, policy: OnBadValue) -> Arc<Model> {
    let numbers =
        |count: usize, seed: usize| (0..count).map(move |i| f64::from(((i * 37 + seed) % 91) as f32 / 16.0 - 2.5));
    let linear = Linear {
        inputs: columns,
        outputs,
        coefficients: numbers(columns * outputs, 1).collect(),
        intercept: numbers(outputs, 2).collect(),
        width,
    };
    let mut parts = common::parts(columns, vec![Step { input: 0, op: Op::Linear(linear) }], 1);
    (parts.input.missing, parts.input.non_finite) = (policy, policy);
    Arc::new(Model::new(parts).unwrap())
}

fn bits(x: f64) -> u64 {
    if x.is_nan() { u64::MAX } else { x.to_bits() }
}

fn check(source: &Source, columns: &[(usize, bool)], outputs: usize, width: Width) {
    let model = model(columns.len(), outputs, width, OnBadValue::Accept);
    let mut due = vec![0; outputs * ROWS];
    for r in 0..ROWS {
        let number = |&(kind, nullable): &(usize, bool)| {
            if nullable && source.valid.is_null(BEFORE + r) { f64::NAN } else { source.number(kind, BEFORE + r) }
        };
        let row: Vec<f64> = columns.iter().map(number).collect();
        for (o, &x) in reference::interpret(&model, &row).values[1].iter().enumerate() {
            due[o * ROWS + r] = bits(x);
        }
    }
    for parts in [vec![ROWS], vec![1000, 3, ROWS - 1003]] {
        let parts = Parts::new(source, &parts);
        let table = parts.table(source, columns);
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            let plan = Plan::compile_for(model.clone(), level, None).unwrap();
            let scores = exec::score(&plan, &table, Output::Margin, Some(1), OnRefused::Raise, &|| false).unwrap();
            let Data::F64(found) = &scores.groups[0].data else { panic!("{scores:?}") };
            assert!(
                found.iter().map(|&x| bits(x)).eq(due.iter().copied()),
                "{level}, {columns:?}, {outputs}, {width:?}"
            );
        }
    }
}

#[test]
fn columns_of_every_type_with_and_without_nulls() {
    let source = Source::new();
    for kind in 0..TYPES {
        for outputs in [1, 2] {
            // Four of a type side by side and two that are left, then with nulls.
            check(&source, &[(kind, false); 6], outputs, Width::Float64);
            check(&source, &[(kind, true); 5], outputs, Width::Float64);
        }
    }
    let mixed: Vec<(usize, bool)> = (0..TYPES).map(|kind| (kind, kind % 3 == 1)).collect();
    for outputs in [1, 3, 9] {
        for width in [Width::Float64, Width::Float32] {
            check(&source, &mixed, outputs, width);
        }
    }
}

#[test]
fn a_null_is_a_missing_value() {
    let source = Source::new();
    for kind in 0..TYPES {
        let columns = [(0, false), (kind, true), (5, false)];
        let plan = Plan::compile_for(model(3, 1, Width::Float64, OnBadValue::Refuse), Level::detect(), None).unwrap();
        let parts = Parts::new(&source, &[ROWS]);
        let table = parts.table(&source, &columns);
        let score = |on_refused| exec::score(&plan, &table, Output::Margin, Some(1), on_refused, &|| false);
        let nulls: Vec<u8> = (0..ROWS).map(|r| u8::from(source.valid.is_null(BEFORE + r))).collect();
        let (row, count) =
            (nulls.iter().position(|&null| null == 1).unwrap(), nulls.iter().filter(|&&null| null == 1).count());
        let due = Error::MissingValue { column: "number 1".into(), row, count };
        assert_eq!(score(OnRefused::Raise).unwrap_err(), due, "type {kind}");
        assert_eq!(score(OnRefused::Null).unwrap().nulls.unwrap(), nulls, "type {kind}");
    }
}
