//! Memory that a stub and the sandbox process share: slots of threads, in chunks.

use std::{
    io,
    ptr::NonNull,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use rustix::{
    fd::OwnedFd,
    fs::{FallocateFlags, MemfdFlags, fallocate, ftruncate, memfd_create},
    mm::{MapFlags, ProtFlags, mmap, munmap},
};

use super::shared::{Boot, CHUNK_SIZE, CONTEXT_BASE, ContextPage, NOWHERE, PAGE_SIZE, SLOT_SIZE};

/// Slots in a chunk.
pub(super) const CHUNK_SLOTS: usize = (CHUNK_SIZE / SLOT_SIZE) as usize;

/// Chunks that are kept for the next process.
const POOLED: usize = 8;

/// A chunk of slots, mapped by this process and by one stub, never by two.
pub(super) struct Chunk {
    memory: Arc<OwnedFd>,
    base: NonNull<u8>,
}

// SAFETY: the memory is only accessed through atomics, but for `clear`, which wants a `&mut`.
unsafe impl Send for Chunk {}
// SAFETY: as above.
unsafe impl Sync for Chunk {}

impl Chunk {
    fn new() -> io::Result<Chunk> {
        let memory = memfd_create(c"slots", MemfdFlags::CLOEXEC)?;
        ftruncate(&memory, CHUNK_SIZE)?;
        // SAFETY: a new mapping at an address that the host chooses.
        let base = unsafe {
            mmap(
                std::ptr::null_mut(),
                CHUNK_SIZE as usize,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                &memory,
                0,
            )?
        };
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Chunk { memory: Arc::new(memory), base })
    }

    /// The descriptor to map a chunk by.
    pub fn fd(&self) -> &Arc<OwnedFd> {
        &self.memory
    }

    fn page(&self, index: usize) -> &ContextPage {
        assert!(index < CHUNK_SLOTS, "a slot of the chunk");
        // SAFETY: the page lies within the mapping, which lives as long as `self`, is aligned, and
        // consists of atomics, for which every content is valid and shared writes are defined.
        unsafe { self.base.add(index * SLOT_SIZE as usize).cast().as_ref() }
    }

    /// The bytes from `place` on in a slot, `length` of them.
    fn bytes(&self, index: usize, place: usize, length: usize) -> &[AtomicU8] {
        let end = place.checked_add(length);
        assert!(index < CHUNK_SLOTS && end.is_some_and(|end| end <= SLOT_SIZE as usize), "within a slot");
        let start = index * SLOT_SIZE as usize + place;
        // SAFETY: the range lies within the mapping, as asserted, which lives as long as `self`, and
        // consists of atomics, for which every content is valid and shared writes are defined.
        unsafe { std::slice::from_raw_parts(self.base.add(start).cast().as_ptr(), length) }
    }

    /// What the zygote finds in slot 0. Only for the chunk of a zygote that does not run yet.
    pub fn boot(&mut self) -> &mut Boot {
        // SAFETY: within slot 0 and aligned; integers, so every content is valid; no stub has the
        // chunk yet, and `&mut self` keeps this process's other references away.
        unsafe { self.base.add(PAGE_SIZE as usize).cast().as_mut() }
    }

    /// Forgets what the slots held. Only after the stub that had the chunk was reaped.
    fn clear(&mut self) -> io::Result<()> {
        // SAFETY: slot 0 lies within the mapping; nobody else has it.
        unsafe { self.base.write_bytes(0, SLOT_SIZE as usize) };
        // The stub could write to the others too.
        let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        Ok(fallocate(&self.memory, punch, SLOT_SIZE, CHUNK_SIZE - SLOT_SIZE)?)
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and no reference into it outlives `self`.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), CHUNK_SIZE as usize) };
    }
}

/// Chunks of stubs that are gone, for the next ones: making one takes several host calls.
#[derive(Default)]
pub(super) struct Pool(Mutex<Vec<Chunk>>);

impl Pool {
    /// A chunk that is all zeroes.
    pub fn take(&self) -> io::Result<Chunk> {
        match self.0.lock().pop() {
            Some(chunk) => Ok(chunk),
            None => Chunk::new(),
        }
    }

    /// Takes the chunk of a reaped stub of which only slot 0 was used.
    pub fn give_back(&self, mut chunk: Chunk) {
        if chunk.clear().is_err() {
            return;
        }
        let mut pool = self.0.lock();
        if pool.len() < POOLED {
            pool.push(chunk);
        }
    }
}

/// The place of one thread.
#[derive(Clone)]
pub(super) struct Slot {
    chunk: Arc<Chunk>,
    /// Counted over all chunks of the stub.
    pub index: usize,
}

impl Slot {
    pub fn new(chunk: Arc<Chunk>, index: usize) -> Slot {
        Slot { chunk, index }
    }

    /// The descriptor to map the slot's chunk by.
    pub fn fd(&self) -> &Arc<OwnedFd> {
        self.chunk.fd()
    }

    /// The thread's context page.
    pub fn page(&self) -> &ContextPage {
        self.chunk.page(self.index % CHUNK_SLOTS)
    }

    /// Copies the bytes from `place` on out of the slot. The stub may write them meanwhile.
    pub fn read(&self, place: usize, into: &mut [u8]) {
        let bytes = self.chunk.bytes(self.index % CHUNK_SLOTS, place, into.len());
        let (head, words, tail) = words(bytes);
        let (first, rest) = into.split_at_mut(head.len());
        let (middle, last) = rest.split_at_mut(words.len() * size_of::<u64>());
        for (byte, to) in head.iter().zip(first).chain(tail.iter().zip(last)) {
            *to = byte.load(Ordering::Relaxed);
        }
        for (word, to) in words.iter().zip(middle.as_chunks_mut().0) {
            *to = word.load(Ordering::Relaxed).to_ne_bytes();
        }
    }

    /// Copies bytes into the slot, from `place` on.
    pub fn write(&self, place: usize, data: &[u8]) {
        let bytes = self.chunk.bytes(self.index % CHUNK_SLOTS, place, data.len());
        let (head, words, tail) = words(bytes);
        let (first, rest) = data.split_at(head.len());
        let (middle, last) = rest.split_at(words.len() * size_of::<u64>());
        for (byte, from) in head.iter().zip(first).chain(tail.iter().zip(last)) {
            byte.store(*from, Ordering::Relaxed);
        }
        for (word, from) in words.iter().zip(middle.as_chunks().0) {
            word.store(u64::from_ne_bytes(*from), Ordering::Relaxed);
        }
    }

    /// Where the stub has the slot.
    pub fn address(&self) -> u64 {
        CONTEXT_BASE + self.index as u64 * SLOT_SIZE
    }

    /// Makes the page ready for a new thread.
    pub fn prepare(&self, flags: u32, features: u64) {
        let page = self.page();
        page.command_seq.store(0, Ordering::Relaxed);
        page.obeyed.store(0, Ordering::Relaxed);
        page.report_seq.store(0, Ordering::Relaxed);
        page.stub_asleep.store(0, Ordering::Relaxed);
        page.kernel_asleep.store(0, Ordering::Relaxed);
        page.interrupted.store(0, Ordering::Relaxed);
        page.alive.store(0, Ordering::Relaxed);
        page.own_address.store(self.address(), Ordering::Relaxed);
        page.fast_rip.store(NOWHERE, Ordering::Relaxed);
        page.copies.store(0, Ordering::Relaxed);
        page.calls_count.store(0, Ordering::Relaxed);
        page.flags.store(flags, Ordering::Relaxed);
        page.features.store(features, Ordering::Release);
    }
}

/// The aligned words among bytes, and what is before and after them.
fn words(bytes: &[AtomicU8]) -> (&[AtomicU8], &[AtomicU64], &[AtomicU8]) {
    // SAFETY: eight atomic bytes are as many as an atomic word has, and every content is valid.
    unsafe { bytes.align_to() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_chunk_comes_back_empty() {
        let pool = Pool::default();
        let chunk = pool.take().unwrap();
        let first = chunk.base;
        for (index, place) in [(0, 0), (1, 8), (CHUNK_SLOTS - 1, SLOT_SIZE as usize - 1)] {
            chunk.bytes(index, place, 1)[0].store(7, Ordering::Relaxed);
        }
        pool.give_back(chunk);
        let again = pool.take().unwrap();
        assert_eq!(again.base, first, "the same one");
        let slots = (0..CHUNK_SLOTS).map(|index| again.bytes(index, 0, SLOT_SIZE as usize));
        let left = slots.flatten().filter(|byte| byte.load(Ordering::Relaxed) != 0).count();
        assert_eq!(left, 0);
    }
}
