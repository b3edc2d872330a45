//! shmget(2), shmat(2), shmdt(2), shmctl(2).

use lazaret_abi::{
    capability::cap,
    errno::Errno,
    ipc::{SHM_HUGETLB, ShmIdDs, ShmInfo, ShmUsage, attach, command, get, shared},
};
use lazaret_platform::{Prot, layout::PAGE_SIZE};

use super::{caller, id, namespace, number};
use crate::{
    ipc::{
        SEGMENTS_MAX,
        permission::{Permission, READ, WRITE},
        shared::Segment,
    },
    mm::{MapRequest, Placement, vma::VmaFlags},
    sync::Arc,
    syscalls::SysResult,
    task::Current,
    uaddr::{UserAddr, UserPtr},
};

/// shmget(2).
pub fn shmget(current: &mut Current, key: i32, size: usize, flags: u32) -> SysResult {
    let creds = current.task.creds();
    let namespace = namespace(current);
    let creator = caller(current);
    let size = size as u64;
    let check = |segment: &Segment| {
        if size > segment.size() {
            return Err(Errno::EINVAL);
        }
        segment.state().permission.check(&creds, flags)
    };
    let make = |sequence| {
        if size == 0 || i64::try_from(size).is_err() {
            return Err(Errno::EINVAL);
        }
        if flags & SHM_HUGETLB != 0 {
            // No huge pages are set aside in the sandbox.
            return Err(Errno::ENOMEM);
        }
        Segment::new(&namespace, Permission::new(key, flags, &creds, sequence), size, creator)
    };
    let made = namespace.segments.lock().open(key, flags & (get::CREAT | get::EXCL), check, make);
    id(made?)
}

/// shmat(2).
pub fn shmat(current: &mut Current, segment: i32, addr: UserAddr, flags: u32) -> SysResult {
    let mut address = addr.get();
    let remap = flags & attach::REMAP != 0;
    if !address.is_multiple_of(PAGE_SIZE) {
        if flags & attach::RND == 0 {
            return Err(Errno::EINVAL);
        }
        address -= address % PAGE_SIZE;
    }
    let placement = match (address, remap) {
        (0, true) => return Err(Errno::EINVAL),
        (0, false) => Placement::Hint(0),
        (address, true) => Placement::Fixed(address),
        (address, false) => Placement::FixedFree(address),
    };
    let segment = namespace(current).segments.lock().get(segment)?;
    let writable = flags & attach::RDONLY == 0;
    segment.state().permission.check(&current.task.creds(), if writable { READ | WRITE } else { READ })?;
    let mut prot = Prot::READ;
    prot.set(Prot::WRITE, writable);
    prot.set(Prot::EXEC, flags & attach::EXEC != 0);
    let request = MapRequest {
        flags: VmaFlags::SHARED,
        file: Some((segment.open(writable), 0)),
        ..MapRequest::anonymous(placement, segment.size(), prot)
    };
    let may_lock = current.task.creds().has(cap::IPC_LOCK);
    let limits = current.task.group().limits.lock().memory(may_lock);
    let start = current.mm().map(&mut *current.context, &request, &limits).map_err(|error| match error {
        Errno::EEXIST => Errno::EINVAL,
        error => error,
    })?;
    usize::try_from(start).map_err(|_| Errno::EOVERFLOW)
}

/// shmdt(2).
pub fn shmdt(current: &mut Current, addr: UserAddr) -> SysResult {
    let mm = current.mm();
    mm.detach(&mut *current.context, addr.get())?.detached();
    Ok(0)
}

/// shmctl(2).
pub fn shmctl(current: &mut Current, segment: i32, operation: i32, buf: UserAddr) -> SysResult {
    let creds = current.task.creds();
    let namespace = namespace(current);
    match operation {
        command::INFO => {
            let limit = u64::MAX - (1 << 24);
            let info = ShmInfo {
                size_max: limit,
                size_min: 1,
                count_max: SEGMENTS_MAX as u64,
                per_process: SEGMENTS_MAX as u64,
                pages_max: limit,
                ..ShmInfo::default()
            };
            current.write(UserPtr::new(buf), &info)?;
            Ok(namespace.segments.lock().highest())
        }
        shared::INFO => {
            let (used, pages, highest) = {
                let segments = namespace.segments.lock();
                let pages: u64 = segments.iter().map(|(_, segment)| segment.size().div_ceil(PAGE_SIZE)).sum();
                (segments.iter().count(), pages, segments.highest())
            };
            let used = i32::try_from(used).unwrap_or(i32::MAX);
            current.write(UserPtr::new(buf), &ShmUsage { used, pages, resident: pages, ..ShmUsage::default() })?;
            Ok(highest)
        }
        command::STAT | shared::STAT | shared::STAT_ANY => {
            let (found, segment) = if operation == command::STAT {
                (0, namespace.segments.lock().get(segment)?)
            } else {
                namespace.segments.lock().at(segment)?
            };
            if operation != shared::STAT_ANY {
                segment.state().permission.check(&creds, READ)?;
            }
            current.write(UserPtr::new(buf), &segment.show(number(current)))?;
            id(found)
        }
        command::SET => {
            let new: ShmIdDs = current.read(UserPtr::new(buf))?;
            let segment = namespace.segments.lock().get(segment)?;
            segment.state().permission.check_owner(&creds)?;
            segment.set(&new)?;
            Ok(0)
        }
        command::RMID => {
            let mut segments = namespace.segments.lock();
            let segment: Arc<Segment> = segments.get(segment)?;
            segment.state().permission.check_owner(&creds)?;
            if segment.doom() {
                segments.remove(&segment);
            }
            Ok(0)
        }
        shared::LOCK | shared::UNLOCK => {
            let segment = namespace.segments.lock().get(segment)?;
            // What is in memory is the host's to decide.
            if creds.has(cap::IPC_LOCK) { Ok(0) } else { segment.state().permission.check_owner(&creds).map(|()| 0) }
        }
        _ => Err(Errno::EINVAL),
    }
}
