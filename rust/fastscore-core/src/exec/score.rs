//! Scoring: blocks of rows, taken by worker threads, each writing its own rows of the result.

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::bind::bind;
use super::block::{Block, Reader};
use super::few::Input;
use super::guards::Guards;
use super::pool;
use super::recycled::{Kept, Recycled};
use super::refusal::all_finite;
use super::scores::{Data, Group, Output, Scores, Source, sources, widths};
use super::table::Table;
use crate::error::{Error, Result};
use crate::kernels::{Columns, Values};
use crate::model::{Checks, Decision, Model, Width};
use crate::plan::{Needed, Plan, Proof, Scratch, Telling, View};
use crate::reference;

/// Scratch that a block should take, and its most rows: it shares the second cache level with the engine's tables.
const BLOCK: (usize, usize) = (256 << 10, 4096);
/// The same for forests whose trees do not fit that cache: each block streams all of them, so few large blocks win
/// (40 trees of 50 000 nodes: 16 us a row with 1 280 rows, 8 us with 16 384).
const DEEP_BLOCK: (usize, usize) = (4 << 20, 16384);
/// Scratch that a block may take where rows are very wide.
const MAX_BLOCK_BYTES: usize = 64 << 20;
/// Rows of a block are a multiple of this where possible: whole tiles for the walk, whole words for the bit-sliced engine.
const ROW_STEP: usize = 512;
/// Work that a thread should have before another one is woken.
const NS_PER_THREAD: f64 = 100_000.0;
/// Blocks that each thread should get, so that all end at about the same time.
const BLOCKS_PER_THREAD: usize = 4;
/// The most rows of a block that threads share out: with 4 096 of 100 000 rows, one of two threads ended a block before the
/// other, a sixteenth of the work. Trees that stream through the cache for each block are another matter.
const SHARED_BLOCK: usize = 1024;
/// Bytes that a thread keeps between calls: those of a block, and what turning rows takes.
const MOST_KEPT: usize = 2 * BLOCK.0;
/// Steps of a model whose memory is kept, at most.
const MOST_STEPS: usize = 1000;
/// Numbers that there is always memory for.
const SMALL: usize = 64 << 10;
const INTERRUPT_EVERY: Duration = Duration::from_millis(50);

/// What becomes of rows with values that the source refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRefused {
    /// The call fails.
    Raise,
    /// The row's scores are null.
    Null,
}

/// Score a table on up to `threads` threads, or as many as the process has cores. `interrupt` is asked now and then, on
/// the calling thread, whether to stop.
///
/// The result does not depend on `threads`, on how the table is chunked, or on the other rows.
pub fn score(
    plan: &Plan,
    table: &Table,
    output: Output,
    threads: Option<usize>,
    on_refused: OnRefused,
    interrupt: &(dyn Fn() -> bool + Sync),
) -> Result<Scores> {
    let model = plan.model();
    let widths = widths(model, output).ok_or_else(|| lacks(model, output))?;
    let binding = bind(model, table)?;
    let call = Call::new(plan, output);
    let reader = Reader::new(plan.level(), table, &binding, &call.features, model, plan.streams(&call.steps));
    let rows = table.rows();
    let mut scores = empty_scores(model, output, &widths, rows, on_refused == OnRefused::Null)?;
    if rows == 0 {
        return Ok(scores);
    }
    let (threads, block_rows) = call.division(&reader, rows, threads);
    let jobs = Mutex::new(split(&mut scores, block_rows).into_iter());
    let stop = AtomicBool::new(false);
    let refused = AtomicBool::new(false);
    let interrupted = AtomicBool::new(false);
    pool::run(threads, |caller| {
        let mut worker = Worker::new(&call, &reader, block_rows);
        let mut asked = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            // A worker that panicked holds no lock while it computes, so a poisoned one still holds whole jobs.
            let job = jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
            let Some(job) = job else { break };
            if !worker.run(job, on_refused) {
                refused.store(true, Ordering::Relaxed);
                stop.store(true, Ordering::Relaxed);
            }
            if caller && asked.elapsed() >= INTERRUPT_EVERY {
                asked = Instant::now();
                if interrupt() {
                    interrupted.store(true, Ordering::Relaxed);
                    stop.store(true, Ordering::Relaxed);
                }
            }
        }
    })?;
    if interrupted.into_inner() {
        return Err(Error::Interrupted);
    }
    if refused.into_inner() {
        return Err(refusal(&call, &reader, block_rows, on_refused, interrupt));
    }
    drop(jobs);
    Ok(scores)
}

/// The error for a call that met a value that is refused: by its column, the first row that has one, and how many.
fn refusal(
    call: &Call,
    reader: &Reader,
    block_rows: usize,
    on_refused: OnRefused,
    interrupt: &dyn Fn() -> bool,
) -> Error {
    if let Some(error) = reader.refusal(on_refused, interrupt) {
        return error;
    }
    let mut worker = Worker::new(call, reader, block_rows);
    let mut finds = call.guards.no_finds();
    for start in (0..reader.rows()).step_by(block_rows) {
        if interrupt() {
            return Error::Interrupted;
        }
        let rows = block_rows.min(reader.rows() - start);
        if worker.values(start, rows, OnRefused::Null, None) {
            // Rows that lack a value, if they become null.
            worker.pass(rows, OnRefused::Null);
            worker.compute_late(rows);
            let Worker { call, block, memory: Memory { values, bad, .. }, stride, .. } = &worker;
            let values = Values { features: &Input::Block(block), steps: values, stride: *stride, rows };
            call.guards.note(&values, bad, start, on_refused, &mut finds);
        }
    }
    call.guards.error(&finds, reader).unwrap_or_else(|| {
        Error::Schema("the data changed while it was scored: a refused value was there and is gone".into())
    })
}

/// The error for an output that a model does not have.
pub fn lacks(model: &Model, output: Output) -> Error {
    let has: Vec<_> = Output::ALL.into_iter().filter(|&o| widths(model, o).is_some()).map(Output::name).collect();
    Error::InvalidArgument(format!(
        "{} has no output {:?}; it has {}",
        model.source().class,
        output.name(),
        has.join(", ")
    ))
}

/// The scores of no rows: their types and number.
pub fn empty(model: &Model, output: Output) -> Result<Scores> {
    let widths = widths(model, output).ok_or_else(|| lacks(model, output))?;
    empty_scores(model, output, &widths, 0, false)
}

fn empty_scores(model: &Model, output: Output, widths: &[usize], rows: usize, nullable: bool) -> Result<Scores> {
    let sources = sources(model, output);
    let group = |(index, &columns): (usize, &usize)| {
        let codes_of = sources.get(index).and_then(|source: &Source| source.decision).map(|_| index);
        let data = if codes_of.is_some() || output == Output::Leaf {
            Data::I32(zeros(rows, columns)?)
        } else if model.output_width() == Width::Float32 {
            Data::F32(numbers(rows, columns)?)
        } else {
            Data::F64(numbers(rows, columns)?)
        };
        Ok(Group { columns, data, codes_of })
    };
    let groups = widths.iter().enumerate().map(group).collect::<Result<Vec<_>>>()?;
    let nulls = (nullable && model.refuses()).then(|| zeros(rows, 1)).transpose()?;
    Ok(Scores { rows, groups, nulls })
}

/// A zeroed buffer. Rows may be a claim that no memory backs (a NumPy view of stride 0, an Arrow null array), so a size
/// that can't be had is an error, not an abort.
fn zeros<T: Copy + Default>(rows: usize, columns: usize) -> Result<Vec<T>> {
    let fits = |count| count <= SMALL || Vec::<T>::new().try_reserve_exact(count).is_ok();
    match rows.checked_mul(columns) {
        Some(count) if fits(count) => Ok(vec![T::default(); count]),
        _ => Err(Error::OutOfMemory { rows, columns }),
    }
}

/// A buffer whose numbers are all going to be written.
fn numbers<T: Kept>(rows: usize, columns: usize) -> Result<Recycled<T>> {
    match rows.checked_mul(columns).and_then(Recycled::find) {
        Some(found) => Ok(found),
        None => zeros(rows, columns).map(Recycled::from),
    }
}

/// The rows of a block in the result, column by column.
pub(super) enum Slices<'a> {
    F64(Vec<&'a mut [f64]>),
    F32(Vec<&'a mut [f32]>),
    I32(Vec<&'a mut [i32]>),
}

impl<'a> Slices<'a> {
    /// All rows of a group's columns.
    pub(super) fn of(data: &'a mut Data, rows: usize) -> Self {
        match data {
            Data::F64(data) => Slices::F64(data.chunks_mut(rows).collect()),
            Data::F32(data) => Slices::F32(data.chunks_mut(rows).collect()),
            Data::I32(data) => Slices::I32(data.chunks_mut(rows).collect()),
        }
    }
}

struct Job<'a> {
    start: usize,
    rows: usize,
    groups: Vec<Slices<'a>>,
    nulls: Option<&'a mut [u8]>,
}

/// Cut the result into blocks: no two share an element, so workers need no lock to write.
fn split(scores: &mut Scores, block_rows: usize) -> Vec<Job<'_>> {
    let rows = scores.rows;
    let mut jobs: Vec<Job> = (0..rows)
        .step_by(block_rows)
        .map(|start| Job { start, rows: block_rows.min(rows - start), groups: Vec::new(), nulls: None })
        .collect();
    for group in &mut scores.groups {
        let width = group.columns;
        match &mut group.data {
            Data::F64(data) => {
                jobs.iter_mut().for_each(|job| job.groups.push(Slices::F64(Vec::with_capacity(width))));
                for (job, part) in data.chunks_mut(rows).flat_map(|column| jobs_of(column, block_rows)) {
                    if let Some(Slices::F64(slices)) = jobs[job].groups.last_mut() {
                        slices.push(part);
                    }
                }
            }
            Data::F32(data) => {
                jobs.iter_mut().for_each(|job| job.groups.push(Slices::F32(Vec::with_capacity(width))));
                for (job, part) in data.chunks_mut(rows).flat_map(|column| jobs_of(column, block_rows)) {
                    if let Some(Slices::F32(slices)) = jobs[job].groups.last_mut() {
                        slices.push(part);
                    }
                }
            }
            Data::I32(data) => {
                jobs.iter_mut().for_each(|job| job.groups.push(Slices::I32(Vec::with_capacity(width))));
                for (job, part) in data.chunks_mut(rows).flat_map(|column| jobs_of(column, block_rows)) {
                    if let Some(Slices::I32(slices)) = jobs[job].groups.last_mut() {
                        slices.push(part);
                    }
                }
            }
        }
    }
    if let Some(nulls) = &mut scores.nulls {
        for (job, part) in jobs.iter_mut().zip(nulls.chunks_mut(block_rows)) {
            job.nulls = Some(part);
        }
    }
    jobs
}

/// A column's parts with the number of the block that each belongs to.
fn jobs_of<T>(column: &mut [T], block_rows: usize) -> impl Iterator<Item = (usize, &mut [T])> {
    column.chunks_mut(block_rows).enumerate()
}

/// What every block of a call has in common.
struct Call<'p> {
    plan: &'p Plan,
    /// The steps to run, in order.
    steps: Vec<usize>,
    /// Those besides whose values guards look at where they are not proved to find nothing.
    late: Vec<usize>,
    /// For each guard a column that is finite only where the guard finds nothing.
    proofs: Vec<Option<Telling>>,
    /// Per feature whether it is read.
    features: Vec<bool>,
    /// The step whose leaves are wanted.
    leaf_step: Option<usize>,
    /// What each group of the result is written from; empty for leaves.
    sources: Vec<Source>,
    guards: Guards<'p>,
    /// A column that is finite only where features hold nothing of this.
    telling: Option<(Telling, &'p [Checks])>,
    /// The step whose only column is the result, which it writes itself.
    direct: Option<usize>,
    /// Where the only step's engine may find out by the way that numbers are finite: per feature whether it reads it.
    proved: Option<Vec<bool>>,
}

impl<'p> Call<'p> {
    fn new(plan: &'p Plan, output: Output) -> Self {
        let model = plan.model();
        let sources = sources(model, output);
        let leaf_step = if output == Output::Leaf { model.leaf_forest().map(|(step, _)| step) } else { None };
        let guards = Guards::new(plan);
        let shown = sources.iter().map(|source| source.value);
        let Needed { steps, late, proofs, features } = plan.needed(shown, leaf_step);
        let telling = steps.iter().find_map(|&step| plan.told(step));
        let proved = if let [step] = steps[..] { plan.proves(step) } else { None };
        let direct = match (&sources[..], steps.last()) {
            ([Source { value, width: 1, decision: None }], Some(&last))
                if guards.is_empty()
                    && !plan.is_reference()
                    && plan.width(last) == 1
                    && model.output_width() == Width::Float64
                    && matches!(plan.view(*value), View::Whole(whole, 1) if *whole == last + 1) =>
            {
                Some(last)
            }
            _ => None,
        };
        Call { plan, steps, late, proofs, features, leaf_step, sources, guards, telling, direct, proved }
    }

    /// How many threads to use and how many rows a block has.
    fn division(&self, reader: &Reader, rows: usize, threads: Option<usize>) -> (usize, usize) {
        let widths: usize = self.steps.iter().map(|&step| self.plan.width(step)).sum();
        let per_row =
            (8 * (reader.width_in_memory(self.proved.is_some()) + widths) + self.plan.scratch_per_row()).max(1);
        let (bytes, most) = if self.plan.has_deep_forest() { DEEP_BLOCK } else { BLOCK };
        let mut block = (bytes / per_row).clamp(ROW_STEP, most).min((MAX_BLOCK_BYTES / per_row).max(1));
        let cost = self.plan.cost(rows) + (2 * reader.width()) as f64 * rows as f64;
        // Counting the cores takes longer than a small call.
        let threads = match (cost / NS_PER_THREAD) as usize {
            0 | 1 => 1,
            worth => worth.min(threads.unwrap_or_else(pool::cores)),
        };
        if threads > 1 {
            if !self.plan.has_deep_forest() {
                block = block.min(SHARED_BLOCK);
            }
            // As many blocks for each thread: a last block that one thread scores alone makes the others wait.
            let blocks = rows.div_ceil(threads * block).max(BLOCKS_PER_THREAD);
            block = block.min(rows.div_ceil(threads * blocks).next_multiple_of(ROW_STEP));
        }
        if block > ROW_STEP {
            block -= block % ROW_STEP;
        }
        (threads.min(rows.div_ceil(block)), block.min(rows))
    }
}

/// What a thread keeps between calls: a small call takes longer to get its memory from the system than to score.
#[derive(Default)]
struct Memory {
    /// The output of each step: row r of column c is at `c * stride + r`; empty where not needed.
    values: Vec<Vec<f64>>,
    scratch: Scratch,
    bad: Vec<u8>,
}

thread_local! {
    static KEPT: Cell<Memory> = Cell::default();
}

/// One thread at work on a call.
struct Worker<'r, 't> {
    call: &'r Call<'r>,
    block: Block<'r, 't>,
    memory: Memory,
    stride: usize,
    /// Per feature whether the telling column tells of all that is refused.
    settled: Option<Vec<bool>>,
    /// Per row those that the reference interpreter found, where it runs.
    leaves: Vec<Vec<i32>>,
}

impl Drop for Worker<'_, '_> {
    fn drop(&mut self) {
        let Worker { call, memory, stride, .. } = self;
        let numbers: usize = memory.values.iter().map(Vec::capacity).sum();
        let engines = call.plan.scratch_per_row() * *stride + memory.scratch.bytes();
        if memory.values.len() <= MOST_STEPS && size_of::<f64>() * numbers + engines <= MOST_KEPT {
            KEPT.set(std::mem::take(memory));
        }
    }
}

impl<'r, 't> Worker<'r, 't> {
    fn new(call: &'r Call<'r>, reader: &'r Reader<'t>, stride: usize) -> Self {
        let model = call.plan.model();
        let mut memory = KEPT.take();
        memory.values.iter_mut().for_each(Vec::clear);
        memory.values.resize_with(model.steps().len(), Vec::new);
        memory.bad.clear();
        memory.scratch.take_proof();
        if model.refuses() || !call.guards.is_empty() {
            memory.bad.resize(stride, 0);
        }
        let settled = call.telling.and_then(|(_, ruled_out)| reader.settled(ruled_out));
        Worker { call, block: Block::new(reader, stride), memory, stride, settled, leaves: Vec::new() }
    }

    /// Score one block; false when it has values that have no code or are refused, and the call must fail.
    fn run(&mut self, mut job: Job, on_refused: OnRefused) -> bool {
        let direct = match job.groups.as_mut_slice() {
            [Slices::F64(columns)] if self.call.direct.is_some() => columns.first_mut().map(|column| &mut **column),
            _ => None,
        };
        let written = direct.is_some();
        if !self.values(job.start, job.rows, on_refused, direct) || !self.pass(job.rows, on_refused) {
            return false;
        }
        if !written {
            self.write(&mut job);
        }
        if let Some(nulls) = &mut job.nulls {
            nulls.copy_from_slice(&self.memory.bad[..job.rows]);
            blank(&mut job);
        }
        true
    }

    /// Compute the values of a block, that of the call's direct step into `direct`; false when its features are refused, and
    /// the call must fail.
    fn values(&mut self, start: usize, rows: usize, on_refused: OnRefused, mut direct: Option<&mut [f64]>) -> bool {
        if !self.block.load(start, rows) {
            return false;
        }
        self.memory.bad.fill(0);
        if let (Some((telling, _)), true) = (self.call.telling, self.settled.is_some()) {
            self.compute(rows, direct.as_deref_mut());
            // Where a sum is not finite, a value of the row may be refused, or the sum has overflowed.
            let finite = match direct {
                Some(direct) if self.call.direct == Some(telling.step) => all_finite(self.call.plan.level(), direct),
                _ => self.is_finite(telling, rows),
            };
            let any = match self.settled.as_ref().filter(|_| finite) {
                Some(settled) => self.block.find_refused_beside(settled, &mut self.memory.bad),
                None => self.block.find_refused(&mut self.memory.bad),
            };
            return !any || on_refused != OnRefused::Raise;
        }
        if let Some(proved) = &self.call.proved {
            self.compute(rows, direct);
            let any = match self.memory.scratch.take_proof() {
                Proof::All => false,
                Proof::Read => self.block.find_refused_beside(proved, &mut self.memory.bad),
                Proof::None => self.block.find_refused(&mut self.memory.bad),
            };
            return !any || on_refused != OnRefused::Raise;
        }
        if self.block.find_refused(&mut self.memory.bad) && on_refused == OnRefused::Raise {
            return false;
        }
        if self.call.plan.is_reference() {
            self.interpret(rows);
        } else {
            self.compute(rows, direct);
        }
        true
    }

    /// Find the rows whose values steps refuse; false when the call must fail.
    fn pass(&mut self, rows: usize, on_refused: OnRefused) -> bool {
        if self.call.guards.is_empty() {
            return true;
        }
        let is_proved = |proof: &Option<Telling>| proof.is_some_and(|proof| self.is_finite(proof, rows));
        let proved: Vec<bool> = self.call.proofs.iter().map(is_proved).collect();
        if proved.contains(&false) {
            self.compute_late(rows);
        }
        let Worker { call, block, memory: Memory { values, bad, .. }, stride, .. } = self;
        let values = Values { features: &Input::Block(&*block), steps: values, stride: *stride, rows };
        call.guards.pass(&values, |guard| proved[guard], bad, on_refused)
    }

    fn is_finite(&self, Telling { step, column }: Telling, rows: usize) -> bool {
        all_finite(self.call.plan.level(), &self.memory.values[step][column * self.stride..][..rows])
    }

    fn compute(&mut self, rows: usize, direct: Option<&mut [f64]>) {
        self.compute_steps(&self.call.steps, rows, direct);
    }

    /// Compute what only guards read.
    fn compute_late(&mut self, rows: usize) {
        self.compute_steps(&self.call.late, rows, None);
    }

    fn compute_steps(&mut self, steps: &[usize], rows: usize, mut direct: Option<&mut [f64]>) {
        let Worker { call, block, memory: Memory { values, scratch, .. }, stride, .. } = self;
        for &step in steps {
            let (before, after) = values.split_at_mut(step);
            let out = match direct.as_deref_mut() {
                Some(direct) if call.direct == Some(step) => direct,
                _ => {
                    after[0].resize(call.plan.width(step) * *stride, 0.0);
                    &mut after[0]
                }
            };
            let values = Values { features: &Input::Block(&*block), steps: before, stride: *stride, rows };
            call.plan.run(step, &values, scratch, out);
        }
    }

    /// The same by the reference interpreter, a row at a time.
    fn interpret(&mut self, rows: usize) {
        let (call, model) = (self.call, self.call.plan.model());
        let mut features = vec![f64::NAN; call.features.len()];
        self.leaves.clear();
        for &step in &call.steps {
            self.memory.values[step].resize(call.plan.width(step) * self.stride, 0.0);
        }
        for row in 0..rows {
            for (feature, _) in call.features.iter().enumerate().filter(|(_, read)| **read) {
                features[feature] = self.block.column(feature)[row];
            }
            let result = reference::interpret(model, &features);
            for &step in &call.steps {
                for (c, &x) in result.values[step + 1].iter().enumerate() {
                    self.memory.values[step][c * self.stride + row] = x;
                }
            }
            self.leaves.push(result.leaves);
        }
    }

    /// Write what the output shows of the values.
    fn write(&mut self, job: &mut Job) {
        let Worker { call, block, memory: Memory { values, scratch, .. }, stride, leaves, .. } = self;
        let values = Values { features: &Input::Block(&*block), steps: values, stride: *stride, rows: job.rows };
        if let (Some(step), [Slices::I32(out)]) = (call.leaf_step, job.groups.as_mut_slice()) {
            if !call.plan.is_reference() {
                return call.plan.run_leaves(step, &values, scratch, out);
            }
            for (row, leaves) in leaves.iter().enumerate() {
                out.iter_mut().zip(leaves).for_each(|(column, &leaf)| column[row] = leaf);
            }
            return;
        }
        for (source, out) in call.sources.iter().zip(&mut job.groups) {
            decide(source, &values.of(call.plan.view(source.value)), out);
        }
    }
}

/// Write a value's columns, or the class codes that follow from them.
pub(super) fn decide(source: &Source, value: &impl Columns, out: &mut Slices) {
    match out {
        Slices::F64(columns) => {
            for (c, column) in columns.iter_mut().enumerate() {
                column.copy_from_slice(value.column(c));
            }
        }
        Slices::F32(columns) => {
            for (c, column) in columns.iter_mut().enumerate() {
                for (to, &from) in column.iter_mut().zip(value.column(c)) {
                    *to = from as f32;
                }
            }
        }
        Slices::I32(columns) => {
            let mut each = |code: &dyn Fn(f64) -> bool| {
                for (c, column) in columns.iter_mut().enumerate() {
                    for (to, &x) in column.iter_mut().zip(value.column(c)) {
                        *to = i32::from(code(x));
                    }
                }
            };
            match source.decision {
                Some(Decision::Positive(_)) => each(&|x| x > 0.0),
                Some(Decision::Above(_, at)) => each(&|x| x > at),
                // NaN is no outlier: it is not below 0.
                Some(Decision::Inlier(_)) => each(&|x| x >= 0.0 || x.is_nan()),
                Some(Decision::ArgMax(_) | Decision::Cluster(_)) => {
                    columns.iter_mut().for_each(|codes| arg_max(value, source.width, codes));
                }
                Some(Decision::Scan(_)) => columns.iter_mut().for_each(|codes| scan(value, source.width, codes)),
                Some(Decision::Value(_)) | None => {}
            }
        }
    }
}

/// The first largest column of each row; NaN counts as larger than any number, as in NumPy.
fn arg_max(value: &impl Columns, width: usize, codes: &mut [i32]) {
    let mut best = value.column(0).to_vec();
    codes.fill(0);
    for c in 1..width {
        for ((code, best), &x) in codes.iter_mut().zip(&mut best).zip(value.column(c)) {
            if x > *best || (x.is_nan() && !best.is_nan()) {
                *best = x;
                *code = c as i32;
            }
        }
    }
}

/// The column that a scan by `>` ends at: NaN is passed over, unless it is the first.
fn scan(value: &impl Columns, width: usize, codes: &mut [i32]) {
    let mut best = value.column(0).to_vec();
    codes.fill(0);
    for c in 1..width {
        for ((code, best), &x) in codes.iter_mut().zip(&mut best).zip(value.column(c)) {
            if x > *best {
                *best = x;
                *code = c as i32;
            }
        }
    }
}

/// Put NaN and 0 where rows are null, so that a null row holds nothing that was computed from refused values.
fn blank(job: &mut Job) {
    let Some(nulls) = &job.nulls else { return };
    if nulls.iter().all(|&null| null == 0) {
        return;
    }
    fn put<T: Copy>(columns: &mut [&mut [T]], nulls: &[u8], value: T) {
        for column in columns {
            column.iter_mut().zip(nulls).filter(|(_, null)| **null != 0).for_each(|(x, _)| *x = value);
        }
    }
    for group in &mut job.groups {
        match group {
            Slices::F64(columns) => put(columns, nulls, f64::NAN),
            Slices::F32(columns) => put(columns, nulls, f32::NAN),
            Slices::I32(columns) => put(columns, nulls, 0),
        }
    }
}
