//! Sending and receiving on sockets: send(2), recv(2), sendmmsg(2), recvmmsg(2).

use lazaret_abi::{
    errno::Errno,
    id::Fd,
    socket::{MMsgHdr, MsgHdr, UCred, ancillary, level, message},
    time::Timespec,
};
use zerocopy::IntoBytes;

use super::{
    SysResult,
    socket::{read_address, socket_file, write_address},
};
use crate::{
    fs::file::File,
    net::{
        self, Address, Incoming, Outgoing, SocketFile,
        control::{self, Control, Sender, Writer},
    },
    sync::Arc,
    task::{Current, creds::cap},
    time::{Deadline, clock::duration_of},
    uaddr::{UserAddr, UserPtr},
};

/// Most messages of one sendmmsg(2) or recvmmsg(2).
const MESSAGES_MAX: u32 = 1024;

/// sendto(2).
pub fn sendto(
    current: &mut Current,
    fd: Fd,
    buffer: UserAddr,
    count: usize,
    flags: u32,
    address: UserAddr,
    length: u32,
) -> SysResult {
    let file = socket_file(current, fd)?;
    let to = if address.is_null() { None } else { Some(read_address(current, address, length)?) };
    let mut source = current.buffer(buffer, count);
    net::send(&file, &mut source, Outgoing { to, control: Control::default(), flags })
}

/// recvfrom(2).
pub fn recvfrom(
    current: &mut Current,
    fd: Fd,
    buffer: UserAddr,
    count: usize,
    flags: u32,
    address: UserAddr,
    length: UserPtr<u32>,
) -> SysResult {
    let file = socket_file(current, fd)?;
    let mut sink = current.buffer(buffer, count);
    let incoming = net::receive(&file, &mut sink, flags)?;
    if !address.is_null() {
        match &incoming.from {
            Some(from) => write_address(current, from, address, length)?,
            None => current.write(length, &0)?,
        }
    }
    Ok(returned(&incoming, flags))
}

/// MSG_TRUNC asks for the length that the message had.
fn returned(incoming: &Incoming, flags: u32) -> usize {
    if flags & message::TRUNC != 0 { incoming.full } else { incoming.length }
}

/// Whose credentials the caller sends: its own, or any with the capabilities; unix(7).
fn check_claim(current: &Current, claimed: &UCred) -> Result<Sender, Errno> {
    let (creds, group) = (current.task.creds(), current.task.group());
    let allowed = (claimed.pid == group.pid().number_in(group.namespace()) || creds.has(cap::SYS_ADMIN))
        && ([creds.uid, creds.euid, creds.suid].contains(&claimed.uid) || creds.has(cap::SETUID))
        && ([creds.gid, creds.egid, creds.sgid].contains(&claimed.gid) || creds.has(cap::SETGID));
    if !allowed {
        return Err(Errno::EPERM);
    }
    let pid = group.namespace().find(claimed.pid).ok_or(Errno::ESRCH)?;
    Ok(Sender::new(pid, claimed.uid, claimed.gid))
}

fn send_header(current: &mut Current, file: &Arc<File>, header: &MsgHdr, flags: u32) -> SysResult {
    let count = usize::try_from(header.iov_length).map_err(|_| Errno::EMSGSIZE)?;
    let to = match header.name {
        0 => None,
        _ if header.name_length == 0 => None,
        name => Some(read_address(current, UserAddr::new(name), header.name_length)?),
    };
    let slices = current.read_iovecs(UserAddr::new(header.iov), count).map_err(too_many)?;
    let mut control = Control::default();
    if header.control != 0 && header.control_length > 0 {
        const MAX: u64 = 1 << 16;
        let length = usize::try_from(header.control_length.min(MAX)).map_err(|_| Errno::ENOBUFS)?;
        let mut bytes = vec![0; length];
        current.read_bytes(UserAddr::new(header.control), &mut bytes)?;
        control = control::parse(current, &bytes, |claimed| check_claim(current, claimed))?;
    }
    let mut source = current.buffers(&slices);
    net::send(file, &mut source, Outgoing { to, control, flags })
}

/// Too many buffers are a message that is too long, here.
fn too_many(error: Errno) -> Errno {
    if error == Errno::EINVAL { Errno::EMSGSIZE } else { error }
}

/// sendmsg(2).
pub fn sendmsg(current: &mut Current, fd: Fd, header: UserPtr<MsgHdr>, flags: u32) -> SysResult {
    let file = socket_file(current, fd)?;
    let header = current.read(header)?;
    send_header(current, &file, &header, flags)
}

/// Receives one message, and returns its length and the header as it is to be stored.
fn receive_header(
    current: &mut Current,
    file: &Arc<File>,
    mut header: MsgHdr,
    flags: u32,
) -> Result<(usize, MsgHdr), Errno> {
    let count = usize::try_from(header.iov_length).map_err(|_| Errno::EMSGSIZE)?;
    let slices = current.read_iovecs(UserAddr::new(header.iov), count).map_err(too_many)?;
    let mut sink = current.buffers(&slices);
    let mut incoming = net::receive(file, &mut sink, flags)?;
    if header.name != 0 {
        if header.name_length.cast_signed() < 0 {
            return Err(Errno::EINVAL);
        }
        let bytes = incoming.from.as_ref().map_or_else(Vec::new, Address::to_bytes);
        let kept = bytes.len().min(usize::try_from(header.name_length).unwrap_or(usize::MAX));
        current.write_bytes(UserAddr::new(header.name), &bytes[..kept])?;
        header.name_length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    }
    let room = if header.control == 0 { 0 } else { usize::try_from(header.control_length).unwrap_or(usize::MAX) };
    let mut writer = Writer::new(room);
    let socket = SocketFile::of(file).ok_or(Errno::ENOTSOCK)?;
    if socket.common().options.lock().pass_credentials {
        /// What Linux shows for a sender that is not known.
        const NOBODY: UCred = UCred { pid: 0, uid: 65534, gid: 65534 };
        let sender = incoming.control.sender.as_ref().map_or(NOBODY, Sender::seen);
        writer.put(level::SOCKET, ancillary::CREDENTIALS, sender.as_bytes());
    }
    let rights = std::mem::take(&mut incoming.control.rights);
    writer.put_rights(current, rights, flags & message::CMSG_CLOEXEC != 0);
    for other in &incoming.control.others {
        writer.put(other.level, other.kind, &other.data);
    }
    current.write_bytes(UserAddr::new(header.control), writer.bytes())?;
    header.control_length = writer.bytes().len() as u64;
    header.flags = incoming.flags | flags & message::CMSG_CLOEXEC;
    if writer.truncated {
        header.flags |= message::CTRUNC;
    }
    Ok((returned(&incoming, flags), header))
}

/// recvmsg(2).
pub fn recvmsg(current: &mut Current, fd: Fd, pointer: UserPtr<MsgHdr>, flags: u32) -> SysResult {
    let file = socket_file(current, fd)?;
    let header = current.read(pointer)?;
    let (length, header) = receive_header(current, &file, header, flags)?;
    current.write(pointer, &header)?;
    Ok(length)
}

/// The message at this position of an array.
fn nth(messages: UserPtr<MMsgHdr>, index: u32) -> Result<UserPtr<MMsgHdr>, Errno> {
    let offset = u64::from(index) * size_of::<MMsgHdr>() as u64;
    messages.address().checked_add(offset).map(UserPtr::new).ok_or(Errno::EFAULT)
}

/// sendmmsg(2).
pub fn sendmmsg(current: &mut Current, fd: Fd, messages: UserPtr<MMsgHdr>, count: u32, flags: u32) -> SysResult {
    let file = socket_file(current, fd)?;
    let mut done = 0;
    for index in 0..count.min(MESSAGES_MAX) {
        let step = nth(messages, index).and_then(|pointer| {
            let mut message = current.read(pointer)?;
            let sent = send_header(current, &file, &message.header, flags)?;
            message.length = u32::try_from(sent).unwrap_or(u32::MAX);
            current.write(pointer, &message)
        });
        match step {
            Ok(()) => done += 1,
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// recvmmsg(2). The timeout is looked at between messages only, as on Linux.
pub fn recvmmsg(
    current: &mut Current,
    fd: Fd,
    messages: UserPtr<MMsgHdr>,
    count: u32,
    flags: u32,
    timeout: UserPtr<Timespec>,
) -> SysResult {
    let file = socket_file(current, fd)?;
    let deadline = if timeout.is_null() { None } else { Some(Deadline::after(duration_of(current.read(timeout)?)?)) };
    let mut done = 0;
    for index in 0..count.min(MESSAGES_MAX) {
        // MSG_WAITFORONE: only the first message is waited for.
        let wait = done == 0 || flags & message::WAITFORONE == 0;
        let flags = flags & !message::WAITFORONE | if wait { 0 } else { message::DONTWAIT };
        let step = nth(messages, index).and_then(|pointer| {
            let mut message = current.read(pointer)?;
            let (length, header) = receive_header(current, &file, message.header, flags)?;
            message.header = header;
            message.length = u32::try_from(length).unwrap_or(u32::MAX);
            current.write(pointer, &message)
        });
        match step {
            Ok(()) => done += 1,
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
        if deadline.is_some_and(Deadline::has_passed) {
            break;
        }
    }
    Ok(done)
}
