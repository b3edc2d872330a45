//! futex(2) and its younger relatives; robust lists.

use lazaret_abi::{
    errno::Errno,
    futex::{BITSET_MATCH_ANY, FutexWaitv, RobustListHead, WAITV_MAX, flag, flag2, op},
    id::Pid,
    time::Timespec,
};

use super::SysResult;
use crate::{
    futex::{self as subject, Word},
    signal::restart::Restart,
    task::Current,
    time::{Clock, Deadline, clock::duration_of},
    uaddr::{UserAddr, UserPtr},
};

/// futex(2). The fourth argument is a timeout or a number, as the operation says.
pub fn futex(
    current: &mut Current,
    address: UserPtr<u32>,
    operation: u32,
    value: u32,
    timeout: u64,
    second: UserPtr<u32>,
    value3: u32,
) -> SysResult {
    let private = operation & flag::PRIVATE_FLAG != 0;
    let realtime = operation & flag::CLOCK_REALTIME != 0;
    let command = operation & !(flag::PRIVATE_FLAG | flag::CLOCK_REALTIME);
    if realtime && !matches!(command, op::WAIT_BITSET | op::WAIT_REQUEUE_PI | op::LOCK_PI2) {
        return Err(Errno::ENOSYS);
    }
    let clock = if realtime { Clock::REALTIME } else { Clock::MONOTONIC };
    let word = |current: &Current| Word::new(current, address.address().get(), private);
    let second = |current: &Current| Word::new(current, second.address().get(), private);
    // Counts are signed, and negative ones mean one waiter or none.
    let limit = |count: u32| usize::try_from(count.cast_signed()).unwrap_or(1).max(1);
    match command {
        op::WAIT => {
            let deadline = read_timeout(current, timeout)?.map(Deadline::after);
            wait(current, word(current)?, value, BITSET_MATCH_ANY, deadline)
        }
        op::WAIT_BITSET => {
            let deadline = read_deadline(current, timeout, clock)?;
            if value3 == 0 {
                return Err(Errno::EINVAL);
            }
            wait(current, word(current)?, value, value3, deadline)
        }
        op::WAKE => Ok(subject::wake(word(current)?, limit(value), BITSET_MATCH_ANY)),
        op::WAKE_BITSET if value3 == 0 => Err(Errno::EINVAL),
        op::WAKE_BITSET => Ok(subject::wake(word(current)?, limit(value), value3)),
        op::REQUEUE | op::CMP_REQUEUE => {
            let expected = (command == op::CMP_REQUEUE).then_some(value3);
            // The number is the argument's low half.
            let moved = (timeout as u32).cast_signed();
            let (Ok(woken), Ok(moved)) = (usize::try_from(value.cast_signed()), usize::try_from(moved)) else {
                return Err(Errno::EINVAL);
            };
            let (from, to) = (word(current)?, second(current)?);
            let (woken, moved) = subject::requeue(current, from, to, woken, moved, expected)?;
            Ok(woken + moved)
        }
        op::WAKE_OP => {
            let (first, second) = (word(current)?, second(current)?);
            subject::wake_op(current, first, second, (limit(value), limit(timeout as u32)), value3)
        }
        op::LOCK_PI | op::LOCK_PI2 => {
            // LOCK_PI always means the realtime clock.
            let clock = if command == op::LOCK_PI { Clock::REALTIME } else { clock };
            let deadline = read_deadline(current, timeout, clock)?;
            let word = word(current)?;
            subject::lock_pi(current, word, deadline)?;
            Ok(0)
        }
        op::TRYLOCK_PI => {
            let word = word(current)?;
            subject::try_lock_pi(current, word)?;
            Ok(0)
        }
        op::UNLOCK_PI => {
            let word = word(current)?;
            subject::unlock_pi(current, word)?;
            Ok(0)
        }
        _ => Err(Errno::ENOSYS),
    }
}

fn read_timeout(current: &Current, address: u64) -> Result<Option<std::time::Duration>, Errno> {
    if address == 0 {
        return Ok(None);
    }
    duration_of(current.read(UserPtr::<Timespec>::new(UserAddr::new(address)))?).map(Some)
}

fn read_deadline(current: &Current, address: u64, clock: Clock) -> Result<Option<Deadline>, Errno> {
    read_timeout(current, address)?.map(|time| clock.deadline(time, &current.task)).transpose()
}

/// A wait with a timeout that a signal interrupted: it ends when it would have ended.
struct Wait {
    word: Word,
    value: u32,
    bitset: u32,
    deadline: Option<Deadline>,
}

impl Restart for Wait {
    fn restart(self: Box<Self>, current: &mut Current) -> SysResult {
        wait(current, self.word, self.value, self.bitset, self.deadline)
    }
}

fn wait(current: &mut Current, word: Word, value: u32, bitset: u32, deadline: Option<Deadline>) -> SysResult {
    match subject::wait(current, word, value, bitset, deadline) {
        Ok(()) => Ok(0),
        Err(Errno::ERESTARTSYS) if deadline.is_some() => {
            current.restart = Some(Box::new(Wait { word, value, bitset, deadline }));
            Err(Errno::ERESTART_RESTARTBLOCK)
        }
        Err(error) => Err(error),
    }
}

/// The word of a `struct futex_waitv` or of the calls of its kind.
fn word_of(current: &Current, address: u64, flags: u32) -> Result<Word, Errno> {
    if flags & !(flag2::PRIVATE | flag2::SIZE_U32) != 0 || flags & flag2::SIZE_U32 == 0 {
        return Err(Errno::EINVAL);
    }
    Word::new(current, address, flags & flag2::PRIVATE != 0)
}

fn value_of(value: u64) -> Result<u32, Errno> {
    u32::try_from(value).map_err(|_| Errno::EINVAL)
}

fn clock_of(id: i32) -> Result<Clock, Errno> {
    match Clock::from_id(id)? {
        clock @ (Clock::MONOTONIC | Clock::REALTIME) => Ok(clock),
        _ => Err(Errno::EINVAL),
    }
}

/// futex_waitv(2).
pub fn futex_waitv(
    current: &mut Current,
    waiters: UserPtr<FutexWaitv>,
    count: u32,
    flags: u32,
    timeout: UserPtr<Timespec>,
    clock: i32,
) -> SysResult {
    let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
    if flags != 0 || count == 0 || count > WAITV_MAX || waiters.is_null() {
        return Err(Errno::EINVAL);
    }
    let deadline =
        if timeout.is_null() { None } else { read_deadline(current, timeout.address().get(), clock_of(clock)?)? };
    let mut words = Vec::with_capacity(count);
    for waiter in current.read_array(waiters, count)? {
        if waiter.reserved != 0 {
            return Err(Errno::EINVAL);
        }
        words.push((word_of(current, waiter.address, waiter.flags)?, value_of(waiter.value)?));
    }
    subject::wait_any(current, &words, deadline)
}

/// futex_wait(2).
pub fn futex_wait(
    current: &mut Current,
    word: UserPtr<u32>,
    value: u64,
    mask: u64,
    flags: u32,
    timeout: UserPtr<Timespec>,
    clock: i32,
) -> SysResult {
    let (value, mask) = (value_of(value)?, value_of(mask)?);
    if mask == 0 {
        return Err(Errno::EINVAL);
    }
    let deadline =
        if timeout.is_null() { None } else { read_deadline(current, timeout.address().get(), clock_of(clock)?)? };
    wait(current, word_of(current, word.address().get(), flags)?, value, mask, deadline)
}

/// futex_wake(2).
pub fn futex_wake(current: &mut Current, word: UserPtr<u32>, mask: u64, count: i32, flags: u32) -> SysResult {
    let mask = value_of(mask)?;
    if mask == 0 {
        return Err(Errno::EINVAL);
    }
    let word = word_of(current, word.address().get(), flags)?;
    Ok(subject::wake(word, usize::try_from(count).unwrap_or(0), mask))
}

/// futex_requeue(2).
pub fn futex_requeue(
    current: &mut Current,
    waiters: UserPtr<FutexWaitv>,
    flags: u32,
    wake: i32,
    requeue: i32,
) -> SysResult {
    let (Ok(wake), Ok(requeue)) = (usize::try_from(wake), usize::try_from(requeue)) else {
        return Err(Errno::EINVAL);
    };
    if flags != 0 || waiters.is_null() {
        return Err(Errno::EINVAL);
    }
    let pair = current.read(UserPtr::<[FutexWaitv; 2]>::new(waiters.address()))?;
    let [from, to] = pair;
    let (source, target) = (word_of(current, from.address, from.flags)?, word_of(current, to.address, to.flags)?);
    let (woken, moved) = subject::requeue(current, source, target, wake, requeue, Some(value_of(from.value)?))?;
    Ok(woken + moved)
}

/// set_robust_list(2).
pub fn set_robust_list(current: &mut Current, head: UserPtr<RobustListHead>, size: usize) -> SysResult {
    if size != size_of::<RobustListHead>() {
        return Err(Errno::EINVAL);
    }
    current.task.set_robust_list(head.address());
    Ok(0)
}

/// get_robust_list(2). The list of another thread is nobody's business here: debuggers alone ask.
pub fn get_robust_list(current: &mut Current, pid: Pid, head: UserPtr<u64>, size: UserPtr<u64>) -> SysResult {
    if pid.get() != 0 && current.task.group().namespace().find(pid.get()).is_none() {
        return Err(Errno::ESRCH);
    }
    if pid.get() != 0 && pid.get() != current.task.tid() {
        return Err(Errno::EPERM);
    }
    current.write(size, &(size_of::<RobustListHead>() as u64))?;
    current.write(head, &current.task.robust_list().get())?;
    Ok(0)
}
