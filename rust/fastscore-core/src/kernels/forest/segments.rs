//! Ranks as bytes: a feature's thresholds are cut into segments of 254, and a rank is clamped into its segment (0 below
//! it, 255 above), so any number of thresholds fits.

use std::collections::HashMap;

/// Thresholds that a byte can rank, with 0 for "below all" and 255 for "above all".
const SEGMENT: u16 = 254;

/// The byte planes of a forest.
#[derive(Debug, Default)]
pub(super) struct Segments {
    /// Byte plane p comes from plane `list[p].0` and holds its keys from threshold `list[p].1` on: key k becomes
    /// `min(max(k - list[p].1, 0), 255)`.
    pub list: Vec<(u32, u16)>,
    index: HashMap<(u32, u16), u32>,
}

impl Segments {
    /// `key of plane <= place` as a byte plane and the rank that its bytes are compared with.
    pub(super) fn condition(&mut self, plane: u32, place: u16) -> (u32, u8) {
        let rank = place % SEGMENT;
        let segment = (plane, place - rank);
        let next = self.list.len() as u32;
        let byte_plane = *self.index.entry(segment).or_insert(next);
        if byte_plane == next {
            self.list.push(segment);
        }
        (byte_plane, rank as u8)
    }
}
