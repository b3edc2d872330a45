//! eventfd(2).

use lazaret_abi::{epoll::eventfd as flag, errno::Errno};

use super::SysResult;
use crate::{
    fs::{descriptor, eventfd as subject},
    task::Current,
};

/// eventfd(2) without flags.
pub fn eventfd(current: &mut Current, value: u32) -> SysResult {
    eventfd2(current, value, 0)
}

/// eventfd(2).
pub fn eventfd2(current: &mut Current, value: u32, flags: u32) -> SysResult {
    if flags & !(flag::SEMAPHORE | flag::NONBLOCK | flag::CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let file = subject::create(value, flags & flag::SEMAPHORE != 0, flags & flag::NONBLOCK);
    descriptor::install(current, file, flags & flag::CLOEXEC != 0)
}
