//! What can be typed. Names follow runc and runsc where they have one for the thing.

mod commands;
mod settings;

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use lazaret_sandbox::{Config, FileSharing, Logging};

pub use commands::{
    Completions, Create, Debug, Delete, Do, Events, Exec, Id, Kill, Level, List, ListFormat, ManualPages, Ps, Run,
    SpecArgs, Update, Wait,
};
pub use settings::{add_file, annotate, parse};

/// Runs containers that nobody trusts inside an application kernel of their own.
#[derive(Debug, Parser)]
#[command(
    name = "lazaret",
    version,
    long_version = concat!(env!("CARGO_PKG_VERSION"), "\nspec: 1.2.0"),
    max_term_width = 100,
    disable_help_subcommand = true,
    args_override_self = true
)]
pub struct Options {
    /// File with flags of this list, as `debug = true` [default: /etc/lazaret/config.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// State directory [default: /run/lazaret, or $XDG_RUNTIME_DIR/lazaret for an ordinary user]
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,

    /// Write errors to this file too
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,

    /// Format of that file
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,

    /// Log in detail, to --debug-log or standard error
    #[arg(long, value_name = "BOOL", default_value = "false", default_missing_value = "true")]
    #[arg(action = ArgAction::Set, num_args = 0..=1, require_equals = true, hide_default_value = true)]
    pub debug: bool,

    /// Directory of debug logs, one file per container
    #[arg(long, value_name = "DIR")]
    pub debug_log: Option<PathBuf>,

    /// File for messages to the container's user, such as missing system calls
    #[arg(long, value_name = "FILE")]
    pub user_log: Option<PathBuf>,

    /// Log each system call of the container, to --debug-log or standard error
    #[arg(long, value_name = "BOOL", default_value = "false", default_missing_value = "true")]
    #[arg(action = ArgAction::Set, num_args = 0..=1, require_equals = true, hide_default_value = true)]
    pub strace: bool,

    /// With --strace: only these calls
    #[arg(long, value_name = "CALL", value_delimiter = ',')]
    pub strace_syscalls: Vec<String>,

    /// How application code runs
    #[arg(long, default_value = "stub")]
    pub platform: Platform,

    /// What network the container has; without this, `none` for `do` and `sandbox` for the others
    #[arg(long)]
    pub network: Option<Network>,

    /// Where writes to a container's root go: `memory` keeps them in the sandbox, `none` passes them to the host
    #[arg(long, value_name = "MEDIUM", default_value = "memory")]
    pub overlay2: Overlay,

    /// Make no cgroups, and set no limits
    #[arg(long, value_name = "BOOL", default_value = "false", default_missing_value = "true")]
    #[arg(action = ArgAction::Set, num_args = 0..=1, require_equals = true, hide_default_value = true)]
    pub ignore_cgroups: bool,

    /// Have systemd make cgroups: `cgroupsPath` is slice:prefix:name then
    #[arg(long, value_name = "BOOL", default_value = "false", default_missing_value = "true")]
    #[arg(action = ArgAction::Set, num_args = 0..=1, require_equals = true, hide_default_value = true)]
    pub systemd_cgroup: bool,

    /// How many seconds a sandbox may take for one answer
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u16).range(1..))]
    pub answer_timeout: u16,

    /// The sandbox process opens files of the host by itself, below directories that it was given. If not, another
    /// process opens them for it. A mount may say otherwise by its option `x-lazaret.directfs=BOOL`
    #[arg(long, value_name = "BOOL", default_value = "true", default_missing_value = "true")]
    #[arg(action = ArgAction::Set, num_args = 0..=1, require_equals = true)]
    pub directfs: bool,

    /// Who changes the files of a container's root meanwhile: others as well (`shared`), or only the container
    /// [default: exclusive if writes stay in memory]
    #[arg(long, value_name = "WHO")]
    pub file_access: Option<FileAccess>,

    /// The same for mounts; one may say otherwise by its option `x-lazaret.file-access=WHO`
    #[arg(long, value_name = "WHO", default_value = "shared")]
    pub file_access_mounts: FileAccess,

    /// What a container may do with Unix sockets of the host in its mounts: connect to them (`open`), make them
    /// (`create`). Mounts are served by another process then, as by `--directfs=false`
    #[arg(long, value_name = "ACCESS", default_value = "none")]
    pub host_uds: HostSockets,

    /// Accepted for runc's sake: CRIU is not used
    #[arg(long, value_name = "PATH", hide = true)]
    pub criu: Option<PathBuf>,

    /// Accepted for the sake of tools: what needs root is found out
    #[arg(long, value_name = "BOOL", hide = true, default_value = "auto")]
    pub rootless: Rootless,

    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// Format of the log file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "they name themselves")]
pub enum LogFormat {
    Text,
    Json,
}

/// Whether the user is an ordinary one; it does not need to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "they name themselves")]
pub enum Rootless {
    Auto,
    True,
    False,
}

/// What a container may do with Unix sockets of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HostSockets {
    /// Nothing
    None,
    /// Connect to them
    Open,
    /// Make them, for the host's programs to connect to
    Create,
    /// Both
    All,
}

impl From<HostSockets> for lazaret_sandbox::HostSockets {
    fn from(sockets: HostSockets) -> lazaret_sandbox::HostSockets {
        let is = |one| sockets == one || sockets == HostSockets::All;
        lazaret_sandbox::HostSockets { open: is(HostSockets::Open), create: is(HostSockets::Create) }
    }
}

/// Who changes files of the host while a container uses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FileAccess {
    /// Others as well: the host is always asked
    Shared,
    /// Only the container: what was found is not looked for again
    Exclusive,
}

impl From<FileAccess> for FileSharing {
    fn from(access: FileAccess) -> FileSharing {
        match access {
            FileAccess::Shared => FileSharing::Shared,
            FileAccess::Exclusive => FileSharing::Exclusive,
        }
    }
}

/// How application code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Platform {
    /// A host process for each address space
    Stub,
}

/// What network a container has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Network {
    /// Loopback only
    None,
    /// The links of the container's network namespace, by a TCP/IP of the sandbox's own
    Sandbox,
    /// That of the host, or of the container's network namespace: sockets are the host's
    Host,
}

/// Where writes to the root go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Overlay {
    /// They stay in the sandbox's memory
    #[value(alias = "root:memory", alias = "all:memory")]
    Memory,
    /// They go to the host's files
    None,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a command in a sandbox over the host's own files, which it cannot change
    Do(Do),
    /// Make and start a container, and wait for its end
    Run(Run),
    /// Make a container, which then waits for its start
    Create(Create),
    /// Start a container that was made with `create`
    Start(Id),
    /// Run a further process in a container
    Exec(Exec),
    /// Send a signal to a container's first process
    Kill(Kill),
    /// Remove a container that has ended
    Delete(Delete),
    /// Tell the state of a container, as JSON
    State(Id),
    /// List containers
    List(List),
    /// List the processes of a container, by their ids there
    Ps(Ps),
    /// Stop all processes of a container
    Pause(Id),
    /// Let a paused container go on
    Resume(Id),
    /// Tell what a container uses, as JSON, again and again
    Events(Events),
    /// Change the limits of a container
    Update(Box<Update>),
    /// Look into a running sandbox, and change what it logs
    Debug(Debug),
    /// Tell what this runtime can do, as JSON
    Features,
    /// Wait for a container's end; exits with its status
    Wait(Wait),
    /// Write a config.json to start from
    Spec(SpecArgs),
    /// Write a completion script for a shell
    Completions(Completions),
    /// Write the manual pages
    Man(ManualPages),
}

impl Options {
    /// The network, wherever it was typed.
    fn network(&self) -> Network {
        match &self.command {
            Command::Do(Do { network, .. }) => network.or(self.network).unwrap_or(Network::None),
            _ => self.network.unwrap_or(Network::Sandbox),
        }
    }

    /// The library's settings.
    pub fn config(&self) -> Config {
        Config {
            root: self.root.clone().unwrap_or_else(default_root),
            logging: Logging {
                debug: self.debug,
                directory: self.debug_log.clone(),
                strace: self.strace.then(|| self.strace_syscalls.clone()),
                user_log: self.user_log.clone(),
            },
            overlay: self.overlay2 == Overlay::Memory,
            network: match self.network() {
                Network::None => lazaret_sandbox::Network::None,
                Network::Sandbox => lazaret_sandbox::Network::Sandbox,
                Network::Host => lazaret_sandbox::Network::Host,
            },
            access: lazaret_sandbox::FileAccess {
                directfs: self.directfs,
                root: self.file_access.map(Into::into),
                mounts: self.file_access_mounts.into(),
                sockets: self.host_uds.into(),
            },
            ignore_cgroups: self.ignore_cgroups,
            systemd_cgroup: self.systemd_cgroup,
            answer_timeout: Duration::from_secs(self.answer_timeout.into()),
        }
    }
}

fn default_root() -> PathBuf {
    let user = rustix::process::geteuid();
    if user.is_root() {
        return "/run/lazaret".into();
    }
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(directory) if !directory.is_empty() => PathBuf::from(directory).join("lazaret"),
        _ => std::env::temp_dir().join(format!("lazaret-{}", user.as_raw())),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        super::Options::command().debug_assert();
    }
}
