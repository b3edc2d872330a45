//! ICMP (RFC 792) and ICMPv6 (RFC 4443), with neighbour discovery (RFC 4861).

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    time::{Duration, Instant},
};

use lazaret_abi::errno::Errno;
use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{
        EthernetAddress, Icmpv6Packet, Icmpv6Repr, IpProtocol, NdiscNeighborFlags, NdiscRepr, RawHardwareAddress,
        TcpSeqNumber, checksum,
    },
};

use super::{
    Stack,
    link::Link,
    output::{self, Header},
    packet::Packet,
    routes,
};
use crate::{
    net::inet::{packets, udp},
    sync::{Arc, Mutex},
};

/// Types of messages.
mod kind {
    pub const ECHO_REPLY: u8 = 0;
    pub const UNREACHABLE: u8 = 3;
    pub const ECHO: u8 = 8;
    pub const TIME_EXCEEDED: u8 = 11;
    pub const UNREACHABLE_6: u8 = 1;
    pub const TOO_BIG_6: u8 = 2;
    pub const TIME_EXCEEDED_6: u8 = 3;
    pub const PROBLEM_6: u8 = 4;
    pub const ECHO_6: u8 = 128;
    pub const ECHO_REPLY_6: u8 = 129;
    pub const SOLICITATION_6: u8 = 135;
    pub const ADVERTISEMENT_6: u8 = 136;
}

/// The code of [`kind::UNREACHABLE`] for a packet that is too large.
const TOO_BIG: u8 = 4;
/// The hop limit of messages that have passed no router.
const HERE: u8 = 255;

/// A message.
struct Message<'a> {
    kind: u8,
    code: u8,
    /// The four bytes whose meaning depends on the type.
    rest: [u8; 4],
    data: &'a [u8],
}

impl<'a> Message<'a> {
    fn parse(packet: &Packet<'a>) -> Option<Message<'a>> {
        let payload = packet.payload;
        if sum(packet.source, packet.destination, payload) != 0xffff {
            return None;
        }
        let [kind, code, _, _, a, b, c, d] = *payload.first_chunk()?;
        Some(Message { kind, code, rest: [a, b, c, d], data: payload.get(8..)? })
    }
}

/// The sum over a message, that of the addresses included for ICMPv6.
fn sum(source: IpAddr, destination: IpAddr, message: &[u8]) -> u16 {
    let data = checksum::data(message);
    if source.is_ipv4() {
        return data;
    }
    let length = u32::try_from(message.len()).unwrap_or_default();
    let header = checksum::pseudo_header(&source.into(), &destination.into(), IpProtocol::Icmpv6, length);
    checksum::combine(&[header, data])
}

/// A message with its checksum.
fn message(source: IpAddr, destination: IpAddr, kind: u8, code: u8, rest: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut bytes = [&[kind, code, 0, 0][..], &rest, data].concat();
    complete(source, destination, &mut bytes);
    bytes
}

/// Sets the checksum of a message.
pub fn complete(source: IpAddr, destination: IpAddr, message: &mut [u8]) {
    if let Some(place) = message.get_mut(2..4) {
        place.fill(0);
    }
    let sum = !sum(source, destination, message);
    if let Some(place) = message.get_mut(2..4) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
}

/// The number of the echo request that a packet answers.
pub fn answered(packet: &Packet<'_>) -> Option<u16> {
    let kind = match packet.protocol {
        IpProtocol::Icmp => kind::ECHO_REPLY,
        IpProtocol::Icmpv6 => kind::ECHO_REPLY_6,
        _ => return None,
    };
    let message = Message::parse(packet).filter(|message| message.kind == kind)?;
    Some(u16::from_be_bytes([message.rest[0], message.rest[1]]))
}

/// What a socket of ICMP may send: echo requests.
///
/// # Errors
/// `EINVAL` for anything else.
pub fn check_request(message: &[u8], is_ipv6: bool) -> Result<(), Errno> {
    let kind = if is_ipv6 { kind::ECHO_6 } else { kind::ECHO };
    if message.len() >= 8 && message[..2] == [kind, 0] { Ok(()) } else { Err(Errno::EINVAL) }
}

/// A packet that stays in the sandbox, and the answer to it.
pub fn inside(bytes: &[u8]) {
    /// Number of the loopback interface.
    const LOOPBACK: u32 = 1;
    let Some(packet) = Packet::parse(bytes) else { return };
    packets::arrive(&packet, LOOPBACK);
    let (request, reply) =
        if packet.source.is_ipv4() { (kind::ECHO, kind::ECHO_REPLY) } else { (kind::ECHO_6, kind::ECHO_REPLY_6) };
    let is_message = matches!(packet.protocol, IpProtocol::Icmp | IpProtocol::Icmpv6);
    let echo = Message::parse(&packet).filter(|message| is_message && message.kind == request);
    if let Some(echo) = echo {
        let (source, destination) = (packet.destination, packet.source);
        let answer = message(source, destination, reply, 0, echo.rest, echo.data);
        let bytes = output::assemble(&header(source, destination, packet.class), &answer);
        Packet::parse(&bytes).iter().for_each(|packet| packets::arrive(packet, LOOPBACK));
    }
}

fn header(source: IpAddr, destination: IpAddr, class: u8) -> Header {
    let protocol = if source.is_ipv4() { IpProtocol::Icmp } else { IpProtocol::Icmpv6 };
    Header { source, destination, protocol, ttl: 64, class, whole: false }
}

/// An ICMP message.
pub fn arrive4(stack: &Arc<Stack>, packet: &Packet<'_>, for_us: bool) {
    let Some(message) = Message::parse(packet) else { return };
    match message.kind {
        // Requests to all are not answered, as Linux does not by default.
        kind::ECHO if for_us => echo(stack, packet, &message, kind::ECHO_REPLY),
        kind::UNREACHABLE if for_us && message.code == TOO_BIG => {
            let [_, _, high, low] = message.rest;
            too_big(stack, message.data, u16::from_be_bytes([high, low]).into());
        }
        kind::UNREACHABLE if for_us => report(stack, message.data, unreachable(message.code)),
        kind::TIME_EXCEEDED if for_us => report(stack, message.data, SILENCE),
        _ => {}
    }
}

/// An ICMPv6 message.
pub fn arrive6(stack: &Arc<Stack>, link: &Arc<Link>, packet: &Packet<'_>, for_us: bool) {
    let Some(message) = Message::parse(packet) else { return };
    match message.kind {
        kind::ECHO_6 if for_us => echo(stack, packet, &message, kind::ECHO_REPLY_6),
        kind::UNREACHABLE_6 if for_us => report(stack, message.data, unreachable6(message.code)),
        kind::TOO_BIG_6 if for_us => too_big(stack, message.data, u32::from_be_bytes(message.rest)),
        kind::TIME_EXCEEDED_6 if for_us => report(stack, message.data, SILENCE),
        kind::PROBLEM_6 if for_us => report(stack, message.data, (Errno::EPROTO, true)),
        kind::SOLICITATION_6 | kind::ADVERTISEMENT_6 if packet.ttl == HERE => discover(stack, link, packet),
        _ => {}
    }
}

fn echo(stack: &Stack, packet: &Packet<'_>, request: &Message<'_>, kind: u8) {
    let (source, destination) = (packet.destination, packet.source);
    let answer = message(source, destination, kind, 0, request.rest, request.data);
    // Without a way back nobody is told.
    let _ = output::send(stack, &header(source, destination, packet.class), &answer);
}

/// What is wrong, and whether it is for good: only that is told to those who send datagrams.
pub type Trouble = (Errno, bool);

/// Somebody does not answer on a link.
pub const SILENCE: Trouble = (Errno::EHOSTUNREACH, false);

/// What a code of [`kind::UNREACHABLE`] means, as Linux has it.
fn unreachable(code: u8) -> Trouble {
    match code {
        0 | 11 => (Errno::ENETUNREACH, false),
        2 => (Errno::ENOPROTOOPT, true),
        3 => (Errno::ECONNREFUSED, true),
        5 => (Errno::EOPNOTSUPP, false),
        6 | 9 => (Errno::ENETUNREACH, true),
        7 => (Errno::EHOSTDOWN, true),
        8 => (Errno::ENONET, true),
        10 | 13..=15 => (Errno::EHOSTUNREACH, true),
        _ => (Errno::EHOSTUNREACH, false),
    }
}

/// The same of [`kind::UNREACHABLE_6`].
fn unreachable6(code: u8) -> Trouble {
    match code {
        0 => (Errno::ENETUNREACH, false),
        2 | 3 => (Errno::EHOSTUNREACH, false),
        4 => (Errno::ECONNREFUSED, true),
        _ => (Errno::EACCES, true),
    }
}

/// Tells the sender of a datagram that nobody takes it.
pub fn refuse(stack: &Stack, packet: &Packet<'_>) {
    /// Messages in a second (icmp_msgs_per_sec).
    const MOST: u32 = 1000;
    static SENT: Mutex<Option<(Instant, u32)>> = Mutex::new(None);
    let (mut sent, now) = (SENT.lock(), Instant::now());
    *sent = match *sent {
        Some((since, count)) if now.saturating_duration_since(since) < Duration::from_secs(1) => {
            if count >= MOST {
                return;
            }
            Some((since, count + 1))
        }
        _ => Some((now, 1)),
    };
    drop(sent);
    let (source, destination) = (packet.destination, packet.source);
    // As much as Linux sends of the packet: what fits into the least that all carry.
    let (kind, code, most) =
        if source.is_ipv4() { (kind::UNREACHABLE, 3, 548) } else { (kind::UNREACHABLE_6, 4, 1232) };
    let part = packet.whole.get(..most).unwrap_or(packet.whole);
    let message = message(source, destination, kind, code, [0; 4], part);
    // Without a way back nobody is told.
    let _ = output::send(stack, &header(source, destination, 0), &message);
}

/// A connection that sent this packet, with the number of its first byte.
fn sender(stack: &Stack, packet: &Packet<'_>) -> Option<(Arc<super::tcp::Connection>, TcpSeqNumber)> {
    let (local, remote) = packet.ports()?;
    let number = i32::from_be_bytes(*packet.payload.get(4..)?.first_chunk()?);
    let ends = (SocketAddr::new(packet.source, local), SocketAddr::new(packet.destination, remote));
    Some((stack.tcp.get(ends)?, TcpSeqNumber(number)))
}

/// A packet of ours, of which there is at least the beginning, did not get there.
pub fn report(stack: &Stack, packet: &[u8], (error, for_good): Trouble) {
    let Some(packet) = Packet::parse_beginning(packet) else { return };
    match packet.protocol {
        IpProtocol::Tcp => {
            if let Some((connection, number)) = sender(stack, &packet) {
                connection.unreachable(error, number);
            }
        }
        IpProtocol::Udp if for_good => {
            if let Some((local, remote)) = packet.ports() {
                let local = SocketAddr::new(packet.source, local);
                udp::report(local, SocketAddr::new(packet.destination, remote), error);
            }
        }
        IpProtocol::Icmp | IpProtocol::Icmpv6 if for_good => {
            if let Some([_, _, _, _, high, low]) = packet.payload.first_chunk() {
                let number = u16::from_be_bytes([*high, *low]);
                packets::report(packet.source, packet.destination, number, error);
            }
        }
        _ => {}
    }
}

/// A packet of ours was too large for the way.
fn too_big(stack: &Stack, packet: &[u8], mtu: u32) {
    let Some(packet) = Packet::parse_beginning(packet) else { return };
    let mtu = usize::try_from(mtu).unwrap_or(usize::MAX);
    if packet.protocol == IpProtocol::Tcp
        && let Some((connection, number)) = sender(stack, &packet)
        && connection.has_sent(number)
    {
        stack.shrink(packet.destination, mtu);
        connection.shrink();
    }
}

/// Sends a message of neighbour discovery.
fn send_discovery(stack: &Stack, link: &Arc<Link>, source: Ipv6Addr, destination: Ipv6Addr, repr: NdiscRepr<'_>) {
    let repr = Icmpv6Repr::Ndisc(repr);
    let mut bytes = vec![0; repr.buffer_len()];
    let mut packet = Icmpv6Packet::new_unchecked(&mut bytes);
    repr.emit(&source, &destination, &mut packet, &ChecksumCapabilities::default());
    let header = Header { ttl: HERE, ..header(source.into(), destination.into(), 0) };
    output::send_to(stack, link, &header, &bytes);
}

/// Asks who has an address: there, or everywhere.
pub fn solicit(stack: &Stack, link: &Arc<Link>, who: Ipv6Addr, there: Option<EthernetAddress>) {
    let source = routes::way(&stack.tables, who.into(), Some(link.index())).map(|way| way.source);
    let Some(IpAddr::V6(source)) = source else { return };
    // Who is known by a doubtful address is asked there, which a packet for him reaches.
    let to = if there.is_some() { who } else { group_of(who) };
    let lladdr = Some(RawHardwareAddress::from(link.address));
    send_discovery(stack, link, source, to, NdiscRepr::NeighborSolicit { target_addr: who, lladdr });
}

/// The group that an address is asked for in.
fn group_of(address: Ipv6Addr) -> Ipv6Addr {
    const GROUPS: u128 = 0xff02_0000_0000_0000_0000_0001_ff00_0000;
    Ipv6Addr::from_bits(GROUPS | address.to_bits() & 0xff_ffff)
}

fn discover(stack: &Stack, link: &Arc<Link>, packet: &Packet<'_>) {
    let (IpAddr::V6(source), IpAddr::V6(destination)) = (packet.source, packet.destination) else { return };
    let Ok(message) = Icmpv6Packet::new_checked(packet.payload) else { return };
    let parsed = Icmpv6Repr::parse(&source, &destination, &message, &ChecksumCapabilities::default());
    let ethernet = |raw: Option<RawHardwareAddress>| raw?.as_bytes().first_chunk().copied().map(EthernetAddress);
    match parsed {
        Ok(Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit { target_addr, lladdr })) => {
            let target = IpAddr::from(target_addr);
            if !stack.is_own(target) {
                return;
            }
            let known = !source.is_unspecified();
            if let Some(address) = ethernet(lladdr).filter(|_| known) {
                stack.learn(link, source.into(), address, true);
            }
            let flags = if known { NdiscNeighborFlags::SOLICITED } else { NdiscNeighborFlags::empty() };
            let answer = NdiscRepr::NeighborAdvert {
                flags: flags | NdiscNeighborFlags::OVERRIDE,
                target_addr,
                lladdr: Some(link.address.into()),
            };
            let all = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
            send_discovery(stack, link, target_addr, if known { source } else { all }, answer);
        }
        Ok(Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert { target_addr, lladdr, .. })) => {
            if let Some(address) = ethernet(lladdr).filter(|_| !stack.is_own(target_addr.into())) {
                stack.learn(link, target_addr.into(), address, false);
            }
        }
        _ => {}
    }
}
