//! Credentials: user and group ids, supplementary groups, capabilities.

use lazaret_abi::{
    capability::{CapData, CapHeader, version},
    errno::Errno,
    id::{Gid, Uid},
};

use super::SysResult;
use crate::{
    sync::{Arc, Ordering},
    task::{Current, Task, creds::Creds},
    uaddr::UserPtr,
};

/// Most supplementary groups (NGROUPS_MAX).
const GROUPS_MAX: usize = 65_536;

/// An id as a result.
fn as_result(id: u32) -> SysResult {
    usize::try_from(id).map_err(|_| Errno::EOVERFLOW)
}

/// The id, or `None` for -1.
fn user(uid: Uid) -> Option<u32> {
    (uid != Uid::UNCHANGED).then_some(uid.get())
}

/// The id, or `None` for -1.
fn group(gid: Gid) -> Option<u32> {
    (gid != Gid::UNCHANGED).then_some(gid.get())
}

/// Makes changed credentials those of the task, and hides the process from others where that is due.
pub(super) fn commit(task: &Task, new: Creds) {
    if task.creds().hides(&new) {
        task.group().dumpable.store(0, Ordering::Relaxed);
        task.death_signal.store(0, Ordering::Relaxed);
    }
    task.set_creds(Arc::new(new));
}

/// getuid(2).
pub fn getuid(current: &mut Current) -> SysResult {
    as_result(current.task.creds().uid)
}

/// geteuid(2).
pub fn geteuid(current: &mut Current) -> SysResult {
    as_result(current.task.creds().euid)
}

/// getgid(2).
pub fn getgid(current: &mut Current) -> SysResult {
    as_result(current.task.creds().gid)
}

/// getegid(2).
pub fn getegid(current: &mut Current) -> SysResult {
    as_result(current.task.creds().egid)
}

/// Writes three ids.
fn put_ids(current: &Current, ids: [u32; 3], to: [UserPtr<u32>; 3]) -> SysResult {
    for (id, pointer) in ids.iter().zip(to) {
        current.write(pointer, id)?;
    }
    Ok(0)
}

/// getresuid(2).
pub fn getresuid(current: &mut Current, real: UserPtr<u32>, effective: UserPtr<u32>, saved: UserPtr<u32>) -> SysResult {
    let creds = current.task.creds();
    put_ids(current, [creds.uid, creds.euid, creds.suid], [real, effective, saved])
}

/// getresgid(2).
pub fn getresgid(current: &mut Current, real: UserPtr<u32>, effective: UserPtr<u32>, saved: UserPtr<u32>) -> SysResult {
    let creds = current.task.creds();
    put_ids(current, [creds.gid, creds.egid, creds.sgid], [real, effective, saved])
}

/// setuid(2).
pub fn setuid(current: &mut Current, uid: Uid) -> SysResult {
    let uid = user(uid).ok_or(Errno::EINVAL)?;
    commit(&current.task, current.task.creds().with_user_id(uid)?);
    Ok(0)
}

/// setgid(2).
pub fn setgid(current: &mut Current, gid: Gid) -> SysResult {
    let gid = group(gid).ok_or(Errno::EINVAL)?;
    commit(&current.task, current.task.creds().with_group_id(gid)?);
    Ok(0)
}

/// setreuid(2).
pub fn setreuid(current: &mut Current, real: Uid, effective: Uid) -> SysResult {
    commit(&current.task, current.task.creds().with_real_user_id(user(real), user(effective))?);
    Ok(0)
}

/// setregid(2).
pub fn setregid(current: &mut Current, real: Gid, effective: Gid) -> SysResult {
    commit(&current.task, current.task.creds().with_real_group_id(group(real), group(effective))?);
    Ok(0)
}

/// setresuid(2).
pub fn setresuid(current: &mut Current, real: Uid, effective: Uid, saved: Uid) -> SysResult {
    commit(&current.task, current.task.creds().with_user_ids(user(real), user(effective), user(saved))?);
    Ok(0)
}

/// setresgid(2).
pub fn setresgid(current: &mut Current, real: Gid, effective: Gid, saved: Gid) -> SysResult {
    commit(&current.task, current.task.creds().with_group_ids(group(real), group(effective), group(saved))?);
    Ok(0)
}

/// setfsuid(2). It tells the old id, whether or not it was changed.
pub fn setfsuid(current: &mut Current, uid: Uid) -> SysResult {
    let old = current.task.creds();
    if let Some(uid) = user(uid)
        && let Ok(new) = old.with_fs_user_id(uid)
    {
        commit(&current.task, new);
    }
    as_result(old.fsuid)
}

/// setfsgid(2). It tells the old id, whether or not it was changed.
pub fn setfsgid(current: &mut Current, gid: Gid) -> SysResult {
    let old = current.task.creds();
    if let Some(gid) = group(gid)
        && let Ok(new) = old.with_fs_group_id(gid)
    {
        commit(&current.task, new);
    }
    as_result(old.fsgid)
}

/// getgroups(2).
pub fn getgroups(current: &mut Current, size: i32, list: UserPtr<u32>) -> SysResult {
    let size = usize::try_from(size).map_err(|_| Errno::EINVAL)?;
    let creds = current.task.creds();
    if size == 0 {
        return Ok(creds.groups.len());
    }
    if size < creds.groups.len() {
        return Err(Errno::EINVAL);
    }
    let bytes: Vec<u8> = creds.groups.iter().flat_map(|group| group.to_ne_bytes()).collect();
    current.write_bytes(list.address(), &bytes)?;
    Ok(creds.groups.len())
}

/// setgroups(2).
pub fn setgroups(current: &mut Current, size: i32, list: UserPtr<u32>) -> SysResult {
    let old = current.task.creds();
    // Without the right the list is not even looked at.
    old.with_groups(Vec::new())?;
    let size = usize::try_from(size).map_err(|_| Errno::EINVAL)?;
    if size > GROUPS_MAX {
        return Err(Errno::EINVAL);
    }
    let groups = current.read_array(list, size)?;
    if groups.contains(&Gid::UNCHANGED.get()) {
        return Err(Errno::EINVAL);
    }
    commit(&current.task, old.with_groups(groups)?);
    Ok(0)
}

/// How many elements of `struct __user_cap_data_struct` a version has. For a version that does not
/// exist the kernel's own is written to the header.
fn data_count(current: &Current, header: UserPtr<CapHeader>, value: &CapHeader) -> Result<usize, Errno> {
    match value.version {
        version::V1 => Ok(1),
        version::V2 | version::V3 => Ok(2),
        _ => {
            current.write(header, &CapHeader { version: version::V3, ..*value })?;
            Err(Errno::EINVAL)
        }
    }
}

/// The low and the high half of a set.
fn halves(set: u64) -> [u32; 2] {
    [(set & 0xffff_ffff) as u32, (set >> 32) as u32]
}

/// capget(2).
pub fn capget(current: &mut Current, header: UserPtr<CapHeader>, data: UserPtr<CapData>) -> SysResult {
    let value = current.read(header)?;
    let count = match data_count(current, header, &value) {
        // This is how libraries ask for the version.
        Err(Errno::EINVAL) if data.is_null() => return Ok(0),
        count => count?,
    };
    if data.is_null() {
        return Ok(0);
    }
    if value.pid < 0 {
        return Err(Errno::EINVAL);
    }
    let creds = super::target::task(current, value.pid)?.creds();
    let (effective, permitted, inheritable) =
        (halves(creds.effective), halves(creds.permitted), halves(creds.inheritable));
    for half in 0..count {
        let value = CapData { effective: effective[half], permitted: permitted[half], inheritable: inheritable[half] };
        let offset = (half * size_of::<CapData>()) as u64;
        let at = data.address().checked_add(offset).ok_or(Errno::EFAULT)?;
        current.write(UserPtr::new(at), &value)?;
    }
    Ok(0)
}

/// capset(2).
pub fn capset(current: &mut Current, header: UserPtr<CapHeader>, data: UserPtr<CapData>) -> SysResult {
    let value = current.read(header)?;
    let count = data_count(current, header, &value)?;
    if value.pid != 0 && !super::target::is_self(current, value.pid) {
        return Err(Errno::EPERM);
    }
    let (mut effective, mut permitted, mut inheritable) = (0_u64, 0_u64, 0_u64);
    for (half, value) in current.read_array(data, count)?.iter().enumerate() {
        effective |= u64::from(value.effective) << (32 * half);
        permitted |= u64::from(value.permitted) << (32 * half);
        inheritable |= u64::from(value.inheritable) << (32 * half);
    }
    commit(&current.task, current.task.creds().with_capabilities(effective, permitted, inheritable)?);
    Ok(0)
}
