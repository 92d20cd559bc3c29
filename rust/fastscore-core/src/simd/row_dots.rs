//! Products of rows, as they lie in an array, with the coefficients of a few outputs.
//!
//! ```text
//! for each 8 rows:  sum[o] = intercept[o]
//!     for each 8 columns: 8 vectors of rows -> 8 vectors of columns x[i]           (turn.rs)
//!         for i in 0..8, for each output:  sum[o] = fma(x[i], w[o][i], sum[o])
//! ```
//! Rows are lanes (4 with AVX2), and sums run over columns in their order: the bits of any other way. What is turned stays in registers.
//!
//! Bound for 64 numbers and one output with AVX-512: 24 permutations, 12 cycles; 8 loads and 8 multiply-adds beside them. The sums of eight rows
//! wait for each other, but not for those of the next eight rows, which the processor has begun by then.

use super::turn::{self, Cell};
use super::{Level, fetch};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Outputs, at most: as many sums and what is turned fit the registers.
pub(crate) const MOST_OUTPUTS: usize = 4;
/// Bytes between what is computed and what is fetched.
const AHEAD: usize = 4096;

/// `out[o * room + r]` becomes `intercept[o]` plus the products of row r, `cells[r * stride ..]`, with
/// `coefficients[o * inputs ..]`, added in order by fused multiply-adds. False where that is not done, at levels without such instructions and
/// for fewer rows than a vector has.
///
/// # Panics
/// When there are too few cells, coefficients or places, or more than [`MOST_OUTPUTS`] outputs.
#[expect(clippy::too_many_arguments, reason = "an array, a model, and where results go")]
pub(crate) fn row_dots<T: Cell>(
    level: Level,
    cells: &[T],
    stride: usize,
    rows: usize,
    coefficients: &[f64],
    intercept: &[f64],
    out: &mut [f64],
    room: usize,
) -> bool {
    let outputs = intercept.len();
    if outputs == 0 || coefficients.is_empty() || rows == 0 {
        return false;
    }
    let inputs = coefficients.len() / outputs;
    let reach = (rows - 1).checked_mul(stride).and_then(|last| last.checked_add(inputs));
    assert!(reach.is_some_and(|reach| reach <= cells.len()), "rows past their array");
    assert!(outputs <= MOST_OUTPUTS && inputs * outputs == coefficients.len(), "coefficients of another shape");
    assert!(rows <= room && (outputs - 1) * room + rows <= out.len(), "no room for results");
    #[cfg(target_arch = "x86_64")]
    match level {
        // SAFETY: the processor has the features; the assertions hold all that is read and written.
        Level::Avx512 if level.is_available() && rows >= 8 => unsafe {
            match outputs {
                1 => eights::<T, 1>(cells, stride, rows, coefficients, intercept, out, room),
                2 => eights::<T, 2>(cells, stride, rows, coefficients, intercept, out, room),
                3 => eights::<T, 3>(cells, stride, rows, coefficients, intercept, out, room),
                _ => eights::<T, 4>(cells, stride, rows, coefficients, intercept, out, room),
            }
            return true;
        },
        // SAFETY: as above.
        Level::Avx2 if level.is_available() && rows >= 4 => unsafe {
            match outputs {
                1 => fours::<T, 1>(cells, stride, rows, coefficients, intercept, out, room),
                2 => fours::<T, 2>(cells, stride, rows, coefficients, intercept, out, room),
                3 => fours::<T, 3>(cells, stride, rows, coefficients, intercept, out, room),
                _ => fours::<T, 4>(cells, stride, rows, coefficients, intercept, out, room),
            }
            return true;
        },
        _ => {}
    }
    let _ = level;
    false
}

/// Where vectors of so many rows begin; the last ones overlap where rows are no multiple.
#[cfg(target_arch = "x86_64")]
fn starts(rows: usize, lanes: usize) -> impl Iterator<Item = usize> {
    (0..rows).step_by(lanes).map(move |first| first.min(rows - lanes))
}

/// Have the lines of eight rows fetched that are read after [`AHEAD`] bytes, or with the next eight rows where those are further away.
#[inline(always)]
fn fetch_ahead<T>(from: *const T, stride: usize) {
    for row in 0..8 {
        fetch(from.wrapping_add(row * stride).wrapping_byte_add(AHEAD.max(8 * stride * size_of::<T>())).cast());
    }
}

/// # Safety
/// The processor has the features; all is as [`row_dots`] asserts, with `OUTPUTS` outputs, and there are eight rows or more.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
unsafe fn eights<T: Cell, const OUTPUTS: usize>(
    cells: &[T],
    stride: usize,
    rows: usize,
    coefficients: &[f64],
    intercept: &[f64],
    out: &mut [f64],
    room: usize,
) {
    let inputs = coefficients.len() / OUTPUTS;
    let (whole, rest) = (inputs - inputs % 8, inputs % 8);
    for r in starts(rows, 8) {
        let mut sum: [__m512d; OUTPUTS] = std::array::from_fn(|o| _mm512_set1_pd(intercept[o]));
        let mut from = cells.as_ptr().wrapping_add(r * stride);
        let mut w = coefficients.as_ptr();
        for _ in 0..whole / 8 {
            fetch_ahead(from, stride);
            // SAFETY: rows r to r + 7 and the columns up to `whole` are there, and a coefficient for each.
            unsafe {
                let x = turn::eight_columns(from, stride, 0xff);
                for (i, &x) in x.iter().enumerate() {
                    for (o, sum) in sum.iter_mut().enumerate() {
                        *sum = _mm512_fmadd_pd(x, _mm512_set1_pd(*w.add(o * inputs + i)), *sum);
                    }
                }
            }
            (from, w) = (from.wrapping_add(8), w.wrapping_add(8));
        }
        if rest > 0 {
            fetch_ahead(from, stride);
            // SAFETY: as above, with the columns that are left.
            unsafe {
                let x = turn::eight_columns(from, stride, (0xffu32 >> (8 - rest)) as u8);
                // Unrolled, so that nothing that was turned goes through memory.
                for (i, &x) in x.iter().enumerate() {
                    if i < rest {
                        for (o, sum) in sum.iter_mut().enumerate() {
                            *sum = _mm512_fmadd_pd(x, _mm512_set1_pd(*w.add(o * inputs + i)), *sum);
                        }
                    }
                }
            }
        }
        for (o, &sum) in sum.iter().enumerate() {
            // SAFETY: rows r to r + 7 of each output have a place.
            unsafe { _mm512_storeu_pd(out.as_mut_ptr().add(o * room + r), sum) };
        }
    }
}

/// # Safety
/// The processor has the features; all is as [`row_dots`] asserts, with `OUTPUTS` outputs, and there are four rows or more.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn fours<T: Cell, const OUTPUTS: usize>(
    cells: &[T],
    stride: usize,
    rows: usize,
    coefficients: &[f64],
    intercept: &[f64],
    out: &mut [f64],
    room: usize,
) {
    let inputs = coefficients.len() / OUTPUTS;
    let (whole, rest) = (inputs - inputs % 4, inputs % 4);
    for r in starts(rows, 4) {
        let mut sum: [__m256d; OUTPUTS] = std::array::from_fn(|o| _mm256_set1_pd(intercept[o]));
        let mut from = cells.as_ptr().wrapping_add(r * stride);
        let mut w = coefficients.as_ptr();
        for _ in 0..whole / 4 {
            // SAFETY: rows r to r + 3 and the columns up to `whole` are there, and a coefficient for each.
            unsafe {
                let x = turn::four_columns(from, stride);
                for (i, &x) in x.iter().enumerate() {
                    for (o, sum) in sum.iter_mut().enumerate() {
                        *sum = _mm256_fmadd_pd(x, _mm256_set1_pd(*w.add(o * inputs + i)), *sum);
                    }
                }
            }
            (from, w) = (from.wrapping_add(4), w.wrapping_add(4));
        }
        for i in 0..rest {
            // SAFETY: as above, with the columns that are left.
            unsafe {
                let x = |row: usize| (*from.add(row * stride + i)).into();
                let x = _mm256_setr_pd(x(0), x(1), x(2), x(3));
                for (o, sum) in sum.iter_mut().enumerate() {
                    *sum = _mm256_fmadd_pd(x, _mm256_set1_pd(*w.add(o * inputs + i)), *sum);
                }
            }
        }
        for (o, &sum) in sum.iter().enumerate() {
            // SAFETY: rows r to r + 3 of each output have a place.
            unsafe { _mm256_storeu_pd(out.as_mut_ptr().add(o * room + r), sum) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Cell>(make: fn(usize) -> T) {
        for (rows, inputs, stride) in
            [(8, 8, 8), (19, 23, 23), (64, 7, 9), (33, 200, 203), (5, 4, 4), (16, 1, 2), (9, 9, 9)]
        {
            // The array ends with the last row's last number.
            let cells: Vec<T> = (0..(rows - 1) * stride + inputs).map(make).collect();
            for outputs in 1..=MOST_OUTPUTS {
                let w: Vec<f64> = (0..inputs * outputs).map(|i| (i as f64 * 0.37).sin()).collect();
                let intercept: Vec<f64> = (0..outputs).map(|o| -0.0 * o as f64).collect();
                for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
                    let room = rows + 3;
                    let mut out = vec![-7.0; outputs * room];
                    let lanes = [(Level::Avx2, 4), (Level::Avx512, 8)].into_iter().find(|(of, _)| *of == level);
                    let done = row_dots(level, &cells, stride, rows, &w, &intercept, &mut out, room);
                    assert_eq!(done, lanes.is_some_and(|(_, lanes)| rows >= lanes), "{level}, {rows} rows");
                    for o in 0..outputs {
                        for r in 0..room {
                            let products =
                                (0..inputs).map(|c| (cells[(r.min(rows - 1)) * stride + c].into(), w[o * inputs + c]));
                            let due: f64 = products.fold(intercept[o], |sum, (x, w): (f64, f64)| x.mul_add(w, sum));
                            let due = if done && r < rows { due } else { -7.0 };
                            assert_eq!(out[o * room + r].to_bits(), due.to_bits(), "{level} {rows} {inputs}: {o} {r}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_level_has_the_sums_in_order() {
        check::<f64>(|i| (i as f64 * 0.7).cos());
        check::<f32>(|i| (i as f32 * 0.7).cos());
    }
}
