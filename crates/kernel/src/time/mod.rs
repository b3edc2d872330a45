//! Clocks, deadlines and timers.

pub mod clock;
pub mod process_timers;
pub mod queue;
pub mod schedule;
pub mod signal_timer;
pub mod sleep;

use std::time::{Duration, Instant};

pub use clock::Clock;

/// A point on the monotonic clock at which a wait ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// The point `duration` from now, or the farthest representable one.
    pub fn after(duration: Duration) -> Deadline {
        let now = Instant::now();
        // A century is as good as for ever, and adds without overflow on any host.
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
        Deadline(now.checked_add(duration.min(CENTURY)).unwrap_or(now))
    }

    /// Time left; zero when the deadline has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether it has passed.
    pub fn has_passed(self) -> bool {
        Instant::now() >= self.0
    }

    /// The point itself.
    pub fn instant(self) -> Instant {
        self.0
    }
}
