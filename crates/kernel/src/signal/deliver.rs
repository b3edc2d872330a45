//! What a task does about its signals before it returns to application code.

use lazaret_abi::{
    errno::Errno,
    signal::{SigAction, SigInfo, SigSet, Signal, action, handler},
};

use super::{
    action::{DefaultAction, default_action},
    frame, restart,
    stop::{self, FROM_TERMINAL},
};
use crate::{
    boot::ExitStatus,
    log::Level,
    sync::Arc,
    syscalls::strace,
    task::{Current, Task, work},
};

/// A signal taken for delivery.
enum Taken {
    /// A handler is to run.
    Handler(Signal, SigInfo, SigAction),
    /// The process ends.
    Fatal(Signal),
    /// The process stops.
    Stop(Signal),
}

/// Delivers pending signals: enters handlers, stops, or returns the status that the task ends with.
pub fn deliver(current: &mut Current) -> Option<ExitStatus> {
    let task = current.task.clone();
    let mut interruption = current.take_interruption();
    // A call that was not interrupted leaves nothing to be delivered under its own mask.
    if interruption.is_none() {
        restore_mask(current);
    }
    loop {
        let reasons = task.work();
        if reasons & work::KILL != 0 {
            return Some(task.group().signals().exit.unwrap_or(ExitStatus::signaled(Signal::KILL)));
        }
        if reasons & work::STOP != 0 {
            stop::participate(&task);
            continue;
        }
        match take(&task) {
            None => break,
            Some(Taken::Fatal(signal)) => {
                task.group().signals().kill_all(ExitStatus::signaled(signal));
            }
            Some(Taken::Stop(signal)) => stop_process(&task, signal),
            Some(Taken::Handler(signal, info, action)) => {
                if let Some(error) = interruption.take() {
                    restart::before_handler(current.regs(), error, &action);
                }
                enter_handler(current, signal, &info, &action);
            }
        }
    }
    if let Some(error) = interruption {
        restart::without_handler(current.regs(), error);
    }
    restore_mask(current);
    None
}

/// Goes back to the mask from before a call that had its own.
fn restore_mask(current: &mut Current) {
    if let Some(mask) = current.saved_mask.take() {
        current.task.set_blocked(mask);
    }
}

/// Takes the next signal that something is to be done about.
fn take(task: &Arc<Task>) -> Option<Taken> {
    let group = task.group();
    let actions = group.actions();
    let mut signals = group.signals();
    loop {
        let mut own = task.signals();
        let blocked = own.blocked;
        let taken = own.pending.take(blocked).or_else(|| signals.pending.take(blocked));
        signals.recalculate(task, &own);
        let (signal, info) = taken?;
        let forced = std::mem::take(&mut own.forced);
        let action = actions.get(signal);
        match action.handler {
            handler::IGN => continue,
            handler::DFL => {}
            _ => {
                if action.has(action::RESETHAND) {
                    actions.set(signal, SigAction { handler: handler::DFL, ..action });
                }
                return Some(Taken::Handler(signal, info, action));
            }
        }
        if group.is_shielded() && !forced && !SigSet::UNBLOCKABLE.contains(signal) {
            continue;
        }
        return Some(match default_action(signal) {
            DefaultAction::Ignore | DefaultAction::Continue => continue,
            DefaultAction::Stop => {
                signals.take_stop();
                Taken::Stop(signal)
            }
            DefaultAction::Terminate | DefaultAction::Core => Taken::Fatal(signal),
        });
    }
}

/// Stops the process, unless its group is orphaned: then nobody could continue it, and signals of the
/// terminal are ignored.
fn stop_process(task: &Arc<Task>, signal: Signal) {
    let group = task.group();
    if FROM_TERMINAL.contains(signal) {
        let tree = task.kernel().processes();
        let id = tree.node(group.id()).map(|node| node.group.global());
        if id.is_none_or(|id| tree.is_orphaned(id)) {
            return;
        }
    }
    group.signals().request_stop(signal);
}

/// Makes the task continue in the handler of a signal.
fn enter_handler(current: &mut Current, signal: Signal, info: &SigInfo, action: &SigAction) {
    let task = current.task.clone();
    strace::signal(&task, info);
    let mask = current.saved_mask.take().unwrap_or_else(|| task.blocked());
    match frame::push(current, signal, info, action, mask) {
        Ok(()) => {
            let mut blocked = task.blocked().union(action.mask);
            if !action.has(action::NODEFER) {
                blocked.insert(signal);
            }
            task.set_blocked(blocked);
        }
        Err(error) => fail(current, signal, error),
    }
}

/// The frame could not be written: SIGSEGV instead, with its default action if it was the one.
pub fn fail(current: &mut Current, signal: Signal, error: Errno) {
    let task = &current.task;
    task.kernel().log.write(Level::Debug, format_args!("[{}] no frame for {signal}: {error:?}", task.tid()));
    if signal == Signal::SEGV {
        task.group().actions().set(Signal::SEGV, SigAction::default());
    }
    super::force(task, Signal::SEGV, SigInfo::new(Signal::SEGV, lazaret_abi::signal::code::KERNEL));
}
