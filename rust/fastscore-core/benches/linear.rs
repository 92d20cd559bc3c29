//! What linear models reach of this machine: `cargo bench -p fastscore-core --bench linear`, or of it what has some words in it, `-- float64 1x10000x23 '>1;'`.
//!
//! Models over columns of each type, and over rows, against a plain sum of the same numbers, in turns on one thread: ours, the sum, and
//! so on. Tables are parts of nine megabytes, 20 of them (five times the last cache level of most machines) or one of less than the second level. The figure is the sum over parts of
//! the least time of many rounds, so that a call that was interrupted does not count.

#![allow(clippy::unwrap_used, reason = "a tool fails by panicking")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use arrow_buffer::{BooleanBuffer, NullBuffer};
use fastscore_core::exec::table::{Body, Chunk, Column, Nulls, Numbers, Strided, Table, Values};
use fastscore_core::exec::{self, OnRefused, Output};
use fastscore_core::model::*;
use fastscore_core::plan::Plan;
use half::f16;

fn plan(inputs: usize, outputs: usize) -> Plan {
    let number = |i: usize| ((i * 7919) % 997) as f64 / 997.0 - 0.5;
    let op = Op::Linear(Linear {
        inputs,
        outputs,
        coefficients: (0..inputs * outputs).map(number).collect(),
        intercept: (0..outputs).map(number).collect(),
        width: Width::Float64,
    });
    let refuse = OnBadValue::Refuse;
    let features =
        Features { count: inputs, names: None, name_match: NameMatch::Exact, encodings: Vec::new(), checked: None };
    let model = Model::new(ModelParts {
        features,
        input: InputPolicy { missing: refuse, non_finite: refuse, width: Width::Float64, absent: Absent::Zero },
        steps: vec![Step { input: 0, op }],
        guards: Vec::new(),
        targets: vec![Target {
            name: None,
            classes: None,
            margin: 1,
            probability: None,
            prediction: Decision::Value(1),
            score: None,
        }],
        transform: None,
        output_width: Width::Float64,
        leaf: None,
        source: Source::default(),
    });
    Plan::compile(Arc::new(model.unwrap())).unwrap()
}

/// Parts of a table: how many, their rows and columns.
#[derive(Clone, Copy)]
struct Shape {
    parts: usize,
    rows: usize,
    columns: usize,
}

impl Shape {
    /// With so many bytes a number the same bytes in all.
    fn of_bytes(self, bytes: usize) -> Self {
        if self.parts == 1 { self } else { Shape { rows: self.rows * 8 / bytes, ..self } }
    }

    fn column<T>(self, column: usize, make: impl Fn(usize) -> T) -> Vec<T> {
        (0..self.parts * self.rows).map(|i| make(i * 31 + column * 104_729)).collect()
    }

    /// Tables of each part of columns.
    fn tables<'a, C>(self, columns: &'a [C], part: impl Fn(&'a C, usize) -> Chunk<'a>) -> Vec<Table<'a>> {
        let table = |i: usize| {
            let column = |c: &'a C| Column::Numbers(Numbers::new([part(c, i * self.rows)]));
            Table::new(None, Body::Columns(columns.iter().map(column).collect()), self.rows).unwrap()
        };
        (0..self.parts).map(table).collect()
    }
}

/// The sum of numbers as a plain loop has it, in as many sums as hide its latency.
fn sum<T: Copy + Into<f64>>(x: &[T]) -> f64 {
    let (parts, rest) = x.as_chunks::<64>();
    let mut sums = [0.0; 64];
    for part in parts {
        for (sum, &x) in sums.iter_mut().zip(part) {
            *sum += x.into();
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|&x| x.into()).sum::<f64>()
}

/// Whether a case has all words of the command line in it.
fn is_wanted(what: &str, shape: Shape, outputs: usize) -> bool {
    let Shape { parts, rows, columns } = shape;
    let case = format!("{what} {parts}x{rows}x{columns}->{outputs};");
    std::env::args().skip(1).filter(|word| !word.starts_with('-')).all(|word| case.contains(&word))
}

/// Print what the parts take, and the share of a plain sum's rate, where there is one.
fn compare(what: &str, shape: Shape, tables: &[Table], plain: Option<&dyn Fn(usize) -> f64>) {
    let seconds = |work: &dyn Fn()| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    for outputs in [1, 3, 10].into_iter().filter(|&outputs| is_wanted(what, shape, outputs)) {
        let plan = plan(shape.columns, outputs);
        let mut best = vec![[f64::INFINITY; 2]; tables.len()];
        for _ in 0..if tables.len() > 1 { 8 } else { 300 } {
            for (best, table) in best.iter_mut().zip(tables) {
                let score = || exec::score(&plan, table, Output::Margin, Some(1), OnRefused::Raise, &|| false);
                best[0] = best[0].min(seconds(&|| _ = black_box(score().unwrap())));
            }
            if let Some(plain) = plain {
                for (i, best) in best.iter_mut().enumerate() {
                    best[1] = best[1].min(seconds(&|| _ = black_box(plain(i))));
                }
            }
        }
        let total = |which: usize| best.iter().map(|best| best[which]).sum::<f64>();
        let Shape { parts, rows, columns } = shape;
        let share = plain.map_or(String::new(), |_| format!(", {:.0} % of a sum", 100.0 * total(1) / total(0)));
        println!(
            "{what}: {parts} x {rows} x {columns} -> {outputs}: {:.2} ns a row{share}",
            1e9 * total(0) / (parts * rows) as f64
        );
    }
}

fn of_type<T: Copy + Into<f64>>(
    what: &str,
    shape: Shape,
    make: impl Fn(usize) -> T,
    values: impl for<'a> Fn(&'a [T]) -> Values<'a>,
) {
    let shape = shape.of_bytes(size_of::<T>());
    let columns: Vec<Vec<T>> = (0..shape.columns).map(|c| shape.column(c, &make)).collect();
    let tables =
        shape.tables(&columns, |column, at| Chunk { values: values(&column[at..at + shape.rows]), nulls: Nulls::None });
    let plain = |i: usize| columns.iter().map(|column| sum(&column[i * shape.rows..][..shape.rows])).sum();
    compare(what, shape, &tables, Some(&plain));
}

fn main() {
    let number = |i: usize| (i % 997) as f64 / 997.0 - 0.5;
    for (parts, rows, columns) in [(20, 50_000, 23), (20, 5750, 200), (1, 10_000, 23), (1, 1000, 200)] {
        let shape = Shape { parts, rows, columns };
        let wanted = |what: &str, bytes: usize| {
            [1, 3, 10].into_iter().any(|outputs| is_wanted(what, shape.of_bytes(bytes), outputs))
        };
        if wanted("float64", 8) {
            of_type("float64", shape, number, |x| Values::F64(Strided::contiguous(x)));
        }
        if wanted("float32", 4) {
            of_type("float32", shape, |i| number(i) as f32, |x| Values::F32(Strided::contiguous(x)));
        }
        if wanted("float16", 2) {
            of_type("float16", shape, |i| f16::from_f64(number(i)), |x| Values::F16(Strided::contiguous(x)));
        }
        if wanted("int32", 4) {
            of_type("int32", shape, |i| i as i32 % 9973, |x| Values::I32(Strided::contiguous(x)));
        }
        if wanted("int8", 1) {
            of_type("int8", shape, |i| i as i8, |x| Values::I8(Strided::contiguous(x)));
        }
        if wanted("rows", 8) {
            let data: Vec<Vec<f64>> =
                (0..parts).map(|part| (0..rows * columns).map(|i| number(i * 31 + part)).collect()).collect();
            let offsets: Vec<usize> = (0..columns).collect();
            let tables: Vec<Table> = data
                .iter()
                .map(|data| {
                    let column = |&c: &usize| {
                        let values = Values::F64(Strided::new(&data[c..], columns, rows).unwrap());
                        Column::Numbers(Numbers::new([Chunk { values, nulls: Nulls::None }]))
                    };
                    Table::new(None, Body::Columns(offsets.iter().map(column).collect()), rows).unwrap()
                })
                .collect();
            compare("rows", shape, &tables, Some(&|i| sum(&data[i])));
        }
        // Valid rows only: the models refuse others. All bits are looked at nonetheless.
        let valid = NullBuffer::new(BooleanBuffer::new_set(parts * rows));
        if wanted("float64 with nulls", 8) {
            let valid: Vec<NullBuffer> = (0..parts).map(|i| valid.slice(i * rows, rows)).collect();
            let data: Vec<Vec<f64>> = (0..columns).map(|c| shape.column(c, number)).collect();
            let tables = shape.tables(&data, |column, at| Chunk {
                values: Values::F64(Strided::contiguous(&column[at..at + rows])),
                nulls: Nulls::Bitmap(&valid[at / rows]),
            });
            let plain = |i: usize| data.iter().map(|column| sum(&column[i * rows..][..rows])).sum();
            compare("float64 with nulls", shape, &tables, Some(&plain));
        }
        if wanted("bool", 8) {
            let bits: Vec<Vec<BooleanBuffer>> = (0..columns)
                .map(|c| (0..parts).map(|i| (0..rows).map(|r| (r * 31 + c + i) % 5 < 2).collect()).collect())
                .collect();
            let tables = shape
                .tables(&bits, |column, at| Chunk { values: Values::Bits(&column[at / rows]), nulls: Nulls::None });
            compare("bool", shape, &tables, None);
        }
    }
}
