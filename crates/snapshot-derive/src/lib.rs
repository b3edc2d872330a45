//! Derive macro of the snapshot crate.
