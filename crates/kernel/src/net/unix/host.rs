//! Sockets of the host (`--host-uds`): what is connected to one, and what the host's programs can connect to.
//!
//! Whether there are any is decided by who serves the directory that their files are in.

use std::{
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use lazaret_abi::{
    errno::Errno,
    socket::{BACKLOG_MAX, kind, message},
};
use rustix::net::{SocketAddrUnix, SocketFlags, acceptfrom_with};

use super::{
    UnixSocket,
    name::{self, Target},
};
use crate::{
    fs::hostfs::HostBinding,
    net::{Address, Common, Incoming, Outgoing, Patience, Socket, address::UnixName, host::HostSocket},
    sync::{Arc, AtomicBool, Ordering},
    task::Task,
    time::Deadline,
    uio::{Sink, Source},
    wait::{Events, Interruptible, wait_until},
};

/// How soon a connection is tried again that the host's program has no room for. Nobody tells when there is.
const AGAIN: Duration = Duration::from_millis(5);

/// A socket of the host that stands behind one of the sandbox.
pub(super) struct Host {
    pub(super) socket: Arc<HostSocket>,
    /// The other side's name, if there is one other side.
    pub(super) peer: Option<UnixName>,
    /// The name that it is bound to.
    binding: Option<HostBinding>,
    /// It was told that descriptors are not let in.
    told: AtomicBool,
}

impl Host {
    fn new(
        common: &Common,
        fd: OwnedFd,
        peer: Option<UnixName>,
        binding: Option<HostBinding>,
    ) -> Result<Arc<Host>, Errno> {
        let common = Common { queue: common.queue.clone(), ..Common::new(common.family, common.kind, 0) };
        let told = AtomicBool::new(false);
        Ok(Arc::new(Host { socket: HostSocket::own(common, fd)?, peer, binding, told }))
    }

    pub(super) fn is_connected(&self) -> bool {
        self.peer.is_some()
    }

    pub(super) fn send(&self, source: &mut dyn Source, outgoing: Outgoing, patience: Patience) -> Result<usize, Errno> {
        if !outgoing.control.rights.is_empty() {
            // Files of the sandbox are none of the host's.
            return Err(Errno::EOPNOTSUPP);
        }
        if outgoing.control.sender.is_some() {
            // The host knows neither the process nor the user.
            return Err(Errno::EPERM);
        }
        self.socket.send(source, outgoing, patience)
    }

    pub(super) fn receive(&self, sink: &mut dyn Sink, flags: u32, patience: Patience) -> Result<Incoming, Errno> {
        let mut incoming = self.socket.receive(sink, flags, patience)?;
        if incoming.flags & message::CTRUNC != 0
            && !self.told.swap(true, Ordering::Relaxed)
            && let Some(task) = Task::try_current()
        {
            let text = "a program of the host has sent descriptors over a Unix socket: they were dropped";
            task.kernel().log.tell_user(format_args!("{text}"));
        }
        if let Some(peer) = &self.peer {
            // By the name that the sandbox knows.
            let is_datagram = self.socket.common().kind == kind::DGRAM && *peer != UnixName::Unnamed;
            incoming.from = is_datagram.then(|| Address::Unix(peer.clone()));
        } else if incoming.from == Some(Address::Unix(UnixName::Unnamed)) {
            incoming.from = None;
        }
        Ok(incoming)
    }

    pub(super) fn listen(&self, backlog: usize) -> Result<(), Errno> {
        match &self.binding {
            Some(binding) => binding.listen(backlog.min(BACKLOG_MAX as usize)),
            None => Ok(()),
        }
    }
}

impl UnixSocket {
    pub(super) fn host(&self) -> Option<Arc<Host>> {
        self.state.lock().host.clone()
    }

    /// The socket of the host, if this one is connected by it.
    pub(super) fn connected_host(&self) -> Option<Arc<Host>> {
        self.host().filter(|host| host.is_connected())
    }

    /// The host's programs reach this one by the name that it was bound to.
    pub(super) fn bound_to_host(&self, binding: HostBinding) -> Result<(), Errno> {
        let fd = rustix::io::fcntl_dupfd_cloexec(&binding.socket, 0).map_err(|_| Errno::ENFILE)?;
        let host = Host::new(&self.common, fd, None, Some(binding))?;
        self.state.lock().host = Some(host);
        Ok(())
    }

    /// Connects to what the host has given.
    pub(super) fn connected_to_host(&self, fd: OwnedFd, name: &UnixName) -> Result<(), Errno> {
        if self.host().is_some_and(|host| host.binding.is_some()) {
            // The host would have to connect the very socket that is bound.
            return Err(Errno::EOPNOTSUPP);
        }
        let host = Host::new(&self.common, fd, Some(name.clone()), None)?;
        let mut state = self.state.lock();
        state.peer = None;
        state.host = Some(host);
        drop(state);
        self.common.queue.wake(Events::WRITABLE);
        Ok(())
    }

    /// What a name leads to; waits while a program of the host has no room for a connection.
    pub(super) fn find(&self, name: &UnixName, patience: Patience) -> Result<Target, Errno> {
        let started = Instant::now();
        let limit = self.common.options.lock().send_timeout;
        loop {
            match name::find(name, self.common.kind) {
                Err(Errno::EAGAIN) if !patience.is_none() && limit.is_none_or(|limit| started.elapsed() < limit) => {}
                found => return found,
            }
            match wait_until(&[], Some(Deadline::after(AGAIN)), Interruptible::Signals, || None::<()>) {
                Ok(()) | Err(Errno::ETIMEDOUT) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends one message to a socket of the host, which does not learn from whom.
    pub(super) fn send_to_host(
        &self,
        fd: OwnedFd,
        source: &mut dyn Source,
        outgoing: Outgoing,
        patience: Patience,
    ) -> Result<usize, Errno> {
        let common = Common::new(self.common.family, self.common.kind, 0);
        Host::new(&common, fd, Some(UnixName::Unnamed), None)?.send(source, Outgoing { to: None, ..outgoing }, patience)
    }

    /// A connection that a program of the host has made, if there is one.
    pub(super) fn accept_from_host(&self) -> Option<Result<Arc<UnixSocket>, Errno>> {
        let host = self.host()?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let accepted = rustix::io::retry_on_intr(|| acceptfrom_with(host.socket.fd(), flags));
        let (fd, from) = match accepted {
            Ok(accepted) => accepted,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::CONNABORTED) => return None,
            Err(error) => return Some(Err(Errno::from_raw(error.raw_os_error()))),
        };
        let path = from
            .and_then(|from| SocketAddrUnix::try_from(from).ok())
            .and_then(|from| from.path().map(|path| path.to_bytes().to_vec()));
        let socket = UnixSocket::new(self.common.kind);
        *socket.own.name.lock() = self.own.name.lock().clone();
        *socket.common.options.lock() = self.common.options.lock().clone();
        let host = Host::new(&socket.common, fd, Some(path.map_or(UnixName::Unnamed, UnixName::Path)), None);
        Some(host.map(|host| {
            socket.state.lock().host = Some(host);
            socket
        }))
    }
}
