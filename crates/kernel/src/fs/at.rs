//! From what a call names (a directory descriptor and a path) to a place.

use lazaret_abi::{errno::Errno, fcntl::at as at_flags, id::Fd};

use super::vfs::{Location, LookupFlags, PathContext};
use crate::{task::Current, uaddr::UserAddr};

/// How the task walks paths relative to its working directory.
pub fn context(current: &Current) -> PathContext {
    let fs = current.task.fs();
    let (root, directory, umask) = fs.all();
    PathContext { root, directory, creds: current.task.creds(), umask }
}

/// How the task walks `path` relative to `directory`, a descriptor or [`Fd::CWD`]. An absolute path
/// ignores it, even when it is not open.
///
/// # Errors
/// `EBADF`.
pub fn context_at(current: &Current, directory: Fd, path: &[u8]) -> Result<PathContext, Errno> {
    let mut context = context(current);
    if directory != Fd::CWD && !path.starts_with(b"/") {
        context.directory = current.task.files().get(directory.get())?.location().clone();
    }
    Ok(context)
}

/// The place that `directory` and `path` name.
///
/// # Errors
/// `EBADF` and those of [`PathContext::lookup`].
pub fn resolve(current: &Current, directory: Fd, path: &[u8], flags: LookupFlags) -> Result<Location, Errno> {
    context_at(current, directory, path)?.lookup(path, flags)
}

/// Lookup flags for the AT_* flags of a call.
pub fn lookup_flags(flags: u32) -> LookupFlags {
    let mut lookup = LookupFlags::empty();
    lookup.set(LookupFlags::FOLLOW, flags & at_flags::SYMLINK_NOFOLLOW == 0);
    lookup.set(LookupFlags::EMPTY_PATH, flags & at_flags::EMPTY_PATH != 0);
    lookup
}

/// The place that a call with a directory, a path and AT_* flags names; flags outside `allowed` are
/// refused.
///
/// # Errors
/// `EINVAL` for a flag, else as [`resolve`].
pub fn locate(current: &Current, directory: Fd, path: UserAddr, flags: u32, allowed: u32) -> Result<Location, Errno> {
    if flags & !allowed != 0 {
        return Err(Errno::EINVAL);
    }
    // Since Linux 6.11 a null path means an empty one.
    let path =
        if path.is_null() && flags & at_flags::EMPTY_PATH != 0 { Vec::new() } else { current.read_path(path)? };
    resolve(current, directory, &path, lookup_flags(flags))
}
