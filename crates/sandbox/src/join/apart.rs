//! A container of a pod that the host counts and limits by itself: its stubs are in a cgroup of their own, while the
//! application kernel stays in the pod's.

use std::fs;

use lazaret_control::Failure;
use lazaret_hostcall::process::{Namespaces, spawn};
use rustix::process::Pid;

use crate::{cgroup::Cgroup, launch::Guarded, spec::Resources};

/// Makes the cgroup, if one is planned. What it returns is to be kept until the container's own process is in it.
///
/// # Errors
/// Names the file, or has systemd's words. Then nothing is left.
pub fn prepare(planned: &mut Option<Cgroup>, resources: &Resources) -> Result<Option<Guarded>, Failure> {
    let Some(cgroup) = planned else { return Ok(None) };
    if !cgroup.make(resources)? {
        *planned = None;
        return Ok(None);
    }
    if !cgroup.needs_process() {
        return Ok(None);
    }
    // What the container is to see of its cgroup is asked before it has a process.
    let failed = |error| Failure::host("make a process to keep the cgroup", error);
    let child = spawn(Namespaces::empty(), None, Vec::new(), |_| {
        loop {
            std::thread::park();
        }
    });
    let child = child.map_err(failed)?;
    let pid = child.pid;
    let keeper = Guarded::new("the process that keeps the cgroup", child);
    cgroup.enter(pid, resources).inspect_err(|_| {
        // The first failure is the one to tell.
        let _ = cgroup.remove();
    })?;
    Ok(Some(keeper))
}

/// The host's id of a process that a sandbox calls `named`. A sandbox can name none but its own.
///
/// # Errors
/// There is none.
pub fn host_pid(sandbox: i32, named: i32) -> Result<Pid, Failure> {
    let path = format!("/proc/{sandbox}/task/{sandbox}/children");
    let children = fs::read_to_string(&path).map_err(|error| Failure::host(format!("read {path}"), error))?;
    let is_named = |child: &&str| {
        let status = fs::read_to_string(format!("/proc/{child}/status")).unwrap_or_default();
        let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        ids.and_then(|ids| ids.split_whitespace().last()).is_some_and(|id| id.parse() == Ok(named))
    };
    // It is one of the last.
    let found = children.split_whitespace().rev().find(is_named);
    let pid = found.and_then(|child| child.parse().ok()).and_then(Pid::from_raw);
    pid.ok_or_else(|| Failure::new(format!("find process {named} of the sandbox"), "there is none"))
}
