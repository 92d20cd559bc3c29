//! Numbers to float32 keys, row by row, and whether all of them are finite there: each number is read once.
//!
//! ```text
//! keys[r].0[c] = f32(cells[r * stride + c])    or    f32(columns[c][r])
//! found = found + 0 * key                      NaN as soon as some key is infinite or NaN, else 0
//! ```
//! Rows of an array take a conversion, a multiply-add and a store for eight numbers; columns 24 permutations for eight rows of
//! eight columns beside that. Keys beyond the last column, and those of an empty one, are any finite numbers: no split reads them.

use super::Level;
use super::tile::Keys;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Keys of a row. The last one is always 0.
pub(crate) const WIDTH: usize = 32;
/// Columns, at most.
pub(crate) const COLUMNS: usize = WIDTH - 1;
/// Rows are made so many at a time from columns: there is room for a multiple of it.
pub(crate) const STEP: usize = 8;

type Row = Keys<f32, WIDTH>;

/// Numbers of an array.
pub(crate) trait Cell: Copy {
    /// The nearest float32.
    fn narrow(self) -> f32;
    /// # Safety
    /// The processor has AVX-512 F and VL; `from` has the numbers that the mask names.
    #[cfg(target_arch = "x86_64")]
    unsafe fn eight(from: *const Self, mask: u8) -> __m256;
    /// # Safety
    /// The processor has AVX2; `from` has four numbers.
    #[cfg(target_arch = "x86_64")]
    unsafe fn four(from: *const Self) -> __m128;
    /// # Safety
    /// The processor has AVX2; `from` has the first `count` of four numbers, perhaps none.
    #[cfg(target_arch = "x86_64")]
    unsafe fn some(from: *const Self, count: usize) -> __m128;
}

/// The first 1 to 4 lanes of 64 and of 32 bits.
#[cfg(target_arch = "x86_64")]
static LANES: ([i64; 8], [i32; 8]) = ([-1, -1, -1, -1, 0, 0, 0, 0], [-1, -1, -1, -1, 0, 0, 0, 0]);

impl Cell for f64 {
    #[inline(always)]
    fn narrow(self) -> f32 {
        self as f32
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn eight(from: *const f64, mask: u8) -> __m256 {
        // SAFETY: the caller vouches for the processor and the numbers.
        unsafe { _mm512_cvtpd_ps(_mm512_maskz_loadu_pd(mask, from)) }
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn four(from: *const f64) -> __m128 {
        // SAFETY: as above.
        unsafe { _mm256_cvtpd_ps(_mm256_loadu_pd(from)) }
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn some(from: *const f64, count: usize) -> __m128 {
        // SAFETY: as above; the lanes begin at most four before the end of `LANES`.
        unsafe {
            let lanes = _mm256_loadu_si256(LANES.0.as_ptr().add(4 - count).cast());
            _mm256_cvtpd_ps(_mm256_maskload_pd(from, lanes))
        }
    }
}

impl Cell for f32 {
    #[inline(always)]
    fn narrow(self) -> f32 {
        self
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn eight(from: *const f32, mask: u8) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_maskz_loadu_ps(mask, from) }
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn four(from: *const f32) -> __m128 {
        // SAFETY: as above.
        unsafe { _mm_loadu_ps(from) }
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn some(from: *const f32, count: usize) -> __m128 {
        // SAFETY: as above.
        unsafe { _mm_maskload_ps(from, _mm_loadu_si128(LANES.1.as_ptr().add(4 - count).cast())) }
    }
}

/// The first `count` numbers of rows that lie `stride` apart; whether all are finite at float32.
///
/// # Panics
/// When the cells are too few, or the columns too many.
pub(crate) fn rows<T: Cell>(level: Level, cells: &[T], stride: usize, count: usize, keys: &mut [Row]) -> bool {
    let Some(last) = keys.len().checked_sub(1) else { return true };
    assert!(count <= COLUMNS, "too many columns");
    let reach = last.checked_mul(stride).and_then(|last| last.checked_add(count));
    assert!(reach.is_some_and(|reach| reach <= cells.len()), "rows past their array");
    #[cfg(target_arch = "x86_64")]
    match level {
        // SAFETY: the processor has the features; all that is read was asserted to be there.
        Level::Avx512 if level.is_available() => unsafe {
            return match count.div_ceil(8) {
                0 => true,
                1 => rows_by_eight::<T, 1>(cells, stride, count, keys),
                2 => rows_by_eight::<T, 2>(cells, stride, count, keys),
                3 => rows_by_eight::<T, 3>(cells, stride, count, keys),
                _ => rows_by_eight::<T, 4>(cells, stride, count, keys),
            };
        },
        // SAFETY: as above.
        Level::Avx2 if level.is_available() => unsafe {
            return match count / 4 {
                0 => rows_by_four::<T, 0>(cells, stride, count, keys),
                1 => rows_by_four::<T, 1>(cells, stride, count, keys),
                2 => rows_by_four::<T, 2>(cells, stride, count, keys),
                3 => rows_by_four::<T, 3>(cells, stride, count, keys),
                4 => rows_by_four::<T, 4>(cells, stride, count, keys),
                5 => rows_by_four::<T, 5>(cells, stride, count, keys),
                6 => rows_by_four::<T, 6>(cells, stride, count, keys),
                _ => rows_by_four::<T, 7>(cells, stride, count, keys),
            };
        },
        _ => {}
    }
    let _ = level;
    let mut found = [0.0; 4];
    for (r, keys) in keys.iter_mut().enumerate() {
        let row = &cells[r * stride..][..count];
        for (key, &x) in keys.0.iter_mut().zip(row) {
            *key = x.narrow();
        }
        keys.0[count..].fill(0.0);
        for keys in keys.0.as_chunks::<4>().0 {
            for (found, key) in found.iter_mut().zip(keys) {
                *found += key * 0.0;
            }
        }
    }
    found.iter().all(|found: &f32| !found.is_nan())
}

/// Columns side by side; whether all numbers are finite at float32. An empty column is one that no split reads.
///
/// # Panics
/// When there are too many columns, one has fewer than `rows` rows, or there is no room for a multiple of [`STEP`] rows.
pub(crate) fn columns(level: Level, columns: &[&[f64]], rows: usize, keys: &mut [Row]) -> bool {
    assert!(columns.len() <= COLUMNS, "too many columns");
    assert!(columns.iter().all(|column| column.is_empty() || column.len() >= rows), "columns too short");
    assert!(rows.next_multiple_of(STEP) <= keys.len(), "no room for rows");
    #[cfg(target_arch = "x86_64")]
    match level {
        // SAFETY: the processor has the features; what is read and written was asserted to be there.
        Level::Avx512 if level.is_available() => return unsafe { columns_by_eight(columns, rows, keys) },
        // SAFETY: as above.
        Level::Avx2 if level.is_available() => {
            let whole = rows - rows % 4;
            // SAFETY: as above.
            let finite = unsafe { columns_by_four(columns, whole, keys) };
            return plain(columns, whole..rows, keys) && finite;
        }
        _ => {}
    }
    let _ = level;
    plain(columns, 0..rows, keys)
}

fn plain(columns: &[&[f64]], rows: std::ops::Range<usize>, keys: &mut [Row]) -> bool {
    let mut finite = true;
    for (c, column) in columns.iter().enumerate().filter(|(_, column)| !column.is_empty()) {
        let mut found = 0.0;
        for (keys, &x) in keys[rows.clone()].iter_mut().zip(&column[rows.clone()]) {
            keys.0[c] = x as f32;
            found += x as f32 * 0.0;
        }
        finite &= !found.is_nan();
    }
    finite
}

/// # Safety
/// The processor has the features; `cells` and `count` are as [`rows`] asserts, and `VECTORS` hold `count`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
unsafe fn rows_by_eight<T: Cell, const VECTORS: usize>(
    cells: &[T],
    stride: usize,
    count: usize,
    keys: &mut [Row],
) -> bool {
    let mut found = [_mm256_setzero_ps(); VECTORS];
    let mut from = cells.as_ptr();
    let last = (0xffu32 >> (8 * VECTORS - count)) as u8;
    for keys in keys {
        for (i, found) in found.iter_mut().enumerate() {
            let mask = if i + 1 == VECTORS { last } else { 0xff };
            // SAFETY: the masks name the `count` numbers of a row; a row has room for four vectors.
            unsafe {
                let key = T::eight(from.wrapping_add(8 * i), mask);
                *found = _mm256_fmadd_ps(key, _mm256_setzero_ps(), *found);
                _mm256_store_ps(keys.0.as_mut_ptr().add(8 * i), key);
            }
        }
        from = from.wrapping_add(stride);
    }
    found.iter().all(|&found| _mm256_cmp_ps_mask::<_CMP_UNORD_Q>(found, found) == 0)
}

/// # Safety
/// The processor has the features; `cells` and `count` are as [`rows`] asserts, and `VECTORS` are full.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn rows_by_four<T: Cell, const VECTORS: usize>(
    cells: &[T],
    stride: usize,
    count: usize,
    keys: &mut [Row],
) -> bool {
    let (mut found, mut last) = ([_mm_setzero_ps(); VECTORS], _mm_setzero_ps());
    let mut from = cells.as_ptr();
    for keys in keys {
        let to = keys.0.as_mut_ptr();
        for (i, found) in found.iter_mut().enumerate() {
            // SAFETY: four numbers of the `count` of a row; a row has room for eight vectors.
            unsafe {
                let key = T::four(from.add(4 * i));
                *found = _mm_fmadd_ps(key, _mm_setzero_ps(), *found);
                _mm_store_ps(to.add(4 * i), key);
            }
        }
        // SAFETY: those that are left.
        unsafe {
            let key = T::some(from.wrapping_add(4 * VECTORS), count - 4 * VECTORS);
            last = _mm_fmadd_ps(key, _mm_setzero_ps(), last);
            _mm_store_ps(to.add(4 * VECTORS), key);
        }
        from = from.wrapping_add(stride);
    }
    found.iter().chain([&last]).all(|&found| _mm_movemask_ps(_mm_cmpunord_ps(found, found)) == 0)
}

/// # Safety
/// The processor has the features; all is as [`columns`] asserts.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
unsafe fn columns_by_eight(columns: &[&[f64]], rows: usize, keys: &mut [Row]) -> bool {
    let mut found = _mm256_setzero_ps();
    for r in (0..rows).step_by(8) {
        let mask = (0xffu32 >> 8usize.saturating_sub(rows - r)) as u8;
        for (group, columns) in columns.chunks(8).enumerate() {
            let mut x = [_mm256_setzero_ps(); 8];
            for (x, column) in x.iter_mut().zip(columns).filter(|(_, column)| !column.is_empty()) {
                // SAFETY: the mask names rows below `rows`.
                *x = unsafe { f64::eight(column.as_ptr().add(r), mask) };
                found = _mm256_fmadd_ps(*x, _mm256_setzero_ps(), found);
            }
            // Of rows l and l + 4, two columns, then four.
            let mut four = [_mm256_setzero_ps(); 8];
            for (half, x) in [[x[0], x[1], x[2], x[3]], [x[4], x[5], x[6], x[7]]].into_iter().enumerate() {
                let (low, high) = (_mm256_unpacklo_ps(x[0], x[1]), _mm256_unpackhi_ps(x[0], x[1]));
                let (low2, high2) = (_mm256_unpacklo_ps(x[2], x[3]), _mm256_unpackhi_ps(x[2], x[3]));
                four[4 * half] = _mm256_shuffle_ps::<0x44>(low, low2);
                four[4 * half + 1] = _mm256_shuffle_ps::<0xee>(low, low2);
                four[4 * half + 2] = _mm256_shuffle_ps::<0x44>(high, high2);
                four[4 * half + 3] = _mm256_shuffle_ps::<0xee>(high, high2);
            }
            for l in 0..4 {
                let (low, high) = (four[l], four[l + 4]);
                // SAFETY: there is room for eight rows from r on, and for four vectors in each.
                unsafe {
                    let mut to = |row: usize| keys.get_unchecked_mut(r + row).0.as_mut_ptr().add(8 * group);
                    _mm256_store_ps(to(l), _mm256_permute2f128_ps::<0x20>(low, high));
                    _mm256_store_ps(to(l + 4), _mm256_permute2f128_ps::<0x31>(low, high));
                }
            }
        }
    }
    _mm256_cmp_ps_mask::<_CMP_UNORD_Q>(found, found) == 0
}

/// # Safety
/// The processor has the features; all is as [`columns`] asserts; `rows` is a multiple of four.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn columns_by_four(columns: &[&[f64]], rows: usize, keys: &mut [Row]) -> bool {
    let mut found = _mm_setzero_ps();
    for r in (0..rows).step_by(4) {
        for (group, columns) in columns.chunks(4).enumerate() {
            let mut x = [_mm_setzero_ps(); 4];
            for (x, column) in x.iter_mut().zip(columns).filter(|(_, column)| !column.is_empty()) {
                // SAFETY: four rows from r on are there.
                *x = unsafe { f64::four(column.as_ptr().add(r)) };
                found = _mm_fmadd_ps(*x, _mm_setzero_ps(), found);
            }
            let (low, high) = (_mm_unpacklo_ps(x[0], x[1]), _mm_unpackhi_ps(x[0], x[1]));
            let (low2, high2) = (_mm_unpacklo_ps(x[2], x[3]), _mm_unpackhi_ps(x[2], x[3]));
            let out = [
                _mm_movelh_ps(low, low2),
                _mm_movehl_ps(low2, low),
                _mm_movelh_ps(high, high2),
                _mm_movehl_ps(high2, high),
            ];
            for (row, out) in out.into_iter().enumerate() {
                // SAFETY: there is room for four rows from r on, and for eight vectors in each.
                unsafe { _mm_store_ps(keys.get_unchecked_mut(r + row).0.as_mut_ptr().add(4 * group), out) };
            }
        }
    }
    _mm_movemask_ps(_mm_cmpunord_ps(found, found)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const AWKWARD: [f64; 6] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e39, -1e39, 3.402_823_567_797_336_7e38];

    fn number(i: usize) -> f64 {
        [0.1, -0.0, 1e-46, 16_777_217.0, f64::from(f32::MAX), -3.5, 5e-324][i % 7] * (1.0 - (i % 3) as f64 * 1e-9)
    }

    fn same(key: f32, x: f64) -> bool {
        key.to_bits() == (x as f32).to_bits() || key.is_nan() && x.is_nan()
    }

    fn check(x: &[f64], stride: usize, count: usize, due: bool) {
        let rows = (x.len() - count) / stride + 1;
        let narrow: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        let turned: Vec<Vec<f64>> =
            (0..count).map(|c| x[c..].iter().step_by(stride).take(rows).copied().collect()).collect();
        let mut columns: Vec<&[f64]> = turned.iter().map(Vec::as_slice).collect();
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            // What other trees have left there.
            let room = || vec![Keys([7.0; WIDTH]); rows.next_multiple_of(STEP)];
            let mut keys = [room(), room(), room()];
            assert_eq!(super::rows(level, x, stride, count, &mut keys[0][..rows]), due, "{level}");
            assert_eq!(super::rows(level, &narrow, stride, count, &mut keys[1][..rows]), due, "{level}");
            assert_eq!(super::columns(level, &columns, rows, &mut keys[2]), due, "{level}");
            for (way, keys) in keys.iter().enumerate() {
                for (r, keys) in keys[..rows].iter().enumerate() {
                    for (c, &key) in keys.0[..count].iter().enumerate() {
                        let x = x[r * stride + c];
                        assert!(same(key, x), "{level}, way {way}, row {r} column {c}: {key:e} for {x:e}");
                    }
                }
            }
        }
        // A column that no split reads changes no other.
        columns[0] = &[];
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            let mut keys = vec![Keys([7.0; WIDTH]); rows.next_multiple_of(STEP)];
            super::columns(level, &columns, rows, &mut keys);
            for (r, keys) in keys[..rows].iter().enumerate() {
                assert!((1..count).all(|c| same(keys.0[c], x[r * stride + c])), "{level}, row {r}");
            }
        }
    }

    #[test]
    fn every_level_narrows_rows_and_columns() {
        for (rows, count, stride) in [(1, 1, 1), (8, 31, 31), (19, 25, 25), (21, 7, 9), (12, 8, 8), (256, 16, 20)] {
            // The array ends with the last row's last number.
            let x: Vec<f64> = (0..(rows - 1) * stride + count).map(number).collect();
            check(&x, stride, count, true);
            for bad in AWKWARD {
                for at in [0, count - 1, (rows - 1) * stride, x.len() - 1, rows / 2 * stride + count / 2] {
                    let mut x = x.clone();
                    x[at] = bad;
                    check(&x, stride, count, false);
                }
            }
        }
    }
}
