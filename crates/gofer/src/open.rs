//! Opening one source.

use std::{
    ffi::OsString,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStringExt,
    },
    path::{Path, PathBuf},
};

use lazaret_control::Failure;
use lazaret_hostcall::mount::{Attributes, set_attributes};
use rustix::{
    fs::{CWD, FileType, Mode, OFlags, ResolveFlags, openat, openat2, readlinkat},
    io::Errno,
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_string,
        fsmount, fsopen, move_mount, open_tree,
    },
};

use crate::Source;

/// An empty read-only directory to cover others with.
fn empty_directory() -> rustix::io::Result<OwnedFd> {
    let tmpfs = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(tmpfs.as_fd(), "nr_inodes", "1")?;
    fsconfig_create(tmpfs.as_fd())?;
    let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    fsmount(tmpfs.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// A source that was found, and is not opened yet.
pub struct Found<'a> {
    source: &'a Source,
    /// O_PATH.
    file: OwnedFd,
    kind: FileType,
    /// Its path, without links.
    pub path: PathBuf,
}

/// Finds a source.
pub fn find(source: &Source) -> Result<Found<'_>, Failure> {
    let step = || format!("{} {}", source.name, source.path.display());
    let host = |error: Errno| Failure::host(step(), error);
    let file = resolve(&source.path).map_err(host)?;
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&file).map_err(host)?.st_mode);
    if source.directory && kind != FileType::Directory {
        return Err(Failure::host(step(), Errno::NOTDIR));
    }
    let path = readlinkat(CWD, format!("/proc/self/fd/{}", file.as_raw_fd()), Vec::new()).map_err(host)?;
    Ok(Found { source, file, kind, path: OsString::from_vec(path.into_bytes()).into() })
}

impl Found<'_> {
    /// Another descriptor of what was found.
    pub fn copy(&self) -> Result<OwnedFd, Failure> {
        rustix::io::fcntl_dupfd_cloexec(&self.file, 0).map_err(|errno| Failure::host("copy a descriptor", errno))
    }

    /// Opens the source as a mount of its own: an O_PATH descriptor, except for a regular file, which
    /// comes open for reading, and for writing where that is allowed. Directories inside it (as absolute paths without
    /// links) are covered by an empty one: the container gets another file system there, and the host's (/proc, /sys)
    /// must not be in reach.
    pub fn open(&self, covered: &[PathBuf]) -> Result<OwnedFd, Failure> {
        let Found { source, file: found, kind, .. } = self;
        let step = || format!("{} {}", source.name, source.path.display());
        let host = |error: Errno| Failure::host(step(), error);
        for path in covered {
            cover(found, path).map_err(|error| {
                Failure::host(format!("cover {} in {}", path.display(), source.path.display()), error)
            })?;
        }
        let mut flags =
            OpenTreeFlags::AT_EMPTY_PATH | OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        if source.recursive {
            flags |= OpenTreeFlags::AT_RECURSIVE;
        }
        let tree = match open_tree(found, "", flags) {
            // In a user namespace the mounts below cannot be left out: they may hide something.
            Err(Errno::INVAL) if !source.recursive => open_tree(found, "", flags | OpenTreeFlags::AT_RECURSIVE),
            result => result,
        }
        .map_err(host)?;
        // A device node of an image must not reach the host's device, whatever else fails.
        let mut attributes = Attributes::NO_DEVICES;
        if source.read_only {
            attributes |= Attributes::READ_ONLY;
        }
        set_attributes(tree.as_fd(), attributes).map_err(|error| Failure::host(step(), error))?;
        if *kind == FileType::RegularFile { reopen(tree.as_fd(), source.read_only).map_err(host) } else { Ok(tree) }
    }
}

/// Finds the file a path names. Links of the host are followed, except those of procfs, which lead
/// out of any tree.
fn resolve(path: &Path) -> rustix::io::Result<OwnedFd> {
    openat2(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::NO_MAGICLINKS)
}

/// Puts an empty directory over the directory `path` of the tree, if there is one.
fn cover(tree: &OwnedFd, path: &Path) -> rustix::io::Result<()> {
    let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::DIRECTORY;
    let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
    let Ok(place) = openat2(tree, path, flags, Mode::empty(), inside) else {
        return Ok(());
    };
    // Made anew each time: before Linux 6.15 a mount that hangs nowhere cannot be copied.
    let empty = empty_directory()?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(&empty, "", &place, "", flags)
}

/// Opens the regular file that an O_PATH descriptor refers to.
fn reopen(file: BorrowedFd<'_>, read_only: bool) -> rustix::io::Result<OwnedFd> {
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    let flags = OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    if !read_only {
        match openat(CWD, &link, flags | OFlags::RDWR, Mode::empty()) {
            Err(Errno::ACCESS | Errno::ROFS | Errno::TXTBSY | Errno::PERM) => {}
            result => return result,
        }
    }
    openat(CWD, &link, flags | OFlags::RDONLY, Mode::empty())
}
