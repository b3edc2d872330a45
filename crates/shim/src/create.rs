//! Making a container, with the `lazaret` program: a sandbox is made by a process that has one thread only.

use std::{
    env,
    fs::{self, File},
    io::{self, BufRead, BufReader, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::net::UnixListener,
    },
    path::{Path, PathBuf},
    process::Command,
};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::streams::{Paths, Streams};

/// Names in a container's directory: the program's messages, and the socket that a terminal comes by.
const LOG: &str = "log.json";
const CONSOLE: &str = "console.sock";

/// What a container is made from.
pub struct Plan<'a> {
    /// Its name.
    pub id: &'a str,
    /// Its directory.
    pub bundle: &'a Path,
    /// The state directory.
    pub root: &'a Path,
    /// A configuration file; none if empty.
    pub config: &'a str,
    /// Where its first process' streams lead.
    pub paths: &'a Paths,
}

/// Makes a container; returns the server's side of its streams.
///
/// # Errors
/// The words of the program.
pub fn create(plan: &Plan<'_>) -> io::Result<Streams> {
    let mut command = Command::new(program()?);
    command.current_dir(plan.bundle).arg("--root").arg(plan.root).args(["--log", LOG, "--log-format", "json"]);
    if !plan.config.is_empty() {
        command.args(["--config", plan.config]);
    }
    command.args(["create", "--bundle", "."]);
    if plan.paths.terminal {
        let listener = listen(plan.bundle)?;
        let result = run(command.args(["--console-socket", CONSOLE, plan.id]), plan.bundle);
        // Whoever has connected is in the queue still.
        let _ = fs::remove_file(plan.bundle.join(CONSOLE));
        result.and_then(|()| receive(&listener)).and_then(|master| plan.paths.attach(master))
    } else {
        let ([input, output, error], streams) = plan.paths.open()?;
        run(command.arg(plan.id).stdin(input).stdout(output).stderr(error), plan.bundle)?;
        Ok(streams)
    }
}

/// The program beside this one, or else in PATH.
fn program() -> io::Result<PathBuf> {
    let beside = env::current_exe()?.with_file_name("lazaret");
    Ok(if beside.exists() { beside } else { "lazaret".into() })
}

fn run(command: &mut Command, bundle: &Path) -> io::Result<()> {
    let program = command.get_program().to_owned();
    let status = command
        .status()
        .map_err(|error| io::Error::new(error.kind(), format!("run {}: {error}", Path::new(&program).display())))?;
    if status.success() {
        return Ok(());
    }
    let message = last_message(&bundle.join(LOG)).unwrap_or_else(|| format!("lazaret create: {status}"));
    Err(io::Error::other(format!("OCI runtime create failed: {message}")))
}

/// The last message of a log.
fn last_message(log: &Path) -> Option<String> {
    let lines = BufReader::new(File::open(log).ok()?).lines().map_while(Result::ok);
    let entry: serde_json::Value = serde_json::from_str(&lines.last()?).ok()?;
    entry["msg"].as_str().map(str::to_owned)
}

/// A socket in a directory, by descriptor: a path may not be longer than 107 bytes.
fn listen(bundle: &Path) -> io::Result<UnixListener> {
    let directory = File::open(bundle)?;
    let listener = UnixListener::bind(format!("/proc/self/fd/{}/{CONSOLE}", directory.as_raw_fd()))?;
    // A program that succeeds has connected before its end.
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The terminal's master, which comes with the one message.
fn receive(listener: &UnixListener) -> io::Result<OwnedFd> {
    let (socket, _) = listener.accept()?;
    let mut name = [0; 128];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    recvmsg(&socket, &mut [IoSliceMut::new(&mut name)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let files = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(files) => Some(files),
        _ => None,
    });
    files.flatten().next().ok_or_else(|| io::Error::other("no terminal came from lazaret create"))
}
