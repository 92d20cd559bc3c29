//! What each objective makes of base scores and margins.

use super::logf::logf;
use super::parse::Learner;
use crate::error::{Error, Result, format_error};

/// From the base score, which is in the output's space, to the margin that sums start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ToMargin {
    Same,
    Logit,
    Log,
}

/// From the margin to what `predict` gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transform {
    Same,
    Sigmoid,
    Exp,
    /// 1 above 0, else 0.
    Step,
    /// A probability a class.
    Softmax,
    /// The class of the largest margin.
    Class,
}

/// An objective, as far as predictions go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Objective {
    to_margin: ToMargin,
    pub transform: Transform,
    /// Its predictions are about classes.
    pub classifies: bool,
}

const SUPPORTED: &str = "reg:squarederror, reg:squaredlogerror, reg:logistic, reg:pseudohubererror, reg:absoluteerror, \
                         reg:quantileerror, reg:gamma, reg:tweedie, count:poisson, survival:cox, survival:aft, \
                         binary:logistic, binary:logitraw, binary:hinge, multi:softmax, multi:softprob, rank:ndcg, \
                         rank:map and rank:pairwise; objectives of the user's own are stored as one of these";

impl Objective {
    pub(super) fn of(learner: &Learner) -> Result<Objective> {
        let (to_margin, transform) = match learner.objective.as_str() {
            "reg:squarederror"
            | "reg:linear"
            | "reg:squaredlogerror"
            | "reg:pseudohubererror"
            | "reg:absoluteerror"
            | "reg:quantileerror"
            | "rank:ndcg"
            | "rank:map"
            | "rank:pairwise"
            | "binary:logitraw" => (ToMargin::Same, Transform::Same),
            "reg:expectileerror" if learner.expectiles == 1 => (ToMargin::Same, Transform::Same),
            "reg:expectileerror" => {
                return Err(Error::UnsupportedModel(format!(
                    "XGBoost objective \"reg:expectileerror\" with {} expectiles is not supported: train a model for each",
                    learner.expectiles
                )));
            }
            "reg:logistic" | "binary:logistic" => (ToMargin::Logit, Transform::Sigmoid),
            "reg:gamma" | "reg:tweedie" | "count:poisson" | "survival:cox" | "survival:aft" => {
                (ToMargin::Log, Transform::Exp)
            }
            "binary:hinge" => (ToMargin::Same, Transform::Step),
            "multi:softprob" => (ToMargin::Same, Transform::Softmax),
            "multi:softmax" => (ToMargin::Same, Transform::Class),
            other => {
                let shown: String = other.chars().take(60).collect();
                return Err(Error::UnsupportedModel(format!(
                    "XGBoost objective {shown:?} is not supported; supported are {SUPPORTED}"
                )));
            }
        };
        let multi = matches!(transform, Transform::Softmax | Transform::Class);
        if multi && learner.classes != learner.outputs {
            return Err(format_error(format!(
                "learner: objective {:?} with num_class {} and {} outputs",
                learner.objective, learner.classes, learner.outputs
            )));
        }
        let classifies = multi || learner.objective.starts_with("binary:");
        Ok(Objective { to_margin, transform, classifies })
    }

    /// XGBoost's own float32 expressions.
    pub(super) fn margin_of(self, base_score: f32) -> Result<f32> {
        let bad = || {
            format_error(format!(
                "learner.learner_model_param.base_score is {base_score}, out of range for the objective"
            ))
        };
        match self.to_margin {
            ToMargin::Same => Ok(base_score),
            ToMargin::Logit if (0.0..=1.0).contains(&base_score) => {
                let bounded = base_score.clamp(1e-6, 1.0 - 1e-6);
                Ok(-logf(1.0 / bounded - 1.0))
            }
            ToMargin::Log if base_score > 0.0 => Ok(logf(base_score)),
            ToMargin::Logit | ToMargin::Log => Err(bad()),
        }
    }
}
