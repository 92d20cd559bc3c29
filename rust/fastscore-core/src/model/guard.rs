//! What steps refuse: the checks that a source makes of a value before one of its steps reads it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{OnBadValue, Op, Tensors, ValueId, Width};
use crate::error::{Result, format_error};

/// A check of a value's columns, made whatever output is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Guard {
    /// The value.
    pub value: ValueId,
    /// Which of its columns; None: all.
    pub columns: Option<Vec<usize>>,
    /// What is refused.
    pub refuse: Refuse,
    /// Who refuses it, for messages: `LogisticRegression`.
    pub step: String,
    /// The name that the step has for each column checked, for messages.
    pub names: Option<Vec<String>>,
}

/// What a guard refuses.
#[derive(Debug, Clone, PartialEq)]
pub enum Refuse {
    /// Numbers that the step does not take.
    Numbers(Checks),
    /// NaN, which stands for a value that the step does not know: that of this column of this value.
    Unknown(Vec<(ValueId, usize)>),
}

/// Which numbers are refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checks {
    /// NaN and null.
    pub missing: bool,
    /// Infinities, and what becomes infinite at this width.
    pub non_finite: Option<Width>,
}

impl Checks {
    /// Whether some number is refused.
    pub fn refuses(self) -> bool {
        self.missing || self.non_finite.is_some()
    }

    /// Whether others refuse all that is refused.
    pub(crate) fn are_within(self, others: Checks) -> bool {
        self.or(others) == others
    }

    /// What one or the other refuses.
    #[must_use]
    pub fn or(self, other: Checks) -> Checks {
        let non_finite = match (self.non_finite, other.non_finite) {
            (Some(Width::Float32), _) | (_, Some(Width::Float32)) => Some(Width::Float32),
            (one, other) => one.or(other),
        };
        Checks { missing: self.missing || other.missing, non_finite }
    }
}

/// What is refused of each feature's values, before any step: by the input's policy and by guards of value 0.
#[derive(Debug, Clone, Default)]
pub(super) struct FeatureChecks {
    /// Of every feature.
    pub all: Checks,
    /// Of those that a guard or the policy lists, besides.
    pub listed: BTreeMap<usize, Checks>,
}

impl FeatureChecks {
    pub fn new(parts: &super::ModelParts) -> Self {
        let input = parts.input;
        let policy = Checks {
            missing: input.missing == OnBadValue::Refuse,
            non_finite: (input.non_finite == OnBadValue::Refuse).then_some(input.width),
        };
        let mut found = FeatureChecks::default();
        found.add(policy, parts.features.checked.as_deref());
        for guard in &parts.guards {
            if let (0, Refuse::Numbers(checks)) = (guard.value, &guard.refuse) {
                found.add(*checks, guard.columns.as_deref());
            }
        }
        found
    }

    fn add(&mut self, checks: Checks, columns: Option<&[usize]>) {
        if !checks.refuses() {
            return;
        }
        match columns {
            None => self.all = self.all.or(checks),
            Some(columns) => {
                for &column in columns {
                    let known = self.listed.entry(column).or_default();
                    *known = known.or(checks);
                }
            }
        }
    }
}

impl Refuse {
    /// Whether a column of a step may hold what is refused; false is for tables and equalities, which say what they give.
    pub(crate) fn may_find(&self, op: &Op, column: usize) -> bool {
        let refused = |x: f64| match self {
            Refuse::Numbers(checks) => {
                (checks.missing && x.is_nan()) || checks.non_finite.is_some_and(|width| width.round(x).is_infinite())
            }
            Refuse::Unknown(_) => x.is_nan(),
        };
        match op {
            Op::OneHot(_) => false,
            Op::Map(map) => {
                map.entries(column).1.iter().chain([&map.missing[column], &map.other[column]]).any(|&x| refused(x))
            }
            _ => true,
        }
    }
}

impl Guard {
    /// The columns that it checks, in order, of a value of so many.
    pub fn checked(&self, width: usize) -> impl Iterator<Item = usize> {
        let listed = self.columns.as_deref();
        (0..listed.map_or(width, <[usize]>::len)).map(move |i| listed.map_or(i, |columns| columns[i]))
    }

    /// Whether the features' reader checks it, as it does the input's policy.
    pub fn is_of_features(&self) -> bool {
        self.value == 0 && matches!(self.refuse, Refuse::Numbers(_))
    }

    /// Where the values come from that the step may not know.
    pub fn of(&self) -> &[(ValueId, usize)] {
        match &self.refuse {
            Refuse::Unknown(of) => of,
            Refuse::Numbers(_) => &[],
        }
    }

    /// Check it against the columns of each value.
    pub(super) fn check(&self, widths: &[usize]) -> Result<()> {
        let out_of_range = |value: usize, column: usize| {
            widths.get(value).filter(|&&width| column < width).is_none().then(|| {
                format_error(match widths.get(value) {
                    Some(width) => format!("column {column} of value {value}, which has {width}"),
                    None => format!("value {value}, which no step gives"),
                })
            })
        };
        let Some(&width) = widths.get(self.value) else {
            return Err(format_error(format!("value {}, which no step gives", self.value)));
        };
        let wrong = self.columns.iter().flatten().map(|&column| (self.value, column)).chain(self.of().iter().copied());
        if let Some(error) = wrong.into_iter().find_map(|(value, column)| out_of_range(value, column)) {
            return Err(error);
        }
        let count = self.columns.as_ref().map_or(width, Vec::len);
        match &self.refuse {
            Refuse::Numbers(checks) if !checks.refuses() => return Err(format_error("it refuses nothing")),
            Refuse::Unknown(of) if of.len() != count => {
                return Err(format_error(format!("\"of\" has {} entries for {count} columns", of.len())));
            }
            _ => {}
        }
        match &self.names {
            Some(names) if names.len() != count => {
                Err(format_error(format!("{} names for the {count} columns that it checks", names.len())))
            }
            _ => Ok(()),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GuardSpec {
    value: ValueId,
    columns: Option<Vec<usize>>,
    refuse: Vec<RefuseSpec>,
    #[serde(default, skip_serializing_if = "Width::is_default")]
    width: Width,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    of: Vec<(ValueId, usize)>,
    step: String,
    names: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RefuseSpec {
    Missing,
    NonFinite,
    Unknown,
}

impl GuardSpec {
    pub fn take(self, tensors: &mut Tensors) -> Result<Guard> {
        let has = |what: RefuseSpec| self.refuse.contains(&what);
        let refuse = match (has(RefuseSpec::Unknown), self.refuse.len()) {
            (true, 1) => Refuse::Unknown(self.of),
            (true, _) => return Err(format_error("a guard that refuses \"unknown\" refuses nothing else")),
            (false, _) if !self.of.is_empty() => {
                return Err(format_error("a guard has \"of\", but does not refuse \"unknown\""));
            }
            (false, _) => Refuse::Numbers(Checks {
                missing: has(RefuseSpec::Missing),
                non_finite: has(RefuseSpec::NonFinite).then_some(self.width),
            }),
        };
        let names = self.names.map(|names| tensors.take_strings(&names)).transpose()?;
        Ok(Guard { value: self.value, columns: self.columns, refuse, step: self.step, names })
    }

    pub fn put(index: usize, guard: &Guard, tensors: &mut Tensors) -> GuardSpec {
        let names = guard.names.as_ref().map(|names| {
            let name = format!("guards.{index}.names");
            tensors.put_strings(&name, names);
            name
        });
        let (refuse, width) = match &guard.refuse {
            Refuse::Unknown(_) => (vec![RefuseSpec::Unknown], Width::default()),
            Refuse::Numbers(checks) => {
                let missing = checks.missing.then_some(RefuseSpec::Missing);
                let non_finite = checks.non_finite.map(|_| RefuseSpec::NonFinite);
                (missing.into_iter().chain(non_finite).collect(), checks.non_finite.unwrap_or_default())
            }
        };
        let Guard { value, columns, step, .. } = guard.clone();
        GuardSpec { value, columns, refuse, width, of: guard.of().to_vec(), step, names }
    }
}
