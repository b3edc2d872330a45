//! What the host tells of a network namespace: interfaces, addresses and routes, and changes of them; see rtnetlink(7).

mod change;

use std::{
    net::IpAddr,
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    io::{Errno, Result},
    net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink::SocketAddrNetlink},
};
use serde::{Deserialize, Serialize};

pub use self::change::{add_address, add_route, make_pair, remove_address, remove_link, set_up};

/// An interface; the fields are those of RTM_NEWLINK.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: Vec<u8>,
    /// ARPHRD_*
    pub hardware: u16,
    /// IFF_*
    pub flags: u32,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// Packets that wait to be sent at most.
    pub queue_length: u32,
    /// Hardware address.
    pub address: Vec<u8>,
    /// Hardware address of all neighbours.
    pub broadcast: Vec<u8>,
    /// IF_OPER_*
    pub state: u8,
    /// Name of the queueing discipline.
    pub discipline: Vec<u8>,
    /// `struct rtnl_link_stats64` up to `tx_dropped` and `multicast`.
    pub statistics: [u64; 9],
}

/// An address of an interface; the fields are those of RTM_NEWADDR.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkAddress {
    /// Number of the interface.
    pub link: u32,
    /// The address.
    pub address: IpAddr,
    /// Bits of the network.
    pub bits: u8,
    /// IFA_F_*
    pub flags: u32,
    /// RT_SCOPE_*
    pub scope: u8,
    /// Address of all hosts of the network.
    pub broadcast: Option<IpAddr>,
}

/// A route; the fields are those of RTM_NEWROUTE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Where it leads to, `None` for everywhere.
    pub destination: Option<IpAddr>,
    /// Which family it is of: the address of the gateway may be missing.
    pub is_ipv6: bool,
    /// Bits of the destination that count.
    pub bits: u8,
    /// Who passes packets on, unless the destination is a neighbour.
    pub gateway: Option<IpAddr>,
    /// The address that packets are sent from.
    pub source: Option<IpAddr>,
    /// Number of the interface.
    pub link: u32,
    /// The lower the better.
    pub metric: u32,
    /// RT_TABLE_*
    pub table: u32,
    /// RTPROT_*
    pub protocol: u8,
    /// RT_SCOPE_*
    pub scope: u8,
    /// RTN_*
    pub kind: u8,
}

/// What there is in a network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tables {
    /// The interfaces.
    pub links: Vec<Link>,
    /// Their addresses.
    pub addresses: Vec<LinkAddress>,
    /// All tables of routes.
    pub routes: Vec<Route>,
}

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const GET_ADDRESS: u16 = 22;
const NEW_ROUTE: u16 = 24;
const GET_ROUTE: u16 = 26;
/// NLM_F_REQUEST, NLM_F_DUMP
const DUMP: u16 = 0x301;
/// Size of `struct nlmsghdr`.
const HEADER: usize = 16;
/// More objects of a kind than this are not looked at.
const MOST: usize = 4096;

/// A NETLINK_ROUTE socket of the network namespace that this thread is in. It answers for that one wherever it
/// is used.
///
/// # Errors
/// Those of socket(2).
pub fn open() -> Result<OwnedFd> {
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, 0))?;
    Ok(socket)
}

/// Asks such a socket for everything. Callers take turns.
///
/// # Errors
/// Those of the socket, or what the host answers.
pub fn read(socket: &OwnedFd) -> Result<Tables> {
    let mut tables = Tables::default();
    for (request, size) in [(GET_LINK, 16), (GET_ADDRESS, 8), (GET_ROUTE, 12)] {
        dump(socket, request, size, &mut tables)?;
    }
    Ok(tables)
}

fn dump(socket: &OwnedFd, request: u16, size: usize, tables: &mut Tables) -> Result<()> {
    let length = HEADER + size;
    let mut message = Vec::with_capacity(length);
    message.extend(u32::try_from(length).unwrap_or(0).to_ne_bytes());
    message.extend(request.to_ne_bytes());
    message.extend(DUMP.to_ne_bytes());
    // The kind is the sequence number: answers to an earlier, abandoned request are told by it.
    message.extend(u32::from(request).to_ne_bytes());
    message.resize(length, 0);
    rustix::net::send(socket.as_fd(), &message, SendFlags::empty())?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let (_, length) = rustix::net::recv(socket.as_fd(), &mut buffer[..], RecvFlags::empty())?;
        let mut rest = buffer.get(..length).unwrap_or_default();
        while let Some((kind, sequence, body, next)) = split(rest) {
            rest = next;
            match kind {
                _ if sequence != u32::from(request) => {}
                NLMSG_DONE => return Ok(()),
                NLMSG_ERROR => return Err(Errno::from_raw_os_error(-int(body).unwrap_or(-libc::EIO))),
                _ => tables.add(kind, body),
            }
        }
    }
}

fn int(bytes: &[u8]) -> Option<i32> {
    Some(i32::from_ne_bytes(*bytes.first_chunk()?))
}

fn word(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}

fn half(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// The first message: its kind, sequence number and body, and what follows it.
fn split(bytes: &[u8]) -> Option<(u16, u32, &[u8], &[u8])> {
    let length = usize::try_from(word(bytes, 0)?).ok()?;
    let body = bytes.get(HEADER..length)?;
    let rest = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((half(bytes, 4)?, word(bytes, 8)?, body, rest))
}

/// The attributes behind a message's fixed part.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    /// NLA_TYPE_MASK
    const NUMBER: u16 = 0x3fff;
    std::iter::from_fn(move || {
        let length = usize::from(half(bytes, 0)?);
        let (number, value) = (half(bytes, 2)? & NUMBER, bytes.get(4..length)?);
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((number, value))
    })
}

fn address(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => Some(IpAddr::from(*value.first_chunk::<4>()?)),
        16 => Some(IpAddr::from(*value.first_chunk::<16>()?)),
        _ => None,
    }
}

fn name(value: &[u8]) -> Vec<u8> {
    value.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
}

impl Tables {
    fn add(&mut self, kind: u16, body: &[u8]) {
        match kind {
            NEW_LINK if self.links.len() < MOST => self.links.extend(link(body)),
            NEW_ADDRESS if self.addresses.len() < MOST => self.addresses.extend(link_address(body)),
            NEW_ROUTE if self.routes.len() < MOST => self.routes.extend(route(body)),
            _ => {}
        }
    }
}

fn link(body: &[u8]) -> Option<Link> {
    let mut link = Link { hardware: half(body, 2)?, index: word(body, 4)?, flags: word(body, 8)?, ..Link::default() };
    for (number, value) in attributes(body.get(16..)?) {
        match number {
            1 => link.address = value.to_vec(),
            2 => link.broadcast = value.to_vec(),
            3 => link.name = name(value),
            4 => link.mtu = word(value, 0)?,
            6 => link.discipline = name(value),
            13 => link.queue_length = word(value, 0)?,
            16 => link.state = *value.first()?,
            23 => {
                for (place, bytes) in link.statistics.iter_mut().zip(value.as_chunks::<8>().0) {
                    *place = u64::from_ne_bytes(*bytes);
                }
            }
            _ => {}
        }
    }
    Some(link)
}

fn link_address(body: &[u8]) -> Option<LinkAddress> {
    let [_, bits, flags, scope] = *body.first_chunk()?;
    let mut flags = u32::from(flags);
    let (mut local, mut peer, mut broadcast) = (None, None, None);
    for (number, value) in attributes(body.get(8..)?) {
        match number {
            1 => peer = address(value),
            2 => local = address(value),
            4 => broadcast = address(value),
            8 => flags = word(value, 0)?,
            _ => {}
        }
    }
    Some(LinkAddress { link: word(body, 4)?, address: local.or(peer)?, bits, flags, scope, broadcast })
}

fn route(body: &[u8]) -> Option<Route> {
    let [family, bits, _, _, table, protocol, scope, kind] = *body.first_chunk()?;
    let is_ipv6 = match i32::from(family) {
        libc::AF_INET => false,
        libc::AF_INET6 => true,
        _ => return None,
    };
    let mut route = Route {
        destination: None,
        is_ipv6,
        bits,
        gateway: None,
        source: None,
        link: 0,
        metric: 0,
        table: u32::from(table),
        protocol,
        scope,
        kind,
    };
    for (number, value) in attributes(body.get(12..)?) {
        match number {
            1 => route.destination = address(value),
            4 => route.link = word(value, 0)?,
            5 => route.gateway = address(value),
            6 => route.metric = word(value, 0)?,
            7 => route.source = address(value),
            15 => route.table = word(value, 0)?,
            _ => {}
        }
    }
    Some(route)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_found() {
        let network = read(&open().unwrap()).unwrap();
        let lo = network.links.iter().find(|link| link.name == b"lo").unwrap();
        assert_eq!(lo.hardware, 772);
        assert!(network.addresses.iter().any(|address| address.link == lo.index && address.address.is_loopback()));
    }

    #[test]
    fn damaged_messages_are_left_out() {
        let mut tables = Tables::default();
        for length in 0..40 {
            for kind in [NEW_LINK, NEW_ADDRESS, NEW_ROUTE] {
                tables.add(kind, &[0xff; 40][..length]);
            }
        }
        assert_eq!(split(&[1, 0, 0, 0, 0, 0]), None);
        assert_eq!(attributes(&[3, 0, 1, 0]).count(), 0);
    }
}
