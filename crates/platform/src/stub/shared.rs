//! What both sides of a context page agree on. This file is also compiled into the stub's code.
//!
//! The stub's side of a page is untrusted: the sandbox process reads each word once, into memory of
//! its own, and checks it there.

use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64};

/// Where the stub's code lies in every stub.
pub const STUB_BASE: u64 = 0x7e00_0000_0000;
/// Where the host's vDSO and its data pages are moved to.
pub const VDSO_BASE: u64 = 0x7e00_1000_0000;
/// Where the context slots of a stub begin.
pub const CONTEXT_BASE: u64 = 0x7e00_4000_0000;
/// End of the stub's region.
pub const STUB_END: u64 = 0x7e20_0000_0000;

/// Each thread has a slot: its context page, the windows that small copies between the application
/// and the sandbox process go through, then its signal stack up to the slot's end. The size is a
/// power of two, so that a handler finds the page by masking its stack pointer.
pub const SLOT_SIZE: u64 = 0x1_0000;
/// Size of the context page at the start of a slot.
pub const PAGE_SIZE: u64 = 0x1000;
/// Where in a slot the input window is: what the stub fetched of a call's arguments.
pub const INPUT: u64 = PAGE_SIZE;
/// Size of the input window.
pub const INPUT_SIZE: u64 = 0x2000;
/// Where in a slot the output window is: [`Copy`] after [`Copy`], what the stub is to store in the
/// application's memory before it goes on.
pub const OUTPUT: u64 = INPUT + INPUT_SIZE;
/// Size of the output window.
pub const OUTPUT_SIZE: u64 = 0x3000;
/// Where in a slot the signal stack begins.
pub const SIGNAL_STACK: u64 = OUTPUT + OUTPUT_SIZE;
/// Longest string that is fetched, with its zero.
#[allow(dead_code, reason = "only the stub's code needs it")]
pub const STRING_MAX: u64 = 0x200;
/// Most host calls that are made with one resumption, or one [`COMMAND_CALLS`].
pub const MAX_CALLS: usize = 24;
/// What lies in the windows is aligned to so many bytes.
pub const WINDOW_ALIGN: u64 = 16;
/// Slots are mapped in chunks of this size.
pub const CHUNK_SIZE: u64 = 0x20_0000;

/// Largest area for the extended state of an application.
pub const MAX_STATE: usize = 0x1000;

/// One thread's half-way house between the stub and the sandbox process.
///
/// The words that a plain call needs lie close together: each cache line that one side wrote and
/// the other reads costs as much as tens of instructions.
#[repr(C, align(128))]
pub struct ContextPage {
    /// Futex that the sandbox process counts up with each command.
    pub command_seq: AtomicU32,
    /// The stub's thread sleeps, or is about to, on `command_seq`.
    pub stub_asleep: AtomicU32,
    /// What to do; one of the `COMMAND` values.
    pub command: AtomicU32,
    /// `FLAG` values.
    pub flags: AtomicU32,
    /// How many ticks of the time stamp counter to wait awake for the command after a report.
    pub patience: AtomicU32,
    /// How many entries the output window has.
    pub copies: AtomicU16,
    /// How many of `calls` are to be made before that.
    pub calls_count: AtomicU16,
    /// Result of the call that [`COMMAND_RETURN`] ends.
    pub answer: AtomicU64,
    /// Arguments of the command; for [`COMMAND_CALL`] number and arguments of a host call.
    pub arguments: [AtomicU64; 7],
    _commands_end: [AtomicU64; 5],

    /// Futex that the stub counts up with each report.
    pub report_seq: AtomicU32,
    /// The task thread sleeps, or is about to, on `report_seq`.
    pub kernel_asleep: AtomicU32,
    /// What happened; one of the `REPORT` values.
    pub report: AtomicU32,
    /// The processor the stub's thread ran on.
    pub cpu: AtomicU32,
    /// How many ticks the application ran, as far as 32 bits tell.
    pub ran: AtomicU32,
    /// Number and arguments of a call.
    pub call: [AtomicU64; 7],
    /// What was fetched into the input window for it: an address of the application and a length in
    /// bytes, twice; one after the other there, the second aligned.
    pub fetched: [AtomicU64; 4],
    /// Result of the command.
    pub result: AtomicU64,
    _report_end: u64,
    /// Signal number, `si_code` (both as int), `si_addr`, and of the signal frame trap number,
    /// error code and page-fault address.
    pub fault: [AtomicU64; 6],
    _fault_end: [AtomicU64; 2],
    /// Host calls to be made before the application goes on, or for [`COMMAND_CALLS`]: number and arguments.
    pub calls: [[AtomicU64; 7]; MAX_CALLS],

    /// Registers, in the order of `crate::Regs`.
    pub regs: [AtomicU64; 21],

    /// The slot's own address.
    pub own_address: AtomicU64,
    /// After a call that came by a trampoline, where it returns to as the application knows it;
    /// else [`NOWHERE`].
    pub fast_rip: AtomicU64,
    /// Where it returns to in truth.
    pub fast_target: AtomicU64,

    /// What iretq takes: instruction pointer, code segment, flags, stack pointer, stack segment.
    pub iret: [AtomicU64; 5],
    /// Last value of `command_seq` that the stub obeyed.
    pub obeyed: AtomicU32,
    /// An interrupt arrived while the stub's own code ran.
    pub interrupted: AtomicU32,
    /// The thread can take signals: it has its signal stack.
    pub alive: AtomicU32,
    /// The time stamp counter when the application was resumed.
    pub resumed: AtomicU32,
    /// Extended-state features that signal frames and `reset` cover.
    pub features: AtomicU64,
}

/// Head of an entry of the output window; the bytes follow.
#[repr(C)]
pub struct Copy {
    /// Where in the application's memory they go.
    pub address: u64,
    /// How many.
    pub length: u64,
}

/// No address.
pub const NOWHERE: u64 = u64::MAX;

/// Continue the application.
pub const COMMAND_RESUME: u32 = 1;
/// Make a host call.
pub const COMMAND_CALL: u32 = 2;
/// Make the host calls in `calls`, until one fails.
pub const COMMAND_CALLS: u32 = 3;
/// Copy the process; argument 0 is shown to the sandbox process by the copy.
pub const COMMAND_FORK: u32 = 4;
/// Start a thread on the slot in argument 0; argument 1 is shown to the sandbox process.
pub const COMMAND_SPAWN: u32 = 5;
/// Save the extended state at argument 0.
pub const COMMAND_SAVE_FP: u32 = 6;
/// Load the features in argument 1 of the extended state at argument 0, reset the others.
pub const COMMAND_RESTORE_FP: u32 = 7;
/// Reset the features in argument 1 of the extended state.
pub const COMMAND_RESET_FP: u32 = 8;
/// End the thread.
pub const COMMAND_EXIT: u32 = 9;
/// Continue the application after a call by a trampoline; nothing of its registers is changed but
/// for the call's result.
pub const COMMAND_RETURN: u32 = 10;

/// A system call of the application.
pub const REPORT_SYSCALL: u32 = 1;
/// A system call by another architecture's entry (int 0x80).
pub const REPORT_FOREIGN: u32 = 2;
/// An exception of the application.
pub const REPORT_FAULT: u32 = 3;
/// An interrupt stopped the application.
pub const REPORT_INTERRUPTED: u32 = 4;
/// A command is done.
pub const REPORT_DONE: u32 = 5;
/// The zygote waits for its first command. Its copies, and threads, carry theirs out as soon as they can.
pub const REPORT_BORN: u32 = 6;
/// The stub's own code raised an exception or made a call that its filter does not know.
pub const REPORT_CORRUPTED: u32 = 7;

/// A system call of the application by a trampoline.
pub const REPORT_FAST: u32 = 8;
/// The output window could not be stored in the application's memory, which did not go on.
pub const REPORT_UNSTORED: u32 = 9;
/// One of the host calls before that failed; the application did not go on.
pub const REPORT_UNCALLED: u32 = 10;

/// The processor and the host allow rdfsbase and its kin.
pub const FLAG_FSGSBASE: u32 = 1;
/// Copies must ask for their death with the sandbox process, which is no init.
pub const FLAG_DEATH_SIGNAL: u32 = 2;

/// Under this number a stub takes the files that it maps privately.
pub const PRIVATE_FD: u32 = 0;
/// Under this number it takes those that it may change, which are mapped shared. A call that maps
/// shared, however late it is made, never finds another file there than one that the stub may change anyway.
pub const SHARED_FD: u32 = 1;
/// Under this number a copy takes its own context slots, and nothing else ever.
pub const CHUNK_FD: u32 = 2;

/// Signal that interrupts an application thread (SIGUSR2).
pub const INTERRUPT_SIGNAL: i32 = 12;

/// Flags of clone for a thread: CLONE_VM, FS, FILES, SIGHAND, THREAD and SYSVSEM.
pub const CLONE_THREAD_FLAGS: u64 = 0x5_0f00;

/// At the start of the stub's code: where things are in it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Header {
    /// Where the zygote begins; the first argument is its context page.
    pub start: u64,
    /// Handler of SIGSYS.
    pub on_syscall: u64,
    /// Handler of SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGTRAP.
    pub on_fault: u64,
    /// Handler of [`INTERRUPT_SIGNAL`].
    pub on_interrupt: u64,
    /// Where handlers return to.
    pub restorer: u64,
    /// Where trampolines lead to.
    pub fast_entry: u64,
    /// End of the code.
    pub end: u64,
}

/// What the zygote finds in its slot, one page after the context page.
#[repr(C)]
pub struct Boot {
    /// Ranges to unmap, address and length; a length of 0 ends the list.
    pub holes: [[u64; 2]; 16],
    /// struct sock_fprog: the count of instructions and their address.
    pub filter: [u64; 2],
    /// The filter.
    pub instructions: [u64; 384],
}
