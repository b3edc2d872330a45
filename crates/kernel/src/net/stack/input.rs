//! What arrives on a link.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Instant,
};

use smoltcp::wire::{ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetProtocol, IpProtocol};

use super::{
    Stack,
    frame::{self, Received},
    icmp,
    link::Link,
    packet::Packet,
    routes, tcp, udp,
};
use crate::{net::inet::packets, sync::Arc};

/// Takes a frame.
pub fn arrive(stack: &Arc<Stack>, link: &Arc<Link>, bytes: &[u8]) {
    let Some(received) = frame::parse(bytes) else { return };
    let to = received.destination;
    if received.source == link.address || !(to == link.address || to.is_broadcast() || to.is_multicast()) {
        return;
    }
    match received.kind {
        EthernetProtocol::Arp => arrive_arp(stack, link, received.payload),
        EthernetProtocol::Ipv4 | EthernetProtocol::Ipv6 => arrive_ip(stack, link, &received),
        EthernetProtocol::Unknown(_) => {}
    }
}

/// Whom a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    /// One of our addresses.
    Us,
    /// All on the link, or a group.
    Group,
}

fn aim(stack: &Stack, destination: IpAddr) -> Option<Aim> {
    if stack.is_own(destination) {
        return Some(Aim::Us);
    }
    (destination.is_multicast() || stack.is_broadcast(destination)).then_some(Aim::Group)
}

/// Somebody can be there: an address of one host, not ours.
fn can_be(stack: &Stack, address: IpAddr) -> bool {
    let nobody = match address {
        IpAddr::V4(address) => address.octets()[0] == 0,
        IpAddr::V6(address) => address.to_ipv4_mapped().is_some(),
    };
    let nobody = nobody || address.is_unspecified() || address.is_multicast() || address.is_loopback();
    !nobody && !stack.is_own(address) && !stack.is_broadcast(address)
}

fn arrive_ip(stack: &Arc<Stack>, link: &Arc<Link>, received: &Received<'_>) {
    let Some(packet) = Packet::parse(received.payload) else { return };
    let Some(aim) = aim(stack, packet.destination) else { return };
    // Who has no address yet asks whether somebody else has it.
    let asks = packet.protocol == IpProtocol::Icmpv6 && packet.source.is_unspecified();
    if !asks && !can_be(stack, packet.source) {
        return;
    }
    if let Some(part) = packet.part {
        let whole = stack.pieces.lock().add(&packet, part, Instant::now());
        let packet = whole.as_deref().and_then(Packet::parse);
        return packet.filter(Packet::is_right).iter().for_each(|packet| pass_up(stack, link, packet, aim));
    }
    if received.is_checked || packet.is_right() {
        pass_up(stack, link, &packet, aim);
    }
}

fn pass_up(stack: &Arc<Stack>, link: &Arc<Link>, packet: &Packet<'_>, aim: Aim) {
    packets::arrive(packet, link.index());
    match packet.protocol {
        IpProtocol::Tcp if aim == Aim::Us => tcp::arrive(stack, packet),
        IpProtocol::Udp => udp::arrive(stack, packet, link.index(), aim == Aim::Us),
        IpProtocol::Icmp if packet.source.is_ipv4() => icmp::arrive4(stack, packet, aim == Aim::Us),
        IpProtocol::Icmpv6 if packet.source.is_ipv6() => icmp::arrive6(stack, link, packet, aim == Aim::Us),
        _ => {}
    }
}

fn arrive_arp(stack: &Stack, link: &Link, payload: &[u8]) {
    let Ok(packet) = ArpPacket::new_checked(payload) else { return };
    let Ok(ArpRepr::EthernetIpv4 {
        operation,
        source_hardware_addr: address,
        source_protocol_addr: who,
        target_protocol_addr: target,
        ..
    }) = ArpRepr::parse(&packet)
    else {
        return;
    };
    if !can_be(stack, who.into()) {
        return;
    }
    let for_us = stack.is_own(target.into());
    let asks = operation == ArpOperation::Request;
    // Who asks for us wants to talk to us.
    stack.learn(link, who.into(), address, for_us && asks);
    if for_us && asks {
        let answer = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Reply,
            source_hardware_addr: link.address,
            source_protocol_addr: target,
            target_hardware_addr: address,
            target_protocol_addr: who,
        };
        send_arp(stack, link, address, answer);
    }
}

/// Asks who has an address.
pub fn ask_by_arp(stack: &Stack, link: &Link, who: Ipv4Addr, there: Option<EthernetAddress>) {
    let source = routes::way(&stack.tables, who.into(), Some(link.index())).map(|way| way.source);
    let Some(IpAddr::V4(source)) = source else { return };
    let question = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr: link.address,
        source_protocol_addr: source,
        target_hardware_addr: EthernetAddress([0; 6]),
        target_protocol_addr: who,
    };
    send_arp(stack, link, there.unwrap_or(EthernetAddress::BROADCAST), question);
}

fn send_arp(stack: &Stack, link: &Link, to: EthernetAddress, repr: ArpRepr) {
    let fill = |bytes: &mut [u8]| repr.emit(&mut ArpPacket::new_unchecked(bytes));
    stack.send_other(link, to, EthernetProtocol::Arp, fill, repr.buffer_len());
}
