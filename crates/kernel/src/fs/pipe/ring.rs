//! The buffer of a pipe: a ring of page-sized slots in one piece of memory.
//!
//! Linux counts a pipe's fill in pages, and programs see it: a reader must drain a whole page before
//! a full pipe is writable again. Slots that follow one another and are full are contiguous in
//! memory, so a large transfer is one copy all the same.

use std::ops::Range;

use lazaret_abi::errno::Errno;
use lazaret_snapshot::Snapshot;

use crate::uio::{Sink, Source};

/// Bytes in a slot; also PIPE_BUF, up to which writes are atomic.
pub const PAGE: usize = 4096;

#[derive(Clone, Copy, Default, Snapshot)]
struct Slot {
    /// First unread byte in the page.
    offset: usize,
    /// Unread bytes.
    length: usize,
    /// A packet of O_DIRECT: read alone, never merged with.
    packet: bool,
}

/// The slots of a pipe.
#[derive(Snapshot)]
pub struct Ring {
    /// One page for each slot; empty until something is written.
    #[snapshot(with = lazaret_snapshot::bytes)]
    memory: Vec<u8>,
    slots: Vec<Slot>,
    /// Index of the oldest used slot.
    head: usize,
    used: usize,
}

impl Ring {
    /// An empty ring of `slots` pages.
    pub fn new(slots: usize) -> Ring {
        Ring { memory: Vec::new(), slots: vec![Slot::default(); slots.max(1)], head: 0, used: 0 }
    }

    /// Capacity in slots.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Slots in use.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Nothing to read.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// No slot is free.
    pub fn is_full(&self) -> bool {
        self.used == self.slots.len()
    }

    /// Unread bytes.
    pub fn bytes(&self) -> usize {
        (0..self.used).map(|nth| self.slots[self.index(nth)].length).sum()
    }

    fn index(&self, nth: usize) -> usize {
        (self.head + nth) % self.slots.len()
    }

    /// Changes the capacity, keeping what is unread.
    ///
    /// # Errors
    /// `EBUSY` when more than `slots` are in use.
    pub fn resize(&mut self, slots: usize) -> Result<(), Errno> {
        if slots < self.used {
            return Err(Errno::EBUSY);
        }
        let mut resized = Ring::new(slots);
        if !self.memory.is_empty() {
            resized.memory = vec![0; slots * PAGE];
        }
        for nth in 0..self.used {
            let from = self.index(nth);
            resized.memory[nth * PAGE..(nth + 1) * PAGE].copy_from_slice(&self.memory[from * PAGE..(from + 1) * PAGE]);
            resized.slots[nth] = self.slots[from];
        }
        resized.used = self.used;
        *self = resized;
        Ok(())
    }

    /// Appends from `source` until it has nothing left or no slot is free. `fresh` tells that the
    /// call is the first of its write: only then may it merge into the last page.
    ///
    /// # Errors
    /// `EFAULT` when memory is bad in the first page: as on Linux, a page is taken as a whole or not.
    pub fn fill(&mut self, source: &mut dyn Source, packet: bool, fresh: bool) -> Result<usize, Errno> {
        if self.memory.is_empty() {
            self.memory = vec![0; self.slots.len() * PAGE];
        }
        let mut done = if fresh && !packet { self.merge(source)? } else { 0 };
        while source.remaining() > 0 && !self.is_full() {
            let first = self.index(self.used);
            let free = self.slots.len() - self.used;
            // Packets get a slot each; a stream fills all slots up to the end of the memory at once.
            let count = if packet { 1 } else { free.min(self.slots.len() - first) };
            let want = source.remaining().min(count * PAGE);
            let taken = match source.take(&mut self.memory[first * PAGE..first * PAGE + want]) {
                Ok(taken) => taken,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            };
            let whole = if taken < want { taken - taken % PAGE } else { taken };
            if whole == 0 && done == 0 {
                return Err(Errno::EFAULT);
            }
            for start in (0..whole).step_by(PAGE) {
                let slot = Slot { offset: 0, length: (whole - start).min(PAGE), packet };
                let index = self.index(self.used);
                self.slots[index] = slot;
                self.used += 1;
            }
            done += whole;
            if whole < want {
                break;
            }
        }
        Ok(done)
    }

    /// Appends the odd bytes of a write to the last page if all of them fit, as Linux does.
    fn merge(&mut self, source: &mut dyn Source) -> Result<usize, Errno> {
        let odd = source.remaining() % PAGE;
        if odd == 0 || self.used == 0 {
            return Ok(0);
        }
        let last = self.index(self.used - 1);
        let slot = self.slots[last];
        let end = slot.offset + slot.length;
        if slot.packet || end + odd > PAGE {
            return Ok(0);
        }
        let taken = source.take(&mut self.memory[last * PAGE + end..last * PAGE + end + odd])?;
        if taken < odd {
            return Err(Errno::EFAULT);
        }
        self.slots[last].length += taken;
        Ok(taken)
    }

    /// Memory of the oldest bytes that lie in one piece, at most `limit`.
    fn front(&self, limit: usize) -> Range<usize> {
        let first = self.head;
        let slot = self.slots[first];
        let start = first * PAGE + slot.offset;
        let mut end = start + slot.length;
        if !slot.packet {
            for nth in 1..self.used {
                let index = self.index(nth);
                let next = self.slots[index];
                if index == 0 || next.packet || next.offset != 0 || end != index * PAGE || end - start >= limit {
                    break;
                }
                end += next.length;
            }
        }
        start..end.min(start + limit)
    }

    /// Moves bytes to `sink` until it is full or nothing is left; a packet is read alone, and what
    /// of it does not fit is dropped.
    ///
    /// # Errors
    /// `EFAULT` when nothing could be stored in bad memory.
    pub fn drain(&mut self, sink: &mut dyn Sink) -> Result<usize, Errno> {
        let mut done = 0;
        while self.used > 0 && sink.remaining() > 0 {
            let packet = self.slots[self.head].packet;
            let range = self.front(sink.remaining());
            let want = range.len();
            let stored = match sink.put(&self.memory[range]) {
                Ok(stored) => stored,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            };
            done += stored;
            if packet {
                self.release(1);
                break;
            }
            self.consume(stored);
            if stored < want {
                break;
            }
        }
        Ok(done)
    }

    /// Copies up to `limit` of the oldest bytes, without taking them.
    pub fn peek(&self, limit: usize) -> Vec<u8> {
        let mut data = Vec::with_capacity(limit.min(self.bytes()));
        for nth in 0..self.used {
            let index = self.index(nth);
            let slot = self.slots[index];
            let part = slot.length.min(limit - data.len());
            let start = index * PAGE + slot.offset;
            data.extend_from_slice(&self.memory[start..start + part]);
        }
        data
    }

    /// Puts bytes back that [`Ring::drain`] gave, as the oldest. Grows if their room was taken
    /// meanwhile: they must not be lost.
    pub fn unread(&mut self, data: &[u8]) {
        let pages = data.len().div_ceil(PAGE);
        let needed = (self.used + pages).max(self.slots.len());
        if needed > self.slots.len() && self.resize(needed.next_power_of_two()).is_err() {
            return;
        }
        for piece in data.chunks(PAGE).rev() {
            self.head = (self.head + self.slots.len() - 1) % self.slots.len();
            self.memory[self.head * PAGE..self.head * PAGE + piece.len()].copy_from_slice(piece);
            self.slots[self.head] = Slot { offset: 0, length: piece.len(), packet: false };
            self.used += 1;
        }
    }

    /// Drops the `count` oldest bytes.
    pub fn consume(&mut self, mut count: usize) {
        while count > 0 && self.used > 0 {
            let slot = &mut self.slots[self.head];
            let part = slot.length.min(count);
            slot.offset += part;
            slot.length -= part;
            count -= part;
            if slot.length == 0 {
                self.release(1);
            }
        }
    }

    fn release(&mut self, slots: usize) {
        self.head = self.index(slots);
        self.used -= slots;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uio::BufferSink;

    fn write(ring: &mut Ring, data: &[u8]) -> usize {
        ring.fill(&mut &data[..], false, true).unwrap()
    }

    fn read(ring: &mut Ring, limit: usize) -> Vec<u8> {
        let mut sink = BufferSink::new(limit);
        ring.drain(&mut sink).unwrap();
        sink.data
    }

    #[test]
    fn small_writes_share_a_page() {
        let mut ring = Ring::new(2);
        for _ in 0..PAGE {
            assert_eq!(write(&mut ring, b"x"), 1);
        }
        assert_eq!(ring.used(), 1);
        assert_eq!(write(&mut ring, b"y"), 1);
        assert!(ring.is_full());
        assert_eq!(ring.bytes(), PAGE + 1);
    }

    #[test]
    fn a_page_is_free_only_when_drained() {
        let mut ring = Ring::new(2);
        assert_eq!(write(&mut ring, &[1; 3 * PAGE]), 2 * PAGE);
        assert_eq!(read(&mut ring, PAGE - 1).len(), PAGE - 1);
        assert!(ring.is_full());
        assert_eq!(read(&mut ring, 1).len(), 1);
        assert!(!ring.is_full());
    }

    #[test]
    fn bytes_come_out_as_they_went_in() {
        let mut ring = Ring::new(4);
        let data: Vec<u8> = (0..100_000_u32).map(|n| (n * 7 % 251) as u8).collect();
        let (mut written, mut got) = (0, Vec::<u8>::new());
        let mut step = 1;
        while got.len() < data.len() {
            step = step * 13 % 9973;
            written += write(&mut ring, &data[written..(written + step).min(data.len())]);
            let limit = step * 5 % 9001;
            let seen = ring.peek(limit);
            let taken = read(&mut ring, limit);
            assert!(seen == taken);
            let kept = taken.len() - taken.len() / 3;
            ring.unread(&taken[kept..]);
            let taken = &taken[..kept];
            got.extend(taken);
        }
        assert!(got == data);
    }

    #[test]
    fn packets_are_read_alone() {
        let mut ring = Ring::new(4);
        ring.fill(&mut &b"abc"[..], true, true).unwrap();
        ring.fill(&mut &b"def"[..], true, true).unwrap();
        assert_eq!(ring.used(), 2);
        assert_eq!(read(&mut ring, 2), b"ab");
        assert_eq!(read(&mut ring, 10), b"def");
    }

    #[test]
    fn resizing_keeps_the_content() {
        let mut ring = Ring::new(4);
        write(&mut ring, &[1; PAGE]);
        read(&mut ring, PAGE);
        write(&mut ring, &[2; 2 * PAGE]);
        assert_eq!(ring.resize(1), Err(Errno::EBUSY));
        ring.resize(2).unwrap();
        assert!(ring.is_full());
        assert_eq!(read(&mut ring, 3 * PAGE), vec![2; 2 * PAGE]);
    }
}
