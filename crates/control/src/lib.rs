//! The protocol between the command line and a sandbox.
//!
//! Each message is one datagram of a Unix socket of type SOCK_SEQPACKET: JSON with the protocol's
//! version, and up to [`MAX_FDS`] descriptors beside it. A caller sends a [`Call`] and gets one
//! answer; a connection carries one request at a time, and a sandbox serves many connections at
//! once. While a sandbox starts, the processes tell its maker how they get on with [`Report`]s.
//! Neither side believes the other: sizes are bounded, and an unknown version is refused by name.

#![forbid(unsafe_code)]

pub mod channel;
pub mod message;
pub mod server;

pub use channel::{Channel, Error, MAX_FDS, MAX_MESSAGE};
pub use message::{
    Activity, Answer, Call, Failure, Interface, LogLevel, Phase, Process, Report, Request, Sleep, Target, Task, Thread,
    Trace, Traffic,
};
