//! Tasks: the threads of the application, and the processes they form.
//!
//! A [`Task`] is what others see of a thread. What only its own host thread may touch (registers,
//! the platform's context) is in [`Current`], which system call handlers receive.

pub mod cpu;
pub mod creds;
mod current;
pub mod group;
pub mod raise;
pub mod sched;
pub mod uts;

pub use current::{Current, PATH_MAX};

use std::cell::RefCell;

use lazaret_platform::Interrupt;

use self::{creds::Creds, group::ThreadGroup, sched::Scheduling, uts::UtsNamespace};
use crate::{
    boot::Kernel,
    fs::{context::FsContext, fdtable::FdTable},
    mm::Mm,
    sync::{Arc, AtomicU32, AtomicU64, Mutex, MutexGuard, Ordering, RwLock},
    uaddr::UserAddr,
    wait::{Interruptible, Parker},
};

/// Reasons for a task to leave what it does and look; a set of bits in [`Task::work`].
pub mod work {
    /// A signal that the task does not block is pending.
    pub const SIGNAL: u32 = 1;
    /// The task must die.
    pub const KILL: u32 = 2;
    /// The task must stop (group stop, pause of the sandbox, checkpoint).
    pub const STOP: u32 = 4;
}

/// A thread of the application.
pub struct Task {
    kernel: Arc<Kernel>,
    group: Arc<ThreadGroup>,
    /// Thread id in the root pid namespace; unique while the task lives.
    tid: i32,
    parker: Arc<Parker>,
    work: AtomicU32,
    interrupt: Mutex<Option<Arc<dyn Interrupt>>>,
    creds: RwLock<Arc<Creds>>,
    fs: RwLock<Arc<FsContext>>,
    files: RwLock<Arc<FdTable>>,
    mm: RwLock<Arc<Mm>>,
    /// Name of the thread (`/proc/PID/comm`), at most 15 bytes.
    name: RwLock<Vec<u8>>,
    /// Head of the list of robust futexes in application memory; 0 for none.
    robust_list: AtomicU64,
    uts: RwLock<Arc<UtsNamespace>>,
    scheduling: Mutex<Scheduling>,
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Task>>> = const { RefCell::new(None) };
}

/// Resources a new task starts with.
pub struct TaskParts {
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
    /// Names of the system.
    pub uts: Arc<UtsNamespace>,
    /// Scheduling attributes; [`Scheduling::for_child`] of the parent's.
    pub scheduling: Scheduling,
}

impl Task {
    /// A task that does not run yet.
    pub fn new(kernel: Arc<Kernel>, group: Arc<ThreadGroup>, tid: i32, parts: TaskParts) -> Task {
        Task {
            kernel,
            group,
            tid,
            parker: Arc::new(Parker::new()),
            work: AtomicU32::new(0),
            interrupt: Mutex::new(None),
            creds: RwLock::new(parts.creds),
            fs: RwLock::new(parts.fs),
            files: RwLock::new(parts.files),
            mm: RwLock::new(parts.mm),
            name: RwLock::new(parts.name),
            robust_list: AtomicU64::new(0),
            uts: RwLock::new(parts.uts),
            scheduling: Mutex::new(parts.scheduling),
        }
    }

    /// The task whose host thread this is; none on the kernel's own helper threads.
    pub fn try_current() -> Option<Arc<Task>> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Makes the calling host thread the one of `task`.
    pub fn enter(task: Arc<Task>, interrupt: Arc<dyn Interrupt>) {
        task.parker.bind();
        *task.interrupt.lock() = Some(interrupt);
        CURRENT.set(Some(task));
    }

    /// The calling host thread is no task any more.
    pub fn leave() {
        if let Some(task) = CURRENT.take() {
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

    /// Thread id in the root pid namespace.
    pub fn tid(&self) -> i32 {
        self.tid
    }

    /// What the host thread sleeps on.
    pub fn parker(&self) -> &Arc<Parker> {
        &self.parker
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
        self.uts.read().clone()
    }

    /// Replaces them (unshare, setns).
    pub fn set_uts(&self, uts: Arc<UtsNamespace>) {
        *self.uts.write() = uts;
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
    /// application code.
    pub fn notify(&self, reasons: u32) {
        self.work.fetch_or(reasons, Ordering::SeqCst);
        self.parker.unpark();
        if let Some(interrupt) = &*self.interrupt.lock() {
            interrupt.interrupt();
        }
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
        };
        self.work() & mask != 0
    }
}
