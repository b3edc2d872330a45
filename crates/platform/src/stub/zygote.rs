//! The first stub, of which all others are copies.
//!
//! It is a copy of the sandbox process that prepares itself (signal handlers, limits), enters the
//! stub's code and there forgets everything else. Until then it may only make raw host calls: other
//! threads may have held locks, of the allocator's for instance, when it was copied.

use std::{
    fs, io,
    ops::Range,
    os::fd::{FromRawFd, OwnedFd},
    ptr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use lazaret_hostcall::{notify::Listener, remote::reap_clone_child};
use rustix::{
    fd::{AsFd, AsRawFd},
    process::{Pid, Signal, kill_process},
    thread::futex,
};

use super::{
    StubConfig,
    chunk::{Chunk, Pool, Slot},
    filter, image, remains,
    shared::{
        Boot, CHUNK_SIZE, CONTEXT_BASE, INTERRUPT_SIGNAL, PAGE_SIZE, REPORT_BORN, SLOT_SIZE, STUB_BASE, STUB_END,
        VDSO_BASE,
    },
};
use crate::layout::APP_MAX;

/// Why the stub platform could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The host lacks something that no fallback replaces.
    #[error("the host has no {0}")]
    Unsupported(&'static str),
    /// A step failed here, or in the first stub.
    #[error("cannot {step}")]
    Step {
        /// What was tried.
        step: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

/// How long the zygote may take to be ready.
const PATIENCE: Duration = Duration::from_secs(10);

/// End of user addresses with four-level page tables.
const TASK_END: u64 = 0x7fff_ffff_f000;

/// A running zygote.
pub(super) struct Zygote {
    pub pid: Pid,
    pub chunk: Arc<Chunk>,
    pub slot: Slot,
    pub listener: Listener,
    /// Where every stub has the vDSO.
    pub vdso: Range<u64>,
}

/// A named step of [`Zygote::start`].
fn step<T>(step: &'static str, result: io::Result<T>) -> Result<T, StartError> {
    result.map_err(|source| StartError::Step { step, source })
}

impl Zygote {
    /// Starts the zygote; `flags` and `features` are for its context page.
    pub fn start(pool: &Pool, flags: u32, features: u64, config: &StubConfig) -> Result<Zygote, StartError> {
        let special = match &config.maps {
            Some(maps) => special_mappings(maps),
            None => special_mappings(&step("read /proc/self/maps", fs::read_to_string("/proc/self/maps"))?),
        };
        let mut chunk = step("make a context page", pool.take())?;
        write_filter(chunk.boot())?;
        let fd = chunk.fd().as_raw_fd();
        let chunk = Arc::new(chunk);
        let slot = Slot::new(Arc::clone(&chunk), 0);
        slot.prepare(flags, features);

        // It shares the descriptor table at first, so that the listener of its filter arrives here,
        // and has no exit signal, by which the reaper knows stubs from other children.
        let clone_flags = libc::CLONE_FILES;
        // SAFETY: without CLONE_VM the child has a copy of all memory, this stack included, and
        // only makes raw host calls on it.
        let pid = unsafe { libc::syscall(libc::SYS_clone, clone_flags, 0, 0, 0, 0) };
        if pid == 0 {
            become_stub(&special, fd);
        }
        let pid = match i32::try_from(pid).ok().and_then(Pid::from_raw) {
            Some(pid) if pid.as_raw_nonzero().get() > 0 => pid,
            _ => return step("copy the process", Err(io::Error::last_os_error())),
        };
        let started = Self::finish(pid, chunk, slot, &special).and_then(|zygote| {
            // A sandbox process that has no procfs of its own cannot look.
            if config.proc.is_some() || config.maps.is_none() {
                step("leave no memory in the first stub", remains::check(config.proc.as_ref().map(AsFd::as_fd), pid))?;
            }
            Ok(zygote)
        });
        if started.is_err() {
            let _ = kill_process(pid, Signal::KILL);
            let _ = reap_clone_child(pid);
        }
        started
    }

    fn finish(pid: Pid, mut chunk: Arc<Chunk>, slot: Slot, special: &[Special]) -> Result<Zygote, StartError> {
        let page = slot.page();
        let deadline = Instant::now() + PATIENCE;
        while page.report_seq.load(Ordering::Acquire) == 0 {
            if Instant::now() > deadline {
                return step("start the first stub", Err(io::ErrorKind::TimedOut.into()));
            }
            page.kernel_asleep.store(1, Ordering::SeqCst);
            let slice = futex::Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
            let _ = futex::wait(&page.report_seq, futex::Flags::empty(), 0, Some(&slice));
            page.kernel_asleep.store(0, Ordering::Relaxed);
        }
        let result = page.result.load(Ordering::Relaxed).cast_signed();
        if page.report.load(Ordering::Relaxed) != REPORT_BORN {
            let failed = usize::try_from(page.arguments[0].load(Ordering::Relaxed)).unwrap_or(usize::MAX);
            let errno = i32::try_from(-result).unwrap_or(libc::EIO);
            let name = STEPS.get(failed).copied().unwrap_or("start the first stub");
            return step(name, Err(io::Error::from_raw_os_error(errno)));
        }
        if result < 0 {
            let errno = i32::try_from(-result).unwrap_or(libc::EIO);
            return step("load the stub's filter", Err(io::Error::from_raw_os_error(errno)));
        }
        let fd = i32::try_from(result).map_err(|_| StartError::Unsupported("seccomp listener"))?;
        // SAFETY: the host put a new descriptor into the shared table; the zygote does not use it.
        let listener = Listener::new(unsafe { OwnedFd::from_raw_fd(fd) });
        let vdso = page.arguments[1].load(Ordering::Relaxed);
        let length = special.iter().find(|place| place.code).map_or(0, |place| place.end - place.start);
        let vdso = vdso..vdso + length;
        // The slot has the only other reference.
        let _ = Arc::get_mut(&mut chunk);
        Ok(Zygote { pid, chunk, slot, listener, vdso })
    }
}

/// Puts the filter where the zygote loads it from.
fn write_filter(boot: &mut Boot) -> Result<(), StartError> {
    let program = filter::filter().program();
    if program.len() > boot.instructions.len() {
        return Err(StartError::Unsupported("room for the stub's filter"));
    }
    for (place, instruction) in boot.instructions.iter_mut().zip(&program) {
        // struct sock_filter: code, jt, jf, k.
        *place = u64::from(instruction.code)
            | u64::from(instruction.jt) << 16
            | u64::from(instruction.jf) << 24
            | u64::from(instruction.k) << 32;
    }
    let instructions = CONTEXT_BASE + PAGE_SIZE + std::mem::offset_of!(Boot, instructions) as u64;
    boot.filter = [program.len() as u64, instructions];
    Ok(())
}

/// A mapping that the host made: the vDSO and its data.
#[derive(Clone, Copy, Debug, Default)]
struct Special {
    start: u64,
    end: u64,
    code: bool,
}

/// The host's vDSO mappings of this process, in order of address.
fn special_mappings(maps: &str) -> [Special; 4] {
    let mut found = [Special::default(); 4];
    let mut places = found.iter_mut();
    for line in maps.lines() {
        if !(line.ends_with("[vdso]") || line.contains("[vvar")) {
            continue;
        }
        let range = line.split_once(' ').and_then(|(range, _)| range.split_once('-'));
        let parsed = range
            .and_then(|(start, end)| Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?)));
        if let (Some((start, end)), Some(place)) = (parsed, places.next()) {
            *place = Special { start, end, code: line.ends_with("[vdso]") };
        }
    }
    found
}

/// What the zygote does, for messages; [`fail`] is told the index.
const STEPS: [&str; 12] = [
    "set signal masks in the first stub",
    "unregister restartable sequences in the first stub",
    "map the stub's code",
    "protect the stub's code",
    "map the context page in the first stub",
    "keep the context page out of copies",
    "move the vDSO",
    "keep the vDSO where it is",
    "set a signal handler in the first stub",
    "set no_new_privs in the first stub",
    "drop capabilities in the first stub",
    "make the first stub readable",
];

/// A raw host call.
fn call<const N: usize>(number: libc::c_long, arguments: [u64; N]) -> Result<u64, i32> {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&arguments);
    // SAFETY: only used below, in a process of our own, where each call is justified.
    let result = unsafe { libc::syscall(number, all[0], all[1], all[2], all[3], all[4], all[5]) };
    if result == -1 {
        // SAFETY: errno is this thread's.
        return Err(unsafe { *libc::__errno_location() });
    }
    Ok(result.cast_unsigned())
}

/// Turns this process, a fresh copy of the sandbox process, into the zygote.
fn become_stub(special: &[Special; 4], chunk: i32) -> ! {
    let flags = (libc::MAP_SHARED | libc::MAP_FIXED_NOREPLACE) as u64;
    let protection = (libc::PROT_READ | libc::PROT_WRITE) as u64;
    let mapped = call(libc::SYS_mmap, [CONTEXT_BASE, CHUNK_SIZE, protection, flags, chunk as u64, 0]);
    if mapped != Ok(CONTEXT_BASE) {
        // Without the page nobody can be told why; the sandbox process times out.
        exit();
    }
    let failed = match prepare(special) {
        Ok(()) => {
            let start: extern "C" fn(u64) -> ! =
                // SAFETY: the image was mapped and its header says where the entry is.
                unsafe { std::mem::transmute(ptr::with_exposed_provenance::<()>(image::header().start as usize)) };
            start(CONTEXT_BASE)
        }
        Err(failed) => failed,
    };
    fail(failed.0, failed.1)
}

fn exit() -> ! {
    loop {
        let _ = call(libc::SYS_exit_group, [1]);
    }
}

/// Tells the sandbox process which step failed, and how.
fn fail(step: usize, errno: i32) -> ! {
    // SAFETY: the page was mapped there, and consists of atomics.
    let page = unsafe { &*ptr::with_exposed_provenance::<super::shared::ContextPage>(CONTEXT_BASE as usize) };
    page.arguments[0].store(step as u64, Ordering::Relaxed);
    page.result.store(i64::from(-errno).cast_unsigned(), Ordering::Relaxed);
    page.report_seq.store(1, Ordering::SeqCst);
    let _ = futex::wake(&page.report_seq, futex::Flags::empty(), 1);
    exit()
}

/// struct sigaction as the host wants it.
#[repr(C)]
struct Action {
    handler: u64,
    flags: u64,
    restorer: u64,
    mask: u64,
}

fn prepare(special: &[Special; 4]) -> Result<(), (usize, i32)> {
    let at = |step: usize| move |errno: i32| (step, errno);
    let handled =
        [libc::SIGSYS, libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, INTERRUPT_SIGNAL];
    // Whatever else arrives, from a terminal for instance, is not for stubs.
    let mut mask = u64::MAX;
    for signal in handled {
        mask &= !(1 << (signal - 1));
    }
    let set_mask = libc::SIG_SETMASK as u64;
    call(libc::SYS_rt_sigprocmask, [set_mask, ptr::from_ref(&mask) as u64, 0, 8]).map_err(at(0))?;
    unregister_rseq().map_err(at(1))?;

    let code = image::bytes();
    let length = (code.len() as u64).next_multiple_of(PAGE_SIZE);
    let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE) as u64;
    let read_write = (libc::PROT_READ | libc::PROT_WRITE) as u64;
    call(libc::SYS_mmap, [STUB_BASE, length, read_write, flags, u64::MAX, 0]).map_err(at(2))?;
    // SAFETY: the mapping is new and long enough.
    unsafe {
        ptr::copy_nonoverlapping(code.as_ptr(), ptr::with_exposed_provenance_mut(STUB_BASE as usize), code.len());
    }
    let read_execute = (libc::PROT_READ | libc::PROT_EXEC) as u64;
    call(libc::SYS_mprotect, [STUB_BASE, length, read_execute]).map_err(at(3))?;
    call(libc::SYS_madvise, [CONTEXT_BASE, CHUNK_SIZE, libc::MADV_DONTFORK as u64]).map_err(at(5))?;

    for signal in handled {
        let header = image::header();
        let handler = match signal {
            libc::SIGSYS => header.on_syscall,
            INTERRUPT_SIGNAL => header.on_interrupt,
            _ => header.on_fault,
        };
        const SA_RESTORER: u64 = 0x0400_0000;
        let flags = (libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER) as u64 | SA_RESTORER;
        let action = Action { handler, flags, restorer: header.restorer, mask: 0 };
        call(libc::SYS_rt_sigaction, [signal as u64, ptr::from_ref(&action) as u64, 0, 8]).map_err(at(8))?;
    }
    restrict()?;

    // Last, for a panic or a lookup of the time would use it.
    let vdso = move_vdso(special)?;
    // SAFETY: the page was mapped there, and consists of atomics.
    let page = unsafe { &*ptr::with_exposed_provenance::<super::shared::ContextPage>(CONTEXT_BASE as usize) };
    page.arguments[1].store(vdso, Ordering::Relaxed);
    Ok(())
}

/// No privileges, no core dumps, no life after the sandbox process; readable by it.
fn restrict() -> Result<(), (usize, i32)> {
    let at = |step: usize| move |errno: i32| (step, errno);
    call(libc::SYS_prctl, [libc::PR_SET_NO_NEW_PRIVS as u64, 1, 0, 0, 0]).map_err(at(9))?;
    let limit = [0u64; 2];
    let _ = call(libc::SYS_setrlimit, [u64::from(libc::RLIMIT_CORE), ptr::from_ref(&limit) as u64]);
    // Version 3 of the interface; two words of each set.
    let header = [0x2008_0522u32, 0];
    let sets = [0u32; 6];
    call(libc::SYS_capset, [ptr::from_ref(&header) as u64, ptr::from_ref(&sets) as u64]).map_err(at(10))?;
    call(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as u64, 1, 0, 0, 0]).map_err(at(11))?;
    let _ = call(libc::SYS_prctl, [libc::PR_SET_PDEATHSIG as u64, libc::SIGKILL as u64, 0, 0, 0]);
    let _ = call(libc::SYS_prctl, [libc::PR_SET_NAME as u64, c"stub".as_ptr() as u64, 0, 0, 0]);
    Ok(())
}

/// The host would write to memory that the stub has not at the next preemption.
fn unregister_rseq() -> Result<(), i32> {
    unsafe extern "C" {
        /// Where the C library's area lies, from the thread pointer on.
        static __rseq_offset: isize;
        static __rseq_size: u32;
    }
    const SIGNATURE: u64 = 0x5305_3053;
    const UNREGISTER: u64 = 1;
    // SAFETY: constants of the C library since it started.
    let (offset, size) = unsafe { (__rseq_offset, __rseq_size) };
    if size == 0 {
        return Ok(());
    }
    let thread: u64;
    // SAFETY: on x86-64 the first word of the thread's control block is its own address.
    unsafe { std::arch::asm!("mov {}, fs:0", out(reg) thread, options(nostack, readonly, preserves_flags)) };
    let area = thread.wrapping_add_signed(offset as i64);
    // The size at registration was at least that of the first version.
    for length in [32, u64::from(size), u64::from(size).next_multiple_of(32)] {
        if call(libc::SYS_rseq, [area, length, UNREGISTER, SIGNATURE]).is_ok() {
            return Ok(());
        }
    }
    Err(libc::EINVAL)
}

/// Moves the vDSO and its data to their place in the stub's region, and lists what is to be
/// unmapped besides. Where the host has sealed it, it stays.
fn move_vdso(special: &[Special; 4]) -> Result<u64, (usize, i32)> {
    // SAFETY: within slot 0, which this process has for itself.
    let boot = unsafe { &mut *ptr::with_exposed_provenance_mut::<Boot>((CONTEXT_BASE + PAGE_SIZE) as usize) };
    let first = special[0].start;
    let mut stays = false;
    let mut vdso = 0;
    for (index, mapping) in special.iter().enumerate() {
        let length = mapping.end - mapping.start;
        if length == 0 {
            break;
        }
        let target = VDSO_BASE + (mapping.start - first);
        if !stays {
            let flags = (libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED) as u64;
            match call(libc::SYS_mremap, [mapping.start, length, length, flags, target]) {
                Ok(_) => {}
                Err(_) if index == 0 && first >= STUB_END => stays = true,
                Err(errno) => return Err((6, errno)),
            }
        }
        if mapping.code {
            vdso = if stays { mapping.start } else { target };
        }
    }
    boot.holes = [[0; 2]; 16];
    let mut holes = boot.holes.iter_mut();
    let mut add = |start: u64, end: u64| {
        if start < end
            && let Some(hole) = holes.next()
        {
            *hole = [start, end - start];
        }
    };
    let vdso_end = if stays {
        VDSO_BASE
    } else {
        VDSO_BASE + special.iter().map(|mapping| mapping.end).max().unwrap_or(first) - first
    };
    add(0, STUB_BASE);
    add(STUB_BASE + (image::bytes().len() as u64).next_multiple_of(PAGE_SIZE), VDSO_BASE);
    add(vdso_end, CONTEXT_BASE);
    add(CONTEXT_BASE + CHUNK_SIZE, STUB_END);
    let mut end = STUB_END;
    if stays {
        for mapping in special.iter().filter(|mapping| mapping.end > mapping.start) {
            add(end, mapping.start);
            end = mapping.end;
        }
    }
    add(end, TASK_END);
    const { assert!(STUB_BASE >= APP_MAX && SLOT_SIZE <= CHUNK_SIZE && VDSO_BASE < CONTEXT_BASE) };
    Ok(vdso)
}
