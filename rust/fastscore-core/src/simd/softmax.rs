//! Softmax, as each library computes it.
//!
//! ```text
//! in each row:
//!     m    = x[0]; for each further column j: if x[j] > m: m = x[j]
//!     sum  = 0;    for each column j: x[j] = exp(x[j] - m); sum += x[j]
//!     x[j] = x[j] / sum
//! ```
//!
//! That is the formula of LightGBM (`Common::Softmax` in
//! `include/LightGBM/utils/common.h`) in its order of operations. The others
//! differ in the exponential, the sum's order or the width: see [`Steps`].

use std::ops::Range;

use super::exp::exp_lanes;
use super::fast_exp::{LOWEST, fast_exp_lanes};
use super::level::{self, Level};
use super::math::expf_lanes;
use super::vector::{Vector, Work, load_some, store_some};

/// Replaces each row of a table by its softmax; the same bits on every
/// [`Level`]. The table is given as its columns, one a class.
///
/// A row with a NaN or a positive infinity, or of negative infinities only,
/// becomes [`f64::NAN`] throughout, as the plain formula makes it.
///
/// # Panics
///
/// When the columns differ in length.
pub fn softmax(level: Level, columns: &mut [&mut [f64]]) {
    softmax_of::<Plain>(level, columns);
}

/// [`softmax`] with the sum in the order of NumPy's `sum` over neighbours, as
/// `softmax` in scikit-learn's `utils/extmath.py` has it for row-major arrays.
///
/// # Panics
///
/// When the columns differ in length.
pub fn pairwise_softmax(level: Level, columns: &mut [&mut [f64]]) {
    softmax_of::<Pairwise>(level, columns);
}

/// [`softmax`] in XGBoost's steps at `f32` (`common::Softmax` in its
/// `src/common/math.h`); the columns hold `f32` numbers. The sum is of `f64` and
/// rounded once at its end.
///
/// # Panics
///
/// When the columns differ in length.
pub fn softmax_f32(level: Level, columns: &mut [&mut [f64]]) {
    softmax_of::<Narrow>(level, columns);
}

/// [`softmax`] with the exponential of [`super::fast_exp`], as CatBoost computes it
/// (`CalcSoftmax` in its `libs/model/eval_processing.h`).
///
/// It takes a row's columns in fours, and those that are left one by one: there the
/// exponential is 0 up to `-1022 ln 2`, not the least normal number.
///
/// # Panics
///
/// When the columns differ in length.
pub fn fast_softmax(level: Level, columns: &mut [&mut [f64]]) {
    softmax_of::<Fast>(level, columns);
}

fn softmax_of<S: Steps>(level: Level, columns: &mut [&mut [f64]]) {
    let rows = columns.first().map_or(0, |column| column.len());
    assert!(columns.iter().all(|column| column.len() == rows), "softmax needs columns of one length");
    level::run(level, Softmax { columns, rows, steps: std::marker::PhantomData::<S> });
}

/// What the libraries do differently. Implementations are `#[inline(always)]`.
trait Steps {
    /// Whether the sum has NumPy's order.
    const PAIRWISE: bool = false;

    /// The exponential in the column of that number, out of so many.
    fn exp<V: Vector>(x: V, column: usize, columns: usize) -> V;

    /// The nearest number of the source's width.
    #[inline(always)]
    fn round<V: Vector>(x: V) -> V {
        x
    }
}

struct Plain;

impl Steps for Plain {
    #[inline(always)]
    fn exp<V: Vector>(x: V, _: usize, _: usize) -> V {
        exp_lanes(x)
    }
}

struct Pairwise;

impl Steps for Pairwise {
    const PAIRWISE: bool = true;

    #[inline(always)]
    fn exp<V: Vector>(x: V, _: usize, _: usize) -> V {
        exp_lanes(x)
    }
}

struct Narrow;

impl Steps for Narrow {
    #[inline(always)]
    fn exp<V: Vector>(x: V, _: usize, _: usize) -> V {
        expf_lanes(x)
    }

    #[inline(always)]
    fn round<V: Vector>(x: V) -> V {
        x.to_f32()
    }
}

struct Fast;

impl Steps for Fast {
    #[inline(always)]
    fn exp<V: Vector>(x: V, column: usize, columns: usize) -> V {
        let e = fast_exp_lanes(x);
        if column < columns - columns % 4 {
            return e;
        }
        // Written this way round, a NaN remains.
        let zero = x.splat(0.0);
        x.if_less(x.splat(LOWEST.next_up()), zero, e)
    }
}

/// The sum of some rows' columns in NumPy's order (`pairwise_sum` in its `loops_utils.h.src`): up to 128 columns as eight
/// sums at once, more as two halves of which the first has a multiple of 8.
///
/// # Safety
///
/// The processor has what `V` needs.
#[inline(always)]
pub(super) unsafe fn pairwise_sum<V: Vector>(columns: &[&mut [f64]], rows: Range<usize>, zero: V) -> V {
    // Sums that wait for their other half; parts that are left to add; with each the number of cuts that made it.
    // A part is more than halved by each cut, so that neither list is longer than a count has bits.
    let mut sums = [(zero, 0); MOST_PARTS];
    let mut parts = [(0, 0, 0); MOST_PARTS];
    parts[0] = (0, columns.len(), 0);
    let (mut open, mut waiting) = (1, 0);
    while open > 0 {
        open -= 1;
        let (start, count, depth) = parts[open];
        if count > 128 {
            let half = count / 2 - count / 2 % 8;
            parts[open] = (start + half, count - half, depth + 1);
            parts[open + 1] = (start, half, depth + 1);
            open += 2;
            continue;
        }
        // SAFETY: as of this function.
        let load = |column: usize| unsafe { load_some::<V>(&columns[start + column][rows.clone()]) };
        let eights = count - count % 8;
        let mut sum = zero;
        if eights > 0 {
            let mut each = [zero; 8];
            for (i, each) in each.iter_mut().enumerate() {
                *each = load(i);
            }
            for first in (8..eights).step_by(8) {
                for (i, each) in each.iter_mut().enumerate() {
                    *each = each.add(load(first + i));
                }
            }
            let [a, b, c, d, e, f, g, h] = each;
            sum = a.add(b).add(c.add(d)).add(e.add(f).add(g.add(h)));
        }
        for column in eights..count {
            sum = sum.add(load(column));
        }
        // A right half finds its left one waiting at its depth.
        let mut depth = depth;
        while depth > 0 && waiting > 0 && sums[waiting - 1].1 == depth {
            waiting -= 1;
            sum = sums[waiting].0.add(sum);
            depth -= 1;
        }
        sums[waiting] = (sum, depth);
        waiting += 1;
    }
    sums[0].0
}

/// More than the bits of a number of columns.
const MOST_PARTS: usize = usize::BITS as usize + 2;

struct Softmax<'a, 'b, S> {
    columns: &'a mut [&'b mut [f64]],
    rows: usize,
    steps: std::marker::PhantomData<S>,
}

impl<S: Steps> Work for Softmax<'_, '_, S> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let count = self.columns.len();
        for start in (0..self.rows).step_by(V::LANES) {
            let rows = start..self.rows.min(start + V::LANES);
            // SAFETY: the caller vouches for the processor.
            let load = |column: &[f64]| unsafe { load_some::<V>(&column[rows.clone()]) };

            let [first, others @ ..] = &*self.columns else {
                return;
            };
            let mut max = load(first);
            for column in others {
                max = load(column).max(max);
            }

            let mut sum = max.splat(0.0);
            for (number, column) in self.columns.iter_mut().enumerate() {
                let e = S::exp(S::round(load(column).sub(max)), number, count);
                sum = sum.add(e);
                store_some(e, &mut column[rows.clone()]);
            }
            if S::PAIRWISE {
                // SAFETY: the caller vouches for the processor.
                sum = unsafe { pairwise_sum(self.columns, rows.clone(), max.splat(0.0)) };
            }

            let sum = S::round(sum);
            for column in &mut *self.columns {
                let share = S::round(load(column).div(sum)).canonical();
                store_some(share, &mut column[rows.clone()]);
            }
        }
    }
}
