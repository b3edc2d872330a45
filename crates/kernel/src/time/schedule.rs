//! When a timer runs out, and how often it has.

use std::time::{Duration, Instant};

use lazaret_snapshot::Snapshot;

use super::Deadline;

/// A one-shot or periodic timer, as plain data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Snapshot)]
pub struct Schedule {
    /// When it runs out next; none when it is disarmed.
    pub expiry: Option<Instant>,
    /// Period; zero for one-shot timers.
    pub interval: Duration,
}

impl Schedule {
    /// A timer that runs out at `first` and then each `interval`.
    pub fn new(first: Deadline, interval: Duration) -> Schedule {
        Schedule { expiry: Some(first.instant()), interval }
    }

    /// How often it has run out since the last call; moves the expiry beyond `now`.
    pub fn take_expirations(&mut self, now: Instant) -> u64 {
        let Some(expiry) = self.expiry.filter(|expiry| *expiry <= now) else { return 0 };
        if self.interval.is_zero() {
            self.expiry = None;
            return 1;
        }
        let periods = now.duration_since(expiry).as_nanos() / self.interval.as_nanos() + 1;
        let count = u64::try_from(periods).unwrap_or(u64::MAX);
        let step = Duration::from_nanos(u64::try_from(self.interval.as_nanos() * periods).unwrap_or(u64::MAX));
        self.expiry = expiry.checked_add(step);
        count
    }

    /// Time until it runs out; zero when it is disarmed.
    pub fn remaining(&self, now: Instant) -> Duration {
        match self.expiry {
            // Zero means disarmed to those who ask, so a timer about to run out has a moment left.
            Some(expiry) => expiry.saturating_duration_since(now).max(Duration::from_nanos(1)),
            None => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_one_shot_timer_runs_out_once() {
        let now = Instant::now();
        let mut schedule = Schedule { expiry: Some(now), interval: Duration::ZERO };
        assert_eq!(schedule.take_expirations(now), 1);
        assert_eq!(schedule.take_expirations(now), 0);
        assert_eq!(schedule.remaining(now), Duration::ZERO);
    }

    #[test]
    fn missed_periods_are_counted() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let mut schedule = Schedule { expiry: Some(now), interval: second };
        assert_eq!(schedule.take_expirations(now + second * 7 / 2), 4);
        assert_eq!(schedule.expiry, Some(now + second * 4));
        assert_eq!(schedule.take_expirations(now + second * 4), 1);
    }
}
