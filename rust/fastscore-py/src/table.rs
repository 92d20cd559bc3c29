//! Tables from Arrow producers and NumPy arrays.

use arrow_array::ArrayRef;
use fastscore_core::Result;
use fastscore_core::exec::arrow;
use fastscore_core::exec::table::{self, Body, Chunk, Column, Csr, Nulls, Numbers};
use numpy::PyUntypedArray;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};

use crate::arrow_ffi;
use crate::errors::to_python;
use crate::numpy_ffi::{NumpyArray, indexes};

/// Columns to score: numbers are borrowed from Arrow or NumPy, not copied; decimals, dictionaries and the indexes of
/// sparse matrices are converted.
#[pyclass(frozen, module = "fastscore._core")]
pub struct Table {
    names: Option<Vec<String>>,
    source: Source,
    rows: usize,
}

enum Source {
    Columns(Vec<Held>),
    Matrix(NumpyArray),
    Csr { indptr: Vec<usize>, indices: Vec<u32>, data: NumpyArray, columns: usize },
}

/// A column with what keeps its memory alive.
enum Held {
    Arrow(Vec<ArrayRef>),
    Numpy { values: NumpyArray, nulls: Option<NumpyArray> },
    Other(String),
}

impl Held {
    fn column(&self) -> Column<'_> {
        match self {
            Held::Arrow(arrays) => arrow::column(arrays),
            Held::Other(name) => Column::Other(name.clone()),
            Held::Numpy { values, nulls } => {
                let nulls = match nulls.as_ref().and_then(|nulls| nulls.values(0)) {
                    Some(table::Values::U8(mask)) => Nulls::Mask(mask),
                    _ => Nulls::None,
                };
                match values.values(0) {
                    Some(values) => Column::Numbers(Numbers::new([Chunk { values, nulls }])),
                    None => Column::Other("a NumPy dtype that is no number".into()),
                }
            }
        }
    }
}

impl Table {
    /// Run `with` on the table as the core sees it.
    pub fn view<R>(&self, with: impl FnOnce(&table::Table) -> fastscore_core::Result<R>) -> fastscore_core::Result<R> {
        let body = match &self.source {
            Source::Columns(held) => Body::Columns(held.iter().map(Held::column).collect()),
            Source::Matrix(matrix) => Body::Columns((0..matrix.columns()).map(|j| matrix_column(matrix, j)).collect()),
            Source::Csr { indptr, indices, data, columns } => match data.values(0) {
                Some(values) => Body::Csr(Csr {
                    indptr: indptr.clone(),
                    indices: indices.clone(),
                    data: Numbers::new([Chunk { values, nulls: Nulls::None }]),
                    columns: *columns,
                }),
                None => {
                    return Err(fastscore_core::Error::Schema("the sparse matrix holds no numbers".into()));
                }
            },
        };
        with(&table::Table::new(self.names.as_deref(), body, self.rows)?)
    }

    /// A table of a two-dimensional array.
    pub fn of_matrix(x: &Bound<'_, PyUntypedArray>, names: Option<Vec<String>>) -> PyResult<Self> {
        let matrix = NumpyArray::new(x, 2)?;
        let rows = matrix.rows();
        Ok(Table { names, source: Source::Matrix(matrix), rows })
    }
}

fn matrix_column(matrix: &NumpyArray, column: usize) -> Column<'_> {
    match matrix.values(column) {
        Some(values) => Column::Numbers(Numbers::new([Chunk { values, nulls: Nulls::None }])),
        None => Column::Other("a NumPy dtype that is no number".into()),
    }
}

#[pymethods]
impl Table {
    #[staticmethod]
    #[pyo3(signature = (data, /))]
    fn from_arrow(data: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (field, arrays) = arrow_ffi::import(data)?;
        let (names, columns) = arrow_ffi::columns(&field, &arrays)?;
        let rows = arrays.iter().map(|array| array.len()).sum();
        let types = match field.data_type() {
            arrow_schema::DataType::Struct(fields) => fields.iter().map(|field| field.data_type().clone()).collect(),
            _ => Vec::new(),
        };
        let columns = columns.into_iter().zip(types).map(|(arrays, data_type)| held_arrow(arrays, &data_type));
        let columns = data.py().detach(|| columns.collect::<Result<Vec<_>>>()).map_err(to_python)?;
        Ok(Table { names: Some(names), source: Source::Columns(columns), rows })
    }

    #[staticmethod]
    #[pyo3(signature = (x, names=None, /))]
    fn from_matrix(x: &Bound<'_, PyUntypedArray>, names: Option<Vec<String>>) -> PyResult<Self> {
        Self::of_matrix(x, names)
    }

    #[staticmethod]
    #[pyo3(signature = (names, columns, n_rows, /))]
    fn from_columns(names: Option<Vec<String>>, columns: Vec<Bound<'_, PyAny>>, n_rows: usize) -> PyResult<Self> {
        let columns = columns.iter().map(held).collect::<PyResult<Vec<_>>>()?;
        Ok(Table { names, source: Source::Columns(columns), rows: n_rows })
    }

    #[staticmethod]
    #[pyo3(signature = (indptr, indices, data, n_columns, names=None, /))]
    fn from_csr(
        indptr: &Bound<'_, PyUntypedArray>,
        indices: &Bound<'_, PyUntypedArray>,
        data: &Bound<'_, PyUntypedArray>,
        n_columns: usize,
        names: Option<Vec<String>>,
    ) -> PyResult<Self> {
        let indptr = indexes(&NumpyArray::new(indptr, 1)?, "indptr")?;
        let indices = indexes(&NumpyArray::new(indices, 1)?, "indices")?;
        let narrow = |column: usize| u32::try_from(column).unwrap_or(u32::MAX);
        let rows = indptr.len().saturating_sub(1);
        Ok(Table {
            names,
            source: Source::Csr {
                indptr,
                indices: indices.into_iter().map(narrow).collect(),
                data: NumpyArray::new(data, 1)?,
                columns: n_columns,
            },
            rows,
        })
    }

    #[getter]
    fn num_rows(&self) -> usize {
        self.rows
    }

    #[getter]
    fn num_columns(&self) -> usize {
        match &self.source {
            Source::Columns(columns) => columns.len(),
            Source::Matrix(matrix) => matrix.columns(),
            Source::Csr { columns, .. } => *columns,
        }
    }
}

fn held_arrow(arrays: Vec<ArrayRef>, data_type: &arrow_schema::DataType) -> Result<Held> {
    let arrays = if arrays.is_empty() { vec![arrow_array::new_empty_array(data_type)] } else { arrays };
    Ok(Held::Arrow(arrays.into_iter().map(arrow::normalize).collect::<Result<_>>()?))
}

/// A column in one of the forms of `Table.from_columns`.
fn held(column: &Bound<'_, PyAny>) -> PyResult<Held> {
    if let Ok(name) = column.cast::<PyString>() {
        return Ok(Held::Other(name.to_string()));
    }
    if let Ok(array) = column.cast::<PyUntypedArray>() {
        return Ok(Held::Numpy { values: NumpyArray::new(array, 1)?, nulls: None });
    }
    if let Ok(pair) = column.cast::<PyTuple>() {
        let (values, mask): (Bound<'_, PyUntypedArray>, Bound<'_, PyUntypedArray>) = pair.extract()?;
        let (values, mask) = (NumpyArray::new(&values, 1)?, NumpyArray::new(&mask, 1)?);
        if !mask.is_bool() || mask.rows() != values.rows() {
            return Err(PyTypeError::new_err("a mask is a bool array as long as the values"));
        }
        return Ok(Held::Numpy { values, nulls: Some(mask) });
    }
    if let Ok(chunks) = column.cast::<PyList>() {
        let mut arrays = Vec::new();
        for chunk in chunks {
            arrays.extend(arrow_ffi::import(&chunk)?.1);
        }
        let arrays = arrays.into_iter().map(arrow::normalize).collect::<Result<_>>();
        return Ok(Held::Arrow(arrays.map_err(to_python)?));
    }
    let (field, arrays) = arrow_ffi::import(column).map_err(|error| {
        if error.is_instance_of::<PyTypeError>(column.py()) {
            to_python(fastscore_core::Error::Schema(format!("a column is of the type {}", column.get_type())))
        } else {
            error
        }
    })?;
    held_arrow(arrays, field.data_type()).map_err(to_python)
}
