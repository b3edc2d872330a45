//! All connections, by their ends.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use lazaret_abi::errno::Errno;
use smoltcp::{socket::tcp::State, wire::TcpSeqNumber};

use super::{
    connection::{Connection, Ends},
    device::Last,
};
use crate::sync::{Arc, AtomicU64, Mutex, Ordering};

/// Most connections. Each has two mappings of the host's for its buffers.
const MOST: usize = 16_384;
/// Most ends of connections that are remembered, and for how long (TCP_TIMEWAIT_LEN).
const RETIRED: usize = 16_384;
const TIME_WAIT: Duration = Duration::from_secs(60);

/// Connections that are over, whose late packets may still be on the way.
#[derive(Default)]
struct Retired {
    by_ends: HashMap<Ends, (Last, Instant)>,
    /// In the order in which they are forgotten.
    order: VecDeque<(Ends, Instant)>,
}

/// All connections of a stack.
#[derive(Default)]
pub struct Connections {
    by_ends: Mutex<HashMap<Ends, Arc<Connection>>>,
    retired: Mutex<Retired>,
    next: AtomicU64,
}

impl Connections {
    /// A number that no other connection has.
    pub fn id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Adds a connection.
    ///
    /// # Errors
    /// `EADDRNOTAVAIL` when there is one with these ends, `ENOBUFS` when there are too many.
    pub fn insert(&self, connection: &Arc<Connection>) -> Result<(), Errno> {
        let mut all = self.by_ends.lock();
        if all.len() >= MOST {
            return Err(Errno::ENOBUFS);
        }
        if let Some(old) = all.get(&connection.ends)
            && old.state() != State::TimeWait
        {
            return Err(Errno::EADDRNOTAVAIL);
        }
        all.insert(connection.ends, connection.clone());
        drop(all);
        self.retired.lock().by_ends.remove(&connection.ends);
        Ok(())
    }

    /// The connection with these ends.
    pub fn get(&self, ends: Ends) -> Option<Arc<Connection>> {
        self.by_ends.lock().get(&ends).cloned()
    }

    /// Removes a connection, unless another one has taken its place.
    pub fn remove(&self, connection: &Connection) {
        let mut all = self.by_ends.lock();
        let removed = match all.get(&connection.ends) {
            Some(known) if known.id == connection.id => all.remove(&connection.ends),
            _ => None,
        };
        drop(all);
        drop(removed);
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<Connection>> {
        self.by_ends.lock().values().cloned().collect()
    }

    /// Those that are over and not forgotten yet.
    pub fn retired(&self) -> Vec<Ends> {
        let now = Instant::now();
        let retired = self.retired.lock();
        retired.by_ends.iter().filter(|(_, (_, end))| *end > now).map(|(ends, _)| *ends).collect()
    }

    /// A connection with these ends is over.
    pub fn retire(&self, ends: Ends, last: Option<Last>) {
        let Some(last) = last else { return };
        let now = Instant::now();
        let mut retired = self.retired.lock();
        while let Some((old, end)) = retired.order.front().copied()
            && (end <= now || retired.order.len() >= RETIRED)
        {
            retired.order.pop_front();
            if retired.by_ends.get(&old).is_some_and(|(_, known)| *known == end) {
                retired.by_ends.remove(&old);
            }
        }
        let end = now + TIME_WAIT;
        retired.order.push_back((ends, end));
        retired.by_ends.insert(ends, (last, end));
    }

    /// What was sent last over a connection with these ends that is over. One that is asked for, with this sequence
    /// number, takes its place if that is no late packet.
    pub fn is_retired(&self, ends: Ends, asks: Option<TcpSeqNumber>) -> Option<Last> {
        let mut retired = self.retired.lock();
        let (last, end) = retired.by_ends.get(&ends).copied()?;
        let is_new = asks.is_some_and(|sequence| sequence > last.acknowledged);
        if is_new || end <= Instant::now() {
            retired.by_ends.remove(&ends);
            return None;
        }
        Some(last)
    }
}
