//! What JSON and UBJSON files have in common: one document, borrowed from the file's bytes where it can be.
//!
//! Arrays of numbers stay as they are in the file and are read where they are used: a hostile file can't make them take
//! more memory than it has bytes, and decimals go straight to float32, which is what XGBoost holds.

use std::borrow::Cow;

use super::ubjson;
use crate::error::{Result, format_error};

/// Deeper documents are refused; XGBoost writes eight levels.
pub(super) const MAX_DEPTH: usize = 32;

/// A part of a document.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Number(Number<'a>),
    Text(Cow<'a, str>),
    /// An array of numbers only.
    Numbers(Numbers<'a>),
    Array(Vec<Value<'a>>),
    /// UBJSON: an array that is neither of numbers nor of objects and texts. Nothing reads such a one.
    Unread,
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

/// One number: as UBJSON holds it, or the text that JSON has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number<'a> {
    Integer(i64),
    Single(f32),
    Double(f64),
    Text(&'a str),
}

/// Several numbers, not yet read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Numbers<'a> {
    /// UBJSON's typed array: big-endian elements of one type.
    Packed(Element, &'a [u8]),
    /// UBJSON's elements with a type each, all numbers or booleans.
    Untyped(&'a [u8]),
    /// What stands between JSON's brackets.
    Text(&'a str),
}

/// Element types of UBJSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    I8,
    U8,
    I16,
    I32,
    I64,
    F32,
    F64,
}

impl Element {
    pub(super) fn of_marker(marker: u8) -> Option<Element> {
        Some(match marker {
            b'i' => Element::I8,
            b'U' => Element::U8,
            b'I' => Element::I16,
            b'l' => Element::I32,
            b'L' => Element::I64,
            b'd' => Element::F32,
            b'D' => Element::F64,
            _ => return None,
        })
    }

    pub(super) fn size(self) -> usize {
        match self {
            Element::I8 | Element::U8 => 1,
            Element::I16 => 2,
            Element::I32 | Element::F32 => 4,
            Element::I64 | Element::F64 => 8,
        }
    }

    /// The number in big-endian `bytes`, which are `size` long.
    pub(super) fn read(self, bytes: &[u8]) -> Number<'static> {
        let bits = bytes.iter().fold(0u64, |bits, &byte| bits << 8 | u64::from(byte));
        match self {
            Element::I8 => Number::Integer(i64::from(bits as u8 as i8)),
            Element::U8 => Number::Integer(i64::from(bits as u8)),
            Element::I16 => Number::Integer(i64::from(bits as u16 as i16)),
            Element::I32 => Number::Integer(i64::from(bits as u32 as i32)),
            Element::I64 => Number::Integer(bits as i64),
            Element::F32 => Number::Single(f32::from_bits(bits as u32)),
            Element::F64 => Number::Double(f64::from_bits(bits)),
        }
    }
}

impl Number<'_> {
    fn single(self) -> Option<f32> {
        match self {
            Number::Integer(x) => Some(x as f32),
            Number::Single(x) => Some(x),
            Number::Double(x) => Some(x as f32),
            Number::Text(text) => text.parse().ok(),
        }
    }

    fn integer(self) -> Option<i64> {
        match self {
            Number::Integer(x) => Some(x),
            Number::Text(text) => text.parse().ok(),
            Number::Single(_) | Number::Double(_) => None,
        }
    }
}

/// The fields of an object, with its place in the file for messages.
pub(super) struct Fields<'v, 'a> {
    pub(super) place: String,
    fields: &'v [(Cow<'a, str>, Value<'a>)],
}

impl<'v, 'a> Fields<'v, 'a> {
    pub(super) fn of(value: &'v Value<'a>, place: impl Into<String>) -> Result<Fields<'v, 'a>> {
        let place = place.into();
        match value {
            Value::Object(fields) => Ok(Fields { place, fields }),
            other => Err(format_error(format!("{place} is {}, an object is due", other.name()))),
        }
    }

    pub(super) fn find(&self, key: &str) -> Result<Option<&'v Value<'a>>> {
        let mut found = self.fields.iter().filter(|(name, _)| name == key);
        let first = found.next();
        if found.next().is_some() {
            return Err(format_error(format!("{} has {key} twice", self.place)));
        }
        Ok(first.map(|(_, value)| value))
    }

    pub(super) fn get(&self, key: &str) -> Result<&'v Value<'a>> {
        self.find(key)?.ok_or_else(|| format_error(format!("{} has no {key}", self.place)))
    }

    pub(super) fn object(&self, key: &str) -> Result<Fields<'v, 'a>> {
        Fields::of(self.get(key)?, format!("{}.{key}", self.place))
    }

    /// The elements of an array of anything but numbers.
    pub(super) fn array(&self, key: &str) -> Result<&'v [Value<'a>]> {
        match self.get(key)? {
            Value::Array(values) => Ok(values),
            Value::Numbers(numbers) if numbers.is_empty() => Ok(&[]),
            other => Err(self.wrong(key, other, "an array of objects or texts")),
        }
    }

    pub(super) fn text(&self, key: &str) -> Result<&'v str> {
        match self.get(key)? {
            Value::Text(text) => Ok(text),
            other => Err(self.wrong(key, other, "a text")),
        }
    }

    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>> {
        self.array(key)?
            .iter()
            .map(|value| match value {
                Value::Text(text) => Ok(text.to_string()),
                other => Err(self.wrong(key, other, "a list of texts")),
            })
            .collect()
    }

    /// A count, which XGBoost writes as text.
    pub(super) fn count(&self, key: &str) -> Result<usize> {
        let value = self.get(key)?;
        let count = match value {
            Value::Text(text) => text.trim().parse().ok(),
            Value::Number(number) => number.integer().and_then(|count| usize::try_from(count).ok()),
            _ => None,
        };
        count.ok_or_else(|| self.wrong(key, value, "a count"))
    }

    pub(super) fn count_or(&self, key: &str, otherwise: usize) -> Result<usize> {
        if self.find(key)?.is_some() { self.count(key) } else { Ok(otherwise) }
    }

    pub(super) fn singles(&self, key: &str) -> Result<Vec<f32>> {
        self.numbers(key, "numbers", |number| number.single())
    }

    pub(super) fn integers(&self, key: &str) -> Result<Vec<i64>> {
        self.numbers(key, "integers", |number| number.integer())
    }

    pub(super) fn i32s(&self, key: &str) -> Result<Vec<i32>> {
        self.numbers(key, "32-bit integers", |number| number.integer().and_then(|x| i32::try_from(x).ok()))
    }

    fn numbers<T>(&self, key: &str, due: &str, read: impl Fn(Number) -> Option<T>) -> Result<Vec<T>> {
        let value = self.get(key)?;
        let bad = |index: usize| format_error(format!("{}.{key}[{index}]: {due} are due", self.place));
        match value {
            Value::Numbers(numbers) => {
                numbers.iter().enumerate().map(|(i, number)| read(number).ok_or_else(|| bad(i))).collect()
            }
            Value::Array(values) => values
                .iter()
                .enumerate()
                .map(|(i, value)| match value {
                    Value::Number(number) => read(*number).ok_or_else(|| bad(i)),
                    Value::Bool(flag) => read(Number::Integer(i64::from(*flag))).ok_or_else(|| bad(i)),
                    _ => Err(bad(i)),
                })
                .collect(),
            other => Err(self.wrong(key, other, &format!("an array of {due}"))),
        }
    }

    fn wrong(&self, key: &str, found: &Value, due: &str) -> crate::Error {
        let shown = match found {
            Value::Text(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
            Value::Number(Number::Text(text)) => text.chars().take(40).collect(),
            Value::Number(number) => format!("{number:?}"),
            other => other.name().to_string(),
        };
        format_error(format!("{}.{key} is {shown}, {due} is due", self.place))
    }
}

impl<'a> Numbers<'a> {
    fn is_empty(&self) -> bool {
        match self {
            Numbers::Packed(_, bytes) | Numbers::Untyped(bytes) => bytes.is_empty(),
            Numbers::Text(text) => text.trim().is_empty(),
        }
    }

    fn iter(self) -> Box<dyn Iterator<Item = Number<'a>> + 'a> {
        match self {
            Numbers::Packed(element, bytes) => {
                Box::new(bytes.chunks_exact(element.size()).map(move |bytes| element.read(bytes)))
            }
            Numbers::Untyped(bytes) => Box::new(ubjson::numbers(bytes)),
            Numbers::Text(text) if text.trim().is_empty() => Box::new(std::iter::empty()),
            Numbers::Text(text) => Box::new(text.split(',').map(|word| Number::Text(word.trim()))),
        }
    }
}

impl Value<'_> {
    fn name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a bool",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::Numbers(_) | Value::Array(_) => "an array",
            Value::Unread => "an array of arrays, nulls or several kinds",
            Value::Object(_) => "an object",
        }
    }
}
