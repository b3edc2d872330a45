//! What tasks and processes have used: processor time and the like; see getrusage(2).
//!
//! Application code runs on the host threads of the stub, the kernel's work for it on the host
//! thread of the task. The clocks of both are the host's.

use std::time::Duration;

use lazaret_abi::{
    resource::RUsage,
    time::{TICKS_PER_SEC, Timeval},
};
use lazaret_hostcall::time::{process_cpu_time, thread_cpu_time};
use lazaret_platform::AddressSpace;
use lazaret_snapshot::Snapshot;

use super::{Task, group::ThreadGroup, memory_use::MemoryCount};
use crate::sync::{Mutex, Ordering};

/// Processor time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Snapshot)]
pub struct CpuTime {
    /// In application code.
    pub user: Duration,
    /// In the kernel.
    pub system: Duration,
}

impl CpuTime {
    /// The sum of both kinds.
    pub fn total(self) -> Duration {
        self.user.saturating_add(self.system)
    }

    /// Adds another time.
    pub fn add(&mut self, other: CpuTime) {
        self.user = self.user.saturating_add(other.user);
        self.system = self.system.saturating_add(other.system);
    }
}

/// A duration in clock ticks, as SIGCHLD and times(2) tell it.
pub fn ticks(duration: Duration) -> i64 {
    let per_tick = 1_000_000_000 / u128::from(TICKS_PER_SEC.unsigned_abs());
    i64::try_from(duration.as_nanos() / per_tick).unwrap_or(i64::MAX)
}

fn timeval(duration: Duration) -> Timeval {
    Timeval { sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX), usec: i64::from(duration.subsec_micros()) }
}

/// What a process used: of its own, or summed over the children it waited for.
#[derive(Clone, Debug, Default, Snapshot)]
pub struct Usage {
    /// Processor time.
    pub cpu: CpuTime,
    /// Memory.
    pub memory: MemoryCount,
    /// How often threads slept in the kernel.
    pub sleeps: u64,
}

impl Usage {
    /// Adds the usage of a child that was waited for.
    pub fn absorb(&mut self, other: &Usage) {
        self.cpu.add(other.cpu);
        self.memory.absorb(&other.memory);
        self.sleeps = self.sleeps.saturating_add(other.sleeps);
    }

    /// As getrusage(2) tells it. What the kernel does not count is 0, as for the fields that Linux
    /// does not maintain. No lock may be held that the end of a process needs.
    pub fn to_rusage(&self) -> RUsage {
        let memory = self.memory.total();
        RUsage {
            user_time: timeval(self.cpu.user),
            system_time: timeval(self.cpu.system),
            max_rss: memory.max_resident,
            minor_faults: memory.minor_faults,
            major_faults: memory.major_faults,
            voluntary_switches: i64::try_from(self.sleeps).unwrap_or(i64::MAX),
            ..RUsage::default()
        }
    }
}

/// What a process has used up to now, apart from what its running threads use.
#[derive(Default, Snapshot)]
pub struct Account {
    state: Mutex<State>,
}

#[derive(Default, Snapshot)]
struct State {
    /// Kernel time of threads that have ended.
    ended_threads: Duration,
    /// How often they slept.
    ended_sleeps: u64,
    /// User time in address spaces that an execve has left.
    left_spaces: Duration,
    /// The clock of the present address space when the process entered it. Threads of a vfork live in
    /// their parent's.
    space_start: Duration,
    /// The last answer: a clock must not go back when an estimate does.
    latest: CpuTime,
    /// Most memory that was seen to be resident at once.
    max_resident: i64,
    /// Of address spaces that an execve has left.
    left_memory: MemoryCount,
    children: Usage,
}

impl Account {
    /// The process runs in an address space from now on: it left `old`, if that was its own, which is about to end.
    pub fn enter_space(&self, old: Option<&dyn AddressSpace>, new: &dyn AddressSpace) {
        let left = old.map(|space| (process_cpu_time(space.host_pid()).unwrap_or_default(), space.ending()));
        let start = process_cpu_time(new.host_pid()).unwrap_or_default();
        let mut state = self.state.lock();
        if let Some((time, ending)) = left {
            let used = time.saturating_sub(state.space_start);
            state.left_spaces = state.left_spaces.saturating_add(used);
            state.left_memory.absorb(&MemoryCount::ending(ending));
        }
        state.space_start = start;
    }

    /// A thread ends after so much time in the kernel, and so many sleeps.
    pub fn thread_ends(&self, system: Duration, sleeps: u64) {
        let mut state = self.state.lock();
        state.ended_sleeps = state.ended_sleeps.saturating_add(sleeps);
        state.ended_threads = state.ended_threads.saturating_add(system);
    }

    /// A child with this usage, that of its own children included, was waited for.
    pub fn child_waited(&self, usage: &Usage) {
        self.state.lock().children.absorb(usage);
    }

    /// What the children that were waited for have used.
    pub fn children(&self) -> Usage {
        self.state.lock().children.clone()
    }
}

impl ThreadGroup {
    /// Processor time of all threads, running and ended.
    pub fn cpu_time(&self) -> CpuTime {
        let threads = self.threads();
        let running: Duration = threads.iter().map(|task| task.kernel_time()).sum();
        let space = threads.first().and_then(|task| process_cpu_time(task.mm().space().host_pid()).ok());
        let mut state = self.account.state.lock();
        let in_space = space.map_or(Duration::ZERO, |now| now.saturating_sub(state.space_start));
        let user = state.left_spaces.saturating_add(in_space).max(state.latest.user);
        let system = state.ended_threads.saturating_add(running).max(state.latest.system);
        state.latest = CpuTime { user, system };
        state.latest
    }

    /// What the process has used.
    pub fn usage(&self) -> Usage {
        let memory = self.first_thread().as_ref().map(MemoryCount::of).unwrap_or_default();
        self.used(memory)
    }

    /// What the process has used when its last thread ends. `space` is its address space, if that ends with it.
    pub fn last_usage(&self, space: Option<&dyn AddressSpace>) -> Usage {
        match space {
            Some(space) => self.used(MemoryCount::ending(space.ending())),
            None => self.usage(),
        }
    }

    /// `memory` is what the present address space has used.
    fn used(&self, mut memory: MemoryCount) -> Usage {
        let cpu = self.cpu_time();
        let threads = self.threads();
        let mut state = self.account.state.lock();
        memory.absorb(&state.left_memory);
        memory.at_least(state.max_resident);
        state.max_resident = memory.resident();
        let sleeps = threads.iter().map(|task| task.parker().sleeps()).fold(state.ended_sleeps, u64::saturating_add);
        Usage { cpu, memory, sleeps }
    }
}

impl Task {
    /// Processor time of the thread.
    pub fn cpu_time(&self) -> CpuTime {
        let group = self.group();
        let user = self.user_time().unwrap_or_else(|| {
            // The time of the process is known; each thread gets an equal part.
            let count = u32::try_from(group.threads().len().max(1)).unwrap_or(u32::MAX);
            group.cpu_time().user / count
        });
        let mut latest = self.latest_time.lock();
        *latest = CpuTime { user: user.max(latest.user), system: self.kernel_time().max(latest.system) };
        *latest
    }

    /// Time of the thread in application code, as the host's schedstat tells it where it has one;
    /// proc_pid_schedstat(5). The thread that called execve(2) keeps what was used before.
    fn user_time(&self) -> Option<Duration> {
        let thread = self.host_application_thread()?;
        let space = self.mm().space().host_pid();
        let text = self.kernel().host_proc_file(&format!("{space}/task/{thread}/schedstat")).ok()?;
        let text = String::from_utf8_lossy(&text);
        let running = text.split(' ').next()?.parse().ok().filter(|nanoseconds| *nanoseconds > 0)?;
        let before = if self.tid() == self.group().id() {
            self.group().account.state.lock().left_spaces
        } else {
            Duration::ZERO
        };
        Some(before.saturating_add(Duration::from_nanos(running)))
    }

    /// Time that the task's host thread has used.
    pub fn kernel_time(&self) -> Duration {
        let thread = self.host_thread();
        if thread == 0 {
            return Duration::ZERO;
        }
        let before = Duration::from_nanos(self.host_time_before.load(Ordering::Relaxed));
        thread_cpu_time(thread).unwrap_or_default().saturating_sub(before)
    }
}
