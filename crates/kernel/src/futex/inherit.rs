//! Priority-inheriting locks: the word holds the owner's thread id, and the kernel hands the lock
//! over. All tasks have one priority here, so that it is a matter of order alone.

use lazaret_abi::{
    errno::Errno,
    futex::{OWNER_DIED, TID_MASK, WAITERS},
};

use super::{
    Word,
    bucket::{self, Entry, Inheriting, Waiter},
    exchange, look_up, parker, read, sleep,
};
use crate::{
    sync::{Arc, AtomicUsize, Ordering},
    task::Current,
    time::Deadline,
};

/// How many wait in [`lock_pi`], or are about to: while there are none, no exit looks for them.
static WAITING: AtomicUsize = AtomicUsize::new(0);

fn own_tid(current: &Current) -> u32 {
    current.task.own_tid().unsigned_abs() & TID_MASK
}

/// FUTEX_TRYLOCK_PI.
///
/// # Errors
/// `EAGAIN` when another holds it, `EDEADLK` when the caller does, `ESRCH` when its owner does not exist,
/// `EFAULT`, `ERESTARTNOINTR` when a signal is pending.
pub fn try_lock_pi(current: &mut Current, word: Word) -> Result<(), Errno> {
    let tid = own_tid(current);
    loop {
        look_up(current)?;
        let old = read(&**current.context.address_space(), word.address)?;
        if old & TID_MASK == tid {
            return Err(Errno::EDEADLK);
        }
        if old & TID_MASK != 0 {
            if owner(current, old).is_some() {
                return Err(Errno::EAGAIN);
            }
            missing(current, word, old)?;
            continue;
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
    match try_lock_pi(current, word) {
        Err(Errno::EAGAIN) => {}
        result => return result,
    }
    WAITING.fetch_add(1, Ordering::SeqCst);
    let result = wait_for_lock(current, word, deadline);
    WAITING.fetch_sub(1, Ordering::SeqCst);
    result
}

fn wait_for_lock(current: &mut Current, word: Word, deadline: Option<Deadline>) -> Result<(), Errno> {
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
        // Under the bucket's lock: who ends gives its locks away after it has said that it leaves them.
        let Some(owner) = owner(current, old) else {
            missing(current, word, old)?;
            continue;
        };
        // Tells the owner to come to the kernel when it unlocks.
        if old & WAITERS == 0 && exchange(current, word.address, old, old | WAITERS)? != old {
            continue;
        }
        let space = Arc::clone(current.context.address_space());
        let inheriting = Inheriting { owner, tid: current.task.tid(), space, address: word.address };
        bucket.enqueue(Entry::for_lock(&waiter, inheriting));
        drop(bucket);
        return match sleep(current, &waiter, deadline) {
            Ok(_) => Ok(()),
            Err(Errno::ERESTARTSYS) => Err(Errno::ERESTARTNOINTR),
            Err(error) => Err(error),
        };
    }
}

/// There was no owner of a word that held `old`: no error if it has unlocked the word before it ended.
fn missing(current: &Current, word: Word, old: u32) -> Result<(), Errno> {
    let is_same = read(&**current.context.address_space(), word.address)? == old;
    if is_same { Err(Errno::ESRCH) } else { Ok(()) }
}

/// The thread that a word names, by its id in the root pid namespace, if it is there to unlock the word.
fn owner(current: &Current, value: u32) -> Option<i32> {
    let pid = current.task.group().namespace().find((value & TID_MASK).cast_signed())?;
    let is_there = current.task.kernel().processes().task(pid.global()).is_some_and(|task| !task.has_left_locks());
    is_there.then(|| pid.global())
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
pub(super) fn hand_over(current: &Current, word: Word, mark: u32) -> Result<(), Errno> {
    // Who holds the lock is the only one to change the word, but for the mark of waiters.
    let written = bucket::lock(word.key).hand_over(word.key, mark).unwrap_or_else(|| {
        let space = current.context.address_space();
        space.write(word.address, &mark.to_ne_bytes()) == size_of::<u32>()
    });
    if written { Ok(()) } else { Err(Errno::EFAULT) }
}

/// A thread ends, or executes another program: the locks that it holds without an entry in its robust list
/// go to those who wait for them.
pub fn pass_on_locks(tid: i32) {
    if WAITING.load(Ordering::SeqCst) != 0 {
        bucket::hand_over_all(tid, OWNER_DIED);
    }
}
