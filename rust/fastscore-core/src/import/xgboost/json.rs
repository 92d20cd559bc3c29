//! JSON as XGBoost writes it: with `NaN` and `Infinity`, which are not JSON, and with float32 decimals, which a parser
//! that goes through float64 may round twice. Hence not serde_json.

use std::borrow::Cow;

use super::value::{MAX_DEPTH, Number, Numbers, Value};
use crate::error::{Error, Result, format_error};

/// The document in `bytes`, all of them.
pub(super) fn parse(bytes: &[u8]) -> Result<Value<'_>> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format_error(format!("JSON, byte {}: not UTF-8", error.valid_up_to())))?;
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.error("something follows the document")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn error(&self, what: &str) -> Error {
        format_error(format!("JSON, byte {}: {what}", self.at))
    }

    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.next() {
            self.at += 1;
        }
        self.next()
    }

    fn due(&mut self, byte: u8) -> Result<()> {
        match self.peek() {
            Some(found) if found == byte => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(self.error(&format!("{:?} is due", char::from(byte)))),
            None => Err(self.error(&format!("cut short: {:?} is due", char::from(byte)))),
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.error("no value begins like this"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>> {
        if depth > MAX_DEPTH {
            return Err(self.error(&format!("deeper than {MAX_DEPTH} levels")));
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Value::Text(self.string()?)),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(byte) if begins_number(byte) => self.number().map(|text| Value::Number(Number::Text(text))),
            Some(_) => Err(self.error("no value begins like this")),
            None => Err(self.error("cut short: a value is due")),
        }
    }

    fn number(&mut self) -> Result<&'a str> {
        let start = self.at;
        while let Some(b'0'..=b'9' | b'.' | b'-' | b'+' | b'a'..=b'z' | b'A'..=b'Z') = self.next() {
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        if text.parse::<f32>().is_err() {
            self.at = start;
            let shown: String = text.chars().take(40).collect();
            return Err(self.error(&format!("{shown:?} is no number")));
        }
        Ok(text)
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>> {
        self.due(b'{')?;
        let mut fields = Vec::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(fields));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.error("a key is due"));
            }
            let key = self.string()?;
            self.due(b':')?;
            fields.push((key, self.value(depth + 1)?));
            if self.peek() != Some(b',') {
                self.due(b'}')?;
                return Ok(Value::Object(fields));
            }
            self.at += 1;
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value<'a>> {
        self.due(b'[')?;
        match self.peek() {
            Some(b']') => {
                self.at += 1;
                Ok(Value::Array(Vec::new()))
            }
            Some(byte) if begins_number(byte) => {
                let start = self.at;
                let end = loop {
                    self.peek();
                    self.number()?;
                    let end = self.at;
                    if self.peek() != Some(b',') {
                        break end;
                    }
                    self.at += 1;
                };
                self.due(b']')?;
                Ok(Value::Numbers(Numbers::Text(&self.text[start..end])))
            }
            _ => {
                let mut values = Vec::new();
                loop {
                    values.push(self.value(depth + 1)?);
                    if self.peek() != Some(b',') {
                        self.due(b']')?;
                        return Ok(Value::Array(values));
                    }
                    self.at += 1;
                }
            }
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>> {
        let start = self.at;
        self.at += 1;
        let mut escaped = false;
        loop {
            match self.next() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(_) => self.at += 1,
                None => {
                    self.at = start;
                    return Err(self.error("cut short: a text has no end"));
                }
            }
        }
        self.at += 1;
        // Both ends are ASCII, so they are on the borders of characters.
        let quoted = &self.text[start..self.at];
        if !escaped {
            return Ok(Cow::Borrowed(&quoted[1..quoted.len() - 1]));
        }
        serde_json::from_str(quoted).map(Cow::Owned).map_err(|_| {
            self.at = start;
            self.error("a text with a wrong escape")
        })
    }
}

fn begins_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'N' | b'I')
}
