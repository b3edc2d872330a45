//! The main stack follows RLIMIT_STACK; see getrlimit(2).

use lazaret_abi::errno::Errno;
use lazaret_platform::Context;

use super::{
    MemoryLimits, Mm, host_errno,
    tree::page_align_down,
    vma::{Vma, VmaFlags},
};

/// Largest stack that is set aside; a larger limit, or none, gives this.
pub const MAX_STACK: u64 = 1 << 30;

/// Smallest stack.
pub const MIN_STACK: u64 = 128 * 1024;

/// Room that stays free below a stack that grows (`stack_guard_gap` of Linux).
const GUARD: u64 = 1 << 20;

impl Mm {
    /// Gives the main stack the size of a new limit, as far as there is room, and never less than is in use at
    /// `stack_pointer`. A stack that the caller does not run on stays as it is.
    ///
    /// Linux lets a stack grow up to the limit at each fault; here all of it is mapped, and the host fills in pages.
    ///
    /// # Errors
    /// `ENOMEM` when the host has no memory left.
    pub fn set_stack_limit(
        &self,
        context: &mut dyn Context,
        limit: u64,
        stack_pointer: u64,
        limits: &MemoryLimits,
    ) -> Result<(), Errno> {
        let mut areas = self.areas();
        let Some(stack) = areas.tree.iter().find(|area| area.flags.contains(VmaFlags::STACK)).cloned() else {
            return Ok(());
        };
        let top = areas.tree.iter().filter(|area| area.flags.contains(VmaFlags::STACK)).map(|area| area.end).max();
        let top = top.unwrap_or(stack.end);
        let wanted = page_align_down(top.saturating_sub(limit.clamp(MIN_STACK, MAX_STACK)));
        if wanted > stack.start {
            // The red zone belongs to what is in use.
            let used = page_align_down(stack_pointer.saturating_sub(128));
            let start = wanted.min(used);
            if stack.contains(stack_pointer) && start > stack.start {
                context.unmap(stack.start, start - stack.start).map_err(host_errno)?;
                areas.tree.remove(stack.start..start);
            }
            return Ok(());
        }
        let below = areas.tree.iter().map(|area| area.end).filter(|end| *end <= stack.start).max().unwrap_or(0);
        let start = wanted.max(below.saturating_add(GUARD));
        if start < stack.start {
            let area = Vma { start, end: stack.start, ..stack };
            areas.check_limits(&area, limits)?;
            context.map(start, area.length(), area.prot, area.host_backing()).map_err(host_errno)?;
            areas.insert(area);
        }
        Ok(())
    }
}
