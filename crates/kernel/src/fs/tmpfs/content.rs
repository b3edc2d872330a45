//! Content of regular files: sparse pages in memory, moved to a host memfd when a file is mapped.

mod saved;

use std::{
    collections::BTreeMap,
    os::fd::{AsFd, OwnedFd},
};

use lazaret_abi::errno::Errno;
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, SeekFrom};

use super::{PAGE_SIZE, Usage};
use crate::{fs::hostfs::errno, sync::Arc};

type Page = Box<[u8; PAGE_SIZE as usize]>;

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
    /// By page number; a missing page is a hole.
    Memory(BTreeMap<u64, Page>),
    /// The host file that is mapped.
    Host(Arc<OwnedFd>),
}

/// Splits a byte range into pages: page number and range within the page.
fn pieces(offset: u64, length: usize) -> impl Iterator<Item = (u64, std::ops::Range<usize>)> {
    let end = offset + length as u64;
    let mut at = offset;
    std::iter::from_fn(move || {
        (at < end).then(|| {
            let (page, start) = (at / PAGE_SIZE, at % PAGE_SIZE);
            let part = (PAGE_SIZE - start).min(end - at);
            at += part;
            (page, start as usize..(start + part) as usize)
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

    /// Fills `buffer` from `offset` on; returns less than its length at the end of the file.
    ///
    /// # Errors
    /// Those of the host.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        let length = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = &mut buffer[..length];
        match &self.pages {
            Pages::Memory(pages) => {
                let mut done = 0;
                for (number, range) in pieces(offset, length) {
                    let part = range.len();
                    match pages.get(&number) {
                        Some(page) => buffer[done..done + part].copy_from_slice(&page[range]),
                        None => buffer[done..done + part].fill(0),
                    }
                    done += part;
                }
                Ok(done)
            }
            Pages::Host(fd) => rustix::io::pread(&**fd, buffer, offset).map_err(errno),
        }
    }

    /// Stores `data` at `offset`, growing the file. Returns less than its length when space ran out
    /// on the way.
    ///
    /// # Errors
    /// `ENOSPC`, `EFBIG`, those of the host.
    pub fn write(&mut self, usage: &Usage, offset: u64, data: &[u8]) -> Result<usize, Errno> {
        if offset.checked_add(data.len() as u64).is_none_or(|end| end > MAX_SIZE) {
            return Err(Errno::EFBIG);
        }
        let mut done = 0;
        match &mut self.pages {
            Pages::Memory(pages) => {
                for (number, range) in pieces(offset, data.len()) {
                    let page = match pages.entry(number) {
                        std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                        std::collections::btree_map::Entry::Vacant(entry) => {
                            if !usage.charge(1) {
                                break;
                            }
                            self.charged += 1;
                            entry.insert(Box::new([0; PAGE_SIZE as usize]))
                        }
                    };
                    let part = range.len();
                    page[range].copy_from_slice(&data[done..done + part]);
                    done += part;
                }
            }
            Pages::Host(fd) => {
                // How many pages are new is known only afterwards; what may be too much is not begun.
                if !usage.has_room((data.len() as u64).div_ceil(PAGE_SIZE)) {
                    return Err(Errno::ENOSPC);
                }
                done = rustix::io::pwrite(&**fd, data, offset).map_err(errno)?;
                self.recount(usage)?;
            }
        }
        if done == 0 && !data.is_empty() {
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
            Pages::Memory(pages) => {
                let cut = pages.split_off(&size.div_ceil(PAGE_SIZE)).len() as u64;
                usage.release(cut);
                self.charged -= cut;
                if let Some(page) = pages.get_mut(&(size / PAGE_SIZE)) {
                    page[(size % PAGE_SIZE) as usize..].fill(0);
                }
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
            Pages::Memory(pages) => {
                let end = offset.saturating_add(length);
                let touched: Vec<u64> =
                    pages.range(offset / PAGE_SIZE..end.div_ceil(PAGE_SIZE)).map(|(n, _)| *n).collect();
                for number in touched {
                    let start = number * PAGE_SIZE;
                    if offset <= start && start + PAGE_SIZE <= end {
                        pages.remove(&number);
                        usage.release(1);
                        self.charged -= 1;
                    } else if let Some(page) = pages.get_mut(&number) {
                        let from = offset.saturating_sub(start) as usize;
                        let to = (end - start).min(PAGE_SIZE) as usize;
                        page[from..to].fill(0);
                    }
                }
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
            Pages::Memory(pages) => {
                let mut number = offset / PAGE_SIZE;
                if hole {
                    for (present, _) in pages.range(number..) {
                        if *present != number {
                            break;
                        }
                        number += 1;
                    }
                } else {
                    number = *pages.range(number..).next().ok_or(Errno::ENXIO)?.0;
                    if number * PAGE_SIZE >= self.size {
                        return Err(Errno::ENXIO);
                    }
                }
                Ok((number * PAGE_SIZE).clamp(offset, self.size))
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
        for (number, page) in pages.iter() {
            let mut done = 0;
            while done < page.len() {
                done += rustix::io::pwrite(&fd, &page[done..], number * PAGE_SIZE + done as u64).map_err(errno)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(content: &Content) -> Vec<u8> {
        let mut buffer = vec![1; content.size() as usize + 10];
        let got = content.read(0, &mut buffer).unwrap();
        buffer.truncate(got);
        buffer
    }

    #[test]
    fn sparse_writes_leave_holes() {
        for host in [false, true] {
            let usage = Usage::new(100, 100);
            let mut content = Content::new();
            if host {
                content.host_file(&usage).unwrap();
            }
            assert_eq!(content.write(&usage, 10_000, b"abc"), Ok(3));
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
            content.write(&usage, 0, &[7; 6000]).unwrap();
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
            content.write(&usage, 0, &[7; 3 * 4096]).unwrap();
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
        assert_eq!(content.write(&usage, 0, &[1; 3 * 4096]), Ok(2 * 4096));
        assert_eq!(content.write(&usage, 2 * 4096, b"x"), Err(Errno::ENOSPC));
        content.release(&usage);
        assert_eq!(usage.used_pages(), 0);
    }

    #[test]
    fn offsets_beyond_the_largest_size_are_refused() {
        let usage = Usage::new(100, 100);
        let mut content = Content::new();
        assert_eq!(content.write(&usage, MAX_SIZE, b"x"), Err(Errno::EFBIG));
        assert_eq!(content.resize(&usage, u64::MAX), Err(Errno::EFBIG));
        content.resize(&usage, MAX_SIZE).unwrap();
        assert_eq!(content.seek(0, false), Err(Errno::ENXIO));
    }
}
