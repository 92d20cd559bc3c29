//! Matrix products of a tile of rows, at float64 and float32: rows are the lanes, outputs and rows are tiled in registers.
//!
//! ```text
//! for each group of OUTPUTS outputs, for each ROWS vectors of rows:
//!     sum[o][r] = bias[o]
//!     for each input j, in order:  sum[o][r] = fma(x[j][r], w[j][o], sum[o][r])
//! ```
//! The sum over inputs is never reordered, so every level gives the same bits. With 24 sums (AVX-512) or 12 (AVX2) in
//! registers an input takes 10 or 8 loads for them: the multiply-adds are the bound.

use super::{Activation, Level, fused};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;
use std::ops::{Add, Div, Mul, Sub};

/// Rows of a tile: the distance between the columns of `x` and of `y`.
pub(crate) const TILE: usize = 64;
/// Outputs whose weights lie together.
const OUTPUTS: usize = 6;

/// float32 or float64.
pub(crate) trait Float:
    Copy
    + Default
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + std::fmt::Debug
    + Send
    + Sync
    + 'static
{
    /// The nearest number.
    fn of(x: f64) -> Self;
    /// The number itself.
    fn wide(self) -> f64;
    /// Whether it is no number.
    fn is_nan(self) -> bool;
    /// The square root.
    fn sqrt(self) -> Self;
    /// Compute a layer at a level.
    fn run(level: Level, layer: Layer<'_, Self>);
    /// Apply a function to so many rows of each column of a tile, or to some more.
    fn activate(level: Level, activation: Activation, tile: &mut [Self], rows: usize);
}

/// Weights of a layer in the order in which they are read.
#[derive(Debug)]
pub(crate) struct Weights<F> {
    inputs: usize,
    outputs: usize,
    /// Group by group, input by input, the weights of the group's outputs.
    packed: Vec<F>,
    bias: Vec<F>,
}

impl<F: Float> Weights<F> {
    /// From row-major `[outputs, inputs]` coefficients.
    pub fn new(inputs: usize, coefficients: &[f64], bias: &[f64]) -> Self {
        let outputs = bias.len();
        let mut packed = Vec::with_capacity(inputs * outputs);
        for first in (0..outputs).step_by(OUTPUTS) {
            for j in 0..inputs {
                for o in first..outputs.min(first + OUTPUTS) {
                    packed.push(F::of(coefficients[o * inputs + j]));
                }
            }
        }
        Weights { inputs, outputs, packed, bias: bias.iter().map(|&x| F::of(x)).collect() }
    }

    /// Columns read.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Columns given.
    pub fn outputs(&self) -> usize {
        self.outputs
    }
}

/// A layer to compute for up to [`TILE`] rows.
pub(crate) struct Layer<'a, F> {
    /// What it multiplies by.
    pub weights: &'a Weights<F>,
    /// Row r of column c is at `c * TILE + r`.
    pub x: &'a [F],
    /// Likewise. Rows up to the next multiple of 16 are overwritten.
    pub y: &'a mut [F],
    /// Rows in use.
    pub rows: usize,
    /// Whether numbers below 0 become 0.
    pub relu: bool,
}

impl<F: Float> Layer<'_, F> {
    /// Whether the slices have the columns that the weights name.
    fn fits(&self) -> bool {
        let Weights { inputs, outputs, packed, bias } = self.weights;
        self.rows <= TILE
            && self.x.len() >= inputs * TILE
            && self.y.len() >= outputs * TILE
            && packed.len() == inputs * outputs
            && bias.len() == *outputs
    }
}

/// A vector of numbers.
trait Lanes: Copy {
    type Float: Float;
    /// Numbers in it, a divisor of 16.
    const COUNT: usize;
    /// # Safety
    /// `from` has `COUNT` numbers, and the processor this type's instructions, here and below.
    unsafe fn load(from: *const Self::Float) -> Self;
    /// # Safety
    /// `to` has room for `COUNT` numbers.
    unsafe fn store(self, to: *mut Self::Float);
    /// # Safety
    /// As for `load`.
    unsafe fn splat(x: Self::Float) -> Self;
    /// `self * factor + addend`, rounded once.
    /// # Safety
    /// As for `load`.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// 0 where it is below 0.
    /// # Safety
    /// As for `load`.
    unsafe fn relu(self) -> Self;
}

/// # Safety
/// The processor has the instructions of `V`, and the layer fits.
#[inline(always)]
unsafe fn compute<V: Lanes, const ROWS: usize>(layer: Layer<'_, V::Float>) {
    let Weights { inputs, outputs, packed, bias } = layer.weights;
    let vectors = layer.rows.div_ceil(V::COUNT);
    for first in (0..*outputs).step_by(OUTPUTS) {
        let mut at = 0;
        while at < vectors {
            let wide = vectors - at >= ROWS;
            let part = Part {
                inputs: *inputs,
                weights: packed[first * inputs..].as_ptr(),
                bias: bias[first..].as_ptr(),
                x: layer.x[at * V::COUNT..].as_ptr(),
                y: layer.y[first * TILE + at * V::COUNT..].as_mut_ptr(),
                relu: layer.relu,
            };
            // SAFETY: `fits` has found every column and weight that the part's outputs and inputs name; vectors start below
            // `TILE`, which is a multiple of what they hold, so that none passes its column.
            unsafe {
                match (outputs - first, wide) {
                    (1, true) => part.run::<V, ROWS, 1>(),
                    (2, true) => part.run::<V, ROWS, 2>(),
                    (3, true) => part.run::<V, ROWS, 3>(),
                    (4, true) => part.run::<V, ROWS, 4>(),
                    (5, true) => part.run::<V, ROWS, 5>(),
                    (_, true) => part.run::<V, ROWS, OUTPUTS>(),
                    (1, false) => part.run::<V, 1, 1>(),
                    (2, false) => part.run::<V, 1, 2>(),
                    (3, false) => part.run::<V, 1, 3>(),
                    (4, false) => part.run::<V, 1, 4>(),
                    (5, false) => part.run::<V, 1, 5>(),
                    (_, false) => part.run::<V, 1, OUTPUTS>(),
                }
            }
            at += if wide { ROWS } else { 1 };
        }
    }
}

/// Some outputs for some vectors of rows.
struct Part<F> {
    inputs: usize,
    weights: *const F,
    bias: *const F,
    x: *const F,
    y: *mut F,
    relu: bool,
}

impl<F: Float> Part<F> {
    /// # Safety
    /// The processor has the instructions of `V`; `weights` has `inputs * N` numbers, `bias` N, `x` `inputs` columns and `y` N
    /// columns, each with room for R vectors.
    #[inline(always)]
    unsafe fn run<V: Lanes<Float = F>, const R: usize, const N: usize>(self) {
        // SAFETY: what is promised above; column c is `c * TILE` further on.
        unsafe {
            let mut sums = [[V::splat(F::default()); R]; N];
            for (o, sums) in sums.iter_mut().enumerate() {
                *sums = [V::splat(*self.bias.add(o)); R];
            }
            let (mut x, mut weights) = (self.x, self.weights);
            for _ in 0..self.inputs {
                let mut rows = [V::splat(F::default()); R];
                for (r, row) in rows.iter_mut().enumerate() {
                    *row = V::load(x.add(r * V::COUNT));
                }
                for (o, sums) in sums.iter_mut().enumerate() {
                    let weight = V::splat(*weights.add(o));
                    for r in 0..R {
                        sums[r] = rows[r].mul_add(weight, sums[r]);
                    }
                }
                x = x.wrapping_add(TILE);
                weights = weights.wrapping_add(N);
            }
            for (o, sums) in sums.iter().enumerate() {
                for (r, sum) in sums.iter().enumerate() {
                    let sum = if self.relu { sum.relu() } else { *sum };
                    sum.store(self.y.add(o * TILE + r * V::COUNT));
                }
            }
        }
    }
}

macro_rules! float {
    ($float:ident, $mul_add:expr, $avx2:ty, $avx512:ty) => {
        impl Float for $float {
            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $float
            }
            #[inline(always)]
            fn wide(self) -> f64 {
                self.into()
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                $float::is_nan(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $float::sqrt(self)
            }
            fn activate(level: Level, activation: Activation, tile: &mut [Self], rows: usize) {
                super::activation::$float(level, activation, tile, TILE, rows);
            }
            fn run(level: Level, layer: Layer<'_, Self>) {
                assert!(layer.fits(), "a layer whose slices are too short");
                #[cfg(target_arch = "x86_64")]
                {
                    #[target_feature(enable = "avx2,fma")]
                    fn avx2(layer: Layer<'_, $float>) {
                        // SAFETY: the function is compiled for these instructions, and the caller has asserted `fits`.
                        unsafe { compute::<$avx2, 2>(layer) }
                    }
                    #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
                    fn avx512(layer: Layer<'_, $float>) {
                        // SAFETY: as above.
                        unsafe { compute::<$avx512, 4>(layer) }
                    }
                    match level {
                        // SAFETY: the processor has the features that the function is compiled for.
                        Level::Avx512 if level.is_available() => return unsafe { avx512(layer) },
                        // SAFETY: as above.
                        Level::Avx2 if level.is_available() => return unsafe { avx2(layer) },
                        _ => {}
                    }
                }
                let _ = level;
                // SAFETY: an array needs no instructions, and `fits` is asserted.
                unsafe { compute::<[$float; 4], 1>(layer) }
            }
        }

        impl Lanes for [$float; 4] {
            type Float = $float;
            const COUNT: usize = 4;
            #[inline(always)]
            unsafe fn load(from: *const $float) -> Self {
                // SAFETY: the caller vouches for four numbers.
                unsafe { from.cast::<Self>().read_unaligned() }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $float) {
                // SAFETY: the caller vouches for room.
                unsafe { to.cast::<Self>().write_unaligned(self) }
            }
            #[inline(always)]
            unsafe fn splat(x: $float) -> Self {
                [x; 4]
            }
            #[inline(always)]
            unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
                std::array::from_fn(|i| $mul_add(self[i], factor[i], addend[i]))
            }
            #[inline(always)]
            unsafe fn relu(self) -> Self {
                self.map(|x| if x < 0.0 { 0.0 } else { x })
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
float!(f32, fused::mul_add, __m256, __m512);
#[cfg(target_arch = "x86_64")]
float!(f64, f64::mul_add, __m256d, __m512d);
#[cfg(not(target_arch = "x86_64"))]
float!(f32, fused::mul_add, [f32; 4], [f32; 4]);
#[cfg(not(target_arch = "x86_64"))]
float!(f64, f64::mul_add, [f64; 4], [f64; 4]);

#[cfg(target_arch = "x86_64")]
macro_rules! vector {
    ($vector:ty, $float:ty, $count:expr, $load:ident, $store:ident, $splat:ident, $mul_add:ident, $max:ident, $zero:ident) => {
        impl Lanes for $vector {
            type Float = $float;
            const COUNT: usize = $count;
            #[inline(always)]
            unsafe fn load(from: *const $float) -> Self {
                // SAFETY: the caller vouches for the numbers and the processor.
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $float) {
                // SAFETY: the caller vouches for the room and the processor.
                unsafe { $store(to, self) }
            }
            #[inline(always)]
            unsafe fn splat(x: $float) -> Self {
                // SAFETY: the caller vouches for the processor.
                unsafe { $splat(x) }
            }
            #[inline(always)]
            unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
                // SAFETY: as above.
                unsafe { $mul_add(self, factor, addend) }
            }
            #[inline(always)]
            unsafe fn relu(self) -> Self {
                // The second operand where they are equal, and where one is NaN.
                // SAFETY: as above.
                unsafe { $max($zero(), self) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
vector!(
    __m256,
    f32,
    8,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_set1_ps,
    _mm256_fmadd_ps,
    _mm256_max_ps,
    _mm256_setzero_ps
);
#[cfg(target_arch = "x86_64")]
vector!(
    __m256d,
    f64,
    4,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_set1_pd,
    _mm256_fmadd_pd,
    _mm256_max_pd,
    _mm256_setzero_pd
);
#[cfg(target_arch = "x86_64")]
vector!(
    __m512,
    f32,
    16,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    _mm512_max_ps,
    _mm512_setzero_ps
);
#[cfg(target_arch = "x86_64")]
vector!(
    __m512d,
    f64,
    8,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    _mm512_set1_pd,
    _mm512_fmadd_pd,
    _mm512_max_pd,
    _mm512_setzero_pd
);
