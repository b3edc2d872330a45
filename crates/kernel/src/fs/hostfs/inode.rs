//! Inodes of host files.

use std::{ffi::CString, os::fd::OwnedFd};

use lazaret_abi::errno::Errno;
use rustix::fs::{Gid, Uid};

use super::{
    HostBinding, HostFs, errno,
    handle::{Handle, attributes_of, key_of},
    keep::KeptListing,
    open,
};
use crate::{
    fs::{
        file::FileOps,
        inode::{
            Attributes, DirSink, FileKind, FsStatistics, HostMapping, Inode, NewAttributes, NewNode, SetAttributes,
        },
    },
    sync::{Arc, AtomicBool, Mutex, OnceLock, Ordering, Weak},
};

/// How many other names of a file are known at most.
const NAMES_MAX: usize = 16;

/// `RENAME_EXCHANGE` of renameat2(2).
const RENAME_EXCHANGE: u32 = 2;

/// Where the host keeps a file: how to reach it again.
#[derive(Clone)]
pub(super) enum Place {
    /// What was handed over itself, or what never had a name.
    Root,
    /// A name in a directory.
    Entry(Arc<HostInode>, CString),
}

impl Place {
    /// The two are the same.
    fn is(&self, other: &Place) -> bool {
        match (self, other) {
            (Place::Root, Place::Root) => true,
            (Place::Entry(directory, name), Place::Entry(other, other_name)) => {
                Arc::ptr_eq(directory, other) && name == other_name
            }
            _ => false,
        }
    }
}

/// A file of the host.
pub struct HostInode {
    pub(super) fs: Arc<HostFs>,
    pub(super) kind: FileKind,
    pub(super) key: (u64, u64),
    pub(super) place: Mutex<Place>,
    /// Other names, as far as they are known and the tree is changed here alone: who looks one up again is not told of
    /// the file anew.
    names: Mutex<Vec<Place>>,
    /// Of the root for ever, of anything but a directory once its name is gone, of a directory while there is room.
    pub(super) handle: Mutex<Option<Arc<Handle>>>,
    /// Attributes, if they cannot change.
    attributes: OnceLock<Attributes>,
    /// Entries of a directory, if they cannot change. Locked while the host lists it, which moves the
    /// position of the descriptor.
    pub(super) listing: Mutex<Option<KeptListing>>,
    /// Target of a symbolic link.
    target: OnceLock<Box<[u8]>>,
    /// There are no extended attributes, and none will come.
    pub(super) plain: AtomicBool,
    /// A descriptor opened for reading that mappings share.
    pub(super) readable: Mutex<Weak<OwnedFd>>,
    /// The same, for reading and writing.
    pub(super) writable: Mutex<Weak<OwnedFd>>,
}

fn name_of(name: &[u8]) -> Result<CString, Errno> {
    CString::new(name).map_err(|_| Errno::EINVAL)
}

impl HostInode {
    /// The inode of what was handed over.
    pub(super) fn root(fs: Arc<HostFs>, handle: Handle) -> Result<Arc<HostInode>, Errno> {
        let found = handle.attributes(c"")?;
        fs.map_device(found.device);
        Ok(HostInode::new(fs, &found, Place::Root, Some(Arc::new(handle))))
    }

    /// The inode of a file that the host shows with these attributes.
    fn new(fs: Arc<HostFs>, found: &Attributes, place: Place, handle: Option<Arc<Handle>>) -> Arc<HostInode> {
        let (kind, key) = (found.kind, key_of(found));
        let mut inodes = fs.inodes.lock();
        if let Some(known) = inodes.get(&key).and_then(Weak::upgrade)
            && known.kind == kind
        {
            // The old place may be the last user of its directory, whose end wants the table too.
            let mut current = known.place.lock();
            let old = if place.is(&current) { place } else { std::mem::replace(&mut *current, place) };
            drop((current, inodes));
            known.add_name(old);
            return known;
        }
        let attributes = OnceLock::new();
        if fs.is_immutable() {
            attributes.get_or_init(|| fs.shown(*found));
        }
        let inode = Arc::new(HostInode {
            fs: fs.clone(),
            kind,
            key,
            place: Mutex::new(place),
            names: Mutex::new(Vec::new()),
            handle: Mutex::new(handle),
            attributes,
            listing: Mutex::new(None),
            target: OnceLock::new(),
            plain: AtomicBool::new(false),
            readable: Mutex::new(Weak::new()),
            writable: Mutex::new(Weak::new()),
        });
        inodes.insert(key, Arc::downgrade(&inode));
        inode
    }

    /// The file by what is open, or by its name.
    fn find(&self) -> Result<Attributes, Errno> {
        match self.opened() {
            Some(descriptor) => attributes_of(&descriptor),
            None => {
                let (handle, name) = self.reach()?;
                handle.attributes(&name)
            }
        }
    }

    /// The file has this name as well.
    fn add_name(&self, name: Place) {
        let mut names = self.names.lock();
        let is_wanted = self.fs.is_changed_here() && names.len() < NAMES_MAX && self.kind != FileKind::Directory;
        if is_wanted && !name.is(&self.place.lock()) && !names.iter().any(|known| known.is(&name)) {
            names.push(name);
            return;
        }
        drop(names);
        // It may be the last user of its directory, whose end is for no lock.
        drop(name);
    }

    /// The file does not have this name any more.
    fn remove_name(&self, name: &Place) {
        let mut names = self.names.lock();
        let gone: Vec<Place> = names.extract_if(.., |known| known.is(name)).collect();
        let mut place = self.place.lock();
        let other = if place.is(name) { names.pop() } else { None };
        let old = other.map(|other| std::mem::replace(&mut *place, other));
        drop((place, names));
        drop((gone, old));
    }

    /// Before a name goes: keeps the file reachable for those who still use it. The file, if somebody does.
    fn pin(&self, directory: &Handle, name: &CString) -> Option<Arc<HostInode>> {
        let (handle, found) = directory.entry(name).ok()?;
        let inode = self.fs.inodes.lock().get(&key_of(&found)).and_then(Weak::upgrade)?;
        let mut slot = inode.handle.lock();
        if slot.is_none() {
            if inode.kind == FileKind::Directory {
                self.fs.open_directories.fetch_add(1, Ordering::Relaxed);
            }
            *slot = Some(Arc::new(handle));
        }
        drop(slot);
        Some(inode)
    }

    fn entry(&self, this: &Arc<HostInode>, name: CString) -> Result<Arc<dyn Inode>, Errno> {
        let found = self.directory()?.attributes(&name)?;
        Ok(HostInode::new(self.fs.clone(), &found, Place::Entry(this.clone(), name), None))
    }

    /// This inode as the shared object that the tree knows.
    fn shared(&self) -> Result<Arc<HostInode>, Errno> {
        self.fs.inodes.lock().get(&self.key).and_then(Weak::upgrade).ok_or(Errno::ESTALE)
    }
}

impl Drop for HostInode {
    fn drop(&mut self) {
        if self.kind == FileKind::Directory && self.handle.lock().is_some() {
            self.fs.open_directories.fetch_sub(1, Ordering::Relaxed);
        }
        let mut inodes = self.fs.inodes.lock();
        // A newer inode of the same file may have taken the place already.
        if inodes.get(&self.key).is_some_and(|known| known.strong_count() == 0) {
            inodes.remove(&self.key);
        }
        drop(inodes);
        // One after the other: a recursion would be as deep as the tree.
        let mut place = std::mem::replace(self.place.get_mut(), Place::Root);
        while let Place::Entry(parent, _) = place {
            let Some(mut parent) = Arc::into_inner(parent) else { break };
            place = std::mem::replace(parent.place.get_mut(), Place::Root);
        }
    }
}

impl Inode for HostInode {
    fn attributes(&self) -> Result<Attributes, Errno> {
        if let Some(attributes) = self.attributes.get() {
            return Ok(*attributes);
        }
        Ok(self.fs.shown(self.find()?))
    }

    fn kind(&self) -> FileKind {
        self.kind
    }

    fn cacheable(&self) -> bool {
        !self.fs.is_shared()
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<(), Errno> {
        if let Some(size) = change.size {
            if self.kind != FileKind::Regular {
                return Err(Errno::EINVAL);
            }
            rustix::fs::ftruncate(&*self.content(true)?, size).map_err(errno)?;
        }
        let change = SetAttributes { size: None, ctime: None, ..*change };
        if change.is_empty() {
            return Ok(());
        }
        let (handle, name) = self.reach()?;
        handle.set_attributes(&name, self.key, &change)
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>, Errno> {
        if self.kind != FileKind::Directory {
            return Err(Errno::ENOTDIR);
        }
        self.entry(&self.shared()?, name_of(name)?)
    }

    fn create(&self, name: &[u8], node: NewNode<'_>, attributes: &NewAttributes) -> Result<Arc<dyn Inode>, Errno> {
        if matches!(node, NewNode::Node { kind: FileKind::CharDevice | FileKind::BlockDevice, .. }) {
            return Err(Errno::EPERM);
        }
        let (this, name) = (self.shared()?, name_of(name)?);
        let made = self.directory()?.make(&name, node, attributes)?;
        Ok(HostInode::new(self.fs.clone(), &made, Place::Entry(this, name), None))
    }

    fn connect_host(&self, kind: u32) -> Result<OwnedFd, Errno> {
        let (handle, name) = self.reach()?;
        handle.connect(&name, kind)
    }

    fn bind_host(
        &self,
        name: &[u8],
        kind: u32,
        attributes: &NewAttributes,
    ) -> Result<Option<(Arc<dyn Inode>, HostBinding)>, Errno> {
        let (this, name) = (self.shared()?, name_of(name)?);
        let Some((socket, fid, made)) = self.directory()?.bind(&name, kind, attributes)? else { return Ok(None) };
        let inode = HostInode::new(self.fs.clone(), &made, Place::Entry(this, name), None);
        Ok(Some((inode, HostBinding { socket, fid })))
    }

    fn create_unnamed(&self, attributes: &NewAttributes) -> Result<Arc<dyn Inode>, Errno> {
        let descriptor = self.directory()?.open_unnamed(attributes.permissions)?;
        let handle = Handle::Local(descriptor);
        let mut made = handle.attributes(c"")?;
        if let Handle::Local(descriptor) = &handle
            && (made.uid, made.gid) != (attributes.uid, attributes.gid)
        {
            let (uid, gid) = (Uid::from_raw(attributes.uid), Gid::from_raw(attributes.gid));
            rustix::fs::fchown(descriptor, Some(uid), Some(gid)).map_err(errno)?;
            made = handle.attributes(c"")?;
        }
        Ok(HostInode::new(self.fs.clone(), &made, Place::Root, Some(Arc::new(handle))))
    }

    fn link(&self, name: &[u8], target: &Arc<dyn Inode>) -> Result<(), Errno> {
        let target = target.downcast_ref::<HostInode>().ok_or(Errno::EXDEV)?;
        let (directory, new_name) = (self.directory()?, name_of(name)?);
        let place = target.place.lock().clone();
        match place {
            Place::Entry(parent, old) => parent.directory()?.link(&old, &directory, &new_name)?,
            // A file that never had a name.
            Place::Root => {
                let handle = target.handle.lock().clone().ok_or(Errno::ENOENT)?;
                handle.link(c"", &directory, &new_name)?;
            }
        }
        if let Ok(this) = self.shared() {
            target.add_name(Place::Entry(this, new_name));
        }
        Ok(())
    }

    fn unlink(&self, name: &[u8]) -> Result<(), Errno> {
        let (directory, name) = (self.directory()?, name_of(name)?);
        let file = self.pin(&directory, &name);
        directory.remove(&name, false)?;
        if let (Some(file), Ok(this)) = (file, self.shared()) {
            file.remove_name(&Place::Entry(this, name));
        }
        Ok(())
    }

    fn rmdir(&self, name: &[u8]) -> Result<(), Errno> {
        let (directory, name) = (self.directory()?, name_of(name)?);
        self.pin(&directory, &name);
        directory.remove(&name, true)
    }

    fn rename(&self, name: &[u8], new_directory: &Arc<dyn Inode>, new_name: &[u8], flags: u32) -> Result<(), Errno> {
        let target = new_directory.downcast_ref::<HostInode>().ok_or(Errno::EXDEV)?;
        let (from, to) = (self.directory()?, target.directory()?);
        let (name, new_name) = (name_of(name)?, name_of(new_name)?);
        let replaced = self.pin(&to, &new_name);
        from.rename(&name, &to, &new_name, flags)?;
        // Inodes in use learn their new place.
        let (this, target) = (self.shared()?, target.shared()?);
        let moved = target.entry(&target, new_name.clone())?;
        if let Some(moved) = moved.downcast_ref::<HostInode>() {
            moved.remove_name(&Place::Entry(this.clone(), name.clone()));
        }
        if flags & RENAME_EXCHANGE != 0 {
            self.entry(&this, name)?;
        }
        if let Some(replaced) = replaced {
            replaced.remove_name(&Place::Entry(target, new_name));
        }
        Ok(())
    }

    fn read_link(&self) -> Result<Vec<u8>, Errno> {
        // The target of a link never changes: another link may take its name, and is another inode.
        if let Some(target) = self.target.get() {
            return Ok(target.to_vec());
        }
        let target = match self.place.lock().clone() {
            Place::Entry(parent, name) => parent.directory()?.read_link(&name),
            Place::Root => self.directory()?.read_link(c""),
        }?;
        if self.fs.is_immutable() {
            self.target.get_or_init(|| target.as_slice().into());
        }
        Ok(target)
    }

    fn read_dir(&self, from: u64, sink: &mut dyn DirSink) -> Result<(), Errno> {
        self.listing()?.emit(from, sink);
        Ok(())
    }

    fn open(self: Arc<Self>, flags: u32) -> Result<Box<dyn FileOps>, Errno> {
        open::open(self, flags)
    }

    fn host_mapping(&self, writable: bool) -> Result<HostMapping, Errno> {
        if self.kind != FileKind::Regular {
            return Err(Errno::ENODEV);
        }
        Ok(HostMapping { fd: self.content(writable)?, writable, lasting: true })
    }

    fn get_xattr(&self, name: &[u8]) -> Result<Vec<u8>, Errno> {
        if self.is_plain() {
            return Err(Errno::ENODATA);
        }
        let attribute = name_of(name)?;
        self.with_xattrs(|handle, name| handle.get_xattr(name, &attribute))
    }

    fn set_xattr(&self, name: &[u8], value: &[u8], flags: u32) -> Result<(), Errno> {
        let attribute = name_of(name)?;
        self.with_xattrs(|handle, name| handle.set_xattr(name, &attribute, value, flags))
    }

    fn list_xattrs(&self) -> Result<Vec<Vec<u8>>, Errno> {
        if self.is_plain() {
            return Ok(Vec::new());
        }
        let Ok(names) = self.with_xattrs(|handle, name| handle.list_xattrs(name)) else { return Ok(Vec::new()) };
        Ok(names.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect())
    }

    fn remove_xattr(&self, name: &[u8]) -> Result<(), Errno> {
        let attribute = name_of(name)?;
        self.with_xattrs(|handle, name| handle.remove_xattr(name, &attribute))
    }

    fn statistics(&self) -> Result<FsStatistics, Errno> {
        // Not locked below: opening a directory again takes the lock.
        let place = self.place.lock().clone();
        match &place {
            Place::Entry(parent, _) if self.kind != FileKind::Directory => parent.directory(),
            _ => self.directory(),
        }?
        .statistics()
    }
}
