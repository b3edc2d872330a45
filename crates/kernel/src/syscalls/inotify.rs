//! inotify(7).

use lazaret_abi::{errno::Errno, id::Fd, inotify::init};

use super::SysResult;
use crate::{
    fs::{
        at, descriptor,
        file::flags,
        inotify::{Inotify, Mask},
        vfs::{
            LookupFlags,
            permission::{READ, check_access},
        },
    },
    task::Current,
    uaddr::UserAddr,
};

/// inotify_init1(2).
pub fn inotify_init1(current: &mut Current, init_flags: u32) -> SysResult {
    if init_flags & !(init::NONBLOCK | init::CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let file = Inotify::open(init_flags & flags::NONBLOCK);
    descriptor::install(current, file, init_flags & init::CLOEXEC != 0)
}

/// inotify_init(2).
pub fn inotify_init(current: &mut Current) -> SysResult {
    inotify_init1(current, 0)
}

/// inotify_add_watch(2).
pub fn inotify_add_watch(current: &mut Current, fd: Fd, path: UserAddr, mask: u32) -> SysResult {
    let mask = Mask::from_bits_truncate(mask);
    if !mask.intersects(Mask::ALL_EVENTS) || mask.contains(Mask::MASK_ADD | Mask::MASK_CREATE) {
        return Err(Errno::EINVAL);
    }
    let file = descriptor::usable(current, fd)?;
    let inotify = file.ops().downcast_ref::<Inotify>().ok_or(Errno::EINVAL)?;
    let path = current.read_path(path)?;
    let mut lookup = LookupFlags::empty();
    lookup.set(LookupFlags::FOLLOW, !mask.contains(Mask::DONT_FOLLOW));
    lookup.set(LookupFlags::DIRECTORY, mask.contains(Mask::ONLYDIR));
    let location = at::resolve(current, Fd::CWD, &path, lookup)?;
    check_access(location.inode(), &current.task.creds(), READ)?;
    let watch = inotify.add_watch(&location, mask)?;
    usize::try_from(watch).map_err(|_| Errno::ENOSPC)
}

/// inotify_rm_watch(2).
pub fn inotify_rm_watch(current: &mut Current, fd: Fd, watch: i32) -> SysResult {
    let file = descriptor::usable(current, fd)?;
    file.ops().downcast_ref::<Inotify>().ok_or(Errno::EINVAL)?.remove_watch(watch)?;
    Ok(0)
}
