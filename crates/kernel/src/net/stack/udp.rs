//! UDP over links.

use std::net::SocketAddr;

use lazaret_abi::errno::Errno;
use smoltcp::wire::{IpProtocol, UDP_HEADER_LEN, UdpPacket};

use super::{
    Stack, icmp,
    output::{self, Header},
    packet::Packet,
};
use crate::net::inet::{arrival::Arrival, udp as sockets};

/// What the header of a packet says beside the addresses.
#[derive(Clone, Copy, Debug)]
pub struct Marks {
    /// Hops that it may make.
    pub ttl: u8,
    /// Type of service, or traffic class.
    pub class: u8,
    /// It must not be cut.
    pub whole: bool,
}

/// Sends a datagram.
///
/// # Errors
/// `ENETUNREACH` without a way, `EMSGSIZE` for one that is too large and must not be cut.
pub fn send(stack: &Stack, from: SocketAddr, to: SocketAddr, data: &[u8], marks: Marks) -> Result<(), Errno> {
    let length = u16::try_from(UDP_HEADER_LEN + data.len()).map_err(|_| Errno::EMSGSIZE)?;
    let mut bytes = vec![0; UDP_HEADER_LEN];
    bytes.extend(data);
    let mut udp = UdpPacket::new_unchecked(&mut bytes);
    udp.set_src_port(from.port());
    udp.set_dst_port(to.port());
    udp.set_len(length);
    udp.fill_checksum(&from.ip().into(), &to.ip().into());
    let Marks { ttl, class, whole } = marks;
    let (source, destination, protocol) = (from.ip(), to.ip(), IpProtocol::Udp);
    output::send(stack, &Header { source, destination, protocol, ttl, class, whole }, &bytes)
}

/// A datagram for us, or for all on the link.
pub fn arrive(stack: &Stack, packet: &Packet<'_>, link: u32, for_us: bool) {
    let Ok(udp) = UdpPacket::new_checked(packet.payload) else { return };
    let from = SocketAddr::new(packet.source, udp.src_port());
    let to = SocketAddr::new(packet.destination, udp.dst_port());
    let arrival = Arrival { ttl: packet.ttl, class: packet.class, link, to: packet.destination };
    if !sockets::deliver(to, from, udp.payload(), arrival) && for_us {
        icmp::refuse(stack, packet);
    }
}
