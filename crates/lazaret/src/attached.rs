//! Running a container in the foreground: signals go to it, its exit status comes back.

use std::{
    os::fd::{BorrowedFd, OwnedFd},
    path::PathBuf,
};

use lazaret_hostcall::signals::SignalFd;
use lazaret_sandbox::{Args, Config, Container, End, Error, Spec, Stdio, Target};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};

use crate::{commands::write_pid, report::CommandError, streams, terminal::Terminal};

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

/// The user's side of a process: its signals, and its terminal if it has one.
pub struct Foreground {
    signals: SignalFd,
    terminal: Option<Terminal>,
}

impl Foreground {
    /// Takes the terminal, if one is wanted. From here on no signal ends this process before it has
    /// put the terminal right.
    pub fn new(wants_terminal: bool) -> Result<Foreground, CommandError> {
        let signals =
            SignalFd::new(&FORWARDED).map_err(|error| CommandError::new(format!("block signals: {error}")))?;
        let terminal = if wants_terminal { Some(open_terminal()?) } else { None };
        Ok(Foreground { signals, terminal })
    }

    /// The same for a terminal that is nobody's yet, in raw mode, and which becomes this process' own.
    pub fn of_console(terminal: Option<OwnedFd>) -> Result<Foreground, CommandError> {
        let mut foreground = Foreground::new(false)?;
        foreground.terminal = terminal.map(Terminal::own).transpose().map_err(terminal_error)?;
        Ok(foreground)
    }

    /// What the process gets.
    pub fn stdio(&self) -> Result<Stdio, CommandError> {
        match &self.terminal {
            Some(terminal) => terminal_stdio(terminal),
            None => Ok(Stdio::Files(streams::standard()?)),
        }
    }

    /// From now on the terminal is the process'.
    pub fn make_raw(&self) -> Result<(), CommandError> {
        self.terminal.as_ref().map_or(Ok(()), |terminal| terminal.make_raw().map_err(terminal_error))
    }

    /// Passes signals and sizes on until `ended` is readable.
    pub fn relay(
        &self,
        ended: BorrowedFd<'_>,
        signal: impl Fn(i32) -> Result<(), Error>,
        resize: impl Fn(u16, u16) -> Result<(), Error>,
    ) -> Result<(), CommandError> {
        loop {
            let mut fds = [PollFd::from_borrowed_fd(ended, PollFlags::IN), PollFd::new(&self.signals, PollFlags::IN)];
            match poll(&mut fds, None) {
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(CommandError::new(format!("wait for the sandbox: {errno}"))),
                Ok(_) => {}
            }
            if !fds[0].revents().is_empty() {
                return Ok(());
            }
            while let Ok(Some(number)) = self.signals.next() {
                // A process that ends in this moment takes no signals; the loop sees its end.
                let _ = match (number, self.terminal.as_ref().map(Terminal::size)) {
                    (libc::SIGWINCH, Some(Ok((rows, columns)))) => resize(rows, columns),
                    (libc::SIGWINCH, _) => Ok(()),
                    _ => signal(number),
                };
            }
        }
    }
}

/// A container to run in the foreground.
pub struct New {
    /// Its name.
    pub id: String,
    /// What it is.
    pub spec: Spec,
    /// Directory that relative paths start from.
    pub bundle: PathBuf,
    /// Descriptors 3 and up of its first process.
    pub files: Vec<OwnedFd>,
    /// Where the id of the sandbox process is written.
    pub pid_file: Option<PathBuf>,
    /// Its state stays when it has ended.
    pub keep: bool,
    /// Nobody has made a network for it: it gets a link to the host.
    pub needs_link: bool,
}

/// Makes a container, starts it, and waits for its end; returns the exit status.
pub fn run(config: &Config, new: New) -> Result<u8, CommandError> {
    let New { id, spec, bundle, files, pid_file, keep, needs_link } = new;
    let foreground = Foreground::new(spec.process.as_ref().is_some_and(|process| process.terminal))?;
    let stdio = foreground.stdio()?;
    let args = Args { id, spec, bundle, stdio, files, attached: !keep, stands_in: false, is_open: false };
    let mut container = Container::new(config, args)?;
    let mut uplink = None;
    let result = foreground.make_raw().and_then(|()| {
        if let Some(path) = &pid_file {
            write_pid(path, container.state().host_pid())?;
        }
        if needs_link {
            uplink = Some(container.link_to_host(&|what| eprintln!("lazaret: warning: {what}"))?);
        }
        if let Err(error) = container.start() {
            // Whoever killed it is the cause; its silence is what follows.
            let end = if error.is_end() { container.wait().ok() } else { None };
            return end.filter(|end| matches!(end, End::Killed(_))).ok_or_else(|| CommandError::of_start(&error));
        }
        if let Some(ended) = container.ended() {
            let signal = |number| container.signal(number, Target::Init);
            foreground.relay(ended, signal, |rows, columns| container.resize(rows, columns))?;
        }
        Ok(container.wait()?)
    });
    drop(foreground);
    // One that is kept is deleted by another command, unless it has not run at all.
    let removed = if keep && result.is_ok() { Ok(()) } else { container.destroy() };
    drop(uplink);
    let end = result?;
    removed?;
    match end {
        End::Exited(status) => Ok(status),
        End::Killed(libc::SIGSYS | libc::SIGABRT) => {
            Err(CommandError::new("the sandbox process has died of a fault of its own"))
        }
        End::Killed(signal) => Err(CommandError {
            status: end.status(),
            ..CommandError::new(format!("the sandbox process was killed by signal {signal}"))
        }),
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

fn terminal_error(errno: Errno) -> CommandError {
    CommandError::new(format!("the terminal: {errno}"))
}
