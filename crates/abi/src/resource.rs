//! Limits and usage of resources; see getrlimit(2), getrusage(2).

use crate::time::Timeval;

names! {
    /// Resources with limits.
    pub mod limit: u32 = "RLIMIT_" {
        CPU = 0, FSIZE = 1, DATA = 2, STACK = 3, CORE = 4, RSS = 5, NPROC = 6, NOFILE = 7, MEMLOCK = 8, AS = 9,
        LOCKS = 10, SIGPENDING = 11, MSGQUEUE = 12, NICE = 13, RTPRIO = 14, RTTIME = 15,
    }

    /// Whose usage getrusage(2) tells.
    pub mod usage: i32 = "RUSAGE_" { SELF = 0, CHILDREN = -1, THREAD = 1, }
}

/// How many resources have limits (RLIM_NLIMITS).
pub const LIMITS: usize = 16;

structures! {
    /// `struct rlimit64`, which on x86_64 `struct rlimit` is too.
    pub struct RLimit { pub current: u64, pub maximum: u64, }

    /// `struct rusage`.
    pub struct RUsage {
        pub user_time: Timeval,
        pub system_time: Timeval,
        pub max_rss: i64,
        pub shared_memory: i64,
        pub unshared_data: i64,
        pub unshared_stack: i64,
        pub minor_faults: i64,
        pub major_faults: i64,
        pub swaps: i64,
        pub blocks_in: i64,
        pub blocks_out: i64,
        pub messages_sent: i64,
        pub messages_received: i64,
        pub signals: i64,
        pub voluntary_switches: i64,
        pub involuntary_switches: i64,
    }
}

impl RLimit {
    /// RLIM_INFINITY.
    pub const INFINITY: u64 = u64::MAX;
}
