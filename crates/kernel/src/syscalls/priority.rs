//! Nice values and I/O priorities; see getpriority(2), ioprio_set(2).

use lazaret_abi::{capability::cap, errno::Errno, process::priority, resource::limit};

use super::{SysResult, target};
use crate::{
    sync::Arc,
    task::{Current, Task, sched::SchedRights},
};

/// The threads that `which` and `who` name; 0 is the caller, its process group or its user.
fn targets(current: &Current, which: u32, who: i32) -> Result<Vec<Arc<Task>>, Errno> {
    let tasks = match which {
        priority::PROCESS => vec![target::task(current, who)?],
        priority::PGRP => group_tasks(current, who)?,
        priority::USER => {
            let uid = if who == 0 { current.task.creds().uid } else { who.cast_unsigned() };
            let mut tasks = visible_tasks(current);
            tasks.retain(|task| task.creds().uid == uid);
            tasks
        }
        _ => return Err(Errno::EINVAL),
    };
    if tasks.is_empty() { Err(Errno::ESRCH) } else { Ok(tasks) }
}

fn group_tasks(current: &Current, who: i32) -> Result<Vec<Arc<Task>>, Errno> {
    let own = current.task.group();
    let number = if who == 0 {
        let processes = current.task.kernel().processes();
        processes.node(own.id()).ok_or(Errno::ESRCH)?.group.global()
    } else {
        own.namespace().find(who).ok_or(Errno::ESRCH)?.global()
    };
    let members = current.task.kernel().processes().group_processes(number);
    Ok(members.iter().flat_map(|process| process.threads()).collect())
}

/// All threads of the caller's pid namespace.
fn visible_tasks(current: &Current) -> Vec<Arc<Task>> {
    let namespace = current.task.group().namespace();
    let processes: Vec<_> = current.task.kernel().processes().nodes().map(|node| node.process.clone()).collect();
    processes
        .iter()
        .filter(|process| process.pid().number_in(namespace) != 0)
        .flat_map(|process| process.threads())
        .collect()
}

/// getpriority(2): the highest priority among the targets, as 20 minus the nice value.
pub fn getpriority(current: &mut Current, which: u32, who: i32) -> SysResult {
    let tasks = targets(current, which, who)?;
    let nice = tasks.iter().map(|task| task.scheduling().nice).min().ok_or(Errno::ESRCH)?;
    usize::try_from(20 - nice).map_err(|_| Errno::EINVAL)
}

/// setpriority(2). It goes through all targets, and tells the last error.
pub fn setpriority(current: &mut Current, which: u32, who: i32, nice: i32) -> SysResult {
    let nice = nice.clamp(-20, 19);
    let mut result = Ok(0);
    for task in targets(current, which, who)? {
        if let Err(error) = set_nice(current, &task, nice) {
            result = Err(error);
        }
    }
    result
}

fn set_nice(current: &Current, task: &Task, nice: i32) -> Result<(), Errno> {
    if !target::may_schedule(current, task) {
        return Err(Errno::EPERM);
    }
    let rights = SchedRights {
        privileged: current.task.creds().has(cap::SYS_NICE),
        nice_limit: task.group().limit(limit::NICE),
        priority_limit: 0,
    };
    let mut scheduling = task.scheduling();
    if !rights.may_nice(scheduling.nice, nice) {
        return Err(Errno::EACCES);
    }
    scheduling.nice = nice;
    Ok(())
}

/// `which` of ioprio_set(2), in terms of getpriority(2).
fn io_target(which: u32) -> Result<u32, Errno> {
    match which {
        1 => Ok(priority::PROCESS),
        2 => Ok(priority::PGRP),
        3 => Ok(priority::USER),
        _ => Err(Errno::EINVAL),
    }
}

const CLASS_SHIFT: u32 = 13;
const CLASS_NONE: u32 = 0;
const CLASS_REALTIME: u32 = 1;
const CLASS_IDLE: u32 = 3;
const LEVELS: u32 = 8;

/// ioprio_get(2): the highest priority among the targets.
pub fn ioprio_get(current: &mut Current, which: u32, who: i32) -> SysResult {
    let tasks = targets(current, io_target(which)?, who)?;
    let best = tasks.iter().map(|task| task.scheduling().io_priority).min_by_key(|value| {
        // No class counts as best effort.
        let class = u32::from(*value) >> CLASS_SHIFT;
        (if class == CLASS_NONE { 2 } else { class }, *value)
    });
    Ok(usize::from(best.unwrap_or(0)))
}

/// ioprio_set(2).
pub fn ioprio_set(current: &mut Current, which: u32, who: i32, value: u32) -> SysResult {
    let (class, level) = (value >> CLASS_SHIFT, value & (LEVELS - 1));
    match class {
        CLASS_REALTIME if !current.task.creds().has(cap::SYS_NICE) && !current.task.creds().has(cap::SYS_ADMIN) => {
            return Err(Errno::EPERM);
        }
        CLASS_NONE if level != 0 => return Err(Errno::EINVAL),
        CLASS_NONE..=CLASS_IDLE => {}
        _ => return Err(Errno::EINVAL),
    }
    let value = u16::try_from(value).map_err(|_| Errno::EINVAL)?;
    for task in targets(current, io_target(which)?, who)? {
        if !target::may_schedule(current, &task) {
            return Err(Errno::EPERM);
        }
        task.scheduling().io_priority = value;
    }
    Ok(0)
}
