//! The keys of one row: what [`Planes::fill`] does, without what pays off for many rows.

use super::{Plane, Planes};
use crate::kernels::Columns;
use crate::kernels::forest::categories;
use crate::model::Category;
use crate::simd::rank::Ranks;

impl Planes {
    /// The ranks of one row: plane p's goes to `out[p]`. `ranks` are those that [`super::ranks`] made for these planes.
    pub(in crate::kernels::forest) fn fill_row(
        &self,
        ranks: &Ranks,
        input: &impl Columns,
        row: usize,
        out: &mut Vec<u16>,
    ) {
        out.clear();
        out.push(0);
        let mut x = 0.0;
        let mut key = 0;
        // Planes of one feature follow each other, and so do the features in `ranks`.
        let mut place = 0;
        let mut loaded = None;
        for plane in &self.specs {
            if loaded != Some(plane.feature) {
                place = if loaded.is_none() { 0 } else { place + 1 };
                loaded = Some(plane.feature);
                x = self.prepared(input.column(plane.feature as usize)[row]);
                key = ranks.rank_one(place, x);
            }
            out.push(self.key_of(*plane, x, key));
        }
    }

    /// A value as the source compares it.
    #[inline]
    fn prepared(&self, x: f64) -> f64 {
        let mut x = if self.narrow { f64::from(x as f32) } else { x };
        if x.abs() <= self.zero_band {
            x = 0.0;
        }
        if self.missing_value == Some(x) {
            x = f64::NAN;
        }
        x
    }

    #[inline]
    fn key_of(&self, plane: Plane, x: f64, rank: u16) -> u16 {
        if let Some(bits) = plane.categories {
            return categories::index(Category::of(x, self.negative_fraction), bits) as u16;
        }
        if x.is_nan() || (plane.zero_missing && x == 0.0) {
            if plane.missing_left { 0 } else { u16::MAX }
        } else if plane.missing_only {
            u16::MAX
        } else {
            rank
        }
    }
}
