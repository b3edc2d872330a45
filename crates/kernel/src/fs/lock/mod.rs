//! File locks: flock(2), and the byte-range locks of fcntl(2).

mod ranges;

use std::collections::HashMap;

use lazaret_abi::errno::Errno;

use self::ranges::Ranges;
pub use self::ranges::{Owner, RangeLock};
use super::{
    file::File,
    notify::{InodeId, identity},
};
use crate::{
    sync::{Arc, AtomicUsize, Mutex, OnceLock, Ordering},
    wait::{Events, Interruptible, WaitQueue, wait_until},
};

/// Locks of one inode.
#[derive(Default)]
struct InodeLocks {
    state: Mutex<State>,
    /// Woken when a lock is given up.
    released: WaitQueue,
}

#[derive(Default)]
struct State {
    ranges: Ranges,
    /// flock(2): the open files that hold it.
    holders: Vec<Holder>,
}

struct Holder {
    file: usize,
    exclusive: bool,
}

impl State {
    fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.holders.is_empty()
    }
}

/// Inodes with locks; without any, closing a file costs one load.
static COUNT: AtomicUsize = AtomicUsize::new(0);

fn table() -> &'static Mutex<HashMap<InodeId, Arc<InodeLocks>>> {
    static TABLE: OnceLock<Mutex<HashMap<InodeId, Arc<InodeLocks>>>> = OnceLock::new();
    TABLE.get_or_init(Mutex::default)
}

/// Who waits for whom, to find circles of processes that would wait for ever.
fn waits() -> &'static Mutex<HashMap<Owner, Owner>> {
    static WAITS: OnceLock<Mutex<HashMap<Owner, Owner>>> = OnceLock::new();
    WAITS.get_or_init(Mutex::default)
}

/// Links of a chain of waiters that are followed, as on Linux.
const MAX_CHAIN: usize = 10;

/// The locks of an inode while somebody uses them; forgotten when the last one leaves none behind.
struct Handle {
    id: InodeId,
    locks: Arc<InodeLocks>,
}

impl Handle {
    fn of(file: &File) -> Result<Handle, Errno> {
        let id = identity(&**file.inode()).ok_or(Errno::ENOLCK)?;
        let mut table = table().lock();
        let locks = table.entry(id).or_default().clone();
        COUNT.store(table.len(), Ordering::SeqCst);
        Ok(Handle { id, locks })
    }

    fn existing(file: &File) -> Option<Handle> {
        if COUNT.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let id = identity(&**file.inode())?;
        let locks = table().lock().get(&id)?.clone();
        Some(Handle { id, locks })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut table = table().lock();
        // Two references are the table's and this one.
        if Arc::strong_count(&self.locks) <= 2 && self.locks.state.lock().is_empty() {
            table.remove(&self.id);
            COUNT.store(table.len(), Ordering::SeqCst);
        }
    }
}

fn file_identity(file: &File) -> usize {
    std::ptr::from_ref(file).addr()
}

/// The owner of OFD locks.
pub fn file_owner(file: &File) -> Owner {
    Owner::File(file_identity(file))
}

/// F_GETLK: the lock that stands in the way of `wanted`.
///
/// # Errors
/// `ENOLCK` when the file has no identity.
pub fn find_conflict(file: &File, wanted: &RangeLock) -> Result<Option<RangeLock>, Errno> {
    let Some(handle) = Handle::existing(file) else { return Ok(None) };
    let conflict = handle.locks.state.lock().ranges.conflict(wanted);
    Ok(conflict)
}

/// F_SETLK and F_SETLKW: takes a range lock.
///
/// # Errors
/// `EAGAIN` when it is taken and `wait` is false, `EDEADLK` when waiting would never end,
/// `ERESTARTSYS`.
pub fn lock_range(file: &File, wanted: RangeLock, wait: bool) -> Result<(), Errno> {
    let handle = Handle::of(file)?;
    let attempt = || {
        let mut state = handle.locks.state.lock();
        match state.ranges.conflict(&wanted) {
            Some(conflict) => Some(conflict.owner),
            None => {
                state.ranges.set(wanted);
                None
            }
        }
    };
    let Some(blocker) = attempt() else {
        // A lock made weaker may let others in.
        handle.locks.released.wake_all();
        return Ok(());
    };
    if !wait {
        return Err(Errno::EAGAIN);
    }
    let mut deadlock = note_wait(wanted.owner, blocker);
    let result = wait_until(&[(&handle.locks.released, Events::all())], None, Interruptible::Signals, || {
        if deadlock {
            return Some(Err(Errno::EDEADLK));
        }
        match attempt() {
            None => Some(Ok(())),
            Some(blocker) => {
                deadlock = note_wait(wanted.owner, blocker);
                deadlock.then_some(Err(Errno::EDEADLK))
            }
        }
    });
    waits().lock().remove(&wanted.owner);
    result?
}

/// Notes that `owner` waits for `blocker`; true when that closes a circle. Only processes are
/// checked: an open file may be used by somebody else.
fn note_wait(owner: Owner, blocker: Owner) -> bool {
    if !matches!((owner, blocker), (Owner::Process(_), Owner::Process(_))) {
        return false;
    }
    let mut waits = waits().lock();
    let mut at = blocker;
    for _ in 0..MAX_CHAIN {
        match waits.get(&at) {
            Some(next) if *next == owner => return true,
            Some(next) => at = *next,
            None => break,
        }
    }
    waits.insert(owner, blocker);
    false
}

/// Gives up a range.
pub fn unlock_range(file: &File, owner: Owner, start: u64, end: u64) {
    let Some(handle) = Handle::existing(file) else { return };
    handle.locks.state.lock().ranges.clear(owner, start, end);
    handle.locks.released.wake_all();
}

/// flock(2): takes the lock of a whole file, or changes its kind.
///
/// # Errors
/// `EAGAIN` when it is taken and `wait` is false, `ERESTARTSYS`.
pub fn lock_file(file: &File, exclusive: bool, wait: bool) -> Result<(), Errno> {
    let handle = Handle::of(file)?;
    let me = file_identity(file);
    let mut given_up = false;
    let mut attempt = || {
        let mut state = handle.locks.state.lock();
        let known = state.holders.iter().position(|holder| holder.file == me);
        if let Some(known) = known {
            if state.holders[known].exclusive == exclusive {
                return Some(());
            }
            // flock(2): a change of kind first gives the old lock up.
            state.holders.swap_remove(known);
            given_up = true;
        }
        if state.holders.iter().any(|holder| holder.exclusive || exclusive) {
            return None;
        }
        state.holders.push(Holder { file: me, exclusive });
        Some(())
    };
    let taken = attempt().is_some();
    if given_up {
        handle.locks.released.wake_all();
    }
    if taken {
        return Ok(());
    }
    if !wait {
        return Err(Errno::EAGAIN);
    }
    let mut attempt = || {
        let mut state = handle.locks.state.lock();
        if state.holders.iter().any(|holder| holder.exclusive || exclusive) {
            return None;
        }
        state.holders.push(Holder { file: me, exclusive });
        Some(())
    };
    wait_until(&[(&handle.locks.released, Events::all())], None, Interruptible::Signals, &mut attempt)
}

/// LOCK_UN of flock(2).
pub fn unlock_file(file: &File) {
    let Some(handle) = Handle::existing(file) else { return };
    let me = file_identity(file);
    handle.locks.state.lock().holders.retain(|holder| holder.file != me);
    handle.locks.released.wake_all();
}

/// A process, `owner`, closed a descriptor of the file: all its POSIX locks on the file are gone, by whatever
/// descriptor they were taken.
pub fn descriptor_closed(owner: Owner, file: &File) {
    unlock_range(file, owner, 0, u64::MAX);
}

/// The open file is gone, and its locks with it.
pub fn file_gone(file: &File) {
    let Some(handle) = Handle::existing(file) else { return };
    let me = file_identity(file);
    let mut state = handle.locks.state.lock();
    state.holders.retain(|holder| holder.file != me);
    state.ranges.clear(Owner::File(me), 0, u64::MAX);
    drop(state);
    handle.locks.released.wake_all();
}

/// One line of `/proc/locks`.
pub struct LockInfo {
    /// `FLOCK`, `POSIX` or `OFDLCK`.
    pub class: &'static str,
    /// A write lock.
    pub exclusive: bool,
    /// Process, or -1.
    pub pid: i32,
    /// Device and inode number.
    pub inode: InodeId,
    /// First and last byte.
    pub range: (u64, u64),
}

/// All locks, for `/proc/locks`.
pub fn all_locks() -> Vec<LockInfo> {
    let mut all = Vec::new();
    for (id, locks) in table().lock().iter() {
        let state = locks.state.lock();
        all.extend(state.ranges.iter().map(|lock| LockInfo {
            class: if matches!(lock.owner, Owner::Process(_)) { "POSIX" } else { "OFDLCK" },
            exclusive: lock.exclusive,
            pid: lock.pid,
            inode: *id,
            range: (lock.start, lock.end),
        }));
        all.extend(state.holders.iter().map(|holder| LockInfo {
            class: "FLOCK",
            exclusive: holder.exclusive,
            pid: -1,
            inode: *id,
            range: (0, u64::MAX),
        }));
    }
    all
}

#[cfg(test)]
mod tests;
