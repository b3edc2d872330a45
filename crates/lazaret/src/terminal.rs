//! The user's terminal: raw while a container has it, as it was on every way out.

use std::os::fd::OwnedFd;

use rustix::{
    io::{Result, fcntl_dupfd_cloexec},
    process::{ioctl_tiocsctty, setsid},
    stdio::{stderr, stdin, stdout},
    termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr},
};

/// The terminal in raw mode. Dropping it restores the mode that was found.
#[derive(Debug)]
pub struct Terminal {
    file: OwnedFd,
    found: Termios,
}

impl Terminal {
    /// All three standard streams are a terminal.
    pub fn is_present() -> bool {
        isatty(stdin()) && isatty(stdout()) && isatty(stderr())
    }

    /// Remembers the mode of the terminal on standard input.
    pub fn open() -> Result<Terminal> {
        Ok(Terminal { file: fcntl_dupfd_cloexec(stdin(), 3)?, found: tcgetattr(stdin())? })
    }

    /// Makes a terminal that is nobody's the controlling one of this process, in a session of its own, so
    /// that changes of its size are signalled to it.
    pub fn own(file: OwnedFd) -> Result<Terminal> {
        setsid()?;
        ioctl_tiocsctty(&file)?;
        let found = tcgetattr(&file)?;
        Ok(Terminal { file, found })
    }

    /// Passes everything on as it is typed.
    pub fn make_raw(&self) -> Result<()> {
        let mut raw = self.found.clone();
        raw.make_raw();
        tcsetattr(&self.file, OptionalActions::Now, &raw)
    }

    /// A descriptor for the container.
    pub fn descriptor(&self) -> Result<OwnedFd> {
        fcntl_dupfd_cloexec(&self.file, 3)
    }

    /// Rows and columns.
    pub fn size(&self) -> Result<(u16, u16)> {
        let size = tcgetwinsize(&self.file)?;
        Ok((size.ws_row, size.ws_col))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A terminal that is gone needs no mode.
        let _ = tcsetattr(&self.file, OptionalActions::Drain, &self.found);
    }
}
