//! Files: the VFS, its file systems, and open files.

pub mod anon;
pub mod context;
pub mod dev;
pub mod fdtable;
pub mod file;
pub mod hostfs;
pub mod inode;
pub mod overlay;
pub mod pseudo;
pub mod vfs;
