//! CPU time of tasks.

use std::time::Duration;

use super::Task;
use crate::sync::Arc;

/// CPU time of the process `pid`, as `task` sees pids; 0 is its own. None when there is none.
pub fn process_time(task: &Arc<Task>, pid: i32) -> Option<Duration> {
    if pid != 0 && pid != task.group().pid {
        return None;
    }
    lazaret_hostcall::time::process_cpu_time(task.mm().space().host_pid()).ok()
}

/// CPU time of the thread `tid`, as `task` sees pids; 0 is its own. None when there is none.
pub fn thread_time(task: &Arc<Task>, tid: i32) -> Option<Duration> {
    if tid != 0 && tid != task.tid() {
        return None;
    }
    lazaret_hostcall::time::process_cpu_time(task.mm().space().host_pid()).ok()
}
