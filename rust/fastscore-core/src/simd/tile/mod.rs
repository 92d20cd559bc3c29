//! Tiles: four levels of a tree in one cache line, and rows that go from tile to tile.
//!
//! ```text
//! mask   bit h: key[plane[h]] > threshold[h], for the nodes 1 to 15 (root 1, children of h: 2 h and 2 h + 1)
//! exit   h = 1;  four times: h = 2 h + bit h of mask;  exit = h - 16
//! next   the exit's place among the tile's leaves or child tiles, which are numbered without gaps
//! ```
//! With AVX-512 a row's mask is one permutation of its keys, which fill one or two registers, and one comparison; exits
//! are found for 32 rows at a time, next tiles for 8 (x86.rs). Otherwise four levels are walked. A branch that ends early has
//! nodes that send every row left.
//!
//! Each of these is a loop of its own over the rows that have not arrived yet: one loop for all took half as long again, since
//! where a row goes next is then known too late. Plain loops are not compiled under wider features, where the compiler
//! turns them into gathers, which are slower than loads.
//!
//! Meanwhile the lines of the rows that come next are fetched ([`Ahead`]).

mod ahead;
mod keys;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::Level;
pub(crate) use ahead::Ahead;
pub(crate) use keys::{Key, Keys};

/// Levels of a tile.
pub(crate) const LEVELS: u32 = 4;
/// Where a row can leave a tile.
pub(crate) const EXITS: usize = 1 << LEVELS;
/// Rows that go through a tree together.
pub(crate) const ROWS: usize = 1024;

/// Four levels, where node 0 is none. 64 bytes with ranks, 128 with values.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Tile<K> {
    /// A key above goes right. The first is bits: those of the nodes that send missing values left.
    threshold: [K; EXITS],
    plane: [u8; EXITS],
    way: Way,
}

/// Where the exits of a tile lead.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(16))]
struct Way {
    /// Four bits an exit: its place among the child tiles, or among the leaves.
    place: u64,
    /// Which exits lead to tiles, 16 bits; the first child tile and the first leaf, 24 bits each.
    more: u64,
}

/// Tiles, and leaves, that can be numbered.
const MOST: u32 = 1 << 24;

impl<K: Key> Tile<K> {
    #[inline(always)]
    fn missing_left(&self) -> u16 {
        self.threshold[0].bits()
    }
}

impl Way {
    /// Whether an exit leads to a tile.
    #[inline(always)]
    fn goes_on(&self, exit: u8) -> bool {
        self.more >> exit & 1 == 1
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
    pub(crate) const EMPTY: Self = Subtree {
        threshold: [K::HIGHEST; EXITS],
        plane: [K::NUMBER; EXITS],
        missing_left: 0,
        exit: [Exit::Nowhere; EXITS],
    };
}

/// The tiles of a forest whose rows have up to `WIDTH` keys. Every exit that a row can take leads to a leaf or to a later
/// tile, once all tiles are set.
#[derive(Debug)]
pub(crate) struct Tiles<K, const WIDTH: usize> {
    tiles: Vec<Tile<K>>,
    leaves: u32,
}

/// Rows that vectors reach beyond the last one.
const BEYOND: usize = 32;

/// What it takes to send [`ROWS`] rows through a tree.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// The tile where a row is, for rows that have not arrived.
    at: Box<[u32; ROWS + BEYOND]>,
    /// Their numbers.
    row: Box<[u32; ROWS + BEYOND]>,
    mask: Box<[u16; ROWS + BEYOND]>,
    exit: Box<[u8; ROWS + BEYOND]>,
    /// Where the exits of their tiles lead.
    way: Box<[Way; ROWS + BEYOND]>,
    /// Rows that have arrived, in this order, and their leaves.
    arrived: Box<[u32; ROWS + BEYOND]>,
    leaf: Box<[u32; ROWS + BEYOND]>,
    /// What is fetched meanwhile.
    pub ahead: Ahead,
}

impl Default for Scratch {
    fn default() -> Self {
        let numbers = || Box::new([0; ROWS + BEYOND]);
        Scratch {
            at: numbers(),
            row: numbers(),
            mask: Box::new([0; ROWS + BEYOND]),
            exit: Box::new([0; ROWS + BEYOND]),
            way: Box::new([Way::default(); ROWS + BEYOND]),
            arrived: numbers(),
            leaf: numbers(),
            ahead: Ahead::default(),
        }
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
        if first + count >= MOST as usize {
            return None;
        }
        let empty = Tile { threshold: [K::ZERO; EXITS], plane: [0; EXITS], way: Way::default() };
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
        threshold[0] = K::of_bits(subtree.missing_left);
        let more = inner | u64::from(child) << 16 | u64::from(self.leaves) << 40;
        self.tiles[at as usize] = Tile { threshold, plane: subtree.plane, way: Way { place, more } };
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
        let rows = leaves.len();
        assert!(rows <= ROWS && keys.len() == rows && start.len() == rows, "too many rows, or some without keys");
        let most = start.iter().fold(0, |most, &start| most.max(start));
        assert!((root as usize) + usize::from(most) < self.tiles.len(), "rows begin at tiles");
        #[cfg(target_arch = "x86_64")]
        if level == Level::Avx512 && level.is_available() {
            // SAFETY: this processor has the features; rows begin at tiles, as was checked; planes are below the width, and
            // exits lead to tiles that `set` has reserved.
            unsafe {
                if missing {
                    x86::leaves::<K, WIDTH, true>(&self.tiles, keys, root, start, scratch, leaves);
                } else {
                    x86::leaves::<K, WIDTH, false>(&self.tiles, keys, root, start, scratch, leaves);
                }
            }
            return;
        }
        let _ = level;
        let Scratch { at, row, exit, ahead, .. } = scratch;
        for (i, ((at, row), &start)) in at.iter_mut().zip(row.iter_mut()).zip(start).enumerate() {
            *at = root + u32::from(start);
            *row = i as u32;
        }
        let mut left = rows;
        while left > 0 {
            // SAFETY: `at` and `row` name tiles and rows that are there: those of the first round were checked, and `advance`
            // gives tiles that `set` has reserved. Planes are below the width.
            unsafe {
                if missing {
                    self.walk::<true>(keys, ahead, &at[..left], &row[..left], &mut exit[..left]);
                } else {
                    self.walk::<false>(keys, ahead, &at[..left], &row[..left], &mut exit[..left]);
                }
                left = self.advance(left, &mut at[..], &mut row[..], &exit[..], leaves);
            }
        }
    }

    /// Where each row leaves its tile, by plain loads.
    ///
    /// # Safety
    ///
    /// There are such tiles and rows, and as many exits.
    #[inline(never)]
    unsafe fn walk<const MISSING: bool>(
        &self,
        keys: &[Keys<K, WIDTH>],
        ahead: &mut Ahead,
        at: &[u32],
        row: &[u32],
        exit: &mut [u8],
    ) {
        ahead.beside(at.len(), |i| {
            // SAFETY: the caller vouches for tile and row; a node is below 16, a plane below the width.
            unsafe {
                let tile = self.tiles.get_unchecked(*at.get_unchecked(i) as usize);
                let keys = keys.get_unchecked(*row.get_unchecked(i) as usize);
                let mut node = 1;
                for _ in 0..LEVELS {
                    let key = *keys.0.get_unchecked(usize::from(*tile.plane.get_unchecked(node)));
                    let mut is_right = key.is_above(*tile.threshold.get_unchecked(node));
                    if MISSING {
                        is_right &= !(key.is_missing() & (tile.missing_left() >> node & 1 == 1));
                    }
                    node = 2 * node + usize::from(is_right);
                }
                *exit.get_unchecked_mut(i) = node as u8 & (EXITS as u8 - 1);
            }
        });
    }

    /// Writes a leaf for each row, which is right for those that have arrived, and keeps the others; how many.
    ///
    /// # Safety
    ///
    /// The first `count` of `at` and `row`, of which each has so many, are tiles and rows of `leaves`, and of `exit` below
    /// [`EXITS`].
    #[inline(never)]
    unsafe fn advance(&self, count: usize, at: &mut [u32], row: &mut [u32], exit: &[u8], leaves: &mut [u32]) -> usize {
        let mut kept = 0;
        for i in 0..count {
            // SAFETY: the caller vouches for tile and row; `kept` is at most `i`.
            unsafe {
                let way = self.tiles.get_unchecked(*at.get_unchecked(i) as usize).way;
                let (row_here, exit) = (*row.get_unchecked(i), *exit.get_unchecked(i));
                let place = (way.place >> (4 * u32::from(exit))) as u32 & 15;
                *leaves.get_unchecked_mut(row_here as usize) = way.leaf() + place;
                *at.get_unchecked_mut(kept) = way.child() + place;
                *row.get_unchecked_mut(kept) = row_here;
                kept += usize::from(way.goes_on(exit));
            }
        }
        kept
    }
}
