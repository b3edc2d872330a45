//! The stub's code as a program of its own, linked at its fixed address as a flat image.

#![no_std]
#![no_main]

#[allow(dead_code)]
#[path = "../src/stub/shared.rs"]
mod shared;

mod fetch;

use core::{arch::global_asm, mem::offset_of, panic::PanicInfo};

use shared::{Boot, ContextPage};

/// Gives assembler symbols the values of constants.
macro_rules! constants {
    ($($name:ident = $value:expr;)*) => {
        global_asm!(
            $(concat!(".set ", stringify!($name), ", {", stringify!($name), "}")),*,
            $($name = const $value),*,
            options(att_syntax)
        );
    };
}

/// Offset of a register in the page, by its place in `Regs`.
const fn register(index: usize) -> usize {
    offset_of!(ContextPage, regs) + 8 * index
}

/// Offset of a register in a ucontext (gregs begin at byte 40), by its place there.
const fn frame(index: usize) -> usize {
    40 + 8 * index
}

constants! {
    SLOT_SIZE = shared::SLOT_SIZE;
    PAGE_SIZE = shared::PAGE_SIZE;
    CHUNK_SIZE = shared::CHUNK_SIZE;
    INPUT = shared::INPUT;
    INPUT_SIZE = shared::INPUT_SIZE;
    OUTPUT = shared::OUTPUT;
    SIGNAL_STACK = shared::SIGNAL_STACK;
    STRING_MAX = shared::STRING_MAX;
    WINDOW_ALIGN = shared::WINDOW_ALIGN;
    COPY_HEAD = size_of::<shared::Copy>();
    FETCH_CALLS = fetch::CALLS;
    FETCH_MASK = fetch::MASK;
    FETCH_STRING = fetch::STRING;
    FETCH_COUNT_SHIFT = fetch::COUNT_SHIFT;
    FETCH_SIZE_SHIFT = fetch::SIZE_SHIFT;
    CONTEXT_BASE = shared::CONTEXT_BASE;

    COMMAND_SEQ = offset_of!(ContextPage, command_seq);
    STUB_ASLEEP = offset_of!(ContextPage, stub_asleep);
    COMMAND = offset_of!(ContextPage, command);
    FLAGS = offset_of!(ContextPage, flags);
    COPIES = offset_of!(ContextPage, copies);
    CALLS_COUNT = offset_of!(ContextPage, calls_count);
    CALLS = offset_of!(ContextPage, calls);
    CALL_SIZE = 56;
    ANSWER = offset_of!(ContextPage, answer);
    ARGUMENTS = offset_of!(ContextPage, arguments);
    REPORT_SEQ = offset_of!(ContextPage, report_seq);
    KERNEL_ASLEEP = offset_of!(ContextPage, kernel_asleep);
    REPORT = offset_of!(ContextPage, report);
    CPU = offset_of!(ContextPage, cpu);
    CALL = offset_of!(ContextPage, call);
    FETCHED = offset_of!(ContextPage, fetched);
    RESULT = offset_of!(ContextPage, result);
    FAULT = offset_of!(ContextPage, fault);
    PATIENCE = offset_of!(ContextPage, patience);
    RAN = offset_of!(ContextPage, ran);
    RESUMED = offset_of!(ContextPage, resumed);
    PROCESSOR_MASK = 0xfff;
    OWN_ADDRESS = offset_of!(ContextPage, own_address);
    FAST_RIP = offset_of!(ContextPage, fast_rip);
    FAST_TARGET = offset_of!(ContextPage, fast_target);
    // Flags with which only iretq can go on as it should: trap and resume.
    SLOW_FLAGS = 0x1_0100;
    NOWHERE = -1;
    IRET = offset_of!(ContextPage, iret);
    OBEYED = offset_of!(ContextPage, obeyed);
    INTERRUPTED = offset_of!(ContextPage, interrupted);
    ALIVE = offset_of!(ContextPage, alive);
    FEATURES = offset_of!(ContextPage, features);
    BOOT_HOLES = shared::PAGE_SIZE as usize + offset_of!(Boot, holes);
    BOOT_FILTER = shared::PAGE_SIZE as usize + offset_of!(Boot, filter);

    R15 = register(0);
    R14 = register(1);
    R13 = register(2);
    R12 = register(3);
    RBP = register(4);
    RBX = register(5);
    R11 = register(6);
    R10 = register(7);
    R9 = register(8);
    R8 = register(9);
    RAX = register(10);
    RCX = register(11);
    RDX = register(12);
    RSI = register(13);
    RDI = register(14);
    ORIG_RAX = register(15);
    RIP = register(16);
    RFLAGS = register(17);
    RSP = register(18);
    FS_BASE = register(19);
    GS_BASE = register(20);

    UC_R8 = frame(0);
    UC_R9 = frame(1);
    UC_R10 = frame(2);
    UC_R11 = frame(3);
    UC_R12 = frame(4);
    UC_R13 = frame(5);
    UC_R14 = frame(6);
    UC_R15 = frame(7);
    UC_RDI = frame(8);
    UC_RSI = frame(9);
    UC_RBP = frame(10);
    UC_RBX = frame(11);
    UC_RDX = frame(12);
    UC_RAX = frame(13);
    UC_RCX = frame(14);
    UC_RSP = frame(15);
    UC_RIP = frame(16);
    UC_RFLAGS = frame(17);
    UC_ERR = frame(19);
    UC_TRAPNO = frame(20);
    UC_CR2 = frame(22);
    UC_FPSTATE = frame(23);
    // struct _fpx_sw_bytes is at byte 464 of the extended state.
    SW_XFEATURES = 464 + 8;
    XSAVE_HEADER = 512;
    // x87 and SSE.
    LEGACY_FEATURES = 3;

    SI_CODE = 8;
    SI_ADDR = 16;
    SI_ARCH = 28;
    SYS_SECCOMP = 1;
    AUDIT_ARCH_X86_64 = 0xc000_003eu32;

    COMMAND_RESUME = shared::COMMAND_RESUME;
    COMMAND_CALL = shared::COMMAND_CALL;
    COMMAND_CALLS = shared::COMMAND_CALLS;
    CHUNK_FD = shared::CHUNK_FD;
    SHARED_FD = shared::SHARED_FD;
    COMMAND_FORK = shared::COMMAND_FORK;
    COMMAND_SPAWN = shared::COMMAND_SPAWN;
    COMMAND_SAVE_FP = shared::COMMAND_SAVE_FP;
    COMMAND_RESTORE_FP = shared::COMMAND_RESTORE_FP;
    COMMAND_RESET_FP = shared::COMMAND_RESET_FP;
    COMMAND_EXIT = shared::COMMAND_EXIT;
    COMMAND_RETURN = shared::COMMAND_RETURN;
    REPORT_SYSCALL = shared::REPORT_SYSCALL;
    REPORT_FOREIGN = shared::REPORT_FOREIGN;
    REPORT_FAULT = shared::REPORT_FAULT;
    REPORT_INTERRUPTED = shared::REPORT_INTERRUPTED;
    REPORT_DONE = shared::REPORT_DONE;
    REPORT_BORN = shared::REPORT_BORN;
    REPORT_FAST = shared::REPORT_FAST;
    REPORT_UNCALLED = shared::REPORT_UNCALLED;
    REPORT_UNSTORED = shared::REPORT_UNSTORED;
    REPORT_CORRUPTED = shared::REPORT_CORRUPTED;
    FLAG_FSGSBASE = shared::FLAG_FSGSBASE;
    FLAG_DEATH_SIGNAL = shared::FLAG_DEATH_SIGNAL;

    SYS_CLOSE = 3;
    SYS_MMAP = 9;
    SYS_MUNMAP = 11;
    SYS_RT_SIGRETURN = 15;
    SYS_MADVISE = 28;
    SYS_CLONE = 56;
    SYS_EXIT = 60;
    SYS_SIGALTSTACK = 131;
    SYS_PRCTL = 157;
    SYS_FUTEX = 202;
    SYS_OPENAT = 257;
    SYS_EXIT_GROUP = 231;
    SYS_SECCOMP_CALL = 317;

    CODE_SEGMENT = 0x33;
    STACK_SEGMENT = 0x2b;
    EFAULT = 14;
    MAX_ERRNO = 4095;
    FUTEX_WAIT = 0;
    FUTEX_WAKE = 1;
    CLONE_PARENT = 0x8000;
    CLONE_THREAD_FLAGS = shared::CLONE_THREAD_FLAGS;
    PR_SET_PDEATHSIG = 1;
    SIGKILL = 9;
    PROT_READ_WRITE = 3;
    MAP_SHARED_FIXED = 0x11;
    MADV_DONTFORK = 10;
    SECCOMP_SET_MODE_FILTER = 1;
    SECCOMP_FILTER_FLAG_NEW_LISTENER = 8;
    MXCSR_INITIAL = 0x1f80;
    INITIAL_STATE_SIZE = shared::MAX_STATE;
}

global_asm!(include_str!("stub.s"), options(att_syntax));

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
