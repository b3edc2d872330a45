//! What a parent learns of its children: SIGCHLD and what wait(2) finds.

use lazaret_abi::signal::{SigInfo, Signal, action, child, handler};

use super::send::send_to_process;
use crate::{
    boot::Kernel,
    sync::Arc,
    task::{
        group::ThreadGroup,
        usage::{CpuTime, ticks},
    },
    wait::Events,
};

/// A process has stopped by `signal`.
pub fn report_stop(kernel: &Kernel, process: &Arc<ThreadGroup>, signal: Signal) {
    report(kernel, process, child::STOPPED, signal.get(), Some(signal));
}

/// A stopped process continues.
pub fn report_continue(kernel: &Kernel, process: &Arc<ThreadGroup>) {
    report(kernel, process, child::CONTINUED, Signal::CONT.get(), None);
}

fn report(kernel: &Kernel, process: &Arc<ThreadGroup>, code: i32, status: i32, stopped: Option<Signal>) {
    let Some(thread) = process.first_thread() else { return };
    let parent = {
        let mut tree = kernel.processes();
        let Some(node) = tree.node_mut(process.id()) else { return };
        // It may have been continued, or stopped again, since: the later report is the one to find.
        if process.signals().stop.is_complete() == stopped.is_some() {
            node.stopped = stopped;
            node.continued = stopped.is_none();
        }
        let parent = node.parent;
        let Some(parent) = tree.node(parent).map(|parent| parent.process.clone()) else { return };
        parent
    };
    let sigchld = parent.actions().get(Signal::CHLD);
    if sigchld.handler != handler::IGN && !sigchld.has(action::NOCLDSTOP) {
        let info = child_info(&parent, process, code, status, thread.creds().uid, process.cpu_time());
        // SIGCHLD is a standard signal, which is never refused.
        let _ = send_to_process(&parent, Signal::CHLD, info, true);
    }
    parent.child_changed.wake(Events::all());
}

/// The information of a SIGCHLD to `parent` about `process`.
pub fn child_info(
    parent: &ThreadGroup,
    process: &ThreadGroup,
    code: i32,
    status: i32,
    uid: u32,
    used: CpuTime,
) -> SigInfo {
    let pid = process.pid().number_in(parent.namespace());
    SigInfo::child(code, pid, uid, status, ticks(used.user), ticks(used.system))
}
