//! The tasks that calls with a pid argument act on.

use lazaret_abi::{capability::cap, errno::Errno};

use crate::{
    sync::{Arc, Ordering},
    task::{Current, Task},
};

/// The number of the process with this pid in the root namespace; 0 is the caller's.
///
/// # Errors
/// `ESRCH` when there is none.
pub fn process_id(current: &Current, pid: i32) -> Result<i32, Errno> {
    let group = current.task.group();
    if pid == 0 {
        return Ok(group.id());
    }
    let id = group.namespace().find(pid).ok_or(Errno::ESRCH)?.global();
    if current.task.kernel().processes().node(id).is_some() { Ok(id) } else { Err(Errno::ESRCH) }
}

/// The pid names the caller itself.
pub fn is_self(current: &Current, pid: i32) -> bool {
    pid == current.task.own_tid()
}

/// The task with this thread id; 0 is the caller.
///
/// # Errors
/// `ESRCH` when there is none.
pub fn task(current: &Current, pid: i32) -> Result<Arc<Task>, Errno> {
    if pid == 0 || is_self(current, pid) {
        return Ok(current.task.clone());
    }
    let id = current.task.group().namespace().find(pid).ok_or(Errno::ESRCH)?.global();
    current.task.kernel().processes().task(id).cloned().ok_or(Errno::ESRCH)
}

/// The caller may change scheduling attributes of `target`: it is the same user's, or the caller has
/// CAP_SYS_NICE.
pub fn may_schedule(current: &Current, target: &Task) -> bool {
    let (own, other) = (current.task.creds(), target.creds());
    own.euid == other.uid || own.euid == other.euid || own.has(cap::SYS_NICE)
}

/// How many processes the caller can see.
pub fn count(current: &Current) -> u16 {
    let tree = current.task.kernel().processes();
    let namespace = current.task.group().namespace();
    let seen = tree.tasks().filter(|task| namespace.contains(task.group().namespace())).count();
    u16::try_from(seen).unwrap_or(u16::MAX)
}

/// The caller may look into the memory of `target` (PTRACE_MODE_ATTACH_REALCREDS of ptrace(2)).
pub fn may_inspect(current: &Current, target: &Task) -> bool {
    if Arc::ptr_eq(current.task.group(), target.group()) {
        return true;
    }
    let (own, other) = (current.task.creds(), target.creds());
    let same_owner = [other.uid, other.euid, other.suid].iter().all(|uid| *uid == own.uid)
        && [other.gid, other.egid, other.sgid].iter().all(|gid| *gid == own.gid)
        && other.permitted & !own.permitted == 0
        && target.group().dumpable.load(Ordering::Relaxed) == 1;
    same_owner || own.has(cap::SYS_PTRACE)
}
