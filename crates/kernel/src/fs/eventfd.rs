//! eventfd(2): a counter to signal with.

use lazaret_abi::errno::Errno;
use lazaret_snapshot::Snapshot;

use super::{
    anon,
    file::{File, FileOps, flags},
};
use crate::{
    sync::{Arc, Mutex},
    uio::{Sink, Source},
    wait::{Events, Poller, WaitQueue, take_or_wait},
};

/// Highest value of the counter; writes beyond block.
const MAX: u64 = u64::MAX - 1;

/// The operations of an eventfd.
#[derive(Snapshot)]
pub struct EventFd {
    count: Mutex<u64>,
    /// EFD_SEMAPHORE: a read takes one.
    semaphore: bool,
    queue: Arc<WaitQueue>,
}

/// A new eventfd. `status` may hold O_NONBLOCK.
pub fn create(initial: u32, semaphore: bool, status: u32) -> Arc<File> {
    let ops = EventFd { count: Mutex::new(u64::from(initial)), semaphore, queue: Arc::new(WaitQueue::new()) };
    anon::anonymous_file("[eventfd]", Box::new(ops), flags::RDWR | status)
}

impl EventFd {
    fn try_take(&self) -> Option<u64> {
        let mut count = self.count.lock();
        let taken = if self.semaphore { 1.min(*count) } else { *count };
        *count -= taken;
        (taken > 0).then_some(taken)
    }

    fn try_add(&self, value: u64) -> Option<()> {
        let mut count = self.count.lock();
        *count = count.checked_add(value).filter(|sum| *sum <= MAX)?;
        Some(())
    }
}

impl FileOps for EventFd {
    fn read(&self, file: &File, _offset: &mut u64, sink: &mut dyn Sink) -> Result<usize, Errno> {
        if sink.remaining() < 8 {
            return Err(Errno::EINVAL);
        }
        let value = take_or_wait(file.is_nonblocking(), &self.queue, Events::READABLE, || self.try_take())?;
        self.queue.wake(Events::WRITABLE);
        sink.put(&value.to_ne_bytes())
    }

    fn write(&self, file: &File, _offset: &mut u64, source: &mut dyn Source) -> Result<usize, Errno> {
        let mut bytes = [0; 8];
        if source.remaining() < bytes.len() {
            return Err(Errno::EINVAL);
        }
        if source.take(&mut bytes)? < bytes.len() {
            return Err(Errno::EFAULT);
        }
        let value = u64::from_ne_bytes(bytes);
        if value == u64::MAX {
            return Err(Errno::EINVAL);
        }
        take_or_wait(file.is_nonblocking(), &self.queue, Events::WRITABLE, || self.try_add(value))?;
        self.queue.wake(Events::READABLE);
        Ok(bytes.len())
    }

    fn is_seekable(&self) -> bool {
        false
    }

    fn seeks_to_start(&self) -> bool {
        true
    }

    fn can_poll(&self) -> bool {
        true
    }

    fn poll(&self, _file: &File, poller: Option<&mut Poller>) -> Events {
        if let Some(poller) = poller {
            poller.register(&self.queue, Events::READABLE | Events::WRITABLE);
        }
        let count = *self.count.lock();
        let mut events = Events::empty();
        if count > 0 {
            events |= Events::READABLE;
        }
        if count < MAX {
            events |= Events::WRITABLE;
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uio::BufferSink;

    fn read(file: &File) -> Result<u64, Errno> {
        let mut sink = BufferSink::new(8);
        file.read(&mut sink)?;
        Ok(u64::from_ne_bytes(sink.data.try_into().unwrap()))
    }

    fn write(file: &File, value: u64) -> Result<usize, Errno> {
        file.write(&mut &value.to_ne_bytes()[..])
    }

    #[test]
    fn a_read_takes_the_count() {
        let file = create(3, false, flags::NONBLOCK);
        assert_eq!(write(&file, 4), Ok(8));
        assert_eq!(read(&file), Ok(7));
        assert_eq!(read(&file), Err(Errno::EAGAIN));
        assert_eq!(write(&file, u64::MAX), Err(Errno::EINVAL));
        assert_eq!(write(&file, MAX), Ok(8));
        assert_eq!(file.poll(None), Events::READABLE);
        assert_eq!(write(&file, 1), Err(Errno::EAGAIN));
    }

    #[test]
    fn a_semaphore_gives_one_at_a_time() {
        let file = create(2, true, flags::NONBLOCK);
        assert_eq!(read(&file), Ok(1));
        assert_eq!(read(&file), Ok(1));
        assert_eq!(read(&file), Err(Errno::EAGAIN));
    }
}
