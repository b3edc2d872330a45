//! What is asked of a container that lives.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    time::{Duration, Instant},
};

use lazaret_control::{Answer, Failure, Process, Request, Target};

use super::{Container, Usage};
use crate::{
    cgroup::Cgroup,
    error::Error,
    execution::{Execution, Ties},
    spec,
    state::Status,
    stdio::Stdio,
};

/// Most processes or threads that a sandbox is believed to have.
const MAX_LISTED: usize = 1 << 16;

/// How long a sandbox may take to list them all.
const MAX_LISTING: Duration = Duration::from_secs(30);

impl Container {
    /// Starts a further process in the container; `files` are its descriptors 3 and up.
    ///
    /// # Errors
    /// [`Error::Status`] if it has ended or is paused; what is wrong with the process, or with its program.
    pub fn execute(&self, process: &spec::Process, stdio: Stdio, files: Vec<OwnedFd>) -> Result<Execution<'_>, Error> {
        self.execute_with(process, stdio, files, Ties::default())
    }

    /// The same with a choice of what the process is tied to.
    ///
    /// # Errors
    /// Those of [`Container::execute`].
    pub fn execute_with(
        &self,
        process: &spec::Process,
        stdio: Stdio,
        files: Vec<OwnedFd>,
        ties: Ties,
    ) -> Result<Execution<'_>, Error> {
        match self.status() {
            Status::Created | Status::Running => {}
            Status::Paused if ties.even_paused => {}
            status => return Err(self.wrong_status("execute a process in", status)),
        }
        process.validate().map_err(|(field, problem)| Error::spec(Path::new("the process"), &field, problem))?;
        let wrong = |error: serde_json::Error| Error::host("describe the process", error);
        let process = serde_json::to_value(process).map_err(wrong)?;
        let (terminal, streams) = stdio.into_parts();
        let fds: Vec<BorrowedFd<'_>> = streams.iter().chain(&files).map(AsFd::as_fd).collect();
        let channel = self.connect()?;
        let request = Request::Execute { process, terminal: terminal.map(|terminal| terminal.size) };
        let call = || {
            channel.send(&self.about(request), &fds)?;
            Ok(channel.receive()?.0)
        };
        match call().map_err(|error| self.lost(error))? {
            Answer::Started { pid } => Execution::new(self, channel, pid, ties.leash).map_err(|error| self.lost(error)),
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
            // Then it ends without having run.
            Status::Created if matches!(signal, libc::SIGKILL | libc::SIGTERM) => {}
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

    /// Tells the size of the host terminal of a process that [`Container::execute`] started, or of the first one.
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
        self.check_alive("list the processes of")?;
        let take = |answer| match answer {
            Answer::Processes(some) => Ok(some),
            other => Err(other),
        };
        self.list(|after| Request::Processes { after }, take, |process| process.pid)
    }

    /// All that a sandbox lists in several answers, by rising numbers. One that never comes to an end is not listened
    /// to for ever.
    pub(crate) fn list<T>(
        &self,
        request: impl Fn(i32) -> Request,
        take: impl Fn(Answer) -> Result<Vec<T>, Answer>,
        number: impl Fn(&T) -> i32,
    ) -> Result<Vec<T>, Error> {
        let end = Instant::now() + MAX_LISTING;
        // One connection for all: with each comes a thread of the sandbox, which may be among what is listed.
        let channel = self.connect()?;
        let mut all: Vec<T> = Vec::new();
        loop {
            let after = all.last().map_or(0, &number);
            let answer = channel.call(&self.about(request(after))).map_err(|error| self.lost(error))?;
            let some = take(answer).map_err(|answer| self.refused(answer))?;
            if some.is_empty() {
                return Ok(all);
            }
            if !some.iter().map(&number).is_sorted_by(|a, b| a < b) || number(&some[0]) <= after {
                return Err(Failure::new(format!("sandbox {:?}", self.state.id), "lists in no order").into());
            }
            all.extend(some);
            if all.len() > MAX_LISTED || Instant::now() > end {
                return Err(Failure::new(format!("sandbox {:?}", self.state.id), "its list has no end").into());
            }
        }
    }

    /// The processes that the host runs for the container, by the host's ids: the sandbox process, and one for
    /// each address space. Without a cgroup only the former is known, or the one that stands for the container.
    ///
    /// # Errors
    /// [`Error::Status`] if it does not run.
    pub fn host_processes(&self) -> Result<Vec<i32>, Error> {
        self.check_alive("list the processes of")?;
        match &self.state.cgroup {
            Some(cgroup) => {
                let mut all = cgroup.processes()?;
                // Who stands for a container of a pod need not be in its cgroup.
                if !all.contains(&self.state.host_pid()) {
                    all.push(self.state.host_pid());
                }
                Ok(all)
            }
            None => Ok(vec![self.state.host_pid()]),
        }
    }

    /// Stops every task of the container, which keeps its memory and files; other containers of its sandbox
    /// go on. Pauses count: as many calls of [`Container::resume`] let it go on.
    ///
    /// # Errors
    /// [`Error::Status`] if it has ended.
    pub fn pause(&self) -> Result<(), Error> {
        self.pause_if(|status| matches!(status, Status::Created | Status::Running | Status::Paused))
    }

    /// The same for one that is not paused.
    ///
    /// # Errors
    /// [`Error::Status`] if it has ended or is paused already.
    pub fn pause_once(&self) -> Result<(), Error> {
        self.pause_if(|status| matches!(status, Status::Created | Status::Running))
    }

    fn pause_if(&self, is_right: impl FnOnce(Status) -> bool) -> Result<(), Error> {
        let _lock = self.entry.lock_changes()?;
        let status = self.status();
        if is_right(status) { self.done(&Request::Pause) } else { Err(self.wrong_status("pause", status)) }
    }

    /// Takes one pause back; without any left the container goes on.
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
        self.check_alive("update")?;
        // Another command may have changed it before we had the lock.
        self.state = self.entry.read()?;
        // Limits depend on each other, so all of them are set again.
        let mut resources = self.state.resources.clone();
        resources.merge(changes);
        match &self.state.cgroup {
            Some(cgroup) => cgroup.limit(&resources).inspect_err(|_| {
                // Some may have been set. The first failure is the one to tell.
                let _ = cgroup.limit(&self.state.resources);
            })?,
            None if resources.needs_cgroup() => {
                let id = &self.state.id;
                return Err(Failure::new(format!("update container {id:?}"), "it was made without a cgroup").into());
            }
            None => {}
        }
        self.state.resources = resources;
        let processors = self.state.cgroup.as_ref().and_then(Cgroup::processors);
        self.done(&Request::Limit { tasks: self.state.resources.max_tasks(), processors })?;
        self.entry.write(&self.state)
    }

    /// What the container has used.
    ///
    /// # Errors
    /// [`Error::Status`] if it has ended.
    pub fn usage(&self) -> Result<Usage, Error> {
        self.check_alive("count the use of")?;
        match self.call(&Request::Usage)? {
            Answer::Usage { user, system, tasks, memory, interfaces } => {
                let host = self.state.cgroup.as_ref().map(Cgroup::stats).unwrap_or_default();
                Ok(Usage { user, system, tasks, max_tasks: self.state.resources.max_tasks(), memory, interfaces, host })
            }
            other => Err(self.refused(other)),
        }
    }

    /// How many of its processes the host has killed because of the memory limit; `None` if nobody counts.
    pub fn oom_kills(&self) -> Option<u64> {
        self.state.cgroup.as_ref().and_then(Cgroup::oom_kills)
    }
}
