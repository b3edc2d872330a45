//! IP packets, as far as one needs to know whom they are for.

use std::net::IpAddr;

use smoltcp::wire::{IpProtocol, Ipv4Packet, Ipv6Packet, TcpPacket, UdpPacket};

use super::frame::is_ipv4;

/// Header of an IPv6 packet.
const HEADER_6: usize = 40;
/// Shortest header of an IPv4 packet.
const HEADER_4: usize = 20;
/// Headers of extensions that are passed over at most.
const EXTENSIONS: usize = 8;

/// A packet, taken apart.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// All of it.
    pub whole: &'a [u8],
    /// Who sent it.
    pub source: IpAddr,
    /// Whom it is for.
    pub destination: IpAddr,
    /// What it carries.
    pub protocol: IpProtocol,
    /// Hops that it may still make.
    pub ttl: u8,
    /// Type of service, or traffic class.
    pub class: u8,
    /// It is a part of a larger one.
    pub part: Option<Part>,
    /// What it carries.
    pub payload: &'a [u8],
}

/// Where a part belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Tells the packets of one sender apart.
    pub number: u32,
    /// Offset in bytes.
    pub offset: usize,
    /// Another one follows.
    pub more: bool,
}

impl<'a> Packet<'a> {
    /// Takes a packet apart; none if it is malformed.
    pub fn parse(bytes: &'a [u8]) -> Option<Packet<'a>> {
        if is_ipv4(bytes) {
            let packet = Ipv4Packet::new_checked(bytes).ok()?;
            if !packet.verify_checksum() {
                return None;
            }
            let length = usize::from(packet.total_len());
            Packet::of_ipv4(bytes.get(..length)?)
        } else {
            let packet = Ipv6Packet::new_checked(bytes).ok().filter(|packet| packet.version() == 6)?;
            Packet::of_ipv6(bytes.get(..packet.total_len())?)
        }
    }

    /// The beginning of a packet that somebody else has cut, as a message about an error has it.
    pub fn parse_beginning(bytes: &'a [u8]) -> Option<Packet<'a>> {
        if is_ipv4(bytes) { Packet::of_ipv4(bytes) } else { Packet::of_ipv6(bytes) }
    }

    fn of_ipv4(bytes: &'a [u8]) -> Option<Packet<'a>> {
        if bytes.len() < HEADER_4 {
            return None;
        }
        let packet = Ipv4Packet::new_unchecked(bytes);
        let header = usize::from(packet.header_len());
        let (offset, more) = (usize::from(packet.frag_offset()), packet.more_frags());
        let part = (more || offset > 0).then(|| Part { number: packet.ident().into(), offset, more });
        Some(Packet {
            whole: bytes,
            source: packet.src_addr().into(),
            destination: packet.dst_addr().into(),
            protocol: packet.next_header(),
            ttl: packet.hop_limit(),
            class: packet.dscp() << 2 | packet.ecn(),
            part,
            payload: bytes.get(header..).filter(|_| header >= HEADER_4)?,
        })
    }

    fn of_ipv6(bytes: &'a [u8]) -> Option<Packet<'a>> {
        let mut rest = bytes.get(HEADER_6..)?;
        let packet = Ipv6Packet::new_unchecked(bytes);
        let (mut protocol, mut part) = (packet.next_header(), None);
        for _ in 0..EXTENSIONS {
            let (next, length) = match protocol {
                // In units of eight bytes, beside the first.
                IpProtocol::HopByHop | IpProtocol::Ipv6Opts => (*rest.first()?, usize::from(*rest.get(1)?) * 8 + 8),
                // One that names further stations is not for an end system.
                IpProtocol::Ipv6Route if *rest.get(3)? == 0 => (*rest.first()?, usize::from(*rest.get(1)?) * 8 + 8),
                IpProtocol::Ipv6Frag if part.is_none() => {
                    let word = u16::from_be_bytes(*rest.get(2..)?.first_chunk()?);
                    let number = u32::from_be_bytes(*rest.get(4..)?.first_chunk()?);
                    let (offset, more) = (usize::from(word & !7), word & 1 != 0);
                    // A part that is the whole is none; RFC 6946.
                    part = (more || offset > 0).then_some(Part { number, offset, more });
                    (*rest.first()?, 8)
                }
                _ => break,
            };
            protocol = next.into();
            rest = rest.get(length..)?;
            if part.is_some_and(|part| part.offset > 0) {
                break;
            }
        }
        Some(Packet {
            whole: bytes,
            source: packet.src_addr().into(),
            destination: packet.dst_addr().into(),
            protocol,
            ttl: packet.hop_limit(),
            class: packet.traffic_class(),
            part,
            payload: rest,
        })
    }

    /// The checksum of what it carries is right. None other than those of TCP and UDP are looked at.
    pub fn is_right(&self) -> bool {
        let (source, destination) = (self.source.into(), self.destination.into());
        match self.protocol {
            IpProtocol::Tcp => {
                TcpPacket::new_checked(self.payload).is_ok_and(|packet| packet.verify_checksum(&source, &destination))
            }
            IpProtocol::Udp => UdpPacket::new_checked(self.payload).is_ok_and(|packet| {
                // Only IPv4 has datagrams without one.
                (packet.checksum() != 0 || self.source.is_ipv4())
                    && (packet.checksum() == 0 || packet.verify_checksum(&source, &destination))
            }),
            _ => true,
        }
    }

    /// The ports at the beginning of a TCP or UDP packet: of the sender, and of the receiver.
    pub fn ports(&self) -> Option<(u16, u16)> {
        let [a, b, c, d] = *self.payload.first_chunk()?;
        Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ipv6(next: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&[0x60, 0, 0, 0, length[0], length[1], next, 64][..], &[0xfe; 32], rest].concat()
    }

    #[test]
    fn extensions_are_passed_over() {
        let udp = [0, 7, 0, 9, 0, 8, 0, 0];
        let options = [17, 0, 1, 4, 0, 0, 0, 0];
        let packet = ipv6(0, &[&options[..], &udp].concat());
        let parsed = Packet::parse(&packet).unwrap();
        assert_eq!((parsed.protocol, parsed.payload, parsed.ports()), (IpProtocol::Udp, &udp[..], Some((7, 9))));
        let part = [17, 0, 0, 0x11, 0, 0, 0, 5];
        let packet = ipv6(44, &[&part[..], &udp].concat());
        let parsed = Packet::parse(&packet).unwrap();
        assert_eq!(parsed.part, Some(Part { number: 5, offset: 16, more: true }));
        let whole = [17, 0, 0, 0, 0, 0, 0, 5];
        assert_eq!(Packet::parse(&ipv6(44, &[&whole[..], &udp].concat())).unwrap().part, None);
        assert!(Packet::parse(&ipv6(0, &[17, 9, 0, 0, 0, 0, 0, 0])).is_none());
        let station = [17, 0, 0, 1, 0, 0, 0, 0];
        assert_eq!(Packet::parse(&ipv6(43, &station)).unwrap().protocol, IpProtocol::Ipv6Route);
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for length in 0..64 {
            for first in [0x40, 0x45, 0x4f, 0x60, 0xff] {
                let mut bytes = vec![0xff; length];
                if let Some(byte) = bytes.first_mut() {
                    *byte = first;
                }
                let _ = (Packet::parse(&bytes), Packet::parse_beginning(&bytes));
            }
        }
    }
}
