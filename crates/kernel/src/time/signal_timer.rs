//! Timers that do something when they run out: interval timers and POSIX timers.

use std::time::{Duration, Instant};

use super::{
    Deadline,
    queue::{Expire, Slot},
    schedule::Schedule,
};
use crate::sync::{Arc, Mutex, Weak};

/// Reads a CPU clock; none when what it measures is gone.
pub type CpuClock = Box<dyn Fn() -> Option<Duration> + Send + Sync>;

/// What happens after so many expirations.
pub type Action = Box<dyn Fn(u64) + Send + Sync>;

/// The longest time between two looks at a CPU clock that does not advance.
const LONGEST_NAP: Duration = Duration::from_millis(200);
/// The shortest time between two looks.
const SHORTEST_NAP: Duration = Duration::from_millis(1);

/// A timer on real time or on a CPU clock.
pub struct SignalTimer {
    cpu_clock: Option<CpuClock>,
    action: Action,
    state: Mutex<State>,
    own: Weak<SignalTimer>,
}

#[derive(Default)]
struct State {
    /// For timers on real time.
    real: Schedule,
    /// For timers on a CPU clock.
    cpu: CpuSchedule,
    slot: Slot,
}

/// A timer on a CPU clock, which nobody can set alarms on: it is looked at when it could be there at
/// the earliest, and less often while it stands still.
#[derive(Default)]
struct CpuSchedule {
    expiry: Option<Duration>,
    interval: Duration,
    seen: Duration,
    nap: Duration,
}

impl CpuSchedule {
    fn take_expirations(&mut self, now: Duration) -> u64 {
        let Some(expiry) = self.expiry.filter(|expiry| *expiry <= now) else { return 0 };
        if self.interval.is_zero() {
            self.expiry = None;
            return 1;
        }
        let periods = (now - expiry).as_nanos() / self.interval.as_nanos() + 1;
        let nanoseconds = u64::try_from(self.interval.as_nanos() * periods).unwrap_or(u64::MAX);
        self.expiry = Some(expiry.saturating_add(Duration::from_nanos(nanoseconds)));
        u64::try_from(periods).unwrap_or(u64::MAX)
    }

    /// How long to wait before the next look.
    fn next_nap(&mut self, now: Duration) -> Option<Duration> {
        let left = self.expiry?.saturating_sub(now);
        let stands = now <= self.seen;
        self.nap = if stands { (self.nap * 2).clamp(SHORTEST_NAP, LONGEST_NAP) } else { SHORTEST_NAP };
        self.seen = now;
        Some(left.max(self.nap))
    }
}

impl SignalTimer {
    /// A disarmed timer, on real time unless a CPU clock is given.
    pub fn new(cpu_clock: Option<CpuClock>, action: Action) -> Arc<SignalTimer> {
        Arc::new_cyclic(|own| SignalTimer { cpu_clock, action, state: Mutex::default(), own: own.clone() })
    }

    /// Arms it to run out after `first` and then each `interval`, or disarms it if `first` is zero.
    /// Returns time left and interval that were set before.
    pub fn set(&self, first: Duration, interval: Duration) -> (Duration, Duration) {
        let expiry = (!first.is_zero()).then(|| Deadline::after(first).instant());
        self.set_schedule(Schedule { expiry, interval })
    }

    /// Arms a timer on a CPU clock to run out when the clock shows `first`, and then each `interval`.
    pub fn set_absolute(&self, first: Duration, interval: Duration) {
        let Some(now) = self.cpu_now() else { return };
        // What has passed already runs out at the next look.
        self.set(first.saturating_sub(now).max(SHORTEST_NAP), interval);
    }

    /// Arms it on real time, or on its CPU clock as far from now as the schedule's expiry is.
    pub fn set_schedule(&self, schedule: Schedule) -> (Duration, Duration) {
        let mut state = self.state.lock();
        let old = self.left(&state);
        let now = Instant::now();
        let next = match self.cpu_now() {
            None => {
                state.real = schedule;
                schedule.expiry
            }
            Some(cpu_now) => {
                let left = schedule.expiry.map(|expiry| expiry.saturating_duration_since(now));
                state.cpu = CpuSchedule {
                    expiry: left.map(|left| cpu_now.saturating_add(left)),
                    interval: schedule.interval,
                    ..CpuSchedule::default()
                };
                schedule.expiry
            }
        };
        state.slot.set(next, &self.own);
        old
    }

    /// Time left and interval.
    pub fn get(&self) -> (Duration, Duration) {
        self.left(&self.state.lock())
    }

    fn cpu_now(&self) -> Option<Duration> {
        self.cpu_clock.as_ref().map(|clock| clock().unwrap_or(Duration::MAX))
    }

    fn left(&self, state: &State) -> (Duration, Duration) {
        match self.cpu_now() {
            None => {
                // A periodic timer that is about to be looked at has its next period left.
                let (now, mut real) = (Instant::now(), state.real);
                real.take_expirations(now);
                (real.remaining(now), real.interval)
            }
            Some(now) => {
                let left = state
                    .cpu
                    .expiry
                    .map_or(Duration::ZERO, |expiry| expiry.saturating_sub(now).max(Duration::from_nanos(1)));
                (left, state.cpu.interval)
            }
        }
    }
}

impl Expire for SignalTimer {
    fn expire(&self, now: Instant) -> Option<Instant> {
        // The clock is read before the lock is taken: it takes locks of its own.
        let cpu_now = self.cpu_now();
        let mut state = self.state.lock();
        let (count, next) = match cpu_now {
            None => (state.real.take_expirations(now), state.real.expiry),
            Some(Duration::MAX) => (0, None),
            Some(cpu_now) => {
                let count = state.cpu.take_expirations(cpu_now);
                (count, state.cpu.next_nap(cpu_now).and_then(|nap| now.checked_add(nap)))
            }
        };
        // Armed by the slot, so that what arms or disarms it meanwhile finds it there.
        state.slot.set(next, &self.own);
        drop(state);
        if count > 0 {
            (self.action)(count);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{AtomicU64, Ordering};

    fn counting(cpu_clock: Option<CpuClock>) -> (Arc<SignalTimer>, Arc<AtomicU64>) {
        let count = Arc::new(AtomicU64::new(0));
        let counter = count.clone();
        let action = move |expirations| _ = counter.fetch_add(expirations, Ordering::SeqCst);
        (SignalTimer::new(cpu_clock, Box::new(action)), count)
    }

    fn wait_for(count: &AtomicU64, least: u64) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while count.load(Ordering::SeqCst) < least && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(count.load(Ordering::SeqCst) >= least);
    }

    #[test]
    fn a_periodic_timer_acts_until_it_is_disarmed() {
        let (timer, count) = counting(None);
        let period = Duration::from_millis(2);
        assert_eq!(timer.set(period, period), (Duration::ZERO, Duration::ZERO));
        wait_for(&count, 3);
        assert_eq!(timer.set(Duration::ZERO, Duration::ZERO).1, period);
        let stopped = count.load(Ordering::SeqCst);
        std::thread::sleep(period * 3);
        assert!(count.load(Ordering::SeqCst) <= stopped + 1);
    }

    #[test]
    fn a_cpu_timer_waits_for_its_clock() {
        let clock = Arc::new(AtomicU64::new(0));
        let hand = clock.clone();
        let read = move || Some(Duration::from_millis(hand.load(Ordering::SeqCst)));
        let (timer, count) = counting(Some(Box::new(read)));
        timer.set(Duration::from_millis(3), Duration::ZERO);
        std::thread::sleep(Duration::from_millis(10));
        assert_eq!(count.load(Ordering::SeqCst), 0);
        clock.store(4, Ordering::SeqCst);
        wait_for(&count, 1);
        assert_eq!(timer.get(), (Duration::ZERO, Duration::ZERO));
    }
}
