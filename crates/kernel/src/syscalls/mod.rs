//! System calls: the table of them all, and the handlers by family.
//!
//! A handler decodes what is left to decode, copies in and out, and calls the subject's module
//! (`fs`, `mm`, `task` ...), which does the work.

pub mod arch;
pub mod arg;
pub mod attr;
pub mod compatibility;
pub mod cred;
pub mod dir;
pub mod epoll;
pub mod eventfd;
pub mod expand;
pub mod fcntl;
pub mod futex;
pub mod identity;
pub mod inotify;
pub mod inspect;
pub mod io;
pub mod ioctl;
pub mod ipc;
pub mod lock;
pub mod mask;
pub mod membarrier;
pub mod memory;
pub mod message;
pub mod misc;
pub mod missing;
pub mod mount;
pub mod mqueue;
pub mod namespace;
pub mod open;
pub mod path;
pub mod pidfd;
pub mod pipe;
pub mod poll;
pub mod prctl;
pub mod priority;
pub mod process;
pub mod rlimit;
pub mod sched;
pub mod seccomp;
pub mod signal;
pub mod signalfd;
pub mod socket;
pub mod stat;
pub mod strace;
pub mod system;
pub mod table;
mod target;
pub mod time;
pub mod timer;
pub mod timerfd;
pub mod xattr;

use lazaret_abi::errno::Errno;

use self::expand::Call;
use crate::task::Current;

/// What a handler returns: the value for the application, or the error.
pub type SysResult = Result<usize, Errno>;

/// The call with this number.
pub fn by_number(number: u32) -> Option<&'static Call> {
    let position = table::CALLS.binary_search_by_key(&number, |call| call.number).ok()?;
    table::CALLS.get(position)
}

/// The call with this name.
pub fn by_name(name: &str) -> Option<&'static Call> {
    table::CALLS.iter().find(|call| call.name == name)
}

/// Answers a system call. `args` are the registers as the application left them.
///
/// # Errors
/// The call's own; `ENOSYS` for one that has no handler.
pub fn dispatch(current: &mut Current, number: u32, args: [u64; 6]) -> SysResult {
    let traced = current.task.kernel().strace.wants(number);
    if traced {
        return strace::traced(current, number, args, answer);
    }
    answer(current, number, args)
}

/// Answers a system call without a trace of it.
fn answer(current: &mut Current, number: u32, args: [u64; 6]) -> SysResult {
    if let Some(refused) = seccomp::check(current, number, args) {
        return refused;
    }
    table::call(current, number, args).unwrap_or_else(|| {
        let kernel = current.task.kernel();
        kernel.missing.count(number, &kernel.log);
        Err(Errno::ENOSYS)
    })
}

#[cfg(test)]
mod tests {
    use super::{by_name, by_number, table::CALLS};

    #[test]
    fn the_table_is_complete_and_in_order() {
        let numbers: Vec<u32> = CALLS.iter().map(|call| call.number).collect();
        let expected: Vec<u32> = (0..=336).chain(424..=469).collect();
        assert_eq!(numbers, expected);
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = CALLS.iter().map(|call| call.name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn calls_are_found_by_number_and_name() {
        assert_eq!(by_number(231).map(|call| call.name), Some("exit_group"));
        assert_eq!(by_name("statx").map(|call| call.number), Some(332));
        assert!(by_number(400).is_none());
        assert!(by_number(u32::MAX).is_none());
    }

    /// Holds the table against the host's header where there is one.
    #[test]
    fn numbers_are_those_of_the_header() {
        let Ok(header) = std::fs::read_to_string("/usr/include/x86_64-linux-gnu/asm/unistd_64.h") else { return };
        for line in header.lines() {
            let Some(definition) = line.strip_prefix("#define __NR_") else { continue };
            let (name, number) = definition.split_once(' ').expect("a name and a number");
            assert_eq!(by_name(name).map(|call| call.number), number.trim().parse().ok(), "{name}");
        }
    }
}
