//! Changes of a network namespace.

use std::{
    net::IpAddr,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    io::{Errno, Result},
    net::{RecvFlags, SendFlags},
};

use super::{HEADER, LinkAddress, NEW_ADDRESS, NEW_LINK, NEW_ROUTE, NLMSG_ERROR, Route, int, split};

const REMOVE_LINK: u16 = 17;
const REMOVE_ADDRESS: u16 = 21;
/// NLM_F_REQUEST, NLM_F_ACK
const ACKNOWLEDGED: u16 = 0x5;
/// NLM_F_EXCL, NLM_F_CREATE
const MAKE: u16 = 0x600;
/// IFF_UP
const UP: u32 = 1;

/// A request that is being put together.
struct Message(Vec<u8>);

impl Message {
    fn new(kind: u16, flags: u16, body: &[u8]) -> Message {
        let mut bytes = vec![0; 4];
        bytes.extend(kind.to_ne_bytes());
        bytes.extend((flags | ACKNOWLEDGED).to_ne_bytes());
        // The kind is the sequence number, as in all requests.
        bytes.extend(u32::from(kind).to_ne_bytes());
        bytes.resize(HEADER, 0);
        bytes.extend(body);
        Message(bytes)
    }

    fn with(mut self, number: u16, value: &[u8]) -> Message {
        self.0.extend(attribute(number, value));
        self
    }

    /// Sends it; the answer tells how it went.
    fn send(mut self, socket: &OwnedFd) -> Result<()> {
        let length = u32::try_from(self.0.len()).map_err(|_| Errno::MSGSIZE)?;
        let sequence = self.0.get(4..6).and_then(|kind| Some(u16::from_ne_bytes(*kind.first_chunk()?)));
        if let Some(place) = self.0.get_mut(..4) {
            place.copy_from_slice(&length.to_ne_bytes());
        }
        rustix::net::send(socket.as_fd(), &self.0, SendFlags::empty())?;
        let mut buffer = vec![0; 8 << 10];
        loop {
            let (_, length) = rustix::net::recv(socket.as_fd(), &mut buffer[..], RecvFlags::empty())?;
            let mut rest = buffer.get(..length).unwrap_or_default();
            while let Some((kind, number, body, next)) = split(rest) {
                rest = next;
                if kind == NLMSG_ERROR && Some(number) == sequence.map(u32::from) {
                    return match int(body).unwrap_or(-libc::EIO) {
                        0 => Ok(()),
                        error => Err(Errno::from_raw_os_error(-error)),
                    };
                }
            }
        }
    }
}

fn attribute(number: u16, value: &[u8]) -> Vec<u8> {
    // The values are ours, and short.
    let length = u16::try_from(4 + value.len()).unwrap_or_default();
    let mut bytes = [&length.to_ne_bytes()[..], &number.to_ne_bytes(), value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn family(is_ipv6: bool) -> u8 {
    u8::try_from(if is_ipv6 { libc::AF_INET6 } else { libc::AF_INET }).unwrap_or_default()
}

fn of_address(kind: u16, flags: u16, entry: &LinkAddress) -> Message {
    let mut body = vec![family(entry.address.is_ipv6()), entry.bits, 0, entry.scope];
    body.extend(entry.link.to_ne_bytes());
    let address = octets(entry.address);
    // IFA_LOCAL, IFA_ADDRESS, IFA_BROADCAST
    let message = Message::new(kind, flags, &body).with(2, &address).with(1, &address);
    match entry.broadcast {
        Some(broadcast) => message.with(4, &octets(broadcast)),
        None => message,
    }
}

/// Takes an address away from an interface. `socket` is one of [`super::open`].
///
/// # Errors
/// Those of the host: `EPERM` without CAP_NET_ADMIN there.
pub fn remove_address(socket: &OwnedFd, entry: &LinkAddress) -> Result<()> {
    of_address(REMOVE_ADDRESS, 0, entry).send(socket)
}

/// Gives an address to an interface. That it is new and may be somebody else's is not looked into.
///
/// # Errors
/// Those of the host.
pub fn add_address(socket: &OwnedFd, entry: &LinkAddress) -> Result<()> {
    /// IFA_F_NODAD
    const UNCHECKED: u32 = 2;
    let message = of_address(NEW_ADDRESS, MAKE, entry);
    let message = if entry.address.is_ipv6() { message.with(8, &UNCHECKED.to_ne_bytes()) } else { message };
    message.send(socket)
}

/// Adds a route.
///
/// # Errors
/// Those of the host.
pub fn add_route(socket: &OwnedFd, route: &Route) -> Result<()> {
    let table = u8::try_from(route.table).unwrap_or_default();
    let body = [family(route.is_ipv6), route.bits, 0, 0, table, route.protocol, route.scope, route.kind, 0, 0, 0, 0];
    // RTA_TABLE, RTA_OIF, RTA_DST, RTA_GATEWAY, RTA_PREFSRC, RTA_PRIORITY
    let mut message = Message::new(NEW_ROUTE, MAKE, &body).with(15, &route.table.to_ne_bytes());
    if route.link != 0 {
        message = message.with(4, &route.link.to_ne_bytes());
    }
    for (number, address) in [(1, route.destination), (5, route.gateway), (7, route.source)] {
        if let Some(address) = address {
            message = message.with(number, &octets(address));
        }
    }
    if route.metric != 0 {
        message = message.with(6, &route.metric.to_ne_bytes());
    }
    message.send(socket)
}

/// `struct ifinfomsg` of an interface, with flags to change.
fn interface(index: u32, flags: u32) -> Vec<u8> {
    [&[0; 4][..], &index.to_ne_bytes(), &flags.to_ne_bytes(), &flags.to_ne_bytes()].concat()
}

fn text(name: &str) -> Vec<u8> {
    [name.as_bytes(), b"\0"].concat()
}

/// Makes two interfaces that are each other's other end: `name` here, and `peer` in another network namespace.
///
/// # Errors
/// Those of the host: `EOPNOTSUPP` if it has no interfaces of type veth.
pub fn make_pair(socket: &OwnedFd, name: &str, peer: &str, namespace: BorrowedFd<'_>) -> Result<()> {
    use std::os::fd::AsRawFd;
    // IFLA_IFNAME, IFLA_NET_NS_FD
    let mut other = interface(0, 0);
    other.extend(attribute(3, &text(peer)));
    other.extend(attribute(28, &namespace.as_raw_fd().to_ne_bytes()));
    // VETH_INFO_PEER in IFLA_INFO_DATA beside IFLA_INFO_KIND
    let mut info = attribute(1, b"veth");
    info.extend(attribute(2, &attribute(1, &other)));
    // IFLA_IFNAME, IFLA_LINKINFO
    Message::new(NEW_LINK, MAKE, &interface(0, 0)).with(3, &text(name)).with(18, &info).send(socket)
}

/// Removes an interface.
///
/// # Errors
/// Those of the host: `ENODEV` if it is not there.
pub fn remove_link(socket: &OwnedFd, index: u32) -> Result<()> {
    Message::new(REMOVE_LINK, 0, &interface(index, 0)).send(socket)
}

/// Switches an interface on.
///
/// # Errors
/// Those of the host.
pub fn set_up(socket: &OwnedFd, index: u32) -> Result<()> {
    Message::new(NEW_LINK, 0, &interface(index, UP)).send(socket)
}
