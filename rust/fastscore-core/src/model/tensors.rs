//! Named arrays, as the file and the Python importers hand them over.

use std::collections::BTreeMap;

use crate::error::{Result, format_error};

/// The elements of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub enum TensorData {
    /// float64
    F64(Vec<f64>),
    /// int64
    I64(Vec<i64>),
    /// uint64
    U64(Vec<u64>),
    /// int32
    I32(Vec<i32>),
    /// uint32
    U32(Vec<u32>),
    /// uint8
    U8(Vec<u8>),
}

impl TensorData {
    /// How many elements.
    pub fn len(&self) -> usize {
        match self {
            TensorData::F64(v) => v.len(),
            TensorData::I64(v) => v.len(),
            TensorData::U64(v) => v.len(),
            TensorData::I32(v) => v.len(),
            TensorData::U32(v) => v.len(),
            TensorData::U8(v) => v.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A dense array in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Its shape; the product is the number of elements.
    pub shape: Vec<usize>,
    /// Its elements.
    pub data: TensorData,
}

/// Tensors by name. Taking one removes it, so that what nothing asked for is found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tensors(BTreeMap<String, Tensor>);

macro_rules! typed {
    ($(($take:ident, $put:ident, $variant:ident, $type:ty, $label:literal)),*) => {$(
        #[doc = concat!("Take a one-dimensional ", $label, " tensor.")]
        pub fn $take(&mut self, name: &str) -> Result<Vec<$type>> {
            let tensor = self.take(name)?;
            match tensor.data {
                TensorData::$variant(data) if tensor.shape.len() == 1 => Ok(data),
                _ => Err(format_error(format!(
                    concat!("tensor {:?} must be one-dimensional ", $label, ", its shape is {:?}"), name, tensor.shape
                ))),
            }
        }
        #[doc = concat!("Add a one-dimensional ", $label, " tensor.")]
        pub fn $put(&mut self, name: impl Into<String>, data: Vec<$type>) {
            let shape = vec![data.len()];
            self.0.insert(name.into(), Tensor { shape, data: TensorData::$variant(data) });
        }
    )*};
}

impl Tensors {
    /// Add a tensor whose shape must fit its elements.
    pub fn insert(&mut self, name: String, tensor: Tensor) -> Result<()> {
        let count = tensor.shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        if count != Some(tensor.data.len()) {
            return Err(format_error(format!(
                "tensor {name:?} claims the shape {:?} and holds {} elements",
                tensor.shape,
                tensor.data.len()
            )));
        }
        if self.0.contains_key(&name) {
            return Err(format_error(format!("there are two tensors {name:?}")));
        }
        self.0.insert(name, tensor);
        Ok(())
    }

    /// Whether a tensor is there.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Take a tensor of any type and shape.
    pub fn take(&mut self, name: &str) -> Result<Tensor> {
        self.0.remove(name).ok_or_else(|| format_error(format!("tensor {name:?} is missing")))
    }

    typed! {
        (take_f64, put_f64, F64, f64, "float64"),
        (take_i64, put_i64, I64, i64, "int64"),
        (take_u64, put_u64, U64, u64, "uint64"),
        (take_i32, put_i32, I32, i32, "int32"),
        (take_u32, put_u32, U32, u32, "uint32"),
        (take_u8, put_u8, U8, u8, "uint8")
    }

    /// Take a float64 tensor of two dimensions with its shape.
    pub fn take_matrix(&mut self, name: &str) -> Result<(usize, usize, Vec<f64>)> {
        let tensor = self.take(name)?;
        match (tensor.data, tensor.shape.as_slice()) {
            (TensorData::F64(data), &[rows, columns]) => Ok((rows, columns, data)),
            (_, shape) => {
                Err(format_error(format!("tensor {name:?} must be two-dimensional float64, its shape is {shape:?}")))
            }
        }
    }

    /// Add a float64 tensor of two dimensions.
    pub fn put_matrix(&mut self, name: impl Into<String>, rows: usize, columns: usize, data: Vec<f64>) {
        self.0.insert(name.into(), Tensor { shape: vec![rows, columns], data: TensorData::F64(data) });
    }

    /// Take a string list: `NAME.bytes` and `NAME.offsets`.
    pub fn take_strings(&mut self, name: &str) -> Result<Vec<String>> {
        let bytes = self.take_u8(&format!("{name}.bytes"))?;
        let offsets = self.take_i64(&format!("{name}.offsets"))?;
        let broken = |what: &str| format_error(format!("string list {name:?}: {what}"));
        if offsets.first() != Some(&0) || offsets.last() != Some(&(bytes.len() as i64)) {
            return Err(broken("offsets must run from 0 to the number of bytes"));
        }
        offsets
            .windows(2)
            .map(|pair| {
                let range = usize::try_from(pair[0]).ok().zip(usize::try_from(pair[1]).ok());
                let part = range.and_then(|(start, end)| bytes.get(start..end));
                let part = part.ok_or_else(|| broken("offsets must not fall"))?;
                let text = std::str::from_utf8(part).map_err(|_| broken("a string is not UTF-8"))?;
                Ok(text.to_string())
            })
            .collect()
    }

    /// Add a string list.
    pub fn put_strings(&mut self, name: &str, strings: &[String]) {
        let mut offsets = Vec::with_capacity(strings.len() + 1);
        let mut bytes = Vec::new();
        offsets.push(0);
        for string in strings {
            bytes.extend_from_slice(string.as_bytes());
            offsets.push(bytes.len() as i64);
        }
        self.put_u8(format!("{name}.bytes"), bytes);
        self.put_i64(format!("{name}.offsets"), offsets);
    }

    /// The tensors in name order.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Tensor)> {
        self.0.iter()
    }

    /// An error when something was never asked for.
    pub fn expect_empty(&self) -> Result<()> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(format_error(format!("tensor {name:?} belongs to no part of the model"))),
        }
    }
}
