//! A container, from the outside.

mod control;
mod end;

use std::{
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use lazaret_control::{Answer, Call, Channel, Failure, Interface, Phase, Request};
use lazaret_hostcall::process::Child;

use crate::{
    cgroup::{MemoryStats, Stats},
    config::{Args, Config},
    error::Error,
    hooks,
    links::{Found, Given},
    pod::Role,
    sandbox::Sandbox,
    spec::Mount,
    state::{Entry, Registry, State, Status},
    uplink::Uplink,
};

pub use self::end::End;

/// Most characters of a sandbox's words that are told.
const MAX_WORDS: usize = 1000;

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
    /// Bytes of memory that its processes have for themselves, as the application kernel counts it.
    pub memory: u64,
    /// The network interfaces that it sees.
    pub interfaces: Vec<Interface>,
    /// What the host has counted; it has nothing to tell of a container without a cgroup.
    pub host: Stats,
}

impl Usage {
    /// Memory in use: as the host counts it, or else as the application kernel does.
    pub fn memory_stats(&self) -> MemoryStats {
        self.host.memory.unwrap_or(MemoryStats { usage: self.memory, ..MemoryStats::default() })
    }
}

/// What the process that made a container holds of it.
#[derive(Debug)]
pub(crate) enum Held {
    /// Nothing: another process made it.
    Nothing,
    /// The sandbox process, until it was waited for, and the first connection to it.
    Sandbox {
        /// The connection.
        channel: Channel,
        /// The process.
        child: Option<Child>,
        /// The one that serves files to it.
        gofer: Option<Child>,
    },
    /// A connection that tells of the container's end, and by its own end kills it.
    Leash(Channel),
}

/// A container: the first of a sandbox, whose id is the sandbox's, or one that joined it later.
#[derive(Debug)]
pub struct Container {
    pub(crate) state: State,
    pub(crate) entry: Entry,
    /// The directory of the sandbox, if it is another one and there.
    pub(crate) sandbox: Option<Entry>,
    pub(crate) held: Held,
}

impl Container {
    /// Makes a container, which waits for [`Container::start`]: in the sandbox that the annotations of its
    /// specification name, or else in a new one; see [`Role`].
    ///
    /// The calling process must have one thread only.
    ///
    /// # Errors
    /// Whatever failed, by name; then nothing is left.
    pub fn new(config: &Config, args: Args) -> Result<Container, Error> {
        match Role::of(&args.spec) {
            Role::Member { sandbox } => Sandbox::load(config, &sandbox)?.create_container(config, args),
            Role::Sandbox | Role::Alone => Sandbox::new(config, args).map(Sandbox::into_root),
        }
    }

    /// Finds a container that was made before.
    ///
    /// # Errors
    /// [`Error::NotFound`], or what is wrong with its state.
    pub fn load(config: &Config, id: &str) -> Result<Container, Error> {
        let registry = Registry::open(config)?;
        let entry = registry.get(id)?;
        let state = entry.read()?;
        // Without it the container has ended, which its state tells.
        let sandbox = state.sandbox.as_ref().and_then(|sandbox| registry.get(sandbox).ok());
        Ok(Container { state, entry, sandbox, held: Held::Nothing })
    }

    /// Removes the state of a container whose state file cannot be read, if no sandbox answers there.
    ///
    /// # Errors
    /// What is wrong with the state, if a sandbox answers.
    pub fn discard(config: &Config, id: &str) -> Result<(), Error> {
        let entry = Registry::open(config)?.get(id)?;
        match (entry.read(), entry.connect()) {
            (Err(error), Ok(_)) => Err(error),
            (Err(_), Err(_)) => entry.remove(),
            (Ok(_), _) => Container::load(config, id)?.delete(true),
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.state.id
    }

    /// The id of its sandbox.
    pub fn sandbox_id(&self) -> &str {
        self.state.sandbox.as_ref().unwrap_or(&self.state.id)
    }

    /// It is the first of its sandbox, which ends with it.
    pub fn is_root(&self) -> bool {
        self.state.sandbox.is_none()
    }

    /// The state the container is in now: its file may be behind, so the sandbox is asked.
    pub fn status(&self) -> Status {
        let known = self.state.status();
        if !matches!(known, Status::Created | Status::Running) {
            return known;
        }
        match self.call(&Request::State) {
            Ok(Answer::State(Phase::Created)) => Status::Created,
            Ok(Answer::State(Phase::Running)) => Status::Running,
            Ok(Answer::State(Phase::Paused)) => Status::Paused,
            Ok(Answer::State(Phase::Ended)) => Status::Stopped,
            // The sandbox knows it no more.
            Ok(Answer::Failed(_)) | Err(Error::NotFound(_)) if !self.is_root() => Status::Stopped,
            // It has ended meanwhile, or does not answer.
            _ => self.state.status(),
        }
    }

    /// What is known of it.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Its mounts but the root, in the order in which they were made: destinations as the gofer has found them in the
    /// root, without links, and sources of the host likewise.
    ///
    /// # Errors
    /// Those of reading their file, `mounts.json` in the container's directory.
    pub fn mounts(&self) -> Result<Vec<Mount>, Error> {
        self.entry.mounts()
    }

    /// Becomes readable when the container ends; `None` if this process did not make it.
    pub fn ended(&self) -> Option<BorrowedFd<'_>> {
        match &self.held {
            Held::Nothing => None,
            Held::Sandbox { child, .. } => child.as_ref().map(|child| child.pidfd.as_fd()),
            Held::Leash(channel) => Some(channel.as_fd()),
        }
    }

    /// Makes a link between the host and a sandbox with a network of its own that was not made by others, before its
    /// start. `warn` is told what is missing for the way beyond the host.
    ///
    /// # Errors
    /// Those of the host, by step: only root can.
    pub fn link_to_host(&mut self, warn: &dyn Fn(&str)) -> Result<Uplink, Error> {
        let uplink = Uplink::new(self.state.pid, warn)?;
        if let Some(links) = &mut self.state.links {
            links.are_made = true;
        }
        Ok(uplink)
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
        if let Err(error) = self.hand_links_over() {
            // As after every start that fails: nobody deletes what could still be started. The first failure counts.
            let _ = self.kill();
            return Err(error);
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

    /// Gives the sandbox the links of its network namespace, if it has a network of its own.
    fn hand_links_over(&mut self) -> Result<(), Error> {
        let hooks = &self.state.hooks;
        let others = [&hooks.prestart, &hooks.create_runtime, &hooks.create_container];
        let has_time = !self.state.attached || others.iter().any(|list| !list.is_empty());
        let Some(links) = self.state.links.as_mut().filter(|links| links.are_expected(has_time)) else { return Ok(()) };
        let Given { tables, sockets } = match links.find(self.state.pid)? {
            Found::Links(given) => given,
            Found::Nothing => return Ok(()),
            Found::Bare => return self.check_for_other_owner(),
        };
        // Should this process be killed from here on, others know what the host is to get back.
        self.entry.write(&self.state)?;
        self.state.links.iter().try_for_each(|links| links.take(self.state.pid))?;
        let network = serde_json::to_value(tables).map_err(|error| Error::host("describe the links", error))?;
        let fds: Vec<BorrowedFd<'_>> = sockets.iter().map(AsFd::as_fd).collect();
        let channel = self.connect()?;
        let call = || {
            channel.send(&self.about(Request::Attach { network }), &fds)?;
            Ok(channel.receive()?.0)
        };
        match call().map_err(|error| self.lost(error))? {
            Answer::Done => Ok(()),
            other => Err(self.refused(other)),
        }
    }

    /// Links without addresses may be those that another sandbox has got.
    fn check_for_other_owner(&self) -> Result<(), Error> {
        let Some(links) = &self.state.links else { return Ok(()) };
        let others = Registry::of(&self.entry)?.list()?.into_iter().filter(|state| state.id != self.state.id);
        match others.into_iter().find(|state| state.links.as_ref().is_some_and(|other| links.are_of(other))) {
            Some(owner) => Err(Failure::new(
                format!("use the network namespace {}", links.place()),
                format!(
                    "its links are those of sandbox {:?}; a container shares them only if it joins that sandbox",
                    owner.id
                ),
            )
            .into()),
            None => Ok(()),
        }
    }

    /// Asks for the start. Hooks that run before the first process take as long as they are allowed.
    fn call_to_start(&self) -> Result<Answer, Error> {
        let fresh;
        let channel = match &self.held {
            Held::Sandbox { channel, .. } => channel,
            _ => {
                fresh = self.connect()?;
                &fresh
            }
        };
        let call = || {
            let hooks = &self.state.hooks.start_container;
            if hooks.is_empty() {
                return channel.call(&self.about(Request::Start));
            }
            let allowed =
                hooks.iter().map(|hook| hook.timeout).try_fold(0_u32, |sum, one| Some(sum.saturating_add(one?)));
            let timeout = self.entry.answer_timeout();
            channel.set_timeout(allowed.map(|seconds| timeout + Duration::from_secs(seconds.into())))?;
            let answer = channel.call(&self.about(Request::Start))?;
            channel.set_timeout(Some(timeout))?;
            Ok(answer)
        };
        call().map_err(|error| self.lost(error))
    }

    /// The hooks that are run while a container is made.
    pub(crate) fn creating_hooks(&self) -> Result<(), Error> {
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

    /// Lets a sandbox that is not attached live on, now that its state is written.
    pub(crate) fn release(&self) -> Result<(), Error> {
        match &self.held {
            Held::Sandbox { channel, .. } if !self.state.attached => {
                let request = self.about(Request::Release);
                channel.call::<_, Answer>(&request).map(drop).map_err(|error| self.lost(error))
            }
            _ => Ok(()),
        }
    }

    /// A request about this container.
    pub(crate) fn about(&self, request: Request) -> Call {
        Call { container: self.state.id.clone(), request }
    }

    /// Connects to the sandbox.
    pub(crate) fn connect(&self) -> Result<Channel, Error> {
        match (&self.state.sandbox, &self.sandbox) {
            (None, _) => self.entry.connect(),
            (Some(_), Some(sandbox)) => sandbox.connect(),
            (Some(id), None) => Err(Error::NotFound(id.clone())),
        }
    }

    pub(crate) fn call(&self, request: &Request) -> Result<Answer, Error> {
        self.connect()?.call(&self.about(request.clone())).map_err(|error| self.lost(error))
    }

    fn done(&self, request: &Request) -> Result<(), Error> {
        match self.call(request)? {
            Answer::Done => Ok(()),
            other => Err(self.refused(other)),
        }
    }

    /// The container has not ended.
    pub(crate) fn check_alive(&self, operation: &'static str) -> Result<(), Error> {
        match self.status() {
            Status::Running | Status::Created | Status::Paused => Ok(()),
            status => Err(self.wrong_status(operation, status)),
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
            Answer::Failed(mut failure) => {
                // It may be the words of an application that has taken it over.
                for text in [&mut failure.step, &mut failure.cause] {
                    *text = text.chars().take(MAX_WORDS).collect();
                }
                Error::Failed(failure)
            }
            _ => Error::Failed(Failure::new(format!("sandbox {:?}", self.state.id), "gave an unexpected answer")),
        }
    }
}
