//! Linear scores of columns that are imputed and scaled on the way, and of codes whose coefficients are looked up.
//!
//! ```text
//! y[o] = intercept[o]
//! for each term, in order, for each output o:
//!     number:  y[o] = fma(prepare(x), w[o], y[o])
//!     codes:   y[o] = y[o] + table[o][x]
//! ```
//! Rows are independent, and the sum over terms is never reordered. A column is read once, as it lies in memory, and what
//! it becomes on the way stays in registers or the first cache level. Bound: a division of 8 numbers a row's eighth (AVX-512)
//! where a column is divided by its scale, else the memory that the columns are in; a row, code and output takes a load of a
//! number in the first cache level and an add.

use std::ops::Range;

use super::cells::{Bitmap, Cells, PIECE};
use super::linear::{add_product, turned_tiles};
use super::{Columns, link};
use crate::model::{Link, Width};
use crate::simd::Level;
use crate::simd::bits::{self, BitWork, Bits};

/// Rows that go through all terms before the next: their sums and a column of them stay in the first cache level.
const ROWS: usize = 1024;
/// Rows that links make ready at a time.
const LINKED: usize = 512;

/// A linear step that prepares its columns itself.
#[derive(Debug)]
pub(crate) struct Terms {
    /// Of each output.
    pub intercept: Vec<f64>,
    /// What is added, in order.
    pub terms: Vec<Term>,
}

/// What is added to the sums.
#[derive(Debug)]
pub(crate) enum Term {
    /// A column times a coefficient.
    Number {
        /// Of the input.
        column: usize,
        /// What becomes of its numbers first.
        prepare: Prepare,
        /// Of each output.
        coefficients: Vec<f64>,
    },
    /// The coefficient of a code.
    Lookup {
        /// Of the input.
        column: usize,
        /// Of each output.
        tables: Vec<Codes>,
    },
}

/// What becomes of a column's numbers before they are multiplied.
#[derive(Debug, PartialEq)]
pub(crate) enum Prepare {
    /// Nothing.
    Nothing,
    /// `(x or fill) - shift`, where NaN becomes `fill`.
    Shift {
        /// In the place of NaN; NaN where that stays.
        fill: f64,
        /// What is subtracted.
        shift: f64,
    },
    /// `((x or fill) - shift) / scale`
    Standardize {
        /// In the place of NaN; NaN where that stays.
        fill: f64,
        /// What is subtracted; 0 leaves every number as it is, -0 too.
        shift: f64,
        /// The divisor.
        scale: f64,
    },
    /// `(x or fill) * scale + shift`, both rounded.
    Affine {
        /// In the place of NaN; NaN where that stays.
        fill: f64,
        /// The factor.
        scale: f64,
        /// What is added.
        shift: f64,
    },
    /// Links of one column, in order.
    Links(Vec<(Link, Width)>),
}

/// What is added for a code.
#[derive(Debug, Clone)]
pub(crate) struct Codes {
    /// For NaN.
    pub missing: f64,
    /// For what is no code.
    pub outside: f64,
    /// For code i.
    pub of_code: Vec<f64>,
    /// A zero that is added too.
    pub then: f64,
}

impl Prepare {
    /// Links of one column each, in order.
    pub(crate) fn of(links: Vec<(Link, Width)>) -> Prepare {
        let (fill, rest) = match links.split_first() {
            Some(((Link::Impute { values, missing: None }, _), rest)) => (values[0], rest),
            Some(((Link::FillMissing { value, also: None }, _), rest)) => (*value, rest),
            _ => (f64::NAN, links.as_slice()),
        };
        match rest {
            [] if links.is_empty() => Prepare::Nothing,
            [] => Prepare::Shift { fill, shift: 0.0 },
            [(Link::Standardize { shift, scale }, Width::Float64)] => {
                let shift = shift.as_ref().map_or(0.0, |shift| shift[0]);
                match scale.as_ref().map(|scale| scale[0]) {
                    Some(scale) => Prepare::Standardize { fill, shift, scale },
                    None => Prepare::Shift { fill, shift },
                }
            }
            [(Link::Affine { scale, shift }, Width::Float64)] => {
                Prepare::Affine { fill, scale: scale[0], shift: shift[0] }
            }
            _ => Prepare::Links(links),
        }
    }
}

impl Terms {
    /// The column of each term.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> {
        self.terms.iter().map(|term| match term {
            Term::Number { column, .. } | Term::Lookup { column, .. } => *column,
        })
    }

    /// The same, to be changed.
    pub(crate) fn columns_mut(&mut self) -> impl Iterator<Item = &mut usize> {
        self.terms.iter_mut().map(|term| match term {
            Term::Number { column, .. } | Term::Lookup { column, .. } => column,
        })
    }

    /// What is done on the way, for the plan.
    pub(crate) fn describe(&self) -> String {
        let lookups = self.terms.iter().filter(|term| matches!(term, Term::Lookup { .. })).count();
        let prepared = |term: &&Term| matches!(term, Term::Number { prepare, .. } if *prepare != Prepare::Nothing);
        let prepared = self.terms.iter().filter(prepared).count();
        let mut parts = Vec::new();
        if prepared > 0 {
            parts.push(format!("{prepared} column(s) prepared on the way"));
        }
        if lookups > 0 {
            parts.push("coefficients of categories looked up".to_owned());
        }
        parts.join("; ")
    }

    /// `out[o * stride + r]`, for `rows` rows. `turned` is scratch.
    pub(crate) fn run(
        &self,
        level: Level,
        input: &impl Columns,
        turned: &mut Vec<f64>,
        out: &mut [f64],
        stride: usize,
        rows: usize,
    ) {
        for (o, &intercept) in self.intercept.iter().enumerate() {
            out[o * stride..o * stride + rows].fill(intercept);
        }
        let in_tiles = input.rows().is_some_and(|array| {
            turned_tiles(level, &array, turned, rows, |here, first| {
                self.add(level, here, &mut out[first..], stride, here.rows);
            })
        });
        if !in_tiles {
            self.add(level, input, out, stride, rows);
        }
    }

    fn add(&self, level: Level, input: &impl Columns, out: &mut [f64], stride: usize, rows: usize) {
        for first in (0..rows).step_by(ROWS) {
            let here = first..rows.min(first + ROWS);
            for term in &self.terms {
                match term {
                    Term::Number { column, prepare, coefficients } => {
                        let sums = Sums { coefficients, out, stride, rows: here.clone() };
                        sums.add(level, input.cells(*column), prepare);
                    }
                    Term::Lookup { column, tables } => {
                        let x = &input.column(*column)[here.clone()];
                        for (table, out) in tables.iter().zip(out.chunks_mut(stride)) {
                            table.add(x, &mut out[here.clone()]);
                        }
                    }
                }
            }
        }
    }
}

/// The sums of some rows, to which a column's products are added.
struct Sums<'a> {
    coefficients: &'a [f64],
    out: &'a mut [f64],
    stride: usize,
    rows: Range<usize>,
}

impl Sums<'_> {
    fn add(self, level: Level, cells: (Cells, Option<Bitmap>), prepare: &Prepare) {
        match *prepare {
            Prepare::Nothing => bits::run(level, Add { sums: self, cells, prepare: |x| x }),
            Prepare::Shift { fill, shift } => {
                bits::run(level, Add { sums: self, cells, prepare: |x| filled(x, fill) - shift });
            }
            Prepare::Standardize { fill, shift, scale } => {
                bits::run(level, Add { sums: self, cells, prepare: |x| (filled(x, fill) - shift) / scale });
            }
            Prepare::Affine { fill, scale, shift } => {
                bits::run(level, Add { sums: self, cells, prepare: |x| filled(x, fill) * scale + shift });
            }
            Prepare::Links(ref links) => {
                let mut room = [0.0; LINKED];
                for first in self.rows.clone().step_by(LINKED) {
                    let x = &mut room[..LINKED.min(self.rows.end - first)];
                    cells.0.widen(level, cells.1, first, x);
                    links.iter().for_each(|(link, width)| link::apply(level, link, *width, &mut [&mut *x]));
                    for (&w, out) in self.coefficients.iter().zip(self.out.chunks_mut(self.stride)) {
                        add_product::<false>(level, w, x, &mut out[first..first + x.len()]);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn filled(x: f64, fill: f64) -> f64 {
    if x.is_nan() { fill } else { x }
}

/// Products of one column, 64 rows at a time.
struct Add<'a, P> {
    sums: Sums<'a>,
    cells: (Cells<'a>, Option<Bitmap<'a>>),
    prepare: P,
}

impl<P: Fn(f64) -> f64> BitWork for Add<'_, P> {
    #[inline(always)]
    fn run(self, _: impl Bits) {
        let Add { sums: Sums { coefficients, out, stride, rows }, cells: (cells, valid), prepare } = self;
        let (mut room, mut ready) = ([0.0; PIECE], [0.0; PIECE]);
        for at in rows.clone().step_by(PIECE) {
            let count = PIECE.min(rows.end - at);
            let x = cells.piece(valid, at, count, &mut room);
            // With a constant number of rows the compiler leaves no loop.
            if let (Some(x), [w]) = (x.first_chunk::<PIECE>(), coefficients)
                && let Some(y) = out[at..].first_chunk_mut::<PIECE>()
            {
                for (y, &x) in y.iter_mut().zip(x) {
                    *y = prepare(x).mul_add(*w, *y);
                }
                continue;
            }
            for (ready, &x) in ready.iter_mut().zip(x) {
                *ready = prepare(x);
            }
            for (&w, out) in coefficients.iter().zip(out.chunks_mut(stride)) {
                for (y, &x) in out[at..at + count].iter_mut().zip(&ready) {
                    *y = x.mul_add(w, *y);
                }
            }
        }
    }
}

impl Codes {
    fn add(&self, x: &[f64], sums: &mut [f64]) {
        for (sum, &x) in sums.iter_mut().zip(x) {
            // A cast saturates: what is below 0 becomes 0, so the sign decides first.
            let other = if x.is_nan() { self.missing } else { self.outside };
            let found = self.of_code.get(x as usize).copied().unwrap_or(other);
            let found = if x >= 0.0 { found } else { other };
            *sum = (*sum + found) + self.then;
        }
    }
}
