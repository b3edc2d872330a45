//! Items and the list of those that may be ready.

use std::collections::VecDeque;

use super::{Interest, Key};
use crate::{
    sync::{Arc, AtomicBool, AtomicUsize, Mutex, Ordering, Weak},
    wait::{Events, WaitQueue, Wake},
};

/// The items whose files were woken, in the order of their wake-ups.
#[derive(Default)]
pub struct ReadyList {
    list: Mutex<VecDeque<Arc<Item>>>,
    /// Length of the list, to be read without its lock.
    length: AtomicUsize,
    /// Those who sleep in epoll_wait(2), and outer epolls.
    queue: Arc<WaitQueue>,
}

impl ReadyList {
    /// Number of listed items.
    pub fn len(&self) -> usize {
        self.length.load(Ordering::SeqCst)
    }

    /// Who waits for an item to be listed.
    pub fn queue(&self) -> &Arc<WaitQueue> {
        &self.queue
    }

    /// Lists an item, once, and wakes a sleeper. Returns whether there was one.
    pub fn push(&self, item: &Arc<Item>) -> bool {
        self.push_quietly(item);
        self.queue.wake_one(Events::READABLE)
    }

    /// Lists an item, once.
    pub fn push_quietly(&self, item: &Arc<Item>) {
        if !item.listed.swap(true, Ordering::SeqCst) {
            let mut list = self.list.lock();
            list.push_back(item.clone());
            self.length.store(list.len(), Ordering::SeqCst);
        }
    }

    /// Takes the first item off the list.
    pub fn pop(&self) -> Option<Arc<Item>> {
        let mut list = self.list.lock();
        let item = list.pop_front()?;
        self.length.store(list.len(), Ordering::SeqCst);
        // Before the caller looks at the file: a wake-up from now on lists the item again.
        item.listed.store(false, Ordering::SeqCst);
        Some(item)
    }

    /// Takes an item off the list.
    pub fn remove(&self, item: &Arc<Item>) {
        let mut list = self.list.lock();
        list.retain(|listed| !Arc::ptr_eq(listed, item));
        self.length.store(list.len(), Ordering::SeqCst);
    }
}

/// A watched file as its wait queues see it.
pub struct Item {
    list: Weak<ReadyList>,
    own: Weak<Item>,
    key: Key,
    interest: Mutex<Interest>,
    listed: AtomicBool,
    /// EPOLLONESHOT: it was reported, and waits for EPOLL_CTL_MOD.
    disarmed: AtomicBool,
}

impl Item {
    /// An item that is not listed.
    pub fn new(list: Weak<ReadyList>, key: Key, interest: Interest) -> Arc<Item> {
        Arc::new_cyclic(|own| Item {
            list,
            own: own.clone(),
            key,
            interest: Mutex::new(interest),
            listed: AtomicBool::new(false),
            disarmed: AtomicBool::new(false),
        })
    }

    /// Which watch it belongs to.
    pub fn key(&self) -> Key {
        self.key
    }

    /// What it waits for.
    pub fn interest(&self) -> Interest {
        *self.interest.lock()
    }

    /// Changes that, and arms a one-shot item again.
    pub fn set_interest(&self, interest: Interest) {
        *self.interest.lock() = interest;
        self.disarmed.store(false, Ordering::SeqCst);
    }

    /// Reports no more until [`Item::set_interest`].
    pub fn disarm(&self) {
        self.disarmed.store(true, Ordering::SeqCst);
    }

    /// A one-shot item that was reported.
    pub fn is_disarmed(&self) -> bool {
        self.disarmed.load(Ordering::SeqCst)
    }
}

impl Wake for Item {
    fn wake(&self, events: Events) -> bool {
        if self.is_disarmed() || !events.intersects(self.interest().wanted()) {
            return false;
        }
        match (self.list.upgrade(), self.own.upgrade()) {
            (Some(list), Some(item)) => list.push(&item),
            _ => false,
        }
    }
}
