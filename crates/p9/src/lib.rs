//! The file protocol 9P2000.L, as Linux's v9fs and diod speak it, for a server and for a client.
//!
//! Whoever is at the other end is hostile: sizes are bounded, and every field is checked against the bytes
//! that are there before anything is made of it. What a field means is for the caller to check.
//!
//! Besides the standard [`VERSION`] there is [`EXTENDED`], which the application kernel asks for. Its additions:
//!
//! - A reply to `Lopen` or `Lcreate` about a regular file brings an open descriptor of it, by SCM_RIGHTS.
//! - Requests are worked off in their order, so that one may use a fid that the one before it makes.
//! - `generation` in attributes, for which the standard has no use yet, is the host's `st_dev`: there is no other
//!   field to tell two file systems below one root apart.
//! - `ReadDirectory` tells as many entries as there is room for, so that a list with room for another is the last.
//! - The messages that [`Request`] marks as additions.

#![forbid(unsafe_code)]

mod frame;
mod message;
mod wire;

pub use frame::{Frame, HEADER, Incoming, send};
pub use message::{
    Attributes, Change, Entry, LockRange, Qid, Reply, Request, StatFs, attribute, change, lock, open, qid,
};
pub use wire::{Data, Malformed, Many};

/// The standard protocol.
pub const VERSION: &[u8] = b"9P2000.L";

/// The protocol with our additions. A server that does not know them answers with [`VERSION`].
pub const EXTENDED: &[u8] = b"9P2000.L.lazaret";

/// Largest message that we send or take.
pub const MAX_MESSAGE: u32 = 128 * 1024;

/// Smallest limit on messages that leaves room for all but data.
pub const MIN_MESSAGE: u32 = 4096;

/// Bytes of a message beside the data that it carries.
pub const OVERHEAD: u32 = 24;

/// No fid.
pub const NO_FID: u32 = u32::MAX;

/// The tag of `Version`.
pub const NO_TAG: u16 = u16::MAX;

/// Most names of a walk.
pub const MAX_WALK: usize = 16;
