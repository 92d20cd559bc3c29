//! Tensors in files beside the model: read only within the model's folder.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use prost::bytes::Bytes;

use super::proto::Entry;
use crate::error::{Error, Result, format_error};

/// Tensors may share bytes; beyond so many times the files a small model could claim any memory.
const MOST_TIMES: u64 = 4;

/// Zeros of sparse tensors, which are not in the file: so many bytes, and so many for each of the file's.
const ZEROS: (usize, usize) = (1 << 22, 32);

/// The files of a model's tensors, and how much these may still take.
pub struct External {
    /// Its folder, without links; None where the model is no file.
    folder: Option<PathBuf>,
    sizes: HashMap<PathBuf, u64>,
    taken: u64,
    zeros: usize,
}

impl External {
    /// Of a model of so many bytes in this folder.
    pub fn new(folder: Option<&Path>, bytes: usize) -> Result<External> {
        let real = |folder: &Path| {
            folder.canonicalize().map_err(|e| format_error(format!("the model's folder {}: {e}", folder.display())))
        };
        Ok(External {
            folder: folder.map(real).transpose()?,
            sizes: HashMap::new(),
            taken: 0,
            zeros: ZEROS.0 + ZEROS.1 * bytes,
        })
    }

    /// Allow for a sparse tensor that takes so many bytes once it is dense.
    pub fn zeros(&mut self, bytes: usize, what: &str) -> Result<()> {
        let left = self.zeros.checked_sub(bytes).ok_or_else(|| {
            Error::UnsupportedModel(format!(
                "{what} is sparse and takes {bytes} bytes with its zeros, which is more than the model may; store it \
                 as a dense tensor"
            ))
        })?;
        self.zeros = left;
        Ok(())
    }

    /// The bytes that a tensor's entries point at.
    pub fn read(&mut self, entries: &[Entry], due: usize, what: &str) -> Result<Bytes> {
        let entry = |key: &str| entries.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str());
        let number = |key: &str| {
            let parse = |text: &str| {
                text.parse::<u64>().map_err(|_| format_error(format!("{what}: external data at {key} {text:?}")))
            };
            entry(key).map(parse).transpose()
        };
        let location = entry("location").filter(|location| !location.is_empty());
        let location = location.ok_or_else(|| format_error(format!("{what}: external data without a location")))?;
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        let (path, size) = self.find(location, what)?;
        let length = length.unwrap_or(due as u64);
        if length != due as u64 {
            return Err(format_error(format!("{what}: {length} bytes of external data, {due} are due")));
        }
        if offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(format_error(format!(
                "{what}: {length} bytes from {offset} of {location:?}, which has {size} (cut short or damaged)"
            )));
        }
        self.taken = self.taken.saturating_add(length);
        let whole: u64 = self.sizes.values().fold(0, |all, &size| all.saturating_add(size));
        if self.taken > whole.saturating_mul(MOST_TIMES) {
            return Err(format_error(format!(
                "{what}: tensors claim more than {MOST_TIMES} times the bytes of the external data"
            )));
        }
        let failed = |e: std::io::Error| format_error(format!("{what}: external data {location:?}: {e}"));
        let mut file = File::open(path).map_err(failed)?;
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        let mut bytes = vec![0; due];
        file.read_exact(&mut bytes).map_err(failed)?;
        Ok(bytes.into())
    }

    /// The file at a location, and its size; nothing outside the model's folder, not by a link either.
    fn find(&mut self, location: &str, what: &str) -> Result<(PathBuf, u64)> {
        let Some(folder) = &self.folder else {
            return Err(Error::UnsupportedModel(format!(
                "{what} is external data ({location:?}), which a model without a file does not have; load the model \
                 by its path, or read the data into it first (onnx.external_data_helper.load_external_data_for_model)"
            )));
        };
        let outside = || {
            format_error(format!(
                "{what}: external data at {location:?}, outside the model's folder, which is not opened"
            ))
        };
        let inside = |part: Component| matches!(part, Component::Normal(_) | Component::CurDir);
        if !Path::new(location).components().all(inside) || location.contains('\\') {
            return Err(outside());
        }
        let failed = |e: std::io::Error| format_error(format!("{what}: external data {location:?}: {e}"));
        let path = folder.join(location).canonicalize().map_err(failed)?;
        if !path.starts_with(folder) {
            return Err(outside());
        }
        let status = path.metadata().map_err(failed)?;
        if !status.is_file() {
            return Err(format_error(format!("{what}: external data {location:?} is no file")));
        }
        self.sizes.insert(path.clone(), status.len());
        Ok((path, status.len()))
    }
}
