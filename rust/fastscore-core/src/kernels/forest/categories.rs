//! Category sets, laid out so that a test is one lookup.
//!
//! A value's category becomes an index: 0 where it is missing, 1 where it is outside every set of its feature, else
//! the category plus 2. Bit `i` of a set is the side of index i (set: left), so that bits 0 and 1 are where missing and
//! outside go. An index at or beyond the set's length counts as 1.

use std::collections::HashMap;

use crate::model::{Category, FLAG_MISSING_LEFT, FLAG_OUTSIDE_LEFT, Forest};

/// Index of missing values.
const MISSING: u32 = 0;
/// Index of what is in no set.
const OUTSIDE: u32 = 1;
/// Index of category 0.
const FIRST: u32 = 2;

/// The distinct sets of a forest.
#[derive(Debug, Default)]
pub(super) struct Sets {
    /// First word and number of bits of each set.
    places: Vec<(u32, u32)>,
    words: Vec<u32>,
    /// Of each categorical split its set; empty where the forest has none.
    of_split: Vec<u32>,
}

impl Sets {
    /// Bytes of all sets.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.places.as_slice()) + size_of_val(self.words.as_slice()) + size_of_val(self.of_split.as_slice())
    }

    /// None where the sets take more words than 32 bits count.
    pub(super) fn new(forest: &Forest) -> Option<Self> {
        let mut sets = Sets::default();
        if !forest.has_categories() {
            return Some(sets);
        }
        let mut known = HashMap::new();
        for split in 0..forest.feature.len() {
            let Some(words) = forest.categories.of(split) else {
                sets.of_split.push(u32::MAX);
                continue;
            };
            let flags = forest.flags[split] & (FLAG_MISSING_LEFT | FLAG_OUTSIDE_LEFT);
            let next = sets.places.len() as u32;
            let set = *known.entry((words, flags)).or_insert(next);
            if set == next {
                sets.push(words, flags)?;
            }
            sets.of_split.push(set);
        }
        Some(sets)
    }

    fn push(&mut self, words: &[u32], flags: u8) -> Option<()> {
        let start = u32::try_from(self.words.len()).ok()?;
        let bits = u32::try_from(32 * words.len() as u64 + u64::from(FIRST)).ok()?;
        self.places.push((start, bits));
        let mut carry = 0;
        let lowest =
            u32::from(flags & FLAG_MISSING_LEFT != 0) << MISSING | u32::from(flags & FLAG_OUTSIDE_LEFT != 0) << OUTSIDE;
        for (i, &word) in words.iter().chain([&0]).enumerate() {
            let low = if i == 0 { lowest } else { carry };
            self.words.push(word << FIRST | low);
            carry = word >> (32 - FIRST);
        }
        Some(())
    }

    /// How many distinct sets.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The set of a categorical split.
    pub(super) fn of_split(&self, split: usize) -> Option<u32> {
        self.of_split.get(split).copied().filter(|&set| set != u32::MAX)
    }

    /// Bits of a set: one more than its largest index.
    pub(super) fn bits(&self, set: u32) -> u32 {
        self.places[set as usize].1
    }

    /// Whether an index goes left.
    #[inline(always)]
    pub(super) fn goes_left(&self, set: u32, index: u32) -> bool {
        let (start, bits) = self.places[set as usize];
        let index = if index < bits { index } else { OUTSIDE };
        self.words[(start + index / 32) as usize] >> (index % 32) & 1 == 1
    }
}

/// The index of a prepared value; `bits` is the length of its feature's longest set.
#[inline(always)]
pub(super) fn index(category: Category, bits: u32) -> u32 {
    match category {
        Category::Missing => MISSING,
        Category::Code(c) if c < bits - FIRST => c + FIRST,
        Category::Code(_) | Category::Outside => OUTSIDE,
    }
}
