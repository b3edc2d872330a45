//! CPU time of tasks, as clock_getcpuclockid(3) and pthread_getcpuclockid(3) name it.

use std::time::Duration;

use super::Task;
use crate::sync::Arc;

/// CPU time of the process `pid`, as `task` sees pids; 0 is its own. None when there is none.
pub fn process_time(task: &Arc<Task>, pid: i32) -> Option<Duration> {
    if pid == 0 {
        return Some(task.group().cpu_time().total());
    }
    let id = task.group().namespace().find(pid)?.global();
    let process = task.kernel().processes().node(id)?.process.clone();
    Some(process.cpu_time().total())
}

/// CPU time of the thread `tid` of the same process, as `task` sees pids; 0 is its own. None when
/// there is none.
pub fn thread_time(task: &Arc<Task>, tid: i32) -> Option<Duration> {
    if tid == 0 {
        return Some(task.cpu_time().total());
    }
    let id = task.group().namespace().find(tid)?.global();
    let other = task.kernel().processes().task(id)?.clone();
    Arc::ptr_eq(other.group(), task.group()).then(|| other.cpu_time().total())
}
