//! Giving out and looking up descriptors.

use lazaret_abi::{errno::Errno, id::Fd, resource::limit};

use super::file::File;
use crate::{sync::Arc, task::Current, uaddr::UserPtr};

/// Descriptors the task may have (RLIMIT_NOFILE).
pub fn limit(current: &Current) -> usize {
    usize::try_from(current.task.group().limit(limit::NOFILE)).unwrap_or(usize::MAX)
}

/// Gives a file the lowest free descriptor.
///
/// # Errors
/// `EMFILE`.
pub fn install(current: &Current, file: Arc<File>, close_on_exec: bool) -> Result<usize, Errno> {
    let fd = current.task.files().insert(file, close_on_exec, 0, limit(current))?;
    usize::try_from(fd).map_err(|_| Errno::EMFILE)
}

/// Gives two files (pipe(2), socketpair(2)) the lowest free descriptors and stores the numbers at
/// `fds`; gives none when anything fails.
///
/// # Errors
/// `EMFILE`, `EFAULT`.
pub fn install_pair(
    current: &Current,
    files: (Arc<File>, Arc<File>),
    close_on_exec: bool,
    fds: UserPtr<[i32; 2]>,
) -> Result<usize, Errno> {
    let table = current.task.files();
    let limit = limit(current);
    let first = table.insert(files.0, close_on_exec, 0, limit)?;
    let result = table
        .insert(files.1, close_on_exec, 0, limit)
        .and_then(|second| current.write(fds, &[first, second]).inspect_err(|_| drop(table.remove(second))));
    if result.is_err() {
        drop(table.remove(first));
    }
    result.map(|()| 0)
}

/// The open file of a descriptor that can be used for more than naming a place.
///
/// # Errors
/// `EBADF`, also for O_PATH descriptors.
pub fn usable(current: &Current, fd: Fd) -> Result<Arc<File>, Errno> {
    let file = any(current, fd)?;
    if file.flags() & super::file::flags::PATH != 0 {
        return Err(Errno::EBADF);
    }
    Ok(file)
}

/// The open file of a descriptor, O_PATH ones included.
///
/// # Errors
/// `EBADF`.
pub fn any(current: &Current, fd: Fd) -> Result<Arc<File>, Errno> {
    current.task.files().get(fd.get())
}
