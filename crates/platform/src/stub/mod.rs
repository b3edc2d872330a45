//! The stub platform: an address space is a host process.
//!
//! The *stub* of an address space is a host process that has the application's memory and, far
//! above it, a few pages of code (`blob/stub.s`). Each application thread is a thread of the stub.
//! A seccomp filter makes every system call of the application a signal, whose handler is the
//! stub's: it writes the registers to the thread's *context page*, which it shares with the sandbox
//! process, and waits there for the answer.
//!
//! What a stub may ask of the host is listed, with reasons, in [`filter`].

pub mod filter;

mod birth;
mod chunk;
mod clock;
mod context;
mod image;
mod notifier;
mod pace;
mod patch;
mod place;
mod process;
mod reaper;
mod remains;
mod shared;
mod spare;
mod strays;
mod thread;
mod window;
mod zygote;

use std::{
    arch::x86_64::{__cpuid, __cpuid_count, _xgetbv},
    ops::Range,
    sync::{Arc, OnceLock},
};

use rustix::fd::OwnedFd;

pub use zygote::StartError;

use self::{
    chunk::Pool,
    notifier::Notifier,
    pace::Load,
    patch::Code,
    process::{Process, Space},
    shared::{FLAG_DEATH_SIGNAL, FLAG_FSGSBASE, MAX_STATE, PAGE_SIZE, SIGNAL_STACK, SLOT_SIZE},
    spare::Reserve,
    thread::Thread,
    zygote::Zygote,
};
use crate::{AddressSpace, Context, Error, LossHook, Platform, Result};

/// What [`StubPlatform::new`] wants to know.
#[derive(Debug, Default)]
pub struct StubConfig {
    /// A directory descriptor of a procfs that shows the stubs. Without it call sites are not
    /// patched, and every system call takes the slower way.
    pub proc: Option<OwnedFd>,
    /// The text of `/proc/self/maps`, from a process that cannot open it any more.
    pub maps: Option<String>,
}

/// What all stubs have in common.
struct Shared {
    notifier: Notifier,
    pool: Pool,
    load: Load,
    /// Where stubs' memory is found as files.
    proc: Option<OwnedFd>,
    /// For context pages.
    flags: u32,
    /// Extended-state features of applications.
    features: u64,
    /// Bytes of an area for them.
    fp_size: usize,
    on_loss: OnceLock<LossHook>,
}

impl Shared {
    /// A stub died that nobody had given up.
    fn report_loss(&self) {
        if let Some(hook) = self.on_loss.get() {
            hook();
        }
    }
}

/// The stub platform.
///
/// It must be made where the creation of processes is still possible, after Landlock is in force
/// (a process may not read the memory of another that is less restricted than itself) and under the
/// user that the sandbox process stays; see [`filter::sandbox_calls`] for what it needs later.
/// Stubs die with the thread that made the platform.
pub struct StubPlatform {
    shared: Arc<Shared>,
    reserve: Arc<Reserve>,
    /// Keeps the zygote running.
    space: Space,
    vdso: Range<u64>,
}

impl StubPlatform {
    /// Starts the first stub. No thread is started before the first address space is made.
    ///
    /// # Errors
    /// The step that failed, and why.
    pub fn new(config: StubConfig) -> std::result::Result<StubPlatform, StartError> {
        let (features, fp_size) = extended_state()?;
        let pool = Pool::default();
        let flags = flags();
        let birth = reaper::Birth::begin();
        let Zygote { pid, chunk, slot, listener, vdso } = Zygote::start(&pool, flags, features, &config)?;
        let shared = Arc::new(Shared {
            notifier: Notifier::new(listener),
            pool,
            load: Load::new(),
            proc: config.proc,
            flags,
            features,
            fp_size,
            on_loss: OnceLock::new(),
        });
        let process = Arc::new(Process::new(pid, chunk, Code::new(true), Arc::clone(&shared)));
        reaper::register(&process);
        drop(birth);
        let space = Space(Arc::clone(&process));
        let mut thread = Thread::new(slot, process, pid);
        thread.is_zygote = true;
        let started = thread.is_born().and_then(|()| {
            const CLOSE_RANGE_UNSHARE: u64 = 2;
            let number = libc::SYS_close_range.cast_unsigned();
            thread.call([number, 0, u32::MAX.into(), CLOSE_RANGE_UNSHARE, 0, 0, 0])
        });
        match started {
            Ok(_) => Ok(StubPlatform { shared, reserve: Reserve::new(thread), space, vdso }),
            Err(error) => {
                let errno = if let Error::Host(errno) = error { errno } else { libc::EIO };
                let source = std::io::Error::from_raw_os_error(errno);
                Err(StartError::Step { step: "leave the descriptor table of the sandbox process", source })
            }
        }
    }
}

impl Drop for StubPlatform {
    fn drop(&mut self) {
        self.reserve.close();
    }
}

impl Platform for StubPlatform {
    fn create(&self) -> Result<(Arc<dyn AddressSpace>, Box<dyn Context>)> {
        reaper::start().map_err(|error| Error::Host(error.raw_os_error().unwrap_or(libc::EAGAIN)))?;
        let context = self.reserve.take()?;
        Ok((Arc::clone(context.address_space()), Box::new(context)))
    }

    fn branch(&self) -> Result<Box<dyn Platform>> {
        reaper::start().map_err(|error| Error::Host(error.raw_os_error().unwrap_or(libc::EAGAIN)))?;
        let zygote = self.reserve.branch()?;
        let space = Space(Arc::clone(&zygote.process));
        let (shared, vdso) = (Arc::clone(&self.shared), self.vdso.clone());
        Ok(Box::new(StubPlatform { shared, reserve: Reserve::new(zygote), space, vdso }))
    }

    fn origin(&self) -> i32 {
        self.space.host_pid()
    }

    fn vdso(&self) -> Range<u64> {
        self.vdso.clone()
    }

    fn on_loss(&self, hook: LossHook) {
        let _ = self.shared.on_loss.set(hook);
    }

    fn fp_size(&self) -> usize {
        self.shared.fp_size
    }

    fn fp_features(&self) -> u64 {
        self.shared.features
    }
}

/// The extended-state features that applications have, and the size of an area for them. Those
/// that a process must request first (AMX tile data) are not among them.
fn extended_state() -> std::result::Result<(u64, usize), StartError> {
    const OSXSAVE: u32 = 1 << 27;
    const TILE_DATA: u64 = 1 << 18;
    /// The legacy area and the header.
    const FIXED: u32 = 512 + 64;
    if __cpuid(1).ecx & OSXSAVE == 0 {
        return Err(StartError::Unsupported("XSAVE instruction"));
    }
    // SAFETY: the processor has the instruction, as asked above.
    let features = unsafe { _xgetbv(0) } & !TILE_DATA;
    let mut size = FIXED;
    for index in 2..63 {
        if features & 1 << index != 0 {
            let area = __cpuid_count(0xd, index);
            size = size.max(area.ebx.saturating_add(area.eax));
        }
    }
    if size as usize > MAX_STATE {
        return Err(StartError::Unsupported("extended state small enough"));
    }
    // The stack of a handler must hold two frames: an interrupt may arrive in another handler.
    let frame = rustix::param::linux_minsigstksz() as u64;
    if 2 * frame.max(u64::from(size)) + PAGE_SIZE > SLOT_SIZE - SIGNAL_STACK {
        return Err(StartError::Unsupported("signal frames small enough"));
    }
    Ok((features, size as usize))
}

fn flags() -> u32 {
    /// HWCAP2_FSGSBASE
    const FSGSBASE: usize = 1 << 1;
    let mut flags = 0;
    if rustix::param::linux_hwcap().1 & FSGSBASE != 0 {
        flags |= FLAG_FSGSBASE;
    }
    // With an init the host ends its whole namespace.
    if !rustix::process::getpid().is_init() {
        flags |= FLAG_DEATH_SIGNAL;
    }
    flags
}
