//! Scheduling attributes of tasks; see sched(7).
//!
//! They are kept and shown, inherited and checked as on Linux. The host's scheduler places the
//! threads: an application gets no priority over others of the host by asking for it.

use lazaret_abi::{
    errno::Errno,
    sched::{RESET_ON_FORK, policy},
};
use lazaret_snapshot::Snapshot;

/// A set of processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Snapshot)]
pub struct CpuSet([u64; CpuSet::WORDS]);

impl CpuSet {
    /// Most processors that there can be.
    pub const MAX: usize = 1024;
    const WORDS: usize = CpuSet::MAX / 64;

    /// No processor.
    pub const EMPTY: CpuSet = CpuSet([0; CpuSet::WORDS]);

    /// The processors that the host lets the calling thread use; the first one if it does not tell.
    pub fn of_host() -> CpuSet {
        let mut set = CpuSet::EMPTY;
        if let Ok(host) = rustix::thread::sched_getaffinity(None) {
            for cpu in (0..CpuSet::MAX.min(rustix::thread::CpuSet::MAX_CPU)).filter(|cpu| host.is_set(*cpu)) {
                set.insert(cpu);
            }
        }
        if set.is_empty() {
            set.insert(0);
        }
        set
    }

    /// Processors 0 to `count - 1`.
    pub fn first(count: usize) -> CpuSet {
        let mut set = CpuSet::EMPTY;
        (0..count.min(CpuSet::MAX)).for_each(|cpu| set.insert(cpu));
        set
    }

    /// The set whose bits are in `bytes`, lowest first; bits beyond [`CpuSet::MAX`] are dropped.
    pub fn from_bytes(bytes: &[u8]) -> CpuSet {
        let mut set = CpuSet::EMPTY;
        for (word, bytes) in set.0.iter_mut().zip(bytes.chunks(8)) {
            for (position, byte) in bytes.iter().enumerate() {
                *word |= u64::from(*byte) << (8 * position);
            }
        }
        set
    }

    /// The set that a list such as `0-2,5` names; `None` if it is none.
    pub fn from_list(list: &str) -> Option<CpuSet> {
        let mut set = CpuSet::EMPTY;
        for range in list.trim().split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
            (first..=last.min(CpuSet::MAX)).for_each(|cpu| set.insert(cpu));
        }
        (!set.is_empty()).then_some(set)
    }

    /// The bits, lowest first, as many bytes as the kernel copies out for processors 0 to `last`.
    pub fn to_bytes(self, last: usize) -> Vec<u8> {
        self.0.iter().take(last / 64 + 1).flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Adds a processor.
    pub fn insert(&mut self, cpu: usize) {
        if let Some(word) = self.0.get_mut(cpu / 64) {
            *word |= 1 << (cpu % 64);
        }
    }

    /// The processor is in it.
    pub fn contains(&self, cpu: usize) -> bool {
        self.0.get(cpu / 64).is_some_and(|word| word & 1 << (cpu % 64) != 0)
    }

    /// There is none in it.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Processors of both sets.
    pub fn intersection(mut self, other: &CpuSet) -> CpuSet {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word &= other;
        }
        self
    }

    /// Its processors, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..CpuSet::MAX).filter(|cpu| self.contains(*cpu))
    }

    /// As lists are written in procfs: `0-2,5`.
    pub fn list(&self) -> String {
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for cpu in self.iter() {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == cpu => *last = cpu,
                _ => ranges.push((cpu, cpu)),
            }
        }
        let text = |&(first, last): &(usize, usize)| {
            if first == last { first.to_string() } else { format!("{first}-{last}") }
        };
        ranges.iter().map(text).collect::<Vec<_>>().join(",")
    }

    /// As masks of `cpus` processors are written in procfs: words of 32 bits, hexadecimal, the highest first.
    pub fn mask(&self, cpus: usize) -> String {
        let word = |index: usize| self.0.get(index / 2).map_or(0, |word| word >> (32 * (index % 2)) & 0xffff_ffff);
        let cpus = cpus.max(1);
        let digits = |index: usize| (cpus - 32 * index).min(32).div_ceil(4);
        let words =
            (0..cpus.div_ceil(32)).rev().map(|index| format!("{:0width$x}", word(index), width = digits(index)));
        words.collect::<Vec<_>>().join(",")
    }

    /// The highest processor; 0 if there is none.
    pub fn last(&self) -> usize {
        self.iter().last().unwrap_or(0)
    }
}

/// Scheduling attributes of a task.
#[derive(Clone, Debug, PartialEq, Eq, Snapshot)]
pub struct Scheduling {
    /// One of [`policy`].
    pub policy: u32,
    /// Priority of the real-time policies, 1 to 99; else 0.
    pub priority: i32,
    /// Nice value, -20 to 19.
    pub nice: i32,
    /// A child starts with ordinary attributes.
    pub reset_on_fork: bool,
    /// Processors the task may use.
    pub affinity: CpuSet,
    /// Priority of I/O, ioprio_set(2).
    pub io_priority: u16,
    /// Timer slack in nanoseconds (PR_SET_TIMERSLACK): the present and the default one.
    pub timer_slack: (u64, u64),
}

/// What a task may do to scheduling attributes.
#[derive(Clone, Copy, Debug)]
pub struct SchedRights {
    /// CAP_SYS_NICE.
    pub privileged: bool,
    /// RLIMIT_NICE: nice values down to 20 minus this.
    pub nice_limit: u64,
    /// RLIMIT_RTPRIO: the highest real-time priority.
    pub priority_limit: u64,
}

impl SchedRights {
    /// The nice value may be set, seen from the one there is.
    pub fn may_nice(&self, from: i32, to: i32) -> bool {
        to >= from || self.privileged || u64::try_from(20 - to).is_ok_and(|rank| rank <= self.nice_limit)
    }
}

/// Nanoseconds of timer slack that a task starts with.
const TIMER_SLACK: u64 = 50_000;

impl Scheduling {
    /// Attributes of a first task.
    pub fn new(affinity: CpuSet) -> Scheduling {
        Scheduling {
            policy: policy::OTHER,
            priority: 0,
            nice: 0,
            reset_on_fork: false,
            affinity,
            io_priority: 0,
            timer_slack: (TIMER_SLACK, TIMER_SLACK),
        }
    }

    /// Attributes of a new task that this one makes.
    pub fn for_child(&self) -> Scheduling {
        let mut child = self.clone();
        child.timer_slack.1 = self.timer_slack.0;
        if self.reset_on_fork {
            child.reset_on_fork = false;
            if is_realtime(self.policy) {
                child.policy = policy::OTHER;
                child.priority = 0;
                child.nice = 0;
            } else {
                child.nice = self.nice.max(0);
            }
        }
        child
    }

    /// The policy with its flag, as sched_getscheduler(2) returns it.
    pub fn policy_bits(&self) -> u32 {
        self.policy | if self.reset_on_fork { RESET_ON_FORK } else { 0 }
    }

    /// Sets policy (with its flag), priority, and for the ordinary policies the nice value.
    ///
    /// # Errors
    /// `EINVAL` for a policy or priority that does not exist, `EPERM` without the rights.
    pub fn set(&mut self, policy: u32, priority: i32, nice: Option<i32>, rights: SchedRights) -> Result<(), Errno> {
        let reset_on_fork = policy & RESET_ON_FORK != 0;
        let policy = policy & !RESET_ON_FORK;
        let (least, most) = priority_range(policy).ok_or(Errno::EINVAL)?;
        if priority < least || priority > most {
            return Err(Errno::EINVAL);
        }
        if !rights.privileged {
            self.check_unprivileged(policy, priority, nice, rights)?;
            if self.reset_on_fork && !reset_on_fork {
                return Err(Errno::EPERM);
            }
        }
        self.policy = policy;
        self.priority = priority;
        self.reset_on_fork = reset_on_fork;
        if let Some(nice) = nice
            && !is_realtime(policy)
        {
            self.nice = nice.clamp(-20, 19);
        }
        Ok(())
    }

    fn check_unprivileged(
        &self,
        policy: u32,
        priority: i32,
        nice: Option<i32>,
        rights: SchedRights,
    ) -> Result<(), Errno> {
        if is_realtime(policy) {
            if policy != self.policy && rights.priority_limit == 0 {
                return Err(Errno::EPERM);
            }
            if priority > self.priority && u64::try_from(priority).is_ok_and(|level| level > rights.priority_limit) {
                return Err(Errno::EPERM);
            }
        } else if let Some(nice) = nice
            && !rights.may_nice(self.nice, nice.clamp(-20, 19))
        {
            return Err(Errno::EPERM);
        }
        // Leaving SCHED_IDLE is like raising the nice value back.
        if self.policy == policy::IDLE && policy != policy::IDLE && !rights.may_nice(20, self.nice) {
            return Err(Errno::EPERM);
        }
        Ok(())
    }
}

/// A policy with real-time priorities.
pub fn is_realtime(policy: u32) -> bool {
    matches!(policy, policy::FIFO | policy::RR)
}

/// The priorities a policy has; `None` for one that does not exist. SCHED_DEADLINE needs the host's
/// scheduler and is not offered.
pub fn priority_range(policy: u32) -> Option<(i32, i32)> {
    match policy {
        policy::FIFO | policy::RR => Some((1, 99)),
        policy::OTHER | policy::BATCH | policy::IDLE => Some((0, 0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{CpuSet, RESET_ON_FORK, SchedRights, Scheduling, policy};
    use lazaret_abi::errno::Errno;

    const NONE: SchedRights = SchedRights { privileged: false, nice_limit: 0, priority_limit: 0 };
    const ALL: SchedRights = SchedRights { privileged: true, nice_limit: 0, priority_limit: 0 };

    #[test]
    fn sets_are_bytes_lowest_first() {
        let set = CpuSet::from_bytes(&[0b101, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 2, 64]);
        assert_eq!(set.last(), 64);
        assert_eq!(set.to_bytes(64).len(), 16);
        assert_eq!(set.to_bytes(1), [5, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(CpuSet::from_bytes(&[0xff; 500]).last(), CpuSet::MAX - 1);
    }

    #[test]
    fn sets_are_shown_as_in_procfs() {
        let set = CpuSet::from_bytes(&[0b1011_0111, 0, 0, 0, 0b10]);
        assert_eq!((set.list().as_str(), set.mask(40).as_str()), ("0-2,4-5,7,33", "02,000000b7"));
        assert_eq!(CpuSet::from_list(&format!("{}\n", set.list())), Some(set));
        for wrong in ["", "x", "3-1", "1,", "5000"] {
            assert_eq!(CpuSet::from_list(wrong), None, "{wrong}");
        }
        assert_eq!((CpuSet::first(1).list().as_str(), CpuSet::first(1).mask(2).as_str()), ("0", "1"));
        assert_eq!((CpuSet::first(64).list().as_str(), CpuSet::EMPTY.list().as_str()), ("0-63", ""));
        assert_eq!(CpuSet::first(64).mask(64), "ffffffff,ffffffff");
    }

    #[test]
    fn policies_and_rights() {
        let mut task = Scheduling::new(CpuSet::from_bytes(&[1]));
        assert_eq!(task.set(policy::FIFO, 10, None, NONE), Err(Errno::EPERM));
        assert_eq!(task.set(policy::FIFO, 0, None, ALL), Err(Errno::EINVAL));
        assert_eq!(task.set(policy::OTHER, 1, None, ALL), Err(Errno::EINVAL));
        assert_eq!(task.set(9, 0, None, ALL), Err(Errno::EINVAL));
        assert_eq!(task.set(policy::FIFO, 10, None, SchedRights { priority_limit: 5, ..NONE }), Err(Errno::EPERM));
        task.set(policy::FIFO, 5, None, SchedRights { priority_limit: 5, ..NONE }).unwrap();
        task.set(policy::BATCH, 0, Some(7), NONE).unwrap();
        assert_eq!((task.policy, task.nice), (policy::BATCH, 7));
        assert_eq!(task.set(policy::BATCH, 0, Some(6), NONE), Err(Errno::EPERM));
    }

    #[test]
    fn leaving_idle_needs_the_right() {
        let mut task = Scheduling::new(CpuSet::from_bytes(&[1]));
        task.set(policy::IDLE, 0, None, NONE).unwrap();
        assert_eq!(task.set(policy::OTHER, 0, None, NONE), Err(Errno::EPERM));
        task.set(policy::OTHER, 0, None, SchedRights { nice_limit: 20, ..NONE }).unwrap();
    }

    #[test]
    fn children_of_one_that_resets() {
        let mut task = Scheduling::new(CpuSet::from_bytes(&[1]));
        task.set(policy::RR | RESET_ON_FORK, 3, None, ALL).unwrap();
        assert_eq!(task.policy_bits(), policy::RR | RESET_ON_FORK);
        let child = task.for_child();
        assert_eq!((child.policy_bits(), child.priority), (policy::OTHER, 0));
        assert_eq!(task.set(policy::RR, 3, None, SchedRights { priority_limit: 9, ..NONE }), Err(Errno::EPERM));
    }
}
