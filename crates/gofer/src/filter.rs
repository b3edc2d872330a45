//! The system calls the gofer may make.

use lazaret_hostcall::{
    seccomp::{Action, Filter, Rule, arg},
    seccomp_rules,
};

const PROT_EXEC: u64 = 4;

/// What is let through, with the reasons.
pub const RULES: &[Rule] = seccomp_rules! {
    SYS_openat2 "resolves the sources of mounts";
    SYS_openat [arg(2).clear(O_CREAT | O_TRUNC)] "opens a regular file that is a mount by itself";
    SYS_newfstatat "tells files from directories";
    SYS_fstat "tells files from directories";
    SYS_open_tree "clones a source into a mount of its own";
    SYS_mount_setattr "makes that mount read-only and its devices inert";
    SYS_fsopen "the empty directory that covers the host's /proc and the like";
    SYS_fsconfig "the same";
    SYS_fsmount "the same";
    SYS_move_mount "the same";
    SYS_sendmsg "hands descriptors to the sandbox process, and tells a failure to the maker";
    SYS_close "descriptors that are handed over";
    SYS_fcntl [arg(1).int(libc::F_GETFD)] "the standard library's check of a descriptor that it closes";
    SYS_write [arg(0).int(2)] "last words";
    SYS_brk "memory";
    SYS_mmap [arg(2).clear(PROT_EXEC), arg(3).bits(MAP_ANONYMOUS, MAP_ANONYMOUS)] "memory, never executable";
    SYS_munmap "memory";
    SYS_mremap "memory";
    SYS_madvise "memory";
    SYS_mprotect [arg(2).clear(PROT_EXEC)] "memory, never executable";
    SYS_rt_sigprocmask "the end of a process by abort(3)";
    SYS_exit_group "the end";
};

const O_CREAT: u64 = libc::O_CREAT as u64;
const O_TRUNC: u64 = libc::O_TRUNC as u64;
const MAP_ANONYMOUS: u64 = libc::MAP_ANONYMOUS as u64;

/// The gofer's filter: all else kills it, and the host logs the call; with `trap` the gofer itself
/// says which call it was.
pub fn filter(trap: bool) -> Filter<'static> {
    let default = if trap { Action::Trap } else { Action::Kill };
    Filter { rules: RULES, default, foreign: Action::Kill, origin: None }
}
