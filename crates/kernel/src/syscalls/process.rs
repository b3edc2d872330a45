//! Making, replacing, ending and waiting for processes.

use lazaret_abi::{
    errno::Errno,
    fcntl::at as at_flags,
    id::{Fd, Pid},
    process::{CloneArgs, clone as flag, wait as options, wait_id},
    resource::RUsage,
    signal::{SigInfo, Signal},
};

use super::SysResult;
use crate::{
    boot::ExitStatus,
    fs::at,
    sync::Ordering,
    task::{
        Current,
        clone::{self as cloning, CloneRequest},
        exec::{self, Program},
        pidfd::PidFd,
        wait::{self, Waited, Who},
    },
    uaddr::{UserAddr, UserPtr},
};

/// Low byte of the flags of clone(2): the exit signal.
const SIGNAL_MASK: u64 = 0xff;

/// Size of `struct clone_args` as of its first version; smaller ones are refused.
const CLONE_ARGS_MIN: usize = 64;

/// Most pid namespaces that `set_tid` may name.
const SET_TID_MAX: u64 = 32;

fn pid_result(pid: i32) -> SysResult {
    usize::try_from(pid).map_err(|_| Errno::ESRCH)
}

/// exit(2).
pub fn exit(current: &mut Current, status: i32) -> SysResult {
    current.exit = Some(exited(status));
    Ok(0)
}

/// exit_group(2).
pub fn exit_group(current: &mut Current, status: i32) -> SysResult {
    let status = exited(status);
    current.task.group().signals().kill_all(status);
    current.exit = Some(status);
    Ok(0)
}

fn exited(status: i32) -> ExitStatus {
    // The low byte is what wait(2) shows.
    ExitStatus::Exited((status & 0xff) as u8)
}

/// clone(2).
pub fn clone(
    current: &mut Current,
    flags: u64,
    stack: UserAddr,
    parent_tid: UserPtr<i32>,
    child_tid: UserPtr<i32>,
    tls: u64,
) -> SysResult {
    let signal = (flags & SIGNAL_MASK) as i32;
    // The register has room for more, the flags of this call have not.
    let flags = flags & 0xffff_ffff & !SIGNAL_MASK;
    if flags & flag::PIDFD != 0 && flags & flag::PARENT_SETTID != 0 {
        return Err(Errno::EINVAL);
    }
    let request = CloneRequest {
        flags,
        exit_signal: if flags & flag::THREAD != 0 { 0 } else { signal },
        stack: stack.get(),
        tls,
        parent_tid: parent_tid.address().get(),
        child_tid: child_tid.address().get(),
        pidfd: parent_tid.address().get(),
        set_tid: Vec::new(),
    };
    pid_result(cloning::clone(current, &request)?)
}

/// clone3(2).
pub fn clone3(current: &mut Current, args: UserPtr<CloneArgs>, size: usize) -> SysResult {
    let known = size_of::<CloneArgs>();
    if size > 4096 {
        return Err(Errno::E2BIG);
    }
    if size < CLONE_ARGS_MIN {
        return Err(Errno::EINVAL);
    }
    let mut bytes = vec![0; size.max(known)];
    current.read_bytes(args.address(), bytes.get_mut(..size).ok_or(Errno::EINVAL)?)?;
    if bytes.iter().skip(known).any(|byte| *byte != 0) {
        return Err(Errno::E2BIG);
    }
    let (args, _) = <CloneArgs as zerocopy::FromBytes>::read_from_prefix(&bytes).map_err(|_| Errno::EINVAL)?;
    let threads = args.flags & (flag::THREAD | flag::PARENT) != 0;
    let known_flags = flag::NAMES.iter().fold(0, |all, (bits, _)| all | bits);
    let stack = if args.stack == 0 {
        if args.stack_size != 0 {
            return Err(Errno::EINVAL);
        }
        0
    } else {
        if args.stack_size == 0 {
            return Err(Errno::EINVAL);
        }
        args.stack.checked_add(args.stack_size).ok_or(Errno::EINVAL)?
    };
    let invalid = args.flags & (SIGNAL_MASK & !flag::NEWTIME | flag::DETACHED) != 0
        || args.flags & !known_flags != 0
        || args.exit_signal > Signal::MAX.get().unsigned_abs().into()
        || threads && args.exit_signal != 0
        || args.set_tid_size > SET_TID_MAX
        || (args.set_tid == 0) != (args.set_tid_size == 0);
    if invalid {
        return Err(Errno::EINVAL);
    }
    if args.flags & flag::INTO_CGROUP != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let count = usize::try_from(args.set_tid_size).map_err(|_| Errno::EINVAL)?;
    let set_tid = current.read_array(UserPtr::<i32>::new(UserAddr::new(args.set_tid)), count)?;
    if !set_tid.is_empty() && !current.task.creds().has(crate::task::creds::cap::SYS_ADMIN) {
        return Err(Errno::EPERM);
    }
    let request = CloneRequest {
        flags: args.flags,
        exit_signal: i32::try_from(args.exit_signal).map_err(|_| Errno::EINVAL)?,
        stack,
        tls: args.tls,
        parent_tid: args.parent_tid,
        child_tid: args.child_tid,
        pidfd: args.pidfd,
        set_tid,
    };
    pid_result(cloning::clone(current, &request)?)
}

/// fork(2).
pub fn fork(current: &mut Current) -> SysResult {
    let request = CloneRequest { exit_signal: Signal::CHLD.get(), ..CloneRequest::default() };
    pid_result(cloning::clone(current, &request)?)
}

/// vfork(2).
pub fn vfork(current: &mut Current) -> SysResult {
    let flags = flag::VFORK | flag::VM;
    let request = CloneRequest { flags, exit_signal: Signal::CHLD.get(), ..CloneRequest::default() };
    pid_result(cloning::clone(current, &request)?)
}

/// set_tid_address(2).
pub fn set_tid_address(current: &mut Current, address: UserPtr<i32>) -> SysResult {
    current.task.clear_child_tid.store(address.address().get(), Ordering::Relaxed);
    pid_result(current.task.own_tid())
}

/// execve(2).
pub fn execve(current: &mut Current, path: UserAddr, argv: UserAddr, envp: UserAddr) -> SysResult {
    execveat(current, Fd::CWD, path, argv, envp, 0)
}

/// execveat(2).
pub fn execveat(
    current: &mut Current,
    directory: Fd,
    path: UserAddr,
    argv: UserAddr,
    envp: UserAddr,
    flags: u32,
) -> SysResult {
    if flags & !(at_flags::EMPTY_PATH | at_flags::SYMLINK_NOFOLLOW) != 0 {
        return Err(Errno::EINVAL);
    }
    let path = current.read_path(path)?;
    let location = at::resolve(current, directory, &path, at::lookup_flags(flags))?;
    let mut args = read_strings(current, argv)?;
    let env = read_strings(current, envp)?;
    if args.is_empty() {
        // Since Linux 5.18: a program always has a name.
        args.push(Vec::new());
    }
    let through_descriptor = directory != Fd::CWD && !path.starts_with(b"/");
    let can_reopen = !through_descriptor || !current.task.files().descriptor(directory.get())?.close_on_exec;
    let path = match (directory, path.as_slice()) {
        (Fd::CWD, _) | (_, [b'/', ..]) => path,
        (fd, []) => format!("/dev/fd/{fd}").into_bytes(),
        (fd, rest) => [format!("/dev/fd/{fd}/").as_bytes(), rest].concat(),
    };
    let paths = at::context(current);
    exec::exec(current, &paths, Program { location, path, can_reopen, args, env })?;
    Ok(0)
}

/// Part of a page of application memory: the strings of a program lie side by side.
#[derive(Default)]
struct StringsPage {
    start: u64,
    bytes: Vec<u8>,
}

impl StringsPage {
    /// The string at `address`, if the part that was read holds it to its end.
    fn find(&self, address: UserAddr) -> Option<Vec<u8>> {
        let skip = usize::try_from(address.get().checked_sub(self.start)?).ok()?;
        let rest = self.bytes.get(skip..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        Some(rest[..end].to_vec())
    }

    /// As [`Current::read_cstr`], with as few copies as may be.
    fn read(&mut self, current: &Current, address: UserAddr, limit: usize) -> Result<Vec<u8>, Errno> {
        if let Some(text) = self.find(address) {
            return Ok(text);
        }
        self.start = address.get();
        // At most a page.
        self.bytes.resize((4096 - address.get() % 4096) as usize, 0);
        current.read_bytes(address, &mut self.bytes)?;
        match self.find(address) {
            Some(text) => Ok(text),
            None => current.read_cstr(address, limit),
        }
    }
}

/// Reads an array of strings that ends with NULL; NULL itself is an empty one.
fn read_strings(current: &Current, array: UserAddr) -> Result<Vec<Vec<u8>>, Errno> {
    /// Longest single string with its zero, and most bytes in all (MAX_ARG_STRLEN, three quarters of
    /// the default stack).
    const STRING_MAX: usize = 128 * 1024;
    const TOTAL_MAX: usize = 6 << 20;
    /// Pointers read at once.
    const PIECE: usize = 16;
    let mut strings = Vec::new();
    if array.is_null() {
        return Ok(strings);
    }
    let mut total = 0_usize;
    let mut at = array;
    let mut strings_page = StringsPage::default();
    loop {
        // Not beyond the page for nothing: the array may end just before a hole.
        let room = usize::try_from((4096 - at.get() % 4096) / 8).unwrap_or(PIECE).clamp(1, PIECE);
        for pointer in current.read_array(UserPtr::<u64>::new(at), room)? {
            if pointer == 0 {
                return Ok(strings);
            }
            let text = strings_page.read(current, UserAddr::new(pointer), STRING_MAX).map_err(|error| match error {
                Errno::ENAMETOOLONG => Errno::E2BIG,
                error => error,
            })?;
            total = total.saturating_add(text.len() + 1 + size_of::<u64>());
            if total > TOTAL_MAX {
                return Err(Errno::E2BIG);
            }
            strings.push(text);
        }
        at = at.checked_add(room as u64 * 8).ok_or(Errno::EFAULT)?;
    }
}

/// wait4(2).
pub fn wait4(current: &mut Current, pid: Pid, status: UserPtr<i32>, wanted: u32, usage: UserPtr<RUsage>) -> SysResult {
    let known = options::WNOHANG
        | options::WSTOPPED
        | options::WCONTINUED
        | options::__WNOTHREAD
        | options::__WALL
        | options::__WCLONE;
    if wanted & !known != 0 {
        return Err(Errno::EINVAL);
    }
    let namespace = current.task.group().namespace().clone();
    let who = match pid.get() {
        // Linux cannot negate it.
        i32::MIN => return Err(Errno::ESRCH),
        -1 => Who::Any,
        0 => own_group(current),
        number if number < 0 => namespace.find(-number).map_or(Who::Nobody, |pid| Who::Group(pid.global())),
        number => namespace.find(number).map_or(Who::Nobody, |pid| Who::Process(pid.global())),
    };
    let Some(waited) = wait::wait(&current.task, who, wanted | options::WEXITED)? else { return Ok(0) };
    if !status.is_null() {
        current.write(status, &waited.change.status())?;
    }
    if !usage.is_null() {
        current.write(usage, &waited.usage.to_rusage())?;
    }
    pid_result(waited.pid)
}

fn own_group(current: &Current) -> Who {
    let tree = current.task.kernel().processes();
    tree.node(current.task.group().id()).map_or(Who::Nobody, |node| Who::Group(node.group.global()))
}

/// waitid(2).
pub fn waitid(
    current: &mut Current,
    kind: u32,
    id: Pid,
    info: UserPtr<SigInfo>,
    wanted: u32,
    usage: UserPtr<RUsage>,
) -> SysResult {
    let events = options::WEXITED | options::WSTOPPED | options::WCONTINUED;
    let known =
        events | options::WNOHANG | options::WNOWAIT | options::__WNOTHREAD | options::__WALL | options::__WCLONE;
    if wanted & !known != 0 || wanted & events == 0 {
        return Err(Errno::EINVAL);
    }
    let namespace = current.task.group().namespace().clone();
    let mut nonblocking = false;
    let who = match kind {
        wait_id::ALL => Who::Any,
        wait_id::PID if id.get() > 0 => namespace.find(id.get()).map_or(Who::Nobody, |pid| Who::Process(pid.global())),
        wait_id::PGID if id.get() == 0 => own_group(current),
        wait_id::PGID if id.get() > 0 => namespace.find(id.get()).map_or(Who::Nobody, |pid| Who::Group(pid.global())),
        wait_id::PIDFD if id.get() >= 0 => {
            let file = current.task.files().get(id.get())?;
            nonblocking = file.is_nonblocking();
            Who::Process(PidFd::of(&file)?.process().id())
        }
        _ => return Err(Errno::EINVAL),
    };
    let wanted_now = if nonblocking { wanted | options::WNOHANG } else { wanted };
    let waited = wait::wait(&current.task, who, wanted_now)?;
    if waited.is_none() && nonblocking && wanted & options::WNOHANG == 0 {
        return Err(Errno::EAGAIN);
    }
    if !usage.is_null()
        && let Some(waited) = &waited
    {
        current.write(usage, &waited.usage.to_rusage())?;
    }
    if !info.is_null() {
        // Linux writes only these fields of the structure.
        let shown = waited.as_ref().map(waited_info).unwrap_or_default();
        let bytes = zerocopy::IntoBytes::as_bytes(&shown);
        current.write_bytes(info.address(), bytes.get(..28).unwrap_or(bytes))?;
    }
    Ok(0)
}

fn waited_info(waited: &Waited) -> SigInfo {
    let (code, status) = waited.change.code_and_status();
    SigInfo::child(code, waited.pid, waited.uid, status, 0, 0)
}

/// personality(2): kept and shown; ADDR_NO_RANDOMIZE has its effect at the next execve(2).
pub fn personality(current: &mut Current, persona: u32) -> SysResult {
    /// Asks without setting.
    const QUERY: u32 = 0xffff_ffff;
    let old = current.task.personality.load(Ordering::Relaxed);
    if persona != QUERY {
        current.task.personality.store(persona, Ordering::Relaxed);
    }
    usize::try_from(old).map_err(|_| Errno::EINVAL)
}
