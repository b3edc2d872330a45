//! epoll_create(2), epoll_ctl(2), epoll_wait(2).

use std::time::Duration;

use lazaret_abi::{
    epoll::{EpollEvent, control, create},
    errno::Errno,
    id::Fd,
    signal::SigSet,
    time::Timespec,
};
use zerocopy::IntoBytes;

use super::{SysResult, mask};
use crate::{
    fs::{
        descriptor,
        epoll::{self as subject, Epoll, Interest},
    },
    task::Current,
    time::{Deadline, clock::duration_of},
    uaddr::{UserAddr, UserPtr},
};

/// Most events that one call returns.
const MAX_EVENTS: usize = i32::MAX as usize / size_of::<EpollEvent>();

/// epoll_create(2).
pub fn epoll_create(current: &mut Current, size: i32) -> SysResult {
    if size <= 0 {
        return Err(Errno::EINVAL);
    }
    epoll_create1(current, 0)
}

/// epoll_create1(2).
pub fn epoll_create1(current: &mut Current, flags: u32) -> SysResult {
    if flags & !create::CLOEXEC != 0 {
        return Err(Errno::EINVAL);
    }
    descriptor::install(current, subject::create(), flags & create::CLOEXEC != 0)
}

/// epoll_ctl(2).
pub fn epoll_ctl(current: &mut Current, epoll: Fd, operation: i32, fd: Fd, event: UserPtr<EpollEvent>) -> SysResult {
    let event = if operation == control::DEL { EpollEvent::default() } else { current.read(event)? };
    let own = descriptor::usable(current, epoll)?;
    let file = descriptor::usable(current, fd)?;
    if !file.ops().can_poll() {
        return Err(Errno::EPERM);
    }
    let epoll = Epoll::of(&own).ok_or(Errno::EINVAL)?;
    if std::ptr::eq(&*own, &*file) {
        return Err(Errno::EINVAL);
    }
    let interest = Interest { events: event.events, data: event.data };
    match operation {
        control::ADD => epoll.add(&own, fd.get(), &file, interest)?,
        control::DEL => epoll.remove(fd.get(), &file)?,
        control::MOD => epoll.modify(fd.get(), &file, interest)?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

fn wait(current: &mut Current, epoll: Fd, events: UserAddr, count: i32, deadline: Option<Deadline>) -> SysResult {
    let limit = usize::try_from(count).ok().filter(|limit| (1..=MAX_EVENTS).contains(limit)).ok_or(Errno::EINVAL)?;
    let own = descriptor::usable(current, epoll)?;
    let found = Epoll::of(&own).ok_or(Errno::EINVAL)?.wait(limit, deadline)?;
    let found: Vec<_> =
        found.iter().map(|interest| EpollEvent { events: interest.events, data: interest.data }).collect();
    current.write_bytes(events, found.as_slice().as_bytes())?;
    Ok(found.len())
}

/// A timeout in milliseconds; negative ones are for ever.
pub fn milliseconds(timeout: i32) -> Option<Deadline> {
    u64::try_from(timeout).ok().map(|timeout| Deadline::after(Duration::from_millis(timeout)))
}

/// epoll_wait(2).
pub fn epoll_wait(current: &mut Current, epoll: Fd, events: UserAddr, count: i32, timeout: i32) -> SysResult {
    wait(current, epoll, events, count, milliseconds(timeout))
}

/// epoll_pwait(2).
pub fn epoll_pwait(
    current: &mut Current,
    epoll: Fd,
    events: UserAddr,
    count: i32,
    timeout: i32,
    set: UserPtr<SigSet>,
    size: usize,
) -> SysResult {
    mask::with(current, set, size, |current| wait(current, epoll, events, count, milliseconds(timeout)))
}

/// epoll_pwait2(2).
pub fn epoll_pwait2(
    current: &mut Current,
    epoll: Fd,
    events: UserAddr,
    count: i32,
    timeout: UserPtr<Timespec>,
    set: UserPtr<SigSet>,
    size: usize,
) -> SysResult {
    let deadline = if timeout.is_null() { None } else { Some(Deadline::after(duration_of(current.read(timeout)?)?)) };
    mask::with(current, set, size, |current| wait(current, epoll, events, count, deadline))
}
