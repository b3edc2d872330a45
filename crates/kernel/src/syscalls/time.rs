//! Clocks and sleeping: clock_gettime(2), clock_nanosleep(2), gettimeofday(2), adjtimex(2).

use lazaret_abi::{
    errno::Errno,
    time::{Timespec, Timeval, Timex, Timezone, Tms, clock as id, timer},
};

use super::SysResult;
use crate::{
    task::{Current, usage::ticks},
    time::{
        Clock, Deadline,
        clock::{duration_of, duration_of_timeval, timespec_of, timeval_of},
        sleep::{self, Sleep},
    },
    uaddr::UserPtr,
};

/// clock_gettime(2).
pub fn clock_gettime(current: &mut Current, clock: i32, time: UserPtr<Timespec>) -> SysResult {
    let now = Clock::from_id(clock)?.now(&current.task)?;
    current.write(time, &timespec_of(now))?;
    Ok(0)
}

/// clock_settime(2). The clocks are the host's: no capability of a container reaches them.
pub fn clock_settime(current: &mut Current, clock: i32, time: UserPtr<Timespec>) -> SysResult {
    if clock != id::REALTIME {
        return Err(Errno::EINVAL);
    }
    duration_of(current.read(time)?)?;
    Err(Errno::EPERM)
}

/// clock_getres(2).
pub fn clock_getres(current: &mut Current, clock: i32, resolution: UserPtr<Timespec>) -> SysResult {
    let clock = Clock::from_id(clock)?;
    // Tells whether the process or thread of a CPU clock exists.
    clock.now(&current.task)?;
    if !resolution.is_null() {
        current.write(resolution, &timespec_of(clock.resolution()))?;
    }
    Ok(0)
}

/// nanosleep(2).
pub fn nanosleep(current: &mut Current, duration: UserPtr<Timespec>, remaining: UserPtr<Timespec>) -> SysResult {
    let duration = duration_of(current.read(duration)?)?;
    sleep::sleep(current, Sleep { deadline: Deadline::after(duration), remaining: Some(remaining) })
}

/// clock_nanosleep(2).
pub fn clock_nanosleep(
    current: &mut Current,
    clock: i32,
    flags: u32,
    request: UserPtr<Timespec>,
    remaining: UserPtr<Timespec>,
) -> SysResult {
    let clock = Clock::from_id(clock)?;
    match clock {
        Clock::Thread(0) => return Err(Errno::EINVAL),
        Clock::Thread(_) | Clock::Process(_) => {}
        Clock::Host(_) if !clock.is_timer() || clock.now(&current.task).is_err() => return Err(Errno::EOPNOTSUPP),
        Clock::Host(_) => {}
    }
    let request = duration_of(current.read(request)?)?;
    let absolute = flags & timer::ABSTIME != 0;
    if let Clock::Process(_) | Clock::Thread(_) = clock {
        let now = clock.now(&current.task)?;
        let until = if absolute { request } else { now.saturating_add(request) };
        return sleep::on_cpu_clock(current, clock, until);
    }
    if absolute {
        return sleep::sleep(current, Sleep { deadline: clock.deadline(request, &current.task)?, remaining: None });
    }
    sleep::sleep(current, Sleep { deadline: Deadline::after(request), remaining: Some(remaining) })
}

/// gettimeofday(2). The time zone is always that of Greenwich.
pub fn gettimeofday(current: &mut Current, time: UserPtr<Timeval>, zone: UserPtr<Timezone>) -> SysResult {
    if !time.is_null() {
        let now = Clock::REALTIME.now(&current.task)?;
        current.write(time, &timeval_of(now))?;
    }
    if !zone.is_null() {
        current.write(zone, &Timezone::default())?;
    }
    Ok(0)
}

/// settimeofday(2).
pub fn settimeofday(current: &mut Current, time: UserPtr<Timeval>, zone: UserPtr<Timezone>) -> SysResult {
    if !time.is_null() {
        duration_of_timeval(current.read(time)?)?;
    }
    if !zone.is_null() {
        current.read(zone)?;
    }
    Err(Errno::EPERM)
}

/// time(2).
pub fn time(current: &mut Current, time: UserPtr<i64>) -> SysResult {
    let now = timespec_of(Clock::REALTIME.now(&current.task)?).sec;
    if !time.is_null() {
        current.write(time, &now)?;
    }
    usize::try_from(now).map_err(|_| Errno::EOVERFLOW)
}

/// adjtimex(2): the clock may be looked at.
pub fn adjtimex(current: &mut Current, buffer: UserPtr<Timex>) -> SysResult {
    /// ADJ_OFFSET_SS_READ
    const READ_OFFSET: u32 = 0xa001;
    /// STA_UNSYNC
    const UNSYNCHRONIZED: i32 = 0x40;
    /// TIME_ERROR: the clock is not synchronized.
    const TIME_ERROR: usize = 5;
    let asked = current.read(buffer)?;
    if asked.modes != 0 && asked.modes != READ_OFFSET {
        // Whatever capabilities: they are not those of the host's user namespace.
        return Err(Errno::EPERM);
    }
    let answer = Timex {
        modes: asked.modes,
        max_error: 16_000_000,
        estimated_error: 16_000_000,
        status: UNSYNCHRONIZED,
        constant: 2,
        precision: 1,
        tolerance: 32_768_000,
        time: timeval_of(Clock::REALTIME.now(&current.task)?),
        tick: 10_000,
        ..Timex::default()
    };
    current.write(buffer, &answer)?;
    Ok(TIME_ERROR)
}

/// clock_adjtime(2).
pub fn clock_adjtime(current: &mut Current, clock: i32, buffer: UserPtr<Timex>) -> SysResult {
    match clock {
        id::REALTIME => adjtimex(current, buffer),
        _ if Clock::from_id(clock).is_ok() => Err(Errno::EOPNOTSUPP),
        _ => Err(Errno::EINVAL),
    }
}

/// times(2): processor times in clock ticks; returns the ticks of a clock of its own.
pub fn times(current: &mut Current, times: UserPtr<Tms>) -> SysResult {
    if !times.is_null() {
        let group = current.task.group();
        let (own, children) = (group.cpu_time(), group.account.children().cpu);
        let answer = Tms {
            user: ticks(own.user),
            system: ticks(own.system),
            children_user: ticks(children.user),
            children_system: ticks(children.system),
        };
        current.write(times, &answer)?;
    }
    let now = Clock::MONOTONIC.now(&current.task)?;
    usize::try_from(ticks(now)).map_err(|_| Errno::EOVERFLOW)
}
