//! What steps refuse of the values that other steps give, and values that steps do not know.
//!
//! Guards of the features themselves are checks of the block's reader.

use super::block::Reader;
use super::refusal::{Refused, mark, refused, width_name};
use super::score::OnRefused;
use crate::error::Error;
use crate::kernels::{Columns, Values};
use crate::model::{Guard, Model, Number, Refuse, ValueId};
use crate::plan::Plan;

/// The guards that look at computed values.
pub(super) struct Guards<'p> {
    plan: &'p Plan,
    model: &'p Model,
    list: Vec<&'p Guard>,
}

/// The first column of a guard with a refused value, of those found so far.
#[derive(Debug, Clone)]
pub(super) struct Find {
    /// Which of the columns that the guard checks.
    place: usize,
    kind: Refused,
    row: usize,
    count: usize,
    /// What stands in that row: of an unknown value the number that it is, where it is one.
    value: f64,
}

impl<'p> Guards<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        let model = plan.model();
        Guards { plan, model, list: plan.guards().iter().collect() }
    }

    fn one(&self, values: &Values<impl Columns>, (value, column): (ValueId, usize), row: usize) -> f64 {
        values.of(self.plan.view(value)).column(column)[row]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Set `bad[r]` for rows with refused values. False where the call must fail: what a step does not know has no
    /// result, unless the row has none anyway because it lacks a value.
    ///
    /// `proved`: for each guard whether it is known to find nothing.
    pub(super) fn pass(
        &self,
        values: &Values<impl Columns>,
        proved: impl Fn(usize) -> bool,
        bad: &mut [u8],
        on_refused: OnRefused,
    ) -> bool {
        let mut any = false;
        let guards = || self.list.iter().enumerate().filter(|(guard, _)| !proved(*guard)).map(|(_, guard)| guard);
        for guard in guards() {
            let Refuse::Numbers(checks) = guard.refuse else { continue };
            let input = values.of(self.plan.view(guard.value));
            for column in guard.checked(self.model.width(guard.value)) {
                any |= mark(self.plan.level(), checks, input.column(column), bad);
            }
        }
        if any && on_refused == OnRefused::Raise {
            return false;
        }
        guards().all(|guard| {
            let input = values.of(self.plan.view(guard.value));
            let mut pairs = guard.checked(self.model.width(guard.value)).zip(guard.of());
            pairs.all(|(column, &(of, at))| {
                let rows = input.column(column);
                !rows.iter().fold(false, |found, x| found | x.is_nan())
                    || !(0..rows.len()).any(|row| unknown(rows[row], self.one(values, (of, at), row), bad[row]))
            })
        })
    }

    /// Add what a block has to what was found before, one entry a guard. `bad`: rows that are null by what they lack.
    pub(super) fn note(
        &self,
        values: &Values<impl Columns>,
        bad: &[u8],
        start: usize,
        on_refused: OnRefused,
        finds: &mut [Option<Find>],
    ) {
        for (guard, find) in self.list.iter().zip(finds) {
            let input = values.of(self.plan.view(guard.value));
            for (place, column) in guard.checked(self.model.width(guard.value)).enumerate() {
                // A column after the one that is found says nothing; one before it is found first.
                if find.as_ref().is_some_and(|find| find.place < place) {
                    break;
                }
                for (row, &x) in input.column(column).iter().enumerate() {
                    let (kind, value) = match &guard.refuse {
                        Refuse::Numbers(_) if on_refused == OnRefused::Null => (None, x),
                        Refuse::Numbers(checks) => (refused(*checks, x), x),
                        Refuse::Unknown(of) => {
                            let value = self.one(values, of[place], row);
                            (unknown(x, value, bad[row]).then_some(Refused::Missing), value)
                        }
                    };
                    let Some(kind) = kind else { continue };
                    match find {
                        Some(find) if find.place == place => find.count += usize::from(find.kind == kind),
                        _ => *find = Some(Find { place, kind, row: start + row, count: 1, value }),
                    }
                }
            }
        }
    }

    /// As many entries as [`Guards::note`] wants.
    pub(super) fn no_finds(&self) -> Vec<Option<Find>> {
        vec![None; self.list.len()]
    }

    /// The error of the first guard that found something.
    pub(super) fn error(&self, finds: &[Option<Find>], reader: &Reader) -> Option<Error> {
        let (guard, find) = self.list.iter().zip(finds).find_map(|(guard, find)| Some((*guard, find.as_ref()?)))?;
        let Find { place, kind, row, count, value } = *find;
        let column = guard.checked(self.model.width(guard.value)).nth(place)?;
        let column = match &guard.names {
            Some(names) => format!("{:?}", names[place]),
            None => match &guard.refuse {
                Refuse::Unknown(of) if of[place].0 == 0 => format!("number {}", of[place].1),
                _ => format!("number {column}"),
            },
        };
        let step = guard.step.clone();
        Some(match (&guard.refuse, kind) {
            (Refuse::Unknown(of), _) => {
                let (of, at) = of[place];
                let text = if of == 0 { reader.describe_feature(at, row) } else { String::new() };
                let value = match text.is_empty() {
                    true if value.is_nan() => "missing".into(),
                    true => Number::from(value).to_string(),
                    false => text,
                };
                Error::UnknownToStep { step, column, row, count, value }
            }
            (Refuse::Numbers(checks), Refused::NonFinite) => {
                Error::NonFiniteToStep { step, column, row, count, width: width_name(checks.non_finite) }
            }
            (Refuse::Numbers(_), _) => Error::MissingToStep { step, column, row, count },
        })
    }
}

/// Whether a NaN means that the step does not know `value`; a row that is null because it lacks a value has no other
/// problem by lacking it here.
fn unknown(found: f64, value: f64, bad: u8) -> bool {
    found.is_nan() && !(value.is_nan() && bad != 0)
}
