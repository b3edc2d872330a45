//! New threads and processes; see clone(2), fork(2), vfork(2).

use lazaret_abi::{
    errno::Errno,
    process::clone as flag,
    resource::{RLimit, limit},
};
use lazaret_platform::{Context, layout::APP_MAX};

use super::{
    Current, NO_ALTERNATE_STACK, Task, TaskParts,
    creds::cap,
    group::ThreadGroup,
    namespaces::{NamespaceId, Namespaces},
    pid::{Pid, PidNamespace},
    pidfd, run, threads, work,
};
use crate::{
    ipc::IpcNamespace,
    mm::{Mm, host_errno},
    sync::{Arc, AtomicBool, Ordering},
    uaddr::{UserAddr, UserPtr},
    wait::{Events, Interruptible, WaitQueue, wait_until},
};

/// What to make.
#[derive(Clone, Debug, Default)]
pub struct CloneRequest {
    /// `CLONE_*`.
    pub flags: u64,
    /// Signal to the parent when the child ends; 0 for none.
    pub exit_signal: i32,
    /// The child's stack pointer; 0 keeps the caller's.
    pub stack: u64,
    /// The child's FS base, with CLONE_SETTLS.
    pub tls: u64,
    /// Where the child's id goes in the caller's memory, with CLONE_PARENT_SETTID.
    pub parent_tid: u64,
    /// Where it goes in the child's memory, with CLONE_CHILD_SETTID and CLONE_CHILD_CLEARTID.
    pub child_tid: u64,
    /// Where the pidfd goes, with CLONE_PIDFD.
    pub pidfd: u64,
    /// Ids wished for, from the innermost pid namespace outwards.
    pub set_tid: Vec<i32>,
}

/// A parent that waits for its child to leave the memory they share (vfork).
#[derive(Default)]
pub struct Vfork {
    done: AtomicBool,
    queue: WaitQueue,
}

impl Vfork {
    /// The child is gone or runs another program.
    pub fn complete(&self) {
        self.done.store(true, Ordering::SeqCst);
        self.queue.wake_all();
    }

    fn wait(&self) {
        // A parent that is killed does not wait any longer.
        let _ = wait_until(&[(&self.queue, Events::all())], None, Interruptible::Kill, || {
            self.done.load(Ordering::SeqCst).then_some(())
        });
    }
}

impl CloneRequest {
    fn has(&self, flags: u64) -> bool {
        self.flags & flags == flags
    }

    /// Combinations that make no sense.
    fn check(&self, task: &Task) -> Result<(), Errno> {
        let namespaces = task.namespaces();
        let leaves_pids = !Arc::ptr_eq(&namespaces.pid_for_children, task.group().namespace());
        let invalid = self.has(flag::NEWNS | flag::FS)
            || self.has(flag::NEWUSER | flag::FS)
            || self.has(flag::THREAD) && !self.has(flag::SIGHAND)
            || self.has(flag::SIGHAND) && !self.has(flag::VM)
            || self.has(flag::PARENT) && task.group().is_init()
            || self.has(flag::THREAD) && (self.flags & (flag::NEWUSER | flag::NEWPID) != 0 || leaves_pids)
            || self.has(flag::PIDFD | flag::DETACHED)
            || self.has(flag::SIGHAND | flag::CLEAR_SIGHAND)
            || self.has(flag::NEWIPC | flag::SYSVSEM)
            || self.stack >= APP_MAX
            || self.has(flag::SETTLS) && self.tls >= APP_MAX;
        if invalid { Err(Errno::EINVAL) } else { Ok(()) }
    }
}

/// Flags that make namespaces.
pub const NEW_NAMESPACES: u64 = flag::NEWNS
    | flag::NEWCGROUP
    | flag::NEWUTS
    | flag::NEWIPC
    | flag::NEWUSER
    | flag::NEWPID
    | flag::NEWNET
    | flag::NEWTIME;

/// The namespaces of a task that asks for new ones with `flags`.
///
/// # Errors
/// `EPERM` without CAP_SYS_ADMIN, `ENOSPC` for kinds that are not offered (as if their limit in
/// /proc/sys/user were 0).
pub fn new_namespaces(task: &Task, flags: u64) -> Result<Namespaces, Errno> {
    let mut namespaces = (*task.namespaces()).clone();
    if flags & flag::NEWUSER != 0 {
        return Err(Errno::ENOSPC);
    }
    if !task.creds().has(cap::SYS_ADMIN) {
        return Err(Errno::EPERM);
    }
    if flags & (flag::NEWNET | flag::NEWTIME) != 0 {
        return Err(Errno::ENOSPC);
    }
    if flags & flag::NEWUTS != 0 {
        namespaces.uts = Arc::new(namespaces.uts.duplicate());
        namespaces.uts_id = NamespaceId::new();
    }
    if flags & flag::NEWIPC != 0 {
        namespaces.ipc = IpcNamespace::new();
    }
    if flags & flag::NEWCGROUP != 0 {
        namespaces.cgroup = NamespaceId::new();
    }
    if flags & flag::NEWPID != 0 {
        namespaces.pid_for_children = PidNamespace::new(&namespaces.pid_for_children)?;
    }
    Ok(namespaces)
}

/// clone(2): returns the id of the child as the caller sees it.
///
/// # Errors
/// Those of clone(2).
pub fn clone(current: &mut Current, request: &CloneRequest) -> Result<i32, Errno> {
    let task = current.task.clone();
    request.check(&task)?;
    // A signal that comes first must reach the child's group as well: it is taken before the fork.
    if task.should_stop_waiting(Interruptible::Signals) {
        return Err(Errno::ERESTARTNOINTR);
    }
    check_process_limit(&task)?;
    let new = request.flags & NEW_NAMESPACES;
    let mut namespaces = task.namespaces();
    if new != 0 {
        namespaces = Arc::new(new_namespaces(&task, new)?);
    }
    let pid = Pid::allocate(&namespaces.pid_for_children, &request.set_tid)?;
    let (mm, context) = if request.has(flag::VM) {
        (task.mm(), current.context.spawn().map_err(host_errno)?)
    } else {
        let (mm, context) = task.mm().fork(&mut *current.context)?;
        (Arc::new(mm), context)
    };
    let mut child = make_task(current, request, namespaces, pid, mm, context)?;
    let seen = child.task.pid().number_in(task.group().namespace());
    // Failures to write are ignored, as Linux does.
    if request.has(flag::PARENT_SETTID) {
        // Now: the child looks at it.
        let _ = current.context.address_space().write(request.parent_tid, &seen.to_ne_bytes());
    }
    if request.has(flag::CHILD_SETTID) {
        let own = child.task.own_tid().to_ne_bytes();
        let is_plain = child.task.mm().is_plain(request.child_tid, own.len() as u64);
        if is_plain && !request.has(flag::VM) {
            // With its first command.
            let _ = child.context.memory().write_later(request.child_tid, &own);
        } else {
            let _ = child.context.address_space().write(request.child_tid, &own);
        }
    }
    if request.has(flag::CHILD_CLEARTID) {
        child.task.clear_child_tid.store(request.child_tid, Ordering::Relaxed);
    }
    let pidfd = if request.has(flag::PIDFD) { Some(open_pidfd(current, request, &child.task)?) } else { None };
    let vfork = request.has(flag::VFORK).then(|| Arc::new(Vfork::default()));
    child.vfork = vfork.clone();
    start(current, request, child).inspect_err(|_| {
        if let Some(fd) = pidfd {
            // Nobody else can have closed it for a good reason.
            let _ = task.files().remove(fd);
        }
    })?;
    if let Some(vfork) = vfork {
        vfork.wait();
    }
    Ok(seen)
}

/// RLIMIT_NPROC counts the threads of the caller's real user, the container's limit all.
fn check_process_limit(task: &Task) -> Result<(), Errno> {
    let limit = task.group().limit(limit::NPROC);
    let creds = task.creds();
    let tree = task.kernel().processes();
    if tree.is_full(task.group().cgroup()) {
        return Err(Errno::EAGAIN);
    }
    let may_exceed = creds.has(cap::SYS_RESOURCE) || creds.has(cap::SYS_ADMIN) || creds.uid == 0;
    let reached = |count: usize| u64::try_from(count).is_ok_and(|count| count >= limit);
    if may_exceed || !reached(tree.task_count()) {
        return Ok(());
    }
    let own = tree.tasks().filter(|task| task.creds().uid == creds.uid).count();
    if reached(own) { Err(Errno::EAGAIN) } else { Ok(()) }
}

fn make_task(
    current: &mut Current,
    request: &CloneRequest,
    namespaces: Arc<Namespaces>,
    pid: Arc<Pid>,
    mm: Arc<Mm>,
    mut context: Box<dyn Context>,
) -> Result<Current, Errno> {
    let task = &current.task;
    let group = if request.has(flag::THREAD) { task.group().clone() } else { make_process(task, request, &pid, &mm) };
    let mut namespaces = namespaces;
    let fs = if request.has(flag::FS) { task.fs() } else { Arc::new(task.fs().duplicate()) };
    if request.has(flag::NEWNS) {
        namespaces = Arc::new(super::namespaces::with_new_mounts(&namespaces, &fs));
    }
    let files = if request.has(flag::FILES) { task.files() } else { Arc::new(task.files().duplicate()) };
    let parts = TaskParts {
        pid,
        namespaces,
        blocked: task.blocked(),
        personality: task.personality.load(Ordering::Relaxed),
        creds: task.creds(),
        fs,
        files,
        mm,
        name: task.name(),
        scheduling: task.scheduling().for_child(),
        seccomp: task.seccomp().clone(),
    };
    let regs = context.regs();
    regs.rax = 0;
    if request.stack != 0 {
        regs.rsp = request.stack;
    }
    if request.has(flag::SETTLS) {
        regs.fs_base = request.tls;
    }
    let child = Arc::new(Task::new(task.kernel().clone(), group, parts));
    let mut child = Current::new(child, context);
    // A thread needs an alternate stack of its own; a vfork child borrows the parent's.
    let keeps_stack = !request.has(flag::VM) || request.has(flag::VFORK);
    child.alternate_stack = if keeps_stack { current.alternate_stack } else { NO_ALTERNATE_STACK };
    Ok(child)
}

fn make_process(task: &Task, request: &CloneRequest, pid: &Arc<Pid>, mm: &Mm) -> Arc<ThreadGroup> {
    let parent = task.group();
    let actions = parent.actions();
    let actions = if request.has(flag::SIGHAND) { actions } else { Arc::new(actions.duplicate()) };
    if request.has(flag::CLEAR_SIGHAND) {
        actions.reset_handlers();
    }
    let namespace = pid.namespace().unwrap_or(parent.namespace()).clone();
    let limits = *parent.limits.lock();
    let group = ThreadGroup::new(pid.clone(), namespace, parent.cgroup().clone(), actions, limits);
    let signal =
        if request.has(flag::PARENT) { parent.exit_signal.load(Ordering::Relaxed) } else { request.exit_signal };
    group.exit_signal.store(signal, Ordering::Relaxed);
    group.dumpable.store(parent.dumpable.load(Ordering::Relaxed), Ordering::Relaxed);
    group.barriers.store(parent.barriers.load(Ordering::Relaxed), Ordering::Relaxed);
    group.huge_pages_disabled.store(parent.huge_pages_disabled.load(Ordering::Relaxed), Ordering::Relaxed);
    group.oom_score_adj.store(parent.oom_score_adj.load(Ordering::Relaxed), Ordering::Relaxed);
    if request.has(flag::VM) {
        group.account.enter_space(None, &**mm.space());
    }
    let group = Arc::new(group);
    if limits.soft(limit::CPU) != RLimit::INFINITY {
        group.timers().set_cpu_limit(limits.soft(limit::CPU));
    }
    group
}

fn open_pidfd(current: &Current, request: &CloneRequest, child: &Arc<Task>) -> Result<i32, Errno> {
    let thread = request.has(flag::THREAD).then(|| child.clone());
    let file = pidfd::open(child.group(), thread, 0);
    let limit = usize::try_from(current.task.group().limit(limit::NOFILE)).unwrap_or(usize::MAX);
    let fd = current.task.files().insert(file, true, 0, limit)?;
    if let Err(error) = current.write(UserPtr::new(UserAddr::new(request.pidfd)), &fd) {
        // It was inserted just now.
        let _ = current.task.files().remove(fd);
        return Err(error);
    }
    Ok(fd)
}

/// Makes the child known, and runs it.
fn start(current: &mut Current, request: &CloneRequest, child: Current) -> Result<(), Errno> {
    let task = current.task.clone();
    let kernel = task.kernel();
    let group = child.task.group().clone();
    let (new, parent_thread) = (child.task.clone(), task.tid());
    {
        let mut tree = kernel.processes();
        let mut signals = group.signals();
        if request.has(flag::THREAD)
            && (signals.exit.is_some() || signals.executing.is_some() || signals.stop.is_requested())
        {
            return Err(Errno::ERESTARTNOINTR);
        }
        // Whoever killed the caller counts on its leaving no children.
        if task.work() & work::KILL != 0 {
            return Err(Errno::ERESTARTNOINTR);
        }
        if tree.is_full(group.cgroup()) {
            return Err(Errno::EAGAIN);
        }
        signals.threads.push(new.clone());
        drop(signals);
        tree.add_task(new.clone());
        if !request.has(flag::THREAD) {
            let caller = task.group().id();
            let (parent, parent_thread) = match tree.node(caller) {
                Some(node) if request.has(flag::PARENT) => (node.parent, node.parent_thread),
                _ => (caller, parent_thread),
            };
            tree.add(group.clone(), parent, parent_thread, Some(caller));
        }
    }
    run_task(child).map_err(|_| {
        // As if it had never been.
        let mut tree = kernel.processes();
        group.signals().threads.retain(|other| !Arc::ptr_eq(other, &new));
        tree.remove_task(new.tid());
        let node = if request.has(flag::THREAD) { None } else { tree.remove(group.id()) };
        drop(tree);
        drop(node);
        Errno::EAGAIN
    })
}

/// Gives a task a host thread.
///
/// # Errors
/// Those of the host when it has no thread left.
pub fn run_task(current: Current) -> std::io::Result<()> {
    threads::spawn(Box::new(move || run::run(current)))
}
