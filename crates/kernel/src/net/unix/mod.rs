//! AF_UNIX sockets; see unix(7).

pub mod flight;
mod host;
mod name;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use lazaret_abi::{
    errno::Errno,
    socket::{UCred, family, kind, level, message, option},
};
use zerocopy::IntoBytes;

use self::{
    host::Host,
    name::{Binding, Target},
};
use super::{
    Address, Common, Incoming, Outgoing, Patience, Socket,
    address::UnixName,
    control::Sender,
    options::DEFAULT_BUFFER,
    queue::{self, ReceiveQueue, Segment, Taking},
};
use crate::{
    fs::file::File,
    sync::{Arc, AtomicBool, AtomicI32, Mutex, Ordering},
    uio::{Sink, Source},
    wait::{Events, Poller, WaitQueue},
};

/// Messages that a datagram socket holds before senders wait (`net.unix.max_dgram_qlen`).
const MAX_MESSAGES: usize = 10;

/// Largest message: the send buffer without the kernel's own share.
const MAX_MESSAGE: usize = DEFAULT_BUFFER - 32;

/// What other sockets see of a socket. Outlives it while they refer to it.
pub struct Endpoint {
    kind: u32,
    name: Mutex<UnixName>,
    inbox: Arc<ReceiveQueue>,
    /// Where those wait who have no room in the inbox or the backlog.
    space: Arc<WaitQueue>,
    listener: Mutex<Option<Listener>>,
    /// Who made the connection or listens (SO_PEERCRED of the other side).
    creds: Mutex<Sender>,
    /// Endpoint that a datagram socket is connected to, by address of its inbox: it takes messages
    /// from this one alone.
    partner: Mutex<Option<Arc<ReceiveQueue>>>,
    error: Arc<AtomicI32>,
    /// SO_PASSCRED of the socket.
    wants_creds: AtomicBool,
}

/// Connections that wait for accept(2).
struct Listener {
    backlog: usize,
    pending: VecDeque<Arc<UnixSocket>>,
}

#[derive(Default)]
struct State {
    binding: Option<Binding>,
    peer: Option<Arc<Endpoint>>,
    /// A socket of the host.
    host: Option<Arc<Host>>,
    /// SHUT_WR.
    write_shut: bool,
}

/// A Unix socket.
pub struct UnixSocket {
    common: Common,
    own: Arc<Endpoint>,
    state: Mutex<State>,
}

impl UnixSocket {
    /// A socket of type SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET.
    pub fn new(kind: u32) -> Arc<UnixSocket> {
        let common = Common::new(family::UNIX, kind, 0);
        let space = Arc::new(WaitQueue::new());
        let inbox = ReceiveQueue::new(common.queue.clone(), DEFAULT_BUFFER);
        if kind == kind::DGRAM {
            inbox.set_senders(space.clone());
        }
        let own = Arc::new(Endpoint {
            kind,
            name: Mutex::default(),
            inbox,
            space,
            listener: Mutex::new(None),
            creds: Mutex::new(Sender::calling()),
            partner: Mutex::new(None),
            error: common.error.clone(),
            wants_creds: AtomicBool::new(false),
        });
        Arc::new(UnixSocket { common, own, state: Mutex::default() })
    }

    /// socketpair(2).
    pub fn pair(kind: u32) -> (Arc<UnixSocket>, Arc<UnixSocket>) {
        let (one, two) = (UnixSocket::new(kind), UnixSocket::new(kind));
        one.join(&two.own);
        two.join(&one.own);
        (one, two)
    }

    /// Makes `peer` the other side.
    fn join(&self, peer: &Arc<Endpoint>) {
        if self.common.kind == kind::DGRAM {
            *self.own.partner.lock() = Some(peer.inbox.clone());
        } else {
            peer.inbox.set_senders(self.common.queue.clone());
        }
        self.state.lock().peer = Some(peer.clone());
    }

    fn is_connection(&self) -> bool {
        self.common.kind != kind::DGRAM
    }

    fn peer(&self) -> Option<Arc<Endpoint>> {
        self.state.lock().peer.clone()
    }

    /// Calls `visit` for each file that waits in the queues of this socket.
    pub fn visit_queued(&self, mut visit: impl FnMut(&Arc<File>)) {
        self.own.inbox.visit_rights(&mut visit);
        if let Some(listener) = &*self.own.listener.lock() {
            for socket in &listener.pending {
                socket.own.inbox.visit_rights(&mut visit);
            }
        }
    }

    /// Takes all files out of the queues of this socket.
    pub fn take_queued(&self) -> Vec<Arc<File>> {
        let mut files = self.own.inbox.take_rights();
        if let Some(listener) = &*self.own.listener.lock() {
            for socket in &listener.pending {
                files.extend(socket.own.inbox.take_rights());
            }
        }
        files
    }

    fn bind_to(&self, name: &UnixName) -> Result<(), Errno> {
        if self.state.lock().binding.is_some() || *self.own.name.lock() != UnixName::Unnamed {
            // Linux makes the file first, and so finds out first that there is one.
            return Err(if name::exists(name) { Errno::EADDRINUSE } else { Errno::EINVAL });
        }
        let (binding, of_host) = name::bind(&self.own, name)?;
        if let Some(of_host) = of_host {
            self.bound_to_host(of_host)?;
        }
        *self.own.name.lock() = binding.name().clone();
        self.state.lock().binding = Some(binding);
        Ok(())
    }

    /// A socket that tells its credentials needs a name to tell as well; unix(7), "Autobind".
    fn autobind(&self) -> Result<(), Errno> {
        if self.common.options.lock().pass_credentials && *self.own.name.lock() == UnixName::Unnamed {
            return self.bind_to(&UnixName::Unnamed);
        }
        Ok(())
    }

    fn send_datagram(&self, source: &mut dyn Source, outgoing: Outgoing, patience: Patience) -> Result<usize, Errno> {
        self.autobind()?;
        let target = match &outgoing.to {
            Some(Address::Unix(name)) => match self.find(name, patience)? {
                Target::Own(target) => target,
                Target::Host(fd) => return self.send_to_host(fd, source, outgoing, patience),
            },
            Some(_) => return Err(Errno::EINVAL),
            None => self.peer().ok_or(Errno::ENOTCONN)?,
        };
        if self.state.lock().write_shut {
            return Err(Errno::EPIPE);
        }
        if target.kind != self.common.kind {
            return Err(Errno::EPROTOTYPE);
        }
        let refuses = target.partner.lock().as_ref().is_some_and(|from| !Arc::ptr_eq(from, &self.own.inbox));
        if refuses {
            return Err(Errno::EPERM);
        }
        let data = queue::read_message(source, MAX_MESSAGE)?;
        let length = data.len();
        let from = Address::Unix(self.own.name.lock().clone());
        let mut segment = Some(self.segment(data, outgoing, Some(from), &target));
        let to_self = Arc::ptr_eq(&target.inbox, &self.own.inbox);
        patience.wait(&[(&target.space, Events::WRITABLE)], || {
            if target.inbox.is_gone() {
                return Some(Err(Errno::ECONNREFUSED));
            }
            if target.inbox.len() > MAX_MESSAGES && !to_self && !target.inbox.is_closed() {
                return None;
            }
            match target.inbox.push_message(segment.take()?) {
                Ok(Ok(())) => Some(Ok(length)),
                Ok(Err(back)) => {
                    segment = Some(back);
                    None
                }
                Err(error) => Some(Err(error)),
            }
        })
    }

    /// Credentials go with the data if either side asks for them when it is sent, or nobody is there
    /// to ask yet.
    fn name_sender(&self, outgoing: &mut Outgoing, target: &Endpoint) {
        let wanted = |endpoint: &Endpoint| endpoint.wants_creds.load(Ordering::Relaxed);
        if wanted(&self.own) || wanted(target) {
            outgoing.control.sender.get_or_insert_with(Sender::calling);
        }
    }

    fn segment(&self, data: Vec<u8>, mut outgoing: Outgoing, from: Option<Address>, target: &Endpoint) -> Segment {
        self.name_sender(&mut outgoing, target);
        Segment::new(data, outgoing.control, from)
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        let (binding, peer) = {
            let mut state = self.state.lock();
            (state.binding.take(), state.peer.take())
        };
        drop(binding);
        let unread = self.own.inbox.abandon();
        self.own.space.wake_all();
        if let Some(peer) = peer
            && self.is_connection()
        {
            // Unread data are lost, and the other side is told; unix(7) does not say so.
            if !unread.is_empty() {
                peer.error.store(Errno::ECONNRESET.raw(), Ordering::Release);
            }
            peer.inbox.end();
        }
        let listener = self.own.listener.lock().take();
        for socket in listener.into_iter().flat_map(|listener| listener.pending) {
            if let Some(client) = socket.peer() {
                client.error.store(Errno::ECONNRESET.raw(), Ordering::Release);
            }
        }
        drop(unread);
        flight::collect();
    }
}

impl Socket for UnixSocket {
    fn common(&self) -> &Common {
        &self.common
    }

    fn bind(&self, address: &Address) -> Result<(), Errno> {
        match address {
            Address::Unix(name) => self.bind_to(name),
            _ => Err(Errno::EINVAL),
        }
    }

    fn listen(&self, backlog: usize) -> Result<(), Errno> {
        self.start_listening(backlog)
    }

    fn connect(&self, address: &Address, patience: Patience) -> Result<(), Errno> {
        if self.is_connection() {
            let Address::Unix(name) = address else { return Err(Errno::EINVAL) };
            return self.connect_stream(name, patience);
        }
        match address {
            Address::Unspecified => {
                let mut state = self.state.lock();
                state.peer = None;
                state.host = state.host.take().filter(|host| !host.is_connected());
                drop(state);
                *self.own.partner.lock() = None;
            }
            Address::Unix(name) => {
                self.autobind()?;
                let target = match self.find(name, patience)? {
                    Target::Own(target) => target,
                    Target::Host(fd) => return self.connected_to_host(fd, name),
                };
                if target.kind != self.common.kind {
                    return Err(Errno::EPROTOTYPE);
                }
                let refuses = target.partner.lock().as_ref().is_some_and(|from| !Arc::ptr_eq(from, &self.own.inbox));
                if refuses {
                    return Err(Errno::EPERM);
                }
                self.join(&target);
                let mut state = self.state.lock();
                state.host = state.host.take().filter(|host| !host.is_connected());
            }
            _ => return Err(Errno::EINVAL),
        }
        Ok(())
    }

    fn accept(&self, patience: Patience) -> Result<Arc<dyn Socket>, Errno> {
        self.accept_stream(patience)
    }

    fn send(&self, source: &mut dyn Source, outgoing: Outgoing, patience: Patience) -> Result<usize, Errno> {
        if outgoing.flags & message::OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        if let Some(host) = self.connected_host()
            && (outgoing.to.is_none() || self.is_connection())
        {
            if outgoing.to.is_some() && self.common.is_stream() {
                return Err(Errno::EISCONN);
            }
            return host.send(source, Outgoing { to: None, ..outgoing }, patience);
        }
        match self.common.kind {
            kind::STREAM => self.send_stream(source, outgoing, patience),
            kind::SEQPACKET => self.send_packet(source, outgoing, patience),
            _ => self.send_datagram(source, outgoing, patience),
        }
    }

    fn receive(&self, sink: &mut dyn Sink, flags: u32, patience: Patience) -> Result<Incoming, Errno> {
        if flags & message::OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let host = self.host();
        if let Some(host) = host.as_ref().filter(|host| host.is_connected()) {
            return host.receive(sink, flags, patience);
        }
        if self.common.is_stream() {
            return self.receive_stream(sink, flags, patience);
        }
        if self.is_connection() && self.peer().is_none() {
            return Err(Errno::ENOTCONN);
        }
        let taking = Taking { peek: flags & message::PEEK != 0, by_sender: false };
        let queue = self.common.queue.clone();
        let mut incoming =
            patience.wait(&[(&queue, Events::READABLE)], || match self.own.inbox.take_message(sink, taking) {
                Ok(None) => self.common.take_error().map(Err).or_else(|| {
                    let received = host.as_ref()?.receive(sink, flags, Patience::NONE);
                    (received.as_ref().err() != Some(&Errno::EAGAIN)).then_some(received)
                }),
                Ok(Some(taken)) => Some(Ok(Incoming::from(taken.unwrap_or_default()))),
                Err(error) => Some(Err(error)),
            })?;
        // Nobody to name; and packets name nobody.
        let unnamed = incoming.from == Some(Address::Unix(UnixName::Unnamed));
        if unnamed || self.common.kind == kind::SEQPACKET {
            incoming.from = None;
        }
        Ok(incoming)
    }

    fn shutdown(&self, read: bool, write: bool) -> Result<(), Errno> {
        let (peer, host) = {
            let mut state = self.state.lock();
            state.write_shut |= write;
            (state.peer.clone(), state.host.clone())
        };
        if let Some(host) = host {
            host.socket.shutdown(read, write)?;
        }
        if read {
            self.own.inbox.close();
        }
        if write
            && self.is_connection()
            && let Some(peer) = peer
        {
            peer.inbox.end();
        }
        self.common.queue.wake_all();
        Ok(())
    }

    fn local_address(&self) -> Address {
        Address::Unix(self.own.name.lock().clone())
    }

    fn peer_address(&self) -> Result<Address, Errno> {
        if let Some(name) = self.connected_host().and_then(|host| host.peer.clone()) {
            return Ok(Address::Unix(name));
        }
        let peer = self.peer().ok_or(Errno::ENOTCONN)?;
        let name = peer.name.lock().clone();
        Ok(Address::Unix(name))
    }

    fn poll(&self, poller: Option<&mut Poller>) -> Events {
        let peer = self.peer();
        let mut events = Events::empty();
        if self.common.has_error() {
            events |= Events::ERR;
        }
        if let Some(host) = self.host() {
            let ready = host.socket.poll(None);
            if host.is_connected() {
                return events | ready;
            }
            events |= ready & Events::READABLE;
        }
        if let Some(listener) = &*self.own.listener.lock() {
            return if listener.pending.is_empty() { events } else { events | Events::READABLE };
        }
        let inbox = &self.own.inbox;
        if inbox.is_readable() {
            events |= Events::READABLE;
        }
        let write_shut = self.state.lock().write_shut;
        if self.is_connection() {
            let cannot_write = write_shut || peer.as_ref().is_none_or(|peer| peer.inbox.is_closed());
            if inbox.has_ended() {
                events |= Events::RDHUP;
            }
            if peer.is_none() || inbox.has_ended() && cannot_write {
                events |= Events::HUP;
            }
            if peer.is_none_or(|peer| peer.inbox.has_room()) {
                events |= Events::WRITABLE;
            }
            return events;
        }
        if inbox.is_closed() {
            events |= if write_shut { Events::RDHUP | Events::HUP } else { Events::RDHUP };
        }
        match peer {
            Some(peer) => {
                if let Some(poller) = poller {
                    poller.register(&peer.space, Events::WRITABLE);
                }
                if peer.inbox.len() <= MAX_MESSAGES || peer.inbox.is_closed() {
                    events |= Events::WRITABLE;
                }
            }
            None => events |= Events::WRITABLE,
        }
        events
    }

    fn options_changed(&self) {
        let wants = self.common.options.lock().pass_credentials;
        self.own.wants_creds.store(wants, Ordering::Relaxed);
    }

    fn readable_bytes(&self) -> Result<usize, Errno> {
        if self.is_listening() {
            return Err(Errno::EINVAL);
        }
        if let Some(host) = self.connected_host() {
            return host.socket.readable_bytes();
        }
        Ok(if self.common.kind == kind::STREAM { self.own.inbox.bytes() } else { self.own.inbox.next_message() })
    }

    fn unsent_bytes(&self) -> usize {
        self.peer().filter(|_| self.is_connection()).map_or(0, |peer| peer.inbox.bytes())
    }

    fn is_listening(&self) -> bool {
        self.own.listener.lock().is_some()
    }

    fn option(&self, number_level: u32, number: u32) -> Result<Vec<u8>, Errno> {
        match (number_level, number) {
            (level::SOCKET, option::PEERCRED) => {
                let nobody = UCred { pid: 0, uid: u32::MAX, gid: u32::MAX };
                let creds = self.peer().filter(|_| self.is_connection() || self.state.lock().binding.is_none());
                Ok(creds.map_or(nobody, |peer| peer.creds.lock().seen()).as_bytes().to_vec())
            }
            (level::SOCKET, _) => Err(Errno::ENOPROTOOPT),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    fn set_option(&self, number_level: u32, _number: u32, _value: &[u8]) -> Result<(), Errno> {
        Err(if number_level == level::SOCKET { Errno::ENOPROTOOPT } else { Errno::EOPNOTSUPP })
    }
}
