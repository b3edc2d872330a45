//! Connections of Unix sockets: SOCK_STREAM and SOCK_SEQPACKET.

use std::collections::VecDeque;

use lazaret_abi::{errno::Errno, socket::BACKLOG_MAX};

use super::{Listener, MAX_MESSAGE, UnixSocket, name::Target};
use crate::{
    net::{Incoming, Outgoing, Patience, Socket, address::UnixName, control::Sender, queue, stream},
    sync::{Arc, Ordering},
    uio::{Sink, Source},
    wait::Events,
};

impl UnixSocket {
    pub(super) fn start_listening(&self, backlog: usize) -> Result<(), Errno> {
        if !self.is_connection() {
            return Err(Errno::EOPNOTSUPP);
        }
        let state = self.state.lock();
        let host = state.host.clone();
        if state.peer.is_some() || state.binding.is_none() || host.as_ref().is_some_and(|host| host.is_connected()) {
            return Err(Errno::EINVAL);
        }
        drop(state);
        if let Some(host) = host {
            host.listen(backlog)?;
        }
        *self.own.creds.lock() = Sender::calling();
        let backlog = backlog.min(BACKLOG_MAX as usize);
        let mut listener = self.own.listener.lock();
        match &mut *listener {
            Some(listener) => listener.backlog = backlog,
            None => *listener = Some(Listener { backlog, pending: VecDeque::new() }),
        }
        drop(listener);
        self.own.space.wake_all();
        Ok(())
    }

    pub(super) fn connect_stream(&self, name: &UnixName, patience: Patience) -> Result<(), Errno> {
        self.autobind()?;
        let is_connected = self.peer().is_some() || self.connected_host().is_some();
        let check = || match (self.is_listening(), is_connected) {
            (true, _) => Err(Errno::EINVAL),
            (_, true) => Err(Errno::EISCONN),
            _ => Ok(()),
        };
        let target = match self.find(name, patience)? {
            Target::Own(target) => target,
            Target::Host(fd) => {
                check()?;
                return self.connected_to_host(fd, name);
            }
        };
        if target.kind != self.common.kind {
            return Err(Errno::EPROTOTYPE);
        }
        check()?;
        let server = UnixSocket::new(self.common.kind);
        *server.own.creds.lock() = target.creds.lock().clone();
        *server.own.name.lock() = target.name.lock().clone();
        // Until it is accepted nobody can say whether credentials are wanted.
        server.own.wants_creds.store(true, Ordering::Relaxed);
        *self.own.creds.lock() = Sender::calling();
        let mut server = Some(server);
        patience.wait(&[(&target.space, Events::WRITABLE)], || {
            let mut listener = target.listener.lock();
            let Some(listener) = listener.as_mut().filter(|_| !target.inbox.is_closed()) else {
                return Some(Err(Errno::ECONNREFUSED));
            };
            if listener.pending.len() > listener.backlog {
                return None;
            }
            let server = server.take()?;
            // Both are joined before anybody can accept.
            server.join(&self.own);
            self.join(&server.own);
            listener.pending.push_back(server);
            Some(Ok(()))
        })?;
        target.inbox.owner().wake(Events::READABLE);
        self.common.queue.wake(Events::WRITABLE);
        Ok(())
    }

    pub(super) fn accept_stream(&self, patience: Patience) -> Result<Arc<dyn Socket>, Errno> {
        if !self.is_connection() {
            return Err(Errno::EOPNOTSUPP);
        }
        let queue = self.common.queue.clone();
        let socket = patience.wait(&[(&queue, Events::READABLE)], || {
            match &mut *self.own.listener.lock() {
                None => Some(Err(Errno::EINVAL)),
                Some(listener) => match listener.pending.pop_front() {
                    // After shutdown(2) nothing comes any more.
                    None if self.own.inbox.is_closed() => Some(Err(Errno::EINVAL)),
                    None => self.accept_from_host(),
                    found => found.map(Ok),
                },
            }
        })?;
        socket.options_changed();
        self.own.space.wake(Events::WRITABLE);
        Ok(socket)
    }

    pub(super) fn send_stream(
        &self,
        source: &mut dyn Source,
        mut outgoing: Outgoing,
        patience: Patience,
    ) -> Result<usize, Errno> {
        let peer = self.peer();
        if outgoing.to.is_some() {
            return Err(if peer.is_some() { Errno::EISCONN } else { Errno::EOPNOTSUPP });
        }
        let peer = peer.ok_or(Errno::ENOTCONN)?;
        self.name_sender(&mut outgoing, &peer);
        let sender = outgoing.control.sender.clone();
        let mut done = 0;
        while source.remaining() > 0 {
            if self.state.lock().write_shut {
                return if done > 0 { Ok(done) } else { Err(Errno::EPIPE) };
            }
            let step = match peer.inbox.push_stream(source, &mut outgoing.control) {
                Ok(None) => patience
                    .wait(&[(&self.common.queue, Events::WRITABLE | Events::HUP)], || {
                        peer.inbox.has_room().then_some(Ok(()))
                    })
                    .map(|()| 0),
                Ok(Some(sent)) => Ok(sent),
                Err(error) => Err(error),
            };
            match step {
                Ok(sent) => done += sent,
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            }
            outgoing.control.sender = sender.clone();
        }
        Ok(done)
    }

    pub(super) fn send_packet(
        &self,
        source: &mut dyn Source,
        outgoing: Outgoing,
        patience: Patience,
    ) -> Result<usize, Errno> {
        let peer = self.peer().ok_or(Errno::ENOTCONN)?;
        if self.state.lock().write_shut {
            return Err(Errno::EPIPE);
        }
        let data = queue::read_message(source, MAX_MESSAGE)?;
        let length = data.len();
        let mut segment = Some(self.segment(data, outgoing, None, &peer));
        patience.wait(&[(&self.common.queue, Events::WRITABLE | Events::HUP)], || {
            match peer.inbox.push_message(segment.take()?) {
                Ok(Ok(())) => Some(Ok(length)),
                Ok(Err(back)) => {
                    segment = Some(back);
                    None
                }
                Err(error) => Some(Err(error)),
            }
        })
    }

    pub(super) fn receive_stream(
        &self,
        sink: &mut dyn Sink,
        flags: u32,
        patience: Patience,
    ) -> Result<Incoming, Errno> {
        if self.peer().is_none() {
            return Err(Errno::EINVAL);
        }
        let by_sender = self.common.options.lock().pass_credentials;
        let rules = stream::Rules { by_sender, ended: &|| false };
        stream::receive(&self.common, &self.own.inbox, sink, flags, patience, &rules)
    }
}
