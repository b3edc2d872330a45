//! An empty root, from which no path of the host can be reached; see pivot_root(2).

use std::os::fd::{AsFd, OwnedFd};

use lazaret_control::Failure;
use rustix::{
    io::Result,
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, UnmountFlags,
        fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount, unmount,
    },
    process::{fchdir, pivot_root},
};

/// Leaves the host's file tree for an empty read-only one. Returns a procfs of the own pid
/// namespace, which hangs in no tree; `None` where the host does not allow one (because its own is
/// partly hidden, as in many containers).
pub fn enter_empty_root() -> std::result::Result<Option<OwnedFd>, Failure> {
    let step = |errno| Failure::host("enter an empty root", errno);
    // A user namespace may have a procfs only as long as it sees one.
    let procfs = procfs().ok();
    pivot().map_err(step)?;
    Ok(procfs)
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

fn pivot() -> Result<()> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    let fs = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(fs.as_fd(), "nr_inodes", "1")?;
    fsconfig_create(fs.as_fd())?;
    let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let empty = fsmount(fs.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    move_mount(&empty, "", rustix::fs::CWD, "/", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    fchdir(&empty)?;
    // The old root ends up on top of the new one, whence it is taken away.
    pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")
}
