//! Changing attributes of files: chmod(2), chown(2), utimensat(2), truncate(2).

use lazaret_abi::{
    errno::Errno,
    fcntl::at as at_flags,
    id::{Fd, Gid, Uid},
    stat::{UTIME_NOW, UTIME_OMIT},
    time::{NANOS_PER_SEC, Timespec, Timeval, UTimBuf},
};

use super::SysResult;
use crate::{
    fs::{
        at::locate,
        descriptor,
        inode::{FileKind, Timestamp},
        vfs::change::{self, NewTime},
    },
    task::Current,
    uaddr::{UserAddr, UserPtr},
};

/// fchmodat2(2).
pub fn fchmodat2(current: &mut Current, directory: Fd, path: UserAddr, mode: u32, flags: u32) -> SysResult {
    let allowed = at_flags::SYMLINK_NOFOLLOW | at_flags::EMPTY_PATH;
    let location = locate(current, directory, path, flags, allowed)?;
    change::chmod(&location, mode, &current.task.creds())?;
    Ok(0)
}

/// fchmodat(2): the system call has no flags.
pub fn fchmodat(current: &mut Current, directory: Fd, path: UserAddr, mode: u32) -> SysResult {
    fchmodat2(current, directory, path, mode, 0)
}

/// chmod(2).
pub fn chmod(current: &mut Current, path: UserAddr, mode: u32) -> SysResult {
    fchmodat2(current, Fd::CWD, path, mode, 0)
}

/// fchmod(2).
pub fn fchmod(current: &mut Current, fd: Fd, mode: u32) -> SysResult {
    let file = descriptor::usable(current, fd)?;
    change::chmod(file.location(), mode, &current.task.creds())?;
    Ok(0)
}

/// Ids of chown(2): the highest number leaves one as it is.
fn ids(uid: Uid, gid: Gid) -> (Option<u32>, Option<u32>) {
    ((uid != Uid::UNCHANGED).then(|| uid.get()), (gid != Gid::UNCHANGED).then(|| gid.get()))
}

/// fchownat(2).
pub fn fchownat(current: &mut Current, directory: Fd, path: UserAddr, uid: Uid, gid: Gid, flags: u32) -> SysResult {
    let allowed = at_flags::SYMLINK_NOFOLLOW | at_flags::EMPTY_PATH;
    let location = locate(current, directory, path, flags, allowed)?;
    let (uid, gid) = ids(uid, gid);
    change::chown(&location, uid, gid, &current.task.creds())?;
    Ok(0)
}

/// chown(2).
pub fn chown(current: &mut Current, path: UserAddr, uid: Uid, gid: Gid) -> SysResult {
    fchownat(current, Fd::CWD, path, uid, gid, 0)
}

/// lchown(2).
pub fn lchown(current: &mut Current, path: UserAddr, uid: Uid, gid: Gid) -> SysResult {
    fchownat(current, Fd::CWD, path, uid, gid, at_flags::SYMLINK_NOFOLLOW)
}

/// fchown(2).
pub fn fchown(current: &mut Current, fd: Fd, uid: Uid, gid: Gid) -> SysResult {
    let file = descriptor::usable(current, fd)?;
    let (uid, gid) = ids(uid, gid);
    change::chown(file.location(), uid, gid, &current.task.creds())?;
    Ok(0)
}

fn new_time(time: Timespec) -> Result<NewTime, Errno> {
    match time.nsec {
        UTIME_NOW => Ok(NewTime::Now),
        UTIME_OMIT => Ok(NewTime::Keep),
        nanoseconds => match u32::try_from(nanoseconds) {
            Ok(nanoseconds) if i64::from(nanoseconds) < NANOS_PER_SEC => {
                Ok(NewTime::At(Timestamp { seconds: time.sec, nanoseconds }))
            }
            _ => Err(Errno::EINVAL),
        },
    }
}

fn set_times(
    current: &Current,
    directory: Fd,
    path: UserAddr,
    (atime, mtime): (NewTime, NewTime),
    flags: u32,
) -> SysResult {
    let allowed = at_flags::SYMLINK_NOFOLLOW | at_flags::EMPTY_PATH;
    if flags & !allowed != 0 {
        return Err(Errno::EINVAL);
    }
    // A null path names the descriptor itself: that is how futimens(3) works.
    let location = if path.is_null() && directory != Fd::CWD {
        if flags & at_flags::SYMLINK_NOFOLLOW != 0 {
            return Err(Errno::EINVAL);
        }
        descriptor::usable(current, directory)?.location().clone()
    } else {
        locate(current, directory, path, flags, allowed)?
    };
    change::set_times(&location, atime, mtime, &current.task.creds())?;
    Ok(0)
}

/// utimensat(2).
pub fn utimensat(
    current: &mut Current,
    directory: Fd,
    path: UserAddr,
    times: UserPtr<[Timespec; 2]>,
    flags: u32,
) -> SysResult {
    let times = if times.is_null() {
        (NewTime::Now, NewTime::Now)
    } else {
        let [atime, mtime] = read_pair(current, times)?;
        (new_time(atime)?, new_time(mtime)?)
    };
    if times == (NewTime::Keep, NewTime::Keep) {
        return Ok(0);
    }
    set_times(current, directory, path, times, flags)
}

fn read_pair<T: zerocopy::FromBytes + zerocopy::IntoBytes + Copy>(
    current: &Current,
    pointer: UserPtr<[T; 2]>,
) -> Result<[T; 2], Errno> {
    let pair = current.read_array(UserPtr::<T>::new(pointer.address()), 2)?;
    match pair[..] {
        [first, second] => Ok([first, second]),
        _ => Err(Errno::EFAULT),
    }
}

/// futimesat(2).
pub fn futimesat(current: &mut Current, directory: Fd, path: UserAddr, times: UserPtr<[Timeval; 2]>) -> SysResult {
    if times.is_null() {
        return set_times(current, directory, path, (NewTime::Now, NewTime::Now), 0);
    }
    let convert = |time: Timeval| match u32::try_from(time.usec) {
        Ok(microseconds) if microseconds < 1_000_000 => {
            Ok(NewTime::At(Timestamp { seconds: time.sec, nanoseconds: microseconds * 1000 }))
        }
        _ => Err(Errno::EINVAL),
    };
    let [atime, mtime] = read_pair(current, times)?;
    set_times(current, directory, path, (convert(atime)?, convert(mtime)?), 0)
}

/// utimes(2).
pub fn utimes(current: &mut Current, path: UserAddr, times: UserPtr<[Timeval; 2]>) -> SysResult {
    futimesat(current, Fd::CWD, path, times)
}

/// utime(2).
pub fn utime(current: &mut Current, path: UserAddr, times: UserPtr<UTimBuf>) -> SysResult {
    let mut pair = (NewTime::Now, NewTime::Now);
    if !times.is_null() {
        let times = current.read(times)?;
        let at = |seconds| NewTime::At(Timestamp { seconds, nanoseconds: 0 });
        pair = (at(times.actime), at(times.modtime));
    }
    set_times(current, Fd::CWD, path, pair, 0)
}

fn size(length: i64) -> Result<u64, Errno> {
    u64::try_from(length).map_err(|_| Errno::EINVAL)
}

/// truncate(2).
pub fn truncate(current: &mut Current, path: UserAddr, length: i64) -> SysResult {
    let length = size(length)?;
    let location = locate(current, Fd::CWD, path, 0, 0)?;
    super::io::check_file_size(current, length)?;
    change::truncate(&location, length, &current.task.creds())?;
    Ok(0)
}

/// ftruncate(2).
pub fn ftruncate(current: &mut Current, fd: Fd, length: i64) -> SysResult {
    let length = size(length)?;
    let file = descriptor::usable(current, fd)?;
    if !file.is_writable() || file.inode().kind() != FileKind::Regular {
        return Err(Errno::EINVAL);
    }
    super::io::check_file_size(current, length)?;
    change::set_size(file.location(), length)?;
    Ok(0)
}

/// umask(2).
pub fn umask(current: &mut Current, mask: u32) -> SysResult {
    Ok(current.task.fs().set_umask(mask) as usize)
}
