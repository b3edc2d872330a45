//! Scheduling; see sched(7), sched_setattr(2).

names! {
    /// Policies.
    pub mod policy: u32 = "SCHED_" { OTHER = 0, FIFO = 1, RR = 2, BATCH = 3, IDLE = 5, DEADLINE = 6, EXT = 7, }

    /// Flags of sched_setattr(2).
    pub mod flag: u64 = "SCHED_FLAG_" {
        RESET_ON_FORK = 1, RECLAIM = 2, DL_OVERRUN = 4, KEEP_POLICY = 8, KEEP_PARAMS = 0x10, UTIL_CLAMP_MIN = 0x20,
        UTIL_CLAMP_MAX = 0x40,
    }
}

/// SCHED_RESET_ON_FORK, a bit beside the policy.
pub const RESET_ON_FORK: u32 = 0x4000_0000;

structures! {
    /// `struct sched_param`.
    pub struct SchedParam { pub priority: i32, }

    /// `struct sched_attr`, as of its second version.
    pub struct SchedAttr {
        pub size: u32,
        pub policy: u32,
        pub flags: u64,
        pub nice: i32,
        pub priority: u32,
        pub runtime: u64,
        pub deadline: u64,
        pub period: u64,
        pub util_min: u32,
        pub util_max: u32,
    }
}
