//! What a socket has received: bytes of a stream, or messages.
//!
//! A connection is two such queues; each side writes into the other's. Nothing here knows of
//! address families.

use std::collections::VecDeque;

use lazaret_abi::errno::Errno;

use super::{Address, control::Control};
use crate::{
    fs::file::File,
    sync::{Arc, Mutex, MutexGuard},
    uio::{Sink, Source},
    wait::{Events, WaitQueue},
};

/// A message, or a piece of a stream that was sent in one call.
pub struct Segment {
    data: Vec<u8>,
    /// Bytes of `data` that were read.
    start: usize,
    /// What was sent beside the data.
    pub control: Control,
    /// Who sent it.
    pub from: Option<Address>,
}

impl Segment {
    /// A message.
    pub fn new(data: Vec<u8>, control: Control, from: Option<Address>) -> Segment {
        Segment { data, start: 0, control, from }
    }

    fn rest(&self) -> &[u8] {
        &self.data[self.start..]
    }
}

/// What a segment costs beyond its bytes, so that empty messages cannot pile up.
const OVERHEAD: usize = 256;

/// Pieces of a stream up to this size are joined.
const JOIN: usize = 4096;

#[derive(Default)]
struct State {
    segments: VecDeque<Segment>,
    /// Unread bytes.
    bytes: usize,
    /// The sender will send no more.
    ended: bool,
    /// The receiver takes no more: shut down or gone.
    closed: bool,
    /// The receiver's socket is gone.
    gone: bool,
    limit: usize,
    /// Woken when there is room: the one sender of a stream, or those who wait to send messages.
    senders: Option<Arc<WaitQueue>>,
}

impl State {
    fn used(&self) -> usize {
        self.bytes + self.segments.len() * OVERHEAD
    }
}

/// A receive queue.
pub struct ReceiveQueue {
    state: Mutex<State>,
    /// The receiving socket's waiters.
    owner: Arc<WaitQueue>,
}

/// How a receive treats the queue.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taking {
    /// MSG_PEEK: leave it there.
    pub peek: bool,
    /// Senders with different credentials are not mixed in one receive.
    pub by_sender: bool,
}

/// What was taken off a queue.
#[derive(Default)]
pub struct Taken {
    /// Bytes that were stored.
    pub length: usize,
    /// Bytes that the message had; the same for streams.
    pub full: usize,
    /// What came with them.
    pub control: Control,
    /// Who sent them.
    pub from: Option<Address>,
}

impl ReceiveQueue {
    /// An empty queue for up to `limit` bytes, whose reader waits on `owner`.
    pub fn new(owner: Arc<WaitQueue>, limit: usize) -> Arc<ReceiveQueue> {
        Arc::new(ReceiveQueue { state: Mutex::new(State { limit, ..State::default() }), owner })
    }

    /// Names those who wait for room.
    pub fn set_senders(&self, senders: Arc<WaitQueue>) {
        self.state.lock().senders = Some(senders);
    }

    /// Changes the capacity in bytes.
    pub fn set_limit(&self, limit: usize) {
        self.state.lock().limit = limit;
    }

    /// The receiving socket's waiters.
    pub fn owner(&self) -> &Arc<WaitQueue> {
        &self.owner
    }

    /// Unread bytes (FIONREAD of a stream).
    pub fn bytes(&self) -> usize {
        self.state.lock().bytes
    }

    /// Bytes of the next message (FIONREAD of a datagram socket).
    pub fn next_message(&self) -> usize {
        self.state.lock().segments.front().map_or(0, |segment| segment.rest().len())
    }

    /// Number of messages.
    pub fn len(&self) -> usize {
        self.state.lock().segments.len()
    }

    /// Nothing to read.
    pub fn is_empty(&self) -> bool {
        self.state.lock().segments.is_empty()
    }

    /// A read would not wait: there is something, or there will be nothing any more.
    pub fn is_readable(&self) -> bool {
        let state = self.state.lock();
        !state.segments.is_empty() || state.ended || state.closed
    }

    /// Nothing more will be sent.
    pub fn has_ended(&self) -> bool {
        let state = self.state.lock();
        state.ended || state.closed
    }

    /// The receiver takes no more.
    pub fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// The receiving socket does not exist any more.
    pub fn is_gone(&self) -> bool {
        self.state.lock().gone
    }

    /// There is enough room to tell a poller: three quarters are free.
    pub fn has_room(&self) -> bool {
        let state = self.state.lock();
        state.closed || state.used() * 4 <= state.limit
    }

    /// The sender ends.
    pub fn end(&self) {
        self.state.lock().ended = true;
        self.owner.wake(Events::READABLE | Events::RDHUP | Events::HUP);
    }

    /// The receiver takes no more (SHUT_RD). What is there stays.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let senders = state.senders.clone();
        drop(state);
        if let Some(senders) = senders {
            senders.wake(Events::WRITABLE | Events::HUP);
        }
        self.owner.wake(Events::READABLE | Events::RDHUP | Events::HUP);
    }

    /// The receiving socket goes. Returns what nobody will read, to be dropped by the caller.
    pub fn abandon(&self) -> Vec<Segment> {
        let mut state = self.state.lock();
        state.gone = true;
        state.closed = true;
        state.bytes = 0;
        let unread = state.segments.drain(..).collect();
        drop(state);
        self.close();
        unread
    }

    /// Takes all descriptors out of the unread segments: they form a circle that nobody can reach.
    pub fn take_rights(&self) -> Vec<Arc<File>> {
        let mut state = self.state.lock();
        state.segments.iter_mut().flat_map(|segment| segment.control.rights.take()).collect()
    }

    /// Calls `visit` for each file in flight here.
    pub fn visit_rights(&self, mut visit: impl FnMut(&Arc<File>)) {
        for segment in &self.state.lock().segments {
            segment.control.rights.iter().for_each(&mut visit);
        }
    }

    /// Appends what fits of a stream, with `control` at its first byte. `None` when nothing fits.
    ///
    /// # Errors
    /// `EPIPE` when the receiver takes no more, `EFAULT`.
    pub fn push_stream(&self, source: &mut dyn Source, control: &mut Control) -> Result<Option<usize>, Errno> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Errno::EPIPE);
        }
        let room = state.limit.saturating_sub(state.used());
        if room == 0 {
            return Ok(None);
        }
        let want = source.remaining().min(room);
        let joins = |last: &Segment| last.rest().len() + want <= JOIN && last.control.joins(control);
        let done = match state.segments.back_mut() {
            Some(last) if joins(last) => append(&mut last.data, source, want)?,
            _ => {
                let mut data = Vec::new();
                let done = append(&mut data, source, want)?;
                state.segments.push_back(Segment::new(data, std::mem::take(control), None));
                done
            }
        };
        state.bytes += done;
        drop(state);
        self.owner.wake(Events::READABLE);
        Ok(Some(done))
    }

    /// Appends a message whole, or gives it back when it does not fit.
    ///
    /// # Errors
    /// `EPIPE` when the receiver takes no more.
    pub fn push_message(&self, segment: Segment) -> Result<Result<(), Segment>, Errno> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Errno::EPIPE);
        }
        // One message is always taken, however large.
        if !state.segments.is_empty() && state.used() + segment.data.len() > state.limit {
            return Ok(Err(segment));
        }
        state.bytes += segment.data.len();
        state.segments.push_back(segment);
        drop(state);
        self.owner.wake(Events::READABLE);
        Ok(Ok(()))
    }

    /// Tells those who wait for room. A stream's sender waits until there is room for much.
    fn wake_senders(&self, state: MutexGuard<'_, State>, much: bool) {
        let senders = state.senders.clone().filter(|_| !much || state.used() * 4 <= state.limit);
        drop(state);
        if let Some(senders) = senders {
            senders.wake(Events::WRITABLE);
        }
    }

    /// Takes bytes of a stream. `None` when the caller must wait; nothing taken is the end.
    /// Stops behind descriptors, and before another sender if asked to.
    ///
    /// # Errors
    /// `EFAULT` when not a byte could be stored.
    pub fn take_stream(&self, sink: &mut dyn Sink, taking: Taking) -> Result<Option<Taken>, Errno> {
        let mut state = self.state.lock();
        if state.segments.is_empty() {
            return Ok((state.ended || state.closed).then(Taken::default));
        }
        let mut taken = Taken::default();
        let mut index = 0;
        let mut first = true;
        while let Some(segment) = state.segments.get_mut(index) {
            let has_rights = !segment.control.rights.is_empty();
            let other_sender = taking.by_sender && segment.control.sender != taken.control.sender;
            if !first && other_sender {
                break;
            }
            if first || has_rights {
                taken.control = if taking.peek { segment.control.clone() } else { segment.control.take_once() };
            }
            first = false;
            let stored = match sink.put(segment.rest()) {
                Ok(stored) => stored,
                Err(_) if taken.length > 0 => break,
                Err(error) => {
                    // Files that were taken close now, which may concern this queue.
                    drop(state);
                    return Err(error);
                }
            };
            taken.length += stored;
            let whole = stored == segment.rest().len();
            if taking.peek {
                index += 1;
            } else {
                segment.start += stored;
                state.bytes -= stored;
                if whole {
                    state.segments.pop_front();
                }
            }
            if !whole || has_rights || sink.remaining() == 0 {
                break;
            }
        }
        taken.full = taken.length;
        if taking.peek {
            drop(state);
        } else {
            self.wake_senders(state, true);
        }
        Ok(Some(taken))
    }

    /// Takes one message; what of it does not fit is dropped. `None` when the caller must wait;
    /// `Some(None)` is the end.
    ///
    /// # Errors
    /// `EFAULT`; the message is lost then, as on Linux.
    pub fn take_message(&self, sink: &mut dyn Sink, taking: Taking) -> Result<Option<Option<Taken>>, Errno> {
        let mut state = self.state.lock();
        let Some(front) = state.segments.front() else {
            return Ok((state.ended || state.closed).then_some(None));
        };
        let full = front.rest().len();
        if taking.peek {
            let length = put_message(sink, front.rest())?;
            let (control, from) = (front.control.clone(), front.from.clone());
            return Ok(Some(Some(Taken { length, full, control, from })));
        }
        let Some(segment) = state.segments.pop_front() else { return Ok(None) };
        state.bytes -= full;
        self.wake_senders(state, false);
        let length = put_message(sink, segment.rest())?;
        Ok(Some(Some(Taken { length, full, control: segment.control, from: segment.from })))
    }
}

fn put_message(sink: &mut dyn Sink, data: &[u8]) -> Result<usize, Errno> {
    let want = data.len().min(sink.remaining());
    if want == 0 {
        return Ok(0);
    }
    match sink.put(&data[..want])? {
        stored if stored < want => Err(Errno::EFAULT),
        stored => Ok(stored),
    }
}

fn append(data: &mut Vec<u8>, source: &mut dyn Source, count: usize) -> Result<usize, Errno> {
    let start = data.len();
    data.resize(start + count, 0);
    let taken = source.take(&mut data[start..]);
    data.truncate(start + *taken.as_ref().unwrap_or(&0));
    taken
}

/// All bytes of a message that is to be sent.
///
/// # Errors
/// `EMSGSIZE` for more than `limit` bytes, `EFAULT`.
pub fn read_message(source: &mut dyn Source, limit: usize) -> Result<Vec<u8>, Errno> {
    let length = source.remaining();
    if length > limit {
        return Err(Errno::EMSGSIZE);
    }
    let mut data = Vec::new();
    if append(&mut data, source, length)? < length {
        return Err(Errno::EFAULT);
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uio::BufferSink;

    fn queue() -> Arc<ReceiveQueue> {
        ReceiveQueue::new(Arc::new(WaitQueue::new()), 100_000)
    }

    #[test]
    fn a_stream_has_no_boundaries() {
        let queue = queue();
        for part in ["ab", "cd"] {
            queue.push_stream(&mut part.as_bytes(), &mut Control::default()).unwrap();
        }
        let mut sink = BufferSink::new(3);
        let peek = Taking { peek: true, ..Taking::default() };
        assert_eq!(queue.take_stream(&mut sink, peek).unwrap().unwrap().length, 3);
        let mut sink = BufferSink::new(9);
        assert_eq!(queue.take_stream(&mut sink, Taking::default()).unwrap().unwrap().length, 4);
        assert_eq!(sink.data, b"abcd");
        assert!(queue.take_stream(&mut sink, Taking::default()).unwrap().is_none());
        queue.end();
        assert_eq!(queue.take_stream(&mut sink, Taking::default()).unwrap().unwrap().length, 0);
    }

    #[test]
    fn messages_are_cut_and_counted() {
        let queue = queue();
        for _ in 0..2 {
            assert!(queue.push_message(Segment::new(b"hello".to_vec(), Control::default(), None)).unwrap().is_ok());
        }
        let mut sink = BufferSink::new(2);
        let taken = queue.take_message(&mut sink, Taking::default()).unwrap().unwrap().unwrap();
        assert_eq!((taken.length, taken.full), (2, 5));
        assert_eq!(queue.next_message(), 5);
        assert_eq!(queue.abandon().len(), 1);
        assert!(queue.push_message(Segment::new(Vec::new(), Control::default(), None)).is_err());
    }

    #[test]
    fn a_full_stream_takes_what_fits() {
        let queue = ReceiveQueue::new(Arc::new(WaitQueue::new()), 1000);
        let data = [0; 2000];
        assert_eq!(queue.push_stream(&mut &data[..], &mut Control::default()), Ok(Some(1000)));
        assert_eq!(queue.push_stream(&mut &data[..], &mut Control::default()), Ok(None));
        assert!(!queue.has_room());
    }
}
