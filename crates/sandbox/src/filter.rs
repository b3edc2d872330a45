//! The system calls the sandbox process may make once the application kernel runs.
//!
//! This list is the second wall of the boundary: whoever takes over the application kernel can ask
//! the host for this and no more. No call here takes a path from the root (which is empty anyway),
//! runs a program, or maps memory executable; none makes a socket unless the container has the host's network.

use std::collections::BTreeSet;

use lazaret_hostcall::{
    seccomp::{self, Action, Filter, Rule, THREAD, arg},
    seccomp_rules, socket,
};

use crate::network::Network;

const fn word(flags: i32) -> u64 {
    flags.cast_unsigned() as u64
}

const NOFOLLOW: u64 = word(libc::O_NOFOLLOW);
const PROT_EXEC: u64 = word(libc::PROT_EXEC);
const AT_EMPTY_PATH: u64 = word(libc::AT_EMPTY_PATH);
const AT_SYMLINK_FOLLOW: u64 = word(libc::AT_SYMLINK_FOLLOW);
/// A descriptor, as against AT_FDCWD and other negative numbers.
const DESCRIPTORS: u64 = 1 << 31;
const ENOSYS: Action = Action::Errno(38);
const ENOENT: Action = Action::Errno(2);
/// PR_SET_VMA, by which the C library names its memory.
const PR_SET_VMA: i32 = 0x5356_4d41;

/// FUTEX_WAIT, WAKE, REQUEUE, CMP_REQUEUE, WAKE_OP, WAIT_BITSET and WAKE_BITSET, with and without
/// PRIVATE_FLAG and CLOCK_REALTIME. None of the priority-inheriting ones.
const FUTEXES: &[u32] = &[0, 1, 3, 4, 5, 9, 10, 0x80, 0x81, 0x83, 0x84, 0x85, 0x89, 0x8a, 0x100, 0x109, 0x180, 0x189];

/// F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC, F_ADD_SEALS, F_GET_SEALS, the
/// locks of open file descriptions, and pipe sizes.
const FCNTLS: &[u32] = &[0, 1, 2, 3, 4, 1030, 1033, 1034, 36, 37, 38, 1031, 1032];

/// FIONREAD, FIONBIO, FICLONE, and what is asked of the terminal: TCGETS, TCSETS, TCSETSW, TCSETSF, TIOCGWINSZ.
const IOCTLS: &[u32] = &[0x541b, 0x5421, 0x4004_9409, 0x5401, 0x5402, 0x5403, 0x5404, 0x5413];

/// MADV_NORMAL to DONTNEED, FREE, DONTFORK, HUGEPAGE, NOHUGEPAGE, DONTDUMP, POPULATE_READ, POPULATE_WRITE.
const ADVICE: &[u32] = &[0, 1, 2, 3, 4, 8, 10, 14, 15, 16, 22, 23];

/// What the application kernel and the control socket need, with the reasons.
const KERNEL: &[Rule] = seccomp_rules! {
    // Memory of the application kernel.
    SYS_brk "memory";
    SYS_mmap [arg(2).clear(PROT_EXEC)] "memory and files, never executable";
    SYS_mprotect [arg(2).clear(PROT_EXEC)] "memory, never executable";
    SYS_munmap "memory";
    SYS_mremap "memory";
    SYS_madvise [arg(2).one_of(ADVICE)] "memory that is given back; no merging, which is a side channel";
    SYS_msync "shared mappings of the application's files";
    SYS_memfd_create "context pages of stubs, files in memory";

    // Threads: one for each task of the application, and a few of the kernel's own.
    SYS_clone [arg(0).equal(THREAD)] "a thread; processes are made by the zygote";
    SYS_clone3 => ENOSYS, "its arguments are out of a filter's sight; the C library then uses clone";
    SYS_set_robust_list "the start of a thread";
    SYS_rseq "the start of a thread";
    SYS_set_tid_address "the start of a thread";
    SYS_sigaltstack "the start and end of a thread";
    SYS_rt_sigprocmask "the start and end of a thread";
    SYS_rt_sigaction "handlers of the own process";
    SYS_rt_sigreturn "return from a handler";
    SYS_rt_sigpending "signals of the own process";
    SYS_rt_sigtimedwait "signals of the own process";
    SYS_tgkill [arg(0).int(1)] "a thread of the sandbox process, the first of its pid namespace";
    SYS_gettid "identity";
    SYS_getpid "identity";
    SYS_getppid "identity";
    SYS_getuid "identity";
    SYS_geteuid "identity";
    SYS_getgid "identity";
    SYS_getegid "identity";
    SYS_futex [arg(1).one_of(FUTEXES)] "locks, and the hand-over between kernel and stubs";
    SYS_sched_yield "hand-over";
    SYS_sched_getaffinity "the number of processors";
    SYS_sched_setaffinity "a task's thread follows its stub from processor to processor";
    SYS_getcpu "the same";
    SYS_membarrier "call sites of the application are patched while other threads run";
    SYS_prctl [arg(0).int(libc::PR_SET_NAME)] "names of threads";
    SYS_prctl [arg(0).int(libc::PR_GET_NAME)] "names of threads";
    SYS_prctl [arg(0).int(libc::PR_SET_TIMERSLACK)] "a task's sleep is as precise as the host's";
    SYS_prctl [arg(0).int(PR_SET_VMA)] "names of memory areas";
    SYS_exit "the end of a thread";
    SYS_exit_group "the end";
    SYS_restart_syscall "a sleep that a stop has cut short";

    // Time.
    SYS_clock_gettime "clocks where the vDSO cannot answer";
    SYS_clock_getres "clocks";
    SYS_gettimeofday "clocks";
    SYS_time "clocks";
    SYS_clock_nanosleep "timers of the application";
    SYS_nanosleep "timers of the application";
    SYS_timerfd_create "timers of the application";
    SYS_timerfd_settime "timers of the application";
    SYS_timerfd_gettime "timers of the application";

    // Waiting.
    SYS_poll "waiting for host files";
    SYS_ppoll "waiting for host files";
    SYS_epoll_create1 "waiting for host files";
    SYS_epoll_ctl "waiting for host files";
    SYS_epoll_wait "waiting for host files";
    SYS_epoll_pwait "waiting for host files";
    SYS_eventfd2 "waking who waits";

    // Files.
    SYS_openat [arg(0).below(DESCRIPTORS), arg(2).bits(NOFOLLOW, NOFOLLOW)] "a name in a donated directory, or in the own procfs; the last link is never followed";
    SYS_openat => ENOENT, "the root is empty: what a library looks for by an absolute path is not there";
    SYS_open => ENOENT, "the same";
    SYS_newfstatat [arg(0).below(DESCRIPTORS)] "attributes of a file in a donated directory";
    SYS_newfstatat => ENOENT, "the root is empty";
    SYS_fstat "attributes";
    SYS_statx [arg(0).below(DESCRIPTORS)] "attributes of a file in a donated directory";
    SYS_statx => ENOENT, "the root is empty";
    SYS_fstatfs "attributes of a file system";
    SYS_readlink => ENOENT, "the root is empty";
    SYS_access => ENOENT, "the root is empty";
    SYS_getdents64 "entries of a donated directory, and threads of the own process";
    SYS_ftruncate "files that are open";
    SYS_fallocate "files that are open";
    SYS_fsync "files that are open";
    SYS_fdatasync "files that are open";
    SYS_sync_file_range "files that are open";
    SYS_copy_file_range "files that are open";
    SYS_sendfile "files that are open";
    SYS_splice "files that are open";
    SYS_tee "files that are open";
    SYS_fadvise64 "files that are open";
    SYS_flock "files that are open";
    SYS_read "files that are open";
    SYS_readv "files that are open";
    SYS_pread64 "files that are open";
    SYS_preadv "files that are open";
    SYS_preadv2 "files that are open";
    SYS_write "files that are open";
    SYS_writev "files that are open";
    SYS_pwrite64 "files that are open";
    SYS_pwritev "files that are open";
    SYS_pwritev2 "files that are open";
    SYS_lseek "files that are open";
    SYS_fcntl [arg(1).one_of(FCNTLS)] "copies, flags, seals and locks of descriptors";
    SYS_ioctl [arg(1).one_of(IOCTLS)] "the size and mode of the user's terminal, and what a pipe holds";
    SYS_dup "descriptors";
    SYS_dup3 "descriptors";
    SYS_pipe2 "descriptors";
    SYS_close "descriptors";
    SYS_close_range "descriptors";

    // The control socket.
    SYS_accept4 "callers of the control socket";
    SYS_recvmsg "requests";
    SYS_sendmsg "answers";
    SYS_recvfrom "sockets the user has given as standard streams, and links";
    SYS_sendto [arg(4).equal(0)] "the same, where they lead to: nobody is named";
    SYS_shutdown "sockets the user has given as standard streams";
    SYS_getsockopt "what kind of socket a standard stream is";

    // Figures that programs ask for.
    SYS_getrandom "random numbers";
    SYS_getrusage "processor time";
    SYS_sysinfo "memory of the machine";
    SYS_uname "the machine";
    SYS_times "processor time";
    SYS_prlimit64 [arg(0).int(0), arg(2).equal(0)] "limits of the own process, only to read";
    SYS_umask "a new file's mode is what the application asked for";
};

/// What is needed beyond that where the sandbox process opens files of the host by itself (directfs).
const DIRECTORIES: &[Rule] = seccomp_rules! {
    SYS_readlinkat [arg(0).below(DESCRIPTORS)] "links in a donated directory";
    SYS_faccessat2 [arg(0).below(DESCRIPTORS)] "permissions in a donated directory";
    SYS_mkdirat [arg(0).below(DESCRIPTORS)] "changes below a writable donated directory";
    SYS_mknodat [arg(0).below(DESCRIPTORS)] "FIFOs and sockets there; devices need a right the process does not have";
    SYS_symlinkat [arg(1).below(DESCRIPTORS)] "changes there";
    SYS_linkat [arg(0).below(DESCRIPTORS), arg(2).below(DESCRIPTORS), arg(4).only(AT_EMPTY_PATH | AT_SYMLINK_FOLLOW)] "changes there";
    SYS_unlinkat [arg(0).below(DESCRIPTORS)] "changes there";
    SYS_renameat [arg(0).below(DESCRIPTORS), arg(2).below(DESCRIPTORS)] "changes there";
    SYS_renameat2 [arg(0).below(DESCRIPTORS), arg(2).below(DESCRIPTORS)] "changes there";
    SYS_fchmod "changes there";
    SYS_fchmodat2 [arg(0).below(DESCRIPTORS), arg(3).equal(AT_EMPTY_PATH)] "changes there: of the very file that a descriptor stands for";
    SYS_fchown "changes there";
    SYS_fchownat [arg(0).below(DESCRIPTORS)] "changes there";
    SYS_utimensat [arg(0).below(DESCRIPTORS)] "changes there";
    SYS_fgetxattr "extended attributes";
    SYS_fsetxattr "extended attributes";
    SYS_flistxattr "extended attributes";
    SYS_fremovexattr "extended attributes";
};

const STREAM: u64 = word(libc::SOCK_STREAM);
const DATAGRAM: u64 = word(libc::SOCK_DGRAM);
/// Bits of the type of a socket that must be as in [`STREAM`] or [`DATAGRAM`] with SOCK_NONBLOCK and SOCK_CLOEXEC.
const SOCKET_BITS: u64 = 0xffff_ffff;
const FLAGS: u64 = word(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC);

/// What is needed beyond that where the container's sockets are the host's.
const HOST_NETWORK: &[Rule] = seccomp_rules! {
    SYS_socket [arg(0).one_of(socket::FAMILIES), arg(1).bits(SOCKET_BITS, STREAM | FLAGS), arg(2).one_of(socket::PROTOCOLS)] "TCP sockets";
    SYS_socket [arg(0).one_of(socket::FAMILIES), arg(1).bits(SOCKET_BITS, DATAGRAM | FLAGS), arg(2).one_of(socket::PROTOCOLS)] "UDP sockets, and those of ping";
    SYS_bind "such sockets: there are no others but those the user has given";
    SYS_listen "such sockets";
    SYS_connect "such sockets";
    SYS_getsockname "such sockets";
    SYS_getpeername "such sockets";
    SYS_setsockopt [arg(1).int(libc::SOL_SOCKET), arg(2).one_of(socket::SOCKET_OPTIONS)] "options without addresses of memory and without programs";
    SYS_setsockopt [arg(1).int(libc::IPPROTO_IP), arg(2).one_of(socket::IP_OPTIONS)] "the same";
    SYS_setsockopt [arg(1).int(libc::IPPROTO_IPV6), arg(2).one_of(socket::IPV6_OPTIONS)] "the same";
    SYS_setsockopt [arg(1).int(libc::IPPROTO_TCP), arg(2).one_of(socket::TCP_OPTIONS)] "the same";
    SYS_ioctl [arg(1).one_of(&socket::REQUESTS)] "what is yet to be acknowledged, and where urgent data are";
};

/// What is let through: the above, and what the platform needs.
pub fn rules(network: Network, directfs: bool) -> Vec<Rule> {
    let sockets = if network == Network::Host { HOST_NETWORK } else { &[] };
    let directories = if directfs { DIRECTORIES } else { &[] };
    [KERNEL, directories, sockets, lazaret_platform::stub::filter::sandbox_calls()].concat()
}

/// Loads the filter, for good; `trap` makes a refused call a signal, which
/// [`lazaret_hostcall::refused`] reports, instead of a death that only the host's log tells of.
///
/// # Errors
/// Those of seccomp(2).
pub fn load(network: Network, directfs: bool, trap: bool) -> std::io::Result<()> {
    let default = if trap { Action::Trap } else { Action::Kill };
    Filter { rules: &rules(network, directfs), default, foreign: Action::Kill, origin: None }.load()
}

/// The filters of the processes that a sandbox is made of, as Markdown for `docs/security.md`.
pub fn markdown() -> String {
    let mut text = String::new();
    for (title, rules) in [
        ("Sandbox process", rules(Network::None, false)),
        ("Sandbox process with directfs (the default): what is added", DIRECTORIES.to_vec()),
        ("Sandbox process with `--network host`: what is added", HOST_NETWORK.to_vec()),
        ("Gofer", lazaret_gofer::filter::RULES.to_vec()),
        ("Process that serves files, without directfs", lazaret_gofer::serve::filter::RULES.to_vec()),
        ("Process that serves files with `--host-uds`: what is added", lazaret_gofer::serve::filter::SOCKETS.to_vec()),
        ("Gofer of a container that joins a sandbox, beside these", lazaret_gofer::filter::JOINING.to_vec()),
        ("Stub", lazaret_platform::stub::filter::rules().to_vec()),
    ] {
        let allowed = rules.iter().filter(|rule| matches!(rule.action, Action::Allow | Action::Notify));
        let calls: BTreeSet<i64> = allowed.map(|rule| rule.number).collect();
        text += &format!("### {title}: {} system calls\n\n{}\n", calls.len(), seccomp::markdown(&rules));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_gives_a_reason() {
        assert!(rules(Network::Host, true).iter().all(|rule| !rule.reason.is_empty()));
    }

    #[test]
    fn without_directfs_nothing_is_done_by_names() {
        for number in [
            libc::SYS_mkdirat,
            libc::SYS_mknodat,
            libc::SYS_symlinkat,
            libc::SYS_linkat,
            libc::SYS_unlinkat,
            libc::SYS_renameat,
            libc::SYS_renameat2,
            libc::SYS_fchmodat,
            libc::SYS_fchownat,
            libc::SYS_utimensat,
            libc::SYS_readlinkat,
            libc::SYS_faccessat2,
        ] {
            assert!(rules(Network::Host, false).iter().all(|rule| rule.number != number), "call {number}");
        }
    }

    #[test]
    fn nothing_that_leads_out_is_open() {
        for number in [
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_fork,
            libc::SYS_vfork,
            libc::SYS_ptrace,
            libc::SYS_mount,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_bpf,
            libc::SYS_io_uring_setup,
            libc::SYS_openat2,
            libc::SYS_keyctl,
            libc::SYS_userfaultfd,
            libc::SYS_perf_event_open,
        ] {
            assert!(rules(Network::Host, true).iter().all(|rule| rule.number != number), "call {number}");
        }
        for number in [libc::SYS_socket, libc::SYS_connect, libc::SYS_bind, libc::SYS_listen, libc::SYS_setsockopt] {
            for network in [Network::None, Network::Sandbox] {
                assert!(rules(network, true).iter().all(|rule| rule.number != number), "call {number}");
            }
        }
    }
}
