//! Files in flight: sent over Unix sockets and not received yet.
//!
//! Sockets can be sent over sockets, so that a socket may end up reachable only from its own queue.
//! [`collect`] finds such circles: it looks at sockets all of whose references are in flight, and
//! spares those that a queue outside of the suspected set holds.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet, hash_map::Entry},
};

use lazaret_abi::errno::Errno;

use super::UnixSocket;
use crate::{
    fs::{fdtable::NR_OPEN, file::File},
    net::SocketFile,
    sync::{Arc, Mutex, OnceLock, Weak},
};

/// Open files that travel with a message. Counted as long as they do.
#[derive(Default)]
pub struct Rights {
    files: Vec<Arc<File>>,
    /// Who has sent them.
    user: u32,
}

/// How often a Unix socket is in flight.
struct Flying {
    file: Weak<File>,
    count: usize,
}

#[derive(Default)]
struct Flights {
    /// Unix sockets in flight, by the address of their open file.
    sockets: HashMap<usize, Flying>,
    /// All files in flight.
    total: usize,
    /// And those of each user.
    users: HashMap<u32, usize>,
}

fn flights() -> &'static Mutex<Flights> {
    static FLIGHTS: OnceLock<Mutex<Flights>> = OnceLock::new();
    FLIGHTS.get_or_init(Mutex::default)
}

fn address(file: &Arc<File>) -> usize {
    Arc::as_ptr(file).addr()
}

fn unix_socket(file: &File) -> Option<&UnixSocket> {
    SocketFile::of(file).and_then(|socket| socket.downcast_ref())
}

impl Rights {
    /// Puts files of `user` into flight, unless more than `limit` of that user's are already.
    ///
    /// # Errors
    /// `ETOOMANYREFS` when too many are already.
    pub fn new(files: Vec<Arc<File>>, user: u32, limit: usize) -> Result<Rights, Errno> {
        if files.is_empty() {
            return Ok(Rights::default());
        }
        let mut flights = flights().lock();
        let own = flights.users.get(&user).copied().unwrap_or_default();
        if own > limit || flights.total + files.len() > NR_OPEN {
            return Err(Errno::ETOOMANYREFS);
        }
        flights.take_off(&files, user);
        Ok(Rights { files, user })
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The files.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<File>> {
        self.files.iter()
    }

    /// The files, which land.
    pub fn into_files(mut self) -> Vec<Arc<File>> {
        self.take()
    }

    /// Takes the files out; they land.
    pub fn take(&mut self) -> Vec<Arc<File>> {
        let files = std::mem::take(&mut self.files);
        flights().lock().land(&files, self.user);
        files
    }
}

impl Clone for Rights {
    fn clone(&self) -> Self {
        flights().lock().take_off(&self.files, self.user);
        Rights { files: self.files.clone(), user: self.user }
    }
}

impl Drop for Rights {
    fn drop(&mut self) {
        if !self.files.is_empty() {
            drop_later(self.take());
        }
    }
}

impl Flights {
    fn take_off(&mut self, files: &[Arc<File>], user: u32) {
        if files.is_empty() {
            return;
        }
        self.total += files.len();
        *self.users.entry(user).or_default() += files.len();
        for file in files {
            if unix_socket(file).is_some() {
                let new = || Flying { file: Arc::downgrade(file), count: 0 };
                self.sockets.entry(address(file)).or_insert_with(new).count += 1;
            }
        }
    }

    fn land(&mut self, files: &[Arc<File>], user: u32) {
        self.total -= files.len();
        if let Entry::Occupied(mut own) = self.users.entry(user) {
            *own.get_mut() -= files.len();
            if *own.get() == 0 {
                own.remove();
            }
        }
        for file in files {
            if let Some(flying) = self.sockets.get_mut(&address(file)) {
                flying.count -= 1;
                if flying.count == 0 {
                    self.sockets.remove(&address(file));
                }
            }
        }
    }
}

/// Drops files one after another, not one inside the other: the last reference to a socket drops
/// its queue, which may hold a socket, and so on deeper than the stack.
fn drop_later(files: Vec<Arc<File>>) {
    thread_local! {
        static WAITING: RefCell<Option<Vec<Arc<File>>>> = const { RefCell::new(None) };
    }
    let nested = WAITING.with_borrow_mut(|waiting| match waiting {
        Some(waiting) => {
            waiting.extend(files.iter().cloned());
            true
        }
        None => {
            *waiting = Some(files.clone());
            false
        }
    });
    drop(files);
    if nested {
        return;
    }
    while let Some(file) = WAITING.with_borrow_mut(|waiting| waiting.as_mut().and_then(Vec::pop)) {
        drop(file);
    }
    WAITING.set(None);
}

/// Frees circles of sockets that only queues hold. Called when a Unix socket goes.
pub fn collect() {
    let suspects: Vec<(usize, Weak<File>, usize)> = {
        let flights = flights().lock();
        flights
            .sockets
            .iter()
            .filter(|(_, flying)| flying.file.strong_count() == flying.count)
            .map(|(address, flying)| (*address, flying.file.clone(), flying.count))
            .collect()
    };
    if suspects.is_empty() {
        return;
    }
    // Nobody can get at a suspect meanwhile but by receiving it, which makes it no suspect: what is
    // looked at here is kept alive, and judged by what was true before.
    let files: HashMap<usize, Arc<File>> =
        suspects.iter().filter_map(|(address, file, _)| Some((*address, file.upgrade()?))).collect();
    let mut outside: HashMap<usize, usize> = suspects.iter().map(|(address, _, count)| (*address, *count)).collect();
    let mut inside: HashMap<usize, Vec<usize>> = HashMap::new();
    for (holder, file) in &files {
        let held = inside.entry(*holder).or_default();
        if let Some(socket) = unix_socket(file) {
            socket.visit_queued(|queued| {
                if let Some(count) = outside.get_mut(&address(queued)) {
                    *count = count.saturating_sub(1);
                    held.push(address(queued));
                }
            });
        }
    }
    // Those that somebody outside holds live, and so does what they hold.
    let mut live: HashSet<usize> = HashSet::new();
    let mut waiting: Vec<usize> =
        outside.iter().filter(|(_, count)| **count > 0).map(|(address, _)| *address).collect();
    while let Some(address) = waiting.pop() {
        if live.insert(address) {
            waiting.extend(inside.get(&address).into_iter().flatten());
        }
    }
    let mut garbage = Vec::new();
    for (address, file) in &files {
        if !live.contains(address)
            && let Some(socket) = unix_socket(file)
        {
            garbage.extend(socket.take_queued());
        }
    }
    drop(files);
    drop_later(garbage);
}
