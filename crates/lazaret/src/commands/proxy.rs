//! A process of the host that stands for a detached process of a container.
//!
//! What starts containers (conmon, a containerd shim) wants a child of its own to wait for and to signal.
//! The proxy is a copy of this command: it starts the process, passes signals and sizes on, and ends
//! with the process' exit status.

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
};

use lazaret_hostcall::process::{Namespaces, spawn};
use lazaret_sandbox::{Config, Console, Sandbox, Stdio, spec::Process};

use crate::{attached::Foreground, report::CommandError, streams};

/// Exit status of a proxy that could not do its work.
const FAILED: u8 = 1;

/// Starts a process; returns the id of its proxy once it runs.
pub fn start(
    config: &Config,
    id: &str,
    process: Process,
    console: Option<Stdio>,
    files: Vec<OwnedFd>,
) -> Result<i32, CommandError> {
    let failed = |error: std::io::Error| CommandError::new(format!("make a process that stands for it: {error}"));
    let (reader, writer) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(|errno| failed(errno.into()))?;
    let null = File::options().read(true).write(true).open("/dev/null").map_err(failed)?;
    let mut keep = vec![writer, null.into()];
    let has_console = console.is_some();
    match console {
        Some(Stdio::Console(Console { terminal, .. })) => keep.push(terminal),
        Some(_) => return Err(CommandError::new("a detached process cannot have this terminal")),
        None => keep.extend(streams::standard()?),
    }
    keep.extend(files);
    let child = spawn(Namespaces::empty(), None, keep, |keep| {
        let mut keep = keep.into_iter();
        let (Some(writer), Some(null)) = (keep.next(), keep.next()) else { return FAILED.into() };
        let report = |result: Result<(), CommandError>| {
            // Whoever asked may be gone.
            let _ = serde_json::to_string(&result).map(|text| File::from(writer).write_all(text.as_bytes()));
        };
        let work = Work { process, has_console, files: keep.collect(), null };
        stand_in(config, id, work, report).unwrap_or(FAILED).into()
    })
    .map_err(failed)?;
    let mut text = Vec::new();
    File::from(reader).read_to_end(&mut text).map_err(failed)?;
    match serde_json::from_slice::<Result<(), CommandError>>(&text) {
        Ok(started) => started.map(|()| child.pid.as_raw_nonzero().get()),
        Err(_) => Err(CommandError::new("the process that stands for it has died")),
    }
}

/// What a proxy works with.
struct Work {
    process: Process,
    /// The first file is a terminal, instead of three standard streams.
    has_console: bool,
    files: Vec<OwnedFd>,
    null: OwnedFd,
}

/// The body of the proxy: tells `report` how the start went; returns the exit status.
fn stand_in(
    config: &Config,
    id: &str,
    work: Work,
    report: impl FnOnce(Result<(), CommandError>),
) -> Result<u8, CommandError> {
    let Work { process, has_console, mut files, null } = work;
    let started = || -> Result<_, CommandError> {
        // Whoever reads the process' output must see its end even while this process lives.
        let detach = |errno| CommandError::new(format!("leave the standard streams: {errno}"));
        rustix::stdio::dup2_stdin(&null).map_err(detach)?;
        rustix::stdio::dup2_stdout(&null).map_err(detach)?;
        rustix::stdio::dup2_stderr(&null).map_err(detach)?;
        let inherited = files.split_off(if has_console { 1 } else { 3 });
        let (foreground, stdio) = match <[OwnedFd; 3]>::try_from(files) {
            Ok(streams) => (Foreground::of_console(None)?, Stdio::Files(streams)),
            Err(mut console) => {
                let foreground = Foreground::of_console(console.pop())?;
                let stdio = foreground.stdio()?;
                (foreground, stdio)
            }
        };
        Ok((foreground, stdio, inherited, Sandbox::load(config, id)?))
    };
    let (foreground, stdio, inherited, sandbox) = match started() {
        Ok(started) => started,
        Err(error) => {
            report(Err(error));
            return Ok(FAILED);
        }
    };
    let execution = match sandbox.execute(&process, stdio, inherited) {
        Ok(execution) => execution,
        Err(error) => {
            report(Err(CommandError::of_start(&error)));
            return Ok(FAILED);
        }
    };
    report(Ok(()));
    let signal = |number| execution.signal(number);
    foreground.relay(execution.ended(), signal, |rows, columns| execution.resize(rows, columns))?;
    Ok(execution.wait()?)
}
