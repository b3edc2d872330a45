//! Resource limits; see getrlimit(2).

use lazaret_abi::resource::{LIMITS, RLimit, limit};
use lazaret_snapshot::Snapshot;

use crate::mm::MemoryLimits;

/// The limits of a process.
#[derive(Clone, Copy, Debug, Snapshot)]
pub struct Limits([RLimit; LIMITS]);

impl Default for Limits {
    /// The limits of the first process of a Linux machine.
    fn default() -> Limits {
        const NONE: u64 = RLimit::INFINITY;
        let mut limits = [RLimit { current: NONE, maximum: NONE }; LIMITS];
        let mut set = |resource: u32, current: u64, maximum: u64| {
            if let Some(limit) = limits.get_mut(resource as usize) {
                *limit = RLimit { current, maximum };
            }
        };
        set(limit::STACK, 8 << 20, NONE);
        set(limit::CORE, 0, NONE);
        set(limit::NOFILE, 1024, 1 << 20);
        set(limit::MEMLOCK, 8 << 20, 8 << 20);
        set(limit::MSGQUEUE, 819_200, 819_200);
        set(limit::SIGPENDING, 16_384, 16_384);
        set(limit::NPROC, 16_384, 16_384);
        set(limit::NICE, 0, 0);
        set(limit::RTPRIO, 0, 0);
        Limits(limits)
    }
}

impl Limits {
    /// The limit of a resource (`RLIMIT_*`); `None` for a number that is none.
    pub fn get(&self, resource: u32) -> Option<RLimit> {
        self.0.get(resource as usize).copied()
    }

    /// Sets a limit; false for a number that is none.
    pub fn set(&mut self, resource: u32, value: RLimit) -> bool {
        self.0.get_mut(resource as usize).map(|limit| *limit = value).is_some()
    }

    /// The soft limit of a resource; infinity for a number that is none.
    pub fn soft(&self, resource: u32) -> u64 {
        self.get(resource).map_or(RLimit::INFINITY, |limit| limit.current)
    }

    /// The limits that memory calls look at. `may_lock` is CAP_IPC_LOCK.
    pub fn memory(&self, may_lock: bool) -> MemoryLimits {
        MemoryLimits {
            address_space: self.soft(limit::AS),
            data: self.soft(limit::DATA),
            locked: if may_lock { u64::MAX } else { self.soft(limit::MEMLOCK) },
        }
    }
}
