//! Fetching the lines of memory that are needed next, one beside each row that is walked.

use crate::simd::{LINE, fetch};

/// Lines of memory that are fetched while rows are walked: those of the rows that are walked next.
#[derive(Debug, Default, Clone)]
pub(crate) struct Ahead {
    /// Where runs of lines begin. Nothing there is read.
    starts: Vec<*const u8>,
    /// Lines of a run.
    each: usize,
    next: (usize, usize),
}

// SAFETY: nothing is read nor written through the pointers.
unsafe impl Send for Ahead {}

impl Ahead {
    /// Fetch so many bytes from each of these on.
    pub(crate) fn set(&mut self, starts: impl IntoIterator<Item = *const u8>, bytes: usize) {
        self.starts.clear();
        self.starts.extend(starts);
        (self.each, self.next) = (bytes.div_ceil(LINE), (0, 0));
    }

    /// Do something for every row below `rows`, and fetch a line beside each while there are some.
    #[inline(always)]
    pub(super) fn beside(&mut self, rows: usize, mut each: impl FnMut(usize)) {
        let mut first = 0;
        while first < rows {
            let (run, line) = self.next;
            let Some(&start) = self.starts.get(run) else { break };
            let count = (rows - first).min(self.each - line);
            for i in 0..count {
                fetch(start.wrapping_add((line + i) * LINE));
                each(first + i);
            }
            self.next = if line + count == self.each { (run + 1, 0) } else { (run, line + count) };
            first += count;
        }
        for i in first..rows {
            each(i);
        }
    }
}
