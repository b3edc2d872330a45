//! The end of a container, and what is left of it.

use std::os::fd::{AsFd, BorrowedFd};

use lazaret_control::{Answer, Request};
use rustix::{
    io::Errno,
    process::{Signal, pidfd_send_signal},
};

use super::{Container, Held};
use crate::{
    cgroup::Cgroup,
    error::Error,
    hooks, join,
    launch::{self, ChildEnd},
    state::Status,
};

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its first process did, with this status (128 + n for signal n).
    Exited(u8),
    /// The sandbox process was killed by this signal.
    Killed(i32),
}

impl End {
    /// The exit status that stands for it: 128 + n for signal n.
    pub fn status(self) -> u8 {
        match self {
            End::Exited(status) => status,
            End::Killed(signal) => u8::try_from(signal).map_or(u8::MAX, |signal| signal.saturating_add(128)),
        }
    }
}

impl Container {
    /// Waits for the container's end. May be asked by anybody, and after the end.
    ///
    /// # Errors
    /// Those of waiting for a process.
    pub fn wait(&mut self) -> Result<End, Error> {
        match std::mem::replace(&mut self.held, Held::Nothing) {
            Held::Sandbox { child: Some(child), gofer, .. } => {
                let end = launch::wait_for(&child).map_err(|errno| Error::host("wait for the sandbox process", errno));
                // Nobody has a use for it now, whatever it waits for.
                let _ = gofer.as_ref().map(launch::kill);
                return Ok(match end? {
                    ChildEnd::Exited(status) => End::Exited(u8::try_from(status).unwrap_or(u8::MAX)),
                    ChildEnd::Killed(signal) => End::Killed(signal),
                });
            }
            Held::Leash(channel) => {
                if let Ok((Answer::Exited { status }, _)) = channel.receive::<Answer>() {
                    if !self.state.attached {
                        // Who deletes it later may have several threads, and could not.
                        join::detach(&self.state)?;
                    }
                    return Ok(End::Exited(status));
                }
            }
            _ => {}
        }
        if let Ok(status) = self.ask_for_end(None) {
            return Ok(End::Exited(status));
        }
        if !self.is_root() {
            // Its sandbox has ended, and it by that.
            return Ok(End::Killed(libc::SIGKILL));
        }
        if let Some(pidfd) = self.state.pidfd() {
            launch::await_end(pidfd.as_fd()).map_err(|errno| Error::host("wait for the sandbox process", errno))?;
        }
        Ok(self.entry.exit_status().map_or(End::Killed(libc::SIGKILL), End::Exited))
    }

    /// Waits for the end of a process that [`Container::execute`] started, here or elsewhere; may be asked by
    /// several, and after the end. Its exit status (128 + n for signal n).
    ///
    /// # Errors
    /// The kernel's refusal, if it was not started from outside.
    pub fn wait_pid(&self, pid: i32) -> Result<u8, Error> {
        self.ask_for_end(Some(pid))
    }

    /// The exit status, from a sandbox that lives until it has told.
    fn ask_for_end(&self, process: Option<i32>) -> Result<u8, Error> {
        let channel = self.connect()?;
        channel.set_timeout(None).map_err(|error| self.lost(error))?;
        let request = self.about(Request::Wait { process, leash: false });
        match channel.call(&request).map_err(|error| self.lost(error))? {
            Answer::Exited { status } => Ok(status),
            other => Err(self.refused(other)),
        }
    }

    /// Ends everything and removes the state. What is gone already is no error. The end of the first container
    /// of a sandbox is the end of all.
    ///
    /// # Errors
    /// Those of removing the state directory.
    pub fn destroy(mut self) -> Result<(), Error> {
        if self.is_root() {
            self.kill()?;
            if matches!(self.held, Held::Sandbox { child: Some(_), .. }) {
                self.wait()?;
            }
        } else {
            self.leave()?;
        }
        self.remove()
    }

    /// Ends a container that is not the first of its sandbox.
    fn leave(&self) -> Result<(), Error> {
        match self.call(&Request::Destroy) {
            Ok(Answer::Done) => join::detach(&self.state),
            Ok(other) => Err(self.refused(other)),
            Err(_) if self.state.pidfd().is_none() => Ok(()),
            // It cannot be told from the others in a sandbox that does not answer.
            Err(_) => self.kill(),
        }
    }

    /// Removes what is left of a container that has ended.
    fn remove(&self) -> Result<(), Error> {
        if self.state.pidfd().is_none() {
            // It is about to end by itself, unless the host keeps it from that.
            if let Some(gofer) = self.state.gofer.and_then(|gofer| gofer.pidfd()) {
                kill(gofer.as_fd()).map_err(|errno| Error::host("kill the process that serves files", errno))?;
            }
        }
        self.state.cgroup.as_ref().map_or(Ok(()), Cgroup::remove)?;
        self.state.links.iter().for_each(|links| links.give_back(self.state.pid));
        self.entry.remove()?;
        if let Err(failure) = hooks::run("poststop", &self.state.hooks.poststop, &self.state, Status::Stopped) {
            eprintln!("lazaret: warning: {failure}");
        }
        Ok(())
    }

    /// Removes the state of a container that has ended; `force` ends it first.
    ///
    /// # Errors
    /// [`Error::Status`] if it runs.
    pub fn delete(self, force: bool) -> Result<(), Error> {
        let _lock = self.entry.lock_changes()?;
        match self.status() {
            Status::Stopped => self.destroy(),
            // runc, too, deletes what was never started.
            Status::Created => self.destroy(),
            _ if force => self.destroy(),
            status => Err(self.wrong_status("delete", status)),
        }
    }

    /// Kills the sandbox process, and returns when it has ended.
    pub(crate) fn kill(&self) -> Result<(), Error> {
        let known = self.state.pidfd();
        let held = match &self.held {
            Held::Sandbox { child: Some(child), .. } => Some(child.pidfd.as_fd()),
            _ => None,
        };
        let Some(pidfd) = held.or(known.as_ref().map(AsFd::as_fd)) else { return Ok(()) };
        kill(pidfd).map_err(|errno| Error::host("kill the sandbox process", errno))
    }
}

/// Kills a process, and returns when it has ended.
fn kill(pidfd: BorrowedFd<'_>) -> rustix::io::Result<()> {
    match pidfd_send_signal(pidfd, Signal::KILL) {
        Ok(()) => launch::await_end(pidfd),
        Err(Errno::SRCH) => Ok(()),
        Err(errno) => Err(errno),
    }
}
