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

use lazaret_control::{
    Answer, Channel, Failure, Report, Request, Target,
    server::{self, Service, converse},
};
use lazaret_kernel::boot::{Container, ProcessSpec, StartError};

use super::FAILED;

/// How long the process waits at the end for answers that are on their way.
const LINGER: Duration = Duration::from_secs(1);

/// A failure in the application kernel, for the maker.
pub fn start_failure(error: StartError) -> Failure {
    Failure { cause: error.cause.to_string(), errno: Some(error.cause.raw()), step: error.step }
}

enum Phase {
    /// The process to start is waiting here.
    Created(Option<ProcessSpec>),
    /// It runs, under this id.
    Running(i32),
    /// It has ended with this status.
    Ended(u8),
}

struct Init {
    container: Arc<Container>,
    phase: Mutex<Phase>,
    changed: Condvar,
    /// Callers that wait for the end and have not been answered.
    waiters: Mutex<usize>,
    answered: Condvar,
    /// The sandbox lives on without its maker.
    released: AtomicBool,
}

impl Init {
    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiters(&self) -> MutexGuard<'_, usize> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self) -> Result<i32, Failure> {
        let mut phase = self.phase();
        let Phase::Created(process) = &mut *phase else {
            return Err(Failure::new("start the container", "it has been started already"));
        };
        let process = process.take().ok_or_else(|| Failure::new("start the container", "an earlier start failed"))?;
        let pid = self.container.start(process).map_err(start_failure)?;
        *phase = Phase::Running(pid);
        self.changed.notify_all();
        Ok(pid)
    }

    fn wait(&self) -> u8 {
        let mut phase = self.phase();
        loop {
            if let Phase::Ended(status) = *phase {
                return status;
            }
            phase = self.changed.wait(phase).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn pid(&self, step: &str) -> Result<i32, Failure> {
        match *self.phase() {
            Phase::Running(pid) => Ok(pid),
            Phase::Created(_) => Err(Failure::new(step, "the container has not been started")),
            Phase::Ended(_) => Err(Failure::new(step, "the container has ended")),
        }
    }

    fn signal(&self, signal: i32, target: Target) -> Result<(), Failure> {
        let step = format!("send signal {signal}");
        let pid = match target {
            Target::Init => self.pid(&step)?,
            Target::Process(pid) if pid > 0 => pid,
            Target::Process(_) => return Err(Failure::new(step, "not a process id")),
            Target::All => -1,
        };
        let failed = |errno| start_failure(StartError { step, cause: errno });
        self.container.signal(pid, signal).map_err(failed)
    }

    fn resize(&self, rows: u16, columns: u16) -> Result<(), Failure> {
        let step = "resize the terminal";
        let failed = |errno| start_failure(StartError { step: step.into(), cause: errno });
        self.container.resize(self.pid(step)?, rows, columns).map_err(failed)
    }
}

impl Service for Init {
    fn answer(&self, request: Request, _fds: Vec<OwnedFd>) -> Answer {
        let done = |result: Result<(), Failure>| result.map_or_else(Answer::Failed, |()| Answer::Done);
        match request {
            Request::Release => {
                self.released.store(true, Ordering::Relaxed);
                Answer::Done
            }
            Request::Start => self.start().map_or_else(Answer::Failed, |pid| Answer::Started { pid }),
            Request::State => Answer::State {
                init: match *self.phase() {
                    Phase::Running(pid) => Some(pid),
                    _ => None,
                },
            },
            Request::Wait => {
                *self.waiters() += 1;
                Answer::Exited { status: self.wait() }
            }
            Request::Signal { signal, target } => done(self.signal(signal, target)),
            Request::Resize { rows, columns } => done(self.resize(rows, columns)),
            Request::Processes => {
                Answer::Failed(Failure::new("list processes", "the kernel does not tell its processes yet"))
            }
        }
    }

    fn answered(&self, request: &Request) {
        if *request == Request::Wait {
            *self.waiters() -= 1;
            self.answered.notify_all();
        }
    }
}

/// Serves callers until the container's first process has ended; returns its exit status.
pub fn serve(container: Arc<Container>, process: ProcessSpec, listener: OwnedFd, maker: &Arc<Channel>) -> i32 {
    let init = Arc::new(Init {
        container,
        phase: Mutex::new(Phase::Created(Some(process))),
        changed: Condvar::new(),
        waiters: Mutex::new(0),
        answered: Condvar::new(),
        released: AtomicBool::new(false),
    });
    let service: Arc<dyn Service> = init.clone();
    let first = {
        let (init, maker) = (init.clone(), maker.clone());
        move || {
            converse(&maker, init.as_ref());
            if !init.released.load(Ordering::Relaxed) {
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
    let pid = {
        let mut phase = init.phase();
        loop {
            match &*phase {
                Phase::Running(pid) => break *pid,
                _ => phase = init.changed.wait(phase).unwrap_or_else(PoisonError::into_inner),
            }
        }
    };
    let status = init.container.wait(pid).map_or(255, lazaret_kernel::boot::ExitStatus::code);
    *init.phase() = Phase::Ended(status);
    init.changed.notify_all();
    let unanswered = init.answered.wait_timeout_while(init.waiters(), LINGER, |waiters| *waiters > 0);
    drop(unanswered);
    i32::from(status)
}
