//! Socket addresses; see unix(7), ip(7), ipv6(7), netlink(7).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use lazaret_abi::{
    errno::Errno,
    socket::{SockAddrIn, SockAddrIn6, SockAddrNl, UNIX_PATH_MAX, family},
};
use zerocopy::{FromBytes, IntoBytes};

/// Name of a Unix socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum UnixName {
    /// It has none.
    #[default]
    Unnamed,
    /// A file.
    Path(Vec<u8>),
    /// A name in the abstract namespace, without the leading zero.
    Abstract(Vec<u8>),
}

/// A socket address of any family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// AF_UNSPEC: dissolves an association.
    Unspecified,
    /// AF_UNIX.
    Unix(UnixName),
    /// AF_INET and AF_INET6.
    Inet(SocketAddr),
    /// AF_NETLINK: port and groups.
    Netlink(u32, u32),
}

/// Size of the family at the start of each address.
const FAMILY: usize = size_of::<u16>();

impl Address {
    /// An address as the application gives it.
    ///
    /// # Errors
    /// `EINVAL` for a wrong length, `EAFNOSUPPORT` for a family that does not exist.
    pub fn parse(bytes: &[u8]) -> Result<Address, Errno> {
        let (number, rest) = u16::read_from_prefix(bytes).map_err(|_| Errno::EINVAL)?;
        match u32::from(number) {
            family::UNSPEC => Ok(Address::Unspecified),
            family::UNIX if rest.len() > UNIX_PATH_MAX => Err(Errno::EINVAL),
            family::UNIX => Ok(Address::Unix(match rest {
                [] => UnixName::Unnamed,
                [0, name @ ..] => UnixName::Abstract(name.to_vec()),
                path => UnixName::Path(path.split(|byte| *byte == 0).next().unwrap_or(path).to_vec()),
            })),
            family::INET => {
                let (raw, _) = SockAddrIn::read_from_prefix(bytes).map_err(|_| Errno::EINVAL)?;
                let address = SocketAddrV4::new(Ipv4Addr::from(raw.address), u16::from_be_bytes(raw.port));
                Ok(Address::Inet(address.into()))
            }
            family::INET6 => {
                // The scope is younger than the rest and may be missing; RFC 2133.
                const WITHOUT_SCOPE: usize = 24;
                let mut whole = [0; size_of::<SockAddrIn6>()];
                let length = bytes.len().min(whole.len());
                if length < WITHOUT_SCOPE {
                    return Err(Errno::EINVAL);
                }
                whole[..length].copy_from_slice(&bytes[..length]);
                let raw = SockAddrIn6::read_from_bytes(&whole).map_err(|_| Errno::EINVAL)?;
                let (port, flow) = (u16::from_be_bytes(raw.port), u32::from_be_bytes(raw.flow));
                Ok(Address::Inet(SocketAddrV6::new(Ipv6Addr::from(raw.address), port, flow, raw.scope).into()))
            }
            family::NETLINK => {
                let (raw, _) = SockAddrNl::read_from_prefix(bytes).map_err(|_| Errno::EINVAL)?;
                Ok(Address::Netlink(raw.port, raw.groups))
            }
            _ => Err(Errno::EAFNOSUPPORT),
        }
    }

    /// The address as the application gets it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let number = |family: u32| u16::try_from(family).unwrap_or(0);
        match self {
            Address::Unspecified => number(family::UNSPEC).to_ne_bytes().to_vec(),
            Address::Unix(name) => {
                let mut bytes = number(family::UNIX).to_ne_bytes().to_vec();
                match name {
                    UnixName::Unnamed => {}
                    UnixName::Path(path) => {
                        bytes.extend_from_slice(path);
                        bytes.push(0);
                    }
                    UnixName::Abstract(name) => {
                        bytes.push(0);
                        bytes.extend_from_slice(name);
                    }
                }
                bytes
            }
            Address::Inet(SocketAddr::V4(address)) => SockAddrIn {
                family: number(family::INET),
                port: address.port().to_be_bytes(),
                address: address.ip().octets(),
                pad: [0; 8],
            }
            .as_bytes()
            .to_vec(),
            Address::Inet(SocketAddr::V6(address)) => SockAddrIn6 {
                family: number(family::INET6),
                port: address.port().to_be_bytes(),
                flow: address.flowinfo().to_be_bytes(),
                address: address.ip().octets(),
                scope: address.scope_id(),
            }
            .as_bytes()
            .to_vec(),
            Address::Netlink(port, groups) => {
                SockAddrNl { family: number(family::NETLINK), pad: 0, port: *port, groups: *groups }.as_bytes().to_vec()
            }
        }
    }

    /// Length of the family field.
    pub const FAMILY_LENGTH: usize = FAMILY;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_round_trip() {
        for address in [
            Address::Unspecified,
            Address::Unix(UnixName::Unnamed),
            Address::Unix(UnixName::Path(b"/tmp/x".to_vec())),
            Address::Unix(UnixName::Abstract(b"a\0b".to_vec())),
            Address::Inet("127.0.0.1:80".parse().unwrap()),
            Address::Inet("[::1]:8080".parse().unwrap()),
            Address::Netlink(7, 1),
        ] {
            assert_eq!(Address::parse(&address.to_bytes()), Ok(address));
        }
    }

    #[test]
    fn wrong_addresses_are_refused() {
        assert_eq!(Address::parse(&[1]), Err(Errno::EINVAL));
        assert_eq!(Address::parse(&[2, 0, 0, 80, 127, 0, 0, 1]), Err(Errno::EINVAL));
        assert_eq!(Address::parse(&[99, 0]), Err(Errno::EAFNOSUPPORT));
        assert_eq!(Address::parse(&[1; 2 + UNIX_PATH_MAX + 1]), Err(Errno::EAFNOSUPPORT));
        let mut long = vec![1, 0];
        long.resize(2 + UNIX_PATH_MAX + 1, b'x');
        assert_eq!(Address::parse(&long), Err(Errno::EINVAL));
    }
}
