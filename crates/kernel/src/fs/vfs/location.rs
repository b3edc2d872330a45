//! Places in the file tree and their paths.

use lazaret_abi::errno::Errno;
use lazaret_snapshot::Snapshot;

use super::{
    dentry::Dentry,
    mount::{Mount, MountFlags},
};
use crate::{fs::inode::Inode, sync::Arc};

/// A place in the file tree: a dentry as seen through a mount.
#[derive(Clone, Snapshot)]
pub struct Location {
    /// The mount it is seen through.
    pub mount: Arc<Mount>,
    /// The entry.
    pub dentry: Arc<Dentry>,
}

impl Location {
    /// The root of a mount.
    pub fn root_of(mount: Arc<Mount>) -> Location {
        let dentry = mount.root().clone();
        Location { mount, dentry }
    }

    /// The inode there.
    pub fn inode(&self) -> &Arc<dyn Inode> {
        self.dentry.inode()
    }

    /// Both are the same dentry seen through the same mount.
    pub fn is_same(&self, other: &Location) -> bool {
        Arc::ptr_eq(&self.dentry, &other.dentry) && Arc::ptr_eq(&self.mount, &other.mount)
    }

    /// It is the root of its mount.
    pub fn is_mount_root(&self) -> bool {
        Arc::ptr_eq(&self.dentry, self.mount.root())
    }

    /// The mount forbids to execute files (MS_NOEXEC).
    pub fn is_noexec(&self) -> bool {
        self.mount.flags().contains(MountFlags::NOEXEC)
    }

    /// The mount ignores set-user-id and set-group-id bits and file capabilities (MS_NOSUID).
    pub fn is_nosuid(&self) -> bool {
        self.mount.flags().contains(MountFlags::NOSUID)
    }

    /// Changes are possible through this mount.
    ///
    /// # Errors
    /// `EROFS` when the mount or the file system is read-only.
    pub fn check_writable(&self) -> Result<(), Errno> {
        if self.mount.is_read_only() { Err(Errno::EROFS) } else { Ok(()) }
    }

    /// What is mounted here, topmost; the place itself if nothing is.
    pub fn cross_mounts(mut self) -> Location {
        while self.dentry.is_mount_point() {
            match self.mount.child_at(&self.dentry) {
                Some(child) => self = Location::root_of(child),
                None => break,
            }
        }
        self
    }

    /// The path seen from `root`, and whether the place can be reached from there. A place outside
    /// is shown from the root of its own mount tree, as `/proc/PID/fd` does; getcwd(2) puts
    /// `(unreachable)` before it.
    pub fn path_from(&self, root: &Location) -> (Vec<u8>, bool) {
        let mut parts: Vec<Arc<[u8]>> = Vec::new();
        let (mut mount, mut dentry) = (self.mount.clone(), self.dentry.clone());
        let mut reachable = true;
        loop {
            if Arc::ptr_eq(&dentry, &root.dentry) && Arc::ptr_eq(&mount, &root.mount) {
                break;
            }
            if Arc::ptr_eq(&dentry, mount.root()) {
                match mount.parent() {
                    Some((parent, point)) => (mount, dentry) = (parent, point),
                    None => {
                        reachable = false;
                        break;
                    }
                }
                continue;
            }
            let (parent, name) = dentry.parent_and_name();
            parts.push(name);
            match parent {
                Some(parent) => dentry = parent,
                None => {
                    reachable = false;
                    break;
                }
            }
        }
        let mut path = Vec::new();
        for part in parts.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(part);
        }
        if path.is_empty() {
            path.push(b'/');
        }
        (path, reachable)
    }

    /// The path as links in `/proc` show it, seen from `root`: with ` (deleted)` when the name is
    /// gone, and a bare name like `pipe:[7]` for files that never had one.
    pub fn display_path(&self, root: &Location) -> Vec<u8> {
        if self.mount.is_internal() {
            let mut name = self.dentry.name().to_vec();
            if self.dentry.is_unlinked() {
                name.extend_from_slice(b" (deleted)");
            }
            return name;
        }
        let (mut path, _) = self.path_from(root);
        if self.dentry.is_unlinked() {
            path.extend_from_slice(b" (deleted)");
        }
        path
    }
}
