//! An empty root, from which no path of the host can be reached; see pivot_root(2).

use std::os::fd::{AsFd, OwnedFd};

use lazaret_control::Failure;
use lazaret_gofer::join::{MOUNTS, ROOTS, VOLUMES};
use lazaret_hostcall::mount::{Attributes, set_attributes};
use rustix::{
    fs::{Mode, OFlags, mkdir, open},
    io::{Errno, Result},
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, UnmountFlags,
        fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount, unmount,
    },
    process::{fchdir, pivot_root},
};

/// Most directories and files of the root of a sandbox that is open: mount points of its containers.
const MOUNT_POINTS: &str = "65536";

/// What there is beside the root.
pub struct EmptyRoot {
    /// A procfs of the own pid namespace, which hangs in no tree; `None` where the host does not allow one
    /// (because its own is partly hidden, as in many containers).
    pub procfs: Option<OwnedFd>,
    /// The directory below which the gofers of further containers put their mounts, in a sandbox that is
    /// open for them.
    pub mounts: Option<OwnedFd>,
}

/// Leaves the host's file tree for an empty read-only one.
pub fn enter_empty_root(is_open: bool) -> std::result::Result<EmptyRoot, Failure> {
    let step = |errno| Failure::host("enter an empty root", errno);
    // A user namespace may have a procfs only as long as it sees one.
    let procfs = procfs().ok();
    let mounts = pivot(is_open).map_err(step)?;
    Ok(EmptyRoot { procfs, mounts })
}

fn procfs() -> Result<OwnedFd> {
    let fs = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    // Only the directories of processes, nothing of the machine.
    fsconfig_set_string(fs.as_fd(), "subset", "pid")?;
    fsconfig_create(fs.as_fd())?;
    let attributes =
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    fsmount(fs.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

fn pivot(is_open: bool) -> Result<Option<OwnedFd>> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    let fs = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(fs.as_fd(), "nr_inodes", if is_open { MOUNT_POINTS } else { "1" })?;
    fsconfig_create(fs.as_fd())?;
    let attributes =
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let empty = fsmount(fs.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    move_mount(&empty, "", rustix::fs::CWD, "/", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    fchdir(&empty)?;
    // The old root ends up on top of the new one, whence it is taken away.
    pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")?;
    let mounts = if is_open { Some(make_mount_points()?) } else { None };
    set_attributes(empty.as_fd(), Attributes::READ_ONLY)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    Ok(mounts)
}

/// The directories that [`lazaret_gofer::join`] knows.
fn make_mount_points() -> Result<OwnedFd> {
    for directory in [MOUNTS, ROOTS, VOLUMES] {
        mkdir(directory, Mode::RWXU)?;
    }
    open(MOUNTS, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}
