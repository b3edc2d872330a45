//! What every thread does now, for those who look into a sandbox that hangs.

use std::{mem::MaybeUninit, time::Duration};

use rustix::fs::{Mode, OFlags, RawDir, openat};

use super::{Container, Kernel};
use crate::{
    sync::Arc,
    syscalls::{by_number, strace},
    task::{Task, work},
};

/// What the host tells of a thread of the sandbox process.
#[derive(Clone, Debug)]
pub struct ThreadInfo {
    /// Its name.
    pub name: String,
    /// Its state, as in the host's `/proc/PID/stat`.
    pub state: char,
    /// The host's system call that it is in.
    pub call: Option<&'static str>,
}

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// It runs application code.
    Application,
    /// It runs in the kernel.
    Kernel,
    /// It sleeps in the kernel.
    Sleeping,
    /// A signal has stopped it.
    Stopped,
    /// Its container is paused.
    Paused,
}

/// What a task does, in detail.
#[derive(Clone, Debug)]
pub struct TaskInfo {
    /// Its process' id in the container.
    pub pid: i32,
    /// Its own id there.
    pub tid: i32,
    /// Its name.
    pub name: Vec<u8>,
    /// What it does.
    pub state: TaskState,
    /// Its system call as strace(1) shows it with `-y`.
    pub call: Option<String>,
    /// For how long it has slept, and where in the kernel.
    pub sleep: Option<(Duration, String)>,
    /// The host's number of the thread that runs its application code, in the sandbox's pid namespace.
    pub application_thread: Option<i32>,
}

impl Kernel {
    /// The threads of the sandbox process by the host's numbers in its pid namespace, the lowest first; none where the
    /// host gives no procfs.
    pub fn threads(&self) -> Vec<i32> {
        let Some(proc) = &self.host_proc else { return Vec::new() };
        let how = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(directory) = openat(proc, "1/task", how, Mode::empty()) else { return Vec::new() };
        let mut buffer = [MaybeUninit::uninit(); 8192];
        let mut entries = RawDir::new(&directory, &mut buffer);
        let mut threads = Vec::new();
        while let Some(Ok(entry)) = entries.next() {
            threads.extend(entry.file_name().to_str().ok().and_then(|name| name.parse::<i32>().ok()));
        }
        threads.sort_unstable();
        threads
    }

    /// What the host tells of one of them; `None` if it has ended.
    pub fn thread(&self, thread: i32) -> Option<ThreadInfo> {
        let stat = self.host_proc_file(&format!("1/task/{thread}/stat")).ok()?;
        let stat = String::from_utf8_lossy(&stat);
        // See proc_pid_stat(5): the name is in parentheses, and may hold some.
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
        // The first number is the call's; a thread that runs has none. Not every host tells.
        let call = self.host_proc_file(&format!("1/task/{thread}/syscall")).unwrap_or_default();
        let number = String::from_utf8_lossy(&call).split_whitespace().next().and_then(|number| number.parse().ok());
        let call = number.and_then(by_number).map(|call| call.name);
        Some(ThreadInfo { name: name.into(), state: rest.chars().next()?, call })
    }
}

impl Container {
    /// Its tasks, in no order.
    pub fn tasks(&self) -> Vec<Arc<Task>> {
        self.kernel().processes().tasks_of(self.cgroup()).cloned().collect()
    }

    /// What one of its tasks does. Nobody waits meanwhile, so it may have gone on before the caller sees it.
    pub fn describe(&self, task: &Task) -> TaskInfo {
        let call = task.activity().call();
        let sleep = task.parker().sleep();
        let state = if task.is_stopped() {
            TaskState::Stopped
        } else if sleep.is_some() && call.is_none() && task.work() & work::PAUSE != 0 {
            TaskState::Paused
        } else if sleep.is_some() {
            TaskState::Sleeping
        } else if task.is_in_application() {
            TaskState::Application
        } else {
            TaskState::Kernel
        };
        let namespace = self.pids();
        TaskInfo {
            pid: task.group().pid().number_in(namespace),
            tid: task.pid().number_in(namespace),
            name: task.name(),
            state,
            call: call.map(|call| strace::unfinished(task, call.number, &call.args)),
            sleep: sleep.map(|sleep| {
                let file = sleep.place.file();
                let place =
                    format!("{}:{}", file.split_once("src/").map_or(file, |(_, name)| name), sleep.place.line());
                (sleep.since.elapsed(), place)
            }),
            application_thread: task.host_application_thread(),
        }
    }
}
