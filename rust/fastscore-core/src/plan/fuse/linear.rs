//! One-hot columns of a linear step as lookups of coefficients.

use super::{Chain, MAX_WORK, Table};
use crate::kernels::lookup::{Codes, LinearLookup, Term};
use crate::model::{Linear, Model, ValueId};
use crate::plan::program::{Program, View};

/// A linear step with its one-hot columns looked up, and its input; None where there are none.
pub(super) fn fuse(model: &Model, program: &Program, step: usize, linear: &Linear) -> Option<(LinearLookup, View)> {
    let input = &program.run(step)?.input;
    let mut view = Vec::new();
    let mut terms = Vec::new();
    let mut fused = false;
    let mut at = 0;
    while at < linear.inputs {
        let group = Group::from(model, program, input, linear, at);
        match group {
            Some(group) => {
                let column = view.len();
                view.push((group.base.0, group.base.1 as u32));
                terms.push(Term::Lookup { column, tables: group.tables(linear, at) });
                at += group.columns;
                fused = true;
            }
            None => {
                let (value, column) = input.at(at);
                let coefficients = (0..linear.outputs).map(|o| linear.coefficients[o * linear.inputs + at]).collect();
                terms.push(Term::Number { column: view.len(), coefficients });
                view.push((value, column as u32));
                at += 1;
            }
        }
    }
    fused.then(|| (LinearLookup { intercept: linear.intercept.clone(), terms }, View::Picked(view)))
}

/// Consecutive columns of which at most one is 1 for each code, and all others are 0.
struct Group {
    base: (ValueId, usize),
    columns: usize,
    /// Which of the columns is 1 for NaN, for what is no code, and for each code from 0 on.
    hit: Vec<Option<usize>>,
}

impl Group {
    /// The columns from `at` on; None where they are fewer than two.
    fn from(model: &Model, program: &Program, input: &View, linear: &Linear, at: usize) -> Option<Group> {
        let mut group: Option<Group> = None;
        for column in at..linear.inputs {
            let finite = (0..linear.outputs).all(|o| linear.coefficients[o * linear.inputs + column].is_finite());
            let chain = Chain::from_codes(model, program, input, column).filter(|_| finite);
            let chain = chain.filter(|(_, codes)| codes.saturating_mul(linear.inputs) <= MAX_WORK);
            let Some((chain, codes)) = chain else { break };
            let group = group.get_or_insert_with(|| Group { base: chain.base, columns: 0, hit: vec![None; codes + 2] });
            if group.base != chain.base || !group.add(&Table::of(&chain, codes)) {
                break;
            }
        }
        group.filter(|group| group.columns > 1)
    }

    /// Add a column; false, and nothing done, where it is not 0 or 1, or 1 where another column is.
    fn add(&mut self, table: &Table) -> bool {
        let values = || [table.missing, table.outside].into_iter().chain(table.values.iter().copied());
        let fits = |(hit, x): (&Option<usize>, f64)| x.to_bits() == 0 || (x == 1.0 && hit.is_none());
        if !self.hit.iter().zip(values()).all(fits) {
            return false;
        }
        for (hit, _) in self.hit.iter_mut().zip(values()).filter(|(_, x)| *x == 1.0) {
            *hit = Some(self.columns);
        }
        self.columns += 1;
        true
    }

    /// Of each output the coefficients of the codes.
    fn tables(&self, linear: &Linear, at: usize) -> Vec<Codes> {
        let table = |output: usize| {
            let coefficients = &linear.coefficients[output * linear.inputs + at..][..self.columns];
            // -0 is what changes nothing: not even the sign of a zero.
            let of = |hit: &Option<usize>| hit.map_or(-0.0, |column| coefficients[column]);
            // The products of the others are zeros, of which a positive one makes a negative zero positive.
            let then = if coefficients.iter().any(|x| x.is_sign_positive()) { 0.0 } else { -0.0 };
            let of_code = self.hit.iter().skip(2).map(of).collect();
            Codes { missing: of(&self.hit[0]), outside: of(&self.hit[1]), of_code, then }
        };
        (0..linear.outputs).map(table).collect()
    }
}
