//! timerfd_create(2): timers that are read.

use std::time::{Duration, Instant};

use lazaret_abi::errno::Errno;
use lazaret_snapshot::{Context, Snapshot};

use super::{
    anon,
    file::{File, FileOps, flags},
};
use crate::{
    sync::{Arc, Mutex, Weak},
    time::{
        Clock,
        queue::{Expire, Slot},
        schedule::Schedule,
    },
    uio::Sink,
    wait::{Events, Poller, WaitQueue, take_or_wait},
};

#[derive(Default, Snapshot)]
struct State {
    schedule: Schedule,
    /// Expirations not read yet.
    ticks: u64,
    #[snapshot(skip)]
    slot: Slot,
}

#[derive(Snapshot)]
#[snapshot(attach = Timer::restored)]
struct Timer {
    state: Mutex<State>,
    queue: Arc<WaitQueue>,
    own: Weak<Timer>,
}

/// The operations of a timerfd.
#[derive(Snapshot)]
pub struct TimerFd {
    clock: Clock,
    timer: Arc<Timer>,
}

/// A new, disarmed timerfd. `status` may hold O_NONBLOCK.
pub fn create(clock: Clock, status: u32) -> Arc<File> {
    let timer =
        Arc::new_cyclic(|own| Timer { state: Mutex::default(), queue: Arc::new(WaitQueue::new()), own: own.clone() });
    anon::anonymous_file("[timerfd]", Box::new(TimerFd { clock, timer }), flags::RDWR | status)
}

impl Expire for Timer {
    fn expire(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state.lock();
        state.ticks = state.ticks.saturating_add(state.schedule.take_expirations(now));
        let expired = state.ticks > 0;
        drop(state);
        if expired {
            self.queue.wake(Events::READABLE);
        }
        // A periodic timer goes on when it is read: nobody needs to be woken twice before.
        None
    }
}

impl Timer {
    /// Goes on after a restore.
    fn restored(this: &Arc<Timer>, _context: &Context) -> lazaret_snapshot::Result<()> {
        let mut state = this.state.lock();
        let next = state.schedule.expiry;
        state.slot.set(next, &this.own);
        Ok(())
    }

    fn take(&self) -> Option<u64> {
        let mut state = self.state.lock();
        let ticks = state.ticks.saturating_add(state.schedule.take_expirations(Instant::now()));
        state.ticks = 0;
        if ticks > 0 {
            let next = state.schedule.expiry;
            state.slot.set(next, &self.own);
        }
        (ticks > 0).then_some(ticks)
    }
}

impl TimerFd {
    /// The timer of an open file, if it is one.
    pub fn of(file: &File) -> Option<&TimerFd> {
        file.ops().downcast_ref()
    }

    /// The clock it runs by.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Arms it, or disarms it with a schedule without expiry. Returns time left and interval that
    /// were set before.
    pub fn set(&self, schedule: Schedule) -> (Duration, Duration) {
        let mut state = self.timer.state.lock();
        let now = Instant::now();
        state.schedule.take_expirations(now);
        let old = (state.schedule.remaining(now), state.schedule.interval);
        state.schedule = schedule;
        state.ticks = 0;
        state.slot.set(schedule.expiry, &self.timer.own);
        old
    }

    /// Time left and interval.
    pub fn get(&self) -> (Duration, Duration) {
        let mut state = self.timer.state.lock();
        let now = Instant::now();
        state.ticks = state.ticks.saturating_add(state.schedule.take_expirations(now));
        (state.schedule.remaining(now), state.schedule.interval)
    }
}

impl FileOps for TimerFd {
    fn read(&self, file: &File, _offset: &mut u64, sink: &mut dyn Sink) -> Result<usize, Errno> {
        if sink.remaining() < 8 {
            return Err(Errno::EINVAL);
        }
        let queue = &self.timer.queue;
        let ticks = take_or_wait(file.is_nonblocking(), queue, Events::READABLE, || self.timer.take())?;
        sink.put(&ticks.to_ne_bytes())
    }

    fn is_seekable(&self) -> bool {
        false
    }

    fn seeks_to_start(&self) -> bool {
        true
    }

    fn can_poll(&self) -> bool {
        true
    }

    fn poll(&self, _file: &File, poller: Option<&mut Poller>) -> Events {
        if let Some(poller) = poller {
            poller.register(&self.timer.queue, Events::READABLE);
        }
        if self.timer.state.lock().ticks > 0 { Events::READABLE } else { Events::empty() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{time::Deadline, uio::BufferSink};

    fn read(file: &File) -> Result<u64, Errno> {
        let mut sink = BufferSink::new(8);
        file.read(&mut sink)?;
        Ok(u64::from_ne_bytes(sink.data.try_into().unwrap()))
    }

    #[test]
    fn expirations_are_counted() {
        let file = create(Clock::MONOTONIC, 0);
        let timer = TimerFd::of(&file).unwrap();
        let period = Duration::from_millis(4);
        timer.set(Schedule::new(Deadline::after(period), period));
        assert!(read(&file).unwrap() >= 1);
        std::thread::sleep(period * 3);
        assert!(read(&file).unwrap() >= 2);
        assert_eq!(timer.set(Schedule::default()).1, period);
        assert_eq!(timer.get(), (Duration::ZERO, Duration::ZERO));
        file.set_flags(flags::NONBLOCK);
        assert_eq!(read(&file), Err(Errno::EAGAIN));
    }
}
