//! Tiles: four levels of a tree in one cache line, and rows that go from tile to tile.
//!
//! ```text
//! mask   bit h: key[plane[h]] > threshold[h], for the nodes 1 to 15 (root 1, children of h: 2 h and 2 h + 1)
//! exit   h = 1;  four times: h = 2 h + bit h of mask;  exit = h - 16
//! next   the exit's place among the tile's leaves or child tiles, which are numbered without gaps
//! ```
//! With AVX-512 a row's mask is one permutation of its keys, which fill one or two registers, and one comparison; exits
//! are found for 32 rows at a time. Otherwise four levels are walked. A branch that ends early has nodes that send every
//! row left.
//!
//! Each of these is a loop of its own over the rows that have not arrived yet: one loop for all took half as long again, since
//! where a row goes next is then known too late. None but the masks' is compiled under wider features, where the compiler
//! turns them into gathers, which are slower than loads.
//!
//! Bound for a row and tile with AVX-512: two cache lines (keys, tile), some 25 instructions; with a leaf's value 2.4 ns
//! measured alone on Zen 5.

use super::Level;

/// Levels of a tile.
pub(crate) const LEVELS: u32 = 4;
/// Where a row can leave a tile.
pub(crate) const EXITS: usize = 1 << LEVELS;
/// Rows that go through a tree together.
pub(crate) const ROWS: usize = 1024;

/// What tiles compare: u16 ranks, or float32 values. Key 0 of a row is [`Key::LOWEST`].
pub(crate) trait Key: Copy + std::fmt::Debug + 'static {
    /// At most any threshold.
    const LOWEST: Self;
    /// A threshold that [`Key::LOWEST`] is not above.
    const HIGHEST: Self;
    fn is_above(self, threshold: Self) -> bool;
    /// Whether it is the key of a missing value, which is above all thresholds.
    fn is_missing(self) -> bool;
    /// Sixteen bits in the place of a threshold.
    fn of_bits(bits: u16) -> Self;
    fn bits(self) -> u16;
    /// Bit h says whether the key of node h is above its threshold, and not one that is missing and goes left; the latter is
    /// not looked at unless `MISSING`.
    ///
    /// # Safety
    ///
    /// The processor has AVX-512 F and BW; the tile's planes are below `WIDTH`, 32 or [`MOST_WIDTH`](Key::MOST_WIDTH).
    #[cfg(target_arch = "x86_64")]
    unsafe fn mask<const WIDTH: usize, const MISSING: bool>(tile: &Tile<Self>, keys: &Keys<Self, WIDTH>) -> u16;
    /// Keys of two registers.
    const MOST_WIDTH: usize;
}

/// A row's keys.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Keys<K, const WIDTH: usize>(pub [K; WIDTH]);

/// Four levels, where node 0 is none. 64 bytes with ranks, 128 with values.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Tile<K> {
    /// A key above goes right. The first has bit e set where exit e leads to a tile.
    threshold: [K; EXITS],
    plane: [u8; EXITS],
    /// Four bits an exit: its place among the child tiles, or among the leaves.
    place: u64,
    /// Which nodes send missing values left, 16 bits; the first child tile and the first leaf, 24 bits each.
    more: u64,
}

/// Tiles, and leaves, that can be numbered.
const MOST: u32 = 1 << 24;

impl<K> Tile<K> {
    #[inline(always)]
    fn missing_left(&self) -> u16 {
        self.more as u16
    }

    #[inline(always)]
    fn child(&self) -> u32 {
        (self.more >> 16) as u32 % MOST
    }

    #[inline(always)]
    fn leaf(&self) -> u32 {
        (self.more >> 40) as u32
    }
}

/// What an exit leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Nowhere,
    Leaf,
    Tile,
}

/// A tile as it is described: exits lead to leaves and tiles that are numbered one after another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subtree<K> {
    /// Of nodes 1 to 15: a key above goes right.
    pub threshold: [K; EXITS],
    /// Which key is compared.
    pub plane: [u8; EXITS],
    /// Bit h: a missing value goes left at node h.
    pub missing_left: u16,
    pub exit: [Exit; EXITS],
}

impl<K: Key> Subtree<K> {
    /// Every row goes left.
    pub(crate) const EMPTY: Self =
        Subtree { threshold: [K::HIGHEST; EXITS], plane: [0; EXITS], missing_left: 0, exit: [Exit::Nowhere; EXITS] };
}

/// The tiles of a forest whose rows have up to `WIDTH` keys. Every exit that a row can take leads to a leaf or to a later
/// tile, once all tiles are set.
#[derive(Debug)]
pub(crate) struct Tiles<K, const WIDTH: usize> {
    tiles: Vec<Tile<K>>,
    leaves: u32,
}

/// What it takes to send [`ROWS`] rows through a tree.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// The tile where a row is, for rows that have not arrived.
    at: Box<[u32; ROWS]>,
    /// Their numbers.
    row: Box<[u16; ROWS]>,
    mask: Box<[u16; ROWS]>,
    exit: Box<[u8; ROWS]>,
}

impl Default for Scratch {
    fn default() -> Self {
        let (at, row) = (Box::new([0; ROWS]), Box::new([0; ROWS]));
        Scratch { at, row, mask: Box::new([0; ROWS]), exit: Box::new([0; ROWS]) }
    }
}

impl<K: Key, const WIDTH: usize> Tiles<K, WIDTH> {
    pub(crate) fn new() -> Self {
        Tiles { tiles: Vec::new(), leaves: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.tiles.len()
    }

    /// Free what is reserved for more tiles.
    pub(crate) fn shrink(&mut self) {
        self.tiles.shrink_to_fit();
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.tiles.as_slice())
    }

    /// Room for tiles, which are set later; the number of the first. None where numbers end.
    pub(crate) fn reserve(&mut self, count: usize) -> Option<u32> {
        let first = self.tiles.len();
        if first + count > MOST as usize {
            return None;
        }
        let empty = Tile { threshold: [K::LOWEST; EXITS], plane: [0; EXITS], place: 0, more: 0 };
        self.tiles.resize(first + count, empty);
        Some(first as u32)
    }

    /// Set a tile. Its leaves are numbered after those of the tiles set before it; its child tiles are reserved, and the
    /// first one's number is returned. None where numbers end, or a plane is beyond the width.
    pub(crate) fn set(&mut self, at: u32, subtree: &Subtree<K>) -> Option<u32> {
        if subtree.plane.iter().any(|&plane| usize::from(plane) >= WIDTH) {
            return None;
        }
        let (mut place, mut inner, mut leaves, mut tiles) = (0, 0, 0, 0);
        for (e, exit) in subtree.exit.iter().enumerate() {
            let next = match exit {
                Exit::Nowhere => continue,
                Exit::Leaf => &mut leaves,
                Exit::Tile => {
                    inner |= 1 << e;
                    &mut tiles
                }
            };
            place |= *next << (4 * e);
            *next += 1;
        }
        let child = self.reserve(tiles as usize)?;
        let mut threshold = subtree.threshold;
        threshold[0] = K::of_bits(inner);
        let more = u64::from(subtree.missing_left) | u64::from(child) << 16 | u64::from(self.leaves) << 40;
        self.tiles[at as usize] = Tile { threshold, plane: subtree.plane, place, more };
        self.leaves += leaves as u32;
        if self.leaves >= MOST {
            return None;
        }
        Some(child)
    }

    /// The leaves of up to [`ROWS`] rows, row i beginning at tile `root + start[i]`, which is one of a tree's first tiles.
    /// `missing` says whether some key is missing.
    #[expect(clippy::too_many_arguments, reason = "how, which rows, from where, and where to")]
    pub(crate) fn leaves(
        &self,
        level: Level,
        keys: &[Keys<K, WIDTH>],
        root: u32,
        start: &[u8],
        missing: bool,
        scratch: &mut Scratch,
        leaves: &mut [u32],
    ) {
        let Scratch { at, row, mask, exit } = scratch;
        let rows = leaves.len();
        assert!(rows <= ROWS && keys.len() == rows && start.len() == rows, "too many rows, or some without keys");
        let most = start.iter().fold(0, |most, &start| most.max(start));
        assert!((root as usize) + usize::from(most) < self.tiles.len(), "rows begin at tiles");
        for (i, ((at, row), &start)) in at.iter_mut().zip(row.iter_mut()).zip(start).enumerate() {
            *at = root + u32::from(start);
            *row = i as u16;
        }
        let mut left = rows;
        while left > 0 {
            // SAFETY: `at` and `row` name tiles and rows that are there: those of the first round were checked, and `advance`
            // gives tiles that `set` has reserved.
            unsafe {
                if missing {
                    self.exits::<true>(level, keys, &at[..left], &row[..left], mask, exit);
                } else {
                    self.exits::<false>(level, keys, &at[..left], &row[..left], mask, exit);
                }
                left = self.advance(left, at, row, exit, leaves);
            }
        }
    }

    /// Where each row leaves its tile.
    ///
    /// # Safety
    ///
    /// There are such tiles and rows, [`ROWS`] at most.
    #[inline(always)]
    unsafe fn exits<const MISSING: bool>(
        &self,
        level: Level,
        keys: &[Keys<K, WIDTH>],
        at: &[u32],
        row: &[u16],
        mask: &mut [u16; ROWS],
        exit: &mut [u8; ROWS],
    ) {
        #[cfg(target_arch = "x86_64")]
        if level == Level::Avx512 && level.is_available() {
            // SAFETY: this processor has the features; the caller vouches for the rest.
            return unsafe { x86::exits::<K, WIDTH, MISSING>(&self.tiles, keys, at, row, mask, exit) };
        }
        let _ = (level, mask);
        // SAFETY: the caller vouches for tiles and rows; planes are below the width.
        unsafe { self.walk::<MISSING>(keys, at, row, exit) }
    }

    /// The same by plain loads.
    ///
    /// # Safety
    ///
    /// As for `exits`.
    #[inline(never)]
    unsafe fn walk<const MISSING: bool>(
        &self,
        keys: &[Keys<K, WIDTH>],
        at: &[u32],
        row: &[u16],
        exit: &mut [u8; ROWS],
    ) {
        for ((exit, &at), &row) in exit.iter_mut().zip(at).zip(row) {
            // SAFETY: the caller vouches for tile and row; a node is below 16, a plane below the width.
            unsafe {
                let (tile, keys) = (self.tiles.get_unchecked(at as usize), keys.get_unchecked(usize::from(row)));
                let mut node = 1;
                for _ in 0..LEVELS {
                    let key = *keys.0.get_unchecked(usize::from(*tile.plane.get_unchecked(node)));
                    let mut is_right = key.is_above(*tile.threshold.get_unchecked(node));
                    if MISSING {
                        is_right &= !(key.is_missing() & (tile.missing_left() >> node & 1 == 1));
                    }
                    node = 2 * node + usize::from(is_right);
                }
                *exit = node as u8 & (EXITS as u8 - 1);
            }
        }
    }

    /// Writes a leaf for each row, which is right for those that have arrived, and keeps the others; how many.
    ///
    /// # Safety
    ///
    /// The first `count` of `at` and `row` are tiles and rows of `leaves`, and `exit` is below [`EXITS`].
    #[inline(never)]
    unsafe fn advance(
        &self,
        count: usize,
        at: &mut [u32; ROWS],
        row: &mut [u16; ROWS],
        exit: &[u8; ROWS],
        leaves: &mut [u32],
    ) -> usize {
        let mut kept = 0;
        for i in 0..count {
            // SAFETY: the caller vouches for tile and row; `kept` is at most `i`, and `count` at most `ROWS`.
            unsafe {
                let tile = self.tiles.get_unchecked(*at.get_unchecked(i) as usize);
                let (row_here, exit) = (*row.get_unchecked(i), *exit.get_unchecked(i));
                let place = (tile.place >> (4 * u32::from(exit))) as u32 & 15;
                *leaves.get_unchecked_mut(usize::from(row_here)) = tile.leaf() + place;
                *at.get_unchecked_mut(kept) = tile.child() + place;
                *row.get_unchecked_mut(kept) = row_here;
                kept += usize::from(tile.threshold[0].bits() >> exit & 1);
            }
        }
        kept
    }
}

impl Key for u16 {
    const LOWEST: u16 = 0;
    const HIGHEST: u16 = u16::MAX;
    const MOST_WIDTH: usize = 64;
    #[inline(always)]
    fn is_above(self, threshold: u16) -> bool {
        self > threshold
    }
    #[inline(always)]
    fn is_missing(self) -> bool {
        self == u16::MAX
    }
    #[inline(always)]
    fn of_bits(bits: u16) -> u16 {
        bits
    }
    #[inline(always)]
    fn bits(self) -> u16 {
        self
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn mask<const WIDTH: usize, const MISSING: bool>(tile: &Tile<u16>, keys: &Keys<u16, WIDTH>) -> u16 {
        use std::arch::x86_64::*;
        // SAFETY: each vector read is one array of the tile, or 32 of the row's keys; the caller vouches for the processor.
        unsafe {
            let plane = _mm256_cvtepu8_epi16(_mm_load_si128(tile.plane.as_ptr().cast()));
            let (plane, low) = (_mm512_castsi256_si512(plane), _mm512_load_si512(keys.0.as_ptr().cast()));
            let key = if WIDTH == 32 {
                _mm512_permutexvar_epi16(plane, low)
            } else {
                _mm512_permutex2var_epi16(low, plane, _mm512_load_si512(keys.0.as_ptr().add(32).cast()))
            };
            let threshold = _mm256_load_si256(tile.threshold.as_ptr().cast());
            let key = _mm512_castsi512_si256(key);
            let right = _mm256_cmpgt_epu16_mask(key, threshold);
            let missing = if MISSING { _mm256_cmpeq_epi16_mask(key, _mm256_set1_epi16(-1)) } else { 0 };
            right & !(missing & tile.missing_left())
        }
    }
}

impl Key for f32 {
    const LOWEST: f32 = f32::NEG_INFINITY;
    const HIGHEST: f32 = f32::INFINITY;
    const MOST_WIDTH: usize = 32;
    #[inline(always)]
    fn is_above(self, threshold: f32) -> bool {
        let is_at_most = self <= threshold;
        !is_at_most
    }
    #[inline(always)]
    fn is_missing(self) -> bool {
        self.is_nan()
    }
    #[inline(always)]
    fn of_bits(bits: u16) -> f32 {
        f32::from_bits(bits.into())
    }
    #[inline(always)]
    fn bits(self) -> u16 {
        self.to_bits() as u16
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn mask<const WIDTH: usize, const MISSING: bool>(tile: &Tile<f32>, keys: &Keys<f32, WIDTH>) -> u16 {
        use std::arch::x86_64::*;
        // SAFETY: each vector read is one array of the tile, or 16 of the row's keys; the caller vouches for the processor.
        unsafe {
            let plane = _mm512_cvtepu8_epi32(_mm_load_si128(tile.plane.as_ptr().cast()));
            let (low, high) = (keys.0.as_ptr(), keys.0.as_ptr().add(16));
            let key = _mm512_permutex2var_ps(_mm512_load_ps(low), plane, _mm512_load_ps(high));
            let right = _mm512_cmp_ps_mask::<_CMP_NLE_UQ>(key, _mm512_load_ps(tile.threshold.as_ptr()));
            let missing = if MISSING { _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(key, key) } else { 0 };
            right & !(missing & tile.missing_left())
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{EXITS, Key, Keys, LEVELS, ROWS, Tile};

    /// # Safety
    ///
    /// There are such tiles and rows, [`ROWS`] at most; planes are below `WIDTH`.
    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
    #[inline(never)]
    pub(super) unsafe fn exits<K: Key, const WIDTH: usize, const MISSING: bool>(
        tiles: &[Tile<K>],
        keys: &[Keys<K, WIDTH>],
        at: &[u32],
        row: &[u16],
        mask: &mut [u16; ROWS],
        exit: &mut [u8; ROWS],
    ) {
        const { assert!(WIDTH == 32 || WIDTH == K::MOST_WIDTH, "keys fill whole registers") };
        for ((mask, &at), &row) in mask.iter_mut().zip(at).zip(row) {
            // SAFETY: the caller vouches for tile, row and planes; this processor has the features.
            *mask = unsafe {
                K::mask::<WIDTH, MISSING>(tiles.get_unchecked(at as usize), keys.get_unchecked(usize::from(row)))
            };
        }
        // Plain arithmetic, which becomes 32 lanes; a few rows more than there are do no harm.
        let lanes = at.len().next_multiple_of(32);
        for (exit, &mask) in exit[..lanes].iter_mut().zip(&mask[..lanes]) {
            let mut node = 1u16;
            for _ in 0..LEVELS {
                node = 2 * node + (mask >> node & 1);
            }
            *exit = (node as u8) & (EXITS as u8 - 1);
        }
    }
}
