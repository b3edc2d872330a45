//! TCP over links: the core is smoltcp's, with one interface of its own for each connection.
//!
//! So a packet is looked at by the connection that it is for, and by no other, and connections are locked one by one.

mod block;
mod connection;
mod device;
mod table;

pub use self::{
    block::{Listen, Tuning},
    connection::{Connection, Ends},
    device::Path,
    table::Connections,
};

use std::net::SocketAddr;

pub use smoltcp::socket::tcp::State;
use smoltcp::{iface::SocketSet, time::Instant, wire::TcpPacket};

use super::{Stack, packet::Packet};
use crate::{
    net::inet::tcp as sockets,
    sync::{Arc, Weak},
};

/// A TCP packet for one of our addresses.
pub fn arrive(stack: &Arc<Stack>, packet: &Packet<'_>) {
    let Ok(tcp) = TcpPacket::new_checked(packet.payload) else { return };
    let ends = (SocketAddr::new(packet.destination, tcp.dst_port()), SocketAddr::new(packet.source, tcp.src_port()));
    // The core knows no extensions.
    let plain = without_extensions(packet);
    let bytes = plain.as_deref().unwrap_or(packet.whole);
    let asks = tcp.syn() && !tcp.ack() && !tcp.rst();
    if let Some(connection) = stack.tcp.get(ends) {
        // An old one that only waits for late packets is in nobody's way.
        if !(asks && connection.state() == State::TimeWait) {
            return connection.arrive(bytes);
        }
        connection.forget();
    }
    let Some(path) = stack.path(packet.source) else { return };
    if let Some(last) = stack.tcp.is_retired(ends, asks.then(|| tcp.seq_number())) {
        // Not even a reset ends what is over; RFC 1337.
        if !tcp.rst() {
            device::acknowledge(stack, &path, ends, last);
        }
        return;
    }
    let listener = if asks { sockets::listener(ends) } else { None };
    let Some(listener) = listener else { return refuse(stack, &path, bytes) };
    if let Some(tuning) = listener.has_room() {
        let known = Arc::downgrade(&listener);
        let owner: Weak<dyn Listen> = known;
        let made = Connection::accept(stack, ends, path, (owner, tuning), bytes);
        made.iter().for_each(|connection| listener.expect(connection));
    }
}

/// The packet as it would be with nothing between the headers of IPv6 and TCP; `None` if it is so.
fn without_extensions(packet: &Packet<'_>) -> Option<Vec<u8>> {
    const HEADER: usize = 40;
    let start = packet.whole.len() - packet.payload.len();
    if packet.source.is_ipv4() || start == HEADER {
        return None;
    }
    let mut bytes = packet.whole.get(..HEADER)?.to_vec();
    bytes.extend(packet.payload);
    let mut header = smoltcp::wire::Ipv6Packet::new_unchecked(&mut bytes);
    header.set_next_header(packet.protocol);
    header.set_payload_len(u16::try_from(packet.payload.len()).ok()?);
    Some(bytes)
}

/// Nobody is there: a reset says so.
fn refuse(stack: &Stack, path: &Path, bytes: &[u8]) {
    let mut wire = device::Wire::new(stack, path, path.link.mtu, Some(bytes));
    let mut interface = block::interface(&mut wire);
    interface.poll_ingress_single(Instant::ZERO, &mut wire, &mut SocketSet::new(Vec::new()));
}
