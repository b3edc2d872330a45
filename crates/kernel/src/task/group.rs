//! Thread groups: the processes of the application.

use std::time::Instant;

use lazaret_snapshot::Snapshot;

use super::{
    Task,
    cgroup::ControlGroup,
    limits::Limits,
    pid::{Pid, PidNamespace},
    usage::Account,
};
use crate::{
    boot::ExitStatus,
    fs::inode::Timestamp,
    signal::{action::SignalActions, queue::Pending, stop::Stop},
    sync::{Arc, AtomicBool, AtomicI32, AtomicU32, Mutex, MutexGuard, OnceLock, Ordering, RwLock},
    time::process_timers::ProcessTimers,
    wait::WaitQueue,
};

/// A process: the tasks that share a pid, a parent, and what they do with signals.
///
/// Its relations to other processes are in [`super::tree::ProcessTree`]. Where both are locked, the
/// tree comes first, then [`ThreadGroup::signals`], then a task's own signal state.
#[derive(Snapshot)]
pub struct ThreadGroup {
    pid: Arc<Pid>,
    namespace: Arc<PidNamespace>,
    cgroup: Arc<ControlGroup>,
    signals: Mutex<GroupSignals>,
    actions: RwLock<Arc<SignalActions>>,
    /// Resource limits.
    pub limits: Mutex<Limits>,
    /// Signal that tells the parent of the end; 0 for none. clone(2) sets it, an exec makes it SIGCHLD.
    pub exit_signal: AtomicI32,
    /// A child has ended, stopped or continued.
    pub child_changed: WaitQueue,
    /// The process has ended, or a thread of it has: for pidfds, and for a thread that waits to be the last.
    pub ended: Arc<WaitQueue>,
    /// A signal was sent to the process or a thread of it, for signalfds.
    pub signal_sent: Arc<WaitQueue>,
    /// Its parent has waited for it: nothing is left of it.
    pub is_reaped: AtomicBool,
    /// How it ended, once it has.
    pub ended_with: OnceLock<ExitStatus>,
    /// What has been used.
    pub account: Account,
    /// Orphaned descendants come here (PR_SET_CHILD_SUBREAPER).
    pub is_subreaper: AtomicBool,
    /// Has executed a program since it was forked: setpgid(2) of the parent fails.
    pub has_executed: AtomicBool,
    /// PR_SET_DUMPABLE.
    pub dumpable: AtomicU32,
    /// Kinds of barriers that the process registered for; membarrier(2).
    pub barriers: AtomicU32,
    /// PR_SET_THP_DISABLE; a wish that the host's kernel does not hear.
    pub huge_pages_disabled: AtomicBool,
    /// The init of a container that was made for one program (`do`): signals do to it what they do to any
    /// other process.
    pub is_ordinary_init: AtomicBool,
    /// Shown and inherited, without effect.
    pub oom_score_adj: AtomicI32,
    #[snapshot(skip)]
    timers: OnceLock<ProcessTimers>,
    start: Instant,
    start_time: Timestamp,
}

/// What the signal lock of a process guards.
#[derive(Default, Snapshot)]
pub struct GroupSignals {
    /// Signals sent to the process as a whole.
    pub pending: Pending,
    /// The threads that live, the leader first while it does.
    #[snapshot(skip)]
    pub threads: Vec<Arc<Task>>,
    /// All threads are to end, with this status of the process.
    pub exit: Option<ExitStatus>,
    /// A thread executes a program: all others are to end. Its number in the root namespace.
    pub executing: Option<i32>,
    /// Stopping by a signal.
    pub stop: Stop,
}

impl ThreadGroup {
    /// A process without threads, in the innermost namespace of its pid.
    pub fn new(
        pid: Arc<Pid>,
        namespace: Arc<PidNamespace>,
        cgroup: Arc<ControlGroup>,
        actions: Arc<SignalActions>,
        limits: Limits,
    ) -> ThreadGroup {
        ThreadGroup {
            pid,
            namespace,
            cgroup,
            signals: Mutex::new(GroupSignals::default()),
            actions: RwLock::new(actions),
            limits: Mutex::new(limits),
            exit_signal: AtomicI32::new(0),
            child_changed: WaitQueue::new(),
            ended: Arc::new(WaitQueue::new()),
            signal_sent: Arc::new(WaitQueue::new()),
            is_reaped: AtomicBool::new(false),
            ended_with: OnceLock::new(),
            account: Account::default(),
            is_subreaper: AtomicBool::new(false),
            has_executed: AtomicBool::new(false),
            dumpable: AtomicU32::new(1),
            barriers: AtomicU32::new(0),
            huge_pages_disabled: AtomicBool::new(false),
            is_ordinary_init: AtomicBool::new(false),
            oom_score_adj: AtomicI32::new(0),
            timers: OnceLock::new(),
            start: Instant::now(),
            start_time: Timestamp::now(),
        }
    }

    /// Interval timers and POSIX timers.
    pub fn timers(self: &Arc<Self>) -> &ProcessTimers {
        self.timers.get_or_init(|| ProcessTimers::new(self))
    }

    /// The same, if a timer was ever asked for.
    pub fn used_timers(&self) -> Option<&ProcessTimers> {
        self.timers.get()
    }

    /// Process id in the root pid namespace, which the kernel knows the process by.
    pub fn id(&self) -> i32 {
        self.pid.global()
    }

    /// The pid.
    pub fn pid(&self) -> &Arc<Pid> {
        &self.pid
    }

    /// The pid namespace that the process is in.
    pub fn namespace(&self) -> &Arc<PidNamespace> {
        &self.namespace
    }

    /// The control group: the container's.
    pub fn cgroup(&self) -> &Arc<ControlGroup> {
        &self.cgroup
    }

    /// Signals and threads, locked.
    pub fn signals(&self) -> MutexGuard<'_, GroupSignals> {
        self.signals.lock()
    }

    /// The threads that live.
    pub fn threads(&self) -> Vec<Arc<Task>> {
        self.signals.lock().threads.clone()
    }

    /// The first thread that lives; none in a zombie.
    pub fn first_thread(&self) -> Option<Arc<Task>> {
        self.signals.lock().threads.first().cloned()
    }

    /// What it does with signals.
    pub fn actions(&self) -> Arc<SignalActions> {
        self.actions.read().clone()
    }

    /// Replaces them (an exec gets its own).
    pub fn set_actions(&self, actions: Arc<SignalActions>) {
        *self.actions.write() = actions;
    }

    /// The soft limit of a resource (`RLIMIT_*`).
    pub fn limit(&self, resource: u32) -> u64 {
        self.limits.lock().soft(resource)
    }

    /// When it started.
    pub fn start(&self) -> Instant {
        self.start
    }

    /// When it started, by the clock on the wall.
    pub fn start_time(&self) -> Timestamp {
        self.start_time
    }

    /// It is an init that gets no signal it has no handler for; see pid_namespaces(7).
    pub fn is_shielded(&self) -> bool {
        self.is_init() && !self.is_ordinary_init.load(Ordering::Relaxed)
    }

    /// It is the init of a pid namespace: signals without a handler do nothing to it.
    pub fn is_init(&self) -> bool {
        self.pid.is_init()
    }
}
