//! The virtual file system: dentries, mounts and path walk.

use super::inode::Inode;
use crate::sync::Arc;

/// An entry of the tree of names: a name in a directory, and the inode it leads to.
pub struct Dentry {
    inode: Arc<dyn Inode>,
}

/// A file system tree, or a part of one, attached somewhere (one call of mount(2)).
pub struct Mount {}

/// A place in the file tree: a dentry as seen through a mount.
#[derive(Clone)]
pub struct Location {
    /// The mount it is seen through.
    pub mount: Arc<Mount>,
    /// The entry.
    pub dentry: Arc<Dentry>,
}

impl Location {
    /// The inode there.
    pub fn inode(&self) -> &Arc<dyn Inode> {
        &self.dentry.inode
    }

    /// The mount forbids to execute files (MS_NOEXEC).
    pub fn is_noexec(&self) -> bool {
        false
    }
}
