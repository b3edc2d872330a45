//! Running a container in the foreground: signals go to it, its exit status comes back.

use std::{os::fd::OwnedFd, path::PathBuf};

use lazaret_hostcall::signals::SignalFd;
use lazaret_sandbox::{Args, Config, End, Sandbox, Spec, Stdio, Target};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::{Errno, fcntl_dupfd_cloexec},
    stdio::{stderr, stdin, stdout},
};

use crate::{report::CommandError, terminal::Terminal};

/// Signals that are passed on to the container's first process.
const FORWARDED: [i32; 8] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTERM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGWINCH,
];

/// Makes a container, starts it, and waits for its end; returns the exit status.
pub fn run(config: &Config, id: String, spec: Spec, bundle: PathBuf) -> Result<u8, CommandError> {
    let wants_terminal = spec.process.as_ref().is_some_and(|process| process.terminal);
    // From here on no signal ends this process before it has put the terminal right.
    let signals = SignalFd::new(&FORWARDED).map_err(|error| CommandError::new(format!("block signals: {error}")))?;
    let terminal = if wants_terminal { Some(open_terminal()?) } else { None };
    let stdio = match &terminal {
        Some(terminal) => terminal_stdio(terminal)?,
        None => Stdio::Files(standard_streams()?),
    };
    let mut sandbox = Sandbox::new(config, Args { id, spec, bundle, stdio, attached: true })?;
    if let Some(terminal) = &terminal {
        terminal.make_raw().map_err(terminal_error)?;
    }
    let result = sandbox.start().map_err(|error| CommandError::of_start(&error)).and_then(|()| {
        relay(&sandbox, &signals, terminal.as_ref())?;
        Ok(sandbox.wait()?)
    });
    drop(terminal);
    let removed = sandbox.destroy();
    let end = result?;
    removed?;
    match end {
        End::Exited(status) => Ok(status),
        End::Killed(libc::SIGSYS | libc::SIGABRT) => {
            Err(CommandError::new("the sandbox process has died of a fault of its own"))
        }
        End::Killed(signal) => Err(CommandError {
            status: u8::try_from(signal).map_or(u8::MAX, |signal| signal.saturating_add(128)),
            ..CommandError::new(format!("the sandbox process was killed by signal {signal}"))
        }),
    }
}

/// Passes signals on until the sandbox process ends.
fn relay(sandbox: &Sandbox, signals: &SignalFd, terminal: Option<&Terminal>) -> Result<(), CommandError> {
    let Some(ended) = sandbox.ended() else { return Ok(()) };
    loop {
        let mut fds = [PollFd::from_borrowed_fd(ended, PollFlags::IN), PollFd::new(signals, PollFlags::IN)];
        match poll(&mut fds, None) {
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(CommandError::new(format!("wait for the sandbox: {errno}"))),
            Ok(_) => {}
        }
        if !fds[0].revents().is_empty() {
            return Ok(());
        }
        while let Ok(Some(signal)) = signals.next() {
            // A sandbox that ends in this moment takes no signals; the loop sees its end.
            let _ = match (signal, terminal) {
                (libc::SIGWINCH, Some(terminal)) => match terminal.size() {
                    Ok((rows, columns)) => sandbox.resize(rows, columns),
                    Err(_) => Ok(()),
                },
                (libc::SIGWINCH, None) => Ok(()),
                _ => sandbox.signal(signal, Target::Init),
            };
        }
    }
}

fn open_terminal() -> Result<Terminal, CommandError> {
    if !Terminal::is_present() {
        return Err(CommandError::new(
            "process.terminal: the container wants a terminal, but the standard streams are not one",
        ));
    }
    Terminal::open().map_err(terminal_error)
}

fn terminal_stdio(terminal: &Terminal) -> Result<Stdio, CommandError> {
    let (rows, columns) = terminal.size().map_err(terminal_error)?;
    Ok(Stdio::Terminal { terminal: terminal.descriptor().map_err(terminal_error)?, rows, columns })
}

/// Copies of standard input, output and error.
pub fn standard_streams() -> Result<[OwnedFd; 3], CommandError> {
    let copy = |result: rustix::io::Result<OwnedFd>| {
        result.map_err(|errno| CommandError::new(format!("copy a standard stream: {errno}")))
    };
    Ok([
        copy(fcntl_dupfd_cloexec(stdin(), 3))?,
        copy(fcntl_dupfd_cloexec(stdout(), 3))?,
        copy(fcntl_dupfd_cloexec(stderr(), 3))?,
    ])
}

fn terminal_error(errno: Errno) -> CommandError {
    CommandError::new(format!("the terminal: {errno}"))
}
