//! Inodes of host files.

use std::{
    ffi::CString,
    os::fd::{AsFd, OwnedFd},
};

use lazaret_abi::errno::Errno;
use rustix::fs::{AtFlags, Gid, Mode, OFlags, RenameFlags, Statx, StatxFlags, Timespec, Timestamps, Uid, XattrFlags};

use super::{HostFs, errno, keep::KeptListing, open};
use crate::{
    fs::{
        file::FileOps,
        inode::{
            Attributes, DirSink, FileKind, FsStatistics, HostMapping, Inode, NewAttributes, NewNode, SetAttributes,
            Timestamp,
        },
    },
    sync::{Arc, AtomicBool, Mutex, OnceLock, Ordering, Weak},
};

/// Where the host keeps a file: how to reach it again.
#[derive(Clone)]
pub(super) enum Place {
    /// The donated descriptor itself.
    Root,
    /// A name in a directory.
    Entry(Arc<HostInode>, CString),
}

/// A file of the host.
pub struct HostInode {
    pub(super) fs: Arc<HostFs>,
    pub(super) kind: FileKind,
    pub(super) key: (u64, u64),
    pub(super) place: Mutex<Place>,
    /// O_PATH descriptor: of the root for ever, of anything but a directory once its name is gone. Of a
    /// directory a readable one, where it may be read, while there is room.
    pub(super) descriptor: Mutex<Option<Arc<OwnedFd>>>,
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

const STATX_MASK: StatxFlags = StatxFlags::BASIC_STATS.union(StatxFlags::BTIME);

pub(super) fn statx_of(directory: impl AsFd, name: &CString) -> Result<Statx, Errno> {
    rustix::fs::statx(directory, name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH, STATX_MASK).map_err(errno)
}

pub(super) fn key_of(stat: &Statx) -> (u64, u64) {
    (rustix::fs::makedev(stat.stx_dev_major, stat.stx_dev_minor), stat.stx_ino)
}

fn name_of(name: &[u8]) -> Result<CString, Errno> {
    CString::new(name).map_err(|_| Errno::EINVAL)
}

impl HostInode {
    /// The inode of a donated descriptor.
    pub(super) fn root(fs: Arc<HostFs>, descriptor: OwnedFd) -> Result<Arc<HostInode>, Errno> {
        let stat = statx_of(&descriptor, &CString::default())?;
        fs.map_device(key_of(&stat).0);
        HostInode::new(fs, &stat, Place::Root, Some(Arc::new(descriptor)))
    }

    fn new(
        fs: Arc<HostFs>,
        stat: &Statx,
        place: Place,
        descriptor: Option<Arc<OwnedFd>>,
    ) -> Result<Arc<HostInode>, Errno> {
        let kind = FileKind::from_mode(u32::from(stat.stx_mode)).ok_or(Errno::EIO)?;
        let key = key_of(stat);
        let mut inodes = fs.inodes.lock();
        if let Some(known) = inodes.get(&key).and_then(Weak::upgrade)
            && known.kind == kind
        {
            // The old place may be the last user of its directory, whose end wants the table too.
            let old = std::mem::replace(&mut *known.place.lock(), place);
            drop(inodes);
            drop(old);
            return Ok(known);
        }
        let attributes = OnceLock::new();
        if fs.immutable {
            attributes.get_or_init(|| attributes_of(&fs, stat, kind));
        }
        let inode = Arc::new(HostInode {
            fs: fs.clone(),
            kind,
            key,
            place: Mutex::new(place),
            descriptor: Mutex::new(descriptor),
            attributes,
            listing: Mutex::new(None),
            target: OnceLock::new(),
            plain: AtomicBool::new(false),
            readable: Mutex::new(Weak::new()),
            writable: Mutex::new(Weak::new()),
        });
        inodes.insert(key, Arc::downgrade(&inode));
        Ok(inode)
    }

    fn stat(&self) -> Result<Statx, Errno> {
        let open = [self.descriptor.lock().clone(), self.writable.lock().upgrade(), self.readable.lock().upgrade()];
        if let Some(descriptor) = open.into_iter().flatten().next() {
            return statx_of(&*descriptor, &CString::default());
        }
        match self.place.lock().clone() {
            Place::Entry(parent, name) => statx_of(&*parent.directory()?, &name),
            Place::Root => Err(Errno::EIO),
        }
    }

    /// Before a name goes: keeps the file reachable for those who still use it.
    fn pin(&self, directory: &OwnedFd, name: &CString) {
        let Ok(stat) = statx_of(directory, name) else { return };
        let Some(inode) = self.fs.inodes.lock().get(&key_of(&stat)).and_then(Weak::upgrade) else { return };
        let mut slot = inode.descriptor.lock();
        if slot.is_none()
            && let Ok(descriptor) =
                rustix::fs::openat(directory, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
        {
            if inode.kind == FileKind::Directory {
                self.fs.open_directories.fetch_add(1, Ordering::Relaxed);
            }
            *slot = Some(Arc::new(descriptor));
        }
    }

    fn entry(self: &HostInode, this: &Arc<HostInode>, name: CString) -> Result<Arc<dyn Inode>, Errno> {
        let stat = statx_of(&*self.directory()?, &name)?;
        Ok(HostInode::new(self.fs.clone(), &stat, Place::Entry(this.clone(), name), None)?)
    }

    /// This inode as the shared object that the tree knows.
    fn shared(&self) -> Result<Arc<HostInode>, Errno> {
        self.fs.inodes.lock().get(&self.key).and_then(Weak::upgrade).ok_or(Errno::ESTALE)
    }
}

impl Drop for HostInode {
    fn drop(&mut self) {
        if self.kind == FileKind::Directory && self.descriptor.lock().is_some() {
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

fn timestamp(time: rustix::fs::StatxTimestamp) -> Timestamp {
    Timestamp { seconds: time.tv_sec, nanoseconds: time.tv_nsec }
}

fn attributes_of(fs: &HostFs, stat: &Statx, kind: FileKind) -> Attributes {
    let has_birth = StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::BTIME);
    Attributes {
        device: fs.map_device(rustix::fs::makedev(stat.stx_dev_major, stat.stx_dev_minor)),
        inode: stat.stx_ino,
        kind,
        permissions: u32::from(stat.stx_mode) & 0o7777,
        links: u64::from(stat.stx_nlink),
        uid: stat.stx_uid,
        gid: stat.stx_gid,
        rdev: rustix::fs::makedev(stat.stx_rdev_major, stat.stx_rdev_minor),
        size: stat.stx_size,
        block_size: stat.stx_blksize,
        blocks: stat.stx_blocks,
        atime: timestamp(stat.stx_atime),
        mtime: timestamp(stat.stx_mtime),
        ctime: timestamp(stat.stx_ctime),
        btime: has_birth.then(|| timestamp(stat.stx_btime)),
    }
}

impl Inode for HostInode {
    fn attributes(&self) -> Result<Attributes, Errno> {
        if let Some(attributes) = self.attributes.get() {
            return Ok(*attributes);
        }
        Ok(attributes_of(&self.fs, &self.stat()?, self.kind))
    }

    fn kind(&self) -> FileKind {
        self.kind
    }

    fn cacheable(&self) -> bool {
        self.fs.immutable
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<(), Errno> {
        if self.kind == FileKind::Symlink || !matches!(self.kind, FileKind::Regular | FileKind::Directory) {
            return self.set_attributes_by_name(change);
        }
        let writable = change.size.is_some();
        let descriptor = self.open_again(if writable { OFlags::RDWR } else { OFlags::RDONLY } | OFlags::NONBLOCK)?;
        if change.uid.is_some() || change.gid.is_some() {
            rustix::fs::fchown(&descriptor, change.uid.map(Uid::from_raw), change.gid.map(Gid::from_raw))
                .map_err(errno)?;
        }
        if let Some(permissions) = change.permissions {
            rustix::fs::fchmod(&descriptor, Mode::from_raw_mode(permissions)).map_err(errno)?;
        }
        if let Some(size) = change.size {
            rustix::fs::ftruncate(&descriptor, size).map_err(errno)?;
        }
        if change.atime.is_some() || change.mtime.is_some() {
            rustix::fs::futimens(&descriptor, &timestamps(change)).map_err(errno)?;
        }
        Ok(())
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>, Errno> {
        if self.kind != FileKind::Directory {
            return Err(Errno::ENOTDIR);
        }
        self.entry(&self.shared()?, name_of(name)?)
    }

    fn create(&self, name: &[u8], node: NewNode<'_>, attributes: &NewAttributes) -> Result<Arc<dyn Inode>, Errno> {
        let directory = self.directory()?;
        let name = name_of(name)?;
        let mode = Mode::from_raw_mode(attributes.permissions);
        match node {
            NewNode::Node { kind: FileKind::Regular, .. } => {
                let how = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                drop(rustix::fs::openat(&*directory, &name, how, mode).map_err(errno)?);
            }
            NewNode::Node { kind, rdev } => {
                if matches!(kind, FileKind::CharDevice | FileKind::BlockDevice) {
                    return Err(Errno::EPERM);
                }
                let kind = rustix::fs::FileType::from_raw_mode(kind as u32);
                rustix::fs::mknodat(&*directory, &name, kind, mode, rdev).map_err(errno)?;
            }
            NewNode::Directory => rustix::fs::mkdirat(&*directory, &name, mode).map_err(errno)?,
            NewNode::Symlink(target) => rustix::fs::symlinkat(name_of(target)?, &*directory, &name).map_err(errno)?,
        }
        let inode = self.entry(&self.shared()?, name)?;
        let made = inode.attributes()?;
        let change = SetAttributes {
            uid: (made.uid != attributes.uid).then_some(attributes.uid),
            gid: (made.gid != attributes.gid).then_some(attributes.gid),
            // The host's umask, or its clearing of set-id bits by chown, may have taken bits away.
            permissions: (made.kind != FileKind::Symlink).then_some(attributes.permissions),
            ..SetAttributes::default()
        };
        inode.set_attributes(&change)?;
        Ok(inode)
    }

    fn create_unnamed(&self, attributes: &NewAttributes) -> Result<Arc<dyn Inode>, Errno> {
        let how = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(attributes.permissions);
        let descriptor = Arc::new(rustix::fs::openat(&*self.directory()?, c".", how, mode).map_err(errno)?);
        let stat = statx_of(&*descriptor, &CString::default())?;
        if (stat.stx_uid, stat.stx_gid) != (attributes.uid, attributes.gid) {
            rustix::fs::fchown(&descriptor, Some(Uid::from_raw(attributes.uid)), Some(Gid::from_raw(attributes.gid)))
                .map_err(errno)?;
        }
        Ok(HostInode::new(self.fs.clone(), &stat, Place::Root, Some(descriptor))?)
    }

    fn link(&self, name: &[u8], target: &Arc<dyn Inode>) -> Result<(), Errno> {
        let target = target.downcast_ref::<HostInode>().ok_or(Errno::EXDEV)?;
        let place = target.place.lock().clone();
        match place {
            Place::Entry(parent, old) => {
                let directory = parent.directory()?;
                rustix::fs::linkat(&*directory, &old, &*self.directory()?, name_of(name)?, AtFlags::empty())
                    .map_err(errno)
            }
            // A file that never had a name; the host wants CAP_DAC_READ_SEARCH for it.
            Place::Root => {
                let descriptor = target.descriptor.lock().clone().ok_or(Errno::ENOENT)?;
                rustix::fs::linkat(&*descriptor, c"", &*self.directory()?, name_of(name)?, AtFlags::EMPTY_PATH)
                    .map_err(errno)
            }
        }
    }

    fn unlink(&self, name: &[u8]) -> Result<(), Errno> {
        let (directory, name) = (self.directory()?, name_of(name)?);
        self.pin(&directory, &name);
        rustix::fs::unlinkat(&*directory, &name, AtFlags::empty()).map_err(errno)
    }

    fn rmdir(&self, name: &[u8]) -> Result<(), Errno> {
        let (directory, name) = (self.directory()?, name_of(name)?);
        self.pin(&directory, &name);
        rustix::fs::unlinkat(&*directory, &name, AtFlags::REMOVEDIR).map_err(errno)
    }

    fn rename(&self, name: &[u8], new_directory: &Arc<dyn Inode>, new_name: &[u8], flags: u32) -> Result<(), Errno> {
        let target = new_directory.downcast_ref::<HostInode>().ok_or(Errno::EXDEV)?;
        let (from, to) = (self.directory()?, target.directory()?);
        let (name, new_name) = (name_of(name)?, name_of(new_name)?);
        let flags = RenameFlags::from_bits_retain(flags);
        self.pin(&to, &new_name);
        rustix::fs::renameat_with(&*from, &name, &*to, &new_name, flags).map_err(errno)?;
        // Inodes in use learn their new place.
        let this = self.shared()?;
        target.entry(&target.shared()?, new_name)?;
        if flags.contains(RenameFlags::EXCHANGE) {
            self.entry(&this, name)?;
        }
        Ok(())
    }

    fn read_link(&self) -> Result<Vec<u8>, Errno> {
        // The target of a link never changes: another link may take its name, and is another inode.
        if let Some(target) = self.target.get() {
            return Ok(target.to_vec());
        }
        let target = match self.place.lock().clone() {
            Place::Entry(parent, name) => rustix::fs::readlinkat(&*parent.directory()?, &name, Vec::new()),
            Place::Root => rustix::fs::readlinkat(&*self.directory()?, c"", Vec::new()),
        };
        let target = target.map(CString::into_bytes).map_err(errno)?;
        if self.fs.immutable {
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
        let (descriptor, name) = (self.xattr_descriptor()?, name_of(name)?);
        let mut value = vec![0; 64 * 1024];
        let length = rustix::fs::fgetxattr(&descriptor, &name, &mut value).map_err(errno)?;
        value.truncate(length);
        Ok(value)
    }

    fn set_xattr(&self, name: &[u8], value: &[u8], flags: u32) -> Result<(), Errno> {
        let flags = XattrFlags::from_bits_retain(flags);
        rustix::fs::fsetxattr(self.xattr_descriptor()?, name_of(name)?, value, flags).map_err(errno)
    }

    fn list_xattrs(&self) -> Result<Vec<Vec<u8>>, Errno> {
        if self.is_plain() {
            return Ok(Vec::new());
        }
        let Ok(descriptor) = self.xattr_descriptor() else { return Ok(Vec::new()) };
        let mut names = vec![0_u8; 64 * 1024];
        let length = rustix::fs::flistxattr(&descriptor, &mut names).map_err(errno)?;
        names.truncate(length);
        Ok(names.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect())
    }

    fn remove_xattr(&self, name: &[u8]) -> Result<(), Errno> {
        rustix::fs::fremovexattr(self.xattr_descriptor()?, name_of(name)?).map_err(errno)
    }

    fn statistics(&self) -> Result<FsStatistics, Errno> {
        // Not locked below: opening a directory again takes the lock.
        let place = self.place.lock().clone();
        let descriptor = match &place {
            Place::Entry(parent, _) if self.kind != FileKind::Directory => parent.directory()?,
            _ => self.directory()?,
        };
        let stat = rustix::fs::fstatfs(&*descriptor).map_err(errno)?;
        Ok(FsStatistics {
            magic: stat.f_type.cast_unsigned(),
            block_size: stat.f_bsize.cast_unsigned(),
            blocks: stat.f_blocks,
            blocks_free: stat.f_bfree,
            blocks_available: stat.f_bavail,
            files: stat.f_files,
            files_free: stat.f_ffree,
            name_max: stat.f_namelen.cast_unsigned(),
        })
    }
}

impl HostInode {
    /// Attributes of what cannot be opened: links and special files.
    fn set_attributes_by_name(&self, change: &SetAttributes) -> Result<(), Errno> {
        let (directory, name) = match self.place.lock().clone() {
            Place::Entry(parent, name) => (parent.directory()?, name),
            Place::Root => return Err(Errno::EOPNOTSUPP),
        };
        let nofollow = AtFlags::SYMLINK_NOFOLLOW;
        if change.uid.is_some() || change.gid.is_some() {
            let (uid, gid) = (change.uid.map(Uid::from_raw), change.gid.map(Gid::from_raw));
            rustix::fs::chownat(&*directory, &name, uid, gid, nofollow).map_err(errno)?;
        }
        if let Some(permissions) = change.permissions
            && self.attributes()?.permissions != permissions
        {
            rustix::fs::chmodat(&*directory, &name, Mode::from_raw_mode(permissions), nofollow).map_err(errno)?;
        }
        if change.atime.is_some() || change.mtime.is_some() {
            rustix::fs::utimensat(&*directory, &name, &timestamps(change), nofollow).map_err(errno)?;
        }
        if change.size.is_some() { Err(Errno::EINVAL) } else { Ok(()) }
    }
}

fn timestamps(change: &SetAttributes) -> Timestamps {
    const OMIT: i64 = 0x3fff_fffe;
    let host = |time: Option<Timestamp>| match time {
        Some(time) => Timespec { tv_sec: time.seconds, tv_nsec: i64::from(time.nanoseconds) },
        None => Timespec { tv_sec: 0, tv_nsec: OMIT },
    };
    Timestamps { last_access: host(change.atime), last_modification: host(change.mtime) }
}
