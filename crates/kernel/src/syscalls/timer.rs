//! Timers of a process: setitimer(2), alarm(2), timer_create(2).

use std::time::Duration;

use lazaret_abi::{
    errno::Errno,
    signal::{SigEvent, Signal, event},
    time::{ITimerSpec, ITimerVal, clock as id, interval, timer},
};

use super::{
    SysResult,
    timerfd::{schedule, setting},
};
use crate::{
    sync::Arc,
    task::{Current, Task},
    time::{
        Clock,
        clock::{duration_of, duration_of_timeval, timeval_of},
        process_timers::Notify,
    },
    uaddr::UserPtr,
};

fn timeval_setting((left, interval): (Duration, Duration)) -> ITimerVal {
    // A timer that is armed never shows zero.
    let left = if left.is_zero() { left } else { left.max(Duration::from_micros(1)) };
    ITimerVal { interval: timeval_of(interval), value: timeval_of(left) }
}

/// getitimer(2).
pub fn getitimer(current: &mut Current, which: u32, value: UserPtr<ITimerVal>) -> SysResult {
    let left = current.task.group().timers().interval(which)?.get();
    current.write(value, &timeval_setting(left))?;
    Ok(0)
}

/// setitimer(2).
pub fn setitimer(current: &mut Current, which: u32, new: UserPtr<ITimerVal>, old: UserPtr<ITimerVal>) -> SysResult {
    // Linux takes NULL for a timer that is to be disarmed.
    let new = if new.is_null() { ITimerVal::default() } else { current.read(new)? };
    let (value, interval) = (duration_of_timeval(new.value)?, duration_of_timeval(new.interval)?);
    let before = current.task.group().timers().interval(which)?.set(value, interval);
    if !old.is_null() {
        current.write(old, &timeval_setting(before))?;
    }
    Ok(0)
}

/// alarm(2).
pub fn alarm(current: &mut Current, seconds: u32) -> SysResult {
    let timer = current.task.group().timers().interval(interval::REAL)?;
    let (left, _) = timer.set(Duration::from_secs(u64::from(seconds)), Duration::ZERO);
    // To the nearest second, but never zero for one that was armed.
    let half = Duration::from_millis(500);
    let rounded = left.saturating_add(half).as_secs();
    let rounded = if left.is_zero() { 0 } else { rounded.max(1) };
    usize::try_from(rounded).map_err(|_| Errno::EOVERFLOW)
}

/// What a struct sigevent asks for.
fn notify_of(current: &Current, event: &SigEvent) -> Result<Notify, Errno> {
    let signal = || Signal::new(event.signal).ok_or(Errno::EINVAL);
    match event.notify {
        event::NONE => Ok(Notify::Nothing),
        // For the kernel SIGEV_THREAD is a signal: the C library makes the thread.
        event::SIGNAL | event::THREAD => Ok(Notify::Process(signal()?, Some(event.value))),
        event::THREAD_ID => {
            let thread = find_thread(&current.task, event.tid).ok_or(Errno::EINVAL)?;
            Ok(Notify::Thread(signal()?, Some(event.value), Arc::downgrade(&thread)))
        }
        _ => Err(Errno::EINVAL),
    }
}

/// The thread of the caller's process with this id.
fn find_thread(task: &Arc<Task>, tid: i32) -> Option<Arc<Task>> {
    task.group().threads().into_iter().find(|thread| thread.own_tid() == tid)
}

/// timer_create(2).
pub fn timer_create(
    current: &mut Current,
    clock_id: i32,
    event: UserPtr<SigEvent>,
    timer_id: UserPtr<i32>,
) -> SysResult {
    const WAKE_ALARM: u32 = lazaret_abi::capability::cap::WAKE_ALARM;
    let clock = Clock::from_id(clock_id)?;
    let wakes = matches!(clock_id, id::REALTIME_ALARM | id::BOOTTIME_ALARM);
    if !clock.is_timer() || wakes && clock.now(&current.task).is_err() {
        return Err(Errno::EOPNOTSUPP);
    }
    if wakes && !current.task.creds().has(WAKE_ALARM) {
        return Err(Errno::EPERM);
    }
    // Tells whether the process or thread of a CPU clock exists.
    clock.now(&current.task)?;
    let notify =
        if event.is_null() { Notify::Process(Signal::ALRM, None) } else { notify_of(current, &current.read(event)?)? };
    let timers = current.task.group().timers();
    let number = timers.create(&current.task, clock, notify)?;
    if let Err(error) = current.write(timer_id, &number) {
        timers.delete(number)?;
        return Err(error);
    }
    Ok(0)
}

/// timer_settime(2).
pub fn timer_settime(
    current: &mut Current,
    number: i32,
    flags: u32,
    new: UserPtr<ITimerSpec>,
    old: UserPtr<ITimerSpec>,
) -> SysResult {
    if new.is_null() {
        return Err(Errno::EINVAL);
    }
    let new = current.read(new)?;
    duration_of(new.value).and(duration_of(new.interval))?;
    let timer = current.task.group().timers().get(number)?;
    let schedule = schedule(current, timer.clock, &new, flags & timer::ABSTIME != 0)?;
    let before = timer.timer().set_schedule(schedule);
    if !old.is_null() {
        current.write(old, &setting(before))?;
    }
    Ok(0)
}

/// timer_gettime(2).
pub fn timer_gettime(current: &mut Current, number: i32, value: UserPtr<ITimerSpec>) -> SysResult {
    let left = current.task.group().timers().get(number)?.timer().get();
    current.write(value, &setting(left))?;
    Ok(0)
}

/// timer_getoverrun(2).
pub fn timer_getoverrun(current: &mut Current, number: i32) -> SysResult {
    let overrun = current.task.group().timers().get(number)?.overrun();
    usize::try_from(overrun).map_err(|_| Errno::EOVERFLOW)
}

/// timer_delete(2).
pub fn timer_delete(current: &mut Current, number: i32) -> SysResult {
    current.task.group().timers().delete(number)?;
    Ok(0)
}
