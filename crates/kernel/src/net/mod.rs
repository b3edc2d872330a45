//! Sockets: what all families have in common.

pub mod address;
pub mod control;
mod host;
pub mod inet;
pub mod interface;
pub mod netlink;
mod network;
pub mod options;
pub mod queue;
pub mod stack;
mod stream;
pub mod unix;

use std::any::Any;

use lazaret_abi::{
    errno::Errno,
    ioctl::request,
    socket::{kind, level, message},
};

pub use self::{address::Address, network::Network};

use self::{control::Control, options::Options};
use crate::{
    fs::{
        anon,
        file::{File, FileOps, flags},
        inode::FileKind,
    },
    sync::{Arc, AtomicI32, Mutex, Ordering},
    task::{Current, raise},
    time::Deadline,
    uaddr::{UserAddr, UserPtr},
    uio::{Sink, Source},
    wait::{Events, Interruptible, Poller, WaitQueue, wait_until},
};

/// What every socket has.
pub struct Common {
    /// Address family (AF_UNIX ...).
    pub family: u32,
    /// Type (SOCK_STREAM ...).
    pub kind: u32,
    /// Protocol (IPPROTO_TCP ...).
    pub protocol: u32,
    /// Those who wait for anything to happen to the socket.
    pub queue: Arc<WaitQueue>,
    /// Options of SOL_SOCKET.
    pub options: Mutex<Options>,
    /// An error that came from the other side (SO_ERROR), as a number; 0 for none.
    pub error: Arc<AtomicI32>,
}

impl Common {
    /// A fresh socket's.
    pub fn new(family: u32, kind: u32, protocol: u32) -> Common {
        Common {
            family,
            kind,
            protocol,
            queue: Arc::new(WaitQueue::new()),
            options: Mutex::default(),
            error: Arc::new(AtomicI32::new(0)),
        }
    }

    /// Takes the pending error (SO_ERROR).
    pub fn take_error(&self) -> Option<Errno> {
        match self.error.swap(0, Ordering::AcqRel) {
            0 => None,
            raw => Some(Errno::from_raw(raw)),
        }
    }

    /// An error is pending.
    pub fn has_error(&self) -> bool {
        self.error.load(Ordering::Acquire) != 0
    }

    /// Sends and receives bytes without boundaries.
    pub fn is_stream(&self) -> bool {
        self.kind == kind::STREAM
    }
}

/// How long a call may wait.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    nonblocking: bool,
    deadline: Option<Deadline>,
}

impl Patience {
    /// Not at all.
    pub const NONE: Patience = Patience { nonblocking: true, deadline: None };
    /// For ever.
    pub const ENDLESS: Patience = Patience { nonblocking: false, deadline: None };

    /// Whether the call must not wait.
    pub fn is_none(self) -> bool {
        self.nonblocking
    }

    /// Waits until `condition` gives a value.
    ///
    /// # Errors
    /// `EAGAIN` when it must not wait or has waited long enough, `ERESTARTSYS` when a signal is
    /// pending (`EINTR` where a timeout is set; signal(7)), and those of the condition.
    pub fn wait<T>(
        self,
        queues: &[(&WaitQueue, Events)],
        mut condition: impl FnMut() -> Option<Result<T, Errno>>,
    ) -> Result<T, Errno> {
        if self.nonblocking {
            return condition().unwrap_or(Err(Errno::EAGAIN));
        }
        match wait_until(queues, self.deadline, Interruptible::Signals, condition) {
            Ok(result) => result,
            Err(Errno::ETIMEDOUT) => Err(Errno::EAGAIN),
            Err(Errno::ERESTARTSYS) if self.deadline.is_some() => Err(Errno::EINTR),
            Err(error) => Err(error),
        }
    }
}

/// What is sent beside the data.
#[derive(Default)]
pub struct Outgoing {
    /// Where to, unless to the peer.
    pub to: Option<Address>,
    /// Ancillary data.
    pub control: Control,
    /// MSG_* flags.
    pub flags: u32,
}

/// What was received beside the data.
#[derive(Default)]
pub struct Incoming {
    /// Bytes that were stored.
    pub length: usize,
    /// Bytes that the message had.
    pub full: usize,
    /// Who sent it.
    pub from: Option<Address>,
    /// Ancillary data.
    pub control: Control,
    /// MSG_* flags for the caller.
    pub flags: u32,
}

impl From<queue::Taken> for Incoming {
    fn from(taken: queue::Taken) -> Incoming {
        let flags = if taken.full > taken.length { message::TRUNC } else { 0 };
        Incoming { length: taken.length, full: taken.full, from: taken.from, control: taken.control, flags }
    }
}

/// A socket of some family. What a family lacks fails as on Linux.
pub trait Socket: Any + Send + Sync {
    /// What every socket has.
    fn common(&self) -> &Common;

    /// bind(2).
    fn bind(&self, address: &Address) -> Result<(), Errno>;

    /// listen(2).
    fn listen(&self, _backlog: usize) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// connect(2).
    fn connect(&self, address: &Address, patience: Patience) -> Result<(), Errno>;

    /// accept(2): the new socket.
    fn accept(&self, _patience: Patience) -> Result<Arc<dyn Socket>, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// sendmsg(2). The caller turns `EPIPE` into a signal.
    fn send(&self, source: &mut dyn Source, outgoing: Outgoing, patience: Patience) -> Result<usize, Errno>;

    /// recvmsg(2) with these MSG_* flags.
    fn receive(&self, sink: &mut dyn Sink, flags: u32, patience: Patience) -> Result<Incoming, Errno>;

    /// shutdown(2).
    fn shutdown(&self, read: bool, write: bool) -> Result<(), Errno>;

    /// getsockname(2).
    fn local_address(&self) -> Address;

    /// getpeername(2).
    fn peer_address(&self) -> Result<Address, Errno>;

    /// Readiness; registers queues beyond that of [`Common`], which the caller registers.
    fn poll(&self, poller: Option<&mut Poller>) -> Events;

    /// Bytes that a read would get (FIONREAD).
    fn readable_bytes(&self) -> Result<usize, Errno>;

    /// Bytes sent and not yet read (SIOCOUTQ).
    fn unsent_bytes(&self) -> usize {
        0
    }

    /// Whether it listens (SO_ACCEPTCONN).
    fn is_listening(&self) -> bool {
        false
    }

    /// How many connections wait for accept(2).
    fn pending_connections(&self) -> usize {
        0
    }

    /// Whether bytes up to the mark of urgent data have been read (SIOCATMARK).
    fn is_at_mark(&self) -> bool {
        false
    }

    /// The socket answers for this option itself; [`options`] does for the others as far as it knows them.
    fn owns_option(&self, number_level: u32, _option: u32) -> bool {
        number_level != level::SOCKET
    }

    /// getsockopt(2) for its own options, and those that [`options`] does not know.
    fn option(&self, _level: u32, _option: u32) -> Result<Vec<u8>, Errno> {
        Err(Errno::ENOPROTOOPT)
    }

    /// setsockopt(2) for its own options, and those that [`options`] does not know.
    fn set_option(&self, _level: u32, _option: u32, _value: &[u8]) -> Result<(), Errno> {
        Err(Errno::ENOPROTOOPT)
    }

    /// An option that [`options`] keeps has changed.
    fn options_changed(&self) {}
}

impl dyn Socket {
    /// The socket as its concrete type.
    pub fn downcast_ref<T: Socket>(&self) -> Option<&T> {
        (self as &dyn Any).downcast_ref()
    }
}

/// The open file of a socket.
pub struct SocketFile(Arc<dyn Socket>);

impl SocketFile {
    /// An open file for a socket. `status` may hold O_NONBLOCK.
    pub fn open(socket: Arc<dyn Socket>, status: u32) -> Arc<File> {
        let location = anon::numbered_location("socket", FileKind::Socket, 0o777, None);
        File::new(Box::new(SocketFile(socket)), location, flags::RDWR | status & flags::NONBLOCK)
    }

    /// The socket of an open file.
    pub fn of(file: &File) -> Option<&Arc<dyn Socket>> {
        file.ops().downcast_ref::<SocketFile>().map(|file| &file.0)
    }
}

/// How long a send may wait on a file with these MSG_* flags.
pub fn send_patience(file: &File, socket: &dyn Socket, flags: u32) -> Patience {
    patience(file, flags, socket.common().options.lock().send_timeout)
}

/// How long a receive may wait on a file with these MSG_* flags.
pub fn receive_patience(file: &File, socket: &dyn Socket, flags: u32) -> Patience {
    patience(file, flags, socket.common().options.lock().receive_timeout)
}

fn patience(file: &File, flags: u32, timeout: Option<std::time::Duration>) -> Patience {
    Patience {
        nonblocking: file.is_nonblocking() || flags & message::DONTWAIT != 0,
        deadline: timeout.map(Deadline::after),
    }
}

/// Sends, and raises SIGPIPE where that is due.
///
/// # Errors
/// Those of the socket.
pub fn send(file: &File, source: &mut dyn Source, outgoing: Outgoing) -> Result<usize, Errno> {
    let socket = SocketFile::of(file).ok_or(Errno::ENOTSOCK)?;
    let quiet = outgoing.flags & message::NOSIGNAL != 0 || socket.common().kind == kind::DGRAM;
    let patience = send_patience(file, &**socket, outgoing.flags);
    let result = socket.send(source, outgoing, patience);
    if result == Err(Errno::EPIPE) && !quiet {
        raise::broken_pipe();
    }
    result
}

/// Receives.
///
/// # Errors
/// Those of the socket.
pub fn receive(file: &File, sink: &mut dyn Sink, flags: u32) -> Result<Incoming, Errno> {
    let socket = SocketFile::of(file).ok_or(Errno::ENOTSOCK)?;
    let patience = receive_patience(file, &**socket, flags);
    socket.receive(sink, flags, patience)
}

impl FileOps for SocketFile {
    fn read(&self, file: &File, _offset: &mut u64, sink: &mut dyn Sink) -> Result<usize, Errno> {
        if sink.remaining() == 0 && self.0.common().is_stream() {
            return Ok(0);
        }
        receive(file, sink, 0).map(|incoming| incoming.length)
    }

    fn write(&self, file: &File, _offset: &mut u64, source: &mut dyn Source) -> Result<usize, Errno> {
        send(file, source, Outgoing::default())
    }

    fn is_seekable(&self) -> bool {
        false
    }

    fn tells_by_signal(&self) -> bool {
        true
    }

    fn can_poll(&self) -> bool {
        true
    }

    fn poll(&self, _file: &File, poller: Option<&mut Poller>) -> Events {
        match poller {
            Some(poller) => {
                poller.register(&self.0.common().queue, Events::all());
                self.0.poll(Some(poller))
            }
            None => self.0.poll(None),
        }
    }

    fn ioctl(&self, _file: &File, current: &mut Current, number: u32, argument: UserAddr) -> Result<usize, Errno> {
        let bytes = match number {
            request::FIONREAD => self.0.readable_bytes()?,
            request::TIOCOUTQ => self.0.unsent_bytes(),
            request::SIOCATMARK => usize::from(self.0.is_at_mark()),
            _ => return interface::ioctl(current, self.0.common().family, number, argument),
        };
        current.write(UserPtr::new(argument), &i32::try_from(bytes).unwrap_or(i32::MAX))?;
        Ok(0)
    }
}
