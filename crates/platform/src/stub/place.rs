//! Where the two ends of a context page run.
//!
//! Left to the host's scheduler, a woken thread goes to an idle processor if there is one, and
//! waking that takes ten times as long as a switch on a busy one. So a pair that hands over by
//! futex is *gathered* on one processor. For a short time only: a thread that computes must be free
//! to move, and so must two pairs that were gathered on the same processor while another is idle.

use std::{
    cell::Cell,
    sync::atomic::{AtomicUsize, Ordering},
};

use rustix::{
    process::Pid,
    thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity},
};

use super::clock::{Clock, now};

/// The processors this process may use.
pub(super) struct Processors {
    all: CpuSet,
    pub count: usize,
    /// How many gathered pairs run on each at the moment, by the processor's number.
    running: Vec<AtomicUsize>,
    /// Where a pair was gathered last.
    last: AtomicUsize,
}

impl Processors {
    pub fn new() -> Processors {
        let all = sched_getaffinity(None).unwrap_or_default();
        let end = (0..CpuSet::MAX_CPU).rev().find(|processor| all.is_set(*processor)).map_or(0, |last| last + 1);
        Processors {
            all,
            count: usize::try_from(all.count()).unwrap_or(1).max(1),
            running: (0..end).map(|_| AtomicUsize::new(0)).collect(),
            last: AtomicUsize::new(usize::MAX),
        }
    }

    /// Where a pair should be gathered whose task thread runs on `own`: among others that work by
    /// turns, where they are; else where the least is going on.
    fn choose(&self, own: usize, parallel: bool) -> usize {
        if !parallel {
            let last = self.last.load(Ordering::Relaxed);
            return if last < self.running.len() && self.all.is_set(last) { last } else { own };
        }
        let running = |processor: usize| self.running.get(processor).map_or(0, |count| count.load(Ordering::Relaxed));
        let mut best = own;
        for processor in (0..self.running.len()).filter(|processor| self.all.is_set(*processor)) {
            if running(processor) < running(best) {
                best = processor;
            }
        }
        best
    }

    /// Where no pair was gathered last.
    fn aside(&self) -> Option<Place> {
        let last = self.last.load(Ordering::Relaxed);
        (self.count > 1 && last < self.running.len()).then_some(Place::Beside(last))
    }
}

/// Has a stub end here, where this thread stands aside.
pub(super) fn bring_here(stub: Pid, processors: &Processors) {
    if processors.aside().is_some() {
        confine(Some(stub), Place::At(sched_getcpu()), processors);
    }
}

/// Brings the calling thread to where it is in nobody's way.
pub(super) fn stand_aside(processors: &Processors) {
    if let Some(place) = processors.aside() {
        confine_self(place, processors);
    }
}

/// A set of processors that a thread was confined to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A new thread has its maker's.
    Unknown,
    Anywhere,
    At(usize),
    /// Anywhere else.
    Beside(usize),
}

thread_local! {
    static OWN: Cell<Place> = const { Cell::new(Place::Unknown) };
}

fn confine(thread: Option<Pid>, place: Place, processors: &Processors) {
    let set = match place {
        Place::At(processor) => {
            let mut set = CpuSet::new();
            set.set(processor);
            set
        }
        Place::Beside(processor) => {
            let mut set = processors.all;
            set.unset(processor);
            set
        }
        Place::Unknown | Place::Anywhere => processors.all,
    };
    // Where the host refuses, the hand-over is slower, no more.
    let _ = sched_setaffinity(thread, &set);
}

/// Confines the calling thread.
fn confine_self(place: Place, processors: &Processors) {
    if OWN.get() != place {
        confine(None, place, processors);
        OWN.set(place);
    }
}

/// The placement of one pair.
#[derive(Clone, Default)]
pub(super) struct Placement {
    gathered: Option<Gathered>,
    /// The stub may not run where pairs are gathered.
    is_aside: bool,
    /// Among which processor's running pairs it is counted.
    counted: Option<usize>,
}

#[derive(Clone, Copy)]
struct Gathered {
    processor: usize,
    until: u64,
}

impl Placement {
    /// Brings both ends together on one processor; `parallel` if others run at the same time.
    pub fn gather(&mut self, stub: Pid, processors: &Processors, clock: &Clock, parallel: bool) {
        if processors.count == 1 {
            return;
        }
        let processor = match self.gathered {
            Some(gathered) => gathered.processor,
            None => {
                let processor = processors.choose(sched_getcpu(), parallel);
                processors.last.store(processor, Ordering::Relaxed);
                confine(Some(stub), Place::At(processor), processors);
                self.is_aside = false;
                self.gathered = Some(Gathered { processor, until: now() + clock.lease });
                processor
            }
        };
        confine_self(Place::At(processor), processors);
    }

    /// The application of a gathered pair is about to run, or has stopped.
    pub fn count(&mut self, processors: &Processors, runs: bool) {
        if runs {
            self.counted = self.gathered.and_then(|gathered| {
                processors.running.get(gathered.processor)?.fetch_add(1, Ordering::Relaxed);
                Some(gathered.processor)
            });
        } else if let Some(count) = self.counted.take().and_then(|processor| processors.running.get(processor)) {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Lets both ends run anywhere.
    pub fn scatter(&mut self, stub: Pid, processors: &Processors) {
        if self.gathered.take().is_some() || self.is_aside {
            self.is_aside = false;
            confine(Some(stub), Place::Anywhere, processors);
        }
        if processors.count > 1 {
            confine_self(Place::Anywhere, processors);
        }
    }

    /// Brings both ends to where they are in nobody's way.
    pub fn stand_aside(&mut self, stub: Pid, processors: &Processors) {
        if let Some(place) = processors.aside() {
            self.gathered = None;
            self.is_aside = true;
            confine(Some(stub), place, processors);
            confine_self(place, processors);
        }
    }

    /// The pair is on one processor.
    pub fn is_gathered(&self) -> bool {
        self.gathered.is_some()
    }

    /// The pair was gathered long enough ago for the host's scheduler to have a say again.
    pub fn is_stale(&self) -> bool {
        self.gathered.is_some_and(|gathered| now() > gathered.until)
    }

    /// Brings this thread to where its stub is: the pair may have been gathered by another.
    pub fn join(&self, processors: &Processors) {
        if let Some(gathered) = self.gathered {
            confine_self(Place::At(gathered.processor), processors);
        } else if processors.count > 1 {
            confine_self(Place::Anywhere, processors);
        }
    }
}
