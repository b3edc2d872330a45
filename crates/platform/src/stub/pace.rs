//! How the two ends of a context page wait for each other.
//!
//! A pair whose application makes calls in quick succession is *hot*: each end stays awake on its
//! own processor while the other works. Only as long as there is a processor to spare: two ends
//! that wait awake for each other on one processor, or keep another application thread from
//! running, lose far more than they gain. Other pairs hand over by futex, *gathered* on one
//! processor while they have much to tell each other; see [`super::place`]. Pairs that work by turns,
//! as those of the two ends of a pipe, are gathered on the same processor.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use rustix::{process::Pid, thread::sched_getcpu};

use super::{
    clock::{Clock, now},
    place::{self, Placement, Processors},
};

/// So many more short gaps than [`LONG`] ones make a pair hot.
const HOT: i64 = 16;
/// More do not count.
const HOTTEST: i64 = 32;
/// How many short gaps a long one, or a call that slept, weighs: waking an end that waits asleep on another
/// processor costs as much as so many calls on one.
const LONG: i64 = 8;
/// How many calls a pair that was preempted stays cold.
const PENALTY: i64 = 512;
/// One in so many starts is counted in [`Load::parallel`].
const SAMPLE: u32 = 4;
/// How much one of those weighs: the last 32 or so are what counts.
const DECAY: u32 = 32;
/// The whole of [`Load::parallel`].
const ALWAYS: u32 = 1 << 16;

/// What the platform's threads have to do at the moment, and where.
pub(super) struct Load {
    processors: Processors,
    clock: Clock,
    /// Processors in use: one for a running application thread, another for a hot pair's other end.
    busy: AtomicUsize,
    /// How often another application thread ran when one started, of late; between 0 and [`ALWAYS`].
    parallel: AtomicU32,
}

impl Load {
    pub fn new() -> Load {
        Load {
            processors: Processors::new(),
            clock: Clock::new(),
            busy: AtomicUsize::new(0),
            parallel: AtomicU32::new(0),
        }
    }

    /// There is a processor for a hot pair's other end.
    fn has_room(&self) -> bool {
        self.busy.load(Ordering::Relaxed) + 2 <= self.processors.count && !self.is_parallel()
    }

    /// Has a stub end on the processor of this thread, which is in nobody's way there.
    pub fn end_aside(&self, stub: Pid) {
        place::stand_aside(&self.processors);
        place::bring_here(stub, &self.processors);
    }

    /// An application thread starts.
    fn count(&self) {
        let now = if self.busy.load(Ordering::Relaxed) > 0 { ALWAYS } else { 0 };
        let before = self.parallel.load(Ordering::Relaxed);
        // Lost updates do not matter.
        self.parallel.store(before - before / DECAY + now / DECAY, Ordering::Relaxed);
    }

    /// Application threads run side by side, rather than by turns.
    fn is_parallel(&self) -> bool {
        self.parallel.load(Ordering::Relaxed) > ALWAYS / 4
    }
}

/// The pace of one pair.
#[derive(Default)]
pub(super) struct Pace {
    hot: bool,
    /// Short gaps less long ones; far below zero after a preemption.
    heat: i64,
    /// The last gap was quick.
    quick: bool,
    /// What this pair adds to the load.
    weight: usize,
    /// How often it started.
    starts: u32,
    /// When it stopped last.
    stopped: u64,
    place: Placement,
}

impl Pace {
    /// The pace of a thread that `self`'s has just made.
    pub fn child(&self) -> Pace {
        Pace { place: self.place.clone(), ..Pace::default() }
    }

    /// The application is about to run. Returns how many ticks the stub's end shall wait awake for
    /// the answer to its next call. `slept` if the call before did.
    pub fn start(&mut self, stub: Pid, slept: bool, load: &Load) -> u32 {
        self.starts = self.starts.wrapping_add(1);
        if self.starts.is_multiple_of(SAMPLE) {
            load.count();
        }
        // A call that sleeps leaves the other end nothing to wait awake for.
        if slept || now().wrapping_sub(self.stopped) > load.clock.answer_patience {
            self.add_heat(-LONG);
        }
        self.hot = self.heat >= if self.hot { 1 } else { HOT } && load.has_room();
        if self.hot || self.place.is_stale() {
            self.place.scatter(stub, &load.processors);
        } else if self.quick {
            self.place.gather(stub, &load.processors, &load.clock, load.is_parallel());
        } else {
            self.place.join(&load.processors);
        }
        self.weight = 1 + usize::from(self.hot);
        load.busy.fetch_add(self.weight, Ordering::Relaxed);
        self.place.count(&load.processors, true);
        if self.hot { u32::try_from(load.clock.answer_patience).unwrap_or(u32::MAX) } else { 0 }
    }

    /// The application stopped, after it ran for so many ticks.
    pub fn stop(&mut self, ran: u32, load: &Load) {
        load.busy.fetch_sub(self.weight, Ordering::Relaxed);
        self.place.count(&load.processors, false);
        self.weight = 0;
        self.stopped = now();
        let ran = u64::from(ran);
        self.quick = ran <= load.clock.quick_gap;
        self.add_heat(if ran <= load.clock.short_gap { 1 } else { -LONG });
    }

    fn add_heat(&mut self, heat: i64) {
        self.heat = (self.heat + heat).clamp(-PENALTY, HOTTEST);
    }

    /// The stub is about to do something for the kernel that takes several hand-overs.
    pub fn gather(&mut self, stub: Pid, load: &Load) {
        self.place.gather(stub, &load.processors, &load.clock, load.is_parallel());
    }

    /// The application computes.
    pub fn scatter(&mut self, stub: Pid, load: &Load) {
        self.place.scatter(stub, &load.processors);
    }

    /// Nobody waits for what the pair does: it is not to be in the way of others.
    pub fn stand_aside(&mut self, stub: Pid, load: &Load) {
        self.place.stand_aside(stub, &load.processors);
    }

    /// The pair is on one processor, from which it must be let go when it has nothing to tell.
    pub fn is_gathered(&self) -> bool {
        self.place.is_gathered()
    }

    /// Both ends wait awake.
    pub fn is_hot(&self) -> bool {
        self.hot
    }

    /// Waits awake until `ready`, if this pair is hot and its stub on another processor than this
    /// thread.
    pub fn wait(&mut self, load: &Load, stub_processor: u32, ready: impl Fn() -> bool) {
        if !self.hot {
            return;
        }
        let start = now();
        let mut last = start;
        while !ready() {
            if usize::try_from(stub_processor) == Ok(sched_getcpu()) {
                return;
            }
            std::hint::spin_loop();
            let time = now();
            if time.wrapping_sub(last) > load.clock.preempted {
                self.hot = false;
                self.heat = -PENALTY;
                return;
            }
            if time.wrapping_sub(start) > load.clock.patience {
                // Asleep, this end needs no processor.
                let weight = self.weight.min(1);
                load.busy.fetch_sub(self.weight - weight, Ordering::Relaxed);
                self.weight = weight;
                return;
            }
            last = time;
        }
    }
}
