//! Job control: sessions and their terminals, foreground and background; see setsid(2),
//! tcsetpgrp(3) and credentials(7).

use std::collections::HashMap;

use lazaret_abi::{
    errno::Errno,
    signal::{SigInfo, Signal, code, handler},
};

use super::terminal::Terminal;
use crate::{
    boot::Kernel,
    signal::send::send_to_process,
    sync::{Arc, Mutex, Weak},
    task::{Task, creds::cap, pid::PidNamespace},
};

/// Controlling terminals by session.
#[derive(Default)]
pub struct ControllingTerminals {
    by_session: Mutex<HashMap<i32, Weak<Terminal>>>,
}

impl ControllingTerminals {
    /// No session has one.
    pub fn is_empty(&self) -> bool {
        !self.by_session.lock().values().any(|terminal| terminal.strong_count() > 0)
    }

    /// The terminal of a session.
    pub fn get(&self, session: i32) -> Option<Arc<Terminal>> {
        self.by_session.lock().get(&session).and_then(Weak::upgrade)
    }
}

/// What a process wants of its controlling terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read: SIGTTIN in the background.
    Read,
    /// Write with TOSTOP, or change settings: SIGTTOU in the background.
    Change,
}

/// The calling process: its task, session and process group.
struct Caller {
    task: Arc<Task>,
    session: i32,
    group: i32,
}

fn caller() -> Result<Caller, Errno> {
    let task = Task::try_current().ok_or(Errno::ENOTTY)?;
    let tree = task.kernel().processes();
    let node = tree.node(task.group().id()).ok_or(Errno::ENOTTY)?;
    let (session, group) = (node.session.global(), node.group.global());
    drop(tree);
    Ok(Caller { task, session, group })
}

/// The caller has CAP_SYS_ADMIN.
pub fn is_admin() -> bool {
    Task::try_current().is_some_and(|task| task.creds().has(cap::SYS_ADMIN))
}

/// Sends a signal of the terminal to a process group.
pub fn signal_group(kernel: &Kernel, group: i32, signal: Signal) {
    let processes = kernel.processes().group_processes(group);
    for process in processes {
        // Terminals send standard signals, which are never refused.
        let _ = send_to_process(&process, signal, SigInfo::new(signal, code::KERNEL), true);
    }
}

/// The controlling terminal of the caller's session, for `/dev/tty`.
pub fn controlling() -> Option<Arc<Terminal>> {
    let caller = caller().ok()?;
    caller.task.kernel().terminals.get(caller.session)
}

/// Makes a terminal the controlling one of a session, with this foreground process group.
pub fn attach(kernel: &Kernel, terminal: &Arc<Terminal>, session: i32, group: i32) {
    terminal.set_session(Some(session), Some(group));
    kernel.terminals.by_session.lock().insert(session, Arc::downgrade(terminal));
}

/// Makes the terminal that is being opened the controlling one, if the caller leads a session
/// without one and the terminal has no session.
pub fn adopt_if_free(terminal: &Arc<Terminal>) {
    let Ok(caller) = caller() else { return };
    let kernel = caller.task.kernel();
    if caller.session == caller.task.group().id()
        && terminal.session().is_none()
        && kernel.terminals.get(caller.session).is_none()
    {
        attach(kernel, terminal, caller.session, caller.group);
    }
}

/// TIOCSCTTY. `steal` takes the terminal from another session, which needs CAP_SYS_ADMIN.
pub fn set_controlling(terminal: &Arc<Terminal>, steal: bool) -> Result<(), Errno> {
    let caller = caller().map_err(|_| Errno::EPERM)?;
    let kernel = caller.task.kernel();
    let leads = caller.session == caller.task.group().id();
    if leads && terminal.session() == Some(caller.session) {
        return Ok(());
    }
    if !leads || kernel.terminals.get(caller.session).is_some() {
        return Err(Errno::EPERM);
    }
    if let Some(other) = terminal.session() {
        if !steal || !is_admin() {
            return Err(Errno::EPERM);
        }
        kernel.terminals.by_session.lock().remove(&other);
    }
    attach(kernel, terminal, caller.session, caller.group);
    Ok(())
}

/// TIOCNOTTY: the session leader gives the terminal up for all its session.
pub fn give_up(terminal: &Arc<Terminal>) -> Result<(), Errno> {
    let caller = caller()?;
    if terminal.session() != Some(caller.session) {
        return Err(Errno::ENOTTY);
    }
    if caller.session == caller.task.group().id() {
        leader_exits(caller.task.kernel(), caller.session);
    }
    Ok(())
}

/// A session leader ends, or gives its terminal up: the foreground process group is told, and the
/// terminal is free.
pub fn leader_exits(kernel: &Kernel, session: i32) {
    let terminal = kernel.terminals.by_session.lock().remove(&session).and_then(|terminal| terminal.upgrade());
    let Some(terminal) = terminal else { return };
    let foreground = terminal.foreground();
    terminal.set_session(None, None);
    if let Some(group) = foreground {
        signal_group(kernel, group, Signal::HUP);
        signal_group(kernel, group, Signal::CONT);
    }
}

/// The master of a session's terminal is gone: the session leader is told.
pub fn hang_up(kernel: &Kernel, session: i32) {
    kernel.terminals.by_session.lock().remove(&session);
    let leader = kernel.processes().node(session).map(|node| node.process.clone());
    if let Some(leader) = leader {
        for signal in [Signal::HUP, Signal::CONT] {
            // Standard signals are never refused.
            let _ = send_to_process(&leader, signal, SigInfo::new(signal, code::KERNEL), true);
        }
    }
}

/// The terminal is the caller's controlling one.
///
/// # Errors
/// `ENOTTY`.
pub fn check_controlling(terminal: &Terminal) -> Result<(), Errno> {
    if terminal.session() == Some(caller()?.session) { Ok(()) } else { Err(Errno::ENOTTY) }
}

/// Stops a background process that reads or changes its controlling terminal.
///
/// # Errors
/// `ERESTARTSYS` when the process group was sent a signal, `EIO` where that would be of no use.
pub fn check_background(terminal: &Terminal, access: Access) -> Result<(), Errno> {
    let Ok(caller) = caller() else { return Ok(()) };
    if terminal.session() != Some(caller.session) || terminal.foreground() == Some(caller.group) {
        return Ok(());
    }
    let signal = if access == Access::Read { Signal::TTIN } else { Signal::TTOU };
    let blocked = caller.task.signals().blocked.contains(signal);
    let ignored = caller.task.group().actions().get(signal).handler == handler::IGN;
    if blocked || ignored {
        return if access == Access::Read { Err(Errno::EIO) } else { Ok(()) };
    }
    let kernel = caller.task.kernel();
    if kernel.processes().is_orphaned(caller.group) {
        return Err(Errno::EIO);
    }
    signal_group(kernel, caller.group, signal);
    Err(Errno::ERESTARTSYS)
}

/// tcsetpgrp(3): `group` is a number in the caller's pid namespace.
pub fn set_foreground(terminal: &Terminal, group: i32) -> Result<(), Errno> {
    let caller = caller()?;
    if terminal.session() != Some(caller.session) {
        return Err(Errno::ENOTTY);
    }
    if group < 0 {
        return Err(Errno::EINVAL);
    }
    check_background(terminal, Access::Change)?;
    let group = caller.task.group().namespace().find(group).ok_or(Errno::ESRCH)?.global();
    if caller.task.kernel().processes().session_of_group(group) != Some(caller.session) {
        return Err(Errno::EPERM);
    }
    terminal.set_foreground(group);
    Ok(())
}

/// The number that the caller knows a process group or session by; 0 if it does not see it.
pub fn number_for_caller(global: i32) -> i32 {
    let Some(task) = Task::try_current() else { return 0 };
    let namespace = task.group().namespace();
    root(namespace).find(global).map_or(0, |pid| pid.number_in(namespace))
}

fn root(namespace: &Arc<PidNamespace>) -> &Arc<PidNamespace> {
    let mut at = namespace;
    while let Some(parent) = at.parent() {
        at = parent;
    }
    at
}
