//! The system calls the gofer may make.

use lazaret_hostcall::{
    seccomp::{Action, Filter, Rule, arg},
    seccomp_rules,
};

const PROT_EXEC: u64 = 4;

/// What is let through, with the reasons.
pub const RULES: &[Rule] = seccomp_rules! {
    SYS_openat2 "resolves the sources of mounts, and where they are to be";
    SYS_readlinkat "the same";
    SYS_openat [arg(2).clear(O_CREAT | O_TRUNC)] "opens a regular file that is a mount by itself";
    SYS_newfstatat "tells files from directories";
    SYS_fstat "tells files from directories";
    SYS_open_tree "clones a source into a mount of its own";
    SYS_mount_setattr "makes that mount read-only and its devices inert";
    SYS_fsopen "the empty directory that covers the host's /proc and the like";
    SYS_fsconfig "the same";
    SYS_fsmount "the same";
    SYS_move_mount "the same";
    SYS_socketpair [arg(0).int(libc::AF_UNIX)] "connections between the sandbox process and the one that serves files";
    SYS_sendmsg "hands descriptors to the sandbox process, and tells a failure to the maker";
    SYS_close "descriptors that are handed over";
    SYS_fcntl [arg(1).int(libc::F_GETFD)] "the standard library's check of a descriptor that it closes";
    SYS_fcntl [arg(1).int(libc::F_DUPFD_CLOEXEC)] "copies of descriptors";
    SYS_pwrite64 "the file of resolved mounts";
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

/// What the gofer of a container that joins a sandbox, and who takes that container's root out again, may do beside.
pub const JOINING: &[Rule] = seccomp_rules! {
    SYS_setns "enters the namespaces of the sandbox";
    SYS_mkdirat [arg(0).below(DESCRIPTORS)] "mount points in the sandbox's empty root";
    SYS_unlinkat [arg(0).below(DESCRIPTORS)] "the same";
    SYS_umount2 "mounts of containers that are gone";
};

/// A descriptor, as against AT_FDCWD and other negative numbers.
const DESCRIPTORS: u64 = 1 << 31;

/// Loads the gofer's filter, for good: all else kills it, and the host logs the call; with `trap` the gofer
/// itself says which call it was.
///
/// # Errors
/// Those of seccomp(2).
pub fn load(trap: bool, joins: bool) -> std::io::Result<()> {
    let default = if trap { Action::Trap } else { Action::Kill };
    let rules = if joins { [RULES, JOINING].concat() } else { RULES.to_vec() };
    Filter { rules: &rules, default, foreign: Action::Kill, origin: None }.load()
}
