//! Fast user-space locking; see futex(2), set_robust_list(2).

names! {
    /// Operations of futex(2), without the flags.
    pub mod op: u32 = "FUTEX_" {
        WAIT = 0, WAKE = 1, FD = 2, REQUEUE = 3, CMP_REQUEUE = 4, WAKE_OP = 5, LOCK_PI = 6, UNLOCK_PI = 7,
        TRYLOCK_PI = 8, WAIT_BITSET = 9, WAKE_BITSET = 10, WAIT_REQUEUE_PI = 11, CMP_REQUEUE_PI = 12, LOCK_PI2 = 13,
    }

    /// Flags in the operation.
    pub mod flag: u32 = "FUTEX_" { PRIVATE_FLAG = 128, CLOCK_REALTIME = 256, }

    /// Flags of futex_waitv(2) and its kin.
    pub mod flag2: u32 = "FUTEX2_" { SIZE_U32 = 2, NUMA = 4, PRIVATE = 128, }

    /// Operations of FUTEX_WAKE_OP, bits 28 to 30.
    pub mod wake_op: u32 = "FUTEX_OP_" { SET = 0, ADD = 1, OR = 2, ANDN = 3, XOR = 4, ARG_SHIFT = 8, }

    /// Comparisons of FUTEX_WAKE_OP, bits 24 to 27.
    pub mod wake_compare: u32 = "FUTEX_OP_CMP_" { EQ = 0, NE = 1, LT = 2, LE = 3, GT = 4, GE = 5, }
}

/// Bits of a robust or priority-inheriting futex word: somebody waits.
pub const WAITERS: u32 = 0x8000_0000;
/// The owner died.
pub const OWNER_DIED: u32 = 0x4000_0000;
/// The owner's thread id.
pub const TID_MASK: u32 = 0x3fff_ffff;
/// FUTEX_BITSET_MATCH_ANY.
pub const BITSET_MATCH_ANY: u32 = u32::MAX;
/// Most futexes of one futex_waitv(2).
pub const WAITV_MAX: usize = 128;
/// Most entries of a robust list that the kernel follows.
pub const ROBUST_LIST_LIMIT: usize = 2048;

structures! {
    /// `struct robust_list_head`.
    pub struct RobustListHead { pub next: u64, pub futex_offset: i64, pub pending: u64, }

    /// `struct futex_waitv`.
    pub struct FutexWaitv { pub value: u64, pub address: u64, pub flags: u32, pub reserved: u32, }
}
