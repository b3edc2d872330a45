//! A host terminal that only the sandbox process has: it follows the terminal's size.

use std::{
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
};

use lazaret_control::Failure;
use lazaret_hostcall::signals::SignalFd;
use lazaret_kernel::boot::Container;
use rustix::{
    event::{PollFd, PollFlags, poll},
    process::ioctl_tiocsctty,
    termios::tcgetwinsize,
};

/// A host terminal, and the signals that it sends.
pub struct Followed {
    terminal: OwnedFd,
    signals: SignalFd,
}

impl Followed {
    /// Makes `terminal` the controlling terminal of this process, which must lead a session: the host
    /// then signals changes of its size. Its end is seen by reading; the signal of it must kill nobody.
    /// To be called before there are other threads, which would get the signals.
    pub fn new(terminal: &OwnedFd) -> Result<Followed, Failure> {
        let failed = |error: std::io::Error| Failure::host("take the container's terminal", error);
        let terminal = terminal.try_clone().map_err(failed)?;
        let signals = SignalFd::new(&[libc::SIGWINCH, libc::SIGHUP]).map_err(failed)?;
        ioctl_tiocsctty(terminal.as_fd()).map_err(|errno| failed(errno.into()))?;
        Ok(Followed { terminal, signals })
    }

    /// Tells the size to the container's process `pid`, again and again until its terminal is gone.
    pub fn follow(&self, container: &Arc<Container>, pid: i32) {
        loop {
            if let Ok(size) = tcgetwinsize(&self.terminal)
                && (size.ws_row, size.ws_col) != (0, 0)
                && container.resize(pid, size.ws_row, size.ws_col).is_err()
            {
                return;
            }
            let mut fds = [PollFd::new(&self.signals, PollFlags::IN)];
            let _ = poll(&mut fds, None);
            while let Ok(Some(_)) = self.signals.next() {}
        }
    }
}
