//! XGBoost's types to the model.

use super::objective::{Objective, Transform};
use super::parse::{Booster, Learner};
use super::value::Value;
use super::{Like, Options};
use crate::error::{Error, Result, format_error};
use crate::import::{Steps, no_such_iterations};
use crate::model::{
    Absent, Decision, Encoding, Features, InputPolicy, LabelValues, Labels, Linear, Link, Model, ModelParts, NameMatch,
    OnBadValue, Op, Target, ValueId, Width,
};

/// Whose `predict`, decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Booster,
    Classifier,
    Regressor,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Booster => "booster",
            Role::Classifier => "classifier",
            Role::Regressor => "regressor",
        }
    }
}

pub(super) fn translate(learner: Learner, options: Options) -> Result<Model> {
    let objective = Objective::of(&learner)?;
    let (encodings, notes) = super::encodings::encodings(&learner, &options)?;
    let mut source = options.source;
    source.notes.extend(notes);
    let role = role(&learner, objective, options.like, &mut source.notes)?;
    let bases = learner.base_score.iter().map(|&score| objective.margin_of(score)).collect::<Result<Vec<f32>>>()?;
    let iterations = iterations(&learner, role, options.iterations, &mut source.notes)?;
    let linear = matches!(learner.booster, Booster::Linear(_));
    let mut steps = Steps::default();
    let margin = match &learner.booster {
        Booster::Trees(trees) => {
            let forest = super::forest::forest(&learner, trees, iterations, &bases, role, options.missing)?;
            steps.add(0, Op::Forest(forest))
        }
        Booster::Linear(weights) => {
            if options.missing.is_some_and(f32::is_infinite) {
                return Err(Error::UnsupportedModel(
                    "an infinite missing= with a gblinear model: replace the value by NaN before scoring".into(),
                ));
            }
            // A missing value adds nothing to the sum, nor does 0. XGBoost compares float32 numbers.
            let also = options.missing.filter(|&missing| missing != 0.0).map(f64::from);
            let input = if also.is_some() { steps.link(0, Link::RoundToFloat32 {}) } else { 0 };
            let filled = steps.link(input, Link::FillMissing { value: 0.0, also });
            let sum = steps.add(filled, Op::Linear(linear_step(weights, learner.features, &bases)));
            steps.link(sum, Link::RoundToFloat32 {})
        }
    };
    let target = target(&learner, objective, role, options.classes, margin, &mut steps)?;
    source.library = "XGBoost".into();
    if source.version.is_empty() {
        source.version = learner.version.clone();
    }
    for (key, value) in [
        ("objective", learner.objective.clone().into()),
        ("booster", booster_name(&learner.booster).into()),
        ("iterations", iterations.into()),
        ("like", role.name().into()),
    ] {
        source.parameters.insert(key.to_string(), value);
    }
    // A DMatrix refuses infinities unless they mean missing; wrappers read arrays in place, but for gblinear.
    let refuses = (role == Role::Booster || linear) && !options.missing.is_some_and(f32::is_infinite);
    Model::new(ModelParts {
        features: features(&learner, encodings),
        input: InputPolicy {
            missing: OnBadValue::Accept,
            non_finite: if refuses { OnBadValue::Refuse } else { OnBadValue::Accept },
            width: Width::Float32,
            absent: Absent::Missing,
        },
        steps: steps.0,
        guards: Vec::new(),
        targets: vec![target],
        transform: None,
        output_width: Width::Float32,
        leaf: (!linear).then_some(0),
        source,
    })
}

fn booster_name(booster: &Booster) -> &'static str {
    match booster {
        Booster::Trees(trees) if trees.weights.is_some() => "dart",
        Booster::Trees(_) => "gbtree",
        Booster::Linear(_) => "gblinear",
    }
}

fn role(learner: &Learner, objective: Objective, like: Option<Like>, notes: &mut Vec<String>) -> Result<Role> {
    let written = learner.attributes.get("scikit_learn");
    match (like, written) {
        (Some(Like::Booster), _) | (None, None) => return Ok(Role::Booster),
        (Some(Like::Classifier), _) => return Ok(Role::Classifier),
        (Some(Like::Regressor), _) => return Ok(Role::Regressor),
        (Some(Like::Estimator), _) | (None, Some(_)) => {}
    }
    let kind = match written {
        Some(text) => {
            let document = super::json::parse(text.as_bytes())
                .map_err(|error| format_error(format!("learner.attributes.scikit_learn: {error}")))?;
            let fields = super::value::Fields::of(&document, "learner.attributes.scikit_learn")?;
            match fields.find("_estimator_type")? {
                None => None,
                // An `XGBModel` has no type, and predicts values whatever the objective.
                Some(Value::Null) => Some("regressor".to_string()),
                Some(_) => Some(fields.text("_estimator_type")?.to_string()),
            }
        }
        None => None,
    };
    let (role, why) = match kind.as_deref() {
        Some("classifier") => (Role::Classifier, "the file says"),
        Some("regressor" | "ranker") => (Role::Regressor, "the file says"),
        Some(other) => return Err(Error::UnsupportedModel(format!("an XGBoost estimator of the type {other:?}"))),
        None if objective.classifies => (Role::Classifier, "the objective suggests"),
        None => (Role::Regressor, "the objective suggests"),
    };
    let class = if role == Role::Classifier { "XGBClassifier" } else { "XGBRegressor" };
    notes.push(format!("predicts as {class} does, as {why}; like=\"booster\" predicts as Booster does"));
    Ok(role)
}

/// How many iterations are used. A linear model has none to choose from.
fn iterations(learner: &Learner, role: Role, asked: Option<usize>, notes: &mut Vec<String>) -> Result<usize> {
    let Booster::Trees(trees) = &learner.booster else {
        return match asked {
            Some(_) => {
                Err(Error::InvalidArgument("iterations= does not apply to gblinear, which has one model".into()))
            }
            None => Ok(0),
        };
    };
    let available = trees.iterations.len() - 1;
    if let Some(asked) = asked {
        if asked == 0 || asked > available {
            return Err(no_such_iterations(asked, available));
        }
        notes.push(format!("iterations={asked} was given"));
        return Ok(asked);
    }
    let Some(best) = learner.attributes.get("best_iteration") else {
        return Ok(available);
    };
    let best = best.parse().ok().filter(|&best: &usize| best < available).ok_or_else(|| {
        format_error(format!("learner.attributes.best_iteration is {best:?}, of {available} iterations"))
    })?;
    if best + 1 == available {
        return Ok(available);
    }
    if role == Role::Booster {
        notes
            .push(format!("uses all {available} iterations, as Booster.predict does, though best_iteration is {best}"));
        return Ok(available);
    }
    notes.push(format!("stops at best_iteration={best}, as XGBoost's estimators do"));
    Ok(best + 1)
}

/// The bias of the first output's base score starts every sum: XGBoost has no vector here.
fn linear_step(weights: &[f32], inputs: usize, bases: &[f32]) -> Linear {
    let outputs = bases.len();
    let (weights, biases) = weights.split_at(inputs * outputs);
    Linear {
        inputs,
        outputs,
        coefficients: (0..outputs)
            .flat_map(|output| weights.iter().skip(output).step_by(outputs).map(|&weight| f64::from(weight)))
            .collect(),
        intercept: biases.iter().map(|&bias| f64::from(bias + bases[0])).collect(),
        width: Width::Float64,
    }
}

fn target(
    learner: &Learner,
    objective: Objective,
    role: Role,
    labels: Option<Labels>,
    margin: ValueId,
    steps: &mut Steps,
) -> Result<Target> {
    let single = Width::Float32;
    let value = match objective.transform {
        Transform::Same => margin,
        Transform::Sigmoid => steps.link_at(margin, Link::Sigmoid { scale: 1.0 }, single),
        Transform::Exp => steps.link_at(margin, Link::Exp {}, single),
        Transform::Step => steps.link(margin, Link::Above { at: 0.0, above: 1.0, other: 0.0 }),
        Transform::Softmax | Transform::Class => steps.link_at(margin, Link::Softmax { groups: 1 }, single),
    };
    let by_class = matches!(objective.transform, Transform::Softmax | Transform::Class);
    let one = learner.outputs == 1;
    let count = if by_class { learner.classes } else { 2 };
    if let Some(labels) = &labels {
        if role != Role::Classifier && !objective.classifies {
            return Err(Error::InvalidArgument(format!(
                "classes= does not apply to a model of objective {}: it has no classes",
                learner.objective
            )));
        }
        if labels.len() != count {
            return Err(Error::InvalidArgument(format!(
                "classes= has {} labels, but the model has {count} classes",
                labels.len()
            )));
        }
    }
    let numbers = |dtype: &str| Labels { dtype: dtype.into(), values: LabelValues::Int((0..count as i64).collect()) };
    let labelled = role == Role::Classifier || labels.is_some();
    let class = objective.transform == Transform::Class;
    let has_shares = labelled || by_class || learner.objective == "binary:logistic";
    let probability = match role {
        Role::Regressor if !labelled => None,
        _ if !has_shares => None,
        _ if by_class || !one => Some(value),
        _ => Some(steps.link_at(value, Link::Complement {}, single)),
    };
    let prediction = match () {
        () if class => Decision::ArgMax(margin),
        () if !labelled => Decision::Value(value),
        () if by_class => Decision::ArgMax(value),
        // Each column on its own: several labels a row.
        () => Decision::Above(value, 0.5),
    };
    let classes = match labels {
        Some(labels) => Some(labels),
        None if role == Role::Classifier => Some(numbers("int64")),
        // `multi:softmax` predicts the number of the class, as float32.
        None => class.then(|| numbers("float32")),
    };
    Ok(Target { name: None, classes, margin, probability, prediction, score: None })
}

fn features(learner: &Learner, encodings: Vec<Encoding>) -> Features {
    let names = &learner.feature_names;
    let generated = names.iter().enumerate().all(|(i, name)| *name == format!("f{i}"));
    Features {
        count: learner.features,
        names: (!generated).then(|| names.clone()),
        name_match: NameMatch::Exact,
        encodings,
        checked: None,
    }
}
