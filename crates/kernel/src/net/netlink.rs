//! AF_NETLINK sockets; see netlink(7), rtnetlink(7).
//!
//! Of the protocols there is NETLINK_ROUTE, which tells of the interfaces and changes nothing.
//! The kernel answers while a request is sent; what it sends of itself would be news, and there is none.

mod route;

use lazaret_abi::{
    errno::Errno,
    socket::{family, kind, message},
};

use super::{
    Address, Common, Incoming, Network, Outgoing, Patience, Socket, SocketFile,
    control::Control,
    queue::{self, ReceiveQueue, Segment, Taking},
};
use crate::{
    fs::file::File,
    sync::{Arc, AtomicU32, Mutex, Ordering},
    uio::{Sink, Source},
    wait::{Events, Poller},
};

/// NETLINK_ROUTE.
const ROUTE: u32 = 0;
/// Longest request.
const MAX_REQUEST: usize = 1 << 16;
/// SOL_NETLINK.
const LEVEL: u32 = 270;
/// NETLINK_ADD_MEMBERSHIP and NETLINK_DROP_MEMBERSHIP.
const MEMBERSHIPS: [u32; 2] = [1, 2];

/// The next port that the kernel chooses. Linux takes the pid for the first socket of a process; no
/// program can rely on it.
static NEXT_PORT: AtomicU32 = AtomicU32::new(0x8000_0000);

/// A new socket.
///
/// # Errors
/// `ESOCKTNOSUPPORT`, `EPROTONOSUPPORT`.
pub fn create(network: &Arc<Network>, kind: u32, protocol: u32) -> Result<Arc<dyn Socket>, Errno> {
    if !matches!(kind, kind::RAW | kind::DGRAM) {
        return Err(Errno::ESOCKTNOSUPPORT);
    }
    if protocol != ROUTE {
        return Err(Errno::EPROTONOSUPPORT);
    }
    let common = Common::new(family::NETLINK, kind, protocol);
    let limit = common.options.lock().receive_buffer;
    let inbox = ReceiveQueue::new(common.queue.clone(), limit);
    Ok(Arc::new(NetlinkSocket { common, inbox, network: network.clone(), name: Mutex::new((0, 0)) }))
}

/// A socket of NETLINK_ROUTE.
struct NetlinkSocket {
    common: Common,
    inbox: Arc<ReceiveQueue>,
    /// What it tells of.
    network: Arc<Network>,
    /// Port, 0 while it has none, and groups.
    name: Mutex<(u32, u32)>,
}

/// Where the kernel leaves what a socket is to receive.
pub struct Inbox(Arc<ReceiveQueue>);

impl Inbox {
    /// A message of the kernel's; one that has no room is lost.
    pub fn push(&self, message: Vec<u8>) {
        let _ = self.0.push_message(Segment::new(message, Control::default(), Some(Address::Netlink(0, 0))));
    }
}

/// The inbox of an open socket.
///
/// # Errors
/// `EINVAL` if it is no netlink socket.
pub fn inbox(file: &File) -> Result<Inbox, Errno> {
    let socket = SocketFile::of(file).and_then(|socket| socket.downcast_ref::<NetlinkSocket>());
    socket.map(|socket| Inbox(socket.inbox.clone())).ok_or(Errno::EINVAL)
}

impl NetlinkSocket {
    /// The port, which it gets now if it has none.
    fn port(&self) -> u32 {
        let mut name = self.name.lock();
        if name.0 == 0 {
            name.0 = NEXT_PORT.fetch_add(1, Ordering::Relaxed).max(1);
        }
        name.0
    }
}

impl Socket for NetlinkSocket {
    fn common(&self) -> &Common {
        &self.common
    }

    fn bind(&self, address: &Address) -> Result<(), Errno> {
        let Address::Netlink(port, groups) = *address else { return Err(Errno::EINVAL) };
        let mut name = self.name.lock();
        if name.0 != 0 && port != name.0 {
            return Err(Errno::EINVAL);
        }
        *name = (port, groups);
        drop(name);
        self.port();
        Ok(())
    }

    fn connect(&self, address: &Address, _patience: Patience) -> Result<(), Errno> {
        match address {
            Address::Unspecified | Address::Netlink(0, _) => {
                self.port();
                Ok(())
            }
            Address::Netlink(..) => Err(Errno::EPERM),
            _ => Err(Errno::EINVAL),
        }
    }

    fn send(&self, source: &mut dyn Source, outgoing: Outgoing, _patience: Patience) -> Result<usize, Errno> {
        if outgoing.flags & message::OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        match outgoing.to {
            None | Some(Address::Netlink(0, 0)) => {}
            // Other processes are out of reach.
            Some(Address::Netlink(..)) => return Err(Errno::ECONNREFUSED),
            Some(_) => return Err(Errno::EINVAL),
        }
        let request = queue::read_message(source, MAX_REQUEST)?;
        route::answer(&self.network.tables(), &request, self.port(), |answer| {
            let segment = Segment::new(answer, Control::default(), Some(Address::Netlink(0, 0)));
            let has_room = matches!(self.inbox.push_message(segment), Ok(Ok(())));
            if !has_room {
                // As when Linux runs out of room: the receiver is told that something is missing.
                self.common.error.store(Errno::ENOBUFS.raw(), Ordering::Release);
            }
            has_room
        });
        Ok(request.len())
    }

    fn receive(&self, sink: &mut dyn Sink, flags: u32, patience: Patience) -> Result<Incoming, Errno> {
        if flags & message::OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let taking = Taking { peek: flags & message::PEEK != 0, by_sender: false };
        let queue = self.common.queue.clone();
        let taken = patience.wait(&[(&queue, Events::READABLE)], || {
            if let Some(error) = self.common.take_error() {
                return Some(Err(error));
            }
            self.inbox.take_message(sink, taking).transpose()
        })?;
        Ok(Incoming::from(taken.unwrap_or_default()))
    }

    fn shutdown(&self, _read: bool, _write: bool) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn local_address(&self) -> Address {
        let (port, groups) = *self.name.lock();
        Address::Netlink(port, groups)
    }

    fn peer_address(&self) -> Result<Address, Errno> {
        Ok(Address::Netlink(0, 0))
    }

    fn poll(&self, _poller: Option<&mut Poller>) -> Events {
        let mut events = Events::WRITABLE;
        if self.common.has_error() {
            events |= Events::ERR;
        }
        if !self.inbox.is_empty() {
            events |= Events::READABLE;
        }
        events
    }

    fn readable_bytes(&self) -> Result<usize, Errno> {
        Ok(self.inbox.next_message())
    }

    fn set_option(&self, level: u32, option: u32, _value: &[u8]) -> Result<(), Errno> {
        // A group of those to whom nothing is ever sent.
        if level == LEVEL && MEMBERSHIPS.contains(&option) { Ok(()) } else { Err(Errno::ENOPROTOOPT) }
    }

    fn options_changed(&self) {
        self.inbox.set_limit(self.common.options.lock().receive_buffer);
    }
}
