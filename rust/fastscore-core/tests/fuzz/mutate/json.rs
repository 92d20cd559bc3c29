//! JSON values: nodes replaced, removed, doubled, swapped.

use serde_json::{Value, json};

use super::{NASTY, NASTY_FLOATS, NASTY_INTEGERS};
use crate::rng::Rng;

/// Change JSON text as a value; text that is none stays as it is.
pub fn mutate_text(rng: &mut Rng, bytes: &[u8]) -> Vec<u8> {
    match serde_json::from_slice(bytes) {
        Ok(mut value) => {
            mutate(rng, &mut value);
            value.to_string().into_bytes()
        }
        Err(_) => bytes.to_vec(),
    }
}

/// One change somewhere in a value.
pub fn mutate(rng: &mut Rng, value: &mut Value) {
    let count = count(value);
    let donor = nth(value, &mut rng.below(count)).map_or(Value::Null, |node| node.clone());
    let Some(node) = nth(value, &mut rng.below(count)) else { return };
    match node {
        Value::Array(items) if rng.below(3) > 0 && !items.is_empty() => {
            let (at, to) = (rng.below(items.len()), rng.below(items.len()));
            match rng.below(5) {
                0 => {
                    items.remove(at);
                }
                1 => items.insert(to, items[at].clone()),
                2 => items.swap(at, to),
                3 => items.truncate(at),
                _ => items.push(donor),
            }
        }
        Value::Object(entries) if rng.below(3) > 0 && !entries.is_empty() => {
            let keys: Vec<String> = entries.keys().cloned().collect();
            let (key, other) = (rng.pick(&keys).clone(), rng.pick(&keys).clone());
            let taken = entries.remove(&key).unwrap_or(Value::Null);
            match rng.below(4) {
                0 => {}
                1 => {
                    entries.insert(other, taken);
                }
                2 => {
                    entries.insert(format!("{key}_"), taken);
                }
                _ => {
                    let swapped = entries.insert(other, taken).unwrap_or(Value::Null);
                    entries.insert(key, swapped);
                }
            }
        }
        // A number a little off: indexes of other nodes, other lengths.
        Value::Number(number) if rng.below(2) == 0 && number.is_i64() => {
            let near = number.as_i64().unwrap_or(0).wrapping_add(rng.below(5) as i64 - 2);
            *node = json!(near);
        }
        Value::String(text) if rng.below(2) == 0 => *text = rng.pick(NASTY).to_string(),
        node => *node = nasty(rng, donor),
    }
}

fn nasty(rng: &mut Rng, donor: Value) -> Value {
    match rng.below(9) {
        0 => Value::Null,
        1 => json!(rng.below(2) == 0),
        2 | 3 => json!(*rng.pick(NASTY_INTEGERS)),
        4 => json!(*rng.pick(NASTY_FLOATS)),
        5 => json!(u64::MAX),
        6 => rng.pick(&[json!([]), json!({}), json!([[]]), json!("")]).clone(),
        7 => (0..rng.below(200)).fold(json!(0), |inner, _| json!([inner])),
        _ => donor,
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(entries) => entries.values().map(count).sum(),
        _ => 0,
    }
}

/// The node of that number, counted from the root, children in order.
fn nth<'v>(value: &'v mut Value, left: &mut usize) -> Option<&'v mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, left)),
        Value::Object(entries) => entries.values_mut().find_map(|item| nth(item, left)),
        _ => None,
    }
}
