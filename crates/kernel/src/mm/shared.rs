//! System V segments in memory; see shmat(2).

use std::ops::Range;

use lazaret_abi::errno::Errno;
use lazaret_platform::Context;

use super::{
    Mm, host_errno,
    vma::{Vma, VmaBacking},
};
use crate::{ipc::shared::Segment, sync::Arc};

/// The segment that an area shows, and where the segment would begin.
fn segment(area: &Vma) -> Option<(&Arc<Segment>, u64)> {
    match &area.backing {
        VmaBacking::Object { attachment: Some(attachment), offset, .. } => {
            Some((attachment.segment(), area.start.wrapping_sub(*offset)))
        }
        _ => None,
    }
}

impl Mm {
    /// shmdt(2): unmaps what is left of the attachment that began at `address`, and returns its segment.
    ///
    /// # Errors
    /// `EINVAL` when no segment is attached there.
    pub fn detach(&self, context: &mut dyn Context, address: u64) -> Result<Arc<Segment>, Errno> {
        let mut areas = self.areas();
        let mut parts = areas.tree.iter().filter(|area| area.start >= address).filter_map(|area| {
            let (segment, start) = segment(area)?;
            (start == address).then_some((segment, area.start..area.end))
        });
        let (found, first) = parts.next().ok_or(Errno::EINVAL)?;
        let found = found.clone();
        let rest = parts.filter(|(segment, _)| Arc::ptr_eq(segment, &found)).map(|(_, range)| range);
        let ranges: Vec<Range<u64>> = [first].into_iter().chain(rest).collect();
        for range in ranges {
            areas.check_unsealed(&range)?;
            context.unmap(range.start, range.end - range.start).map_err(host_errno)?;
            areas.tree.remove(range);
        }
        Ok(found)
    }
}
