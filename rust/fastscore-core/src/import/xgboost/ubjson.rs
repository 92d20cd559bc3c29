//! UBJSON as XGBoost writes it, from bytes that anyone may have made: every count is checked against the bytes that are
//! left before it is believed, and the depth is bounded.

use std::borrow::Cow;

use super::value::{Element, MAX_DEPTH, Number, Numbers, Value};
use crate::error::{Error, Result, format_error};

/// The document in `bytes`, all of them.
pub(super) fn parse(bytes: &[u8]) -> Result<Value<'_>> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.value(0)?;
    match reader.rest().len() {
        0 => Ok(value),
        left => Err(reader.error(&format!("{left} bytes follow the document"))),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or(&[])
    }

    fn error(&self, what: &str) -> Error {
        format_error(format!("UBJSON, byte {}: {what}", self.at))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let taken = self
            .rest()
            .get(..count)
            .ok_or_else(|| self.error(&format!("cut short: {count} bytes are due, {} are left", self.rest().len())))?;
        self.at += count;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// A count of elements, each of at least `size` bytes.
    fn count(&mut self, size: usize) -> Result<usize> {
        let marker = self.byte()?;
        let count = match Element::of_marker(marker) {
            None | Some(Element::F32 | Element::F64) => {
                return Err(self.error(&format!("a length of type {:?}", char::from(marker))));
            }
            Some(element) => match element.read(self.take(element.size())?) {
                Number::Integer(count) => count,
                _ => 0,
            },
        };
        let fits = usize::try_from(count)
            .ok()
            .filter(|count| count.checked_mul(size).is_some_and(|bytes| bytes <= self.rest().len()));
        fits.ok_or_else(|| self.error(&format!("a length of {count}, but only {} bytes are left", self.rest().len())))
    }

    fn text(&mut self) -> Result<Cow<'a, str>> {
        let count = self.count(1)?;
        let text = std::str::from_utf8(self.take(count)?);
        text.map(Cow::Borrowed).map_err(|_| self.error("a text that is not UTF-8"))
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>> {
        if depth > MAX_DEPTH {
            return Err(self.error(&format!("deeper than {MAX_DEPTH} levels")));
        }
        let marker = self.byte()?;
        if let Some(element) = Element::of_marker(marker) {
            return Ok(Value::Number(element.read(self.take(element.size())?)));
        }
        match marker {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'S' => Ok(Value::Text(self.text()?)),
            b'C' => Ok(Value::Number(Number::Integer(self.byte()?.into()))),
            b'T' => Ok(Value::Bool(true)),
            b'F' => Ok(Value::Bool(false)),
            b'Z' => Ok(Value::Null),
            other => Err(self.error(&format!("{:?} begins no value", char::from(other)))),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>> {
        let mut fields = Vec::new();
        while self.peek() != Some(b'}') {
            let key = self.text()?;
            fields.push((key, self.value(depth + 1)?));
        }
        self.at += 1;
        Ok(Value::Object(fields))
    }

    fn array(&mut self, depth: usize) -> Result<Value<'a>> {
        match self.peek() {
            Some(b'$') => {
                self.at += 1;
                let marker = self.byte()?;
                let element = Element::of_marker(marker)
                    .ok_or_else(|| self.error(&format!("an array of type {:?}", char::from(marker))))?;
                if self.byte()? != b'#' {
                    return Err(self.error("a typed array without its length"));
                }
                let count = self.count(element.size())?;
                Ok(Value::Numbers(Numbers::Packed(element, self.take(count * element.size())?)))
            }
            Some(b'#') => {
                self.at += 1;
                let count = self.count(1)?;
                (0..count).map(|_| self.value(depth + 1)).collect::<Result<_>>().map(Value::Array)
            }
            _ => {
                let mut values = Vec::new();
                while self.peek() != Some(b']') {
                    values.push(self.value(depth + 1)?);
                }
                self.at += 1;
                Ok(Value::Array(values))
            }
        }
    }
}
