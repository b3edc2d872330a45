//! What can be typed. Names follow runc and runsc where they have one for the thing.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use lazaret_sandbox::{Config, Logging};

/// Runs containers that nobody trusts inside an application kernel of their own.
#[derive(Debug, Parser)]
#[command(name = "lazaret", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Options {
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
    #[arg(long)]
    pub debug: bool,

    /// Directory of debug logs, one file per container
    #[arg(long, value_name = "DIR")]
    pub debug_log: Option<PathBuf>,

    /// File for messages to the container's user, such as missing system calls
    #[arg(long, value_name = "FILE")]
    pub user_log: Option<PathBuf>,

    /// Log each system call of the container, to --debug-log or standard error
    #[arg(long)]
    pub strace: bool,

    /// With --strace: only these calls
    #[arg(long, value_name = "CALL", value_delimiter = ',')]
    pub strace_syscalls: Vec<String>,

    /// How application code runs
    #[arg(long, default_value = "stub")]
    pub platform: Platform,

    /// What network the container has
    #[arg(long, default_value = "none")]
    pub network: Network,

    /// Where writes to a container's root go: `memory` keeps them in the sandbox, `none` passes them to the host
    #[arg(long, value_name = "MEDIUM", default_value = "memory")]
    pub overlay2: Overlay,

    /// Make no cgroups, and set no limits
    #[arg(long)]
    pub ignore_cgroups: bool,

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
    /// That of the host, or of the network namespace that the specification names: sockets are the host's
    Host,
}

/// Where writes to the root go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Overlay {
    /// They stay in the sandbox's memory
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
    /// Tell what this runtime can do, as JSON
    Features,
    /// Wait for a container's end; exits with its status
    Wait(Id),
    /// Write a config.json to start from
    Spec(SpecArgs),
    /// Write a completion script for a shell
    Completions(Completions),
}

/// Arguments of `do`.
#[derive(Debug, Args)]
pub struct Do {
    /// Directory that becomes the root
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,

    /// Working directory [default: the current one]
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,

    /// Set an environment variable
    #[arg(long, short, value_name = "NAME=VALUE")]
    pub env: Vec<String>,

    /// Show a file or directory of the host in another place
    #[arg(long, short, value_name = "SOURCE:DESTINATION[:ro]")]
    pub volume: Vec<String>,

    /// Pass writes below this directory to the host
    #[arg(long, value_name = "DIR")]
    pub rw: Vec<PathBuf>,

    /// Host name
    #[arg(long, value_name = "NAME")]
    pub hostname: Option<String>,

    /// User id in the sandbox
    #[arg(long, default_value_t = 0)]
    pub uid: u32,

    /// Group id in the sandbox
    #[arg(long, default_value_t = 0)]
    pub gid: u32,

    /// User, by name or id, with a group if wanted; names are those of the root's /etc/passwd and /etc/group
    #[arg(long, short, value_name = "USER[:GROUP]", conflicts_with_all = ["uid", "gid"])]
    pub user: Option<String>,

    /// What network the sandbox has
    #[arg(long)]
    pub network: Option<Network>,

    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Do not wait for the container's end
    #[arg(long, short)]
    pub detach: bool,

    /// What to make
    #[command(flatten)]
    pub create: Create,
}

/// Arguments of `create`.
#[derive(Debug, Args)]
pub struct Create {
    /// The bundle's directory
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    pub bundle: PathBuf,

    /// Write the sandbox process' id to this file
    #[arg(long, value_name = "FILE")]
    pub pid_file: Option<PathBuf>,

    /// Unix socket that receives the master of the container's terminal
    #[arg(long, value_name = "SOCKET")]
    pub console_socket: Option<PathBuf>,

    /// Pass so many of this command's descriptors on, from 3
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub preserve_fds: u32,

    /// Accepted for runc's sake: nothing of a sandbox hangs in the root that pivot_root(2) needs
    #[arg(long, hide = true)]
    pub no_pivot: bool,

    /// Accepted for runc's sake: a sandbox has a keyring of its own in any case
    #[arg(long, hide = true)]
    pub no_new_keyring: bool,

    /// Name of the container
    pub id: String,
}

/// A container's name.
#[derive(Debug, Args)]
pub struct Id {
    /// Name of the container
    pub id: String,
}

/// Arguments of `exec`.
#[derive(Debug, Args)]
pub struct Exec {
    /// Give it a terminal
    #[arg(long, short)]
    pub tty: bool,

    /// Do not wait for its end
    #[arg(long, short)]
    pub detach: bool,

    /// User and group ids
    #[arg(long, short, value_name = "UID[:GID]")]
    pub user: Option<String>,

    /// Working directory
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,

    /// Set an environment variable
    #[arg(long, short, value_name = "NAME=VALUE")]
    pub env: Vec<String>,

    /// Supplementary group
    #[arg(long, short = 'g', value_name = "GID")]
    pub additional_gids: Vec<u32>,

    /// Give it this capability too
    #[arg(long, short, value_name = "CAPABILITY")]
    pub cap: Vec<String>,

    /// It gains no privileges by programs it executes
    #[arg(long)]
    pub no_new_privs: bool,

    /// Write the id of the process that stands for it on the host to this file
    #[arg(long, value_name = "FILE")]
    pub pid_file: Option<PathBuf>,

    /// Unix socket that receives the master of its terminal; needs --detach
    #[arg(long, value_name = "SOCKET", requires = "detach")]
    pub console_socket: Option<PathBuf>,

    /// Pass so many of this command's descriptors on, from 3
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub preserve_fds: u32,

    /// File with the process as JSON, as in a specification
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["user", "cwd", "env", "command"])]
    pub process: Option<PathBuf>,

    /// Name of the container
    pub id: String,

    /// The command and its arguments
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND",
        required_unless_present = "process"
    )]
    pub command: Vec<String>,
}

/// Arguments of `kill`.
#[derive(Debug, Args)]
pub struct Kill {
    /// Send it to every process of the container
    #[arg(long, short)]
    pub all: bool,

    /// Name of the container
    pub id: String,

    /// Signal, by name or number
    #[arg(default_value = "SIGTERM")]
    pub signal: String,
}

/// Arguments of `delete`.
#[derive(Debug, Args)]
pub struct Delete {
    /// End it first if it runs; no error if it does not exist
    #[arg(long, short)]
    pub force: bool,

    /// Names of containers
    #[arg(required = true)]
    pub ids: Vec<String>,
}

/// Arguments of `list`.
#[derive(Debug, Args)]
pub struct List {
    /// Output format
    #[arg(long, short, default_value = "table")]
    pub format: ListFormat,

    /// Only names
    #[arg(long, short)]
    pub quiet: bool,
}

/// Output format of `list`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "they name themselves")]
pub enum ListFormat {
    Table,
    Json,
}

/// Arguments of `ps`.
#[derive(Debug, Args)]
pub struct Ps {
    /// Output format; `json` gives the ids of the host processes
    #[arg(long, short, default_value = "table")]
    pub format: ListFormat,

    /// Name of the container
    pub id: String,

    /// Accepted for runc's sake, which passes them to ps(1)
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    pub options: Vec<String>,
}

/// Arguments of `events`.
#[derive(Debug, Args)]
pub struct Events {
    /// Time between two events, as `5s` or `100ms`
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_interval)]
    pub interval: Duration,

    /// Only once
    #[arg(long)]
    pub stats: bool,

    /// Name of the container
    pub id: String,
}

/// A time as Go's tools write it, with one unit.
fn parse_interval(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a time such as 5s or 100ms");
    let number = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let count: u64 = number.parse().map_err(|_| wrong())?;
    let time = match &text[number.len()..] {
        "ms" => Duration::from_millis(count),
        "s" => Duration::from_secs(count),
        "m" => Duration::from_secs(count.saturating_mul(60)),
        _ => return Err(wrong()),
    };
    if time.is_zero() { Err(wrong()) } else { Ok(time) }
}

/// Arguments of `update`.
#[derive(Debug, Args)]
pub struct Update {
    /// File with limits as `linux.resources` of a specification; `-` is standard input
    #[arg(long, short, value_name = "FILE")]
    pub resources: Option<PathBuf>,

    /// Memory in bytes, -1 for any amount
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    pub memory: Option<i64>,

    /// Memory that is left to it when memory is short
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    pub memory_reservation: Option<i64>,

    /// Memory and swap together
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    pub memory_swap: Option<i64>,

    /// Weight for processors
    #[arg(long, value_name = "WEIGHT", visible_alias = "cpu-shares")]
    pub cpu_share: Option<u64>,

    /// Microseconds of processor time in each period, -1 for any amount
    #[arg(long, value_name = "MICROSECONDS", allow_negative_numbers = true)]
    pub cpu_quota: Option<i64>,

    /// Length of a period
    #[arg(long, value_name = "MICROSECONDS")]
    pub cpu_period: Option<u64>,

    /// Processors, as in 0-2,4
    #[arg(long, value_name = "LIST")]
    pub cpuset_cpus: Option<String>,

    /// Memory nodes
    #[arg(long, value_name = "LIST")]
    pub cpuset_mems: Option<String>,

    /// Number of processes and threads, -1 for any number
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub pids_limit: Option<i64>,

    /// Weight for block devices
    #[arg(long, value_name = "WEIGHT")]
    pub blkio_weight: Option<u16>,

    /// Name of the container
    pub id: String,
}

/// Arguments of `spec`.
#[derive(Debug, Args)]
pub struct SpecArgs {
    /// Where to write it
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    pub bundle: PathBuf,

    /// The program and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: Shell,
}

impl Options {
    /// The network, wherever it was typed.
    fn network(&self) -> Network {
        match &self.command {
            Command::Do(Do { network: Some(network), .. }) => *network,
            _ => self.network,
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
                Network::Host => lazaret_sandbox::Network::Host,
            },
            ignore_cgroups: self.ignore_cgroups,
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
