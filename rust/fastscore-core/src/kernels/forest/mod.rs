//! Engines for forests. Each gives the bits of [`crate::reference`].

pub(crate) mod planes;
pub(crate) mod sliced;
pub(crate) mod walk;
