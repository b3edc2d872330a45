//! Starts and steers sandboxes.
//!
//! [`Sandbox::new`] makes the processes of a sandbox: the gofer, which opens the host's files, and
//! the sandbox process, which confines itself and then runs the application kernel. Both are
//! copies of the calling process, which must have only one thread.
//!
//! A sandbox has a directory below [`Config::root`], by which later calls, of other processes too, find
//! it again with [`Sandbox::load`]: to start further processes in it ([`Sandbox::execute`]), to signal, pause,
//! limit and count it, and to end it. Everything the command line does goes through here.
//!
//! `examples/session.rs` starts a sandbox, runs a command in it and stops it.

#![forbid(unsafe_code)]

mod cgroup;
mod error;
mod execution;
pub mod filter;
mod hooks;
mod ids;
mod launch;
mod logfile;
mod make;
mod mounts;
mod network;
mod process;
mod sandbox;
pub mod spec;
mod state;
mod stdio;

pub use cgroup::{Cgroup, DeviceStats, MemoryStats, Stats, Throttling};
pub use error::Error;
pub use execution::Execution;
pub use lazaret_control::{Failure, Process, Target};
pub use logfile::open_log;
pub use mounts::mount_options;
pub use network::Network;
pub use sandbox::{Args, Config, End, Logging, Sandbox, Usage};
pub use spec::Spec;
pub use state::{Registry, State, Status, check_id};
pub use stdio::{Console, Stdio};
