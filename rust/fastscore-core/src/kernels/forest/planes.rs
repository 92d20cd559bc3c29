//! Planes: input columns made ready for a plain `x <= threshold`, so that the walk knows no missing values.
//!
//! A split needs its feature, and where missing goes. If missing goes left, the plane holds -inf there, which is at
//! most any threshold; if right, NaN, which is at most none. Zero-as-missing is one more plane. Splits that agree share
//! a plane; few features need more than one.
//!
//! Narrow comparison: for float32 x and float64 t, `x <= t` is `x <= t'` with t' the largest float32 not above t, and
//! `x < t` is `x <= t'` with t' the largest value below t.

use std::collections::HashMap;

use crate::kernels::Columns;
use crate::model::{Comparison, FLAG_MISSING_LEFT, FLAG_ZERO_MISSING, Forest};

/// A float width at which a forest compares.
pub(crate) trait Width: Copy + PartialOrd + Send + Sync + 'static {
    const NEG_INFINITY: Self;
    const INFINITY: Self;
    const NAN: Self;
    const NAME: &'static str;
    fn from_f64(x: f64) -> Self;
    /// The largest value not above t.
    fn round_down(t: f64) -> Self;
    fn next_down(self) -> Self;
    fn to_f64(self) -> f64;
}

impl Width for f64 {
    const NEG_INFINITY: f64 = f64::NEG_INFINITY;
    const INFINITY: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    const NAME: &'static str = "float64";
    #[inline(always)]
    fn from_f64(x: f64) -> f64 {
        x
    }
    fn round_down(t: f64) -> f64 {
        t
    }
    fn next_down(self) -> f64 {
        f64::next_down(self)
    }
    fn to_f64(self) -> f64 {
        self
    }
}

impl Width for f32 {
    const NEG_INFINITY: f32 = f32::NEG_INFINITY;
    const INFINITY: f32 = f32::INFINITY;
    const NAN: f32 = f32::NAN;
    const NAME: &'static str = "float32";
    #[inline(always)]
    fn from_f64(x: f64) -> f32 {
        x as f32
    }
    fn round_down(t: f64) -> f32 {
        let near = t as f32;
        if f64::from(near) > t {
            near.next_down()
        } else {
            near
        }
    }
    fn next_down(self) -> f32 {
        f32::next_down(self)
    }
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

/// How one plane is made from a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Plane {
    feature: u32,
    missing_left: bool,
    zero_missing: bool,
    /// For `x < -inf`, which holds for no x: only missing can go left.
    missing_only: bool,
}

/// The distinct planes of a forest. Plane 0 is -inf throughout, for leaves that stay where they are.
#[derive(Debug)]
pub(crate) struct Planes {
    specs: Vec<Plane>,
    zero_band: Option<f64>,
}

/// Collects the planes while a plan is built.
pub(crate) struct PlanesBuilder {
    planes: Planes,
    index: HashMap<Plane, u32>,
}

impl PlanesBuilder {
    pub(crate) fn new(forest: &Forest) -> Self {
        PlanesBuilder {
            planes: Planes {
                specs: Vec::new(),
                zero_band: forest.zero_band,
            },
            index: HashMap::new(),
        }
    }

    /// The plane of a split, and the threshold to compare it with by `<=`.
    pub(crate) fn split<T: Width>(&mut self, forest: &Forest, split: usize) -> (u32, T) {
        let exact = T::round_down(forest.threshold[split]);
        let (threshold, missing_only) = match forest.comparison {
            Comparison::Le => (exact, false),
            Comparison::Lt if forest.threshold[split] == f64::NEG_INFINITY => {
                (T::NEG_INFINITY, true)
            }
            // Where rounding went down, `x < t` already is `x <= exact`.
            Comparison::Lt if exact.to_f64() < forest.threshold[split] => (exact, false),
            Comparison::Lt => (exact.next_down(), false),
        };
        let plane = Plane {
            feature: forest.feature[split] as u32,
            missing_left: forest.flags[split] & FLAG_MISSING_LEFT != 0,
            zero_missing: forest.flags[split] & FLAG_ZERO_MISSING != 0,
            missing_only,
        };
        let next = self.planes.specs.len() as u32 + 1;
        let index = *self.index.entry(plane).or_insert(next);
        if index == next {
            self.planes.specs.push(plane);
        }
        (index, threshold)
    }

    pub(crate) fn finish(self) -> Planes {
        self.planes
    }
}

impl Planes {
    /// How many, plane 0 included.
    pub(crate) fn len(&self) -> usize {
        self.specs.len() + 1
    }

    /// Rows `start .. start + rows` of the input as planes: row r of plane p is at `out[p * stride + r]`.
    pub(crate) fn fill<T: Width>(
        &self,
        input: &impl Columns,
        start: usize,
        rows: usize,
        out: &mut [T],
        stride: usize,
    ) {
        out[..stride].fill(T::NEG_INFINITY);
        for (plane, out) in self.specs.iter().zip(out[stride..].chunks_mut(stride)) {
            let x = &input.column(plane.feature as usize)[start..start + rows];
            self.fill_one(*plane, x, out);
        }
    }

    fn fill_one<T: Width>(&self, plane: Plane, x: &[f64], out: &mut [T]) {
        let missing = if plane.missing_left {
            T::NEG_INFINITY
        } else {
            T::NAN
        };
        // A band of -1 holds no value.
        let band = self.zero_band.unwrap_or(-1.0);
        if plane.zero_missing || plane.missing_only {
            for (to, &x) in out.iter_mut().zip(x) {
                let zero = x == 0.0 || x.abs() <= band;
                let value = if plane.missing_only {
                    T::NAN
                } else {
                    T::from_f64(x)
                };
                *to = if x.is_nan() || (plane.zero_missing && zero) {
                    missing
                } else {
                    value
                };
            }
        } else {
            for (to, &x) in out.iter_mut().zip(x) {
                let x = if x.abs() <= band { 0.0 } else { x };
                *to = if x.is_nan() { missing } else { T::from_f64(x) };
            }
        }
    }
}
