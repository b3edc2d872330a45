//! Waiting for children; see wait(2), wait4(2).

use lazaret_abi::{
    errno::Errno,
    process::wait as options,
    signal::{Signal, child as child_code},
};

use super::{
    Task, exit,
    tree::{Node, ProcessTree},
    usage::Usage,
};
use crate::{
    boot::ExitStatus,
    sync::{Arc, Ordering},
    wait::{Events, Interruptible, wait_until},
};

/// Whom to wait for; numbers are those of the root pid namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Any child.
    Any,
    /// The child with this id.
    Process(i32),
    /// Any child in this process group.
    Group(i32),
    /// Nobody: an id that does not exist.
    Nobody,
}

/// What became of a child.
#[derive(Clone, Debug)]
pub struct Waited {
    /// Its pid, as the caller sees it.
    pub pid: i32,
    /// Its real user id.
    pub uid: u32,
    /// What happened.
    pub change: Change,
    /// What it used, with its own children.
    pub usage: Usage,
}

/// A change that wait(2) tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It has ended.
    Ended(ExitStatus),
    /// A signal has stopped it.
    Stopped(Signal),
    /// It continues.
    Continued,
}

impl Change {
    /// The status as wait(2) packs it.
    pub fn status(self) -> i32 {
        match self {
            Change::Ended(ExitStatus::Exited(code)) => i32::from(code) << 8,
            Change::Ended(ExitStatus::Signaled(signal, core)) => i32::from(signal) | if core { 0x80 } else { 0 },
            Change::Stopped(signal) => signal.get() << 8 | 0x7f,
            Change::Continued => 0xffff,
        }
    }

    /// `si_code` and `si_status` as waitid(2) and SIGCHLD tell it.
    pub fn code_and_status(self) -> (i32, i32) {
        match self {
            Change::Ended(ExitStatus::Exited(code)) => (child_code::EXITED, i32::from(code)),
            Change::Ended(ExitStatus::Signaled(signal, false)) => (child_code::KILLED, i32::from(signal)),
            Change::Ended(ExitStatus::Signaled(signal, true)) => (child_code::DUMPED, i32::from(signal)),
            Change::Stopped(signal) => (child_code::STOPPED, signal.get()),
            Change::Continued => (child_code::CONTINUED, Signal::CONT.get()),
        }
    }
}

/// Waits until a child that `who` and the options choose has changed; `None` with WNOHANG when none
/// has.
///
/// # Errors
/// `ECHILD` when there is no such child, `ERESTARTSYS`.
pub fn wait(task: &Arc<Task>, who: Who, wanted: u32) -> Result<Option<Waited>, Errno> {
    let group = task.group();
    let mut attempt = || {
        // Dropped after the lock is released.
        let mut reaped = None;
        let found = find(&mut task.kernel().processes(), task, who, wanted, &mut reaped);
        if let Some(node) = reaped
            && !Arc::ptr_eq(node.process.namespace(), group.namespace())
        {
            exit::tell_inits(task.kernel(), node.process.namespace());
        }
        match found {
            Ok(None) if wanted & options::WNOHANG == 0 => None,
            found => Some(found),
        }
    };
    wait_until(&[(&group.child_changed, Events::all())], None, Interruptible::Signals, &mut attempt)?
}

fn find(
    tree: &mut ProcessTree,
    task: &Arc<Task>,
    who: Who,
    wanted: u32,
    reaped: &mut Option<Node>,
) -> Result<Option<Waited>, Errno> {
    let caller = task.group();
    let children = tree.node(caller.id()).map(|node| node.children.clone()).unwrap_or_default();
    let mut any = false;
    for id in children {
        let Some(node) = tree.node_mut(id) else { continue };
        if !is_chosen(node, task, who, wanted) {
            continue;
        }
        any = true;
        let Some(change) = change_of(node, wanted) else { continue };
        let first = node.process.first_thread();
        let (uid, usage) = match &node.zombie {
            Some(zombie) => (zombie.uid, zombie.usage.clone()),
            None => (first.map_or(0, |task| task.creds().uid), node.process.usage()),
        };
        let pid = node.process.pid().number_in(caller.namespace());
        if wanted & options::WNOWAIT == 0 {
            match change {
                Change::Ended(_) => {
                    caller.account.child_waited(&usage);
                    *reaped = tree.remove(id);
                }
                Change::Stopped(_) => node.stopped = None,
                Change::Continued => node.continued = false,
            }
        }
        return Ok(Some(Waited { pid, uid, change, usage }));
    }
    if any { Ok(None) } else { Err(Errno::ECHILD) }
}

fn is_chosen(node: &Node, task: &Arc<Task>, who: Who, wanted: u32) -> bool {
    let fits = match who {
        Who::Any => true,
        Who::Process(id) => node.process.id() == id,
        Who::Group(group) => node.group.global() == group,
        Who::Nobody => false,
    };
    // Children made by clone(2) with another signal than SIGCHLD have to be asked for.
    let is_clone = node.process.exit_signal.load(Ordering::Relaxed) != Signal::CHLD.get();
    let kind = wanted & options::__WALL != 0 || is_clone == (wanted & options::__WCLONE != 0);
    let own = wanted & options::__WNOTHREAD == 0 || node.parent_thread == task.tid();
    fits && kind && own
}

fn change_of(node: &Node, wanted: u32) -> Option<Change> {
    if let Some(zombie) = &node.zombie {
        return (wanted & options::WEXITED != 0).then_some(Change::Ended(zombie.status));
    }
    match node.stopped {
        Some(signal) if wanted & options::WSTOPPED != 0 => return Some(Change::Stopped(signal)),
        _ => {}
    }
    (node.continued && wanted & options::WCONTINUED != 0).then_some(Change::Continued)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_packed_as_the_macros_of_wait_expect() {
        assert_eq!(Change::Ended(ExitStatus::Exited(3)).status(), 0x300);
        assert_eq!(Change::Ended(ExitStatus::Signaled(9, false)).status(), 9);
        assert_eq!(Change::Ended(ExitStatus::Signaled(11, true)).status(), 0x8b);
        assert_eq!(Change::Stopped(Signal::STOP).status(), 0x137f);
        assert_eq!(Change::Continued.status(), 0xffff);
    }
}
