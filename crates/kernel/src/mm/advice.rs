//! madvise(2), mlock(2), msync(2), mincore(2) and mseal(2).

use std::{ops::Range, os::fd::OwnedFd};

use lazaret_abi::errno::Errno;
use lazaret_platform::{Advice, Context, Prot};

use super::{
    MemoryLimits, Mm, host_errno,
    map::user_range,
    tree::{is_page_aligned, page_align_down, page_align_up},
    vma::{Vma, VmaBacking, VmaFlags},
};
use crate::sync::Arc;

/// What madvise(2) asks for, as far as it changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryAdvice {
    /// Passed on to the host.
    Host(Advice),
    /// Sets and clears flags of the areas (MADV_DONTFORK and its like).
    Flags(VmaFlags, VmaFlags),
    /// MADV_REMOVE: punches a hole into the object.
    Remove,
    /// A hint about future use, which the host decides by itself.
    Hint,
}

impl Mm {
    /// madvise(2).
    ///
    /// # Errors
    /// `EINVAL` for a bad range or advice that does not fit the mapping, `ENOMEM` when parts of the
    /// range are not mapped (the rest was done), `EACCES`, `EPERM`.
    pub fn advise(
        &self,
        context: &mut dyn Context,
        address: u64,
        length: u64,
        advice: MemoryAdvice,
    ) -> Result<(), Errno> {
        let range = user_range(address, length).ok_or(Errno::EINVAL)?;
        if range.is_empty() {
            return Ok(());
        }
        let mut areas = self.areas.lock();
        let covered = areas.tree.covers(range.clone());
        let pieces: Vec<Vma> = areas
            .tree
            .overlapping(range.clone())
            .map(|area| area.part(area.start.max(range.start), area.end.min(range.end)))
            .collect();
        if let MemoryAdvice::Flags(set, clear) = advice {
            if set.contains(VmaFlags::WIPE_ON_FORK)
                && pieces
                    .iter()
                    .any(|area| area.flags.contains(VmaFlags::SHARED) || !matches!(area.backing, VmaBacking::Anonymous))
            {
                return Err(Errno::EINVAL);
            }
            areas.tree.update(range, |area| area.flags = (area.flags - clear) | set);
        }
        drop(areas);
        for piece in pieces {
            match advice {
                MemoryAdvice::Host(host) => advise_host(context, &piece, host)?,
                MemoryAdvice::Remove => punch_hole(&piece)?,
                MemoryAdvice::Flags(..) | MemoryAdvice::Hint => {}
            }
        }
        if covered { Ok(()) } else { Err(Errno::ENOMEM) }
    }

    /// mlock(2) and munlock(2).
    ///
    /// # Errors
    /// `ENOMEM` when the range is not wholly mapped or the limit would be passed, `EPERM` when the
    /// limit is 0.
    pub fn lock(
        &self,
        context: &mut dyn Context,
        address: u64,
        length: u64,
        lock: bool,
        populate: bool,
        limits: &MemoryLimits,
    ) -> Result<(), Errno> {
        let start = page_align_down(address);
        let length = page_align_up(length.checked_add(address - start).ok_or(Errno::EINVAL)?).ok_or(Errno::EINVAL)?;
        let range = user_range(start, length).ok_or(Errno::ENOMEM)?;
        if lock && limits.locked == 0 {
            return Err(Errno::EPERM);
        }
        if range.is_empty() {
            return Ok(());
        }
        let mut areas = self.areas.lock();
        if lock {
            let already: u64 = areas
                .tree
                .overlapping(range.clone())
                .filter(|area| area.flags.contains(VmaFlags::LOCKED))
                .map(|area| area.end.min(range.end) - area.start.max(range.start))
                .sum();
            if (areas.locked_bytes() - already).saturating_add(range.end - range.start) > limits.locked {
                return Err(Errno::ENOMEM);
            }
        }
        let covered = areas.tree.covers(range.clone());
        areas.tree.update(range.clone(), |area| area.flags.set(VmaFlags::LOCKED, lock));
        drop(areas);
        if !covered {
            return Err(Errno::ENOMEM);
        }
        if lock && populate { self.populate(context, range) } else { Ok(()) }
    }

    /// mlockall(2) and munlockall(2): `None` leaves a property as it is.
    ///
    /// # Errors
    /// `ENOMEM` when the limit would be passed.
    pub fn lock_all(
        &self,
        context: &mut dyn Context,
        current: Option<bool>,
        future: bool,
        limits: &MemoryLimits,
    ) -> Result<(), Errno> {
        let mut areas = self.areas.lock();
        if current == Some(true) && areas.tree.total() > limits.locked {
            return Err(Errno::ENOMEM);
        }
        areas.lock_future = future;
        let Some(lock) = current else { return Ok(()) };
        let all: Vec<Range<u64>> = areas.tree.iter().map(|area| area.start..area.end).collect();
        for range in &all {
            areas.tree.update(range.clone(), |area| area.flags.set(VmaFlags::LOCKED, lock));
        }
        drop(areas);
        if lock {
            for range in all {
                // mlockall(2) ignores pages that cannot be brought in.
                let _ = self.populate(context, range);
            }
        }
        Ok(())
    }

    /// Makes the pages of a range present.
    fn populate(&self, context: &mut dyn Context, range: Range<u64>) -> Result<(), Errno> {
        let pieces: Vec<Vma> = self
            .areas
            .lock()
            .tree
            .overlapping(range.clone())
            .map(|area| area.part(area.start.max(range.start), area.end.min(range.end)))
            .collect();
        for piece in pieces.iter().filter(|piece| !piece.prot.is_empty()) {
            let writes = piece.prot.contains(Prot::WRITE) && !piece.flags.contains(VmaFlags::SHARED);
            let advice = if writes { Advice::PopulateWrite } else { Advice::PopulateRead };
            context.advise(piece.start, piece.length(), advice).map_err(|_| Errno::ENOMEM)?;
        }
        Ok(())
    }

    /// msync(2): writes shared mappings of files back when `wait`, and checks the range in any case.
    ///
    /// # Errors
    /// `EINVAL` for a bad address, `ENOMEM` for a hole, `EBUSY` when `invalidate` meets locked memory.
    pub fn sync(&self, address: u64, length: u64, wait: bool, invalidate: bool) -> Result<(), Errno> {
        if !is_page_aligned(address) {
            return Err(Errno::EINVAL);
        }
        if page_align_up(length).is_none() {
            // Linux rounds such a length up to nothing.
            return Ok(());
        }
        let range = user_range(address, length).ok_or(Errno::ENOMEM)?;
        if range.is_empty() {
            return Ok(());
        }
        let mut files: Vec<Arc<OwnedFd>> = Vec::new();
        let covered = {
            let areas = self.areas.lock();
            for area in areas.tree.overlapping(range.clone()) {
                if invalidate && area.flags.contains(VmaFlags::LOCKED) {
                    return Err(Errno::EBUSY);
                }
                if let VmaBacking::Object { mapping, file: Some(_), .. } = &area.backing
                    && wait
                    && area.flags.contains(VmaFlags::SHARED)
                {
                    files.push(mapping.fd.clone());
                }
            }
            areas.tree.covers(range)
        };
        for file in files {
            rustix::fs::fsync(&*file).map_err(|error| Errno::from_raw(error.raw_os_error()))?;
        }
        if covered { Ok(()) } else { Err(Errno::ENOMEM) }
    }

    /// mseal(2).
    ///
    /// # Errors
    /// `EINVAL` for a bad range, `ENOMEM` for a hole in it.
    pub fn seal(&self, address: u64, length: u64) -> Result<(), Errno> {
        let range = user_range(address, length).ok_or(Errno::EINVAL)?;
        if range.is_empty() {
            return Ok(());
        }
        let mut areas = self.areas.lock();
        if !areas.tree.covers(range.clone()) {
            return Err(Errno::ENOMEM);
        }
        areas.tree.update(range, |area| area.flags.insert(VmaFlags::SEALED));
        Ok(())
    }
}

fn advise_host(context: &mut dyn Context, area: &Vma, advice: Advice) -> Result<(), Errno> {
    let locked = area.flags.contains(VmaFlags::LOCKED);
    match advice {
        Advice::DontNeed if locked => return Err(Errno::EINVAL),
        Advice::Free if locked || !matches!(area.backing, VmaBacking::Anonymous) => return Err(Errno::EINVAL),
        _ => {}
    }
    context.advise(area.start, area.length(), advice).map_err(host_errno)
}

fn punch_hole(area: &Vma) -> Result<(), Errno> {
    if area.flags.contains(VmaFlags::LOCKED) {
        return Err(Errno::EINVAL);
    }
    let VmaBacking::Object { mapping, offset, .. } = &area.backing else { return Err(Errno::EINVAL) };
    if !area.flags.contains(VmaFlags::SHARED) || !area.max_prot.contains(Prot::WRITE) {
        return Err(Errno::EACCES);
    }
    let flags = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(&*mapping.fd, flags, *offset, area.length())
        .map_err(|error| Errno::from_raw(error.raw_os_error()))
}
