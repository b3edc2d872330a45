//! A 9P2000.L server for one tree of host files.
//!
//! A client can reach what is below the root of the tree, and nothing else: each fid holds the very file (O_PATH),
//! names are single components that openat2(2) resolves without following any link, and a file is opened by
//! its name only if the name still leads to it. What the client may do to the files is decided by the mount that the
//! root is in, and by the rights of this process: the server does not know users.
//!
//! Requests of one connection are worked off in their order, by one thread.

mod attributes;
mod connection;
mod create;
mod directory;
mod fid;
pub mod filter;
mod io;
mod lock;
mod node;
mod socket;
mod xattr;

pub use self::{
    connection::serve,
    socket::{Allowed, Sockets},
};
