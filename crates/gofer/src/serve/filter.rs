//! The system calls of the process that serves files.

use lazaret_hostcall::{
    seccomp::{Action, Filter, Rule, THREAD, arg},
    seccomp_rules,
};

const PROT_EXEC: u64 = 4;
const ENOSYS: Action = Action::Errno(38);
/// A descriptor, as against AT_FDCWD and other negative numbers.
const DESCRIPTORS: u64 = 1 << 31;
const AT_EMPTY_PATH: u64 = libc::AT_EMPTY_PATH as u64;
/// FUTEX_WAIT, WAKE, WAIT_BITSET and WAKE_BITSET, with and without PRIVATE_FLAG and CLOCK_REALTIME.
const FUTEXES: &[u32] = &[0, 1, 9, 10, 0x80, 0x81, 0x89, 0x8a, 0x109, 0x189];
/// F_GETFD, F_GETFL, F_DUPFD_CLOEXEC.
const FCNTLS: &[u32] = &[1, 3, 1030];

/// What is let through, with the reasons.
pub const RULES: &[Rule] = seccomp_rules! {
    SYS_recvmsg "requests";
    SYS_sendmsg "replies";
    SYS_openat2 [arg(0).below(DESCRIPTORS)] "names in the trees; no link is followed, which is in its arguments' memory";
    SYS_statx [arg(0).below(DESCRIPTORS)] "attributes";
    SYS_fstatfs "attributes of a file system";
    SYS_readlinkat [arg(0).below(DESCRIPTORS)] "links";
    SYS_getdents64 "entries of a directory";
    SYS_lseek "the place in a directory";
    SYS_mkdirat [arg(0).below(DESCRIPTORS)] "changes below a writable root";
    SYS_mknodat [arg(0).below(DESCRIPTORS)] "FIFOs and sockets there; devices need a right the process does not have";
    SYS_symlinkat [arg(1).below(DESCRIPTORS)] "changes there";
    SYS_linkat [arg(0).below(DESCRIPTORS), arg(2).below(DESCRIPTORS), arg(4).equal(0)] "changes there";
    SYS_unlinkat [arg(0).below(DESCRIPTORS)] "changes there";
    SYS_renameat2 [arg(0).below(DESCRIPTORS), arg(2).below(DESCRIPTORS)] "changes there";
    SYS_fchmod "changes there";
    SYS_fchmodat2 [arg(0).below(DESCRIPTORS), arg(3).equal(AT_EMPTY_PATH)] "changes there, of the very file that a descriptor stands for";
    SYS_fchownat [arg(0).below(DESCRIPTORS), arg(4).equal(AT_EMPTY_PATH)] "the same";
    SYS_utimensat [arg(0).below(DESCRIPTORS), arg(3).equal(AT_EMPTY_PATH)] "the same";
    SYS_fgetxattr "extended attributes";
    SYS_fsetxattr "extended attributes";
    SYS_flistxattr "extended attributes";
    SYS_fremovexattr "extended attributes";
    SYS_ftruncate "files that are open";
    SYS_fsync "files that are open";
    SYS_fdatasync "files that are open";
    SYS_pread64 "files that are open, for clients that get no descriptors";
    SYS_pwrite64 "the same";
    SYS_fcntl [arg(1).one_of(FCNTLS)] "copies and access modes of descriptors";
    SYS_close "descriptors";
    SYS_write [arg(0).int(2)] "last words";
    SYS_brk "memory";
    SYS_mmap [arg(2).clear(PROT_EXEC), arg(3).bits(MAP_ANONYMOUS, MAP_ANONYMOUS)] "memory, never executable";
    SYS_munmap "memory";
    SYS_mremap "memory";
    SYS_madvise "memory";
    SYS_mprotect [arg(2).clear(PROT_EXEC)] "memory, never executable";
    SYS_clone [arg(0).equal(THREAD)] "a thread for each tree";
    SYS_clone3 => ENOSYS, "its arguments are out of a filter's sight; the C library then uses clone";
    SYS_set_robust_list "the start of a thread";
    SYS_rseq "the start of a thread";
    SYS_sigaltstack "the start and end of a thread";
    SYS_rt_sigaction "the C library's own handlers, which it sets when there are threads";
    SYS_rt_sigprocmask "the start and end of a thread";
    SYS_sched_getaffinity "the start of a thread";
    SYS_prctl [arg(0).int(libc::PR_SET_NAME)] "names of threads";
    SYS_futex [arg(1).one_of(FUTEXES)] "locks, and waiting for threads";
    SYS_getrandom "hash tables";
    SYS_gettid "identity";
    SYS_getpid "identity";
    SYS_exit "the end of a thread";
    SYS_exit_group "the end";
};

const STREAM: u64 = (libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC) as u64;
const DATAGRAM: u64 = (libc::SOCK_DGRAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC) as u64;
const PACKETS: u64 = (libc::SOCK_SEQPACKET | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC) as u64;

/// What is needed beyond that to reach sockets of the host, or to make them.
pub const SOCKETS: &[Rule] = seccomp_rules! {
    SYS_socket [arg(0).int(libc::AF_UNIX), arg(1).equal(STREAM), arg(2).equal(0)] "a socket for the sandbox process";
    SYS_socket [arg(0).int(libc::AF_UNIX), arg(1).equal(DATAGRAM), arg(2).equal(0)] "the same";
    SYS_socket [arg(0).int(libc::AF_UNIX), arg(1).equal(PACKETS), arg(2).equal(0)] "the same";
    SYS_fchdir "addresses are short: they start from a directory of a tree, or from the procfs of this process";
    SYS_connect "sockets whose files are in the trees (`--host-uds=open`)";
    SYS_bind "names in the trees (`--host-uds=create`)";
    SYS_listen "sockets that were bound there";
};

const MAP_ANONYMOUS: u64 = libc::MAP_ANONYMOUS as u64;

/// Loads the filter, for good: all else kills the process, and the host logs the call; with `trap` the process
/// itself says which call it was. With `sockets`, [`SOCKETS`] are let through as well.
///
/// # Errors
/// Those of seccomp(2).
pub fn load(sockets: bool, trap: bool) -> std::io::Result<()> {
    let default = if trap { Action::Trap } else { Action::Kill };
    let rules = [RULES, if sockets { SOCKETS } else { &[] }].concat();
    Filter { rules: &rules, default, foreign: Action::Kill, origin: None }.load()
}
