//! IP packets that are sent, but for those of TCP.

use std::net::IpAddr;

use lazaret_abi::errno::Errno;
use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{IpProtocol, IpRepr, Ipv4Packet, Ipv6Packet},
};

use super::{
    Stack,
    frame::{Frame, Rest},
    link::Link,
    tcp::Path,
};
use crate::sync::{Arc, AtomicU32, Ordering};

/// Header of an IPv4 packet, and that of IPv6 with the one of a part.
const HEADER_4: usize = 20;
const HEADER_6: usize = 40;
const PART_6: usize = 8;

/// Tells packets that are sent in parts from each other.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// What the header of a packet says.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// Who sends it.
    pub source: IpAddr,
    /// Whom it is for.
    pub destination: IpAddr,
    /// What it carries.
    pub protocol: IpProtocol,
    /// Hops that it may make.
    pub ttl: u8,
    /// Type of service, or traffic class.
    pub class: u8,
    /// It must not be cut.
    pub whole: bool,
}

/// Sends a packet, in parts if it is too large for the way.
///
/// # Errors
/// `ENETUNREACH` without a way, `EMSGSIZE` for one that must not be cut.
pub fn send(stack: &Stack, header: &Header, payload: &[u8]) -> Result<(), Errno> {
    let path = stack.path(header.destination).ok_or(Errno::ENETUNREACH)?;
    send_on(stack, &path, header, payload)
}

/// Sends a packet over a link.
///
/// # Errors
/// `EMSGSIZE` for one that must not be cut.
pub fn send_on(stack: &Stack, path: &Path, header: &Header, payload: &[u8]) -> Result<(), Errno> {
    let mtu = stack.mtu(&path.link, header.destination);
    let length = if header.source.is_ipv4() { HEADER_4 } else { HEADER_6 };
    if length + payload.len() <= mtu {
        put(stack, path, header, payload, None);
        return Ok(());
    }
    if header.whole {
        return Err(Errno::EMSGSIZE);
    }
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let room = mtu - length - if header.source.is_ipv4() { 0 } else { PART_6 };
    let step = room & !7;
    let last = payload.len().div_ceil(step).saturating_sub(1);
    for (index, part) in payload.chunks(step).enumerate() {
        let place = Place { number, offset: index * step, more: index < last };
        put(stack, path, header, part, Some(place));
    }
    Ok(())
}

/// Which part of a packet something is.
struct Place {
    number: u32,
    offset: usize,
    more: bool,
}

fn put(stack: &Stack, path: &Path, header: &Header, payload: &[u8], place: Option<Place>) {
    let extension = match &place {
        Some(place) if header.source.is_ipv6() => {
            // A packet is shorter than 64 KiB, and parts begin at multiples of eight.
            let word = u16::try_from(place.offset).unwrap_or_default() | u16::from(place.more);
            let mut bytes = vec![u8::from(header.protocol), 0];
            bytes.extend(word.to_be_bytes());
            bytes.extend(place.number.to_be_bytes());
            bytes
        }
        _ => Vec::new(),
    };
    let protocol = if extension.is_empty() { header.protocol } else { IpProtocol::Ipv6Frag };
    let length = extension.len() + payload.len();
    let repr = IpRepr::new(header.source.into(), header.destination.into(), protocol, length, header.ttl);
    let mut frame = Frame::new();
    let bytes = frame.packet(repr.buffer_len());
    repr.emit(&mut *bytes, &ChecksumCapabilities::default());
    if header.source.is_ipv4() {
        let mut packet = Ipv4Packet::new_unchecked(&mut *bytes);
        packet.set_dscp(header.class >> 2);
        packet.set_ecn(header.class & 3);
        if let Some(place) = &place {
            packet.set_dont_frag(false);
            packet.set_ident((place.number & 0xffff) as u16);
            packet.set_frag_offset(u16::try_from(place.offset).unwrap_or_default());
            packet.set_more_frags(place.more);
        }
        packet.fill_checksum();
    } else {
        Ipv6Packet::new_unchecked(&mut *bytes).set_traffic_class(header.class);
    }
    let start = repr.header_len();
    if let Some(rest) = bytes.get_mut(start..start + length) {
        let (first, second) = rest.split_at_mut(extension.len());
        first.copy_from_slice(&extension);
        second.copy_from_slice(payload);
    }
    stack.transmit(&path.link, path.next, &mut frame, Rest::Nothing);
}

/// A packet as it is when it does not have to be cut.
pub fn assemble(header: &Header, payload: &[u8]) -> Vec<u8> {
    let (source, destination) = (header.source.into(), header.destination.into());
    let repr = IpRepr::new(source, destination, header.protocol, payload.len(), header.ttl);
    let mut bytes = vec![0; repr.header_len()];
    repr.emit(&mut bytes, &ChecksumCapabilities::default());
    bytes.extend(payload);
    bytes
}

/// Completes an IPv4 packet whose header somebody has made; see raw(7). None if it is none.
pub fn complete(mut bytes: Vec<u8>, source: IpAddr) -> Option<Vec<u8>> {
    let length = u16::try_from(bytes.len()).ok()?;
    super::packet::Packet::parse_beginning(&bytes).filter(|packet| packet.source.is_ipv4())?;
    let mut packet = Ipv4Packet::new_unchecked(&mut bytes);
    packet.set_total_len(length);
    if let (true, IpAddr::V4(source)) = (packet.src_addr().is_unspecified(), source) {
        packet.set_src_addr(source);
    }
    packet.fill_checksum();
    Some(bytes)
}

/// Sends a packet that is complete.
///
/// # Errors
/// `ENETUNREACH` without a way, `EMSGSIZE` if it is too large.
pub fn send_whole(stack: &Stack, destination: IpAddr, packet: &[u8]) -> Result<(), Errno> {
    let path = stack.path(destination).ok_or(Errno::ENETUNREACH)?;
    if packet.len() > path.link.mtu {
        return Err(Errno::EMSGSIZE);
    }
    let mut frame = Frame::new();
    frame.packet(packet.len()).copy_from_slice(packet);
    stack.transmit(&path.link, path.next, &mut frame, Rest::Nothing);
    Ok(())
}

/// Sends to a group or a neighbour on a certain link.
pub fn send_to(stack: &Stack, link: &Arc<Link>, header: &Header, payload: &[u8]) {
    put(stack, &Path { link: link.clone(), next: header.destination }, header, payload, None);
}
