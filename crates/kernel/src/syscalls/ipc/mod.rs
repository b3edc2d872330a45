//! System V interprocess communication; see sysvipc(7).

mod message;
mod semaphore;
mod shared;

pub use self::{
    message::{msgctl, msgget, msgrcv, msgsnd},
    semaphore::{semctl, semget, semop, semtimedop},
    shared::{shmat, shmctl, shmdt, shmget},
};

use lazaret_abi::errno::Errno;

use super::SysResult;
use crate::{ipc::IpcNamespace, sync::Arc, task::Current};

/// The caller's namespace.
fn namespace(current: &Current) -> Arc<IpcNamespace> {
    current.task.namespaces().ipc.clone()
}

/// How objects name the caller.
fn caller(current: &Current) -> i32 {
    current.task.group().id()
}

/// The number by which the caller knows a process; 0 for one that it does not see or that is gone.
fn number(current: &Current) -> impl Fn(i32) -> i32 {
    let task = current.task.clone();
    move |pid| task.kernel().pids.find(pid).map_or(0, |pid| pid.number_in(task.group().namespace()))
}

/// An id or index as the result of a call.
fn id(value: i32) -> SysResult {
    usize::try_from(value).map_err(|_| Errno::EINVAL)
}
