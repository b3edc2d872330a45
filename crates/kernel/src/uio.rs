//! Where the bytes of a read go and where those of a write come from.
//!
//! Files see a [`Sink`] or a [`Source`], never application memory: it may be user memory, a kernel
//! buffer, or another file (splice).

mod direct;
mod scratch;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use lazaret_abi::errno::Errno;
use lazaret_platform::AddressSpace;

pub use self::{direct::Direct, scratch::Scratch};
use crate::{mm::Mm, sync::Arc};

/// Takes the bytes of a read.
pub trait Sink {
    /// How many more bytes it takes.
    fn remaining(&self) -> usize;

    /// Takes as much of `data` as it can: less than all when full or when memory is bad on the way.
    ///
    /// # Errors
    /// `EFAULT` when not a single byte of a non-empty `data` could be stored in bad memory.
    fn put(&mut self, data: &[u8]) -> Result<usize, Errno>;

    /// Moves up to `count` bytes from a host file at `offset`. The default goes through a buffer.
    ///
    /// # Errors
    /// Those of pread(2) and of [`Sink::put`].
    fn put_from_host(&mut self, fd: BorrowedFd<'_>, mut offset: u64, count: usize) -> Result<usize, Errno> {
        let mut buffer = Scratch::take();
        let mut done = 0;
        while done < count && self.remaining() > 0 {
            let want = (count - done).min(self.remaining()).min(buffer.len());
            let got = match rustix::io::pread(fd, &mut buffer[..want], offset) {
                Ok(0) => break,
                Ok(got) => got,
                Err(_) if done > 0 => break,
                Err(error) => return Err(Errno::from_raw(error.raw_os_error())),
            };
            match self.put(&buffer[..got]) {
                Ok(stored) => {
                    done += stored;
                    offset += stored as u64;
                    if stored < got {
                        break;
                    }
                }
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            }
            if got < want {
                break;
            }
        }
        Ok(done)
    }

    /// As [`Sink::put_from_host`], for a file whose whole content the application may see. It may go without a buffer.
    ///
    /// # Errors
    /// As [`Sink::put_from_host`].
    fn put_from_file(&mut self, fd: &Arc<OwnedFd>, offset: u64, count: usize) -> Result<usize, Errno> {
        self.put_from_host(fd.as_fd(), offset, count)
    }
}

/// Gives the bytes of a write.
pub trait Source {
    /// How many more bytes it has.
    fn remaining(&self) -> usize;

    /// Fills `buffer` as far as possible: less than its length when exhausted or when memory is bad on
    /// the way.
    ///
    /// # Errors
    /// `EFAULT` when not a single byte could be read from bad memory.
    fn take(&mut self, buffer: &mut [u8]) -> Result<usize, Errno>;
}

/// A range of application memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserSlice {
    /// First address.
    pub address: u64,
    /// Length in bytes.
    pub length: usize,
}

/// Application memory as [`Sink`] or [`Source`]: the buffers of readv(2) or writev(2) in turn.
pub struct UserBuffers {
    space: Arc<dyn AddressSpace>,
    /// Of the calling task: what is written may be stored with the call's answer.
    caller: Option<Arc<Mm>>,
    /// What is left, first part last so that it can be popped.
    slices: Vec<UserSlice>,
    remaining: usize,
}

impl UserBuffers {
    /// Most bytes that one call transfers (MAX_RW_COUNT of Linux).
    pub const MAX: usize = 0x7fff_f000;

    /// The given ranges one after another, cut to [`UserBuffers::MAX`] bytes in all.
    pub fn new(space: Arc<dyn AddressSpace>, slices: &[UserSlice]) -> UserBuffers {
        let mut remaining = 0;
        let mut kept = Vec::with_capacity(slices.len());
        for slice in slices {
            let length = slice.length.min(Self::MAX - remaining);
            if length > 0 {
                kept.push(UserSlice { address: slice.address, length });
                remaining += length;
            }
        }
        kept.reverse();
        UserBuffers { space, caller: None, slices: kept, remaining }
    }

    /// As [`UserBuffers::new`], for memory of the task whose call is answered.
    pub fn of_caller(space: Arc<dyn AddressSpace>, mm: Arc<Mm>, slices: &[UserSlice]) -> UserBuffers {
        UserBuffers { caller: Some(mm), ..UserBuffers::new(space, slices) }
    }

    /// Cuts the buffers to `limit` bytes in all.
    pub fn cut(&mut self, limit: usize) {
        // The first part is the last of the list.
        let mut kept = 0;
        for slice in self.slices.iter_mut().rev() {
            slice.length = slice.length.min(limit - kept);
            kept += slice.length;
        }
        self.slices.retain(|slice| slice.length > 0);
        self.remaining = kept;
    }

    /// The first `count` bytes were stored by other means.
    fn skip(&mut self, count: usize) {
        let _ = self.transfer(count, |_, _, range| range.len());
    }

    fn transfer(
        &mut self,
        want: usize,
        mut copy: impl FnMut(&dyn AddressSpace, u64, std::ops::Range<usize>) -> usize,
    ) -> Result<usize, Errno> {
        let mut done = 0;
        while done < want {
            let Some(slice) = self.slices.last_mut() else { break };
            let part = slice.length.min(want - done);
            let copied = copy(&*self.space, slice.address, done..done + part).min(part);
            slice.address = slice.address.wrapping_add(copied as u64);
            slice.length -= copied;
            self.remaining -= copied;
            done += copied;
            if slice.length == 0 {
                self.slices.pop();
            }
            if copied < part {
                if done == 0 {
                    return Err(Errno::EFAULT);
                }
                break;
            }
        }
        Ok(done)
    }
}

impl Sink for UserBuffers {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn put(&mut self, data: &[u8]) -> Result<usize, Errno> {
        let caller = self.caller.clone();
        self.transfer(data.len(), |space, address, range| match &caller {
            Some(mm) => put(space, mm, address, &data[range]),
            None => space.write(address, &data[range]),
        })
    }
}

impl Source for UserBuffers {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn take(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        self.transfer(buffer.len(), |space, address, range| space.read(address, &mut buffer[range]))
    }
}

/// Writes memory of the task whose call is answered: with the answer, where it is sure to be writable.
/// Returns how many bytes could be written.
pub fn put(space: &dyn AddressSpace, mm: &Mm, address: u64, data: &[u8]) -> usize {
    if mm.is_plain(address, data.len() as u64) { space.write_later(address, data) } else { space.write(address, data) }
}

/// A kernel buffer with a limit as [`Sink`].
pub struct BufferSink {
    /// What was put.
    pub data: Vec<u8>,
    limit: usize,
}

impl BufferSink {
    /// Takes up to `limit` bytes.
    pub fn new(limit: usize) -> BufferSink {
        BufferSink { data: Vec::new(), limit }
    }
}

impl Sink for BufferSink {
    fn remaining(&self) -> usize {
        self.limit - self.data.len()
    }

    fn put(&mut self, data: &[u8]) -> Result<usize, Errno> {
        let part = data.len().min(self.remaining());
        self.data.extend_from_slice(&data[..part]);
        Ok(part)
    }
}

impl Source for &[u8] {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn take(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let part = buffer.len().min(self.len());
        buffer[..part].copy_from_slice(&self[..part]);
        *self = &self[part..];
        Ok(part)
    }
}
