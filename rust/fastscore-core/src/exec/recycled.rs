//! Memory of results that is used again.
//!
//! Large allocations come from the system as pages that it clears one after the other when they are first written, which took an eighth of a
//! linear model's time. So what a result took is kept when it is dropped, up to [`MOST_KEPT`] bytes of float64 and of float32, and given to a
//! later one.

use std::mem::{size_of, take};
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

/// Smaller ones the allocator itself keeps.
const LEAST: usize = 128 << 10;
/// Bytes that are kept at most, of each type.
const MOST_KEPT: usize = 32 << 20;
/// Bytes that are taken in bytes needed, at most: a small result does not hold a large one's memory.
const SPARE: usize = 2;

/// A buffer of numbers whose memory is kept when it is dropped.
#[derive(Debug, Clone, PartialEq)]
pub struct Recycled<T: Kept>(Vec<T>);

/// A type of numbers whose buffers are kept.
pub trait Kept: Copy + Default + 'static {
    /// The buffers that are kept.
    #[doc(hidden)]
    fn kept() -> &'static Mutex<Vec<Vec<Self>>>;
}

impl Kept for f64 {
    fn kept() -> &'static Mutex<Vec<Vec<f64>>> {
        static KEPT: Mutex<Vec<Vec<f64>>> = Mutex::new(Vec::new());
        &KEPT
    }
}

impl Kept for f32 {
    fn kept() -> &'static Mutex<Vec<Vec<f32>>> {
        static KEPT: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());
        &KEPT
    }
}

impl<T: Kept> Recycled<T> {
    /// Room for so many numbers, with any numbers in it: for who writes all of them. None where none that is kept fits.
    pub(super) fn find(count: usize) -> Option<Self> {
        if count < LEAST / size_of::<T>() {
            return None;
        }
        // Never waited for: in a forked child another thread may have held it for good.
        let mut kept = T::kept().try_lock().ok()?;
        let fits = |buffer: &Vec<T>| (count..=count.saturating_mul(SPARE)).contains(&buffer.capacity());
        let mut buffer = kept.iter().position(fits).map(|at| kept.remove(at))?;
        drop(kept);
        buffer.resize(count, T::default());
        Some(Recycled(buffer))
    }
}

impl<T: Kept> Drop for Recycled<T> {
    fn drop(&mut self) {
        let buffer = take(&mut self.0);
        let bytes = |buffer: &Vec<T>| buffer.capacity() * size_of::<T>();
        if bytes(&buffer) < LEAST {
            return;
        }
        if bytes(&buffer) <= MOST_KEPT
            && let Ok(mut kept) = T::kept().try_lock()
        {
            // The oldest go, so that results of another size find theirs after a while.
            let mut total = kept.iter().map(bytes).sum::<usize>() + bytes(&buffer);
            while total > MOST_KEPT {
                total -= bytes(&kept.remove(0));
            }
            kept.push(buffer);
        }
    }
}

impl<T: Kept> From<Vec<T>> for Recycled<T> {
    fn from(buffer: Vec<T>) -> Self {
        Recycled(buffer)
    }
}

impl<T: Kept> Deref for Recycled<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Kept> DerefMut for Recycled<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A type whose buffers only this test keeps.
    impl Kept for u32 {
        fn kept() -> &'static Mutex<Vec<Vec<u32>>> {
            static KEPT: Mutex<Vec<Vec<u32>>> = Mutex::new(Vec::new());
            &KEPT
        }
    }

    #[test]
    fn memory_is_given_to_results_of_its_size_and_kept_up_to_a_bound() {
        let kept = || u32::kept().lock().unwrap().iter().map(|buffer| 4 * buffer.capacity()).collect::<Vec<_>>();
        assert!(Recycled::<u32>::find(100_000).is_none(), "nothing is kept yet");
        let first = Recycled::from(vec![1u32; 100_000]);
        let at = first.as_ptr();
        drop(first);
        assert!(Recycled::<u32>::find(10_000).is_none(), "so small a result does not hold so much");
        assert!(Recycled::<u32>::find(100_001).is_none(), "there is no room for so many");
        let again = Recycled::<u32>::find(60_000).unwrap();
        assert_eq!((again.as_ptr(), again.len()), (at, 60_000));
        assert!(Recycled::<u32>::find(60_000).is_none(), "it was given once");
        drop(again);
        let grown = Recycled::<u32>::find(100_000).unwrap();
        assert_eq!((grown.as_ptr(), grown.len()), (at, 100_000));
        drop(grown);
        // Small ones are left to the allocator, and larger ones than the bound too.
        drop(Recycled::from(vec![0u32; 100]));
        drop(Recycled::from(vec![0u32; MOST_KEPT / 4 + 1]));
        assert_eq!(kept(), [400_000]);
        // The oldest make room.
        let third = MOST_KEPT / 3 / 4;
        (0..3).for_each(|_| drop(Recycled::from(vec![0u32; third])));
        assert_eq!(kept(), [4 * third; 3]);
    }
}
