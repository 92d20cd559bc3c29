//! Linear scores of a block: accumulators stay in cache, each input column is read once, as it lies in memory.
//!
//! ```text
//! y[o] = intercept[o]
//! for each input j, for each output o:  y[o] = fma(x[j], w[o][j], y[o])
//! ```
//! Rows are the vector's lanes, the sum over inputs is never reordered: any width gives the same bits. Integers and float32
//! are converted in registers. The bound is the memory that the columns are in: beside a load of the column, an output takes a
//! load and a store of its sum, both in the first cache level, and one fused multiply-add.

use std::ops::Range;

use super::cells::{Bitmap, Cells, PIECE};
use super::{Columns, RowCells, Rows};
use crate::model::{Linear, Width};
use crate::simd::bits::{self, BitWork, Bits};
use crate::simd::row_dots::{MOST_OUTPUTS, row_dots};
use crate::simd::{LINE, Level, fetch};

/// Sums that stay in the first cache level beside the columns that are added to them.
const SUMS: usize = 4096;

/// Outputs whose sums take a number while it is in a register.
const TOGETHER: usize = 3;

/// Bytes of a column that are fetched before it is read, from memory into the second cache level: what the processor fetches by itself ends
/// with a page, and a column's run with its rows.
const AHEAD: usize = 4096;

/// Bytes of the columns that rows are turned into at a time: within the second cache level. So few rows that their columns
/// lie in the first one made the calls for each column dearer than what they do (200 columns).
const TURNED: usize = 192 << 10;

/// `out[o * stride + r]`, for `rows` rows. `turned` is scratch.
pub(crate) fn linear(
    level: Level,
    model: &Linear,
    input: &impl Columns,
    turned: &mut Vec<f64>,
    out: &mut [f64],
    stride: usize,
    rows: usize,
) {
    assert!(model.outputs <= 1 || rows <= stride, "columns of the result overlap");
    let array = input.rows().filter(|_| model.width == Width::Float64);
    if let Some(array) = &array
        && model.outputs <= MOST_OUTPUTS
        && let Some(first) = array.side_by_side()
    {
        let (w, b) = (&model.coefficients, &model.intercept);
        let done = match array.cells {
            RowCells::F64(cells) => row_dots(level, &cells[first..], array.stride, rows, w, b, out, stride),
            RowCells::F32(cells) => row_dots(level, &cells[first..], array.stride, rows, w, b, out, stride),
        };
        if done {
            return;
        }
    }
    let in_tiles = array.is_some_and(|array| {
        turned_tiles(level, &array, turned, rows, |here, first| {
            columns(level, model, here, &mut out[first..], stride, here.rows);
        })
    });
    if !in_tiles {
        columns(level, model, input, out, stride, rows);
    }
}

/// Turn so many rows of an array into columns, some at a time, and do something with them, and with the first row's number.
/// False, and nothing done, where columns that are read do not lie side by side.
pub(super) fn turned_tiles(
    level: Level,
    array: &Rows,
    turned: &mut Vec<f64>,
    rows: usize,
    mut each: impl FnMut(&Turned, usize),
) -> bool {
    let inputs = array.offset.len();
    if array.side_by_side().is_none() {
        return false;
    }
    // An odd number of lines, so that columns do not all begin in one set of the cache.
    let tile = (TURNED / 8 / inputs).next_multiple_of(8).clamp(16, 1016) | 8;
    turned.resize(turned.len().max(tile * inputs), 0.0);
    for first in (0..rows).step_by(tile) {
        let count = tile.min(rows - first);
        array.turn(level, first, count, turned, tile);
        each(&Turned { data: turned, stride: tile, rows: count }, first);
    }
    true
}

/// Columns in one buffer: row r of column c is at `c * stride + r`.
pub(super) struct Turned<'a> {
    data: &'a [f64],
    stride: usize,
    /// How many.
    pub(super) rows: usize,
}

impl Columns for Turned<'_> {
    fn column(&self, c: usize) -> &[f64] {
        &self.data[c * self.stride..][..self.rows]
    }
}

/// `out = intercept`, and the products of all columns, of which up to four are read side by side. So many rows at a time that their
/// sums stay in the first cache level.
fn columns(level: Level, model: &Linear, input: &impl Columns, out: &mut [f64], stride: usize, rows: usize) {
    let step = (SUMS / model.outputs.clamp(1, TOGETHER)).next_multiple_of(PIECE);
    for start in (0..rows).step_by(step) {
        let here = start..rows.min(start + step);
        for (o, &intercept) in model.intercept.iter().enumerate() {
            out[o * stride..][here.clone()].fill(intercept);
        }
        let mut sums = Sums { model, first: 0, out, stride, rows: here.clone() };
        if model.width == Width::Float32 {
            for j in 0..model.inputs {
                let x = &input.column(j)[here.clone()];
                sums.first = j;
                sums.each(|w, y| add_product::<true>(level, w[0], x, y));
            }
            continue;
        }
        let group = |j: usize| std::array::from_fn(|i| input.cells((j + i).min(model.inputs - 1)));
        let (mut j, mut cells): (usize, Group) = (0, group(0));
        while j < model.inputs {
            // Fours and threes make up any number but 1, 2 and 5.
            let count = match model.inputs - j {
                6 | 9 => 3,
                rest => rest.min(4),
            };
            // Where reading goes on after these columns: at the next ones, at last at the first ones' next rows.
            let (next, at) = if j + count < model.inputs { (group(j + count), start) } else { (group(0), here.end) };
            sums.first = j;
            let ahead = input.is_far().then_some((&next, at));
            add(level, &cells[..count], ahead, &mut sums);
            (j, cells) = (j + count, next);
        }
    }
}

/// The cells of up to four columns, and which are valid.
type Group<'a> = [(Cells<'a>, Option<Bitmap<'a>>); 4];

/// Add the products of columns. `ahead`: the columns that are read next, and from which row on, where they come from memory.
fn add(level: Level, cells: &[(Cells, Option<Bitmap>)], ahead: Option<(&Group, usize)>, sums: &mut Sums) {
    macro_rules! after {
        ($type:ident, $cells:expr, $at:expr) => {
            match $cells {
                Cells::$type(x) => Some(x.as_ptr().wrapping_add($at)),
                _ => None,
            }
        };
    }
    // Columns of a type go through registers only.
    macro_rules! side_by_side {
        ($($type:ident, $wide:expr;)*) => {
            match *cells {
                $(
                    [(Cells::$type(a), None), (Cells::$type(b), None), (Cells::$type(c), None), (Cells::$type(d), None)] => {
                        sums.add(level, [a, b, c, d], $wide, ahead.map(|(next, at)| next.each_ref().map(|(cells, _)| after!($type, cells, at))));
                    }
                    [(Cells::$type(a), None), (Cells::$type(b), None), (Cells::$type(c), None)] => {
                        sums.add(level, [a, b, c], $wide, ahead.map(|([d, e, f, _], at)| [d, e, f].map(|(cells, _)| after!($type, cells, at))));
                    }
                )*
                _ => {
                    let Sums { model, first, stride, .. } = *sums;
                    let sums = Sums { model, first, out: sums.out, stride, rows: sums.rows.clone() };
                    bits::run(level, AddMixed { cells, sums, far: ahead.is_some() });
                }
            }
        };
    }
    side_by_side! {
        F64, |x| x;
        F32, f64::from;
        I8, f64::from;
        I16, f64::from;
        I32, f64::from;
        I64, |x| x as f64;
        U8, f64::from;
        U16, f64::from;
        U32, f64::from;
        U64, |x| x as f64;
    }
}

/// The sums of some rows, to which products of columns are added.
struct Sums<'a> {
    model: &'a Linear,
    /// The first of the columns.
    first: usize,
    out: &'a mut [f64],
    stride: usize,
    rows: Range<usize>,
}

impl Sums<'_> {
    /// For each output its coefficients from the first column on, and its sums.
    #[inline(always)]
    fn each(&mut self, mut add: impl FnMut(&[f64], &mut [f64])) {
        for o in 0..self.model.outputs {
            let w = &self.model.coefficients[o * self.model.inputs + self.first..];
            add(w, &mut self.out[o * self.stride..][self.rows.clone()]);
        }
    }

    /// Add columns to all sums, up to [`TOGETHER`] outputs at a time.
    fn add<T: Copy, const COLUMNS: usize>(
        &mut self,
        level: Level,
        x: [&[T]; COLUMNS],
        wide: impl Fn(T) -> f64 + Copy,
        mut ahead: Option<[Option<*const T>; COLUMNS]>,
    ) {
        let Sums { model, rows, .. } = self;
        let x = x.map(|x| &x[rows.clone()]);
        let outputs = model.outputs;
        for first in (0..outputs).step_by(TOGETHER) {
            let out = &mut self.out[first * self.stride..];
            let place = Place { stride: self.stride, start: self.rows.start };
            let coefficients = &self.model.coefficients[first * self.model.inputs + self.first..];
            let w = |o: usize| std::array::from_fn(|i| coefficients[o * self.model.inputs + i]);
            let ahead = ahead.take();
            match outputs - first {
                1 => bits::run(level, Add { w: [w(0)], x, out, place, wide, ahead }),
                2 => bits::run(level, Add { w: [w(0), w(1)], x, out, place, wide, ahead }),
                _ => bits::run(level, Add { w: [w(0), w(1), w(2)], x, out, place, wide, ahead }),
            }
        }
    }
}

/// Columns of any types, with rows that are not valid, one after the other into each sum: 64 rows of them are made float64 in the
/// first cache level.
struct AddMixed<'a> {
    cells: &'a [(Cells<'a>, Option<Bitmap<'a>>)],
    sums: Sums<'a>,
    /// Whether the columns come from memory.
    far: bool,
}

impl BitWork for AddMixed<'_> {
    #[inline(always)]
    fn run(self, _: impl Bits) {
        let AddMixed { cells, mut sums, far } = self;
        let mut rooms = [[0.0; PIECE]; 4];
        let rows = sums.rows.clone();
        for at in rows.clone().step_by(PIECE) {
            let count = PIECE.min(rows.end - at);
            let mut x = [&[][..]; 4];
            for ((&(cells, valid), room), x) in cells.iter().zip(&mut rooms).zip(&mut x) {
                if far {
                    cells.fetch(at, AHEAD);
                }
                *x = cells.piece(valid, at, count, room);
            }
            sums.rows = at..at + count;
            let whole = x.map(|x| x.first_chunk::<PIECE>());
            sums.each(|w, y| match (whole, y.first_chunk_mut::<PIECE>()) {
                ([Some(a), Some(b), Some(c), Some(d)], Some(y)) => {
                    for ((((y, a), b), c), d) in y.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                        *y = d.mul_add(w[3], c.mul_add(w[2], b.mul_add(w[1], a.mul_add(w[0], *y))));
                    }
                }
                ([Some(a), Some(b), Some(c), None], Some(y)) => {
                    for (((y, a), b), c) in y.iter_mut().zip(a).zip(b).zip(c) {
                        *y = c.mul_add(w[2], b.mul_add(w[1], a.mul_add(w[0], *y)));
                    }
                }
                ([Some(a), Some(b), None, None], Some(y)) => {
                    for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
                        *y = b.mul_add(w[1], a.mul_add(w[0], *y));
                    }
                }
                _ => {
                    for (x, &w) in x[..cells.len()].iter().zip(w) {
                        for (y, x) in y.iter_mut().zip(*x) {
                            *y = x.mul_add(w, *y);
                        }
                    }
                }
            });
        }
    }
}

/// `y = fma(x, w, y)`; each number rounded to float32 where `NARROW`.
pub(super) fn add_product<const NARROW: bool>(level: Level, w: f64, x: &[f64], y: &mut [f64]) {
    bits::run(level, AddProduct::<NARROW>(w, x, y));
}

struct AddProduct<'a, const NARROW: bool>(f64, &'a [f64], &'a mut [f64]);

impl<const NARROW: bool> BitWork for AddProduct<'_, NARROW> {
    #[inline(always)]
    fn run(self, _: impl Bits) {
        let AddProduct(w, x, y) = self;
        for (y, &x) in y.iter_mut().zip(x) {
            *y = if NARROW { f64::from((x as f32).mul_add(w as f32, *y as f32)) } else { x.mul_add(w, *y) };
        }
    }
}

/// Columns, one after the other, into each of some sums.
struct Add<'a, T, C, const COLUMNS: usize, const OUTPUTS: usize> {
    w: [[f64; COLUMNS]; OUTPUTS],
    x: [&'a [T]; COLUMNS],
    out: &'a mut [f64],
    place: Place,
    wide: C,
    /// Where columns come from memory: where reading goes on after the last row of each, if that is of its type.
    ahead: Option<[Option<*const T>; COLUMNS]>,
}

/// Row r of sum o is at `o * stride + start + r`.
#[derive(Clone, Copy)]
struct Place {
    stride: usize,
    start: usize,
}

impl<T: Copy, C: Fn(T) -> f64, const COLUMNS: usize, const OUTPUTS: usize> BitWork for Add<'_, T, C, COLUMNS, OUTPUTS> {
    #[inline(always)]
    fn run(self, _: impl Bits) {
        let Add { w, x, out, place: Place { stride, start }, wide, ahead } = self;
        let rows = x[0].len();
        for at in (0..rows).step_by(PIECE) {
            let count = PIECE.min(rows - at);
            let lines = ahead.map(|ahead| std::array::from_fn::<_, COLUMNS, _>(|c| after(x[c], ahead[c], at)));
            let x = x.map(|x| x[at..at + count].as_chunks::<8>());
            let first = start + at;
            let places = std::array::from_fn::<_, OUTPUTS, _>(|o| o * stride + first..o * stride + first + count);
            let Ok(y) = out.get_disjoint_mut(places) else {
                unreachable!("sums lie `stride` apart, which `linear` holds to be no less than the rows")
            };
            let mut y = y.map(|y| y.as_chunks_mut::<8>());
            for i in 0..count / 8 {
                if let Some(lines) = &lines
                    && (i * 8 * size_of::<T>()).is_multiple_of(LINE)
                {
                    lines.iter().for_each(|line| fetch(line.wrapping_add(i * 8).cast()));
                }
                let mut sums: [[f64; 8]; OUTPUTS] = std::array::from_fn(|o| y[o].0[i]);
                for (c, (x, _)) in x.iter().enumerate() {
                    for (r, &x) in x[i].iter().enumerate() {
                        for (sums, w) in sums.iter_mut().zip(&w) {
                            sums[r] = wide(x).mul_add(w[c], sums[r]);
                        }
                    }
                }
                y.iter_mut().zip(sums).for_each(|(y, sums)| y.0[i] = sums);
            }
            for ((_, y), w) in y.iter_mut().zip(&w) {
                for ((_, x), &w) in x.iter().zip(w) {
                    y.iter_mut().zip(*x).for_each(|(y, &x)| *y = wide(x).mul_add(w, *y));
                }
            }
        }
    }
}

/// What is read after [`AHEAD`] bytes of column `x` from row `at` on, of which `next` follows.
#[inline(always)]
fn after<T>(x: &[T], next: Option<*const T>, at: usize) -> *const T {
    let to = at + (AHEAD / size_of::<T>()).min(SUMS / 4);
    match next {
        Some(next) if to >= x.len() => next.wrapping_add(to - x.len()),
        _ => x.as_ptr().wrapping_add(to),
    }
}
