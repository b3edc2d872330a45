//! How application code runs and traps.
//!
//! A [`Platform`] creates address spaces and runs application threads in them. Everything that
//! one process can see of another, or of the host, is decided above this crate; the platform only
//! moves registers and memory. The one implementation is [`stub`]: an address space is a host
//! process, and the host kernel does paging, copy-on-write and private futexes for it.

mod ending;
pub mod layout;
pub mod stub;

use std::{fmt, ops::Range, os::fd::OwnedFd, sync::Arc};

pub use ending::Ending;
pub use lazaret_hostcall::remote::MemoryUse;

/// General-purpose registers of an application thread, as the application sees them.
///
/// After a [`Trap::Syscall`], `rip` is the address after the `syscall` instruction, `rcx` equals
/// `rip`, `r11` equals `rflags`, `rax` holds the call's number (also kept in `orig_rax`), and the
/// instruction at `rip - 2` makes the same call again, whatever the platform patched there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
#[allow(missing_docs, reason = "the fields are the processor's registers")]
pub struct Regs {
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
    pub rflags: u64,
    pub rsp: u64,
    pub fs_base: u64,
    pub gs_base: u64,
}

/// Why [`Context::run`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// The application made a system call; see [`Regs`] for what the registers hold.
    Syscall,
    /// The processor raised an exception in application code.
    Fault(Fault),
    /// [`Interrupt::interrupt`] was called.
    Interrupted,
}

/// An exception of application code, with the fields of siginfo and of the signal frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Signal number Linux raises for it (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP).
    pub signal: i32,
    /// `si_code`.
    pub code: i32,
    /// `si_addr`.
    pub address: u64,
    /// Processor's trap number (`REG_TRAPNO` of the signal frame).
    pub trap_number: u64,
    /// Processor's error code (`REG_ERR`): bit 1 set on a write, bit 4 on an instruction fetch.
    pub error_code: u64,
    /// Page-fault address (`REG_CR2`).
    pub cr2: u64,
}

/// Why a platform operation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The host refused the operation with this errno, which the application may see.
    Host(i32),
    /// The address space is gone: its host process died (SIGKILL from outside, OOM killer, or it
    /// was destroyed).
    Dead,
    /// The stub's side broke the protocol; the process must be killed. The text is for the log.
    Corrupted(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Host(errno) => write!(f, "host error {errno}"),
            Error::Dead => f.write_str("the address space is gone"),
            Error::Corrupted(why) => write!(f, "corrupted stub: {why}"),
        }
    }
}

impl std::error::Error for Error {}

/// Result of platform operations.
pub type Result<T> = std::result::Result<T, Error>;

bitflags::bitflags! {
    /// Access rights of a mapping; the bits are those of mmap(2).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Prot: u32 {
        /// PROT_READ
        const READ = 1;
        /// PROT_WRITE
        const WRITE = 2;
        /// PROT_EXEC
        const EXEC = 4;
    }
}

/// What a mapping shows.
#[derive(Clone, Copy, Debug)]
pub enum Backing<'fd> {
    /// Zero pages, private to the address space.
    Anonymous,
    /// A host file from `offset` on, in bytes, page aligned. Private mappings copy on write.
    File {
        /// Host descriptor, opened with the rights that the mapping needs.
        fd: &'fd Arc<OwnedFd>,
        /// Offset in bytes.
        offset: u64,
        /// MAP_SHARED when true.
        shared: bool,
        /// A shared mapping is writable, or may become so. One that may not is a private one for the
        /// host, which shows the same: whatever a stub does, it cannot change the file.
        writable: bool,
        /// The address space may hold the file open until another one is mapped, so that it is given the descriptor but
        /// once: not for a file that takes its space in the sandbox's memory until it is closed.
        lasting: bool,
    },
}

/// Advice the host may take about a range; see madvise(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are madvise(2)'s")]
pub enum Advice {
    DontNeed,
    Free,
    HugePage,
    NoHugePage,
    PopulateRead,
    PopulateWrite,
}

/// See [`Platform::on_loss`].
pub type LossHook = Box<dyn Fn() + Send + Sync>;

/// Creates address spaces. Shared by all task threads.
pub trait Platform: Send + Sync {
    /// Makes an empty address space and the context of its first thread (execve).
    ///
    /// # Errors
    /// [`Error::Host`] when the host has no process or memory left.
    fn create(&self) -> Result<(Arc<dyn AddressSpace>, Box<dyn Context>)>;

    /// Makes an origin of address spaces that the host can count and limit apart from others: where its process
    /// ([`Platform::origin`]) is put, all that comes of it will be. It ends when it is dropped, what came of it does not.
    ///
    /// # Errors
    /// Those of [`Platform::create`].
    fn branch(&self) -> Result<Box<dyn Platform>>;

    /// The process of which all address spaces are copies, by its id in the sandbox's pid namespace; 0 if there is
    /// none.
    fn origin(&self) -> i32;

    /// Where the vDSO image is in every address space, for AT_SYSINFO_EHDR.
    fn vdso(&self) -> Range<u64>;

    /// Sets what is called after an address space died that nobody had given up: its host process was
    /// killed from outside, or ended itself. The caller is a thread of the platform's own, on which no
    /// other death is noticed meanwhile. The first call counts.
    fn on_loss(&self, _hook: LossHook) {}

    /// Bytes that [`Context::save_fp`] writes: the size of an XSAVE area in the standard
    /// (non-compacted) format, without the kernel's trailing magic.
    fn fp_size(&self) -> usize;

    /// XSAVE feature mask (XCR0 as used), for `sw_reserved.xfeatures` of a signal frame.
    fn fp_features(&self) -> u64;
}

/// Memory of one application process, shared by its threads. Dropping the last reference ends
/// the host process.
pub trait AddressSpace: Send + Sync {
    /// Reads application memory. Returns how many bytes could be read: fewer than asked when an
    /// address on the way is not mapped or not readable, 0 when the first one is.
    fn read(&self, address: u64, into: &mut [u8]) -> usize;

    /// Reads the string at `address`, of which `into` takes as much as fits, if it is known without
    /// asking the host: it came along with a system call ([`Context::memory`]). Returns its length with
    /// its zero.
    fn known_string(&self, _address: u64, _into: &mut [u8]) -> Option<usize> {
        None
    }

    /// Writes application memory, like [`AddressSpace::read`].
    fn write(&self, address: u64, data: &[u8]) -> usize;

    /// Writes memory that the caller knows to be writable; it may be seen there only when the calling
    /// task's context runs again, or is asked for a copy of its process. Should the memory have become
    /// bad until then, the system call that the context returns from fails with `EFAULT`.
    fn write_later(&self, address: u64, data: &[u8]) -> usize {
        self.write(address, data)
    }

    /// The host process died or was destroyed.
    fn is_dead(&self) -> bool;

    /// Ends the host process now; every context in it returns [`Error::Dead`].
    fn kill(&self);

    /// The id of the host process as the sandbox process sees it, for logs and memory statistics.
    fn host_pid(&self) -> i32;

    /// Where is told what it used, after its end.
    fn ending(&self) -> Arc<Ending> {
        let ending = Ending::default();
        ending.set(MemoryUse::default());
        Arc::new(ending)
    }
}

/// One application thread. Owned by the host thread of its task; no method but
/// [`Context::interrupter`]'s result may be used from elsewhere.
///
/// While `run` is not active the application thread is stopped in the platform's code, and the
/// memory operations below are carried out by it, in its address space. Between a system call and its
/// answer, some of them wait for the answer, if there is but one thread: until then,
/// [`AddressSpace`]'s methods do not see them, and an error becomes the call's result. In an address space that
/// [`Platform::create`] made they wait for [`Context::settle`], or the first run.
pub trait Context: Send {
    /// The registers the application continues with. Valid between calls of `run`.
    fn regs(&mut self) -> &mut Regs;

    /// Number and arguments of the system call that [`Trap::Syscall`] told of.
    fn call(&mut self) -> (u64, [u64; 6]) {
        let regs = self.regs();
        (regs.orig_rax, [regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9])
    }

    /// Sets the result of that call. Cheaper than by [`Context::regs`].
    fn answer(&mut self, result: u64) {
        self.regs().rax = result;
    }

    /// Continues the application until it traps.
    ///
    /// # Errors
    /// [`Error::Dead`] or [`Error::Corrupted`]; the context is of no further use.
    fn run(&mut self) -> Result<Trap>;

    /// A handle with which other threads stop a running application thread.
    fn interrupter(&self) -> Arc<dyn Interrupt>;

    /// The address space the context runs in.
    fn address_space(&self) -> &Arc<dyn AddressSpace>;

    /// Memory of the address space for the handler of a system call of this thread: some of it came
    /// along with the call, and some of what is written goes with the answer.
    fn memory(&self) -> Arc<dyn AddressSpace> {
        Arc::clone(self.address_space())
    }

    /// Does now what waits for the answer, or for the first [`Context::run`] of a new context.
    ///
    /// # Errors
    /// `Host` with the first error of a memory operation.
    fn settle(&mut self) -> Result<()> {
        Ok(())
    }

    /// Maps `length` bytes at exactly `address`, over whatever is there.
    fn map(&mut self, address: u64, length: u64, prot: Prot, backing: Backing<'_>) -> Result<()>;

    /// Reads up to `length` bytes of a file at `offset` right into application memory, as pread(2) does. The file
    /// is one whose whole content the application may see. `None` if that is not possible or not worth it now.
    ///
    /// # Errors
    /// `Host` with pread's error.
    fn read_file(&mut self, _fd: &Arc<OwnedFd>, _offset: u64, _address: u64, _length: usize) -> Result<Option<usize>> {
        Ok(None)
    }

    /// Unmaps a range; holes are allowed.
    fn unmap(&mut self, address: u64, length: u64) -> Result<()>;

    /// Changes access rights of a mapped range.
    fn protect(&mut self, address: u64, length: u64, prot: Prot) -> Result<()>;

    /// Moves or resizes a mapping to exactly `new_address` (which may equal `old_address`);
    /// `keep_old` is MREMAP_DONTUNMAP.
    fn remap(
        &mut self,
        old_address: u64,
        old_length: u64,
        new_address: u64,
        new_length: u64,
        keep_old: bool,
    ) -> Result<()>;

    /// Passes advice to the host.
    fn advise(&mut self, address: u64, length: u64, advice: Advice) -> Result<()>;

    /// Stores `new` in the aligned 32-bit word at `address` if it holds `old`, atomically for all
    /// threads that map the word; returns what it held.
    ///
    /// # Errors
    /// `Host(EFAULT)` when the memory is not writable, `Host(ENOSYS)` where the platform cannot.
    fn compare_exchange(&mut self, _address: u64, _old: u32, _new: u32) -> Result<u32> {
        const ENOSYS: i32 = 38;
        Err(Error::Host(ENOSYS))
    }

    /// Copies the address space (fork). The new context starts with the same registers, floating
    /// point state included.
    fn fork(&mut self) -> Result<(Arc<dyn AddressSpace>, Box<dyn Context>)>;

    /// Makes another thread in the same address space (clone with CLONE_VM, vfork). It starts with
    /// the same registers, floating point state included.
    fn spawn(&mut self) -> Result<Box<dyn Context>>;

    /// Writes the extended state (x87, SSE, AVX ...) in XSAVE's standard format to application
    /// memory at `address`, 64-byte aligned, [`Platform::fp_size`] bytes long.
    ///
    /// # Errors
    /// `Host(EFAULT)` when the memory is not writable.
    fn save_fp(&mut self, address: u64) -> Result<()>;

    /// Loads the extended state from application memory at `address`; `features` masks what is
    /// taken from it (the rest becomes initial).
    ///
    /// # Errors
    /// `Host(EFAULT)` when the memory is not readable or its content is refused by the processor.
    fn restore_fp(&mut self, address: u64, features: u64) -> Result<()>;

    /// Puts the extended state into its initial configuration (execve, signal delivery).
    fn reset_fp(&mut self) -> Result<()>;
}

/// Stops a running application thread from another host thread.
pub trait Interrupt: Send + Sync {
    /// Makes the current `run`, or the next one if none is active, return
    /// [`Trap::Interrupted`] soon. Several calls before that count as one.
    fn interrupt(&self);

    /// The id of the host thread that application code runs on, for statistics; 0 if there is none of
    /// its own.
    fn host_thread(&self) -> i32 {
        0
    }

    /// The context's own host thread is about to sleep until somebody wakes it, so that the answer to
    /// the call that it handles will be long in coming.
    fn sleeps(&self) {}

    /// The application thread is to end: like [`Interrupt::interrupt`], but if it neither stops nor
    /// carries out what it is told within a short time, its address space is ended.
    fn end(&self) {
        self.interrupt();
    }
}
