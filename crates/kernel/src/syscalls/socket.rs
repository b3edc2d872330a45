//! Sockets: making and connecting them, names and options. Messages are in [`super::message`].

use lazaret_abi::{
    errno::Errno,
    id::Fd,
    socket::{ADDRESS_MAX, BACKLOG_MAX, family, flag, kind, shutdown as how},
};

use super::SysResult;
pub use super::message::{recvfrom, recvmmsg, recvmsg, sendmmsg, sendmsg, sendto};
use crate::{
    fs::{descriptor, file::File},
    net::{self, Address, Socket, SocketFile, inet, netlink, options, unix::UnixSocket},
    sync::Arc,
    task::Current,
    uaddr::{UserAddr, UserPtr},
};

/// Type and flags of the argument of socket(2).
fn split_kind(argument: u32) -> Result<(u32, u32), Errno> {
    const KIND: u32 = 0xf;
    let flags = argument & !KIND;
    if flags & !(flag::NONBLOCK | flag::CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    Ok((argument & KIND, flags))
}

/// The type of a Unix socket.
fn unix_kind(kind: u32, protocol: u32) -> Result<u32, Errno> {
    if protocol != 0 && protocol != family::UNIX {
        return Err(Errno::EPROTONOSUPPORT);
    }
    match kind {
        kind::STREAM | kind::DGRAM | kind::SEQPACKET => Ok(kind),
        // BSD programs may ask for it; Linux gives them datagrams.
        kind::RAW => Ok(kind::DGRAM),
        _ => Err(Errno::ESOCKTNOSUPPORT),
    }
}

/// socket(2).
pub fn socket(current: &mut Current, domain: u32, argument: u32, protocol: u32) -> SysResult {
    let (kind, flags) = split_kind(argument)?;
    if kind > kind::PACKET {
        return Err(Errno::EINVAL);
    }
    let socket: Arc<dyn Socket> = match domain {
        family::UNIX => UnixSocket::new(unix_kind(kind, protocol)?),
        family::INET | family::INET6 => inet::create(&current.task, domain, kind, protocol)?,
        family::NETLINK => netlink::create(&current.task.kernel().network, kind, protocol)?,
        _ => return Err(Errno::EAFNOSUPPORT),
    };
    descriptor::install(current, SocketFile::open(socket, flags), flags & flag::CLOEXEC != 0)
}

/// socketpair(2).
pub fn socketpair(
    current: &mut Current,
    domain: u32,
    argument: u32,
    protocol: u32,
    fds: UserPtr<[i32; 2]>,
) -> SysResult {
    let (kind, flags) = split_kind(argument)?;
    match domain {
        family::UNIX => {}
        family::INET | family::INET6 => return Err(Errno::EOPNOTSUPP),
        _ => return Err(Errno::EAFNOSUPPORT),
    }
    let (one, two) = UnixSocket::pair(unix_kind(kind, protocol)?);
    let files = (SocketFile::open(one, flags), SocketFile::open(two, flags));
    descriptor::install_pair(current, files, flags & flag::CLOEXEC != 0, fds)
}

/// The open file of a socket's descriptor.
///
/// # Errors
/// `EBADF`, `ENOTSOCK`.
pub fn socket_file(current: &Current, fd: Fd) -> Result<Arc<File>, Errno> {
    let file = descriptor::usable(current, fd)?;
    if SocketFile::of(&file).is_none() {
        return Err(Errno::ENOTSOCK);
    }
    Ok(file)
}

fn socket_of(current: &Current, fd: Fd) -> Result<(Arc<File>, Arc<dyn Socket>), Errno> {
    let file = socket_file(current, fd)?;
    let socket = SocketFile::of(&file).ok_or(Errno::ENOTSOCK)?.clone();
    Ok((file, socket))
}

/// An address that the application gives.
///
/// # Errors
/// `EINVAL` for a wrong length, `EFAULT`, `EAFNOSUPPORT`.
pub fn read_address(current: &Current, address: UserAddr, length: u32) -> Result<Address, Errno> {
    let length = usize::try_from(length).ok().filter(|length| *length <= ADDRESS_MAX).ok_or(Errno::EINVAL)?;
    let mut bytes = vec![0; length];
    current.read_bytes(address, &mut bytes)?;
    Address::parse(&bytes)
}

/// Stores an address, cut to the length at `length`, and stores its full length there.
///
/// # Errors
/// `EINVAL` for a negative length, `EFAULT`.
pub fn write_address(current: &Current, value: &Address, address: UserAddr, length: UserPtr<u32>) -> Result<(), Errno> {
    let room = current.read(length)?;
    if room.cast_signed() < 0 {
        return Err(Errno::EINVAL);
    }
    let bytes = value.to_bytes();
    let kept = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
    current.write_bytes(address, &bytes[..kept])?;
    current.write(length, &u32::try_from(bytes.len()).unwrap_or(u32::MAX))
}

/// bind(2).
pub fn bind(current: &mut Current, fd: Fd, address: UserAddr, length: u32) -> SysResult {
    let (_file, socket) = socket_of(current, fd)?;
    socket.bind(&read_address(current, address, length)?)?;
    Ok(0)
}

/// listen(2).
pub fn listen(current: &mut Current, fd: Fd, backlog: i32) -> SysResult {
    let (_file, socket) = socket_of(current, fd)?;
    // A negative number is a large one, which is cut.
    let backlog = backlog.cast_unsigned().min(BACKLOG_MAX);
    socket.listen(usize::try_from(backlog).unwrap_or(0))?;
    Ok(0)
}

/// connect(2).
pub fn connect(current: &mut Current, fd: Fd, address: UserAddr, length: u32) -> SysResult {
    let (file, socket) = socket_of(current, fd)?;
    let address = read_address(current, address, length)?;
    socket.connect(&address, net::send_patience(&file, &*socket, 0))?;
    Ok(0)
}

/// accept(2).
pub fn accept(current: &mut Current, fd: Fd, address: UserAddr, length: UserPtr<u32>) -> SysResult {
    accept4(current, fd, address, length, 0)
}

/// accept4(2).
pub fn accept4(current: &mut Current, fd: Fd, address: UserAddr, length: UserPtr<u32>, flags: u32) -> SysResult {
    if flags & !(flag::NONBLOCK | flag::CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let (file, socket) = socket_of(current, fd)?;
    let accepted = socket.accept(net::receive_patience(&file, &*socket, 0))?;
    if !address.is_null() {
        // The client may have gone already; then there is nobody to name.
        let peer = accepted.peer_address().unwrap_or(Address::Unspecified);
        write_address(current, &peer, address, length)?;
    }
    descriptor::install(current, SocketFile::open(accepted, flags), flags & flag::CLOEXEC != 0)
}

/// getsockname(2).
pub fn getsockname(current: &mut Current, fd: Fd, address: UserAddr, length: UserPtr<u32>) -> SysResult {
    let (_file, socket) = socket_of(current, fd)?;
    write_address(current, &socket.local_address(), address, length)?;
    Ok(0)
}

/// getpeername(2).
pub fn getpeername(current: &mut Current, fd: Fd, address: UserAddr, length: UserPtr<u32>) -> SysResult {
    let (_file, socket) = socket_of(current, fd)?;
    write_address(current, &socket.peer_address()?, address, length)?;
    Ok(0)
}

/// shutdown(2).
pub fn shutdown(current: &mut Current, fd: Fd, direction: u32) -> SysResult {
    let (_file, socket) = socket_of(current, fd)?;
    let (read, write) = match direction {
        how::RD => (true, false),
        how::WR => (false, true),
        how::RDWR => (true, true),
        _ => return Err(Errno::EINVAL),
    };
    socket.shutdown(read, write)?;
    Ok(0)
}

/// Longest option value that is read.
const OPTION_MAX: usize = 4096;

/// setsockopt(2).
pub fn setsockopt(current: &mut Current, fd: Fd, level: u32, option: u32, value: UserAddr, length: u32) -> SysResult {
    let (_file, socket) = socket_of(current, fd)?;
    if length.cast_signed() < 0 {
        return Err(Errno::EINVAL);
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(OPTION_MAX).min(OPTION_MAX)];
    current.read_bytes(value, &mut bytes)?;
    options::set(&*socket, &current.task.creds(), level, option, &bytes)?;
    Ok(0)
}

/// getsockopt(2).
pub fn getsockopt(
    current: &mut Current,
    fd: Fd,
    level: u32,
    option: u32,
    value: UserAddr,
    length: UserPtr<u32>,
) -> SysResult {
    let (_file, socket) = socket_of(current, fd)?;
    let room = current.read(length)?;
    if room.cast_signed() < 0 {
        return Err(Errno::EINVAL);
    }
    let bytes = options::get(&*socket, level, option)?;
    let kept = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
    current.write_bytes(value, &bytes[..kept])?;
    current.write(length, &u32::try_from(kept).unwrap_or(0))?;
    Ok(0)
}
