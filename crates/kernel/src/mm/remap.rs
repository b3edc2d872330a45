//! mremap(2).

use lazaret_abi::errno::Errno;
use lazaret_platform::{Context, layout::APP_MAX};

use super::{
    MemoryLimits, Mm, host_errno,
    map::Placement,
    tree::{is_page_aligned, page_align_up},
    vma::{VmaBacking, VmaFlags},
};

/// Arguments of mremap(2).
#[derive(Clone, Copy, Debug)]
pub struct RemapRequest {
    /// The mapping's address.
    pub address: u64,
    /// Its length; 0 makes a second mapping of a shared one.
    pub old_length: u64,
    /// The wanted length.
    pub new_length: u64,
    /// MREMAP_MAYMOVE.
    pub may_move: bool,
    /// MREMAP_FIXED: move exactly there.
    pub fixed: Option<u64>,
    /// MREMAP_DONTUNMAP.
    pub keep_old: bool,
}

impl Mm {
    /// mremap(2): returns the new address.
    ///
    /// # Errors
    /// Those of mremap(2).
    pub fn remap(
        &self,
        context: &mut dyn Context,
        request: &RemapRequest,
        limits: &MemoryLimits,
    ) -> Result<u64, Errno> {
        let RemapRequest { address, may_move, fixed, keep_old, .. } = *request;
        if !is_page_aligned(address) || (fixed.is_some() || keep_old) && !may_move {
            return Err(Errno::EINVAL);
        }
        let old_length = page_align_up(request.old_length).ok_or(Errno::EINVAL)?;
        let new_length = page_align_up(request.new_length)
            .filter(|length| *length > 0 && *length <= APP_MAX)
            .ok_or(Errno::EINVAL)?;
        if keep_old && old_length != new_length {
            return Err(Errno::EINVAL);
        }
        let old_end = address.checked_add(old_length).filter(|end| *end <= APP_MAX).ok_or(Errno::EINVAL)?;
        if let Some(target) = fixed {
            let end = target.checked_add(new_length).filter(|end| *end <= APP_MAX).ok_or(Errno::EINVAL)?;
            if !is_page_aligned(target) || target < old_end && address < end {
                return Err(Errno::EINVAL);
            }
        }

        let mut areas = self.areas.lock();
        let area = areas.tree.find(address).cloned().ok_or(Errno::EFAULT)?;
        areas.check_unsealed(&(address..old_end.max(address + 1)))?;
        if let Some(target) = fixed {
            areas.check_unsealed(&(target..target + new_length))?;
        }
        // Shrinking in place works over several areas; everything else needs a single one.
        if fixed.is_none() && !keep_old && new_length <= old_length && old_length > 0 {
            if !areas.tree.covers(address..old_end) {
                return Err(Errno::EFAULT);
            }
            if new_length < old_length {
                context.unmap(address + new_length, old_length - new_length).map_err(host_errno)?;
                areas.tree.remove(address + new_length..old_end);
            }
            return Ok(address);
        }
        if old_end > area.end {
            return Err(Errno::EFAULT);
        }
        if old_length == 0 && !area.flags.contains(VmaFlags::SHARED) {
            return Err(Errno::EINVAL);
        }
        if keep_old && (area.flags.contains(VmaFlags::SHARED) || !matches!(area.backing, VmaBacking::Anonymous)) {
            return Err(Errno::EINVAL);
        }
        let grown = new_length.saturating_sub(old_length);
        if areas.tree.total().saturating_add(grown) > limits.address_space {
            return Err(Errno::ENOMEM);
        }
        if area.flags.contains(VmaFlags::LOCKED)
            && limits.locked != u64::MAX
            && areas.locked_bytes().saturating_add(grown) > limits.locked
        {
            return Err(Errno::EAGAIN);
        }

        let in_place = fixed.is_none() && !keep_old && old_length > 0 && old_end == area.end;
        let new_end = address.checked_add(new_length).filter(|end| *end <= APP_MAX);
        if let (true, Some(new_end)) = (in_place, new_end)
            && areas.tree.is_free(old_end..new_end)
        {
            context.remap(address, old_length, address, new_length, false).map_err(host_errno)?;
            let mut part = area.part(address, old_end);
            part.end = new_end;
            areas.insert(part);
            return Ok(address);
        }
        if !may_move {
            return Err(Errno::ENOMEM);
        }
        let target = match fixed {
            Some(target) => areas.place(Placement::Fixed(target), new_length, false)?,
            None => areas.place(Placement::Hint(0), new_length, false)?,
        };
        if fixed.is_some() && new_length < old_length {
            context.unmap(address + new_length, old_length - new_length).map_err(host_errno)?;
            areas.tree.remove(address + new_length..old_end);
        }
        let moved = old_length.min(new_length);
        context.remap(address, moved, target, new_length, keep_old).map_err(host_errno)?;
        let mut part = area.part(address, (address + moved).max(address));
        if !keep_old {
            areas.tree.remove(address..address + moved);
        }
        part.start = target;
        part.end = target + new_length;
        areas.insert(part);
        Ok(target)
    }
}
