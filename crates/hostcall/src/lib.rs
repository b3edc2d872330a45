//! A thin safe layer over host system calls that rustix does not offer.

pub mod mount;
pub mod process;
pub mod refused;
pub mod seccomp;
pub mod signals;
pub mod time;
