//! An application thread: the [`Context`] of the stub platform.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use rustix::{fd::OwnedFd, process::Pid};

use super::{
    chunk::Slot,
    process::{Process, Space},
    reaper,
    shared::{
        COMMAND_RESET_FP, COMMAND_RESTORE_FP, COMMAND_RESUME, COMMAND_RETURN, COMMAND_SAVE_FP, ContextPage,
        FLAG_FSGSBASE, MAX_CALLS, NOWHERE, PRIVATE_FD, REPORT_CORRUPTED, REPORT_FAST, REPORT_FAULT, REPORT_FOREIGN,
        REPORT_INTERRUPTED, REPORT_SYSCALL, REPORT_UNCALLED, REPORT_UNSTORED, SHARED_FD,
    },
    thread::{Call, Step, Thread},
    window::Memory,
};
use crate::{
    AddressSpace, Advice, Backing, Context, Error, Fault, Interrupt, Prot, Regs, Result, Trap,
    layout::{APP_MAX, PAGE_SIZE},
};

/// End of the addresses that user code can have on any processor with four-level page tables.
const USER_END: u64 = 0x8000_0000_0000;

/// Flags an application may have: what Linux takes from a signal frame (FIX_EFLAGS), and the
/// nested-task and identification flags, which code can set by itself.
const USER_FLAGS: u64 = 0x0005_0dd5 | 0x4000 | 0x20_0000;
/// A larger anonymous mapping the host may well refuse, so it is asked for at once.
const LATER_MAX: u64 = 64 << 20;

/// The interrupt flag and the bit that is always set.
const FIXED_FLAGS: u64 = 0x202;

pub(super) struct StubContext {
    thread: Thread,
    regs: Regs,
    /// Without FSGSBASE: the bases that the host has loaded.
    bases: (u64, u64),
    control: Arc<Control>,
    space: Arc<dyn AddressSpace>,
    /// Where the last call returns to, if it came by a trampoline.
    fast_rip: u64,
    /// The registers are in the page, all but for what [`Context::answer`] says.
    unread: Option<Unread>,
    memory: Arc<Memory>,
    /// Host calls that wait for the application to go on.
    deferred: Vec<Step>,
    /// A system call of the application is being answered, or it did not run yet: calls may wait.
    may_defer: bool,
}

/// A call by a trampoline, of which nothing but number and arguments was looked at.
#[derive(Clone, Copy)]
struct Unread {
    call: [u64; 7],
    answer: Option<u64>,
}

impl StubContext {
    /// The first thread of a new process, which belongs to the context's address space.
    pub fn first(thread: Thread, regs: Regs) -> StubContext {
        let space = Arc::new(Space(Arc::clone(&thread.process)));
        StubContext::new(thread, regs, space)
    }

    /// For a program that is to be loaded: its memory may be mapped later, in one go.
    pub fn empty(thread: Thread) -> StubContext {
        let mut context = StubContext::first(thread, Regs::default());
        context.may_defer = true;
        context
    }

    fn new(thread: Thread, regs: Regs, space: Arc<dyn AddressSpace>) -> StubContext {
        let control = Arc::new(Control {
            state: AtomicU32::new(STOPPED),
            pending: AtomicBool::new(false),
            process: Arc::clone(&thread.process),
            thread: thread.id,
            ending: Arc::clone(&thread.ending),
            slot: thread.slot.clone(),
            slept: AtomicBool::new(false),
            reports: AtomicU32::new(0),
        });
        let memory = Arc::new(Memory::new(Arc::clone(&space), thread.slot.clone()));
        let bases = (regs.fs_base, regs.gs_base);
        StubContext {
            thread,
            regs,
            bases,
            control,
            space,
            fast_rip: NOWHERE,
            unread: None,
            memory,
            deferred: Vec::new(),
            may_defer: false,
        }
    }

    /// Its process died.
    pub fn is_dead(&self) -> bool {
        self.thread.process.is_dead()
    }

    fn page(&self) -> &ContextPage {
        self.thread.slot.page()
    }

    fn write_registers(&self) {
        let mut regs = self.regs;
        // A call by a trampoline returns by it; the stub knows where to.
        if self.fast_rip != regs.rip {
            regs.rip = self.thread.process.code.real(regs.rip);
        }
        regs.rflags = regs.rflags & USER_FLAGS | FIXED_FLAGS;
        for (place, value) in self.page().regs.iter().zip(words(&regs)) {
            place.store(value, Ordering::Relaxed);
        }
    }

    fn read_registers(&mut self) {
        let page = self.thread.slot.page();
        let mut values = page.regs.iter().map(|word| word.load(Ordering::Relaxed));
        let mut next = || values.next().unwrap_or(0);
        self.regs = Regs {
            r15: next(),
            r14: next(),
            r13: next(),
            r12: next(),
            rbp: next(),
            rbx: next(),
            r11: next(),
            r10: next(),
            r9: next(),
            r8: next(),
            rax: next(),
            rcx: next(),
            rdx: next(),
            rsi: next(),
            rdi: next(),
            orig_rax: next(),
            rip: next(),
            rflags: next(),
            rsp: next(),
            fs_base: next(),
            gs_base: next(),
        };
    }

    /// Takes the registers of a call by a trampoline, unless that was done.
    fn load(&mut self) {
        if let Some(unread) = self.unread.take() {
            self.read_registers();
            self.fast_rip = self.regs.rip;
            // The words may have changed since; the call is what it was.
            let [number, rdi, rsi, rdx, r10, r8, r9] = unread.call;
            let rax = unread.answer.unwrap_or(number);
            self.regs = Regs { rax, orig_rax: number, rdi, rsi, rdx, r10, r8, r9, ..self.regs };
        }
    }

    /// Has the stub make a host call that its filter leaves open, after those that wait.
    fn call_now(&mut self, call: Call) -> Result<()> {
        self.flush()?;
        self.thread.call(call).map(|_| ())
    }

    /// Has the stub make a host call that its filter leaves open, at the latest before the
    /// application goes on. Should it fail then, that is the result of the application's call.
    ///
    /// Where there are several threads it is made at once: another one may be about to ask for a
    /// mapping at the place that this one gives up.
    fn call_later(&mut self, call: Call) -> Result<()> {
        if !self.may_wait()? {
            return self.call_now(call);
        }
        self.defer(Step::Open(call))
    }

    /// Host calls may wait for the application to go on.
    fn may_wait(&self) -> Result<bool> {
        if self.thread.process.is_dead() {
            return Err(Error::Dead);
        }
        Ok(self.may_defer && self.thread.process.threads() == 1)
    }

    fn defer(&mut self, step: Step) -> Result<()> {
        // Of what was written before, some may be meant for memory that goes away.
        if self.deferred.len() == MAX_CALLS || self.memory.waits() {
            self.flush()?;
        }
        self.deferred.push(step);
        Ok(())
    }

    /// Maps a file for this process alone.
    fn map_private(&mut self, call: Call, fd: &Arc<OwnedFd>, lasting: bool) -> Result<()> {
        let process = Arc::clone(&self.thread.process);
        let mut held = process.held.lock();
        let mut steps: Vec<_> = take(held.as_ref(), fd).into_iter().collect();
        *held = lasting.then(|| Arc::downgrade(fd));
        steps.push(Step::Open(call));
        if !lasting {
            steps.push(Step::close(PRIVATE_FD));
        }
        if self.may_wait()? {
            drop(held);
            steps.into_iter().try_for_each(|step| self.defer(step))
        } else {
            self.flush_then(&mut held, &steps)
        }
    }

    /// Does what waits.
    fn flush(&mut self) -> Result<()> {
        if self.deferred.is_empty() {
            self.memory.store();
            return Ok(());
        }
        let process = Arc::clone(&self.thread.process);
        let mut held = process.held.lock();
        self.flush_then(&mut held, &[])
    }

    /// Does what waits, then these steps.
    fn flush_then(&mut self, held: &mut Option<Weak<OwnedFd>>, steps: &[Step]) -> Result<()> {
        let mut result = Ok(());
        let deferred = std::mem::take(&mut self.deferred);
        for steps in [&deferred, steps].into_iter().filter(|steps| !steps.is_empty()) {
            if let Err(error) = self.thread.calls(steps) {
                // One failed. The kernel has noted all: the others are to be made, too.
                *held = None;
                for step in steps {
                    let _ = self.thread.calls(std::slice::from_ref(step));
                }
                result = result.and(Err(error));
            }
            self.memory.store();
        }
        result
    }

    /// Lets the application run until the stub reports.
    fn resume(&mut self) -> Result<u32> {
        let slept = self.control.slept.swap(false, Ordering::Relaxed);
        let Thread { slot, process, pace, id, .. } = &mut self.thread;
        let page = slot.page();
        page.patience.store(pace.start(*id, slept, &process.shared.load), Ordering::Relaxed);
        page.copies.store(self.memory.hand_over(), Ordering::Relaxed);
        let report = self.go_on();
        let Thread { slot, process, pace, .. } = &mut self.thread;
        pace.stop(slot.page().ran.load(Ordering::Relaxed), &process.shared.load);
        report
    }

    /// Gives the command to go on and waits for a report.
    fn go_on(&mut self) -> Result<u32> {
        let awaited = self.thread.put_calls(&self.deferred)?;
        let page = self.page();
        let command = if let Some(Unread { call: [number, ..], answer }) = self.unread {
            page.answer.store(answer.unwrap_or(number), Ordering::Relaxed);
            COMMAND_RETURN
        } else {
            COMMAND_RESUME
        };
        self.thread.command(command, &[]);
        self.thread.serve(&awaited)?;
        self.thread.trap()
    }

    /// Has the host load the segment bases where the stub cannot.
    fn load_bases(&mut self) -> Result<()> {
        const ARCH_SET_GS: u64 = 0x1001;
        const ARCH_SET_FS: u64 = 0x1002;
        if self.thread.process.shared.flags & FLAG_FSGSBASE != 0 {
            return Ok(());
        }
        let number = libc::SYS_arch_prctl.cast_unsigned();
        if self.bases.0 != self.regs.fs_base {
            self.thread.call([number, ARCH_SET_FS, self.regs.fs_base, 0, 0, 0, 0])?;
        }
        if self.bases.1 != self.regs.gs_base {
            self.thread.call([number, ARCH_SET_GS, self.regs.gs_base, 0, 0, 0, 0])?;
        }
        self.bases = (self.regs.fs_base, self.regs.gs_base);
        Ok(())
    }

    /// Patches are not for an application that has a use for %gs, or is run step by step.
    fn check_patches(&mut self) -> Result<()> {
        const TRAP_FLAG: u64 = 0x100;
        let process = Arc::clone(&self.thread.process);
        if self.regs.gs_base != 0 || process.code.is_active() && self.regs.rflags & TRAP_FLAG != 0 {
            process.code.turn_off(&mut self.thread)?;
        }
        Ok(())
    }

    /// The fault the application raised, unless patched code raised it.
    fn faulted(&mut self) -> Option<Fault> {
        let mut fault = self.read_fault();
        let code = &self.thread.process.code;
        let rip = self.regs.rip;
        if fault.signal == libc::SIGILL && code.is_overwritten(rip) {
            return None;
        }
        if fault.signal == libc::SIGTRAP && code.is_breakpoint(rip) {
            self.regs.rip = rip.wrapping_sub(1);
            return None;
        }
        self.regs.rip = code.visible(rip);
        if fault.address == rip {
            fault.address = self.regs.rip;
        }
        Some(fault)
    }

    fn read_fault(&self) -> Fault {
        let mut values = self.page().fault.iter().map(|word| word.load(Ordering::Relaxed));
        let mut next = || values.next().unwrap_or(0);
        // Of a word from the stub, whatever it is, the lower half.
        let int = |word: u64| {
            i32::from_le_bytes([
                word.to_le_bytes()[0],
                word.to_le_bytes()[1],
                word.to_le_bytes()[2],
                word.to_le_bytes()[3],
            ])
        };
        Fault {
            signal: int(next()),
            code: int(next()),
            address: next(),
            trap_number: next(),
            error_code: next(),
            cr2: next(),
        }
    }
}

fn words(regs: &Regs) -> [u64; 21] {
    [
        regs.r15,
        regs.r14,
        regs.r13,
        regs.r12,
        regs.rbp,
        regs.rbx,
        regs.r11,
        regs.r10,
        regs.r9,
        regs.r8,
        regs.rax,
        regs.rcx,
        regs.rdx,
        regs.rsi,
        regs.rdi,
        regs.orig_rax,
        regs.rip,
        regs.rflags,
        regs.rsp,
        regs.fs_base,
        regs.gs_base,
    ]
}

/// A range of whole pages of application memory.
fn check_range(address: u64, length: u64) -> Result<()> {
    let aligned = address.is_multiple_of(PAGE_SIZE) && length.is_multiple_of(PAGE_SIZE);
    let end = address.checked_add(length);
    match end {
        Some(end) if aligned && length > 0 && end <= APP_MAX => Ok(()),
        _ => Err(Error::Host(libc::EINVAL)),
    }
}

/// Flags of mmap and mremap, and advice, as arguments.
fn bits(value: i32) -> u64 {
    u64::from(value.cast_unsigned())
}

impl Context for StubContext {
    fn regs(&mut self) -> &mut Regs {
        self.load();
        &mut self.regs
    }

    fn call(&mut self) -> (u64, [u64; 6]) {
        let [number, args @ ..] = match self.unread {
            Some(unread) => unread.call,
            None => {
                let Regs { orig_rax, rdi, rsi, rdx, r10, r8, r9, .. } = self.regs;
                [orig_rax, rdi, rsi, rdx, r10, r8, r9]
            }
        };
        (number, args)
    }

    fn answer(&mut self, result: u64) {
        match &mut self.unread {
            Some(unread) => unread.answer = Some(result),
            None => self.regs.rax = result,
        }
    }

    fn run(&mut self) -> Result<Trap> {
        loop {
            if self.unread.is_none() && self.regs.rip >= USER_END {
                // The return to such an address faults, as on Linux: a general protection fault.
                const SI_KERNEL: i32 = 0x80;
                let signal = libc::SIGSEGV;
                return Ok(Trap::Fault(Fault {
                    signal,
                    code: SI_KERNEL,
                    address: 0,
                    trap_number: 13,
                    error_code: 0,
                    cr2: 0,
                }));
            }
            if self.unread.is_none() {
                self.load_bases()?;
                self.check_patches()?;
                self.write_registers();
            }
            self.control.reports.store(self.thread.reports, Ordering::SeqCst);
            if !self.control.start() {
                return Ok(Trap::Interrupted);
            }
            let report = self.resume();
            self.control.stop();
            let report = report?;
            if report == REPORT_UNSTORED {
                self.deferred.clear();
                if !self.memory.store() {
                    self.answer(i64::from(-libc::EFAULT).cast_unsigned());
                }
                continue;
            }
            if report == REPORT_UNCALLED {
                // Once more, for the error; what was made already makes no difference.
                if let Err(error) = self.flush() {
                    let errno = if let Error::Host(errno) = error { errno } else { libc::ENOMEM };
                    self.answer(i64::from(-errno).cast_unsigned());
                }
                continue;
            }
            self.memory.stored();
            self.deferred.clear();
            self.may_defer = matches!(report, REPORT_FAST | REPORT_SYSCALL);
            if report == REPORT_FAST {
                let call = self.page().call.each_ref().map(|word| word.load(Ordering::Relaxed));
                self.unread = Some(Unread { call, answer: None });
                self.memory.fetched();
                return Ok(Trap::Syscall);
            }
            self.unread = None;
            self.read_registers();
            self.fast_rip = NOWHERE;
            match report {
                REPORT_SYSCALL => {
                    self.memory.fetched();
                    let Regs { rip, rax, .. } = self.regs;
                    let process = Arc::clone(&self.thread.process);
                    process.code.trapped(rip, rax, &mut self.thread)?;
                    return Ok(Trap::Syscall);
                }
                // 32-bit system calls do not exist.
                REPORT_FOREIGN => self.regs.rax = i64::from(-libc::ENOSYS).cast_unsigned(),
                REPORT_FAULT => {
                    if let Some(fault) = self.faulted() {
                        return Ok(Trap::Fault(fault));
                    }
                }
                REPORT_INTERRUPTED => {
                    self.regs.rip = self.thread.process.code.visible(self.regs.rip);
                    // Else it is a late one, or a signal from outside the sandbox.
                    if self.control.take() {
                        return Ok(Trap::Interrupted);
                    }
                }
                REPORT_CORRUPTED => return Err(Error::Corrupted("its own code failed")),
                _ => return Err(Error::Corrupted("reports what does not happen to a running thread")),
            }
        }
    }

    fn interrupter(&self) -> Arc<dyn Interrupt> {
        Arc::<Control>::clone(&self.control)
    }

    fn address_space(&self) -> &Arc<dyn AddressSpace> {
        &self.space
    }

    fn memory(&self) -> Arc<dyn AddressSpace> {
        Arc::<Memory>::clone(&self.memory)
    }

    fn settle(&mut self) -> Result<()> {
        self.may_defer = false;
        self.flush()
    }

    fn map(&mut self, address: u64, length: u64, prot: Prot, backing: Backing<'_>) -> Result<()> {
        check_range(address, length)?;
        let private = !matches!(backing, Backing::File { shared: true, .. });
        let code = private && prot.contains(Prot::EXEC) && !prot.contains(Prot::WRITE);
        self.thread.process.code.replaced(address, length, false);
        let number = libc::SYS_mmap.cast_unsigned();
        let prot = u64::from(prot.bits());
        match backing {
            Backing::Anonymous => {
                let flags = bits(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE);
                let call = [number, address, length, prot, flags, u64::MAX, 0];
                if length > LATER_MAX { self.call_now(call) } else { self.call_later(call) }?;
            }
            Backing::File { fd, offset, shared: true, writable: true, .. } => {
                self.flush()?;
                let flags = bits(libc::MAP_SHARED | libc::MAP_FIXED);
                let process = Arc::clone(&self.thread.process);
                // One after the other, since the threads of a stub share its descriptors.
                let _held = process.held.lock();
                let call = [number, address, length, prot, flags, 0, offset];
                self.thread.calls(&[Step::Share(call, Arc::clone(fd)), Step::close(SHARED_FD)])?;
            }
            Backing::File { fd, offset, lasting, .. } => {
                let flags = bits(libc::MAP_PRIVATE | libc::MAP_NORESERVE | libc::MAP_FIXED);
                self.map_private([number, address, length, prot, flags, PRIVATE_FD.into(), offset], fd, lasting)?;
            }
        }
        if code {
            self.thread.process.code.replaced(address, length, true);
        }
        Ok(())
    }

    fn read_file(&mut self, fd: &Arc<OwnedFd>, offset: u64, address: u64, length: usize) -> Result<Option<usize>> {
        if address.checked_add(length as u64).is_none_or(|end| end > APP_MAX) {
            return Ok(None);
        }
        self.flush()?;
        let process = Arc::clone(&self.thread.process);
        // Another thread's file: reads side by side are the kernel's.
        let Some(mut held) = process.held.try_lock() else { return Ok(None) };
        let mut steps: Vec<_> = take(held.as_ref(), fd).into_iter().collect();
        steps.push(Step::Open([
            libc::SYS_pread64.cast_unsigned(),
            PRIVATE_FD.into(),
            address,
            length as u64,
            offset,
            0,
            0,
        ]));
        self.memory.changed(address, length);
        *held = None;
        let done = self.thread.long_calls(&steps)?;
        *held = Some(Arc::downgrade(fd));
        Ok(Some(usize::try_from(done).map_or(length, |done| done.min(length))))
    }

    fn unmap(&mut self, address: u64, length: u64) -> Result<()> {
        check_range(address, length)?;
        self.thread.process.code.replaced(address, length, false);
        self.call_later([libc::SYS_munmap.cast_unsigned(), address, length, 0, 0, 0, 0])
    }

    fn protect(&mut self, address: u64, length: u64, prot: Prot) -> Result<()> {
        check_range(address, length)?;
        if prot.contains(Prot::WRITE) {
            let process = Arc::clone(&self.thread.process);
            process.code.release(address, length, &mut self.thread)?;
        }
        self.call_later([libc::SYS_mprotect.cast_unsigned(), address, length, prot.bits().into(), 0, 0, 0])
    }

    fn remap(
        &mut self,
        old_address: u64,
        old_length: u64,
        new_address: u64,
        new_length: u64,
        keep_old: bool,
    ) -> Result<()> {
        check_range(new_address, new_length)?;
        self.flush()?;
        if old_length != 0 {
            check_range(old_address, old_length)?;
        }
        let process = Arc::clone(&self.thread.process);
        process.code.release(old_address, old_length, &mut self.thread)?;
        process.code.replaced(new_address, new_length, false);
        let mut flags = 0;
        if new_address != old_address {
            flags |= libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        }
        if keep_old {
            flags |= libc::MREMAP_DONTUNMAP;
        }
        let number = libc::SYS_mremap.cast_unsigned();
        self.thread.calls(&[Step::Guarded([
            number,
            old_address,
            old_length,
            new_length,
            bits(flags),
            new_address,
            0,
        ])])?;
        Ok(())
    }

    fn advise(&mut self, address: u64, length: u64, advice: Advice) -> Result<()> {
        check_range(address, length)?;
        let at_once = matches!(advice, Advice::PopulateRead | Advice::PopulateWrite);
        let advice = match advice {
            Advice::DontNeed => libc::MADV_DONTNEED,
            Advice::Free => libc::MADV_FREE,
            Advice::HugePage => libc::MADV_HUGEPAGE,
            Advice::NoHugePage => libc::MADV_NOHUGEPAGE,
            Advice::PopulateRead => libc::MADV_POPULATE_READ,
            Advice::PopulateWrite => libc::MADV_POPULATE_WRITE,
        };
        let call = [libc::SYS_madvise.cast_unsigned(), address, length, bits(advice), 0, 0, 0];
        if at_once { self.call_now(call) } else { self.call_later(call) }
    }

    fn fork(&mut self) -> Result<(Arc<dyn AddressSpace>, Box<dyn Context>)> {
        self.flush()?;
        self.load();
        let thread = self.thread.fork(true)?;
        let mut context = StubContext::first(thread, self.regs);
        context.bases = self.bases;
        Ok((Arc::clone(&context.space), Box::new(context)))
    }

    fn spawn(&mut self) -> Result<Box<dyn Context>> {
        self.flush()?;
        self.load();
        let thread = self.thread.spawn()?;
        let mut context = StubContext::new(thread, self.regs, Arc::clone(&self.space));
        context.bases = self.bases;
        Ok(Box::new(context))
    }

    fn save_fp(&mut self, address: u64) -> Result<()> {
        self.check_area(address)?;
        self.flush()?;
        self.thread.execute(COMMAND_SAVE_FP, &[address])?;
        Ok(())
    }

    fn restore_fp(&mut self, address: u64, features: u64) -> Result<()> {
        self.check_area(address)?;
        self.flush()?;
        let features = features & self.thread.process.shared.features;
        self.thread.execute(COMMAND_RESTORE_FP, &[address, features])?;
        Ok(())
    }

    fn reset_fp(&mut self) -> Result<()> {
        /// Protection keys: what a process has of them is its own affair, as on Linux.
        const PKRU: u64 = 1 << 9;
        let features = self.thread.process.shared.features & !PKRU;
        self.thread.execute(COMMAND_RESET_FP, &[0, features])?;
        Ok(())
    }
}

impl StubContext {
    fn check_area(&self, address: u64) -> Result<()> {
        let end = address.checked_add(self.thread.process.shared.fp_size as u64);
        match end {
            Some(end) if end <= APP_MAX => Ok(()),
            _ => Err(Error::Host(libc::EFAULT)),
        }
    }
}

impl Drop for StubContext {
    fn drop(&mut self) {
        self.thread.leave();
    }
}

const STOPPED: u32 = 0;
const RUNNING: u32 = 1;
/// Running, and a signal is being sent to it.
const SIGNALLING: u32 = 2;

/// Has the stub take a private file, unless that is the one it holds.
fn take(held: Option<&Weak<OwnedFd>>, fd: &Arc<OwnedFd>) -> Option<Step> {
    let is_held = held.is_some_and(|held| std::ptr::eq(held.as_ptr(), Arc::as_ptr(fd)));
    (!is_held).then(|| Step::Take(Arc::clone(fd)))
}

/// What interrupts a context. Signals are sent only between [`Control::start`] and
/// [`Control::stop`], so that none disturbs a command.
struct Control {
    state: AtomicU32,
    pending: AtomicBool,
    process: Arc<Process>,
    thread: Pid,
    /// The thread's mark that it is to end.
    ending: Arc<AtomicBool>,
    slot: Slot,
    /// The task's thread slept since the application stopped.
    slept: AtomicBool,
    /// The stub's count of reports when the application started.
    reports: AtomicU32,
}

impl Control {
    /// The application is about to run. False if it must not, for an interrupt is pending.
    fn start(&self) -> bool {
        self.state.store(RUNNING, Ordering::SeqCst);
        if self.take() {
            self.stop();
            return false;
        }
        true
    }

    /// The application stopped.
    fn stop(&self) {
        while self.state.compare_exchange(RUNNING, STOPPED, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            std::thread::yield_now();
        }
    }

    /// Takes a pending interrupt.
    fn take(&self) -> bool {
        self.pending.swap(false, Ordering::SeqCst)
    }
}

impl Interrupt for Control {
    fn host_thread(&self) -> i32 {
        self.thread.as_raw_nonzero().get()
    }

    fn sleeps(&self) {
        self.slept.store(true, Ordering::Relaxed);
        self.slot.page().patience.store(0, Ordering::Relaxed);
    }

    fn interrupt(&self) {
        self.pending.store(true, Ordering::SeqCst);
        if self.state.compare_exchange(RUNNING, SIGNALLING, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            let page = self.slot.page();
            // Who has reported is not in the application: the task's thread is about to take the report, and looks
            // for an interrupt before it lets the application go on.
            if page.report_seq.load(Ordering::SeqCst) != self.reports.load(Ordering::SeqCst) {
                self.state.store(RUNNING, Ordering::SeqCst);
                return;
            }
            // A thread that cannot take a signal yet looks at this when it can.
            if page.alive.load(Ordering::SeqCst) == 0 {
                page.interrupted.store(1, Ordering::SeqCst);
            }
            if page.alive.load(Ordering::SeqCst) != 0 {
                reaper::interrupt(&self.process, self.thread);
            }
            self.state.store(RUNNING, Ordering::SeqCst);
        }
    }

    fn end(&self) {
        self.ending.store(true, Ordering::SeqCst);
        self.interrupt();
    }
}
