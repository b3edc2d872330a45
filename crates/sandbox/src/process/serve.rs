//! The sandbox process at work: answers its callers and waits for the container's end.

use std::{
    os::fd::OwnedFd,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use lazaret_abi::errno::Errno;
use lazaret_control::{
    self as control, Answer, Channel, Failure, Report, Request, Target,
    server::{self, Service, converse},
};
use lazaret_kernel::boot::{Container, ExitStatus, ProcessInfo, ProcessSpec, StartError, Targets};
use serde_json::Value;

use super::{Booted, FAILED, StartHooks, follow::Followed};
use crate::spec;

/// Exit status of a container whose first process could not be started.
const NOT_STARTED: u8 = 1;

/// How long the process waits at the end for answers that are on their way.
const LINGER: Duration = Duration::from_secs(1);

/// When a start is over, and with it the need for most of the program's code.
const SETTLED: Duration = Duration::from_millis(300);

/// A failure in the application kernel, for the maker.
pub fn start_failure(error: StartError) -> Failure {
    Failure { cause: error.cause.description().to_lowercase(), errno: Some(error.cause.raw()), step: error.step }
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

/// The container, as its callers see it.
struct Served {
    container: Arc<Container>,
    hooks: StartHooks,
    phase: Mutex<Phase>,
    changed: Condvar,
    /// Requests that have not been answered.
    pending: Mutex<usize>,
    answered: Condvar,
    /// The sandbox lives on without its maker.
    released: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn refused(step: impl Into<String>) -> impl FnOnce(Errno) -> Failure {
    let step = step.into();
    move |cause| start_failure(StartError { step, cause })
}

impl Served {
    fn set(&self, phase: Phase) {
        *lock(&self.phase) = phase;
        self.changed.notify_all();
    }

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
        started
    }

    fn execute(&self, process: Value, terminal: Option<(u16, u16)>, fds: Vec<OwnedFd>) -> Result<i32, Failure> {
        self.init("execute a process")?;
        let wrong = |problem: String| Failure::new("execute a process", problem);
        let process: spec::Process = serde_json::from_value(process).map_err(|error| wrong(error.to_string()))?;
        process.validate().map_err(|(field, problem)| wrong(format!("{field}: {problem}")))?;
        let (stdio, inherited) = super::stdio(terminal, fds)?;
        self.container.start(process.for_kernel(stdio, inherited)).map_err(start_failure)
    }

    fn wait(&self, process: Option<i32>) -> Result<u8, Failure> {
        if let Some(pid) = process {
            return self.container.wait(pid).map(ExitStatus::code).map_err(refused(format!("wait for process {pid}")));
        }
        let mut phase = lock(&self.phase);
        loop {
            if let Phase::Ended(status) = *phase {
                return Ok(status);
            }
            phase = self.changed.wait(phase).unwrap_or_else(PoisonError::into_inner);
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
        };
        let mut all = self.container.processes();
        all.retain(|process| process.pid > after);
        all.sort_unstable_by_key(|process| process.pid);
        all.into_iter().take(COUNT).map(describe).collect()
    }

    fn usage(&self) -> Answer {
        let (cpu, tasks) = self.container.usage();
        Answer::Usage { user: nanoseconds(cpu.user), system: nanoseconds(cpu.system), tasks }
    }

    fn state(&self) -> control::Phase {
        match *lock(&self.phase) {
            Phase::Created(_) | Phase::Starting => control::Phase::Created,
            Phase::Running(_) if self.container.is_paused() => control::Phase::Paused,
            Phase::Running(_) => control::Phase::Running,
            Phase::Ended(_) => control::Phase::Ended,
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
        let targets = match target {
            Target::Init => Targets::Process(self.init(&step)?),
            Target::Process(pid) => Targets::Process(pid),
            Target::All => Targets::All,
        };
        self.container.signal(targets, signal).map_err(refused(step))
    }

    fn resize(&self, process: Option<i32>, rows: u16, columns: u16) -> Result<(), Failure> {
        let step = "resize the terminal";
        let pid = process.map_or_else(|| self.init(step), Ok)?;
        self.container.resize(pid, rows, columns).map_err(refused(step))
    }
}

impl Service for Served {
    fn answer(&self, request: Request, fds: Vec<OwnedFd>) -> Answer {
        *lock(&self.pending) += 1;
        let done = |()| Answer::Done;
        let started = |pid| Answer::Started { pid };
        match request {
            Request::Release => {
                self.released.store(true, Ordering::Relaxed);
                Ok(Answer::Done)
            }
            Request::Start => self.start().map(started),
            Request::Execute { process, terminal } => self.execute(process, terminal, fds).map(started),
            Request::State => Ok(Answer::State(self.state())),
            Request::Wait { process } => self.wait(process).map(|status| Answer::Exited { status }),
            Request::Signal { signal, target } => self.signal(signal, target).map(done),
            Request::Resize { process, rows, columns } => self.resize(process, rows, columns).map(done),
            Request::Processes { after } => Ok(Answer::Processes(self.processes(after))),
            Request::Pause => self.container.pause().map(done).map_err(refused("pause")),
            Request::Resume => self.container.resume().map(done).map_err(refused("resume")),
            Request::Limit { tasks } => {
                self.container.limit_tasks(tasks);
                Ok(Answer::Done)
            }
            Request::Usage => Ok(self.usage()),
        }
        .unwrap_or_else(Answer::Failed)
    }

    fn answered(&self) {
        *lock(&self.pending) -= 1;
        self.answered.notify_all();
    }
}

/// Serves callers until the container's first process has ended; returns its exit status.
pub fn serve(booted: Booted, listener: OwnedFd, maker: &Arc<Channel>) -> i32 {
    let Booted { container, process, hooks, followed } = booted;
    let served = Arc::new(Served {
        container,
        hooks,
        phase: Mutex::new(Phase::Created(Box::new(process))),
        changed: Condvar::new(),
        pending: Mutex::new(0),
        answered: Condvar::new(),
        released: AtomicBool::new(false),
    });
    let service: Arc<dyn Service> = served.clone();
    let first = {
        let (served, maker) = (served.clone(), maker.clone());
        move || {
            converse(&maker, served.as_ref());
            if !served.released.load(Ordering::Relaxed) {
                // Nobody knows of this sandbox, or nobody wants it any more.
                std::process::exit(FAILED);
            }
        }
    };
    let spawned = maker.send(&Report::Ready, &[]).is_ok()
        && thread::Builder::new().name("maker".into()).spawn(first).is_ok()
        && thread::Builder::new().name("control".into()).spawn(move || server::serve(&listener, &service)).is_ok();
    if !spawned {
        return FAILED;
    }
    let status = await_end(&served, followed);
    served.set(Phase::Ended(status));
    drop(served.answered.wait_timeout_while(lock(&served.pending), LINGER, |pending| *pending > 0));
    i32::from(status)
}

/// Waits until the container's first process has ended; its exit status.
fn await_end(served: &Served, followed: Option<Followed>) -> u8 {
    let mut phase = lock(&served.phase);
    let pid = loop {
        match *phase {
            Phase::Running(pid) => break pid,
            Phase::Ended(status) => return status,
            Phase::Created(_) | Phase::Starting => {
                phase = served.changed.wait(phase).unwrap_or_else(PoisonError::into_inner);
            }
        }
    };
    drop(phase);
    // Without it the process takes some more memory.
    drop(thread::Builder::new().name("settle".into()).spawn(|| {
        thread::sleep(SETTLED);
        lazaret_hostcall::memory::release_program();
    }));
    if let Some(followed) = followed {
        let container = served.container.clone();
        let spawned = thread::Builder::new().name("size".into()).spawn(move || followed.follow(&container, pid));
        // Without it the terminal keeps its size.
        drop(spawned);
    }
    served.container.wait(pid).map_or(u8::MAX, ExitStatus::code)
}
