//! Looking into another process: its memory, and what it shares with a third one.

use std::cmp::Ordering as Compared;

use lazaret_abi::{errno::Errno, id::Pid, process::kcmp as kind};

use super::{SysResult, target};
use crate::{
    sync::Arc,
    task::{Current, Task},
    uaddr::UserAddr,
    uio::{Sink, Source, UserSlice},
};

/// Bytes copied at a time.
const PIECE: usize = 64 << 10;

/// The other process, and the memory on both sides.
type Parts = (Arc<Task>, Vec<UserSlice>, Vec<UserSlice>);

/// The parts of a call that copies between processes; `None` when there is nothing to copy.
fn prepare(
    current: &Current,
    pid: Pid,
    local: (UserAddr, usize),
    remote: (UserAddr, usize),
    flags: u64,
) -> Result<Option<Parts>, Errno> {
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let local = current.read_iovecs(local.0, local.1)?;
    let remote = current.read_iovecs(remote.0, remote.1)?;
    let nothing = |slices: &[UserSlice]| slices.iter().all(|slice| slice.length == 0);
    if nothing(&local) || nothing(&remote) {
        return Ok(None);
    }
    let task = target::task(current, pid.get())?;
    if !target::may_inspect(current, &task) {
        return Err(Errno::EPERM);
    }
    Ok(Some((task, local, remote)))
}

/// process_vm_readv(2).
pub fn process_vm_readv(
    current: &mut Current,
    pid: Pid,
    local: UserAddr,
    local_count: usize,
    remote: UserAddr,
    remote_count: usize,
    flags: u64,
) -> SysResult {
    let Some((task, local, remote)) = prepare(current, pid, (local, local_count), (remote, remote_count), flags)?
    else {
        return Ok(0);
    };
    let space = task.mm().space().clone();
    let mut sink = current.buffers(&local);
    copy(&remote, |address, piece| {
        let wanted = piece.len().min(Sink::remaining(&sink));
        let got = space.read(address, &mut piece[..wanted]);
        if got == 0 {
            return if wanted == 0 { Ok(0) } else { Err(Errno::EFAULT) };
        }
        sink.put(&piece[..got])
    })
}

/// process_vm_writev(2).
pub fn process_vm_writev(
    current: &mut Current,
    pid: Pid,
    local: UserAddr,
    local_count: usize,
    remote: UserAddr,
    remote_count: usize,
    flags: u64,
) -> SysResult {
    let Some((task, local, remote)) = prepare(current, pid, (local, local_count), (remote, remote_count), flags)?
    else {
        return Ok(0);
    };
    let space = task.mm().space().clone();
    let mut source = current.buffers(&local);
    copy(&remote, |address, piece| {
        let got = source.take(piece)?;
        if got == 0 {
            return Ok(0);
        }
        match space.write(address, &piece[..got]) {
            0 => Err(Errno::EFAULT),
            written => Ok(written),
        }
    })
}

/// Goes through the ranges of the other process in pieces. An error counts only if nothing has been
/// copied; a short piece ends the copy.
fn copy(remote: &[UserSlice], mut step: impl FnMut(u64, &mut [u8]) -> SysResult) -> SysResult {
    let mut buffer = vec![0; PIECE];
    let mut done = 0_usize;
    for slice in remote {
        let mut address = slice.address;
        let mut left = slice.length;
        while left > 0 {
            let wanted = left.min(PIECE);
            match step(address, &mut buffer[..wanted]) {
                Ok(copied) => {
                    done += copied;
                    left -= copied;
                    address = address.wrapping_add(copied as u64);
                    if copied < wanted {
                        return Ok(done);
                    }
                }
                Err(error) => return if done > 0 { Ok(done) } else { Err(error) },
            }
        }
    }
    Ok(done)
}

/// kcmp(2): 0 when both are the same object, 1 and 2 for an order among objects that differ.
pub fn kcmp(current: &mut Current, pid1: Pid, pid2: Pid, what: i32, index1: u64, index2: u64) -> SysResult {
    let (first, second) = (target::task(current, pid1.get())?, target::task(current, pid2.get())?);
    if !target::may_inspect(current, &first) || !target::may_inspect(current, &second) {
        return Err(Errno::EPERM);
    }
    let order = match what {
        kind::FILE => {
            let file = |task: &Task, index: u64| task.files().get(i32::try_from(index).map_err(|_| Errno::EBADF)?);
            address(&file(&first, index1)?).cmp(&address(&file(&second, index2)?))
        }
        kind::VM => address(&first.mm()).cmp(&address(&second.mm())),
        kind::FILES => address(&first.files()).cmp(&address(&second.files())),
        kind::FS => address(&first.fs()).cmp(&address(&second.fs())),
        kind::SIGHAND => address(first.group()).cmp(&address(second.group())),
        // Nobody has an I/O context.
        kind::IO => Compared::Equal,
        // Adjustments of System V semaphores belong to a process, once it has some.
        kind::SYSVSEM if has_adjustments(&first) || has_adjustments(&second) => {
            address(first.group()).cmp(&address(second.group()))
        }
        kind::SYSVSEM => Compared::Equal,
        _ => return Err(Errno::EINVAL),
    };
    Ok(match order {
        Compared::Equal => 0,
        Compared::Less => 1,
        Compared::Greater => 2,
    })
}

/// The task's process has changes of semaphores that are undone at its end (SEM_UNDO).
fn has_adjustments(task: &Task) -> bool {
    task.namespaces().ipc.has_adjustments(task.group().id())
}

/// Identity of an object.
fn address<T: ?Sized>(object: &Arc<T>) -> usize {
    Arc::as_ptr(object).addr()
}
