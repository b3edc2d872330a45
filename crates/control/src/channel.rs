//! A connection that carries messages and descriptors.

use std::{
    io::{IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
        sockopt::{self, Timeout},
    },
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Version of the protocol; both sides refuse any other.
pub const VERSION: u32 = 4;

/// Longest message in bytes: what fits into a socket's buffer as hosts have it by default.
pub const MAX_MESSAGE: usize = 160 * 1024;

/// Most descriptors beside one message: as many as the host carries (SCM_MAX_FD).
pub const MAX_FDS: usize = 253;

/// Why a message could not be sent or received.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The other side has closed the connection, or died.
    #[error("the other side has closed the connection")]
    Closed,
    /// The other side did not answer within the time given.
    #[error("no answer in time")]
    TimedOut,
    /// A message of more than [`MAX_MESSAGE`] bytes or [`MAX_FDS`] descriptors.
    #[error("a message is too long")]
    TooLong,
    /// The other side speaks another version of the protocol.
    #[error("the other side speaks version {0} of the control protocol, this is version {VERSION}")]
    Version(u32),
    /// Not a message of this protocol.
    #[error("not a control message: {0}")]
    Malformed(serde_json::Error),
    /// The host refused.
    #[error(transparent)]
    Host(#[from] std::io::Error),
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Error {
        match errno {
            Errno::CONNRESET | Errno::PIPE => Error::Closed,
            Errno::AGAIN => Error::TimedOut,
            Errno::MSGSIZE => Error::TooLong,
            other => Error::Host(other.into()),
        }
    }
}

/// A message on the wire.
#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    version: u32,
    message: T,
}

/// Only the version, for messages whose rest may be of another one.
#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

/// One end of a connection.
#[derive(Debug)]
pub struct Channel {
    socket: OwnedFd,
}

impl Channel {
    /// Two connected ends.
    ///
    /// # Errors
    /// Those of socketpair(2).
    pub fn pair() -> Result<(Channel, Channel), Error> {
        let (a, b) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Channel { socket: a }, Channel { socket: b }))
    }

    /// Sends a message with descriptors.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::Closed`], or the host's.
    pub fn send<T: Serialize>(&self, message: &T, fds: &[BorrowedFd<'_>]) -> Result<(), Error> {
        let bytes = serde_json::to_vec(&Envelope { version: VERSION, message }).map_err(Error::Malformed)?;
        if bytes.len() > MAX_MESSAGE || fds.len() > MAX_FDS {
            return Err(Error::TooLong);
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(fds)) {
            return Err(Error::TooLong);
        }
        retry(|| sendmsg(&self.socket, &[IoSlice::new(&bytes)], &mut ancillary, SendFlags::NOSIGNAL))?;
        Ok(())
    }

    /// Receives the next message and its descriptors, waiting for it.
    ///
    /// # Errors
    /// Any of [`Error`].
    pub fn receive<T: DeserializeOwned>(&self) -> Result<(T, Vec<OwnedFd>), Error> {
        let mut bytes = vec![0; MAX_MESSAGE];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = retry(|| {
            recvmsg(&self.socket, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)
        })?;
        let fds: Vec<OwnedFd> = ancillary
            .drain()
            .flat_map(|message| match message {
                RecvAncillaryMessage::ScmRights(fds) => fds.collect::<Vec<_>>(),
                _ => Vec::new(),
            })
            .collect();
        if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
            return Err(Error::TooLong);
        }
        let bytes = match bytes.get(..received.bytes) {
            None | Some([]) => return Err(Error::Closed),
            Some(bytes) => bytes,
        };
        let VersionOnly { version } = serde_json::from_slice(bytes).map_err(Error::Malformed)?;
        if version != VERSION {
            return Err(Error::Version(version));
        }
        let envelope: Envelope<T> = serde_json::from_slice(bytes).map_err(Error::Malformed)?;
        Ok((envelope.message, fds))
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// Any of [`Error`].
    pub fn call<Q: Serialize, A: DeserializeOwned>(&self, request: &Q) -> Result<A, Error> {
        self.send(request, &[])?;
        Ok(self.receive()?.0)
    }

    /// Bounds how long each send and receive may take; `None` waits for ever.
    ///
    /// # Errors
    /// Those of setsockopt(2).
    pub fn set_timeout(&self, timeout: Option<Duration>) -> Result<(), Error> {
        sockopt::set_socket_timeout(&self.socket, Timeout::Recv, timeout)?;
        sockopt::set_socket_timeout(&self.socket, Timeout::Send, timeout)?;
        Ok(())
    }
}

/// Repeats a call that a signal has cut short.
pub(crate) fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl From<OwnedFd> for Channel {
    /// Wraps a connected socket of type SOCK_SEQPACKET.
    fn from(socket: OwnedFd) -> Channel {
        Channel { socket }
    }
}

impl From<Channel> for OwnedFd {
    fn from(channel: Channel) -> OwnedFd {
        channel.socket
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Answer, Request, Target};

    #[test]
    fn carries_messages_and_descriptors() {
        let (a, b) = Channel::pair().unwrap();
        let request = Request::Signal { signal: 15, target: Target::Process(7) };
        a.send(&request, &[a.as_fd(), b.as_fd()]).unwrap();
        let (received, fds) = b.receive::<Request>().unwrap();
        assert_eq!(received, request);
        assert_eq!(fds.len(), 2);
    }

    #[test]
    fn tells_a_closed_connection() {
        let (a, b) = Channel::pair().unwrap();
        drop(b);
        assert!(matches!(a.send(&Request::State, &[]), Err(Error::Closed)));
        assert!(matches!(a.receive::<Answer>(), Err(Error::Closed)));
    }

    #[test]
    fn gives_up_after_the_time_out() {
        let (a, _b) = Channel::pair().unwrap();
        a.set_timeout(Some(Duration::from_millis(10))).unwrap();
        assert!(matches!(a.receive::<Answer>(), Err(Error::TimedOut)));
    }

    #[test]
    fn refuses_garbage_and_other_versions() {
        let (a, b) = Channel::pair().unwrap();
        let nonsense = format!(r#"{{"version":{VERSION},"message":{{"nonsense":1}}}}"#);
        for (bytes, expected) in [
            (&b"\xff\x00"[..], "not a control message"),
            (nonsense.as_bytes(), "not a control message"),
            (br#"{"version":99,"message":{"later":1}}"#, "speaks version 99"),
            (&[b' '; MAX_MESSAGE + 1], "too long"),
        ] {
            rustix::net::send(&a.socket, bytes, SendFlags::empty()).unwrap();
            let error = b.receive::<Request>().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
