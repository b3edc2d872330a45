//! A sandbox, from the outside.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    time::Duration,
};

use lazaret_control::{Answer, Channel, Failure, Phase, Process, Request, Target};
use lazaret_hostcall::process::Child;
use lazaret_kernel::log::Level;
use rustix::{
    io::Errno,
    process::{Signal, pidfd_send_signal},
};

use crate::{
    cgroup::{Cgroup, Stats},
    error::Error,
    execution::Execution,
    hooks,
    launch::{self, ChildEnd},
    make::make,
    network::Network,
    spec::{self, Spec},
    state::{Entry, Registry, State, Status, TIMEOUT},
    stdio::Stdio,
};

/// Settings that concern all sandboxes of a caller.
#[derive(Clone, Debug)]
pub struct Config {
    /// The state directory.
    pub root: PathBuf,
    /// What is logged, and where.
    pub logging: Logging,
    /// Keep writes to a container's root in the sandbox, instead of passing them to the host.
    pub overlay: bool,
    /// What sockets of containers reach.
    pub network: Network,
    /// Make no cgroup, whatever the specification wants.
    pub ignore_cgroups: bool,
}

impl Config {
    /// Settings for containers that exist already, in the state directory `root`.
    pub fn of_root(root: PathBuf) -> Config {
        let (logging, network) = (Logging::default(), Network::default());
        Config { root, logging, network, overlay: true, ignore_cgroups: false }
    }
}

/// What is logged, and where.
#[derive(Clone, Debug, Default)]
pub struct Logging {
    /// Log what happens in detail.
    pub debug: bool,
    /// Directory of the debug logs, one file per container; without one they go to standard error.
    pub directory: Option<PathBuf>,
    /// Log these system calls of the application; all if empty.
    pub strace: Option<Vec<String>>,
    /// File for messages that are meant for the container's user.
    pub user_log: Option<PathBuf>,
}

impl Logging {
    /// How much is logged; nothing unless it was asked for, for standard error is the user's.
    pub(crate) fn level(&self) -> Option<Level> {
        if self.debug {
            Some(Level::Debug)
        } else {
            (self.directory.is_some() || self.strace.is_some()).then_some(Level::Info)
        }
    }
}

/// What a sandbox is made with.
#[derive(Debug)]
pub struct Args {
    /// Id of the sandbox and of its first container.
    pub id: String,
    /// The container.
    pub spec: Spec,
    /// Directory that relative paths in the specification start from.
    pub bundle: PathBuf,
    /// Standard streams of the container's first process.
    pub stdio: Stdio,
    /// Further files of that process: descriptor 3 and up.
    pub files: Vec<OwnedFd>,
    /// The sandbox dies with the calling process.
    pub attached: bool,
}

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its first process did, with this status (128 + n for signal n).
    Exited(u8),
    /// The sandbox process was killed by this signal.
    Killed(i32),
}

impl End {
    /// The exit status that stands for it: 128 + n for signal n.
    pub fn status(self) -> u8 {
        match self {
            End::Exited(status) => status,
            End::Killed(signal) => u8::try_from(signal).map_or(u8::MAX, |signal| signal.saturating_add(128)),
        }
    }
}

/// What a container has used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Nanoseconds of processor time in application code, as the application kernel counts it.
    pub user: u64,
    /// Nanoseconds in the application kernel.
    pub system: u64,
    /// Processes and threads that live.
    pub tasks: u64,
    /// The most that may live.
    pub max_tasks: Option<u64>,
    /// What the host has counted; it has nothing to tell of a container without a cgroup.
    pub host: Stats,
}

/// Most processes that a sandbox is believed to have: PID_MAX of Linux.
const MAX_PROCESSES: usize = 1 << 22;

/// A sandbox: its processes and its place in the state directory.
#[derive(Debug)]
pub struct Sandbox {
    state: State,
    entry: Entry,
    /// The connection made at the start, if this process made the sandbox.
    channel: Option<Channel>,
    /// The sandbox process, if this process made it.
    child: Option<Child>,
}

impl Sandbox {
    /// Makes a sandbox and its first container, which waits for [`Sandbox::start`].
    ///
    /// The calling process must have one thread only.
    ///
    /// # Errors
    /// Whatever failed, by name; then nothing is left.
    pub fn new(config: &Config, args: Args) -> Result<Sandbox, Error> {
        args.spec.validate()?;
        let registry = Registry::open(&config.root)?;
        let entry = registry.create(&args.id)?;
        let made = make(config, args, &entry);
        match made {
            Ok((state, launched)) => {
                let sandbox = Sandbox { state, entry, channel: Some(launched.channel), child: Some(launched.child) };
                if let Err(error) = sandbox.creating_hooks().and_then(|()| sandbox.release()) {
                    let _ = sandbox.destroy();
                    return Err(error);
                }
                Ok(sandbox)
            }
            Err(error) => {
                let _ = entry.remove();
                Err(error)
            }
        }
    }

    /// Finds a sandbox that was made before.
    ///
    /// # Errors
    /// [`Error::NotFound`], or what is wrong with its state.
    pub fn load(config: &Config, id: &str) -> Result<Sandbox, Error> {
        let entry = Registry::open(&config.root)?.get(id)?;
        let state = entry.read()?;
        Ok(Sandbox { state, entry, channel: None, child: None })
    }

    /// Removes the state of a container whose state file cannot be read, if no sandbox answers there.
    ///
    /// # Errors
    /// What is wrong with the state, if a sandbox answers.
    pub fn discard(config: &Config, id: &str) -> Result<(), Error> {
        let entry = Registry::open(&config.root)?.get(id)?;
        match (entry.read(), entry.connect()) {
            (Err(error), Ok(_)) => Err(error),
            (Err(_), Err(_)) => entry.remove(),
            (Ok(_), _) => Sandbox::load(config, id)?.delete(true),
        }
    }

    /// The state the container is in now: its file may be behind, so the sandbox is asked.
    pub fn status(&self) -> Status {
        let known = self.state.status();
        if !matches!(known, Status::Created | Status::Running) {
            return known;
        }
        match self.entry.connect().and_then(|channel| channel.call(&Request::State).map_err(|error| self.lost(error))) {
            Ok(Answer::State(Phase::Created)) => Status::Created,
            Ok(Answer::State(Phase::Running)) => Status::Running,
            Ok(Answer::State(Phase::Paused)) => Status::Paused,
            Ok(Answer::State(Phase::Ended)) => Status::Stopped,
            // It has ended meanwhile, or does not answer.
            _ => self.state.status(),
        }
    }

    /// What is known of it.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Becomes readable when the sandbox process ends; `None` if this process did not make it.
    pub fn ended(&self) -> Option<BorrowedFd<'_>> {
        self.child.as_ref().map(|child| child.pidfd.as_fd())
    }

    /// Starts the container's first process.
    ///
    /// # Errors
    /// Says what could not be done: working directory, program, interpreter.
    pub fn start(&mut self) -> Result<(), Error> {
        let _lock = self.entry.lock_changes()?;
        let status = self.status();
        if status != Status::Created {
            return Err(self.wrong_status("start", status));
        }
        match self.call_to_start()? {
            Answer::Started { .. } => {}
            other => return Err(self.refused(other)),
        }
        self.state.started = true;
        self.entry.write(&self.state)?;
        // The specification wants failures of these to be told, not to end the container.
        if let Err(failure) = hooks::run("poststart", &self.state.hooks.poststart, &self.state, Status::Running) {
            eprintln!("lazaret: warning: {failure}");
        }
        Ok(())
    }

    /// Asks for the start. Hooks that run before the first process take as long as they are allowed.
    fn call_to_start(&self) -> Result<Answer, Error> {
        let fresh;
        let channel = match &self.channel {
            Some(channel) => channel,
            None => {
                fresh = self.entry.connect()?;
                &fresh
            }
        };
        let call = || {
            let hooks = &self.state.hooks.start_container;
            if hooks.is_empty() {
                return channel.call(&Request::Start);
            }
            let allowed =
                hooks.iter().map(|hook| hook.timeout).try_fold(0_u32, |sum, one| Some(sum.saturating_add(one?)));
            channel.set_timeout(allowed.map(|seconds| TIMEOUT + Duration::from_secs(seconds.into())))?;
            let answer = channel.call(&Request::Start)?;
            channel.set_timeout(Some(TIMEOUT))?;
            Ok(answer)
        };
        call().map_err(|error| self.lost(error))
    }

    /// The hooks that are run while a container is made.
    fn creating_hooks(&self) -> Result<(), Error> {
        let hooks = &self.state.hooks;
        for (name, list) in [
            ("prestart", &hooks.prestart),
            ("createRuntime", &hooks.create_runtime),
            ("createContainer", &hooks.create_container),
        ] {
            hooks::run(name, list, &self.state, Status::Creating)?;
        }
        Ok(())
    }

    /// Starts a further process in the container; `files` are its descriptors 3 and up.
    ///
    /// # Errors
    /// [`Error::Status`] if it does not run; what is wrong with the process, or with its program.
    pub fn execute(&self, process: &spec::Process, stdio: Stdio, files: Vec<OwnedFd>) -> Result<Execution<'_>, Error> {
        let status = self.status();
        if status != Status::Running {
            return Err(self.wrong_status("execute a process in", status));
        }
        process.validate().map_err(|(field, problem)| Error::spec(Path::new("the process"), &field, problem))?;
        let wrong = |error: serde_json::Error| Error::host("describe the process", error);
        let process = serde_json::to_value(process).map_err(wrong)?;
        let (terminal, streams) = stdio.into_parts();
        let fds: Vec<BorrowedFd<'_>> = streams.iter().chain(&files).map(AsFd::as_fd).collect();
        let channel = self.entry.connect()?;
        let call = || {
            channel.send(&Request::Execute { process, terminal: terminal.map(|terminal| terminal.size) }, &fds)?;
            Ok(channel.receive()?.0)
        };
        match call().map_err(|error| self.lost(error))? {
            Answer::Started { pid } => Execution::new(self, channel, pid).map_err(|error| self.lost(error)),
            other => Err(self.refused(other)),
        }
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// [`Error::Status`] if it does not run, or the kernel's refusal.
    pub fn signal(&self, signal: i32, target: Target) -> Result<(), Error> {
        match self.status() {
            Status::Running | Status::Paused => {}
            // A container that waits for its start has no process to handle the signal.
            Status::Created if matches!(signal, libc::SIGKILL | libc::SIGTERM) => return self.kill(),
            status => return Err(self.wrong_status("signal", status)),
        }
        match self.done(&Request::Signal { signal, target }) {
            // No container outlives this signal because its kernel does not answer.
            Err(Error::Control { .. }) if signal == libc::SIGKILL && !matches!(target, Target::Process(_)) => {
                self.kill()
            }
            result => result,
        }
    }

    /// Tells the size of the host terminal.
    ///
    /// # Errors
    /// The kernel's refusal, for instance when the container has no terminal.
    pub fn resize(&self, rows: u16, columns: u16) -> Result<(), Error> {
        self.resize_terminal_of(None, rows, columns)
    }

    /// Tells the size of the host terminal of a process that [`Sandbox::execute`] started, or of the first one.
    ///
    /// # Errors
    /// The kernel's refusal, for instance when the process has no terminal.
    pub fn resize_terminal_of(&self, process: Option<i32>, rows: u16, columns: u16) -> Result<(), Error> {
        self.done(&Request::Resize { process, rows, columns })
    }

    /// The container's processes, by their ids there.
    ///
    /// # Errors
    /// [`Error::Status`] if it does not run.
    pub fn processes(&self) -> Result<Vec<Process>, Error> {
        match self.status() {
            Status::Running | Status::Created | Status::Paused => {}
            status => return Err(self.wrong_status("list the processes of", status)),
        }
        let mut all: Vec<Process> = Vec::new();
        // A sandbox that never comes to an end is not listened to for ever.
        while all.len() < MAX_PROCESSES {
            let after = all.last().map_or(0, |process| process.pid);
            match self.call(&Request::Processes { after })? {
                Answer::Processes(some) if some.is_empty() => break,
                Answer::Processes(some) => all.extend(some),
                other => return Err(self.refused(other)),
            }
        }
        Ok(all)
    }

    /// The processes that the host runs for the container, by the host's ids: the sandbox process, and one for
    /// each address space. Without a cgroup only the former is known.
    ///
    /// # Errors
    /// [`Error::Status`] if it does not run.
    pub fn host_processes(&self) -> Result<Vec<i32>, Error> {
        match self.status() {
            Status::Running | Status::Created | Status::Paused => {}
            status => return Err(self.wrong_status("list the processes of", status)),
        }
        match &self.state.cgroup {
            Some(cgroup) => Ok(cgroup.processes()?),
            None => Ok(vec![self.state.pid]),
        }
    }

    /// Stops every task of the container, which keeps its memory and files.
    ///
    /// # Errors
    /// [`Error::Status`] if it does not run or is paused already.
    pub fn pause(&self) -> Result<(), Error> {
        let _lock = self.entry.lock_changes()?;
        match self.status() {
            Status::Running => self.done(&Request::Pause),
            status => Err(self.wrong_status("pause", status)),
        }
    }

    /// Lets a paused container go on.
    ///
    /// # Errors
    /// [`Error::Status`] if it is not paused.
    pub fn resume(&self) -> Result<(), Error> {
        let _lock = self.entry.lock_changes()?;
        match self.status() {
            Status::Paused => self.done(&Request::Resume),
            status => Err(self.wrong_status("resume", status)),
        }
    }

    /// Changes limits; what `changes` does not name stays as it is.
    ///
    /// # Errors
    /// [`Error::Status`] if the container has ended; the limit that is wrong or refused.
    pub fn update(&mut self, changes: spec::Resources) -> Result<(), Error> {
        let wrong = |(field, problem): (String, String)| Error::spec(Path::new("the limits"), &field, problem);
        changes.validate().map_err(wrong)?;
        let _lock = self.entry.lock_changes()?;
        match self.status() {
            Status::Running | Status::Created | Status::Paused => {}
            status => return Err(self.wrong_status("update", status)),
        }
        // Another command may have changed it before we had the lock.
        self.state = self.entry.read()?;
        match &self.state.cgroup {
            Some(cgroup) => cgroup.limit(&changes)?,
            None if changes.needs_cgroup() => {
                let id = &self.state.id;
                return Err(Failure::new(format!("update container {id:?}"), "it was made without a cgroup").into());
            }
            None => {}
        }
        self.state.resources.merge(changes);
        self.done(&Request::Limit { tasks: self.state.resources.max_tasks() })?;
        self.entry.write(&self.state)
    }

    /// What the container has used.
    ///
    /// # Errors
    /// [`Error::Status`] if it has ended.
    pub fn usage(&self) -> Result<Usage, Error> {
        match self.status() {
            Status::Running | Status::Created | Status::Paused => {}
            status => return Err(self.wrong_status("count the use of", status)),
        }
        match self.call(&Request::Usage)? {
            Answer::Usage { user, system, tasks } => {
                let host = self.state.cgroup.as_ref().map(Cgroup::stats).unwrap_or_default();
                Ok(Usage { user, system, tasks, max_tasks: self.state.resources.max_tasks(), host })
            }
            other => Err(self.refused(other)),
        }
    }

    /// How many of its processes the host has killed because of the memory limit; `None` if nobody counts.
    pub fn oom_kills(&self) -> Option<u64> {
        self.state.cgroup.as_ref().and_then(Cgroup::oom_kills)
    }

    /// Waits for the container's end. May be asked by anybody, and after the end.
    ///
    /// # Errors
    /// Those of waiting for a process.
    pub fn wait(&mut self) -> Result<End, Error> {
        if let Some(child) = &self.child {
            let end = launch::wait_for(child).map_err(|errno| Error::host("wait for the sandbox process", errno))?;
            self.child = None;
            return Ok(match end {
                ChildEnd::Exited(status) => End::Exited(u8::try_from(status).unwrap_or(u8::MAX)),
                ChildEnd::Killed(signal) => End::Killed(signal),
            });
        }
        if let Ok(status) = self.ask_for_end() {
            return Ok(End::Exited(status));
        }
        if let Some(pidfd) = self.state.pidfd() {
            launch::await_end(pidfd.as_fd()).map_err(|errno| Error::host("wait for the sandbox process", errno))?;
        }
        Ok(self.entry.exit_status().map_or(End::Killed(libc::SIGKILL), End::Exited))
    }

    /// The exit status, from a sandbox that lives until it has told.
    fn ask_for_end(&self) -> Result<u8, Error> {
        let channel = self.entry.connect()?;
        channel.set_timeout(None).map_err(|error| self.lost(error))?;
        match channel.call(&Request::Wait { process: None }).map_err(|error| self.lost(error))? {
            Answer::Exited { status } => Ok(status),
            other => Err(self.refused(other)),
        }
    }

    /// Ends everything and removes the state. What is gone already is no error.
    ///
    /// # Errors
    /// Those of removing the state directory.
    pub fn destroy(mut self) -> Result<(), Error> {
        self.kill()?;
        if self.child.is_some() {
            self.wait()?;
        }
        self.remove()
    }

    /// Removes what is left of a container that has ended.
    fn remove(&self) -> Result<(), Error> {
        self.state.cgroup.as_ref().map_or(Ok(()), Cgroup::remove)?;
        self.entry.remove()?;
        if let Err(failure) = hooks::run("poststop", &self.state.hooks.poststop, &self.state, Status::Stopped) {
            eprintln!("lazaret: warning: {failure}");
        }
        Ok(())
    }

    /// Removes the state of a container that has ended; `force` ends it first.
    ///
    /// # Errors
    /// [`Error::Status`] if it runs.
    pub fn delete(self, force: bool) -> Result<(), Error> {
        let _lock = self.entry.lock_changes()?;
        match self.status() {
            Status::Stopped => self.destroy(),
            // runc, too, deletes what was never started.
            Status::Created => self.destroy(),
            _ if force => self.destroy(),
            status => Err(self.wrong_status("delete", status)),
        }
    }

    /// Lets a sandbox that is not attached live on, now that its state is written.
    fn release(&self) -> Result<(), Error> {
        match &self.channel {
            Some(channel) if !self.state.attached => {
                channel.call::<_, Answer>(&Request::Release).map(drop).map_err(|error| self.lost(error))
            }
            _ => Ok(()),
        }
    }

    /// Kills the sandbox process, and returns when it has ended.
    fn kill(&self) -> Result<(), Error> {
        let known = self.state.pidfd();
        let Some(pidfd) = self.ended().or(known.as_ref().map(AsFd::as_fd)) else { return Ok(()) };
        let killed = match pidfd_send_signal(pidfd, Signal::KILL) {
            Ok(()) => launch::await_end(pidfd),
            Err(Errno::SRCH) => Ok(()),
            Err(errno) => Err(errno),
        };
        killed.map_err(|errno| Error::host("kill the sandbox process", errno))
    }

    fn call(&self, request: &Request) -> Result<Answer, Error> {
        self.entry.connect()?.call(request).map_err(|error| self.lost(error))
    }

    fn done(&self, request: &Request) -> Result<(), Error> {
        match self.call(request)? {
            Answer::Done => Ok(()),
            other => Err(self.refused(other)),
        }
    }

    fn wrong_status(&self, operation: &'static str, status: Status) -> Error {
        Error::Status { id: self.state.id.clone(), operation, status: status.name().into() }
    }

    /// Talking to the sandbox failed.
    pub(crate) fn lost(&self, error: lazaret_control::Error) -> Error {
        Error::Control { id: self.state.id.clone(), error }
    }

    /// The sandbox refused a request.
    pub(crate) fn refused(&self, answer: Answer) -> Error {
        match answer {
            Answer::Failed(failure) => Error::Failed(failure),
            _ => Error::Failed(Failure::new(format!("sandbox {:?}", self.state.id), "gave an unexpected answer")),
        }
    }
}
