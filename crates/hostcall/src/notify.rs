//! Deciding another process's system calls; see seccomp_unotify(2).

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A call that waits for a decision.
#[derive(Clone, Copy, Debug)]
pub struct Notification {
    /// Names the call in an answer.
    pub id: u64,
    /// The calling thread, in the pid namespace of the listener's maker.
    pub thread: i32,
    /// The call's number.
    pub number: i32,
    /// Its arguments, which nobody can change any more.
    pub arguments: [u64; 6],
}

/// SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
const SYNC_WAKE_UP: libc::c_ulong = 1;

/// The receiving end of a filter with [`crate::seccomp::Action::Notify`].
#[derive(Debug)]
pub struct Listener(OwnedFd);

impl Listener {
    /// Takes a descriptor that a filter's load returned.
    pub fn new(fd: OwnedFd) -> Listener {
        // Wakes the other side on this processor, where the host can (Linux 6.6).
        // SAFETY: the call has no pointers.
        unsafe { libc::ioctl(fd.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP) };
        Listener(fd)
    }

    /// Waits for a call, at most so long.
    ///
    /// # Errors
    /// Those of ppoll(2) and ioctl(2); a call that went away in between is not an error.
    pub fn receive(&self, timeout: Duration) -> io::Result<Option<Notification>> {
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        if !fds[0].revents().contains(PollFlags::IN) {
            // Nobody is left under the filter.
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        // SAFETY: a structure of integers, which the host wants zeroed.
        let mut raw: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: the structure is valid for the host to write.
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut raw) };
        if result == -1 {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                Some(libc::ENOENT | libc::EINTR) => Ok(None),
                _ => Err(error),
            };
        }
        Ok(Some(Notification {
            id: raw.id,
            thread: raw.pid.cast_signed(),
            number: raw.data.nr,
            arguments: raw.data.args,
        }))
    }

    /// The caller still waits, so its id is not another's.
    pub fn is_waiting(&self, id: u64) -> bool {
        // SAFETY: the number is valid, and only read.
        unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw const id) == 0 }
    }

    /// Lets the call run.
    ///
    /// # Errors
    /// ENOENT when the caller died or was interrupted meanwhile.
    pub fn resume(&self, id: u64) -> io::Result<()> {
        let flags = u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).unwrap_or_default();
        self.respond(libc::seccomp_notif_resp { id, val: 0, error: 0, flags })
    }

    /// Fails the call with this error number.
    ///
    /// # Errors
    /// As [`Listener::resume`].
    pub fn refuse(&self, id: u64, errno: i32) -> io::Result<()> {
        self.respond(libc::seccomp_notif_resp { id, val: 0, error: errno.saturating_neg(), flags: 0 })
    }

    fn respond(&self, response: libc::seccomp_notif_resp) -> io::Result<()> {
        // SAFETY: the structure is valid, and only read.
        match unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw const response) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }

    /// Gives the caller a copy of `fd`, under the number `target`.
    ///
    /// # Errors
    /// ENOENT as for [`Listener::resume`], EMFILE or EBADF when the caller may not have that number.
    pub fn give(&self, id: u64, fd: BorrowedFd<'_>, target: u32) -> io::Result<()> {
        self.add(id, fd, target, libc::SECCOMP_ADDFD_FLAG_SETFD)
    }

    /// The same, and the call returns with that number.
    ///
    /// # Errors
    /// As [`Listener::give`].
    pub fn answer(&self, id: u64, fd: BorrowedFd<'_>, target: u32) -> io::Result<()> {
        self.add(id, fd, target, libc::SECCOMP_ADDFD_FLAG_SETFD | libc::SECCOMP_ADDFD_FLAG_SEND)
    }

    fn add(&self, id: u64, fd: BorrowedFd<'_>, target: u32, flags: libc::c_ulong) -> io::Result<()> {
        let request = libc::seccomp_notif_addfd {
            id,
            flags: u32::try_from(flags).unwrap_or_default(),
            srcfd: fd.as_raw_fd().cast_unsigned(),
            newfd: target,
            newfd_flags: 0,
        };
        // SAFETY: the structure is valid, and only read.
        match unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ADDFD, &raw const request) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }
}
