//! Limits and usage of resources.

use lazaret_abi::{
    capability::cap,
    errno::Errno,
    id::Pid,
    resource::{RLimit, RUsage, limit, usage},
};

use super::{SysResult, target};
use crate::{
    fs::fdtable::NR_OPEN,
    sync::Arc,
    task::{Current, creds::Creds, group::ThreadGroup, usage::Usage},
    uaddr::UserPtr,
};

/// The limits that go from `old` to `new` are allowed.
fn check(resource: u32, old: RLimit, new: RLimit, creds: &Creds) -> Result<(), Errno> {
    if new.current > new.maximum {
        return Err(Errno::EINVAL);
    }
    let beyond_all = resource == limit::NOFILE && new.maximum > NR_OPEN as u64;
    if beyond_all || new.maximum > old.maximum && !creds.has(cap::SYS_RESOURCE) {
        return Err(Errno::EPERM);
    }
    Ok(())
}

/// Sets a limit of a process and returns the old one.
fn exchange(current: &Current, process: &ThreadGroup, resource: u32, new: Option<RLimit>) -> Result<RLimit, Errno> {
    let mut limits = process.limits.lock();
    let old = limits.get(resource).ok_or(Errno::EINVAL)?;
    if let Some(new) = new {
        check(resource, old, new, &current.task.creds())?;
        limits.set(resource, new);
    }
    Ok(old)
}

/// What a new limit changes at once.
fn take_effect(current: &mut Current, process: &Arc<ThreadGroup>, resource: u32, new: RLimit) {
    match resource {
        limit::CPU => process.timers().set_cpu_limit(new.current),
        // Another's memory is changed by itself alone: it keeps its stack.
        limit::STACK if Arc::ptr_eq(process, current.task.group()) => {
            let limits = process.limits.lock().memory(true);
            let stack_pointer = current.context.regs().rsp;
            let mm = current.mm();
            // Without room the stack stays as it is; a program that needs more finds out as on Linux.
            let _ = mm.set_stack_limit(&mut *current.context, new.current, stack_pointer, &limits);
        }
        _ => {}
    }
}

/// getrlimit(2).
pub fn getrlimit(current: &mut Current, resource: u32, value: UserPtr<RLimit>) -> SysResult {
    let old = exchange(current, current.task.group(), resource, None)?;
    current.write(value, &old)?;
    Ok(0)
}

/// setrlimit(2).
pub fn setrlimit(current: &mut Current, resource: u32, value: UserPtr<RLimit>) -> SysResult {
    let new = current.read(value)?;
    let process = current.task.group().clone();
    exchange(current, &process, resource, Some(new))?;
    take_effect(current, &process, resource, new);
    Ok(0)
}

/// The caller may see and set limits of the process.
fn may_limit(current: &Current, process: &Arc<ThreadGroup>) -> bool {
    if Arc::ptr_eq(process, current.task.group()) {
        return true;
    }
    let own = current.task.creds();
    let same_owner = process.first_thread().is_some_and(|thread| {
        let other = thread.creds();
        [other.uid, other.euid, other.suid].iter().all(|uid| *uid == own.uid)
            && [other.gid, other.egid, other.sgid].iter().all(|gid| *gid == own.gid)
    });
    same_owner || own.has(cap::SYS_RESOURCE)
}

/// prlimit(2).
pub fn prlimit64(
    current: &mut Current,
    pid: Pid,
    resource: u32,
    new: UserPtr<RLimit>,
    old: UserPtr<RLimit>,
) -> SysResult {
    let new = if new.is_null() { None } else { Some(current.read(new)?) };
    let process = target::task(current, pid.get())?.group().clone();
    if !may_limit(current, &process) {
        return Err(Errno::EPERM);
    }
    let value = exchange(current, &process, resource, new)?;
    if let Some(new) = new {
        take_effect(current, &process, resource, new);
    }
    if !old.is_null() {
        current.write(old, &value)?;
    }
    Ok(0)
}

/// getrusage(2).
pub fn getrusage(current: &mut Current, who: i32, value: UserPtr<RUsage>) -> SysResult {
    let group = current.task.group();
    let usage = match who {
        usage::SELF => group.usage(),
        usage::CHILDREN => group.account.children(),
        usage::THREAD => Usage { cpu: current.task.cpu_time(), ..group.usage() },
        _ => return Err(Errno::EINVAL),
    };
    current.write(value, &usage.to_rusage())?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::{Creds, Errno, NR_OPEN, RLimit, check, limit};

    #[test]
    fn limits_only_go_down_without_privilege() {
        let root = Creds::root();
        let user = Creds { effective: 0, ..Creds::root() };
        let old = RLimit { current: 10, maximum: 20 };
        let change = |creds: &Creds, current, maximum| check(limit::CORE, old, RLimit { current, maximum }, creds);
        assert_eq!(change(&user, 20, 20), Ok(()));
        assert_eq!(change(&user, 5, 5), Ok(()));
        assert_eq!(change(&user, 5, 21), Err(Errno::EPERM));
        assert_eq!(change(&root, 5, 21), Ok(()));
        assert_eq!(change(&root, 6, 5), Err(Errno::EINVAL));
    }

    #[test]
    fn descriptors_have_a_limit_for_all() {
        let old = RLimit { current: 10, maximum: RLimit::INFINITY };
        let new = RLimit { current: 10, maximum: NR_OPEN as u64 + 1 };
        assert_eq!(check(limit::NOFILE, old, new, &Creds::root()), Err(Errno::EPERM));
    }
}
