//! What a connection's packets come from and go to, as the TCP core sees it.

use std::net::IpAddr;

use smoltcp::{
    phy::{Checksum, ChecksumCapabilities, Device, DeviceCapabilities, Medium, PacketMeta, RxToken, TxToken},
    time::Instant,
    wire::{IpProtocol, IpRepr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber, checksum},
};

use super::{
    super::{
        Stack,
        frame::{Frame, PACKET_MAX, Rest},
        link::Link,
        packet::Packet,
    },
    connection::Ends,
};
use crate::sync::Arc;

/// Where the packets of a connection go.
#[derive(Clone)]
pub struct Path {
    /// Over this link.
    pub link: Arc<Link>,
    /// To this neighbour.
    pub next: IpAddr,
}

/// The numbers of the last packet that was sent.
#[derive(Clone, Copy, Debug)]
pub struct Last {
    /// Of its first byte.
    pub sequence: TcpSeqNumber,
    /// Of the byte that is expected.
    pub acknowledged: TcpSeqNumber,
    /// Bytes that may be sent, as the header has it.
    pub window: u16,
}

/// The link of one connection, for as long as it is looked at.
pub struct Wire<'a> {
    stack: &'a Stack,
    path: &'a Path,
    mtu: usize,
    arriving: Option<&'a [u8]>,
    /// What was sent last.
    pub last: Option<Last>,
}

impl<'a> Wire<'a> {
    /// With a packet that has arrived, if any.
    pub fn new(stack: &'a Stack, path: &'a Path, mtu: usize, arriving: Option<&'a [u8]>) -> Wire<'a> {
        Wire { stack, path, mtu, arriving, last: None }
    }

    fn departing(&mut self) -> Departing<'_> {
        Departing { stack: self.stack, path: self.path, segment: None, last: &mut self.last }
    }
}

impl Device for Wire<'_> {
    type RxToken<'t>
        = Arriving<'t>
    where
        Self: 't;
    type TxToken<'t>
        = Departing<'t>
    where
        Self: 't;

    fn receive(&mut self, _now: Instant) -> Option<(Arriving<'_>, Departing<'_>)> {
        let packet = self.arriving.take()?;
        Some((Arriving(packet), self.departing()))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Departing<'_>> {
        // What cannot be sent now is sent when the link has room again.
        if self.path.link.is_full() { None } else { Some(self.departing()) }
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities.checksum = ChecksumCapabilities::default();
        // Received ones were looked at already, and the host completes those of what is sent.
        capabilities.checksum.tcp = Checksum::None;
        // Of IPv6 the core drops what is larger than the link's packets.
        capabilities.segmentation.tcpv4 = std::num::NonZeroUsize::new(PACKET_MAX);
        capabilities
    }
}

/// A packet that has arrived.
pub struct Arriving<'a>(&'a [u8]);

impl RxToken for Arriving<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

/// A packet that is to be sent.
pub struct Departing<'a> {
    stack: &'a Stack,
    path: &'a Path,
    segment: Option<u16>,
    last: &'a mut Option<Last>,
}

impl TxToken for Departing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        if length > PACKET_MAX {
            // It was told not to make any.
            return f(&mut vec![0; length]);
        }
        let mut frame = Frame::new();
        let bytes = frame.packet(length);
        let result = f(bytes);
        *self.last = begin_checksum(bytes).or(*self.last);
        self.stack.transmit(&self.path.link, self.path.next, &mut frame, Rest::Tcp(self.segment));
        result
    }

    fn set_meta(&mut self, meta: PacketMeta) {
        self.segment = meta.segmentation_offload_size.map(std::num::NonZeroU16::get);
    }
}

/// Stores the part of the checksum that the host does not make.
fn begin_checksum(bytes: &mut [u8]) -> Option<Last> {
    let packet = Packet::parse_beginning(bytes)?;
    let (source, destination) = (packet.source.into(), packet.destination.into());
    let length = u32::try_from(packet.payload.len()).ok()?;
    let sum = checksum::pseudo_header(&source, &destination, IpProtocol::Tcp, length);
    let start = bytes.len() - packet.payload.len();
    let mut tcp = TcpPacket::new_checked(bytes.get_mut(start..)?).ok()?;
    tcp.set_checksum(sum);
    Some(Last {
        sequence: tcp.seq_number() + tcp.segment_len(),
        acknowledged: tcp.ack_number(),
        window: tcp.window_len(),
    })
}

/// Sends what was acknowledged last once more.
pub fn acknowledge(stack: &Stack, path: &Path, (local, remote): Ends, last: Last) {
    let tcp = TcpRepr {
        src_port: local.port(),
        dst_port: remote.port(),
        control: TcpControl::None,
        seq_number: last.sequence,
        ack_number: Some(last.acknowledged),
        window_len: last.window,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    let (source, destination) = (local.ip().into(), remote.ip().into());
    let ip = IpRepr::new(source, destination, IpProtocol::Tcp, tcp.buffer_len(), 64);
    let wire = Wire::new(stack, path, path.link.mtu, None);
    let checksums = wire.capabilities().checksum;
    let mut frame = Frame::new();
    let bytes = frame.packet(ip.buffer_len());
    ip.emit(&mut *bytes, &checksums);
    if let Some(payload) = bytes.get_mut(ip.header_len()..) {
        tcp.emit(&mut TcpPacket::new_unchecked(payload), &source, &destination, &checksums);
    }
    begin_checksum(bytes);
    stack.transmit(&path.link, path.next, &mut frame, Rest::Tcp(None));
}
