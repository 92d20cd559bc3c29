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
                let mut left = self.count(1)?;
                self.elements(depth, |_| {
                    let more = left > 0;
                    left -= usize::from(more);
                    more
                })
            }
            _ => {
                let found = self.elements(depth, |reader| reader.peek() != Some(b']'))?;
                self.at += 1;
                Ok(found)
            }
        }
    }

    /// The elements of an array, while there are `more`. A value takes many times the bytes of a short element, so only
    /// objects and texts become values: numbers stay as they are in the file, and nothing reads other arrays.
    fn elements(&mut self, depth: usize, mut more: impl FnMut(&Self) -> bool) -> Result<Value<'a>> {
        let start = self.at;
        let mut kept = Vec::new();
        let (mut numbers, mut others) = (false, false);
        while more(self) {
            match self.value(depth + 1)? {
                Value::Number(_) | Value::Bool(_) => numbers = true,
                value @ (Value::Object(_) | Value::Text(_)) if !numbers && !others => kept.push(value),
                _ => others = true,
            }
        }
        Ok(match (kept.is_empty(), numbers, others) {
            (_, false, false) => Value::Array(kept),
            (true, true, false) => Value::Numbers(Numbers::Untyped(&self.bytes[start..self.at])),
            _ => Value::Unread,
        })
    }
}

/// The numbers in `bytes`, which are elements of an array that the reader took for numbers and booleans.
pub(super) fn numbers(bytes: &[u8]) -> impl Iterator<Item = Number<'_>> {
    let mut reader = Reader { bytes, at: 0 };
    std::iter::from_fn(move || match reader.value(0).ok()? {
        Value::Number(number) => Some(number),
        Value::Bool(flag) => Some(Number::Integer(i64::from(flag))),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::import::xgboost::value::{Fields, Value};

    /// Values in memory.
    fn built(value: &Value) -> usize {
        1 + match value {
            Value::Array(values) => values.iter().map(built).sum(),
            Value::Object(fields) => fields.iter().map(|(_, value)| built(value)).sum(),
            _ => 0,
        }
    }

    fn document(array: &[u8]) -> Vec<u8> {
        [b"{i\x01a", array, b"}"].concat()
    }

    /// An array of so many times the same bytes, after others.
    fn array(first: &[u8], element: &[u8]) -> Vec<u8> {
        document(&[b"[", first, &element.repeat(1000), b"]"].concat())
    }

    #[test]
    fn arrays_that_nothing_reads_are_not_built() {
        let elements: [&[u8]; 8] = [b"Z", b"T", b"F", b"i\x05", b"C\x05", b"[]", b"[Z]", b"[$i#i\x00"];
        for element in elements {
            let bytes = array(b"", element);
            assert_eq!(built(&parse(&bytes).unwrap()), 2, "{element:?}");
            for first in [b"Z".as_slice(), b"[]", b"i\x05"] {
                let bytes = array(first, element);
                assert_eq!(built(&parse(&bytes).unwrap()), 2, "{element:?} after {first:?}");
            }
        }
        // An object or a text among them is none that is read.
        assert_eq!(built(&parse(&array(b"{}", b"Z")).unwrap()), 2);
        assert_eq!(built(&parse(&array(b"Z", b"{}")).unwrap()), 2);
        assert_eq!(built(&parse(&array(b"{}", b"{}")).unwrap()), 1003);
        let counted = document(&[b"[#I\x03\xe8".as_slice(), &b"Z".repeat(1000)].concat());
        assert_eq!(built(&parse(&counted).unwrap()), 2);
    }

    #[test]
    fn numbers_without_a_type_are_read() {
        let mixed = document(b"[i\xffTFI\x01\x00]");
        let counted = document(b"[#i\x04i\xffTFI\x01\x00");
        for bytes in [mixed, counted] {
            let root = parse(&bytes).unwrap();
            assert_eq!(Fields::of(&root, "root").unwrap().integers("a").unwrap(), [-1, 1, 0, 256]);
        }
        let root = parse(b"{i\x01a[]}").unwrap();
        assert!(Fields::of(&root, "root").unwrap().integers("a").unwrap().is_empty());
        for bytes in [document(b"[i\x01Z]"), document(b"[Si\x01xi\x01]")] {
            let root = parse(&bytes).unwrap();
            let error = Fields::of(&root, "root").unwrap().integers("a").unwrap_err();
            assert!(error.to_string().contains("root.a"), "{error}");
        }
    }
}
