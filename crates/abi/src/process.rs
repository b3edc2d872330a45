//! Processes; see clone(2), wait(2), unshare(2), kcmp(2), pidfd_open(2).

names! {
    /// Flags of clone(2), without the exit signal in the low byte.
    pub mod clone: u64 = "CLONE_" {
        NEWTIME = 0x80, VM = 0x100, FS = 0x200, FILES = 0x400, SIGHAND = 0x800, PIDFD = 0x1000, PTRACE = 0x2000,
        VFORK = 0x4000, PARENT = 0x8000, THREAD = 0x1_0000, NEWNS = 0x2_0000, SYSVSEM = 0x4_0000, SETTLS = 0x8_0000,
        PARENT_SETTID = 0x10_0000, CHILD_CLEARTID = 0x20_0000, DETACHED = 0x40_0000, UNTRACED = 0x80_0000,
        CHILD_SETTID = 0x100_0000, NEWCGROUP = 0x200_0000, NEWUTS = 0x400_0000, NEWIPC = 0x800_0000,
        NEWUSER = 0x1000_0000, NEWPID = 0x2000_0000, NEWNET = 0x4000_0000, IO = 0x8000_0000,
        CLEAR_SIGHAND = 0x1_0000_0000, INTO_CGROUP = 0x2_0000_0000,
    }

    /// Options of wait4(2) and waitid(2).
    pub mod wait: u32 = "" {
        WNOHANG = 1, WSTOPPED = 2, WEXITED = 4, WCONTINUED = 8, WNOWAIT = 0x0100_0000, __WNOTHREAD = 0x2000_0000,
        __WALL = 0x4000_0000, __WCLONE = 0x8000_0000,
    }

    /// Whom waitid(2) waits for.
    pub mod wait_id: u32 = "P_" { ALL = 0, PID = 1, PGID = 2, PIDFD = 3, }

    /// `which` of getpriority(2).
    pub mod priority: u32 = "PRIO_" { PROCESS = 0, PGRP = 1, USER = 2, }

    /// What kcmp(2) compares.
    pub mod kcmp: i32 = "KCMP_" { FILE = 0, VM = 1, FILES = 2, FS = 3, SIGHAND = 4, IO = 5, SYSVSEM = 6, EPOLL_TFD = 7, }

    /// Flags of pidfd_open(2).
    pub mod pidfd: u32 = "PIDFD_" { NONBLOCK = 0o4000, THREAD = 0o200, }
}

structures! {
    /// `struct clone_args` of clone3(2), as of its third version.
    pub struct CloneArgs {
        pub flags: u64,
        pub pidfd: u64,
        pub child_tid: u64,
        pub parent_tid: u64,
        pub exit_signal: u64,
        pub stack: u64,
        pub stack_size: u64,
        pub tls: u64,
        pub set_tid: u64,
        pub set_tid_size: u64,
        pub cgroup: u64,
    }
}
