//! The application kernel: answers the system calls of a container.
//!
//! A handler is a plain function that runs on the host thread of its task and may sleep on a
//! [`wait::WaitQueue`]. Nothing here is unsafe; the machine is behind `lazaret-platform` and the
//! host behind `lazaret-hostcall`.

#![forbid(unsafe_code)]

pub mod boot;
pub mod checkpoint;
pub mod fs;
pub mod futex;
pub mod ipc;
pub mod loader;
pub mod log;
pub mod mm;
pub mod net;
pub mod seccomp;
pub mod signal;
pub mod sync;
pub mod syscalls;
pub mod task;
#[cfg(test)]
mod testing;
pub mod time;
pub mod tty;
pub mod uaddr;
pub mod uio;
pub mod wait;
