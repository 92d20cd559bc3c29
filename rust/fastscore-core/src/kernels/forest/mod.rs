//! Engines for forests. Each gives the bits of [`crate::reference`].

mod bits_by_category;
mod categories;
pub(crate) mod planes;
pub(crate) mod sliced;
pub(crate) mod walk;

/// A sum, rounded to float32 where `NARROW`: the same as adding in float32, since float64 has more than twice its digits.
#[inline(always)]
fn add<const NARROW: bool>(sum: f64, value: f64) -> f64 {
    if NARROW { f64::from((sum + value) as f32) } else { sum + value }
}
