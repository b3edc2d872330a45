//! futex(2): sleeping until another thread changes a word of memory.
//!
//! A waiter enqueues itself and then reads the word, both under the lock of the word's bucket: a
//! waker changes the word first and takes the same lock, so that one of both sees the other.
//!
//! Words that this module itself changes (FUTEX_WAKE_OP, priority-inheriting locks, robust lists)
//! are changed by [`lazaret_platform::Context::compare_exchange`] in the caller's own address space.

mod bucket;
mod inherit;
pub mod robust;

use lazaret_abi::{errno::Errno, futex as abi};
use lazaret_platform::{AddressSpace, Error};

use self::bucket::{Entry, Waiter};
use crate::{
    mm::FutexKey,
    sync::Arc,
    task::Current,
    time::Deadline,
    wait::{Interruptible, Parker},
};

pub use inherit::{lock_pi, pass_on_locks, try_lock_pi, unlock_pi};

/// A futex word: where it is and what identifies it.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    address: u64,
    key: FutexKey,
}

impl Word {
    /// The word at an address of the caller; `private` is FUTEX_PRIVATE_FLAG.
    ///
    /// # Errors
    /// `EINVAL` when it is not aligned, `EFAULT` when a shared one is not mapped.
    pub fn new(current: &Current, address: u64, private: bool) -> Result<Word, Errno> {
        if !address.is_multiple_of(4) {
            return Err(Errno::EINVAL);
        }
        Ok(Word { address, key: current.mm().futex_key(address, private)? })
    }
}

/// How often [`update`] tries before it looks whether the task should do something else.
const UPDATES: u32 = 64;

fn read(space: &dyn AddressSpace, address: u64) -> Result<u32, Errno> {
    let mut bytes = [0; 4];
    if space.read(address, &mut bytes) < bytes.len() {
        return Err(Errno::EFAULT);
    }
    Ok(u32::from_ne_bytes(bytes))
}

/// Replaces the word's value atomically as far as the application's threads can see; returns the
/// old one. No bucket may be locked.
///
/// # Errors
/// `EFAULT`; `ERESTARTNOINTR` when a signal is pending and other threads change the word all the time.
fn update(current: &mut Current, address: u64, change: impl Fn(u32) -> u32) -> Result<u32, Errno> {
    loop {
        for _ in 0..UPDATES {
            let old = read(&**current.context.address_space(), address)?;
            if exchange(current, address, old, change(old))? == old {
                return Ok(old);
            }
        }
        look_up(current)?;
    }
}

/// What a loop without end asks now and then.
///
/// # Errors
/// `ERESTARTNOINTR` when a signal is pending: the call is begun anew after it.
fn look_up(current: &Current) -> Result<(), Errno> {
    if current.task.should_stop_waiting(Interruptible::Signals) { Err(Errno::ERESTARTNOINTR) } else { Ok(()) }
}

/// Stores `new` if the word holds `old`; returns what it held.
fn exchange(current: &mut Current, address: u64, old: u32, new: u32) -> Result<u32, Errno> {
    match current.context.compare_exchange(address, old, new) {
        Ok(found) => Ok(found),
        // A platform without the operation. The window between the read and the write is one in
        // which the application can change the word unseen.
        Err(Error::Host(errno)) if errno == Errno::ENOSYS.raw() => {
            let space = current.context.address_space();
            let found = read(&**space, address)?;
            if found == old && space.write(address, &new.to_ne_bytes()) < 4 {
                return Err(Errno::EFAULT);
            }
            Ok(found)
        }
        Err(_) => Err(Errno::EFAULT),
    }
}

#[track_caller]
fn sleep(current: &Current, waiter: &Arc<Waiter>, deadline: Option<Deadline>) -> Result<usize, Errno> {
    loop {
        if let Some(index) = waiter.woken() {
            return Ok(index);
        }
        let error = if current.task.should_stop_waiting(Interruptible::Signals) {
            Some(Errno::ERESTARTSYS)
        } else if deadline.is_some_and(Deadline::has_passed) {
            Some(Errno::ETIMEDOUT)
        } else {
            None
        };
        if let Some(error) = error {
            waiter.dequeue();
            // A wake-up may have come before it was out of the queue.
            return waiter.woken().ok_or(error);
        }
        waiter.parker().park(deadline);
    }
}

fn parker(current: &Current) -> Arc<Parker> {
    current.task.parker().clone()
}

/// FUTEX_WAIT_BITSET: sleeps while the word holds `value`, until a wake-up that shares a bit.
///
/// # Errors
/// `EAGAIN` when the word holds something else, `ETIMEDOUT`, `EFAULT`, `ERESTARTSYS` when a signal is
/// pending.
pub fn wait(current: &Current, word: Word, value: u32, bitset: u32, deadline: Option<Deadline>) -> Result<(), Errno> {
    let waiter = Waiter::new(parker(current), vec![word.key], current.task.own_tid());
    let mut bucket = bucket::lock(word.key);
    if read(&**current.context.address_space(), word.address)? != value {
        return Err(Errno::EAGAIN);
    }
    bucket.enqueue(Entry::new(&waiter, 0, bitset));
    drop(bucket);
    sleep(current, &waiter, deadline).map(drop)
}

/// futex_waitv(2): sleeps while all words hold their values; returns which was woken.
///
/// # Errors
/// As [`wait`].
pub fn wait_any(current: &Current, words: &[(Word, u32)], deadline: Option<Deadline>) -> Result<usize, Errno> {
    let keys = words.iter().map(|(word, _)| word.key).collect();
    let waiter = Waiter::new(parker(current), keys, current.task.own_tid());
    for (index, (word, value)) in words.iter().enumerate() {
        let mut bucket = bucket::lock(word.key);
        let found = read(&**current.context.address_space(), word.address);
        if found == Ok(*value) {
            bucket.enqueue(Entry::new(&waiter, index, abi::BITSET_MATCH_ANY));
            continue;
        }
        drop(bucket);
        waiter.dequeue();
        // One of the words enqueued before may have been woken meanwhile: that must not get lost.
        return waiter.woken().ok_or(found.err().unwrap_or(Errno::EAGAIN));
    }
    sleep(current, &waiter, deadline)
}

/// FUTEX_WAKE_BITSET: wakes up to `limit` waiters; returns how many.
pub fn wake(word: Word, limit: usize, bitset: u32) -> usize {
    bucket::lock(word.key).wake(word.key, limit, bitset)
}

/// Wakes one waiter of the word at `address` of the caller, private or shared: what exit does for
/// CLONE_CHILD_CLEARTID.
pub fn wake_address(current: &Current, address: u64) {
    for private in [true, false] {
        if let Ok(word) = Word::new(current, address, private) {
            wake(word, 1, abi::BITSET_MATCH_ANY);
        }
    }
}

/// FUTEX_CMP_REQUEUE, or FUTEX_REQUEUE without `expected`: wakes up to `wake` waiters of `from`, and
/// moves up to `requeue` more to `to`. Returns both counts.
///
/// # Errors
/// `EAGAIN` when the word does not hold what is expected, `EFAULT`.
pub fn requeue(
    current: &Current,
    from: Word,
    to: Word,
    wake: usize,
    requeue: usize,
    expected: Option<u32>,
) -> Result<(usize, usize), Errno> {
    let (mut source, mut target) = bucket::lock_both(from.key, to.key);
    if let Some(expected) = expected
        && read(&**current.context.address_space(), from.address)? != expected
    {
        return Err(Errno::EAGAIN);
    }
    let woken = source.wake(from.key, wake, abi::BITSET_MATCH_ANY);
    let moved = source.requeue(from.key, to.key, target.as_deref_mut(), requeue);
    Ok((woken, moved))
}

/// FUTEX_WAKE_OP: changes the second word as `operation` says, wakes waiters of the first, and of
/// the second if its old value compares.
///
/// # Errors
/// `ENOSYS` for an unknown operation or comparison, and those of [`update`].
pub fn wake_op(
    current: &mut Current,
    first: Word,
    second: Word,
    limits: (usize, usize),
    operation: u32,
) -> Result<usize, Errno> {
    let operation = WakeOp::decode(operation)?;
    let old = update(current, second.address, |old| operation.apply(old))?;
    let (mut source, mut target) = bucket::lock_both(first.key, second.key);
    let mut woken = source.wake(first.key, limits.0, abi::BITSET_MATCH_ANY);
    if operation.compares(old) {
        let bucket = target.as_mut().unwrap_or(&mut source);
        woken += bucket.wake(second.key, limits.1, abi::BITSET_MATCH_ANY);
    }
    Ok(woken)
}

/// The encoded operation of FUTEX_WAKE_OP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct WakeOp {
    operation: u32,
    argument: u32,
    comparison: u32,
    operand: i32,
}

impl WakeOp {
    fn decode(raw: u32) -> Result<WakeOp, Errno> {
        // Twelve bits each, with a sign.
        let signed = |bits: u32| (bits << 20).cast_signed() >> 20;
        let (shift, operation) = (raw >> 28 & abi::wake_op::ARG_SHIFT != 0, raw >> 28 & 7);
        let comparison = raw >> 24 & 15;
        if operation > abi::wake_op::XOR || comparison > abi::wake_compare::GE {
            return Err(Errno::ENOSYS);
        }
        let argument = signed(raw >> 12 & 0xfff).cast_unsigned();
        // Linux takes the shift modulo 32, with a complaint in its log.
        let argument = if shift { 1 << (argument & 31) } else { argument };
        Ok(WakeOp { operation, argument, comparison, operand: signed(raw & 0xfff) })
    }

    fn apply(self, old: u32) -> u32 {
        match self.operation {
            abi::wake_op::SET => self.argument,
            abi::wake_op::ADD => old.wrapping_add(self.argument),
            abi::wake_op::OR => old | self.argument,
            abi::wake_op::ANDN => old & !self.argument,
            _ => old ^ self.argument,
        }
    }

    fn compares(self, old: u32) -> bool {
        let old = old.cast_signed();
        match self.comparison {
            abi::wake_compare::EQ => old == self.operand,
            abi::wake_compare::NE => old != self.operand,
            abi::wake_compare::LT => old < self.operand,
            abi::wake_compare::LE => old <= self.operand,
            abi::wake_compare::GT => old > self.operand,
            _ => old >= self.operand,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wake_operations_are_decoded() {
        // FUTEX_OP(FUTEX_OP_ADD, -1, FUTEX_OP_CMP_GT, 1)
        let operation = WakeOp::decode(1 << 28 | 4 << 24 | 0xfff << 12 | 1).unwrap();
        assert_eq!(operation.apply(5), 4);
        assert!(operation.compares(2) && !operation.compares(1) && !operation.compares(u32::MAX));
        // FUTEX_OP(FUTEX_OP_OR | FUTEX_OP_ARG_SHIFT, 4, FUTEX_OP_CMP_EQ, 0)
        assert_eq!(WakeOp::decode(10 << 28 | 4 << 12).unwrap().apply(1), 17);
        assert_eq!(WakeOp::decode(5 << 28), Err(Errno::ENOSYS));
        assert_eq!(WakeOp::decode(6 << 24), Err(Errno::ENOSYS));
    }
}
