//! Addresses, directory descriptors, and what needs another argument to be shown.

use std::fmt::Write;

use lazaret_abi::{epoll, epoll::PollFd, id::Fd, socket::family};
use zerocopy::{FromZeros, IntoBytes};

use super::{Arg, View, names::show_bits, number::low, quote::quote};
use crate::uaddr::{UserAddr, UserPtr};

/// An address of memory of whatever kind.
pub struct Addr;

/// A descriptor of a directory that relative paths start at.
pub struct DirFd;

/// An array of `struct pollfd`; the next argument is its length.
pub struct PollFds;

/// A socket address; the next argument is its length.
pub struct SockAddr;

/// A socket address that the call fills in; the next argument points at its length.
pub struct SockAddrOut;

/// Most entries of a poll set that are shown.
const POLL_SHOWN: usize = 32;

/// Appends an address.
pub(super) fn show_address(address: u64, out: &mut String) {
    if address == 0 {
        out.push_str("NULL");
    } else {
        let _ = write!(out, "{address:#x}");
    }
}

impl Arg for Addr {
    type Value = UserAddr;

    fn decode(raw: u64) -> UserAddr {
        UserAddr::new(raw)
    }

    fn show(raw: u64, _view: &View<'_>, out: &mut String) {
        show_address(raw, out);
    }
}

impl Arg for DirFd {
    type Value = Fd;

    fn decode(raw: u64) -> Fd {
        Fd::decode(raw)
    }

    fn show(raw: u64, view: &View<'_>, out: &mut String) {
        match Fd::decode(raw) {
            Fd::CWD => out.push_str("AT_FDCWD"),
            fd => view.show_descriptor(fd, out),
        }
    }
}

impl Arg for PollFds {
    type Value = UserPtr<PollFd>;

    fn decode(raw: u64) -> UserPtr<PollFd> {
        UserPtr::new(UserAddr::new(raw))
    }

    fn show(raw: u64, view: &View<'_>, out: &mut String) {
        let count = usize::decode(view.following(1));
        let mut entries = [PollFd::new_zeroed(); POLL_SHOWN];
        let entries = &mut entries[..count.min(POLL_SHOWN)];
        let size = entries.as_bytes().len();
        if raw == 0 || view.memory.read(raw, entries.as_mut_bytes()) < size {
            return show_address(raw, out);
        }
        out.push('[');
        for (position, entry) in entries.iter().enumerate() {
            let comma = if position > 0 { ", " } else { "" };
            let _ = write!(out, "{comma}{{fd=");
            view.show_descriptor(Fd::new(entry.fd), out);
            out.push_str(", events=");
            show_bits(u64::from(entry.events.cast_unsigned()), epoll::poll::NAMES, out);
            out.push('}');
        }
        out.push_str(if count > POLL_SHOWN { ", ...]" } else { "]" });
    }
}

/// Appends a socket address of `length` bytes.
fn show_socket_address(view: &View<'_>, address: u64, length: usize, out: &mut String) {
    let mut bytes = [0_u8; 128];
    let bytes = &mut bytes[..length.min(128)];
    if address == 0 || view.memory.read(address, bytes) < bytes.len() {
        return show_address(address, out);
    }
    let [low, high, rest @ ..] = &*bytes else {
        return show_address(address, out);
    };
    let number = u32::from(u16::from_le_bytes([*low, *high]));
    match (number, rest) {
        (family::UNIX, []) => out.push_str("{sa_family=AF_UNIX}"),
        (family::UNIX, [0, name @ ..]) => {
            out.push_str("{sa_family=AF_UNIX, sun_path=@");
            quote(name, out);
            out.push('}');
        }
        (family::UNIX, path) => {
            let path = path.split(|byte| *byte == 0).next().unwrap_or(path);
            out.push_str("{sa_family=AF_UNIX, sun_path=");
            quote(path, out);
            out.push('}');
        }
        (family::INET, [p1, p2, a, b, c, d, ..]) => {
            let port = u16::from_be_bytes([*p1, *p2]);
            let _ =
                write!(out, "{{sa_family=AF_INET, sin_port=htons({port}), sin_addr=inet_addr(\"{a}.{b}.{c}.{d}\")}}");
        }
        (family::INET6, [p1, p2, _, _, _, _, host @ ..]) if host.len() >= 16 => {
            let port = u16::from_be_bytes([*p1, *p2]);
            let mut octets = [0; 16];
            octets.copy_from_slice(&host[..16]);
            let host = std::net::Ipv6Addr::from(octets);
            let _ = write!(
                out,
                "{{sa_family=AF_INET6, sin6_port=htons({port}), inet_pton(AF_INET6, \"{host}\", &sin6_addr)}}"
            );
        }
        _ => {
            out.push_str("{sa_family=");
            super::names::show_value(u64::from(number), family::NAMES, out);
            out.push_str(", ...}");
        }
    }
}

impl Arg for SockAddr {
    type Value = UserAddr;

    fn decode(raw: u64) -> UserAddr {
        UserAddr::new(raw)
    }

    fn show(raw: u64, view: &View<'_>, out: &mut String) {
        let length = usize::try_from(low(view.following(1))).unwrap_or(0);
        show_socket_address(view, raw, length, out);
    }
}

impl Arg for SockAddrOut {
    type Value = UserAddr;
    const OUTPUT: bool = true;

    fn decode(raw: u64) -> UserAddr {
        UserAddr::new(raw)
    }

    fn show(raw: u64, view: &View<'_>, out: &mut String) {
        let mut length = 0_u32;
        if view.success().is_none() || view.memory.read(view.following(1), length.as_mut_bytes()) < 4 {
            return show_address(raw, out);
        }
        show_socket_address(view, raw, usize::try_from(length).unwrap_or(0), out);
    }
}
