//! Signals that kernel objects raise at the calling task or at a process.

/// SIGPIPE for the calling task: it wrote where nobody reads any more.
pub fn broken_pipe() {}

/// Process id of a task, for credentials that travel to others.
pub fn own_pid(task: &super::Task) -> i32 {
    task.group().pid
}
