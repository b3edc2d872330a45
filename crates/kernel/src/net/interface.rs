//! Network interfaces as ioctl(2) shows them; see netdevice(7).
//!
//! There is one, the loopback interface, which cannot be changed.

use lazaret_abi::{
    errno::Errno,
    ioctl::request,
    socket::{SockAddrIn, family},
};
use zerocopy::{FromBytes, IntoBytes};

use crate::{
    task::Current,
    uaddr::{UserAddr, UserPtr},
};

/// Name of the loopback interface.
pub const NAME: &[u8] = b"lo";
/// Its index.
pub const INDEX: u32 = 1;
/// IFF_UP, IFF_LOOPBACK, IFF_RUNNING.
pub const FLAGS: u32 = 0x1 | 0x8 | 0x40;
/// Largest packet in bytes.
pub const MTU: u32 = 65536;
/// Length of the queue of packets to send.
pub const QUEUE_LENGTH: u32 = 1000;
/// ARPHRD_LOOPBACK.
pub const HARDWARE: u16 = 772;
/// IPv4 address and bits of its network.
pub const ADDRESS: ([u8; 4], u8) = ([127, 0, 0, 1], 8);
/// IPv6 address and bits of its network.
pub const ADDRESS6: ([u8; 16], u8) = ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 128);

/// IFNAMSIZ.
const NAME_SIZE: usize = 16;
/// Size of `struct ifreq`: a name and a union.
const REQUEST_SIZE: usize = 40;
/// Size of the union.
const VALUE_SIZE: usize = REQUEST_SIZE - NAME_SIZE;

/// Requests about interfaces, on a socket of the given family.
///
/// # Errors
/// `ENODEV` for interfaces that do not exist, `EPERM` for changes, `ENOTTY` for other requests.
pub fn ioctl(current: &mut Current, socket: u32, number: u32, argument: UserAddr) -> Result<usize, Errno> {
    match number {
        request::SIOCGIFCONF => return list(current, argument),
        request::SIOCSIFFLAGS | request::SIOCSIFADDR => return Err(Errno::EPERM),
        _ => {}
    }
    let mut bytes = [0; REQUEST_SIZE];
    current.read_bytes(argument, &mut bytes)?;
    let [name @ .., _] = &bytes[..NAME_SIZE] else { return Err(Errno::EINVAL) };
    let is_known = name.split(|byte| *byte == 0).next() == Some(NAME);
    let value = match number {
        request::SIOCGIFNAME => {
            let index = u32::read_from_prefix(&bytes[NAME_SIZE..]).map_err(|_| Errno::EINVAL)?.0;
            if index != INDEX {
                return Err(Errno::ENODEV);
            }
            let mut shown = [0; NAME_SIZE];
            shown[..NAME.len()].copy_from_slice(NAME);
            current.write_bytes(argument, &shown)?;
            return Ok(0);
        }
        request::SIOCGIFFLAGS => value(&FLAGS.to_ne_bytes()[..2]),
        request::SIOCGIFMTU => value(&MTU.to_ne_bytes()),
        request::SIOCGIFINDEX => value(&INDEX.to_ne_bytes()),
        request::SIOCGIFTXQLEN => value(&QUEUE_LENGTH.to_ne_bytes()),
        request::SIOCGIFMETRIC => value(&[]),
        request::SIOCGIFHWADDR => value(&HARDWARE.to_ne_bytes()),
        _ if socket != family::INET => return Err(Errno::ENOTTY),
        request::SIOCGIFADDR | request::SIOCGIFDSTADDR => value(&address(ADDRESS.0)),
        request::SIOCGIFBRDADDR => value(&address([0; 4])),
        request::SIOCGIFNETMASK => value(&address((u32::MAX << (32 - u32::from(ADDRESS.1))).to_be_bytes())),
        _ => return Err(Errno::ENOTTY),
    };
    if !is_known {
        return Err(Errno::ENODEV);
    }
    current.write_bytes(argument.checked_add(NAME_SIZE as u64).ok_or(Errno::EFAULT)?, &value)?;
    Ok(0)
}

/// The union of a `struct ifreq` that begins with these bytes.
fn value(bytes: &[u8]) -> [u8; VALUE_SIZE] {
    let mut value = [0; VALUE_SIZE];
    for (place, byte) in value.iter_mut().zip(bytes) {
        *place = *byte;
    }
    value
}

fn address(address: [u8; 4]) -> Vec<u8> {
    let family = u16::try_from(family::INET).unwrap_or_default();
    SockAddrIn { family, port: [0; 2], address, pad: [0; 8] }.as_bytes().to_vec()
}

/// SIOCGIFCONF: the interfaces that have an IPv4 address, as many as fit.
fn list(current: &mut Current, argument: UserAddr) -> Result<usize, Errno> {
    // struct ifconf: a length as int, padding, and a pointer.
    let [length, buffer]: [u64; 2] = current.read(UserPtr::new(argument))?;
    let room = u32::try_from(length & u64::from(u32::MAX)).unwrap_or_default().cast_signed();
    let mut found = REQUEST_SIZE;
    if buffer != 0 {
        if usize::try_from(room).is_ok_and(|room| room < REQUEST_SIZE) || room < 0 {
            found = 0;
        } else {
            let mut entry = [0; REQUEST_SIZE];
            entry[..NAME.len()].copy_from_slice(NAME);
            entry[NAME_SIZE..].copy_from_slice(&value(&address(ADDRESS.0)));
            current.write_bytes(UserAddr::new(buffer), &entry)?;
        }
    }
    current.write(UserPtr::new(argument), &i32::try_from(found).unwrap_or_default())?;
    Ok(0)
}
