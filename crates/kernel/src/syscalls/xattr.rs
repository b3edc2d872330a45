//! Extended attributes: getxattr(2), setxattr(2), listxattr(2), removexattr(2).

use lazaret_abi::{errno::Errno, id::Fd};

use super::SysResult;
use crate::{
    fs::{
        at, descriptor,
        vfs::{Location, LookupFlags, change},
        xattr::{CREATE, LIST_MAX, NAME_MAX, REPLACE, VALUE_MAX},
    },
    task::Current,
    uaddr::UserAddr,
};

fn place(current: &Current, path: UserAddr, follow: LookupFlags) -> Result<Location, Errno> {
    let path = current.read_path(path)?;
    at::resolve(current, Fd::CWD, &path, follow)
}

fn opened(current: &Current, fd: Fd) -> Result<Location, Errno> {
    Ok(descriptor::usable(current, fd)?.location().clone())
}

fn name(current: &Current, name: UserAddr) -> Result<Vec<u8>, Errno> {
    match current.read_cstr(name, NAME_MAX + 1) {
        Ok(name) if name.is_empty() => Err(Errno::ERANGE),
        Err(Errno::ENAMETOOLONG) => Err(Errno::ERANGE),
        name => name,
    }
}

/// Copies a result to a buffer; a size of 0 only asks how long it is.
fn give(current: &Current, data: &[u8], buffer: UserAddr, size: usize) -> SysResult {
    if size != 0 {
        if data.len() > size {
            return Err(Errno::ERANGE);
        }
        current.write_bytes(buffer, data)?;
    }
    Ok(data.len())
}

fn get(current: &Current, location: &Location, key: UserAddr, buffer: UserAddr, size: usize) -> SysResult {
    let value = change::get_xattr(location, &name(current, key)?, &current.task.creds())?;
    give(current, &value, buffer, size)
}

fn set(
    current: &Current,
    location: impl FnOnce() -> Result<Location, Errno>,
    key: UserAddr,
    (value, size): (UserAddr, usize),
    flags: u32,
) -> SysResult {
    if flags & !(CREATE | REPLACE) != 0 {
        return Err(Errno::EINVAL);
    }
    let key = name(current, key)?;
    if size > VALUE_MAX {
        return Err(Errno::E2BIG);
    }
    let mut data = vec![0; size];
    current.read_bytes(value, &mut data)?;
    change::set_xattr(&location()?, &key, &data, flags, &current.task.creds())?;
    Ok(0)
}

fn list(current: &Current, location: &Location, buffer: UserAddr, size: usize) -> SysResult {
    let mut data = Vec::new();
    for name in change::list_xattrs(location, &current.task.creds())? {
        data.extend_from_slice(&name);
        data.push(0);
    }
    if data.len() > LIST_MAX {
        return Err(Errno::E2BIG);
    }
    give(current, &data, buffer, size)
}

fn remove(current: &Current, location: &Location, key: UserAddr) -> SysResult {
    change::remove_xattr(location, &name(current, key)?, &current.task.creds())?;
    Ok(0)
}

/// getxattr(2).
pub fn getxattr(current: &mut Current, path: UserAddr, name: UserAddr, value: UserAddr, size: usize) -> SysResult {
    get(current, &place(current, path, LookupFlags::FOLLOW)?, name, value, size)
}

/// lgetxattr(2).
pub fn lgetxattr(current: &mut Current, path: UserAddr, name: UserAddr, value: UserAddr, size: usize) -> SysResult {
    get(current, &place(current, path, LookupFlags::empty())?, name, value, size)
}

/// fgetxattr(2).
pub fn fgetxattr(current: &mut Current, fd: Fd, name: UserAddr, value: UserAddr, size: usize) -> SysResult {
    get(current, &opened(current, fd)?, name, value, size)
}

/// setxattr(2).
pub fn setxattr(
    current: &mut Current,
    path: UserAddr,
    name: UserAddr,
    value: UserAddr,
    size: usize,
    flags: u32,
) -> SysResult {
    set(current, || place(current, path, LookupFlags::FOLLOW), name, (value, size), flags)
}

/// lsetxattr(2).
pub fn lsetxattr(
    current: &mut Current,
    path: UserAddr,
    name: UserAddr,
    value: UserAddr,
    size: usize,
    flags: u32,
) -> SysResult {
    set(current, || place(current, path, LookupFlags::empty()), name, (value, size), flags)
}

/// fsetxattr(2).
pub fn fsetxattr(current: &mut Current, fd: Fd, name: UserAddr, value: UserAddr, size: usize, flags: u32) -> SysResult {
    set(current, || opened(current, fd), name, (value, size), flags)
}

/// listxattr(2).
pub fn listxattr(current: &mut Current, path: UserAddr, buffer: UserAddr, size: usize) -> SysResult {
    list(current, &place(current, path, LookupFlags::FOLLOW)?, buffer, size)
}

/// llistxattr(2).
pub fn llistxattr(current: &mut Current, path: UserAddr, buffer: UserAddr, size: usize) -> SysResult {
    list(current, &place(current, path, LookupFlags::empty())?, buffer, size)
}

/// flistxattr(2).
pub fn flistxattr(current: &mut Current, fd: Fd, buffer: UserAddr, size: usize) -> SysResult {
    list(current, &opened(current, fd)?, buffer, size)
}

/// removexattr(2).
pub fn removexattr(current: &mut Current, path: UserAddr, name: UserAddr) -> SysResult {
    remove(current, &place(current, path, LookupFlags::FOLLOW)?, name)
}

/// lremovexattr(2).
pub fn lremovexattr(current: &mut Current, path: UserAddr, name: UserAddr) -> SysResult {
    remove(current, &place(current, path, LookupFlags::empty())?, name)
}

/// fremovexattr(2).
pub fn fremovexattr(current: &mut Current, fd: Fd, name: UserAddr) -> SysResult {
    remove(current, &opened(current, fd)?, name)
}
