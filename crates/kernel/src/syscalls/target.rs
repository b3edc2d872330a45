//! The tasks that calls with a pid argument act on.

use lazaret_abi::{capability::cap, errno::Errno};

use crate::{
    sync::Arc,
    task::{Current, Task},
};

/// The pid names the caller itself.
pub fn is_self(current: &Current, pid: i32) -> bool {
    pid == current.task.tid()
}

/// The task with this thread id; 0 is the caller.
///
/// # Errors
/// `ESRCH` when there is none.
pub fn task(current: &Current, pid: i32) -> Result<Arc<Task>, Errno> {
    if pid == 0 || is_self(current, pid) { Ok(current.task.clone()) } else { Err(Errno::ESRCH) }
}

/// The caller may change scheduling attributes of `target`: it is the same user's, or the caller has
/// CAP_SYS_NICE.
pub fn may_schedule(current: &Current, target: &Task) -> bool {
    let (own, other) = (current.task.creds(), target.creds());
    own.euid == other.uid || own.euid == other.euid || own.has(cap::SYS_NICE)
}

/// How many processes the caller can see.
pub fn count(_current: &Current) -> u16 {
    1
}

/// The soft limit of a resource of the task's process.
pub fn limit(_task: &Task, _resource: u32) -> u64 {
    0
}

/// The caller may look into the memory of `target` (PTRACE_MODE_ATTACH_REALCREDS of ptrace(2)).
pub fn may_inspect(current: &Current, target: &Task) -> bool {
    if Arc::ptr_eq(current.task.group(), target.group()) {
        return true;
    }
    let (own, other) = (current.task.creds(), target.creds());
    let same_owner = [other.uid, other.euid, other.suid].iter().all(|uid| *uid == own.uid)
        && [other.gid, other.egid, other.sgid].iter().all(|gid| *gid == own.gid)
        && other.permitted & !own.permitted == 0;
    same_owner || own.has(cap::SYS_PTRACE)
}
