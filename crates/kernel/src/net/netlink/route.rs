//! What NETLINK_ROUTE answers; see rtnetlink(7).

use lazaret_abi::{
    errno::Errno,
    socket::family::{INET, INET6},
};
use zerocopy::FromBytes;

use crate::net::interface;

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
/// RT_SCOPE_HOST.
const SCOPE_HOST: u8 = 254;
/// IFA_F_PERMANENT.
const PERMANENT: u8 = 0x80;

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

    fn add_link(&mut self) {
        const ARRIVAL: [u8; 6] = [0; 6];
        let mut body = vec![0, 0];
        body.extend(interface::HARDWARE.to_ne_bytes());
        body.extend(interface::INDEX.to_ne_bytes());
        // IFF_LOWER_UP is shown here alone.
        body.extend((interface::FLAGS | 0x1_0000).to_ne_bytes());
        body.extend(0_u32.to_ne_bytes());
        let name = [interface::NAME, b"\0"].concat();
        self.add(
            kind::NEWLINK,
            &body,
            &[
                (3, &name),                                   // IFLA_IFNAME
                (13, &interface::QUEUE_LENGTH.to_ne_bytes()), // IFLA_TXQLEN
                (16, &[0]),                                   // IFLA_OPERSTATE: unknown
                (17, &[0]),                                   // IFLA_LINKMODE
                (4, &interface::MTU.to_ne_bytes()),           // IFLA_MTU
                (27, &0_u32.to_ne_bytes()),                   // IFLA_GROUP
                (6, b"noqueue\0"),                            // IFLA_QDISC
                (1, &ARRIVAL),                                // IFLA_ADDRESS
                (2, &ARRIVAL),                                // IFLA_BROADCAST
            ],
        );
    }

    fn add_address(&mut self, family: u32, address: &[u8], bits: u8) {
        let mut body = vec![u8::try_from(family).unwrap_or_default(), bits, PERMANENT, SCOPE_HOST];
        body.extend(interface::INDEX.to_ne_bytes());
        let name = [interface::NAME, b"\0"].concat();
        // struct ifa_cacheinfo: preferred and valid for ever.
        let mut life = [0xff; 16];
        life[8..].fill(0);
        let flags = u32::from(PERMANENT).to_ne_bytes();
        // IFA_ADDRESS, IFA_LOCAL, IFA_LABEL; IFA_CACHEINFO, IFA_FLAGS.
        let four: [(u16, &[u8]); 5] = [(1, address), (2, address), (3, &name), (6, &life), (8, &flags)];
        let six: [(u16, &[u8]); 3] = [(1, address), (6, &life), (8, &flags)];
        self.add(kind::NEWADDR, &body, if family == INET { &four } else { &six });
    }

    fn add_error(&mut self, error: Option<Errno>, request: &Request<'_>) {
        let number = error.map_or(0, |error| -error.raw());
        let shown = if error.is_some() { request.whole } else { request.whole.get(..HEADER).unwrap_or_default() };
        self.add(kind::ERROR, &[&number.to_ne_bytes(), shown].concat(), &[]);
    }
}

/// The datagrams that answer a datagram of requests of the socket with this port.
pub fn answers(mut requests: &[u8], port: u32) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    while let Some((request, rest)) = Request::parse(requests) {
        requests = rest;
        let is_dump = request.flags & flag::DUMP == flag::DUMP;
        let mut answer = Answer { bytes: Vec::new(), flags: 0, sequence: request.sequence, port };
        let result = if request.flags & flag::REQUEST == 0 || request.kind < kind::FIRST {
            Ok(())
        } else if is_dump && request.kind % 4 == 2 {
            // Types come in fours: new, delete, get, set.
            answer.flags = flag::MULTI;
            dump(&request, &mut answer);
            if !answer.bytes.is_empty() {
                answers.push(std::mem::take(&mut answer.bytes));
            }
            answer.add(kind::DONE, &0_i32.to_ne_bytes(), &[]);
            answers.push(answer.bytes);
            continue;
        } else {
            get(&request, &mut answer)
        };
        if !answer.bytes.is_empty() {
            answers.push(std::mem::take(&mut answer.bytes));
        }
        if result.is_err() || request.flags & flag::ACK != 0 {
            answer.add_error(result.err(), &request);
            answers.push(answer.bytes);
        }
    }
    answers
}

/// Everything of a kind: routes, neighbours and rules there are none.
fn dump(request: &Request<'_>, answer: &mut Answer) {
    match request.kind {
        kind::GETLINK => answer.add_link(),
        kind::GETADDR => {
            let ((four, four_bits), (six, six_bits)) = (interface::ADDRESS, interface::ADDRESS6);
            if matches!(request.family(), 0 | INET) {
                answer.add_address(INET, &four, four_bits);
            }
            if matches!(request.family(), 0 | INET6) {
                answer.add_address(INET6, &six, six_bits);
            }
        }
        _ => {}
    }
}

/// One object.
fn get(request: &Request<'_>, answer: &mut Answer) -> Result<(), Errno> {
    match request.kind {
        kind::GETLINK => {
            let body = request.body();
            let (index, _) = u32::read_from_prefix(body.get(4..).unwrap_or_default()).map_err(|_| Errno::EINVAL)?;
            let by_name = || attribute(body.get(LINK_SIZE..).unwrap_or_default(), 3).is_some_and(is_name);
            if index == interface::INDEX || index == 0 && by_name() {
                answer.add_link();
                Ok(())
            } else {
                Err(Errno::ENODEV)
            }
        }
        number if number % 4 == 2 => Err(Errno::EOPNOTSUPP),
        _ => Err(Errno::EPERM),
    }
}

fn is_name(value: &[u8]) -> bool {
    value.split(|byte| *byte == 0).next() == Some(interface::NAME)
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
