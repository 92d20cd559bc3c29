//! How much memory a call takes: an allocator that counts for the thread that asks.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What import may take whatever the file's size. Most columns that a model may claim without bytes behind them take it.
pub const CONSTANT: usize = 8 << 20;

/// More than this at once is refused as a machine without memory would: the process dies, its input is in the file
/// `.running`.
const HARD: isize = 1 << 30;

thread_local! {
    static COUNTS: Cell<bool> = const { Cell::new(false) };
    static NOW: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Run `work`; its result, and the most bytes that this thread held above what it held before.
pub fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    NOW.set(0);
    PEAK.set(0);
    let counting = Armed::new();
    let result = work();
    drop(counting);
    (result, PEAK.get().unsigned_abs())
}

/// Counts until it is dropped, by a panic too.
struct Armed;

impl Armed {
    fn new() -> Armed {
        COUNTS.set(true);
        Armed
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        COUNTS.set(false);
    }
}

/// Whether so many bytes more may be had.
fn add(bytes: isize) -> bool {
    // These cells need neither memory nor a destructor, so an allocator may use them.
    if !COUNTS.get() {
        return true;
    }
    let now = NOW.get().saturating_add(bytes);
    if now > HARD {
        return false;
    }
    NOW.set(now);
    PEAK.set(PEAK.get().max(now));
    true
}

fn size(layout: Layout) -> isize {
    // A layout's size is at most isize::MAX.
    layout.size() as isize
}

// SAFETY: everything is System's own, or null, which means that there is no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !add(size(layout)) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promises are those of System.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !add(size(layout)) {
            return std::ptr::null_mut();
        }
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if !add((new_size as isize).saturating_sub(size(layout))) {
            return std::ptr::null_mut();
        }
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, new_size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        add(-size(layout));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}
