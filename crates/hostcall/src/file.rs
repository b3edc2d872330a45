//! Files that are held by O_PATH descriptors.

use std::os::fd::{AsFd, AsRawFd};

use rustix::{
    fs::Mode,
    io::{Errno, Result},
};

/// Changes the permission bits of the very file that a descriptor stands for, whatever its type and its name
/// are; see fchmodat2(2).
///
/// # Errors
/// `ENOSYS` before Linux 6.6, `EOPNOTSUPP` for a symbolic link, and those of chmod(2).
pub fn change_mode(file: impl AsFd, mode: Mode) -> Result<()> {
    let file = file.as_fd().as_raw_fd();
    // SAFETY: the path is a C string, which is only read; the other arguments are numbers.
    let result =
        unsafe { libc::syscall(libc::SYS_fchmodat2, file, c"".as_ptr(), mode.as_raw_mode(), libc::AT_EMPTY_PATH) };
    if result == -1 {
        let error = std::io::Error::last_os_error();
        return Err(Errno::from_io_error(&error).unwrap_or(Errno::IO));
    }
    Ok(())
}
