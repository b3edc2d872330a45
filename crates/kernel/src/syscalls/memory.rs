//! Memory mapping: mmap(2) and its family.

use lazaret_abi::{
    errno::Errno,
    id::Fd,
    memory::{advice, lock, lockall, map, prot, remap, sync},
};
use lazaret_platform::{Advice, Prot, layout::PAGE_SIZE};

use super::SysResult;
use crate::{
    fs::descriptor,
    mm::{
        MapRequest, MemoryAdvice, MemoryLimits, Placement, RemapRequest,
        tree::{is_page_aligned, page_align_up},
        vma::VmaFlags,
    },
    task::{Current, creds::cap},
    uaddr::UserAddr,
};

/// The limits that bind the caller.
fn limits(current: &Current) -> MemoryLimits {
    let may_lock = current.task.creds().has(cap::IPC_LOCK);
    current.task.group().limits.lock().memory(may_lock)
}

fn protection(bits: u32) -> Result<Prot, Errno> {
    if bits & !(prot::READ | prot::WRITE | prot::EXEC | prot::SEM) != 0 {
        return Err(Errno::EINVAL);
    }
    Ok(Prot::from_bits_truncate(bits))
}

fn address(value: u64) -> SysResult {
    usize::try_from(value).map_err(|_| Errno::EOVERFLOW)
}

/// mmap(2).
pub fn mmap(
    current: &mut Current,
    addr: UserAddr,
    length: usize,
    prot: u32,
    flags: u32,
    fd: Fd,
    offset: u64,
) -> SysResult {
    const KNOWN: u32 = 0x3
        | map::FIXED
        | map::ANONYMOUS
        | map::BIT32
        | map::GROWSDOWN
        | map::DENYWRITE
        | map::EXECUTABLE
        | map::LOCKED
        | map::NORESERVE
        | map::POPULATE
        | map::NONBLOCK
        | map::STACK
        | map::HUGETLB
        | map::FIXED_NOREPLACE
        | map::UNINITIALIZED;
    /// Where the logarithm of a huge page's size is (MAP_HUGE_SHIFT).
    const HUGE_SHIFT: u32 = 26;
    if !is_page_aligned(offset) {
        return Err(Errno::EINVAL);
    }
    let shared = match flags & 0xf {
        map::PRIVATE => false,
        map::SHARED => true,
        map::SHARED_VALIDATE if flags & map::ANONYMOUS == 0 && flags & !KNOWN != 0 => return Err(Errno::EOPNOTSUPP),
        map::SHARED_VALIDATE if flags & map::ANONYMOUS == 0 => true,
        _ => return Err(Errno::EINVAL),
    };
    let file = if flags & map::ANONYMOUS == 0 { Some((descriptor::usable(current, fd)?, offset)) } else { None };
    if flags & map::HUGETLB != 0 {
        // No huge pages are set aside in the sandbox; they are of the default size, 2 MiB or 1 GiB.
        let known = matches!(flags >> HUGE_SHIFT, 0 | 21 | 30);
        return Err(if file.is_some() || !known { Errno::EINVAL } else { Errno::ENOMEM });
    }
    let placement = match (flags & map::FIXED_NOREPLACE != 0, flags & map::FIXED != 0) {
        (true, _) => Placement::FixedFree(addr.get()),
        (false, true) => Placement::Fixed(addr.get()),
        (false, false) => Placement::Hint(addr.get()),
    };
    let mut vma_flags = VmaFlags::empty();
    vma_flags.set(VmaFlags::SHARED, shared);
    vma_flags.set(VmaFlags::NO_RESERVE, flags & map::NORESERVE != 0);
    vma_flags.set(VmaFlags::LOCKED, flags & map::LOCKED != 0);
    vma_flags.set(VmaFlags::GROWS_DOWN, flags & map::GROWSDOWN != 0);
    let limits = limits(current);
    if flags & map::LOCKED != 0 && limits.locked == 0 {
        return Err(Errno::EPERM);
    }
    let request = MapRequest {
        placement,
        length: length as u64,
        // Other than mprotect(2), mmap(2) ignores what it does not know.
        prot: Prot::from_bits_truncate(prot),
        flags: vma_flags,
        file,
        populate: flags & map::POPULATE != 0 && flags & map::NONBLOCK == 0,
        low: flags & map::BIT32 != 0,
    };
    address(current.mm().map(&mut *current.context, &request, &limits)?)
}

/// munmap(2).
pub fn munmap(current: &mut Current, addr: UserAddr, length: usize) -> SysResult {
    current.mm().unmap(&mut *current.context, addr.get(), length as u64)?;
    Ok(0)
}

/// mprotect(2).
pub fn mprotect(current: &mut Current, addr: UserAddr, length: usize, prot: u32) -> SysResult {
    let grows = prot & (prot::GROWSDOWN | prot::GROWSUP);
    if grows == prot::GROWSDOWN | prot::GROWSUP {
        return Err(Errno::EINVAL);
    }
    if !is_page_aligned(addr.get()) {
        return Err(Errno::EINVAL);
    }
    if length == 0 {
        return Ok(0);
    }
    let mm = current.mm();
    let (mut start, mut length) = (addr.get(), length as u64);
    if grows == prot::GROWSDOWN {
        // From the start of the stack on; glibc makes stacks executable so.
        let areas = mm.areas();
        let area = areas.tree.find(start).ok_or(Errno::ENOMEM)?;
        if !area.flags.intersects(VmaFlags::STACK | VmaFlags::GROWS_DOWN) {
            return Err(Errno::EINVAL);
        }
        length = length.checked_add(start - area.start).ok_or(Errno::ENOMEM)?;
        start = area.start;
    } else if grows != 0 {
        return Err(Errno::EINVAL);
    }
    let rights = protection(prot & !grows)?;
    mm.protect(&mut *current.context, start, length, rights)?;
    Ok(0)
}

/// pkey_mprotect(2); there are no protection keys, so only the default one (-1) is taken.
pub fn pkey_mprotect(current: &mut Current, addr: UserAddr, length: usize, prot: u32, key: i32) -> SysResult {
    if key == -1 { mprotect(current, addr, length, prot) } else { Err(Errno::EINVAL) }
}

/// pkey_alloc(2): no keys are to be had, as on a processor without them.
pub fn pkey_alloc(_current: &mut Current, flags: u32, rights: u64) -> SysResult {
    Err(if flags != 0 || rights & !3 != 0 { Errno::EINVAL } else { Errno::ENOSPC })
}

/// pkey_free(2).
pub fn pkey_free(_current: &mut Current, _key: i32) -> SysResult {
    Err(Errno::EINVAL)
}

/// brk(2).
pub fn brk(current: &mut Current, addr: UserAddr) -> SysResult {
    let limits = limits(current);
    address(current.mm().set_heap_end(&mut *current.context, addr.get(), &limits))
}

/// mremap(2).
pub fn mremap(
    current: &mut Current,
    old: UserAddr,
    old_size: usize,
    new_size: usize,
    flags: u32,
    new: UserAddr,
) -> SysResult {
    if flags & !(remap::MAYMOVE | remap::FIXED | remap::DONTUNMAP) != 0 {
        return Err(Errno::EINVAL);
    }
    let request = RemapRequest {
        address: old.get(),
        old_length: old_size as u64,
        new_length: new_size as u64,
        may_move: flags & remap::MAYMOVE != 0,
        fixed: (flags & remap::FIXED != 0).then_some(new.get()),
        keep_old: flags & remap::DONTUNMAP != 0,
    };
    let limits = limits(current);
    address(current.mm().remap(&mut *current.context, &request, &limits)?)
}

/// madvise(2).
pub fn madvise(current: &mut Current, addr: UserAddr, length: usize, advice: u32) -> SysResult {
    let what = match advice {
        advice::DONTNEED | advice::DONTNEED_LOCKED => MemoryAdvice::Host(Advice::DontNeed),
        advice::FREE => MemoryAdvice::Host(Advice::Free),
        advice::HUGEPAGE => MemoryAdvice::Host(Advice::HugePage),
        advice::NOHUGEPAGE => MemoryAdvice::Host(Advice::NoHugePage),
        advice::POPULATE_READ => MemoryAdvice::Host(Advice::PopulateRead),
        advice::POPULATE_WRITE => MemoryAdvice::Host(Advice::PopulateWrite),
        advice::REMOVE => MemoryAdvice::Remove,
        advice::DONTFORK => MemoryAdvice::Flags(VmaFlags::DONT_FORK, VmaFlags::empty()),
        advice::DOFORK => MemoryAdvice::Flags(VmaFlags::empty(), VmaFlags::DONT_FORK),
        advice::DONTDUMP => MemoryAdvice::Flags(VmaFlags::DONT_DUMP, VmaFlags::empty()),
        advice::DODUMP => MemoryAdvice::Flags(VmaFlags::empty(), VmaFlags::DONT_DUMP),
        advice::WIPEONFORK => MemoryAdvice::Flags(VmaFlags::WIPE_ON_FORK, VmaFlags::empty()),
        advice::KEEPONFORK => MemoryAdvice::Flags(VmaFlags::empty(), VmaFlags::WIPE_ON_FORK),
        advice::NORMAL | advice::RANDOM | advice::SEQUENTIAL | advice::WILLNEED | advice::COLD | advice::PAGEOUT => {
            MemoryAdvice::Hint
        }
        // Merging pages tells one process about another's memory; a kernel without it says EINVAL.
        _ => return Err(Errno::EINVAL),
    };
    let Some(length) = page_align_up(length as u64) else { return Err(Errno::EINVAL) };
    current.mm().advise(&mut *current.context, addr.get(), length, what)?;
    Ok(0)
}

/// msync(2).
pub fn msync(current: &mut Current, addr: UserAddr, length: usize, flags: u32) -> SysResult {
    const BOTH: u32 = sync::ASYNC | sync::SYNC;
    if flags & !(BOTH | sync::INVALIDATE) != 0 || flags & BOTH == BOTH {
        return Err(Errno::EINVAL);
    }
    current.mm().sync(addr.get(), length as u64, flags & sync::SYNC != 0, flags & sync::INVALIDATE != 0)?;
    Ok(0)
}

/// mincore(2).
pub fn mincore(current: &mut Current, addr: UserAddr, length: usize, vec: UserAddr) -> SysResult {
    /// Pages looked at together.
    const PIECE: u64 = 1 << 14;
    if !is_page_aligned(addr.get()) {
        return Err(Errno::EINVAL);
    }
    let end = addr.get().checked_add(page_align_up(length as u64).ok_or(Errno::ENOMEM)?).ok_or(Errno::ENOMEM)?;
    let (mut start, mut vec) = (addr.get(), vec);
    while start < end {
        let piece = start..end.min(start + PIECE * PAGE_SIZE);
        let resident = current.mm().resident(current.task.kernel(), piece.clone())?;
        current.write_bytes(vec, &resident)?;
        vec = vec.checked_add(resident.len() as u64).ok_or(Errno::EFAULT)?;
        start = piece.end;
    }
    Ok(0)
}

/// mlock(2).
pub fn mlock(current: &mut Current, addr: UserAddr, length: usize) -> SysResult {
    mlock2(current, addr, length, 0)
}

/// mlock2(2).
pub fn mlock2(current: &mut Current, addr: UserAddr, length: usize, flags: u32) -> SysResult {
    if flags & !lock::ONFAULT != 0 {
        return Err(Errno::EINVAL);
    }
    let limits = limits(current);
    let populate = flags & lock::ONFAULT == 0;
    current.mm().lock(&mut *current.context, addr.get(), length as u64, true, populate, &limits)?;
    Ok(0)
}

/// munlock(2).
pub fn munlock(current: &mut Current, addr: UserAddr, length: usize) -> SysResult {
    let limits = limits(current);
    current.mm().lock(&mut *current.context, addr.get(), length as u64, false, false, &limits)?;
    Ok(0)
}

/// mlockall(2).
pub fn mlockall(current: &mut Current, flags: u32) -> SysResult {
    if flags & !(lockall::CURRENT | lockall::FUTURE | lockall::ONFAULT) != 0 || flags & !lockall::ONFAULT == 0 {
        return Err(Errno::EINVAL);
    }
    let limits = limits(current);
    if limits.locked == 0 {
        return Err(Errno::EPERM);
    }
    let now = (flags & lockall::CURRENT != 0).then_some(true);
    current.mm().lock_all(&mut *current.context, now, flags & lockall::FUTURE != 0, &limits)?;
    Ok(0)
}

/// munlockall(2).
pub fn munlockall(current: &mut Current) -> SysResult {
    let limits = limits(current);
    current.mm().lock_all(&mut *current.context, Some(false), false, &limits)?;
    Ok(0)
}

/// mseal(2).
pub fn mseal(current: &mut Current, addr: UserAddr, length: usize, flags: u64) -> SysResult {
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    current.mm().seal(addr.get(), length as u64)?;
    Ok(0)
}
