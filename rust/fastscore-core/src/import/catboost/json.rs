//! CatBoost's JSON (`save_model(format="json")`).

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::number::{Number, Numbers};
use super::parse::{
    CatFeature, Child, Ctr, CtrBase, CtrType, FloatFeature, Nan, OneHot, Parsed, Rows, Table, Tree, leaf_count,
};
use super::unsupported_feature;
use crate::error::{Error, Result, format_error};

#[derive(Deserialize)]
struct Document {
    model_info: Option<BTreeMap<String, Value>>,
    features_info: Option<FeaturesInfo>,
    oblivious_trees: Option<Vec<SymmetricTree>>,
    trees: Option<Vec<Node>>,
    #[serde(default)]
    ctr_data: Option<BTreeMap<String, HashTable>>,
    #[serde(default, deserialize_with = "scale_and_bias")]
    scale_and_bias: Option<(Number, Option<Numbers>)>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct FeaturesInfo {
    float_features: Option<Vec<Float>>,
    categorical_features: Option<Vec<Categorical>>,
    ctrs: Option<Vec<CtrFeature>>,
    text_features: Option<Value>,
    embedding_features: Option<Value>,
    estimated_features: Option<Value>,
}

#[derive(Deserialize)]
struct Float {
    feature_index: i64,
    flat_feature_index: i64,
    #[serde(default)]
    feature_id: String,
    borders: Option<Numbers>,
    #[serde(default)]
    has_nans: bool,
    nan_value_treatment: String,
}

#[derive(Deserialize)]
struct Categorical {
    feature_index: i64,
    flat_feature_index: i64,
    #[serde(default)]
    feature_id: String,
    values: Option<Vec<i32>>,
}

#[derive(Deserialize)]
struct CtrFeature {
    elements: Vec<Element>,
    ctr_type: String,
    target_border_idx: i64,
    prior_numerator: Number,
    prior_denomerator: Number,
    shift: Number,
    scale: Number,
    borders: Numbers,
}

/// What a CTR's table is keyed by.
#[derive(Deserialize)]
struct Element {
    combination_element: String,
    cat_feature_index: Option<i64>,
    float_feature_index: Option<i64>,
    border: Option<Number>,
    value: Option<i32>,
}

#[derive(Deserialize)]
struct Identifier {
    identifier: Vec<Element>,
    r#type: String,
}

#[derive(Deserialize)]
struct HashTable {
    hash_map: Vec<Value>,
    hash_stride: usize,
    #[serde(default)]
    counter_denominator: i32,
}

#[derive(Deserialize)]
struct SymmetricTree {
    splits: Option<Vec<Split>>,
    leaf_values: Numbers,
}

#[derive(Deserialize)]
struct Split {
    split_index: i64,
}

#[derive(Deserialize)]
struct Node {
    split: Option<Split>,
    left: Option<Box<Node>>,
    right: Option<Box<Node>>,
    value: Option<Numbers>,
}

/// Parse the text.
pub(super) fn parse(text: &str) -> Result<Parsed> {
    let document: Document =
        serde_json::from_str(text).map_err(|e| format_error(format!("CatBoost JSON can't be read: {e}")))?;
    // CatBoost writes all three, in this order.
    let lacks = |section: &str| format_error(format!("CatBoost JSON without {section}: half of a file?"));
    let features = document.features_info.ok_or_else(|| lacks("features_info"))?;
    let model_info = document.model_info.ok_or_else(|| lacks("model_info"))?;
    let used = [
        (&features.text_features, "text features"),
        (&features.embedding_features, "embedding features"),
        (&features.estimated_features, "estimated features"),
    ];
    if let Some((_, what)) = used.iter().find(|(found, _)| found.as_ref().is_some_and(|found| !found.is_null())) {
        return Err(unsupported_feature(what));
    }
    let mut parsed = Parsed { dimensions: 0, scale: 1.0, ..Parsed::default() };
    for (key, value) in model_info {
        let text = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        parsed.info.insert(key, text);
    }
    for feature in features.float_features.unwrap_or_default() {
        parsed.floats.push(float_feature(feature)?);
    }
    for feature in features.categorical_features.unwrap_or_default() {
        if let Some(values) = feature.values {
            parsed.one_hot.push(OneHot { category: feature.feature_index, values });
        }
        let (index, flat) = (feature.feature_index, feature.flat_feature_index);
        parsed.categories.push(CatFeature { index, flat, name: feature.feature_id });
    }
    for feature in features.ctrs.unwrap_or_default() {
        parsed.ctrs.push(Ctr {
            base: base(feature.elements, &feature.ctr_type)?,
            target_border: feature.target_border_idx,
            prior: feature.prior_numerator.0 as f32,
            prior_denominator: feature.prior_denomerator.0 as f32,
            shift: feature.shift.0 as f32,
            scale: feature.scale.0 as f32,
            borders: narrow(feature.borders),
        });
    }
    for (identifier, table) in document.ctr_data.unwrap_or_default() {
        parsed.tables.push(hash_table(&identifier, table)?);
    }
    let mut dimensions = Dimensions(None);
    match (document.oblivious_trees, document.trees) {
        (Some(trees), _) => {
            for (number, tree) in trees.into_iter().enumerate() {
                parsed.trees.push(symmetric(number, tree, &mut dimensions)?);
            }
        }
        (None, Some(trees)) => {
            for (number, tree) in trees.into_iter().enumerate() {
                parsed.trees.push(nodes(number, tree, &mut dimensions)?);
            }
        }
        (None, None) => return Err(lacks("oblivious_trees or trees")),
    }
    // Old versions wrote no such section; CatBoost's reader then leaves scale 1 and bias 0.
    if let Some((scale, bias)) = document.scale_and_bias {
        parsed.scale = scale.0;
        parsed.bias = bias.map(|bias| bias.0).unwrap_or_default();
    }
    parsed.dimensions = dimensions.0.unwrap_or(parsed.bias.len().max(1));
    Ok(parsed)
}

/// A scale and a list of biases, null where it is empty.
fn scale_and_bias<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<(Number, Option<Numbers>)>, D::Error> {
    let pair = Deserialize::deserialize(deserializer).map_err(|e| D::Error::custom(format!("scale_and_bias: {e}")))?;
    Ok(Some(pair))
}

/// How many values a leaf has: the same for all trees.
struct Dimensions(Option<usize>);

impl Dimensions {
    fn set(&mut self, tree: usize, found: usize) -> Result<()> {
        match self.0.replace(found) {
            Some(before) if before != found => {
                Err(format_error(format!("tree {tree}: {found} values a leaf, earlier trees have {before}")))
            }
            _ if found == 0 => Err(format_error(format!("tree {tree}: leaves without values"))),
            _ => Ok(()),
        }
    }
}

fn float_feature(feature: Float) -> Result<FloatFeature> {
    let nan = match feature.nan_value_treatment.as_str() {
        // Where no NaN was seen in training, CatBoost compares it as it is: above no border.
        "AsTrue" if feature.has_nans => Nan::Above,
        "AsTrue" | "AsFalse" | "AsIs" => Nan::Below,
        other => return Err(format_error(format!("features_info: nan_value_treatment {other:?} is unknown"))),
    };
    Ok(FloatFeature {
        index: feature.feature_index,
        flat: feature.flat_feature_index,
        name: feature.feature_id,
        borders: feature.borders.map(narrow).unwrap_or_default(),
        nan,
    })
}

fn narrow(numbers: Numbers) -> Vec<f32> {
    numbers.0.into_iter().map(|x| x as f32).collect()
}

fn base(elements: Vec<Element>, kind: &str) -> Result<CtrBase> {
    let kind = CtrType::parse(kind)?;
    let mut base = CtrBase { categories: Vec::new(), borders: Vec::new(), equals: Vec::new(), kind, classifier: 0 };
    for element in elements {
        match (element.combination_element.as_str(), &element) {
            ("cat_feature_value", Element { cat_feature_index: Some(index), .. }) => base.categories.push(*index),
            ("float_feature", Element { float_feature_index: Some(index), border: Some(border), .. }) => {
                base.borders.push((*index, border.0 as f32));
            }
            ("cat_feature_exact_value", Element { cat_feature_index: Some(index), value: Some(value), .. }) => {
                base.equals.push((*index, *value));
            }
            _ => return Err(format_error("features_info: an element of a CTR is incomplete")),
        }
    }
    Ok(base)
}

fn hash_table(identifier: &str, table: HashTable) -> Result<Table> {
    let shown: String = identifier.chars().take(200).collect();
    let broken = |why: &str| format_error(format!("ctr_data {shown}: {why}"));
    let parsed: Identifier =
        serde_json::from_str(identifier).map_err(|e| broken(&format!("the identifier can't be read: {e}")))?;
    let base = base(parsed.identifier, &parsed.r#type)?;
    let stride = table.hash_stride;
    if stride < 2 || !table.hash_map.len().is_multiple_of(stride) {
        return Err(broken(&format!("{} entries, {stride} a hash", table.hash_map.len())));
    }
    let means = matches!(base.kind, CtrType::BinarizedTargetMeanValue | CtrType::FloatTargetMeanValue);
    let single = matches!(base.kind, CtrType::Counter | CtrType::FeatureFreq);
    if (means && stride != 3) || (single && stride != 2) {
        return Err(broken(&format!("{stride} entries a hash do not fit its type")));
    }
    let integer = |value: &Value| {
        value.as_i64().and_then(|n| i32::try_from(n).ok()).ok_or_else(|| broken("a count is not a number"))
    };
    let (mut keys, mut counts, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
    for entry in table.hash_map.chunks(stride) {
        let key = entry[0].as_str().and_then(|text| text.parse::<u64>().ok());
        let key = key.ok_or_else(|| broken("a hash is not a number"))?;
        if key == u64::MAX {
            // The mark of an empty slot, which the exporter writes too.
            continue;
        }
        keys.push(key);
        if means {
            let sum = entry[1].as_f64().ok_or_else(|| broken("a sum is not a number"))?;
            if sum.fract() != 0.0 {
                return Err(Error::UnsupportedModel(format!(
                    "ctr_data {shown}: sums with fractions, which CatBoost does not read from its own JSON; save the model \
                     as .cbm"
                )));
            }
            pairs.push((sum as f32, integer(&entry[2])?));
        } else {
            for value in &entry[1..] {
                counts.push(integer(value)?);
            }
        }
    }
    let rows = if means { Rows::Means(pairs) } else { Rows::Counts { classes: stride - 1, counts } };
    Ok(Table { base, keys, rows, denominator: table.counter_denominator })
}

fn condition(tree: usize, split: &Split) -> Result<usize> {
    usize::try_from(split.split_index)
        .map_err(|_| format_error(format!("tree {tree}: split_index {}", split.split_index)))
}

fn symmetric(number: usize, tree: SymmetricTree, dimensions: &mut Dimensions) -> Result<Tree> {
    let splits = tree.splits.unwrap_or_default();
    let values = tree.leaf_values.0;
    let leaves = leaf_count(number, splits.len(), 1)?;
    if !values.len().is_multiple_of(leaves) {
        return Err(format_error(format!("tree {number}: {} leaf_values for {leaves} leaves", values.len())));
    }
    dimensions.set(number, values.len() / leaves)?;
    let conditions = splits.iter().map(|split| condition(number, split)).collect::<Result<_>>()?;
    Ok(Tree::Symmetric { conditions, values })
}

/// Leaves are numbered as they stand in the text: left before right.
fn nodes(number: usize, root: Node, dimensions: &mut Dimensions) -> Result<Tree> {
    let (mut all, mut leaf_ids, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let mut open = vec![(root, None::<(usize, bool)>)];
    while let Some((node, parent)) = open.pop() {
        let child = match node {
            Node { value: Some(value), .. } => {
                dimensions.set(number, value.0.len())?;
                values.extend(value.0);
                leaf_ids.push(leaf_ids.len() as i32);
                Child::Leaf(leaf_ids.len() - 1)
            }
            Node { split: Some(split), left: Some(left), right: Some(right), .. } => {
                let here = all.len();
                all.push((condition(number, &split)?, Child::Leaf(0), Child::Leaf(0)));
                open.push((*right, Some((here, true))));
                open.push((*left, Some((here, false))));
                Child::Node(here)
            }
            _ => {
                return Err(format_error(format!("tree {number}: a node has neither value nor split, left and right")));
            }
        };
        if let Some((parent, right)) = parent {
            let (_, left_child, right_child) = &mut all[parent];
            *(if right { right_child } else { left_child }) = child;
        }
    }
    Ok(Tree::Nodes { nodes: all, leaf_ids, values })
}
