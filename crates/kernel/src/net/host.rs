//! Sockets of the host (`--network host`).
//!
//! The host's never block: who has to wait does so on our own queue, which the thread that watches host files
//! wakes. What the host is asked for is bounded twice, by the lists of [`lazaret_hostcall::socket`] and by the
//! filter of the sandbox process.

use std::{
    net::SocketAddr,
    os::fd::{AsFd, OwnedFd},
};

use lazaret_abi::{
    errno::Errno,
    socket::{family, level, message, option},
};
use lazaret_hostcall::socket;
use rustix::net::{AddressFamily, Shutdown, SocketAddrAny, SocketFlags, SocketType};

use super::{
    Address, Common, Incoming, Outgoing, Patience, Socket,
    control::{self, Control},
    inet::levels,
};
use crate::{
    fs::stream::poller,
    sync::Arc,
    uio::{Scratch, Sink, Source},
    wait::{Events, Poller},
};

/// Room for ancillary data of a datagram: more than all that the allowed options make.
const CONTROL_ROOM: usize = 1024;

fn errno(error: rustix::io::Errno) -> Errno {
    match Errno::from_raw(error.raw_os_error()) {
        // It is the sandbox that has no descriptor left, not the calling process.
        Errno::EMFILE => Errno::ENFILE,
        error => error,
    }
}

/// A socket of the host's AF_INET or AF_INET6; or of AF_UNIX, for [`super::unix`].
pub struct HostSocket {
    common: Common,
    fd: OwnedFd,
}

impl HostSocket {
    /// A new one.
    ///
    /// # Errors
    /// Those of socket(2); `EPROTONOSUPPORT` for protocols that the sandbox may not ask for.
    pub fn new(domain: u32, kind: u32, protocol: u32) -> Result<Arc<HostSocket>, Errno> {
        if !socket::PROTOCOLS.contains(&protocol) {
            return Err(Errno::EPROTONOSUPPORT);
        }
        let raw = |number: u32| u16::try_from(number).map_err(|_| Errno::EAFNOSUPPORT);
        let fd = rustix::net::socket_with(
            AddressFamily::from_raw(raw(domain)?),
            SocketType::from_raw(kind),
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            std::num::NonZeroU32::new(protocol).map(rustix::net::Protocol::from_raw),
        );
        HostSocket::own(Common::new(domain, kind, protocol), fd.map_err(errno)?)
    }

    /// One that was made already. It does not block.
    ///
    /// # Errors
    /// `ENOMEM` if it cannot be watched.
    pub fn own(common: Common, fd: OwnedFd) -> Result<Arc<HostSocket>, Errno> {
        // Without the thread that watches, nobody who waits would ever be woken.
        if !poller::watch(&fd, &common.queue) {
            return Err(Errno::ENOMEM);
        }
        Ok(Arc::new(HostSocket { common, fd }))
    }

    /// The socket itself.
    pub fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// Room for ancillary data. Those of AF_UNIX are left to the host, which drops them: descriptors of the host have
    /// no place in the sandbox.
    fn control_room(&self) -> usize {
        if self.common.family == family::UNIX { 0 } else { CONTROL_ROOM }
    }

    /// What `attempt` gives once the host does not say EAGAIN any more.
    fn wait<T>(
        &self,
        patience: Patience,
        events: Events,
        mut attempt: impl FnMut() -> rustix::io::Result<T>,
    ) -> Result<T, Errno> {
        patience.wait(&[(&self.common.queue, events)], || match rustix::io::retry_on_intr(&mut attempt) {
            Err(rustix::io::Errno::AGAIN) => None,
            result => Some(result.map_err(errno)),
        })
    }

    fn send_stream(&self, source: &mut dyn Source, flags: u32, patience: Patience) -> Result<usize, Errno> {
        let mut buffer = Scratch::take();
        let mut done = 0;
        loop {
            let count = source.remaining().min(buffer.len());
            let taken = match source.take(&mut buffer[..count]) {
                Ok(taken) => taken,
                Err(_) if done > 0 => return Ok(done),
                Err(error) => return Err(error),
            };
            // Only the last byte of all is urgent.
            let (more, urgent) = (taken == count && source.remaining() > 0, flags & message::OOB);
            let flags = if more { flags & !urgent | message::MORE } else { flags };
            let mut rest = &buffer[..taken];
            loop {
                match self.wait(patience, Events::WRITABLE, || socket::send(self.fd.as_fd(), rest, &[], &[], flags)) {
                    Ok(sent) => {
                        done += sent;
                        rest = rest.get(sent..).unwrap_or_default();
                    }
                    Err(_) if done > 0 => return Ok(done),
                    Err(error) => return Err(error),
                }
                if rest.is_empty() {
                    break;
                }
            }
            if !more {
                return Ok(done);
            }
        }
    }

    fn send_message(&self, source: &mut dyn Source, outgoing: &Outgoing, patience: Patience) -> Result<usize, Errno> {
        let mut buffer = Scratch::take();
        let length = source.remaining();
        // No packet is as large as the buffer.
        let data = buffer.get_mut(..length).ok_or(Errno::EMSGSIZE)?;
        if source.take(data)? < length {
            return Err(Errno::EFAULT);
        }
        let to = outgoing.to.as_ref().map_or_else(Vec::new, Address::to_bytes);
        let beside = control::of_others(&outgoing.control.others);
        self.wait(patience, Events::WRITABLE, || socket::send(self.fd.as_fd(), data, &to, &beside, outgoing.flags))
    }

    fn receive_stream(&self, sink: &mut dyn Sink, flags: u32, patience: Patience) -> Result<Incoming, Errno> {
        let mut buffer = Scratch::take();
        let mut total = Incoming::default();
        loop {
            let room = sink.remaining().min(buffer.len());
            let got = self.wait(patience, Events::READABLE | Events::RDHUP, || {
                // MSG_TRUNC would throw the bytes of a stream away.
                socket::receive(self.fd.as_fd(), &mut buffer[..room], 0, flags & !message::TRUNC)
            });
            let got = match got {
                Ok(got) => got,
                Err(_) if total.length > 0 => return Ok(total),
                Err(error) => return Err(error),
            };
            let stored = match sink.put(buffer.get(..got.length).unwrap_or_default()) {
                Err(_) if total.length > 0 => return Ok(total),
                stored => stored?,
            };
            total.length += stored;
            total.full = total.length;
            let told = if self.common.family == family::UNIX { message::CTRUNC } else { 0 };
            total.flags |= got.flags & (message::OOB | told);
            let ends = got.length < room && (flags & message::WAITALL == 0 || got.length == 0);
            if ends || stored < got.length || sink.remaining() == 0 || flags & (message::PEEK | message::OOB) != 0 {
                return Ok(total);
            }
        }
    }

    fn receive_message(&self, sink: &mut dyn Sink, flags: u32, patience: Patience) -> Result<Incoming, Errno> {
        let mut buffer = Scratch::take();
        let room = sink.remaining().min(buffer.len());
        let got = self.wait(patience, Events::READABLE | Events::RDHUP, || {
            match socket::receive(self.fd.as_fd(), &mut buffer[..room], self.control_room(), flags | message::TRUNC) {
                // After shutdown(2) it is who waits that gets nothing; others still have to come again.
                Err(rustix::io::Errno::AGAIN)
                    if !patience.is_none() && poller::ready(&self.fd).contains(Events::RDHUP) =>
                {
                    Ok(socket::Received::default())
                }
                result => result,
            }
        })?;
        let length = sink.put(buffer.get(..got.length.min(room)).unwrap_or_default())?;
        Ok(Incoming {
            length,
            full: got.length,
            from: Address::parse(&got.from).ok(),
            control: Control { others: control::others(&got.control), ..Control::default() },
            flags: got.flags & (message::TRUNC | message::CTRUNC | message::ERRQUEUE),
        })
    }
}

impl Drop for HostSocket {
    fn drop(&mut self) {
        poller::forget(&self.fd);
    }
}

fn shown(address: SocketAddrAny) -> Result<Address, Errno> {
    SocketAddr::try_from(address).map(Address::Inet).map_err(errno)
}

impl Socket for HostSocket {
    fn common(&self) -> &Common {
        &self.common
    }

    fn bind(&self, address: &Address) -> Result<(), Errno> {
        let Address::Inet(address) = address else { return Err(Errno::EAFNOSUPPORT) };
        rustix::net::bind(&self.fd, address).map_err(errno)
    }

    fn listen(&self, backlog: usize) -> Result<(), Errno> {
        rustix::net::listen(&self.fd, i32::try_from(backlog).unwrap_or(i32::MAX)).map_err(errno)
    }

    fn connect(&self, address: &Address, patience: Patience) -> Result<(), Errno> {
        let address = match address {
            Address::Unspecified => return rustix::net::connect_unspec(&self.fd).map_err(errno),
            Address::Inet(address) => address,
            _ => return Err(Errno::EAFNOSUPPORT),
        };
        let result = rustix::net::connect(&self.fd, address).map_err(errno);
        if patience.is_none() || !matches!(result, Err(Errno::EINPROGRESS | Errno::EALREADY)) {
            return result;
        }
        let waited = patience.wait(&[(&self.common.queue, Events::WRITABLE)], || {
            poller::ready(&self.fd).intersects(Events::WRITABLE | Events::ALWAYS).then_some(Ok(()))
        });
        match waited {
            // Asked again, the host tells the outcome.
            Ok(()) => rustix::net::connect(&self.fd, address).map_err(errno),
            Err(Errno::EAGAIN) => Err(Errno::EINPROGRESS),
            Err(error) => Err(error),
        }
    }

    fn accept(&self, patience: Patience) -> Result<Arc<dyn Socket>, Errno> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = self.wait(patience, Events::READABLE, || rustix::net::accept_with(&self.fd, flags))?;
        let common = Common::new(self.common.family, self.common.kind, self.common.protocol);
        *common.options.lock() = self.common.options.lock().clone();
        HostSocket::own(common, fd).map(|socket| socket as Arc<dyn Socket>)
    }

    fn send(&self, source: &mut dyn Source, outgoing: Outgoing, patience: Patience) -> Result<usize, Errno> {
        // The first data of a connection that is yet to be made (MSG_FASTOPEN) are a message to somewhere.
        if self.common.is_stream() && outgoing.to.is_none() {
            self.send_stream(source, outgoing.flags, patience)
        } else {
            self.send_message(source, &outgoing, patience)
        }
    }

    fn receive(&self, sink: &mut dyn Sink, flags: u32, patience: Patience) -> Result<Incoming, Errno> {
        // Urgent data and errors are there or not; nobody waits for them.
        let at_once = flags & (message::OOB | message::ERRQUEUE) != 0;
        let patience = if at_once { Patience::NONE } else { patience };
        if self.common.is_stream() && flags & message::ERRQUEUE == 0 {
            self.receive_stream(sink, flags, patience)
        } else {
            self.receive_message(sink, flags, patience)
        }
    }

    fn shutdown(&self, read: bool, write: bool) -> Result<(), Errno> {
        let how = match (read, write) {
            (true, true) => Shutdown::Both,
            (true, false) => Shutdown::Read,
            _ => Shutdown::Write,
        };
        let result = rustix::net::shutdown(&self.fd, how).map_err(errno);
        // The host wakes its own sleepers; an edge is not promised for each.
        self.common.queue.wake_all();
        result
    }

    fn local_address(&self) -> Address {
        rustix::net::getsockname(&self.fd).map_err(errno).and_then(shown).unwrap_or(Address::Unspecified)
    }

    fn peer_address(&self) -> Result<Address, Errno> {
        rustix::net::getpeername(&self.fd).map_err(errno)?.ok_or(Errno::ENOTCONN).and_then(shown)
    }

    fn poll(&self, _poller: Option<&mut Poller>) -> Events {
        poller::ready(&self.fd)
    }

    fn readable_bytes(&self) -> Result<usize, Errno> {
        let count = rustix::io::ioctl_fionread(&self.fd).map_err(errno)?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn unsent_bytes(&self) -> usize {
        socket::ask(self.fd.as_fd(), socket::UNSENT).map_or(0, |count| usize::try_from(count).unwrap_or(0))
    }

    fn is_at_mark(&self) -> bool {
        socket::ask(self.fd.as_fd(), socket::AT_MARK).is_ok_and(|answer| answer != 0)
    }

    fn is_listening(&self) -> bool {
        self.option(level::SOCKET, option::ACCEPTCONN).is_ok_and(|value| value.first() == Some(&1))
    }

    fn owns_option(&self, number_level: u32, number: u32) -> bool {
        // It is here that somebody waits.
        (number_level, number) != (level::SOCKET, option::SNDTIMEO)
            && (number_level, number) != (level::SOCKET, option::RCVTIMEO)
    }

    fn option(&self, number_level: u32, number: u32) -> Result<Vec<u8>, Errno> {
        let transport = if self.common.is_stream() { level::TCP } else { level::UDP };
        if number_level != level::SOCKET {
            // The list of what may be asked says nothing of what a level without any would answer.
            levels::check_reading(self.common.family, transport, number_level)?;
        }
        socket::option(self.fd.as_fd(), number_level, number).map_err(errno)
    }

    fn set_option(&self, number_level: u32, number: u32, value: &[u8]) -> Result<(), Errno> {
        socket::set_option(self.fd.as_fd(), number_level, number, value).map_err(errno)
    }
}
