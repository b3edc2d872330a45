//! File locks: flock(2) and the locks of fcntl(2).

use lazaret_abi::{
    errno::Errno,
    fcntl::{Flock, flock as operation, lock as kind, seek},
    id::Fd,
};

use super::SysResult;
use crate::{
    fs::{
        descriptor,
        file::File,
        lock::{self, Owner, RangeLock},
    },
    task::Current,
    uaddr::UserPtr,
};

/// flock(2).
pub fn flock(current: &mut Current, fd: Fd, how: u32) -> SysResult {
    let file = descriptor::usable(current, fd)?;
    let wait = how & operation::NB == 0;
    match how & !operation::NB {
        operation::SH => lock::lock_file(&file, false, wait)?,
        operation::EX => lock::lock_file(&file, true, wait)?,
        operation::UN => lock::unlock_file(&file),
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

/// First and last byte that a `struct flock` names.
fn range(file: &File, request: &Flock) -> Result<(u64, u64), Errno> {
    let base = match u32::try_from(request.whence) {
        Ok(seek::SET) => 0,
        Ok(seek::CUR) => i64::try_from(*file.position()).map_err(|_| Errno::EOVERFLOW)?,
        Ok(seek::END) => i64::try_from(file.attributes()?.size).map_err(|_| Errno::EOVERFLOW)?,
        _ => return Err(Errno::EINVAL),
    };
    let at = base.checked_add(request.start).ok_or(Errno::EOVERFLOW)?;
    // A negative length means the bytes before the start.
    let (start, end) = match request.length {
        0 => (at, i64::MAX),
        length if length > 0 => (at, at.checked_add(length - 1).ok_or(Errno::EOVERFLOW)?),
        length => (at.checked_add(length).ok_or(Errno::EINVAL)?, at - 1),
    };
    let start = u64::try_from(start).map_err(|_| Errno::EINVAL)?;
    let end = if end == i64::MAX { u64::MAX } else { u64::try_from(end).map_err(|_| Errno::EINVAL)? };
    Ok((start, end))
}

fn request(current: &Current, file: &File, request: &Flock, of_file: bool) -> Result<RangeLock, Errno> {
    let (start, end) = range(file, request)?;
    let (owner, pid) = if of_file {
        // open file description locks have no process.
        if request.pid != 0 {
            return Err(Errno::EINVAL);
        }
        (lock::file_owner(file), -1)
    } else {
        (current.task.files().lock_owner(), current.task.group().pid().number_in(current.task.group().namespace()))
    };
    Ok(RangeLock { owner, start, end, exclusive: request.kind == kind::WRLCK, pid })
}

/// F_GETLK and F_OFD_GETLK.
///
/// # Errors
/// Those of fcntl_locking(2).
pub fn get_lock(current: &Current, file: &File, pointer: UserPtr<Flock>, of_file: bool) -> SysResult {
    let mut asked = current.read(pointer)?;
    if !matches!(asked.kind, kind::RDLCK | kind::WRLCK) {
        return Err(Errno::EINVAL);
    }
    let wanted = request(current, file, &asked, of_file)?;
    match lock::find_conflict(file, &wanted)? {
        None => asked.kind = kind::UNLCK,
        Some(found) => {
            let length = if found.end == u64::MAX { 0 } else { found.end - found.start + 1 };
            asked = Flock {
                kind: if found.exclusive { kind::WRLCK } else { kind::RDLCK },
                // SEEK_SET is 0.
                whence: 0,
                start: i64::try_from(found.start).map_err(|_| Errno::EOVERFLOW)?,
                length: i64::try_from(length).map_err(|_| Errno::EOVERFLOW)?,
                pid: if matches!(found.owner, Owner::Process(_)) { found.pid } else { -1 },
                ..Flock::default()
            };
        }
    }
    current.write(pointer, &asked)?;
    Ok(0)
}

/// F_SETLK, F_SETLKW and their F_OFD_ forms.
///
/// # Errors
/// Those of fcntl_locking(2).
pub fn set_lock(current: &Current, file: &File, pointer: UserPtr<Flock>, of_file: bool, wait: bool) -> SysResult {
    let asked = current.read(pointer)?;
    let wanted = request(current, file, &asked, of_file)?;
    match asked.kind {
        kind::UNLCK => lock::unlock_range(file, wanted.owner, wanted.start, wanted.end),
        kind::RDLCK if !file.is_readable() => return Err(Errno::EBADF),
        kind::WRLCK if !file.is_writable() => return Err(Errno::EBADF),
        kind::RDLCK | kind::WRLCK => lock::lock_range(file, wanted, wait)?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}
