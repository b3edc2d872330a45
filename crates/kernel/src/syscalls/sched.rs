//! Scheduling: policies, priorities, processors.

use lazaret_abi::{
    capability::cap,
    errno::Errno,
    id::Pid,
    resource::limit,
    sched::{RESET_ON_FORK, SchedAttr, SchedParam, flag, policy},
    time::Timespec,
};
use zerocopy::{FromZeros, IntoBytes};

use super::{SysResult, target};
use crate::{
    sync::Arc,
    task::{
        Current, Task,
        sched::{CpuSet, SchedRights, is_realtime, priority_range},
    },
    uaddr::{UserAddr, UserPtr},
};

/// The task with this id.
fn find(current: &Current, pid: Pid) -> Result<Arc<Task>, Errno> {
    if pid.get() < 0 { Err(Errno::EINVAL) } else { target::task(current, pid.get()) }
}

/// What the caller may do to `task`.
///
/// # Errors
/// `EPERM` when that is nothing at all.
fn rights(current: &Current, task: &Task) -> Result<SchedRights, Errno> {
    if !target::may_schedule(current, task) {
        return Err(Errno::EPERM);
    }
    Ok(SchedRights {
        privileged: current.task.creds().has(cap::SYS_NICE),
        nice_limit: task.group().limit(limit::NICE),
        priority_limit: task.group().limit(limit::RTPRIO),
    })
}

/// sched_yield(2). The host's scheduler decides; the task's next call may find it elsewhere.
pub fn sched_yield(_current: &mut Current) -> SysResult {
    std::thread::yield_now();
    Ok(0)
}

/// sched_getscheduler(2).
pub fn sched_getscheduler(current: &mut Current, pid: Pid) -> SysResult {
    let bits = find(current, pid)?.scheduling().policy_bits();
    usize::try_from(bits).map_err(|_| Errno::EOVERFLOW)
}

/// sched_setscheduler(2).
pub fn sched_setscheduler(current: &mut Current, pid: Pid, policy: u32, param: UserPtr<SchedParam>) -> SysResult {
    if param.is_null() || policy.cast_signed() < 0 || pid.get() < 0 {
        return Err(Errno::EINVAL);
    }
    let param = current.read(param)?;
    let task = find(current, pid)?;
    priority_range(policy & !RESET_ON_FORK)
        .filter(|(least, most)| (*least..=*most).contains(&param.priority))
        .ok_or(Errno::EINVAL)?;
    let rights = rights(current, &task)?;
    task.scheduling().set(policy, param.priority, None, rights)?;
    Ok(0)
}

/// sched_getparam(2).
pub fn sched_getparam(current: &mut Current, pid: Pid, param: UserPtr<SchedParam>) -> SysResult {
    if param.is_null() {
        return Err(Errno::EINVAL);
    }
    let priority = find(current, pid)?.scheduling().priority;
    current.write(param, &SchedParam { priority })?;
    Ok(0)
}

/// sched_setparam(2).
pub fn sched_setparam(current: &mut Current, pid: Pid, param: UserPtr<SchedParam>) -> SysResult {
    if param.is_null() || pid.get() < 0 {
        return Err(Errno::EINVAL);
    }
    let priority = current.read(param)?.priority;
    let task = find(current, pid)?;
    let rights = rights(current, &task)?;
    let mut scheduling = task.scheduling();
    let policy = scheduling.policy_bits();
    scheduling.set(policy, priority, None, rights)?;
    Ok(0)
}

/// Size of the first version of `struct sched_attr`.
const ATTR_SIZE_MIN: u32 = 48;
const PAGE: u32 = 4096;

/// Reads a `struct sched_attr` of the size that it says it has.
fn read_attributes(current: &Current, pointer: UserPtr<SchedAttr>) -> Result<SchedAttr, Errno> {
    let address = pointer.address();
    let own = size_of::<SchedAttr>();
    let claimed = match current.read(UserPtr::<u32>::new(address))? {
        0 => ATTR_SIZE_MIN,
        size => size,
    };
    let too_big = || {
        current.write(UserPtr::<u32>::new(address), &(own as u32))?;
        Err(Errno::E2BIG)
    };
    if !(ATTR_SIZE_MIN..=PAGE).contains(&claimed) {
        return too_big();
    }
    let mut bytes = vec![0; claimed as usize];
    current.read_bytes(address, &mut bytes)?;
    if bytes.iter().skip(own).any(|byte| *byte != 0) {
        return too_big();
    }
    let mut attributes = SchedAttr::new_zeroed();
    let known = bytes.len().min(own);
    attributes.as_mut_bytes()[..known].copy_from_slice(&bytes[..known]);
    Ok(attributes)
}

/// sched_setattr(2).
pub fn sched_setattr(current: &mut Current, pid: Pid, pointer: UserPtr<SchedAttr>, flags: u32) -> SysResult {
    const KNOWN: u64 = flag::RESET_ON_FORK | flag::KEEP_POLICY | flag::KEEP_PARAMS;
    if pointer.is_null() || pid.get() < 0 || flags != 0 {
        return Err(Errno::EINVAL);
    }
    let attributes = read_attributes(current, pointer)?;
    if attributes.policy.cast_signed() < 0 {
        return Err(Errno::EINVAL);
    }
    let task = find(current, pid)?;
    // Deadlines and utilisation clamps are the host scheduler's, which does not hear of them.
    if attributes.flags & !KNOWN != 0 {
        return Err(Errno::EINVAL);
    }
    let rights = rights(current, &task)?;
    let mut scheduling = task.scheduling();
    let keep_policy = attributes.flags & flag::KEEP_POLICY != 0;
    let keep_params = attributes.flags & flag::KEEP_PARAMS != 0;
    let policy = if keep_policy { scheduling.policy } else { attributes.policy };
    let reset = if attributes.flags & flag::RESET_ON_FORK != 0 { RESET_ON_FORK } else { 0 };
    let (priority, nice) = if keep_params {
        (scheduling.priority, scheduling.nice)
    } else {
        (i32::try_from(attributes.priority).map_err(|_| Errno::EINVAL)?, attributes.nice)
    };
    scheduling.set(policy | reset, priority, Some(nice), rights)?;
    Ok(0)
}

/// sched_getattr(2).
pub fn sched_getattr(current: &mut Current, pid: Pid, pointer: UserPtr<SchedAttr>, size: u32, flags: u32) -> SysResult {
    if pointer.is_null() || pid.get() < 0 || !(ATTR_SIZE_MIN..=PAGE).contains(&size) || flags != 0 {
        return Err(Errno::EINVAL);
    }
    let task = find(current, pid)?;
    let scheduling = task.scheduling().clone();
    let known = size_of::<SchedAttr>().min(size as usize);
    let ordinary = !is_realtime(scheduling.policy);
    let attributes = SchedAttr {
        size: known as u32,
        policy: scheduling.policy,
        flags: if scheduling.reset_on_fork { flag::RESET_ON_FORK } else { 0 },
        nice: if ordinary { scheduling.nice } else { 0 },
        priority: scheduling.priority.unsigned_abs(),
        ..SchedAttr::default()
    };
    current.write_bytes(pointer.address(), &attributes.as_bytes()[..known])?;
    Ok(0)
}

/// sched_get_priority_max(2).
pub fn sched_get_priority_max(_current: &mut Current, policy: u32) -> SysResult {
    let (_, most) = any_priority_range(policy).ok_or(Errno::EINVAL)?;
    usize::try_from(most).map_err(|_| Errno::EINVAL)
}

/// sched_get_priority_min(2).
pub fn sched_get_priority_min(_current: &mut Current, policy: u32) -> SysResult {
    let (least, _) = any_priority_range(policy).ok_or(Errno::EINVAL)?;
    usize::try_from(least).map_err(|_| Errno::EINVAL)
}

/// Priorities of the policies that Linux has, offered or not.
fn any_priority_range(policy: u32) -> Option<(i32, i32)> {
    priority_range(policy).or((policy == policy::DEADLINE || policy == policy::EXT).then_some((0, 0)))
}

/// sched_rr_get_interval(2).
pub fn sched_rr_get_interval(current: &mut Current, pid: Pid, interval: UserPtr<Timespec>) -> SysResult {
    const MILLISECOND: i64 = 1_000_000;
    let policy = find(current, pid)?.scheduling().policy;
    let nsec = match policy {
        policy::RR => 100 * MILLISECOND,
        policy::FIFO => 0,
        _ => 3 * MILLISECOND,
    };
    current.write(interval, &Timespec { sec: 0, nsec })?;
    Ok(0)
}

/// sched_setaffinity(2).
pub fn sched_setaffinity(current: &mut Current, pid: Pid, size: u32, mask: UserAddr) -> SysResult {
    let mut bytes = vec![0; (size as usize).min(CpuSet::MAX / 8)];
    current.read_bytes(mask, &mut bytes)?;
    let task = target::task(current, pid.get())?;
    if !target::may_schedule(current, &task) {
        return Err(Errno::EPERM);
    }
    let allowed = CpuSet::from_bytes(&bytes).intersection(&task.group().cgroup().cpus(&task.kernel().cpus));
    if allowed.is_empty() {
        return Err(Errno::EINVAL);
    }
    task.scheduling().affinity = allowed;
    Ok(0)
}

/// sched_getaffinity(2). Returns the number of bytes written.
pub fn sched_getaffinity(current: &mut Current, pid: Pid, size: u32, mask: UserAddr) -> SysResult {
    let last = current.task.kernel().cpus.last();
    let size = size as usize;
    if size.saturating_mul(8) <= last || !size.is_multiple_of(8) {
        return Err(Errno::EINVAL);
    }
    let task = target::task(current, pid.get())?;
    let bytes = task.scheduling().affinity.to_bytes(last);
    let written = bytes.len().min(size);
    current.write_bytes(mask, &bytes[..written])?;
    Ok(written)
}

/// getcpu(2).
pub fn getcpu(current: &mut Current, cpu: UserPtr<u32>, node: UserPtr<u32>) -> SysResult {
    if !cpu.is_null() {
        let here = u32::try_from(rustix::thread::sched_getcpu()).unwrap_or(0);
        current.write(cpu, &here)?;
    }
    if !node.is_null() {
        current.write(node, &0)?;
    }
    Ok(0)
}
