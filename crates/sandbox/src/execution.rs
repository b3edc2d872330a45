//! A further process in a running container.

use std::os::fd::{AsFd, BorrowedFd};

use lazaret_control::{Answer, Channel, Request, Target};

use crate::{container::Container, error::Error};

/// What a further process is tied to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ties {
    /// It is killed when the calling process ends, or drops the [`Execution`].
    pub leash: bool,
    /// It may be started in a paused container, where it runs after the pause.
    pub even_paused: bool,
}

/// A process that [`Container::execute`] started.
#[derive(Debug)]
pub struct Execution<'container> {
    container: &'container Container,
    /// Where the answer about its end will come.
    channel: Channel,
    pid: i32,
}

impl<'container> Execution<'container> {
    /// Asks over `channel` for the end of the process.
    pub(crate) fn new(
        container: &'container Container,
        channel: Channel,
        pid: i32,
        leash: bool,
    ) -> Result<Execution<'container>, lazaret_control::Error> {
        channel.set_timeout(None)?;
        channel.send(&container.about(Request::Wait { process: Some(pid), leash }), &[])?;
        Ok(Execution { container, channel, pid })
    }

    /// Its id in the container.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Becomes readable when the process ends.
    pub fn ended(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }

    /// Waits for its end; returns its exit status (128 + n for signal n).
    ///
    /// # Errors
    /// When the container's sandbox ends first.
    pub fn wait(self) -> Result<u8, Error> {
        match self.channel.receive::<Answer>() {
            Ok((Answer::Exited { status }, _)) => Ok(status),
            Ok((other, _)) => Err(self.container.refused(other)),
            Err(error) => Err(self.container.lost(error)),
        }
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn signal(&self, signal: i32) -> Result<(), Error> {
        self.container.signal(signal, Target::Process(self.pid))
    }

    /// Tells the size of its host terminal.
    ///
    /// # Errors
    /// The kernel's refusal, for instance when it has no terminal.
    pub fn resize(&self, rows: u16, columns: u16) -> Result<(), Error> {
        self.container.resize_terminal_of(Some(self.pid), rows, columns)
    }
}
