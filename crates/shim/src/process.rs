//! A process of a container, as containerd sees it.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use containerd_shim_protos::{
    api::{StateResponse, Status},
    protobuf::well_known_types::timestamp::Timestamp,
};
use lazaret_sandbox::spec;

use crate::streams::{Paths, Streams};

/// How a process has ended.
#[derive(Clone, Debug)]
pub struct Exit {
    /// Exit status, 128 + n for signal n.
    pub status: u8,
    /// When that was known.
    pub at: SystemTime,
}

/// What changes about a process.
#[derive(Debug, Default)]
pub struct Life {
    /// Process id: of the sandbox process on the host, or within the container for a further process; 0 before
    /// the start.
    pub pid: i32,
    /// How it has ended.
    pub exit: Option<Exit>,
    /// It has been started.
    pub started: bool,
    /// The server's side of its streams.
    pub streams: Streams,
    /// Rows and columns of its terminal.
    pub size: (u16, u16),
}

/// A process: the first one of a container, or a further one.
#[derive(Debug)]
pub struct Process {
    /// Its name for containerd; empty for the first one.
    pub exec_id: String,
    /// Where its streams lead.
    pub paths: Paths,
    /// What to start, for a further process.
    pub spec: Option<spec::Process>,
    life: Mutex<Life>,
    changed: Condvar,
}

impl Process {
    /// A process that has not been started.
    pub fn new(exec_id: String, paths: Paths, spec: Option<spec::Process>) -> Process {
        Process { exec_id, paths, spec, life: Mutex::default(), changed: Condvar::new() }
    }

    /// What changes; nobody else sees or changes it as long as the result lives.
    pub fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the end, which happens once.
    pub fn set_exit(&self, exit: Exit) {
        let mut life = self.life();
        life.streams.release();
        life.exit = Some(exit);
        drop(life);
        self.changed.notify_all();
    }

    /// Waits for the end.
    pub fn wait(&self) -> Exit {
        let mut life = self.life();
        loop {
            if let Some(exit) = &life.exit {
                return exit.clone();
            }
            life = self.changed.wait(life).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Answers containerd's question; `paused` tells of the container.
    pub fn describe(&self, paused: bool) -> StateResponse {
        let life = self.life();
        let status = match (&life.exit, life.started) {
            (Some(_), _) => Status::STOPPED,
            (None, false) => Status::CREATED,
            (None, true) if paused => Status::PAUSED,
            (None, true) => Status::RUNNING,
        };
        StateResponse {
            pid: life.pid.cast_unsigned(),
            status: status.into(),
            stdin: self.paths.stdin.clone(),
            stdout: self.paths.stdout.clone(),
            stderr: self.paths.stderr.clone(),
            terminal: self.paths.terminal,
            exit_status: life.exit.as_ref().map_or(0, |exit| exit.status.into()),
            exited_at: life.exit.as_ref().map(|exit| timestamp(exit.at)).into(),
            exec_id: self.exec_id.clone(),
            ..StateResponse::default()
        }
    }
}

/// A time as messages have it.
pub fn timestamp(time: SystemTime) -> Timestamp {
    time.into()
}
