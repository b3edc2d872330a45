//! Sleeping for a time: nanosleep(2), clock_nanosleep(2).

use std::time::Duration;

use lazaret_abi::{errno::Errno, time::Timespec};

use super::{Clock, Deadline, clock::timespec_of};
use crate::{
    signal::restart::Restart,
    syscalls::SysResult,
    task::Current,
    uaddr::UserPtr,
    wait::{Interruptible, wait_until},
};

/// A sleep that a signal may interrupt.
#[derive(Clone, Copy)]
pub struct Sleep {
    /// When it ends.
    pub deadline: Deadline,
    /// A relative sleep: where the time left is stored, unless NULL.
    pub remaining: Option<UserPtr<Timespec>>,
}

/// Sleeps.
///
/// # Errors
/// `ERESTART_RESTARTBLOCK` or `ERESTARTNOHAND` when a signal ends the sleep, `EFAULT`.
pub fn sleep(current: &mut Current, sleep: Sleep) -> SysResult {
    match wait_until::<()>(&[], Some(sleep.deadline), Interruptible::Signals, || None) {
        Ok(()) | Err(Errno::ETIMEDOUT) => Ok(0),
        Err(_) => match sleep.remaining {
            // Restarted with the same deadline, if no handler runs.
            None => Err(Errno::ERESTARTNOHAND),
            Some(remaining) => {
                let left = sleep.deadline.remaining();
                if left.is_zero() {
                    return Ok(0);
                }
                if !remaining.is_null() {
                    current.write(remaining, &timespec_of(left))?;
                }
                // Without a handler the sleep goes on to the same end.
                current.restart = Some(Box::new(sleep));
                Err(Errno::ERESTART_RESTARTBLOCK)
            }
        },
    }
}

impl Restart for Sleep {
    fn restart(self: Box<Self>, current: &mut Current) -> SysResult {
        sleep(current, *self)
    }
}

/// Sleeps until a CPU clock shows a time. The clock is not ours to set alarms on: it is looked at
/// when it could be there at the earliest.
///
/// # Errors
/// As [`sleep`], and `EINVAL` when the clock's process ends.
pub fn on_cpu_clock(current: &mut Current, clock: Clock, until: Duration) -> SysResult {
    /// The shortest nap, to bound the number of looks.
    const NAP: Duration = Duration::from_millis(1);
    loop {
        let left = until.saturating_sub(clock.now(&current.task)?);
        if left.is_zero() {
            return Ok(0);
        }
        let nap = Deadline::after(left.max(NAP));
        match wait_until::<()>(&[], Some(nap), Interruptible::Signals, || None) {
            Ok(()) | Err(Errno::ETIMEDOUT) => {}
            Err(_) => return Err(Errno::ERESTARTNOHAND),
        }
    }
}
