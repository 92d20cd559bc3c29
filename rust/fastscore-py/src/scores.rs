//! Results: NumPy arrays over our memory, Arrow arrays by capsule.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float32Array, Float64Array, Int32Array, RecordBatch, RecordBatchIterator, RecordBatchOptions, StructArray,
};
use arrow_buffer::{ArrowNativeType, Buffer, NullBuffer, ScalarBuffer, ToByteSlice};
use arrow_schema::{DataType, Field, Fields, Schema};
use bytes::Bytes;
use fastscore_core::Error;
use fastscore_core::exec::{self, Data, Kept, Output, Recycled};
use fastscore_core::model;
use numpy::ndarray::ArrayView2;
use numpy::{Element, PyArray1, PyArray2};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyList, PyTuple};

use crate::errors::to_python;
use crate::{arrow_ffi, column_stream, labels};

/// One output of a model: a group of columns a target.
#[pyclass(frozen, module = "fastscore._core")]
pub struct Scores {
    rows: usize,
    groups: Vec<Group>,
    nulls: Option<Vec<u8>>,
    output: Output,
    model: Arc<model::Model>,
}

struct Group {
    columns: usize,
    buffer: Buffer,
    kind: Kind,
    codes_of: Option<usize>,
}

/// Numbers as the bytes that an Arrow buffer shares.
struct Shared<T: Kept>(Recycled<T>);

impl<T: Kept + ArrowNativeType> Shared<T> {
    fn buffer(numbers: Recycled<T>) -> Buffer
    where
        Self: Send,
    {
        Bytes::from_owner(Shared(numbers)).into()
    }
}

impl<T: Kept + ArrowNativeType> AsRef<[u8]> for Shared<T> {
    fn as_ref(&self) -> &[u8] {
        self.0.to_byte_slice()
    }
}

/// The elements of a group's buffer.
#[derive(Clone, Copy)]
enum Kind {
    F64,
    F32,
    I32,
}

impl Scores {
    /// Take over what the core computed.
    pub fn new(scores: exec::Scores, output: Output, model: Arc<model::Model>) -> Self {
        let groups = scores.groups.into_iter().map(|group| {
            let (buffer, kind) = match group.data {
                Data::F64(data) => (Shared::buffer(data), Kind::F64),
                Data::F32(data) => (Shared::buffer(data), Kind::F32),
                Data::I32(data) => (Buffer::from_vec(data), Kind::I32),
            };
            Group { columns: group.columns, buffer, kind, codes_of: group.codes_of }
        });
        Scores { rows: scores.rows, groups: groups.collect(), nulls: scores.nulls, output, model }
    }

    fn labels(&self, group: &Group) -> Option<&model::Labels> {
        self.model.targets().get(group.codes_of?)?.classes.as_ref()
    }

    fn field(&self, group: &Group, name: &str) -> Result<Field, Error> {
        let data_type = match (self.labels(group), group.kind) {
            (Some(labels), _) => labels::data_type(labels)?,
            (None, Kind::F64) => DataType::Float64,
            (None, Kind::F32) => DataType::Float32,
            (None, Kind::I32) => DataType::Int32,
        };
        Ok(Field::new(name, data_type, true))
    }

    /// Column `column` of a group as an Arrow array: numbers share our memory.
    fn array(&self, group: &Group, column: usize) -> Result<ArrayRef, Error> {
        let (start, rows) = (column * self.rows, self.rows);
        let nulls = || self.nulls.as_ref().map(|nulls| nulls.iter().map(|&null| null == 0).collect::<NullBuffer>());
        let buffer = || group.buffer.clone();
        Ok(match (self.labels(group), group.kind) {
            (Some(labels), _) => {
                let codes = ScalarBuffer::<i32>::new(buffer(), start, rows);
                labels::to_arrow(labels, &codes, self.nulls.as_deref())?
            }
            (None, Kind::F64) => Arc::new(Float64Array::new(ScalarBuffer::new(buffer(), start, rows), nulls())),
            (None, Kind::F32) => Arc::new(Float32Array::new(ScalarBuffer::new(buffer(), start, rows), nulls())),
            (None, Kind::I32) => Arc::new(Int32Array::new(ScalarBuffer::new(buffer(), start, rows), nulls())),
        })
    }

    /// Every column with its name.
    fn columns(&self) -> Result<(Vec<Field>, Vec<ArrayRef>), Error> {
        let mut fields = Vec::new();
        let mut arrays = Vec::new();
        for (group, names) in self.groups.iter().zip(self.names()) {
            for (column, name) in names.iter().enumerate() {
                fields.push(self.field(group, name)?);
                arrays.push(self.array(group, column)?);
            }
        }
        Ok((fields, arrays))
    }

    /// As a record batch.
    pub fn batch(&self) -> Result<RecordBatch, Error> {
        let (fields, arrays) = self.columns()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        // The columns are as long as there are rows, and of their fields' types.
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .map_err(|error| Error::InvalidArgument(error.to_string()))
    }

    /// As one array of that name: of numbers or labels where there is one value a row, else of structs.
    pub fn one_array(&self) -> Result<(Field, ArrayRef), Error> {
        let (mut fields, mut arrays) = self.columns()?;
        let one = matches!(self.output, Output::Prediction | Output::Margin | Output::Score) && arrays.len() == 1;
        if let (true, Some(field), Some(array)) = (one, fields.pop(), arrays.pop()) {
            return Ok((field, array));
        }
        let batch = self.batch()?;
        let field = Field::new(self.output.name(), DataType::Struct(batch.schema().fields().clone()), true);
        Ok((field, Arc::new(StructArray::from(batch))))
    }
}

/// An array of shape (columns, rows) over a group's memory, kept alive by `owner`.
fn borrow<'py, T: Element + ArrowNativeType>(owner: &Bound<'py, Scores>, group: &Group) -> PyResult<Bound<'py, PyAny>> {
    let shape = (group.columns, owner.get().rows);
    let view = ArrayView2::from_shape(shape, group.buffer.typed_data::<T>())
        .map_err(|e| PyValueError::new_err(e.to_string()))?;
    // SAFETY: the memory belongs to the `Scores` object, which is frozen, never moves or frees its buffers, and is the
    // array's base object, so it outlives the array.
    Ok(unsafe { PyArray2::borrow_from_array(&view, owner.clone().into_any()) }.into_any())
}

#[pymethods]
impl Scores {
    #[getter]
    fn num_rows(&self) -> usize {
        self.rows
    }

    #[getter]
    fn names(&self) -> Vec<Vec<String>> {
        exec::column_names(&self.model, self.output).unwrap_or_default()
    }

    fn arrays<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        let arrays = slf.get().groups.iter().map(|group| match group.kind {
            Kind::F64 => borrow::<f64>(slf, group),
            Kind::F32 => borrow::<f32>(slf, group),
            Kind::I32 => borrow::<i32>(slf, group),
        });
        PyList::new(slf.py(), arrays.collect::<PyResult<Vec<_>>>()?)
    }

    fn codes(&self) -> bool {
        self.groups.iter().any(|group| group.codes_of.is_some())
    }

    fn null_mask<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<bool>>> {
        let nulls = self.nulls.as_ref().filter(|nulls| nulls.iter().any(|&null| null != 0))?;
        Some(PyArray1::from_iter(py, nulls.iter().map(|&null| null != 0)))
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let _ = requested_schema;
        let array = StructArray::from(self.batch().map_err(to_python)?);
        let fields: Fields = array.fields().clone();
        arrow_ffi::export_array(py, &Field::new("", DataType::Struct(fields), false), &(Arc::new(array) as ArrayRef))
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let batch = self.batch().map_err(to_python)?;
        let schema = batch.schema();
        arrow_ffi::export_stream(py, RecordBatchIterator::new([Ok(batch)], schema))
    }

    #[pyo3(signature = (index, /))]
    fn column(&self, index: usize) -> PyResult<ScoreColumn> {
        let mut before = 0;
        for (group, names) in self.groups.iter().zip(self.names()) {
            if let Some(name) = names.get(index - before) {
                let field = self.field(group, name).map_err(to_python)?;
                let array = self.array(group, index - before).map_err(to_python)?;
                return Ok(ScoreColumn { field, array });
            }
            before += group.columns;
        }
        Err(PyIndexError::new_err(format!("column {index} of {before}")))
    }
}

/// One Arrow array.
#[pyclass(frozen, module = "fastscore._core")]
pub struct ScoreColumn {
    field: Field,
    array: ArrayRef,
}

impl ScoreColumn {
    /// An array with its name and type.
    pub fn new(field: Field, array: ArrayRef) -> Self {
        ScoreColumn { field, array }
    }
}

#[pymethods]
impl ScoreColumn {
    #[getter]
    fn name(&self) -> &str {
        self.field.name()
    }

    fn __len__(&self) -> usize {
        self.array.len()
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let _ = requested_schema;
        arrow_ffi::export_array(py, &self.field, &self.array)
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        column_stream::export(py, self.field.clone(), self.array.clone())
    }
}
