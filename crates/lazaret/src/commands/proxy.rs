//! Processes of the host that stand for a container's.
//!
//! What starts containers (conmon, a containerd shim) wants a child of its own to wait for and to signal: for a
//! detached process, and for a container that has joined the sandbox of another one. The proxy is a copy of this
//! command: it starts the process, passes signals and sizes on, and ends with the process' exit status. When it is
//! killed, so is the process.

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
};

use lazaret_hostcall::process::{Namespaces, spawn};
use lazaret_sandbox::{Args, Config, Console, Container, Stdio, Target, Ties, spec::Process};

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
    even_paused: bool,
) -> Result<i32, CommandError> {
    let ties = Ties { leash: true, even_paused };
    let stdio = console.map_or_else(|| streams::standard().map(Stdio::Files), Ok)?;
    stand_in(stdio, files, |Streams { foreground, stdio, files }, report| {
        let container = Container::load(config, id)?;
        let execution =
            container.execute_with(&process, stdio, files, ties).map_err(|error| CommandError::of_start(&error))?;
        report();
        let signal = |number| execution.signal(number);
        foreground.relay(execution.ended(), signal, |rows, columns| execution.resize(rows, columns))?;
        Ok(execution.wait()?)
    })
}

/// Makes a container that joins a sandbox, with a proxy that lives as long as it.
pub fn create(config: &Config, args: Args) -> Result<Container, CommandError> {
    let Args { id, spec, bundle, stdio, files, .. } = args;
    let name = id.clone();
    stand_in(stdio, files, |Streams { foreground, stdio, files }, report| {
        let args = Args { id, spec, bundle, stdio, files, attached: false, stands_in: true, is_open: false };
        let mut container = Container::new(config, args)?;
        report();
        if let Some(ended) = container.ended() {
            let signal = |number| container.signal(number, Target::Init);
            foreground.relay(ended, signal, |rows, columns| container.resize(rows, columns))?;
        }
        Ok(container.wait()?.status())
    })?;
    Ok(Container::load(config, &name)?)
}

/// What the process that a proxy stands for gets, and the proxy's own part of it.
struct Streams {
    foreground: Foreground,
    stdio: Stdio,
    files: Vec<OwnedFd>,
}

/// Makes a proxy, whose `body` calls what it gets once its process runs; returns the id of the proxy then.
fn stand_in(
    stdio: Stdio,
    files: Vec<OwnedFd>,
    body: impl FnOnce(Streams, &mut dyn FnMut()) -> Result<u8, CommandError>,
) -> Result<i32, CommandError> {
    let failed = |error: std::io::Error| CommandError::new(format!("make a process that stands for it: {error}"));
    let (reader, writer) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(|errno| failed(errno.into()))?;
    let null = File::options().read(true).write(true).open("/dev/null").map_err(failed)?;
    let mut keep = vec![writer, null.into()];
    let has_console = match stdio {
        Stdio::Console(Console { terminal, .. }) => {
            keep.push(terminal);
            true
        }
        Stdio::Files(files) => {
            keep.extend(files);
            false
        }
        Stdio::Terminal { .. } => return Err(CommandError::new("a detached process cannot have this terminal")),
    };
    keep.extend(files);
    let child = spawn(Namespaces::empty(), None, keep, |keep| {
        let mut keep = keep.into_iter();
        let (Some(writer), Some(null)) = (keep.next(), keep.next()) else { return FAILED.into() };
        let mut writer = Some(File::from(writer));
        let mut tell = |result: Result<(), CommandError>| {
            // Whoever asked may be gone; and is told once.
            if let (Some(mut writer), Ok(text)) = (writer.take(), serde_json::to_string(&result)) {
                let _ = writer.write_all(text.as_bytes());
            }
        };
        let result =
            take_streams(keep.collect(), has_console, &null).and_then(|streams| body(streams, &mut || tell(Ok(()))));
        result
            .unwrap_or_else(|error| {
                tell(Err(error));
                FAILED
            })
            .into()
    })
    .map_err(failed)?;
    let mut text = Vec::new();
    File::from(reader).read_to_end(&mut text).map_err(failed)?;
    match serde_json::from_slice::<Result<(), CommandError>>(&text) {
        Ok(started) => started.map(|()| child.pid.as_raw_nonzero().get()),
        Err(_) => Err(CommandError::new("the process that stands for it has died")),
    }
}

/// Sorts what a proxy was given: the first file is a terminal, or there are three standard streams.
fn take_streams(mut files: Vec<OwnedFd>, has_console: bool, null: &OwnedFd) -> Result<Streams, CommandError> {
    // Whoever reads the process' output must see its end even while this process lives.
    let detach = |errno| CommandError::new(format!("leave the standard streams: {errno}"));
    rustix::stdio::dup2_stdin(null).map_err(detach)?;
    rustix::stdio::dup2_stdout(null).map_err(detach)?;
    rustix::stdio::dup2_stderr(null).map_err(detach)?;
    let inherited = files.split_off(if has_console { 1 } else { 3 });
    let (foreground, stdio) = match <[OwnedFd; 3]>::try_from(files) {
        Ok(streams) => (Foreground::of_console(None)?, Stdio::Files(streams)),
        Err(mut console) => {
            let foreground = Foreground::of_console(console.pop())?;
            let stdio = foreground.stdio()?;
            (foreground, stdio)
        }
    };
    Ok(Streams { foreground, stdio, files: inherited })
}
