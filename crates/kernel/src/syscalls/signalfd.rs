//! signalfd(2).

use lazaret_abi::{
    errno::Errno,
    id::Fd,
    signal::{SigSet, signalfd as flag},
};

use super::SysResult;
use crate::{
    fs::{
        descriptor,
        signalfd::{self as subject, SignalFd},
    },
    task::Current,
    uaddr::UserPtr,
};

/// signalfd(2) without flags.
pub fn signalfd(current: &mut Current, fd: Fd, mask: UserPtr<SigSet>, size: usize) -> SysResult {
    signalfd4(current, fd, mask, size, 0)
}

/// signalfd(2).
pub fn signalfd4(current: &mut Current, fd: Fd, mask: UserPtr<SigSet>, size: usize, flags: u32) -> SysResult {
    if size != SigSet::SIZE {
        return Err(Errno::EINVAL);
    }
    let mask = current.read(mask)?;
    if flags & !(flag::NONBLOCK | flag::CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    if fd.get() == -1 {
        let file = subject::create(mask, flags & flag::NONBLOCK);
        return descriptor::install(current, file, flags & flag::CLOEXEC != 0);
    }
    let file = descriptor::usable(current, fd)?;
    SignalFd::of(&file).ok_or(Errno::EINVAL)?.set_mask(mask);
    usize::try_from(fd.get()).map_err(|_| Errno::EBADF)
}
