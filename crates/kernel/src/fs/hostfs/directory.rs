//! Listing host directories.

use std::{mem::MaybeUninit, os::fd::BorrowedFd};

use lazaret_abi::errno::Errno;
use rustix::fs::{FileType, RawDir, SeekFrom};

use super::errno;
use crate::fs::inode::{DirSink, FileKind};

/// The entries of a directory, in few pieces of memory.
#[derive(Debug, Default)]
pub struct Listing {
    /// All names, one after another.
    names: Vec<u8>,
    entries: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    inode: u64,
    /// Where the name ends; it starts where the one before ends.
    end: usize,
    kind: FileKind,
}

/// An entry of a directory.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Inode number.
    pub inode: u64,
    /// Type.
    pub kind: FileKind,
}

impl Listing {
    /// Adds an entry.
    pub fn push(&mut self, entry: Entry<'_>) {
        self.names.extend_from_slice(entry.name);
        self.entries.push(Slot { inode: entry.inode, end: self.names.len(), kind: entry.kind });
    }

    /// There is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of memory that it takes, about.
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.names.capacity() + self.entries.capacity() * size_of::<Slot>()
    }

    /// The entries from position `from` on; positions are indices.
    pub fn from(&self, from: u64) -> impl Iterator<Item = Entry<'_>> {
        let first = usize::try_from(from).unwrap_or(usize::MAX).min(self.entries.len());
        let mut start = first.checked_sub(1).map_or(0, |before| self.entries[before].end);
        self.entries[first..].iter().map(move |slot| {
            let name = &self.names[start..slot.end];
            start = slot.end;
            Entry { name, inode: slot.inode, kind: slot.kind }
        })
    }

    /// Gives the entries from position `from` on to a sink.
    pub fn emit(&self, from: u64, sink: &mut dyn DirSink) {
        for (entry, next) in self.from(from).zip(from.saturating_add(1)..) {
            if !sink.entry(entry.name, entry.inode, entry.kind, next) {
                break;
            }
        }
    }
}

impl<'a> Extend<Entry<'a>> for Listing {
    fn extend<I: IntoIterator<Item = Entry<'a>>>(&mut self, entries: I) {
        entries.into_iter().for_each(|entry| self.push(entry));
    }
}

/// Collects what another file system lists.
impl DirSink for Listing {
    fn entry(&mut self, name: &[u8], inode: u64, kind: FileKind, _next: u64) -> bool {
        self.push(Entry { name, inode, kind });
        true
    }
}

/// All entries of an open directory, without `.` and `..`. Moves the descriptor's position.
pub fn list(directory: BorrowedFd<'_>) -> Result<Listing, Errno> {
    rustix::fs::seek(directory, SeekFrom::Start(0)).map_err(errno)?;
    let mut buffer = [MaybeUninit::uninit(); 32 * 1024];
    let mut listing = Listing::default();
    let mut raw = RawDir::new(directory, &mut buffer);
    while let Some(entry) = raw.next() {
        let entry = entry.map_err(errno)?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Fifo => FileKind::Fifo,
            FileType::CharacterDevice => FileKind::CharDevice,
            FileType::Directory => FileKind::Directory,
            FileType::BlockDevice => FileKind::BlockDevice,
            FileType::Symlink => FileKind::Symlink,
            FileType::Socket => FileKind::Socket,
            // A file system that does not tell is one of network or exotic kind.
            FileType::RegularFile | FileType::Unknown => FileKind::Regular,
        };
        listing.push(Entry { name, inode: entry.ino(), kind });
    }
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_goes_on_where_it_stopped() {
        let mut listing = Listing::default();
        for (name, inode) in [("a", 1), ("", 2), ("ccc", 3)] {
            listing.push(Entry { name: name.as_bytes(), inode, kind: FileKind::Regular });
        }
        let names = |from| listing.from(from).map(|entry| (entry.name, entry.inode)).collect::<Vec<_>>();
        assert_eq!(names(0), [(&b"a"[..], 1), (b"", 2), (b"ccc", 3)]);
        assert_eq!(names(2), [(&b"ccc"[..], 3)]);
        assert_eq!(names(3), []);
        assert_eq!(names(u64::MAX), []);
    }
}
