//! Ports: who is bound to which, and where a packet for one goes.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use lazaret_abi::errno::Errno;

use crate::sync::{Arc, Mutex, Weak};

/// The range of ports that the kernel chooses from (`net.ipv4.ip_local_port_range`).
const EPHEMERAL: std::ops::RangeInclusive<u16> = 32_768..=60_999;

/// What can be bound to a port.
pub trait Face: Send + Sync {
    /// It listens: then nobody else may bind its address, whatever the options say.
    fn is_listening(&self) -> bool;

    /// How well a packet from `from` fits: higher is better, none is not at all.
    fn score(&self, from: SocketAddr) -> Option<u32>;
}

struct Entry<T> {
    id: u64,
    address: IpAddr,
    /// An unspecified IPv6 address that also takes IPv4.
    dual: bool,
    /// SO_REUSEADDR or SO_REUSEPORT.
    reuse: bool,
    face: Weak<T>,
}

impl<T> Entry<T> {
    /// Packets for one address could go to both.
    fn overlaps(&self, address: IpAddr, dual: bool) -> bool {
        let same_family = self.address.is_ipv4() == address.is_ipv4();
        let both = same_family || self.dual || dual;
        let any = self.address.is_unspecified() || address.is_unspecified();
        if same_family { any || self.address == address } else { both && any }
    }

    /// It takes packets for this address; a higher number is a closer fit.
    fn takes(&self, address: IpAddr) -> Option<u32> {
        if self.address == address {
            return Some(2);
        }
        let any = self.address.is_unspecified() && self.address.is_ipv4() == address.is_ipv4();
        if any {
            return Some(1);
        }
        (self.dual && address.is_ipv4()).then_some(0)
    }
}

struct Table<T> {
    ports: BTreeMap<u16, Vec<Entry<T>>>,
    next_id: u64,
    /// Where the search for a free port begins; at first anywhere, since others may still know those of a sandbox
    /// that had this address before.
    next_port: Option<u16>,
}

/// All ports of one protocol.
pub struct Ports<T: 'static>(Mutex<Table<T>>);

/// A bound port, free again when this is dropped.
pub struct Binding<T: Face + 'static> {
    ports: &'static Ports<T>,
    id: u64,
    address: SocketAddr,
}

impl<T: Face> Binding<T> {
    /// The address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// How a socket wants to be bound.
#[derive(Clone, Copy)]
pub struct Wish {
    /// Address and port; port 0 leaves the choice to the kernel.
    pub address: SocketAddr,
    /// An unspecified IPv6 address means IPv4 as well.
    pub dual: bool,
    /// SO_REUSEADDR or SO_REUSEPORT.
    pub reuse: bool,
}

impl<T: Face> Ports<T> {
    /// None is bound.
    pub const fn new() -> Ports<T> {
        Ports(Mutex::new(Table { ports: BTreeMap::new(), next_id: 0, next_port: None }))
    }

    /// Binds a face.
    ///
    /// # Errors
    /// `EADDRINUSE`.
    pub fn bind(&'static self, face: &Arc<T>, wish: Wish) -> Result<Binding<T>, Errno> {
        let mut table = self.0.lock();
        let port = match wish.address.port() {
            0 => table.choose(wish).ok_or(Errno::EADDRINUSE)?,
            port if table.conflicts(port, wish) => return Err(Errno::EADDRINUSE),
            port => port,
        };
        let id = table.next_id;
        table.next_id += 1;
        let entry = Entry {
            id,
            address: wish.address.ip(),
            dual: wish.dual && wish.address.ip().is_unspecified() && wish.address.is_ipv6(),
            reuse: wish.reuse,
            face: Arc::downgrade(face),
        };
        table.ports.entry(port).or_default().push(entry);
        Ok(Binding { ports: self, id, address: SocketAddr::new(wish.address.ip(), port) })
    }

    /// Who gets a packet from `from` for `to`.
    pub fn find(&self, to: SocketAddr, from: SocketAddr) -> Option<Arc<T>> {
        let table = self.0.lock();
        let entries = table.ports.get(&to.port())?;
        let fits = entries.iter().filter_map(|entry| {
            let address = entry.takes(to.ip())?;
            let face = entry.face.upgrade()?;
            let score = face.score(from)?;
            Some((score, address, face))
        });
        fits.max_by_key(|(score, address, _)| (*score, *address)).map(|(_, _, face)| face)
    }

    /// Somebody else listens where `binding` is bound.
    pub fn is_listened(&self, binding: &Binding<T>) -> bool {
        let table = self.0.lock();
        let Some(entries) = table.ports.get(&binding.address.port()) else { return false };
        let Some(own) = entries.iter().find(|entry| entry.id == binding.id) else { return false };
        entries.iter().any(|entry| {
            entry.id != binding.id
                && entry.overlaps(own.address, own.dual)
                && entry.face.upgrade().is_some_and(|face| face.is_listening())
        })
    }
}

impl<T: Face> Table<T> {
    fn conflicts(&self, port: u16, wish: Wish) -> bool {
        self.ports.get(&port).is_some_and(|entries| {
            entries.iter().any(|entry| {
                let Some(face) = entry.face.upgrade() else { return false };
                entry.overlaps(wish.address.ip(), wish.dual) && !(entry.reuse && wish.reuse && !face.is_listening())
            })
        })
    }

    fn choose(&mut self, wish: Wish) -> Option<u16> {
        let count = EPHEMERAL.end() - EPHEMERAL.start() + 1;
        let first = self.next_port.unwrap_or_else(random);
        for step in 0..count {
            let place = (u32::from(first) + u32::from(step)) % u32::from(count);
            let port = EPHEMERAL.start() + u16::try_from(place).unwrap_or_default();
            self.next_port = Some(port - EPHEMERAL.start() + 1);
            // A chosen port is nobody else's, options or not.
            if !self.conflicts(port, Wish { reuse: false, ..wish }) {
                return Some(port);
            }
        }
        None
    }
}

fn random() -> u16 {
    let mut bytes = [0; 2];
    // It does not fail once the host is up.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    u16::from_ne_bytes(bytes)
}

impl<T: Face> Drop for Binding<T> {
    fn drop(&mut self) {
        let mut table = self.ports.0.lock();
        if let Some(entries) = table.ports.get_mut(&self.address.port()) {
            entries.retain(|entry| entry.id != self.id);
            if entries.is_empty() {
                table.ports.remove(&self.address.port());
            }
        }
    }
}
