//! Tasks: the threads of the application, and the processes they form.
//!
//! A [`Task`] is what others see of a thread. What only its own host thread may touch (registers,
//! the platform's context) is in [`Current`], which system call handlers receive.

pub mod activity;
pub mod cgroup;
pub mod clone;
pub mod cpu;
pub mod creds;
mod current;
pub mod devices;
pub mod exec;
pub mod exit;
pub mod group;
pub mod limits;
pub mod memory_use;
pub mod namespaces;
pub mod pause;
pub mod pid;
pub mod pidfd;
pub mod privilege;
pub mod raise;
mod run;
pub mod sched;
mod threads;
pub mod tree;
pub mod usage;
pub mod uts;
pub mod wait;

pub use current::{Current, NO_ALTERNATE_STACK, PATH_MAX};

use std::cell::RefCell;

use lazaret_abi::signal::SigSet;
use lazaret_platform::Interrupt;
use lazaret_snapshot::Snapshot;

use self::{
    activity::Activity, creds::Creds, group::ThreadGroup, namespaces::Namespaces, pid::Pid, sched::Scheduling,
    usage::CpuTime, uts::UtsNamespace,
};
use crate::{
    boot::Kernel,
    checkpoint,
    fs::{context::FsContext, fdtable::FdTable},
    mm::Mm,
    seccomp::Seccomp,
    signal::queue::Pending,
    sync::{Arc, AtomicBool, AtomicI32, AtomicU32, AtomicU64, Mutex, MutexGuard, Ordering, RwLock},
    uaddr::UserAddr,
    wait::{Interruptible, Parker},
};

/// Reasons for a task to leave what it does and look; a set of bits in [`Task::work`].
pub mod work {
    /// A signal that the task does not block is pending.
    pub const SIGNAL: u32 = 1;
    /// The task must die.
    pub const KILL: u32 = 2;
    /// The task must stop with its process (job control).
    pub const STOP: u32 = 4;
    /// The task must run no application code; see [`super::pause`]. Ends no sleep.
    pub const PAUSE: u32 = 8;
}

/// A thread of the application.
#[derive(Snapshot)]
pub struct Task {
    #[snapshot(with = checkpoint::kernel)]
    kernel: Arc<Kernel>,
    group: Arc<ThreadGroup>,
    /// Thread id; changes when a thread that is not the leader executes a program.
    pid: RwLock<Arc<Pid>>,
    #[snapshot(skip)]
    parker: Arc<Parker>,
    #[snapshot(skip)]
    activity: Activity,
    work: AtomicU32,
    /// Application code runs: the platform must be told to stop it.
    #[snapshot(skip)]
    in_application: AtomicBool,
    #[snapshot(skip)]
    interrupt: Mutex<Option<Arc<dyn Interrupt>>>,
    signals: Mutex<TaskSignals>,
    namespaces: RwLock<Arc<Namespaces>>,
    stopped: AtomicBool,
    /// See [`Task::has_left_locks`].
    #[snapshot(skip)]
    left_locks: AtomicBool,
    #[snapshot(skip)]
    host_thread: AtomicI32,
    /// Time that the host thread had used when it began to run the task, in nanoseconds.
    #[snapshot(skip)]
    host_time_before: AtomicU64,
    latest_time: Mutex<CpuTime>,
    /// Where the thread's end is announced (CLONE_CHILD_CLEARTID, set_tid_address); 0 for nowhere.
    pub clear_child_tid: AtomicU64,
    /// Signal at the death of the parent (PR_SET_PDEATHSIG); 0 for none.
    pub death_signal: AtomicI32,
    /// personality(2).
    pub personality: AtomicU32,
    creds: RwLock<Arc<Creds>>,
    fs: RwLock<Arc<FsContext>>,
    files: RwLock<Arc<FdTable>>,
    mm: RwLock<Arc<Mm>>,
    /// Name of the thread (`/proc/PID/comm`), at most 15 bytes.
    name: RwLock<Vec<u8>>,
    /// Head of the list of robust futexes in application memory; 0 for none.
    robust_list: AtomicU64,
    scheduling: Mutex<Scheduling>,
    seccomp: Seccomp,
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Task>>> = const { RefCell::new(None) };
}

/// Signal state of one task. Changed under the lock of its process's signals, which comes first.
#[derive(Default, Snapshot)]
pub struct TaskSignals {
    /// Signals sent to this thread.
    pub pending: Pending,
    /// Signals that stay pending.
    pub blocked: SigSet,
    /// Blocked signals that a sigtimedwait(2) or signalfd takes: they are not dropped when ignored, and
    /// wake the task.
    pub waited: SigSet,
    /// A fault whose default action even an init must take.
    pub forced: bool,
}

/// Resources a new task starts with.
pub struct TaskParts {
    /// Numbers.
    pub pid: Arc<Pid>,
    /// Namespaces.
    pub namespaces: Arc<Namespaces>,
    /// Signals it blocks.
    pub blocked: SigSet,
    /// personality(2).
    pub personality: u32,
    /// Credentials.
    pub creds: Arc<Creds>,
    /// Root, working directory, umask.
    pub fs: Arc<FsContext>,
    /// Descriptors.
    pub files: Arc<FdTable>,
    /// Memory.
    pub mm: Arc<Mm>,
    /// Name of the thread.
    pub name: Vec<u8>,
    /// Scheduling attributes; [`Scheduling::for_child`] of the parent's.
    pub scheduling: Scheduling,
    /// Filters on its own system calls.
    pub seccomp: Seccomp,
}

impl Task {
    /// A task that does not run yet.
    pub fn new(kernel: Arc<Kernel>, group: Arc<ThreadGroup>, parts: TaskParts) -> Task {
        Task {
            kernel,
            group,
            pid: RwLock::new(parts.pid),
            parker: Arc::new(Parker::new()),
            activity: Activity::default(),
            work: AtomicU32::new(0),
            in_application: AtomicBool::new(false),
            interrupt: Mutex::new(None),
            signals: Mutex::new(TaskSignals { blocked: parts.blocked, ..TaskSignals::default() }),
            namespaces: RwLock::new(parts.namespaces),
            stopped: AtomicBool::new(false),
            left_locks: AtomicBool::new(false),
            host_thread: AtomicI32::new(0),
            host_time_before: AtomicU64::new(0),
            latest_time: Mutex::new(CpuTime::default()),
            clear_child_tid: AtomicU64::new(0),
            death_signal: AtomicI32::new(0),
            personality: AtomicU32::new(parts.personality),
            creds: RwLock::new(parts.creds),
            fs: RwLock::new(parts.fs),
            files: RwLock::new(parts.files),
            mm: RwLock::new(parts.mm),
            name: RwLock::new(parts.name),
            robust_list: AtomicU64::new(0),
            scheduling: Mutex::new(parts.scheduling),
            seccomp: parts.seccomp,
        }
    }

    /// The task whose host thread this is; none on the kernel's own helper threads.
    pub fn try_current() -> Option<Arc<Task>> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Makes the calling host thread the one of `task`.
    pub fn enter(task: Arc<Task>, interrupt: Arc<dyn Interrupt>) {
        task.parker.bind();
        let thread = rustix::thread::gettid().as_raw_nonzero().get();
        let used = lazaret_hostcall::time::thread_cpu_time(thread).unwrap_or_default();
        task.host_time_before.store(u64::try_from(used.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        task.host_thread.store(thread, Ordering::Relaxed);
        *task.interrupt.lock() = Some(interrupt);
        CURRENT.set(Some(task));
    }

    /// The calling host thread is about to sleep: lets the platform know, if it is a task's.
    pub fn tell_of_sleep() {
        if let Some(task) = Task::try_current()
            && let Some(interrupt) = &*task.interrupt.lock()
        {
            interrupt.sleeps();
        }
    }

    /// The calling host thread is no task any more.
    pub fn leave() {
        if let Some(task) = CURRENT.take() {
            task.host_thread.store(0, Ordering::Relaxed);
            task.interrupt.lock().take();
        }
    }

    /// The kernel.
    pub fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    /// The process.
    pub fn group(&self) -> &Arc<ThreadGroup> {
        &self.group
    }

    /// Thread id in the root pid namespace, which the kernel knows the task by.
    pub fn tid(&self) -> i32 {
        self.pid.read().global()
    }

    /// Thread id in the task's own pid namespace: what it knows itself by.
    pub fn own_tid(&self) -> i32 {
        self.pid.read().number_in(self.group.namespace())
    }

    /// The numbers of the thread.
    pub fn pid(&self) -> Arc<Pid> {
        self.pid.read().clone()
    }

    /// Takes other numbers (execve by a thread that is not the leader).
    pub fn set_pid(&self, pid: Arc<Pid>) {
        *self.pid.write() = pid;
    }

    /// Signal state, locked.
    pub fn signals(&self) -> MutexGuard<'_, TaskSignals> {
        self.signals.lock()
    }

    /// Namespaces other than of pids.
    pub fn namespaces(&self) -> Arc<Namespaces> {
        self.namespaces.read().clone()
    }

    /// Replaces the namespaces (unshare, setns).
    pub fn set_namespaces(&self, namespaces: Arc<Namespaces>) {
        *self.namespaces.write() = namespaces;
    }

    /// Stopped by a signal.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Notes whether it is stopped.
    pub fn set_stopped(&self, stopped: bool) {
        self.stopped.store(stopped, Ordering::Relaxed);
    }

    /// It ends, or executes another program, and will unlock no priority-inheriting lock that it has not
    /// unlocked by now.
    pub fn has_left_locks(&self) -> bool {
        self.left_locks.load(Ordering::SeqCst)
    }

    /// Notes whether it does.
    pub fn set_left_locks(&self, left: bool) {
        self.left_locks.store(left, Ordering::SeqCst);
    }

    /// The host thread that runs the task; 0 before it does.
    pub fn host_thread(&self) -> i32 {
        self.host_thread.load(Ordering::Relaxed)
    }

    /// Application code runs, and the task would not look at its work by itself.
    pub fn is_in_application(&self) -> bool {
        self.in_application.load(Ordering::SeqCst)
    }

    /// What the host thread sleeps on.
    pub fn parker(&self) -> &Arc<Parker> {
        &self.parker
    }

    /// What it does, for those who look from outside.
    pub fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Credentials; a snapshot, since they change as a whole.
    pub fn creds(&self) -> Arc<Creds> {
        self.creds.read().clone()
    }

    /// Replaces the credentials.
    pub fn set_creds(&self, creds: Arc<Creds>) {
        *self.creds.write() = creds;
    }

    /// Root, working directory, umask.
    pub fn fs(&self) -> Arc<FsContext> {
        self.fs.read().clone()
    }

    /// Replaces them (unshare).
    pub fn set_fs(&self, fs: Arc<FsContext>) {
        *self.fs.write() = fs;
    }

    /// Descriptors.
    pub fn files(&self) -> Arc<FdTable> {
        self.files.read().clone()
    }

    /// Replaces the descriptor table (unshare, execve, exit).
    pub fn set_files(&self, files: Arc<FdTable>) -> Arc<FdTable> {
        std::mem::replace(&mut *self.files.write(), files)
    }

    /// Memory.
    pub fn mm(&self) -> Arc<Mm> {
        self.mm.read().clone()
    }

    /// Replaces the memory (execve).
    pub fn set_mm(&self, mm: Arc<Mm>) -> Arc<Mm> {
        std::mem::replace(&mut *self.mm.write(), mm)
    }

    /// Name of the thread.
    pub fn name(&self) -> Vec<u8> {
        self.name.read().clone()
    }

    /// Sets the name, cut to 15 bytes (prctl PR_SET_NAME, execve).
    pub fn set_name(&self, name: &[u8]) {
        *self.name.write() = name.iter().copied().take(15).collect();
    }

    /// Names of the system.
    pub fn uts(&self) -> Arc<UtsNamespace> {
        self.namespaces.read().uts.clone()
    }

    /// Filters on its own system calls.
    pub fn seccomp(&self) -> &Seccomp {
        &self.seccomp
    }

    /// Scheduling attributes, locked.
    pub fn scheduling(&self) -> MutexGuard<'_, Scheduling> {
        self.scheduling.lock()
    }

    /// Head of the list of robust futexes, alleged to be in the task's memory; set_robust_list(2).
    pub fn robust_list(&self) -> UserAddr {
        UserAddr::new(self.robust_list.load(Ordering::Relaxed))
    }

    /// Sets it.
    pub fn set_robust_list(&self, head: UserAddr) {
        self.robust_list.store(head.get(), Ordering::Relaxed);
    }

    /// Tells the task to look at `reasons` (bits of [`work`]): ends its sleep, or stops its
    /// application code. One that is to end loses its address space if that does not stop.
    pub fn notify(&self, reasons: u32) {
        self.work.fetch_or(reasons, Ordering::SeqCst);
        self.parker.unpark();
        let ends = reasons & work::KILL != 0;
        // The task sets the flag before it looks at its work for the last time.
        if (ends || self.is_in_application())
            && let Some(interrupt) = &*self.interrupt.lock()
        {
            if ends { interrupt.end() } else { interrupt.interrupt() }
        }
    }

    /// Begins to run application code, unless there is work to do first.
    pub fn enter_application(&self) -> bool {
        self.in_application.store(true, Ordering::SeqCst);
        if self.work() == 0 {
            return true;
        }
        self.leave_application();
        false
    }

    /// Application code has stopped.
    pub fn leave_application(&self) {
        self.in_application.store(false, Ordering::SeqCst);
    }

    /// Replaces what stops the application code (execve).
    pub fn set_interrupt(&self, interrupt: Arc<dyn Interrupt>) {
        *self.interrupt.lock() = Some(interrupt);
    }

    /// The host thread that its application code runs on.
    pub fn host_application_thread(&self) -> Option<i32> {
        self.interrupt.lock().as_ref().map(|interrupt| interrupt.host_thread()).filter(|thread| *thread != 0)
    }

    /// The pending reasons.
    pub fn work(&self) -> u32 {
        self.work.load(Ordering::SeqCst)
    }

    /// Takes reasons back that no longer hold.
    pub fn clear_work(&self, reasons: u32) {
        self.work.fetch_and(!reasons, Ordering::SeqCst);
    }

    /// A sleep that `interruptible` describes must end.
    pub fn should_stop_waiting(&self, interruptible: Interruptible) -> bool {
        let mask = match interruptible {
            Interruptible::Signals => work::SIGNAL | work::KILL | work::STOP,
            Interruptible::Kill => work::KILL,
            Interruptible::Nothing => 0,
        };
        self.work() & mask != 0
    }
}
