//! Pipes and FIFOs; see pipe(7) and fifo(7).

pub mod fifo;
mod ring;
pub mod splice;

pub use ring::PAGE;

use lazaret_abi::errno::Errno;
use lazaret_snapshot::Snapshot;

use super::{
    anon,
    file::{File, FileOps, flags},
    inode::FileKind,
};
use crate::{
    sync::{Arc, Mutex},
    task::{Current, creds::cap, raise},
    uaddr::{UserAddr, UserPtr},
    uio::{Sink, Source},
    wait::{Events, Interruptible, Poller, WaitQueue, wait_until},
};
use ring::Ring;

/// Slots of a new pipe (PIPE_DEF_BUFFERS).
const DEFAULT_SLOTS: usize = 16;

/// Most bytes an unprivileged process may give a pipe (`fs.pipe-max-size`).
pub const MAX_SIZE: usize = 1 << 20;

const FIONREAD: u32 = 0x541b;

/// A pipe: the object that both ends share.
#[derive(Snapshot)]
pub struct Pipe {
    state: Mutex<State>,
    readable: Arc<WaitQueue>,
    writable: Arc<WaitQueue>,
}

#[derive(Snapshot)]
struct State {
    ring: Ring,
    readers: usize,
    writers: usize,
    /// How often the pipe was opened for reading and for writing; fifo(7)'s rules need to know
    /// that a partner came, even if it has gone again.
    reader_opens: u64,
    writer_opens: u64,
}

/// Who has a pipe open, and how often it was opened.
struct Opens {
    readers: usize,
    writers: usize,
    reader_opens: u64,
    writer_opens: u64,
}

impl Pipe {
    /// A pipe that nobody has open.
    pub fn new() -> Arc<Pipe> {
        Arc::new(Pipe {
            state: Mutex::new(State {
                ring: Ring::new(DEFAULT_SLOTS),
                readers: 0,
                writers: 0,
                reader_opens: 0,
                writer_opens: 0,
            }),
            readable: Arc::new(WaitQueue::new()),
            writable: Arc::new(WaitQueue::new()),
        })
    }

    /// The pipe of an open file, if it is one.
    pub fn of(file: &File) -> Option<&Arc<Pipe>> {
        file.ops().downcast_ref::<PipeEnd>().map(|end| &end.pipe)
    }

    /// Capacity in bytes (F_GETPIPE_SZ).
    pub fn capacity(&self) -> usize {
        self.state.lock().ring.slots() * PAGE
    }

    /// F_SETPIPE_SZ: rounds up to a power of two of pages and returns what was set, in bytes.
    ///
    /// # Errors
    /// `EINVAL` for sizes beyond 2 GiB, `EPERM` above [`MAX_SIZE`] without CAP_SYS_RESOURCE, `EBUSY`
    /// when more is in the pipe.
    pub fn set_capacity(&self, bytes: usize, privileged: bool) -> Result<usize, Errno> {
        if bytes > 1 << 31 {
            return Err(Errno::EINVAL);
        }
        let size = bytes.max(PAGE).next_power_of_two();
        let mut state = self.state.lock();
        if size > state.ring.slots() * PAGE && size > MAX_SIZE && !privileged {
            return Err(Errno::EPERM);
        }
        // Privileged or not: the memory is the sandbox's, so there is an end to it.
        if size > 64 * MAX_SIZE {
            return Err(Errno::ENOMEM);
        }
        state.ring.resize(size / PAGE)?;
        drop(state);
        self.writable.wake(Events::WRITABLE);
        Ok(size)
    }

    /// Opens an end. Also tells, as of the same moment, how many readers and writers there are and
    /// how many ever came.
    fn open_end(self: &Arc<Self>, reads: bool, writes: bool) -> (PipeEnd, Opens) {
        let mut state = self.state.lock();
        state.readers += usize::from(reads);
        state.writers += usize::from(writes);
        state.reader_opens += u64::from(reads);
        state.writer_opens += u64::from(writes);
        let opens = Opens {
            readers: state.readers,
            writers: state.writers,
            reader_opens: state.reader_opens,
            writer_opens: state.writer_opens,
        };
        drop(state);
        // Those who wait in open(2) of a FIFO for a partner.
        if reads {
            self.writable.wake_all();
        }
        if writes {
            self.readable.wake_all();
        }
        (PipeEnd { pipe: self.clone(), reads, writes, quiet_until: None }, opens)
    }

    fn open(self: &Arc<Self>, reads: bool, writes: bool) -> PipeEnd {
        self.open_end(reads, writes).0
    }

    /// Reads what is there into `sink`; `None` when the caller must wait.
    fn try_read(&self, sink: &mut dyn Sink) -> Result<Option<usize>, Errno> {
        let mut state = self.state.lock();
        if state.ring.is_empty() {
            return Ok((state.writers == 0).then_some(0));
        }
        let was_full = state.ring.is_full();
        let done = state.ring.drain(sink)?;
        let (more, room) = (!state.ring.is_empty(), !state.ring.is_full());
        drop(state);
        if was_full && room {
            self.writable.wake_one(Events::WRITABLE);
        }
        if more {
            self.readable.pass_on(Events::READABLE);
        }
        Ok(Some(done))
    }

    /// Writes what fits; `None` when not a byte did. A write of up to [`PAGE`] bytes is atomic.
    fn try_write(&self, source: &mut dyn Source, packet: bool, fresh: bool) -> Result<Option<usize>, Errno> {
        let mut state = self.state.lock();
        if state.readers == 0 {
            return Err(Errno::EPIPE);
        }
        let done = state.ring.fill(source, packet, fresh)?;
        let room = !state.ring.is_full();
        drop(state);
        if done == 0 {
            return Ok(None);
        }
        self.readable.wake_one(Events::READABLE);
        if room {
            self.writable.pass_on(Events::WRITABLE);
        }
        Ok(Some(done))
    }

    /// Sleeps until there is something to read or nobody left who could write it.
    fn wait_readable(&self) -> Result<(), Errno> {
        wait_until(&[(&self.readable, Events::READABLE)], None, Interruptible::Signals, || {
            let state = self.state.lock();
            (!state.ring.is_empty() || state.writers == 0).then_some(())
        })
    }

    /// Sleeps until a slot is free or nobody is left who could read it.
    fn wait_writable(&self) -> Result<(), Errno> {
        wait_until(&[(&self.writable, Events::WRITABLE)], None, Interruptible::Signals, || {
            let state = self.state.lock();
            (!state.ring.is_full() || state.readers == 0).then_some(())
        })
    }
}

/// An open end of a pipe, or both ends of a FIFO opened with O_RDWR.
#[derive(Snapshot)]
pub struct PipeEnd {
    pipe: Arc<Pipe>,
    reads: bool,
    writes: bool,
    /// A FIFO opened for reading without waiting for a writer: no hang-up is reported while the
    /// count of writers that ever came is still this.
    quiet_until: Option<u64>,
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        let mut state = self.pipe.state.lock();
        state.readers -= usize::from(self.reads);
        state.writers -= usize::from(self.writes);
        let (readers, writers) = (state.readers, state.writers);
        drop(state);
        if self.writes && writers == 0 {
            self.pipe.readable.wake(Events::READABLE | Events::HUP);
        }
        if self.reads && readers == 0 {
            self.pipe.writable.wake(Events::WRITABLE | Events::ERR);
        }
    }
}

impl FileOps for PipeEnd {
    fn read(&self, file: &File, _offset: &mut u64, sink: &mut dyn Sink) -> Result<usize, Errno> {
        if sink.remaining() == 0 {
            return Ok(0);
        }
        loop {
            if let Some(done) = self.pipe.try_read(sink)? {
                return Ok(done);
            }
            if file.is_nonblocking() {
                return Err(Errno::EAGAIN);
            }
            self.pipe.wait_readable()?;
        }
    }

    fn write(&self, file: &File, _offset: &mut u64, source: &mut dyn Source) -> Result<usize, Errno> {
        if source.remaining() == 0 {
            return Ok(0);
        }
        let packet = file.flags() & flags::DIRECT != 0;
        let mut done = 0;
        loop {
            let error = match self.pipe.try_write(source, packet, done == 0) {
                Ok(Some(written)) => {
                    done += written;
                    if source.remaining() == 0 {
                        return Ok(done);
                    }
                    continue;
                }
                Ok(None) if file.is_nonblocking() => Errno::EAGAIN,
                Ok(None) => match self.pipe.wait_writable() {
                    Ok(()) => continue,
                    Err(error) => error,
                },
                Err(error) => error,
            };
            if error == Errno::EPIPE {
                raise::broken_pipe();
            }
            return if done > 0 { Ok(done) } else { Err(error) };
        }
    }

    fn is_seekable(&self) -> bool {
        false
    }

    fn tells_by_signal(&self) -> bool {
        true
    }

    fn can_poll(&self) -> bool {
        true
    }

    fn poll(&self, _file: &File, poller: Option<&mut Poller>) -> Events {
        if let Some(poller) = poller {
            if self.reads {
                poller.register(&self.pipe.readable, Events::READABLE);
            }
            if self.writes {
                poller.register(&self.pipe.writable, Events::WRITABLE);
            }
        }
        let state = self.pipe.state.lock();
        let mut events = Events::empty();
        if self.reads {
            if !state.ring.is_empty() {
                events |= Events::READABLE;
            }
            if state.writers == 0 && self.quiet_until != Some(state.writer_opens) {
                events |= Events::HUP;
            }
        }
        if self.writes {
            if !state.ring.is_full() {
                events |= Events::WRITABLE;
            }
            if state.readers == 0 {
                events |= Events::ERR;
            }
        }
        events
    }

    fn ioctl(&self, _file: &File, current: &mut Current, request: u32, argument: UserAddr) -> Result<usize, Errno> {
        match request {
            FIONREAD => {
                let bytes = self.pipe.state.lock().ring.bytes();
                current.write(UserPtr::new(argument), &i32::try_from(bytes).unwrap_or(i32::MAX))?;
                Ok(0)
            }
            _ => Err(Errno::ENOTTY),
        }
    }
}

impl anon::Reopen for Pipe {
    // By /proc/PID/fd. Unlike a FIFO, a pipe without a partner is opened at once: the partner has come
    // and gone.
    fn reopen(self: Arc<Self>, flags: u32) -> Result<Box<dyn FileOps>, Errno> {
        let (reads, writes) = match flags & flags::ACCMODE {
            flags::RDONLY => (true, false),
            flags::WRONLY => (false, true),
            flags::RDWR => (true, true),
            _ => return Err(Errno::EINVAL),
        };
        Ok(Box::new(self.open(reads, writes)))
    }
}

/// A new pipe: its reading and its writing end. `status` may hold O_NONBLOCK and O_DIRECT.
pub fn create(status: u32) -> (Arc<File>, Arc<File>) {
    let pipe = Pipe::new();
    let location = anon::numbered_location("pipe", FileKind::Fifo, 0o600, Some(pipe.clone()));
    let status = status & (flags::NONBLOCK | flags::DIRECT);
    let reader = Box::new(pipe.open(true, false));
    let writer = Box::new(pipe.open(false, true));
    (File::new(reader, location.clone(), flags::RDONLY | status), File::new(writer, location, flags::WRONLY | status))
}

/// fcntl(2) with F_SETPIPE_SZ and F_GETPIPE_SZ; `size` is none for the latter. Returns bytes.
///
/// # Errors
/// `EBADF` when the file is no pipe, else as [`Pipe::set_capacity`].
pub fn fcntl_size(current: &Current, file: &File, size: Option<usize>) -> Result<usize, Errno> {
    let pipe = Pipe::of(file).ok_or(Errno::EBADF)?;
    match size {
        None => Ok(pipe.capacity()),
        Some(size) => pipe.set_capacity(size, current.task.creds().has(cap::SYS_RESOURCE)),
    }
}

#[cfg(test)]
mod tests;
