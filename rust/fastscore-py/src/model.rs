//! The model and its scoring.

use std::sync::{Arc, Mutex, OnceLock};

use fastscore_core::exec::{self, OnRefused, Output};
use fastscore_core::import::{catboost, lightgbm, xgboost};
use fastscore_core::model::{self, LabelValues, Labels, Source, Tensor, TensorData, Tensors};
use fastscore_core::plan::Plan;
use fastscore_core::{Error, Result};
use numpy::{Element, PyArrayDyn, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};
use serde::Deserialize;

use crate::arrow_ffi::Arrays;
use crate::catboost::CatboostOptions;
use crate::errors::to_python;
use crate::labels;
use crate::polars;
use crate::score_stream::{Request, ScoreStream};
use crate::scores::Scores;
use crate::table::Table;
use crate::{few, few_python};

/// `threads=`: an integer of any size, or None.
pub struct Threads(pub Option<i64>);

impl<'a, 'py> FromPyObject<'a, 'py> for Threads {
    type Error = PyErr;

    fn extract(threads: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if threads.is_none() {
            return Ok(Threads(None));
        }
        match threads.extract::<i64>() {
            Ok(threads) => Ok(Threads(Some(threads))),
            Err(error) if error.is_instance_of::<PyOverflowError>(threads.py()) => {
                Err(PyValueError::new_err(format!("threads={} is out of range", threads.str()?)))
            }
            Err(error) => Err(error),
        }
    }
}

/// A model with its plan.
pub struct Compiled {
    model: Arc<model::Model>,
    plan: OnceLock<Plan>,
}

/// A validated portable model with its plan. Immutable, shared by threads.
#[pyclass(frozen, weakref, module = "fastscore._core")]
pub struct Model {
    compiled: Arc<Compiled>,
    model: Arc<model::Model>,
    serialised: OnceLock<Serialised>,
}

/// A model's bytes, for the queries that carry them.
struct Serialised {
    bytes: Py<PyBytes>,
    /// Their SHA-256.
    key: [u8; 32],
}

impl From<model::Model> for Compiled {
    fn from(model: model::Model) -> Self {
        Compiled { model: Arc::new(model), plan: OnceLock::new() }
    }
}

impl From<model::Model> for Model {
    fn from(model: model::Model) -> Self {
        let compiled = Arc::new(Compiled::from(model));
        Model { model: compiled.model.clone(), compiled, serialised: OnceLock::new() }
    }
}

impl Compiled {
    /// The model.
    pub fn model(&self) -> &Arc<model::Model> {
        &self.model
    }

    /// The plan, compiled at first need.
    pub fn plan(&self) -> Result<&Plan> {
        if let Some(plan) = self.plan.get() {
            return Ok(plan);
        }
        let plan = Plan::compile(self.model.clone())?;
        Ok(self.plan.get_or_init(|| plan))
    }
}

/// What `missing=` asks for.
pub fn on_refused(missing: &str) -> Result<OnRefused> {
    match missing {
        "source" => Ok(OnRefused::Raise),
        "propagate" => Ok(OnRefused::Null),
        other => Err(Error::InvalidArgument(format!("missing={other:?} is not one of source, propagate"))),
    }
}

impl Model {
    /// The model's bytes, written at first need.
    fn serialised(&self, py: Python<'_>) -> PyResult<&Serialised> {
        if let Some(serialised) = self.serialised.get() {
            return Ok(serialised);
        }
        let made = py.detach(|| self.model.to_bytes().map(|bytes| (model::sha256(&bytes), bytes)));
        let (key, bytes) = made.map_err(to_python)?;
        let serialised = Serialised { bytes: PyBytes::new(py, &bytes).unbind(), key };
        Ok(self.serialised.get_or_init(|| serialised))
    }

    fn run(&self, py: Python<'_>, table: &Table, output: &str, threads: Threads, missing: &str) -> PyResult<Scores> {
        let output = Output::parse(output).map_err(to_python)?;
        let threads = exec::thread_limit(threads.0).map_err(to_python)?;
        let on_refused = on_refused(missing).map_err(to_python)?;
        let interrupt = Interrupt::default();
        let scored = py.detach(|| {
            let plan = self.compiled.plan()?;
            table.view(|table| exec::score(plan, table, output, threads, on_refused, &|| interrupt.check()))
        });
        Ok(Scores::new(interrupt.raise(scored)?, output, self.model.clone()))
    }
}

/// Whether Python wants a call to stop: Ctrl-C, or an alarm.
#[derive(Default)]
pub struct Interrupt(Mutex<Option<PyErr>>);

impl Interrupt {
    /// Ask Python.
    pub fn check(&self) -> bool {
        match Python::attach(|py| py.check_signals()) {
            Ok(()) => false,
            Err(error) => {
                *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(error);
                true
            }
        }
    }

    /// The result of a call, or what a signal's handler raised.
    pub fn raise<T>(self, result: Result<T>) -> PyResult<T> {
        match (result, self.0.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)) {
            (Err(Error::Interrupted), Some(raised)) => Err(raised),
            (result, _) => result.map_err(to_python),
        }
    }
}

#[pymethods]
impl Model {
    #[staticmethod]
    #[pyo3(signature = (spec, tensors, /))]
    fn from_parts(py: Python<'_>, spec: &str, tensors: &Bound<'_, PyDict>) -> PyResult<Self> {
        let mut taken = Tensors::default();
        for (name, array) in tensors {
            let name = name.cast::<PyString>()?.to_string();
            let tensor = tensor(&name, array.cast::<PyUntypedArray>()?)?;
            taken.insert(name, tensor).map_err(to_python)?;
        }
        Ok(py.detach(|| model::Model::from_parts(spec, taken)).map_err(to_python)?.into())
    }

    #[staticmethod]
    #[pyo3(signature = (data, /))]
    fn from_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        Ok(py.detach(|| model::Model::from_bytes(data)).map_err(to_python)?.into())
    }

    #[staticmethod]
    #[pyo3(signature = (path, /))]
    fn from_file(py: Python<'_>, path: std::path::PathBuf) -> PyResult<Self> {
        let bytes = py.detach(|| std::fs::read(&path))?;
        Ok(py.detach(|| model::Model::from_vec(bytes)).map_err(to_python)?.into())
    }

    #[staticmethod]
    #[pyo3(signature = (text, options, /))]
    fn from_lightgbm(py: Python<'_>, text: &str, options: &str) -> PyResult<Self> {
        let options = LightgbmOptions::parse(options)?;
        Ok(py.detach(|| lightgbm::import(text, options)).map_err(to_python)?.into())
    }

    #[staticmethod]
    #[pyo3(signature = (data, options, /))]
    fn from_xgboost(py: Python<'_>, data: &[u8], options: &str) -> PyResult<Self> {
        let options = crate::xgboost::options(options)?;
        Ok(py.detach(|| xgboost::import(data, options)).map_err(to_python)?.into())
    }

    #[staticmethod]
    #[pyo3(signature = (data, options, /))]
    fn from_catboost(py: Python<'_>, data: &[u8], options: &str) -> PyResult<Self> {
        let options = CatboostOptions::parse(options)?;
        Ok(py.detach(|| catboost::import(data, options)).map_err(to_python)?.into())
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| self.model.to_bytes()).map_err(to_python)?;
        Ok(PyBytes::new(py, &bytes))
    }

    #[pyo3(signature = (output, missing, threads, /))]
    fn polars_arguments<'py>(
        &self,
        py: Python<'py>,
        output: &str,
        missing: &str,
        threads: Threads,
    ) -> PyResult<Bound<'py, PyDict>> {
        let serialised = self.serialised(py)?;
        polars::models::keep(serialised.key, serialised.bytes.as_bytes(py).len(), self.compiled.clone());
        let arguments = PyDict::new(py);
        arguments.set_item("key", PyBytes::new(py, &serialised.key))?;
        arguments.set_item("output", output)?;
        arguments.set_item("missing", missing)?;
        if threads.0.is_some() {
            arguments.set_item("threads", exec::thread_count(threads.0).map_err(to_python)?.to_string())?;
        }
        arguments.set_item("model", &serialised.bytes)?;
        Ok(arguments)
    }

    #[getter]
    fn rewrites_names(&self) -> bool {
        self.model.features().name_match == model::NameMatch::Underscore
    }

    #[getter]
    fn spec(&self) -> PyResult<String> {
        self.model.structure().map_err(to_python)
    }

    #[getter]
    fn n_features(&self) -> usize {
        self.model.features().count
    }

    #[getter]
    fn feature_names(&self) -> Option<Vec<String>> {
        self.model.features().names.clone()
    }

    #[getter]
    fn features_read(&self) -> Vec<bool> {
        self.model.features_read()
    }

    #[pyo3(signature = (target, /))]
    fn classes<'py>(&self, py: Python<'py>, target: usize) -> PyResult<Option<Bound<'py, PyList>>> {
        let classes = self.model.targets().get(target).and_then(|target| target.classes.as_ref());
        classes.map(|classes| labels::to_python(py, classes)).transpose()
    }

    #[getter]
    fn reads_bare_codes(&self) -> bool {
        self.model.has_bare_codes()
    }

    #[getter]
    fn encoded(&self) -> Vec<usize> {
        self.model.features().encodings.iter().map(|encoding| encoding.feature).collect()
    }

    #[pyo3(signature = (feature, /))]
    fn categories<'py>(&self, py: Python<'py>, feature: usize) -> PyResult<Option<Bound<'py, PyList>>> {
        match self.model.encoding(feature).map(|(encoding, _)| &encoding.encoder) {
            Some(model::Encoder::Table { values, .. }) => labels::values_to_python(py, values).map(Some),
            _ => Ok(None),
        }
    }

    #[pyo3(signature = (output, /))]
    fn column_names(&self, output: &str) -> PyResult<Vec<Vec<String>>> {
        let output = Output::parse(output).map_err(to_python)?;
        exec::column_names(&self.model, output).ok_or_else(|| to_python(exec::lacks(&self.model, output)))
    }

    fn explain(&self, py: Python<'_>) -> PyResult<String> {
        Ok(py.detach(|| self.compiled.plan()).map_err(to_python)?.explain())
    }

    #[pyo3(signature = (table, output, threads, missing, /))]
    fn score(&self, py: Python<'_>, table: &Table, output: &str, threads: Threads, missing: &str) -> PyResult<Scores> {
        self.run(py, table, output, threads, missing)
    }

    #[pyo3(signature = (data, output, threads, missing, /))]
    fn score_few<'py>(
        &self,
        data: &Bound<'py, PyAny>,
        output: &Bound<'py, PyAny>,
        threads: &Bound<'py, PyAny>,
        missing: &Bound<'py, PyAny>,
    ) -> Option<Bound<'py, PyAny>> {
        let asked = few::asked(output, threads, missing)?;
        let scores = few::score(self.compiled.plan.get()?, data, None, asked)?;
        few::to_array(data.py(), &scores, asked)
    }

    #[pyo3(signature = (data, names, output, threads, missing, /))]
    fn score_few_named(
        &self,
        data: &Bound<'_, PyAny>,
        names: Option<&Bound<'_, PyList>>,
        output: &Bound<'_, PyAny>,
        threads: &Bound<'_, PyAny>,
        missing: &Bound<'_, PyAny>,
    ) -> Option<Scores> {
        let asked = few::asked(output, threads, missing)?;
        let scores = few::score(self.compiled.plan.get()?, data, names, asked)?;
        Some(Scores::new(scores, asked.0, self.model.clone()))
    }

    #[pyo3(signature = (data, output, threads, missing, /))]
    fn score_few_python(
        &self,
        data: &Bound<'_, PyAny>,
        output: &Bound<'_, PyAny>,
        threads: &Bound<'_, PyAny>,
        missing: &Bound<'_, PyAny>,
    ) -> Option<Scores> {
        let asked = few::asked(output, threads, missing)?;
        let scores = few_python::score(self.compiled.plan.get()?, data, asked)?;
        Some(Scores::new(scores, asked.0, self.model.clone()))
    }

    #[pyo3(signature = (data, output, threads, missing, /))]
    fn score_arrow(&self, data: &Bound<'_, PyAny>, output: &str, threads: Threads, missing: &str) -> PyResult<Scores> {
        let py = data.py();
        let arrays = Arrays::take(data)?;
        let asked = (Output::parse(output).map_err(to_python)?, on_refused(missing).map_err(to_python)?);
        exec::thread_limit(threads.0).map_err(to_python)?;
        if let Some(scores) = self.compiled.plan.get().and_then(|plan| few::score_arrow(py, plan, &arrays, asked)) {
            return Ok(Scores::new(scores, asked.0, self.model.clone()));
        }
        let table = py.detach(|| Table::of_arrays(arrays, Some(&self.model))).map_err(to_python)?;
        self.run(py, &table, output, threads, missing)
    }

    #[pyo3(signature = (data, output, threads, missing, /))]
    fn score_stream(
        &self,
        data: &Bound<'_, PyAny>,
        output: &str,
        threads: Threads,
        missing: &str,
    ) -> PyResult<ScoreStream> {
        let request = Request {
            model: self.compiled.clone(),
            output: Output::parse(output).map_err(to_python)?,
            threads: exec::thread_limit(threads.0).map_err(to_python)?,
            on_refused: on_refused(missing).map_err(to_python)?,
        };
        ScoreStream::new(data, request)
    }

    #[pyo3(signature = (x, output, threads, missing, /))]
    fn score_matrix(
        &self,
        py: Python<'_>,
        x: &Bound<'_, PyUntypedArray>,
        output: &str,
        threads: Threads,
        missing: &str,
    ) -> PyResult<Scores> {
        self.run(py, &Table::of_matrix(x)?, output, threads, missing)
    }
}

fn tensor(name: &str, array: &Bound<'_, PyUntypedArray>) -> PyResult<Tensor> {
    fn elements<T: Element + Copy>(array: &Bound<'_, PyUntypedArray>) -> Option<Vec<T>> {
        let array = array.cast::<PyArrayDyn<T>>().ok()?.readonly();
        let elements = match array.as_slice() {
            Ok(slice) if array.is_c_contiguous() => slice.to_vec(),
            _ => array.as_array().iter().copied().collect(),
        };
        Some(elements)
    }
    let data = elements(array)
        .map(TensorData::F64)
        .or_else(|| elements(array).map(TensorData::I64))
        .or_else(|| elements(array).map(TensorData::I32))
        .or_else(|| elements(array).map(TensorData::U32))
        .or_else(|| elements(array).map(TensorData::U8))
        .or_else(|| elements(array).map(TensorData::U64));
    let data = data.ok_or_else(|| {
        PyTypeError::new_err(format!("tensor {name:?}: float64, int64, int32, uint8 or uint64 is due"))
    })?;
    Ok(Tensor { shape: array.shape().to_vec(), data })
}

/// The options of `from_lightgbm`, as `fastscore.importers.lightgbm` writes them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LightgbmOptions {
    iterations: Option<usize>,
    classes: Option<ClassesOption>,
    #[serde(default)]
    categories: Vec<CategoriesOption>,
    sigmoid: Option<String>,
    objective_is_custom: bool,
    source: Source,
}

/// Class labels in an importer's options.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassesOption {
    dtype: String,
    #[serde(flatten)]
    values: ClassValues,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CategoriesOption {
    feature: usize,
    #[serde(flatten)]
    values: ClassValues,
}

/// A list of labels or categories in an importer's options.
#[derive(Deserialize)]
#[serde(tag = "kind", content = "values", rename_all = "snake_case")]
pub enum ClassValues {
    Int(Vec<i64>),
    Uint(Vec<u64>),
    Float(Vec<f64>),
    Bool(Vec<bool>),
    String(Vec<String>),
}

impl From<ClassesOption> for Labels {
    fn from(classes: ClassesOption) -> Labels {
        Labels { dtype: classes.dtype, values: classes.values.into() }
    }
}

impl From<ClassValues> for LabelValues {
    fn from(values: ClassValues) -> LabelValues {
        match values {
            ClassValues::Int(v) => LabelValues::Int(v),
            ClassValues::Uint(v) => LabelValues::UInt(v),
            ClassValues::Float(v) => LabelValues::Float(v),
            ClassValues::Bool(v) => LabelValues::Bool(v),
            ClassValues::String(v) => LabelValues::Str(v),
        }
    }
}

impl LightgbmOptions {
    fn parse(json: &str) -> PyResult<lightgbm::Options> {
        let options: LightgbmOptions =
            serde_json::from_str(json).map_err(|e| PyValueError::new_err(format!("options: {e}")))?;
        let classes = options.classes.map(Labels::from);
        Ok(lightgbm::Options {
            iterations: options.iterations,
            classes,
            categories: options.categories.into_iter().map(|given| (given.feature, given.values.into())).collect(),
            sigmoid: options.sigmoid,
            objective_is_custom: options.objective_is_custom,
            source: options.source,
        })
    }
}
