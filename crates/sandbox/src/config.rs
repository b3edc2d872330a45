//! What a caller sets: for all sandboxes, and for one container.

use std::{fs::File, os::fd::OwnedFd, path::PathBuf, time::Duration};

use lazaret_kernel::log::Level;

use crate::{error::Error, logfile::open_log, mounts::FileAccess, network::Network, spec::Spec, stdio::Stdio};

/// How long a sandbox may take for one answer, unless the caller says otherwise.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

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
    /// How the host's files are reached.
    pub access: FileAccess,
    /// Make no cgroup, whatever the specification wants.
    pub ignore_cgroups: bool,
    /// Have systemd make cgroups, those of the user's own systemd for an ordinary user.
    pub systemd_cgroup: bool,
    /// How long a sandbox may take for one answer.
    pub answer_timeout: Duration,
}

impl Config {
    /// Settings for containers that exist already, in the state directory `root`.
    pub fn of_root(root: PathBuf) -> Config {
        let (logging, network) = (Logging::default(), Network::default());
        let (access, overlay) = (FileAccess::default(), true);
        Config {
            root,
            logging,
            network,
            overlay,
            access,
            ignore_cgroups: false,
            systemd_cgroup: false,
            answer_timeout: ANSWER_TIMEOUT,
        }
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
    /// The debug log of a sandbox, if there is a directory for it.
    ///
    /// # Errors
    /// Names the directory or the file.
    pub(crate) fn open_debug_log(&self, id: &str) -> Result<Option<File>, Error> {
        let Some(directory) = &self.directory else { return Ok(None) };
        let made = std::fs::create_dir_all(directory);
        made.map_err(|error| Error::host(format!("make {}", directory.display()), error))?;
        let path = directory.join(format!("{id}.log"));
        open_log(&path).map(Some).map_err(|error| Error::host(format!("open {}", path.display()), error))
    }

    /// How much is logged; nothing unless it was asked for, for standard error is the user's.
    pub(crate) fn level(&self) -> Option<Level> {
        if self.debug {
            Some(Level::Debug)
        } else {
            (self.directory.is_some() || self.strace.is_some()).then_some(Level::Info)
        }
    }
}

/// What a container is made with.
#[derive(Debug)]
pub struct Args {
    /// Its id, and that of the sandbox if it is the first there.
    pub id: String,
    /// The container.
    pub spec: Spec,
    /// Directory that relative paths in the specification start from.
    pub bundle: PathBuf,
    /// Standard streams of the container's first process.
    pub stdio: Stdio,
    /// Further files of that process: descriptor 3 and up.
    pub files: Vec<OwnedFd>,
    /// The container ends with the calling process, and its state is removed then.
    pub attached: bool,
    /// Of a container that joins a sandbox: the calling process stands for it on the host. The container ends with
    /// it, but its state stays until it is deleted.
    pub stands_in: bool,
    /// Of the first container of a sandbox: others may join it.
    pub is_open: bool,
}
