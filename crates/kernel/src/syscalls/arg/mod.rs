//! Arguments of system calls: how a register becomes a value, and how strace output shows it.
//!
//! The types here are what the table calls an argument. Each names the value that handlers get;
//! decoding follows the calling convention of Linux (an `int` is the low half of its register) and
//! never fails: whether a value makes sense is the handler's to say, in the order of checks that
//! the man page implies.

mod buffer;
mod names;
mod number;
mod pointer;
pub mod quote;
mod record;
mod structure;

pub use buffer::{InBuf, InIov, OutBuf, OutIov};
pub use names::*;
pub use number::{Hex, Hex32, Octal, OpenMode, SignalNumber};
pub use pointer::{In, InOut, Out, Path, Ptr, Str, StrArray};
pub use record::{Addr, DirFd, PollFds, SockAddr, SockAddrOut};
pub use structure::Show;

use std::fmt::Write;

use lazaret_abi::id::Fd;
use lazaret_platform::AddressSpace;

use super::SysResult;

/// What an argument may look at to show itself.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Memory of the caller.
    pub memory: &'a dyn AddressSpace,
    /// All arguments of the call.
    pub args: &'a [u64; 6],
    /// Which of them this is.
    pub position: usize,
    /// What the call returned; `None` before it returns.
    pub result: Option<SysResult>,
    /// The path of an open file, if descriptors are to be shown with theirs.
    pub path: Option<&'a dyn Fn(Fd) -> Option<Vec<u8>>>,
}

impl View<'_> {
    /// The argument `distance` positions after this one.
    pub fn following(&self, distance: usize) -> u64 {
        self.args.get(self.position.saturating_add(distance)).copied().unwrap_or(0)
    }

    /// Appends a descriptor, as strace(1) does with `-y`.
    fn show_descriptor(&self, fd: Fd, out: &mut String) {
        let _ = write!(out, "{fd}");
        if let Some(path) = self.path.and_then(|path| path(fd)) {
            out.push('<');
            quote::escape(&path, out);
            out.push('>');
        }
    }

    /// What a successful call returned.
    pub fn success(&self) -> Option<usize> {
        self.result.and_then(Result::ok)
    }
}

/// A type of arguments.
pub trait Arg {
    /// What handlers receive.
    type Value;

    /// The call fills in what the argument points at: it is shown when the call has returned.
    const OUTPUT: bool = false;

    /// The value in a register.
    fn decode(raw: u64) -> Self::Value;

    /// Appends what strace(1) writes for it.
    fn show(raw: u64, view: &View<'_>, out: &mut String);
}
