//! The table of those who wait on futex words.

use std::collections::VecDeque;

use lazaret_abi::futex::{TID_MASK, WAITERS};
use lazaret_platform::AddressSpace;

use crate::{
    mm::FutexKey,
    sync::{Arc, AtomicUsize, Mutex, MutexGuard, OnceLock, Ordering},
    wait::Parker,
};

const BUCKETS: usize = 256;

/// A sleeper, which may wait on several words (futex_waitv).
pub struct Waiter {
    parker: Arc<Parker>,
    /// Which of its words it was woken by.
    woken: AtomicUsize,
    /// The words; a requeue changes them, with the buckets of both keys locked.
    keys: Mutex<Vec<FutexKey>>,
    /// Thread id, for priority-inheriting futexes, which are handed over.
    pub tid: i32,
}

const NOT_WOKEN: usize = usize::MAX;

impl Waiter {
    /// A sleeper on the given words, not enqueued.
    pub fn new(parker: Arc<Parker>, keys: Vec<FutexKey>, tid: i32) -> Arc<Waiter> {
        Arc::new(Waiter { parker, woken: AtomicUsize::new(NOT_WOKEN), keys: Mutex::new(keys), tid })
    }

    /// The index of the word it was woken by.
    pub fn woken(&self) -> Option<usize> {
        Some(self.woken.load(Ordering::Acquire)).filter(|index| *index != NOT_WOKEN)
    }

    /// What its thread sleeps on.
    pub fn parker(&self) -> &Parker {
        &self.parker
    }

    /// Takes it out of all queues.
    pub fn dequeue(self: &Arc<Self>) {
        let count = self.keys.lock().len();
        for index in 0..count {
            loop {
                let key = self.keys.lock()[index];
                let mut bucket = lock(key);
                // It may have been moved to another word before the bucket was locked.
                if self.keys.lock()[index] == key {
                    bucket.entries.retain(|entry| !(entry.index == index && Arc::ptr_eq(&entry.waiter, self)));
                    break;
                }
            }
        }
    }
}

/// A wait for a priority-inheriting lock, which is given to the waiter by those who hold it before.
pub struct Inheriting {
    /// Who holds the lock now: a thread id of the root pid namespace.
    pub owner: i32,
    /// The waiter's id there.
    pub tid: i32,
    /// The lock's word, as the waiter sees it.
    pub space: Arc<dyn AddressSpace>,
    /// Its address there.
    pub address: u64,
}

/// A waiter in the queue of one word.
pub struct Entry {
    key: FutexKey,
    /// Which wake-ups it hears (FUTEX_WAIT_BITSET).
    bitset: u32,
    waiter: Arc<Waiter>,
    /// Which of the waiter's words this is.
    index: usize,
    /// It waits for a priority-inheriting lock.
    inheriting: Option<Inheriting>,
}

impl Entry {
    /// The entry of `waiter` for its word `index`.
    pub fn new(waiter: &Arc<Waiter>, index: usize, bitset: u32) -> Entry {
        Entry { key: waiter.keys.lock()[index], bitset, waiter: waiter.clone(), index, inheriting: None }
    }

    /// The entry of `waiter` for its only word, a priority-inheriting lock.
    pub fn for_lock(waiter: &Arc<Waiter>, inheriting: Inheriting) -> Entry {
        Entry { inheriting: Some(inheriting), ..Entry::new(waiter, 0, u32::MAX) }
    }
}

/// Queues of all words that share a hash.
#[derive(Default)]
pub struct Bucket {
    entries: VecDeque<Entry>,
}

fn buckets() -> &'static [Mutex<Bucket>] {
    static TABLE: OnceLock<Vec<Mutex<Bucket>>> = OnceLock::new();
    TABLE.get_or_init(|| (0..BUCKETS).map(|_| Mutex::default()).collect())
}

fn index_of(key: FutexKey) -> usize {
    let (FutexKey::Private(object, place) | FutexKey::Shared(object, place)) = key;
    let mixed = (object as u64 ^ place >> 2).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // The high bits are the well mixed ones.
    (mixed >> 56) as usize % BUCKETS
}

/// The bucket of a word, locked.
pub fn lock(key: FutexKey) -> MutexGuard<'static, Bucket> {
    buckets()[index_of(key)].lock()
}

/// The buckets of two words, locked in the order of the table; the second is none if both share one.
pub fn lock_both(from: FutexKey, to: FutexKey) -> (MutexGuard<'static, Bucket>, Option<MutexGuard<'static, Bucket>>) {
    match index_of(from).cmp(&index_of(to)) {
        std::cmp::Ordering::Equal => (lock(from), None),
        std::cmp::Ordering::Less => {
            let first = lock(from);
            (first, Some(lock(to)))
        }
        std::cmp::Ordering::Greater => {
            let second = lock(to);
            (lock(from), Some(second))
        }
    }
}

impl Bucket {
    /// Appends a waiter.
    pub fn enqueue(&mut self, entry: Entry) {
        self.entries.push_back(entry);
    }

    /// Wakes up to `limit` waiters of a word that hear `bitset`; returns how many.
    pub fn wake(&mut self, key: FutexKey, limit: usize, bitset: u32) -> usize {
        let mut count = 0;
        self.entries.retain(|entry| {
            if count == limit || entry.key != key || entry.bitset & bitset == 0 || entry.inheriting.is_some() {
                return true;
            }
            count += usize::from(entry.wake());
            false
        });
        count
    }

    /// Moves up to `limit` waiters from one word to another; returns how many. `other` is the
    /// second word's bucket if it is not this one. To the same word they are counted, and keep their places.
    pub fn requeue(&mut self, from: FutexKey, to: FutexKey, other: Option<&mut Bucket>, limit: usize) -> usize {
        if from == to {
            let movable = |entry: &&Entry| entry.key == from && entry.inheriting.is_none();
            return self.entries.iter().filter(movable).count().min(limit);
        }
        let mut moved = VecDeque::new();
        let mut kept = VecDeque::with_capacity(self.entries.len());
        for mut entry in self.entries.drain(..) {
            if moved.len() < limit && entry.key == from && entry.inheriting.is_none() {
                entry.key = to;
                entry.waiter.keys.lock()[entry.index] = to;
                moved.push_back(entry);
            } else {
                kept.push_back(entry);
            }
        }
        self.entries = kept;
        let count = moved.len();
        match other {
            Some(other) => other.entries.append(&mut moved),
            None => self.entries.append(&mut moved),
        }
        count
    }

    /// Gives a priority-inheriting lock to the first that waits for it: its word becomes the new owner's, with
    /// `mark` set in it. `None` if nobody waits, and whether the word could be written.
    pub fn hand_over(&mut self, key: FutexKey, mark: u32) -> Option<bool> {
        let position = self.entries.iter().position(|entry| entry.waits_for_lock(key))?;
        let next = self.entries.remove(position)?;
        let new = next.inheriting.as_ref()?;
        for rest in &mut self.entries {
            if rest.key == key
                && let Some(waiting) = &mut rest.inheriting
            {
                waiting.owner = new.tid;
            }
        }
        // As Linux, which does not look whether there are more waiters.
        let value = next.waiter.tid.unsigned_abs() & TID_MASK | WAITERS | mark;
        let written = new.space.write(new.address, &value.to_ne_bytes()) == size_of::<u32>();
        next.wake();
        Some(written)
    }

    /// A lock of this bucket that `owner` holds and others wait for.
    fn lock_of(&self, owner: i32) -> Option<FutexKey> {
        let is_held = |entry: &&Entry| entry.inheriting.as_ref().is_some_and(|waiting| waiting.owner == owner);
        self.entries.iter().filter(|entry| entry.waiter.woken().is_none()).find(is_held).map(|entry| entry.key)
    }

    /// Somebody waits for a priority-inheriting lock at the word.
    pub fn has_inheriting(&self, key: FutexKey) -> bool {
        self.entries.iter().any(|entry| entry.waits_for_lock(key))
    }
}

/// Gives all priority-inheriting locks that `owner` holds to those who wait for them, marked with `mark`.
pub fn hand_over_all(owner: i32, mark: u32) {
    for bucket in buckets() {
        let mut bucket = bucket.lock();
        // Each hand-over makes it the lock of somebody else.
        while bucket.lock_of(owner).and_then(|key| bucket.hand_over(key, mark)).is_some() {}
    }
}

impl Entry {
    /// Wakes the waiter; false when another of its words did already.
    pub fn wake(&self) -> bool {
        let won =
            self.waiter.woken.compare_exchange(NOT_WOKEN, self.index, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if won {
            self.waiter.parker.unpark();
        }
        won
    }

    /// It waits for the priority-inheriting lock of this word.
    fn waits_for_lock(&self, key: FutexKey) -> bool {
        self.key == key && self.inheriting.is_some() && self.waiter.woken().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiter(key: FutexKey, bitset: u32) -> Arc<Waiter> {
        let waiter = Waiter::new(Arc::new(Parker::new()), vec![key], 1);
        lock(key).enqueue(Entry::new(&waiter, 0, bitset));
        waiter
    }

    #[test]
    fn wake_ups_choose_by_word_and_bitset() {
        let (one, two) = (FutexKey::Private(1, 0x1000), FutexKey::Private(1, 0x1004));
        let waiters = [waiter(one, 1), waiter(one, 2), waiter(two, 1), waiter(one, 2)];
        assert_eq!(lock(one).wake(one, 1, 2), 1);
        assert_eq!(waiters.each_ref().map(|waiter| waiter.woken().is_some()), [false, true, false, false]);
        assert_eq!(lock(one).wake(one, 9, u32::MAX), 2);
        waiters[2].dequeue();
        assert_eq!(lock(two).wake(two, 9, u32::MAX), 0);
    }

    #[test]
    fn a_moved_waiter_is_woken_and_taken_out_at_its_new_word() {
        let (one, two) = (FutexKey::Private(2, 0x1000), FutexKey::Shared(7, 0x58));
        let waiters = [waiter(one, 1), waiter(one, 1), waiter(one, 1)];
        let (mut from, mut to) = lock_both(one, two);
        assert_eq!(from.requeue(one, two, to.as_deref_mut(), 2), 2);
        drop((from, to));
        assert_eq!(lock(one).wake(one, 9, 1), 1);
        waiters[0].dequeue();
        assert_eq!(lock(two).wake(two, 9, 1), 1);
        assert!(waiters[1].woken().is_some() && waiters[0].woken().is_none());
    }
}
