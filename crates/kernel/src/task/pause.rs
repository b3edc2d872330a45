//! Pausing of all tasks of a container, as the freezer of cgroups(7) does it.
//!
//! A task that sleeps in the kernel goes on sleeping, and may even wake up and end its call; it stops
//! before it returns to application code. So no call is cut short, and nobody inside can tell.

use std::time::{Duration, Instant};

use lazaret_abi::errno::Errno;

use super::{Task, cgroup::ControlGroup, work};
use crate::{boot::Kernel, sync::Arc};

/// How long application code may take to stop. It takes microseconds.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How often it is looked at.
const STEP: Duration = Duration::from_micros(200);

/// Stops every task of a control group. Pauses nest.
///
/// # Errors
/// `ETIMEDOUT` when application code does not stop; then nothing is paused.
pub fn pause(kernel: &Arc<Kernel>, cgroup: &Arc<ControlGroup>) -> Result<(), Errno> {
    kernel.processes().add_pause(cgroup);
    let deadline = Instant::now() + TIMEOUT;
    while kernel.processes().tasks_of(cgroup).any(|task| task.is_in_application()) {
        if Instant::now() > deadline {
            resume(kernel, cgroup)?;
            return Err(Errno::ETIMEDOUT);
        }
        std::thread::sleep(STEP);
    }
    Ok(())
}

/// Takes one pause back.
///
/// # Errors
/// `EINVAL` when there is none.
pub fn resume(kernel: &Arc<Kernel>, cgroup: &Arc<ControlGroup>) -> Result<(), Errno> {
    if kernel.processes().remove_pause(cgroup) { Ok(()) } else { Err(Errno::EINVAL) }
}

/// The calling task waits for the end of a pause, or for its death.
pub fn wait_for_end(task: &Task) {
    if task.work() & work::PAUSE != 0 {
        task.parker().begin_wait();
    }
    while task.work() & (work::PAUSE | work::KILL) == work::PAUSE {
        task.parker().park(None);
    }
}
