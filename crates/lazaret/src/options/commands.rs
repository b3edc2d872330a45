//! The options of each command.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, ValueEnum};
use clap_complete::Shell;

use super::Network;

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

    /// What network the sandbox has; loopback alone without this
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

    /// Leave the container's state when it has ended
    #[arg(long)]
    pub keep: bool,

    /// Accepted for runc's sake: nothing of a sandbox needs a new parent
    #[arg(long, hide = true)]
    pub no_subreaper: bool,

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

/// Arguments of `wait`.
#[derive(Debug, Args)]
pub struct Wait {
    /// Wait for this process, which `exec` has started, by its number in the container
    #[arg(long, value_name = "PID")]
    pub pid: Option<i32>,

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

    /// Start it in a paused container, where it waits for the end of the pause
    #[arg(long)]
    pub ignore_paused: bool,

    /// Refused: a sandbox has no AppArmor
    #[arg(long, value_name = "PROFILE", hide = true)]
    pub apparmor: Option<String>,

    /// Accepted for runc's sake: a sandbox has no SELinux, and runc ignores it on a host without
    #[arg(long, value_name = "LABEL", hide = true)]
    pub process_label: Option<String>,

    /// Refused but for the container's own: a sandbox has no cgroups below it
    #[arg(long, value_name = "[CONTROLLER:]CGROUP", hide = true)]
    pub cgroup: Vec<String>,

    /// File with the process as JSON, as in a specification
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["user", "cwd", "env", "command"])]
    pub process: Option<PathBuf>,

    /// Name of the container
    pub id: String,

    /// The command and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// Arguments of `kill`.
#[derive(Debug, Args)]
pub struct Kill {
    /// Send it to every process of the container
    #[arg(long, short)]
    pub all: bool,

    /// Send it to this process, by its number in the container
    #[arg(long, value_name = "PID", conflicts_with = "all")]
    pub pid: Option<i32>,

    /// Send it to the foreground process group of the terminal that the first process has, or the one of --pid
    #[arg(long, conflicts_with = "all")]
    pub foreground: bool,

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

    /// Options of ps(1) that choose columns, as `-ef`, `aux` or `-o pid,comm`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
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

/// A time as Go's tools write it: `1m30s`, `1.5h`, `100ms`.
fn parse_interval(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a time such as 5s or 100ms");
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, unit) = rest.split_at(end);
        let end = unit.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(unit.len());
        let (unit, after) = unit.split_at(end);
        let unit = match unit {
            "ns" => 1e-9,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        seconds += number.parse::<f64>().map_err(|_| wrong())? * unit;
        rest = after;
    }
    // What Go's type has room for.
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if !time.is_zero() && time.as_nanos() <= i64::MAX as u128 => Ok(time),
        _ => Err(wrong()),
    }
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

    /// Memory of the host's kernel, where cgroups of version 1 limit it
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true, hide = true)]
    pub kernel_memory: Option<i64>,

    /// Memory for buffers of TCP, where cgroups of version 1 limit it
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true, hide = true)]
    pub kernel_memory_tcp: Option<i64>,

    /// Weight for processors
    #[arg(long, value_name = "WEIGHT", visible_alias = "cpu-shares")]
    pub cpu_share: Option<u64>,

    /// Microseconds of processor time in each period, -1 for any amount
    #[arg(long, value_name = "MICROSECONDS", allow_negative_numbers = true)]
    pub cpu_quota: Option<i64>,

    /// Length of a period
    #[arg(long, value_name = "MICROSECONDS")]
    pub cpu_period: Option<u64>,

    /// Microseconds that may be saved up beyond the quota
    #[arg(long, value_name = "MICROSECONDS")]
    pub cpu_burst: Option<u64>,

    /// Microseconds of real-time scheduling in each of its periods
    #[arg(long, value_name = "MICROSECONDS", allow_negative_numbers = true)]
    pub cpu_rt_runtime: Option<i64>,

    /// Length of a period of real-time scheduling
    #[arg(long, value_name = "MICROSECONDS")]
    pub cpu_rt_period: Option<u64>,

    /// 1: run only where nobody else wants to
    #[arg(long, value_name = "0|1")]
    pub cpu_idle: Option<i64>,

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

/// Arguments of `debug`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
pub struct Debug {
    /// Print what every thread of the application kernel and every task does now
    #[arg(long, value_name = "BOOL", default_value = "false", default_missing_value = "true", group = "what")]
    #[arg(action = ArgAction::Set, num_args = 0..=1, require_equals = true, hide_default_value = true)]
    pub stacks: bool,

    /// Print the processes of the container
    #[arg(long, value_name = "BOOL", default_value = "false", default_missing_value = "true", group = "what")]
    #[arg(action = ArgAction::Set, num_args = 0..=1, require_equals = true, hide_default_value = true)]
    pub ps: bool,

    /// Print the sandbox as JSON: its process, cgroup and original OOM score
    #[arg(long, value_name = "BOOL", default_value = "false", default_missing_value = "true", group = "what")]
    #[arg(action = ArgAction::Set, num_args = 0..=1, require_equals = true, hide_default_value = true)]
    pub sandbox: bool,

    /// Log these system calls from now on, to --debug-log or where the sandbox logs: `off`, `all`, or names with commas
    #[arg(long, value_name = "CALLS", group = "what")]
    pub strace: Option<String>,

    /// Log up to this level from now on
    #[arg(long, value_name = "LEVEL", group = "what")]
    pub log_level: Option<Level>,

    /// Log packets of the network; there is no packet log yet
    #[arg(long, value_name = "BOOL", group = "what", hide = true)]
    pub log_packets: Option<bool>,

    /// Name of the container
    pub id: String,
}

/// Levels of `debug --log-level`, by runsc's names and numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Something failed that should not
    #[value(alias = "0")]
    Warning,
    /// What happens, in short
    #[value(alias = "1")]
    Info,
    /// What happens, in detail
    #[value(alias = "2")]
    Debug,
}

/// Arguments of `spec`.
#[derive(Debug, Args)]
pub struct SpecArgs {
    /// Where to write it
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    pub bundle: PathBuf,

    /// Accepted for runc's sake: an ordinary user can run it as it is
    #[arg(long, hide = true)]
    pub rootless: bool,

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

/// Arguments of `man`.
#[derive(Debug, Args)]
pub struct ManualPages {
    /// Where to write them, one for each command
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::parse_interval;

    #[test]
    fn times_as_go_writes_them() {
        for (text, milliseconds) in
            [("5s", 5000), ("100ms", 100), ("1m30s", 90_000), ("1.5h", 5_400_000), (".5s", 500), ("2000us", 2)]
        {
            assert_eq!(parse_interval(text).map(|time| time.as_millis()), Ok(milliseconds), "{text}");
        }
        for text in ["", "5", "s", "0s", "-1s", "5x", "1.2.3s", "5 s", "99999999999h", "\u{e4}"] {
            assert!(parse_interval(text).is_err(), "{text}");
        }
    }
}
