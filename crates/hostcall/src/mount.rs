//! Mount namespaces, and the attributes of mounts; see mount_setattr(2).

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

bitflags::bitflags! {
    /// Attributes of a mount.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Attributes: u64 {
        /// MOUNT_ATTR_RDONLY
        const READ_ONLY = libc::MOUNT_ATTR_RDONLY;
        /// MOUNT_ATTR_NOSUID
        const NO_SUID = libc::MOUNT_ATTR_NOSUID;
        /// MOUNT_ATTR_NODEV
        const NO_DEVICES = libc::MOUNT_ATTR_NODEV;
        /// MOUNT_ATTR_NOEXEC
        const NO_EXEC = libc::MOUNT_ATTR_NOEXEC;
    }
}

/// Sets `attributes` on the mount `tree` refers to, and on all mounts below it.
///
/// # Errors
/// Those of mount_setattr(2).
pub fn set_attributes(tree: BorrowedFd<'_>, attributes: Attributes) -> io::Result<()> {
    change_attributes(tree, attributes, Attributes::empty())
}

/// Takes `attributes` away from the mount `tree` refers to, and from all mounts below it.
///
/// # Errors
/// Those of mount_setattr(2).
pub fn clear_attributes(tree: BorrowedFd<'_>, attributes: Attributes) -> io::Result<()> {
    change_attributes(tree, Attributes::empty(), attributes)
}

fn change_attributes(tree: BorrowedFd<'_>, set: Attributes, clear: Attributes) -> io::Result<()> {
    let argument = libc::mount_attr { attr_set: set.bits(), attr_clr: clear.bits(), propagation: 0, userns_fd: 0 };
    let flags = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
    // SAFETY: the path is a C string and the structure is valid for its size; both are only read.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const argument,
            size_of::<libc::mount_attr>(),
        )
    };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Gives the calling process, which must have one thread only, a mount namespace of its own.
///
/// # Errors
/// Those of unshare(2).
pub fn own_namespace() -> io::Result<()> {
    // SAFETY: changes which mounts the process sees, and nothing that memory safety rests on.
    let result = unsafe { libc::unshare(libc::CLONE_NEWNS) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
