//! The process's worker threads.
//!
//! One Rayon pool of our own, made at first need and tagged with the process id: a forked child, whose threads did not
//! come along, finds another process's tag, makes a pool for itself and leaks the old one. No lock is ever held: the
//! pool is published by one compare-and-swap, so that a fork at any moment leaves the child nothing locked.

use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use rayon::ThreadPool;

use crate::error::{Error, Result};

struct Tagged {
    process: u32,
    pool: ThreadPool,
    /// Threads that calls have taken.
    busy: AtomicUsize,
}

static POOL: AtomicPtr<Tagged> = AtomicPtr::new(std::ptr::null_mut());

/// How many workers a call takes: [`thread_limit`], else the cores that the process may use (affinity and cgroup).
pub fn thread_count(threads: Option<i64>) -> Result<usize> {
    Ok(thread_limit(threads)?.unwrap_or_else(cores))
}

/// How many workers a call may take: `threads`, else `FASTSCORE_THREADS`, else `OMP_NUM_THREADS` (its first number);
/// None where nothing is said. Zero and junk are errors.
pub fn thread_limit(threads: Option<i64>) -> Result<Option<usize>> {
    let invalid = |what: String| Error::InvalidArgument(format!("{what}: the number of threads is at least 1"));
    if let Some(threads) = threads {
        let count = usize::try_from(threads).ok().filter(|&n| n > 0);
        return count.map(Some).ok_or_else(|| invalid(format!("threads={threads}")));
    }
    for name in ["FASTSCORE_THREADS", "OMP_NUM_THREADS"] {
        let Some(value) = std::env::var_os(name) else {
            continue;
        };
        let value = value.to_string_lossy();
        if value.trim().is_empty() {
            continue;
        }
        // OpenMP allows a list, one number a nesting level.
        let first = if name == "OMP_NUM_THREADS" { value.split(',').next().unwrap_or("") } else { &value };
        let count = first.trim().parse().ok().filter(|&n| n > 0);
        return count.map(Some).ok_or_else(|| invalid(format!("{name}={value}")));
    }
    Ok(None)
}

/// The cores that the process may use. Takes some 20 us: files of the cgroup are read.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Run `work` on up to `workers` threads at once, the calling one among them. `work(true)` is the call on
/// the calling thread.
pub(super) fn run(workers: usize, work: impl Fn(bool) + Sync) -> Result<()> {
    if workers <= 1 {
        work(true);
        return Ok(());
    }
    let tagged = current()?;
    let helpers = tagged.reserve(workers - 1);
    tagged.pool.in_place_scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(|_| {
                let _free = Free(&tagged.busy);
                work(false);
            });
        }
        work(true);
    });
    Ok(())
}

/// Gives a thread back, also when the work panics.
struct Free<'a>(&'a AtomicUsize);

impl Drop for Free<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Tagged {
    /// Up to `most` of the threads that no other call has. A call never queues behind another one's work: it runs on
    /// what is free, at least on its own thread.
    fn reserve(&self, most: usize) -> usize {
        let threads = self.pool.current_num_threads();
        let taken = |busy: usize| busy + most.min(threads.saturating_sub(busy));
        let update = self.busy.fetch_update(Ordering::AcqRel, Ordering::Acquire, |busy| Some(taken(busy)));
        let busy = update.unwrap_or_else(|busy| busy);
        taken(busy) - busy
    }
}

fn current() -> Result<&'static Tagged> {
    let process = std::process::id();
    let published = POOL.load(Ordering::Acquire);
    // SAFETY: the pointer is null or from `Box::into_raw` below, and what it points to is never freed or changed.
    if let Some(tagged) = unsafe { published.as_ref() }
        && tagged.process == process
    {
        return Ok(tagged);
    }
    // The caller of a scope works too, so one thread fewer than cores would do; one is kept where there is a core only.
    let threads = cores().max(thread_count(None).unwrap_or(1)).min(1024);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.saturating_sub(1).max(1))
        .thread_name(|index| format!("fastscore-{index}"))
        .build()
        .map_err(|error| Error::InvalidArgument(format!("worker threads can't be started: {error}")))?;
    let made = Box::into_raw(Box::new(Tagged { process, pool, busy: AtomicUsize::new(0) }));
    match POOL.compare_exchange(published, made, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: `made` was just made and is published for good: nothing frees it.
        Ok(_) => Ok(unsafe { &*made }),
        Err(_) => {
            // SAFETY: `made` came from `Box::into_raw` and was not published, so nobody else knows it.
            drop(unsafe { Box::from_raw(made) });
            // Another thread was faster: its pool is there now.
            current()
        }
    }
}
