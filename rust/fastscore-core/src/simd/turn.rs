//! Rows to columns: eight (or four) rows at a time, in the order in which they lie, so that the processor fetches them ahead.

use super::Level;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Numbers of a row-major array that become float64 columns.
pub(crate) trait Cell: Copy + Into<f64> {
    /// # Safety
    /// The processor has AVX-512 F and VL; `from` has `count` numbers, at most 8.
    #[cfg(target_arch = "x86_64")]
    unsafe fn eight(from: *const Self, mask: u8) -> __m512d;
    /// # Safety
    /// The processor has AVX2; `from` has 4 numbers.
    #[cfg(target_arch = "x86_64")]
    unsafe fn four(from: *const Self) -> __m256d;
}

impl Cell for f64 {
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn eight(from: *const f64, mask: u8) -> __m512d {
        // SAFETY: the caller vouches for the processor, and for the numbers that the mask names.
        unsafe { _mm512_maskz_loadu_pd(mask, from) }
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn four(from: *const f64) -> __m256d {
        // SAFETY: as above.
        unsafe { _mm256_loadu_pd(from) }
    }
}

impl Cell for f32 {
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn eight(from: *const f32, mask: u8) -> __m512d {
        // SAFETY: as above.
        unsafe { _mm512_cvtps_pd(_mm256_maskz_loadu_ps(mask, from)) }
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn four(from: *const f32) -> __m256d {
        // SAFETY: as above.
        unsafe { _mm256_cvtps_pd(_mm_loadu_ps(from)) }
    }
}

/// `columns[c * room + r] = cells[r * stride + c]` for `width` columns of `rows` rows.
///
/// # Panics
/// When the cells or the columns are too few.
pub(crate) fn turn<T: Cell>(
    level: Level,
    cells: &[T],
    stride: usize,
    (rows, width): (usize, usize),
    columns: &mut [f64],
    room: usize,
) {
    if rows == 0 || width == 0 {
        return;
    }
    let reach = (rows - 1).checked_mul(stride).and_then(|last| last.checked_add(width));
    assert!(reach.is_some_and(|reach| reach <= cells.len()), "rows past their array");
    assert!(rows <= room && (width - 1) * room + rows <= columns.len(), "columns too short");
    #[cfg(target_arch = "x86_64")]
    match level {
        Level::Avx512 if level.is_available() => {
            let whole = rows - rows % 8;
            // SAFETY: the processor has the features; the assertions above hold all that is read and written.
            unsafe { eights(cells, stride, (whole, width), columns, room) };
            return plain(cells, stride, (whole..rows, 0..width), columns, room);
        }
        Level::Avx2 if level.is_available() => {
            let (whole, even) = (rows - rows % 4, width - width % 4);
            // SAFETY: as above.
            unsafe { fours(cells, stride, (whole, even), columns, room) };
            plain(cells, stride, (0..whole, even..width), columns, room);
            return plain(cells, stride, (whole..rows, 0..width), columns, room);
        }
        _ => {}
    }
    let _ = level;
    plain(cells, stride, (0..rows, 0..width), columns, room);
}

fn plain<T: Cell>(
    cells: &[T],
    stride: usize,
    (rows, width): (std::ops::Range<usize>, std::ops::Range<usize>),
    columns: &mut [f64],
    room: usize,
) {
    for r in rows {
        for c in width.clone() {
            columns[c * room + r] = cells[r * stride + c].into();
        }
    }
}

/// Eight rows of those of eight columns that the mask names; of the others, zeros.
///
/// # Safety
/// The processor has the features; there are such rows and columns from `from` on.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
#[inline]
pub(super) unsafe fn eight_columns<T: Cell>(from: *const T, stride: usize, mask: u8) -> [__m512d; 8] {
    // SAFETY: the caller vouches for rows and columns.
    let row = |i: usize| unsafe { T::eight(from.add(i * stride), mask) };
    let low = |i: usize| _mm512_unpacklo_pd(row(i), row(i + 1));
    let high = |i: usize| _mm512_unpackhi_pd(row(i), row(i + 1));
    // Of columns 2l and 2l + 1 two rows are in lane l.
    let mut out = [_mm512_setzero_pd(); 8];
    for (odd, pairs) in [[low(0), low(2), low(4), low(6)], [high(0), high(2), high(4), high(6)]].iter().enumerate() {
        let [a, b, c, d] = *pairs;
        let (even_a, even_c) = (_mm512_shuffle_f64x2::<0x88>(a, b), _mm512_shuffle_f64x2::<0x88>(c, d));
        let (odd_a, odd_c) = (_mm512_shuffle_f64x2::<0xdd>(a, b), _mm512_shuffle_f64x2::<0xdd>(c, d));
        out[odd] = _mm512_shuffle_f64x2::<0x88>(even_a, even_c);
        out[odd + 2] = _mm512_shuffle_f64x2::<0x88>(odd_a, odd_c);
        out[odd + 4] = _mm512_shuffle_f64x2::<0xdd>(even_a, even_c);
        out[odd + 6] = _mm512_shuffle_f64x2::<0xdd>(odd_a, odd_c);
    }
    out
}

/// Four rows of four columns.
///
/// # Safety
/// The processor has the features; there are such rows and columns from `from` on.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[inline]
pub(super) unsafe fn four_columns<T: Cell>(from: *const T, stride: usize) -> [__m256d; 4] {
    // SAFETY: the caller vouches for rows and columns.
    let row = |i: usize| unsafe { T::four(from.add(i * stride)) };
    let (a, b, x, y) = (row(0), row(1), row(2), row(3));
    let (low_a, low_x) = (_mm256_unpacklo_pd(a, b), _mm256_unpacklo_pd(x, y));
    let (high_a, high_x) = (_mm256_unpackhi_pd(a, b), _mm256_unpackhi_pd(x, y));
    [
        _mm256_permute2f128_pd::<0x20>(low_a, low_x),
        _mm256_permute2f128_pd::<0x20>(high_a, high_x),
        _mm256_permute2f128_pd::<0x31>(low_a, low_x),
        _mm256_permute2f128_pd::<0x31>(high_a, high_x),
    ]
}

/// # Safety
/// The processor has the features; `cells` and `columns` hold what [`turn`] asserts; `rows` is a multiple of 8.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
unsafe fn eights<T: Cell>(cells: &[T], stride: usize, (rows, width): (usize, usize), columns: &mut [f64], room: usize) {
    for r in (0..rows).step_by(8) {
        for c in (0..width).step_by(8) {
            let here = (width - c).min(8);
            let mask = (0xffu16 >> (8 - here)) as u8;
            // SAFETY: rows r to r + 7 are below `rows`, and the mask names columns below `width`: all of `cells`.
            let out = unsafe { eight_columns(cells.as_ptr().add(r * stride + c), stride, mask) };
            for (i, &column) in out.iter().enumerate().take(here) {
                // SAFETY: column c + i is below `width`, and rows r to r + 7 below `rows`: all of `columns`.
                unsafe { _mm512_storeu_pd(columns.as_mut_ptr().add((c + i) * room + r), column) };
            }
        }
    }
}

/// # Safety
/// The processor has the features; `cells` and `columns` hold what [`turn`] asserts; `rows` and `width` are multiples of 4.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn fours<T: Cell>(cells: &[T], stride: usize, (rows, width): (usize, usize), columns: &mut [f64], room: usize) {
    for r in (0..rows).step_by(4) {
        for c in (0..width).step_by(4) {
            // SAFETY: rows r to r + 3 are below `rows`, columns c to c + 3 below `width`: all of `cells`.
            let out = unsafe { four_columns(cells.as_ptr().add(r * stride + c), stride) };
            for (i, &column) in out.iter().enumerate() {
                // SAFETY: all of `columns`, likewise.
                unsafe { _mm256_storeu_pd(columns.as_mut_ptr().add((c + i) * room + r), column) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Cell>(make: fn(usize) -> T) {
        for (rows, width, stride) in
            [(1, 1, 1), (8, 8, 8), (19, 23, 23), (64, 7, 9), (33, 200, 203), (5, 4, 4), (16, 9, 9)]
        {
            let cells: Vec<T> = (0..(rows - 1) * stride + width).map(make).collect();
            for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
                let room = rows + 3;
                let mut columns = vec![-1.0; width * room];
                turn(level, &cells, stride, (rows, width), &mut columns, room);
                for c in 0..width {
                    for r in 0..room {
                        let due = if r < rows { cells[r * stride + c].into() } else { -1.0 };
                        assert!(columns[c * room + r] == due, "{level} {rows} {width} {stride}: row {r} column {c}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_level_turns_rows_of_both_widths() {
        check::<f64>(|i| i as f64 + 0.1);
        check::<f32>(|i| i as f32 + 0.1);
    }
}
