//! A thin safe layer over host system calls that rustix does not offer.

pub mod file;
pub mod memory;
pub mod mount;
pub mod netlink;
pub mod notify;
pub mod packet;
pub mod process;
pub mod refused;
pub mod remote;
pub mod seccomp;
pub mod signals;
pub mod socket;
pub mod start;
pub mod time;
