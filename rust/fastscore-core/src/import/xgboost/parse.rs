//! A document to XGBoost's own types: names and counts are checked here, meaning is given by `translate`.

use std::collections::BTreeMap;

use super::trees::{Tree, Trees};
use super::value::{Fields, Value};
use super::{json, ubjson};
use crate::error::{Error, Result, format_error};
use crate::model::{MAX_COLUMNS, MAX_FEATURES};

/// A model as XGBoost means it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Learner {
    /// Bytes of the file.
    pub size: usize,
    /// `major.minor.patch` of the XGBoost that wrote it; empty when it does not say.
    pub version: String,
    pub objective: String,
    /// Of `reg:expectileerror`: how many expectiles.
    pub expectiles: usize,
    /// One an output, in the output's space.
    pub base_score: Vec<f32>,
    pub features: usize,
    /// 0 where the objective has no classes.
    pub classes: usize,
    pub outputs: usize,
    pub feature_names: Vec<String>,
    /// `float`, `int`, `q`, `i`, `c`; empty when unknown.
    pub feature_types: Vec<String>,
    pub attributes: BTreeMap<String, String>,
    pub booster: Booster,
}

/// What is boosted.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Booster {
    Trees(Trees),
    /// Weights: feature by feature, outputs within, then the bias of each output.
    Linear(Vec<f32>),
}

/// So many outputs are read even from a model without trees.
const FEW_OUTPUTS: usize = 1000;

impl Booster {
    /// More outputs than this no bytes of the file back.
    fn outputs_backed(&self) -> usize {
        match self {
            Booster::Linear(weights) => weights.len(),
            Booster::Trees(trees) => {
                let vectors = trees.trees.first().and_then(|tree| tree.vectors.as_ref());
                vectors.map_or(trees.trees.len(), |vectors| vectors.width.min(vectors.values.len()))
            }
        }
    }
}

impl Learner {
    pub(super) fn parse(bytes: &[u8]) -> Result<Learner> {
        refuse_binary(bytes)?;
        let document = if is_ubjson(bytes) { ubjson::parse(bytes)? } else { json::parse(bytes)? };
        let root = Fields::of(&document, "the file")?;
        if root.find("Model")?.is_some() && root.find("Config")?.is_some() {
            return Err(Error::UnsupportedModel(
                "it is the memory of a Booster (its pickled state), not a model: write one with \
                 booster.save_model(\"model.ubj\")"
                    .into(),
            ));
        }
        let learner = Fields::of(root.get("learner")?, "learner")?;
        let parameters = learner.object("learner_model_param")?;
        let classes = parameters.count("num_class")?;
        let targets = parameters.count_or("num_target", 1)?;
        if classes > 1 && targets > 1 {
            return Err(format_error(format!("learner: {classes} classes of {targets} targets")));
        }
        let outputs = classes.max(targets).max(1);
        let features = parameters.count("num_feature")?;
        if outputs > MAX_COLUMNS || features > MAX_FEATURES {
            return Err(format_error(format!(
                "learner.learner_model_param claims {outputs} outputs and {features} features; at most {MAX_COLUMNS} \
                 and {MAX_FEATURES} are read"
            )));
        }
        let booster = booster(&learner, features, outputs)?;
        let backed = booster.outputs_backed();
        if outputs > backed.max(FEW_OUTPUTS) {
            return Err(format_error(format!(
                "learner.learner_model_param claims {outputs} outputs, the booster has no more than {backed}"
            )));
        }
        let objective = learner.object("objective")?;
        let list = |key: &str| if learner.find(key)?.is_some() { learner.texts(key) } else { Ok(Vec::new()) };
        let (feature_names, feature_types) = (list("feature_names")?, list("feature_types")?);
        for (what, found) in [("feature_names", &feature_names), ("feature_types", &feature_types)] {
            if !found.is_empty() && found.len() != features {
                return Err(format_error(format!(
                    "learner.{what} has {} entries for {features} features",
                    found.len()
                )));
            }
        }
        Ok(Learner {
            size: bytes.len(),
            version: version(&root)?,
            expectiles: expectiles(&objective)?,
            objective: objective.text("name")?.to_string(),
            base_score: base_score(parameters.text("base_score")?, outputs)?,
            features,
            classes,
            outputs,
            feature_names,
            feature_types,
            attributes: attributes(&learner)?,
            booster,
        })
    }
}

/// A key's length follows the brace in UBJSON; in JSON a quote or white space does.
fn is_ubjson(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b'{') && matches!(bytes.get(1), Some(b'L' | b'l' | b'i' | b'I' | b'U'))
}

fn refuse_binary(bytes: &[u8]) -> Result<()> {
    let old = bytes.starts_with(b"binf") || bytes.starts_with(b"bs64");
    let starts_as_document = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    if starts_as_document {
        return Ok(());
    }
    let line = "xgboost.Booster(model_file=\"OLD\").save_model(\"model.ubj\")";
    if old {
        return Err(Error::UnsupportedModel(format!(
            "an XGBoost model in its old binary format, which is not read: with XGBoost 3.0 or earlier run\n    {line}"
        )));
    }
    Err(format_error(format!(
        "neither JSON nor UBJSON. If it is an XGBoost model in its old binary format, run with XGBoost 3.0 or earlier\n    \
         {line}"
    )))
}

fn version(root: &Fields) -> Result<String> {
    if root.find("version")?.is_none() {
        return Ok(String::new());
    }
    let version = root.integers("version")?;
    Ok(version.iter().map(ToString::to_string).collect::<Vec<_>>().join("."))
}

fn expectiles(objective: &Fields) -> Result<usize> {
    match objective.find("expectile_loss_param")? {
        Some(parameter) => {
            let parameter = Fields::of(parameter, "learner.objective.expectile_loss_param")?;
            Ok(parameter.text("expectile_alpha")?.split(',').count())
        }
        None => Ok(1),
    }
}

/// A number, or since 3.1 numbers in brackets. One stands for all outputs.
fn base_score(text: &str, outputs: usize) -> Result<Vec<f32>> {
    let inner = text.trim().trim_start_matches(['[', '(']).trim_end_matches([']', ')']);
    let scores = inner.split(',').map(|word| word.trim().parse::<f32>()).collect::<std::result::Result<Vec<_>, _>>();
    let shown: String = text.chars().take(40).collect();
    let bad = |why: &str| format_error(format!("learner.learner_model_param.base_score is {shown:?}: {why}"));
    let scores = scores.map_err(|_| bad("numbers are due"))?;
    if scores.iter().any(|score| !score.is_finite()) {
        return Err(bad("finite numbers are due"));
    }
    match scores.as_slice() {
        &[score] => Ok(vec![score; outputs]),
        _ if scores.len() == outputs => Ok(scores),
        _ => Err(bad(&format!("{} numbers for {outputs} outputs", scores.len()))),
    }
}

fn attributes(learner: &Fields) -> Result<BTreeMap<String, String>> {
    let Some(found) = learner.find("attributes")? else {
        return Ok(BTreeMap::new());
    };
    let Value::Object(fields) = found else {
        return Err(format_error("learner.attributes is no object"));
    };
    fields
        .iter()
        .map(|(key, value)| match value {
            Value::Text(text) => Ok((key.to_string(), text.to_string())),
            _ => Err(format_error(format!("learner.attributes.{key} is no text"))),
        })
        .collect()
}

fn booster(learner: &Fields, features: usize, outputs: usize) -> Result<Booster> {
    let booster = learner.object("gradient_booster")?;
    match booster.text("name")? {
        "gbtree" => Trees::parse(&booster.object("model")?, None, features, outputs).map(Booster::Trees),
        "dart" => {
            let weights = booster.singles("weight_drop")?;
            let model = booster.object("gbtree")?.object("model")?;
            Trees::parse(&model, Some(weights), features, outputs).map(Booster::Trees)
        }
        "gblinear" => {
            let model = booster.object("model")?;
            let weights = model.singles("weights")?;
            let due = (features + 1).saturating_mul(outputs);
            if weights.len() != due {
                return Err(format_error(format!(
                    "{}.weights has {} entries, {due} are due",
                    model.place,
                    weights.len()
                )));
            }
            Ok(Booster::Linear(weights))
        }
        other => Err(Error::UnsupportedModel(format!(
            "XGBoost booster {other:?} is not supported; supported are gbtree, dart and gblinear"
        ))),
    }
}

/// Trees in the file's order, for `trees`.
pub(super) fn parse_trees(model: &Fields) -> Result<Vec<Tree>> {
    let found = model.array("trees")?;
    let mut trees: Vec<Option<Tree>> = found.iter().map(|_| None).collect();
    for (position, value) in found.iter().enumerate() {
        let fields = Fields::of(value, format!("tree {position}"))?;
        // Trees are kept by their id, as XGBoost does.
        let id = fields.count_or("id", position)?;
        match trees.get_mut(id) {
            Some(slot @ None) => *slot = Some(Tree::parse(&Fields::of(value, format!("tree {id}"))?)?),
            _ => {
                return Err(format_error(format!("tree {position}: its id is {id}, of {} trees", found.len())));
            }
        }
    }
    // Every id was taken once, so none is left.
    Ok(trees.into_iter().flatten().collect())
}
