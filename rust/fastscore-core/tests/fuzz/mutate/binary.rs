//! Damage to bytes, blind or to words and lengths.

use super::{NASTY_FLOATS, NASTY_INTEGERS};
use crate::rng::Rng;

/// Flips, cuts, gaps, repeats and splices.
pub fn damage(rng: &mut Rng, mut bytes: Vec<u8>, pool: &[Vec<u8>]) -> Vec<u8> {
    if bytes.is_empty() {
        return rng.pick(pool).clone();
    }
    let at = rng.below(bytes.len());
    let end = (at + 1 + rng.below(40)).min(bytes.len());
    match rng.below(8) {
        0 | 1 => bytes[at] ^= 1 << rng.below(8),
        2 => bytes[at] = *rng.pick(b"\0\x01\x7f\x80\xff0129-.e= \n\"[]{},:"),
        3 => bytes.truncate(at),
        4 => {
            bytes.drain(at..end);
        }
        5 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        6 => {
            let other = rng.pick(pool);
            let from = rng.below(other.len());
            let to = (from + rng.below(200)).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        _ => {
            let other = rng.pick(pool);
            let from = if rng.below(2) == 0 { at.min(other.len()) } else { rng.below(other.len()) };
            bytes.truncate(at);
            bytes.extend(&other[from..]);
        }
    }
    bytes
}

/// Overwrite a little-endian word of 1 to 8 bytes at a multiple of its size, or make it a little more or less.
pub fn words(rng: &mut Rng, mut bytes: Vec<u8>) -> Vec<u8> {
    let size = *rng.pick(&[1, 2, 4, 4, 4, 8, 8]);
    let count = bytes.len() / size;
    if count == 0 {
        return bytes;
    }
    let at = rng.below(count) * size;
    let mut word = [0; 8];
    word[..size].copy_from_slice(&bytes[at..at + size]);
    let old = i64::from_le_bytes(word);
    let new = match rng.below(4) {
        0 if size == 8 => rng.pick(NASTY_FLOATS).to_bits() as i64,
        0 if size == 4 => i64::from((*rng.pick(NASTY_FLOATS) as f32).to_bits()),
        1 => old.wrapping_add(rng.below(9) as i64 - 4),
        _ => *rng.pick(NASTY_INTEGERS),
    };
    bytes[at..at + size].copy_from_slice(&new.to_le_bytes()[..size]);
    bytes
}

/// Overwrite a typed number, a count or a type of UBJSON: what follows `#`, `$`, `S`, or a type letter.
pub fn ubjson(rng: &mut Rng, mut bytes: Vec<u8>) -> Vec<u8> {
    let width = |letter: u8| match letter {
        b'i' | b'U' => Some(1),
        b'I' => Some(2),
        b'l' | b'd' => Some(4),
        b'L' | b'D' => Some(8),
        _ => None,
    };
    let letters: Vec<usize> = (0..bytes.len()).filter(|&at| width(bytes[at]).is_some()).collect();
    if letters.is_empty() {
        return bytes;
    }
    let at = *rng.pick(&letters);
    let size = width(bytes[at]).unwrap_or(1);
    if rng.below(5) == 0 || at + size >= bytes.len() {
        bytes[at] = *rng.pick(b"iUIlLdDSHCTFZN[]{}$#");
        return bytes;
    }
    let place = at + 1..at + 1 + size;
    let new = match bytes[at] {
        b'D' => rng.pick(NASTY_FLOATS).to_bits(),
        b'd' => u64::from((*rng.pick(NASTY_FLOATS) as f32).to_bits()),
        _ if rng.below(2) == 0 => {
            let old = bytes[place.clone()].iter().fold(0u64, |all, &b| all << 8 | u64::from(b));
            old.wrapping_add(rng.below(9) as u64).wrapping_sub(4)
        }
        _ => *rng.pick(NASTY_INTEGERS) as u64,
    };
    bytes[place].copy_from_slice(&new.to_be_bytes()[8 - size..]);
    bytes
}
