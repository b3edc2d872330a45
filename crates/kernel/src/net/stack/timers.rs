//! When connections are to be looked at again, and the sleep of the thread that does it.

use std::{
    collections::BTreeMap,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use rustix::event::{EventfdFlags, eventfd};

use super::tcp::Connection;
use crate::sync::{Arc, Mutex, Weak};

/// Longer than anything lives.
const EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Wakes the thread.
pub struct Alarm {
    event: OwnedFd,
    /// Until when it sleeps, or slept last.
    until: Mutex<Instant>,
}

impl Alarm {
    /// One that nobody sleeps by.
    ///
    /// # Errors
    /// Those of eventfd(2).
    pub fn new() -> rustix::io::Result<Alarm> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Alarm { event, until: Mutex::new(Instant::now()) })
    }

    /// The thread must be awake by then.
    pub fn by(&self, when: Instant) {
        let mut until = self.until.lock();
        if when < *until {
            *until = when;
            drop(until);
            self.ring();
        }
    }

    /// Wakes the thread.
    pub fn ring(&self) {
        // A full counter wakes as well.
        let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
    }

    /// It is awake.
    pub fn silence(&self) {
        let _ = rustix::io::read(&self.event, &mut [0; 8]);
    }

    /// How long to sleep, given what tells when something is to be done; `None` is for ever.
    ///
    /// A point that was agreed on before stays if it is still to come, even if nothing happens then: connections
    /// that are used set their timers again and again, and nobody has to be woken for that.
    pub fn sleep(&self, next: impl FnOnce() -> Option<Instant>) -> Option<Duration> {
        let now = Instant::now();
        let mut until = self.until.lock();
        // Who sets a timer after this was read waits for the lock, and rings if it is earlier.
        let next = next();
        let far = now + EVER;
        *until = match next {
            Some(next) if *until <= now => next,
            None if *until <= now => far,
            Some(next) => next.min(*until),
            None => *until,
        };
        let left = until.saturating_duration_since(now);
        (left < EVER / 2).then_some(left)
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

/// Connections, by the times when they are to be looked at.
#[derive(Default)]
pub struct Timers(Mutex<BTreeMap<(Instant, u64), Weak<Connection>>>);

impl Timers {
    /// Sets the timer of a connection, which keeps in `known` when it goes off. One that is set to go off earlier
    /// stays: that is cheaper than to change it with each packet.
    pub fn set(&self, connection: &Arc<Connection>, known: &mut Option<Instant>, next: Option<Instant>, alarm: &Alarm) {
        let Some(next) = next else { return };
        if known.is_some_and(|known| known <= next) {
            return;
        }
        let mut all = self.0.lock();
        if let Some(known) = known.take() {
            all.remove(&(known, connection.id));
        }
        all.insert((next, connection.id), Arc::downgrade(connection));
        *known = Some(next);
        drop(all);
        alarm.by(next);
    }

    /// When the first goes off.
    pub fn next(&self) -> Option<Instant> {
        self.0.lock().keys().next().map(|(when, _)| *when)
    }

    /// Those that have gone off, which are set no more.
    pub fn take(&self, now: Instant) -> Vec<Arc<Connection>> {
        let mut all = self.0.lock();
        let later = all.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut *all, later);
        drop(all);
        due.into_values().filter_map(|connection| connection.upgrade()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_rings_for_what_is_earlier() {
        let alarm = Alarm::new().unwrap();
        let rings = || rustix::io::read(&alarm, &mut [0; 8]).is_ok();
        assert_eq!(alarm.sleep(|| None), None);
        let now = Instant::now();
        alarm.by(now + Duration::from_secs(9));
        assert!(rings());
        alarm.by(now + Duration::from_secs(20));
        assert!(!rings());
        // It stays as it was: nobody has to ring for what comes before.
        assert!(alarm.sleep(|| None).unwrap() > Duration::from_secs(8));
        alarm.by(now + Duration::from_secs(10));
        assert!(!rings());
        assert!(alarm.sleep(|| Some(now + Duration::from_secs(5))).unwrap() < Duration::from_secs(6));
    }
}
