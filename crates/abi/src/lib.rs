//! Linux types, numbers and structure layouts of x86_64.

pub mod errno;
