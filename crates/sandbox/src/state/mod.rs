//! The state directory: what one command leaves for the next to know.
//!
//! Each container has a directory named by its id, with `state.json` and the control socket. The
//! command that a container is attached to keeps the directory locked, so that after the death of
//! both anybody can tell that the directory is a leftover.

mod entry;
mod registry;

use std::{
    collections::BTreeMap,
    os::fd::OwnedFd,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};

pub use self::{entry::Entry, registry::Registry};

use crate::{
    cgroup::Cgroup,
    error::Error,
    links::Links,
    spec::{Hooks, Process, Resources},
};

/// Version of the state file; another one is refused.
const VERSION: u32 = 2;

/// What is known of a container between commands.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Version of this file.
    pub version: u32,
    /// Version of the specification that the container was made with.
    pub oci_version: String,
    /// The container's id.
    pub id: String,
    /// The sandbox that the container has joined; none for the first one of a sandbox.
    #[serde(default)]
    pub sandbox: Option<String>,
    /// Others may join it.
    #[serde(default)]
    pub is_open: bool,
    /// Its sandbox process opens no files of the host: they are served to it.
    #[serde(default)]
    pub is_served: bool,
    /// The process that serves files to the container.
    #[serde(default)]
    pub gofer: Option<Identity>,
    /// The process that stands for a container which has joined another's sandbox, and whose end is its end.
    #[serde(default)]
    pub stand_in: Option<Identity>,
    /// The sandbox process, as the host sees it; 0 before there is one.
    pub pid: i32,
    /// When that process started, in clock ticks after boot: tells it from a later one of this id.
    pub start_time: u64,
    /// The first process has been started.
    pub started: bool,
    /// The container ends with the command that made it.
    pub attached: bool,
    /// The bundle's directory.
    pub bundle: PathBuf,
    /// The root's directory.
    pub rootfs: PathBuf,
    /// Seconds since the epoch.
    pub created: u64,
    /// And nanoseconds.
    #[serde(default)]
    pub created_nanos: u32,
    /// Name or number of the user who made it.
    pub owner: String,
    /// The container's first process: what a further one is like unless told otherwise.
    #[serde(default)]
    pub process: Process,
    /// Annotations of the specification.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Programs that are still to be run.
    #[serde(default)]
    pub hooks: Hooks,
    /// The cgroup of the sandbox process, if it has one of its own.
    #[serde(default)]
    pub cgroup: Option<Cgroup>,
    /// Its limits.
    #[serde(default)]
    pub resources: Resources,
    /// How soon the host would have killed the sandbox process for want of memory, had the specification said nothing.
    #[serde(default)]
    pub original_oom_score_adj: i32,
    /// The links of the sandbox, if it has a network of its own.
    #[serde(default)]
    pub(crate) links: Option<Links>,
}

/// A process of the host, which is another one when its id is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Its id.
    pub pid: i32,
    /// When it started, in clock ticks after boot.
    pub start_time: u64,
}

impl Identity {
    /// The calling process.
    pub fn own() -> Identity {
        Identity::of(rustix::process::getpid())
    }

    /// A process that cannot go meanwhile: a child that was not waited for.
    pub(crate) fn of(pid: Pid) -> Identity {
        let pid = pid.as_raw_nonzero().get();
        Identity { pid, start_time: start_time(pid).unwrap_or(0) }
    }

    /// A descriptor of the process, if it lives.
    pub(crate) fn pidfd(&self) -> Option<OwnedFd> {
        let pidfd = pidfd_open(Pid::from_raw(self.pid)?, PidfdFlags::empty()).ok()?;
        // Only now is it sure which process of this id was opened.
        (start_time(self.pid) == Some(self.start_time)).then_some(pidfd)
    }
}

/// A container's place in the life cycle; see `runtime.md` of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Is being made.
    Creating,
    /// Made, and waits for its start.
    Created,
    /// Its first process runs.
    Running,
    /// Nothing in it runs until it is resumed.
    Paused,
    /// Its first process has ended.
    Stopped,
}

impl Status {
    /// The specification's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Status::Creating => "creating",
            Status::Created => "created",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Stopped => "stopped",
        }
    }
}

impl State {
    /// A container that is being made now.
    pub(crate) fn new(id: &str) -> State {
        let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        State {
            version: VERSION,
            oci_version: String::new(),
            id: id.into(),
            sandbox: None,
            is_open: false,
            is_served: false,
            gofer: None,
            stand_in: None,
            pid: 0,
            start_time: 0,
            started: false,
            attached: false,
            bundle: PathBuf::new(),
            rootfs: PathBuf::new(),
            created: created.as_secs(),
            created_nanos: created.subsec_nanos(),
            owner: rustix::process::getuid().as_raw().to_string(),
            process: Process::default(),
            annotations: BTreeMap::new(),
            hooks: Hooks::default(),
            cgroup: None,
            resources: Resources::default(),
            original_oom_score_adj: 0,
            links: None,
        }
    }

    /// The container's state as the specification describes it (`runtime.md`, "State").
    pub fn describe(&self, status: Status) -> serde_json::Value {
        serde_json::json!({
            "ociVersion": self.oci_version,
            "id": self.id,
            "status": status.name(),
            "pid": if status == Status::Stopped { 0 } else { self.host_pid() },
            "bundle": self.bundle,
            "annotations": self.annotations,
        })
    }

    /// The process that tools on the host know the container by: it ends when the container does.
    pub fn host_pid(&self) -> i32 {
        self.stand_in.map_or(self.pid, |process| process.pid)
    }

    /// The state the container is in, as far as the file and its process tell; see
    /// [`crate::Container::status`].
    pub fn status(&self) -> Status {
        if self.pid == 0 {
            Status::Creating
        } else if start_time(self.pid) != Some(self.start_time) {
            Status::Stopped
        } else if self.started {
            Status::Running
        } else {
            Status::Created
        }
    }

    /// A descriptor of the sandbox process, if it lives.
    pub(crate) fn pidfd(&self) -> Option<OwnedFd> {
        Identity { pid: self.pid, start_time: self.start_time }.pidfd()
    }
}

/// When a process started, in clock ticks after boot; `None` if it is gone or a zombie.
pub(crate) fn start_time(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses and may contain anything; see proc(5).
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    match fields.next()? {
        "Z" | "X" => None,
        _ => fields.nth(18)?.parse().ok(),
    }
}

/// Checks that an id can name a container, as runc does.
///
/// # Errors
/// [`Error::InvalidId`].
pub fn check_id(id: &str) -> Result<(), Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-.".contains(&byte);
    if id.is_empty() || id.len() > 255 || id == "." || id == ".." || !id.bytes().all(allowed) {
        return Err(Error::InvalidId(id.chars().take(64).collect()));
    }
    Ok(())
}
