//! Programs that a specification wants to be run at points of a container's life; see `config.md`
//! ("POSIX-platform Hooks") of the runtime specification.
//!
//! A hook is the host's program, run by the command on the host, for the host's user trusts the
//! bundle as much as the command line; but for `startContainer` hooks, which are the container's and run
//! there (`process/hooks.rs`). Each gets the container's state on standard input. What is said of one that
//! fails has runc's words.

use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    os::{fd::OwnedFd, unix::process::CommandExt, unix::process::ExitStatusExt},
    process::{Command, ExitStatus},
    time::Duration,
};

use lazaret_control::Failure;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::MemfdFlags,
    process::{Pid, PidfdFlags, pidfd_open},
};
use serde_json::Value;

use crate::{
    spec::Hook,
    state::{State, Status},
};

/// How much of a failed hook's output is shown, in bytes of each stream.
const SHOWN: u64 = 1024;

/// Runs hooks in order, up to the first that fails; `name` is their field in the specification.
pub fn run(name: &str, hooks: &[Hook], state: &State, status: Status) -> Result<(), Failure> {
    let run = |hook: &Hook| run_one(hook, &state.describe(status));
    each(name, hooks, run)
}

/// Runs hooks with `run`, up to the first that fails.
pub(crate) fn each(name: &str, hooks: &[Hook], run: impl Fn(&Hook) -> Result<(), String>) -> Result<(), Failure> {
    for (index, hook) in hooks.iter().enumerate() {
        run(hook).map_err(|cause| Failure::new(format!("error running {name} hook #{index}"), cause))?;
    }
    Ok(())
}

/// An error of the host, in words.
pub(crate) fn words(error: impl Into<io::Error>) -> String {
    Failure::host("", error.into()).cause
}

/// What is said of a hook that does not end in time.
pub(crate) fn too_late(timeout: u32) -> String {
    format!("hook ran past specified timeout of {timeout}s")
}

/// Standard streams of a hook. They are files in memory: one that reads or writes nothing, or too much, keeps
/// nobody waiting.
pub(crate) struct Streams {
    input: File,
    output: File,
    errors: File,
}

impl Streams {
    /// With the state to read.
    pub(crate) fn new(state: &Value) -> io::Result<Streams> {
        let file = |name| rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC).map(File::from);
        let mut streams = Streams { input: file("state")?, output: file("output")?, errors: file("errors")? };
        streams.input.write_all(state.to_string().as_bytes())?;
        streams.input.rewind()?;
        Ok(streams)
    }

    /// For the hook's descriptors 0 to 2.
    pub(crate) fn for_hook(&self) -> io::Result<[OwnedFd; 3]> {
        Ok([self.input.try_clone()?.into(), self.output.try_clone()?.into(), self.errors.try_clone()?.into()])
    }

    /// What is said of a hook that has ended in a way that it should not have.
    pub(crate) fn failure(self, end: &str) -> String {
        let text = |mut file: File| {
            let mut text = Vec::new();
            let _ = file.rewind().and_then(|()| file.take(SHOWN).read_to_end(&mut text));
            String::from_utf8_lossy(&text).trim_end().to_owned()
        };
        format!("{end}, stdout: {}, stderr: {}", text(self.output), text(self.errors))
    }
}

/// Runs one hook of the host to its end.
fn run_one(hook: &Hook, state: &Value) -> Result<(), String> {
    let streams = Streams::new(state).map_err(words)?;
    let [input, output, errors] = streams.for_hook().map_err(words)?;
    let mut command = Command::new(&hook.path);
    if let Some((name, arguments)) = hook.args.split_first() {
        command.arg0(name).args(arguments);
    }
    if let Some(env) = &hook.env {
        command.env_clear().envs(env.iter().filter_map(|variable| variable.split_once('=')));
    }
    let child = command.stdin(input).stdout(output).stderr(errors).process_group(0).spawn();
    let mut child = child.map_err(|error| format!("fork/exec {}: {}", hook.path.display(), words(error)))?;
    if !ends_in_time(&child, hook.timeout) {
        let _ = child.kill();
        let _ = child.wait();
        return Err(too_late(hook.timeout.unwrap_or_default()));
    }
    let status = child.wait().map_err(words)?;
    if status.success() { Ok(()) } else { Err(streams.failure(&end(status))) }
}

fn end(status: ExitStatus) -> String {
    match status.signal() {
        Some(signal) => format!("signal {signal}"),
        None => format!("exit status {}", status.code().unwrap_or_default()),
    }
}

/// Waits for the end of a hook, at most `timeout` seconds. What cannot be watched is waited for.
fn ends_in_time(child: &std::process::Child, timeout: Option<u32>) -> bool {
    let Some(timeout) = timeout else { return true };
    let Ok(pidfd) = pidfd_open(Pid::from_child(child), PidfdFlags::empty()) else { return true };
    let timeout = Timespec::try_from(Duration::from_secs(timeout.into())).ok();
    let mut fds = [PollFd::new(&pidfd, PollFlags::IN)];
    !matches!(poll(&mut fds, timeout.as_ref()), Ok(0))
}
