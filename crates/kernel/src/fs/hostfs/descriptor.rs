//! How host files are reached: descriptors, and what they tell once.

use std::{ffi::CString, os::fd::OwnedFd};

use lazaret_abi::errno::Errno;
use rustix::fs::{Mode, OFlags};

use super::{
    Listing,
    directory::list,
    errno,
    inode::{HostInode, Place, key_of, statx_of},
    keep::KeptListing,
    open,
};
use crate::{
    fs::inode::FileKind,
    sync::{Arc, Ordering},
};

impl HostInode {
    /// A descriptor of a directory (or of the root, whatever it is) to reach entries by; it can be listed
    /// unless the host forbids it.
    pub(super) fn directory(&self) -> Result<Arc<OwnedFd>, Errno> {
        if let Some(descriptor) = &*self.descriptor.lock() {
            return Ok(descriptor.clone());
        }
        // Downwards from the nearest one that is open: a recursion would be as deep as the tree.
        let mut closed = Vec::new();
        let mut place = self.place.lock().clone();
        while let Place::Entry(parent, _) = place {
            if parent.descriptor.lock().is_some() {
                break;
            }
            place = parent.place.lock().clone();
            closed.push(parent);
        }
        let mut above = None;
        for parent in closed.iter().rev() {
            above = Some(parent.open_directory(above)?);
        }
        self.open_directory(above)
    }

    /// Opens a directory, from the one above if that is open only for this.
    fn open_directory(&self, above: Option<Arc<OwnedFd>>) -> Result<Arc<OwnedFd>, Errno> {
        let above = above.as_deref();
        let descriptor = match self.open_from(above, OFlags::RDONLY | OFlags::DIRECTORY) {
            Err(Errno::EACCES) => self.open_from(above, OFlags::PATH | OFlags::DIRECTORY)?,
            opened => opened?,
        };
        let descriptor = Arc::new(descriptor);
        if self.fs.may_keep_open() {
            let mut slot = self.descriptor.lock();
            if slot.is_none() {
                self.fs.open_directories.fetch_add(1, Ordering::Relaxed);
                *slot = Some(descriptor.clone());
            }
        }
        Ok(descriptor)
    }

    /// Opens the file by its place. Never follows a link; never blocks on what is not a regular file.
    pub(super) fn open_again(&self, how: OFlags) -> Result<OwnedFd, Errno> {
        self.open_from(None, how)
    }

    fn open_from(&self, above: Option<&OwnedFd>, how: OFlags) -> Result<OwnedFd, Errno> {
        let how = how | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let place = self.place.lock().clone();
        let descriptor = match place {
            Place::Entry(parent, name) => {
                let own;
                let directory = match above {
                    Some(directory) => directory,
                    None => {
                        own = parent.directory()?;
                        &own
                    }
                };
                rustix::fs::openat(directory, &name, how, Mode::empty()).map_err(errno)?
            }
            Place::Root => {
                let root = self.descriptor.lock().clone().ok_or(Errno::EIO)?;
                if self.kind == FileKind::Directory {
                    rustix::fs::openat(&*root, c".", how, Mode::empty()).map_err(errno)?
                } else {
                    open::reopen(&root, how)?
                }
            }
        };
        // The name may lead elsewhere by now, if the tree is in others' hands too.
        if !self.fs.immutable && key_of(&statx_of(&descriptor, &CString::default())?) != self.key {
            return Err(Errno::ESTALE);
        }
        Ok(descriptor)
    }

    /// A descriptor for reading, or for reading and writing, shared by all who need one.
    pub(super) fn content(&self, writable: bool) -> Result<Arc<OwnedFd>, Errno> {
        let slot = if writable { &self.writable } else { &self.readable };
        if let Some(descriptor) = slot.lock().upgrade() {
            return Ok(descriptor);
        }
        let access = if writable { OFlags::RDWR } else { OFlags::RDONLY };
        let descriptor = Arc::new(self.open_again(access | OFlags::NONBLOCK)?);
        *slot.lock() = Arc::downgrade(&descriptor);
        if self.fs.immutable && !writable {
            self.fs.recent.keep(&descriptor);
        }
        Ok(descriptor)
    }

    /// The entries of a directory.
    ///
    /// # Errors
    /// Those of opening and reading a directory.
    pub fn listing(&self) -> Result<Arc<Listing>, Errno> {
        let mut kept = self.listing.lock();
        if let Some(kept) = &*kept {
            return Ok(kept.listing.clone());
        }
        let is_root = matches!(*self.place.lock(), Place::Root);
        let descriptor =
            if is_root { Arc::new(self.open_again(OFlags::RDONLY | OFlags::DIRECTORY)?) } else { self.directory()? };
        let listing = Arc::new(list(&descriptor).map_err(|error| match error {
            // The descriptor only names the directory, since it must not be read.
            Errno::EBADF => Errno::EACCES,
            error => error,
        })?);
        if self.fs.immutable {
            *kept = KeptListing::new(&self.fs, &listing);
        }
        Ok(listing)
    }

    pub(super) fn xattr_descriptor(&self) -> Result<Arc<OwnedFd>, Errno> {
        match self.kind {
            FileKind::Regular => self.content(false),
            FileKind::Directory => self.open_again(OFlags::RDONLY).map(Arc::new),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    /// It is known to have no extended attributes for good. Asks the host once.
    pub(super) fn is_plain(&self) -> bool {
        if self.plain.load(Ordering::Relaxed) {
            return true;
        }
        let plain = self.fs.immutable
            && self.xattr_descriptor().is_ok_and(|descriptor| {
                let none: &mut [u8] = &mut [];
                rustix::fs::flistxattr(&descriptor, none).is_ok_and(|length| length == 0)
            });
        self.plain.store(plain, Ordering::Relaxed);
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::super::{HostFs, MAX_OPEN_DIRECTORIES};
    use super::{Arc, Mode, OFlags};
    use crate::fs::inode::Inode;

    #[test]
    fn deep_trees_need_no_deep_stack() {
        let top = std::env::temp_dir().join(format!("lazaret-deep.{}", std::process::id()));
        std::fs::create_dir(&top).unwrap();
        let root = rustix::fs::open(&top, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let depth = MAX_OPEN_DIRECTORIES + 500;
        let mut directory = rustix::io::dup(&root).unwrap();
        for _ in 0..depth {
            rustix::fs::mkdirat(&directory, "d", Mode::RWXU).unwrap();
            directory = rustix::fs::openat(&directory, "d", OFlags::PATH, Mode::empty()).unwrap();
        }
        let walk = move || {
            let mut inode: Arc<dyn Inode> = HostFs::open_tree(root, 1, false).unwrap();
            for _ in 0..depth {
                inode = inode.lookup(b"d").unwrap();
            }
        };
        std::thread::Builder::new().stack_size(128 * 1024).spawn(walk).unwrap().join().unwrap();
        assert!(std::process::Command::new("rm").arg("-rf").arg(&top).status().unwrap().success());
    }
}
