//! Files that are reached by descriptors of the host (directfs). See [`super::handle::Handle`] for what each does.

use std::{
    ffi::{CStr, CString},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use lazaret_abi::errno::Errno;
use lazaret_hostcall::file::change_mode;
use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, RenameFlags, Statx, StatxFlags, StatxTimestamp, Timespec, Timestamps,
    UTIME_OMIT, Uid, XattrFlags,
};

use super::{Listing, directory, errno, handle::key_of};
use crate::fs::inode::{Attributes, FileKind, FsStatistics, NewAttributes, NewNode, SetAttributes, Timestamp};

/// Longest value of an extended attribute, and longest list of names.
const XATTR_MAX: usize = 64 * 1024;

fn open(directory: BorrowedFd<'_>, name: &CStr, how: OFlags) -> Result<OwnedFd, Errno> {
    // Of the file itself, if that is a directory; an O_PATH descriptor knows no other way.
    let name = if name.is_empty() { c"." } else { name };
    rustix::fs::openat(directory, name, how | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).map_err(errno)
}

pub fn attributes(directory: BorrowedFd<'_>, name: &CStr) -> Result<Attributes, Errno> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
    let mask = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    shown(&rustix::fs::statx(directory, name, flags, mask).map_err(errno)?)
}

fn shown(stat: &Statx) -> Result<Attributes, Errno> {
    let has_birth = StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::BTIME);
    let timestamp = |time: StatxTimestamp| Timestamp { seconds: time.tv_sec, nanoseconds: time.tv_nsec };
    Ok(Attributes {
        device: rustix::fs::makedev(stat.stx_dev_major, stat.stx_dev_minor),
        inode: stat.stx_ino,
        kind: FileKind::from_mode(u32::from(stat.stx_mode)).ok_or(Errno::EIO)?,
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
    })
}

pub fn open_directory(directory: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    match open(directory, name, OFlags::RDONLY | OFlags::DIRECTORY) {
        Err(Errno::EACCES) => open(directory, name, OFlags::PATH | OFlags::DIRECTORY),
        opened => opened,
    }
}

pub fn entry(directory: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    open(directory, name, OFlags::PATH)
}

pub fn open_file(directory: BorrowedFd<'_>, name: &CStr, writable: bool) -> Result<OwnedFd, Errno> {
    let access = if writable { OFlags::RDWR } else { OFlags::RDONLY };
    // Never blocks on what is not a regular file.
    if name.is_empty() {
        return reopen(directory, access | OFlags::NONBLOCK);
    }
    open(directory, name, access | OFlags::NONBLOCK)
}

/// Opens the file that a descriptor stands for. Only a donated single file, or one whose name is gone, needs it: such a
/// file has no directory to open it from.
fn reopen(descriptor: BorrowedFd<'_>, how: OFlags) -> Result<OwnedFd, Errno> {
    let access = how.intersection(OFlags::RWMODE);
    // Donated files come with read rights at least, which dup keeps; more needs procfs.
    let current = rustix::fs::fcntl_getfl(descriptor).map_err(errno)?;
    if !current.contains(OFlags::PATH)
        && (current.intersection(OFlags::RWMODE) == access || current.contains(OFlags::RDWR))
    {
        return rustix::io::fcntl_dupfd_cloexec(descriptor, 0).map_err(errno);
    }
    let path = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
    rustix::fs::openat(CWD, path, how | OFlags::CLOEXEC, Mode::empty()).map_err(errno)
}

pub fn open_unnamed(directory: BorrowedFd<'_>, permissions: u32) -> Result<OwnedFd, Errno> {
    let how = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    rustix::fs::openat(directory, c".", how, Mode::from_raw_mode(permissions)).map_err(errno)
}

pub fn list(directory: BorrowedFd<'_>) -> Result<Listing, Errno> {
    match directory::list(directory) {
        // It only names the directory: the root's, and those that may not be read.
        Err(Errno::EBADF) => {
            let opened = open(directory, c"", OFlags::RDONLY | OFlags::DIRECTORY)?;
            directory::list(opened.as_fd())
        }
        listed => listed,
    }
}

pub fn read_link(directory: BorrowedFd<'_>, name: &CStr) -> Result<Vec<u8>, Errno> {
    rustix::fs::readlinkat(directory, name, Vec::new()).map(CString::into_bytes).map_err(errno)
}

pub fn make(
    directory: BorrowedFd<'_>,
    name: &CStr,
    node: NewNode<'_>,
    wanted: &NewAttributes,
) -> Result<Attributes, Errno> {
    let mode = Mode::from_raw_mode(wanted.permissions);
    match node {
        NewNode::Node { kind: FileKind::Regular, .. } => {
            let how = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let made = rustix::fs::openat(directory, name, how, mode).map_err(errno)?;
            // It is given away by what it was made as: its name may be another file's by then.
            return give(made.as_fd(), c"", wanted);
        }
        NewNode::Node { kind, rdev } => {
            rustix::fs::mknodat(directory, name, FileType::from_raw_mode(kind as u32), mode, rdev).map_err(errno)?;
        }
        NewNode::Directory => rustix::fs::mkdirat(directory, name, mode).map_err(errno)?,
        NewNode::Symlink(target) => {
            let target = CString::new(target).map_err(|_| Errno::EINVAL)?;
            rustix::fs::symlinkat(target, directory, name).map_err(errno)?;
        }
    }
    give(directory, name, wanted)
}

/// Gives a new file to whom it is to belong to; its attributes then.
fn give(directory: BorrowedFd<'_>, name: &CStr, wanted: &NewAttributes) -> Result<Attributes, Errno> {
    let made = attributes(directory, name)?;
    let change = SetAttributes {
        uid: (made.uid != wanted.uid).then_some(wanted.uid),
        gid: (made.gid != wanted.gid).then_some(wanted.gid),
        // The host's umask, or its clearing of set-id bits by chown, may have taken bits away.
        permissions: (made.kind != FileKind::Symlink).then_some(wanted.permissions),
        ..SetAttributes::default()
    };
    if change.uid.is_none() && change.gid.is_none() && made.permissions == wanted.permissions {
        return Ok(made);
    }
    set_attributes(directory, name, key_of(&made), &change)?;
    attributes(directory, name)
}

pub fn link(from: BorrowedFd<'_>, name: &CStr, to: BorrowedFd<'_>, new_name: &CStr) -> Result<(), Errno> {
    // Of a file that never had a name the host wants CAP_DAC_READ_SEARCH for it.
    let flags = if name.is_empty() { AtFlags::EMPTY_PATH } else { AtFlags::empty() };
    rustix::fs::linkat(from, name, to, new_name, flags).map_err(errno)
}

pub fn remove(directory: BorrowedFd<'_>, name: &CStr, is_directory: bool) -> Result<(), Errno> {
    let flags = if is_directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
    rustix::fs::unlinkat(directory, name, flags).map_err(errno)
}

pub fn rename(from: BorrowedFd<'_>, name: &CStr, to: BorrowedFd<'_>, new_name: &CStr, flags: u32) -> Result<(), Errno> {
    rustix::fs::renameat_with(from, name, to, new_name, RenameFlags::from_bits_retain(flags)).map_err(errno)
}

pub fn set_attributes(
    directory: BorrowedFd<'_>,
    name: &CStr,
    key: (u64, u64),
    change: &SetAttributes,
) -> Result<(), Errno> {
    let opened;
    let file = if name.is_empty() {
        directory
    } else {
        opened = entry(directory, name)?;
        opened.as_fd()
    };
    let found = attributes(file, c"")?;
    if key_of(&found) != key {
        return Err(Errno::ESTALE);
    }
    if change.uid.is_some() || change.gid.is_some() {
        let (uid, gid) = (change.uid.map(Uid::from_raw), change.gid.map(Gid::from_raw));
        rustix::fs::chownat(file, c"", uid, gid, AtFlags::EMPTY_PATH).map_err(errno)?;
    }
    if let Some(permissions) = change.permissions {
        set_mode(file, found.kind, (directory, name), Mode::from_raw_mode(permissions))?;
    }
    if change.atime.is_some() || change.mtime.is_some() {
        rustix::fs::utimensat(file, c"", &timestamps(change), AtFlags::EMPTY_PATH).map_err(errno)?;
    }
    Ok(())
}

/// Before Linux 6.6 that takes an open file, which not all can be.
fn set_mode(
    file: BorrowedFd<'_>,
    kind: FileKind,
    (directory, name): (BorrowedFd<'_>, &CStr),
    mode: Mode,
) -> Result<(), Errno> {
    match change_mode(file, mode) {
        Err(rustix::io::Errno::NOSYS) => {
            let opened = match kind {
                FileKind::Directory => open(file, c"", OFlags::RDONLY)?,
                FileKind::Regular => open_file(directory, name, false)?,
                _ => return Err(Errno::EOPNOTSUPP),
            };
            rustix::fs::fchmod(opened, mode).map_err(errno)
        }
        changed => changed.map_err(errno),
    }
}

fn timestamps(change: &SetAttributes) -> Timestamps {
    let host = |time: Option<Timestamp>| match time {
        Some(time) => Timespec { tv_sec: time.seconds, tv_nsec: i64::from(time.nanoseconds) },
        None => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
    };
    Timestamps { last_access: host(change.atime), last_modification: host(change.mtime) }
}

pub fn get_xattr(directory: BorrowedFd<'_>, name: &CStr, attribute: &CStr) -> Result<Vec<u8>, Errno> {
    let file = open_for_xattrs(directory, name)?;
    let mut value = vec![0; XATTR_MAX];
    let length = rustix::fs::fgetxattr(&file, attribute, &mut value[..]).map_err(errno)?;
    value.truncate(length);
    Ok(value)
}

pub fn set_xattr(
    directory: BorrowedFd<'_>,
    name: &CStr,
    attribute: &CStr,
    value: &[u8],
    flags: u32,
) -> Result<(), Errno> {
    let file = open_for_xattrs(directory, name)?;
    rustix::fs::fsetxattr(file, attribute, value, XattrFlags::from_bits_retain(flags)).map_err(errno)
}

pub fn list_xattrs(directory: BorrowedFd<'_>, name: &CStr) -> Result<Vec<u8>, Errno> {
    let file = open_for_xattrs(directory, name)?;
    // Most files have none.
    if rustix::fs::flistxattr_query(&file).map_err(errno)? == 0 {
        return Ok(Vec::new());
    }
    let mut names = vec![0; XATTR_MAX];
    let length = rustix::fs::flistxattr(&file, &mut names[..]).map_err(errno)?;
    names.truncate(length);
    Ok(names)
}

pub fn remove_xattr(directory: BorrowedFd<'_>, name: &CStr, attribute: &CStr) -> Result<(), Errno> {
    rustix::fs::fremovexattr(open_for_xattrs(directory, name)?, attribute).map_err(errno)
}

/// The caller has seen that it is a regular file or a directory.
fn open_for_xattrs(directory: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    if name.is_empty() {
        // A donated file is open, but a directory may be O_PATH.
        return rustix::io::fcntl_dupfd_cloexec(directory, 0).map_err(errno);
    }
    open(directory, name, OFlags::RDONLY | OFlags::NONBLOCK)
}

pub fn statistics(directory: BorrowedFd<'_>) -> Result<FsStatistics, Errno> {
    let stat = rustix::fs::fstatfs(directory).map_err(errno)?;
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

pub fn sync(directory: BorrowedFd<'_>) -> Result<(), Errno> {
    rustix::fs::fsync(open(directory, c"", OFlags::RDONLY | OFlags::DIRECTORY)?).map_err(errno)
}
