//! Ids of the caller and its relatives: getpid(2), gettid(2), getppid(2), process groups, sessions.

use lazaret_abi::{errno::Errno, id::Pid};

use super::{SysResult, target};
use crate::{
    sync::Arc,
    task::{Current, pid::Pid as Numbers, tree::Node},
};

/// A pid as the result of a call.
fn result(number: i32) -> SysResult {
    usize::try_from(number).map_err(|_| Errno::ESRCH)
}

/// What a pid is to the caller.
fn seen(current: &Current, pid: &Numbers) -> SysResult {
    result(pid.number_in(current.task.group().namespace()))
}

/// getpid(2).
pub fn getpid(current: &mut Current) -> SysResult {
    seen(current, current.task.group().pid())
}

/// gettid(2).
pub fn gettid(current: &mut Current) -> SysResult {
    result(current.task.own_tid())
}

/// getppid(2): 0 when the parent is in an outer pid namespace.
pub fn getppid(current: &mut Current) -> SysResult {
    let tree = current.task.kernel().processes();
    let group = current.task.group();
    let parent = tree.node(group.id()).and_then(|node| tree.node(node.parent));
    parent.map_or(Ok(0), |parent| seen(current, parent.process.pid()))
}

/// Looks at the process with this pid; 0 is the caller.
fn with_node<T>(current: &Current, pid: Pid, look: impl FnOnce(&Node) -> T) -> Result<T, Errno> {
    let id = target::process_id(current, pid.get())?;
    current.task.kernel().processes().node(id).map(look).ok_or(Errno::ESRCH)
}

/// getpgid(2).
pub fn getpgid(current: &mut Current, pid: Pid) -> SysResult {
    let group = with_node(current, pid, |node| node.group.clone())?;
    seen(current, &group)
}

/// getpgrp(2).
pub fn getpgrp(current: &mut Current) -> SysResult {
    getpgid(current, Pid::new(0))
}

/// getsid(2).
pub fn getsid(current: &mut Current, pid: Pid) -> SysResult {
    let session = with_node(current, pid, |node| node.session.clone())?;
    seen(current, &session)
}

/// setsid(2).
pub fn setsid(current: &mut Current) -> SysResult {
    let group = current.task.group().clone();
    current.task.kernel().processes().begin_session(group.id())?;
    seen(current, group.pid())
}

/// setpgid(2).
pub fn setpgid(current: &mut Current, pid: Pid, group: Pid) -> SysResult {
    if group.get() < 0 {
        return Err(Errno::EINVAL);
    }
    if pid.get() < 0 {
        return Err(Errno::EINVAL);
    }
    let caller = current.task.group().id();
    let target = target::process_id(current, pid.get())?;
    let namespace: &Arc<_> = current.task.group().namespace();
    let group = match group.get() {
        0 => target,
        // A group that nobody is in can only be begun by its leader.
        number => namespace.find(number).ok_or(Errno::EPERM)?.global(),
    };
    current.task.kernel().processes().set_group(caller, target, group)?;
    Ok(0)
}
