//! The Polars expression plugin: its C ABI, in this same extension module.
//!
//! Polars opens the module by its path, asks for the version of the ABI, and then calls, on any thread and without the
//! GIL, `_polars_plugin_field_NAME` for the type that an expression has and `_polars_plugin_NAME` for its values. The
//! keyword arguments come as the bytes that Python pickled. A failed call leaves its result empty, and Polars asks for
//! the message on the same thread. No panic may cross.
//!
//! The functions keep nothing between calls but [`models`], a bounded cache: what a call needs travels with it.

mod abi;
mod kwargs;
pub mod models;

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::ffi::FFI_ArrowSchema;
use arrow_array::{Array, ArrayRef, UInt64Array};
use arrow_data::transform::MutableArrayData;
use arrow_schema::{DataType, Field, FieldRef};
use fastscore_core::exec::{self, OnRefused};
use fastscore_core::plan::Plan;
use fastscore_core::{Error, Result};

use crate::arrow_import;
use crate::scores::Scores;
use crate::table::Table;
use abi::{CallerContext, SeriesExport, Taken};
use kwargs::Kwargs;
use models::{Known, Slot};

/// Rows from which a call is worth splitting over threads of our own: Polars' in-memory engine hands over a whole chunk
/// on one thread; a streaming engine's morsels are smaller and come on many at once.
const MANY_ROWS: usize = 131_072;

/// Calls that run now, in this process.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// What went wrong last on this thread.
    static MESSAGE: RefCell<CString> = RefCell::default();
}

/// Major and minor version of the ABI: 0.1, whose `field` functions get keyword arguments.
#[unsafe(no_mangle)]
extern "C" fn _polars_plugin_get_version() -> u32 {
    1
}

/// The message of this thread's last failed call, until its next.
#[unsafe(no_mangle)]
extern "C" fn _polars_plugin_get_last_error_message() -> *const c_char {
    MESSAGE.with_borrow(|message| message.as_ptr())
}

/// The field of a score: its type depends on the model alone, and columns that do not fit are refused here.
///
/// # Safety
/// As Polars calls it: `fields` points to `count` schemas, `out` to an empty one, `kwargs` to `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn _polars_plugin_field_score(
    fields: *const FFI_ArrowSchema,
    count: usize,
    out: *mut FFI_ArrowSchema,
    kwargs: *const u8,
    length: usize,
) {
    guard(|| {
        // SAFETY: the caller vouches for pointers and lengths; both stay its own.
        let (schemas, kwargs) = unsafe { (abi::slice(fields, count), abi::slice(kwargs, length)) };
        let field = score_field(schemas, &Kwargs::parse(kwargs)?)?;
        // SAFETY: the caller vouches for `out`.
        unsafe { give_field(&field, out) }
    });
}

/// The scores of some rows.
///
/// # Safety
/// As Polars calls it: `inputs` points to `count` series that are ours to release, `kwargs` to `length` bytes, `out` to an
/// empty series, `context` to a context or nothing.
#[unsafe(no_mangle)]
unsafe extern "C" fn _polars_plugin_score(
    inputs: *const SeriesExport,
    count: usize,
    kwargs: *const u8,
    length: usize,
    out: *mut SeriesExport,
    context: *const CallerContext,
) {
    guard(|| {
        // SAFETY: the caller vouches for the series, which are not used again by anyone else.
        let inputs = unsafe { abi::take(inputs, count) };
        // SAFETY: as above; the context is read only.
        let (kwargs, context) = unsafe { (abi::slice(kwargs, length), context.as_ref()) };
        let split = context.is_none_or(|context| !context.is_parallel());
        let (field, array) = score(inputs, &Kwargs::parse(kwargs)?, split)?;
        // SAFETY: the caller vouches for `out`.
        unsafe { give(&field, &array, out) }
    });
}

/// The field of [`_polars_plugin_addresses`].
///
/// # Safety
/// As [`_polars_plugin_field_score`].
#[unsafe(no_mangle)]
unsafe extern "C" fn _polars_plugin_field_addresses(
    _fields: *const FFI_ArrowSchema,
    _count: usize,
    out: *mut FFI_ArrowSchema,
    _kwargs: *const u8,
    _length: usize,
) {
    guard(|| {
        // SAFETY: the caller vouches for `out`.
        unsafe { give_field(&addresses_field(), out) }
    });
}

/// Where the inputs' values lie, for the test that shows that they are not copied.
///
/// # Safety
/// As [`_polars_plugin_score`].
#[unsafe(no_mangle)]
unsafe extern "C" fn _polars_plugin_addresses(
    inputs: *const SeriesExport,
    count: usize,
    _kwargs: *const u8,
    _length: usize,
    out: *mut SeriesExport,
    _context: *const CallerContext,
) {
    guard(|| {
        // SAFETY: the caller vouches for the series.
        let inputs = unsafe { abi::take(inputs, count) };
        let inputs = flat(inputs.into_iter().map(Taken::import).collect::<Result<_>>()?)?;
        let addresses = Table::of_arrow(inputs, 0).addresses();
        let addresses: ArrayRef =
            Arc::new(addresses.into_iter().flatten().map(|at| at as u64).collect::<UInt64Array>());
        // SAFETY: the caller vouches for `out`.
        unsafe { give(&addresses_field(), &addresses, out) }
    });
}

fn addresses_field() -> Field {
    Field::new("addresses", DataType::UInt64, true)
}

/// Write a field to where Polars wants it.
///
/// # Safety
/// `out` must be writable, and empty: nothing there is released.
unsafe fn give_field(field: &Field, out: *mut FFI_ArrowSchema) -> Result<()> {
    let schema = FFI_ArrowSchema::try_from(field).map_err(|error| Error::InvalidArgument(error.to_string()))?;
    // SAFETY: the caller's.
    unsafe { out.write(schema) };
    Ok(())
}

/// Write a series to where Polars wants it.
///
/// # Safety
/// As [`give_field`].
unsafe fn give(field: &Field, array: &ArrayRef, out: *mut SeriesExport) -> Result<()> {
    let series = SeriesExport::of(field, array)?;
    // SAFETY: the caller's.
    unsafe { out.write(series) };
    Ok(())
}

/// Run a call: errors and panics become this thread's message.
fn guard(call: impl FnOnce() -> Result<()>) {
    let message = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "fastscore has a bug: a panic was caught in the Polars plugin; please report it".into(),
    };
    let message = CString::new(message.replace('\0', "\u{fffd}")).unwrap_or_default();
    MESSAGE.with_borrow_mut(|last| *last = message);
}

fn score_field(schemas: &[FFI_ArrowSchema], kwargs: &Kwargs) -> Result<Field> {
    let slot = models::get(kwargs)?;
    let plain = plain_inputs(schemas.iter(), kwargs);
    if let Some(known) = plain.as_deref().and_then(|inputs| slot.known(inputs)) {
        return Ok(known.field.clone());
    }
    let model = slot.model(kwargs)?.model();
    let fields = schemas.iter().map(|schema| Ok((arrow_import::field(schema)?.into(), Vec::new())));
    let table = Table::of_arrow(flat(fields.collect::<Result<_>>()?)?, 0);
    let binding = table.view(|table| exec::bind(model, table))?;
    let nothing = exec::empty(model, kwargs.output)?;
    let (field, _) = Scores::new(nothing, kwargs.output, model.clone()).one_array()?;
    if let Some(inputs) = plain {
        slot.remember(inputs, Known { field: field.clone(), binding });
    }
    Ok(field)
}

/// Names and types of inputs with the output, one text for each combination; None where a type has parts or more to it.
fn plain_inputs<'a>(schemas: impl Iterator<Item = &'a FFI_ArrowSchema>, kwargs: &Kwargs) -> Option<Vec<u8>> {
    let mut inputs = format!("{}\0", kwargs.output.name()).into_bytes();
    for schema in schemas {
        let parts = schema.children().next().is_some() || schema.dictionary().is_some();
        if parts || schema.metadata().map_or(true, |metadata| !metadata.is_empty()) {
            return None;
        }
        // C strings: no null byte is within them.
        for part in [schema.format(), schema.name().unwrap_or("")] {
            inputs.extend_from_slice(part.as_bytes());
            inputs.push(0);
        }
    }
    Some(inputs)
}

type Inputs = Vec<(FieldRef, Vec<ArrayRef>)>;

fn score(inputs: Vec<Taken>, kwargs: &Kwargs, split: bool) -> Result<(Field, ArrayRef)> {
    let slot = models::get(kwargs)?;
    let compiled = slot.model(kwargs)?;
    let plan = compiled.plan()?;
    let on_refused = if kwargs.propagate { OnRefused::Null } else { OnRefused::Raise };
    if let Some(scores) = few(&inputs, kwargs, &slot, plan, on_refused) {
        return Scores::new(scores, kwargs.output, compiled.model().clone()).one_array();
    }
    let mut columns = flat(inputs.into_iter().map(Taken::import).collect::<Result<_>>()?)?;
    let rows = broadcast(&mut columns)?;
    let running = Running::new();
    let threads = if split && rows >= MANY_ROWS && running.alone { all_threads(kwargs.threads)? } else { 1 };
    let table = Table::of_arrow(columns, rows);
    let scores = table
        .view(|table| exec::score(plan, table, kwargs.output, Some(threads), on_refused, &|| false))
        .map_err(|error| placed(error, rows))?;
    Scores::new(scores, kwargs.output, compiled.model().clone()).one_array()
}

/// A few rows of plain float64 columns whose binding is known, by the short way; None where it is not theirs.
fn few(inputs: &[Taken], kwargs: &Kwargs, slot: &Slot, plan: &Plan, on_refused: OnRefused) -> Option<exec::Scores> {
    let rows = inputs.first()?.plain()?.len();
    if rows == 0 || rows > exec::FEW_ROWS {
        return None;
    }
    let known = slot.known(&plain_inputs(inputs.iter().map(Taken::schema), kwargs)?)?;
    let columns = inputs.iter().map(|input| input.plain().filter(|column| column.len() == rows));
    let columns = columns.collect::<Option<Vec<_>>>()?;
    let features = known.binding.iter().map(|&input| columns.get(input?).copied()).collect::<Option<Vec<_>>>()?;
    exec::score_few(plan, rows, kwargs.output, on_refused, |wanted, out| {
        for (&feature, out) in wanted.iter().zip(out.chunks_exact_mut(rows)) {
            out.copy_from_slice(features[feature]);
        }
        Some(())
    })
}

/// Polars passes a frame in parts, and rows are counted in them.
fn placed(mut error: Error, rows: usize) -> Error {
    match error.first_row() {
        Some(_) => Error::InvalidArgument(format!(
            "{error} (Polars passed {rows} rows at once, the row is counted from the first of these)"
        )),
        None => error,
    }
}

/// Structs stand for their fields.
fn flat(inputs: Inputs) -> Result<Inputs> {
    let mut columns = Vec::with_capacity(inputs.len());
    for (field, arrays) in inputs {
        match field.data_type() {
            DataType::Struct(fields) if arrow_import::extension(&field).is_none() => {
                columns.extend(fields.iter().cloned().zip(arrow_import::children(fields, &arrays)?));
            }
            _ => columns.push((field, arrays)),
        }
    }
    Ok(columns)
}

/// Make columns of one row (literals) as long as the others; gives the number of rows.
fn broadcast(columns: &mut Inputs) -> Result<usize> {
    let length = |arrays: &[ArrayRef]| arrays.iter().map(|array| array.len()).sum::<usize>();
    let rows = columns.iter().map(|(_, arrays)| length(arrays)).find(|&rows| rows != 1);
    let Some(rows) = rows else {
        return Ok(usize::from(!columns.is_empty()));
    };
    for (field, arrays) in columns {
        match length(arrays) {
            found if found == rows => {}
            1 => {
                let one = arrays.iter().find(|array| !array.is_empty());
                *arrays = one.map(|one| repeated(one, rows)).transpose()?.into_iter().collect();
            }
            found => {
                return Err(Error::Schema(format!(
                    "the expression's inputs differ in length: {:?} has {found} rows, others {rows}",
                    field.name()
                )));
            }
        }
    }
    Ok(rows)
}

/// One row, `rows` times: a copy that doubles.
fn repeated(one: &ArrayRef, rows: usize) -> Result<ArrayRef> {
    let mut data = one.to_data();
    while data.len() < rows {
        let more = data.len().min(rows - data.len());
        let mut twice = MutableArrayData::new(vec![&data], true, data.len() + more);
        let extended = twice.try_extend(0, 0, data.len()).and_then(|()| twice.try_extend(0, 0, more));
        extended.map_err(|error| Error::InvalidArgument(error.to_string()))?;
        data = twice.freeze();
    }
    Ok(arrow_array::make_array(data.slice(0, rows)))
}

/// How many threads a call takes that is alone: as was said, else as many as fastscore's calls from Python, and
/// no more than Polars has.
fn all_threads(said: Option<usize>) -> Result<usize> {
    if let Some(threads) = said {
        return Ok(threads);
    }
    let ours = exec::thread_count(None)?;
    let theirs = std::env::var("POLARS_MAX_THREADS").ok().and_then(|value| value.trim().parse().ok());
    Ok(theirs.filter(|&threads: &usize| threads > 0).map_or(ours, |theirs| theirs.min(ours)))
}

/// A call that is counted while it runs.
struct Running {
    /// Whether no other ran when it started.
    alone: bool,
}

impl Running {
    fn new() -> Self {
        Running { alone: RUNNING.fetch_add(1, Ordering::AcqRel) == 0 }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::AcqRel);
    }
}
