//! Lines of `key=number number ...`, and other text with numbers in it.

use super::{NASTY, binary};
use crate::rng::Rng;

pub fn mutate(rng: &mut Rng, bytes: &[u8], pool: &[Vec<u8>]) -> Vec<u8> {
    match rng.below(14) {
        0..=5 => {
            let nasty = rng.pick(NASTY).as_bytes();
            replace_token(rng, bytes, |_, _| nasty.to_vec())
        }
        6 | 7 => {
            let tokens = tokens(bytes);
            let other = if tokens.is_empty() { Vec::new() } else { bytes[rng.pick(&tokens).clone()].to_vec() };
            replace_token(rng, bytes, |_, _| other)
        }
        // A list that is longer.
        8 => replace_token(rng, bytes, |rng, token| {
            let mut many = token.to_vec();
            for _ in 0..=rng.below(3) {
                many.push(b' ');
                many.extend(token);
            }
            many
        }),
        // A number a little off.
        9 => replace_token(rng, bytes, |rng, token| {
            let number = std::str::from_utf8(token).ok().and_then(|text| text.parse::<i64>().ok());
            number.map_or_else(Vec::new, |n| n.wrapping_add(rng.below(5) as i64 - 2).to_string().into_bytes())
        }),
        10..=12 => lines(rng, bytes, pool),
        _ => binary::damage(rng, bytes.to_vec(), pool),
    }
}

/// Runs of what numbers and words consist of, with a digit in them.
fn tokens(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut start = None;
    for at in 0..=bytes.len() {
        let inside = bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || b"+-._".contains(b));
        match (inside, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                start = None;
                if bytes[from..at].iter().any(u8::is_ascii_digit) {
                    found.push(from..at);
                }
            }
            _ => {}
        }
    }
    found
}

fn replace_token(rng: &mut Rng, bytes: &[u8], change: impl FnOnce(&mut Rng, &[u8]) -> Vec<u8>) -> Vec<u8> {
    let tokens = tokens(bytes);
    if tokens.is_empty() {
        return bytes.to_vec();
    }
    let at = rng.pick(&tokens).clone();
    let new = change(rng, &bytes[at.clone()]);
    [&bytes[..at.start], &new, &bytes[at.end..]].concat()
}

fn lines(rng: &mut Rng, bytes: &[u8], pool: &[Vec<u8>]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = bytes.split(|&b| b == b'\n').collect();
    let (at, to) = (rng.below(lines.len()), rng.below(lines.len()));
    match rng.below(7) {
        0 => {
            lines.remove(at);
        }
        1 => lines.insert(to, lines[at]),
        2 => lines.swap(at, to),
        // A block: a tree again, or one less.
        3 => {
            let block = lines[at.min(to)..at.max(to)].to_vec();
            lines.splice(at..at, block);
        }
        4 => {
            lines.drain(at.min(to)..at.max(to));
        }
        // The head of one file, the tail of another.
        5 => {
            let other: Vec<&[u8]> = rng.pick(pool).split(|&b| b == b'\n').collect();
            let from = rng.below(other.len());
            lines.truncate(at);
            lines.extend(&other[from..]);
        }
        // One line's key before another's value.
        _ => {
            let cut = |line: &[u8]| line.iter().position(|&b| b == b'=').unwrap_or(0);
            let joined = [&lines[at][..cut(lines[at])], &lines[to][cut(lines[to])..]].concat();
            let mut owned: Vec<Vec<u8>> = lines.iter().map(|line| line.to_vec()).collect();
            owned[at] = joined;
            return owned.join(&b'\n');
        }
    }
    lines.join(&b'\n')
}
