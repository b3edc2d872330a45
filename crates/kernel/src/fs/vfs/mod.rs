//! The virtual file system: dentries, mounts and path walk, and what is done with them.
//!
//! File systems provide inodes ([`super::inode::Inode`]) and know nothing of mounts, permissions
//! and paths; those are decided here.

pub mod dentry;
pub mod location;
pub mod mount;
pub mod namespace;
pub mod permission;
pub mod walk;

pub use dentry::Dentry;
pub use location::Location;
pub use mount::{Mount, MountFlags, SuperBlock};
pub use namespace::MountNamespace;
pub use walk::{LookupFlags, PathContext};
