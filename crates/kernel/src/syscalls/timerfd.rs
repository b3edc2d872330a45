//! timerfd_create(2), timerfd_settime(2), timerfd_gettime(2).

use std::time::Duration;

use lazaret_abi::{
    errno::Errno,
    id::Fd,
    time::{ITimerSpec, clock, timerfd as flag, timerfd_set},
};

use super::SysResult;
use crate::{
    fs::{
        descriptor,
        file::File,
        timerfd::{self as subject, TimerFd},
    },
    sync::Arc,
    task::{Current, creds::cap},
    time::{
        Clock, Deadline,
        clock::{duration_of, timespec_of},
        schedule::Schedule,
    },
    uaddr::UserPtr,
};

/// timerfd_create(2).
pub fn timerfd_create(current: &mut Current, id: i32, flags: u32) -> SysResult {
    if flags & !(flag::NONBLOCK | flag::CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    match id {
        clock::REALTIME | clock::MONOTONIC | clock::BOOTTIME => {}
        clock::REALTIME_ALARM | clock::BOOTTIME_ALARM => {
            const WAKE_ALARM: u32 = cap::LAST - 5;
            if !current.task.creds().has(WAKE_ALARM) {
                return Err(Errno::EPERM);
            }
        }
        _ => return Err(Errno::EINVAL),
    }
    let file = subject::create(Clock::from_id(id)?, flags & flag::NONBLOCK);
    descriptor::install(current, file, flags & flag::CLOEXEC != 0)
}

fn timer_of(file: &Arc<File>) -> Result<&TimerFd, Errno> {
    TimerFd::of(file).ok_or(Errno::EINVAL)
}

/// Time left and interval, for the application.
pub fn setting((left, interval): (Duration, Duration)) -> ITimerSpec {
    ITimerSpec { interval: timespec_of(interval), value: timespec_of(left) }
}

/// What a struct itimerspec means on `clock`.
///
/// # Errors
/// `EINVAL` for times that are not valid.
pub fn schedule(current: &Current, clock: Clock, new: &ITimerSpec, absolute: bool) -> Result<Schedule, Errno> {
    let (value, interval) = (duration_of(new.value)?, duration_of(new.interval)?);
    if value.is_zero() {
        return Ok(Schedule { expiry: None, interval });
    }
    let first = if absolute { clock.deadline(value, &current.task)? } else { Deadline::after(value) };
    Ok(Schedule::new(first, interval))
}

/// timerfd_settime(2). Nobody in a sandbox sets the clock, so that TFD_TIMER_CANCEL_ON_SET never
/// cancels.
pub fn timerfd_settime(
    current: &mut Current,
    fd: Fd,
    flags: u32,
    new: UserPtr<ITimerSpec>,
    old: UserPtr<ITimerSpec>,
) -> SysResult {
    let new = current.read(new)?;
    if flags & !(timerfd_set::ABSTIME | timerfd_set::CANCEL_ON_SET) != 0 {
        return Err(Errno::EINVAL);
    }
    let (value, interval) = (duration_of(new.value), duration_of(new.interval));
    value.and(interval)?;
    let file = descriptor::usable(current, fd)?;
    let timer = timer_of(&file)?;
    let before = timer.set(schedule(current, timer.clock(), &new, flags & timerfd_set::ABSTIME != 0)?);
    if !old.is_null() {
        current.write(old, &setting(before))?;
    }
    Ok(0)
}

/// timerfd_gettime(2).
pub fn timerfd_gettime(current: &mut Current, fd: Fd, value: UserPtr<ITimerSpec>) -> SysResult {
    let file = descriptor::usable(current, fd)?;
    let left = timer_of(&file)?.get();
    current.write(value, &setting(left))?;
    Ok(0)
}
