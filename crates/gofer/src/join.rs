//! Files for a container that joins a sandbox.
//!
//! The sandbox process has confined itself by then: Landlock lets it use only what hangs below directories that
//! it named before, and its filter lets it mount nothing. So the gofer enters the sandbox's own mount namespace and
//! hangs the mounts below [`MOUNTS`], which the sandbox process has named for that purpose.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use lazaret_control::Failure;
use lazaret_hostcall::mount::{Attributes, clear_attributes, own_namespace};
use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, major, minor, mkdirat, openat, unlinkat},
    io::{Errno, Result},
    mount::{MoveMountFlags, OpenTreeFlags, UnmountFlags, move_mount, open_tree, unmount},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

use crate::{Source, confine};

/// Where mounts of containers that join hang, in the sandbox's root.
pub const MOUNTS: &str = "/mounts";
/// The roots, by container.
pub const ROOTS: &str = "/mounts/roots";
/// Other directories, by what they show: two containers with one volume have one mount.
pub const VOLUMES: &str = "/mounts/volumes";

/// A running sandbox.
#[derive(Debug)]
pub struct Join {
    /// Id of the container that joins it, or leaves.
    pub id: String,
    /// The sandbox's user namespace.
    pub user: OwnedFd,
    /// The sandbox's mount namespace.
    pub mounts: OwnedFd,
    /// Join the user namespace before anything else: the caller has no rights outside of it.
    pub early: bool,
}

impl Join {
    fn enter(&self, namespace: &OwnedFd, kind: LinkNameSpaceType) -> std::result::Result<(), Failure> {
        move_into_link_name_space(namespace.as_fd(), Some(kind))
            .map_err(|errno| Failure::host("enter the sandbox's namespaces", errno))
    }

    /// The first step, before the process is confined.
    pub(crate) fn prepare(&self) -> std::result::Result<(), Failure> {
        if !self.early {
            return Ok(());
        }
        self.enter(&self.user, LinkNameSpaceType::User)?;
        own_namespace().map_err(|error| Failure::host("make a mount namespace", error))
    }

    /// Leaves the host's files behind.
    fn enter_mounts(&self) -> std::result::Result<(), Failure> {
        if !self.early {
            self.enter(&self.user, LinkNameSpaceType::User)?;
        }
        self.enter(&self.mounts, LinkNameSpaceType::Mount)
    }

    fn root(&self) -> String {
        format!("{ROOTS}/{}", self.id)
    }

    /// Hangs the directories among `files`, which are those of `sources`, into the sandbox's tree.
    pub(crate) fn attach(&self, sources: &[Source], files: Vec<OwnedFd>) -> std::result::Result<Vec<OwnedFd>, Failure> {
        self.enter_mounts()?;
        let step = |errno| Failure::host("hang the container's mounts into the sandbox", errno);
        let view = writable_root().map_err(step)?;
        let attach = |(index, (source, file)): (usize, (&Source, OwnedFd))| {
            let stat = fstat(&file)?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                // A file comes open.
                return Ok(file);
            }
            if index == 0 {
                // A container of this name may have been left half made.
                leave(&view, &self.root())?;
                return hang(&view, file, &self.root());
            }
            let (major, minor, inode) = (major(stat.st_dev), minor(stat.st_dev), stat.st_ino);
            let access = if source.read_only { "ro" } else { "rw" };
            let depth = if source.recursive { "all" } else { "one" };
            hang(&view, file, &format!("{VOLUMES}/{major}-{minor}-{inode}-{access}-{depth}"))
        };
        sources.iter().zip(files).enumerate().map(attach).collect::<Result<_>>().map_err(step)
    }
}

/// The body of a process that takes the root of a container out of a sandbox's tree; returns its exit status.
/// Other mounts stay: they may be another container's.
pub fn detach(join: &Join) -> i32 {
    let detach = || {
        join.prepare()?;
        confine::confine(true)?;
        join.enter_mounts()?;
        let step = |errno| Failure::host("take the container's root out of the sandbox", errno);
        writable_root().and_then(|view| leave(&view, &join.root())).map_err(step)
    };
    detach().map_or(1, |()| 0)
}

/// The root of the mount namespace, where directories can be made; others see it read-only.
fn writable_root() -> Result<OwnedFd> {
    let root = open_tree(CWD, "/", OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC)?;
    let failed = |error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
    clear_attributes(root.as_fd(), Attributes::READ_ONLY).map_err(failed)?;
    Ok(root)
}

/// A path from the root, for calls that start there.
fn relative(path: &str) -> &Path {
    Path::new(path.trim_start_matches('/'))
}

/// Mounts `tree` on a new directory; if it is there already, the mount that is there is taken instead.
fn hang(view: &OwnedFd, tree: OwnedFd, place: &str) -> Result<OwnedFd> {
    match mkdirat(view, relative(place), Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    let target = openat(CWD, place, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let (there, here) = (fstat(&target)?, fstat(&tree)?);
    if (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino) {
        return Ok(target);
    }
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(&tree, "", &target, "", flags)?;
    Ok(tree)
}

/// Takes a mount away, with its directory. What is not there is no error.
fn leave(view: &OwnedFd, place: &str) -> Result<()> {
    match unmount(place, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
        // No such directory, or not a mount.
        Ok(()) | Err(Errno::NOENT | Errno::INVAL) => {}
        Err(errno) => return Err(errno),
    }
    match unlinkat(view, relative(place), AtFlags::REMOVEDIR) {
        Err(Errno::NOENT) => Ok(()),
        result => result,
    }
}
