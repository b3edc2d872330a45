//! TCP over the loopback interface; see tcp(7).

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use lazaret_abi::{
    errno::Errno,
    socket::{family, kind, level, message, protocol, tcp},
};

use super::{
    address_of, check_bind,
    levels::Levels,
    ports::{Binding, Face, Ports, Wish},
    route, shown, source_for, unspecified,
};
use crate::{
    net::{Address, Common, Incoming, Outgoing, Patience, Socket, control::Control, queue::ReceiveQueue, stream},
    sync::{Arc, AtomicBool, AtomicI32, Mutex, Ordering, Weak},
    uio::{Sink, Source},
    wait::{Events, Poller, WaitQueue},
};

static PORTS: Ports<TcpFace> = Ports::new();

/// What the other side, or those who connect, see of a socket.
pub struct TcpFace {
    inbox: Arc<ReceiveQueue>,
    queue: Arc<WaitQueue>,
    error: Arc<AtomicI32>,
    listener: Mutex<Option<Listener>>,
    /// Whether there is a listener; asked with the port table locked, where `listener` must not be.
    listening: AtomicBool,
    /// The other side reset the connection.
    was_reset: AtomicBool,
    domain: u32,
}

struct Listener {
    backlog: usize,
    /// Connections that wait for accept(2).
    pending: VecDeque<Arc<TcpSocket>>,
    /// Those whose connection waits for room in the backlog.
    waiting: VecDeque<Weak<TcpSocket>>,
    /// What connections inherit.
    levels: Weak<TcpSocket>,
}

impl Face for TcpFace {
    fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Acquire)
    }

    fn score(&self, _from: SocketAddr) -> Option<u32> {
        self.is_listening().then_some(0)
    }
}

/// Where a connection stands.
#[derive(Default)]
enum Phase {
    /// Never connected, or refused.
    #[default]
    Closed,
    /// connect(2) is under way.
    Connecting,
    /// Connected; the flag tells that a connect(2) that did not wait has yet to be told so.
    Connected(Arc<TcpFace>, bool),
}

#[derive(Default)]
struct State {
    binding: Option<Binding<TcpFace>>,
    /// The local address of a connection.
    local: Option<SocketAddr>,
    remote: Option<SocketAddr>,
    phase: Phase,
    read_shut: bool,
    write_shut: bool,
}

/// A TCP socket.
pub struct TcpSocket {
    common: Common,
    face: Arc<TcpFace>,
    levels: Levels,
    own: Weak<TcpSocket>,
    state: Mutex<State>,
}

impl TcpSocket {
    /// A socket of AF_INET or AF_INET6.
    pub fn new(domain: u32) -> Arc<TcpSocket> {
        let common = Common::new(domain, kind::STREAM, protocol::TCP);
        let limit = common.options.lock().receive_buffer;
        let face = Arc::new(TcpFace {
            inbox: ReceiveQueue::new(common.queue.clone(), limit),
            queue: common.queue.clone(),
            error: common.error.clone(),
            listener: Mutex::new(None),
            listening: AtomicBool::new(false),
            was_reset: AtomicBool::new(false),
            domain,
        });
        Arc::new_cyclic(|own| TcpSocket {
            common,
            face,
            levels: Levels::default(),
            own: own.clone(),
            state: Mutex::default(),
        })
    }

    fn bind_to(&self, address: SocketAddr) -> Result<SocketAddr, Errno> {
        let mut state = self.state.lock();
        if let Some(binding) = &state.binding {
            return Ok(binding.address());
        }
        let options = self.common.options.lock();
        let wish = Wish {
            address,
            dual: self.common.family == family::INET6 && !self.levels.v6_only(),
            reuse: options.reuse_address || options.reuse_port,
        };
        drop(options);
        let binding = PORTS.bind(&self.face, wish)?;
        let address = binding.address();
        state.binding = Some(binding);
        Ok(address)
    }

    fn peer(&self) -> Option<Arc<TcpFace>> {
        match &self.state.lock().phase {
            Phase::Connected(peer, _) => Some(peer.clone()),
            _ => None,
        }
    }

    /// Makes a connection of `client` and a new socket, which waits for accept(2).
    fn establish(listener: &TcpFace, slot: &mut Listener, client: &Arc<TcpSocket>) {
        let server = TcpSocket::new(listener.domain);
        if let Some(parent) = slot.levels.upgrade() {
            server.levels.inherit(&parent.levels);
            let inherited = parent.common.options.lock().clone();
            *server.common.options.lock() = inherited;
        }
        let mut state = client.state.lock();
        {
            let mut other = server.state.lock();
            (other.local, other.remote) = (state.remote, state.local);
            other.phase = Phase::Connected(client.face.clone(), false);
        }
        state.phase = Phase::Connected(server.face.clone(), true);
        drop(state);
        server.face.inbox.set_senders(client.common.queue.clone());
        client.face.inbox.set_senders(server.common.queue.clone());
        slot.pending.push_back(server);
        client.common.queue.wake(Events::WRITABLE);
    }

    /// Makes connections for those who wait, as far as the backlog has room.
    fn admit(listener: &TcpFace, slot: &mut Listener) {
        while slot.pending.len() <= slot.backlog {
            let Some(client) = slot.waiting.pop_front() else { break };
            if let Some(client) = client.upgrade() {
                TcpSocket::establish(listener, slot, &client);
            }
        }
    }

    /// The connection failed before it was one.
    fn refuse(&self, error: Errno) {
        let mut state = self.state.lock();
        state.phase = Phase::Closed;
        (state.read_shut, state.write_shut) = (true, true);
        drop(state);
        self.common.error.store(error.raw(), Ordering::Release);
        self.common.queue.wake_all();
    }

    /// What another connect(2) finds.
    fn connect_state(&self) -> Option<Result<(), Errno>> {
        let mut state = self.state.lock();
        match &mut state.phase {
            Phase::Connected(_, untold) if *untold => {
                *untold = false;
                Some(Ok(()))
            }
            Phase::Connected(..) => Some(Err(Errno::EISCONN)),
            Phase::Connecting => Some(Err(Errno::EALREADY)),
            Phase::Closed => {
                drop(state);
                self.common.take_error().map(Err)
            }
        }
    }

    fn start_connecting(&self, to: SocketAddr) -> Result<(), Errno> {
        let bound = self.bind_to(unspecified(self.common.family))?;
        let local = SocketAddr::new(source_for(Some(bound), to), bound.port());
        {
            let mut state = self.state.lock();
            (state.local, state.remote) = (Some(local), Some(to));
            (state.read_shut, state.write_shut) = (false, false);
            state.phase = Phase::Connecting;
        }
        let Some(target) = PORTS.find(to, local) else {
            self.refuse(Errno::ECONNREFUSED);
            return Ok(());
        };
        match &mut *target.listener.lock() {
            Some(slot) => {
                slot.waiting.push_back(self.own.clone());
                TcpSocket::admit(&target, slot);
            }
            None => {
                self.refuse(Errno::ECONNREFUSED);
                return Ok(());
            }
        }
        target.queue.wake(Events::READABLE);
        Ok(())
    }

    /// One connect(2) that waits: the outcome, once there is one.
    fn outcome(&self) -> Option<Result<(), Errno>> {
        let mut state = self.state.lock();
        match &mut state.phase {
            Phase::Connected(_, untold) => {
                *untold = false;
                Some(Ok(()))
            }
            Phase::Connecting => None,
            Phase::Closed => {
                drop(state);
                Some(Err(self.common.take_error().unwrap_or(Errno::ECONNREFUSED)))
            }
        }
    }

    /// The other side of an established connection, to write to.
    fn writable_peer(&self, patience: Patience) -> Result<Arc<TcpFace>, Errno> {
        patience.wait(&[(&self.common.queue, Events::WRITABLE | Events::HUP)], || {
            let state = self.state.lock();
            match &state.phase {
                Phase::Connecting => None,
                _ if self.common.has_error() => {
                    drop(state);
                    Some(Err(self.common.take_error().unwrap_or(Errno::EPIPE)))
                }
                Phase::Connected(peer, _) if !state.write_shut && !self.face.was_reset.load(Ordering::Acquire) => {
                    Some(Ok(peer.clone()))
                }
                _ => Some(Err(Errno::EPIPE)),
            }
        })
    }

    /// Nothing goes either way any more: Linux's TCP_CLOSE, after a reset or the ends of both sides.
    fn is_over(&self, state: &State) -> bool {
        self.face.was_reset.load(Ordering::Acquire) || state.write_shut && self.face.inbox.has_ended()
    }

    /// The other side sent a reset: it does not exist any more.
    fn reset(&self) {
        let mut state = self.state.lock();
        (state.read_shut, state.write_shut) = (true, true);
        drop(state);
        self.common.queue.wake_all();
    }
}

impl Drop for TcpSocket {
    fn drop(&mut self) {
        let unread = self.face.inbox.abandon();
        let mut state = self.state.lock();
        if let Phase::Connected(peer, _) = std::mem::take(&mut state.phase) {
            // Closing with unread data resets the connection (RFC 2525, 2.17), and so does not lingering (socket(7)).
            if !unread.is_empty() || self.common.options.lock().linger == Some(Duration::ZERO) {
                peer.was_reset.store(true, Ordering::Release);
                peer.error.store(Errno::ECONNRESET.raw(), Ordering::Release);
            }
            peer.inbox.end();
        }
        drop(state);
        self.face.listening.store(false, Ordering::Release);
        if let Some(listener) = self.face.listener.lock().take() {
            for socket in &listener.pending {
                if let Some(client) = socket.peer() {
                    client.error.store(Errno::ECONNRESET.raw(), Ordering::Release);
                }
            }
            for client in listener.waiting.iter().filter_map(Weak::upgrade) {
                client.refuse(Errno::ECONNREFUSED);
            }
        }
    }
}

impl Socket for TcpSocket {
    fn common(&self) -> &Common {
        &self.common
    }

    fn bind(&self, address: &Address) -> Result<(), Errno> {
        let address = check_bind(address_of(self.common.family, address)?, self.levels.v6_only())?;
        let state = self.state.lock();
        if state.binding.is_some() || !matches!(state.phase, Phase::Closed) {
            return Err(Errno::EINVAL);
        }
        drop(state);
        self.bind_to(address).map(drop)
    }

    fn listen(&self, backlog: usize) -> Result<(), Errno> {
        if !matches!(self.state.lock().phase, Phase::Closed) {
            return Err(Errno::EINVAL);
        }
        self.bind_to(unspecified(self.common.family))?;
        let state = self.state.lock();
        let reuse_port = self.common.options.lock().reuse_port;
        if !reuse_port && state.binding.as_ref().is_some_and(|binding| PORTS.is_listened(binding)) {
            return Err(Errno::EADDRINUSE);
        }
        drop(state);
        let mut listener = self.face.listener.lock();
        let slot = listener.get_or_insert_with(|| Listener {
            backlog,
            pending: VecDeque::new(),
            waiting: VecDeque::new(),
            levels: self.own.clone(),
        });
        slot.backlog = backlog;
        self.face.listening.store(true, Ordering::Release);
        TcpSocket::admit(&self.face, slot);
        Ok(())
    }

    fn connect(&self, address: &Address, patience: Patience) -> Result<(), Errno> {
        if *address == Address::Unspecified {
            let old = std::mem::take(&mut *self.state.lock());
            if let Phase::Connected(peer, _) = old.phase {
                peer.error.store(Errno::ECONNRESET.raw(), Ordering::Release);
                peer.inbox.end();
            }
            return Ok(());
        }
        let to = route(address_of(self.common.family, address)?, self.levels.v6_only())?;
        if self.is_listening() {
            return Err(Errno::EISCONN);
        }
        match self.connect_state() {
            Some(Err(Errno::EALREADY)) if !patience.is_none() => {}
            Some(result) => return result,
            None => {
                self.start_connecting(to)?;
                if patience.is_none() {
                    // Even if it is done already; a program may count on either answer only here.
                    return Err(Errno::EINPROGRESS);
                }
            }
        }
        match patience.wait(&[(&self.common.queue, Events::WRITABLE | Events::HUP)], || self.outcome()) {
            Err(Errno::EAGAIN) => Err(Errno::EINPROGRESS),
            result => result,
        }
    }

    fn accept(&self, patience: Patience) -> Result<Arc<dyn Socket>, Errno> {
        let queue = self.common.queue.clone();
        let socket = patience.wait(&[(&queue, Events::READABLE)], || match &mut *self.face.listener.lock() {
            None => Some(Err(Errno::EINVAL)),
            Some(slot) => {
                let socket = slot.pending.pop_front()?;
                TcpSocket::admit(&self.face, slot);
                Some(Ok(socket))
            }
        })?;
        Ok(socket)
    }

    fn send(&self, source: &mut dyn Source, outgoing: Outgoing, patience: Patience) -> Result<usize, Errno> {
        let mut done = 0;
        loop {
            let peer = match self.writable_peer(patience) {
                Ok(peer) => peer,
                Err(_) if done > 0 => return Ok(done),
                Err(error) => return Err(error),
            };
            if source.remaining() == 0 {
                return Ok(done);
            }
            if peer.inbox.is_gone() {
                // The packet goes out and is answered with a reset: this write succeeds, the next fails.
                self.reset();
                return Ok(done + source.remaining());
            }
            let step = match peer.inbox.push_stream(source, &mut Control::default()) {
                Ok(Some(sent)) => Ok(sent),
                Ok(None) => patience
                    .wait(&[(&self.common.queue, Events::WRITABLE | Events::HUP)], || {
                        (peer.inbox.has_room() || self.state.lock().write_shut).then_some(Ok(()))
                    })
                    .map(|()| 0),
                // It went just now.
                Err(Errno::EPIPE) => Ok(0),
                Err(error) => Err(error),
            };
            match step {
                Ok(sent) => done += sent,
                Err(_) if done > 0 => return Ok(done),
                Err(error) => return Err(error),
            }
            if outgoing.flags & message::OOB != 0 && source.remaining() == 0 {
                return Ok(done);
            }
        }
    }

    fn receive(&self, sink: &mut dyn Sink, flags: u32, patience: Patience) -> Result<Incoming, Errno> {
        // Urgent data travel in line.
        if flags & message::OOB != 0 {
            return Err(Errno::EINVAL);
        }
        if flags & message::ERRQUEUE != 0 {
            return Err(Errno::EAGAIN);
        }
        if matches!(self.state.lock().phase, Phase::Closed) && self.face.inbox.is_empty() {
            return match self.common.take_error() {
                Some(error) => Err(error),
                None if self.state.lock().read_shut => Ok(Incoming::default()),
                None => Err(Errno::ENOTCONN),
            };
        }
        let ended = || self.state.lock().read_shut;
        let rules = stream::Rules { by_sender: false, ended: &ended };
        stream::receive(&self.common, &self.face.inbox, sink, flags, patience, &rules)
    }

    fn shutdown(&self, read: bool, write: bool) -> Result<(), Errno> {
        if self.is_listening() {
            if read {
                // It becomes an ordinary socket again.
                self.face.listening.store(false, Ordering::Release);
                let listener = self.face.listener.lock().take();
                drop(listener);
                self.common.queue.wake_all();
            }
            return Ok(());
        }
        let mut state = self.state.lock();
        let Phase::Connected(peer, _) = &state.phase else { return Err(Errno::ENOTCONN) };
        let peer = peer.clone();
        state.read_shut |= read;
        state.write_shut |= write;
        drop(state);
        if write {
            peer.inbox.end();
        }
        self.common.queue.wake_all();
        Ok(())
    }

    fn local_address(&self) -> Address {
        let state = self.state.lock();
        let bound = state.binding.as_ref().map(Binding::address);
        shown(self.common.family, state.local.or(bound).unwrap_or_else(|| unspecified(self.common.family)))
    }

    fn peer_address(&self) -> Result<Address, Errno> {
        let state = self.state.lock();
        match (&state.phase, state.remote) {
            (Phase::Connected(..), Some(remote)) if !self.is_over(&state) => Ok(shown(self.common.family, remote)),
            _ => Err(Errno::ENOTCONN),
        }
    }

    fn poll(&self, _poller: Option<&mut Poller>) -> Events {
        if let Some(slot) = &*self.face.listener.lock() {
            return if slot.pending.is_empty() { Events::empty() } else { Events::READABLE };
        }
        let state = self.state.lock();
        let mut events = Events::empty();
        if self.common.has_error() {
            events |= Events::ERR;
        }
        let read_over = state.read_shut || self.face.inbox.has_ended();
        if read_over {
            events |= Events::READABLE | Events::RDHUP;
        }
        match &state.phase {
            Phase::Connecting => return events,
            Phase::Closed => events |= Events::HUP | Events::WRITABLE,
            Phase::Connected(peer, _) => {
                if state.write_shut || peer.inbox.has_room() {
                    events |= Events::WRITABLE;
                }
                if read_over && state.write_shut {
                    events |= Events::HUP;
                }
            }
        }
        if !self.face.inbox.is_empty() {
            events |= Events::READABLE;
        }
        events
    }

    fn readable_bytes(&self) -> Result<usize, Errno> {
        if self.is_listening() { Err(Errno::EINVAL) } else { Ok(self.face.inbox.bytes()) }
    }

    fn unsent_bytes(&self) -> usize {
        // What was sent has arrived.
        0
    }

    fn is_listening(&self) -> bool {
        self.face.is_listening()
    }

    fn option(&self, number_level: u32, number: u32) -> Result<Vec<u8>, Errno> {
        if (number_level, number) == (level::TCP, tcp::INFO) {
            /// `struct tcp_info` up to the fields that programs of today know.
            const LENGTH: usize = 232;
            /// TCP_ESTABLISHED, TCP_CLOSE, TCP_LISTEN
            const STATES: [u8; 3] = [1, 7, 10];
            let mut info = vec![0; LENGTH];
            info[0] = match (self.is_listening(), self.peer().is_some()) {
                (true, _) => STATES[2],
                (_, true) => STATES[0],
                _ => STATES[1],
            };
            return Ok(info);
        }
        self.levels.get(self.common.family, level::TCP, number_level, number)
    }

    fn set_option(&self, number_level: u32, number: u32, value: &[u8]) -> Result<(), Errno> {
        let bound = self.state.lock().binding.is_some();
        self.levels.set(self.common.family, level::TCP, (number_level, number), value, bound)
    }

    fn options_changed(&self) {
        self.face.inbox.set_limit(self.common.options.lock().receive_buffer);
    }
}
