//! Network interfaces as ioctl(2) shows them; see netdevice(7).
//!
//! They can be looked at, and not changed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use lazaret_abi::{
    errno::Errno,
    ioctl::request,
    socket::{SockAddrIn, family},
};
use lazaret_hostcall::netlink::{Link, LinkAddress, Tables};
use zerocopy::{FromBytes, IntoBytes};

use crate::{
    task::Current,
    uaddr::{UserAddr, UserPtr},
};

/// ARPHRD_LOOPBACK.
const LOOPBACK: u16 = 772;
/// Index of the loopback interface.
const LOOPBACK_INDEX: u32 = 1;
/// IFF_UP, IFF_LOOPBACK, IFF_RUNNING; and IFF_LOWER_UP, which netlink alone shows.
const LOOPBACK_FLAGS: u32 = 0x1 | 0x8 | 0x40 | 0x1_0000;
/// IFA_F_PERMANENT.
const PERMANENT: u32 = 0x80;
/// RT_SCOPE_HOST.
const SCOPE_HOST: u8 = 254;

/// The loopback interface of this kernel and its addresses.
pub fn loopback() -> Tables {
    let link = Link {
        index: LOOPBACK_INDEX,
        name: b"lo".to_vec(),
        hardware: LOOPBACK,
        flags: LOOPBACK_FLAGS,
        mtu: 65536,
        queue_length: 1000,
        address: vec![0; 6],
        broadcast: vec![0; 6],
        discipline: b"noqueue".to_vec(),
        ..Link::default()
    };
    let address = |address: IpAddr, bits| LinkAddress {
        link: LOOPBACK_INDEX,
        address,
        bits,
        flags: PERMANENT,
        scope: SCOPE_HOST,
        broadcast: None,
    };
    let addresses = vec![address(Ipv4Addr::LOCALHOST.into(), 8), address(Ipv6Addr::LOCALHOST.into(), 128)];
    Tables { links: vec![link], addresses, routes: Vec::new() }
}

/// IFNAMSIZ.
const NAME_SIZE: usize = 16;
/// Size of `struct ifreq`: a name and a union.
const REQUEST_SIZE: usize = 40;
/// Size of the union.
const VALUE_SIZE: usize = REQUEST_SIZE - NAME_SIZE;

/// Requests about interfaces, on a socket of the given family.
///
/// # Errors
/// `ENODEV` for interfaces that do not exist, `EADDRNOTAVAIL` for those without an address, `EPERM` for changes,
/// `ENOTTY` for other requests.
pub fn ioctl(current: &mut Current, socket: u32, number: u32, argument: UserAddr) -> Result<usize, Errno> {
    match number {
        request::SIOCGIFCONF
        | request::SIOCGIFNAME
        | request::SIOCGIFFLAGS
        | request::SIOCGIFMTU
        | request::SIOCGIFINDEX
        | request::SIOCGIFTXQLEN
        | request::SIOCGIFMETRIC
        | request::SIOCGIFHWADDR => {}
        request::SIOCGIFADDR | request::SIOCGIFDSTADDR | request::SIOCGIFBRDADDR | request::SIOCGIFNETMASK
            if socket == family::INET => {}
        request::SIOCSIFFLAGS | request::SIOCSIFADDR => return Err(Errno::EPERM),
        _ => return Err(Errno::ENOTTY),
    }
    let tables = current.task.kernel().network.tables();
    if number == request::SIOCGIFCONF {
        return list(current, &tables, argument);
    }
    let mut bytes = [0; REQUEST_SIZE];
    current.read_bytes(argument, &mut bytes)?;
    let (name, union) = bytes.split_at(NAME_SIZE);
    if number == request::SIOCGIFNAME {
        let index = u32::read_from_prefix(union).map_err(|_| Errno::EINVAL)?.0;
        let link = tables.links.iter().find(|link| link.index == index).ok_or(Errno::ENODEV)?;
        current.write_bytes(argument, &shown_name(link))?;
        return Ok(0);
    }
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let link = tables.links.iter().find(|link| link.name == name).ok_or(Errno::ENODEV)?;
    let address = || ipv4(&tables).find(|(address, _)| address.link == link.index).ok_or(Errno::EADDRNOTAVAIL);
    let value = match number {
        // The field is a short.
        request::SIOCGIFFLAGS => value(&link.flags.to_ne_bytes()[..2]),
        request::SIOCGIFMTU => value(&link.mtu.to_ne_bytes()),
        request::SIOCGIFINDEX => value(&link.index.to_ne_bytes()),
        request::SIOCGIFTXQLEN => value(&link.queue_length.to_ne_bytes()),
        request::SIOCGIFHWADDR => value(&[&link.hardware.to_ne_bytes()[..], &link.address].concat()),
        request::SIOCGIFADDR | request::SIOCGIFDSTADDR => value(&socket_address(address()?.1)),
        request::SIOCGIFBRDADDR => value(&socket_address(match address()?.0.broadcast {
            Some(IpAddr::V4(broadcast)) => broadcast,
            _ => Ipv4Addr::UNSPECIFIED,
        })),
        request::SIOCGIFNETMASK => value(&socket_address(Ipv4Addr::from_bits(mask(address()?.0.bits)))),
        // SIOCGIFMETRIC
        _ => value(&[]),
    };
    current.write_bytes(argument.checked_add(NAME_SIZE as u64).ok_or(Errno::EFAULT)?, &value)?;
    Ok(0)
}

/// The network mask of so many bits.
pub fn mask(bits: u8) -> u32 {
    u32::MAX.checked_shl(32_u32.saturating_sub(bits.into())).unwrap_or(0)
}

/// The IPv4 addresses.
fn ipv4(tables: &Tables) -> impl Iterator<Item = (&LinkAddress, Ipv4Addr)> {
    tables.addresses.iter().filter_map(|entry| match entry.address {
        IpAddr::V4(address) => Some((entry, address)),
        IpAddr::V6(_) => None,
    })
}

fn shown_name(link: &Link) -> [u8; NAME_SIZE] {
    let mut shown = [0; NAME_SIZE];
    // The last byte stays zero.
    for (place, byte) in shown.iter_mut().zip(&link.name).take(NAME_SIZE - 1) {
        *place = *byte;
    }
    shown
}

/// The union of a `struct ifreq` that begins with these bytes.
fn value(bytes: &[u8]) -> [u8; VALUE_SIZE] {
    let mut value = [0; VALUE_SIZE];
    for (place, byte) in value.iter_mut().zip(bytes) {
        *place = *byte;
    }
    value
}

fn socket_address(address: Ipv4Addr) -> Vec<u8> {
    let family = u16::try_from(family::INET).unwrap_or_default();
    SockAddrIn { family, port: [0; 2], address: address.octets(), pad: [0; 8] }.as_bytes().to_vec()
}

/// SIOCGIFCONF: the interfaces that have an IPv4 address, as many as fit.
fn list(current: &mut Current, tables: &Tables, argument: UserAddr) -> Result<usize, Errno> {
    // struct ifconf: a length as int, padding, and a pointer.
    let [length, buffer]: [u64; 2] = current.read(UserPtr::new(argument))?;
    let room = u32::try_from(length & u64::from(u32::MAX)).unwrap_or_default().cast_signed();
    let room = usize::try_from(room).unwrap_or(0) / REQUEST_SIZE;
    let mut entries = Vec::new();
    for (entry, address) in ipv4(tables) {
        if let Some(link) = tables.links.iter().find(|link| link.index == entry.link) {
            entries.extend(shown_name(link));
            entries.extend(value(&socket_address(address)));
        }
    }
    if buffer != 0 {
        entries.truncate(room * REQUEST_SIZE);
        current.write_bytes(UserAddr::new(buffer), &entries)?;
    }
    current.write(UserPtr::new(argument), &i32::try_from(entries.len()).unwrap_or_default())?;
    Ok(0)
}
