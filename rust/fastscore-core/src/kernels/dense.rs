//! Networks of dense layers: a tile of rows goes through all layers in cache.
//!
//! ```text
//! for each tile of 64 rows:
//!     the input's columns, rounded to the network's width, are the tile's first ones
//!     each stage makes columns of the tile of others: y = x W + b (`simd::dense`), activations in their place, sums ...
//!     some of its columns are the result
//! ```
//! Every number is of the network's width, as the model's steps have it: the bits are those of its linear steps and links
//! one after another.

use super::{Cells, Columns, activation};
use crate::model::{Arithmetic, Linear, Link, Width};
use crate::simd::Level;
use crate::simd::bits::{self, BitWork, Bits};
use crate::simd::dense::{Float, Layer, TILE, Weights};
use std::ops::Range;

/// Bytes of a line of the cache.
const LINE: usize = 64;

/// What is done with columns of a tile, which places are numbers of.
#[derive(Debug)]
pub(crate) enum Stage<'m> {
    /// A matrix product.
    Linear {
        /// With this.
        linear: &'m Linear,
        /// Its first input.
        from: usize,
        /// Its first output, apart from the inputs.
        to: usize,
    },
    /// Columns replaced by a link of them.
    Link {
        /// Of those that give as many columns as they read.
        link: &'m Link,
        /// The first.
        at: usize,
        /// How many.
        columns: usize,
    },
    /// Columns copied to others.
    Copy {
        /// The first.
        from: usize,
        /// Where that goes.
        to: usize,
        /// How many.
        columns: usize,
    },
    /// Columns replaced by what becomes of them with others, apart from them.
    Combine {
        /// What is done.
        how: Arithmetic,
        /// The first of the others.
        from: usize,
        /// Whether there is only that one.
        is_one: bool,
        /// The first that is replaced.
        to: usize,
        /// How many.
        columns: usize,
    },
    /// Nothing is done with columns but to note which rows of them are not finite.
    Look {
        /// The first.
        from: usize,
        /// How many.
        columns: usize,
    },
}

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
    stages: Vec<Ready<F>>,
    width: Width,
    inputs: usize,
    /// Of a tile.
    columns: usize,
    result: Range<usize>,
}

/// A stage made ready.
#[derive(Debug)]
enum Ready<F> {
    Linear { weights: Weights<F>, from: usize, to: usize, relu: bool },
    Link { link: Link, at: usize, columns: usize },
    Copy { from: usize, to: usize, columns: usize },
    Combine { how: Arithmetic, from: usize, is_one: bool, to: usize, columns: usize },
    Look { from: usize, columns: usize },
}

/// One worker's tiles.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    wide: Vec<f64>,
    narrow: Vec<f32>,
    column: Vec<f64>,
}

impl Scratch {
    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        size_of::<f64>() * (self.wide.capacity() + self.column.capacity()) + size_of::<f32>() * self.narrow.capacity()
    }
}

impl Network {
    /// Stages that read a tile's first columns, the inputs, in order.
    pub fn new(width: Width, inputs: usize, columns: usize, stages: &[Stage<'_>], result: Range<usize>) -> Network {
        match width {
            Width::Float64 => Network::Wide(Layers::new(width, inputs, columns, stages, result)),
            Width::Float32 => Network::Narrow(Layers::new(width, inputs, columns, stages, result)),
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

    /// Whether it gives one column more, which is finite only in rows where all that it looks at is.
    pub fn tells(&self) -> bool {
        match self {
            Network::Wide(layers) => layers.tells(),
            Network::Narrow(layers) => layers.tells(),
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
        let (width, sizes, others) = match self {
            Network::Wide(layers) => (layers.width, layers.sizes(), layers.others()),
            Network::Narrow(layers) => (layers.width, layers.sizes(), layers.others()),
        };
        let sizes = sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("-");
        format!("{width:?}, a tile of rows through {sizes} and {others} other operations")
    }
}

impl<F: Float> Layers<F> {
    fn new(width: Width, inputs: usize, columns: usize, stages: &[Stage<'_>], result: Range<usize>) -> Self {
        let mut ready: Vec<Ready<F>> = Vec::with_capacity(stages.len());
        for stage in stages {
            match *stage {
                Stage::Linear { linear, from, to } => {
                    let weights = Weights::new(linear.inputs, &linear.coefficients, &linear.intercept);
                    ready.push(Ready::Linear { weights, from, to, relu: false });
                }
                Stage::Link { link, at, columns } => match (link, ready.last_mut()) {
                    (Link::Relu {}, Some(Ready::Linear { weights, to, relu, .. }))
                        if *to == at && weights.outputs() == columns =>
                    {
                        *relu = true;
                    }
                    _ => ready.push(Ready::Link { link: link.clone(), at, columns }),
                },
                Stage::Copy { from, to, columns } => ready.push(Ready::Copy { from, to, columns }),
                Stage::Look { from, columns } => ready.push(Ready::Look { from, columns }),
                Stage::Combine { how, from, is_one, to, columns } => {
                    ready.push(Ready::Combine { how, from, is_one, to, columns });
                }
            }
        }
        Layers { stages: ready, width, inputs, columns, result }
    }

    fn weights(&self) -> impl Iterator<Item = &Weights<F>> {
        self.stages
            .iter()
            .filter_map(|stage| if let Ready::Linear { weights, .. } = stage { Some(weights) } else { None })
    }

    fn products(&self) -> usize {
        self.weights().map(|weights| weights.inputs() * weights.outputs()).sum()
    }

    fn sizes(&self) -> Vec<usize> {
        std::iter::once(self.inputs).chain(self.weights().map(Weights::outputs)).collect()
    }

    fn others(&self) -> usize {
        let looks = self.stages.iter().filter(|stage| matches!(stage, Ready::Look { .. })).count();
        self.stages.len() - self.weights().count() - looks
    }

    fn tells(&self) -> bool {
        self.stages.iter().any(|stage| matches!(stage, Ready::Look { .. }))
    }

    #[expect(clippy::too_many_arguments, reason = "a kernel's block, and its scratch")]
    fn run(
        &self,
        level: Level,
        input: &impl Columns,
        tile: &mut Vec<F>,
        column: &mut Vec<f64>,
        out: &mut [f64],
        stride: usize,
        rows: usize,
    ) {
        let tile = aligned(tile, self.columns * TILE);
        column.resize(column.len().max(TILE), 0.0);
        for start in (0..rows).step_by(TILE) {
            let count = TILE.min(rows - start);
            self.load(level, input, column, tile, start..start + count);
            let mut told = [F::default(); TILE];
            for stage in &self.stages {
                self.stage(level, stage, tile, column, &mut told, count);
            }
            let result = tile[self.result.start * TILE..self.result.end * TILE].chunks(TILE);
            let told = self.tells().then_some(told.as_slice());
            for (from, to) in result.chain(told).zip(out.chunks_mut(stride)) {
                bits::run(level, Convert(&from[..count], &mut to[start..start + count], F::wide));
            }
        }
    }

    fn stage(
        &self,
        level: Level,
        stage: &Ready<F>,
        tile: &mut [F],
        column: &mut Vec<f64>,
        told: &mut [F; TILE],
        rows: usize,
    ) {
        match *stage {
            Ready::Linear { ref weights, from, to, relu } => {
                let (x, y) = apart(tile, from..from + weights.inputs(), to..to + weights.outputs());
                F::run(level, Layer { weights, x, y, rows, relu });
            }
            Ready::Link { ref link, at, columns } => {
                let tile = &mut tile[at * TILE..(at + columns) * TILE];
                activation::activate(level, link, self.width, tile, column, rows);
            }
            Ready::Copy { from, to, columns } => {
                let (x, y) = apart(tile, from..from + columns, to..to + columns);
                y.copy_from_slice(x);
            }
            Ready::Combine { how, from, is_one, to, columns } => {
                let (x, y) = apart(tile, from..from + if is_one { 1 } else { columns }, to..to + columns);
                activation::combine(level, how, x, y, rows);
            }
            Ready::Look { from, columns } => {
                bits::run(level, Look(&tile[from * TILE..(from + columns) * TILE], told));
            }
        }
    }

    /// Put rows of the input into a tile, at the network's width.
    fn load(&self, level: Level, input: &impl Columns, turned: &mut Vec<f64>, x: &mut [F], rows: Range<usize>) {
        let (inputs, count) = (self.inputs, rows.len());
        if let Some(array) = input.rows() {
            turned.resize(turned.len().max(inputs * TILE), 0.0);
            if array.turn(level, rows.start, count, turned, TILE) {
                return bits::run(level, Convert(&turned[..inputs * TILE], x, F::of));
            }
        }
        for (c, to) in x.chunks_mut(TILE).take(inputs).enumerate() {
            let (here, to) = (rows.clone(), &mut to[..count]);
            input.cells(c).0.fetch(here.end, 0);
            match input.cells(c) {
                (Cells::F64(x), None) => bits::run(level, Convert(&x[here], to, F::of)),
                (Cells::F32(x), None) => bits::run(level, Convert(&x[here], to, |x: f32| F::of(x.into()))),
                (Cells::I8(x), None) => bits::run(level, Convert(&x[here], to, |x: i8| F::of(x.into()))),
                (Cells::I16(x), None) => bits::run(level, Convert(&x[here], to, |x: i16| F::of(x.into()))),
                (Cells::I32(x), None) => bits::run(level, Convert(&x[here], to, |x: i32| F::of(x.into()))),
                (Cells::I64(x), None) => bits::run(level, Convert(&x[here], to, |x: i64| F::of(x as f64))),
                (Cells::U8(x), None) => bits::run(level, Convert(&x[here], to, |x: u8| F::of(x.into()))),
                (Cells::U16(x), None) => bits::run(level, Convert(&x[here], to, |x: u16| F::of(x.into()))),
                (Cells::U32(x), None) => bits::run(level, Convert(&x[here], to, |x: u32| F::of(x.into()))),
                (Cells::U64(x), None) => bits::run(level, Convert(&x[here], to, |x: u64| F::of(x as f64))),
                (cells, valid) => {
                    let mut wide = [0.0; TILE];
                    cells.widen(level, valid, here.start, &mut wide[..count]);
                    bits::run(level, Convert(&wide[..count], to, F::of));
                }
            }
        }
    }
}

/// Columns of a tile to read, and others to write.
fn apart<F>(tile: &mut [F], from: Range<usize>, to: Range<usize>) -> (&[F], &mut [F]) {
    let cut = from.start.max(to.start);
    let (before, after) = tile.split_at_mut(cut * TILE);
    if from.start < to.start {
        (&before[from.start * TILE..from.end * TILE], &mut after[..to.len() * TILE])
    } else {
        (&after[..from.len() * TILE], &mut before[to.start * TILE..to.end * TILE])
    }
}

/// So many numbers that begin with a line of the cache: a vector across two lines takes two loads.
fn aligned<F: Float>(memory: &mut Vec<F>, count: usize) -> &mut [F] {
    let line = LINE / size_of::<F>();
    memory.resize(memory.len().max(count + line), F::default());
    let skip = memory.as_ptr().align_offset(LINE).min(line);
    &mut memory[skip..skip + count]
}

/// Adds zero times each column to what is told of rows: a number that is not finite makes it NaN.
struct Look<'a, F>(&'a [F], &'a mut [F; TILE]);

impl<F: Float> BitWork for Look<'_, F> {
    #[inline(always)]
    fn run(self, _: impl Bits) {
        let Look(columns, told) = self;
        let mut sums = *told;
        for column in columns.as_chunks::<TILE>().0 {
            for (sum, &x) in sums.iter_mut().zip(column) {
                *sum = *sum + x * F::default();
            }
        }
        *told = sums;
    }
}

/// Numbers of one width to another.
pub(super) struct Convert<'a, A, B, C>(pub &'a [A], pub &'a mut [B], pub C);

impl<A: Copy, B, C: Fn(A) -> B> BitWork for Convert<'_, A, B, C> {
    #[inline(always)]
    fn run(self, _: impl Bits) {
        let Convert(from, to, convert) = self;
        for (to, &from) in to.iter_mut().zip(from) {
            *to = convert(from);
        }
    }
}
