//! An Arrow stream in, an Arrow stream of scores out: a batch is read when one is asked for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{ArrayRef, RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use fastscore_core::Result;
use fastscore_core::exec::{self, OnRefused, Output};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::arrow_ffi::{self, Reader};
use crate::errors::to_python;
use crate::model::{Compiled, Interrupt};
use crate::scores::Scores;
use crate::table::Table;

/// Scores of a stream, read once: by a consumer of Arrow, or batch by batch.
#[pyclass(frozen, module = "fastscore._core")]
pub struct ScoreStream {
    /// None once it was handed over.
    batches: Mutex<Option<Batches>>,
}

/// What a call asks for.
pub struct Request {
    pub model: Arc<Compiled>,
    pub output: Output,
    pub threads: Option<usize>,
    pub on_refused: OnRefused,
}

struct Batches {
    source: Reader,
    request: Request,
    schema: SchemaRef,
    /// Rows that were read so far.
    rows: usize,
    /// A stream that failed gives nothing more.
    failed: bool,
}

impl ScoreStream {
    /// Take the data of an object with `__arrow_c_stream__` or `__arrow_c_array__` over. Columns that do not fit the model
    /// are an error here.
    pub fn new(data: &Bound<'_, PyAny>, request: Request) -> PyResult<Self> {
        let source = Reader::open(data)?;
        let batches = data.py().detach(|| Batches::new(source, request)).map_err(to_python)?;
        Ok(ScoreStream { batches: Mutex::new(Some(batches)) })
    }
}

impl Batches {
    fn new(source: Reader, request: Request) -> Result<Self> {
        let model = request.model.model();
        let table = Table::of_arrow(arrow_ffi::columns(source.field(), &[])?, 0);
        table.view(|table| exec::bind(model, table))?;
        let nothing = Scores::new(exec::empty(model, request.output)?, request.output, model.clone());
        let schema = nothing.batch()?.schema();
        Ok(Batches { source, request, schema, rows: 0, failed: false })
    }

    fn next_scores(&mut self, interrupt: &(dyn Fn() -> bool + Sync)) -> Result<Option<Scores>> {
        if self.failed {
            return Ok(None);
        }
        self.failed = true;
        let Some(array) = self.source.next()? else { return Ok(None) };
        let rows = array.len();
        let scores = self.score(array, interrupt).map_err(|error| error.from_row(self.rows))?;
        self.rows += rows;
        self.failed = false;
        Ok(Some(scores))
    }

    fn score(&self, array: ArrayRef, interrupt: &(dyn Fn() -> bool + Sync)) -> Result<Scores> {
        let Request { model, output, threads, on_refused } = &self.request;
        let plan = model.plan()?;
        let rows = array.len();
        let table = Table::of_arrow(arrow_ffi::columns(self.source.field(), &[array])?, rows);
        let scores = table.view(|table| exec::score(plan, table, *output, *threads, *on_refused, interrupt))?;
        Ok(Scores::new(scores, *output, model.model().clone()))
    }
}

/// For consumers of Arrow: on any thread, with or without the GIL, errors as text.
impl Iterator for Batches {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = catch_unwind(AssertUnwindSafe(|| {
            self.next_scores(&|| false).and_then(|scores| scores.map(|scores| scores.batch()).transpose())
        }));
        match next {
            Ok(batch) => batch.map_err(|error| ArrowError::ComputeError(error.to_string())).transpose(),
            Err(_) => Some(Err(ArrowError::ComputeError(
                "fastscore has a bug: a panic was caught in a stream of scores; please report it".into(),
            ))),
        }
    }
}

impl RecordBatchReader for Batches {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

fn handed_over() -> PyErr {
    PyValueError::new_err("the stream of scores was handed over before: it can be read once")
}

#[pymethods]
impl ScoreStream {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        // Not with the GIL: a thread that reads a batch holds the lock, and its source may wait for the GIL.
        let batches = py.detach(|| self.batches.lock().unwrap_or_else(PoisonError::into_inner).take());
        arrow_ffi::export_stream(py, batches.ok_or_else(handed_over)?)
    }

    /// The scores of the next batch; None at the end.
    fn next(&self, py: Python<'_>) -> PyResult<Option<Scores>> {
        let interrupt = Interrupt::default();
        let scores = py.detach(|| {
            let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
            batches.as_mut().map(|batches| batches.next_scores(&|| interrupt.check()))
        });
        match scores {
            Some(scores) => interrupt.raise(scores),
            None => Err(handed_over()),
        }
    }
}
