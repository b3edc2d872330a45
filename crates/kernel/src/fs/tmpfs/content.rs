//! Content of regular files: sparse memory, moved to a host memfd when a file is mapped.

mod chunk;
mod saved;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    os::fd::{AsFd, OwnedFd},
};

use lazaret_abi::errno::Errno;
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, SeekFrom};

use self::chunk::{CHUNK_PAGES, CHUNK_SIZE, Chunk};
use super::{PAGE_SIZE, Usage};
use crate::{
    fs::hostfs::errno,
    sync::Arc,
    uio::{Scratch, Sink, Source},
};

/// Largest size of a file, in bytes.
pub const MAX_SIZE: u64 = i64::MAX as u64;

/// Bytes of one regular file.
pub struct Content {
    size: u64,
    pages: Pages,
    /// Pages counted in the usage of the file system.
    charged: u64,
    /// Seals that the host must know of because it maps the file; see fcntl(2).
    seals: SealFlags,
}

enum Pages {
    /// By number; what is missing is a hole.
    Memory(BTreeMap<u64, Chunk>),
    /// The host file that is mapped.
    Host(Arc<OwnedFd>),
}

/// Splits a byte range by chunks: number and range within the chunk.
fn pieces(offset: u64, length: u64) -> impl Iterator<Item = (u64, std::ops::Range<usize>)> {
    let end = offset.saturating_add(length);
    let mut at = offset;
    std::iter::from_fn(move || {
        (at < end).then(|| {
            let (number, start) = (at / CHUNK_SIZE, at % CHUNK_SIZE);
            let part = (CHUNK_SIZE - start).min(end - at);
            at += part;
            (number, start as usize..(start + part) as usize)
        })
    })
}

impl Content {
    /// An empty file.
    pub fn new() -> Content {
        Content { size: 0, pages: Pages::Memory(BTreeMap::new()), charged: 0, seals: SealFlags::empty() }
    }

    /// Size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// 512-byte blocks in use.
    pub fn blocks(&self) -> u64 {
        self.charged * (PAGE_SIZE / 512)
    }

    /// Gives what is from `offset` on, as much as the sink takes and the file has.
    ///
    /// # Errors
    /// Those of the sink and of the host.
    pub fn read(&self, offset: u64, sink: &mut dyn Sink) -> Result<usize, Errno> {
        const ZEROS: [u8; PAGE_SIZE as usize] = [0; PAGE_SIZE as usize];
        let length = self.size.saturating_sub(offset).min(sink.remaining() as u64);
        let chunks = match &self.pages {
            Pages::Memory(chunks) => chunks,
            // No longer than that: there are usize bytes left to take.
            Pages::Host(fd) => return sink.put_from_host(fd.as_fd(), offset, length as usize),
        };
        let mut done = 0;
        for (number, mut range) in pieces(offset, length) {
            let data = chunks.get(&number).map_or(&[][..], Chunk::data);
            while !range.is_empty() {
                let piece = match data.get(range.start..) {
                    Some(rest) if !rest.is_empty() => &rest[..rest.len().min(range.len())],
                    _ => &ZEROS[..range.len().min(ZEROS.len())],
                };
                let stored = match sink.put(piece) {
                    Ok(stored) => stored,
                    Err(_) if done > 0 => return Ok(done),
                    Err(error) => return Err(error),
                };
                done += stored;
                range.start += stored;
                if stored < piece.len() {
                    return Ok(done);
                }
            }
        }
        Ok(done)
    }

    /// Stores `length` bytes of a source, which has so many, at `offset`, growing the file. Returns less
    /// than `length` when space ran out or the source failed on the way.
    ///
    /// # Errors
    /// `ENOSPC`, `EFBIG`, those of the source and of the host.
    pub fn write(
        &mut self,
        usage: &Usage,
        offset: u64,
        source: &mut dyn Source,
        length: usize,
    ) -> Result<usize, Errno> {
        if offset.checked_add(length as u64).is_none_or(|end| end > MAX_SIZE) {
            return Err(Errno::EFBIG);
        }
        let done = match &mut self.pages {
            Pages::Memory(chunks) => {
                let mut done = 0;
                for (number, range) in pieces(offset, length as u64) {
                    let want = range.len();
                    let chunk = chunks.entry(number).or_default();
                    let stored = chunk.write(range, source, usage, &mut self.charged);
                    if chunk.is_hole() {
                        chunks.remove(&number);
                    }
                    match stored {
                        Ok(stored) => done += stored,
                        Err(error) if done == 0 => return Err(error),
                        Err(_) => break,
                    }
                    if stored != Ok(want) {
                        break;
                    }
                }
                done
            }
            Pages::Host(fd) => {
                // How many pages are new is known only afterwards; what may be too much is not begun.
                if !usage.has_room((length as u64).div_ceil(PAGE_SIZE)) {
                    return Err(Errno::ENOSPC);
                }
                let mut buffer = Scratch::take();
                let want = length.min(buffer.len());
                let taken = source.take(&mut buffer[..want])?;
                let done = rustix::io::pwrite(&**fd, &buffer[..taken], offset).map_err(errno)?;
                self.recount(usage)?;
                done
            }
        };
        if done == 0 && length > 0 {
            return Err(Errno::ENOSPC);
        }
        self.size = self.size.max(offset + done as u64);
        Ok(done)
    }

    /// truncate(2).
    ///
    /// # Errors
    /// `EFBIG`, those of the host.
    pub fn resize(&mut self, usage: &Usage, size: u64) -> Result<(), Errno> {
        if size > MAX_SIZE {
            return Err(Errno::EFBIG);
        }
        match &mut self.pages {
            Pages::Memory(chunks) => {
                let mut cut: u64 = chunks.split_off(&size.div_ceil(CHUNK_SIZE)).values().map(Chunk::pages).sum();
                if let Entry::Occupied(mut last) = chunks.entry(size / CHUNK_SIZE) {
                    cut += last.get_mut().truncate((size % CHUNK_SIZE) as usize);
                    if last.get().is_hole() {
                        last.remove();
                    }
                }
                usage.release(cut);
                self.charged -= cut;
            }
            Pages::Host(fd) => {
                rustix::fs::ftruncate(&**fd, size).map_err(errno)?;
                self.recount(usage)?;
            }
        }
        self.size = size;
        Ok(())
    }

    /// Makes a hole or zeroes a range, without a change of size (FALLOC_FL_PUNCH_HOLE).
    ///
    /// # Errors
    /// Those of the host.
    pub fn punch(&mut self, usage: &Usage, offset: u64, length: u64) -> Result<(), Errno> {
        match &mut self.pages {
            Pages::Memory(chunks) => {
                let end = offset.saturating_add(length);
                let touched: Vec<u64> =
                    chunks.range(offset / CHUNK_SIZE..end.div_ceil(CHUNK_SIZE)).map(|(number, _)| *number).collect();
                let mut cut = 0;
                for number in touched {
                    let Entry::Occupied(mut chunk) = chunks.entry(number) else { continue };
                    let start = number * CHUNK_SIZE;
                    // Both within a chunk, whose size a usize holds.
                    let (from, to) = (offset.saturating_sub(start), (end - start).min(CHUNK_SIZE));
                    cut += chunk.get_mut().punch(from as usize..to as usize);
                    if chunk.get().is_hole() {
                        chunk.remove();
                    }
                }
                usage.release(cut);
                self.charged -= cut;
                Ok(())
            }
            Pages::Host(fd) => {
                let mode = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
                rustix::fs::fallocate(&**fd, mode, offset, length).map_err(errno)?;
                self.recount(usage)
            }
        }
    }

    /// Reserves pages for a range (fallocate(2) with mode 0 or FALLOC_FL_KEEP_SIZE).
    ///
    /// # Errors
    /// `ENOSPC`, `EFBIG`, those of the host.
    pub fn reserve(&mut self, usage: &Usage, offset: u64, length: u64, keep_size: bool) -> Result<(), Errno> {
        let end = offset.checked_add(length).filter(|end| *end <= MAX_SIZE).ok_or(Errno::EFBIG)?;
        let pages = end.div_ceil(PAGE_SIZE) - offset / PAGE_SIZE;
        if !usage.has_room(pages.saturating_sub(self.charged)) {
            return Err(Errno::ENOSPC);
        }
        let fd = self.host_file(usage)?;
        let mode = if keep_size { FallocateFlags::KEEP_SIZE } else { FallocateFlags::empty() };
        rustix::fs::fallocate(&*fd, mode, offset, length).map_err(errno)?;
        if !keep_size {
            self.size = self.size.max(end);
        }
        self.recount(usage)
    }

    /// Next data, or next hole, at or after `offset`; `ENXIO` when there is none.
    ///
    /// # Errors
    /// `ENXIO`, those of the host.
    pub fn seek(&self, offset: u64, hole: bool) -> Result<u64, Errno> {
        if offset >= self.size {
            return Err(Errno::ENXIO);
        }
        match &self.pages {
            Pages::Memory(chunks) => {
                let first = offset / PAGE_SIZE;
                let page =
                    if hole { first_hole(chunks, first) } else { first_data(chunks, first).ok_or(Errno::ENXIO)? };
                Ok((page * PAGE_SIZE).clamp(offset, self.size))
            }
            Pages::Host(fd) => {
                let from = if hole { SeekFrom::Hole(offset) } else { SeekFrom::Data(offset) };
                rustix::fs::seek(&**fd, from).map_err(errno)
            }
        }
    }

    /// The host file with the content, which it has from now on.
    ///
    /// # Errors
    /// Those of memfd_create(2) and of writing to it.
    pub fn host_file(&mut self, usage: &Usage) -> Result<Arc<OwnedFd>, Errno> {
        let pages = match &mut self.pages {
            Pages::Host(fd) => return Ok(fd.clone()),
            Pages::Memory(pages) => pages,
        };
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd = rustix::fs::memfd_create("tmpfs", flags).map_err(errno)?;
        for (number, chunk) in pages.iter() {
            for range in chunk.runs() {
                let mut at = range.start;
                while at < range.end {
                    let offset = number * CHUNK_SIZE + at as u64;
                    at += rustix::io::pwrite(&fd, &chunk.data()[at..range.end], offset).map_err(errno)?;
                }
            }
        }
        rustix::fs::ftruncate(&fd, self.size).map_err(errno)?;
        if !self.seals.is_empty() {
            rustix::fs::fcntl_add_seals(&fd, self.seals).map_err(errno)?;
        }
        let fd = Arc::new(fd);
        self.pages = Pages::Host(fd.clone());
        self.recount(usage)?;
        Ok(fd)
    }

    /// Seals the content against changes by mappings.
    ///
    /// # Errors
    /// `EBUSY` when it is to be sealed against writing and is mapped writable.
    pub fn seal(&mut self, seals: SealFlags) -> Result<(), Errno> {
        if let Pages::Host(fd) = &self.pages {
            rustix::fs::fcntl_add_seals(fd.as_fd(), seals).map_err(errno)?;
        }
        self.seals |= seals;
        Ok(())
    }

    /// Brings the usage of the file system up to date with the pages of the host file.
    fn recount(&mut self, usage: &Usage) -> Result<(), Errno> {
        if let Pages::Host(fd) = &self.pages {
            let blocks = rustix::fs::fstat(&**fd).map_err(errno)?.st_blocks;
            let pages = u64::try_from(blocks).unwrap_or(0) / (PAGE_SIZE / 512);
            usage.adjust(self.charged, pages);
            self.charged = pages;
        }
        Ok(())
    }

    /// Gives all pages back; the file is gone.
    pub fn release(&mut self, usage: &Usage) {
        usage.release(std::mem::take(&mut self.charged));
    }
}

/// The first page from `page` on that holds no data.
fn first_hole(chunks: &BTreeMap<u64, Chunk>, mut page: u64) -> u64 {
    loop {
        let Some(chunk) = chunks.get(&(page / CHUNK_PAGES)) else { return page };
        let run = chunk.pages_from(page % CHUNK_PAGES);
        page += run;
        if run == 0 || !page.is_multiple_of(CHUNK_PAGES) {
            return page;
        }
    }
}

/// The first page from `page` on that holds data.
fn first_data(chunks: &BTreeMap<u64, Chunk>, page: u64) -> Option<u64> {
    chunks.range(page / CHUNK_PAGES..).find_map(|(number, chunk)| {
        let first = number * CHUNK_PAGES;
        Some(first + chunk.first_page(page.saturating_sub(first))?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(content: &Content) -> Vec<u8> {
        let mut sink = crate::uio::BufferSink::new(content.size() as usize + 10);
        let got = content.read(0, &mut sink).unwrap();
        assert_eq!(got, sink.data.len());
        sink.data
    }

    fn write(content: &mut Content, usage: &Usage, offset: u64, mut data: &[u8]) -> Result<usize, Errno> {
        let length = data.len();
        content.write(usage, offset, &mut data, length)
    }

    #[test]
    fn sparse_writes_leave_holes() {
        for host in [false, true] {
            let usage = Usage::new(100, 100);
            let mut content = Content::new();
            if host {
                content.host_file(&usage).unwrap();
            }
            assert_eq!(write(&mut content, &usage, 10_000, b"abc"), Ok(3));
            assert_eq!(content.size(), 10_003);
            assert_eq!(usage.used_pages(), 1);
            assert_eq!(content.seek(0, true), Ok(0));
            assert_eq!(content.seek(0, false), Ok(8192));
            assert_eq!(content.seek(8192, true), Ok(10_003));
            assert_eq!(content.seek(10_003, false), Err(Errno::ENXIO));
            let all = read_all(&content);
            assert!(all[..10_000].iter().all(|byte| *byte == 0));
            assert_eq!(&all[10_000..], b"abc");
        }
    }

    #[test]
    fn a_shrunk_file_grows_back_with_zeros() {
        for host in [false, true] {
            let usage = Usage::new(100, 100);
            let mut content = Content::new();
            write(&mut content, &usage, 0, &[7; 6000]).unwrap();
            if host {
                content.host_file(&usage).unwrap();
            }
            content.resize(&usage, 10).unwrap();
            assert_eq!(usage.used_pages(), 1);
            content.resize(&usage, 5000).unwrap();
            let all = read_all(&content);
            assert_eq!(all[..10], [7; 10]);
            assert!(all[10..].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn holes_give_space_back() {
        for host in [false, true] {
            let usage = Usage::new(100, 100);
            let mut content = Content::new();
            write(&mut content, &usage, 0, &[7; 3 * 4096]).unwrap();
            if host {
                content.host_file(&usage).unwrap();
            }
            content.punch(&usage, 100, 2 * 4096).unwrap();
            assert_eq!(usage.used_pages(), 2);
            let all = read_all(&content);
            assert_eq!(all[99], 7);
            assert!(all[100..100 + 2 * 4096].iter().all(|byte| *byte == 0));
            assert_eq!(all[100 + 2 * 4096], 7);
        }
    }

    #[test]
    fn a_full_file_system_takes_what_fits() {
        let usage = Usage::new(2, 100);
        let mut content = Content::new();
        assert_eq!(write(&mut content, &usage, 0, &[1; 3 * 4096]), Ok(2 * 4096));
        assert_eq!(write(&mut content, &usage, 2 * 4096, b"x"), Err(Errno::ENOSPC));
        content.release(&usage);
        assert_eq!(usage.used_pages(), 0);
    }

    #[test]
    fn offsets_beyond_the_largest_size_are_refused() {
        let usage = Usage::new(100, 100);
        let mut content = Content::new();
        assert_eq!(write(&mut content, &usage, MAX_SIZE, b"x"), Err(Errno::EFBIG));
        assert_eq!(content.resize(&usage, u64::MAX), Err(Errno::EFBIG));
        content.resize(&usage, MAX_SIZE).unwrap();
        assert_eq!(content.seek(0, false), Err(Errno::ENXIO));
    }

    #[test]
    fn chunks_are_written_and_cut_in_parts() {
        let usage = Usage::new(100, 100);
        let mut content = Content::new();
        let data: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
        assert_eq!(write(&mut content, &usage, 5, &data), Ok(data.len()));
        assert_eq!(content.seek(0, true), Ok(200_005));
        assert_eq!(read_all(&content)[5..], data);
        content.punch(&usage, 60_000, 80_000).unwrap();
        assert_eq!(content.seek(0, true), Ok(61_440));
        assert_eq!(content.seek(70_000, false), Ok(139_264));
        assert_eq!(read_all(&content)[140_000..], data[139_995..]);
        content.resize(&usage, 70_000).unwrap();
        assert_eq!(usage.used_pages(), 15);
        assert_eq!(content.seek(61_440, false), Err(Errno::ENXIO));
        assert_eq!(read_all(&content)[5..60_000], data[..59_995]);
        assert!(read_all(&content)[60_000..].iter().all(|byte| *byte == 0));
    }
}
