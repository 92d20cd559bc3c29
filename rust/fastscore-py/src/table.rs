//! Tables from Arrow producers and NumPy arrays.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::LargeStringBuilder;
use arrow_schema::{DataType, Field, FieldRef};
use fastscore_core::exec::arrow;
use fastscore_core::exec::category::{Categories, Part, Plain};
use fastscore_core::exec::table::{self, Body, Chunk, Column, Csr, Nulls, Numbers};
use fastscore_core::{Result, model};
use numpy::PyUntypedArray;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::arrow_ffi::{self, Arrays};
use crate::arrow_import;
use crate::arrow_plain::Borrowed;
use crate::errors::to_python;
use crate::numpy_ffi::{self, NumpyArray, indexes};
use crate::scores::ScoreColumn;

/// Columns to score: borrowed from Arrow or NumPy, not copied; decimals and the indexes of sparse matrices are converted.
#[pyclass(frozen, module = "fastscore._core")]
pub struct Table {
    names: Names,
    source: Source,
    rows: usize,
    /// Numbers of encoded features may be their codes.
    typeless: bool,
}

/// The names of a table's columns.
enum Names {
    None,
    Own(Vec<String>),
    /// Those of the model that scores them, in its order.
    Features(Arc<model::Model>),
}

impl Names {
    fn get(&self) -> Option<&[String]> {
        match self {
            Names::None => None,
            Names::Own(names) => Some(names),
            Names::Features(model) => model.features().names.as_deref(),
        }
    }
}

impl From<Option<Vec<String>>> for Names {
    fn from(names: Option<Vec<String>>) -> Self {
        names.map_or(Names::None, Names::Own)
    }
}

enum Source {
    Columns(Vec<Held>),
    /// Columns of Arrow arrays: numbers are where the arrays have them.
    Arrow(Borrowed, Vec<ArrowColumn>),
    Matrix(NumpyArray),
    Csr {
        indptr: Vec<usize>,
        indices: Vec<u32>,
        data: NumpyArray,
        columns: usize,
    },
}

/// A column with what keeps its memory alive.
enum Held {
    Arrow(Vec<ArrayRef>),
    Numpy {
        values: NumpyArray,
        nulls: Option<NumpyArray>,
    },
    Dictionary(Py<Dictionary>),
    /// A column whose type has another name where it comes from.
    Named(String, Box<Held>),
    Other(String),
}

/// A column of Arrow arrays.
enum ArrowColumn {
    /// Counted among those that are read in place.
    Plain(usize),
    Held(Held),
}

impl ArrowColumn {
    fn column<'a>(&'a self, plain: &'a Borrowed) -> Column<'a> {
        match self {
            ArrowColumn::Plain(number) => Column::Numbers(match plain.column(*number) {
                [cells] => Numbers::one(cells.chunk()),
                runs => Numbers::new(runs.iter().map(|cells| cells.chunk())),
            }),
            ArrowColumn::Held(held) => held.column(),
        }
    }
}

/// Keys into a list of values, as pandas' categoricals: a key below 0 is null.
#[pyclass(frozen, module = "fastscore._core")]
pub struct Dictionary {
    keys: NumpyArray,
    values: Held,
    type_name: String,
}

#[pymethods]
impl Dictionary {
    #[new]
    #[pyo3(signature = (keys, values, type_name, /))]
    fn new(keys: &Bound<'_, PyUntypedArray>, values: &Bound<'_, PyAny>, type_name: String) -> PyResult<Self> {
        Ok(Dictionary { keys: NumpyArray::new(keys, 1)?, values: held(values)?, type_name })
    }
}

impl Dictionary {
    /// Keys into an array of text.
    pub fn of_text(keys: &Bound<'_, PyUntypedArray>, texts: ArrayRef) -> PyResult<Self> {
        let type_name = "str".to_owned();
        Ok(Dictionary { keys: NumpyArray::new(keys, 1)?, values: Held::Arrow(vec![texts]), type_name })
    }

    fn column(&self) -> Column<'_> {
        let dictionary = match self.values.column() {
            Column::Numbers(numbers) => numbers.single().map(Plain::Numbers),
            Column::Categories(categories) => categories.single(),
            Column::Other(_) => None,
        };
        match (self.keys.values(0), dictionary) {
            (Some(keys), Some(dictionary)) => {
                let keys = Chunk { values: keys, nulls: Nulls::None };
                let part = Part::Keys { keys, negative_is_null: true, dictionary };
                Column::Categories(Categories::new([part], self.type_name.clone()))
            }
            _ => Column::Other(self.type_name.clone()),
        }
    }
}

impl Held {
    fn column(&self) -> Column<'_> {
        match self {
            Held::Arrow(arrays) => arrow::column(arrays),
            Held::Other(name) => Column::Other(name.clone()),
            Held::Dictionary(dictionary) => dictionary.get().column(),
            Held::Named(name, held) => match held.column() {
                Column::Categories(categories) => Column::Categories(categories.named(name.clone())),
                column => column,
            },
            Held::Numpy { values, nulls } => {
                let nulls = match nulls.as_ref().and_then(|nulls| nulls.values(0)) {
                    Some(table::Values::U8(mask)) => Nulls::Mask(mask),
                    _ => Nulls::None,
                };
                match values.values(0) {
                    Some(values) => Column::Numbers(Numbers::one(Chunk { values, nulls })),
                    None => Column::Other("a NumPy dtype that is no number".into()),
                }
            }
        }
    }
}

impl Table {
    /// Run `with` on the table as the core sees it.
    pub fn view<R>(&self, with: impl FnOnce(&table::Table) -> Result<R>) -> Result<R> {
        let body = match &self.source {
            Source::Columns(held) => Body::Columns(held.iter().map(Held::column).collect()),
            Source::Arrow(plain, columns) => Body::Columns(columns.iter().map(|column| column.column(plain)).collect()),
            Source::Matrix(matrix) => Body::Columns((0..matrix.columns()).map(|j| matrix_column(matrix, j)).collect()),
            Source::Csr { indptr, indices, data, columns } => match data.values(0) {
                Some(values) => Body::Csr(Csr {
                    indptr: indptr.clone(),
                    indices: indices.clone(),
                    data: Numbers::one(Chunk { values, nulls: Nulls::None }),
                    columns: *columns,
                }),
                None => {
                    return Err(fastscore_core::Error::Schema("the sparse matrix holds no numbers".into()));
                }
            },
        };
        let table = table::Table::new(self.names.get(), body, self.rows)?;
        with(&if self.typeless { table.typeless() } else { table })
    }

    /// A table of Arrow columns, of so many rows.
    pub fn of_arrow(columns: Vec<(FieldRef, Vec<ArrayRef>)>, rows: usize) -> Self {
        let names = columns.iter().map(|(field, _)| field.name().clone()).collect();
        let columns = columns.into_iter().map(|(field, arrays)| held_arrow(arrays, &field)).collect();
        Table { names: Names::Own(names), source: Source::Columns(columns), rows, typeless: false }
    }

    /// A table of Arrow arrays of structs, for a model, if it is known.
    pub fn of_arrays(arrays: Arrays, model: Option<&Arc<model::Model>>) -> Result<Self> {
        let (mut plain, schema) = match Borrowed::new(arrays) {
            Ok(borrowed) => borrowed,
            Err(arrays) => {
                let (field, arrays) = arrays.import()?;
                let rows = arrays.iter().map(|array| array.len()).sum();
                return Ok(Self::of_arrow(arrow_ffi::columns(&field, &arrays)?, rows));
            }
        };
        let (mut columns, mut number) = (Vec::new(), 0);
        for (index, child) in schema.children().enumerate() {
            if plain.has(index) {
                columns.push(ArrowColumn::Plain(number));
                number += 1;
                continue;
            }
            let field = arrow_import::field(child)?;
            let import = |(array, rows): (_, usize)| {
                // SAFETY: `child` describes this column of the arrays.
                let array = unsafe { arrow_import::array(array, field.data_type()) }?;
                // A column may be longer than the rows that the table has of it.
                Ok(if array.len() > rows { array.slice(0, rows) } else { array })
            };
            let arrays = plain.take(index).into_iter().map(import).collect::<Result<_>>()?;
            columns.push(ArrowColumn::Held(held_arrow(arrays, &field)));
        }
        let names = || schema.children().map(|child| child.name().unwrap_or(""));
        let features = model.filter(|model| {
            model.features().names.as_ref().is_some_and(|own| names().eq(own.iter().map(String::as_str)))
        });
        let names = match features {
            Some(model) => Names::Features(model.clone()),
            None => Names::Own(names().map(str::to_owned).collect()),
        };
        let rows = plain.rows();
        Ok(Table { names, source: Source::Arrow(plain, columns), rows, typeless: false })
    }

    /// A table of a two-dimensional array, as NumPy has it: neither names nor types of columns.
    pub fn of_matrix(x: &Bound<'_, PyUntypedArray>) -> PyResult<Self> {
        let matrix = NumpyArray::new(x, 2)?;
        let rows = matrix.rows();
        Ok(Table { names: Names::None, source: Source::Matrix(matrix), rows, typeless: true })
    }
}

fn matrix_column(matrix: &NumpyArray, column: usize) -> Column<'_> {
    match matrix.values(column) {
        Some(values) => Column::Numbers(Numbers::one(Chunk { values, nulls: Nulls::None })),
        None => Column::Other("a NumPy dtype that is no number".into()),
    }
}

#[pymethods]
impl Table {
    #[staticmethod]
    #[pyo3(signature = (data, /))]
    fn from_arrow(data: &Bound<'_, PyAny>) -> PyResult<Self> {
        let arrays = Arrays::take(data)?;
        data.py().detach(|| Self::of_arrays(arrays, None)).map_err(to_python)
    }

    #[staticmethod]
    #[pyo3(signature = (x, names=None, typeless=true, /))]
    fn from_matrix(x: &Bound<'_, PyUntypedArray>, names: Option<Vec<String>>, typeless: bool) -> PyResult<Self> {
        Ok(Table { names: names.into(), typeless, ..Self::of_matrix(x)? })
    }

    #[staticmethod]
    #[pyo3(signature = (names, columns, n_rows, typeless=false, /))]
    fn from_columns(
        names: Option<Vec<String>>,
        columns: Vec<Bound<'_, PyAny>>,
        n_rows: usize,
        typeless: bool,
    ) -> PyResult<Self> {
        let columns = columns.iter().map(held).collect::<PyResult<Vec<_>>>()?;
        Ok(Table { names: names.into(), source: Source::Columns(columns), rows: n_rows, typeless })
    }

    #[staticmethod]
    #[pyo3(signature = (columns, /))]
    fn from_arrays(columns: &Bound<'_, PyDict>) -> Option<Self> {
        let (keys, arrays) = numpy_ffi::columns(columns, usize::MAX)?;
        let names = keys.iter().map(|key| key.to_str().ok().map(str::to_owned)).collect::<Option<_>>()?;
        let rows = arrays.first()?.rows();
        let held = arrays.into_iter().map(|values| Held::Numpy { values, nulls: None }).collect();
        Some(Table { names: Names::Own(names), source: Source::Columns(held), rows, typeless: false })
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
            names: names.into(),
            source: Source::Csr {
                indptr,
                indices: indices.into_iter().map(narrow).collect(),
                data: NumpyArray::new(data, 1)?,
                columns: n_columns,
            },
            rows,
            typeless: true,
        })
    }

    #[getter]
    fn num_rows(&self) -> usize {
        self.rows
    }

    /// Where each column's values lie, a number a chunk.
    #[getter]
    pub fn addresses(&self) -> Vec<Vec<usize>> {
        match &self.source {
            Source::Columns(columns) => columns.iter().map(|held| held.column().addresses()).collect(),
            Source::Arrow(plain, columns) => columns.iter().map(|column| column.column(plain).addresses()).collect(),
            Source::Matrix(matrix) => (0..matrix.columns()).map(|j| matrix_column(matrix, j).addresses()).collect(),
            Source::Csr { .. } => Vec::new(),
        }
    }

    #[getter]
    fn num_columns(&self) -> usize {
        match &self.source {
            Source::Columns(columns) => columns.len(),
            Source::Arrow(_, columns) => columns.len(),
            Source::Matrix(matrix) => matrix.columns(),
            Source::Csr { columns, .. } => *columns,
        }
    }
}

fn held_arrow(arrays: Vec<ArrayRef>, field: &Field) -> Held {
    if let Some(name) = arrow_import::extension(field) {
        return Held::Other(format!("extension<{name}>"));
    }
    let arrays = if arrays.is_empty() { vec![arrow_array::new_empty_array(field.data_type())] } else { arrays };
    Held::Arrow(arrays.into_iter().map(|array| arrow::normalize(arrow_import::narrowed(field, array))).collect())
}

/// Strings of a list of Python objects as an Arrow array; whatever is no str is null.
#[pyfunction]
#[pyo3(signature = (values, /))]
pub fn text(values: &Bound<'_, PyList>) -> PyResult<ScoreColumn> {
    let mut texts = LargeStringBuilder::with_capacity(values.len(), 8 * values.len());
    for value in values {
        match value.cast::<PyString>() {
            Ok(text) => texts.append_value(text.to_str()?),
            Err(_) => texts.append_null(),
        }
    }
    let array = texts.finish();
    Ok(ScoreColumn::new(Field::new("", DataType::LargeUtf8, true), Arc::new(array)))
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
        if let Ok((name, values)) = pair.extract::<(String, Bound<'_, PyAny>)>() {
            return Ok(Held::Named(name, Box::new(held(&values)?)));
        }
        let (values, mask): (Bound<'_, PyUntypedArray>, Bound<'_, PyUntypedArray>) = pair.extract()?;
        let (values, mask) = (NumpyArray::new(&values, 1)?, NumpyArray::new(&mask, 1)?);
        if !mask.is_bool() || mask.rows() != values.rows() {
            return Err(PyTypeError::new_err("a mask is a bool array as long as the values"));
        }
        return Ok(Held::Numpy { values, nulls: Some(mask) });
    }
    if let Ok(dictionary) = column.cast::<Dictionary>() {
        return Ok(Held::Dictionary(dictionary.clone().unbind()));
    }
    let (field, arrays) = arrow_ffi::import(column).map_err(|error| {
        if error.is_instance_of::<PyTypeError>(column.py()) {
            to_python(fastscore_core::Error::Schema(format!("a column is of the type {}", column.get_type())))
        } else {
            error
        }
    })?;
    Ok(held_arrow(arrays, &field))
}
