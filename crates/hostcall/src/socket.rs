//! Sockets of AF_INET and AF_INET6: options and messages whose parts are bytes, as an application gives them;
//! see ip(7), ipv6(7), tcp(7), cmsg(3).

use std::{
    mem::MaybeUninit,
    os::fd::{AsRawFd, BorrowedFd},
};

use rustix::io::{Errno, Result};

/// Families of the sockets that a sandbox may have of the host.
pub const FAMILIES: &[u32] = &numbers([libc::AF_INET, libc::AF_INET6]);

/// Their protocols: any fitting one, TCP, UDP, UDP-Lite, and echo requests.
pub const PROTOCOLS: &[u32] = &numbers([
    0,
    libc::IPPROTO_TCP,
    libc::IPPROTO_UDP,
    libc::IPPROTO_UDPLITE,
    libc::IPPROTO_ICMP,
    libc::IPPROTO_ICMPV6,
]);

const fn numbers<const N: usize>(options: [i32; N]) -> [u32; N] {
    let mut numbers = [0; N];
    let mut index = 0;
    while index < N {
        numbers[index] = options[index].cast_unsigned();
        index += 1;
    }
    numbers
}

/// Options of SOL_SOCKET that [`set_option`] takes. As in all these lists, no value holds an address of memory,
/// and none is a program.
pub const SOCKET_OPTIONS: &[u32] = &numbers([
    libc::SO_REUSEADDR,
    libc::SO_DONTROUTE,
    libc::SO_BROADCAST,
    libc::SO_SNDBUF,
    libc::SO_RCVBUF,
    libc::SO_KEEPALIVE,
    libc::SO_OOBINLINE,
    libc::SO_NO_CHECK,
    libc::SO_PRIORITY,
    libc::SO_LINGER,
    libc::SO_REUSEPORT,
    libc::SO_RCVLOWAT,
    libc::SO_BINDTODEVICE,
    libc::SO_TIMESTAMP,
    libc::SO_TIMESTAMPNS,
    libc::SO_MARK,
    libc::SO_RXQ_OVFL,
    libc::SO_INCOMING_CPU,
]);

/// Options of IPPROTO_IP that [`set_option`] takes.
pub const IP_OPTIONS: &[u32] = &numbers([
    libc::IP_TOS,
    libc::IP_TTL,
    libc::IP_RECVOPTS,
    libc::IP_RETOPTS,
    libc::IP_PKTINFO,
    libc::IP_MTU_DISCOVER,
    libc::IP_RECVERR,
    libc::IP_RECVTTL,
    libc::IP_RECVTOS,
    libc::IP_FREEBIND,
    libc::IP_BIND_ADDRESS_NO_PORT,
    libc::IP_MULTICAST_IF,
    libc::IP_MULTICAST_TTL,
    libc::IP_MULTICAST_LOOP,
    libc::IP_MULTICAST_ALL,
    libc::IP_ADD_MEMBERSHIP,
    libc::IP_DROP_MEMBERSHIP,
    libc::IP_ADD_SOURCE_MEMBERSHIP,
    libc::IP_DROP_SOURCE_MEMBERSHIP,
]);

/// Options of IPPROTO_IPV6 that [`set_option`] takes.
pub const IPV6_OPTIONS: &[u32] = &numbers([
    libc::IPV6_UNICAST_HOPS,
    libc::IPV6_MULTICAST_IF,
    libc::IPV6_MULTICAST_HOPS,
    libc::IPV6_MULTICAST_LOOP,
    libc::IPV6_ADD_MEMBERSHIP,
    libc::IPV6_DROP_MEMBERSHIP,
    libc::IPV6_MTU_DISCOVER,
    libc::IPV6_RECVERR,
    libc::IPV6_V6ONLY,
    libc::IPV6_RECVPKTINFO,
    libc::IPV6_RECVHOPLIMIT,
    libc::IPV6_RECVTCLASS,
    libc::IPV6_TCLASS,
    libc::IPV6_DONTFRAG,
]);

/// Options of IPPROTO_TCP that [`set_option`] takes.
pub const TCP_OPTIONS: &[u32] = &numbers([
    libc::TCP_NODELAY,
    libc::TCP_MAXSEG,
    libc::TCP_CORK,
    libc::TCP_KEEPIDLE,
    libc::TCP_KEEPINTVL,
    libc::TCP_KEEPCNT,
    libc::TCP_SYNCNT,
    libc::TCP_LINGER2,
    libc::TCP_DEFER_ACCEPT,
    libc::TCP_WINDOW_CLAMP,
    libc::TCP_QUICKACK,
    libc::TCP_CONGESTION,
    libc::TCP_USER_TIMEOUT,
    libc::TCP_FASTOPEN,
    libc::TCP_NOTSENT_LOWAT,
]);

/// Options that can only be read, by level.
const READ_ONLY: [(i32, &[u32]); 4] = [
    (
        libc::SOL_SOCKET,
        &numbers([
            libc::SO_TYPE,
            libc::SO_ERROR,
            libc::SO_ACCEPTCONN,
            libc::SO_PROTOCOL,
            libc::SO_DOMAIN,
            libc::SO_SNDLOWAT,
            libc::SO_DEBUG,
            libc::SO_MEMINFO,
            libc::SO_COOKIE,
        ]),
    ),
    (libc::IPPROTO_IP, &numbers([libc::IP_MTU, libc::IP_OPTIONS])),
    (libc::IPPROTO_IPV6, &numbers([libc::IPV6_MTU])),
    (libc::IPPROTO_TCP, &numbers([libc::TCP_INFO])),
];

/// The lists above, by level.
pub const SETTABLE: [(i32, &[u32]); 4] = [
    (libc::SOL_SOCKET, SOCKET_OPTIONS),
    (libc::IPPROTO_IP, IP_OPTIONS),
    (libc::IPPROTO_IPV6, IPV6_OPTIONS),
    (libc::IPPROTO_TCP, TCP_OPTIONS),
];

fn is_listed(lists: &[(i32, &[u32])], level: u32, option: u32) -> bool {
    lists.iter().any(|(listed, options)| listed.cast_unsigned() == level && options.contains(&option))
}

pub(crate) fn checked(result: libc::ssize_t) -> Result<usize> {
    usize::try_from(result).map_err(|_| Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
}

/// setsockopt(2) for the options that are listed above.
///
/// # Errors
/// `ENOPROTOOPT` for others; those of setsockopt(2).
pub fn set_option(fd: BorrowedFd<'_>, level: u32, option: u32, value: &[u8]) -> Result<()> {
    if !is_listed(&SETTABLE, level, option) {
        return Err(Errno::NOPROTOOPT);
    }
    set(fd, level.cast_signed(), option.cast_signed(), value)
}

/// setsockopt(2) for an option whose value holds no address of memory.
pub(crate) fn set(fd: BorrowedFd<'_>, level: i32, option: i32, value: &[u8]) -> Result<()> {
    let length = libc::socklen_t::try_from(value.len()).map_err(|_| Errno::INVAL)?;
    // SAFETY: `length` bytes of `value` are read, and none of the options means other memory.
    let result = unsafe { libc::setsockopt(fd.as_raw_fd(), level, option, value.as_ptr().cast(), length) };
    checked(result as libc::ssize_t).map(drop)
}

/// Longest value of an option that [`option`] gets.
const VALUE_MAX: usize = 512;

/// getsockopt(2) for the options that are listed above.
///
/// # Errors
/// `ENOPROTOOPT` for others; those of getsockopt(2).
pub fn option(fd: BorrowedFd<'_>, level: u32, option: u32) -> Result<Vec<u8>> {
    if !is_listed(&SETTABLE, level, option) && !is_listed(&READ_ONLY, level, option) {
        return Err(Errno::NOPROTOOPT);
    }
    let mut value = vec![0; VALUE_MAX];
    let mut length = VALUE_MAX as libc::socklen_t;
    let (level, option) = (level.cast_signed(), option.cast_signed());
    // SAFETY: up to `length` bytes of `value` are written, and none of the options means other memory.
    let result = unsafe { libc::getsockopt(fd.as_raw_fd(), level, option, value.as_mut_ptr().cast(), &raw mut length) };
    checked(result as libc::ssize_t)?;
    value.truncate(usize::try_from(length).unwrap_or(0));
    Ok(value)
}

/// Flags of [`send`]. Not MSG_ZEROCOPY, with which the host would read the data later.
const SEND_FLAGS: i32 =
    libc::MSG_OOB | libc::MSG_DONTROUTE | libc::MSG_EOR | libc::MSG_CONFIRM | libc::MSG_MORE | libc::MSG_FASTOPEN;

/// Flags of [`receive`].
const RECEIVE_FLAGS: i32 = libc::MSG_OOB | libc::MSG_PEEK | libc::MSG_TRUNC | libc::MSG_ERRQUEUE;

fn header(part: &mut libc::iovec) -> libc::msghdr {
    // SAFETY: a structure of integers and pointers, for which all zeroes are valid.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = part;
    header.msg_iovlen = 1;
    header
}

/// sendmsg(2), without waiting and without a signal: data, the address they go to (empty for the peer), and
/// ancillary data.
///
/// # Errors
/// Those of sendmsg(2).
pub fn send(fd: BorrowedFd<'_>, data: &[u8], to: &[u8], control: &[u8], flags: u32) -> Result<usize> {
    let mut part = libc::iovec { iov_base: data.as_ptr().cast_mut().cast(), iov_len: data.len() };
    let mut header = header(&mut part);
    if !to.is_empty() {
        header.msg_name = to.as_ptr().cast_mut().cast();
        header.msg_namelen = libc::socklen_t::try_from(to.len()).map_err(|_| Errno::INVAL)?;
    }
    if !control.is_empty() {
        header.msg_control = control.as_ptr().cast_mut().cast();
        header.msg_controllen = control.len();
    }
    let flags = flags.cast_signed() & SEND_FLAGS | libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the header's parts live through the call, which only reads them.
    checked(unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const header, flags) })
}

/// What [`receive`] got beside the data.
#[derive(Debug, Default)]
pub struct Received {
    /// Bytes that the message had, which may be more than there was room for.
    pub length: usize,
    /// Who sent it, as a socket address; empty if that is not told.
    pub from: Vec<u8>,
    /// Ancillary data.
    pub control: Vec<u8>,
    /// MSG_* flags of the message.
    pub flags: u32,
}

/// recvmsg(2), without waiting, with room for `control` bytes of ancillary data.
///
/// # Errors
/// Those of recvmsg(2).
pub fn receive(fd: BorrowedFd<'_>, buffer: &mut [u8], control: usize, flags: u32) -> Result<Received> {
    let mut name = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut ancillary = vec![0_u8; control];
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut header = header(&mut part);
    header.msg_name = name.as_mut_ptr().cast();
    header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    if control > 0 {
        header.msg_control = ancillary.as_mut_ptr().cast();
        header.msg_controllen = control;
    }
    let flags = flags.cast_signed() & RECEIVE_FLAGS | libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the header's parts live through the call and are as long as it says.
    let length = checked(unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut header, flags) })?;
    let named = usize::try_from(header.msg_namelen).unwrap_or(0).min(size_of::<libc::sockaddr_storage>());
    // SAFETY: all bytes were zero before the call wrote some of them.
    let from = unsafe { std::slice::from_raw_parts(name.as_ptr().cast::<u8>(), named) }.to_vec();
    ancillary.truncate(header.msg_controllen);
    Ok(Received { length, from, control: ancillary, flags: header.msg_flags.cast_unsigned() })
}

/// Requests of [`ask`]: SIOCOUTQ, the bytes that the other side has not acknowledged, and SIOCATMARK, whether
/// the next byte is behind urgent data.
pub const REQUESTS: [u32; 2] = [UNSENT, AT_MARK];
/// SIOCOUTQ
pub const UNSENT: u32 = 0x5411;
/// SIOCATMARK
pub const AT_MARK: u32 = 0x8905;

/// One of [`REQUESTS`] of ioctl(2), whose answer is a number.
///
/// # Errors
/// `ENOTTY` for other requests; those of the host.
pub fn ask(fd: BorrowedFd<'_>, request: u32) -> Result<i32> {
    if !REQUESTS.contains(&request) {
        return Err(Errno::NOTTY);
    }
    let mut answer: libc::c_int = 0;
    // SAFETY: both requests write one int.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::Ioctl::from(request), &raw mut answer) };
    checked(result as libc::ssize_t).map(|_| answer)
}

#[cfg(test)]
mod tests {
    use std::{net::UdpSocket, os::fd::AsFd};

    use super::*;

    #[test]
    fn options_outside_the_lists_are_refused() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let attach = libc::SO_ATTACH_FILTER.cast_unsigned();
        assert_eq!(set_option(socket.as_fd(), 1, attach, &[0; 16]), Err(Errno::NOPROTOOPT));
        assert_eq!(option(socket.as_fd(), 1, attach), Err(Errno::NOPROTOOPT));
        set_option(socket.as_fd(), 1, libc::SO_BROADCAST.cast_unsigned(), &1_i32.to_ne_bytes()).unwrap();
        assert_eq!(option(socket.as_fd(), 1, libc::SO_BROADCAST.cast_unsigned()).unwrap(), 1_i32.to_ne_bytes());
    }

    #[test]
    fn a_message_carries_its_sender_and_its_length() {
        let (one, two) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        two.connect(one.local_addr().unwrap()).unwrap();
        assert_eq!(send(two.as_fd(), b"hello", &[], &[], 0), Ok(5));
        let mut buffer = [0; 2];
        let received = receive(one.as_fd(), &mut buffer, 0, libc::MSG_TRUNC.cast_unsigned()).unwrap();
        assert_eq!((received.length, &buffer), (5, b"he"));
        assert_eq!(received.from[2..4], two.local_addr().unwrap().port().to_be_bytes());
        assert_eq!(receive(one.as_fd(), &mut buffer, 0, 0).map(drop), Err(Errno::AGAIN));
    }
}
