//! Content in a snapshot: its pages without the holes, wherever they are kept.

use std::collections::BTreeMap;

use lazaret_snapshot::{Error, Reader, Result, Snapshot, Writer};
use rustix::fs::SealFlags;

use super::{
    Content, PAGE_SIZE, Pages,
    chunk::{CHUNK_PAGES, Chunk},
};
use crate::{checkpoint, uio::BufferSink};

impl Content {
    /// Numbers of the pages that hold data.
    fn page_numbers(&self) -> Vec<u64> {
        let mut numbers = Vec::new();
        let mut offset = 0;
        // Seeking data beyond the last one fails with ENXIO.
        while let Ok(start) = self.seek(offset, false) {
            let end = self.seek(start, true).unwrap_or(self.size);
            numbers.extend(start / PAGE_SIZE..end.div_ceil(PAGE_SIZE));
            offset = end;
        }
        numbers
    }
}

impl Snapshot for Content {
    fn save(&self, writer: &mut Writer) -> Result<()> {
        self.size.save(writer)?;
        self.charged.save(writer)?;
        self.seals.bits().save(writer)?;
        let numbers = self.page_numbers();
        writer.write_len(numbers.len());
        for number in numbers {
            let mut page = BufferSink::new(PAGE_SIZE as usize);
            self.read(number * PAGE_SIZE, &mut page).map_err(|error| checkpoint::refused("a file in memory", error))?;
            page.data.resize(PAGE_SIZE as usize, 0);
            number.save(writer)?;
            writer.write(&page.data);
        }
        Ok(())
    }

    /// A file that was mapped comes back in memory, and moves to the host with its next mapping.
    fn load(reader: &mut Reader<'_>) -> Result<Self> {
        let size = u64::load(reader)?;
        let charged = u64::load(reader)?;
        let seals = SealFlags::from_bits_retain(u32::load(reader)?);
        if size > super::MAX_SIZE {
            return Err(Error::Invalid("file size"));
        }
        let mut chunks: BTreeMap<u64, Chunk> = BTreeMap::new();
        for _ in 0..reader.read_len()? {
            let number = u64::load(reader)?;
            if number > size / PAGE_SIZE {
                return Err(Error::Invalid("page number"));
            }
            chunks.entry(number / CHUNK_PAGES).or_default().restore(number % CHUNK_PAGES, &reader.read_array()?);
        }
        Ok(Content { size, pages: Pages::Memory(chunks), charged, seals })
    }
}
