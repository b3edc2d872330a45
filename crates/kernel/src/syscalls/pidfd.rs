//! Pidfds; see pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2).

use lazaret_abi::{
    errno::Errno,
    id::{Fd, Pid},
    process::pidfd as open_flag,
    signal::{SigInfo, Signal, code, pidfd_signal},
};

use super::{SysResult, signal::check_sender, target};
use crate::{
    fs::{descriptor, file::File, proc},
    signal::{
        send::{is_from_outside, may_signal, sender_info},
        send_to_process, send_to_thread,
    },
    sync::Arc,
    task::{
        Current,
        pidfd::{self, PidFd},
    },
    uaddr::UserPtr,
};

/// pidfd_open(2).
pub fn pidfd_open(current: &mut Current, pid: Pid, flags: u32) -> SysResult {
    if flags & !(open_flag::NONBLOCK | open_flag::THREAD) != 0 || pid.get() <= 0 {
        return Err(Errno::EINVAL);
    }
    let found = current.task.group().namespace().find(pid.get()).ok_or(Errno::ESRCH)?;
    let (process, thread) = {
        let tree = current.task.kernel().processes();
        if flags & open_flag::THREAD != 0 {
            let task = tree.task(found.global()).ok_or(Errno::ESRCH)?;
            (task.group().clone(), Some(task.clone()))
        } else {
            let is_thread = tree.task(found.global()).is_some();
            let missing = if is_thread { Errno::ENOENT } else { Errno::ESRCH };
            (tree.node(found.global()).ok_or(missing)?.process.clone(), None)
        }
    };
    let file = pidfd::open(&process, thread, flags & open_flag::NONBLOCK);
    descriptor::install(current, file, true)
}

fn pidfd_file(current: &Current, pidfd: Fd) -> Result<Arc<File>, Errno> {
    let file = descriptor::usable(current, pidfd)?;
    PidFd::of(&file)?;
    Ok(file)
}

/// pidfd_send_signal(2).
pub fn pidfd_send_signal(
    current: &mut Current,
    pidfd: Fd,
    signal: i32,
    info: UserPtr<SigInfo>,
    flags: u32,
) -> SysResult {
    let scopes = pidfd_signal::THREAD | pidfd_signal::THREAD_GROUP | pidfd_signal::PROCESS_GROUP;
    if flags & !scopes != 0 || flags.count_ones() > 1 {
        return Err(Errno::EINVAL);
    }
    let file = descriptor::usable(current, pidfd)?;
    // A directory /proc/PID will do, too.
    let (process, thread) = match PidFd::of(&file) {
        Ok(pidfd) => (pidfd.process(), pidfd.thread()),
        Err(error) => (proc::shown_by(&**file.inode()).ok_or(error)?, None),
    };
    if process.pid().number_in(current.task.group().namespace()) == 0 {
        return Err(Errno::EINVAL);
    }
    let given = if info.is_null() { None } else { Some(current.read(info)?) };
    let Some(first) = process.first_thread() else { return Err(Errno::ESRCH) };
    let one_thread = flags == pidfd_signal::THREAD || flags == 0 && thread.is_some();
    let target = if one_thread { thread.cloned().unwrap_or(first) } else { first };
    let wanted = match signal {
        0 => None,
        number => Some(Signal::new(number).ok_or(Errno::EINVAL)?),
    };
    if let Some(info) = &given {
        if info.signal != signal {
            return Err(Errno::EINVAL);
        }
        check_sender(current, process, info)?;
    }
    if !may_signal(&current.task, &target, wanted) {
        return Err(Errno::EPERM);
    }
    let Some(signal) = wanted else { return Ok(0) };
    let kind = if one_thread { code::TKILL } else { code::USER };
    let info = given.unwrap_or_else(|| sender_info(&current.task, process, signal, kind));
    let outside = is_from_outside(&current.task, process);
    if flags == pidfd_signal::PROCESS_GROUP {
        let members = {
            let tree = current.task.kernel().processes();
            let group = tree.node(process.id()).map(|node| node.group.global()).ok_or(Errno::ESRCH)?;
            tree.group_processes(group)
        };
        for member in members {
            send_to_process(&member, signal, info, is_from_outside(&current.task, &member))?;
        }
    } else if one_thread {
        send_to_thread(&target, signal, info, outside)?;
    } else {
        send_to_process(process, signal, info, outside)?;
    }
    Ok(0)
}

/// pidfd_getfd(2).
pub fn pidfd_getfd(current: &mut Current, pidfd: Fd, fd: Fd, flags: u32) -> SysResult {
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let file = pidfd_file(current, pidfd)?;
    let pidfd = PidFd::of(&file)?;
    let task = pidfd.thread().cloned().or_else(|| pidfd.process().first_thread()).ok_or(Errno::ESRCH)?;
    if !target::may_inspect(current, &task) {
        return Err(Errno::EPERM);
    }
    let found = task.files().get(fd.get())?;
    descriptor::install(current, found, true)
}

/// process_mrelease(2): the memory of a dying process is given back by its end, which is under way.
pub fn process_mrelease(current: &mut Current, pidfd: Fd, flags: u32) -> SysResult {
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let file = pidfd_file(current, pidfd)?;
    let process = PidFd::of(&file)?.process();
    if process.first_thread().is_none() {
        return Err(Errno::ESRCH);
    }
    let dying = process.signals().exit.is_some();
    if dying { Ok(0) } else { Err(Errno::EINVAL) }
}
