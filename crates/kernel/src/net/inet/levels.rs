//! Options of the levels IP, IPv6, TCP and UDP: kept, and shown again. Few of them matter where no
//! packet is made.

use std::collections::BTreeMap;

use lazaret_abi::{
    errno::Errno,
    socket::{family, ip, ipv6, level, tcp},
};

use crate::{net::options::int, sync::Mutex};

/// Values that were set, by level and option.
#[derive(Default)]
pub struct Levels(Mutex<BTreeMap<(u32, u32), i32>>);

/// The default of an option that is an `int` without further meaning here.
fn default(number_level: u32, number: u32) -> Option<i32> {
    Some(match (number_level, number) {
        (level::TCP, tcp::NODELAY | tcp::CORK | tcp::DEFER_ACCEPT | tcp::WINDOW_CLAMP) => 0,
        (level::TCP, tcp::USER_TIMEOUT | tcp::FASTOPEN) => 0,
        (level::TCP, tcp::QUICKACK) => 1,
        (level::TCP, tcp::MAXSEG) => 536,
        (level::TCP, tcp::KEEPIDLE) => 7200,
        (level::TCP, tcp::KEEPINTVL) => 75,
        (level::TCP, tcp::KEEPCNT) => 9,
        (level::TCP, tcp::SYNCNT) => 6,
        (level::TCP, tcp::LINGER2) => 60,
        (level::IP, ip::TOS | ip::PKTINFO | ip::RECVERR | ip::RECVTTL | ip::RECVTOS | ip::FREEBIND) => 0,
        (level::IP, ip::BIND_ADDRESS_NO_PORT | ip::RECVOPTS | ip::RETOPTS | ip::HDRINCL) => 0,
        (level::IP, ip::TTL) => 64,
        (level::IP, ip::MTU_DISCOVER | ip::MULTICAST_TTL | ip::MULTICAST_LOOP) => 1,
        (level::IPV6, ipv6::V6ONLY | ipv6::RECVERR | ipv6::RECVPKTINFO | ipv6::RECVHOPLIMIT) => 0,
        (level::IPV6, ipv6::RECVTCLASS | ipv6::TCLASS | ipv6::MULTICAST_IF) => 0,
        (level::IPV6, ipv6::UNICAST_HOPS) => 64,
        (level::IPV6, ipv6::MTU_DISCOVER | ipv6::MULTICAST_HOPS | ipv6::MULTICAST_LOOP) => 1,
        _ => return None,
    })
}

/// Whether an option fits a socket of this family and protocol level.
fn check(domain: u32, transport: u32, number_level: u32) -> Result<(), Errno> {
    match number_level {
        level::IP => Ok(()),
        level::IPV6 if domain == family::INET6 => Ok(()),
        transport_level if transport_level == transport => Ok(()),
        _ => Err(Errno::ENOPROTOOPT),
    }
}

/// Whether getsockopt(2) of a level fits such a socket.
///
/// # Errors
/// Those of each family when it does not.
pub fn check_reading(domain: u32, transport: u32, number_level: u32) -> Result<(), Errno> {
    let other = number_level != level::SOCKET;
    let error = if other && domain == family::INET { Errno::EOPNOTSUPP } else { Errno::ENOPROTOOPT };
    check(domain, transport, number_level).map_err(|_| error)
}

/// Allowed values of an option.
fn is_valid(number_level: u32, number: u32, value: i32) -> bool {
    match (number_level, number) {
        (level::TCP, tcp::KEEPIDLE | tcp::KEEPINTVL) => (1..=32_767).contains(&value),
        (level::TCP, tcp::KEEPCNT | tcp::SYNCNT) => (1..=127).contains(&value),
        (level::TCP, tcp::MAXSEG) => value == 0 || (88..=32_767).contains(&value),
        (level::TCP, tcp::USER_TIMEOUT | tcp::FASTOPEN) => value >= 0,
        (level::IP, ip::TTL) => value == -1 || (1..=255).contains(&value),
        (level::IP, ip::TOS | ip::MULTICAST_TTL) => (-1..=255).contains(&value),
        (level::IPV6, ipv6::UNICAST_HOPS | ipv6::MULTICAST_HOPS | ipv6::TCLASS) => (-1..=255).contains(&value),
        _ => true,
    }
}

impl Levels {
    /// The value of an option.
    pub fn value(&self, number_level: u32, number: u32) -> i32 {
        let set = self.0.lock().get(&(number_level, number)).copied();
        set.or_else(|| default(number_level, number)).unwrap_or(0)
    }

    /// IPV6_V6ONLY is set.
    pub fn v6_only(&self) -> bool {
        self.value(level::IPV6, ipv6::V6ONLY) != 0
    }

    /// getsockopt(2) on a socket whose transport has the level `transport`.
    ///
    /// # Errors
    /// `ENOPROTOOPT`.
    pub fn get(&self, domain: u32, transport: u32, number_level: u32, number: u32) -> Result<Vec<u8>, Errno> {
        check_reading(domain, transport, number_level)?;
        match (number_level, number) {
            // TCP_CA_NAME_MAX bytes.
            (level::TCP, tcp::CONGESTION) => {
                let mut name = b"cubic".to_vec();
                name.resize(16, 0);
                return Ok(name);
            }
            (level::IP, ip::OPTIONS) => return Ok(Vec::new()),
            _ => {}
        }
        default(number_level, number).ok_or(Errno::ENOPROTOOPT)?;
        Ok(self.value(number_level, number).to_ne_bytes().to_vec())
    }

    /// setsockopt(2). `bound` tells whether the socket has an address.
    ///
    /// # Errors
    /// `ENOPROTOOPT`, `EINVAL`, `ENODEV` for groups: the loopback interface has no multicast.
    pub fn set(
        &self,
        domain: u32,
        transport: u32,
        (number_level, number): (u32, u32),
        value: &[u8],
        bound: bool,
    ) -> Result<(), Errno> {
        check(domain, transport, number_level)?;
        match (number_level, number) {
            (level::TCP, tcp::CONGESTION) => {
                let name = value.split(|byte| *byte == 0).next().unwrap_or(value);
                return if matches!(name, b"cubic" | b"reno") { Ok(()) } else { Err(Errno::ENOENT) };
            }
            (level::IP, ip::ADD_MEMBERSHIP | ip::DROP_MEMBERSHIP)
            | (level::IPV6, ipv6::ADD_MEMBERSHIP | ipv6::DROP_MEMBERSHIP) => return Err(Errno::ENODEV),
            (level::IPV6, ipv6::V6ONLY) if bound => return Err(Errno::EINVAL),
            _ => {}
        }
        default(number_level, number).ok_or(Errno::ENOPROTOOPT)?;
        // IP options may be given as single bytes.
        let value = match value {
            [byte] if number_level == level::IP => i32::from(*byte),
            value => int(value)?,
        };
        if !is_valid(number_level, number, value) {
            return Err(Errno::EINVAL);
        }
        self.0.lock().insert((number_level, number), value);
        Ok(())
    }

    /// What a connection inherits from its listener.
    pub fn inherit(&self, from: &Levels) {
        let values = from.0.lock().clone();
        *self.0.lock() = values;
    }
}
