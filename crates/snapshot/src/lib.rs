//! Saves the kernel's objects to bytes and loads them back.
//!
//! A type says how it is saved next to its fields, with `#[derive(Snapshot)]`. An object behind an
//! [`Arc`](std::sync::Arc) is saved once, by identity, however many fields point to it, and
//! [`Weak`](std::sync::Weak) closes the cycles. What belongs to the host (descriptors, threads,
//! clocks) is never written: such fields are `#[snapshot(skip)]`, or re-attached by a `with` module
//! that takes them from the [`Reader::context`].
//!
//! ```
//! use std::sync::Arc;
//! use lazaret_snapshot::{Snapshot, load, save};
//!
//! #[derive(Snapshot)]
//! struct Pipe {
//!     data: Vec<u8>,
//!     #[snapshot(skip)]
//!     waiters: usize,
//! }
//!
//! let pipe = Arc::new(Pipe { data: b"hello".to_vec(), waiters: 3 });
//! let bytes = save(&[pipe.clone(), pipe])?;
//! let ends: [Arc<Pipe>; 2] = load(&bytes)?;
//! assert!(Arc::ptr_eq(&ends[0], &ends[1]));
//! assert_eq!(ends[0].data, b"hello");
//! assert_eq!(ends[0].waiters, 0);
//! # Ok::<(), lazaret_snapshot::Error>(())
//! ```
//!
//! A snapshot file is hostile input: whatever it holds, loading ends with a value or an [`Error`],
//! in memory bounded by the size of the file.

pub mod bytes;
mod envelope;
mod macros;
mod reader;
mod shared;
mod types;
mod writer;

pub use envelope::{load, load_with, save};
pub use lazaret_snapshot_derive::Snapshot;
pub use reader::{Context, Reader};
pub use shared::Shared;
pub use writer::Writer;

/// How a type is written to a snapshot and read back.
///
/// # Contract
/// A [`Weak`](std::sync::Weak) that `load` has read may point to an object that is not loaded yet.
/// An implementation stores it, and must not upgrade it before the whole snapshot is loaded.
pub trait Snapshot: Sized {
    /// Appends the value.
    ///
    /// # Errors
    /// [`Error::Cycle`], [`Error::Locked`] or [`Error::Unregistered`] when the object graph cannot
    /// be saved.
    fn save(&self, writer: &mut Writer) -> Result<()>;

    /// Reads a value that [`save`](Snapshot::save) wrote.
    ///
    /// # Errors
    /// Whatever is wrong with the bytes.
    fn load(reader: &mut Reader<'_>) -> Result<Self>;

    /// Called once for each object behind an [`Arc`](std::sync::Arc) when the whole snapshot is
    /// loaded, in the order in which the objects were loaded: the place to register with other
    /// objects or with the host. Every `Weak` may be upgraded now.
    ///
    /// # Errors
    /// What the host refused.
    fn attach(_this: &std::sync::Arc<Self>, _context: &Context) -> Result<()> {
        Ok(())
    }
}

/// Result of saving and loading.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a snapshot could not be saved or loaded.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The file does not begin as a snapshot does.
    #[error("not a snapshot file")]
    Magic,
    /// The file has a format that this build does not read.
    #[error("snapshot format {found}, this build reads format {expected}")]
    Version {
        /// Format of the file.
        found: u32,
        /// Format of this build.
        expected: u32,
    },
    /// The checksum does not match the content.
    #[error("snapshot is damaged: wrong checksum")]
    Checksum,
    /// The bytes end before the value does.
    #[error("snapshot is truncated")]
    Truncated,
    /// Bytes are left after the value.
    #[error("snapshot has {0} bytes after its end")]
    TrailingBytes(usize),
    /// A field holds what its type cannot.
    #[error("snapshot holds an invalid {0}")]
    Invalid(&'static str),
    /// Loading would need far more memory than the file's size explains.
    #[error("snapshot asks for more memory than its size explains")]
    TooLarge,
    /// Values are nested deeper than any kernel state.
    #[error("snapshot is nested too deeply")]
    TooDeep,
    /// Objects own each other in a circle; one of the edges must be a `Weak`.
    #[error("objects of type {0} own each other in a circle")]
    Cycle(&'static str),
    /// A lock is held by somebody, so what it guards may be half changed.
    #[error("a {0} is locked while it is saved")]
    Locked(&'static str),
    /// A trait object's type is missing in its `snapshot_dyn!` list.
    #[error("a type behind {0} is not registered for snapshots")]
    Unregistered(&'static str),
    /// A loading function asked for something that the caller of `load_with` did not provide.
    #[error("restoring needs a {0} in its context")]
    MissingContext(&'static str),
    /// A host resource could not be saved or re-attached.
    #[error("{0}")]
    Resource(String),
}
