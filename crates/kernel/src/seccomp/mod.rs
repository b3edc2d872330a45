//! Filters that a program sets on its own system calls; see seccomp(2).

mod bpf;

pub use bpf::Program;

use lazaret_abi::{
    errno::Errno,
    seccomp::{SeccompData, action, mode},
};
use lazaret_snapshot::Snapshot;

use crate::sync::{Arc, AtomicU32, Ordering, RwLock};

/// Most instructions of all filters of a task together, each filter counting four more.
const INSTRUCTIONS_MAX: usize = 32_768;
const FILTER_COST: usize = 4;

/// A filter, and those that were there before it.
#[derive(Debug, Snapshot)]
pub struct Filter {
    program: Program,
    previous: Option<Arc<Filter>>,
    /// Instructions of this and all previous filters.
    cost: usize,
}

impl Drop for Filter {
    /// Takes a long chain apart without recursion.
    fn drop(&mut self) {
        let mut next = self.previous.take();
        while let Some(filter) = next {
            next = Arc::into_inner(filter).and_then(|mut filter| filter.previous.take());
        }
    }
}

/// What the filters decide about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is made.
    Allow,
    /// It is made, and the log tells.
    Log,
    /// It fails with this error.
    Fail(Errno),
    /// The thread gets SIGSYS, with this number in `si_errno`.
    Trap(i32),
    /// The thread ends as by SIGSYS.
    KillThread,
    /// The process ends as by SIGSYS.
    KillProcess,
}

/// System call filtering of a task.
#[derive(Debug, Default, Snapshot)]
pub struct Seccomp {
    /// One of [`mode`].
    mode: AtomicU32,
    filter: RwLock<Option<Arc<Filter>>>,
}

impl Clone for Seccomp {
    /// What a child inherits.
    fn clone(&self) -> Seccomp {
        let filter = self.filter.read().clone();
        Seccomp { mode: AtomicU32::new(self.mode()), filter: RwLock::new(filter) }
    }
}

impl Seccomp {
    /// One of [`mode`].
    pub fn mode(&self) -> u32 {
        self.mode.load(Ordering::Acquire)
    }

    /// Enters strict mode: read, write, exit and sigreturn only.
    ///
    /// # Errors
    /// `EINVAL` when there is a filter.
    pub fn set_strict(&self) -> Result<(), Errno> {
        match self.mode() {
            mode::FILTER => Err(Errno::EINVAL),
            _ => {
                self.mode.store(mode::STRICT, Ordering::Release);
                Ok(())
            }
        }
    }

    /// Adds a filter.
    ///
    /// # Errors
    /// `EINVAL` in strict mode, `ENOMEM` when all filters together are too long.
    pub fn add_filter(&self, program: Program) -> Result<(), Errno> {
        if self.mode() == mode::STRICT {
            return Err(Errno::EINVAL);
        }
        let mut filter = self.filter.write();
        let before = filter.as_ref().map_or(0, |filter| filter.cost + FILTER_COST);
        let cost = before + program.length();
        if cost > INSTRUCTIONS_MAX {
            return Err(Errno::ENOMEM);
        }
        let previous = filter.take();
        *filter = Some(Arc::new(Filter { program, previous, cost }));
        self.mode.store(mode::FILTER, Ordering::Release);
        Ok(())
    }

    /// The filters of `other` are some of those here, so that the task of `other` may get these
    /// (SECCOMP_FILTER_FLAG_TSYNC).
    pub fn extends(&self, other: &Seccomp) -> bool {
        let oldest = match (other.mode(), &*other.filter.read()) {
            (mode::DISABLED, _) => return true,
            (mode::FILTER, Some(filter)) => filter.clone(),
            _ => return false,
        };
        let mut at = self.filter.read().clone();
        while let Some(filter) = at {
            if Arc::ptr_eq(&filter, &oldest) {
                return true;
            }
            at = filter.previous.clone();
        }
        false
    }

    /// How many filters there are.
    pub fn filters(&self) -> usize {
        let newest = self.filter.read().clone();
        std::iter::successors(newest, |filter| filter.previous.clone()).count()
    }

    /// Takes over the filters of `other`.
    pub fn copy_from(&self, other: &Seccomp) {
        let filter = other.filter.read().clone();
        *self.filter.write() = filter;
        self.mode.store(mode::FILTER, Ordering::Release);
    }

    /// What becomes of a call.
    pub fn judge(&self, data: &SeccompData) -> Verdict {
        // Read again under no lock: another thread may add a filter at any time (TSYNC), and this
        // call is then judged by either.
        let mut at = self.filter.read().clone();
        let mut decided = action::ALLOW;
        while let Some(filter) = at {
            let returned = filter.program.run(data);
            if strictness(returned) < strictness(decided) {
                decided = returned;
            }
            at = filter.previous.clone();
        }
        verdict(decided)
    }
}

/// The action as Linux orders it: the lowest signed number wins.
fn strictness(returned: u32) -> i32 {
    (returned & 0xffff_0000).cast_signed()
}

fn verdict(returned: u32) -> Verdict {
    let data = i32::from((returned & 0xffff) as u16);
    match returned & 0xffff_0000 {
        action::ALLOW => Verdict::Allow,
        action::LOG => Verdict::Log,
        // Nobody traces or listens.
        action::TRACE | action::USER_NOTIF => Verdict::Fail(Errno::ENOSYS),
        action::ERRNO => Verdict::Fail(Errno::from_raw(data.min(4095))),
        action::TRAP => Verdict::Trap(data),
        action::KILL_THREAD => Verdict::KillThread,
        _ => Verdict::KillProcess,
    }
}

#[cfg(test)]
mod tests {
    use super::{Errno, Program, Seccomp, Verdict, action, mode};
    use lazaret_abi::seccomp::{BpfInstruction, SeccompData};

    fn returns(value: u32) -> Program {
        Program::new(&[BpfInstruction { code: 0x06, k: value, ..Default::default() }]).unwrap()
    }

    fn judged(values: &[u32]) -> Verdict {
        let seccomp = Seccomp::default();
        for value in values {
            seccomp.add_filter(returns(*value)).unwrap();
        }
        seccomp.judge(&SeccompData::default())
    }

    #[test]
    fn the_strictest_filter_wins() {
        assert_eq!(judged(&[action::ALLOW, action::ERRNO | 13]), Verdict::Fail(Errno::EACCES));
        assert_eq!(judged(&[action::TRAP | 3, action::ERRNO | 13]), Verdict::Trap(3));
        assert_eq!(judged(&[action::KILL_PROCESS, action::KILL_THREAD]), Verdict::KillProcess);
        assert_eq!(judged(&[0x1234_0000 | 0x8000_0000]), Verdict::KillProcess);
        assert_eq!(judged(&[action::ERRNO | 1, action::ERRNO | 2]), Verdict::Fail(Errno::from_raw(2)));
        assert_eq!(judged(&[action::ERRNO | 0xffff]), Verdict::Fail(Errno::from_raw(4095)));
    }

    #[test]
    fn modes_exclude_each_other() {
        let seccomp = Seccomp::default();
        seccomp.add_filter(returns(action::ALLOW)).unwrap();
        assert_eq!(seccomp.set_strict(), Err(Errno::EINVAL));
        let strict = Seccomp::default();
        strict.set_strict().unwrap();
        assert_eq!(strict.add_filter(returns(0)), Err(Errno::EINVAL));
        assert_eq!(strict.mode(), mode::STRICT);
    }

    #[test]
    fn children_inherit_and_threads_synchronise() {
        let parent = Seccomp::default();
        parent.add_filter(returns(action::ALLOW)).unwrap();
        let child = parent.clone();
        child.add_filter(returns(action::ERRNO | 1)).unwrap();
        assert!(child.extends(&parent) && !parent.extends(&child));
        assert!(parent.extends(&Seccomp::default()));
        parent.copy_from(&child);
        assert_eq!(parent.judge(&SeccompData::default()), Verdict::Fail(Errno::EPERM));
    }

    #[test]
    fn the_length_of_all_filters_is_bounded() {
        let seccomp = Seccomp::default();
        let long = || Program::new(&[BpfInstruction { code: 0x06, ..Default::default() }; 4096]).unwrap();
        for _ in 0..7 {
            seccomp.add_filter(long()).unwrap();
        }
        assert_eq!(seccomp.add_filter(long()), Err(Errno::ENOMEM));
    }
}
