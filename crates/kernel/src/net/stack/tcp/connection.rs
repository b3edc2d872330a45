//! A TCP connection over a link.

use std::net::SocketAddr;

use lazaret_abi::errno::Errno;
use smoltcp::{
    socket::tcp::State,
    wire::{IpEndpoint, IpListenEndpoint, TcpSeqNumber},
};

use super::{
    super::Stack,
    block::{Block, Listen, Owner, Tuning, news},
    device::Path,
};
use crate::{
    sync::{Arc, AtomicI32, Mutex, MutexGuard, Ordering, Weak},
    uio::{Sink, Source},
    wait::{Events, WaitQueue},
};

/// Both ends of a connection, ours first.
pub type Ends = (SocketAddr, SocketAddr);

/// A connection. It ends when its socket lets go of it, some time after.
pub struct Connection {
    stack: Weak<Stack>,
    /// Its ends.
    pub ends: Ends,
    /// Tells it from earlier ones with these ends.
    pub id: u64,
    path: Path,
    /// Those who wait for anything to happen to it.
    pub queue: Arc<WaitQueue>,
    /// SO_ERROR
    pub error: Arc<AtomicI32>,
    block: Mutex<Block>,
}

/// What became of a connection while it was looked at.
struct After {
    news: Events,
    /// One that listens can have it.
    made: Option<Weak<dyn Listen>>,
    /// It is over.
    gone: bool,
}

impl Connection {
    /// Begins a connection to the other end.
    ///
    /// # Errors
    /// `ENETUNREACH` when there is no way, `EADDRNOTAVAIL` when there is one between these ends, `ENOBUFS` when there
    /// are too many.
    pub fn connect(
        stack: &Arc<Stack>,
        ends: Ends,
        tuning: Tuning,
        (queue, error): (&Arc<WaitQueue>, &Arc<AtomicI32>),
    ) -> Result<Arc<Connection>, Errno> {
        let path = stack.path(ends.1.ip()).ok_or(Errno::ENETUNREACH)?;
        let waiters = (queue.clone(), error.clone());
        let connection = Connection::new(stack, ends, path, (Owner::Socket, tuning), waiters);
        stack.tcp.insert(&connection)?;
        let begun = connection.with(|block| {
            let (interface, socket) = block.parts();
            let (local, remote) = (IpListenEndpoint::from(ends.0), IpEndpoint::from(ends.1));
            socket.connect(interface.context(), remote, local).map_err(|_| Errno::EADDRNOTAVAIL)
        });
        begun.map(|()| connection)
    }

    /// A connection that somebody has asked for with this packet; `None` when there are too many.
    pub fn accept(
        stack: &Arc<Stack>,
        ends: Ends,
        path: Path,
        (listener, tuning): (Weak<dyn Listen>, Tuning),
        packet: &[u8],
    ) -> Option<Arc<Connection>> {
        let owner = Owner::Listener(listener);
        let connection = Connection::new(stack, ends, path, (owner, tuning), Default::default());
        stack.tcp.insert(&connection).ok()?;
        connection.block.lock().socket().listen(ends.0).ok()?;
        connection.arrive(packet);
        Some(connection)
    }

    fn new(
        stack: &Arc<Stack>,
        ends: Ends,
        path: Path,
        (owner, tuning): (Owner, Tuning),
        (queue, error): (Arc<WaitQueue>, Arc<AtomicI32>),
    ) -> Arc<Connection> {
        let mtu = stack.mtu(&path.link, ends.1.ip());
        let block = Mutex::new(Block::new(stack, &path, mtu, owner, tuning));
        Arc::new(Connection { stack: Arc::downgrade(stack), ends, id: stack.tcp.id(), path, queue, error, block })
    }

    /// Its link.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Changes something and does what follows from it.
    fn with<R>(self: &Arc<Self>, change: impl FnOnce(&mut Block) -> R) -> R {
        let mut block = self.block.lock();
        let before = block.look();
        let result = change(&mut block);
        let after = self.follow(&mut block, before, None);
        self.tell(block, after);
        result
    }

    /// A packet has arrived.
    pub fn arrive(self: &Arc<Self>, packet: &[u8]) {
        let mut block = self.block.lock();
        let before = block.look();
        let after = self.follow(&mut block, before, Some(packet));
        self.tell(block, after);
    }

    /// Its time has come.
    pub fn expire(self: &Arc<Self>) {
        self.with(|block| block.timer = None);
    }

    /// Its link has room again.
    pub fn resume(self: &Arc<Self>) {
        self.with(|_| ());
    }

    fn follow(self: &Arc<Self>, block: &mut Block, before: super::block::Look, packet: Option<&[u8]>) -> After {
        let Some(stack) = self.stack.upgrade() else { return After { news: Events::all(), made: None, gone: false } };
        block.run(&stack, &self.path, packet);
        let now = block.look();
        let mut made = None;
        if let Owner::Listener(listener) = &block.owner
            && matches!(now.state, State::Established | State::CloseWait)
        {
            made = Some(listener.clone());
            block.owner = Owner::Socket;
        }
        if let Some(failure) = block.failure.take() {
            self.error.store(failure.raw(), Ordering::Release);
        }
        if std::mem::take(&mut block.retired) {
            stack.tcp.retire(self.ends, block.last);
        }
        let next = block.next(&self.path);
        stack.timers.set(self, &mut block.timer, next, &stack.alarm);
        After { news: news(before, now), made, gone: block.finished }
    }

    /// Tells others, when nothing is locked any more.
    fn tell(self: &Arc<Self>, block: MutexGuard<'_, Block>, after: After) {
        drop(block);
        if after.gone
            && let Some(stack) = self.stack.upgrade()
        {
            stack.tcp.remove(self);
        }
        if !after.news.is_empty() {
            self.queue.wake(after.news);
        }
        if let Some(listener) = after.made {
            match listener.upgrade() {
                Some(listener) => listener.arrive(self),
                // Nobody listens any more.
                None => self.release(true),
            }
        }
    }

    /// How far it has come.
    pub fn state(&self) -> State {
        self.block.lock().state()
    }

    /// It is not being made from outside any more.
    pub fn is_made(&self) -> bool {
        !matches!(self.state(), State::Listen | State::SynReceived)
    }

    /// There is another end.
    pub fn is_connected(&self) -> bool {
        !matches!(self.state(), State::SynSent | State::Closed)
    }

    /// It was never made, or is over.
    pub fn is_closed(&self) -> bool {
        self.state() == State::Closed
    }

    /// What is ready, but for errors and what the socket itself has shut.
    pub fn events(&self) -> Events {
        let look = self.block.lock().look();
        let mut events = Events::empty();
        if matches!(look.state, State::SynSent | State::SynReceived) {
            return events;
        }
        if look.readable > 0 || look.ended {
            events |= Events::READABLE;
        }
        if look.ended {
            events |= Events::RDHUP;
        }
        if look.has_room || !matches!(look.state, State::Established | State::CloseWait) {
            events |= Events::WRITABLE;
        }
        if look.state == State::Closed {
            events |= Events::HUP;
        }
        events
    }

    /// Sends what there is room for. `None` when there is none, or the connection is not made yet.
    ///
    /// # Errors
    /// `EPIPE` when nothing can be sent any more, `EFAULT`.
    pub fn send(self: &Arc<Self>, source: &mut dyn Source) -> Option<Result<usize, Errno>> {
        match self.state() {
            State::SynSent | State::SynReceived => return None,
            State::Established | State::CloseWait => {}
            _ => return Some(Err(Errno::EPIPE)),
        }
        let sent = self.with(|block| {
            let mut done = 0;
            // In a ring the room may be in two places.
            for _ in 0..2 {
                let mut fault = None;
                let sent = block.socket().send(|room| {
                    let want = source.remaining().min(room.len());
                    match source.take(room.get_mut(..want).unwrap_or_default()) {
                        Ok(taken) => (taken, taken),
                        Err(error) => {
                            fault = Some(error);
                            (0, 0)
                        }
                    }
                });
                match (fault, sent) {
                    (Some(fault), _) if done == 0 => return Err(fault),
                    (None, Ok(sent)) => done += sent,
                    // It has ended in between.
                    _ => break,
                }
                if source.remaining() == 0 {
                    break;
                }
            }
            Ok(done)
        });
        match sent {
            Ok(0) if source.remaining() > 0 => None,
            sent => Some(sent),
        }
    }

    /// Receives what is there, and leaves it if `peek`. `None` when nothing is, nothing at all when no more will come.
    ///
    /// # Errors
    /// `EFAULT` when not a byte could be stored.
    pub fn receive(self: &Arc<Self>, sink: &mut dyn Sink, peek: bool) -> Option<Result<usize, Errno>> {
        {
            let block = self.block.lock();
            let look = block.look();
            if look.readable == 0 {
                return look.ended.then_some(Ok(0));
            }
        }
        if peek { Some(self.peek(sink)) } else { Some(self.take(sink)) }
    }

    fn peek(&self, sink: &mut dyn Sink) -> Result<usize, Errno> {
        let mut block = self.block.lock();
        let want = block.socket().recv_queue().min(sink.remaining());
        let mut bytes = vec![0; want];
        let got = block.socket().peek_slice(&mut bytes).unwrap_or(0);
        drop(block);
        sink.put(bytes.get(..got).unwrap_or_default())
    }

    fn take(self: &Arc<Self>, sink: &mut dyn Sink) -> Result<usize, Errno> {
        self.with(|block| {
            let mut done = 0;
            for _ in 0..2 {
                let mut fault = None;
                let got = block.socket().recv(|data| {
                    let want = sink.remaining().min(data.len());
                    match sink.put(data.get(..want).unwrap_or_default()) {
                        Ok(stored) => (stored, stored),
                        Err(error) => {
                            fault = Some(error);
                            (0, 0)
                        }
                    }
                });
                match (fault, got) {
                    (Some(fault), _) if done == 0 => return Err(fault),
                    (None, Ok(got)) if got > 0 => done += got,
                    _ => break,
                }
                if sink.remaining() == 0 {
                    break;
                }
            }
            Ok(done)
        })
    }

    /// Bytes that can be read.
    pub fn readable(&self) -> usize {
        self.block.lock().look().readable
    }

    /// Bytes that the other side has not acknowledged.
    pub fn unsent(&self) -> usize {
        self.block.lock().socket().send_queue()
    }

    /// Sends no more.
    pub fn close(self: &Arc<Self>) {
        self.with(|block| block.socket().close());
    }

    /// Changes the settings.
    pub fn tune(self: &Arc<Self>, tuning: Tuning) {
        self.with(|block| block.tune(tuning));
    }

    /// A packet that began with this number has not got there. A connection that was made already waits for better
    /// times.
    pub fn unreachable(self: &Arc<Self>, error: Errno, number: TcpSeqNumber) {
        if self.has_sent(number) {
            self.with(|block| {
                if matches!(block.state(), State::SynSent | State::SynReceived) {
                    block.fail(error, false);
                }
            });
        }
    }

    /// A packet that begins with this number is one that the other side has not acknowledged. Nobody who does not see
    /// the packets can guess that.
    pub fn has_sent(&self, number: TcpSeqNumber) -> bool {
        /// Most that is on the way: the largest window.
        const WINDOW: usize = 1 << 30;
        let last = self.block.lock().last;
        last.is_some_and(|last| number < last.sequence && last.sequence - number <= WINDOW)
    }

    /// The way does not carry packets that are as large as before.
    pub fn shrink(self: &Arc<Self>) {
        let Some(stack) = self.stack.upgrade() else { return };
        let mtu = stack.mtu(&self.path.link, self.ends.1.ip());
        self.with(|block| block.shrink(&stack, &self.path, mtu));
    }

    /// It ends at once, and nobody is told.
    pub fn forget(self: &Arc<Self>) {
        self.with(|block| block.finished = true);
    }

    /// Its socket is gone: it ends, by a reset if `reset` or if there is something that nobody has read.
    pub fn release(self: &Arc<Self>, reset: bool) {
        self.with(|block| {
            block.owner = Owner::Nobody;
            match block.state() {
                // Nobody knows of it yet.
                State::SynSent => block.finished = true,
                // RFC 2525, 2.17.
                _ if reset || block.socket().can_recv() => block.socket().abort(),
                _ => block.socket().close(),
            }
        });
    }
}
