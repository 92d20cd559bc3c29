//! The `.fscore` file: a safetensors container with the structure in its metadata. `docs/model-format.md` describes it.
//!
//! Reading goes: caps on sizes, container, checksum, structure, model. Nothing is translated before the checksum holds.

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Model, Tensor, TensorData, Tensors, spec};
use crate::error::{Error, Result, format_error};

/// Versions up to this one are read; this one is written.
pub const VERSION: u32 = 3;
const MAX_STRUCTURE: usize = 16 << 20;
/// The structure, its quotes escaped, and the list of tensors.
const MAX_HEADER: u64 = 40 << 20;
const MAX_LEVELS: usize = 64;
/// Bytes that are freed at a time while a file is read.
const FREED_TOGETHER: usize = 1 << 20;
const KEY: &str = "fastscore";
const DIGITS: usize = 64;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    version: u32,
    sha256: String,
    #[serde(borrow)]
    model: &'a serde_json::value::RawValue,
}

/// Only the version, readable whatever a later version adds.
#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

impl Model {
    /// Build from the structure (key `model` of the file) and its tensors.
    pub fn from_parts(structure: &str, tensors: Tensors) -> Result<Model> {
        check_text(structure)?;
        Model::new(spec::to_parts(structure, tensors)?)
    }

    /// The structure as JSON.
    pub fn structure(&self) -> Result<String> {
        Ok(spec::from_model(self)?.0)
    }

    /// The file's bytes: the same for the same model.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let (structure, tensors) = spec::from_model(self)?;
        if structure.len() > MAX_STRUCTURE {
            return Err(format_error(format!("the model's structure takes more than {MAX_STRUCTURE} bytes")));
        }
        let failed = |e: &dyn std::fmt::Display| format_error(format!("the model can't be written: {e}"));
        let raw = serde_json::value::RawValue::from_string(structure).map_err(|e| failed(&e))?;
        let zeros = "0".repeat(DIGITS);
        let envelope = Envelope { version: VERSION, sha256: zeros.clone(), model: &raw };
        let text = serde_json::to_string(&envelope).map_err(|e| failed(&e))?;
        let raw_tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (name, raw_bytes(tensor))).collect();
        let views = raw_tensors
            .iter()
            .map(|(name, (dtype, shape, bytes))| {
                Ok((name.as_str(), TensorView::new(*dtype, shape.to_vec(), bytes).map_err(|e| failed(&e))?))
            })
            .collect::<Result<Vec<_>>>()?;
        let metadata = std::collections::HashMap::from([(KEY.to_string(), text)]);
        let mut bytes = safetensors::serialize(views, Some(metadata)).map_err(|e| failed(&e))?;
        let at = find(&bytes, zeros.as_bytes()).ok_or_else(|| failed(&"no place for the checksum"))?;
        let digest = hex(&Sha256::digest(&bytes));
        bytes[at..at + DIGITS].copy_from_slice(digest.as_bytes());
        Ok(bytes)
    }

    /// Read a file's bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Model> {
        let structure = checked_structure(bytes)?;
        let views = SafeTensors::deserialize(bytes).map_err(|e| damaged(&e))?;
        let mut tensors = Tensors::default();
        for (name, view) in views.iter() {
            tensors.insert(name.to_string(), typed(name, &view)?)?;
        }
        Model::from_parts(&structure, tensors)
    }

    /// The same of bytes that nobody needs any more: they are freed from the end on, as tensors are made of them, so that a
    /// large model is never there twice.
    pub fn from_vec(mut bytes: Vec<u8>) -> Result<Model> {
        let structure = checked_structure(&bytes)?;
        let (header, metadata) = SafeTensors::read_metadata(&bytes).map_err(|e| damaged(&e))?;
        let data = header + size_of::<u64>();
        let mut infos: Vec<_> = metadata.tensors().into_iter().collect();
        infos.sort_by_key(|(_, info)| info.data_offsets);
        let mut tensors = Tensors::default();
        while let Some((name, info)) = infos.pop() {
            // The container has checked that they lie one after another, up to the end.
            let (start, end) = (data + info.data_offsets.0, data + info.data_offsets.1);
            let part = bytes.get(start..end).ok_or_else(|| damaged(&"a tensor is outside"))?;
            let view = TensorView::new(info.dtype, info.shape.clone(), part).map_err(|e| damaged(&e))?;
            let tensor = typed(&name, &view)?;
            tensors.insert(name, tensor)?;
            bytes.truncate(start);
            if bytes.capacity() - bytes.len() > FREED_TOGETHER {
                bytes.shrink_to_fit();
            }
        }
        drop(bytes);
        Model::from_parts(&structure, tensors)
    }
}

fn damaged(e: &dyn std::fmt::Display) -> Error {
    format_error(format!("not a whole .fscore file (cut short or damaged): {e}; copy or export it again"))
}

/// The structure, when the container, the version and the checksum are in order.
fn checked_structure(bytes: &[u8]) -> Result<String> {
    let claimed = bytes.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    if claimed > MAX_HEADER {
        return Err(format_error(format!("the header claims {claimed} bytes, at most {MAX_HEADER} are possible")));
    }
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(&e))?;
    let text = header.metadata().as_ref().and_then(|metadata| metadata.get(KEY)).ok_or_else(|| {
        format_error("a safetensors file, but not a fastscore model: its metadata has no key \"fastscore\"")
    })?;
    check_text(text)?;
    let unreadable = |e: serde_json::Error| format_error(format!("the metadata \"fastscore\" can't be read: {e}"));
    let version = serde_json::from_str::<VersionOnly>(text).map_err(unreadable)?.version;
    if version == 0 || version > VERSION {
        return Err(format_error(format!(
            "the file has format version {version}, this fastscore reads 1 to {VERSION}: update fastscore"
        )));
    }
    let envelope: Envelope = serde_json::from_str(text).map_err(unreadable)?;
    check_sum(bytes, &envelope.sha256)?;
    Ok(envelope.model.get().to_string())
}

/// The SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 over the file with the digest's own digits as zeros.
fn check_sum(bytes: &[u8], stored: &str) -> Result<()> {
    let at = (stored.len() == DIGITS).then(|| find(bytes, stored.as_bytes())).flatten();
    let at = at.ok_or_else(|| format_error("the checksum is not 64 hexadecimal digits"))?;
    let mut hash = Sha256::new();
    hash.update(&bytes[..at]);
    hash.update([b'0'; DIGITS]);
    hash.update(&bytes[at + DIGITS..]);
    if hex(&hash.finalize()) == stored {
        Ok(())
    } else {
        Err(format_error("the file is damaged: its checksum does not fit its contents; copy or export it again"))
    }
}

/// Size and nesting of JSON text, before a parser sees it.
fn check_text(text: &str) -> Result<()> {
    if text.len() > MAX_STRUCTURE {
        return Err(format_error(format!("the model's structure takes more than {MAX_STRUCTURE} bytes")));
    }
    let (mut level, mut quoted, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => level += 1,
            b'}' | b']' if !quoted => level = level.saturating_sub(1),
            _ => {}
        }
        if level > MAX_LEVELS {
            return Err(format_error(format!("the model's structure is nested deeper than {MAX_LEVELS} levels")));
        }
    }
    Ok(())
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let (&first, rest) = needle.split_first()?;
    // The digest stands in the header, so a scan for its first byte ends early.
    bytes.iter().enumerate().find_map(|(at, &byte)| {
        (byte == first && bytes.get(at + 1..).is_some_and(|tail| tail.starts_with(rest))).then_some(at)
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn raw_bytes(tensor: &Tensor) -> (Dtype, &[usize], Vec<u8>) {
    let (dtype, bytes) = match &tensor.data {
        TensorData::F64(v) => (Dtype::F64, v.iter().flat_map(|x| x.to_le_bytes()).collect()),
        TensorData::I64(v) => (Dtype::I64, v.iter().flat_map(|x| x.to_le_bytes()).collect()),
        TensorData::U64(v) => (Dtype::U64, v.iter().flat_map(|x| x.to_le_bytes()).collect()),
        TensorData::I32(v) => (Dtype::I32, v.iter().flat_map(|x| x.to_le_bytes()).collect()),
        TensorData::U32(v) => (Dtype::U32, v.iter().flat_map(|x| x.to_le_bytes()).collect()),
        TensorData::U8(v) => (Dtype::U8, v.clone()),
    };
    (dtype, &tensor.shape, bytes)
}

fn typed(name: &str, view: &TensorView) -> Result<Tensor> {
    fn words<const N: usize, T>(bytes: &[u8], from: impl Fn([u8; N]) -> T) -> Vec<T> {
        bytes.as_chunks::<N>().0.iter().map(|&word| from(word)).collect()
    }
    let bytes = view.data();
    let data = match view.dtype() {
        Dtype::F64 => TensorData::F64(words(bytes, f64::from_le_bytes)),
        Dtype::I64 => TensorData::I64(words(bytes, i64::from_le_bytes)),
        Dtype::U64 => TensorData::U64(words(bytes, u64::from_le_bytes)),
        Dtype::I32 => TensorData::I32(words(bytes, i32::from_le_bytes)),
        Dtype::U32 => TensorData::U32(words(bytes, u32::from_le_bytes)),
        Dtype::U8 => TensorData::U8(bytes.to_vec()),
        other => {
            return Err(format_error(format!("tensor {name:?} has the type {other:?}, which no part uses")));
        }
    };
    Ok(Tensor { shape: view.shape().to_vec(), data })
}
