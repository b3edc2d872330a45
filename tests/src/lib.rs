//! Tests that compare Lazaret with Linux.
//!
//! A case is a small program in `cases/<family>/` that prints what it sees, line by line. The harness
//! (`tests/differential.rs`) runs it on the host and in a sandbox over the same root file system, and both
//! runs must print the same and end with the same status: Linux is the specification, nothing is
//! written down twice.
//!
//! * [`case`] finds the cases and reads the settings in their first lines.
//! * [`build`] compiles the C ones, once per content.
//! * [`run`] runs one command with a time limit, and leaves no process behind.
//! * [`compare`] says where two runs differ.
//! * [`blocklist`] names the known gaps, each of which must still fail.

#![forbid(unsafe_code)]

pub mod blocklist;
pub mod build;
pub mod case;
pub mod compare;
pub mod run;
pub mod sandbox;
