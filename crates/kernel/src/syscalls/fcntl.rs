//! fcntl(2) and dup(2).

use lazaret_abi::{
    errno::Errno,
    fcntl::{FOwnerEx, command, descriptor as fd_flags, directory, owner},
    id::Fd,
};

use super::{SysResult, lock};
use crate::{
    fs::{
        descriptor,
        file::{File, flags},
        inode::FileKind,
        pipe,
        sigio::OwnerKind,
        tmpfs::{Seals, TmpInode},
        vfs::permission::is_owner,
    },
    sync::Arc,
    task::Current,
    uaddr::{UserAddr, UserPtr},
};

/// The argument of a command as the int it is there.
fn int(argument: u64) -> i32 {
    // Truncated as the C prototype does.
    argument as u32 as i32
}

fn as_result(value: u32) -> SysResult {
    usize::try_from(value).map_err(|_| Errno::EINVAL)
}

/// fcntl(2).
pub fn fcntl(current: &mut Current, fd: Fd, command: u32, argument: u64) -> SysResult {
    let file = descriptor::any(current, fd)?;
    let allowed_on_path = matches!(
        command,
        command::DUPFD
            | command::DUPFD_CLOEXEC
            | command::GETFD
            | command::SETFD
            | command::GETFL
            | command::DUPFD_QUERY
    );
    if file.flags() & flags::PATH != 0 && !allowed_on_path {
        return Err(Errno::EBADF);
    }
    match command {
        command::DUPFD => duplicate(current, file, int(argument), false),
        command::DUPFD_CLOEXEC => duplicate(current, file, int(argument), true),
        command::DUPFD_QUERY => {
            let other = descriptor::any(current, Fd::new(int(argument)))?;
            Ok(usize::from(Arc::ptr_eq(&file, &other)))
        }
        command::GETFD => Ok(usize::from(current.task.files().descriptor(fd.get())?.close_on_exec)),
        command::SETFD => {
            let close_on_exec = argument & u64::from(fd_flags::CLOEXEC) != 0;
            current.task.files().set_close_on_exec(fd.get(), close_on_exec)?;
            Ok(0)
        }
        command::GETFL => as_result(file.flags()),
        command::SETFL => set_flags(current, fd, &file, int(argument) as u32),
        command::GETLK | command::OFD_GETLK => {
            lock::get_lock(current, &file, UserPtr::new(UserAddr::new(argument)), command == command::OFD_GETLK)
        }
        command::SETLK | command::SETLKW | command::OFD_SETLK | command::OFD_SETLKW => {
            let of_file = matches!(command, command::OFD_SETLK | command::OFD_SETLKW);
            let wait = matches!(command, command::SETLKW | command::OFD_SETLKW);
            lock::set_lock(current, &file, UserPtr::new(UserAddr::new(argument)), of_file, wait)
        }
        command::SETOWN => set_owner(current, &file, int(argument)),
        command::GETOWN => {
            let (kind, pid) = owner(current, &file);
            // A group comes back as a negative number, which only the C library takes for an error.
            Ok(if kind == OwnerKind::Group { -pid } else { pid } as isize as usize)
        }
        command::SETOWN_EX => {
            let new = current.read(UserPtr::<FOwnerEx>::new(UserAddr::new(argument)))?;
            let kind = match new.kind {
                owner::TID => OwnerKind::Thread,
                owner::PID => OwnerKind::Process,
                owner::PGRP => OwnerKind::Group,
                _ => return Err(Errno::EINVAL),
            };
            name_owner(current, &file, kind, new.pid)
        }
        command::GETOWN_EX => {
            let (kind, pid) = owner(current, &file);
            let kind = match kind {
                OwnerKind::Thread => owner::TID,
                OwnerKind::Process => owner::PID,
                OwnerKind::Group => owner::PGRP,
            };
            current.write(UserPtr::new(UserAddr::new(argument)), &FOwnerEx { kind, pid })?;
            Ok(0)
        }
        command::SETSIG => {
            let signal = int(argument);
            if !(0..=64).contains(&signal) {
                return Err(Errno::EINVAL);
            }
            file.async_owner().lock().signal = signal;
            Ok(0)
        }
        command::GETSIG => usize::try_from(file.async_owner().lock().signal).map_err(|_| Errno::EINVAL),
        command::NOTIFY => notify(current, fd, &file, int(argument).cast_unsigned()),
        command::SETLEASE => set_lease(current, &file, int(argument)),
        command::GETLEASE => Ok(lazaret_abi::fcntl::lock::UNLCK.unsigned_abs().into()),
        command::SETPIPE_SZ => {
            let size = usize::try_from(int(argument)).map_err(|_| Errno::EINVAL)?;
            pipe::fcntl_size(current, &file, Some(size))
        }
        command::GETPIPE_SZ => pipe::fcntl_size(current, &file, None),
        command::ADD_SEALS => add_seals(&file, int(argument) as u32),
        command::GET_SEALS => {
            let inode = file.inode().downcast_ref::<TmpInode>().ok_or(Errno::EINVAL)?;
            as_result(inode.seals()?.bits())
        }
        _ => Err(Errno::EINVAL),
    }
}

fn duplicate(current: &Current, file: Arc<File>, lowest: i32, close_on_exec: bool) -> SysResult {
    let limit = descriptor::limit(current);
    let lowest = usize::try_from(lowest).ok().filter(|lowest| *lowest < limit).ok_or(Errno::EINVAL)?;
    let fd = current.task.files().insert(file, close_on_exec, lowest, limit)?;
    usize::try_from(fd).map_err(|_| Errno::EMFILE)
}

fn set_flags(current: &Current, fd: Fd, file: &File, new: u32) -> SysResult {
    let old = file.flags();
    if new & flags::NOATIME != 0 && old & flags::NOATIME == 0 && !is_owner(&file.attributes()?, &current.task.creds()) {
        return Err(Errno::EPERM);
    }
    if (new ^ old) & flags::ASYNC != 0 {
        file.set_async(current.task.kernel(), fd.get(), new & flags::ASYNC != 0);
    }
    file.set_flags(new);
    Ok(0)
}

/// Who is told of the file, by its number in the caller's namespace; 0 for nobody.
fn owner(current: &Current, file: &File) -> (OwnerKind, i32) {
    let owner = file.async_owner().lock();
    let pid = owner.pid.upgrade().map_or(0, |pid| pid.number_in(current.task.group().namespace()));
    (owner.kind, pid)
}

/// Names a process, group or thread as the one to be told; 0 is nobody.
fn name_owner(current: &Current, file: &File, kind: OwnerKind, pid: i32) -> SysResult {
    let pid = match pid {
        0 => None,
        pid => Some(current.task.group().namespace().find(pid).ok_or(Errno::ESRCH)?),
    };
    file.async_owner().lock().set(kind, pid.as_ref(), &current.task.creds());
    Ok(0)
}

fn set_owner(current: &Current, file: &File, pid: i32) -> SysResult {
    match pid {
        i32::MIN => Err(Errno::EINVAL),
        pid if pid < 0 => name_owner(current, file, OwnerKind::Group, -pid),
        pid => name_owner(current, file, OwnerKind::Process, pid),
    }
}

/// F_NOTIFY.
fn notify(current: &Current, fd: Fd, file: &File, wanted: u32) -> SysResult {
    let wanted = if wanted & !directory::MULTISHOT == 0 { 0 } else { wanted };
    if wanted != 0 && file.inode().kind() == FileKind::Directory {
        // Unless somebody was named already, it is the caller who is told.
        let mut owner = file.async_owner().lock();
        if owner.pid.strong_count() == 0 {
            owner.set(OwnerKind::Process, Some(current.task.group().pid()), &current.task.creds());
        }
    }
    file.set_notice(current.task.kernel(), fd.get(), wanted)?;
    Ok(0)
}

/// Leases are refused, as Linux refuses them where a file cannot be leased.
fn set_lease(current: &Current, file: &File, kind: i32) -> SysResult {
    let creds = current.task.creds();
    if file.attributes()?.uid != creds.fsuid && !creds.has(crate::task::creds::cap::LEASE) {
        return Err(Errno::EACCES);
    }
    if file.inode().kind() != FileKind::Regular {
        return Err(Errno::EINVAL);
    }
    match i16::try_from(kind) {
        Ok(lazaret_abi::fcntl::lock::RDLCK | lazaret_abi::fcntl::lock::WRLCK | lazaret_abi::fcntl::lock::UNLCK) => {
            Err(Errno::EAGAIN)
        }
        _ => Err(Errno::EINVAL),
    }
}

fn add_seals(file: &File, seals: u32) -> SysResult {
    let inode = file.inode().downcast_ref::<TmpInode>().ok_or(Errno::EINVAL)?;
    if !file.is_writable() {
        return Err(Errno::EPERM);
    }
    inode.add_seals(Seals::from_bits(seals).ok_or(Errno::EINVAL)?)?;
    Ok(0)
}

/// dup(2).
pub fn dup(current: &mut Current, fd: Fd) -> SysResult {
    let file = descriptor::any(current, fd)?;
    descriptor::install(current, file, false)
}

fn dup_to(current: &Current, old: Fd, new: Fd, close_on_exec: bool) -> SysResult {
    let file = descriptor::any(current, old)?;
    let files = current.task.files();
    if let Some(old) = files.replace(new.get(), file, close_on_exec, descriptor::limit(current))? {
        files.closed(&old);
    }
    usize::try_from(new.get()).map_err(|_| Errno::EBADF)
}

/// dup2(2).
pub fn dup2(current: &mut Current, old: Fd, new: Fd) -> SysResult {
    if old == new {
        descriptor::any(current, old)?;
        return usize::try_from(new.get()).map_err(|_| Errno::EBADF);
    }
    dup_to(current, old, new, false)
}

/// dup3(2).
pub fn dup3(current: &mut Current, old: Fd, new: Fd, dup_flags: u32) -> SysResult {
    if dup_flags & !flags::CLOEXEC != 0 || old == new {
        return Err(Errno::EINVAL);
    }
    dup_to(current, old, new, dup_flags & flags::CLOEXEC != 0)
}
