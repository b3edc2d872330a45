//! Files that are reached by a server of 9P2000.L: the gofer. This process has no descriptor of a directory then.
//!
//! The server must know the additions of [`lazaret_p9::EXTENDED`]: content of files is read, written and mapped through
//! the descriptors that it gives. Whatever it says is checked; a lie about a file harms those who use the file.

mod fid;
mod session;
#[cfg(test)]
mod tests;

pub use self::{fid::Fid, session::Session};
