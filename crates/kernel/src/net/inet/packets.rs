//! Sockets of ICMP, by which ordinary programs ping, and raw sockets; see icmp(7), raw(7).

use std::net::{IpAddr, SocketAddr};

use lazaret_abi::{
    errno::Errno,
    socket::{family, ip, ipv6, kind, level, message, protocol},
};
use smoltcp::wire::IpProtocol;

use super::{
    Route, address_of,
    arrival::Arrival,
    check_bind,
    levels::Levels,
    ports::{Binding, Face as Bound, Ports, Wish},
    route, shown, unspecified,
};
use crate::{
    net::{
        Address, Common, Incoming, Network, Outgoing, Patience, Socket,
        queue::{self, ReceiveQueue, Segment, Taking},
        stack::{
            icmp,
            output::{self, Header},
            packet::Packet,
        },
    },
    sync::{Arc, AtomicI32, AtomicU16, AtomicUsize, Mutex, Ordering, Weak},
    task::creds::Creds,
    uio::{Sink, Source},
    wait::{Events, Poller},
};

/// Longest that is sent.
const LONGEST: usize = 65_535;

/// ICMP_FILTER of SOL_RAW, and ICMPV6_FILTER of SOL_ICMPV6.
const FILTER: u32 = 1;
/// Their lengths.
const FILTER_4: usize = 4;
const FILTER_6: usize = 32;

/// Numbers of echo requests, which are to these sockets what ports are to others.
static PINGS: [Ports<Face>; 2] = [Ports::new(), Ports::new()];

/// Raw sockets, and how many there are.
static RAW: Mutex<Vec<Weak<Face>>> = Mutex::new(Vec::new());
static RAW_COUNT: AtomicUsize = AtomicUsize::new(0);

/// What arriving packets find.
struct Face {
    domain: u32,
    protocol: u32,
    inbox: Arc<ReceiveQueue>,
    error: Arc<AtomicI32>,
    levels: Arc<Levels>,
    ends: Mutex<Ends>,
    /// Types of messages that are not wanted, a bit each.
    filter: Mutex<[u8; FILTER_6]>,
}

#[derive(Clone, Copy, Default)]
struct Ends {
    local: Option<IpAddr>,
    peer: Option<IpAddr>,
}

impl Bound for Face {
    fn is_listening(&self) -> bool {
        false
    }

    fn score(&self, from: SocketAddr) -> Option<u32> {
        match self.ends.lock().peer {
            None => Some(0),
            Some(peer) => (peer == from.ip()).then_some(1),
        }
    }
}

impl Face {
    fn wants(&self, packet: &Packet<'_>) -> bool {
        let ends = *self.ends.lock();
        let domain = if packet.source.is_ipv4() { family::INET } else { family::INET6 };
        let is_message = matches!(packet.protocol, IpProtocol::Icmp | IpProtocol::Icmpv6);
        let kind = packet.payload.first().copied().unwrap_or(0);
        let unwanted = self.filter.lock().get(usize::from(kind / 8)).is_some_and(|byte| byte >> (kind % 8) & 1 != 0);
        self.domain == domain
            && self.protocol == u32::from(u8::from(packet.protocol))
            && ends.local.is_none_or(|local| local == packet.destination)
            && ends.peer.is_none_or(|peer| peer == packet.source)
            && !(is_message && unwanted)
    }

    fn put(&self, data: &[u8], packet: &Packet<'_>, link: u32) {
        let arrival = Arrival { ttl: packet.ttl, class: packet.class, link, to: packet.destination };
        let from = Address::Inet(SocketAddr::new(packet.source, 0));
        let segment = Segment::new(data.to_vec(), arrival.control(self.domain, &self.levels), Some(from));
        // A full queue loses it.
        let _ = self.inbox.push_message(segment);
    }
}

/// A packet for us, or for all on a link.
pub fn arrive(packet: &Packet<'_>, link: u32) {
    if let Some(number) = icmp::answered(packet) {
        let family = usize::from(packet.source.is_ipv6());
        let to = SocketAddr::new(packet.destination, number);
        if let Some(face) = PINGS[family].find(to, SocketAddr::new(packet.source, 0)) {
            face.put(packet.payload, packet, link);
        }
    }
    if RAW_COUNT.load(Ordering::Acquire) == 0 {
        return;
    }
    let faces: Vec<_> = RAW.lock().iter().filter_map(Weak::upgrade).filter(|face| face.wants(packet)).collect();
    for face in &faces {
        // Of IPv4 the header is given as well.
        face.put(if packet.source.is_ipv4() { packet.whole } else { packet.payload }, packet, link);
    }
}

/// An echo request with this number has not arrived.
pub fn report(local: IpAddr, remote: IpAddr, number: u16, error: Errno) {
    let from = SocketAddr::new(remote, 0);
    let face = PINGS[usize::from(local.is_ipv6())].find(SocketAddr::new(local, number), from);
    if let Some(face) = face.filter(|face| face.ends.lock().peer == Some(remote)) {
        face.error.store(error.raw(), Ordering::Release);
        face.inbox.owner().wake(Events::ERR | Events::READABLE);
    }
}

/// A socket of ICMP, or a raw one.
pub struct PacketSocket {
    common: Common,
    face: Arc<Face>,
    levels: Arc<Levels>,
    network: Arc<Network>,
    /// The number of a socket of ICMP.
    binding: Mutex<Option<Binding<Face>>>,
    /// The port that connect(2) was given, without which there is no peer to be shown.
    port: AtomicU16,
}

impl PacketSocket {
    /// A socket of ICMP.
    ///
    /// # Errors
    /// `EACCES` for those whom `ping_group_range` leaves out.
    pub fn ping(network: &Arc<Network>, creds: &Creds, domain: u32) -> Result<Arc<dyn Socket>, Errno> {
        let (first, last) = network.settings.lock().ping_groups;
        let is_in = |group: &u32| (first..=last).contains(group);
        if !is_in(&creds.egid) && !creds.groups.iter().any(is_in) {
            return Err(Errno::EACCES);
        }
        let number = if domain == family::INET { protocol::ICMP } else { protocol::ICMPV6 };
        Ok(PacketSocket::new(network, domain, kind::DGRAM, number))
    }

    /// A raw socket.
    ///
    /// # Errors
    /// `EPROTONOSUPPORT` for a protocol that does not exist.
    pub fn raw(network: &Arc<Network>, domain: u32, number: u32) -> Result<Arc<dyn Socket>, Errno> {
        if !(1..=255).contains(&number) {
            return Err(Errno::EPROTONOSUPPORT);
        }
        let socket = PacketSocket::new(network, domain, kind::RAW, number);
        RAW.lock().push(Arc::downgrade(&socket.face));
        RAW_COUNT.fetch_add(1, Ordering::AcqRel);
        Ok(socket)
    }

    fn new(network: &Arc<Network>, domain: u32, kind: u32, number: u32) -> Arc<PacketSocket> {
        let common = Common::new(domain, kind, number);
        let limit = common.options.lock().receive_buffer;
        let levels = Arc::new(Levels::default());
        let face = Arc::new(Face {
            domain,
            protocol: number,
            inbox: ReceiveQueue::new(common.queue.clone(), limit),
            error: common.error.clone(),
            levels: levels.clone(),
            ends: Mutex::default(),
            filter: Mutex::new([0; FILTER_6]),
        });
        Arc::new(PacketSocket {
            common,
            face,
            levels,
            network: network.clone(),
            binding: Mutex::default(),
            port: AtomicU16::new(0),
        })
    }

    fn is_raw(&self) -> bool {
        self.common.kind == kind::RAW
    }

    /// The number of a socket of ICMP, which it gets now if it has none.
    fn number(&self, wish: SocketAddr) -> Result<u16, Errno> {
        let mut binding = self.binding.lock();
        if binding.is_none() {
            let family = usize::from(self.common.family == family::INET6);
            let reuse = self.common.options.lock().reuse_address;
            *binding = Some(PINGS[family].bind(&self.face, Wish { address: wish, dual: false, reuse })?);
        }
        Ok(binding.as_ref().map_or(0, |binding| binding.address().port()))
    }

    /// Where to, and from which address.
    fn ends(&self, outgoing: &Outgoing) -> Result<(Route<'_>, IpAddr), Errno> {
        let ends = *self.face.ends.lock();
        let to = match &outgoing.to {
            None | Some(Address::Unspecified) => SocketAddr::new(ends.peer.ok_or(Errno::EDESTADDRREQ)?, 0),
            Some(address) => address_of(self.common.family, address)?,
        };
        let route = route(&self.network, to, true)?;
        if route.link.is_some_and(|stack| stack.is_broadcast(route.to.ip())) && !self.common.options.lock().broadcast {
            return Err(Errno::EACCES);
        }
        let bound = ends.local.unwrap_or_else(|| unspecified(self.common.family).ip());
        let source = route.source(SocketAddr::new(bound, 0))?;
        Ok((route, source))
    }

    fn header(&self, source: IpAddr, destination: IpAddr) -> Header {
        let value = |v4, v6| match source {
            IpAddr::V4(_) => self.levels.value(level::IP, v4),
            IpAddr::V6(_) => self.levels.value(level::IPV6, v6),
        };
        Header {
            source,
            destination,
            // At most 255.
            protocol: IpProtocol::from((self.common.protocol & 0xff) as u8),
            ttl: u8::try_from(value(ip::TTL, ipv6::UNICAST_HOPS)).unwrap_or(64),
            class: u8::try_from(value(ip::TOS, ipv6::TCLASS)).unwrap_or(0),
            whole: false,
        }
    }

    fn has_header(&self) -> bool {
        self.common.family == family::INET
            && (self.common.protocol == protocol::RAW || self.levels.value(level::IP, ip::HDRINCL) != 0)
    }

    fn put(&self, mut data: Vec<u8>, outgoing: &Outgoing) -> Result<(), Errno> {
        let (route, source) = self.ends(outgoing)?;
        if !self.is_raw() {
            icmp::check_request(&data, self.common.family == family::INET6)?;
            let number = self.number(SocketAddr::new(unspecified(self.common.family).ip(), 0))?;
            if let Some(place) = data.get_mut(4..6) {
                place.copy_from_slice(&number.to_be_bytes());
            }
        }
        if !self.is_raw() || self.common.protocol == protocol::ICMPV6 {
            icmp::complete(source, route.to.ip(), &mut data);
        }
        if self.has_header() {
            let data = output::complete(data, source).ok_or(Errno::EINVAL)?;
            return match route.link {
                Some(stack) => output::send_whole(stack, route.to.ip(), &data),
                None => {
                    icmp::inside(&data);
                    Ok(())
                }
            };
        }
        let header = self.header(source, route.to.ip());
        match route.link {
            Some(stack) => output::send(stack, &header, &data),
            None => {
                icmp::inside(&output::assemble(&header, &data));
                Ok(())
            }
        }
    }
}

impl Drop for PacketSocket {
    fn drop(&mut self) {
        if self.is_raw() {
            RAW_COUNT.fetch_sub(1, Ordering::AcqRel);
            let own = Arc::downgrade(&self.face);
            RAW.lock().retain(|face| !face.ptr_eq(&own));
        }
    }
}

impl Socket for PacketSocket {
    fn common(&self) -> &Common {
        &self.common
    }

    fn bind(&self, address: &Address) -> Result<(), Errno> {
        let address = address_of(self.common.family, address)?;
        // Numbers of echo requests are no ports, of which some are for the privileged.
        check_bind(&self.network, SocketAddr::new(address.ip(), 0), true)?;
        if !self.is_raw() {
            if self.binding.lock().is_some() {
                return Err(Errno::EINVAL);
            }
            self.number(address)?;
        }
        self.face.ends.lock().local = Some(address.ip()).filter(|ip| !ip.is_unspecified());
        Ok(())
    }

    fn connect(&self, address: &Address, _patience: Patience) -> Result<(), Errno> {
        if *address == Address::Unspecified {
            self.face.ends.lock().peer = None;
            self.port.store(0, Ordering::Relaxed);
            return Ok(());
        }
        let to = address_of(self.common.family, address)?;
        let route = route(&self.network, to, true)?;
        if !self.is_raw() {
            self.number(unspecified(self.common.family))?;
        }
        self.face.ends.lock().peer = Some(route.to.ip());
        self.port.store(route.to.port(), Ordering::Relaxed);
        Ok(())
    }

    fn send(&self, source: &mut dyn Source, outgoing: Outgoing, _patience: Patience) -> Result<usize, Errno> {
        if outgoing.flags & message::OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        if let Some(error) = self.common.take_error() {
            return Err(error);
        }
        let data = queue::read_message(source, LONGEST)?;
        let length = data.len();
        self.put(data, &outgoing).map(|()| length)
    }

    fn receive(&self, sink: &mut dyn Sink, flags: u32, patience: Patience) -> Result<Incoming, Errno> {
        if flags & message::OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
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
            self.face.inbox.take_message(sink, taking).transpose()
        })?;
        Ok(Incoming::from(taken.unwrap_or_default()))
    }

    fn shutdown(&self, _read: bool, _write: bool) -> Result<(), Errno> {
        self.common.queue.wake_all();
        if self.face.ends.lock().peer.is_none() { Err(Errno::ENOTCONN) } else { Ok(()) }
    }

    fn local_address(&self) -> Address {
        let ip = self.face.ends.lock().local.unwrap_or_else(|| unspecified(self.common.family).ip());
        let port = self.binding.lock().as_ref().map_or(0, |binding| binding.address().port());
        shown(self.common.family, SocketAddr::new(ip, port))
    }

    fn peer_address(&self) -> Result<Address, Errno> {
        let peer = self.face.ends.lock().peer.ok_or(Errno::ENOTCONN)?;
        match self.port.load(Ordering::Relaxed) {
            0 => Err(Errno::ENOTCONN),
            port => Ok(shown(self.common.family, SocketAddr::new(peer, port))),
        }
    }

    fn poll(&self, _poller: Option<&mut Poller>) -> Events {
        let mut events = Events::WRITABLE;
        if self.common.has_error() {
            events |= Events::ERR;
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
        let length = match (number_level, number) {
            (level::RAW, FILTER) if self.is_raw() && self.common.protocol == protocol::ICMP => FILTER_4,
            (level::ICMPV6, FILTER) if self.is_raw() && self.common.protocol == protocol::ICMPV6 => FILTER_6,
            _ => return self.levels.get(self.common.family, level::RAW, number_level, number),
        };
        Ok(self.face.filter.lock()[..length].to_vec())
    }

    fn set_option(&self, number_level: u32, number: u32, value: &[u8]) -> Result<(), Errno> {
        let length = match (number_level, number) {
            (level::RAW, FILTER) if self.is_raw() && self.common.protocol == protocol::ICMP => FILTER_4,
            (level::ICMPV6, FILTER) if self.is_raw() && self.common.protocol == protocol::ICMPV6 => FILTER_6,
            // That of ICMPv6 is always made, where it has to be.
            (level::IPV6, ipv6::CHECKSUM) if self.common.protocol == protocol::ICMPV6 => return Ok(()),
            _ => return self.levels.set(self.common.family, level::RAW, (number_level, number), value, false),
        };
        let mut filter = self.face.filter.lock();
        for (place, byte) in filter.iter_mut().zip(value.iter().take(length)) {
            *place = *byte;
        }
        Ok(())
    }

    fn options_changed(&self) {
        self.face.inbox.set_limit(self.common.options.lock().receive_buffer);
    }
}
