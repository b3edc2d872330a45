//! Names: link(2), mkdir(2), rename(2), unlink(2), readlink(2), access(2).

use lazaret_abi::{
    errno::Errno,
    fcntl::{access_flags, at as at_flags, unlink as unlink_flags},
    id::Fd,
};

use super::SysResult;
use crate::{
    fs::{
        at,
        inode::FileKind,
        vfs::{
            LookupFlags,
            permission::{EXEC, READ, WRITE, check_access},
            rename as vfs_rename,
        },
    },
    sync::Arc,
    task::{
        Current,
        creds::{Creds, cap},
        devices,
    },
    uaddr::{UserAddr, UserPtr},
};

/// linkat(2).
pub fn linkat(current: &mut Current, old_dir: Fd, old: UserAddr, new_dir: Fd, new: UserAddr, flags: u32) -> SysResult {
    if flags & !(at_flags::SYMLINK_FOLLOW | at_flags::EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let (old, new) = (current.read_path(old)?, current.read_path(new)?);
    let mut lookup = LookupFlags::empty();
    lookup.set(LookupFlags::FOLLOW, flags & at_flags::SYMLINK_FOLLOW != 0);
    if flags & at_flags::EMPTY_PATH != 0 {
        if old.is_empty() && !current.task.creds().has(cap::DAC_READ_SEARCH) {
            return Err(Errno::ENOENT);
        }
        lookup |= LookupFlags::EMPTY_PATH;
    }
    let target = at::resolve(current, old_dir, &old, lookup)?;
    at::context_at(current, new_dir, &new)?.make_link(&target, &new)?;
    Ok(0)
}

/// link(2).
pub fn link(current: &mut Current, old: UserAddr, new: UserAddr) -> SysResult {
    linkat(current, Fd::CWD, old, Fd::CWD, new, 0)
}

/// symlinkat(2).
pub fn symlinkat(current: &mut Current, target: UserAddr, directory: Fd, path: UserAddr) -> SysResult {
    let (target, path) = (current.read_path(target)?, current.read_path(path)?);
    at::context_at(current, directory, &path)?.make_symlink(&target, &path)?;
    Ok(0)
}

/// symlink(2).
pub fn symlink(current: &mut Current, target: UserAddr, path: UserAddr) -> SysResult {
    symlinkat(current, target, Fd::CWD, path)
}

/// unlinkat(2).
pub fn unlinkat(current: &mut Current, directory: Fd, path: UserAddr, flags: u32) -> SysResult {
    if flags & !unlink_flags::REMOVEDIR != 0 {
        return Err(Errno::EINVAL);
    }
    let path = current.read_path(path)?;
    let context = at::context_at(current, directory, &path)?;
    if flags & unlink_flags::REMOVEDIR != 0 {
        context.remove_directory(&path)?
    } else {
        context.unlink(&path)?
    }
    Ok(0)
}

/// unlink(2).
pub fn unlink(current: &mut Current, path: UserAddr) -> SysResult {
    unlinkat(current, Fd::CWD, path, 0)
}

/// rmdir(2).
pub fn rmdir(current: &mut Current, path: UserAddr) -> SysResult {
    unlinkat(current, Fd::CWD, path, unlink_flags::REMOVEDIR)
}

/// mkdirat(2).
pub fn mkdirat(current: &mut Current, directory: Fd, path: UserAddr, mode: u32) -> SysResult {
    let path = current.read_path(path)?;
    at::context_at(current, directory, &path)?.make_directory(&path, mode)?;
    Ok(0)
}

/// mkdir(2).
pub fn mkdir(current: &mut Current, path: UserAddr, mode: u32) -> SysResult {
    mkdirat(current, Fd::CWD, path, mode)
}

/// mknodat(2).
pub fn mknodat(current: &mut Current, directory: Fd, path: UserAddr, mode: u32, device: u32) -> SysResult {
    let path = current.read_path(path)?;
    let kind = match FileKind::from_mode(mode).ok_or(Errno::EINVAL)? {
        FileKind::Anonymous => FileKind::Regular,
        FileKind::Symlink => return Err(Errno::EINVAL),
        kind => kind,
    };
    let is_device = matches!(kind, FileKind::CharDevice | FileKind::BlockDevice);
    let rdev = if is_device { u64::from(device) } else { 0 };
    at::context_at(current, directory, &path)?.make_node(&path, kind, rdev, mode)?;
    Ok(0)
}

/// mknod(2).
pub fn mknod(current: &mut Current, path: UserAddr, mode: u32, device: u32) -> SysResult {
    mknodat(current, Fd::CWD, path, mode, device)
}

/// renameat2(2).
pub fn renameat2(
    current: &mut Current,
    old_dir: Fd,
    old: UserAddr,
    new_dir: Fd,
    new: UserAddr,
    flags: u32,
) -> SysResult {
    let (old, new) = (current.read_path(old)?, current.read_path(new)?);
    let old_context = at::context_at(current, old_dir, &old)?;
    let new_context = at::context_at(current, new_dir, &new)?;
    vfs_rename::rename(&old_context, &old, &new_context, &new, flags)?;
    Ok(0)
}

/// renameat(2).
pub fn renameat(current: &mut Current, old_dir: Fd, old: UserAddr, new_dir: Fd, new: UserAddr) -> SysResult {
    renameat2(current, old_dir, old, new_dir, new, 0)
}

/// rename(2).
pub fn rename(current: &mut Current, old: UserAddr, new: UserAddr) -> SysResult {
    renameat2(current, Fd::CWD, old, Fd::CWD, new, 0)
}

/// readlinkat(2).
pub fn readlinkat(current: &mut Current, directory: Fd, path: UserAddr, buffer: UserAddr, size: i32) -> SysResult {
    let size = usize::try_from(size).ok().filter(|size| *size > 0).ok_or(Errno::EINVAL)?;
    let path = current.read_path(path)?;
    let location = at::resolve(current, directory, &path, LookupFlags::EMPTY_PATH)?;
    if location.inode().kind() != FileKind::Symlink {
        return Err(if path.is_empty() { Errno::ENOENT } else { Errno::EINVAL });
    }
    let target = location.inode().read_link()?;
    let part = &target[..target.len().min(size)];
    current.write_bytes(buffer, part)?;
    Ok(part.len())
}

/// readlink(2).
pub fn readlink(current: &mut Current, path: UserAddr, buffer: UserAddr, size: i32) -> SysResult {
    readlinkat(current, Fd::CWD, path, buffer, size)
}

/// faccessat2(2).
pub fn faccessat2(current: &mut Current, directory: Fd, path: UserAddr, mode: u32, flags: u32) -> SysResult {
    if mode & !(READ | WRITE | EXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let allowed = access_flags::EACCESS | access_flags::SYMLINK_NOFOLLOW | access_flags::EMPTY_PATH;
    if flags & !allowed != 0 {
        return Err(Errno::EINVAL);
    }
    let path = current.read_path(path)?;
    let mut context = at::context_at(current, directory, &path)?;
    if flags & access_flags::EACCESS == 0 {
        context.creds = real_creds(&context.creds);
    }
    let location = context.lookup(&path, at::lookup_flags(flags))?;
    let kind = location.inode().kind();
    if mode & EXEC != 0 && kind == FileKind::Regular && location.is_noexec() {
        return Err(Errno::EACCES);
    }
    check_access(location.inode(), &context.creds, mode)?;
    devices::check_inode(&**location.inode(), mode)?;
    let special = matches!(kind, FileKind::CharDevice | FileKind::BlockDevice | FileKind::Fifo | FileKind::Socket);
    if mode & WRITE != 0 && !special {
        location.check_writable()?;
    }
    Ok(0)
}

/// Credentials for access(2): the real ids, with all permitted capabilities for root and none for
/// others.
fn real_creds(creds: &Arc<Creds>) -> Arc<Creds> {
    const NO_SETUID_FIXUP: u32 = 1 << 2;
    let mut real = Creds::clone(creds);
    (real.fsuid, real.fsgid) = (creds.uid, creds.gid);
    if creds.securebits & NO_SETUID_FIXUP == 0 {
        real.effective = if creds.uid == 0 { creds.permitted } else { 0 };
    }
    Arc::new(real)
}

/// faccessat(2).
pub fn faccessat(current: &mut Current, directory: Fd, path: UserAddr, mode: u32) -> SysResult {
    faccessat2(current, directory, path, mode, 0)
}

/// access(2).
pub fn access(current: &mut Current, path: UserAddr, mode: u32) -> SysResult {
    faccessat2(current, Fd::CWD, path, mode, 0)
}

/// name_to_handle_at(2): no file system here gives out handles.
pub fn name_to_handle_at(
    current: &mut Current,
    directory: Fd,
    path: UserAddr,
    _handle: UserAddr,
    _mount: UserPtr<i32>,
    flags: u32,
) -> SysResult {
    if flags & !(at_flags::SYMLINK_FOLLOW | at_flags::EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let path = current.read_path(path)?;
    let mut lookup = LookupFlags::empty();
    lookup.set(LookupFlags::FOLLOW, flags & at_flags::SYMLINK_FOLLOW != 0);
    lookup.set(LookupFlags::EMPTY_PATH, flags & at_flags::EMPTY_PATH != 0);
    at::resolve(current, directory, &path, lookup)?;
    Err(Errno::EOPNOTSUPP)
}

/// open_by_handle_at(2).
pub fn open_by_handle_at(current: &mut Current, _mount: Fd, _handle: UserAddr, _flags: u32) -> SysResult {
    if !current.task.creds().has(cap::DAC_READ_SEARCH) {
        return Err(Errno::EPERM);
    }
    Err(Errno::ESTALE)
}
