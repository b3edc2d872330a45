//! epoll(7): watching many files at the cost of those that are ready.
//!
//! Each watched file has an [`Item`] registered on the file's wait queues. A wake-up puts the item
//! on the ready list; epoll_wait(2) looks at listed items only, and asks each file what is really
//! the case.
//!
//! Locks: `items` of an outer epoll is taken before that of an inner one and before any lock of a
//! file; a wake-up takes only the ready list.

mod item;
mod nesting;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use lazaret_abi::errno::Errno;

use self::{
    item::{Item, ReadyList},
    nesting::Outers,
};
use super::{
    anon,
    file::{File, FileOps, flags},
};
use crate::{
    sync::{Arc, Mutex, Weak},
    time::Deadline,
    wait::{Events, Interruptible, Poller, wait_until},
};

bitflags::bitflags! {
    /// Input flags of an epoll registration, beside the events.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Mode: u32 {
        /// EPOLLEXCLUSIVE: wake one of several epolls.
        const EXCLUSIVE = 1 << 28;
        /// EPOLLWAKEUP; nothing here suspends, so it has no effect.
        const WAKEUP = 1 << 29;
        /// EPOLLONESHOT: report once, then wait for EPOLL_CTL_MOD.
        const ONESHOT = 1 << 30;
        /// EPOLLET: report changes, not states.
        const EDGE = 1 << 31;
    }
}

/// What to watch for, and what to return then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    /// `events` of struct epoll_event: events and [`Mode`] bits.
    pub events: u32,
    /// `data`, returned as it is.
    pub data: u64,
}

impl Interest {
    fn mode(self) -> Mode {
        Mode::from_bits_truncate(self.events)
    }

    fn wanted(self) -> Events {
        Events::from_bits_truncate(self.events) | Events::ALWAYS
    }
}

/// A watched file and the registrations on its queues.
struct Watch {
    file: Weak<File>,
    item: Arc<Item>,
    /// Taken back when the watch goes.
    _poller: Poller,
}

/// Descriptor number and identity of the open file: what an epoll tells files apart by.
type Key = (i32, usize);

type Items = HashMap<Key, Watch>;

/// An epoll instance.
pub struct Epoll {
    items: Mutex<Items>,
    ready: Arc<ReadyList>,
    outers: Outers,
}

/// A new epoll instance.
pub fn create() -> Arc<File> {
    let ops = Epoll { items: Mutex::default(), ready: Arc::default(), outers: Outers::default() };
    anon::anonymous_file("[eventpoll]", Box::new(ops), flags::RDWR)
}

impl Epoll {
    /// The epoll of an open file, if it is one.
    pub fn of(file: &File) -> Option<&Epoll> {
        file.ops().downcast_ref()
    }

    /// EPOLL_CTL_ADD. `own` is this epoll's file.
    ///
    /// # Errors
    /// `EPERM` for files that cannot be watched, `EEXIST`, `EINVAL` for itself, for what EPOLLEXCLUSIVE
    /// forbids and for too many ways through epolls, `ELOOP` for circles and chains that are too long.
    pub fn add(&self, own: &Arc<File>, fd: i32, file: &Arc<File>, interest: Interest) -> Result<(), Errno> {
        if !file.ops().can_poll() {
            return Err(Errno::EPERM);
        }
        if Arc::ptr_eq(own, file) {
            return Err(Errno::EINVAL);
        }
        let nested = Epoll::of(file);
        if interest.mode().contains(Mode::EXCLUSIVE) {
            let allowed = Events::IN | Events::OUT | Events::ALWAYS;
            let rest = interest.events & !(Mode::EXCLUSIVE | Mode::WAKEUP | Mode::EDGE).bits();
            if nested.is_some() || rest & !allowed.bits() != 0 {
                return Err(Errno::EINVAL);
            }
        }
        let nesting = nested.map(|inner| self.begin_nesting(inner)).transpose()?;
        let (mut items, nesting) = self.lock_for_watch(nesting);
        // Watches of files that were closed without EPOLL_CTL_DEL go when their number comes again.
        items.retain(|(number, _), watch| *number != fd || watch.file.strong_count() > 0);
        let key = key(fd, file);
        if items.contains_key(&key) {
            return Err(Errno::EEXIST);
        }
        if let Some(inner) = nested {
            inner.outers.insert(self, key, own);
            inner.check_ways_below(&mut Vec::new()).inspect_err(|_| inner.outers.remove(self, key))?;
        } else if nesting.is_some() {
            self.check_ways()?;
        }
        let item = Item::new(Arc::downgrade(&self.ready), key, interest);
        let mut poller = Poller::new(item.clone());
        poller.set_exclusive(interest.mode().contains(Mode::EXCLUSIVE));
        let events = file.poll(Some(&mut poller));
        items.insert(key, Watch { file: Arc::downgrade(file), item: item.clone(), _poller: poller });
        drop(items);
        if events.intersects(interest.wanted()) {
            self.ready.push(&item);
        }
        Ok(())
    }

    /// EPOLL_CTL_MOD.
    ///
    /// # Errors
    /// `ENOENT` when the file is not watched, `EINVAL` where EPOLLEXCLUSIVE is involved.
    pub fn modify(&self, fd: i32, file: &Arc<File>, interest: Interest) -> Result<(), Errno> {
        let items = self.items.lock();
        let watch = items.get(&key(fd, file)).ok_or(Errno::ENOENT)?;
        if (interest.mode() | watch.item.interest().mode()).contains(Mode::EXCLUSIVE) {
            return Err(Errno::EINVAL);
        }
        watch.item.set_interest(interest);
        let item = watch.item.clone();
        let events = file.poll(None);
        drop(items);
        if events.intersects(interest.wanted()) {
            self.ready.push(&item);
        }
        Ok(())
    }

    /// EPOLL_CTL_DEL.
    ///
    /// # Errors
    /// `ENOENT` when the file is not watched.
    pub fn remove(&self, fd: i32, file: &Arc<File>) -> Result<(), Errno> {
        let key = key(fd, file);
        let Watch { item, _poller: poller, .. } = self.items.lock().remove(&key).ok_or(Errno::ENOENT)?;
        if let Some(inner) = Epoll::of(file) {
            inner.outers.remove(self, key);
        }
        // First, so that nothing lists the item again.
        drop(poller);
        self.ready.remove(&item);
        Ok(())
    }

    /// Up to `limit` ready files: their events and data.
    fn collect(&self, limit: usize) -> Vec<Interest> {
        let mut found = Vec::new();
        let mut items = self.items.lock();
        // Each listed item is looked at once; those that stay ready go to the end, so that all get
        // their turn.
        let mut keep = Vec::new();
        for _ in 0..self.ready.len() {
            if found.len() == limit {
                break;
            }
            let Some(item) = self.ready.pop() else { break };
            let Some(watch) = items.get(&item.key()).filter(|watch| Arc::ptr_eq(&watch.item, &item)) else { continue };
            let Some(file) = watch.file.upgrade() else {
                items.remove(&item.key());
                continue;
            };
            let interest = item.interest();
            let events = file.poll(None) & interest.wanted();
            // A disarmed one-shot item has no events but those always reported, and not even these.
            if events.is_empty() || item.is_disarmed() {
                continue;
            }
            found.push(Interest { events: events.bits(), data: interest.data });
            if interest.mode().contains(Mode::ONESHOT) {
                item.disarm();
            } else if !interest.mode().contains(Mode::EDGE) {
                keep.push(item);
            }
        }
        for item in &keep {
            self.ready.push_quietly(item);
        }
        found
    }

    /// epoll_wait(2): waits for up to `limit` ready files; none when the deadline passes.
    ///
    /// # Errors
    /// `EINTR` when a signal is pending.
    pub fn wait(&self, limit: usize, deadline: Option<Deadline>) -> Result<Vec<Interest>, Errno> {
        let queue = self.ready.queue().clone();
        let result = wait_until(&[(&queue, Events::READABLE)], deadline, Interruptible::Signals, || {
            if self.ready.len() == 0 {
                return None;
            }
            Some(self.collect(limit)).filter(|found| !found.is_empty())
        });
        // What is left is for the next sleeper. Not before this one is out of the queue: it would wake
        // itself.
        if self.ready.len() > 0 {
            queue.pass_on(Events::READABLE);
        }
        match result {
            Err(Errno::ETIMEDOUT) => Ok(Vec::new()),
            // epoll_wait(2) is never restarted; signal(7).
            Err(_) => Err(Errno::EINTR),
            found => found,
        }
    }

    /// Lines for `/proc/PID/fdinfo`.
    pub fn show(&self) -> String {
        let items = self.items.lock();
        let mut lines: Vec<_> = items
            .iter()
            .map(|((fd, _), watch)| {
                let interest = watch.item.interest();
                format!("tfd: {fd:8} events: {:8x} data: {:16x}\n", interest.events, interest.data)
            })
            .collect();
        lines.sort();
        lines.concat()
    }
}

fn key(fd: i32, file: &Arc<File>) -> Key {
    (fd, Arc::as_ptr(file).addr())
}

impl FileOps for Epoll {
    fn is_seekable(&self) -> bool {
        false
    }

    fn seeks_to_start(&self) -> bool {
        true
    }

    fn can_poll(&self) -> bool {
        true
    }

    fn poll(&self, _file: &File, poller: Option<&mut Poller>) -> Events {
        if let Some(poller) = poller {
            poller.register(self.ready.queue(), Events::READABLE);
        }
        let items = self.items.lock();
        for _ in 0..self.ready.len() {
            let Some(item) = self.ready.pop() else { break };
            let Some(file) = items.get(&item.key()).and_then(|watch| watch.file.upgrade()) else { continue };
            if file.poll(None).intersects(item.interest().wanted()) && !item.is_disarmed() {
                self.ready.push_quietly(&item);
                // A sleeper may have looked while it was off the list.
                self.ready.queue().pass_on(Events::READABLE);
                return Events::READABLE;
            }
        }
        Events::empty()
    }
}
