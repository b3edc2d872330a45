//! Sending signals.

use lazaret_abi::{
    errno::Errno,
    resource::limit,
    signal::{SigAction, SigInfo, SigSet, Signal, code, handler},
};

use super::{
    action::{DefaultAction, STOPPING, SignalActions, default_action},
    child,
};
use crate::{
    boot::ExitStatus,
    sync::Arc,
    task::{
        Task, TaskSignals,
        creds::cap,
        group::{GroupSignals, ThreadGroup},
        work,
    },
};

/// Sends a signal to a process as a whole. `forced` senders (the kernel on its own account, and processes of
/// an outer pid namespace) can kill and stop the init of a pid namespace; what a process has the kernel send cannot. A zombie takes it without effect.
///
/// # Errors
/// `EAGAIN` when no more real-time signals may be queued.
pub fn send_to_process(process: &Arc<ThreadGroup>, signal: Signal, info: SigInfo, forced: bool) -> Result<(), Errno> {
    let first = {
        let signals = process.signals();
        let Some(first) = signals.threads.first().cloned() else { return Ok(()) };
        first
    };
    send(&first, true, signal, info, forced)
}

/// Sends a signal to one thread.
///
/// # Errors
/// As [`send_to_process`].
pub fn send_to_thread(task: &Arc<Task>, signal: Signal, info: SigInfo, forced: bool) -> Result<(), Errno> {
    send(task, false, signal, info, forced)
}

/// The kernel sends the calling task a signal for something that it did (SIGPIPE, SIGXFSZ).
pub fn raise(task: &Arc<Task>, signal: Signal) {
    // Only real-time signals are ever refused.
    let info = sender_info(task, task.group(), signal, code::USER);
    let _ = send_to_thread(task, signal, info, false);
}

/// A fault of the calling task: the signal cannot be blocked or ignored; if it is, it gets its
/// default action.
pub fn force(task: &Arc<Task>, signal: Signal, info: SigInfo) {
    let group = task.group();
    let mut signals = group.signals();
    let actions = group.actions();
    let mut own = task.signals();
    let blocked = own.blocked.contains(signal);
    if blocked || actions.get(signal).handler == handler::IGN {
        actions.set(signal, SigAction::default());
        own.blocked.remove(signal);
    }
    own.forced = actions.get(signal).handler == handler::DFL;
    // Standard signals are never refused.
    let _ = own.pending.push(signal, info, true);
    drop(own);
    choose_and_wake(&mut signals, task, false, signal, &actions);
}

fn send(task: &Arc<Task>, to_process: bool, signal: Signal, info: SigInfo, forced: bool) -> Result<(), Errno> {
    let process = task.group();
    let actions = process.actions();
    let limit = process.limit(limit::SIGPENDING);
    let (continued, result) = {
        let mut signals = process.signals();
        if signals.exit.is_some() {
            return Ok(());
        }
        let continued = prepare(&mut signals, signal);
        (continued, queue(&mut signals, task, to_process, signal, info, forced, limit, &actions))
    };
    if continued {
        child::report_continue(task.kernel(), process);
    }
    result
}

/// SIGCONT and the signals that stop cancel each other, whatever the process does with them.
/// Returns whether a stopped process continues.
fn prepare(signals: &mut GroupSignals, signal: Signal) -> bool {
    let cancelled = match signal {
        Signal::CONT => STOPPING,
        signal if STOPPING.contains(signal) => Signal::CONT.set(),
        _ => return false,
    };
    signals.pending.discard(cancelled);
    for task in &signals.threads {
        task.signals().pending.discard(cancelled);
    }
    signal == Signal::CONT && signals.end_stop()
}

#[allow(clippy::too_many_arguments, reason = "the two halves of one send, apart for the lock")]
fn queue(
    signals: &mut GroupSignals,
    task: &Arc<Task>,
    to_process: bool,
    signal: Signal,
    info: SigInfo,
    forced: bool,
    limit: u64,
    actions: &SignalActions,
) -> Result<(), Errno> {
    {
        let own = task.signals();
        let wanted = own.blocked.contains(signal) || own.waited.contains(signal);
        if !wanted && actions.ignores(signal) || is_shielded(task, signal, forced, actions) {
            return Ok(());
        }
    }
    let queued: usize =
        signals.pending.len() + signals.threads.iter().map(|task| task.signals().pending.len()).sum::<usize>();
    let has_room = u64::try_from(queued).is_ok_and(|queued| queued < limit);
    if to_process {
        signals.pending.push(signal, info, has_room)?;
    } else {
        task.signals().pending.push(signal, info, has_room)?;
    }
    task.group().signal_sent.wake_all();
    choose_and_wake(signals, task, to_process, signal, actions);
    Ok(())
}

/// The init of a pid namespace gets no signal that it has no handler for, but for SIGKILL and SIGSTOP
/// from outside; see pid_namespaces(7).
fn is_shielded(task: &Task, signal: Signal, forced: bool, actions: &SignalActions) -> bool {
    task.group().is_shielded()
        && actions.get(signal).handler == handler::DFL
        && !(forced && SigSet::UNBLOCKABLE.contains(signal))
}

/// Finds the thread that is to take a signal just queued, and makes it look.
fn choose_and_wake(
    signals: &mut GroupSignals,
    task: &Arc<Task>,
    to_process: bool,
    signal: Signal,
    actions: &SignalActions,
) {
    let chosen = if wants(task, signal) {
        Some(task.clone())
    } else if to_process {
        let idle = |task: &&Arc<Task>| wants(task, signal) && task.work() & work::SIGNAL == 0;
        let found = signals.threads.iter().find(idle);
        found.or_else(|| signals.threads.iter().find(|task| wants(task, signal))).cloned()
    } else {
        None
    };
    let Some(chosen) = chosen else { return };
    let kills = signal == Signal::KILL
        || actions.is_fatal(signal)
            && default_action(signal) == DefaultAction::Terminate
            && !chosen.signals().blocked.contains(signal);
    if kills {
        signals.kill_all(ExitStatus::signaled(signal));
    } else {
        chosen.notify(work::SIGNAL);
    }
}

/// The thread would take the signal now; one that is stopped takes only SIGKILL.
fn wants(task: &Task, signal: Signal) -> bool {
    let own = task.signals();
    let hears = !own.blocked.contains(signal) || own.waited.contains(signal);
    signal == Signal::KILL || hears && !task.is_stopped()
}

impl GroupSignals {
    /// Makes all threads end; the process gets `status` unless it is ending already.
    pub fn kill_all(&mut self, status: ExitStatus) {
        self.exit.get_or_insert(status);
        self.end_stop();
        for task in &self.threads {
            task.notify(work::KILL);
        }
    }

    /// Sets or takes back the task's reason to look for signals, after a change of what is pending or
    /// blocked.
    pub fn recalculate(&self, task: &Task, own: &TaskSignals) {
        let ready = own.pending.set().union(self.pending.set()).difference(own.blocked);
        if ready.is_empty() {
            task.clear_work(work::SIGNAL);
        } else {
            task.notify(work::SIGNAL);
        }
    }

    /// Makes the threads look that would take one of these signals, which the one who was to take them
    /// no longer does.
    pub fn pass_on(&self, set: SigSet) {
        if set.is_empty() {
            return;
        }
        for task in &self.threads {
            if !set.difference(task.signals().blocked).is_empty() {
                task.notify(work::SIGNAL);
            }
        }
    }
}

impl Task {
    /// Signals that the task blocks.
    pub fn blocked(&self) -> SigSet {
        self.signals().blocked
    }

    /// Signals pending for the task, its process's included.
    pub fn pending(&self) -> SigSet {
        let shared = self.group().signals().pending.set();
        shared.union(self.signals().pending.set())
    }

    /// Sets the signals that the task blocks (SIGKILL and SIGSTOP cannot be) and returns the old set.
    pub fn set_blocked(self: &Arc<Self>, blocked: SigSet) -> SigSet {
        let blocked = blocked.difference(SigSet::UNBLOCKABLE);
        let group = self.group();
        let signals = group.signals();
        let mut own = self.signals();
        let old = std::mem::replace(&mut own.blocked, blocked);
        if old == blocked {
            return old;
        }
        signals.recalculate(self, &own);
        drop(own);
        // Others may take what was meant for the process and this task no longer takes.
        signals.pass_on(signals.pending.set().intersection(blocked.difference(old)));
        old
    }
}

/// The caller may send a signal to a process that has ended and was not waited for yet.
pub fn may_signal_zombie(caller: &Task, target: &ThreadGroup) -> bool {
    let own = caller.creds();
    let tree = caller.kernel().processes();
    let zombie = tree.node(target.id()).and_then(|node| node.zombie.as_ref());
    let same = |uid: u32| uid == own.euid || uid == own.uid;
    own.has(cap::KILL) || zombie.is_none_or(|zombie| same(zombie.uid) || same(zombie.saved_uid))
}

/// The caller may send `signal` to `target`; see kill(2).
pub fn may_signal(caller: &Task, target: &Task, signal: Option<Signal>) -> bool {
    if Arc::ptr_eq(caller.group(), target.group()) {
        return true;
    }
    let (own, other) = (caller.creds(), target.creds());
    if [other.suid, other.uid].iter().any(|uid| *uid == own.euid || *uid == own.uid) || own.has(cap::KILL) {
        return true;
    }
    signal == Some(Signal::CONT) && {
        let tree = caller.kernel().processes();
        let session = |task: &Task| tree.node(task.group().id()).map(|node| node.session.global());
        session(caller).is_some() && session(caller) == session(target)
    }
}

/// The information of a signal that `caller` sends to `target` with kill(2) or tgkill(2).
pub fn sender_info(caller: &Task, target: &ThreadGroup, signal: Signal, code: i32) -> SigInfo {
    let pid = caller.group().pid().number_in(target.namespace());
    SigInfo::sent(signal, code, pid, caller.creds().uid)
}

/// A signal from `caller` to `target` comes from an outer pid namespace.
pub fn is_from_outside(caller: &Task, target: &ThreadGroup) -> bool {
    caller.group().pid().number_in(target.namespace()) == 0
}
