//! A process between its making and its first instruction.

use lazaret_abi::{errno::Errno, signal::Signal};

use super::{ExitStatus, StartError};
use crate::task::{Current, clone::run_task};

/// A process that is there, and has not run yet.
pub struct Prepared {
    pub(super) current: Current,
    /// Its id in the container's pid namespace.
    pub(super) number: i32,
    /// What its start is called.
    pub(super) step: String,
}

impl Prepared {
    /// Lets it run. Returns its id in the container's pid namespace.
    ///
    /// # Errors
    /// `EAGAIN` when the host has no thread left.
    pub fn run(self) -> Result<i32, StartError> {
        run_task(self.current).map_err(|_| StartError { step: self.step, cause: Errno::EAGAIN })?;
        Ok(self.number)
    }

    /// Ends it before it has run, as SIGKILL does.
    pub fn abandon(self) {
        self.current.task.group().signals().kill_all(ExitStatus::signaled(Signal::KILL));
        // Without a thread it stays for as long as the sandbox lives, and does nothing.
        let _ = run_task(self.current);
    }
}
