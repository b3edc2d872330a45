//! A further process in a running container.

use std::os::fd::{AsFd, BorrowedFd};

use lazaret_control::{Answer, Channel, Request, Target};

use crate::{error::Error, sandbox::Sandbox};

/// A process that [`Sandbox::execute`] started.
#[derive(Debug)]
pub struct Execution<'sandbox> {
    sandbox: &'sandbox Sandbox,
    /// Where the answer about its end will come.
    channel: Channel,
    pid: i32,
}

impl<'sandbox> Execution<'sandbox> {
    /// Asks over `channel` for the end of the process.
    pub(crate) fn new(
        sandbox: &'sandbox Sandbox,
        channel: Channel,
        pid: i32,
    ) -> Result<Execution<'sandbox>, lazaret_control::Error> {
        channel.set_timeout(None)?;
        channel.send(&Request::Wait { process: Some(pid) }, &[])?;
        Ok(Execution { sandbox, channel, pid })
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
    /// When the sandbox ends first.
    pub fn wait(self) -> Result<u8, Error> {
        match self.channel.receive::<Answer>() {
            Ok((Answer::Exited { status }, _)) => Ok(status),
            Ok((other, _)) => Err(self.sandbox.refused(other)),
            Err(error) => Err(self.sandbox.lost(error)),
        }
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn signal(&self, signal: i32) -> Result<(), Error> {
        self.sandbox.signal(signal, Target::Process(self.pid))
    }

    /// Tells the size of its host terminal.
    ///
    /// # Errors
    /// The kernel's refusal, for instance when it has no terminal.
    pub fn resize(&self, rows: u16, columns: u16) -> Result<(), Error> {
        self.sandbox.resize_terminal_of(Some(self.pid), rows, columns)
    }
}
