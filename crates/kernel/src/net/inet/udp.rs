//! UDP sockets; see udp(7).

use std::net::SocketAddr;

use lazaret_abi::{
    errno::Errno,
    socket::{family, ip, ipv6, kind, level, message, protocol},
};

use super::{
    Route, address_of,
    arrival::Arrival,
    check_bind,
    levels::Levels,
    plain,
    ports::{Binding, Face, Ports, Wish},
    route, shown, unspecified,
};
use crate::{
    net::{
        Address, Common, Incoming, Network, Outgoing, Patience, Socket,
        queue::{self, ReceiveQueue, Segment, Taking},
        stack::{Stack, udp},
    },
    sync::{Arc, AtomicI32, Mutex, Ordering},
    uio::{Sink, Source},
    wait::{Events, Poller},
};

/// Largest payload of a datagram.
const MAX_PAYLOAD: usize = 65_507;

static PORTS: Ports<UdpFace> = Ports::new();

/// What senders see of a socket.
pub struct UdpFace {
    domain: u32,
    inbox: Arc<ReceiveQueue>,
    error: Arc<AtomicI32>,
    levels: Arc<Levels>,
    /// The only one whose datagrams are taken, if connected.
    peer: Mutex<Option<SocketAddr>>,
}

impl Face for UdpFace {
    fn is_listening(&self) -> bool {
        false
    }

    fn score(&self, from: SocketAddr) -> Option<u32> {
        match *self.peer.lock() {
            None => Some(0),
            Some(peer) => (peer == from).then_some(1),
        }
    }
}

impl UdpFace {
    /// What was sent has not arrived.
    fn fail(&self, error: Errno) {
        self.error.store(error.raw(), Ordering::Release);
        self.inbox.owner().wake(Events::ERR | Events::READABLE);
    }
}

/// A datagram from outside; whether somebody takes it.
pub fn deliver(to: SocketAddr, from: SocketAddr, data: &[u8], arrival: Arrival) -> bool {
    let Some(target) = PORTS.find(to, from) else { return false };
    let control = arrival.control(target.domain, &target.levels);
    // A full queue loses the datagram: that is UDP.
    let _ = target.inbox.push_message(Segment::new(data.to_vec(), control, Some(Address::Inet(from))));
    true
}

/// A datagram between these addresses has not arrived: that is told to who is connected.
pub fn report(local: SocketAddr, remote: SocketAddr, error: Errno) {
    let sender = PORTS.find(local, remote).filter(|face| *face.peer.lock() == Some(remote));
    if let Some(face) = sender {
        face.fail(error);
    }
}

#[derive(Default)]
struct State {
    binding: Option<Binding<UdpFace>>,
    read_shut: bool,
    write_shut: bool,
}

/// A UDP socket.
pub struct UdpSocket {
    common: Common,
    face: Arc<UdpFace>,
    levels: Arc<Levels>,
    network: Arc<Network>,
    state: Mutex<State>,
}

impl UdpSocket {
    /// A socket of AF_INET or AF_INET6.
    pub fn new(network: &Arc<Network>, domain: u32) -> Arc<UdpSocket> {
        let common = Common::new(domain, kind::DGRAM, protocol::UDP);
        let limit = common.options.lock().receive_buffer;
        let inbox = ReceiveQueue::new(common.queue.clone(), limit);
        let (levels, network) = (Arc::new(Levels::default()), network.clone());
        let (error, peer) = (common.error.clone(), Mutex::new(None));
        let face = Arc::new(UdpFace { domain, inbox, error, levels: levels.clone(), peer });
        Arc::new(UdpSocket { common, face, levels, network, state: Mutex::default() })
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

    /// Where a datagram goes.
    fn route(&self, to: SocketAddr) -> Result<Route<'_>, Errno> {
        let route = route(&self.network, to, self.levels.v6_only())?;
        let is_broadcast = |stack: &Arc<Stack>| stack.is_broadcast(route.to.ip());
        if route.link.is_some_and(is_broadcast) && !self.common.options.lock().broadcast {
            return Err(Errno::EACCES);
        }
        Ok(route)
    }

    /// What the header of a packet says, as options have it.
    fn marks(&self, from: SocketAddr) -> udp::Marks {
        /// IP_PMTUDISC_DO and IP_PMTUDISC_PROBE, the same for IPv6.
        const WHOLE: std::ops::RangeInclusive<i32> = 2..=3;
        let value = |v4, v6| match from {
            SocketAddr::V4(_) => self.levels.value(level::IP, v4),
            SocketAddr::V6(_) => self.levels.value(level::IPV6, v6),
        };
        udp::Marks {
            ttl: u8::try_from(value(ip::TTL, ipv6::UNICAST_HOPS)).unwrap_or(64),
            class: u8::try_from(value(ip::TOS, ipv6::TCLASS)).unwrap_or(0),
            whole: WHOLE.contains(&value(ip::MTU_DISCOVER, ipv6::MTU_DISCOVER)),
        }
    }

    fn bound(&self) -> Option<SocketAddr> {
        self.state.lock().binding.as_ref().map(Binding::address)
    }
}

impl Socket for UdpSocket {
    fn common(&self) -> &Common {
        &self.common
    }

    fn bind(&self, address: &Address) -> Result<(), Errno> {
        let address = address_of(self.common.family, address)?;
        let address = check_bind(&self.network, address, self.levels.v6_only())?;
        if self.bound().is_some() {
            return Err(Errno::EINVAL);
        }
        self.bind_to(address).map(drop)
    }

    fn connect(&self, address: &Address, _patience: Patience) -> Result<(), Errno> {
        if *address == Address::Unspecified {
            *self.face.peer.lock() = None;
            return Ok(());
        }
        let route = self.route(address_of(self.common.family, address)?)?;
        let bound = self.bind_to(unspecified(self.common.family))?;
        route.source(bound)?;
        *self.face.peer.lock() = Some(route.to);
        Ok(())
    }

    fn send(&self, source: &mut dyn Source, outgoing: Outgoing, _patience: Patience) -> Result<usize, Errno> {
        if outgoing.flags & message::OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        if let Some(error) = self.common.take_error() {
            return Err(error);
        }
        let to = match &outgoing.to {
            Some(Address::Unspecified) | None => (*self.face.peer.lock()).ok_or(Errno::EDESTADDRREQ)?,
            // An IPv6 socket may be told IPv4 addresses here.
            Some(Address::Inet(address)) if address.is_ipv6() && self.common.family == family::INET => {
                return Err(Errno::EAFNOSUPPORT);
            }
            Some(Address::Inet(address)) => *address,
            Some(_) => return Err(Errno::EAFNOSUPPORT),
        };
        let route = self.route(to)?;
        let to = route.to;
        if to.port() == 0 {
            return Err(Errno::EINVAL);
        }
        if self.state.lock().write_shut {
            return Err(Errno::EPIPE);
        }
        let data = queue::read_message(source, MAX_PAYLOAD)?;
        let length = data.len();
        let bound = self.bind_to(unspecified(self.common.family))?;
        let from = SocketAddr::new(route.source(bound)?, bound.port());
        match route.link {
            Some(stack) => udp::send(stack, from, to, &data, self.marks(from))?,
            // The port is closed: an ICMP message tells so, to those who are connected.
            None if !deliver(to, from, &data, Arrival::inside(to.ip())) && self.face.peer.lock().is_some() => {
                self.face.fail(Errno::ECONNREFUSED);
            }
            None => {}
        }
        Ok(length)
    }

    fn receive(&self, sink: &mut dyn Sink, flags: u32, patience: Patience) -> Result<Incoming, Errno> {
        if flags & message::OOB != 0 {
            return Err(Errno::EINVAL);
        }
        if flags & message::ERRQUEUE != 0 {
            return Err(Errno::EAGAIN);
        }
        let taking = Taking { peek: flags & message::PEEK != 0, by_sender: false };
        let queue = self.common.queue.clone();
        let taken = patience.wait(&[(&queue, Events::READABLE)], || {
            if let Some(error) = self.common.take_error() {
                return Some(Err(error));
            }
            match self.face.inbox.take_message(sink, taking) {
                Ok(None) => self.state.lock().read_shut.then_some(Ok(None)),
                Ok(Some(taken)) => Some(Ok(taken)),
                Err(error) => Some(Err(error)),
            }
        })?;
        let mut incoming = Incoming::from(taken.unwrap_or_default());
        if let Some(Address::Inet(from)) = incoming.from {
            incoming.from = Some(shown(self.common.family, from));
        }
        Ok(incoming)
    }

    fn shutdown(&self, read: bool, write: bool) -> Result<(), Errno> {
        let mut state = self.state.lock();
        state.read_shut |= read;
        state.write_shut |= write;
        drop(state);
        self.common.queue.wake_all();
        if self.face.peer.lock().is_none() { Err(Errno::ENOTCONN) } else { Ok(()) }
    }

    fn local_address(&self) -> Address {
        let bound = self.bound().unwrap_or_else(|| unspecified(self.common.family));
        let address = match *self.face.peer.lock() {
            Some(peer) => {
                let source = self.route(peer).and_then(|route| route.source(bound));
                SocketAddr::new(source.unwrap_or(bound.ip()), bound.port())
            }
            None => bound,
        };
        shown(self.common.family, plain(address))
    }

    fn peer_address(&self) -> Result<Address, Errno> {
        let peer = self.face.peer.lock().ok_or(Errno::ENOTCONN)?;
        Ok(shown(self.common.family, peer))
    }

    fn poll(&self, _poller: Option<&mut Poller>) -> Events {
        let state = self.state.lock();
        let mut events = Events::WRITABLE;
        if self.common.has_error() {
            events |= Events::ERR;
        }
        if state.read_shut {
            events |= Events::RDHUP | Events::READABLE;
        }
        if state.read_shut && state.write_shut {
            events |= Events::HUP;
        }
        if !self.face.inbox.is_empty() {
            events |= Events::READABLE;
        }
        events
    }

    fn readable_bytes(&self) -> Result<usize, Errno> {
        Ok(self.face.inbox.next_message())
    }

    fn option(&self, number_level: u32, number: u32) -> Result<Vec<u8>, Errno> {
        self.levels.get(self.common.family, level::UDP, number_level, number)
    }

    fn set_option(&self, number_level: u32, number: u32, value: &[u8]) -> Result<(), Errno> {
        let bound = self.bound().is_some();
        self.levels.set(self.common.family, level::UDP, (number_level, number), value, bound)
    }

    fn options_changed(&self) {
        self.face.inbox.set_limit(self.common.options.lock().receive_buffer);
    }
}
