//! Exponentials, logarithms, trigonometry and what is made of them, over slices of `f64`, with the same bits on
//! every machine.
//!
//! # Idea
//!
//! The exponential of a C library differs from one library, version and
//! processor to the next. So nothing here calls one: every function is a fixed
//! list of IEEE 754 operations (add, subtract, multiply, divide, fused
//! multiply-add, compare), each correctly rounded and therefore the same
//! everywhere, written once over the `Vector` trait of `vector.rs`:
//!
//! ```text
//! exp(level, xs):
//!     match level:                  one match a call
//!         avx512:   run::<8 lanes>  the same source, compiled three times,
//!         avx2:     run::<4 lanes>  each under its own target features
//!         portable: run::<[f64; 4]>
//! run:
//!     for each full group of lanes: load, compute, store
//!     for the rest: copy into a padded group, the same computation, copy back
//! ```
//!
//! Lanes never meet, so a value's result depends on neither its place in the
//! slice, nor the slice's length, nor the level.
//!
//! # What it rests on
//!
//! * The default floating-point environment: round to nearest, and subnormals
//!   kept. A library that sets flush-to-zero in this thread (as code linked
//!   with `-ffast-math` once did) changes subnormal results.
//! * `f64::mul_add` rounding once, as it is documented to. Where the target has
//!   no such instruction it is a function's call: right, but slow. Lanes of
//!   float32 have `fused.rs` instead.
//! * A NaN result is always [`f64::NAN`]: IEEE 754 leaves a NaN's sign and
//!   payload open, and processors do differ.

mod activation;
mod arcs;
mod area;
pub(crate) mod bits;
mod centred_log;
pub(crate) mod dense;
pub(crate) mod descend;
mod erf;
mod exp;
mod exp2;
mod exp_table;
mod fast_exp;
mod fused;
mod hyperbolic;
mod lanes32;
pub(crate) mod leaf_table;
mod level;
mod log;
mod math;
pub(crate) mod narrow;
mod pair;
mod portable;
mod power;
mod powers;
mod quantile;
pub(crate) mod rank;
mod roots;
pub(crate) mod row_dots;
mod row_sums;
mod softmax;
pub(crate) mod tables;
pub(crate) mod tile;
mod trigonometry;
pub(crate) mod turn;
mod ufunc;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

/// A sum, rounded to float32 where `NARROW`: the same as adding in float32, since float64 has more than twice its digits.
#[inline(always)]
pub(crate) fn add<const NARROW: bool>(sum: f64, value: f64) -> f64 {
    if NARROW { f64::from((sum + value) as f32) } else { sum + value }
}

/// A rank as a byte, cut to `first .. first + 255`.
#[inline(always)]
pub(crate) fn byte_of(rank: u16, first: u16) -> u8 {
    rank.saturating_sub(first).min(u8::MAX.into()) as u8
}

/// Bytes of a line of the cache.
pub(crate) const LINE: usize = 64;

/// Have a line of memory fetched into the second cache level, if there is one: more lines can be on their way there than to the
/// first (rows of 23 float64 from memory take 8.9 ns instead of 13.2 on Zen 4).
#[inline(always)]
pub(crate) fn fetch(line: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::*;
        // SAFETY: every x86-64 processor has the instruction, which reads nothing that the program sees, and does nothing where
        // no memory is.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.cast()) };
    }
    let _ = line;
}

#[cfg(test)]
mod tests;

pub use activation::{Activation, activate, activate_f32};
pub use arcs::{arccos, arcsin, arctan};
pub use area::{arccosh, arcsinh, arctanh};
pub use centred_log::centred_log;
pub use erf::{erf, ndtr};
pub use exp::exp;
pub use exp2::exp2;
pub use fast_exp::fast_exp;
pub use hyperbolic::{cosh, expm1, sinh, tanh};
pub use level::Level;
pub use log::{log, log1p, log2, log10};
pub use math::{exp_f32, log1p_exp, logit, sigmoid, sigmoid_f32};
pub use power::power;
pub use powers::{box_cox, yeo_johnson};
pub use quantile::ndtri;
pub use roots::{cbrt, sqrt};
pub use row_sums::normalize_rows;
pub(crate) use row_sums::pairwise_sums;
pub use softmax::{fast_softmax, pairwise_softmax, softmax, softmax_f32};
pub use trigonometry::{cos, sin, tan};
pub(crate) use ufunc::ufunc;
