//! A stub: the host process of one address space.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use lazaret_hostcall::remote::{read_memory, write_memory};
use parking_lot::{Mutex, RwLock};
use rustix::{fd::OwnedFd, process::Pid, thread::futex};

use super::{
    Shared,
    chunk::{CHUNK_SLOTS, Chunk, Slot},
    patch::Code,
    reaper,
    shared::ContextPage,
};
use crate::{AddressSpace, Ending, MemoryUse, layout::APP_MAX};

/// What this process knows of a stub.
pub(super) struct Process {
    pid: Pid,
    dead: AtomicBool,
    /// The host process was reaped: its id may be another's. Locked by who uses the id.
    reaped: RwLock<bool>,
    /// Its end is wanted.
    given_up: AtomicBool,
    slots: Mutex<Slots>,
    /// Held while a chunk is mapped.
    pub growing: Mutex<()>,
    /// The file that the stub has as `PRIVATE_FD`, if it is one that it may keep. Locked while one is taken and
    /// mapped, unless the process has but one thread.
    pub held: Mutex<Option<Weak<OwnedFd>>>,
    /// How many threads it has.
    threads: AtomicUsize,
    /// The host was let copy it.
    copied: AtomicBool,
    pub code: Code,
    ending: Arc<Ending>,
    pub shared: Arc<Shared>,
}

struct Slots {
    chunks: Vec<Arc<Chunk>>,
    /// How many slots were ever used.
    used: usize,
    /// Slots whose thread was told to exit, and the count of reports it had made before.
    left: Vec<(Slot, u32)>,
}

/// A slot for a new thread, or the chunk that must be mapped first.
pub(super) enum NewSlot {
    Ready(Slot),
    Unmapped(Arc<Chunk>, usize),
}

impl Process {
    /// A new stub, which has `chunk` and uses slot 0 of it.
    pub fn new(pid: Pid, chunk: Arc<Chunk>, code: Code, shared: Arc<Shared>) -> Process {
        let slots = Slots { chunks: vec![chunk], used: 1, left: Vec::new() };
        Process {
            pid,
            dead: AtomicBool::new(false),
            reaped: RwLock::new(false),
            given_up: AtomicBool::new(false),
            slots: Mutex::new(slots),
            growing: Mutex::new(()),
            held: Mutex::default(),
            threads: AtomicUsize::new(1),
            copied: AtomicBool::new(false),
            code,
            ending: Arc::default(),
            shared,
        }
    }

    /// The id, which is another process's after this one was reaped: not to be used for more than to
    /// name it. See [`Process::with_pid`].
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Does something by the id, before which the host process is not reaped. `None` if it was.
    pub fn with_pid<T>(&self, work: impl FnOnce(Pid) -> T) -> Option<T> {
        let reaped = self.reaped.read();
        (!*reaped).then(|| work(self.pid))
    }

    /// Has the host process reaped while nobody uses its id. `reap` tells whether it was, and what it used.
    pub fn reap(&self, reap: impl FnOnce() -> Option<MemoryUse>) -> bool {
        let mut reaped = self.reaped.write();
        let used = reap();
        *reaped = used.is_some();
        if let Some(used) = used {
            self.ending.set(used);
        }
        *reaped
    }

    /// From now on its end is no loss.
    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::SeqCst);
    }

    /// Nobody wanted its end.
    pub fn is_loss(&self) -> bool {
        !self.given_up.load(Ordering::SeqCst)
    }

    /// How many threads run in it.
    pub fn threads(&self) -> usize {
        self.threads.load(Ordering::SeqCst)
    }

    /// A thread is about to start.
    pub fn thread_starts(&self) {
        self.threads.fetch_add(1, Ordering::SeqCst);
    }

    /// A thread ended, or did not start after all.
    pub fn thread_ends(&self) {
        self.threads.fetch_sub(1, Ordering::SeqCst);
    }

    /// A copy is about to be made. A hostile one may keep what this process has: its descriptors and, as
    /// it need not do as the stub's code does, its mappings.
    pub fn is_copied(&self) {
        self.copied.store(true, Ordering::SeqCst);
    }

    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// Called once the host process was reaped: wakes the task threads that wait for it.
    pub fn died(&self) {
        self.dead.store(true, Ordering::SeqCst);
        let slots = self.slots.lock();
        for index in 0..slots.used {
            if let Some(chunk) = slots.chunks.get(index / CHUNK_SLOTS) {
                wake_task(Slot::new(Arc::clone(chunk), index).page());
            }
        }
    }

    /// Finds a slot for a new thread.
    pub fn take_slot(&self) -> std::io::Result<NewSlot> {
        let mut slots = self.slots.lock();
        let gone =
            slots.left.iter().position(|(slot, reports)| slot.page().report_seq.load(Ordering::Acquire) != *reports);
        if let Some(position) = gone {
            return Ok(NewSlot::Ready(slots.left.swap_remove(position).0));
        }
        let index = slots.used;
        if let Some(chunk) = slots.chunks.get(index / CHUNK_SLOTS) {
            let slot = Slot::new(Arc::clone(chunk), index);
            slots.used += 1;
            return Ok(NewSlot::Ready(slot));
        }
        drop(slots);
        Ok(NewSlot::Unmapped(Arc::new(self.shared.pool.take()?), index / CHUNK_SLOTS))
    }

    /// How many chunks the stub has mapped.
    pub fn chunks(&self) -> usize {
        self.slots.lock().chunks.len()
    }

    /// The stub mapped the chunk of a [`NewSlot::Unmapped`]; needs the `growing` lock.
    pub fn add_chunk(&self, chunk: Arc<Chunk>) {
        self.slots.lock().chunks.push(chunk);
    }

    /// A thread was told to exit; its slot is free as soon as it made one more report.
    pub fn leave_slot(&self, slot: Slot, reports: u32) {
        self.slots.lock().left.push((slot, reports));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let slots = self.slots.get_mut();
        slots.left.clear();
        // The registry lets go only after the host process was reaped, so nobody has the memory, unless there
        // was a copy: what that may have kept is not for another process' registers.
        if let (1, false, Some(chunk)) = (slots.used, *self.copied.get_mut(), slots.chunks.pop())
            && let Some(chunk) = Arc::into_inner(chunk)
        {
            self.shared.pool.give_back(chunk);
        }
    }
}

/// Wakes the task thread of a context whose stub is dead.
fn wake_task(page: &ContextPage) {
    page.report_seq.fetch_add(1, Ordering::SeqCst);
    let _ = futex::wake(&page.report_seq, futex::Flags::empty(), 1);
}

/// The reference that keeps a stub running.
pub(super) struct Space(pub Arc<Process>);

impl Drop for Space {
    fn drop(&mut self) {
        self.0.give_up();
        reaper::end(&self.0);
    }
}

/// How many bytes from `address` on are application memory, at most `length`.
fn within(address: u64, length: usize) -> usize {
    let room = APP_MAX.saturating_sub(address);
    usize::try_from(room).unwrap_or(usize::MAX).min(length)
}

impl AddressSpace for Space {
    fn read(&self, address: u64, into: &mut [u8]) -> usize {
        let length = within(address, into.len());
        self.0.with_pid(|pid| read_memory(pid, address, &mut into[..length])).unwrap_or(0)
    }

    fn write(&self, address: u64, data: &[u8]) -> usize {
        let length = within(address, data.len());
        self.0.with_pid(|pid| write_memory(pid, address, &data[..length])).unwrap_or(0)
    }

    fn is_dead(&self) -> bool {
        self.0.is_dead()
    }

    fn kill(&self) {
        reaper::kill(&self.0);
    }

    fn host_pid(&self) -> i32 {
        self.0.pid.as_raw_nonzero().get()
    }

    fn ending(&self) -> Arc<Ending> {
        Arc::clone(&self.0.ending)
    }
}
