//! Networks of dense layers: a tile of rows goes through all layers in cache.
//!
//! ```text
//! for each tile of 64 rows:
//!     the input's columns, rounded to the network's width
//!     for each layer: y = x W + b (`simd::dense`), then its activation, on the tile
//!     the last layer's columns are the result
//! ```
//! Every number is of the network's width, as the model's steps have it: the bits are those of its linear steps and links
//! one after another.

use super::link;
use super::{Cells, Columns};
use crate::model::{Linear, Link, Width};
use crate::simd::Level;
use crate::simd::bits::{self, BitWork, Bits};
use crate::simd::dense::{Float, Layer, TILE, Weights};
use std::ops::Range;

/// Bytes of a line of the cache.
const LINE: usize = 64;

/// Layers with their activations.
#[derive(Debug)]
pub(crate) enum Network {
    /// At float64.
    Wide(Layers<f64>),
    /// At float32.
    Narrow(Layers<f32>),
}

/// The layers of a network of one width.
#[derive(Debug)]
pub(crate) struct Layers<F> {
    layers: Vec<(Weights<F>, Option<Link>)>,
    width: Width,
}

/// One worker's tiles.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    wide: [Vec<f64>; 2],
    narrow: [Vec<f32>; 2],
    column: Vec<f64>,
}

impl Network {
    /// Linear steps of one width, each with the link that follows it. A link is a function of each column alone.
    pub fn new(width: Width, layers: &[(&Linear, Option<&Link>)]) -> Network {
        match width {
            Width::Float64 => Network::Wide(Layers::new(width, layers)),
            Width::Float32 => Network::Narrow(Layers::new(width, layers)),
        }
    }

    /// `out[o * stride + r]`, for `rows` rows.
    pub fn run(
        &self,
        level: Level,
        input: &impl Columns,
        scratch: &mut Scratch,
        out: &mut [f64],
        stride: usize,
        rows: usize,
    ) {
        let Scratch { wide, narrow, column } = scratch;
        match self {
            Network::Wide(layers) => layers.run(level, input, wide, column, out, stride, rows),
            Network::Narrow(layers) => layers.run(level, input, narrow, column, out, stride, rows),
        }
    }

    /// Whether it is a linear step alone.
    pub fn is_one_layer(&self) -> bool {
        match self {
            Network::Wide(layers) => layers.layers.len() == 1,
            Network::Narrow(layers) => layers.layers.len() == 1,
        }
    }

    /// Multiply-adds that a row takes.
    pub fn products(&self) -> usize {
        match self {
            Network::Wide(layers) => layers.products(),
            Network::Narrow(layers) => layers.products(),
        }
    }

    /// The layers' sizes, for the plan.
    pub fn describe(&self) -> String {
        let sizes = match self {
            Network::Wide(layers) => layers.sizes(),
            Network::Narrow(layers) => layers.sizes(),
        };
        sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("-")
    }
}

impl<F: Float> Layers<F> {
    fn new(width: Width, layers: &[(&Linear, Option<&Link>)]) -> Self {
        let layer = |(linear, link): &(&Linear, Option<&Link>)| {
            (Weights::new(linear.inputs, &linear.coefficients, &linear.intercept), link.cloned())
        };
        Layers { layers: layers.iter().map(layer).collect(), width }
    }

    fn products(&self) -> usize {
        self.layers.iter().map(|(weights, _)| weights.inputs() * weights.outputs()).sum()
    }

    fn sizes(&self) -> Vec<usize> {
        let first = self.layers.first().map(|(weights, _)| weights.inputs());
        first.into_iter().chain(self.layers.iter().map(|(weights, _)| weights.outputs())).collect()
    }

    #[expect(clippy::too_many_arguments, reason = "a kernel's block, and its scratch")]
    fn run(
        &self,
        level: Level,
        input: &impl Columns,
        [x, y]: &mut [Vec<F>; 2],
        column: &mut Vec<f64>,
        out: &mut [f64],
        stride: usize,
        rows: usize,
    ) {
        let widest = self.sizes().into_iter().max().unwrap_or(0);
        let [mut x, mut y] = [x, y].map(|tile| aligned(tile, widest * TILE));
        column.resize(column.len().max(TILE), 0.0);
        for start in (0..rows).step_by(TILE) {
            let count = TILE.min(rows - start);
            self.load(level, input, column, x, start..start + count);
            for (weights, link) in &self.layers {
                let relu = matches!(link, Some(Link::Relu {}));
                F::run(level, Layer { weights, x, y: &mut *y, rows: count, relu });
                if let (Some(link), false) = (link, relu) {
                    self.activate(level, link, &mut y[..weights.outputs() * TILE], &mut column[..count]);
                }
                std::mem::swap(&mut x, &mut y);
            }
            let outputs = self.layers.last().map_or(0, |(weights, _)| weights.outputs());
            for (from, to) in x.chunks(TILE).zip(out.chunks_mut(stride)).take(outputs) {
                bits::run(level, Convert(&from[..count], &mut to[start..start + count], F::wide));
            }
        }
    }

    /// Put rows of the input into a tile, at the network's width.
    fn load(&self, level: Level, input: &impl Columns, turned: &mut Vec<f64>, x: &mut [F], rows: Range<usize>) {
        let (inputs, count) = (self.layers.first().map_or(0, |(weights, _)| weights.inputs()), rows.len());
        if let Some(array) = input.rows() {
            turned.resize(turned.len().max(inputs * TILE), 0.0);
            if array.turn(level, rows.start, count, turned, TILE) {
                return bits::run(level, Convert(&turned[..inputs * TILE], x, F::of));
            }
        }
        for (c, to) in x.chunks_mut(TILE).take(inputs).enumerate() {
            let (here, to) = (rows.clone(), &mut to[..count]);
            match input.cells(c) {
                Cells::F64(x) => bits::run(level, Convert(&x[here], to, F::of)),
                Cells::F32(x) => bits::run(level, Convert(&x[here], to, |x: f32| F::of(x.into()))),
                Cells::I8(x) => bits::run(level, Convert(&x[here], to, |x: i8| F::of(x.into()))),
                Cells::I16(x) => bits::run(level, Convert(&x[here], to, |x: i16| F::of(x.into()))),
                Cells::I32(x) => bits::run(level, Convert(&x[here], to, |x: i32| F::of(x.into()))),
                Cells::I64(x) => bits::run(level, Convert(&x[here], to, |x: i64| F::of(x as f64))),
                Cells::U8(x) => bits::run(level, Convert(&x[here], to, |x: u8| F::of(x.into()))),
                Cells::U16(x) => bits::run(level, Convert(&x[here], to, |x: u16| F::of(x.into()))),
                Cells::U32(x) => bits::run(level, Convert(&x[here], to, |x: u32| F::of(x.into()))),
                Cells::U64(x) => bits::run(level, Convert(&x[here], to, |x: u64| F::of(x as f64))),
            }
        }
    }

    /// Apply a link to each column of a tile.
    fn activate(&self, level: Level, link: &Link, tile: &mut [F], column: &mut [f64]) {
        for values in tile.chunks_mut(TILE) {
            let values = &mut values[..column.len()];
            bits::run(level, Convert(values, column, F::wide));
            link::apply(level, link, self.width, &mut [&mut *column]);
            bits::run(level, Convert(column, values, F::of));
        }
    }
}

/// So many numbers that begin with a line of the cache: a vector across two lines takes two loads.
fn aligned<F: Float>(memory: &mut Vec<F>, count: usize) -> &mut [F] {
    let line = LINE / size_of::<F>();
    memory.resize(memory.len().max(count + line), F::default());
    let skip = memory.as_ptr().align_offset(LINE).min(line);
    &mut memory[skip..skip + count]
}

/// Numbers of one width to another.
struct Convert<'a, A, B, C>(&'a [A], &'a mut [B], C);

impl<A: Copy, B, C: Fn(A) -> B> BitWork for Convert<'_, A, B, C> {
    #[inline(always)]
    fn run(self, _: impl Bits) {
        let Convert(from, to, convert) = self;
        for (to, &from) in to.iter_mut().zip(from) {
            *to = convert(from);
        }
    }
}
