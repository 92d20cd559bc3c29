//! Links and arithmetic on a tile of a network: column c is at `c * TILE`.

use super::dense::Convert;
use super::{groups, link};
use crate::model::{Arithmetic, Link, Width};
use crate::simd::bits::{self, BitWork, Bits};
use crate::simd::dense::{Float, TILE};
use crate::simd::{Activation, Level};

/// Replace a tile's columns by a link's, which gives as many, for so many rows.
pub(super) fn activate<F: Float>(
    level: Level,
    link: &Link,
    width: Width,
    tile: &mut [F],
    wide: &mut Vec<f64>,
    rows: usize,
) {
    if let Some(activation) = link::activation(link, width) {
        return F::activate(level, activation, tile, rows);
    }
    // Of numbers of the width, operations at it give what those at float64 give when they are rounded to it.
    let are_of_width = |numbers: &[f64]| numbers.iter().all(|&x| F::of(x).wide().to_bits() == x.to_bits());
    match link {
        Link::Impute { values, missing: None } if are_of_width(values) => {
            each(level, tile, values, |value| move |x: F| if x.is_nan() { value } else { x });
        }
        Link::Standardize { shift: Some(shift), scale: None } if are_of_width(shift) => {
            each(level, tile, shift, |shift| move |x: F| x - shift);
        }
        Link::Standardize { shift: None, scale: Some(scale) } if are_of_width(scale) => {
            each(level, tile, scale, |scale| move |x: F| x / scale);
        }
        Link::Standardize { shift: Some(shift), scale: Some(scale) } if are_of_width(shift) && are_of_width(scale) => {
            each(level, tile, shift, |shift| move |x: F| x - shift);
            each(level, tile, scale, |scale| move |x: F| x / scale);
        }
        Link::Affine { scale, shift } if are_of_width(shift) && are_of_width(scale) => {
            each(level, tile, scale, |scale| move |x: F| x * scale);
            each(level, tile, shift, |shift| move |x: F| x + shift);
        }
        Link::Prelu { alphas } => {
            for (column, &alpha) in tile.chunks_mut(TILE).zip(alphas) {
                F::activate(level, Activation::LeakyRelu(alpha), column, rows);
            }
        }
        Link::LayerNorm { epsilon, scale, shift, rms, groups } => {
            let model = groups::LayerNorm {
                epsilon: *epsilon,
                scale: scale.as_deref(),
                shift: shift.as_deref(),
                rms: *rms,
                groups: *groups,
            };
            // Whole lines of the cache: what lies behind the rows in use is computed too, and not read.
            let rows = rows.next_multiple_of(LINE);
            let mut columns: Vec<&mut [F]> = tile.chunks_mut(TILE).map(|column| &mut column[..rows]).collect();
            groups::layer_norm(level, &model, &mut columns);
        }
        _ => {
            wide.resize(wide.len().max(tile.len()), 0.0);
            let wide = &mut wide[..tile.len()];
            bits::run(level, Convert(tile, wide, F::wide));
            let mut columns: Vec<&mut [f64]> = wide.chunks_mut(TILE).map(|column| &mut column[..rows]).collect();
            link::apply(level, link, width, &mut columns);
            bits::run(level, Convert(wide, tile, F::of));
        }
    }
}

/// Replace the numbers of each of a tile's columns by a function made of the column's number.
fn each<F: Float, P: Fn(F) -> F>(level: Level, tile: &mut [F], numbers: &[f64], function: impl Fn(F) -> P) {
    struct Each<'a, F, P>(&'a mut [F; TILE], P);
    impl<F: Float, P: Fn(F) -> F> BitWork for Each<'_, F, P> {
        #[inline(always)]
        fn run(self, _: impl Bits) {
            let Each(column, function) = self;
            column.iter_mut().for_each(|x| *x = function(*x));
        }
    }
    for (column, &number) in tile.as_chunks_mut::<TILE>().0.iter_mut().zip(numbers) {
        bits::run(level, Each(column, function(F::of(number))));
    }
}

/// Rows that are computed together.
const LINE: usize = 16;

/// `y` with `x`, a single column of which counts as that over and over, for so many rows or some more.
pub(super) fn combine<F: Float>(level: Level, how: Arithmetic, x: &[F], y: &mut [F], rows: usize) {
    let columns = Columns { x, y, rows: rows.next_multiple_of(LINE) };
    match how {
        Arithmetic::Sum => columns.run(level, |a, b| a + b),
        Arithmetic::Product => columns.run(level, |a, b| a * b),
        Arithmetic::Difference => columns.run(level, |a, b| a - b),
        Arithmetic::Quotient => columns.run(level, |a, b| a / b),
        Arithmetic::Minimum => columns.run(level, |a, b| if b < a || b.is_nan() { b } else { a }),
        Arithmetic::Maximum => columns.run(level, |a, b| if b > a || b.is_nan() { b } else { a }),
        Arithmetic::Mask => columns.run(level, |a, b| if b == F::of(0.0) { F::of(-0.0) } else { a }),
    }
}

/// Columns of a tile, and those that they become others with.
struct Columns<'a, F> {
    x: &'a [F],
    y: &'a mut [F],
    rows: usize,
}

impl<F: Float> Columns<'_, F> {
    fn run(self, level: Level, f: impl Fn(F, F) -> F) {
        struct Work<'a, F, O>(Columns<'a, F>, O);
        impl<F: Float, O: Fn(F, F) -> F> BitWork for Work<'_, F, O> {
            #[inline(always)]
            fn run(self, _: impl Bits) {
                let Work(Columns { x, y, rows }, f) = self;
                let is_one = x.len() == TILE;
                for (c, y) in y.chunks_mut(TILE).enumerate() {
                    let x = if is_one { x } else { &x[c * TILE..][..TILE] };
                    y[..rows].iter_mut().zip(x).for_each(|(y, &x)| *y = f(*y, x));
                }
            }
        }
        bits::run(level, Work(self, f));
    }
}

/// `a = f(a, b)`, compiled for the level: the same bits at each.
pub(super) fn pairs<F: Float>(level: Level, a: &mut [F], b: &[F], f: impl Fn(F, F) -> F) {
    struct Pairs<'a, F, O>(&'a mut [F], &'a [F], O);
    impl<F: Float, O: Fn(F, F) -> F> BitWork for Pairs<'_, F, O> {
        #[inline(always)]
        fn run(self, _: impl Bits) {
            let Pairs(a, b, f) = self;
            a.iter_mut().zip(b).for_each(|(a, &b)| *a = f(*a, b));
        }
    }
    bits::run(level, Pairs(a, b, f));
}
