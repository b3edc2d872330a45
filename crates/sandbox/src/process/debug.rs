//! What those are told who look into a sandbox, and what it logs for them.

use std::{collections::HashMap, fs::File, os::fd::OwnedFd, sync::Arc, time::Duration};

use lazaret_control::{Activity, Failure, LogLevel, Sleep, Task, Thread, Trace};
use lazaret_kernel::{
    boot::{Container, Kernel, TaskInfo, TaskState},
    log::Level,
};

/// Threads in one answer; a message is sure to have room for as many.
const COUNT: usize = 64;

/// Most characters of a system call that are told.
const CALL: usize = 512;

/// Some threads of the sandbox process, those with the lowest ids above `after`, and what each does.
pub fn threads(kernel: &Kernel, containers: &[(String, Arc<Container>)], after: i32) -> Vec<Thread> {
    let mut tasks = HashMap::new();
    for container in containers {
        tasks.extend(container.1.tasks().into_iter().map(|task| (task.host_thread(), (container, task))));
    }
    let mut ids = kernel.threads();
    // Where the host tells nothing, the tasks are all that is known; one that is about to start has no thread.
    ids.extend(tasks.keys().filter(|id| **id > 0));
    ids.sort_unstable();
    ids.dedup();
    let describe = |id: i32| {
        let task = tasks.get(&id).map(|((name, container), task)| tell(name, container.describe(task)));
        let host = kernel.thread(id);
        if task.is_none() && host.is_none() {
            // It has ended meanwhile.
            return None;
        }
        let (name, state, call) =
            host.map_or((String::new(), None, None), |host| (host.name, Some(host.state), host.call));
        Some(Thread { id, name, state, host_call: call.map(str::to_owned), task })
    };
    ids.into_iter().filter(|id| *id > after).filter_map(describe).take(COUNT).collect()
}

fn tell(container: &str, task: TaskInfo) -> Task {
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    Task {
        container: container.into(),
        pid: task.pid,
        tid: task.tid,
        name: String::from_utf8_lossy(&task.name).into_owned(),
        state: match task.state {
            TaskState::Application => Activity::Application,
            TaskState::Kernel => Activity::Kernel,
            TaskState::Sleeping => Activity::Sleeping,
            TaskState::Stopped => Activity::Stopped,
            TaskState::Paused => Activity::Paused,
        },
        call: task.call.map(|call| call.chars().take(CALL).collect()),
        sleep: task.sleep.map(|(time, place)| Sleep { milliseconds: milliseconds(time), place }),
        application_thread: task.application_thread,
    }
}

/// Changes what is logged, and to which file if one came along.
///
/// # Errors
/// A trace of what is no system call, or of anything where there is no file for it; then nothing has changed.
pub fn change_logging(
    kernel: &Kernel,
    level: Option<LogLevel>,
    trace: Option<Trace>,
    fds: Vec<OwnedFd>,
) -> Result<(), Failure> {
    let step = "change what is logged";
    let calls = match trace {
        None => None,
        Some(Trace::Off) => Some(None),
        Some(Trace::All) => Some(Some(Vec::new())),
        Some(Trace::Calls(names)) if names.is_empty() => return Err(Failure::new(step, "no system call is named")),
        Some(Trace::Calls(names)) => Some(Some(names)),
    };
    if let Some(Some(names)) = &calls
        && let Some(unknown) = names.iter().find(|name| lazaret_kernel::syscalls::by_name(name).is_none())
    {
        let unknown: String = unknown.chars().take(64).collect();
        return Err(Failure::new(step, format!("there is no system call {unknown:?}")));
    }
    match fds.into_iter().next() {
        Some(file) => kernel.log.set_file(File::from(file)),
        None if kernel.log.has_file() || (level.is_none() && calls.iter().flatten().next().is_none()) => {}
        None => return Err(Failure::new(step, "the sandbox was made without a debug log")),
    }
    if let Some(level) = level {
        kernel.log.set_level(match level {
            LogLevel::Warning => Level::Warning,
            LogLevel::Info => Level::Info,
            LogLevel::Debug => Level::Debug,
        });
    }
    if let Some(calls) = calls {
        // All are known.
        kernel.strace.set(calls.as_deref());
    }
    Ok(())
}
