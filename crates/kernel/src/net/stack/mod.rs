//! The sandbox's own TCP/IP, on links of a network namespace (`--network sandbox`).
//!
//! A link is a packet socket of the host's, bound to one interface, whose addresses the host has given up. One thread
//! takes what arrives; what is sent is sent by whoever sends it, and what has to wait for a time is that thread's again.
//! It sleeps for as long as nothing arrives and no time has come. Everything in a packet is hostile.
//!
//! TCP is smoltcp's, and so are the formats of all packets.

mod frame;
pub mod icmp;
mod input;
mod link;
mod neighbours;
pub mod output;
pub mod packet;
mod parts;
mod routes;
pub mod tcp;
#[cfg(test)]
mod tests;
mod timers;
pub mod udp;

use std::{
    collections::HashMap,
    net::IpAddr,
    os::fd::{AsFd, OwnedFd},
    time::{Duration, Instant},
};

use lazaret_hostcall::netlink::Tables;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use smoltcp::wire::{EthernetAddress, EthernetProtocol};

use self::{
    frame::{Frame, Rest},
    link::Link,
    parts::Pieces,
    routes::Way,
    timers::{Alarm, Timers},
};
use crate::sync::{Arc, Mutex};

/// Largest frame that is taken: a packet of 64 KiB, which the host has put together from several.
const FRAME_MAX: usize = frame::HEADROOM + (64 << 10);

/// Frames that are taken from a link before the others have their turn.
const TURN: usize = 64;

/// Destinations whose largest packets are remembered, and for how long (mtu_expires).
const NARROW: usize = 1024;
const NARROW_FOR: Duration = Duration::from_secs(600);

/// Links, and what goes over them.
pub struct Stack {
    /// Interfaces, addresses and routes, as the network namespace had them.
    tables: Tables,
    links: Vec<Arc<Link>>,
    /// Connections.
    pub tcp: tcp::Connections,
    /// Largest packets to destinations where they are not the link's, and until when that is believed.
    narrow: Mutex<HashMap<IpAddr, (usize, Instant)>>,
    /// Packets that arrive in parts.
    pieces: Mutex<Pieces>,
    timers: Timers,
    alarm: Alarm,
}

impl Stack {
    /// Brings links to life: sockets that were made by [`lazaret_hostcall::packet::open`], each with the number of
    /// its interface.
    ///
    /// # Errors
    /// Those of the host; `EINVAL` for a socket of an interface that `tables` do not have.
    pub fn new(mut tables: Tables, sockets: Vec<(u32, OwnedFd)>) -> std::io::Result<Arc<Stack>> {
        let mut links = Vec::new();
        for (index, socket) in sockets {
            let shown = tables.links.iter().find(|link| link.index == index);
            let shown = shown.ok_or(rustix::io::Errno::INVAL)?.clone();
            links.push(Arc::new(Link::new(shown, socket)));
        }
        tables.links.retain(|link| links.iter().any(|known| known.index() == link.index));
        tables.addresses.retain(|own| links.iter().any(|known| known.index() == own.link));
        let (tcp, timers, alarm) = (tcp::Connections::default(), Timers::default(), Alarm::new()?);
        let stack =
            Arc::new(Stack { tables, links, tcp, narrow: Mutex::default(), pieces: Mutex::default(), timers, alarm });
        let running = stack.clone();
        std::thread::Builder::new().name("net".into()).spawn(move || running.run())?;
        Ok(stack)
    }

    /// Interfaces, addresses and routes.
    pub fn tables(&self) -> Tables {
        Tables { links: self.links.iter().map(|link| link.described()).collect(), ..self.tables.clone() }
    }

    /// Who is known on which link, and where if that is known.
    pub fn neighbours(&self) -> Vec<(u32, IpAddr, Option<EthernetAddress>)> {
        let of = |link: &Arc<Link>| (link.index(), link.neighbours.lock().all());
        let links = self.links.iter().map(of);
        links.flat_map(|(link, all)| all.into_iter().map(move |(who, address)| (link, who, address))).collect()
    }

    /// An address of a link.
    pub fn is_own(&self, address: IpAddr) -> bool {
        self.tables.addresses.iter().any(|own| own.address == address)
    }

    /// It means all hosts on a link.
    pub fn is_broadcast(&self, address: IpAddr) -> bool {
        matches!(address, IpAddr::V4(address) if address.is_broadcast())
            || routes::broadcast(&self.tables, address).is_some()
    }

    /// The way to somebody else.
    pub fn way(&self, destination: IpAddr) -> Option<Way> {
        routes::way(&self.tables, destination, None)
    }

    /// The way that packets of a connection take.
    pub fn path(&self, destination: IpAddr) -> Option<tcp::Path> {
        let way = self.way(destination)?;
        let link = self.links.iter().find(|link| link.index() == way.link)?;
        Some(tcp::Path { link: link.clone(), next: way.next })
    }

    /// Largest packet on the way to somebody.
    fn mtu(&self, link: &Link, destination: IpAddr) -> usize {
        let known = self.narrow.lock().get(&destination).copied();
        known.filter(|(_, end)| *end > Instant::now()).map_or(link.mtu, |(mtu, _)| mtu.min(link.mtu))
    }

    /// Somebody has told that packets to a destination must not be larger than this.
    fn shrink(&self, destination: IpAddr, mtu: usize) {
        // As min_pmtu of Linux has it, and RFC 8200.
        let least = if destination.is_ipv4() { 552 } else { 1280 };
        let (mut narrow, now) = (self.narrow.lock(), Instant::now());
        if narrow.len() >= NARROW {
            narrow.retain(|_, (_, end)| *end > now);
        }
        if narrow.len() < NARROW {
            narrow.insert(destination, (mtu.max(least), now + NARROW_FOR));
        }
    }

    /// Sends an IP packet to a neighbour, or to all of them; where that is is found out first if it has to be.
    fn transmit(&self, link: &Arc<Link>, next: IpAddr, frame: &mut Frame, rest: Rest) {
        if let Some(address) = self.group(next) {
            return self.put(link, frame.finish(link.address, address, rest));
        }
        let mut neighbours = link.neighbours.lock();
        let known = neighbours.look_up(next, Instant::now());
        if known.address.is_none() {
            neighbours.keep(next, frame.finish(link.address, EthernetAddress::BROADCAST, rest));
        }
        let due = neighbours.next();
        drop(neighbours);
        if let Some(address) = known.address {
            self.put(link, frame.finish(link.address, address, rest));
        }
        if known.ask {
            self.ask(link, next, known.address);
            due.into_iter().for_each(|due| self.alarm.by(due));
        }
    }

    /// Sends a frame, or leaves it to the thread when the link is full.
    fn put(&self, link: &Link, frame: &[u8]) {
        if link.send(frame) {
            self.alarm.ring();
        }
    }

    /// Where several are.
    fn group(&self, address: IpAddr) -> Option<EthernetAddress> {
        match address {
            address if self.is_broadcast(address) => Some(EthernetAddress::BROADCAST),
            IpAddr::V4(group) if group.is_multicast() => {
                let [_, b, c, d] = group.octets();
                Some(EthernetAddress([0x01, 0x00, 0x5e, b & 0x7f, c, d]))
            }
            IpAddr::V6(group) if group.is_multicast() => {
                let [.., a, b, c, d] = group.octets();
                Some(EthernetAddress([0x33, 0x33, a, b, c, d]))
            }
            _ => None,
        }
    }

    /// Asks for the address of a neighbour: there, or everywhere.
    fn ask(&self, link: &Arc<Link>, who: IpAddr, there: Option<EthernetAddress>) {
        match who {
            IpAddr::V4(who) => input::ask_by_arp(self, link, who, there),
            IpAddr::V6(who) => icmp::solicit(self, link, who, there),
        }
    }

    /// Somebody on the link has told where he is.
    fn learn(&self, link: &Link, who: IpAddr, address: EthernetAddress, new: bool) {
        let waiting = link.neighbours.lock().learn(who, address, new, Instant::now());
        for mut frame in waiting {
            let start = frame::HEADROOM - smoltcp::wire::ETHERNET_HEADER_LEN;
            if let Some(place) = frame.get_mut(start..start + address.0.len()) {
                place.copy_from_slice(&address.0);
            }
            self.put(link, &frame);
        }
    }

    /// Takes what arrives, and does what is to be done in time.
    fn run(self: Arc<Stack>) {
        let mut buffer = vec![0; FRAME_MAX];
        loop {
            let mut busy = false;
            for link in &self.links {
                busy |= self.take(link, &mut buffer);
            }
            self.expire(Instant::now());
            if !busy {
                self.sleep();
            }
        }
    }

    /// Takes what has arrived on a link; whether there may be more.
    fn take(self: &Arc<Stack>, link: &Arc<Link>, buffer: &mut [u8]) -> bool {
        for _ in 0..TURN {
            match link.receive(buffer) {
                Ok(length) => input::arrive(self, link, buffer.get(..length).unwrap_or_default()),
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        true
    }

    fn expire(self: &Arc<Stack>, now: Instant) {
        for connection in self.timers.take(now) {
            connection.expire();
        }
        for link in &self.links {
            let silence = link.neighbours.lock().silent(now);
            for (who, address) in silence.ask {
                self.ask(link, who, address);
            }
            for frame in silence.lost {
                icmp::report(self, frame.get(frame::HEADROOM..).unwrap_or_default(), icmp::SILENCE);
            }
        }
    }

    /// Sleeps until something arrives, a link has room or a time has come.
    fn sleep(&self) {
        let next = || {
            let neighbours = self.links.iter().filter_map(|link| link.neighbours.lock().next());
            neighbours.chain(self.timers.next()).min()
        };
        let timeout = self.alarm.sleep(next).and_then(|left| Timespec::try_from(left).ok());
        let full: Vec<bool> = self.links.iter().map(|link| link.is_full()).collect();
        let mut fds = vec![PollFd::from_borrowed_fd(self.alarm.as_fd(), PollFlags::IN)];
        for (link, full) in self.links.iter().zip(&full).filter(|(link, _)| !link.is_gone()) {
            let wanted = if *full { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
            fds.push(PollFd::new(&**link, wanted));
        }
        // Whatever ends it, everything is looked at.
        let _ = poll(&mut fds, timeout.as_ref());
        if fds.first().is_some_and(|fd| !fd.revents().is_empty()) {
            self.alarm.silence();
        }
        for (link, _) in self.links.iter().zip(full).filter(|(_, full)| *full) {
            if link.send_waiting() {
                let mine = |connection: &Arc<tcp::Connection>| Arc::ptr_eq(&connection.path().link, link);
                self.tcp.all().iter().filter(|connection| mine(connection)).for_each(|connection| connection.resume());
            }
        }
    }

    /// Sends a frame of another protocol.
    fn send_other(
        &self,
        link: &Link,
        to: EthernetAddress,
        kind: EthernetProtocol,
        fill: impl FnOnce(&mut [u8]),
        length: usize,
    ) {
        let mut frame = Frame::new();
        fill(frame.packet(length));
        self.put(link, frame.finish_other(link.address, to, kind));
    }
}
