//! The virtual file system: dentries, mounts and path walk, and what is done with them.
//!
//! File systems provide inodes ([`super::inode::Inode`]) and know nothing of mounts, permissions
//! and paths; those are decided here.

pub mod attach;
pub mod change;
pub mod create;
pub mod dentry;
pub mod location;
pub mod mount;
pub mod namespace;
pub mod open;
pub mod permission;
mod remove;
pub mod rename;
mod show;
pub mod walk;

pub use dentry::Dentry;
pub use location::Location;
pub use mount::{Mount, MountFlags, SuperBlock};
pub use namespace::MountNamespace;
pub use open::{OpenHow, PathOnly};
pub use walk::{LookupFlags, PathContext};

#[cfg(test)]
mod tests;
