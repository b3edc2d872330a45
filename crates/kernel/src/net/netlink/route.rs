//! What NETLINK_ROUTE answers; see rtnetlink(7).

use std::net::IpAddr;

use lazaret_abi::{
    errno::Errno,
    socket::family::{INET, INET6},
};
use lazaret_hostcall::netlink::{Link, LinkAddress, Route, Tables};
use zerocopy::FromBytes;

/// Types of messages (NLMSG_*, RTM_*).
mod kind {
    pub const ERROR: u16 = 2;
    pub const DONE: u16 = 3;
    /// Lower ones are about the protocol itself.
    pub const FIRST: u16 = 16;
    pub const NEWLINK: u16 = 16;
    pub const GETLINK: u16 = 18;
    pub const NEWADDR: u16 = 20;
    pub const GETADDR: u16 = 22;
    pub const NEWROUTE: u16 = 24;
    pub const GETROUTE: u16 = 26;
}

/// Flags of messages (NLM_F_*).
mod flag {
    pub const REQUEST: u16 = 1;
    pub const MULTI: u16 = 2;
    pub const ACK: u16 = 4;
    pub const DUMP: u16 = 0x300;
}

/// Size of `struct nlmsghdr`.
const HEADER: usize = 16;
/// Size of `struct ifinfomsg`.
const LINK_SIZE: usize = 16;
/// A request.
struct Request<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    /// All of it.
    whole: &'a [u8],
}

impl<'a> Request<'a> {
    /// The first of a buffer, and the rest.
    fn parse(bytes: &'a [u8]) -> Option<(Request<'a>, &'a [u8])> {
        let (length, _) = u32::read_from_prefix(bytes).ok()?;
        let (kind, _) = u16::read_from_prefix(bytes.get(4..)?).ok()?;
        let (flags, _) = u16::read_from_prefix(bytes.get(6..)?).ok()?;
        let (sequence, _) = u32::read_from_prefix(bytes.get(8..)?).ok()?;
        let length = usize::try_from(length).ok().filter(|length| *length >= HEADER)?;
        let whole = bytes.get(..length)?;
        let rest = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((Request { kind, flags, sequence, whole }, rest))
    }

    fn body(&self) -> &'a [u8] {
        self.whole.get(HEADER..).unwrap_or_default()
    }

    /// What all messages about a family begin with.
    fn family(&self) -> u32 {
        self.body().first().copied().map_or(0, u32::from)
    }
}

/// Messages for one who asked.
struct Answer {
    bytes: Vec<u8>,
    flags: u16,
    sequence: u32,
    port: u32,
}

impl Answer {
    fn add(&mut self, kind: u16, body: &[u8], attributes: &[(u16, &[u8])]) {
        let mut message = body.to_vec();
        for (number, value) in attributes {
            // The values are ours, and short.
            let length = u16::try_from(4 + value.len()).unwrap_or_default();
            message.extend(length.to_ne_bytes());
            message.extend(number.to_ne_bytes());
            message.extend(*value);
            message.resize(message.len().next_multiple_of(4), 0);
        }
        let length = u32::try_from(HEADER + message.len()).unwrap_or_default();
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(self.flags.to_ne_bytes());
        self.bytes.extend(self.sequence.to_ne_bytes());
        self.bytes.extend(self.port.to_ne_bytes());
        self.bytes.extend(message);
    }

    fn add_link(&mut self, link: &Link) {
        let mut body = vec![0, 0];
        body.extend(link.hardware.to_ne_bytes());
        body.extend(link.index.to_ne_bytes());
        body.extend(link.flags.to_ne_bytes());
        body.extend(0_u32.to_ne_bytes());
        let name = [&link.name[..], b"\0"].concat();
        let discipline = [&link.discipline[..], b"\0"].concat();
        self.add(
            kind::NEWLINK,
            &body,
            &[
                (3, &name),                             // IFLA_IFNAME
                (13, &link.queue_length.to_ne_bytes()), // IFLA_TXQLEN
                (16, &[link.state]),                    // IFLA_OPERSTATE
                (17, &[0]),                             // IFLA_LINKMODE
                (4, &link.mtu.to_ne_bytes()),           // IFLA_MTU
                (27, &0_u32.to_ne_bytes()),             // IFLA_GROUP
                (6, &discipline),                       // IFLA_QDISC
                (1, &link.address),                     // IFLA_ADDRESS
                (2, &link.broadcast),                   // IFLA_BROADCAST
            ],
        );
    }

    fn add_address(&mut self, entry: &LinkAddress, tables: &Tables) {
        let family = family_of(entry.address);
        // The byte has room for the older flags only.
        let mut body = vec![family, entry.bits, entry.flags.to_ne_bytes()[0], entry.scope];
        body.extend(entry.link.to_ne_bytes());
        let name = tables.links.iter().find(|link| link.index == entry.link).map_or(&b""[..], |link| &link.name);
        let name = [name, b"\0"].concat();
        let (address, broadcast) = (octets(entry.address), entry.broadcast.map(octets));
        // struct ifa_cacheinfo: preferred and valid for ever.
        let mut life = [0xff; 16];
        life[8..].fill(0);
        let flags = entry.flags.to_ne_bytes();
        // IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST, IFA_LABEL; IFA_CACHEINFO, IFA_FLAGS.
        let mut attributes: Vec<(u16, &[u8])> = vec![(1, &address)];
        if entry.address.is_ipv4() {
            attributes.push((2, &address));
            attributes.extend(broadcast.as_ref().map(|broadcast| (4, &broadcast[..])));
            attributes.push((3, &name));
        }
        attributes.extend([(6, &life[..]), (8, &flags[..])]);
        self.add(kind::NEWADDR, &body, &attributes);
    }

    fn add_route(&mut self, route: &Route) {
        let family = if route.is_ipv6 { INET6 } else { INET };
        let table = u8::try_from(route.table).unwrap_or_default();
        let family = u8::try_from(family).unwrap_or_default();
        let mut body = vec![family, route.bits, 0, 0, table, route.protocol, route.scope, route.kind];
        body.extend(0_u32.to_ne_bytes());
        let [destination, gateway, source] = [route.destination, route.gateway, route.source].map(|ip| ip.map(octets));
        let (table, link, metric) = (route.table.to_ne_bytes(), route.link.to_ne_bytes(), route.metric.to_ne_bytes());
        // RTA_TABLE, RTA_DST, RTA_PRIORITY, RTA_PREFSRC, RTA_GATEWAY, RTA_OIF.
        let attributes = [
            Some((15, &table[..])),
            destination.as_deref().map(|value| (1, value)),
            (route.metric != 0).then_some((6, &metric[..])),
            source.as_deref().map(|value| (7, value)),
            gateway.as_deref().map(|value| (5, value)),
            (route.link != 0).then_some((4, &link[..])),
        ];
        self.add(kind::NEWROUTE, &body, &attributes.into_iter().flatten().collect::<Vec<_>>());
    }

    fn add_error(&mut self, error: Option<Errno>, request: &Request<'_>) {
        let number = error.map_or(0, |error| -error.raw());
        let shown = if error.is_some() { request.whole } else { request.whole.get(..HEADER).unwrap_or_default() };
        self.add(kind::ERROR, &[&number.to_ne_bytes(), shown].concat(), &[]);
    }
}

fn family_of(address: IpAddr) -> u8 {
    u8::try_from(if address.is_ipv4() { INET } else { INET6 }).unwrap_or_default()
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// Gives the datagrams that answer a datagram of requests of the socket with this port. What follows one that finds no
/// room is not worked off: many requests would make much of little.
pub fn answer(tables: &Tables, mut requests: &[u8], port: u32, mut give: impl FnMut(Vec<u8>) -> bool) {
    while let Some((request, rest)) = Request::parse(requests) {
        requests = rest;
        if !answers(tables, &request, port).into_iter().all(&mut give) {
            return;
        }
    }
}

/// The datagrams that answer a request.
fn answers(tables: &Tables, request: &Request<'_>, port: u32) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    let is_dump = request.flags & flag::DUMP == flag::DUMP;
    let mut answer = Answer { bytes: Vec::new(), flags: 0, sequence: request.sequence, port };
    let result = if request.flags & flag::REQUEST == 0 || request.kind < kind::FIRST {
        Ok(())
    } else if is_dump && request.kind % 4 == 2 {
        // Types come in fours: new, delete, get, set.
        answer.flags = flag::MULTI;
        dump(tables, request, &mut answer, &mut answers);
        answer.add(kind::DONE, &0_i32.to_ne_bytes(), &[]);
        answers.push(answer.bytes);
        return answers;
    } else {
        get(tables, request, &mut answer)
    };
    if !answer.bytes.is_empty() {
        answers.push(std::mem::take(&mut answer.bytes));
    }
    if result.is_err() || request.flags & flag::ACK != 0 {
        answer.add_error(result.err(), request);
        answers.push(answer.bytes);
    }
    answers
}

/// A datagram of answers is not made longer than this by another one: callers have room for so much.
const PIECE: usize = 4096;

/// Everything of a kind: neighbours and rules there are none.
fn dump(tables: &Tables, request: &Request<'_>, answer: &mut Answer, answers: &mut Vec<Vec<u8>>) {
    let family = request.family();
    let wanted = |is_ipv6: bool| matches!((family, is_ipv6), (0, _) | (INET, false) | (INET6, true));
    let mut finish = |answer: &mut Answer, least: usize| {
        if answer.bytes.len() >= least {
            answers.push(std::mem::take(&mut answer.bytes));
        }
    };
    match request.kind {
        kind::GETLINK => {
            for link in &tables.links {
                answer.add_link(link);
                finish(answer, PIECE / 2);
            }
        }
        kind::GETADDR => {
            // IPv4 first, as Linux has it.
            for is_ipv6 in [false, true] {
                for entry in tables.addresses.iter().filter(|entry| entry.address.is_ipv6() == is_ipv6) {
                    if wanted(is_ipv6) {
                        answer.add_address(entry, tables);
                        finish(answer, PIECE / 2);
                    }
                }
            }
        }
        kind::GETROUTE => {
            for route in tables.routes.iter().filter(|route| wanted(route.is_ipv6)) {
                answer.add_route(route);
                finish(answer, PIECE / 2);
            }
        }
        _ => {}
    }
    finish(answer, 1);
}

/// One object.
fn get(tables: &Tables, request: &Request<'_>, answer: &mut Answer) -> Result<(), Errno> {
    match request.kind {
        kind::GETLINK => {
            let body = request.body();
            let (index, _) = u32::read_from_prefix(body.get(4..).unwrap_or_default()).map_err(|_| Errno::EINVAL)?;
            let name = attribute(body.get(LINK_SIZE..).unwrap_or_default(), 3);
            let name = name.and_then(|value| value.split(|byte| *byte == 0).next());
            let is_meant = |link: &&Link| if index == 0 { name == Some(&link.name) } else { link.index == index };
            answer.add_link(tables.links.iter().find(is_meant).ok_or(Errno::ENODEV)?);
            Ok(())
        }
        number if number % 4 == 2 => Err(Errno::EOPNOTSUPP),
        _ => Err(Errno::EPERM),
    }
}

/// The value of an attribute.
fn attribute(mut attributes: &[u8], number: u16) -> Option<&[u8]> {
    loop {
        let (length, rest) = u16::read_from_prefix(attributes).ok()?;
        let (found, _) = u16::read_from_prefix(rest).ok()?;
        let length = usize::from(length);
        let value = attributes.get(4..length)?;
        if found == number {
            return Some(value);
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::interface::loopback;

    fn answers(requests: &[u8], port: u32) -> Vec<Vec<u8>> {
        let mut answers = Vec::new();
        answer(&loopback(), requests, port, |answer| {
            answers.push(answer);
            true
        });
        answers
    }

    fn request(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
        let mut asked = Answer { bytes: Vec::new(), flags, sequence: 7, port: 0 };
        asked.add(kind, body, &[]);
        asked.bytes
    }

    #[test]
    fn dumps_end_with_done() {
        let found = answers(&request(kind::GETADDR, flag::REQUEST | flag::DUMP, &[0; 8]), 5);
        assert_eq!(found.len(), 2);
        let (first, rest) = Request::parse(&found[0]).unwrap();
        assert_eq!((first.kind, first.sequence, first.family()), (kind::NEWADDR, 7, INET));
        assert_eq!(attribute(&first.body()[8..], 2), Some(&[127, 0, 0, 1][..]));
        assert_eq!(Request::parse(rest).unwrap().0.family(), INET6);
        assert_eq!(Request::parse(&found[1]).unwrap().0.kind, kind::DONE);
    }

    #[test]
    fn what_finds_no_room_is_the_last() {
        let requests = request(kind::GETLINK, flag::REQUEST | flag::DUMP, &[0; 8]).repeat(1000);
        let mut given = 0;
        answer(&loopback(), &requests, 5, |_| {
            given += 1;
            given < 4
        });
        assert_eq!(given, 4);
        assert_eq!(answers(&requests, 5).len(), 2000);
    }

    #[test]
    fn malformed_requests_are_harmless() {
        assert!(answers(&[1, 2, 3], 1).is_empty());
        assert!(answers(&[0xff; 40], 1).is_empty());
        assert!(answers(&[0; 64], 1).is_empty());
        let whole = request(kind::GETLINK, flag::REQUEST, &[]);
        assert_eq!(answers(&whole, 1).len(), 1);
        assert_eq!(attribute(&[0, 0, 3, 0, 0, 0, 0, 0], 3), None);
        assert_eq!(attribute(&[3, 0, 3, 0], 3), None);
    }
}
