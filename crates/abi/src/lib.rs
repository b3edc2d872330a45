//! Linux types, numbers and structure layouts of x86_64.
//!
//! One module a subject. Structures have the layout that the system call interface gives them,
//! with padding spelled out, so that they can be copied to and from application memory as bytes.
//! Sets of constants are modules that also know the constants' names (see [`names!`]).

#[macro_use]
mod macros;

pub mod auxv;
pub mod capability;
pub mod epoll;
pub mod errno;
pub mod fcntl;
pub mod futex;
pub mod id;
pub mod inotify;
pub mod ioctl;
pub mod ipc;
pub mod memory;
pub mod mount;
pub mod mqueue;
pub mod prctl;
pub mod process;
pub mod resource;
pub mod sched;
pub mod seccomp;
pub mod sigframe;
pub mod signal;
pub mod socket;
pub mod stat;
pub mod system;
pub mod termios;
pub mod time;
