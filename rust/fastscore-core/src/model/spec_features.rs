//! The features' part of the structure, and lists of values, which class labels share with encodings.

use serde::{Deserialize, Serialize};

use super::{Encoder, Encoding, Features, LabelValues, MatrixRule, NameMatch, Tensors, Unknown};
use crate::error::{Result, format_error};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeaturesSpec {
    count: usize,
    names: Option<String>,
    #[serde(rename = "match")]
    name_match: NameMatch,
    #[serde(default)]
    encodings: Vec<EncodingSpec>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checked: Option<Vec<usize>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EncodingSpec {
    feature: usize,
    kind: EncodingKind,
    values: Option<String>,
    #[serde(default)]
    codes: Option<String>,
    unknown: UnknownKind,
    #[serde(default)]
    unknown_code: Option<f64>,
    #[serde(default)]
    missing_code: Option<f64>,
    matrix: MatrixRule,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum EncodingKind {
    Values(LabelKind),
    Hash(HashKind),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum HashKind {
    Hash,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum UnknownKind {
    Missing,
    Raise,
    Code,
}

/// The type of a list of values.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LabelKind {
    Int,
    Uint,
    Float,
    Bool,
    String,
}

impl FeaturesSpec {
    pub(super) fn take(self, tensors: &mut Tensors) -> Result<Features> {
        let names = self.names.map(|name| tensors.take_strings(&name)).transpose()?;
        let encodings = self.encodings.into_iter().map(|spec| spec.take(tensors)).collect::<Result<_>>()?;
        Ok(Features { count: self.count, names, name_match: self.name_match, encodings, checked: self.checked })
    }

    pub(super) fn put(features: &Features, tensors: &mut Tensors) -> FeaturesSpec {
        let names = features.names.as_ref().map(|names| {
            tensors.put_strings("features.names", names);
            "features.names".to_string()
        });
        let encodings = features.encodings.iter().map(|encoding| EncodingSpec::put(encoding, tensors)).collect();
        let checked = features.checked.clone();
        FeaturesSpec { count: features.count, names, name_match: features.name_match, encodings, checked }
    }
}

impl EncodingSpec {
    fn take(self, tensors: &mut Tensors) -> Result<Encoding> {
        let feature = self.feature;
        let broken = |what: &str| format_error(format!("the encoding of feature {feature}: {what}"));
        let unknown = match (self.unknown, self.unknown_code) {
            (UnknownKind::Code, Some(code)) => Unknown::Code(code),
            (UnknownKind::Code, None) => return Err(broken("unknown is \"code\" but there is no unknown_code")),
            (_, Some(_)) => return Err(broken("an unknown_code, but unknown is not \"code\"")),
            (UnknownKind::Missing, None) => Unknown::Missing,
            (UnknownKind::Raise, None) => Unknown::Raise,
        };
        let encoder = match (self.kind, self.values) {
            (EncodingKind::Values(kind), Some(values)) => {
                let values = kind.take(&values, tensors)?;
                let codes = match self.codes {
                    Some(name) => tensors.take_f64(&name)?,
                    None => positions(values.len()),
                };
                Encoder::Table { values, codes }
            }
            (EncodingKind::Hash(_), None) if self.codes.is_none() => Encoder::Hash,
            (EncodingKind::Values(_), None) => return Err(broken("values are due")),
            (EncodingKind::Hash(_), _) => return Err(broken("hashes have neither values nor codes")),
        };
        Ok(Encoding { feature, encoder, unknown, missing_code: self.missing_code, matrix: self.matrix })
    }

    fn put(encoding: &Encoding, tensors: &mut Tensors) -> EncodingSpec {
        let prefix = format!("encodings.{}", encoding.feature);
        let (kind, values, codes) = match &encoding.encoder {
            Encoder::Hash => (EncodingKind::Hash(HashKind::Hash), None, None),
            Encoder::Table { values, codes } => {
                let name = format!("{prefix}.values");
                let kind = LabelKind::put(values, &name, tensors);
                let codes = (*codes != positions(codes.len())).then(|| {
                    let name = format!("{prefix}.codes");
                    tensors.put_f64(&name, codes.clone());
                    name
                });
                (EncodingKind::Values(kind), Some(name), codes)
            }
        };
        let (unknown, unknown_code) = match encoding.unknown {
            Unknown::Missing => (UnknownKind::Missing, None),
            Unknown::Raise => (UnknownKind::Raise, None),
            Unknown::Code(code) => (UnknownKind::Code, Some(code)),
        };
        EncodingSpec {
            feature: encoding.feature,
            kind,
            values,
            codes,
            unknown,
            unknown_code,
            missing_code: encoding.missing_code,
            matrix: encoding.matrix,
        }
    }
}

/// The codes of values that have none of their own.
fn positions(count: usize) -> Vec<f64> {
    (0..count).map(|at| at as f64).collect()
}

impl LabelKind {
    /// The values in the tensors of that name.
    pub(super) fn take(self, name: &str, tensors: &mut Tensors) -> Result<LabelValues> {
        Ok(match self {
            LabelKind::Int => LabelValues::Int(tensors.take_i64(name)?),
            LabelKind::Uint => LabelValues::UInt(tensors.take_u64(name)?),
            LabelKind::Float => LabelValues::Float(tensors.take_f64(name)?),
            LabelKind::Bool => LabelValues::Bool(tensors.take_u8(name)?.into_iter().map(|b| b != 0).collect()),
            LabelKind::String => LabelValues::Str(tensors.take_strings(name)?),
        })
    }

    /// Add the values under a name.
    pub(super) fn put(values: &LabelValues, name: &str, tensors: &mut Tensors) -> LabelKind {
        match values {
            LabelValues::Int(v) => {
                tensors.put_i64(name, v.clone());
                LabelKind::Int
            }
            LabelValues::UInt(v) => {
                tensors.put_u64(name, v.clone());
                LabelKind::Uint
            }
            LabelValues::Float(v) => {
                tensors.put_f64(name, v.clone());
                LabelKind::Float
            }
            LabelValues::Bool(v) => {
                tensors.put_u8(name, v.iter().map(|&b| u8::from(b)).collect());
                LabelKind::Bool
            }
            LabelValues::Str(v) => {
                tensors.put_strings(name, v);
                LabelKind::String
            }
        }
    }
}
