//! Which instructions the kernels are run with, and how one is chosen.
//!
//! A [`Level`] is only a wish until [`run`] has asked the processor: a level
//! that this processor lacks is run as [`Level::Portable`], which gives the
//! same bits, so no value of the type can do harm.

use std::fmt;

use super::portable;
use super::vector::Work;
#[cfg(target_arch = "x86_64")]
use super::x86;

/// A set of vector instructions. The choice changes speed, never a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// Plain Rust, for every machine.
    Portable,
    /// AVX2 and FMA: four lanes.
    Avx2,
    /// AVX-512 F, DQ, BW and VL: eight lanes.
    Avx512,
}

/// A processor feature: its name, and whether this processor has it.
type Feature = (&'static str, fn() -> bool);

#[cfg(target_arch = "x86_64")]
macro_rules! features {
    ($($name:tt),*) => {
        &[$(($name, || std::arch::is_x86_feature_detected!($name))),*]
    };
}

/// Elsewhere than on x86-64 the answer is always no.
#[cfg(not(target_arch = "x86_64"))]
macro_rules! features {
    ($($name:tt),*) => { &[$(($name, || false)),*] };
}

const PORTABLE: &[Feature] = &[];
const AVX2: &[Feature] = features!("avx2", "fma");
const AVX512: &[Feature] = features!("avx512f", "avx512dq", "avx512bw", "avx512vl");

impl Level {
    /// Every level, the slowest first.
    pub const ALL: [Level; 3] = [Level::Portable, Level::Avx2, Level::Avx512];

    /// The best level this processor has.
    pub fn detect() -> Level {
        if Level::Avx512.is_available() {
            Level::Avx512
        } else if Level::Avx2.is_available() {
            Level::Avx2
        } else {
            Level::Portable
        }
    }

    /// The level that a setting asks for: none or an empty one means
    /// [`Level::detect`], otherwise a level's [name](Level::name).
    ///
    /// # Errors
    ///
    /// When this processor lacks the level, saying what is missing, and when
    /// there is no level of that name, saying which there are.
    pub fn from_env_value(value: Option<&str>) -> Result<Level, String> {
        let Some(name) = value.filter(|name| !name.is_empty()) else {
            return Ok(Level::detect());
        };
        let Some(level) = Level::ALL.into_iter().find(|level| level.name() == name) else {
            let valid = Level::ALL.map(Level::name).join(", ");
            return Err(format!("unknown SIMD level {name:?}: the valid ones are {valid}"));
        };
        match level.missing().as_slice() {
            [] => Ok(level),
            missing => Err(format!("SIMD level {level} is not available: this CPU lacks {}", missing.join(", "))),
        }
    }

    /// The level's name, as [`Level::from_env_value`] reads it.
    pub fn name(self) -> &'static str {
        match self {
            Level::Portable => "portable",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }

    /// Whether this processor has what the level needs.
    pub fn is_available(self) -> bool {
        self.features().iter().all(|(_, has)| has())
    }

    /// The names of the features that the level needs and this processor lacks.
    pub fn missing(self) -> Vec<&'static str> {
        let lacking = self.features().iter().filter(|(_, has)| !has());
        lacking.map(|(name, _)| *name).collect()
    }

    fn features(self) -> &'static [Feature] {
        match self {
            Level::Portable => PORTABLE,
            Level::Avx2 => AVX2,
            Level::Avx512 => AVX512,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Does `work` with the vectors of `level`, or with portable ones where this
/// processor lacks the level.
pub(super) fn run(level: Level, work: impl Work) {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 if level.is_available() => {
            // SAFETY: this processor has every feature in `AVX512`, and those
            // are the ones that `run_avx512` is compiled for.
            unsafe { x86::run_avx512(work) }
        }
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 if level.is_available() => {
            // SAFETY: as above, with `AVX2` and `run_avx2`.
            unsafe { x86::run_avx2(work) }
        }
        _ => portable::run(work),
    }
}
