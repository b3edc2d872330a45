//! Semaphore sets; see semop(2).

use std::collections::HashMap;

use lazaret_abi::{
    errno::Errno,
    ipc::{SEM_UNDO, SemBuf, SemIdDs, get},
};

use super::{permission::Permission, table::Keyed};
use crate::{
    fs::inode::Timestamp,
    sync::{Mutex, MutexGuard},
    time::Deadline,
    wait::{Events, Interruptible, WaitQueue, wait_until},
};

/// Most semaphores of a set (SEMMSL).
pub const SET_MAX: usize = 32_000;
/// Most operations of one call (SEMOPM).
pub const OPERATIONS_MAX: usize = 500;
/// Highest value (SEMVMX).
pub const VALUE_MAX: i32 = 32_767;

/// A semaphore.
#[derive(Clone, Copy, Debug, Default)]
pub struct Semaphore {
    /// Its value.
    pub value: u16,
    /// The process that changed it last.
    pub pid: i32,
    /// How many wait for it to grow.
    pub waiting_for_more: u32,
    /// How many wait for it to become zero.
    pub waiting_for_zero: u32,
}

/// What the lock of a set guards.
pub struct State {
    /// Owner and mode.
    pub permission: Permission,
    /// The semaphores.
    pub semaphores: Vec<Semaphore>,
    /// Adjustments at the end of a process, by its id and the semaphore's index.
    undo: HashMap<(i32, u16), i16>,
    operation_time: i64,
    change_time: i64,
    removed: bool,
}

/// A set of semaphores.
pub struct SemaphoreSet {
    key: i32,
    state: Mutex<State>,
    changed: WaitQueue,
}

impl Keyed for SemaphoreSet {
    fn key(&self) -> i32 {
        self.key
    }
}

/// Why operations cannot be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Blocked {
    index: u16,
    for_zero: bool,
    may_wait: bool,
}

impl SemaphoreSet {
    /// A set of zeros.
    pub fn new(permission: Permission, count: usize) -> SemaphoreSet {
        let state = State {
            permission,
            semaphores: vec![Semaphore::default(); count],
            undo: HashMap::new(),
            operation_time: 0,
            change_time: Timestamp::now().seconds,
            removed: false,
        };
        SemaphoreSet { key: permission.key, state: Mutex::new(state), changed: WaitQueue::new() }
    }

    /// The state, locked.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// IPC_RMID: who waits gets `EIDRM`.
    pub fn remove(&self) {
        self.state.lock().removed = true;
        self.changed.wake_all();
    }

    /// SETVAL and SETALL, from semaphore `first` on. Adjustments of the semaphores are forgotten.
    ///
    /// # Errors
    /// `ERANGE`, `EINVAL` for an index that does not exist.
    pub fn set_values(&self, first: usize, values: &[i32], pid: i32) -> Result<(), Errno> {
        let mut state = self.state.lock();
        let values: Vec<u16> = values
            .iter()
            .map(|value| u16::try_from(*value).ok().filter(|value| i32::from(*value) <= VALUE_MAX))
            .collect::<Option<_>>()
            .ok_or(Errno::ERANGE)?;
        let last = first.checked_add(values.len()).ok_or(Errno::EINVAL)?;
        let semaphores = state.semaphores.get_mut(first..last).ok_or(Errno::EINVAL)?;
        for (semaphore, value) in semaphores.iter_mut().zip(values) {
            semaphore.value = value;
            semaphore.pid = pid;
        }
        state.undo.retain(|(_, index), _| !(first..last).contains(&usize::from(*index)));
        state.change_time = Timestamp::now().seconds;
        drop(state);
        self.changed.wake_all();
        Ok(())
    }

    /// semop(2): all operations or none, by the process `pid`.
    ///
    /// # Errors
    /// Those of semop(2).
    pub fn operate(&self, operations: &[SemBuf], pid: i32, deadline: Option<Deadline>) -> Result<(), Errno> {
        let mut waiting: Option<Blocked> = None;
        let result = wait_until(&[(&self.changed, Events::all())], deadline, Interruptible::Signals, || {
            let mut state = self.state.lock();
            if let Some(blocked) = waiting.take() {
                state.count_waiter(blocked, false);
            }
            if state.removed {
                return Some(Err(Errno::EIDRM));
            }
            match state.try_all(operations, pid) {
                Ok(None) => Some(Ok(())),
                Ok(Some(blocked)) if !blocked.may_wait => Some(Err(Errno::EAGAIN)),
                Ok(Some(blocked)) => {
                    state.count_waiter(blocked, true);
                    waiting = Some(blocked);
                    None
                }
                Err(error) => Some(Err(error)),
            }
        });
        if let Some(blocked) = waiting {
            self.state.lock().count_waiter(blocked, false);
        }
        match result {
            Ok(Ok(())) => {
                self.changed.wake_all();
                Ok(())
            }
            Ok(Err(error)) => Err(error),
            Err(Errno::ETIMEDOUT) => Err(Errno::EAGAIN),
            // Never restarted; signal(7).
            Err(_) => Err(Errno::EINTR),
        }
    }

    /// Something is to be undone at the end of the process.
    pub fn has_adjustments(&self, pid: i32) -> bool {
        self.state.lock().undo.keys().any(|(owner, _)| *owner == pid)
    }

    /// The process has ended.
    pub fn undo(&self, pid: i32) {
        let mut state = self.state.lock();
        let own: Vec<((i32, u16), i16)> = state.undo.extract_if(|(owner, _), _| *owner == pid).collect();
        for ((_, index), adjustment) in &own {
            if let Some(semaphore) = state.semaphores.get_mut(usize::from(*index)) {
                let value = (i32::from(semaphore.value) + i32::from(*adjustment)).clamp(0, VALUE_MAX);
                semaphore.value = u16::try_from(value).unwrap_or(0);
                semaphore.pid = pid;
            }
        }
        drop(state);
        if !own.is_empty() {
            self.changed.wake_all();
        }
    }
}

impl State {
    /// IPC_STAT.
    pub fn show(&self) -> SemIdDs {
        SemIdDs {
            perm: self.permission.show(),
            operation_time: self.operation_time,
            change_time: self.change_time,
            count: self.semaphores.len() as u64,
            ..SemIdDs::default()
        }
    }

    /// IPC_SET.
    ///
    /// # Errors
    /// As [`Permission::set`].
    pub fn set(&mut self, new: &SemIdDs) -> Result<(), Errno> {
        self.permission.set(&new.perm)?;
        self.change_time = Timestamp::now().seconds;
        Ok(())
    }

    fn count_waiter(&mut self, blocked: Blocked, begins: bool) {
        let Some(semaphore) = self.semaphores.get_mut(usize::from(blocked.index)) else { return };
        let count = if blocked.for_zero { &mut semaphore.waiting_for_zero } else { &mut semaphore.waiting_for_more };
        *count = if begins { count.saturating_add(1) } else { count.saturating_sub(1) };
    }

    /// Does all operations, or none and tells what is in the way.
    fn try_all(&mut self, operations: &[SemBuf], pid: i32) -> Result<Option<Blocked>, Errno> {
        let mut values: HashMap<u16, i32> = HashMap::new();
        let mut undo: HashMap<u16, i32> = HashMap::new();
        for operation in operations {
            let index = operation.index;
            let semaphore = self.semaphores.get(usize::from(index)).ok_or(Errno::EFBIG)?;
            let value = values.entry(index).or_insert(i32::from(semaphore.value));
            let change = i32::from(operation.operation);
            let may_wait = u32::from(operation.flags.cast_unsigned()) & get::NOWAIT == 0;
            if change == 0 && *value != 0 {
                return Ok(Some(Blocked { index, for_zero: true, may_wait }));
            }
            if *value + change < 0 {
                return Ok(Some(Blocked { index, for_zero: false, may_wait }));
            }
            if *value + change > VALUE_MAX {
                return Err(Errno::ERANGE);
            }
            *value += change;
            if operation.flags & SEM_UNDO != 0 {
                let old = self.undo.get(&(pid, index)).copied().unwrap_or(0);
                let adjustment = undo.entry(index).or_insert(i32::from(old));
                *adjustment -= change;
                if !(-VALUE_MAX - 1..=VALUE_MAX).contains(adjustment) {
                    return Err(Errno::ERANGE);
                }
            }
        }
        for (index, value) in values {
            if let Some(semaphore) = self.semaphores.get_mut(usize::from(index)) {
                semaphore.value = u16::try_from(value).unwrap_or(0);
                semaphore.pid = pid;
            }
        }
        for (index, adjustment) in undo {
            match i16::try_from(adjustment) {
                Ok(0) | Err(_) => self.undo.remove(&(pid, index)),
                Ok(adjustment) => self.undo.insert((pid, index), adjustment),
            };
        }
        self.operation_time = Timestamp::now().seconds;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::{Errno, Permission, SEM_UNDO, SemBuf, SemaphoreSet, get};
    use crate::task::creds::Creds;

    fn set(values: &[i32]) -> SemaphoreSet {
        let set = SemaphoreSet::new(Permission::new(1, 0o600, &Creds::root(), 0), values.len());
        set.set_values(0, values, 1).unwrap();
        set
    }

    fn values(set: &SemaphoreSet) -> Vec<u16> {
        set.state().semaphores.iter().map(|semaphore| semaphore.value).collect()
    }

    const NOWAIT: i16 = get::NOWAIT as i16;

    #[test]
    fn all_operations_or_none() {
        let set = set(&[2, 0]);
        let take = |index, operation| SemBuf { index, operation, flags: NOWAIT };
        assert_eq!(set.operate(&[take(0, -1), take(1, -1)], 7, None), Err(Errno::EAGAIN));
        assert_eq!(values(&set), [2, 0]);
        assert_eq!(set.operate(&[take(1, 1), take(1, -1), take(0, -2), take(0, 0)], 7, None), Ok(()));
        assert_eq!(values(&set), [0, 0]);
        assert_eq!(set.operate(&[take(2, 1)], 7, None), Err(Errno::EFBIG));
        assert_eq!(set.operate(&[take(0, 32_767), take(0, 1)], 7, None), Err(Errno::ERANGE));
        assert_eq!(set.set_values(0, &[40_000], 7), Err(Errno::ERANGE));
        assert_eq!(set.set_values(1, &[1, 1], 7), Err(Errno::EINVAL));
    }

    #[test]
    fn adjustments_are_made_at_the_end() {
        let set = set(&[3]);
        set.operate(&[SemBuf { index: 0, operation: -2, flags: SEM_UNDO }], 7, None).unwrap();
        assert_eq!(values(&set), [1]);
        set.undo(8);
        assert_eq!(values(&set), [1]);
        set.undo(7);
        assert_eq!(values(&set), [3]);
        set.undo(7);
        assert_eq!(values(&set), [3]);
    }

    #[test]
    fn removal_wakes() {
        let set = set(&[0]);
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| set.operate(&[SemBuf { index: 0, operation: -1, flags: 0 }], 7, None));
            while set.state().semaphores[0].waiting_for_more == 0 {
                std::thread::yield_now();
            }
            set.remove();
            assert_eq!(waiter.join().unwrap(), Err(Errno::EIDRM));
        });
        assert_eq!(set.state().semaphores[0].waiting_for_more, 0);
    }
}
