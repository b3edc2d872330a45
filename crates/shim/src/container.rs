//! A container and its processes.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::SystemTime,
};

use containerd_shim_protos::{
    api::DeleteResponse,
    events::task::{TaskDelete, TaskExecAdded, TaskExecStarted, TaskExit, TaskStart},
    topics,
    ttrpc::{self, Code, get_status},
};
use lazaret_sandbox::{Config, Console, Container as Loaded, End, Error, Stdio, Target, spec};

use crate::{
    create::{Plan, create},
    events::Events,
    process::{Exit, Process, timestamp},
    rootfs,
    streams::{Paths, drain},
};

/// The end of a process whose sandbox does not tell.
const KILLED: u8 = 128 + 9;

/// The end of a process that could not be started, as a shell has it.
const NOT_STARTED: u8 = 127;

/// A container, made by this server.
pub struct Container {
    id: String,
    bundle: PathBuf,
    config: Config,
    events: Events,
    init: Arc<Process>,
    /// Further processes.
    others: Mutex<BTreeMap<String, Arc<Process>>>,
}

/// An error for containerd.
pub fn failed(code: Code, error: impl std::fmt::Display) -> ttrpc::Error {
    ttrpc::Error::RpcStatus(get_status(code, error))
}

/// An error of the library for containerd, which tells some kinds from others.
fn refused(error: &Error) -> ttrpc::Error {
    let code = match error {
        Error::NotFound(_) => Code::NOT_FOUND,
        Error::Exists(_) => Code::ALREADY_EXISTS,
        Error::Status { .. } => Code::FAILED_PRECONDITION,
        Error::InvalidId(_) | Error::Spec { .. } => Code::INVALID_ARGUMENT,
        Error::Failed(failure) if failure.errno == Some(libc::ESRCH) => Code::NOT_FOUND,
        Error::Failed(_) | Error::Control { .. } => Code::UNKNOWN,
    };
    failed(code, error)
}

impl Container {
    /// Makes a container, whose root is mounted already.
    ///
    /// # Errors
    /// What failed; then nothing is left.
    pub fn create(
        config: Config,
        events: Events,
        id: String,
        bundle: PathBuf,
        paths: Paths,
        options: &str,
    ) -> ttrpc::Result<Arc<Container>> {
        let plan = Plan { id: &id, bundle: &bundle, root: &config.root, config: options, paths: &paths };
        let streams = create(&plan).map_err(|error| failed(Code::UNKNOWN, error))?;
        let sandbox = Loaded::load(&config, &id).map_err(|error| refused(&error))?;
        let init = Arc::new(Process::new(String::new(), paths, None));
        {
            let mut life = init.life();
            life.pid = sandbox.state().host_pid();
            life.streams = streams;
        }
        let container = Arc::new(Container { id, bundle, config, events, init, others: Mutex::default() });
        let waiter = container.clone();
        let wait = move || {
            let end = { sandbox }.wait().unwrap_or(End::Killed(libc::SIGKILL));
            waiter.ended(&waiter.init, end.status());
        };
        thread::Builder::new().name("wait".into()).spawn(wait).map_err(|error| failed(Code::UNKNOWN, error))?;
        Ok(container)
    }

    /// The first process, or one that [`exec`](Self::exec) has added.
    ///
    /// # Errors
    /// Not found.
    pub fn process(&self, exec_id: &str) -> ttrpc::Result<Arc<Process>> {
        if exec_id.is_empty() {
            return Ok(self.init.clone());
        }
        let process = self.others().get(exec_id).cloned();
        process.ok_or_else(|| failed(Code::NOT_FOUND, format!("process {exec_id} of container {} not found", self.id)))
    }

    /// The container's directory.
    pub fn bundle(&self) -> &PathBuf {
        &self.bundle
    }

    /// The container, as the library knows it now.
    ///
    /// # Errors
    /// Not found.
    pub fn sandbox(&self) -> ttrpc::Result<Loaded> {
        Loaded::load(&self.config, &self.id).map_err(|error| refused(&error))
    }

    /// Does something with the container.
    ///
    /// # Errors
    /// Those of `action`, in containerd's terms.
    pub fn with<T>(&self, action: impl FnOnce(&mut Loaded) -> Result<T, Error>) -> ttrpc::Result<T> {
        action(&mut self.sandbox()?).map_err(|error| refused(&error))
    }

    /// Starts the first process; returns its id.
    ///
    /// # Errors
    /// The library's; what cannot be started has ended.
    pub fn start(&self) -> ttrpc::Result<i32> {
        // The end is told after the start: it waits for this lock.
        let mut life = self.init.life();
        self.with(Loaded::start)?;
        life.started = true;
        let pid = life.pid.cast_unsigned();
        self.events.send(
            topics::TASK_START_EVENT_TOPIC,
            &TaskStart { container_id: self.id.clone(), pid, ..TaskStart::default() },
        );
        Ok(life.pid)
    }

    /// Adds a further process, which waits for its start.
    ///
    /// # Errors
    /// The name is in use.
    pub fn exec(&self, exec_id: String, paths: Paths, spec: spec::Process) -> ttrpc::Result<()> {
        let mut others = self.others();
        if others.contains_key(&exec_id) {
            return Err(failed(Code::ALREADY_EXISTS, format!("process {exec_id} exists already")));
        }
        let process = Process::new(exec_id.clone(), paths, Some(spec));
        others.insert(exec_id.clone(), Arc::new(process));
        let event = TaskExecAdded { container_id: self.id.clone(), exec_id, ..TaskExecAdded::default() };
        self.events.send(topics::TASK_EXEC_ADDED_EVENT_TOPIC, &event);
        Ok(())
    }

    /// Starts a process that was added; returns its id in the container.
    ///
    /// # Errors
    /// The library's, or those of opening the streams.
    pub fn start_exec(self: &Arc<Self>, process: &Arc<Process>) -> ttrpc::Result<i32> {
        let mut life = process.life();
        let Some(spec) = process.spec.clone().filter(|_| !life.started) else {
            return Err(failed(Code::FAILED_PRECONDITION, "the process has been started already"));
        };
        let wrong = |error| failed(Code::UNKNOWN, error);
        let (stdio, streams) = if process.paths.terminal {
            let (console, master) = Console::open(life.size).map_err(|error| refused(&error))?;
            (Stdio::Console(console), process.paths.attach(master).map_err(wrong)?)
        } else {
            let (files, streams) = process.paths.open().map_err(wrong)?;
            (Stdio::Files(files), streams)
        };
        let sandbox = self.sandbox()?;
        let (sender, receiver) = mpsc::channel();
        let (container, started) = (self.clone(), process.clone());
        let run = move || match sandbox.execute(&spec, stdio, Vec::new()) {
            Ok(execution) => {
                // Whoever has sent this thread listens.
                let _ = sender.send(Ok(execution.pid()));
                container.ended(&started, execution.wait().unwrap_or(KILLED));
            }
            Err(error) => drop(sender.send(Err(refused(&error)))),
        };
        thread::Builder::new().name("exec".into()).spawn(run).map_err(wrong)?;
        let gone = || Err(failed(Code::UNKNOWN, "the thread of the process has died"));
        match receiver.recv().unwrap_or_else(|_| gone()) {
            Ok(pid) => life.pid = pid,
            Err(error) => {
                drop(life);
                // Somebody may wait for it already.
                process.set_exit(Exit { status: NOT_STARTED, at: SystemTime::now() });
                return Err(error);
            }
        }
        life.streams = streams;
        life.started = true;
        let event = TaskExecStarted {
            container_id: self.id.clone(),
            exec_id: process.exec_id.clone(),
            pid: life.pid.cast_unsigned(),
            ..TaskExecStarted::default()
        };
        self.events.send(topics::TASK_EXEC_STARTED_EVENT_TOPIC, &event);
        Ok(life.pid)
    }

    /// Notes and tells the end of a process.
    fn ended(&self, process: &Process, status: u8) {
        let at = SystemTime::now();
        // Whoever is told of the end may not listen any longer.
        let copier = process.life().streams.copier();
        if let Some(copier) = &copier {
            drain(copier);
        }
        process.set_exit(Exit { status, at });
        let event = TaskExit {
            container_id: self.id.clone(),
            // The first process goes by the container's name.
            id: if process.exec_id.is_empty() { self.id.clone() } else { process.exec_id.clone() },
            pid: process.life().pid.cast_unsigned(),
            exit_status: status.into(),
            exited_at: Some(timestamp(at)).into(),
            ..TaskExit::default()
        };
        self.events.send(topics::TASK_EXIT_EVENT_TOPIC, &event);
    }

    /// Sends a signal to a process, or to all.
    ///
    /// # Errors
    /// Not found, if the process has ended; the library's.
    pub fn kill(&self, process: &Process, signal: i32, all: bool) -> ttrpc::Result<()> {
        let life = process.life();
        let target = match (process.exec_id.is_empty(), all) {
            _ if life.exit.is_some() => return Err(failed(Code::NOT_FOUND, "process already finished: not found")),
            (true, true) => Target::All,
            (true, false) => Target::Init,
            (false, _) if !life.started => {
                return Err(failed(Code::FAILED_PRECONDITION, "the process has not been started"));
            }
            (false, _) => Target::Process(life.pid),
        };
        drop(life);
        self.with(|sandbox| sandbox.signal(signal, target))
    }

    /// Tells a process' terminal its size.
    ///
    /// # Errors
    /// The library's, or the terminal's.
    pub fn resize(&self, process: &Process, rows: u16, columns: u16) -> ttrpc::Result<()> {
        let mut life = process.life();
        life.size = (rows, columns);
        // The sandbox follows the first process' terminal itself.
        life.streams.resize(rows, columns).map_err(|error| failed(Code::UNKNOWN, error))?;
        let pid = life.pid;
        if process.exec_id.is_empty() || !life.started || life.exit.is_some() {
            return Ok(());
        }
        drop(life);
        self.with(|sandbox| sandbox.resize_terminal_of(Some(pid), rows, columns))
    }

    /// Removes a process that does not run; with the first one, the container.
    ///
    /// # Errors
    /// It runs; the library's.
    pub fn delete(&self, process: &Process) -> ttrpc::Result<DeleteResponse> {
        let life = process.life();
        if life.started && life.exit.is_none() {
            return Err(failed(Code::FAILED_PRECONDITION, "the process still runs"));
        }
        let (pid, exit) = (life.pid.cast_unsigned(), life.exit.clone());
        drop(life);
        if process.exec_id.is_empty() {
            match Loaded::load(&self.config, &self.id).and_then(|sandbox| sandbox.delete(false)) {
                Ok(()) | Err(Error::NotFound(_)) => {}
                Err(error) => return Err(refused(&error)),
            }
            rootfs::unmount(&self.bundle).map_err(|error| failed(Code::UNKNOWN, error))?;
        } else {
            self.others().remove(&process.exec_id);
        }
        let exit = exit.unwrap_or(Exit { status: 0, at: SystemTime::now() });
        let exited_at = Some(timestamp(exit.at));
        let event = TaskDelete {
            container_id: self.id.clone(),
            id: process.exec_id.clone(),
            pid,
            exit_status: exit.status.into(),
            exited_at: exited_at.clone().into(),
            ..TaskDelete::default()
        };
        self.events.send(topics::TASK_DELETE_EVENT_TOPIC, &event);
        let exit_status = exit.status.into();
        Ok(DeleteResponse { pid, exit_status, exited_at: exited_at.into(), ..DeleteResponse::default() })
    }

    fn others(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Process>>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
