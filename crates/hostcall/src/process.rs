//! Starting a process straight into its namespaces, without an exec; see clone(2).

use std::{
    fs, io,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::fs::MetadataExt,
    },
    panic::{AssertUnwindSafe, catch_unwind},
};

use rustix::process::Pid;

bitflags::bitflags! {
    /// Namespaces a new process gets of its own; see namespaces(7).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Namespaces: u64 {
        /// CLONE_NEWNS
        const MOUNT = libc::CLONE_NEWNS as u64;
        /// CLONE_NEWCGROUP
        const CGROUP = libc::CLONE_NEWCGROUP as u64;
        /// CLONE_NEWUTS
        const UTS = libc::CLONE_NEWUTS as u64;
        /// CLONE_NEWIPC
        const IPC = libc::CLONE_NEWIPC as u64;
        /// CLONE_NEWUSER
        const USER = libc::CLONE_NEWUSER as u64;
        /// CLONE_NEWPID
        const PID = libc::CLONE_NEWPID as u64;
        /// CLONE_NEWNET
        const NETWORK = libc::CLONE_NEWNET as u64;
    }
}

/// A process made by [`spawn`], as its parent sees it.
#[derive(Debug)]
pub struct Child {
    /// Process id in the parent's pid namespace.
    pub pid: Pid,
    /// Refers to the process without the races of a process id; see pidfd_open(2).
    pub pidfd: OwnedFd,
}

// libc's constants are of a type too small for them.
const CLONE_CLEAR_SIGHAND: u64 = 1 << 32;
const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// Exit status of a process whose body panicked.
pub const PANICKED: i32 = 101;

/// Copies this process (fork) into new `namespaces` and runs `body` in the copy, which ends with
/// the status that `body` returns.
///
/// The copy keeps no descriptor but 0, 1 and 2 and those in `keep`, which `body` gets back in the same order;
/// whatever else `body` captures must not be a descriptor, for it is closed by then. Signal
/// handlers are back to their defaults there (what was ignored stays so) and no signal is blocked.
/// `cgroup` is a cgroup v2 directory to be born in.
///
/// # Errors
/// `Unsupported` if this process has several threads: the copy would hold locks of threads that
/// do not exist in it. Else the errors of clone(2).
pub fn spawn(
    namespaces: Namespaces,
    cgroup: Option<&OwnedFd>,
    keep: Vec<OwnedFd>,
    body: impl FnOnce(Vec<OwnedFd>) -> i32,
) -> io::Result<Child> {
    if thread_count()? != 1 {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "a process with several threads cannot be copied"));
    }
    let mut pidfd: RawFd = -1;
    let mut flags = namespaces.bits() | libc::CLONE_PIDFD as u64 | CLONE_CLEAR_SIGHAND;
    if cgroup.is_some() {
        flags |= CLONE_INTO_CGROUP;
    }
    // SAFETY: clone_args is a structure of integers for which all zeroes are valid.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = flags;
    arguments.pidfd = std::ptr::from_mut(&mut pidfd) as u64;
    arguments.exit_signal = libc::SIGCHLD as u64;
    arguments.cgroup = cgroup.map_or(0, |directory| directory.as_raw_fd() as u64);

    // SAFETY: the arguments are valid for the call. Without CLONE_VM the child runs on a copy of
    // all memory, this stack included, and being the only thread it finds every lock free.
    let result = unsafe { libc::syscall(libc::SYS_clone3, &raw mut arguments, size_of::<libc::clone_args>()) };
    match result {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let status = catch_unwind(AssertUnwindSafe(|| {
                crate::signals::unblock_all();
                close_all_but(&keep)?;
                io::Result::Ok(body(keep))
            }));
            let status = status.unwrap_or(Ok(PANICKED)).unwrap_or(PANICKED);
            // SAFETY: ends this process only; the parent's exit handlers do not run in its copy.
            unsafe { libc::_exit(status) }
        }
        pid => {
            // SAFETY: the host filled in a new descriptor that nobody else owns.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
            Ok(Child { pid, pidfd })
        }
    }
}

/// How many threads this process has.
fn thread_count() -> io::Result<u64> {
    // The directory has one subdirectory per thread, so its link count tells without a listing.
    Ok(fs::metadata("/proc/self/task")?.nlink().saturating_sub(2))
}

/// Closes every descriptor of this process but `keep`.
fn close_all_but(keep: &[OwnedFd]) -> io::Result<()> {
    let mut kept: Vec<u32> = keep.iter().filter_map(|fd| u32::try_from(fd.as_raw_fd()).ok()).collect();
    kept.sort_unstable();
    let mut first = 3;
    for fd in kept {
        if first < fd {
            close_range(first, fd - 1)?;
        }
        first = first.max(fd + 1);
    }
    close_range(first, u32::MAX)
}

fn close_range(first: u32, last: u32) -> io::Result<()> {
    // SAFETY: only called in a fresh copy of the process, whose owners of these descriptors are
    // the parent's stack frames: they never run again in the copy.
    match unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_threads_are_refused() {
        // The test harness runs each test on a thread of its own.
        let error = spawn(Namespaces::empty(), None, Vec::new(), |_| 0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    }
}
