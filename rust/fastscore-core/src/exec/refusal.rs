//! Values of the features that the source refuses, or that have no code: found in a block, and named in an error.

use super::block::{Block, Reader, Way};
use super::encode::{Problem, is_infinite_category};
use super::score::OnRefused;
use super::table::Body;
use crate::error::Error;
use crate::kernels::RowCells;
use crate::model::{Checks, Number, Width};
use crate::simd::Level;
use crate::simd::bits::{self, BitWork, Bits};

/// Why a value is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Missing,
    NonFinite,
    /// No refusal of the source: the value has no code.
    Uncoded(Problem),
}

/// Whether checks refuse a number.
#[inline(always)]
pub(super) fn refused(checks: Checks, x: f64) -> Option<Refused> {
    if is_infinite_category(x) {
        Some(Refused::NonFinite)
    } else if x.is_nan() {
        checks.missing.then_some(Refused::Missing)
    } else {
        checks.non_finite.filter(|&width| is_infinite(width, x)).map(|_| Refused::NonFinite)
    }
}

/// Whether a number is infinite at a width.
#[inline(always)]
fn is_infinite(width: Width, x: f64) -> bool {
    match width {
        Width::Float64 => x.is_infinite(),
        Width::Float32 => (x as f32).is_infinite(),
    }
}

/// Set `bad[r]` where checks refuse row r; gives whether there is one.
pub(super) fn mark(level: Level, checks: Checks, rows: &[f64], bad: &mut [u8]) -> bool {
    // Nearly always nothing is found: one pass that vectorises, then a slow one where it did.
    let limit = Checks { missing: true, ..checks };
    if !may_be_refused(level, limit, RowCells::F64(rows)) {
        return false;
    }
    let mut any = false;
    for (bad, &x) in bad.iter_mut().zip(rows) {
        if refused(checks, x).is_some() {
            *bad = 1;
            any = true;
        }
    }
    any
}

/// Whether all numbers are finite.
pub(super) fn all_finite(level: Level, numbers: &[f64]) -> bool {
    !may_be_refused(level, Checks { missing: true, non_finite: Some(Width::Float64) }, RowCells::F64(numbers))
}

/// Whether some cell is one that the checks refuse.
pub(super) fn may_be_refused(level: Level, checks: Checks, cells: RowCells) -> bool {
    struct Look<'a>(Checks, RowCells<'a>, &'a mut bool);
    impl BitWork for Look<'_> {
        #[inline(always)]
        fn run(self, _: impl Bits) {
            let Look(checks, cells, found) = self;
            let (mut beyond, mut missing) = (false, false);
            match cells {
                RowCells::F64(cells) => {
                    let limit = match checks.non_finite {
                        Some(Width::Float32) => LARGEST_FINITE,
                        _ => f64::MAX,
                    };
                    for x in cells {
                        beyond |= x.abs() > limit;
                        missing |= x.is_nan();
                    }
                }
                RowCells::F32(cells) => {
                    for x in cells {
                        beyond |= x.abs() > f32::MAX;
                        missing |= x.is_nan();
                    }
                }
            }
            *found = (beyond & checks.non_finite.is_some()) | (missing & checks.missing);
        }
    }
    let mut found = false;
    bits::run(level, Look(checks, cells, &mut found));
    found
}

/// The largest float64 that is rounded to a finite float32: from 2^128 - 2^103 on it is infinity.
const LARGEST_FINITE: f64 = 3.402_823_567_797_336_6e38_f64.next_down();

/// The name of a width, for messages.
pub(super) fn width_name(width: Option<Width>) -> &'static str {
    match width {
        Some(Width::Float32) => "float32",
        _ => "float64",
    }
}

impl Reader<'_> {
    /// The error for values that have no code, or that the source refuses: the first such column, its first row and
    /// how many. None where there is no such value, and where rows with refused values become null.
    pub(super) fn refusal(&self, on_refused: OnRefused, interrupt: &dyn Fn() -> bool) -> Option<Error> {
        let mut found: Vec<Option<(Refused, usize, usize)>> = vec![None; self.width()];
        let mut block = Block::new(self, 1024.min(self.rows().max(1)));
        for start in (0..self.rows()).step_by(block.stride()) {
            if (start / block.stride()).is_multiple_of(64) && interrupt() {
                return Some(Error::Interrupted);
            }
            block.load(start, block.stride().min(self.rows() - start));
            for (at, found) in found.iter_mut().enumerate() {
                let loaded = &self.loaded()[at];
                for (row, &x) in (start..).zip(block.slot_rows(at)) {
                    let problem = loaded.way.marks().then(|| Problem::of(x).map(Refused::Uncoded)).flatten();
                    let Some(kind) = problem.or_else(|| refused(loaded.checks, x)) else {
                        continue;
                    };
                    match found {
                        Some((first, _, count)) if *first == kind => *count += 1,
                        // What has no code fails whatever becomes of refused values.
                        Some((Refused::Missing | Refused::NonFinite, ..)) if problem.is_some() => {
                            *found = Some((kind, row, 1));
                        }
                        None => *found = Some((kind, row, 1)),
                        Some(_) => {}
                    }
                }
            }
        }
        let uncoded = |at: &usize| matches!(found[*at], Some((Refused::Uncoded(_), ..)));
        let any = || found.iter().position(Option::is_some).filter(|_| on_refused == OnRefused::Raise);
        let at = (0..found.len()).find(uncoded).or_else(any)?;
        let (kind, row, count) = found[at]?;
        let column = self.name(at);
        Some(match kind {
            Refused::Missing => Error::MissingValue { column, row, count },
            Refused::NonFinite => {
                Error::NonFinite { column, row, count, width: width_name(self.loaded()[at].checks.non_finite) }
            }
            Refused::Uncoded(problem) => {
                let scores = on_refused != OnRefused::Raise || self.takes_missing(at);
                let policy_of = scores.then(|| self.key(at));
                problem.error(column, row, count, self.describe(at, row), policy_of)
            }
        })
    }

    /// The value in a row of a slot's column, for messages; empty where it is a plain number.
    pub(super) fn describe(&self, slot: usize, row: usize) -> String {
        match (&self.loaded()[slot].way, self.table().body()) {
            (Way::Encoded(encoded), _) => encoded.describe(row),
            (Way::Recoded(_), Body::Csr(csr)) => {
                let mut entries = vec![0.0; csr.indptr[row + 1] - csr.indptr[row]];
                csr.data.read(self.level(), csr.indptr[row], &mut entries);
                let here = (csr.indptr[row]..).zip(&entries);
                let column = self.loaded()[slot].column;
                let sum: f64 = here.filter(|(at, _)| csr.indices[*at] as usize == column).map(|(_, x)| x).sum();
                Number::from(sum).to_string()
            }
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LARGEST_FINITE;

    #[test]
    fn the_largest_that_stays_finite() {
        assert!((LARGEST_FINITE as f32).is_finite());
        assert!((LARGEST_FINITE.next_up() as f32).is_infinite());
    }
}
