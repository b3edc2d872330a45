//! Programs that a specification wants to be run at points of a container's life; see `config.md`
//! ("POSIX-platform Hooks") of the runtime specification.
//!
//! A hook is the host's program, run by the command on the host, for the host's user trusts the
//! bundle as much as the command line. It gets the container's state on standard input.

use std::{
    fs::File,
    io::{Read, Seek, Write},
    os::unix::process::CommandExt,
    process::{Command, Stdio},
    time::Duration,
};

use lazaret_control::Failure;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::MemfdFlags,
    process::{Pid, PidfdFlags, pidfd_open},
};

use crate::{
    spec::Hook,
    state::{State, Status},
};

/// How much of a failed hook's standard error is shown, in bytes.
const SHOWN: u64 = 1024;

/// Runs hooks in order, up to the first that fails; `name` is their field in the specification.
pub fn run(name: &str, hooks: &[Hook], state: &State, status: Status) -> Result<(), Failure> {
    for (index, hook) in hooks.iter().enumerate() {
        run_one(hook, &state.describe(status))
            .map_err(|cause| Failure::new(format!("hooks.{name}[{index}] ({})", hook.path.display()), cause))?;
    }
    Ok(())
}

/// Runs one hook to its end.
fn run_one(hook: &Hook, state: &serde_json::Value) -> Result<(), String> {
    let words = |error: std::io::Error| Failure::host("", error).cause;
    // Files in memory: a hook that reads or writes nothing, or too much, keeps nobody waiting.
    let file = |name| rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC).map(File::from).map_err(|e| words(e.into()));
    let (mut input, output) = (file("state")?, file("output")?);
    input.write_all(state.to_string().as_bytes()).and_then(|()| input.rewind()).map_err(words)?;
    let mut errors = output.try_clone().map_err(words)?;
    let mut command = Command::new(&hook.path);
    if let Some((name, arguments)) = hook.args.split_first() {
        command.arg0(name).args(arguments);
    }
    if let Some(env) = &hook.env {
        command.env_clear().envs(env.iter().filter_map(|variable| variable.split_once('=')));
    }
    let mut child =
        command.stdin(input).stdout(Stdio::null()).stderr(output).process_group(0).spawn().map_err(words)?;
    if !ends_in_time(&child, hook.timeout) {
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("did not end within {} seconds", hook.timeout.unwrap_or_default()));
    }
    let status = child.wait().map_err(words)?;
    if status.success() {
        return Ok(());
    }
    let mut said = Vec::new();
    let _ = errors.rewind().and_then(|()| errors.take(SHOWN).read_to_end(&mut said));
    Err(format!("{status}: {}", String::from_utf8_lossy(&said).trim()))
}

/// Waits for the end of a hook, at most `timeout` seconds. What cannot be watched is waited for.
fn ends_in_time(child: &std::process::Child, timeout: Option<u32>) -> bool {
    let Some(timeout) = timeout else { return true };
    let Ok(pidfd) = pidfd_open(Pid::from_child(child), PidfdFlags::empty()) else { return true };
    let timeout = Timespec::try_from(Duration::from_secs(timeout.into())).ok();
    let mut fds = [PollFd::new(&pidfd, PollFlags::IN)];
    !matches!(poll(&mut fds, timeout.as_ref()), Ok(0))
}
