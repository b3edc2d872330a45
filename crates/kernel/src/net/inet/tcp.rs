//! TCP sockets; see tcp(7). Those of one sandbox are connected directly, others over links.

mod connect;

use std::{net::SocketAddr, time::Duration};

use lazaret_abi::{
    errno::Errno,
    socket::{family, kind, level, message, protocol, tcp},
};

pub use super::listener::TcpFace;
use super::{
    address_of, check_bind,
    levels::Levels,
    listener::Listener,
    ports::{Binding, Face, Ports, Wish},
    remote::{self, tuning},
    route, shown, unspecified,
};
use crate::{
    net::{
        Address, Common, Incoming, Network, Outgoing, Patience, Socket,
        control::Control,
        queue::ReceiveQueue,
        stack::tcp::{Connection, Ends},
        stream,
    },
    sync::{Arc, AtomicBool, Mutex, Ordering, Weak},
    uio::{Sink, Source},
    wait::{Events, Poller},
};

static PORTS: Ports<TcpFace> = Ports::new();

/// Who listens where a connection from outside is to go.
pub fn listener((to, from): Ends) -> Option<Arc<TcpFace>> {
    PORTS.find(to, from)
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
    /// The same for a connection over a link, which may be under way yet, or over.
    Remote(Arc<Connection>, bool),
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
    pub(super) common: Common,
    face: Arc<TcpFace>,
    pub(super) levels: Levels,
    network: Arc<Network>,
    own: Weak<TcpSocket>,
    state: Mutex<State>,
}

impl TcpSocket {
    /// A socket of AF_INET or AF_INET6.
    pub fn new(network: &Arc<Network>, domain: u32) -> Arc<TcpSocket> {
        TcpSocket::with(network, Common::new(domain, kind::STREAM, protocol::TCP))
    }

    /// A socket for a connection over a link that `parent` has listened for.
    pub fn of_connection(parent: &TcpSocket, connection: &Arc<Connection>) -> Arc<TcpSocket> {
        let common = Common {
            queue: connection.queue.clone(),
            error: connection.error.clone(),
            ..Common::new(parent.common.family, kind::STREAM, protocol::TCP)
        };
        let socket = TcpSocket::with(&parent.network, common);
        socket.inherit(parent);
        let mut state = socket.state.lock();
        (state.local, state.remote) = (Some(connection.ends.0), Some(connection.ends.1));
        state.phase = Phase::Remote(connection.clone(), false);
        drop(state);
        socket
    }

    fn inherit(&self, parent: &TcpSocket) {
        self.levels.inherit(&parent.levels);
        let options = parent.common.options.lock().clone();
        *self.common.options.lock() = options;
    }

    fn with(network: &Arc<Network>, common: Common) -> Arc<TcpSocket> {
        let limit = common.options.lock().receive_buffer;
        let face = Arc::new(TcpFace {
            inbox: ReceiveQueue::new(common.queue.clone(), limit),
            queue: common.queue.clone(),
            error: common.error.clone(),
            listener: Mutex::new(None),
            listening: AtomicBool::new(false),
            was_reset: AtomicBool::new(false),
            domain: common.family,
        });
        Arc::new_cyclic(|own| TcpSocket {
            common,
            face,
            levels: Levels::default(),
            network: network.clone(),
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

    /// Sockets of the connections that wait for accept(2).
    pub fn pending(&self) -> Vec<Arc<TcpSocket>> {
        let listener = self.face.listener.lock();
        listener.as_ref().map(|slot| slot.pending.iter().cloned().collect()).unwrap_or_default()
    }

    /// How many wait for room in the backlog.
    #[cfg(test)]
    pub fn waiting(&self) -> usize {
        self.face.listener.lock().as_ref().map_or(0, |slot| slot.waiting.len())
    }

    /// Where it stands, as Linux numbers it (TCP_ESTABLISHED ...).
    fn state_number(&self) -> u8 {
        if self.is_listening() {
            return remote::LISTEN;
        }
        let state = self.state.lock();
        match &state.phase {
            Phase::Closed => remote::CLOSE,
            Phase::Connecting => remote::SYN_SENT,
            Phase::Remote(connection, _) => connection.state_number(),
            Phase::Connected(..) if self.face.was_reset.load(Ordering::Acquire) => remote::CLOSE,
            Phase::Connected(..) => match (state.write_shut, self.face.inbox.has_ended()) {
                (false, false) => remote::ESTABLISHED,
                (false, true) => remote::CLOSE_WAIT,
                (true, false) => remote::FIN_WAIT2,
                (true, true) => remote::CLOSE,
            },
        }
    }

    /// The connection over a link, if there is one.
    fn remote(&self) -> Option<Arc<Connection>> {
        match &self.state.lock().phase {
            Phase::Remote(connection, _) => Some(connection.clone()),
            _ => None,
        }
    }

    /// Makes a connection of `client` and a new socket, which waits for accept(2).
    fn establish(listener: &TcpFace, slot: &mut Listener, client: &Arc<TcpSocket>) {
        let server = TcpSocket::new(&client.network, listener.domain);
        if let Some(parent) = slot.parent.upgrade() {
            server.inherit(&parent);
        }
        let mut state = client.state.lock();
        if !matches!(state.phase, Phase::Connecting) {
            // It has given up.
            return;
        }
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
        let phase = std::mem::take(&mut self.state.lock().phase);
        // Not lingering resets the connection (socket(7)).
        let reset = self.common.options.lock().linger == Some(Duration::ZERO);
        match phase {
            Phase::Connected(peer, _) => {
                // And so does closing with unread data (RFC 2525, 2.17).
                if !unread.is_empty() || reset {
                    peer.was_reset.store(true, Ordering::Release);
                    peer.error.store(Errno::ECONNRESET.raw(), Ordering::Release);
                }
                peer.inbox.end();
            }
            Phase::Remote(connection, _) => connection.release(reset),
            Phase::Closed | Phase::Connecting => {}
        }
        self.face.listening.store(false, Ordering::Release);
        let listener = self.face.listener.lock().take();
        if let Some(listener) = listener {
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
        let address = address_of(self.common.family, address)?;
        let address = check_bind(&self.network, address, self.levels.v6_only())?;
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
        let slot = listener.get_or_insert_with(|| Listener::new(backlog, self.own.clone()));
        slot.backlog = backlog;
        self.face.listening.store(true, Ordering::Release);
        TcpSocket::admit(&self.face, slot);
        Ok(())
    }

    fn connect(&self, address: &Address, patience: Patience) -> Result<(), Errno> {
        if *address == Address::Unspecified {
            let old = std::mem::take(&mut *self.state.lock());
            match old.phase {
                Phase::Connected(peer, _) => {
                    peer.error.store(Errno::ECONNRESET.raw(), Ordering::Release);
                    peer.inbox.end();
                }
                Phase::Remote(connection, _) => connection.release(true),
                Phase::Closed | Phase::Connecting => {}
            }
            return Ok(());
        }
        let to = route(&self.network, address_of(self.common.family, address)?, self.levels.v6_only())?;
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
        if let Some(connection) = self.remote() {
            return remote::send(&self.common, &connection, source, patience);
        }
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
        if let Some(connection) = self.remote() {
            let is_shut = || self.state.lock().read_shut;
            return remote::receive(&self.common, &connection, sink, flags, patience, &is_shut);
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
        let (peer, connection) = match &state.phase {
            Phase::Connected(peer, _) => (Some(peer.clone()), None),
            Phase::Remote(connection, _) if !connection.is_closed() => (None, Some(connection.clone())),
            _ => return Err(Errno::ENOTCONN),
        };
        state.read_shut |= read;
        state.write_shut |= write;
        drop(state);
        if write {
            peer.iter().for_each(|peer| peer.inbox.end());
            connection.iter().for_each(|connection| connection.close());
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
            (Phase::Remote(connection, _), Some(remote)) if connection.is_connected() => {
                Ok(shown(self.common.family, remote))
            }
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
        if let Phase::Remote(connection, _) = &state.phase {
            return remote::events(connection, events, (state.read_shut, state.write_shut));
        }
        // A reset is the end of both ways.
        let was_reset = self.face.was_reset.load(Ordering::Acquire);
        let read_over = state.read_shut || was_reset || self.face.inbox.has_ended();
        if read_over {
            events |= Events::READABLE | Events::RDHUP;
        }
        match &state.phase {
            Phase::Connecting | Phase::Remote(..) => return events,
            Phase::Closed => events |= Events::HUP | Events::WRITABLE,
            Phase::Connected(peer, _) => {
                if state.write_shut || was_reset || peer.inbox.has_room() {
                    events |= Events::WRITABLE;
                }
                if was_reset || read_over && state.write_shut {
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
        if self.is_listening() {
            return Err(Errno::EINVAL);
        }
        Ok(self.remote().map_or_else(|| self.face.inbox.bytes(), |connection| connection.readable()))
    }

    fn unsent_bytes(&self) -> usize {
        // What goes over no link has arrived.
        self.remote().map_or(0, |connection| connection.unsent())
    }

    fn is_listening(&self) -> bool {
        self.face.is_listening()
    }

    fn pending_connections(&self) -> usize {
        self.face.listener.lock().as_ref().map_or(0, |slot| slot.pending.len())
    }

    fn option(&self, number_level: u32, number: u32) -> Result<Vec<u8>, Errno> {
        if (number_level, number) == (level::TCP, tcp::INFO) {
            /// `struct tcp_info` up to the fields that programs of today know.
            const LENGTH: usize = 232;
            let mut info = vec![0; LENGTH];
            info[0] = self.state_number();
            return Ok(info);
        }
        self.levels.get(self.common.family, level::TCP, number_level, number)
    }

    fn set_option(&self, number_level: u32, number: u32, value: &[u8]) -> Result<(), Errno> {
        let bound = self.state.lock().binding.is_some();
        self.levels.set(self.common.family, level::TCP, (number_level, number), value, bound)?;
        if let Some(connection) = self.remote() {
            connection.tune(tuning(&self.common, &self.levels));
        }
        Ok(())
    }

    fn options_changed(&self) {
        self.face.inbox.set_limit(self.common.options.lock().receive_buffer);
        if let Some(connection) = self.remote() {
            connection.tune(tuning(&self.common, &self.levels));
        }
    }
}
