//! Directories: getdents(2), getcwd(2), chdir(2), chroot(2).

use lazaret_abi::{errno::Errno, id::Fd};

use super::SysResult;
use crate::{
    fs::{
        at, descriptor,
        file::File,
        inode::{DirSink, FileKind},
        vfs::{
            Location, LookupFlags, PathContext,
            permission::{EXEC, check_access},
        },
    },
    task::{Current, PATH_MAX, creds::cap},
    uaddr::UserAddr,
};

/// Bytes of entries that one call gives at most, whatever the size of the buffer.
const MAX_BYTES: usize = 1 << 20;

/// The two layouts of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// `struct linux_dirent`: the type is the last byte.
    Old,
    /// `struct linux_dirent64`: the type is before the name.
    Wide,
}

/// Positions of `.` and `..`, which the file systems do not give, come first; those of the file
/// system follow.
const FIRST: u64 = 2;

struct Entries {
    layout: Layout,
    data: Vec<u8>,
    limit: usize,
    /// Start of the entry put last, whose `d_off` is the position after it.
    position: u64,
    /// An entry did not fit.
    full: bool,
}

impl Entries {
    fn put(&mut self, name: &[u8], inode: u64, kind: FileKind, next: u64) -> bool {
        // Inode number, position, length, and in the wide layout the type; then the name, its zero,
        // and in the old layout the type.
        let head = if self.layout == Layout::Wide { 19 } else { 18 };
        let tail = if self.layout == Layout::Wide { 1 } else { 2 };
        let length = (head + name.len() + tail).next_multiple_of(8);
        let Ok(short_length) = u16::try_from(length) else { return true };
        if self.data.len() + length > self.limit {
            self.full = true;
            return false;
        }
        let start = self.data.len();
        self.data.extend_from_slice(&inode.to_ne_bytes());
        self.data.extend_from_slice(&next.to_ne_bytes());
        self.data.extend_from_slice(&short_length.to_ne_bytes());
        if self.layout == Layout::Wide {
            self.data.push(kind.dirent_type());
        }
        self.data.extend_from_slice(name);
        self.data.resize(start + length, 0);
        if self.layout == Layout::Old
            && let Some(last) = self.data.last_mut()
        {
            *last = kind.dirent_type();
        }
        self.position = next;
        true
    }
}

impl DirSink for Entries {
    fn entry(&mut self, name: &[u8], inode: u64, kind: FileKind, next: u64) -> bool {
        self.put(name, inode, kind, next.saturating_add(FIRST))
    }
}

fn read(file: &File, from: u64, entries: &mut Entries) -> Result<(), Errno> {
    let location = file.location();
    if from == 0 && !entries.put(b".", file.attributes()?.inode, FileKind::Directory, 1) {
        return Ok(());
    }
    if from <= 1 {
        let parent = if location.is_mount_root() {
            location.mount.parent().and_then(|(_, point)| point.parent())
        } else {
            location.dentry.parent()
        };
        let inode = parent.as_ref().unwrap_or(&location.dentry).inode().attributes()?.inode;
        if !entries.put(b"..", inode, FileKind::Directory, FIRST) {
            return Ok(());
        }
    }
    file.ops().read_dir(file, from.saturating_sub(FIRST), entries)
}

fn list(current: &Current, fd: Fd, buffer: UserAddr, size: usize, layout: Layout) -> SysResult {
    let file = descriptor::usable(current, fd)?;
    if file.inode().kind() != FileKind::Directory {
        return Err(Errno::ENOTDIR);
    }
    if file.location().dentry.is_unlinked() {
        return Err(Errno::ENOENT);
    }
    let mut position = file.position();
    let limit = size.min(MAX_BYTES);
    let mut entries = Entries { layout, data: Vec::with_capacity(limit), limit, position: *position, full: false };
    read(&file, *position, &mut entries)?;
    if entries.data.is_empty() && entries.full {
        return Err(Errno::EINVAL);
    }
    current.write_bytes(buffer, &entries.data)?;
    *position = entries.position;
    Ok(entries.data.len())
}

/// getdents64(2).
pub fn getdents64(current: &mut Current, fd: Fd, buffer: UserAddr, size: u32) -> SysResult {
    list(current, fd, buffer, size as usize, Layout::Wide)
}

/// getdents(2).
pub fn getdents(current: &mut Current, fd: Fd, buffer: UserAddr, size: u32) -> SysResult {
    list(current, fd, buffer, size as usize, Layout::Old)
}

/// getcwd(2).
pub fn getcwd(current: &mut Current, buffer: UserAddr, size: usize) -> SysResult {
    let (root, directory, _) = current.task.fs().all();
    if directory.dentry.is_unlinked() {
        return Err(Errno::ENOENT);
    }
    let (path, reachable) = directory.path_from(&root);
    let mut text = if reachable { Vec::new() } else { b"(unreachable)".to_vec() };
    text.extend_from_slice(&path);
    text.push(0);
    if text.len() > PATH_MAX {
        return Err(Errno::ENAMETOOLONG);
    }
    if text.len() > size {
        return Err(Errno::ERANGE);
    }
    current.write_bytes(buffer, &text)?;
    Ok(text.len())
}

fn directory(context: &PathContext, path: &[u8]) -> Result<Location, Errno> {
    let location = context.lookup(path, LookupFlags::FOLLOW | LookupFlags::DIRECTORY)?;
    check_access(location.inode(), &context.creds, EXEC)?;
    Ok(location)
}

/// chdir(2).
pub fn chdir(current: &mut Current, path: UserAddr) -> SysResult {
    let path = current.read_path(path)?;
    let location = directory(&at::context(current), &path)?;
    current.task.fs().set_directory(location);
    Ok(0)
}

/// fchdir(2).
pub fn fchdir(current: &mut Current, fd: Fd) -> SysResult {
    let location = descriptor::any(current, fd)?.location().clone();
    if location.inode().kind() != FileKind::Directory {
        return Err(Errno::ENOTDIR);
    }
    check_access(location.inode(), &current.task.creds(), EXEC)?;
    current.task.fs().set_directory(location);
    Ok(0)
}

/// chroot(2).
pub fn chroot(current: &mut Current, path: UserAddr) -> SysResult {
    let path = current.read_path(path)?;
    let location = directory(&at::context(current), &path)?;
    if !current.task.creds().has(cap::SYS_CHROOT) {
        return Err(Errno::EPERM);
    }
    current.task.fs().set_root(location);
    Ok(0)
}
