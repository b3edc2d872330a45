//! Numbers about the system as a whole.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::boot::Kernel;

/// The host's clock since its boot, which is also what CLOCK_BOOTTIME shows to programs.
fn boot_clock() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

impl Kernel {
    /// Time since the boot of the host.
    pub(super) fn uptime(&self) -> Duration {
        boot_clock()
    }

    /// A point in time as time since the boot.
    pub(super) fn since_boot(&self, point: Instant) -> Duration {
        boot_clock().saturating_sub(point.elapsed())
    }

    /// When the host was booted, in seconds since the epoch.
    pub(super) fn boot_time(&self) -> i64 {
        let now = clock_gettime(ClockId::Realtime).tv_sec;
        now.saturating_sub(i64::try_from(boot_clock().as_secs()).unwrap_or(0))
    }

    /// Processor time of all processes there are, and of those they waited for.
    pub(super) fn cpu_time(&self) -> Duration {
        let processes: Vec<_> = self.processes().nodes().map(|node| node.process.clone()).collect();
        let times = processes.iter().map(|process| process.cpu_time().total() + process.account.children().cpu.total());
        times.fold(Duration::ZERO, Duration::saturating_add)
    }

    /// Tasks that run, tasks in all, and the last pid given out.
    pub(super) fn task_counts(&self) -> (usize, usize, i32) {
        let tree = self.processes();
        let threads = tree.nodes().flat_map(|node| node.process.threads());
        let running = threads.filter(|task| !task.parker().is_parked()).count();
        (running, tree.task_count(), self.pids.last())
    }
}
