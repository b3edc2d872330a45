//! A container of the sandbox, as its callers see it.

use std::{
    os::{
        fd::{BorrowedFd, OwnedFd},
        unix::ffi::OsStringExt,
    },
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use lazaret_abi::errno::Errno;
use lazaret_control::{self as control, Answer, Failure, Request, Target, Traffic};
use lazaret_gofer::resolve::Mount;
use lazaret_hostcall::netlink::Link;
use lazaret_kernel::boot::{
    Container, ContainerSpec, ExitStatus, Kernel, Leash, ProcessInfo, ProcessSpec, SharedNamespaces, StartError, Stdio,
    Targets,
};
use lazaret_kernel::fs::cgroup::Hierarchies;
use lazaret_kernel::task::sched::CpuSet;
use serde_json::Value;

use super::StartHooks;
use crate::{
    setup::ContainerSetup,
    spec::{self, Seccomp},
};

/// Most network interfaces that are told of; a message is sure to have room for as many.
const MAX_INTERFACES: usize = 256;

/// Exit status of a container whose first process could not be started.
const NOT_STARTED: u8 = 1;

/// Exit status of a container that was ended before its start.
const KILLED: u8 = 128 + 9;

/// A failure in the application kernel, for the maker.
pub fn start_failure(error: StartError) -> Failure {
    Failure { cause: error.cause.description().to_lowercase(), errno: Some(error.cause.raw()), step: error.step }
}

fn refused(step: impl Into<String>) -> impl FnOnce(Errno) -> Failure {
    let step = step.into();
    move |cause| start_failure(StartError { step, cause })
}

/// What a container gets that is not described but handed over.
pub struct Parts {
    /// Of the gofer.
    pub files: Vec<OwnedFd>,
    /// Where the gofer has found that mounts are to be.
    pub resolved: Vec<Mount>,
    /// Standard streams of its first process or a terminal, and further files of that process.
    pub streams: Vec<OwnedFd>,
    /// Files of its cgroups.
    pub cgroups: Hierarchies,
    /// Where it has no namespaces of its own.
    pub shared: SharedNamespaces,
}

/// Makes a container, and what its first process will be.
///
/// # Errors
/// Names the mount, setting or stream that is wrong.
pub fn create(
    kernel: &Arc<Kernel>,
    id: &str,
    setup: ContainerSetup,
    parts: Parts,
) -> Result<(Arc<Container>, ProcessSpec), Failure> {
    let Parts { files, resolved, streams, cgroups, shared } = parts;
    let (stdio, inherited) = stdio(setup.terminal, streams)?;
    let (root, mounts) = setup
        .plan
        .bind(files, resolved)
        .ok_or_else(|| Failure::new("receive files from the gofer", "a wrong number of them"))?;
    let bytes = |paths: Vec<PathBuf>| paths.into_iter().map(|path| path.into_os_string().into_vec()).collect();
    let wrong = |(index, problem)| Failure::new(format!("linux.resources.devices[{index}]"), problem);
    let devices = spec::devices::combine(&setup.devices).map_err(wrong)?;
    let container = kernel.create_container(ContainerSpec {
        id: id.into(),
        hostname: setup.hostname,
        domainname: setup.domainname,
        root,
        mounts,
        masked_paths: bytes(setup.masked_paths),
        readonly_paths: bytes(setup.readonly_paths),
        sysctl: setup.sysctl,
        max_tasks: setup.max_tasks,
        devices,
        seccomp: setup.seccomp.as_ref().map(Seccomp::program),
        cgroups,
        is_apart: setup.cgroup.is_some(),
        shared,
    });
    let container = container.map_err(start_failure)?;
    if let Some(cpus) = setup.processors.as_deref().and_then(CpuSet::from_list) {
        container.limit_processors(cpus);
    }
    Ok((container, setup.start.process.for_kernel(stdio, inherited)))
}

/// Standard streams from three files, or one terminal and its size; and the descriptors after them.
fn stdio(terminal: Option<(u16, u16)>, mut fds: Vec<OwnedFd>) -> Result<(Stdio, Vec<OwnedFd>), Failure> {
    let wrong = || Failure::new("start a process", "wrong number of standard streams");
    let count = if terminal.is_some() { 1 } else { 3 };
    if fds.len() < count {
        return Err(wrong());
    }
    let inherited = fds.split_off(count);
    match (terminal, <[OwnedFd; 3]>::try_from(fds)) {
        (None, Ok(files)) => Ok((Stdio::Files(files), inherited)),
        (Some(size), Err(mut files)) if files.len() == 1 => {
            Ok((Stdio::Terminal { terminal: files.remove(0), size }, inherited))
        }
        _ => Err(wrong()),
    }
}

enum Phase {
    /// The process to start is waiting here.
    Created(Box<ProcessSpec>),
    /// It is being started.
    Starting,
    /// It runs, under this id.
    Running(i32),
    /// It has ended with this status, or could not be started.
    Ended(u8),
}

/// A container and how far it has come.
pub struct Served {
    /// The container.
    pub container: Arc<Container>,
    hooks: StartHooks,
    phase: Mutex<Phase>,
    changed: Condvar,
    /// It is to end as soon as it runs.
    killed: AtomicBool,
}

/// Locks what a panic cannot have left half done.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Served {
    /// A container that waits for its start.
    pub fn new(container: Arc<Container>, hooks: StartHooks, process: ProcessSpec) -> Arc<Served> {
        let phase = Mutex::new(Phase::Created(Box::new(process)));
        Arc::new(Served { container, phase, hooks, changed: Condvar::new(), killed: AtomicBool::new(false) })
    }

    fn set(&self, phase: Phase) {
        *lock(&self.phase) = phase;
        self.changed.notify_all();
    }

    /// Starts the first process; [`Served::await_end`] must follow.
    fn start(&self) -> Result<i32, Failure> {
        let process = {
            let mut phase = lock(&self.phase);
            match std::mem::replace(&mut *phase, Phase::Starting) {
                Phase::Created(process) => process,
                other => {
                    *phase = other;
                    return Err(Failure::new("start the container", "it has been started already"));
                }
            }
        };
        let started = self.hooks.start(&self.container, *process);
        self.set(started.as_ref().map_or(Phase::Ended(NOT_STARTED), |pid| Phase::Running(*pid)));
        if self.killed.load(Ordering::Relaxed) {
            self.kill();
        }
        started
    }

    /// Waits until the first process runs; its id, or the container's exit status if that will never be.
    pub fn await_start(&self) -> Result<i32, u8> {
        let mut phase = lock(&self.phase);
        loop {
            match *phase {
                Phase::Running(pid) => return Ok(pid),
                Phase::Ended(status) => return Err(status),
                Phase::Created(_) | Phase::Starting => {
                    phase = self.changed.wait(phase).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Waits for the end of the first process, `pid`, and then of all others; the container's exit status.
    pub fn await_end(&self, pid: i32) -> u8 {
        let status = self.container.wait(pid).map_or(u8::MAX, ExitStatus::code);
        self.set(Phase::Ended(status));
        status
    }

    /// Kills the container, without waiting for its end.
    fn kill(&self) {
        let mut phase = lock(&self.phase);
        self.killed.store(true, Ordering::Relaxed);
        match *phase {
            Phase::Created(_) => *phase = Phase::Ended(KILLED),
            Phase::Starting | Phase::Ended(_) => {}
            Phase::Running(pid) => {
                // It may have ended.
                let _ = self.container.signal(Targets::Process(pid), libc::SIGKILL);
            }
        }
        drop(phase);
        self.changed.notify_all();
    }

    /// Kills the container, and returns when all its processes have ended.
    pub fn destroy(&self) {
        self.kill();
        self.container.kill_all();
        self.wait_for_end();
    }

    fn wait_for_end(&self) -> u8 {
        match self.await_start() {
            Err(status) => status,
            Ok(_) => {
                let mut phase = lock(&self.phase);
                loop {
                    if let Phase::Ended(status) = *phase {
                        return status;
                    }
                    phase = self.changed.wait(phase).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn execute(&self, process: Value, terminal: Option<(u16, u16)>, fds: Vec<OwnedFd>) -> Result<i32, Failure> {
        if let Phase::Ended(_) = *lock(&self.phase) {
            return Err(Failure::new("execute a process", "the container has ended"));
        }
        let wrong = |problem: String| Failure::new("execute a process", problem);
        let process: spec::Process = serde_json::from_value(process).map_err(|error| wrong(error.to_string()))?;
        process.validate().map_err(|(field, problem)| wrong(format!("{field}: {problem}")))?;
        let (stdio, inherited) = stdio(terminal, fds)?;
        self.container.execute(process.for_kernel(stdio, inherited)).map_err(start_failure)
    }

    /// Waits for the end of a process, or of the container; on a leash, it is killed when the caller hangs up.
    fn wait(self: &Arc<Self>, process: Option<i32>, leash: Option<BorrowedFd<'_>>) -> Result<u8, Failure> {
        let step = || process.map_or("wait for the container".into(), |pid| format!("wait for process {pid}"));
        let served = self.clone();
        let let_go = move || match process {
            // It may have ended.
            Some(pid) => drop(served.container.signal(Targets::Process(pid), libc::SIGKILL)),
            None => served.kill(),
        };
        let leash = leash.map(|caller| Leash::new(caller, let_go)).transpose();
        let _leash = leash.map_err(|error| Failure::host(step(), error))?;
        match process {
            Some(pid) => self.container.wait(pid).map(ExitStatus::code).map_err(refused(step())),
            None => Ok(self.wait_for_end()),
        }
    }

    /// As many processes as one message is sure to have room for.
    fn processes(&self, after: i32) -> Vec<control::Process> {
        const COUNT: usize = 128;
        const COMMAND: usize = 256;
        let describe = |process: ProcessInfo| control::Process {
            pid: process.pid,
            ppid: process.parent,
            pgid: process.group,
            uid: process.uid,
            threads: process.threads,
            terminal: process.terminal,
            started: process.started,
            cpu: nanoseconds(process.cpu.total()),
            command: String::from_utf8_lossy(&process.command).chars().take(COMMAND).collect(),
            name: String::from_utf8_lossy(&process.name).into_owned(),
            sid: process.session,
            state: process.state,
            size: process.size,
            resident: process.resident,
        };
        let mut all = self.container.processes();
        all.retain(|process| process.pid > after);
        all.sort_unstable_by_key(|process| process.pid);
        all.into_iter().take(COUNT).map(describe).collect()
    }

    fn usage(&self) -> Answer {
        let (cpu, tasks) = self.container.usage();
        let (user, system) = (nanoseconds(cpu.user), nanoseconds(cpu.system));
        let links = self.container.network().links.into_iter().take(MAX_INTERFACES);
        let interface = |Link { name, statistics, .. }| {
            let [rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped, _] =
                statistics;
            control::Interface {
                name: String::from_utf8_lossy(&name).into_owned(),
                received: Traffic { bytes: rx_bytes, packets: rx_packets, errors: rx_errors, dropped: rx_dropped },
                sent: Traffic { bytes: tx_bytes, packets: tx_packets, errors: tx_errors, dropped: tx_dropped },
            }
        };
        let interfaces = links.map(interface).collect();
        Answer::Usage { user, system, tasks, memory: self.container.memory(), interfaces }
    }

    fn state(&self) -> control::Phase {
        match *lock(&self.phase) {
            Phase::Ended(_) => control::Phase::Ended,
            _ if self.container.is_paused() => control::Phase::Paused,
            Phase::Created(_) | Phase::Starting => control::Phase::Created,
            Phase::Running(_) => control::Phase::Running,
        }
    }

    /// The container's first process, if it runs.
    fn init(&self, step: &str) -> Result<i32, Failure> {
        match *lock(&self.phase) {
            Phase::Running(pid) => Ok(pid),
            Phase::Created(_) | Phase::Starting => Err(Failure::new(step, "the container has not been started")),
            Phase::Ended(_) => Err(Failure::new(step, "the container has ended")),
        }
    }

    fn signal(&self, signal: i32, target: Target) -> Result<(), Failure> {
        let step = format!("send signal {signal}");
        if matches!(signal, libc::SIGKILL | libc::SIGTERM)
            && matches!(target, Target::Init | Target::All)
            && matches!(*lock(&self.phase), Phase::Created(_))
        {
            // It has no process yet that could handle it.
            self.kill();
            return Ok(());
        }
        let targets = match target {
            Target::Init => Targets::Process(self.init(&step)?),
            Target::Process(pid) => Targets::Process(pid),
            Target::Foreground(0) => Targets::Foreground(self.init(&step)?),
            Target::Foreground(pid) => Targets::Foreground(pid),
            Target::All => Targets::All,
        };
        self.container.signal(targets, signal).map_err(refused(step))
    }

    fn resize(&self, process: Option<i32>, rows: u16, columns: u16) -> Result<(), Failure> {
        let step = "resize the terminal";
        let pid = process.map_or_else(|| self.init(step), Ok)?;
        self.container.resize(pid, rows, columns).map_err(refused(step))
    }

    /// The answer to a request about this container.
    ///
    /// # Errors
    /// What was refused, and why.
    pub fn answer(
        self: &Arc<Self>,
        request: Request,
        fds: Vec<OwnedFd>,
        caller: BorrowedFd<'_>,
    ) -> Result<Answer, Failure> {
        let done = |()| Answer::Done;
        let started = |pid| Answer::Started { pid };
        match request {
            Request::Start => self.start().map(started),
            Request::Execute { process, terminal } => self.execute(process, terminal, fds).map(started),
            Request::State => Ok(Answer::State(self.state())),
            Request::Wait { process, leash } => {
                self.wait(process, leash.then_some(caller)).map(|status| Answer::Exited { status })
            }
            Request::Signal { signal, target } => self.signal(signal, target).map(done),
            Request::Resize { process, rows, columns } => self.resize(process, rows, columns).map(done),
            Request::Processes { after } => Ok(Answer::Processes(self.processes(after))),
            Request::Pause => self.container.pause().map(done).map_err(refused("pause")),
            Request::Resume => self.container.resume().map(done).map_err(refused("resume")),
            Request::Limit { tasks, processors } => {
                self.container.limit_tasks(tasks);
                if let Some(cpus) = processors.as_deref().and_then(CpuSet::from_list) {
                    self.container.limit_processors(cpus);
                }
                Ok(Answer::Done)
            }
            Request::Usage => Ok(self.usage()),
            Request::Release
            | Request::Create { .. }
            | Request::Destroy
            | Request::Attach { .. }
            | Request::Threads { .. }
            | Request::Logging { .. } => Err(Failure::new("control", "not a request about a container")),
        }
    }

    /// Has a thread of its own wait for the container's end.
    ///
    /// # Errors
    /// Those of making a thread.
    pub fn watch(self: &Arc<Self>) -> std::io::Result<()> {
        let served = self.clone();
        let run = move || {
            if let Ok(pid) = served.await_start() {
                served.await_end(pid);
            }
        };
        thread::Builder::new().name("end".into()).stack_size(128 * 1024).spawn(run).map(drop)
    }
}
