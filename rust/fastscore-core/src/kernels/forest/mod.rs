//! Engines for forests. Each gives the bits of [`crate::reference`].

mod bits_by_category;
mod categories;
pub(crate) mod planes;
pub(crate) mod sliced;
pub(crate) mod walk;
