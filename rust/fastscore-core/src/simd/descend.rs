//! Trees side by side, a byte each, through their splits.
//!
//! A lane is a tree, and what it holds is the first leaf of the trees' leaves, numbered from left to right, that its row
//! may still reach. Split k of a tree, in order, parts leaf k + 1 and what follows from the leaves before it; its left
//! subtree begins with leaf `first`. Where the row goes right it leaves the leaves `first` to `k` behind:
//!
//! ```text
//! for each split k, in order:  if first <= at and key[plane] > rank:  at = k + 1
//! ```
//! After split k `at` is the lowest leaf that none of the splits before has ruled out, since no interval ends after k + 1;
//! the leaf that is left at the end is the one that the row reaches. (Splits beside the path rule out leaves that are
//! out of reach anyway.) Every split is looked at, but no load waits for another, and the trees need not have one shape.
//!
//! Layout: split k of 64 trees is one [`SplitLine`]. Bound for a line and row: a byte permutation, two comparisons and a
//! masked move; a line's 192 bytes are read once for all rows that descend together.

use super::Level;
use super::bits::WORD;

/// Keys that splits choose among.
pub(crate) const MOST_KEYS: usize = 128;

/// The keys of a row.
pub(crate) type Keys = [u8; MOST_KEYS];

/// The leaves of a row in 64 trees.
pub(crate) type Lanes = [u8; WORD];

/// A split of each of 64 trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct SplitLine {
    /// Which key it compares, below [`MOST_KEYS`].
    pub plane: Lanes,
    /// A key above goes right.
    pub rank: Lanes,
    /// The first leaf of its left subtree.
    pub first: Lanes,
}

impl SplitLine {
    /// No tree has a split: no key is above.
    pub(crate) const NONE: SplitLine = SplitLine { plane: [0; WORD], rank: [u8::MAX; WORD], first: [0; WORD] };
}

/// The leaves of some rows in groups of 64 trees: group g has the lines `groups[g] .. groups[g + 1]`, and row r's leaves
/// go to `at[g][r]`. Planes are below `planes`.
pub(crate) fn descend<const ROWS: usize>(
    level: Level,
    keys: &[Keys; ROWS],
    planes: usize,
    lines: &[SplitLine],
    groups: &[usize],
    at: &mut [[Lanes; ROWS]],
) {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 if super::leaf_table::has_byte_permutations(level) => {
            // SAFETY: this processor has what the function is compiled for.
            unsafe {
                if planes <= WORD {
                    x86::groups_vbmi::<ROWS, false>(keys, lines, groups, at);
                } else {
                    x86::groups_vbmi::<ROWS, true>(keys, lines, groups, at);
                }
            }
        }
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Avx2 if level.is_available() => {
            // SAFETY: as above; a processor with AVX-512 has AVX2.
            unsafe { x86::groups_avx2(keys, planes, lines, groups, at) }
        }
        _ => {
            for (group, at) in groups.windows(2).zip(at) {
                for (keys, at) in keys.iter().zip(at) {
                    *at = plain(keys, &lines[group[0]..group[1]]);
                }
            }
        }
    }
}

fn plain(keys: &Keys, lines: &[SplitLine]) -> Lanes {
    let mut at = [0; WORD];
    for (line, next) in lines.iter().zip(1..=u8::MAX) {
        for (i, at) in at.iter_mut().enumerate() {
            let above = keys[usize::from(line.plane[i]) % MOST_KEYS] > line.rank[i];
            *at = if above & (line.first[i] <= *at) { next } else { *at };
        }
    }
    at
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Keys, Lanes, MOST_KEYS, SplitLine, WORD};

    /// Groups one after another, those of up to four rows by pairs: alone a group's lines wait for each other.
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512vbmi")]
    pub(super) fn groups_vbmi<const ROWS: usize, const WIDE: bool>(
        keys: &[Keys; ROWS],
        lines: &[SplitLine],
        groups: &[usize],
        at: &mut [[Lanes; ROWS]],
    ) {
        // How many groups are done by pairs.
        let paired = if ROWS <= 4 { at.len() / 2 * 2 } else { 0 };
        for (at, ends) in at[..paired].as_chunks_mut::<2>().0.iter_mut().zip(groups.windows(3).step_by(2)) {
            let [one, two] = at;
            pair_vbmi::<ROWS, WIDE>(keys, &lines[ends[0]..ends[1]], &lines[ends[1]..ends[2]], one, two);
        }
        for (at, group) in at[paired..].iter_mut().zip(groups[paired..].windows(2)) {
            *at = [[0; WORD]; ROWS];
            lines_vbmi::<ROWS, WIDE>(keys, &lines[group[0]..group[1]], 0, at);
        }
    }

    /// Two groups at once.
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512vbmi")]
    fn pair_vbmi<const ROWS: usize, const WIDE: bool>(
        keys: &[Keys; ROWS],
        one: &[SplitLine],
        two: &[SplitLine],
        at_one: &mut [Lanes; ROWS],
        at_two: &mut [Lanes; ROWS],
    ) {
        let (low, high) = load_keys(keys);
        let (mut here_one, mut here_two) = ([_mm512_setzero_si512(); ROWS], [_mm512_setzero_si512(); ROWS]);
        let mut next = _mm512_setzero_si512();
        for (one, two) in one.iter().zip(two) {
            next = _mm512_add_epi8(next, _mm512_set1_epi8(1));
            step_vbmi::<ROWS, WIDE>(&low, &high, one, next, &mut here_one);
            step_vbmi::<ROWS, WIDE>(&low, &high, two, next, &mut here_two);
        }
        store(&here_one, at_one);
        store(&here_two, at_two);
        let both = one.len().min(two.len());
        lines_vbmi::<ROWS, WIDE>(keys, &one[both..], both, at_one);
        lines_vbmi::<ROWS, WIDE>(keys, &two[both..], both, at_two);
    }

    /// The lines of one group after the first `done`.
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512vbmi")]
    fn lines_vbmi<const ROWS: usize, const WIDE: bool>(
        keys: &[Keys; ROWS],
        lines: &[SplitLine],
        done: usize,
        at: &mut [Lanes; ROWS],
    ) {
        if lines.is_empty() {
            return;
        }
        let (low, high) = load_keys(keys);
        let mut here = [_mm512_setzero_si512(); ROWS];
        for row in 0..ROWS {
            // SAFETY: 64 bytes are read.
            here[row] = unsafe { _mm512_loadu_si512(at[row].as_ptr().cast()) };
        }
        let mut next = _mm512_set1_epi8(done as i8);
        for line in lines {
            next = _mm512_add_epi8(next, _mm512_set1_epi8(1));
            step_vbmi::<ROWS, WIDE>(&low, &high, line, next, &mut here);
        }
        store(&here, at);
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512vbmi")]
    fn step_vbmi<const ROWS: usize, const WIDE: bool>(
        low: &[__m512i; ROWS],
        high: &[__m512i; ROWS],
        line: &SplitLine,
        next: __m512i,
        here: &mut [__m512i; ROWS],
    ) {
        // SAFETY: every array of a line has 64 bytes, at a multiple of 64.
        let (plane, rank, first) = unsafe {
            (
                _mm512_load_si512(line.plane.as_ptr().cast()),
                _mm512_load_si512(line.rank.as_ptr().cast()),
                _mm512_load_si512(line.first.as_ptr().cast()),
            )
        };
        for row in 0..ROWS {
            // A permutation takes the lower six or seven bits of a plane.
            let key = match WIDE {
                true => _mm512_permutex2var_epi8(low[row], plane, high[row]),
                false => _mm512_permutexvar_epi8(plane, low[row]),
            };
            let right = _mm512_cmpgt_epu8_mask(key, rank);
            let moves = _mm512_mask_cmple_epu8_mask(right, first, here[row]);
            here[row] = _mm512_mask_mov_epi8(here[row], moves, next);
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512vbmi")]
    fn load_keys<const ROWS: usize>(keys: &[Keys; ROWS]) -> ([__m512i; ROWS], [__m512i; ROWS]) {
        let (mut low, mut high) = ([_mm512_setzero_si512(); ROWS], [_mm512_setzero_si512(); ROWS]);
        for row in 0..ROWS {
            // SAFETY: the two halves of a row's 128 bytes are read.
            unsafe {
                low[row] = _mm512_loadu_si512(keys[row].as_ptr().cast());
                high[row] = _mm512_loadu_si512(keys[row].as_ptr().add(WORD).cast());
            }
        }
        (low, high)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512vbmi")]
    fn store<const ROWS: usize>(here: &[__m512i; ROWS], at: &mut [Lanes; ROWS]) {
        for row in 0..ROWS {
            // SAFETY: 64 bytes are written.
            unsafe { _mm512_storeu_si512(at[row].as_mut_ptr().cast(), here[row]) };
        }
    }

    /// Keys of a table of AVX2's byte shuffle.
    const SHUFFLED: usize = 16;

    #[target_feature(enable = "avx2")]
    pub(super) fn groups_avx2<const ROWS: usize>(
        keys: &[Keys; ROWS],
        planes: usize,
        lines: &[SplitLine],
        groups: &[usize],
        at: &mut [[Lanes; ROWS]],
    ) {
        let tables = planes.div_ceil(SHUFFLED).clamp(1, MOST_KEYS / SHUFFLED);
        for (group, at) in groups.windows(2).zip(at) {
            for half in 0..2 {
                half_avx2(keys, tables, &lines[group[0]..group[1]], half * (WORD / 2), at);
            }
        }
    }

    /// Half of the trees of a group, from `lane` on.
    #[expect(clippy::needless_range_loop, reason = "iterators' closures would be compiled without the features")]
    #[inline]
    #[target_feature(enable = "avx2")]
    fn half_avx2<const ROWS: usize>(
        keys: &[Keys; ROWS],
        tables: usize,
        lines: &[SplitLine],
        lane: usize,
        at: &mut [Lanes; ROWS],
    ) {
        debug_assert!(lane + 32 <= WORD);
        // Sixteen keys a table, in both halves of a vector.
        let mut table = [[_mm256_setzero_si256(); MOST_KEYS / SHUFFLED]; ROWS];
        for row in 0..ROWS {
            for t in 0..tables {
                // SAFETY: 16 of a row's bytes are read.
                let keys = unsafe { _mm_loadu_si128(keys[row].as_ptr().add(t * SHUFFLED).cast()) };
                table[row][t] = _mm256_broadcastsi128_si256(keys);
            }
        }
        let mut here = [_mm256_setzero_si256(); ROWS];
        let mut next = _mm256_setzero_si256();
        let zero = _mm256_setzero_si256();
        for line in lines {
            next = _mm256_add_epi8(next, _mm256_set1_epi8(1));
            // SAFETY: 32 of the 64 bytes of each array, from `lane` on.
            let (plane, rank, first) = unsafe {
                (
                    _mm256_loadu_si256(line.plane.as_ptr().add(lane).cast()),
                    _mm256_loadu_si256(line.rank.as_ptr().add(lane).cast()),
                    _mm256_loadu_si256(line.first.as_ptr().add(lane).cast()),
                )
            };
            let mut key = [zero; ROWS];
            for t in 0..tables {
                // A plane of another table gets the top bit, which makes the shuffle give 0.
                let other = _mm256_xor_si256(plane, _mm256_set1_epi8((t * SHUFFLED) as i8));
                let place = _mm256_add_epi8(other, _mm256_set1_epi8(0x70));
                for row in 0..ROWS {
                    key[row] = _mm256_or_si256(key[row], _mm256_shuffle_epi8(table[row][t], place));
                }
            }
            for row in 0..ROWS {
                // What is 0 where `first` is at most `here`, and where the key is at most the rank.
                let passed = _mm256_cmpeq_epi8(_mm256_subs_epu8(first, here[row]), zero);
                let left = _mm256_cmpeq_epi8(_mm256_subs_epu8(key[row], rank), zero);
                here[row] = _mm256_blendv_epi8(here[row], next, _mm256_andnot_si256(left, passed));
            }
        }
        for row in 0..ROWS {
            // SAFETY: 32 of a row's 64 bytes are written, from `lane` on.
            unsafe { _mm256_storeu_si256(at[row].as_mut_ptr().add(lane).cast(), here[row]) };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The leaf by the definition, a lane at a time.
    fn expected(keys: &Keys, lines: &[SplitLine], lane: usize) -> u8 {
        let mut at = 0;
        for (k, line) in lines.iter().enumerate() {
            if line.first[lane] <= at && keys[usize::from(line.plane[lane])] > line.rank[lane] {
                at = k as u8 + 1;
            }
        }
        at
    }

    fn check<const ROWS: usize>(planes: usize, bytes: &[u8], groups: &[usize]) {
        let mut bytes = bytes.iter().copied().cycle();
        let mut array = |most: usize| -> Lanes {
            std::array::from_fn(|_| (usize::from(bytes.next().unwrap_or_default()) % most) as u8)
        };
        let last = groups[groups.len() - 1];
        let lines: Vec<SplitLine> =
            (0..last).map(|_| SplitLine { plane: array(planes), rank: array(256), first: array(20) }).collect();
        let keys: [Keys; ROWS] = std::array::from_fn(|_| {
            let (low, high) = (array(256), array(256));
            std::array::from_fn(|i| if i < WORD { low[i] } else { high[i - WORD] })
        });
        for level in Level::ALL {
            let mut at = vec![[[7; WORD]; ROWS]; groups.len() - 1];
            descend(level, &keys, planes, &lines, groups, &mut at);
            for (group, at) in groups.windows(2).zip(&at) {
                for (keys, at) in keys.iter().zip(at) {
                    let lines = &lines[group[0]..group[1]];
                    let expected: Lanes = std::array::from_fn(|lane| expected(keys, lines, lane));
                    assert_eq!(at, &expected, "{level}, {ROWS} rows, {planes} planes");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_level_descends(
            bytes in proptest::collection::vec(any::<u8>(), 4000..4100),
            planes in 1usize..=MOST_KEYS,
        ) {
            for groups in [&[0, 20][..], &[0, 0, 7], &[0, 30, 41, 255 + 41], &[0, 5, 5, 5, 9]] {
                check::<1>(planes, &bytes, groups);
                check::<2>(planes, &bytes, groups);
                check::<4>(planes, &bytes, groups);
                check::<8>(planes, &bytes, groups);
            }
        }
    }
}
