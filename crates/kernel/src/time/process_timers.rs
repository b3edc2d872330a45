//! The timers of a process: setitimer(2), timer_create(2).

use std::{collections::BTreeMap, time::Duration};

use lazaret_abi::{
    errno::Errno,
    resource::{RLimit, limit},
    signal::{SigInfo, Signal, code},
    time::interval,
};

use super::{
    Clock,
    signal_timer::{CpuClock, SignalTimer},
};
use crate::{
    signal::{send_to_process, send_to_thread},
    sync::{Arc, AtomicU64, Mutex, Ordering, Weak},
    task::{Task, cpu, group::ThreadGroup},
};

/// Most POSIX timers of a process; they are few of the signals that RLIMIT_SIGPENDING allows.
const MAX_TIMERS: usize = 16_384;

/// What happens when a POSIX timer runs out.
#[derive(Clone)]
pub enum Notify {
    /// Nothing (SIGEV_NONE).
    Nothing,
    /// A signal to the process, with a value; none is the timer's id.
    Process(Signal, Option<u64>),
    /// A signal to one thread (SIGEV_THREAD_ID).
    Thread(Signal, Option<u64>, Weak<Task>),
}

/// A POSIX timer.
pub struct PosixTimer {
    /// The clock it runs by.
    pub clock: Clock,
    timer: Arc<SignalTimer>,
    overrun: Arc<AtomicU64>,
}

impl PosixTimer {
    /// What counts the time.
    pub fn timer(&self) -> &SignalTimer {
        &self.timer
    }

    /// How often it ran out more than once for one signal (timer_getoverrun).
    pub fn overrun(&self) -> i32 {
        i32::try_from(self.overrun.load(Ordering::Relaxed)).unwrap_or(i32::MAX)
    }
}

/// The timers of a process.
pub struct ProcessTimers {
    intervals: [Arc<SignalTimer>; 3],
    /// RLIMIT_CPU: runs out at the soft limit, and each second after it.
    cpu_limit: Arc<SignalTimer>,
    posix: Mutex<Posix>,
}

#[derive(Default)]
struct Posix {
    timers: BTreeMap<i32, Arc<PosixTimer>>,
    next: i32,
}

fn interval_timer(group: &Arc<ThreadGroup>, signal: Signal, clock: Option<CpuClock>) -> Arc<SignalTimer> {
    let group = Arc::downgrade(group);
    SignalTimer::new(
        clock,
        Box::new(move |_| {
            if let Some(group) = group.upgrade() {
                // A standard signal is pending once, so there is always room.
                let _ = send_to_process(&group, signal, SigInfo::new(signal, code::KERNEL), true);
            }
        }),
    )
}

/// Sends SIGXCPU, and SIGKILL from the hard limit on; see getrlimit(2).
fn cpu_limit_timer(group: &Arc<ThreadGroup>) -> Arc<SignalTimer> {
    let (clock, group) = (Arc::downgrade(group), Arc::downgrade(group));
    SignalTimer::new(
        Some(Box::new(move || Some(clock.upgrade()?.cpu_time().total()))),
        Box::new(move |_| {
            let Some(group) = group.upgrade() else { return };
            let hard = group.limits.lock().get(limit::CPU).map_or(RLimit::INFINITY, |limit| limit.maximum);
            let reached = group.cpu_time().total().as_secs() >= hard;
            let signal = if reached { Signal::KILL } else { Signal::XCPU };
            // A standard signal is pending once, so there is always room.
            let _ = send_to_process(&group, signal, SigInfo::new(signal, code::KERNEL), true);
        }),
    )
}

impl ProcessTimers {
    /// None is armed.
    pub fn new(group: &Arc<ThreadGroup>) -> ProcessTimers {
        let (one, two) = (Arc::downgrade(group), Arc::downgrade(group));
        let user: CpuClock = Box::new(move || Some(one.upgrade()?.cpu_time().user));
        let total: CpuClock = Box::new(move || Some(two.upgrade()?.cpu_time().total()));
        ProcessTimers {
            intervals: [
                interval_timer(group, Signal::ALRM, None),
                interval_timer(group, Signal::VTALRM, Some(user)),
                interval_timer(group, Signal::PROF, Some(total)),
            ],
            cpu_limit: cpu_limit_timer(group),
            posix: Mutex::default(),
        }
    }

    /// RLIMIT_CPU has a new soft value, in seconds of processor time since the process began.
    pub fn set_cpu_limit(&self, seconds: u64) {
        const SECOND: Duration = Duration::from_secs(1);
        if seconds == RLimit::INFINITY {
            self.cpu_limit.set(Duration::ZERO, Duration::ZERO);
        } else {
            // Linux takes 0 for 1.
            self.cpu_limit.set_absolute(Duration::from_secs(seconds.max(1)), SECOND);
        }
    }

    /// The interval timer ITIMER_REAL, ITIMER_VIRTUAL or ITIMER_PROF.
    ///
    /// # Errors
    /// `EINVAL` for another number.
    pub fn interval(&self, which: u32) -> Result<&SignalTimer, Errno> {
        debug_assert_eq!((interval::REAL, interval::VIRTUAL, interval::PROF), (0, 1, 2));
        let index = usize::try_from(which).map_err(|_| Errno::EINVAL)?;
        self.intervals.get(index).map(|timer| &**timer).ok_or(Errno::EINVAL)
    }

    /// timer_create(2); returns the timer's id.
    ///
    /// # Errors
    /// `EAGAIN` when there are too many.
    pub fn create(&self, task: &Arc<Task>, clock: Clock, notify: Notify) -> Result<i32, Errno> {
        let mut posix = self.posix.lock();
        if posix.timers.len() >= MAX_TIMERS {
            return Err(Errno::EAGAIN);
        }
        let mut id = posix.next;
        while posix.timers.contains_key(&id) {
            id = id.checked_add(1).unwrap_or(0);
        }
        posix.next = id.checked_add(1).unwrap_or(0);
        let overrun = Arc::new(AtomicU64::new(0));
        let group = Arc::downgrade(task.group());
        let counter = overrun.clone();
        let action = move |count| {
            if let Some(group) = group.upgrade() {
                run_out(&group, &notify, id, count, &counter);
            }
        };
        let timer = SignalTimer::new(cpu_clock(task, clock), Box::new(action));
        posix.timers.insert(id, Arc::new(PosixTimer { clock, timer, overrun }));
        Ok(id)
    }

    /// The POSIX timer with this id.
    ///
    /// # Errors
    /// `EINVAL` when there is none.
    pub fn get(&self, id: i32) -> Result<Arc<PosixTimer>, Errno> {
        self.posix.lock().timers.get(&id).cloned().ok_or(Errno::EINVAL)
    }

    /// timer_delete(2).
    ///
    /// # Errors
    /// `EINVAL` when there is none.
    pub fn delete(&self, id: i32) -> Result<(), Errno> {
        self.posix.lock().timers.remove(&id).map(drop).ok_or(Errno::EINVAL)
    }

    /// execve(2) deletes the POSIX timers; interval timers stay.
    pub fn executed(&self) {
        let timers = std::mem::take(&mut self.posix.lock().timers);
        drop(timers);
    }

    /// The process ends: no timer has anybody to signal.
    pub fn stop(&self) {
        self.executed();
        for timer in self.intervals.iter().chain([&self.cpu_limit]) {
            timer.set(Default::default(), Default::default());
        }
    }
}

/// The CPU clock that a timer runs by, if it is one.
fn cpu_clock(task: &Arc<Task>, clock: Clock) -> Option<CpuClock> {
    let task = Arc::downgrade(task);
    match clock {
        Clock::Host(_) => None,
        Clock::Process(pid) => Some(Box::new(move || cpu::process_time(&task.upgrade()?, pid))),
        Clock::Thread(tid) => Some(Box::new(move || cpu::thread_time(&task.upgrade()?, tid))),
    }
}

/// A POSIX timer ran out `count` times. While its last signal is pending, it is not sent again: the
/// expirations are counted as overrun instead.
fn run_out(group: &Arc<ThreadGroup>, notify: &Notify, id: i32, count: u64, overrun: &AtomicU64) {
    let (signal, value, thread) = match notify {
        Notify::Nothing => return,
        Notify::Process(signal, value) => (*signal, value, None),
        Notify::Thread(signal, value, thread) => match thread.upgrade() {
            Some(thread) => (*signal, value, Some(thread)),
            None => return,
        },
    };
    let missed = i32::try_from(count).unwrap_or(i32::MAX);
    let still_pending = {
        let mut signals = group.signals();
        match &thread {
            Some(thread) => thread.signals().pending.add_overrun(signal, id, missed),
            None => signals.pending.add_overrun(signal, id, missed),
        }
    };
    if still_pending {
        overrun.fetch_add(count, Ordering::Relaxed);
        return;
    }
    overrun.store(count - 1, Ordering::Relaxed);
    let value = value.unwrap_or(u64::from(id.cast_unsigned()));
    let info = SigInfo::timer(signal, id, missed - 1, value);
    // Without room for another queued signal the expiration is lost, as on Linux.
    let _ = match thread {
        Some(thread) => send_to_thread(&thread, signal, info, false),
        None => send_to_process(group, signal, info, false),
    };
}
