//! How host files are reached: handles, descriptors, and what they tell once.

use std::{
    ffi::{CStr, CString},
    os::fd::OwnedFd,
};

use lazaret_abi::errno::Errno;

use super::{
    Listing,
    handle::{Handle, attributes_of, key_of},
    inode::{HostInode, Place},
    keep::KeptListing,
};
use crate::{
    fs::inode::FileKind,
    sync::{Arc, Ordering},
};

impl HostInode {
    /// A directory (or the root, whatever it is) to reach entries by; it can be listed unless the host forbids it.
    pub(super) fn directory(&self) -> Result<Arc<Handle>, Errno> {
        if let Some(handle) = &*self.handle.lock() {
            return Ok(handle.clone());
        }
        // Downwards from the nearest one that is open: a recursion would be as deep as the tree.
        let mut closed = Vec::new();
        let mut place = self.place.lock().clone();
        while let Place::Entry(parent, _) = place {
            if parent.handle.lock().is_some() {
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
    fn open_directory(&self, above: Option<Arc<Handle>>) -> Result<Arc<Handle>, Errno> {
        // The root is open.
        let Place::Entry(parent, name) = self.place.lock().clone() else { return Err(Errno::EIO) };
        let above = match above {
            Some(above) => above,
            None => parent.directory()?,
        };
        let handle = Arc::new(above.open_directory(&name)?);
        // The name may lead elsewhere by now, if the tree is in others' hands too.
        if self.fs.is_shared() && key_of(&handle.attributes(c"")?) != self.key {
            return Err(Errno::ESTALE);
        }
        if self.fs.may_keep_open() {
            let mut slot = self.handle.lock();
            if slot.is_none() {
                self.fs.open_directories.fetch_add(1, Ordering::Relaxed);
                *slot = Some(handle.clone());
            }
        }
        Ok(handle)
    }

    /// What holds the file and needs no name, or the directory and the name by which it is found.
    pub(super) fn reach(&self) -> Result<(Arc<Handle>, CString), Errno> {
        if let Some(handle) = &*self.handle.lock() {
            return Ok((handle.clone(), CString::default()));
        }
        match self.place.lock().clone() {
            Place::Entry(parent, name) => Ok((parent.directory()?, name)),
            Place::Root => Err(Errno::EIO),
        }
    }

    /// Opens the file by its name, or as what holds it if the name is gone.
    fn by_name<T>(&self, open: impl Fn(&Handle, &CStr) -> Result<T, Errno>) -> Result<T, Errno> {
        let own = self.handle.lock().clone();
        let place = self.place.lock().clone();
        match (place, own) {
            (Place::Entry(parent, name), own) => match (open(&*parent.directory()?, &name), own) {
                (Err(Errno::ENOENT | Errno::ESTALE), Some(own)) => open(&own, c""),
                (opened, _) => opened,
            },
            (Place::Root, Some(own)) => open(&own, c""),
            (Place::Root, None) => Err(Errno::EIO),
        }
    }

    /// A descriptor of a regular file that is open anyway.
    pub(super) fn opened(&self) -> Option<Arc<OwnedFd>> {
        let writable = self.writable.lock().upgrade();
        writable.or_else(|| self.readable.lock().upgrade())
    }

    /// A descriptor for reading, or for reading and writing, shared by all who need one.
    pub(super) fn content(&self, writable: bool) -> Result<Arc<OwnedFd>, Errno> {
        let slot = if writable { &self.writable } else { &self.readable };
        if let Some(descriptor) = slot.lock().upgrade() {
            return Ok(descriptor);
        }
        let descriptor = self.by_name(|handle, name| {
            let descriptor = Arc::new(handle.open_file(name, writable)?);
            // As for directories.
            if self.fs.is_shared() && key_of(&attributes_of(&descriptor)?) != self.key {
                return Err(Errno::ESTALE);
            }
            Ok(descriptor)
        })?;
        *slot.lock() = Arc::downgrade(&descriptor);
        if self.fs.is_immutable() && !writable {
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
        let listing = Arc::new(self.directory()?.list()?);
        if self.fs.is_immutable() {
            *kept = KeptListing::new(&self.fs, &listing);
        }
        Ok(listing)
    }

    /// Does something with the extended attributes.
    pub(super) fn with_xattrs<T>(&self, call: impl Fn(&Handle, &CStr) -> Result<T, Errno>) -> Result<T, Errno> {
        if !matches!(self.kind, FileKind::Regular | FileKind::Directory) {
            return Err(Errno::EOPNOTSUPP);
        }
        let (handle, name) = self.reach()?;
        match (&*handle, self.opened()) {
            // Not where a server decides: this process has no rights of its own then.
            (Handle::Local(_), Some(descriptor)) => {
                let copy = rustix::io::fcntl_dupfd_cloexec(&descriptor, 0).map_err(super::errno)?;
                call(&Handle::Local(copy), c"")
            }
            (_, _) if name.is_empty() => self.by_name(call),
            _ => call(&handle, &name),
        }
    }

    /// It is known to have no extended attributes for good. Asks the host once.
    pub(super) fn is_plain(&self) -> bool {
        if self.plain.load(Ordering::Relaxed) {
            return true;
        }
        let names = |handle: &Handle, name: &CStr| handle.list_xattrs(name);
        let plain = self.fs.is_immutable() && self.with_xattrs(names).is_ok_and(|names| names.is_empty());
        self.plain.store(plain, Ordering::Relaxed);
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Changed, HostFs, MAX_OPEN_DIRECTORIES};
    use super::{Arc, Handle};
    use crate::fs::inode::Inode;
    use rustix::fs::{Mode, OFlags};

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
            let mut inode: Arc<dyn Inode> = HostFs::open_tree(Handle::Local(root), 1, Changed::ByOthers).unwrap();
            for _ in 0..depth {
                inode = inode.lookup(b"d").unwrap();
            }
        };
        std::thread::Builder::new().stack_size(128 * 1024).spawn(walk).unwrap().join().unwrap();
        assert!(std::process::Command::new("rm").arg("-rf").arg(&top).status().unwrap().success());
    }
}
