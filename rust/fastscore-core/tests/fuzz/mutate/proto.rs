//! Fields of protocol buffers, at any depth: changed, left out, repeated, or taken from elsewhere, with all lengths right.

use super::NASTY_INTEGERS;
use crate::rng::Rng;

/// A field's key and its bytes after that.
#[derive(Clone)]
struct Field {
    key: u64,
    value: Value,
}

#[derive(Clone)]
enum Value {
    Varint(u64),
    Fixed(Vec<u8>),
    Bytes(Vec<u8>),
}

pub fn mutate(rng: &mut Rng, bytes: &[u8], pool: &[Vec<u8>]) -> Vec<u8> {
    let Some(mut fields) = parse(bytes).filter(|fields| !fields.is_empty()) else { return bytes.to_vec() };
    let at = rng.below(fields.len());
    // Mostly into what looks like a message itself.
    if rng.below(8) > 0
        && let Value::Bytes(inner) = &fields[at].value
        && parse(inner).is_some_and(|inner| !inner.is_empty())
    {
        fields[at].value = Value::Bytes(mutate(rng, inner, pool));
        return write(&fields);
    }
    match rng.below(7) {
        0 => {
            fields.remove(at);
        }
        1 => fields.insert(at, fields[at].clone()),
        2 => {
            let to = rng.below(fields.len());
            fields.swap(at, to);
        }
        3 => fields[at].key = (1 + rng.below(26) as u64) << 3 | fields[at].key & 7,
        4 => {
            let donor: &Vec<u8> = rng.pick(pool);
            let other = parse(donor).unwrap_or_default();
            if !other.is_empty() {
                let taken = rng.pick(&other).clone();
                fields.insert(at, taken);
            }
        }
        _ => change(rng, &mut fields[at].value),
    }
    write(&fields)
}

fn change(rng: &mut Rng, value: &mut Value) {
    match value {
        Value::Varint(number) => *number = *rng.pick(NASTY_INTEGERS) as u64,
        Value::Fixed(bytes) | Value::Bytes(bytes) if !bytes.is_empty() => {
            let at = rng.below(bytes.len());
            bytes[at] = rng.next() as u8;
        }
        Value::Fixed(_) => {}
        Value::Bytes(bytes) => bytes.push(rng.next() as u8),
    }
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut found = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        found |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return Some(found);
        }
    }
    None
}

fn parse(bytes: &[u8]) -> Option<Vec<Field>> {
    let (mut at, mut fields) = (0, Vec::new());
    while at < bytes.len() {
        let key = varint(bytes, &mut at)?;
        let mut take = |count: usize| {
            let taken = bytes.get(at..)?.get(..count)?.to_vec();
            at += count;
            Some(taken)
        };
        let value = match key & 7 {
            1 => Value::Fixed(take(8)?),
            5 => Value::Fixed(take(4)?),
            0 => Value::Varint(varint(bytes, &mut at)?),
            2 => {
                let count = varint(bytes, &mut at)?;
                let end = at.checked_add(usize::try_from(count).ok()?)?;
                let taken = bytes.get(at..end)?.to_vec();
                at = end;
                Value::Bytes(taken)
            }
            _ => return None,
        };
        if key >> 3 == 0 {
            return None;
        }
        fields.push(Field { key, value });
    }
    Some(fields)
}

fn write(fields: &[Field]) -> Vec<u8> {
    fn varint(mut number: u64, out: &mut Vec<u8>) {
        while number >= 128 {
            out.push(number as u8 | 128);
            number >>= 7;
        }
        out.push(number as u8);
    }
    let mut out = Vec::new();
    for field in fields {
        varint(field.key, &mut out);
        match &field.value {
            Value::Varint(number) => varint(*number, &mut out),
            Value::Fixed(bytes) => out.extend(bytes),
            Value::Bytes(bytes) => {
                varint(bytes.len() as u64, &mut out);
                out.extend(bytes);
            }
        }
    }
    out
}
