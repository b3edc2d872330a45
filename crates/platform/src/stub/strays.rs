//! Processes and threads of stubs that nobody ordered, or of which the stub says that there are none.
//!
//! That a clone was let through is known, but not what came of it: only the stub tells, and it may lie. So after
//! a copy of which nothing was seen, the host is asked which processes there are, and when a stub has made a
//! thread, how many it has. A sandbox process without a procfs cannot ask.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use rustix::{
    fd::{AsFd, BorrowedFd},
    fs::{AtFlags, Dir, Mode, OFlags, openat, statat},
    process::Pid,
};

use super::{process::Process, reaper};
use crate::{Error, Result};

/// So many threads of a stub may be on the way to their end.
const LEAVING: usize = 16;
/// How often it is looked whether they are gone, and for how long.
const SLICE: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends copies of stubs that are nobody's, once those that are being made have become somebody's.
pub(super) fn end_copies(process: &Process) {
    let Some(proc) = &process.shared.proc else { return };
    // What cannot be listed now is found after the next copy that fails.
    if let Ok(all) = processes(proc.as_fd()) {
        reaper::suspect(all.into_iter());
    }
}

/// The processes that a procfs shows.
fn processes(proc: BorrowedFd<'_>) -> io::Result<Vec<Pid>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = Dir::new(openat(proc, ".", flags, Mode::empty())?)?;
    let mut found = Vec::new();
    for entry in directory {
        let number = entry?.file_name().to_str().ok().and_then(|name| name.parse().ok());
        found.extend(number.and_then(Pid::from_raw));
    }
    Ok(found)
}

/// How many threads the host has of a stub; `None` where it does not say.
fn threads(process: &Process) -> Option<usize> {
    let proc = process.shared.proc.as_ref()?;
    let path = |pid: Pid| format!("{}/task", pid.as_raw_nonzero());
    let stat = process.with_pid(|pid| statat(proc, path(pid), AtFlags::SYMLINK_NOFOLLOW))?.ok()?;
    // One directory for each, beside the two that every directory has.
    usize::try_from(stat.st_nlink).ok()?.checked_sub(2)
}

/// A stub that was let make a thread has as many as it should.
///
/// # Errors
/// `Corrupted`
pub(super) fn check_threads(process: &Process) -> Result<()> {
    let start = Instant::now();
    // The first thread stays when it is left.
    while threads(process).is_some_and(|threads| threads > process.threads() + 1 + LEAVING) {
        if start.elapsed() > PATIENCE {
            reaper::kill(process);
            return Err(Error::Corrupted("has threads that nobody knows"));
        }
        thread::sleep(SLICE);
    }
    Ok(())
}
