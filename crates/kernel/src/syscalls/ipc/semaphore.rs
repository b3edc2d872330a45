//! semget(2), semop(2), semctl(2).

use lazaret_abi::{
    errno::Errno,
    ipc::{SemBuf, SemIdDs, SemInfo, command, get, semaphore},
    time::Timespec,
};

use super::{caller, id, namespace, number};
use crate::{
    ipc::{
        OBJECTS_MAX,
        permission::{Permission, READ, WRITE},
        semaphore::{OPERATIONS_MAX, SET_MAX, SemaphoreSet, VALUE_MAX},
    },
    sync::Arc,
    syscalls::SysResult,
    task::Current,
    time::{Deadline, clock::duration_of},
    uaddr::{UserAddr, UserPtr},
};

/// semget(2).
pub fn semget(current: &mut Current, key: i32, count: i32, flags: u32) -> SysResult {
    let count = usize::try_from(count).ok().filter(|count| *count <= SET_MAX).ok_or(Errno::EINVAL)?;
    let creds = current.task.creds();
    let check = |set: &SemaphoreSet| {
        let state = set.state();
        if count > state.semaphores.len() {
            return Err(Errno::EINVAL);
        }
        state.permission.check(&creds, flags)
    };
    let make = |sequence| {
        if count == 0 {
            return Err(Errno::EINVAL);
        }
        Ok(SemaphoreSet::new(Permission::new(key, flags, &creds, sequence), count))
    };
    let made = namespace(current).semaphores.lock().open(key, flags & (get::CREAT | get::EXCL), check, make);
    id(made?)
}

/// semop(2).
pub fn semop(current: &mut Current, set: i32, operations: UserAddr, count: usize) -> SysResult {
    operate(current, set, operations, count, None)
}

/// semtimedop(2).
pub fn semtimedop(
    current: &mut Current,
    set: i32,
    operations: UserAddr,
    count: usize,
    timeout: UserPtr<Timespec>,
) -> SysResult {
    let deadline = if timeout.is_null() { None } else { Some(Deadline::after(duration_of(current.read(timeout)?)?)) };
    operate(current, set, operations, count, deadline)
}

fn operate(
    current: &mut Current,
    set: i32,
    operations: UserAddr,
    count: usize,
    deadline: Option<Deadline>,
) -> SysResult {
    if count == 0 || set < 0 {
        return Err(Errno::EINVAL);
    }
    if count > OPERATIONS_MAX {
        return Err(Errno::E2BIG);
    }
    let operations = current.read_array(UserPtr::<SemBuf>::new(operations), count)?;
    let set = namespace(current).semaphores.lock().get(set)?;
    {
        let state = set.state();
        let known = state.semaphores.len();
        if operations.iter().any(|operation| usize::from(operation.index) >= known) {
            return Err(Errno::EFBIG);
        }
        let changes = operations.iter().any(|operation| operation.operation != 0);
        state.permission.check(&current.task.creds(), if changes { WRITE } else { READ })?;
    }
    set.operate(&operations, caller(current), deadline)?;
    Ok(0)
}

/// semctl(2).
pub fn semctl(current: &mut Current, set: i32, index: i32, operation: i32, argument: u64) -> SysResult {
    let creds = current.task.creds();
    let namespace = namespace(current);
    let buf = UserAddr::new(argument);
    let find = || namespace.semaphores.lock().get(set);
    match operation {
        command::INFO | semaphore::INFO => {
            let (used, total, highest) = {
                let sets = namespace.semaphores.lock();
                let total: usize = sets.iter().map(|(_, set)| set.state().semaphores.len()).sum();
                (sets.iter().count(), total, sets.highest())
            };
            let int = |value: usize| i32::try_from(value).unwrap_or(i32::MAX);
            let mut info = SemInfo {
                sets_max: int(OBJECTS_MAX),
                total_max: int(OBJECTS_MAX * SET_MAX),
                undo_total: int(OBJECTS_MAX * SET_MAX),
                set_max: int(SET_MAX),
                operations_max: int(OPERATIONS_MAX),
                undo_max: int(OPERATIONS_MAX),
                undo_size: 20,
                value_max: VALUE_MAX,
                adjustment_max: VALUE_MAX,
                ..SemInfo::default()
            };
            if operation == semaphore::INFO {
                (info.undo_size, info.adjustment_max) = (int(used), int(total));
            }
            current.write(UserPtr::new(buf), &info)?;
            Ok(highest)
        }
        command::STAT | semaphore::STAT | semaphore::STAT_ANY => {
            let (found, set) =
                if operation == command::STAT { (0, find()?) } else { namespace.semaphores.lock().at(set)? };
            let shown = {
                let state = set.state();
                if operation != semaphore::STAT_ANY {
                    state.permission.check(&creds, READ)?;
                }
                state.show()
            };
            current.write(UserPtr::new(buf), &shown)?;
            id(found)
        }
        command::SET => {
            let new: SemIdDs = current.read(UserPtr::new(buf))?;
            let set = find()?;
            let mut state = set.state();
            state.permission.check_owner(&creds)?;
            state.set(&new)?;
            Ok(0)
        }
        command::RMID => {
            let mut sets = namespace.semaphores.lock();
            let set: Arc<SemaphoreSet> = sets.get(set)?;
            set.state().permission.check_owner(&creds)?;
            sets.remove(&set);
            drop(sets);
            set.remove();
            Ok(0)
        }
        semaphore::GETALL => {
            let set = find()?;
            let values: Vec<u8> = {
                let state = set.state();
                state.permission.check(&creds, READ)?;
                state.semaphores.iter().flat_map(|semaphore| semaphore.value.to_ne_bytes()).collect()
            };
            current.write_bytes(buf, &values)?;
            Ok(0)
        }
        semaphore::SETALL => {
            let set = find()?;
            let count = {
                let state = set.state();
                state.permission.check(&creds, WRITE)?;
                state.semaphores.len()
            };
            let values = current.read_array(UserPtr::<u16>::new(buf), count)?;
            let values: Vec<i32> = values.into_iter().map(i32::from).collect();
            set.set_values(0, &values, caller(current))?;
            Ok(0)
        }
        semaphore::GETVAL | semaphore::GETPID | semaphore::GETNCNT | semaphore::GETZCNT => {
            let set = find()?;
            let state = set.state();
            state.permission.check(&creds, READ)?;
            let index = usize::try_from(index).map_err(|_| Errno::EINVAL)?;
            let semaphore = *state.semaphores.get(index).ok_or(Errno::EINVAL)?;
            drop(state);
            let value = match operation {
                semaphore::GETVAL => i64::from(semaphore.value),
                semaphore::GETPID => i64::from(number(current)(semaphore.pid)),
                semaphore::GETNCNT => i64::from(semaphore.waiting_for_more),
                _ => i64::from(semaphore.waiting_for_zero),
            };
            usize::try_from(value).map_err(|_| Errno::EINVAL)
        }
        semaphore::SETVAL => {
            // The argument is an int.
            let value = (argument & 0xffff_ffff) as u32;
            let set = find()?;
            set.state().permission.check(&creds, WRITE)?;
            let index = usize::try_from(index).map_err(|_| Errno::EINVAL)?;
            set.set_values(index, &[value.cast_signed()], caller(current))?;
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}
