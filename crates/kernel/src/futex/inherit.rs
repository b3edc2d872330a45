//! Priority-inheriting locks: the word holds the owner's thread id, and the kernel hands the lock
//! over. All tasks have one priority here, so that it is a matter of order alone.

use lazaret_abi::{
    errno::Errno,
    futex::{OWNER_DIED, TID_MASK, WAITERS},
};

use super::{
    Word,
    bucket::{self, Entry, Waiter},
    exchange, parker, read, sleep,
};
use crate::{task::Current, time::Deadline};

fn own_tid(current: &Current) -> u32 {
    current.task.own_tid().unsigned_abs() & TID_MASK
}

/// FUTEX_TRYLOCK_PI.
///
/// # Errors
/// `EAGAIN` when another holds it, `EDEADLK` when the caller does, `EFAULT`.
pub fn try_lock_pi(current: &mut Current, word: Word) -> Result<(), Errno> {
    let tid = own_tid(current);
    loop {
        let old = read(&**current.context.address_space(), word.address)?;
        if old & TID_MASK == tid {
            return Err(Errno::EDEADLK);
        }
        if old & TID_MASK != 0 {
            return Err(Errno::EAGAIN);
        }
        let waiters = if bucket::lock(word.key).has_inheriting(word.key) { WAITERS } else { 0 };
        if exchange(current, word.address, old, tid | old & OWNER_DIED | waiters)? == old {
            return Ok(());
        }
    }
}

/// FUTEX_LOCK_PI: takes the lock, or waits to be given it.
///
/// # Errors
/// `EDEADLK` when the caller holds it, `ESRCH` when its owner does not exist, `ETIMEDOUT`, `EFAULT`,
/// `ERESTARTNOINTR` when a signal is pending.
pub fn lock_pi(current: &mut Current, word: Word, deadline: Option<Deadline>) -> Result<(), Errno> {
    loop {
        match try_lock_pi(current, word) {
            Err(Errno::EAGAIN) => {}
            result => return result,
        }
        let waiter = Waiter::new(parker(current), vec![word.key], current.task.own_tid());
        let mut bucket = bucket::lock(word.key);
        let old = read(&**current.context.address_space(), word.address)?;
        if old & TID_MASK == 0 {
            continue;
        }
        let owner = (old & TID_MASK).cast_signed();
        if current.task.group().namespace().find(owner).is_none() {
            return Err(Errno::ESRCH);
        }
        // Tells the owner to come to the kernel when it unlocks.
        if old & WAITERS == 0 && exchange(current, word.address, old, old | WAITERS)? != old {
            continue;
        }
        bucket.enqueue(Entry::new(&waiter, 0, u32::MAX, true));
        drop(bucket);
        return match sleep(current, &waiter, deadline) {
            Ok(_) => Ok(()),
            Err(Errno::ERESTARTSYS) => Err(Errno::ERESTARTNOINTR),
            Err(error) => Err(error),
        };
    }
}

/// FUTEX_UNLOCK_PI: gives the lock to the one who waits longest.
///
/// # Errors
/// `EPERM` when the caller does not hold it, `EFAULT`.
pub fn unlock_pi(current: &mut Current, word: Word) -> Result<(), Errno> {
    if read(&**current.context.address_space(), word.address)? & TID_MASK != own_tid(current) {
        return Err(Errno::EPERM);
    }
    hand_over(current, word, 0)
}

/// The word becomes the next waiter's, or free; `mark` is set in it.
pub(super) fn hand_over(current: &mut Current, word: Word, mark: u32) -> Result<(), Errno> {
    let mut bucket = bucket::lock(word.key);
    let next = bucket.next_owner(word.key);
    let value = match &next {
        Some((entry, more)) => entry.tid().unsigned_abs() & TID_MASK | if *more { WAITERS } else { 0 },
        None => 0,
    };
    // Who holds the lock is the only one to change the word, but for the mark of waiters.
    let written = current.context.address_space().write(word.address, &(value | mark).to_ne_bytes());
    if let Some((entry, _)) = next {
        entry.wake();
    }
    drop(bucket);
    if written == size_of::<u32>() { Ok(()) } else { Err(Errno::EFAULT) }
}
