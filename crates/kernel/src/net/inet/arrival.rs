//! What is told beside a datagram, to those who have asked; see ip(7), ipv6(7).

use std::net::{IpAddr, Ipv6Addr};

use lazaret_abi::socket::{family, ip, ipv6, level};

use super::levels::Levels;
use crate::net::control::{Control, Other};

/// How a datagram has arrived.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Hops that it might still make.
    pub ttl: u8,
    /// Type of service, or traffic class.
    pub class: u8,
    /// Number of the interface.
    pub link: u32,
    /// The address that it was sent to.
    pub to: IpAddr,
}

impl Arrival {
    /// By the loopback interface.
    pub fn inside(to: IpAddr) -> Arrival {
        Arrival { ttl: 64, class: 0, link: 1, to }
    }

    /// What a socket of `domain` with these options is told.
    pub fn control(&self, domain: u32, levels: &Levels) -> Control {
        let mut others = Vec::new();
        let wants = |level, option| levels.value(level, option) != 0;
        let mut tell = |level, kind, data: &[u8]| others.push(Other { level, kind, data: data.to_vec() });
        let (ttl, class) = (i32::from(self.ttl).to_ne_bytes(), i32::from(self.class).to_ne_bytes());
        if let IpAddr::V4(to) = self.to {
            if wants(level::IP, ip::PKTINFO) {
                let octets = to.octets();
                tell(level::IP, ip::PKTINFO, &[&self.link.to_ne_bytes()[..], &octets, &octets].concat());
            }
            if wants(level::IP, ip::RECVTTL) {
                tell(level::IP, ip::TTL, &ttl);
            }
            if wants(level::IP, ip::RECVTOS) {
                tell(level::IP, ip::TOS, &[self.class]);
            }
        }
        if domain == family::INET6 {
            let to: Ipv6Addr = match self.to {
                IpAddr::V4(to) => to.to_ipv6_mapped(),
                IpAddr::V6(to) => to,
            };
            if wants(level::IPV6, ipv6::RECVPKTINFO) {
                tell(level::IPV6, ipv6::PKTINFO, &[&to.octets()[..], &self.link.to_ne_bytes()].concat());
            }
            if wants(level::IPV6, ipv6::RECVHOPLIMIT) {
                tell(level::IPV6, ipv6::HOPLIMIT, &ttl);
            }
            if wants(level::IPV6, ipv6::RECVTCLASS) {
                tell(level::IPV6, ipv6::TCLASS, &class);
            }
        }
        Control { others, ..Control::default() }
    }
}
