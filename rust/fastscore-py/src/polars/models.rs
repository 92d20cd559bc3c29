//! The models of running queries, by the SHA-256 of their bytes.
//!
//! A query carries its model; the cache only saves reading and compiling it for each of its many calls. It keeps the
//! models used last, within bounds. The list's lock is held to look up, never
//! to hash or read a model, nor to score.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arrow_schema::Field;
use fastscore_core::exec::Binding;
use fastscore_core::{Error, Result, model};

use super::kwargs::Kwargs;
use crate::model::Compiled;

/// Models that are kept, and how long their bytes may be in all (but one is kept, however large).
const MOST: usize = 32;
const MOST_BYTES: usize = 1 << 30;

/// Kinds of inputs that are remembered, a model.
const MOST_KNOWN: usize = 8;

/// One model.
#[derive(Default)]
pub struct Slot {
    compiled: OnceLock<Arc<Compiled>>,
    /// Held by the thread that reads the model: others that want it wait.
    reading: Mutex<()>,
    /// What is known of inputs by their names and types: Polars asks several times a query.
    known: Mutex<Vec<(Vec<u8>, Arc<Known>)>>,
}

/// What is known of inputs that fit.
pub struct Known {
    /// The field of the scores.
    pub field: Field,
    /// The input of each feature.
    pub binding: Binding,
}

impl Slot {
    /// The model of an expression whose place this is.
    pub fn model(&self, kwargs: &Kwargs) -> Result<&Arc<Compiled>> {
        if let Some(compiled) = self.compiled.get() {
            return Ok(compiled);
        }
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = self.compiled.get() {
            return Ok(compiled);
        }
        let compiled = Arc::new(Compiled::from(model::Model::from_bytes(kwargs.model)?));
        Ok(self.compiled.get_or_init(|| compiled))
    }

    /// What is known of such inputs.
    pub fn known(&self, inputs: &[u8]) -> Option<Arc<Known>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(known, _)| known == inputs).map(|(_, known)| known.clone())
    }

    /// Remember it.
    pub fn remember(&self, inputs: Vec<u8>, about: Known) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() == MOST_KNOWN {
            known.remove(0);
        }
        known.push((inputs, Arc::new(about)));
    }
}

struct Entry {
    key: [u8; 32],
    bytes: usize,
    slot: Arc<Slot>,
}

/// The model used last is the last.
static MODELS: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// Keep a model that Python has: its queries need not read its bytes.
pub fn keep(key: [u8; 32], bytes: usize, compiled: Arc<Compiled>) {
    // Where it is known already, the one that is there stays: they are equal.
    let _ = enter(key, bytes).compiled.set(compiled);
}

/// The place of an expression's model. One gets a place only when its bytes are those that it is known by, so that damaged ones
/// never put others out.
pub fn get(kwargs: &Kwargs) -> Result<Arc<Slot>> {
    if let Some(slot) = find(&mut MODELS.lock().unwrap_or_else(PoisonError::into_inner), kwargs.key) {
        return Ok(slot);
    }
    if model::sha256(kwargs.model) != kwargs.key {
        return Err(Error::ModelFormat(
            "the expression's model is damaged: its bytes do not have the SHA-256 that it is known by; build the \
             expression anew"
                .into(),
        ));
    }
    Ok(enter(kwargs.key, kwargs.model.len()))
}

/// The place that a key has, from now on the one used last.
fn find(models: &mut [Entry], key: [u8; 32]) -> Option<Arc<Slot>> {
    let at = models.iter().position(|entry| entry.key == key)?;
    models[at..].rotate_left(1);
    models.last().map(|entry| entry.slot.clone())
}

/// The place of a key, a new one where it has none.
fn enter(key: [u8; 32], bytes: usize) -> Arc<Slot> {
    let mut models = MODELS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(slot) = find(&mut models, key) {
        return slot;
    }
    let slot: Arc<Slot> = Arc::default();
    models.push(Entry { key, bytes, slot: slot.clone() });
    let mut total: usize = models.iter().map(|entry| entry.bytes).fold(0, usize::saturating_add);
    while models.len() > 1 && (models.len() > MOST || total > MOST_BYTES) {
        total = total.saturating_sub(models.remove(0).bytes);
    }
    slot
}
