//! Sockets that listen, as those who connect see them.

use std::{collections::VecDeque, net::SocketAddr};

use super::{ports::Face, remote::tuning, tcp::TcpSocket};
use crate::{
    net::{
        queue::ReceiveQueue,
        stack::tcp::{Connection, Listen, Tuning},
    },
    sync::{Arc, AtomicBool, AtomicI32, Mutex, Ordering, Weak},
    wait::{Events, WaitQueue},
};

/// Connections over links that are being made at once, at least and at most; the limit is the backlog in between.
const MAKING: std::ops::RangeInclusive<usize> = 16..=1024;

/// What the other side, or those who connect, see of a socket.
pub struct TcpFace {
    pub(super) inbox: Arc<ReceiveQueue>,
    pub(super) queue: Arc<WaitQueue>,
    pub(super) error: Arc<AtomicI32>,
    pub(super) listener: Mutex<Option<Listener>>,
    /// Whether there is a listener; asked with the port table locked, where `listener` must not be.
    pub(super) listening: AtomicBool,
    /// The other side reset the connection.
    pub(super) was_reset: AtomicBool,
    pub(super) domain: u32,
}

/// What a socket that listens has.
pub(super) struct Listener {
    pub(super) backlog: usize,
    /// Connections that wait for accept(2).
    pub(super) pending: VecDeque<Arc<TcpSocket>>,
    /// Those whose connection waits for room in the backlog.
    pub(super) waiting: VecDeque<Weak<TcpSocket>>,
    /// Connections over links that are being made.
    making: VecDeque<Weak<Connection>>,
    /// What connections inherit.
    pub(super) parent: Weak<TcpSocket>,
}

impl Listener {
    /// Without connections.
    pub(super) fn new(backlog: usize, parent: Weak<TcpSocket>) -> Listener {
        let (pending, waiting, making) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        Listener { backlog, pending, waiting, making, parent }
    }
}

impl Face for TcpFace {
    fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Acquire)
    }

    fn score(&self, _from: SocketAddr) -> Option<u32> {
        self.is_listening().then_some(0)
    }
}

impl TcpFace {
    /// One more connection over a link can be made: then what it is set to.
    pub fn has_room(&self) -> Option<Tuning> {
        let open = |listener: &Option<Listener>| {
            listener.as_ref().filter(|slot| slot.pending.len() <= slot.backlog).map(|slot| slot.parent.clone())
        };
        let parent = open(&self.listener.lock())?.upgrade()?;
        Some(tuning(&parent.common, &parent.levels))
    }

    /// A connection is being made. If many are, the one that has taken longest is given up: it may be one that
    /// somebody has asked for in the name of somebody else.
    pub fn expect(&self, connection: &Arc<Connection>) {
        let mut listener = self.listener.lock();
        let Some(slot) = &mut *listener else { return };
        slot.making.push_back(Arc::downgrade(connection));
        if slot.making.len() <= slot.backlog.clamp(*MAKING.start(), *MAKING.end()) {
            return;
        }
        slot.making.retain(|connection| connection.upgrade().is_some_and(|connection| !connection.is_made()));
        let oldest = if slot.making.len() > slot.backlog.clamp(*MAKING.start(), *MAKING.end()) {
            slot.making.pop_front()
        } else {
            None
        };
        drop(listener);
        if let Some(oldest) = oldest.and_then(|oldest| oldest.upgrade()) {
            oldest.forget();
        }
    }
}

impl Listen for TcpFace {
    fn arrive(&self, connection: &Arc<Connection>) {
        let parent = self.listener.lock().as_ref().map(|slot| slot.parent.clone());
        let socket =
            parent.and_then(|parent| parent.upgrade()).map(|parent| TcpSocket::of_connection(&parent, connection));
        let refused = match (&mut *self.listener.lock(), socket) {
            (Some(slot), Some(socket)) => {
                slot.pending.push_back(socket);
                None
            }
            (_, socket) => Some(socket),
        };
        match refused {
            None => drop(self.queue.wake(Events::READABLE)),
            Some(socket) => {
                connection.release(true);
                drop(socket);
            }
        }
    }
}
