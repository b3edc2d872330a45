//! Removing names: unlink(2), rmdir(2).

use lazaret_abi::errno::Errno;

use super::{
    location::Location,
    permission::check_delete,
    walk::{Last, LookupFlags, PathContext},
};
use crate::fs::{inode::FileKind, notify};

impl PathContext {
    /// unlink(2).
    ///
    /// # Errors
    /// Those of unlink(2).
    pub fn unlink(&self, path: &[u8]) -> Result<(), Errno> {
        let parent = self.lookup_parent(path, LookupFlags::empty())?;
        let Last::Name(name) = &parent.last else { return Err(Errno::EISDIR) };
        self.remove(&parent.directory, name, |kind| match (kind, parent.trailing_slash) {
            (FileKind::Directory, _) => Err(Errno::EISDIR),
            (_, true) => Err(Errno::ENOTDIR),
            _ => Ok(()),
        })
    }

    /// rmdir(2).
    ///
    /// # Errors
    /// Those of rmdir(2).
    pub fn remove_directory(&self, path: &[u8]) -> Result<(), Errno> {
        let parent = self.lookup_parent(path, LookupFlags::empty())?;
        let name = match &parent.last {
            Last::Name(name) => name,
            Last::Dot => return Err(Errno::EINVAL),
            Last::DotDot => return Err(Errno::ENOTEMPTY),
            Last::Root => return Err(Errno::EBUSY),
        };
        self.remove(&parent.directory, name, |kind| match kind {
            FileKind::Directory => Ok(()),
            _ => Err(Errno::ENOTDIR),
        })
    }

    fn remove(
        &self,
        directory: &Location,
        name: &[u8],
        check: impl FnOnce(FileKind) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let mut children = directory.dentry.lock();
        let cache = &directory.mount.superblock().cache;
        let child = directory.dentry.child_locked(&mut children, name, cache)?.ok_or(Errno::ENOENT)?;
        let kind = child.inode().kind();
        directory.check_writable()?;
        check_delete(directory.inode(), child.inode(), &self.creds)?;
        check(kind)?;
        if child.is_mount_point() {
            return Err(Errno::EBUSY);
        }
        if kind == FileKind::Directory {
            // Whoever makes a name in the directory holds its lock.
            let _names = child.lock();
            directory.inode().rmdir(name)?;
            directory.dentry.forget(&mut children, name, &child);
        } else {
            directory.inode().unlink(name)?;
            directory.dentry.forget(&mut children, name, &child);
        }
        drop(children);
        notify::links_changed(child.inode());
        // Without other users the file ends here; Linux tells so before it tells of the name.
        drop(child);
        notify::removed(&directory.dentry, name, kind);
        Ok(())
    }
}
