//! File systems by the name that mount(2) calls them.

use lazaret_abi::errno::Errno;

use super::{container, tmpfs, vfs::SuperBlock};
use crate::sync::Arc;

/// Names of the file systems there are, as `/proc/filesystems` lists them. None needs a device.
pub const NAMES: [&str; 3] = ["tmpfs", "ramfs", "devtmpfs"];

/// Makes the file system of a new mount.
///
/// # Errors
/// `ENODEV` for a type that does not exist, `EINVAL` for bad data.
pub fn new_superblock(fs_type: &str, source: &str, data: &str) -> Result<Arc<SuperBlock>, Errno> {
    match fs_type {
        "tmpfs" | "ramfs" => tmpfs::mount(source, data),
        "devtmpfs" => container::new_dev(),
        "" => Err(Errno::EINVAL),
        _ => Err(Errno::ENODEV),
    }
}

/// Changes the options of a mounted file system (MS_REMOUNT).
///
/// # Errors
/// `EINVAL` for bad data.
pub fn reconfigure(superblock: &SuperBlock, data: &str) -> Result<(), Errno> {
    match superblock.root().inode().downcast_ref::<tmpfs::TmpInode>() {
        Some(root) => root.reconfigure(data),
        None => Ok(()),
    }
}
