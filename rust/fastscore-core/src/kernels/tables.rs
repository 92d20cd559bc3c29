//! Numbers looked up column by column, and products of columns: a pass over each column.

use super::Columns;
use crate::model::{Bins, Interpolate, Map, Polynomial};

/// The tables of a map, made ready.
#[derive(Debug)]
pub(crate) struct Tables(Vec<Table>);

/// How the keys of one column are found.
#[derive(Debug)]
enum Table {
    /// Integers close together: key `low + i` has value i; holes have what other numbers become.
    Dense { low: f64, values: Vec<f64> },
    /// A search among the keys.
    Search,
}

/// A dense table has at most so many places a key, and some more.
const PLACES: (usize, usize) = (4, 64);

impl Tables {
    pub fn new(map: &Map) -> Tables {
        Tables((0..map.columns()).map(|c| Table::new(map, c)).collect())
    }
}

impl Table {
    fn new(map: &Map, c: usize) -> Table {
        let (keys, values) = map.entries(c);
        let (Some(&low), Some(&high)) = (keys.first(), keys.last()) else { return Table::Search };
        let most = keys.len().saturating_mul(PLACES.0).saturating_add(PLACES.1);
        // Beyond 2^52 neighbours are no integers apart.
        let exact = |x: f64| x == x.trunc() && x.abs() < 4503599627370496.0;
        if !keys.iter().all(|&key| exact(key)) || high - low >= most as f64 {
            return Table::Search;
        }
        let mut dense = vec![map.other[c]; (high - low) as usize + 1];
        for (&key, &value) in keys.iter().zip(values) {
            dense[(key - low) as usize] = value;
        }
        Table::Dense { low, values: dense }
    }
}

/// `out[c * stride + r]`: what column `map.column[c]` becomes.
pub(crate) fn map(model: &Map, tables: &Tables, input: &impl Columns, out: &mut [f64], stride: usize, rows: usize) {
    for (c, (table, out)) in tables.0.iter().zip(out.chunks_mut(stride)).enumerate() {
        let x = input.column(model.column[c] as usize);
        let (missing, other) = (model.missing[c], model.other[c]);
        let out = &mut out[..rows];
        match table {
            Table::Dense { low, values } => {
                let last = values.len() - 1;
                for (to, &x) in out.iter_mut().zip(x) {
                    // The cast saturates, and NaN becomes 0: the place is compared with the number anyway.
                    let place = (x - low) as usize;
                    let found = values[place.min(last)];
                    let known = place <= last && place as f64 + low == x;
                    let found = if known { found } else { other };
                    *to = if x.is_nan() { missing } else { found };
                }
            }
            Table::Search => {
                let (keys, values) = model.entries(c);
                for (to, &x) in out.iter_mut().zip(x) {
                    let place = count(keys, |key| key < x);
                    *to = match keys.get(place) {
                        _ if x.is_nan() => missing,
                        Some(&key) if key == x => values[place],
                        _ => other,
                    };
                }
            }
        }
    }
}

/// How many of the numbers, which are sorted, have what the first ones have: without branches that depend on them.
#[inline(always)]
fn count(sorted: &[f64], has: impl Fn(f64) -> bool) -> usize {
    let (mut first, mut left) = (0, sorted.len());
    while left > 1 {
        let half = left / 2;
        first += if has(sorted[first + half - 1]) { half } else { 0 };
        left -= half;
    }
    first + usize::from(left == 1 && has(sorted[first]))
}

/// Up to so many edges are compared one after another, all rows at once.
const FEW: usize = 16;

/// `out[c * stride + r]`: how many edges of column c are not above it; all of them for NaN.
pub(crate) fn bins(model: &Bins, input: &impl Columns, out: &mut [f64], stride: usize, rows: usize) {
    for (c, out) in out.chunks_mut(stride).enumerate().take(model.offset.len() - 1) {
        let (edges, x, out) = (model.edges(c), input.column(c), &mut out[..rows]);
        if edges.len() <= FEW {
            out.fill(0.0);
            for &edge in edges {
                for (to, &x) in out.iter_mut().zip(x) {
                    *to += if x < edge { 0.0 } else { 1.0 };
                }
            }
        } else {
            for (to, &x) in out.iter_mut().zip(x) {
                #[expect(clippy::neg_cmp_op_on_partial_ord, reason = "NaN is beyond every edge")]
                let below = count(edges, |edge| !(x < edge));
                *to = below as f64;
            }
        }
    }
}

/// `out[c * stride + r]`: NumPy's `interp` of column c.
pub(crate) fn interpolate(model: &Interpolate, input: &impl Columns, out: &mut [f64], stride: usize, rows: usize) {
    for (c, out) in out.chunks_mut(stride).enumerate().take(model.offset.len() - 1) {
        let (xs, ys) = model.points(c);
        let last = xs.len() - 1;
        for (to, &x) in out[..rows].iter_mut().zip(input.column(c)) {
            let place = count(xs, |known| known <= x);
            *to = match place.checked_sub(1) {
                _ if x.is_nan() => {
                    if last == 0 {
                        ys[0]
                    } else {
                        x
                    }
                }
                None => ys[0],
                Some(place) if place == last || xs[place] == x => ys[place],
                Some(place) => between(x, (xs[place], ys[place]), (xs[place + 1], ys[place + 1])),
            };
        }
    }
}

/// On the line between two points, as NumPy computes it: from the left one, and where infinities make that NaN from the
/// right one.
#[inline(always)]
fn between(x: f64, left: (f64, f64), right: (f64, f64)) -> f64 {
    let slope = (right.1 - left.1) / (right.0 - left.0);
    let y = slope * (x - left.0) + left.1;
    if !y.is_nan() {
        return y;
    }
    let y = slope * (x - right.0) + right.1;
    if y.is_nan() && left.1 == right.1 { left.1 } else { y }
}

/// `out[o * stride + r]`: the product of the factors of column o.
pub(crate) fn polynomial(model: &Polynomial, input: &impl Columns, out: &mut [f64], stride: usize, rows: usize) {
    for (o, out) in out.chunks_mut(stride).enumerate().take(model.columns()) {
        let out = &mut out[..rows];
        match model.factors(o).split_first() {
            None => out.fill(1.0),
            Some((&first, others)) => {
                out.copy_from_slice(input.column(first as usize));
                others.iter().for_each(|&factor| multiply(out, input.column(factor as usize)));
            }
        }
    }
}

/// `out *= by`
pub(crate) fn multiply(out: &mut [f64], by: &[f64]) {
    out.iter_mut().zip(by).for_each(|(out, by)| *out *= by);
}
