//! What the kernel puts on the stack for a signal handler of x86_64; `asm/sigcontext.h`.

use crate::signal::{SigAltStack, SigInfo, SigSet};

structures! {
    /// `struct sigcontext`: the registers.
    pub struct SigContext {
        pub r8: u64,
        pub r9: u64,
        pub r10: u64,
        pub r11: u64,
        pub r12: u64,
        pub r13: u64,
        pub r14: u64,
        pub r15: u64,
        pub rdi: u64,
        pub rsi: u64,
        pub rbp: u64,
        pub rbx: u64,
        pub rdx: u64,
        pub rax: u64,
        pub rcx: u64,
        pub rsp: u64,
        pub rip: u64,
        pub rflags: u64,
        pub cs: u16,
        pub gs: u16,
        pub fs: u16,
        pub ss: u16,
        pub error_code: u64,
        pub trap_number: u64,
        pub old_mask: u64,
        pub cr2: u64,
        pub fp_state: u64,
        pub reserved: [u64; 8],
    }

    /// `struct ucontext`.
    pub struct UContext {
        pub flags: u64,
        pub link: u64,
        pub stack: SigAltStack,
        pub registers: SigContext,
        pub mask: SigSet,
    }

    /// `struct rt_sigframe`, below which the floating-point state lies.
    pub struct RtSigFrame { pub return_address: u64, pub context: UContext, pub info: SigInfo, }

    /// `struct _fpx_sw_bytes`, at [`SW_RESERVED_OFFSET`] of the floating-point state.
    pub struct FpxSwBytes {
        pub magic1: u32,
        pub extended_size: u32,
        pub features: u64,
        pub state_size: u32,
        pub padding: [u32; 7],
    }

    /// `struct user_regs_struct` of ptrace(2) and core files.
    pub struct UserRegs {
        pub r15: u64,
        pub r14: u64,
        pub r13: u64,
        pub r12: u64,
        pub rbp: u64,
        pub rbx: u64,
        pub r11: u64,
        pub r10: u64,
        pub r9: u64,
        pub r8: u64,
        pub rax: u64,
        pub rcx: u64,
        pub rdx: u64,
        pub rsi: u64,
        pub rdi: u64,
        pub orig_rax: u64,
        pub rip: u64,
        pub cs: u64,
        pub rflags: u64,
        pub rsp: u64,
        pub ss: u64,
        pub fs_base: u64,
        pub gs_base: u64,
        pub ds: u64,
        pub es: u64,
        pub fs: u64,
        pub gs: u64,
    }
}

/// `uc_flags`: the floating-point state is in XSAVE format.
pub const UC_FP_XSTATE: u64 = 1;
/// `uc_flags`: `ss` was saved.
pub const UC_SIGCONTEXT_SS: u64 = 2;
/// `uc_flags`: a 64-bit task gets its `ss` back strictly.
pub const UC_STRICT_RESTORE_SS: u64 = 4;
/// `magic1` of [`FpxSwBytes`].
pub const FP_XSTATE_MAGIC1: u32 = 0x4650_5853;
/// The word after the XSAVE area.
pub const FP_XSTATE_MAGIC2: u32 = 0x4650_5845;
/// Size of [`FP_XSTATE_MAGIC2`].
pub const FP_XSTATE_MAGIC2_SIZE: usize = 4;
/// Where [`FpxSwBytes`] is in the legacy part of the XSAVE area.
pub const SW_RESERVED_OFFSET: u64 = 464;
