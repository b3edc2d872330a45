//! System call filters that a program sets on itself; see seccomp(2).

names! {
    /// Operations of seccomp(2).
    pub mod operation: u32 = "SECCOMP_" {
        SET_MODE_STRICT = 0, SET_MODE_FILTER = 1, GET_ACTION_AVAIL = 2, GET_NOTIF_SIZES = 3,
    }

    /// Flags of SECCOMP_SET_MODE_FILTER.
    pub mod flag: u32 = "SECCOMP_FILTER_FLAG_" {
        TSYNC = 1, LOG = 2, SPEC_ALLOW = 4, NEW_LISTENER = 8, TSYNC_ESRCH = 0x10, WAIT_KILLABLE_RECV = 0x20,
    }

    /// What a filter wants done, in the upper half of what it returns.
    pub mod action: u32 = "SECCOMP_RET_" {
        KILL_PROCESS = 0x8000_0000, KILL_THREAD = 0, TRAP = 0x0003_0000, ERRNO = 0x0005_0000,
        USER_NOTIF = 0x7fc0_0000, TRACE = 0x7ff0_0000, LOG = 0x7ffc_0000, ALLOW = 0x7fff_0000,
    }

    /// Modes, as PR_GET_SECCOMP returns them.
    pub mod mode: u32 = "SECCOMP_MODE_" { DISABLED = 0, STRICT = 1, FILTER = 2, }
}

/// `si_code` of the SIGSYS that SECCOMP_RET_TRAP raises.
pub const SYS_SECCOMP: i32 = 1;
/// AUDIT_ARCH_X86_64.
pub const ARCH_X86_64: u32 = 0xc000_003e;
/// Most instructions of a program (BPF_MAXINSNS).
pub const PROGRAM_MAX: usize = 4096;

structures! {
    /// `struct seccomp_data`: what a filter looks at.
    pub struct SeccompData { pub number: u32, pub arch: u32, pub instruction_pointer: u64, pub args: [u64; 6], }

    /// `struct sock_filter`: an instruction of classic BPF.
    pub struct BpfInstruction { pub code: u16, pub if_true: u8, pub if_false: u8, pub k: u32, }

    /// `struct sock_fprog`.
    pub struct BpfProgram { pub length: u16, pub pad: [u16; 3], pub instructions: u64, }
}
