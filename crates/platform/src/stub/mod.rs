//! The stub platform: an address space is a host process.
