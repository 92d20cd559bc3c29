//! From a column's value to its code, by value and never by representation: numbers as numbers (`1`, `1.0` and `true`
//! are equal, 64-bit integers exactly), strings as strings.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::{Encoder, LabelValues, hash};
use crate::error::{Result, format_error};

/// A number of any type; equal exactly where the numbers are. Never NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Number {
    /// An integer that an i64 holds.
    Int(i64),
    /// A larger integer.
    Big(u64),
    /// The bits of any other float.
    Float(u64),
}

impl Number {
    /// Whether it is an infinity.
    #[inline(always)]
    pub(crate) fn is_infinite(self) -> bool {
        matches!(self, Number::Float(bits) if f64::from_bits(bits).is_infinite())
    }
}

impl From<i64> for Number {
    #[inline(always)]
    fn from(x: i64) -> Number {
        Number::Int(x)
    }
}

impl From<u64> for Number {
    #[inline(always)]
    fn from(x: u64) -> Number {
        i64::try_from(x).map_or(Number::Big(x), Number::Int)
    }
}

impl From<f64> for Number {
    #[inline(always)]
    fn from(x: f64) -> Number {
        // Casts saturate, and both limits as floats lie outside the type, or on its edge where the cast is exact.
        let int = x as i64;
        if int as f64 == x && int != i64::MAX {
            return Number::Int(int);
        }
        let big = x as u64;
        if big as f64 == x && big != u64::MAX { Number::Big(big) } else { Number::Float(x.to_bits()) }
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Number::Int(x) => write!(f, "{x}"),
            Number::Big(x) => write!(f, "{x}"),
            Number::Float(bits) => write!(f, "{:?}", f64::from_bits(bits)),
        }
    }
}

/// An encoder made ready to look values up.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// Numbers and booleans.
    Numbers(NumberTable),
    /// Strings.
    Texts(TextTable),
    /// The hash of any value's text.
    Hash,
}

impl Lookup {
    /// From an encoder. The error names a value that occurs twice.
    pub(super) fn new(encoder: &Encoder) -> Result<Lookup> {
        let Encoder::Table { values, codes } = encoder else { return Ok(Lookup::Hash) };
        let codes = codes.iter().copied();
        Ok(match values {
            LabelValues::Int(v) => Lookup::Numbers(NumberTable::new(v.iter().map(|&x| x.into()).zip(codes))?),
            LabelValues::UInt(v) => Lookup::Numbers(NumberTable::new(v.iter().map(|&x| x.into()).zip(codes))?),
            LabelValues::Float(v) => Lookup::Numbers(NumberTable::new(v.iter().map(|&x| x.into()).zip(codes))?),
            LabelValues::Bool(v) => {
                Lookup::Numbers(NumberTable::new(v.iter().map(|&x| i64::from(x).into()).zip(codes))?)
            }
            LabelValues::Str(v) => Lookup::Texts(TextTable::new(v.iter().map(String::as_str).zip(codes))?),
        })
    }
}

/// Codes of numbers.
#[derive(Debug, Clone)]
pub struct NumberTable {
    /// Codes of the integers from `low` on, NaN where there is none: categories are mostly small integers.
    dense: Vec<f64>,
    low: i64,
    others: HashMap<Number, f64, RandomState>,
}

/// So many places a value may the dense table take: it stays about as large as the values themselves.
const DENSE_PLACES: i128 = 4;

impl NumberTable {
    fn new(entries: impl Iterator<Item = (Number, f64)>) -> Result<NumberTable> {
        let mut others = HashMap::with_hasher(RandomState::default());
        for (value, code) in entries {
            if others.insert(value, code).is_some() {
                return Err(format_error(format!("the value {value} occurs twice")));
            }
        }
        let ints = || others.keys().filter_map(|value| if let Number::Int(x) = value { Some(*x) } else { None });
        let (low, high) = (ints().min().unwrap_or(0), ints().max().unwrap_or(-1));
        let places = i128::from(high) - i128::from(low) + 1;
        let mut dense = Vec::new();
        if places <= DENSE_PLACES * others.len() as i128 + 64 {
            dense.resize(places.max(0) as usize, f64::NAN);
            for (at, code) in dense.iter_mut().enumerate() {
                if let Some(found) = others.remove(&Number::Int(low + at as i64)) {
                    *code = found;
                }
            }
        }
        Ok(NumberTable { dense, low, others })
    }

    /// The code of a value, or None where it is not known.
    #[inline(always)]
    pub fn code(&self, value: Number) -> Option<f64> {
        if let Number::Int(x) = value {
            // Below `low` this wraps to beyond any table.
            let at = x.wrapping_sub(self.low) as u64;
            if let Some(&code) = usize::try_from(at).ok().and_then(|at| self.dense.get(at)) {
                return (!code.is_nan()).then_some(code);
            }
        }
        if self.others.is_empty() { None } else { self.others.get(&value).copied() }
    }
}

/// Codes of strings.
#[derive(Debug, Clone)]
pub struct TextTable {
    /// Strings that fit a number, by that number and an open address; [`EMPTY`] where there is none.
    short: Vec<(u128, f64)>,
    others: HashMap<Box<[u8]>, f64, RandomState>,
}

/// Places that are looked at for a short string: so many strings that fall together never take long.
const PLACES: usize = 8;
/// No string's number: the length is in its last byte.
const EMPTY: u128 = u128::MAX;

impl TextTable {
    fn new<'a>(entries: impl Iterator<Item = (&'a str, f64)>) -> Result<TextTable> {
        let mut others: HashMap<Box<[u8]>, f64, RandomState> = HashMap::with_hasher(RandomState::default());
        for (value, code) in entries {
            if others.insert(Box::from(value.as_bytes()), code).is_some() {
                return Err(format_error(format!("the value {value:?} occurs twice")));
            }
        }
        let places = (2 * others.keys().filter(|value| short_key(value).is_some()).count()).next_power_of_two();
        let mut short = vec![(EMPTY, f64::NAN); places + PLACES];
        others.retain(|value, code| {
            let Some(key) = short_key(value) else { return true };
            let first = first_place(key, places);
            match short[first..first + PLACES].iter_mut().find(|(known, _)| *known == EMPTY) {
                Some(place) => {
                    *place = (key, *code);
                    false
                }
                None => true,
            }
        });
        others.shrink_to_fit();
        Ok(TextTable { short, others })
    }

    /// The code of a string's bytes, or None where it is not known. What is found is UTF-8.
    #[inline]
    pub fn code(&self, value: &[u8]) -> Option<f64> {
        if let Some(key) = short_key(value) {
            let first = first_place(key, self.short.len() - PLACES);
            for &(known, code) in &self.short[first..first + PLACES] {
                if known == key {
                    return Some(code);
                }
                if known == EMPTY {
                    return None;
                }
            }
        }
        if self.others.is_empty() { None } else { self.others.get(value).copied() }
    }
}

/// A string of up to 15 bytes as a number: its bytes, and its length in the last one.
#[inline(always)]
fn short_key(value: &[u8]) -> Option<u128> {
    let length = value.len();
    // Overlapping parts have the same bytes in the same places.
    let bytes = match length {
        0 => 0,
        1..4 => {
            let at = |i: usize| u64::from(value[i]) << (8 * i);
            u128::from(at(0) | at(length / 2) | at(length - 1))
        }
        4..8 => {
            let (first, last) = (value.first_chunk()?, value.last_chunk()?);
            let last = u64::from(u32::from_le_bytes(*last)) << (8 * (length - 4));
            u128::from(u64::from(u32::from_le_bytes(*first)) | last)
        }
        8..16 => {
            let (first, last) = (value.first_chunk()?, value.last_chunk()?);
            u128::from(u64::from_le_bytes(*first)) | u128::from(u64::from_le_bytes(*last)) << (8 * (length - 8))
        }
        _ => return None,
    };
    Some(bytes | (length as u128) << 120)
}

/// The first of the places of a string's number; `places` is a power of two.
#[inline(always)]
fn first_place(key: u128, places: usize) -> usize {
    let folded = (key as u64 ^ ((key >> 64) as u64).rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (folded >> 32) as usize & (places - 1)
}

/// The code of an integer under [`Lookup::Hash`]: of its decimal digits. None for other numbers.
#[inline]
pub(crate) fn hash_of_number(value: Number) -> Option<f64> {
    let mut digits = [0; 20];
    let (negative, mut rest) = match value {
        Number::Int(x) => (x < 0, x.unsigned_abs()),
        Number::Big(x) => (false, x),
        Number::Float(_) => return None,
    };
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if negative {
        at -= 1;
        digits[at] = b'-';
    }
    Some(hash::of_text(&digits[at..]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{PLACES, TextTable, first_place, short_key};

    #[test]
    fn texts_of_all_lengths_have_their_own_codes() {
        let text = |length: usize, kind: usize| {
            String::from_utf8((0..length).map(|i| b'a' + ((i * 7 + kind) % 26) as u8).collect()).unwrap()
        };
        let mut texts: Vec<String> = (0..40).flat_map(|length| (0..3).map(move |kind| text(length, kind))).collect();
        texts.extend(["a\0".to_owned(), "a\0\0".into(), "\0".into(), "\0\0".into(), "é".into()]);
        texts.sort();
        texts.dedup();
        let codes = || texts.iter().map(String::as_str).zip((0..).map(f64::from));
        let table = TextTable::new(codes()).unwrap();
        for (text, code) in codes() {
            assert_eq!(table.code(text.as_bytes()), Some(code), "{text:?}");
            // One byte more, fewer or other is not known, unless it is another of them.
            for other in
                [format!("{text}z"), format!("{text}\0"), text.replace('a', "B"), text.chars().skip(1).collect()]
            {
                let due = texts.iter().position(|text| *text == other).map(|at| at as f64);
                assert_eq!(table.code(other.as_bytes()), due, "{other:?}");
            }
        }
        assert!(TextTable::new([("a", 0.0), ("a", 1.0)].into_iter()).is_err());
        assert_eq!(TextTable::new(std::iter::empty()).unwrap().code(b"a"), None);
    }

    #[test]
    fn texts_that_fall_together_are_found() {
        let all = (0..200_000).map(|i| format!("{i:x}"));
        let place = |text: &String| first_place(short_key(text.as_bytes()).unwrap(), 512);
        let texts: Vec<String> = all.filter(|text| place(text) == 5).take(128).collect();
        assert!(texts.len() > 8 * PLACES);
        let table = TextTable::new(texts.iter().map(String::as_str).zip((0..).map(f64::from))).unwrap();
        assert!(!table.others.is_empty());
        for (text, code) in texts.iter().zip((0..).map(f64::from)) {
            assert_eq!(table.code(text.as_bytes()), Some(code));
        }
        assert_eq!(table.code(b"none"), None);
    }
}
