//! The end of threads and processes; see exit(2), exit_group(2).

use lazaret_abi::signal::{SigAction, SigInfo, Signal, child as child_code, code, handler};

use super::{
    Current, Task,
    group::ThreadGroup,
    pid::PidNamespace,
    tree::{Node, ProcessTree, Zombie},
};
use crate::{
    boot::{ExitStatus, Kernel},
    fs::fdtable::FdTable,
    futex,
    signal::{
        child::{child_info, report_stop},
        send::is_from_outside,
        send_to_process, send_to_thread,
    },
    sync::{Arc, Ordering},
    syscalls::strace,
    tty::job,
    uaddr::UserAddr,
    wait::{Events, Interruptible, wait_until},
};

/// Ends the calling task. The process ends with its last thread, with the status that its end was
/// asked for with, or else with that of this thread.
pub fn exit(mut current: Current, status: ExitStatus) {
    let task = current.task.clone();
    let group = task.group().clone();
    let kernel = task.kernel().clone();
    let status = group.signals().exit.unwrap_or(status);
    match status {
        ExitStatus::Exited(code) => strace::ended(&task, format_args!("exited with {code}")),
        ExitStatus::Signaled(signal, _) => {
            let signal = Signal::new(i32::from(signal)).unwrap_or(Signal::KILL);
            strace::ended(&task, format_args!("killed by {signal}"));
        }
    }
    leave_memory(&mut current);
    let mm = task.mm();
    // One reference is the task's, the other the one here. Who hears of the end may write the program.
    let is_left = Arc::strong_count(&mm) == 2;
    if is_left {
        mm.release_files();
    }
    let creds = task.creds();
    let is_last = group.threads().len() == 1;
    let usage = is_last.then(|| group.last_usage(is_left.then_some(&**mm.space())));
    drop(mm);
    // The last who uses the table closes its files.
    drop(task.set_files(Arc::new(FdTable::new())));
    kernel.end_of_parent_thread(&task);

    let (last, stopped, status) = {
        let mut signals = group.signals();
        group.account.thread_ends(task.kernel_time(), task.parker().sleeps());
        signals.threads.retain(|other| !Arc::ptr_eq(other, &task));
        let stopped = if task.is_stopped() { None } else { signals.thread_stopped() };
        // It may have been the one who was to take them.
        signals.pass_on(signals.pending.set());
        let status = signals.exit.unwrap_or(status);
        (signals.threads.is_empty(), stopped, status)
    };
    kernel.processes().remove_task(task.tid());
    if let Some(signal) = stopped {
        report_stop(&kernel, &group, signal);
    }
    if last {
        let zombie = Zombie {
            status,
            uid: creds.uid,
            saved_uid: creds.suid,
            name: task.name(),
            usage: usage.unwrap_or_else(|| group.usage()),
        };
        end_process(&kernel, &group, zombie);
    }
    group.ended.wake_all();
    // The address space goes last: nobody waits for that.
    drop(current);
}

/// Tells those who share memory with the task that it is gone; see set_tid_address(2),
/// get_robust_list(2), vfork(2).
pub fn leave_memory(current: &mut Current) {
    let task = current.task.clone();
    let robust = task.robust_list();
    if !robust.is_null() {
        task.set_robust_list(UserAddr::new(0));
        futex::robust::exit(current, robust);
    }
    task.set_left_locks(true);
    futex::pass_on_locks(task.tid());
    let clear = task.clear_child_tid.swap(0, Ordering::Relaxed);
    // One reference is the task's, the other the one counted here.
    if clear != 0 && Arc::strong_count(&task.mm()) > 2 && !current.context.address_space().is_dead() {
        // As Linux, which does not look whether the address is good.
        let _ = current.context.address_space().write(clear, &0_u32.to_ne_bytes());
        futex::wake_address(current, clear);
    }
    if let Some(vfork) = current.vfork.take() {
        vfork.complete();
    }
}

/// The last thread of a process is gone.
fn end_process(kernel: &Arc<Kernel>, group: &Arc<ThreadGroup>, zombie: Zombie) {
    let id = group.id();
    if let Some(timers) = group.used_timers() {
        timers.stop();
    }
    if group.is_init() {
        end_namespace(kernel, group);
    }
    if let Some(task) = Task::try_current() {
        task.namespaces().ipc.process_ends(id);
    }
    let is_session_leader = kernel.processes().node(id).is_some_and(|node| node.session.global() == id);
    if is_session_leader {
        kernel.end_session(id);
    }
    let status = zombie.status;
    let mut usage = zombie.usage.clone();
    let own = usage.cpu;
    usage.absorb(&group.account.children());
    // Removed nodes are dropped after the lock is released.
    let mut removed = Vec::new();
    let mut notices = Vec::new();
    let orphaned = {
        let mut tree = kernel.processes();
        let reaper = tree.reaper_of(id);
        let (orphaned, moved) = tree.orphan_children(id, reaper);
        for child in moved {
            if tree.node(child).is_some_and(|node| node.zombie.is_some()) {
                notices.extend(notice(&tree, child));
                if is_reaped_at_once(&tree, child) {
                    removed.extend(tree.remove(child));
                }
            }
        }
        if let Some(node) = tree.node_mut(id) {
            node.zombie = Some(Zombie { usage, ..zombie.clone() });
            group.cgroup().process_ended(own);
            node.stopped = None;
            node.continued = false;
        }
        // Known before anybody can wait for it.
        let _ = group.ended_with.set(status);
        notices.extend(notice(&tree, id));
        if is_reaped_at_once(&tree, id) {
            removed.extend(tree.remove(id));
        }
        orphaned
    };
    drop_reaped(kernel, group.namespace(), removed);
    for process in orphaned {
        for signal in [Signal::HUP, Signal::CONT] {
            // Standard signals are never refused.
            let _ = send_to_process(&process, signal, SigInfo::new(signal, code::KERNEL), true);
        }
    }
    for notice in notices {
        notice.send();
    }
    tell_inits(kernel, group.namespace());
}

/// Lets go of processes that nobody waits for. `own` is the namespace of whoever finds them.
fn drop_reaped(kernel: &Kernel, own: &Arc<PidNamespace>, reaped: Vec<Node>) {
    for node in reaped {
        let namespace = node.process.namespace();
        if !Arc::ptr_eq(namespace, own) {
            tell_inits(kernel, namespace);
        }
    }
}

/// A process of a namespace has ended, or was waited for: an init that ends waits for all processes of its namespace
/// and of those below, whoever their parents are.
pub fn tell_inits(kernel: &Kernel, namespace: &Arc<PidNamespace>) {
    let inits: Vec<_> = {
        let tree = kernel.processes();
        let chain = std::iter::successors(Some(namespace), |namespace| namespace.parent());
        chain.filter_map(|namespace| Some(tree.node(namespace.init()?)?.process.clone())).collect()
    };
    for init in inits {
        init.child_changed.wake(Events::all());
    }
}

/// What is to be told to the parent of a process that has ended.
struct Notice {
    parent: Arc<ThreadGroup>,
    signal: Option<(Signal, SigInfo)>,
}

impl Notice {
    fn send(self) {
        if let Some((signal, info)) = self.signal {
            // At worst a real-time signal is lost, as on Linux.
            let _ = send_to_process(&self.parent, signal, info, false);
        }
        self.parent.child_changed.wake(Events::all());
    }
}

fn notice(tree: &ProcessTree, id: i32) -> Option<Notice> {
    let node = tree.node(id)?;
    let zombie = node.zombie.as_ref()?;
    let parent = tree.node(node.parent)?.process.clone();
    let (code, status) = match zombie.status {
        ExitStatus::Exited(code) => (child_code::EXITED, i32::from(code)),
        ExitStatus::Signaled(signal, false) => (child_code::KILLED, i32::from(signal)),
        ExitStatus::Signaled(signal, true) => (child_code::DUMPED, i32::from(signal)),
    };
    let signal = Signal::new(node.process.exit_signal.load(Ordering::Relaxed))
        .filter(|signal| *signal != Signal::CHLD || parent.actions().get(Signal::CHLD).handler != handler::IGN);
    let info = |signal: Signal| {
        let info = child_info(&parent, &node.process, code, status, zombie.uid, zombie.usage.cpu);
        (signal, SigInfo { signal: signal.get(), ..info })
    };
    let signal = signal.map(info);
    Some(Notice { parent, signal })
}

/// Nobody is going to wait for the zombie: it has no parent, or one that does not want to know.
fn is_reaped_at_once(tree: &ProcessTree, id: i32) -> bool {
    let Some(node) = tree.node(id) else { return false };
    let Some(parent) = tree.node(node.parent) else { return true };
    let signal = node.process.exit_signal.load(Ordering::Relaxed);
    signal == Signal::CHLD.get() && parent.process.actions().reaps_children()
}

/// The init of a pid namespace ends, and with it all processes there; see pid_namespaces(7).
fn end_namespace(kernel: &Arc<Kernel>, group: &Arc<ThreadGroup>) {
    let namespace = group.namespace();
    namespace.close();
    // Its children leave no zombies from now on.
    group.actions().set(Signal::CHLD, SigAction { handler: handler::IGN, ..SigAction::default() });
    let id = group.id();
    let gone = || {
        let mut removed = Vec::new();
        let rest: Vec<Arc<ThreadGroup>> = {
            let mut tree = kernel.processes();
            let own_zombies: Vec<i32> = tree
                .nodes()
                .filter(|node| node.parent == id && node.zombie.is_some())
                .map(|n| n.process.id())
                .collect();
            for zombie in own_zombies {
                removed.extend(tree.remove(zombie));
            }
            tree.nodes()
                .map(|node| node.process.clone())
                .filter(|process| process.id() != id && namespace.contains(process.namespace()))
                .collect()
        };
        drop_reaped(kernel, namespace, removed);
        for process in &rest {
            // SIGKILL is never refused.
            let _ = send_to_process(process, Signal::KILL, SigInfo::new(Signal::KILL, code::KERNEL), true);
        }
        rest.is_empty().then_some(())
    };
    // Cannot fail: nothing interrupts it and there is no deadline.
    let _ = wait_until(&[(&group.child_changed, Events::all())], None, Interruptible::Nothing, gone);
}

impl Kernel {
    /// A thread ends: its children get the signals they asked for (PR_SET_PDEATHSIG), and belong to
    /// another thread of the process.
    fn end_of_parent_thread(&self, task: &Arc<Task>) {
        let tid = task.tid();
        let mut children = Vec::new();
        {
            let mut tree = self.processes();
            let Some(node) = tree.node(task.group().id()) else { return };
            for child in node.children.clone() {
                if let Some(child) = tree.node_mut(child)
                    && child.parent_thread == tid
                {
                    child.parent_thread = task.group().id();
                    children.push(child.process.clone());
                }
            }
        }
        for child in children {
            for thread in child.threads() {
                if let Some(signal) = Signal::new(thread.death_signal.load(Ordering::Relaxed)) {
                    let pid = task.group().pid().number_in(child.namespace());
                    let info = SigInfo::sent(signal, code::USER, pid, task.creds().uid);
                    let outside = is_from_outside(task, thread.group());
                    // At worst a real-time signal is lost, as on Linux.
                    let _ = send_to_thread(&thread, signal, info, outside);
                }
            }
        }
    }

    /// The leader of a session has ended.
    fn end_session(&self, session: i32) {
        job::leader_exits(self, session);
    }
}
