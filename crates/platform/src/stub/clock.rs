//! Short times, in ticks of the time stamp counter.

use std::{
    arch::x86_64::_rdtsc,
    time::{Duration, Instant},
};

/// The time stamp counter.
pub(super) fn now() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and Linux leaves it on.
    unsafe { _rdtsc() }
}

/// The time constants of the hand-over, in ticks.
pub(super) struct Clock {
    /// Calls so soon after each other make a pair hot.
    pub short_gap: u64,
    /// Calls so soon after each other make a pair worth gathering.
    pub quick_gap: u64,
    /// How long the kernel's end of a hot pair waits awake for the next call.
    pub patience: u64,
    /// How long the stub's end does for the answer to one. Longer: it is told of an answer that takes its time,
    /// unless it is the host that lets it wait.
    pub answer_patience: u64,
    /// A pause of this length in a loop means that another process has the processor.
    pub preempted: u64,
    /// How long a pair stays gathered.
    pub lease: u64,
}

impl Clock {
    /// Measures the counter's frequency.
    pub fn new() -> Clock {
        // A preemption between the two clocks' readings only makes the result smaller.
        let frequency = (0..3).map(|_| frequency()).fold(0.0, f64::max);
        // Conversions from floating point saturate.
        let in_ticks = |microseconds| (Duration::from_micros(microseconds).as_secs_f64() * frequency) as u64;
        Clock {
            short_gap: in_ticks(30),
            quick_gap: in_ticks(500),
            patience: in_ticks(60),
            answer_patience: in_ticks(500),
            preempted: in_ticks(400),
            lease: in_ticks(10_000),
        }
    }
}

/// Ticks per second.
fn frequency() -> f64 {
    let (start, ticks) = (Instant::now(), now());
    while start.elapsed() < Duration::from_micros(20) {
        std::hint::spin_loop();
    }
    (now() - ticks) as f64 / start.elapsed().as_secs_f64()
}
