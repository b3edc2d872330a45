//! Frames as they are on a link: a virtio header, which says what is left to the host, and an Ethernet header.

use lazaret_hostcall::packet::HEADER as VIRTIO;
use smoltcp::wire::{
    ETHERNET_HEADER_LEN as ETHERNET, EthernetAddress, EthernetFrame, EthernetProtocol, Ipv4Packet, Ipv6Packet,
};

use crate::uio::Scratch;

/// What is in front of a packet.
pub const HEADROOM: usize = VIRTIO + ETHERNET;

/// Largest packet that is made.
pub const PACKET_MAX: usize = 65_000;

/// VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_F_DATA_VALID
const NEEDS_CHECKSUM: u8 = 1;
const IS_VALID: u8 = 2;
/// VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV6
const SEGMENTS_4: u8 = 1;
const SEGMENTS_6: u8 = 4;
/// Where the checksum is in a TCP header, and where the header's length.
const TCP_CHECKSUM: u16 = 16;
const TCP_LENGTH: usize = 12;

/// What the host still has to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Nothing.
    Nothing,
    /// Complete the checksum of a TCP packet, which holds that of the addresses, and cut it into such as have so many
    /// bytes of data.
    Tcp(Option<u16>),
}

/// A frame that is being made.
pub struct Frame {
    buffer: Scratch,
    length: usize,
}

impl Frame {
    /// An empty one.
    pub fn new() -> Frame {
        Frame { buffer: Scratch::take(), length: 0 }
    }

    /// Room for a packet of this length, with whatever content; cut to [`PACKET_MAX`].
    pub fn packet(&mut self, length: usize) -> &mut [u8] {
        self.length = length.min(PACKET_MAX);
        &mut self.buffer[HEADROOM..HEADROOM + self.length]
    }

    /// Completes the frame of an IP packet: where it goes on the link, and what the host has to do with it.
    pub fn finish(&mut self, from: EthernetAddress, to: EthernetAddress, rest: Rest) -> &[u8] {
        let kind = if is_ipv4(self.made()) { EthernetProtocol::Ipv4 } else { EthernetProtocol::Ipv6 };
        let virtio = virtio(self.made(), rest);
        self.put(&virtio, from, to, kind)
    }

    /// Completes a frame of another protocol.
    pub fn finish_other(&mut self, from: EthernetAddress, to: EthernetAddress, kind: EthernetProtocol) -> &[u8] {
        self.put(&[0; VIRTIO], from, to, kind)
    }

    fn made(&self) -> &[u8] {
        &self.buffer[HEADROOM..HEADROOM + self.length]
    }

    fn put(
        &mut self,
        virtio: &[u8; VIRTIO],
        from: EthernetAddress,
        to: EthernetAddress,
        kind: EthernetProtocol,
    ) -> &[u8] {
        let whole = &mut self.buffer[..HEADROOM + self.length];
        let (first, second) = whole.split_at_mut(VIRTIO);
        first.copy_from_slice(virtio);
        let mut ethernet = EthernetFrame::new_unchecked(second);
        ethernet.set_src_addr(from);
        ethernet.set_dst_addr(to);
        ethernet.set_ethertype(kind);
        whole
    }
}

/// A packet begins as one of IPv4.
pub fn is_ipv4(packet: &[u8]) -> bool {
    packet.first().is_some_and(|byte| byte >> 4 == 4)
}

/// Length of the IP header of a packet that is ours.
fn ip_header(packet: &[u8]) -> usize {
    if is_ipv4(packet) {
        usize::from(Ipv4Packet::new_unchecked(packet).header_len())
    } else {
        Ipv6Packet::new_unchecked(packet).header_len()
    }
}

fn virtio(packet: &[u8], rest: Rest) -> [u8; VIRTIO] {
    let mut header = [0; VIRTIO];
    let Rest::Tcp(segment) = rest else { return header };
    let ip = ip_header(packet);
    // A packet is shorter than 64 KiB.
    let number = |length: usize| u16::try_from(length).unwrap_or_default().to_ne_bytes();
    header[0] = NEEDS_CHECKSUM;
    header[6..8].copy_from_slice(&number(ETHERNET + ip));
    header[8..10].copy_from_slice(&TCP_CHECKSUM.to_ne_bytes());
    if let Some(segment) = segment {
        let tcp = packet.get(ip + TCP_LENGTH).map_or(0, |byte| usize::from(byte >> 4) * 4);
        header[1] = if is_ipv4(packet) { SEGMENTS_4 } else { SEGMENTS_6 };
        header[2..4].copy_from_slice(&number(ETHERNET + ip + tcp));
        header[4..6].copy_from_slice(&segment.to_ne_bytes());
    }
    header
}

/// A frame that was received.
pub struct Received<'a> {
    /// Who sent it.
    pub source: EthernetAddress,
    /// Whom it was sent to.
    pub destination: EthernetAddress,
    /// What it carries.
    pub kind: EthernetProtocol,
    /// That.
    pub payload: &'a [u8],
    /// The checksum of the transport is known to be right, or was never made because the packet was on no wire.
    pub is_checked: bool,
}

/// Takes a frame apart.
pub fn parse(frame: &[u8]) -> Option<Received<'_>> {
    let (virtio, rest) = frame.split_at_checked(VIRTIO)?;
    let ethernet = EthernetFrame::new_checked(rest).ok()?;
    Some(Received {
        source: ethernet.src_addr(),
        destination: ethernet.dst_addr(),
        kind: ethernet.ethertype(),
        payload: rest.get(ETHERNET..)?,
        is_checked: virtio.first()? & (NEEDS_CHECKSUM | IS_VALID) != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_say_what_is_left_to_do() {
        let (one, two) = (EthernetAddress([2; 6]), EthernetAddress([4; 6]));
        let mut frame = Frame::new();
        let packet = frame.packet(60);
        packet.fill(0);
        packet[0] = 0x45;
        packet[20 + TCP_LENGTH] = 0x50;
        let bytes = frame.finish(one, two, Rest::Tcp(Some(1460))).to_vec();
        assert_eq!(bytes.len(), HEADROOM + 60);
        assert_eq!(bytes[..2], [NEEDS_CHECKSUM, SEGMENTS_4]);
        let number = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        assert_eq!([number(2), number(4), number(6), number(8)], [54, 1460, 34, 16]);
        let received = parse(&bytes).unwrap();
        assert_eq!((received.source, received.destination, received.kind), (one, two, EthernetProtocol::Ipv4));
        assert!(received.is_checked && received.payload.len() == 60);
        assert!(parse(&bytes[..HEADROOM - 1]).is_none());
        assert_eq!(frame.finish(one, two, Rest::Nothing)[..VIRTIO], [0; VIRTIO]);
    }
}
