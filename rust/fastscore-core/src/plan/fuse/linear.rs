//! Linear steps that prepare their columns themselves: one-hot columns as lookups of coefficients, links of one column on
//! the way to the product.

use std::collections::{BTreeSet, HashMap};

use super::codes::{At, Known, Read};
use super::{MAX_WORK, before};
use crate::kernels::View;
use crate::kernels::terms::{Codes, Prepare, Term, Terms};
use crate::model::{Checks, Linear, Link, Model, Op, Width};
use crate::plan::network::{FEWEST_OUTPUTS, Readers, width_of};
use crate::plan::program::{Program, Telling};

/// Numbers in all tables of a step, beside sixteen for each of its coefficients: tables are not many times what they are
/// made of.
const MAX_TABLES: usize = 1 << 22;
/// The most links of one column that are fused.
const MOST_LINKS: usize = 16;

/// A linear step that prepares its columns itself, and its input; None where it reads them as they are.
pub(super) fn fuse(
    model: &Model,
    program: &mut Program,
    readers: &Readers,
    known: &mut Known,
    step: usize,
    linear: &Linear,
) -> Option<(Terms, View)> {
    let input = program.run(step)?.input.clone();
    let drafts = drafts(model, program, known, &input, linear);
    let paths = || drafts.iter().filter_map(|draft| if let Draft::Number(_, path) = draft { Some(path) } else { None });
    let lookups = drafts.iter().any(|draft| matches!(draft, Draft::Lookup(..)));
    if !lookups && linear.outputs >= FEWEST_OUTPUTS {
        // A network has the links in its tile.
        return None;
    }
    if is_finite(linear) {
        let ruled_out = paths().flat_map(|path| path.ruled_out(Width::Float64)).collect();
        program.tell(model, Telling { step, column: 0 }, &ruled_out);
    }
    let inside: BTreeSet<usize> = paths().flat_map(|path| path.steps()).chain([step]).collect();
    let guarded = program.values_guarded(model, std::iter::empty());
    let fits = |at: &At| readers.is_read_by(at.0, &inside) && !guarded.contains(&at.0);
    let mut view = Vec::new();
    let mut terms = Vec::new();
    let mut fused = lookups;
    for draft in drafts {
        match draft {
            Draft::Lookup(base, tables) => {
                terms.push(Term::Lookup { column: view.len(), tables });
                view.push((base.0, base.1 as u32));
            }
            Draft::Number(column, mut path) => {
                // What a layer gives stays in the layer's tile: the network does the links, and this step too.
                let base = path.base().0.checked_sub(1);
                let is_of_network = base.is_some_and(|step| width_of(model, program, step).is_some());
                path.keep(|at| !is_of_network && fits(at));
                fused |= !path.links.is_empty();
                let base = path.base();
                let of = |output: usize| linear.coefficients[output * linear.inputs + column];
                let coefficients = (0..linear.outputs).map(of).collect();
                terms.push(Term::Number { column: view.len(), prepare: path.prepare(), coefficients });
                view.push((base.0, base.1 as u32));
            }
        }
    }
    if !fused {
        return None;
    }
    let mut terms = Terms { intercept: linear.intercept.clone(), terms };
    // Rows lie as they are only where all of them are read together.
    if view.iter().all(|&(value, _)| value == 0) {
        terms.columns_mut().zip(&view).for_each(|(to, &(_, feature))| *to = feature as usize);
        return Some((terms, View::Whole(0, model.width(0))));
    }
    Some((terms, View::Picked(view.into())))
}

/// Whether its sums can tell that all numbers are finite. Of a sum with a coefficient that is not, none ever is; and once the
/// sums that nobody reads are gone, any may be the first.
pub(crate) fn is_finite(linear: &Linear) -> bool {
    linear.coefficients.iter().chain(&linear.intercept).all(|x| x.is_finite())
}

/// What is added to a linear step's sums.
enum Draft {
    /// What codes add, for each output.
    Lookup(At, Vec<Codes>),
    /// A column of the step, and where it comes from.
    Number(usize, Path),
}

fn drafts(model: &Model, program: &Program, known: &mut Known, input: &View, linear: &Linear) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let mut at = 0;
    let mut left = MAX_TABLES.saturating_add(linear.coefficients.len().saturating_mul(16));
    while at < linear.inputs {
        let group = Group::from(model, program, known, input, linear, at);
        let columns = group.as_ref().map_or(1, |group| group.columns);
        match group.filter(|group| group.codes.saturating_mul(linear.outputs) <= left) {
            Some(group) => {
                left -= group.codes * linear.outputs;
                drafts.push(Draft::Lookup(group.base, group.tables(linear, at)));
            }
            None => {
                let path = |column| Draft::Number(column, Path::to(model, program, input.at(column)));
                drafts.extend((at..at + columns).map(path));
            }
        }
        at += columns;
    }
    drafts
}

/// A column and those that it is made of, one of another by a link.
pub(crate) struct Path {
    /// From the column back.
    columns: Vec<At>,
    /// Link i makes column i of column i + 1.
    links: Vec<(Link, Width)>,
}

impl Path {
    pub(crate) fn to(model: &Model, program: &Program, column: At) -> Path {
        let mut path = Path { columns: vec![column], links: Vec::new() };
        while path.links.len() < MOST_LINKS
            && let Some((from, Op::Link(link, width))) = before(model, program, path.base())
        {
            path.columns.push(from);
            path.links.push((link, width));
        }
        path
    }

    /// The column furthest back.
    pub(crate) fn base(&self) -> At {
        self.columns[self.columns.len() - 1]
    }

    /// The steps of its links.
    fn steps(&self) -> impl Iterator<Item = usize> {
        self.columns[..self.links.len()].iter().map(|(value, _)| value - 1)
    }

    /// Begin behind the first of its columns that does not fit.
    fn keep(&mut self, fits: impl Fn(&At) -> bool) {
        let kept = self.columns[..self.links.len()].iter().take_while(|at| fits(at)).count();
        self.links.truncate(kept);
        self.columns.truncate(kept + 1);
    }

    fn prepare(self) -> Prepare {
        Prepare::of(self.links.into_iter().rev().collect())
    }

    /// What each of its columns can't hold in a row where a sum of the first, times finite coefficients, is finite at a width: a
    /// number that is not finite makes every sum after it infinite or NaN.
    pub(crate) fn ruled_out(&self, width: Width) -> Vec<(At, Checks)> {
        let mut checks = Checks { missing: true, non_finite: Some(width) };
        let mut found = vec![(self.columns[0], checks)];
        for ((link, _), &at) in self.links.iter().zip(&self.columns[1..]) {
            let all_finite = |numbers: &[f64]| numbers.iter().all(|x| x.is_finite());
            match link {
                Link::Impute { missing: None, .. } | Link::FillMissing { also: None, .. } => checks.missing = false,
                // What is scaled may be in reach of float32 where it was not before.
                Link::Standardize { shift, scale } if [shift, scale].into_iter().flatten().all(|x| all_finite(x)) => {
                    checks.non_finite = Some(Width::Float64);
                }
                Link::Affine { scale, shift } if all_finite(scale) && all_finite(shift) => {
                    checks.non_finite = Some(Width::Float64);
                }
                Link::RoundToFloat32 {} => {}
                _ => break,
            }
            found.push((at, checks));
        }
        found
    }
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
