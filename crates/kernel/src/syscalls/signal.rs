//! Signals; see signal(7).

use lazaret_abi::{
    errno::Errno,
    id::Pid,
    signal::{SigAction, SigAltStack, SigInfo, SigSet, Signal, action, code, how},
    time::{NANOS_PER_SEC, Timespec},
};

use super::{SysResult, target};
use crate::{
    signal::{
        frame,
        send::{is_from_outside, may_signal, may_signal_zombie, sender_info},
        send_to_process, send_to_thread, wait,
    },
    sync::Arc,
    task::{Current, Task, group::ThreadGroup},
    time::Deadline,
    uaddr::UserPtr,
};

fn check_size(size: usize) -> Result<(), Errno> {
    if size == SigSet::SIZE { Ok(()) } else { Err(Errno::EINVAL) }
}

/// Reads a structure that need not be given.
fn read_optional<T: zerocopy::FromBytes + zerocopy::IntoBytes>(
    current: &Current,
    pointer: UserPtr<T>,
) -> Result<Option<T>, Errno> {
    if pointer.is_null() { Ok(None) } else { current.read(pointer).map(Some) }
}

/// rt_sigaction(2).
pub fn rt_sigaction(
    current: &mut Current,
    signal: i32,
    new: UserPtr<SigAction>,
    old: UserPtr<SigAction>,
    size: usize,
) -> SysResult {
    check_size(size)?;
    let wanted = read_optional(current, new)?;
    let signal = Signal::new(signal).ok_or(Errno::EINVAL)?;
    if wanted.is_some() && SigSet::UNBLOCKABLE.contains(signal) {
        return Err(Errno::EINVAL);
    }
    let actions = current.task.group().actions();
    let before = match wanted {
        None => actions.get(signal),
        Some(mut wanted) => {
            const KNOWN: u64 = action::RESTORER
                | action::NOCLDSTOP
                | action::NOCLDWAIT
                | action::SIGINFO
                | action::EXPOSE_TAGBITS
                | action::ONSTACK
                | action::RESTART
                | action::NODEFER
                | action::RESETHAND;
            wanted.flags &= KNOWN;
            wanted.mask = wanted.mask.difference(SigSet::UNBLOCKABLE);
            let before = actions.set(signal, wanted);
            if actions.ignores(signal) {
                forget(current.task.group(), signal);
            }
            before
        }
    };
    if !old.is_null() {
        current.write(old, &before)?;
    }
    Ok(0)
}

/// A signal that is ignored now is not pending any more; sigaction(2), POSIX.
fn forget(group: &Arc<ThreadGroup>, signal: Signal) {
    let mut signals = group.signals();
    signals.pending.discard(signal.set());
    for task in &signals.threads {
        let mut own = task.signals();
        own.pending.discard(signal.set());
    }
}

/// rt_sigprocmask(2).
pub fn rt_sigprocmask(
    current: &mut Current,
    how: u32,
    new: UserPtr<SigSet>,
    old: UserPtr<SigSet>,
    size: usize,
) -> SysResult {
    check_size(size)?;
    let before = current.task.blocked();
    if let Some(set) = read_optional(current, new)? {
        let blocked = match how {
            how::BLOCK => before.union(set),
            how::UNBLOCK => before.difference(set),
            how::SETMASK => set,
            _ => return Err(Errno::EINVAL),
        };
        current.task.set_blocked(blocked);
    }
    if !old.is_null() {
        current.write(old, &before)?;
    }
    Ok(0)
}

/// rt_sigpending(2).
pub fn rt_sigpending(current: &mut Current, set: UserPtr<SigSet>, size: usize) -> SysResult {
    if size > SigSet::SIZE {
        return Err(Errno::EINVAL);
    }
    let pending = current.task.pending().intersection(current.task.blocked());
    let bytes = zerocopy::IntoBytes::as_bytes(&pending);
    current.write_bytes(set.address(), bytes.get(..size).unwrap_or(bytes))?;
    Ok(0)
}

/// rt_sigsuspend(2).
pub fn rt_sigsuspend(current: &mut Current, mask: UserPtr<SigSet>, size: usize) -> SysResult {
    check_size(size)?;
    let mask = current.read(mask)?;
    current.set_temporary_mask(mask);
    sleep(&current.task)
}

/// pause(2).
pub fn pause(current: &mut Current) -> SysResult {
    sleep(&current.task)
}

/// Sleeps until a signal comes.
fn sleep(_task: &Arc<Task>) -> SysResult {
    use crate::wait::{Interruptible, wait_until};
    wait_until::<()>(&[], None, Interruptible::Signals, || None).map_err(|_| Errno::ERESTARTNOHAND)?;
    Err(Errno::ERESTARTNOHAND)
}

/// rt_sigtimedwait(2).
pub fn rt_sigtimedwait(
    current: &mut Current,
    set: UserPtr<SigSet>,
    info: UserPtr<SigInfo>,
    timeout: UserPtr<Timespec>,
    size: usize,
) -> SysResult {
    check_size(size)?;
    let set = current.read(set)?;
    let deadline = match read_optional(current, timeout)? {
        None => None,
        Some(timeout) => {
            let seconds = u64::try_from(timeout.sec).map_err(|_| Errno::EINVAL)?;
            let nanos = u32::try_from(timeout.nsec).map_err(|_| Errno::EINVAL)?;
            if i64::from(nanos) >= NANOS_PER_SEC {
                return Err(Errno::EINVAL);
            }
            Some(Deadline::after(std::time::Duration::new(seconds, nanos)))
        }
    };
    let (signal, taken) = wait::wait_for(&current.task, set, deadline)?;
    if !info.is_null() {
        current.write(info, &taken)?;
    }
    usize::try_from(signal.get()).map_err(|_| Errno::EINVAL)
}

/// rt_sigreturn(2).
pub fn rt_sigreturn(current: &mut Current) -> SysResult {
    match frame::pop(current) {
        // A usize has as many bits as the register.
        Ok(value) => Ok(value as usize),
        Err(_) => {
            crate::signal::force(&current.task, Signal::SEGV, SigInfo::new(Signal::SEGV, code::KERNEL));
            Ok(0)
        }
    }
}

/// restart_syscall(2).
pub fn restart_syscall(current: &mut Current) -> SysResult {
    match current.restart.take() {
        Some(restart) => restart.restart(current),
        None => Err(Errno::EINTR),
    }
}

/// sigaltstack(2).
pub fn sigaltstack(current: &mut Current, new: UserPtr<SigAltStack>, old: UserPtr<SigAltStack>) -> SysResult {
    let sp = current.regs().rsp;
    let before = current.alternate_stack;
    if let Some(wanted) = read_optional(current, new)? {
        frame::set_alternate_stack(current, &wanted, sp)?;
    }
    if !old.is_null() {
        let shown = SigAltStack { flags: frame::shown_flags(&before, sp), ..before };
        current.write(old, &shown)?;
    }
    Ok(0)
}

/// The signal to send; `None` for 0, which only checks.
fn wanted_signal(number: i32) -> Result<Option<Signal>, Errno> {
    if number == 0 { Ok(None) } else { Signal::new(number).map(Some).ok_or(Errno::EINVAL) }
}

/// kill(2).
pub fn kill(current: &mut Current, pid: Pid, signal: i32) -> SysResult {
    let task = current.task.clone();
    let own = task.group().clone();
    let namespace = own.namespace();
    let targets: Vec<Arc<ThreadGroup>> = {
        let tree = task.kernel().processes();
        match pid.get() {
            i32::MIN => return Err(Errno::ESRCH),
            -1 => tree
                .nodes()
                .map(|node| &node.process)
                // Neither the init of the namespace nor the caller itself.
                .filter(|process| process.pid().number_in(namespace) > 1 && process.id() != own.id())
                .cloned()
                .collect(),
            number if number <= 0 => {
                let group = match number {
                    0 => tree.node(own.id()).map(|node| node.group.global()),
                    number => namespace.find(-number).map(|pid| pid.global()),
                };
                group.map(|group| tree.group_processes(group)).unwrap_or_default()
            }
            number => {
                let id = namespace.find(number).ok_or(Errno::ESRCH)?.global();
                let process = tree.node(id).map(|node| node.process.clone());
                // The id of a thread serves for its process.
                let process = process.or_else(|| tree.task(id).map(|task| task.group().clone()));
                vec![process.ok_or(Errno::ESRCH)?]
            }
        }
    };
    let signal = wanted_signal(signal)?;
    let mut result = Err(Errno::ESRCH);
    for target in targets {
        match send_checked(&task, &target, signal) {
            Ok(()) => result = Ok(0),
            Err(Errno::EPERM) if pid.get() == -1 => {}
            Err(error) if result.is_err() => result = Err(error),
            Err(_) => {}
        }
    }
    result
}

fn send_checked(caller: &Arc<Task>, target: &Arc<ThreadGroup>, signal: Option<Signal>) -> Result<(), Errno> {
    let Some(first) = target.first_thread() else {
        return if may_signal_zombie(caller, target) { Ok(()) } else { Err(Errno::EPERM) };
    };
    if !may_signal(caller, &first, signal) {
        return Err(Errno::EPERM);
    }
    let Some(signal) = signal else { return Ok(()) };
    let info = sender_info(caller, target, signal, code::USER);
    send_to_process(target, signal, info, is_from_outside(caller, target))
}

/// tkill(2).
pub fn tkill(current: &mut Current, tid: Pid, signal: i32) -> SysResult {
    send_to_tid(current, None, tid, signal, None)
}

/// tgkill(2).
pub fn tgkill(current: &mut Current, group: Pid, tid: Pid, signal: i32) -> SysResult {
    if group.get() <= 0 {
        return Err(Errno::EINVAL);
    }
    send_to_tid(current, Some(group), tid, signal, None)
}

fn send_to_tid(current: &mut Current, group: Option<Pid>, tid: Pid, signal: i32, info: Option<SigInfo>) -> SysResult {
    if tid.get() <= 0 {
        return Err(Errno::EINVAL);
    }
    let target = target::task(current, tid.get())?;
    if let Some(group) = group
        && target.group().pid().number_in(current.task.group().namespace()) != group.get()
    {
        return Err(Errno::ESRCH);
    }
    let signal = wanted_signal(signal)?;
    if !may_signal(&current.task, &target, signal) {
        return Err(Errno::EPERM);
    }
    let Some(signal) = signal else { return Ok(0) };
    let info = info.unwrap_or_else(|| sender_info(&current.task, target.group(), signal, code::TKILL));
    send_to_thread(&target, signal, info, is_from_outside(&current.task, target.group()))?;
    Ok(0)
}

/// Nobody but the process itself may pretend that a signal comes from kill(2) or the kernel.
///
/// # Errors
/// `EPERM`.
pub fn check_sender(current: &Current, target: &Arc<ThreadGroup>, info: &SigInfo) -> Result<(), Errno> {
    let pretends = info.code >= 0 || info.code == code::TKILL;
    if pretends && !Arc::ptr_eq(current.task.group(), target) { Err(Errno::EPERM) } else { Ok(()) }
}

/// rt_sigqueueinfo(2).
pub fn rt_sigqueueinfo(current: &mut Current, pid: Pid, signal: i32, info: UserPtr<SigInfo>) -> SysResult {
    let info = SigInfo { signal, ..current.read(info)? };
    let id =
        target::process_id(current, pid.get()).and_then(|id| if pid.get() > 0 { Ok(id) } else { Err(Errno::ESRCH) });
    let process = {
        let tree = current.task.kernel().processes();
        id.and_then(|id| tree.node(id).map(|node| node.process.clone()).ok_or(Errno::ESRCH))
    };
    let process = match process {
        Ok(process) => process,
        Err(error) => {
            let pretends = info.code >= 0 || info.code == code::TKILL;
            return Err(if pretends { Errno::EPERM } else { error });
        }
    };
    check_sender(current, &process, &info)?;
    let signal = wanted_signal(signal)?;
    let Some(first) = process.first_thread() else { return Ok(0) };
    if !may_signal(&current.task, &first, signal) {
        return Err(Errno::EPERM);
    }
    let Some(signal) = signal else { return Ok(0) };
    send_to_process(&process, signal, info, is_from_outside(&current.task, &process))?;
    Ok(0)
}

/// rt_tgsigqueueinfo(2).
pub fn rt_tgsigqueueinfo(
    current: &mut Current,
    group: Pid,
    tid: Pid,
    signal: i32,
    info: UserPtr<SigInfo>,
) -> SysResult {
    if group.get() <= 0 || tid.get() <= 0 {
        return Err(Errno::EINVAL);
    }
    let info = SigInfo { signal, ..current.read(info)? };
    let target = target::task(current, tid.get())?;
    check_sender(current, target.group(), &info)?;
    send_to_tid(current, Some(group), tid, signal, Some(info))
}
