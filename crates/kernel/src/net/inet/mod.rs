//! AF_INET and AF_INET6 sockets; see ip(7), ipv6(7), tcp(7), udp(7).
//!
//! With the host's network they are sockets of the host. Else sockets of the sandbox that talk to each other are
//! connected directly: no packet is ever made, but what tcp(7) lets a program see is as ever. Whatever is not for an
//! address of the sandbox goes over its links, if it has any; see [`super::stack`].
//!
//! Addresses are kept in one form: an IPv4 address stays one, whatever the socket's family is, and
//! is mapped when an IPv6 socket shows it.

pub mod arrival;
pub mod levels;
mod listener;
pub mod packets;
mod ports;
mod remote;
pub mod tcp;
#[cfg(test)]
mod tests;
pub mod udp;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use lazaret_abi::{
    errno::Errno,
    socket::{family, kind, protocol},
};

use self::{packets::PacketSocket, tcp::TcpSocket, udp::UdpSocket};
use super::{Address, Network, Socket, host::HostSocket, stack::Stack};
use crate::{
    sync::Arc,
    task::{
        Task,
        creds::{Creds, cap},
    },
};

/// A new socket.
///
/// # Errors
/// `EPROTONOSUPPORT`, `ESOCKTNOSUPPORT`; `EPERM` and `EACCES` for raw sockets; those of the host where it makes
/// the socket.
pub fn create(task: &Task, domain: u32, kind: u32, number: u32) -> Result<Arc<dyn Socket>, Errno> {
    let network = &task.kernel().network;
    match kind {
        kind::STREAM | kind::DGRAM if network.is_host() => Ok(HostSocket::new(domain, kind, number)?),
        _ => create_own(network, &task.creds(), domain, kind, number),
    }
}

/// A socket of this kernel's own.
pub(super) fn create_own(
    network: &Arc<Network>,
    creds: &Creds,
    domain: u32,
    kind: u32,
    number: u32,
) -> Result<Arc<dyn Socket>, Errno> {
    match (kind, number) {
        (kind::STREAM, protocol::IP | protocol::TCP) => Ok(TcpSocket::new(network, domain)),
        (kind::DGRAM, protocol::IP | protocol::UDP) => Ok(UdpSocket::new(network, domain)),
        (kind::DGRAM, protocol::ICMP) if domain == family::INET => PacketSocket::ping(network, creds, domain),
        (kind::DGRAM, protocol::ICMPV6) if domain == family::INET6 => PacketSocket::ping(network, creds, domain),
        (kind::STREAM | kind::DGRAM, _) => Err(Errno::EPROTONOSUPPORT),
        (kind::RAW, _) if !creds.has(cap::NET_RAW) => Err(Errno::EPERM),
        (kind::RAW, _) if network.is_host() => Err(Errno::EPROTONOSUPPORT),
        (kind::RAW, _) => PacketSocket::raw(network, domain, number),
        _ => Err(Errno::ESOCKTNOSUPPORT),
    }
}

/// An address without the IPv4-in-IPv6 disguise.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// An address as a socket of `domain` shows it.
fn shown(domain: u32, address: SocketAddr) -> Address {
    Address::Inet(match address {
        SocketAddr::V4(v4) if domain == family::INET6 => {
            SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0).into()
        }
        other => other,
    })
}

/// The address that an unbound socket of `domain` has.
fn unspecified(domain: u32) -> SocketAddr {
    let ip: IpAddr = if domain == family::INET6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    SocketAddr::new(ip, 0)
}

/// The address in an argument to a socket of `domain`.
fn address_of(domain: u32, address: &Address) -> Result<SocketAddr, Errno> {
    match (domain, address) {
        (family::INET, Address::Inet(address @ SocketAddr::V4(_))) => Ok(*address),
        (family::INET6, Address::Inet(address @ SocketAddr::V6(_))) => Ok(*address),
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

/// Where packets go.
#[derive(Clone, Copy)]
struct Route<'a> {
    to: SocketAddr,
    /// Where they come from, unless the socket has an address.
    from: IpAddr,
    /// Over a link; none for what stays in the sandbox.
    link: Option<&'a Arc<Stack>>,
}

impl Route<'_> {
    /// The address from which a socket sends.
    ///
    /// # Errors
    /// `EINVAL` for one that does not lead out.
    fn source(&self, bound: SocketAddr) -> Result<IpAddr, Errno> {
        match bound.ip() {
            ip if ip.is_unspecified() || ip.is_ipv4() != self.from.is_ipv4() => Ok(self.from),
            ip if ip.is_loopback() && self.link.is_some() => Err(Errno::EINVAL),
            ip => Ok(ip),
        }
    }
}

/// Where a packet for `address` goes.
///
/// # Errors
/// `ENETUNREACH` when no link leads there.
fn route(network: &Network, address: SocketAddr, v6_only: bool) -> Result<Route<'_>, Errno> {
    let plain = plain(address);
    if v6_only && address.is_ipv6() && plain.is_ipv4() {
        return Err(Errno::ENETUNREACH);
    }
    let own: IpAddr = if plain.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    let stack = network.stack();
    match plain.ip() {
        ip if ip.is_unspecified() => Ok(Route { to: SocketAddr::new(own, plain.port()), from: own, link: None }),
        ip if ip.is_loopback() => Ok(Route { to: plain, from: own, link: None }),
        ip if stack.is_some_and(|stack| stack.is_own(ip)) => Ok(Route { to: plain, from: ip, link: None }),
        ip => {
            let stack = stack.ok_or(Errno::ENETUNREACH)?;
            let way = stack.way(ip).ok_or(Errno::ENETUNREACH)?;
            Ok(Route { to: plain, from: way.source, link: Some(stack) })
        }
    }
}

/// Checks an address that is to be bound.
///
/// # Errors
/// `EADDRNOTAVAIL` when it is not ours, `EACCES` for a port below 1024 without
/// CAP_NET_BIND_SERVICE.
fn check_bind(network: &Network, address: SocketAddr, v6_only: bool) -> Result<SocketAddr, Errno> {
    let plain = plain(address);
    if v6_only && address.is_ipv6() && plain.is_ipv4() {
        return Err(Errno::EINVAL);
    }
    let ip = plain.ip();
    let is_own = ip.is_unspecified() || ip.is_loopback() || network.stack().is_some_and(|stack| stack.is_own(ip));
    if !is_own {
        return Err(Errno::EADDRNOTAVAIL);
    }
    let first_unprivileged = network.settings.lock().first_unprivileged;
    let privileged = Task::try_current().is_none_or(|task| task.creds().has(cap::NET_BIND_SERVICE));
    if plain.port() != 0 && plain.port() < first_unprivileged && !privileged {
        return Err(Errno::EACCES);
    }
    Ok(plain)
}
