//! Real clients run containers with this runtime: containerd's `ctr`, by its shim for runc and by our own, and Docker's
//! engine. diod's programs, clients of 9P2000.L, ask the gofer's server. What they need is unpacked from Debian's packages
//! by `cargo xtask test`.
//!
//! The daemons have directories of their own and end with the test. Needs root; what is missing is told.

#![forbid(unsafe_code)]

mod containerd;
mod diod;
mod docker;
mod place;
