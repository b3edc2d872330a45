//! mmap(2), munmap(2) and mprotect(2).

use std::ops::Range;

use lazaret_abi::errno::Errno;
use lazaret_platform::{
    Advice, Backing, Context, Prot,
    layout::{APP_MAX, APP_MIN},
};

use super::{
    Areas, MAX_MAP_COUNT, MemoryLimits, Mm, host_errno,
    tree::{is_page_aligned, page_align_down, page_align_up},
    vma::{Vma, VmaBacking, VmaFlags},
};
use crate::{
    fs::{file::File, inode::HostMapping},
    sync::Arc,
};

/// Where a mapping goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Anywhere, at this address if it is free (0: no wish).
    Hint(u64),
    /// MAP_FIXED: there, over whatever is there.
    Fixed(u64),
    /// MAP_FIXED_NOREPLACE: there, or `EEXIST`.
    FixedFree(u64),
}

/// A mapping to make.
pub struct MapRequest {
    /// Where.
    pub placement: Placement,
    /// Bytes; rounded up to whole pages.
    pub length: u64,
    /// Access rights.
    pub prot: Prot,
    /// SHARED, NO_RESERVE, STACK ...
    pub flags: VmaFlags,
    /// The open file and the offset in it; anonymous memory without.
    pub file: Option<(Arc<File>, u64)>,
    /// Fill the pages now (MAP_POPULATE, MAP_LOCKED).
    pub populate: bool,
    /// In the first 2 GiB (MAP_32BIT), where the placement leaves a choice.
    pub low: bool,
}

impl MapRequest {
    /// Private anonymous memory.
    pub fn anonymous(placement: Placement, length: u64, prot: Prot) -> MapRequest {
        MapRequest { placement, length, prot, flags: VmaFlags::empty(), file: None, populate: false, low: false }
    }
}

impl Mm {
    /// mmap(2): returns the address of the new mapping.
    ///
    /// # Errors
    /// Those of mmap(2).
    pub fn map(&self, context: &mut dyn Context, request: &MapRequest, limits: &MemoryLimits) -> Result<u64, Errno> {
        if request.length == 0 {
            return Err(Errno::EINVAL);
        }
        let length = page_align_up(request.length).filter(|length| *length <= APP_MAX).ok_or(Errno::ENOMEM)?;
        let shared = request.flags.contains(VmaFlags::SHARED);
        let (backing, max_prot) = match &request.file {
            Some((file, offset)) => file_backing(file, *offset, length, shared, request.prot)?,
            None if shared => (shared_memory(length)?, Prot::all()),
            None => (VmaBacking::Anonymous, Prot::all()),
        };
        let mut areas = self.areas.lock();
        let start = areas.place(request.placement, length, request.low)?;
        let mut area = Vma { start, end: start + length, prot: request.prot, max_prot, flags: request.flags, backing };
        if areas.lock_future {
            area.flags.insert(VmaFlags::LOCKED);
        }
        areas.check_limits(&area, limits)?;
        context.map(start, length, area.prot, area.host_backing()).map_err(host_errno)?;
        let populate = (request.populate || area.flags.contains(VmaFlags::LOCKED)) && !area.prot.is_empty();
        let advice = if area.prot.contains(Prot::WRITE) { Advice::PopulateWrite } else { Advice::PopulateRead };
        areas.insert(area);
        drop(areas);
        if populate {
            // mmap(2): a failure to populate does not make the call fail.
            let _ = context.advise(start, length, advice);
        }
        Ok(start)
    }

    /// munmap(2).
    ///
    /// # Errors
    /// `EINVAL` for an address that is not page aligned or a range that is empty or out of bounds.
    pub fn unmap(&self, context: &mut dyn Context, address: u64, length: u64) -> Result<(), Errno> {
        let range = user_range(address, length).ok_or(Errno::EINVAL)?;
        if range.is_empty() {
            return Err(Errno::EINVAL);
        }
        let mut areas = self.areas.lock();
        areas.check_unsealed(&range)?;
        let splits = areas.tree.overlapping(range.clone()).any(|area| area.start < range.start && range.end < area.end);
        if splits && areas.tree.count() >= MAX_MAP_COUNT {
            return Err(Errno::ENOMEM);
        }
        // Piece by piece: what is mapped by others than the application in between stays.
        let pieces: Vec<_> = areas
            .tree
            .overlapping(range.clone())
            .map(|area| area.start.max(range.start)..area.end.min(range.end))
            .collect();
        for piece in joined(pieces) {
            context.unmap(piece.start, piece.end - piece.start).map_err(host_errno)?;
            areas.tree.remove(piece);
        }
        Ok(())
    }

    /// mprotect(2).
    ///
    /// # Errors
    /// `EINVAL` for an address that is not page aligned, `ENOMEM` when not all of the range is mapped,
    /// `EACCES` when the rights are more than the file gives.
    pub fn protect(&self, context: &mut dyn Context, address: u64, length: u64, prot: Prot) -> Result<(), Errno> {
        if !is_page_aligned(address) {
            return Err(Errno::EINVAL);
        }
        if length == 0 {
            return Ok(());
        }
        let range = user_range(address, length).ok_or(Errno::ENOMEM)?;
        let mut areas = self.areas.lock();
        areas.check_unsealed(&range)?;
        // As Linux does, areas before a hole or a refusal are changed, and then the call fails.
        let mut next = range.start;
        let mut changed = Vec::new();
        let mut result = Ok(());
        for area in areas.tree.overlapping(range.clone()) {
            if area.start > next {
                break;
            }
            if !area.max_prot.contains(prot) {
                result = Err(Errno::EACCES);
                break;
            }
            changed.push(area.start.max(range.start)..area.end.min(range.end));
            next = area.end;
        }
        if result.is_ok() && next < range.end {
            result = Err(Errno::ENOMEM);
        }
        for piece in joined(changed) {
            context.protect(piece.start, piece.end - piece.start, prot).map_err(host_errno)?;
            areas.tree.update(piece, |area| area.prot = prot);
        }
        result
    }
}

impl Areas {
    /// Decides the address of a new mapping of `length` bytes.
    pub(super) fn place(&mut self, placement: Placement, length: u64, low: bool) -> Result<u64, Errno> {
        let fixed = |address: u64| {
            if !is_page_aligned(address) {
                return Err(Errno::EINVAL);
            }
            let end = address.checked_add(length).filter(|end| *end <= APP_MAX).ok_or(Errno::ENOMEM)?;
            // Linux refuses addresses below vm.mmap_min_addr with EPERM.
            if address < APP_MIN { Err(Errno::EPERM) } else { Ok(address..end) }
        };
        match placement {
            Placement::Fixed(address) => {
                let range = fixed(address)?;
                self.check_unsealed(&range)?;
                let reserved = lazaret_platform::layout::RESERVED;
                if reserved.iter().any(|reserved| reserved.start < range.end && range.start < reserved.end) {
                    return Err(Errno::ENOMEM);
                }
                Ok(address)
            }
            Placement::FixedFree(address) => {
                if self.tree.is_free(fixed(address)?) {
                    Ok(address)
                } else {
                    Err(Errno::EEXIST)
                }
            }
            Placement::Hint(hint) => {
                let hint = page_align_down(hint);
                let wish = hint..hint.saturating_add(length);
                if hint >= APP_MIN && wish.end <= APP_MAX && self.tree.is_free(wish) {
                    return Ok(hint);
                }
                if low {
                    return self.tree.find_free_below(1 << 31, length).ok_or(Errno::ENOMEM);
                }
                match self.tree.find_free_below(self.top, length) {
                    Some(start) => Ok(start),
                    None => self.tree.find_free_below(APP_MAX, length).ok_or(Errno::ENOMEM),
                }
            }
        }
    }

    /// Checks what a new area adds against the limits.
    pub(super) fn check_limits(&self, area: &Vma, limits: &MemoryLimits) -> Result<(), Errno> {
        let replaced: u64 = self
            .tree
            .overlapping(area.start..area.end)
            .map(|old| old.end.min(area.end) - old.start.max(area.start))
            .sum();
        if self.tree.count() >= MAX_MAP_COUNT {
            return Err(Errno::ENOMEM);
        }
        if self.tree.total().saturating_add(area.length()) - replaced > limits.address_space {
            return Err(Errno::ENOMEM);
        }
        // The heuristic of vm.overcommit_memory 0: what is larger than the machine is a mistake.
        if area.is_data() && !area.flags.contains(VmaFlags::NO_RESERVE) && area.length() > 1 << 30 {
            let machine = rustix::system::sysinfo();
            let unit = u64::from(machine.mem_unit.max(1));
            if area.length() > machine.totalram.saturating_add(machine.totalswap).saturating_mul(unit) {
                return Err(Errno::ENOMEM);
            }
        }
        if limits.data != u64::MAX && area.is_data() && self.data_bytes().saturating_add(area.length()) > limits.data {
            return Err(Errno::ENOMEM);
        }
        if area.flags.contains(VmaFlags::LOCKED)
            && limits.locked != u64::MAX
            && self.locked_bytes().saturating_add(area.length()) > limits.locked
        {
            return Err(Errno::EAGAIN);
        }
        Ok(())
    }

    /// No area in `range` is sealed; mseal(2).
    pub(super) fn check_unsealed(&self, range: &Range<u64>) -> Result<(), Errno> {
        if self.tree.overlapping(range.clone()).any(|area| area.flags.contains(VmaFlags::SEALED)) {
            return Err(Errno::EPERM);
        }
        Ok(())
    }
}

impl Vma {
    /// What the platform maps for the area.
    pub(super) fn host_backing(&self) -> Backing<'_> {
        match &self.backing {
            VmaBacking::Anonymous => Backing::Anonymous,
            VmaBacking::Object { mapping, offset, .. } => {
                let shared = self.flags.contains(VmaFlags::SHARED);
                let writable = self.max_prot.contains(Prot::WRITE);
                Backing::File { fd: &mapping.fd, offset: *offset, shared, writable, lasting: mapping.lasting }
            }
        }
    }
}

/// The page-aligned range of a call, if it lies in application memory.
pub(super) fn user_range(address: u64, length: u64) -> Option<Range<u64>> {
    if !is_page_aligned(address) {
        return None;
    }
    let end = address.checked_add(page_align_up(length)?)?;
    (end <= APP_MAX).then_some(address..end)
}

/// Joins ranges that touch; one host call serves them all.
fn joined(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut result: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match result.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => result.push(range),
        }
    }
    result
}

/// Checks a file for mmap(2) and finds its pages.
fn file_backing(
    file: &Arc<File>,
    offset: u64,
    length: u64,
    shared: bool,
    prot: Prot,
) -> Result<(VmaBacking, Prot), Errno> {
    if !is_page_aligned(offset) {
        return Err(Errno::EINVAL);
    }
    if offset.checked_add(length).is_none_or(|end| i64::try_from(end).is_err()) {
        return Err(Errno::EOVERFLOW);
    }
    if !file.is_readable() {
        return Err(Errno::EACCES);
    }
    let mut max_prot = Prot::all();
    if shared && !file.is_writable() {
        max_prot.remove(Prot::WRITE);
    }
    if file.location().is_noexec() {
        if prot.contains(Prot::EXEC) {
            return Err(Errno::EPERM);
        }
        max_prot.remove(Prot::EXEC);
    }
    if !max_prot.contains(prot) {
        return Err(Errno::EACCES);
    }
    let writable = shared && max_prot.contains(Prot::WRITE);
    let mapping = match file.ops().host_mapping(file, writable) {
        Ok(mapping) => mapping,
        // A write seal leaves a shared mapping possible as long as it is never written.
        Err(Errno::EPERM) if writable && !prot.contains(Prot::WRITE) => {
            max_prot.remove(Prot::WRITE);
            file.ops().host_mapping(file, false)?
        }
        Err(error) => return Err(error),
    };
    let attachment = file.ops().attachment();
    Ok((VmaBacking::Object { mapping, offset, file: Some(file.clone()), attachment }, max_prot))
}

/// The object behind a shared anonymous mapping.
fn shared_memory(length: u64) -> Result<VmaBacking, Errno> {
    let errno = |error: rustix::io::Errno| Errno::from_raw(error.raw_os_error());
    let fd = rustix::fs::memfd_create("shared", rustix::fs::MemfdFlags::CLOEXEC).map_err(errno)?;
    rustix::fs::ftruncate(&fd, length).map_err(errno)?;
    Ok(VmaBacking::Object {
        mapping: HostMapping { fd: Arc::new(fd), writable: true, lasting: false },
        offset: 0,
        file: None,
        attachment: None,
    })
}
