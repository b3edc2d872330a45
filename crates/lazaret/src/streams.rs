//! Descriptors of this command that a process of a container gets.

use std::os::fd::OwnedFd;

use rustix::{
    io::fcntl_dupfd_cloexec,
    process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open},
    stdio::{stderr, stdin, stdout},
};

use crate::report::CommandError;

/// Copies of standard input, output and error.
pub fn standard() -> Result<[OwnedFd; 3], CommandError> {
    let copy = |result: rustix::io::Result<OwnedFd>| {
        result.map_err(|errno| CommandError::new(format!("copy a standard stream: {errno}")))
    };
    Ok([
        copy(fcntl_dupfd_cloexec(stdin(), 3))?,
        copy(fcntl_dupfd_cloexec(stdout(), 3))?,
        copy(fcntl_dupfd_cloexec(stderr(), 3))?,
    ])
}

/// Copies of `count` descriptors from 3 on, which whoever started this command has left open. To be
/// called before this command has opened anything itself.
pub fn preserved(count: u32) -> Result<Vec<OwnedFd>, CommandError> {
    let numbers = || (0..count).map(|index| index.saturating_add(3));
    let wrong = |fd: u32, problem: &dyn std::fmt::Display| {
        CommandError::new(format!("--preserve-fds {count}: descriptor {fd}: {problem}"))
    };
    // All of them first: a copy may take the number of one that is missing.
    if let Some(missing) = numbers().find(|fd| std::fs::symlink_metadata(format!("/proc/self/fd/{fd}")).is_err()) {
        return Err(wrong(missing, &"is not open"));
    }
    let own = pidfd_open(getpid(), PidfdFlags::empty())
        .map_err(|errno| CommandError::new(format!("open the own process: {errno}")))?;
    let copy = |fd: u32| {
        let number = fd.try_into().map_err(|error| wrong(fd, &error))?;
        pidfd_getfd(&own, number, PidfdGetfdFlags::empty()).map_err(|errno| wrong(fd, &errno))
    };
    numbers().map(copy).collect()
}
