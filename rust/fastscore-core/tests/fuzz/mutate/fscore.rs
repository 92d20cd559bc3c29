//! Our own file, taken apart, changed and signed again: the checksum would stop every other mutant.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{NASTY_FLOATS, NASTY_INTEGERS, binary, changes, json};
use crate::rng::Rng;

const DIGITS: usize = 64;

/// A file's parts: the envelope, and name, type, shape and bytes of each tensor.
struct File {
    envelope: Value,
    tensors: Vec<(String, String, Value, Vec<u8>)>,
}

pub fn mutate(rng: &mut Rng, mut bytes: Vec<u8>, pool: &[Vec<u8>]) -> Vec<u8> {
    match rng.below(12) {
        // Damage that the checksum must find.
        0 => return binary::damage(rng, bytes, pool),
        // Damage to the container that is signed again.
        1 => {
            bytes = binary::damage(rng, bytes, pool);
            sign(&mut bytes);
            return bytes;
        }
        _ => {}
    }
    let Some(mut file) = File::parse(&bytes) else { return binary::damage(rng, bytes, pool) };
    for _ in 0..changes(rng) {
        match rng.below(10) {
            0..=3 => json::mutate(rng, file.envelope.get_mut("model").unwrap_or(&mut Value::Null)),
            4 => json::mutate(rng, &mut file.envelope),
            5 => file.tensor(rng),
            6 => file.graft(rng, pool),
            _ => file.element(rng),
        }
    }
    let mut bytes = file.write();
    sign(&mut bytes);
    bytes
}

impl File {
    fn parse(bytes: &[u8]) -> Option<File> {
        let length = usize::try_from(u64::from_le_bytes(*bytes.first_chunk()?)).ok()?;
        let end = length.checked_add(8)?;
        let header: Value = serde_json::from_slice(bytes.get(8..end)?).ok()?;
        let envelope = serde_json::from_str(header["__metadata__"]["fastscore"].as_str()?).ok()?;
        let mut tensors = Vec::new();
        for (name, entry) in header.as_object()?.iter().filter(|(name, _)| *name != "__metadata__") {
            let offset = |at: usize| usize::try_from(entry["data_offsets"][at].as_u64()?).ok();
            let data = bytes.get(end + offset(0)?..end + offset(1)?)?.to_vec();
            tensors.push((name.clone(), entry["dtype"].as_str()?.to_string(), entry["shape"].clone(), data));
        }
        Some(File { envelope, tensors })
    }

    /// One element, as its type has it.
    fn element(&mut self, rng: &mut Rng) {
        if self.tensors.is_empty() {
            return;
        }
        let tensor = rng.below(self.tensors.len());
        let (_, dtype, _, data) = &mut self.tensors[tensor];
        let size = width(dtype);
        let count = data.len() / size;
        if count == 0 {
            return;
        }
        let (at, other) = (rng.below(count) * size, rng.below(count) * size);
        let mut word = [0; 8];
        word[..size].copy_from_slice(&data[at..at + size]);
        let new = match rng.below(4) {
            0 => {
                data.copy_within(other..other + size, at);
                return;
            }
            1 if dtype != "F64" => i64::from_le_bytes(word).wrapping_add(rng.below(5) as i64 - 2),
            _ if dtype == "F64" => rng.pick(NASTY_FLOATS).to_bits() as i64,
            _ => *rng.pick(NASTY_INTEGERS),
        };
        data[at..at + size].copy_from_slice(&new.to_le_bytes()[..size]);
    }

    /// A tensor's type, shape, length or name.
    fn tensor(&mut self, rng: &mut Rng) {
        if self.tensors.is_empty() {
            return;
        }
        let (at, other) = (rng.below(self.tensors.len()), rng.below(self.tensors.len()));
        match rng.below(7) {
            0 => {
                self.tensors.remove(at);
            }
            1 => self.tensors[at].1 = (*rng.pick(&["F64", "F32", "I64", "U64", "I32", "U32", "U8", "BOOL"])).into(),
            2 => json::mutate(rng, &mut self.tensors[at].2),
            // One element more or less, in the shape too.
            3 | 4 => {
                let (_, dtype, shape, data) = &mut self.tensors[at];
                let size = width(dtype);
                let keep = if rng.below(2) == 0 { data.len().saturating_sub(size) } else { data.len() + size };
                data.resize(keep, 0);
                *shape = json!([keep / size]);
            }
            5 => {
                let name = self.tensors[other].0.clone();
                self.tensors[other].0 = std::mem::replace(&mut self.tensors[at].0, name);
            }
            _ => self.tensors[at].3 = self.tensors[other].3.clone(),
        }
    }

    /// Steps and tensors of another file.
    fn graft(&mut self, rng: &mut Rng, pool: &[Vec<u8>]) {
        let Some(other) = File::parse(rng.pick::<Vec<u8>>(pool)) else { return };
        let step = other.envelope["model"]["steps"]
            .as_array()
            .and_then(|steps| if steps.is_empty() { None } else { Some(rng.pick(steps).clone()) });
        if let (Some(step), Some(steps)) =
            (step, self.envelope.pointer_mut("/model/steps").and_then(Value::as_array_mut))
        {
            steps.insert(rng.below(steps.len() + 1), step);
        }
        for tensor in other.tensors {
            if self.tensors.iter().all(|own| own.0 != tensor.0) {
                self.tensors.push(tensor);
            }
        }
    }

    fn write(&self) -> Vec<u8> {
        let mut header = json!({"__metadata__": {"fastscore": self.envelope.to_string()}});
        let mut data = Vec::new();
        // The container wants wide types first.
        let mut order: Vec<_> = self.tensors.iter().collect();
        order.sort_by_key(|tensor| std::cmp::Reverse(width(&tensor.1)));
        for (name, dtype, shape, bytes) in order {
            let start = data.len();
            data.extend(bytes);
            header[name] = json!({"dtype": dtype, "shape": shape, "data_offsets": [start, data.len()]});
        }
        let mut text = header.to_string().into_bytes();
        text.resize(text.len().next_multiple_of(8), b' ');
        [&(text.len() as u64).to_le_bytes()[..], &text, &data].concat()
    }
}

fn width(dtype: &str) -> usize {
    match dtype {
        "U8" | "BOOL" => 1,
        "F32" | "I32" | "U32" => 4,
        _ => 8,
    }
}

/// Put the checksum of the contents where the digits stand.
fn sign(bytes: &mut [u8]) {
    let key = b"\\\"sha256\\\":\\\"";
    let Some(at) = bytes.windows(key.len()).position(|window| window == key).map(|at| at + key.len()) else { return };
    let Some(digits) = bytes.get(at..at + DIGITS) else { return };
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return;
    }
    bytes[at..at + DIGITS].fill(b'0');
    let digest: String = Sha256::digest(&*bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    bytes[at..at + DIGITS].copy_from_slice(digest.as_bytes());
}
