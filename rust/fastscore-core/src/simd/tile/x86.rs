//! Rows through tiles with AVX-512.

use std::arch::x86_64::*;

use super::{EXITS, Key, Keys, LEVELS, Scratch, Tile, Way};

/// The leaves of rows, as `Tiles::leaves`.
///
/// Tiles and rows are named by where they begin, in bytes, so that no instruction is spent on shifting numbers. Bound for a
/// row and tile: a dozen instructions for its mask, with loads of two lines of keys and the lines of its tile, one for its
/// exit, four for where that leads.
///
/// # Safety
///
/// The processor has the features. There are as many keys and starts as leaves, at most [`super::ROWS`]; `root` plus each
/// start is a tile, exits lead to tiles, and planes are below `WIDTH`, 32 or [`Key::MOST_WIDTH`].
#[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
#[inline(never)]
pub(super) unsafe fn leaves<K: Key, const WIDTH: usize, const MISSING: bool>(
    tiles: &[Tile<K>],
    keys: &[Keys<K, WIDTH>],
    root: u32,
    start: &[u8],
    scratch: &mut Scratch,
    leaves: &mut [u32],
) {
    const { assert!(WIDTH == 32 || WIDTH == K::MOST_WIDTH, "keys fill whole registers") };
    let Scratch { at, row, mask, exit, way, arrived, leaf, ahead } = scratch;
    for (i, ((at, row), &start)) in at.iter_mut().zip(row.iter_mut()).zip(start).enumerate() {
        *at = (root + u32::from(start)) * size_of::<Tile<K>>() as u32;
        *row = (i * size_of::<Keys<K, WIDTH>>()) as u32;
    }
    let (at, row, mask, way) = (&mut at[..], &mut row[..], &mut mask[..], &mut way[..]);
    let (mut left, mut done) = (leaves.len(), 0);
    while left > 0 {
        // SAFETY: the row is among those that are left; the caller vouches for their tiles and keys.
        ahead.beside(left, |i| unsafe { enter::<K, WIDTH, MISSING>(tiles, keys, at, row, mask, way, i) });
        // Plain arithmetic, which becomes 32 lanes; a few rows more than there are do no harm.
        let lanes = left.next_multiple_of(32);
        for (exit, &mask) in exit[..lanes].iter_mut().zip(&mask[..lanes]) {
            let mut node = 1u16;
            for _ in 0..LEVELS {
                node = 2 * node + (mask >> node & 1);
            }
            *exit = (node as u8) & (EXITS as u8 - 1);
        }
        // SAFETY: there is room for eight rows beyond those that are left, and beyond those that have arrived.
        unsafe {
            let mut kept = 0;
            for first in (0..left).step_by(8) {
                let (a, b) = (way.as_ptr().add(first).cast::<i64>(), way.as_ptr().add(first + 4).cast::<i64>());
                let (a, b) = (_mm512_loadu_si512(a.cast()), _mm512_loadu_si512(b.cast()));
                let even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
                let odd = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
                let (place, more) = (_mm512_permutex2var_epi64(a, even, b), _mm512_permutex2var_epi64(a, odd, b));
                let exit = _mm512_cvtepu8_epi64(_mm_loadl_epi64(exit.as_ptr().add(first).cast()));
                let place = _mm512_srlv_epi64(place, _mm512_slli_epi64::<2>(exit));
                let place = _mm512_and_si512(place, _mm512_set1_epi64(15));
                let here = (0xffu32 >> 8usize.saturating_sub(left - first)) as u8;
                let goes_on = _mm512_mask_test_epi64_mask(here, more, _mm512_sllv_epi64(_mm512_set1_epi64(1), exit));
                let stays = here & !goes_on;
                let child = _mm512_and_si512(_mm512_srli_epi64::<16>(more), _mm512_set1_epi64(0xff_ffff));
                let child = _mm512_cvtepi64_epi32(_mm512_add_epi64(child, place));
                let child = _mm256_mullo_epi32(child, _mm256_set1_epi32(size_of::<Tile<K>>() as i32));
                let found = _mm512_cvtepi64_epi32(_mm512_add_epi64(_mm512_srli_epi64::<40>(more), place));
                let rows = _mm256_loadu_si256(row.as_ptr().add(first).cast());
                _mm256_storeu_si256(at.as_mut_ptr().add(kept).cast(), _mm256_maskz_compress_epi32(goes_on, child));
                _mm256_storeu_si256(row.as_mut_ptr().add(kept).cast(), _mm256_maskz_compress_epi32(goes_on, rows));
                _mm256_storeu_si256(arrived.as_mut_ptr().add(done).cast(), _mm256_maskz_compress_epi32(stays, rows));
                _mm256_storeu_si256(leaf.as_mut_ptr().add(done).cast(), _mm256_maskz_compress_epi32(stays, found));
                kept += goes_on.count_ones() as usize;
                done += stays.count_ones() as usize;
            }
            left = kept;
        }
    }
    for (&row, &leaf) in arrived[..done].iter().zip(&leaf[..done]) {
        // SAFETY: rows that were walked have arrived.
        unsafe { *leaves.get_unchecked_mut(row as usize / size_of::<Keys<K, WIDTH>>()) = leaf };
    }
}

/// The mask of a row in its tile, and where the tile's exits lead.
///
/// # Safety
///
/// The processor has the features of [`leaves`]; the row's tile and keys are there.
#[inline(always)]
unsafe fn enter<K: Key, const WIDTH: usize, const MISSING: bool>(
    tiles: &[Tile<K>],
    keys: &[Keys<K, WIDTH>],
    at: &[u32],
    row: &[u32],
    mask: &mut [u16],
    way: &mut [Way],
    i: usize,
) {
    // SAFETY: the caller vouches for tile, row and processor.
    unsafe {
        let tile = &*tiles.as_ptr().byte_add(*at.get_unchecked(i) as usize);
        let keys = &*keys.as_ptr().byte_add(*row.get_unchecked(i) as usize);
        *mask.get_unchecked_mut(i) = K::mask::<WIDTH, MISSING>(tile, keys);
        *way.get_unchecked_mut(i) = tile.way;
    }
}
