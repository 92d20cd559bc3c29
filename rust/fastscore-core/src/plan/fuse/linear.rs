//! One-hot columns of a linear step as lookups of coefficients.

use std::collections::HashMap;

use super::MAX_WORK;
use super::codes::{At, Known, Read};
use crate::kernels::View;
use crate::kernels::lookup::{Codes, LinearLookup, Term};
use crate::model::{Linear, Model};
use crate::plan::program::Program;

/// Numbers in all tables of a step, beside sixteen for each of its coefficients: tables are not many times what they are
/// made of.
const MAX_TABLES: usize = 1 << 22;

/// A linear step with its one-hot columns looked up, and its input; None where there are none.
pub(super) fn fuse(
    model: &Model,
    program: &Program,
    known: &mut Known,
    step: usize,
    linear: &Linear,
) -> Option<(LinearLookup, View)> {
    let input = &program.run(step)?.input;
    let mut view = Vec::new();
    let mut terms = Vec::new();
    let mut fused = false;
    let mut at = 0;
    let mut left = MAX_TABLES.saturating_add(linear.coefficients.len().saturating_mul(16));
    while at < linear.inputs {
        let group = Group::from(model, program, known, input, linear, at);
        let columns = group.as_ref().map_or(1, |group| group.columns);
        match group.filter(|group| group.codes.saturating_mul(linear.outputs) <= left) {
            Some(group) => {
                left -= group.codes * linear.outputs;
                terms.push(Term::Lookup { column: view.len(), tables: group.tables(linear, at) });
                view.push((group.base.0, group.base.1 as u32));
                fused = true;
            }
            None => {
                for column in at..at + columns {
                    let of = |output: usize| linear.coefficients[output * linear.inputs + column];
                    terms
                        .push(Term::Number { column: view.len(), coefficients: (0..linear.outputs).map(of).collect() });
                    let (value, column) = input.at(column);
                    view.push((value, column as u32));
                }
            }
        }
        at += columns;
    }
    fused.then(|| (LinearLookup { intercept: linear.intercept.clone(), terms }, View::Picked(view.into())))
}

/// Consecutive columns of which at most one is 1 for each code, and all others are 0.
struct Group {
    base: At,
    codes: usize,
    columns: usize,
    /// Which of the columns is 1 at a place of a table of codes: 0 for NaN, 1 for what is no code, code i at `2 + i`.
    hit: HashMap<usize, usize>,
}

impl Group {
    /// The columns from `at` on; None where they are fewer than two.
    fn from(
        model: &Model,
        program: &Program,
        known: &mut Known,
        input: &View,
        linear: &Linear,
        at: usize,
    ) -> Option<Group> {
        let mut group: Option<Group> = None;
        for column in at..linear.inputs {
            let finite = (0..linear.outputs).all(|o| linear.coefficients[o * linear.inputs + column].is_finite());
            let read = known.read(model, program, input.at(column)).filter(|_| finite);
            // Equalities are found by their number, other functions by looking through all codes.
            let small = |read: &Read| read.codes().saturating_mul(linear.inputs) <= MAX_WORK;
            let read = read.filter(|read| matches!(read, Read::Equal(..)) || small(read));
            let Some(read) = read else { break };
            let codes = read.codes();
            let group =
                group.get_or_insert_with(|| Group { base: read.base(), codes, columns: 0, hit: HashMap::new() });
            if group.base != read.base() || !group.add(&read) {
                break;
            }
        }
        group.filter(|group| group.columns > 1)
    }

    /// Add a column; false, and nothing done, where it is not 0 or 1, or 1 where another column is.
    fn add(&mut self, read: &Read) -> bool {
        let Some(places) = read.ones().filter(|places| !places.iter().any(|place| self.hit.contains_key(place))) else {
            return false;
        };
        self.hit.extend(places.into_iter().map(|place| (place, self.columns)));
        self.columns += 1;
        true
    }

    /// Of each output the coefficients of the codes.
    fn tables(&self, linear: &Linear, at: usize) -> Vec<Codes> {
        let table = |output: usize| {
            let coefficients = &linear.coefficients[output * linear.inputs + at..][..self.columns];
            // -0 is what changes nothing: not even the sign of a zero.
            let of = |place: usize| self.hit.get(&place).map_or(-0.0, |&column| coefficients[column]);
            // The products of the others are zeros, of which a positive one makes a negative zero positive.
            let then = if coefficients.iter().any(|x| x.is_sign_positive()) { 0.0 } else { -0.0 };
            Codes { missing: of(0), outside: of(1), of_code: (2..self.codes + 2).map(of).collect(), then }
        };
        (0..linear.outputs).map(table).collect()
    }
}
