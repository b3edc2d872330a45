//! Tests that compare Lazaret with Linux.
