//! Starts and steers sandboxes.
//!
//! [`Sandbox::new`] makes the processes of a sandbox: the gofer, which opens the host's files, perhaps another
//! that serves them, and the sandbox process, which confines itself and then runs the application kernel. All are
//! copies of the calling process, which must have only one thread.
//!
//! A [`Container`] has a directory below [`Config::root`], by which later calls, of other processes too, find
//! it again with [`Container::load`]: to start further processes in it ([`Container::execute`]), to signal, pause,
//! limit and count it, and to end it. A sandbox begins with its first container and may have others, which
//! join it later ([`Sandbox::create_container`]). Everything the command line does goes through here.
//!
//! `docs/api.md` lists what there is, with the command for each and the test that shows it.
//! `examples/session.rs` starts a sandbox, runs a command in it and stops it; `examples/pod.rs` runs two
//! containers in one.

#![forbid(unsafe_code)]

mod cgroup;
mod config;
mod container;
mod debug;
mod error;
mod execution;
pub mod filter;
mod hooks;
mod ids;
mod join;
mod launch;
mod links;
mod logfile;
mod make;
mod mounts;
mod network;
mod pod;
mod process;
mod sandbox;
mod server;
mod setup;
pub mod spec;
mod state;
mod stdio;
mod uplink;

pub use cgroup::{Cgroup, DeviceStats, MemoryStats, Stats, Throttling};
pub use config::{Args, Config, Logging};
pub use container::{Container, End, Usage};
pub use debug::LogChange;
pub use error::Error;
pub use execution::{Execution, Ties};
pub use lazaret_control::{
    Activity, Failure, Interface, LogLevel, Process, Sleep, Target, Task, Thread, Trace, Traffic,
};
pub use logfile::open_log;
pub use mounts::{FileAccess, FileSharing, HostSockets, mount_options};
pub use network::Network;
pub use pod::Role;
pub use sandbox::Sandbox;
pub use spec::Spec;
pub use state::{Registry, State, Status, check_id};
pub use stdio::{Console, Stdio};
pub use uplink::Uplink;
