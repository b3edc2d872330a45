//! A piece of a file in memory.

use std::ops::Range;

use lazaret_abi::errno::Errno;

use super::{PAGE_SIZE, Usage};
use crate::uio::Source;

/// Pages in a chunk: one per bit of [`Chunk::present`].
pub const CHUNK_PAGES: u64 = 16;

/// Bytes in a chunk.
pub const CHUNK_SIZE: u64 = CHUNK_PAGES * PAGE_SIZE;

/// Sixteen pages of a file. What lies in no page that is present is zero, as is what lies beyond the
/// data, so that reading needs to look at the data only.
#[derive(Default)]
pub struct Chunk {
    data: Vec<u8>,
    /// Pages that are not holes, by bit.
    present: u16,
}

/// The pages that a range within a chunk touches, as bits.
fn touched(range: &Range<usize>) -> u16 {
    bits(range.start / PAGE_SIZE as usize..range.end.div_ceil(PAGE_SIZE as usize))
}

/// Bits of pages by number, which are at most [`CHUNK_PAGES`].
fn bits(pages: Range<usize>) -> u16 {
    pages.fold(0, |bits, page| bits | 1 << page)
}

impl Chunk {
    /// The bytes; zeros follow.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// No page is present.
    pub fn is_hole(&self) -> bool {
        self.present == 0
    }

    /// How many pages are present.
    pub fn pages(&self) -> u64 {
        self.present.count_ones().into()
    }

    /// How many pages from `page` on are present, without a hole between.
    pub fn pages_from(&self, page: u64) -> u64 {
        (self.present >> page).trailing_ones().into()
    }

    /// The first page from `page` on that is present.
    pub fn first_page(&self, page: u64) -> Option<u64> {
        let rest = u32::from(self.present) >> page.min(CHUNK_PAGES);
        (rest != 0).then(|| page + u64::from(rest.trailing_zeros()))
    }

    /// Ranges of the data that are present.
    pub fn runs(&self) -> impl Iterator<Item = Range<usize>> {
        let mut page = 0;
        std::iter::from_fn(move || {
            let start = self.first_page(page)?;
            page = start + self.pages_from(start);
            Some((start * PAGE_SIZE) as usize..self.data.len().min((page * PAGE_SIZE) as usize))
        })
    }

    /// Fills `range` from a source. Returns less than its length when pages ran out or the source failed.
    ///
    /// # Errors
    /// Those of the source.
    pub fn write(
        &mut self,
        range: Range<usize>,
        source: &mut dyn Source,
        usage: &Usage,
        charged: &mut u64,
    ) -> Result<usize, Errno> {
        self.grow(range.end);
        let taken = source.take(&mut self.data[range.clone()])?;
        let filled = range.start..range.start + taken;
        let new = touched(&filled) & !self.present;
        for page in (0..CHUNK_PAGES as usize).filter(|page| new & 1 << page != 0) {
            if !usage.charge(1) {
                // What there is no page for is taken back.
                let stored = filled.start.max(page * PAGE_SIZE as usize);
                self.data[stored..filled.end].fill(0);
                return Ok(stored - filled.start);
            }
            *charged += 1;
            self.present |= 1 << page;
        }
        Ok(taken)
    }

    /// Makes a hole or zeroes a part. Returns how many pages went.
    pub fn punch(&mut self, range: Range<usize>) -> u64 {
        let end = range.end.min(self.data.len());
        if range.start < end {
            self.data[range.start..end].fill(0);
        }
        let page = PAGE_SIZE as usize;
        let gone = self.present & bits(range.start.div_ceil(page)..range.end / page);
        self.present &= !gone;
        gone.count_ones().into()
    }

    /// Cuts it to `size` bytes. Returns how many pages went.
    pub fn truncate(&mut self, size: usize) -> u64 {
        self.data.truncate(size);
        let gone = self.present & !touched(&(0..size));
        self.present &= !gone;
        gone.count_ones().into()
    }

    /// Puts a page of a snapshot where it was.
    pub fn restore(&mut self, page: u64, content: &[u8; PAGE_SIZE as usize]) {
        let range = (page * PAGE_SIZE) as usize..((page + 1) * PAGE_SIZE) as usize;
        self.grow(range.end);
        self.present |= touched(&range);
        self.data[range].copy_from_slice(content);
    }

    /// Makes the data at least `size` bytes long.
    fn grow(&mut self, size: usize) {
        if self.data.is_empty() {
            // Often needs no zeroing, as the memory is new.
            self.data = vec![0; size];
        } else if self.data.len() < size {
            self.data.resize(size, 0);
        }
    }
}
