//! poll(2), select(2) and their kin.

use lazaret_abi::{
    epoll::{PollFd, SigsetArgument},
    errno::Errno,
    id::Fd,
    signal::SigSet,
    time::{Timespec, Timeval},
};
use zerocopy::IntoBytes;

use super::{SysResult, epoll::milliseconds, mask};
use crate::{
    fs::{
        descriptor,
        poll::{self as subject, Watched},
    },
    signal::restart::Restart,
    task::Current,
    time::{
        Deadline,
        clock::{duration_of, timespec_of, timeval_of},
    },
    uaddr::{UserAddr, UserPtr},
    wait::Events,
};

fn poll_until(current: &mut Current, fds: UserPtr<PollFd>, count: u32, deadline: Option<Deadline>) -> SysResult {
    let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
    if count > descriptor::limit(current) {
        return Err(Errno::EINVAL);
    }
    let mut entries = current.read_array(fds, count)?;
    let mut bad = 0;
    let mut watched: Vec<_> = entries
        .iter_mut()
        .map(|entry| {
            let file = if entry.fd < 0 { None } else { descriptor::usable(current, Fd::new(entry.fd)).ok() };
            entry.revents = 0;
            if file.is_none() && entry.fd >= 0 {
                entry.revents = Events::NVAL.bits() as i16;
                bad += 1;
            }
            let wanted = Events::from_bits_truncate(u32::from(entry.events.cast_unsigned())) | Events::ALWAYS;
            Watched { file, wanted, found: Events::empty() }
        })
        .collect();
    // A bad descriptor is an event, so that there is nothing to wait for.
    let deadline = if bad > 0 { milliseconds(0) } else { deadline };
    let ready = subject::wait(&mut watched, deadline)?;
    for (entry, watched) in entries.iter_mut().zip(&watched) {
        // All bits of poll are below the sixteenth.
        entry.revents |= watched.found.bits() as i16;
    }
    current.write_bytes(fds.address(), entries.as_slice().as_bytes())?;
    Ok(ready + bad)
}

/// A poll(2) that a signal interrupted: it ends when it would have ended.
struct Poll {
    fds: UserPtr<PollFd>,
    count: u32,
    deadline: Option<Deadline>,
}

impl Restart for Poll {
    fn restart(self: Box<Self>, current: &mut Current) -> SysResult {
        poll_or_restart(current, *self)
    }
}

fn poll_or_restart(current: &mut Current, poll: Poll) -> SysResult {
    match poll_until(current, poll.fds, poll.count, poll.deadline) {
        Err(Errno::ERESTARTNOHAND) => {
            current.restart = Some(Box::new(poll));
            Err(Errno::ERESTART_RESTARTBLOCK)
        }
        result => result,
    }
}

/// poll(2).
pub fn poll(current: &mut Current, fds: UserPtr<PollFd>, count: u32, timeout: i32) -> SysResult {
    poll_or_restart(current, Poll { fds, count, deadline: milliseconds(timeout) })
}

/// ppoll(2). As on Linux the time left is written back.
pub fn ppoll(
    current: &mut Current,
    fds: UserPtr<PollFd>,
    count: u32,
    timeout: UserPtr<Timespec>,
    set: UserPtr<SigSet>,
    size: usize,
) -> SysResult {
    let deadline = read_timespec(current, timeout)?;
    let result = mask::with(current, set, size, |current| poll_until(current, fds, count, deadline));
    write_timespec(current, timeout, deadline);
    result
}

fn read_timespec(current: &Current, timeout: UserPtr<Timespec>) -> Result<Option<Deadline>, Errno> {
    if timeout.is_null() {
        return Ok(None);
    }
    Ok(Some(Deadline::after(duration_of(current.read(timeout)?)?)))
}

/// The time left. The result of the call matters more than whether it can be stored.
fn write_timespec(current: &Current, timeout: UserPtr<Timespec>, deadline: Option<Deadline>) {
    if let Some(deadline) = deadline {
        let _ = current.write(timeout, &timespec_of(deadline.remaining()));
    }
}

/// Most descriptors of select(2) that are looked at, whatever its argument says.
const SELECT_MAX: usize = 1 << 16;

const WORD: usize = u64::BITS as usize;

/// One of the three sets of select(2).
struct FdSet {
    address: UserAddr,
    words: Vec<u64>,
    /// Any of these events puts a descriptor into the answer.
    events: Events,
}

impl FdSet {
    fn read(current: &Current, address: UserAddr, count: usize, events: Events) -> Result<FdSet, Errno> {
        let words = count.div_ceil(WORD);
        let words = if address.is_null() { Vec::new() } else { current.read_array(UserPtr::new(address), words)? };
        Ok(FdSet { address, words, events })
    }

    fn contains(&self, fd: usize) -> bool {
        self.words.get(fd / WORD).is_some_and(|word| word >> (fd % WORD) & 1 != 0)
    }

    fn remove(&mut self, fd: usize) {
        if let Some(word) = self.words.get_mut(fd / WORD) {
            *word &= !(1 << (fd % WORD));
        }
    }
}

fn select_until(current: &mut Current, count: i32, addresses: [UserAddr; 3], deadline: Option<Deadline>) -> SysResult {
    let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
    // Linux cuts the number at the size of the descriptor table.
    let highest = current.task.files().open_descriptors().last().map_or(0, |fd| fd.unsigned_abs() as usize + 1);
    let count = count.min(highest.next_multiple_of(WORD)).min(SELECT_MAX);
    // What each set means in terms of poll; select(2), NOTES.
    let meanings = [
        Events::READABLE | Events::RDBAND | Events::HUP | Events::ERR,
        Events::WRITABLE | Events::WRBAND | Events::ERR,
        Events::PRI,
    ];
    let mut sets = Vec::with_capacity(3);
    for (address, events) in addresses.into_iter().zip(meanings) {
        sets.push(FdSet::read(current, address, count, events)?);
    }
    let mut numbers = Vec::new();
    let mut watched = Vec::new();
    for fd in 0..count {
        let wanted =
            sets.iter().filter(|set| set.contains(fd)).fold(Events::empty(), |wanted, set| wanted | set.events);
        if wanted.is_empty() {
            continue;
        }
        let number = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
        let file = descriptor::usable(current, Fd::new(number))?;
        numbers.push(fd);
        watched.push(Watched { file: Some(file), wanted, found: Events::empty() });
    }
    subject::wait(&mut watched, deadline)?;
    let mut ready = 0;
    for (fd, watched) in numbers.into_iter().zip(&watched) {
        for set in &mut sets {
            if set.contains(fd) {
                if watched.found.intersects(set.events) {
                    ready += 1;
                } else {
                    set.remove(fd);
                }
            }
        }
    }
    for set in &sets {
        if !set.address.is_null() {
            current.write_bytes(set.address, set.words.as_slice().as_bytes())?;
        }
    }
    Ok(ready)
}

/// select(2). As on Linux the time left is written back.
pub fn select(
    current: &mut Current,
    count: i32,
    read: UserAddr,
    write: UserAddr,
    except: UserAddr,
    timeout: UserPtr<Timeval>,
) -> SysResult {
    let deadline = if timeout.is_null() {
        None
    } else {
        let time = current.read(timeout)?;
        // More than a second of microseconds is fine here: only negative times are not.
        let seconds = time.sec.checked_add(time.usec.div_euclid(1_000_000)).ok_or(Errno::EINVAL)?;
        let time = Timespec { sec: seconds, nsec: time.usec.rem_euclid(1_000_000) * 1000 };
        Some(Deadline::after(duration_of(time)?))
    };
    let result = select_until(current, count, [read, write, except], deadline);
    if let Some(deadline) = deadline {
        // The result of the call matters more than whether the time left can be stored.
        let _ = current.write(timeout, &timeval_of(deadline.remaining()));
    }
    result
}

/// pselect6(2), the call behind pselect(3).
pub fn pselect6(
    current: &mut Current,
    count: i32,
    read: UserAddr,
    write: UserAddr,
    except: UserAddr,
    timeout: UserPtr<Timespec>,
    argument: UserPtr<SigsetArgument>,
) -> SysResult {
    let argument = if argument.is_null() { SigsetArgument::default() } else { current.read(argument)? };
    let set = UserPtr::new(UserAddr::new(argument.set));
    let size = usize::try_from(argument.size).map_err(|_| Errno::EINVAL)?;
    let deadline = read_timespec(current, timeout)?;
    let result =
        mask::with(current, set, size, |current| select_until(current, count, [read, write, except], deadline));
    write_timespec(current, timeout, deadline);
    result
}
