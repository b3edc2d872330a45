//! What a file system provides: inodes.

use std::{any::Any, os::fd::OwnedFd};

use lazaret_abi::errno::Errno;
use lazaret_snapshot::Snapshot;

use super::{file::FileOps, hostfs::HostBinding};
use crate::{
    sync::Arc,
    task::creds::Creds,
    uio::{Sink, Source},
};

/// Type of a file; the values are those of `S_IFMT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Snapshot)]
#[repr(u32)]
pub enum FileKind {
    /// No type at all: eventfd, epoll and their like.
    Anonymous = 0,
    /// FIFO.
    Fifo = 0o010000,
    /// Character device.
    CharDevice = 0o020000,
    /// Directory.
    Directory = 0o040000,
    /// Block device.
    BlockDevice = 0o060000,
    /// Regular file.
    Regular = 0o100000,
    /// Symbolic link.
    Symlink = 0o120000,
    /// Unix socket.
    Socket = 0o140000,
}

impl FileKind {
    /// The kind in the `S_IFMT` bits of a mode.
    pub fn from_mode(mode: u32) -> Option<FileKind> {
        Some(match mode & 0o170000 {
            0o010000 => FileKind::Fifo,
            0o020000 => FileKind::CharDevice,
            0o040000 => FileKind::Directory,
            0o060000 => FileKind::BlockDevice,
            0o100000 => FileKind::Regular,
            0o120000 => FileKind::Symlink,
            0o140000 => FileKind::Socket,
            0 => FileKind::Anonymous,
            _ => return None,
        })
    }

    /// `d_type` of getdents64(2).
    pub fn dirent_type(self) -> u8 {
        (self as u32 >> 12) as u8
    }
}

/// A point in time since the epoch, as file attributes hold it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Snapshot)]
pub struct Timestamp {
    /// Seconds.
    pub seconds: i64,
    /// Nanoseconds, below 10^9.
    pub nanoseconds: u32,
}

impl Timestamp {
    /// The present time, with the resolution of a clock tick that file times have.
    pub fn now() -> Timestamp {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
        Timestamp { seconds: now.tv_sec, nanoseconds: u32::try_from(now.tv_nsec).unwrap_or(0) }
    }
}

/// Attributes of an inode, as stat(2) shows them.
#[derive(Clone, Copy, Debug, Snapshot)]
pub struct Attributes {
    /// Device number of the file system instance (`st_dev`), in the kernel's 64-bit encoding.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Type of the file.
    pub kind: FileKind,
    /// Permission bits with set-id and sticky bits (`07777`).
    pub permissions: u32,
    /// Number of hard links.
    pub links: u64,
    /// Owner, in the container's ids.
    pub uid: u32,
    /// Group, in the container's ids.
    pub gid: u32,
    /// Device number of a device node (`st_rdev`).
    pub rdev: u64,
    /// Size in bytes.
    pub size: u64,
    /// Preferred block size of I/O in bytes.
    pub block_size: u32,
    /// 512-byte blocks in use.
    pub blocks: u64,
    /// Last access.
    pub atime: Timestamp,
    /// Last change of content.
    pub mtime: Timestamp,
    /// Last change of attributes.
    pub ctime: Timestamp,
    /// Birth, where known.
    pub btime: Option<Timestamp>,
}

impl Attributes {
    /// Attributes of a node that is made now, in memory, with `owner`.
    pub fn fresh(device: u64, inode: u64, kind: FileKind, owner: &NewAttributes) -> Attributes {
        let now = Timestamp::now();
        Attributes {
            device,
            inode,
            kind,
            permissions: owner.permissions,
            links: if kind == FileKind::Directory { 2 } else { 1 },
            uid: owner.uid,
            gid: owner.gid,
            rdev: 0,
            size: 0,
            block_size: 4096,
            blocks: 0,
            atime: now,
            mtime: now,
            ctime: now,
            btime: Some(now),
        }
    }

    /// `st_mode`.
    pub fn mode(&self) -> u32 {
        self.kind as u32 | self.permissions
    }
}

/// A change of attributes; `None` leaves a value as it is. Permission has been checked, and what
/// follows from a change (dropped set-id bits, ctime) is decided by the VFS, which fills it in here.
#[derive(Clone, Copy, Debug, Default)]
pub struct SetAttributes {
    /// New permission bits (`07777`).
    pub permissions: Option<u32>,
    /// New owner.
    pub uid: Option<u32>,
    /// New group.
    pub gid: Option<u32>,
    /// New size in bytes.
    pub size: Option<u64>,
    /// New access time.
    pub atime: Option<Timestamp>,
    /// New modification time.
    pub mtime: Option<Timestamp>,
    /// New change time; file systems whose host sets it by itself ignore it.
    pub ctime: Option<Timestamp>,
}

impl SetAttributes {
    /// Nothing is to change.
    pub fn is_empty(&self) -> bool {
        let SetAttributes { permissions, uid, gid, size, atime, mtime, ctime } = self;
        permissions.or(*uid).or(*gid).is_none() && size.is_none() && atime.or(*mtime).or(*ctime).is_none()
    }

    /// For a generated file, whose owner and mode are given: ignores size and times.
    ///
    /// # Errors
    /// `EPERM` when owner or mode are to change.
    pub fn refuse_rights(&self) -> Result<(), Errno> {
        if self.permissions.is_some() || self.uid.is_some() || self.gid.is_some() { Err(Errno::EPERM) } else { Ok(()) }
    }

    /// Makes the change in attributes kept in memory, but for the size.
    pub fn apply(&self, attributes: &mut Attributes) {
        let set = |target: &mut u32, value: Option<u32>| *target = value.unwrap_or(*target);
        set(&mut attributes.permissions, self.permissions);
        set(&mut attributes.uid, self.uid);
        set(&mut attributes.gid, self.gid);
        let set = |target: &mut Timestamp, value: Option<Timestamp>| *target = value.unwrap_or(*target);
        set(&mut attributes.atime, self.atime);
        set(&mut attributes.mtime, self.mtime);
        set(&mut attributes.ctime, self.ctime);
    }
}

/// What to make in a directory.
#[derive(Clone, Copy, Debug)]
pub enum NewNode<'a> {
    /// A regular file, FIFO, socket or device node; `rdev` counts for devices.
    Node {
        /// Type; not a directory or symbolic link.
        kind: FileKind,
        /// Device number.
        rdev: u64,
    },
    /// A directory.
    Directory,
    /// A symbolic link with this target.
    Symlink(&'a [u8]),
}

/// Owner and mode of a new node. The umask has been applied; set-gid inheritance has been decided.
#[derive(Clone, Copy, Debug)]
pub struct NewAttributes {
    /// Permission bits (`07777`).
    pub permissions: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Receives directory entries; see [`Inode::read_dir`].
pub trait DirSink {
    /// Takes one entry; `next` is the position after it. Returns false when full: then the entry was
    /// not taken and reading stops.
    fn entry(&mut self, name: &[u8], inode: u64, kind: FileKind, next: u64) -> bool;
}

/// What a mapping of a file shows; see [`Inode::host_mapping`].
#[derive(Clone, Debug)]
pub struct HostMapping {
    /// Host file whose pages are the file's content, at the same offsets.
    pub fd: Arc<OwnedFd>,
    /// The descriptor may be mapped shared and writable.
    pub writable: bool,
    /// An address space may hold the file open for a while: its space is not the sandbox's.
    pub lasting: bool,
}

/// A target that resolution of a symbolic link leads to.
pub enum LinkTarget {
    /// A path to continue with.
    Path(Vec<u8>),
    /// A magic link (`/proc/self/fd/3`): the object itself, no path walk.
    Object(super::file::Location),
}

/// Statistics of a file system, for statfs(2). Counts are in units of `block_size`.
#[derive(Clone, Copy, Debug, Default)]
pub struct FsStatistics {
    /// `f_type` (EXT4_SUPER_MAGIC ...).
    pub magic: u64,
    /// Block size in bytes.
    pub block_size: u64,
    /// Blocks in all.
    pub blocks: u64,
    /// Free blocks.
    pub blocks_free: u64,
    /// Blocks free to ordinary users.
    pub blocks_available: u64,
    /// Inodes in all.
    pub files: u64,
    /// Free inodes.
    pub files_free: u64,
    /// Longest name of an entry.
    pub name_max: u64,
}

/// The name of a socket of the host, and what keeps it bound.
pub type BoundInode = (Arc<dyn Inode>, HostBinding);

/// An inode of some file system.
///
/// The VFS checks permissions, read-only mounts and name rules (length, `.` and `..`, slashes)
/// before it calls; implementations do what their name says and nothing more. Names are single
/// components. Directory operations default to `ENOTDIR`, others to what Linux answers for a file
/// system that lacks them.
pub trait Inode: Any + Send + Sync {
    /// Current attributes.
    fn attributes(&self) -> Result<Attributes, Errno>;

    /// Type of the file; never changes.
    fn kind(&self) -> FileKind;

    /// Changes attributes (chmod, chown, utimensat, truncate).
    fn set_attributes(&self, _change: &SetAttributes) -> Result<(), Errno> {
        Err(Errno::EPERM)
    }

    /// Finds an entry of a directory.
    fn lookup(&self, _name: &[u8]) -> Result<Arc<dyn Inode>, Errno> {
        Err(Errno::ENOTDIR)
    }

    /// Whether a lookup's result, found or not found, stays true until the VFS itself changes it.
    /// File systems whose content changes by itself (proc) or under another's hand answer false,
    /// and are asked again at each walk.
    fn cacheable(&self) -> bool {
        true
    }

    /// Makes a new entry that does not exist yet (mknod, mkdir, symlink, open with O_CREAT).
    fn create(&self, _name: &[u8], _node: NewNode<'_>, _attributes: &NewAttributes) -> Result<Arc<dyn Inode>, Errno> {
        Err(Errno::EPERM)
    }

    /// A socket of the host (SOCK_STREAM ...) that is connected to the one whose file this is.
    ///
    /// # Errors
    /// `ECONNREFUSED` where the host's sockets are out of reach, or nobody listens; those of connect(2).
    fn connect_host(&self, _kind: u32) -> Result<OwnedFd, Errno> {
        Err(Errno::ECONNREFUSED)
    }

    /// Makes a socket of the host that is bound to a new name in this directory; `None` where the sandbox's own are
    /// enough.
    ///
    /// # Errors
    /// Those of bind(2).
    fn bind_host(&self, _name: &[u8], _kind: u32, _attributes: &NewAttributes) -> Result<Option<BoundInode>, Errno> {
        Ok(None)
    }

    /// Makes a regular file without a name (O_TMPFILE).
    fn create_unnamed(&self, _attributes: &NewAttributes) -> Result<Arc<dyn Inode>, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// Makes `name` another name of `target`, which is an inode of the same file system.
    fn link(&self, _name: &[u8], _target: &Arc<dyn Inode>) -> Result<(), Errno> {
        Err(Errno::EPERM)
    }

    /// Removes the name of something that is not a directory.
    fn unlink(&self, _name: &[u8]) -> Result<(), Errno> {
        Err(Errno::EPERM)
    }

    /// Removes an empty directory.
    fn rmdir(&self, _name: &[u8]) -> Result<(), Errno> {
        Err(Errno::EPERM)
    }

    /// Renames `name` to `new_name` in `new_directory` (of the same file system), replacing what is
    /// there. `flags` are those of renameat2(2); RENAME_NOREPLACE was checked by the VFS.
    fn rename(
        &self,
        _name: &[u8],
        _new_directory: &Arc<dyn Inode>,
        _new_name: &[u8],
        _flags: u32,
    ) -> Result<(), Errno> {
        Err(Errno::EPERM)
    }

    /// Target of a symbolic link as readlink(2) shows it.
    fn read_link(&self) -> Result<Vec<u8>, Errno> {
        Err(Errno::EINVAL)
    }

    /// Where following the link leads; differs from [`Inode::read_link`] for magic links only.
    fn follow_link(&self) -> Result<LinkTarget, Errno> {
        self.read_link().map(LinkTarget::Path)
    }

    /// Lists a directory from position `from` on (0 is the start), without `.` and `..`, which the
    /// VFS adds. Positions given to the sink are greater than `from`, and stay valid while entries
    /// come and go, as readdir(3) demands.
    fn read_dir(&self, _from: u64, _sink: &mut dyn DirSink) -> Result<(), Errno> {
        Err(Errno::ENOTDIR)
    }

    /// Operations of an open file. `flags` are those of open(2), access mode included.
    fn open(self: Arc<Self>, flags: u32) -> Result<Box<dyn FileOps>, Errno>;

    /// Host file that shows this file's content, for mmap(2); `ENODEV` where there is none. `writable`
    /// asks for one that may be mapped shared and writable.
    fn host_mapping(&self, _writable: bool) -> Result<HostMapping, Errno> {
        Err(Errno::ENODEV)
    }

    /// Writes content of a regular file without an open file; how an overlay fills its copies.
    fn write_content(&self, _offset: u64, _data: &[u8]) -> Result<(), Errno> {
        Err(Errno::EROFS)
    }

    /// Reads an extended attribute.
    fn get_xattr(&self, _name: &[u8]) -> Result<Vec<u8>, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// Sets an extended attribute; `flags` are XATTR_CREATE and XATTR_REPLACE.
    fn set_xattr(&self, _name: &[u8], _value: &[u8], _flags: u32) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// Names of all extended attributes.
    fn list_xattrs(&self) -> Result<Vec<Vec<u8>>, Errno> {
        Ok(Vec::new())
    }

    /// Removes an extended attribute.
    fn remove_xattr(&self, _name: &[u8]) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// The kernel makes the file up, and finds it again by its name: a snapshot holds the name only.
    fn is_generated(&self) -> bool {
        false
    }

    /// Statistics of the file system.
    fn statistics(&self) -> Result<FsStatistics, Errno>;

    /// The file system decides about permission itself (proc); `None` leaves it to mode bits.
    fn permission(&self, _creds: &Creds, _mask: u32) -> Option<Result<(), Errno>> {
        None
    }
}

impl dyn Inode {
    /// The inode as its concrete type.
    pub fn downcast_ref<T: Inode>(&self) -> Option<&T> {
        (self as &dyn Any).downcast_ref()
    }
}

/// Reads a whole range of a file into a sink; a helper for inodes whose content is in memory.
pub fn read_slice(content: &[u8], offset: &mut u64, sink: &mut dyn Sink) -> Result<usize, Errno> {
    let start = usize::try_from(*offset).unwrap_or(usize::MAX).min(content.len());
    let done = if start == content.len() { 0 } else { sink.put(&content[start..])? };
    *offset += done as u64;
    Ok(done)
}

/// Takes all that a source has, up to `limit` bytes; a helper for files that parse what is written.
///
/// # Errors
/// `EFAULT` when memory is bad anywhere, `EINVAL` when the source has more than `limit` bytes.
pub fn take_all(source: &mut dyn Source, limit: usize) -> Result<Vec<u8>, Errno> {
    if source.remaining() > limit {
        return Err(Errno::EINVAL);
    }
    let mut data = vec![0; source.remaining()];
    let mut done = 0;
    while done < data.len() {
        match source.take(&mut data[done..])? {
            0 => return Err(Errno::EFAULT),
            taken => done += taken,
        }
    }
    Ok(data)
}
