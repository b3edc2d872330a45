//! Which pages are in memory; see mincore(2).

use std::ops::Range;

use lazaret_abi::errno::Errno;
use lazaret_platform::layout::PAGE_SIZE;

use super::{
    Mm,
    vma::{Vma, VmaBacking},
};
use crate::boot::Kernel;

/// Bits of a word of `/proc/PID/pagemap`: present, and swapped out.
const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;

impl Mm {
    /// A byte for each page of a page-aligned range: 1 when it is in memory. Pages of files count as such, as they
    /// do on Linux for those who may not write the file: what the host has cached is nobody's business.
    ///
    /// # Errors
    /// `ENOMEM` when a part of the range is not mapped.
    pub fn resident(&self, kernel: &Kernel, range: Range<u64>) -> Result<Vec<u8>, Errno> {
        let pieces: Vec<Vma> = {
            let areas = self.areas();
            if !areas.tree.covers(range.clone()) {
                return Err(Errno::ENOMEM);
            }
            let parts = areas.tree.overlapping(range.clone());
            parts.map(|area| area.part(area.start.max(range.start), area.end.min(range.end))).collect()
        };
        let mut result = Vec::new();
        for piece in pieces {
            let count = usize::try_from(piece.length() / PAGE_SIZE).map_err(|_| Errno::ENOMEM)?;
            let end = result.len().saturating_add(count);
            match piece.backing {
                VmaBacking::Object { .. } => result.resize(end, 1),
                VmaBacking::Anonymous => {
                    let pages = kernel.host_pages(self.space().host_pid(), piece.start / PAGE_SIZE, count)?;
                    result.extend(pages.iter().map(|page| u8::from(page & PRESENT != 0 && page & SWAPPED == 0)));
                    result.resize(end, 0);
                }
            }
        }
        Ok(result)
    }
}
