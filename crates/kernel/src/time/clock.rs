//! The clocks of clock_gettime(2). All but the CPU clocks are the host's.

use std::time::Duration;

use lazaret_abi::{
    errno::Errno,
    time::{NANOS_PER_SEC, Timespec, Timeval, clock},
};
use lazaret_snapshot::Snapshot;
use rustix::time::{ClockId, DynamicClockId, clock_gettime, clock_gettime_dynamic};

use super::Deadline;
use crate::{
    sync::Arc,
    task::{Task, cpu},
};

/// A clock that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Snapshot)]
pub enum Clock {
    /// One of the host's, shared by all.
    Host(#[snapshot(with = host_clock)] ClockId),
    /// CPU time of a process; 0 is the caller.
    Process(i32),
    /// CPU time of a thread; 0 is the caller.
    Thread(i32),
}

/// A clock of the host in a snapshot: its number.
mod host_clock {
    use lazaret_snapshot::{Error, Reader, Result, Snapshot, Writer};

    use super::ClockId;

    pub fn save(clock: &ClockId, writer: &mut Writer) -> Result<()> {
        (*clock as i32).save(writer)
    }

    pub fn load(reader: &mut Reader<'_>) -> Result<ClockId> {
        ClockId::try_from(i32::load(reader)?).map_err(|_| Error::Invalid("clock"))
    }
}

impl Clock {
    /// CLOCK_MONOTONIC.
    pub const MONOTONIC: Clock = Clock::Host(ClockId::Monotonic);
    /// CLOCK_REALTIME.
    pub const REALTIME: Clock = Clock::Host(ClockId::Realtime);

    /// The clock with this id.
    ///
    /// # Errors
    /// `EINVAL` when there is none.
    pub fn from_id(id: i32) -> Result<Clock, Errno> {
        Ok(match id {
            clock::REALTIME => Clock::REALTIME,
            clock::MONOTONIC => Clock::MONOTONIC,
            clock::PROCESS_CPUTIME_ID => Clock::Process(0),
            clock::THREAD_CPUTIME_ID => Clock::Thread(0),
            clock::MONOTONIC_RAW => Clock::Host(ClockId::MonotonicRaw),
            clock::REALTIME_COARSE => Clock::Host(ClockId::RealtimeCoarse),
            clock::MONOTONIC_COARSE => Clock::Host(ClockId::MonotonicCoarse),
            clock::BOOTTIME => Clock::Host(ClockId::Boottime),
            clock::REALTIME_ALARM => Clock::Host(ClockId::RealtimeAlarm),
            clock::BOOTTIME_ALARM => Clock::Host(ClockId::BoottimeAlarm),
            // The offset to atomic time is zero until somebody sets it, which nobody may here.
            clock::TAI => Clock::REALTIME,
            // The id of a CPU clock holds the complement of the pid; clock_getcpuclockid(3). The
            // third bit tells threads from processes, the last two which kind of time: three kinds,
            // which all are the same here.
            negative if negative < 0 && negative & 3 < 3 => {
                let id = !(negative >> 3);
                if negative & 4 != 0 { Clock::Thread(id) } else { Clock::Process(id) }
            }
            _ => return Err(Errno::EINVAL),
        })
    }

    /// Its present time.
    ///
    /// # Errors
    /// `EINVAL` when the process or thread of a CPU clock does not exist, or the host has no clock that wakes it.
    pub fn now(self, task: &Arc<Task>) -> Result<Duration, Errno> {
        match self {
            Clock::Host(id) => host_now(id),
            Clock::Process(pid) => cpu::process_time(task, pid).ok_or(Errno::EINVAL),
            Clock::Thread(tid) => cpu::thread_time(task, tid).ok_or(Errno::EINVAL),
        }
    }

    /// Its resolution.
    pub fn resolution(self) -> Duration {
        match self {
            // A tick of the host's kernel, which the vDSO would tell as well.
            Clock::Host(ClockId::RealtimeCoarse | ClockId::MonotonicCoarse) => {
                let resolution = rustix::time::clock_getres(ClockId::MonotonicCoarse);
                Duration::new(0, u32::try_from(resolution.tv_nsec).unwrap_or(4_000_000))
            }
            _ => Duration::from_nanos(1),
        }
    }

    /// One that timers and clock_nanosleep(2) accept, though not necessarily without capability.
    pub fn is_timer(self) -> bool {
        !matches!(self, Clock::Host(ClockId::MonotonicRaw | ClockId::RealtimeCoarse | ClockId::MonotonicCoarse))
    }

    /// When the clock will show `time`.
    ///
    /// # Errors
    /// As [`Clock::now`].
    pub fn deadline(self, time: Duration, task: &Arc<Task>) -> Result<Deadline, Errno> {
        // Those that would wake the machine show the same time as others.
        let clock = match self {
            Clock::Host(ClockId::RealtimeAlarm) => Clock::REALTIME,
            Clock::Host(ClockId::BoottimeAlarm) => Clock::Host(ClockId::Boottime),
            clock => clock,
        };
        Ok(Deadline::after(time.saturating_sub(clock.now(task)?)))
    }
}

fn host_now(id: ClockId) -> Result<Duration, Errno> {
    let dynamic = |id| clock_gettime_dynamic(id).map_err(|error| Errno::from_raw(error.raw_os_error()));
    let now = match id {
        ClockId::RealtimeAlarm => dynamic(DynamicClockId::RealtimeAlarm)?,
        ClockId::BoottimeAlarm => dynamic(DynamicClockId::BoottimeAlarm)?,
        id => clock_gettime(id),
    };
    Ok(Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0)))
}

/// A time that the application gave.
///
/// # Errors
/// `EINVAL` when it is negative or not normalized.
pub fn duration_of(time: Timespec) -> Result<Duration, Errno> {
    match (u64::try_from(time.sec), u32::try_from(time.nsec)) {
        (Ok(seconds), Ok(nanoseconds)) if time.nsec < NANOS_PER_SEC => Ok(Duration::new(seconds, nanoseconds)),
        _ => Err(Errno::EINVAL),
    }
}

/// A time that the application gave in microseconds.
///
/// # Errors
/// `EINVAL` when it is negative or not normalized.
pub fn duration_of_timeval(time: Timeval) -> Result<Duration, Errno> {
    if !time.is_valid() {
        return Err(Errno::EINVAL);
    }
    duration_of(Timespec { sec: time.sec, nsec: time.usec * 1000 })
}

/// For the application.
pub fn timespec_of(time: Duration) -> Timespec {
    Timespec { sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX), nsec: i64::from(time.subsec_nanos()) }
}

/// For the application, in microseconds, rounded down.
pub fn timeval_of(time: Duration) -> Timeval {
    Timeval { sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX), usec: i64::from(time.subsec_micros()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_clock_ids_name_processes_and_threads() {
        assert_eq!(Clock::from_id((!5 << 3) | 2), Ok(Clock::Process(5)));
        assert_eq!(Clock::from_id((!7 << 3) | 6), Ok(Clock::Thread(7)));
        assert_eq!(Clock::from_id((!7 << 3) | 3), Err(Errno::EINVAL));
        assert_eq!(Clock::from_id(10), Err(Errno::EINVAL));
    }

    #[test]
    fn times_are_checked() {
        assert_eq!(duration_of(Timespec { sec: 1, nsec: 5 }), Ok(Duration::new(1, 5)));
        for (sec, nsec) in [(-1, 0), (0, -1), (0, NANOS_PER_SEC)] {
            assert_eq!(duration_of(Timespec { sec, nsec }), Err(Errno::EINVAL));
        }
    }
}
