//! Signals that kernel objects raise at the calling task or at a process.

use lazaret_abi::signal::Signal;

use super::Task;
use crate::signal;

/// SIGPIPE for the calling task: it wrote where nobody reads any more.
pub fn broken_pipe() {
    if let Some(task) = Task::try_current() {
        signal::raise(&task, Signal::PIPE);
    }
}
