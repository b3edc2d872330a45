//! Waiting for signals: sigtimedwait(2), and what signalfd(2) reads.

use lazaret_abi::{
    errno::Errno,
    signal::{SigInfo, SigSet, Signal},
};

use crate::{
    sync::Arc,
    task::Task,
    time::Deadline,
    wait::{Interruptible, wait_until},
};

/// Takes a pending signal of `set`, blocked or not, from the task or its process.
pub fn take_from(task: &Arc<Task>, set: SigSet) -> Option<(Signal, SigInfo)> {
    let group = task.group();
    let mut signals = group.signals();
    let mut own = task.signals();
    let others = SigSet::FULL.difference(set);
    let taken = own.pending.take(others).or_else(|| signals.pending.take(others));
    signals.recalculate(task, &own);
    taken
}

/// sigtimedwait(2): takes a signal of `set`, waiting for one until the deadline.
///
/// # Errors
/// `EAGAIN` when none came in time, `EINTR` when another signal did.
pub fn wait_for(task: &Arc<Task>, set: SigSet, deadline: Option<Deadline>) -> Result<(Signal, SigInfo), Errno> {
    let set = set.difference(SigSet::UNBLOCKABLE);
    if let Some(taken) = take_from(task, set) {
        return Ok(taken);
    }
    if deadline.is_some_and(Deadline::has_passed) {
        return Err(Errno::EAGAIN);
    }
    task.signals().waited = set;
    // Who sends a signal of the set wakes the task by its reason to look for signals.
    let waited = wait_until(&[], deadline, Interruptible::Signals, || take_from(task, set));
    task.signals().waited = SigSet::EMPTY;
    match waited {
        Ok(taken) => Ok(taken),
        // One may have come in the last moment.
        Err(error) => take_from(task, set).ok_or(if error == Errno::ETIMEDOUT { Errno::EAGAIN } else { Errno::EINTR }),
    }
}
