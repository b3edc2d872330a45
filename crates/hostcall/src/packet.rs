//! Packets of a network interface as they are on the link; see packet(7).

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::{
    io::{Errno, Result},
    net::{AddressFamily, SocketFlags, SocketType, sockopt},
};

use crate::socket::{checked, set};

/// Each packet begins with a `struct virtio_net_hdr` of this size: whether its checksum is there, and into how many
/// packets it is to be cut.
pub const HEADER: usize = 10;

/// Room for packets that nobody has read yet, and for those that are on their way.
const BUFFER: usize = 4 << 20;

/// A socket that sends and receives what goes over one interface of the network namespace that this thread is in.
/// It never blocks.
///
/// # Errors
/// Those of socket(2) and of the socket's options; `EPERM` without CAP_NET_RAW there.
pub fn open(interface: u32) -> Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    // Without a protocol it receives nothing before it is bound.
    let socket = rustix::net::socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)?;
    let on = 1_i32.to_ne_bytes();
    set(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_VNET_HDR, &on)?;
    set(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &on)?;
    let index = i32::try_from(interface).map_err(|_| Errno::INVAL)?;
    // Neighbours ask by multicast, and this is not a group of the host's stack any more.
    let everything: Vec<u8> =
        [&index.to_ne_bytes()[..], &(libc::PACKET_MR_ALLMULTI as u16).to_ne_bytes(), &[0; 10]].concat();
    set(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &everything)?;
    for force in [sockopt::set_socket_recv_buffer_size_force, sockopt::set_socket_recv_buffer_size] {
        if force(&socket, BUFFER).is_ok() {
            break;
        }
    }
    sockopt::set_socket_send_buffer_size(&socket, BUFFER)?;
    bind(&socket, index)?;
    Ok(socket)
}

fn bind(socket: &OwnedFd, index: i32) -> Result<()> {
    // SAFETY: a structure of integers, for which all zeroes are valid.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = index;
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the address is valid for the call, and as long as it says.
    checked(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) } as libc::ssize_t).map(drop)
}
