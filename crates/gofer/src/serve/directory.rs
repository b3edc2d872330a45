//! Listing of directories.

use std::{mem::MaybeUninit, os::fd::OwnedFd};

use lazaret_p9::{Entry, Qid, qid};
use rustix::{
    fs::{FileType, RawDir, SeekFrom, seek},
    io::{Errno, Result},
};

/// Entries of an open directory from `offset` on, at most `limit` bytes of them. `position` is where the open
/// directory stands; 0 is its start, other places are those of entries before.
pub fn read(directory: &OwnedFd, position: &mut u64, offset: u64, limit: usize) -> Result<Vec<u8>> {
    if offset != *position {
        seek(directory, SeekFrom::Start(offset))?;
        *position = offset;
    }
    let mut entries = Vec::new();
    let mut is_full = false;
    let mut buffer = [MaybeUninit::uninit(); 8 * 1024];
    let mut raw = RawDir::new(directory, &mut buffer);
    // The end is told by no entry.
    while let Some(entry) = raw.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if entries.len() + Entry::size(name) > limit {
            is_full = true;
            break;
        }
        let kind = entry.file_type();
        let qid = Qid {
            kind: match kind {
                FileType::Directory => qid::DIRECTORY,
                FileType::Symlink => qid::SYMLINK,
                _ => qid::FILE,
            },
            version: 0,
            path: entry.ino(),
        };
        *position = entry.next_entry_cookie();
        Entry { qid, offset: *position, kind: dirent_type(kind), name }.encode(&mut entries);
    }
    // What the host has given beyond what there was room for.
    if is_full {
        seek(directory, SeekFrom::Start(*position))?;
        if entries.is_empty() {
            return Err(Errno::INVAL);
        }
    }
    Ok(entries)
}

/// `d_type`.
fn dirent_type(kind: FileType) -> u8 {
    match kind {
        FileType::Unknown => 0,
        FileType::RegularFile => 8,
        FileType::Directory => 4,
        FileType::Symlink => 10,
        FileType::Fifo => 1,
        FileType::CharacterDevice => 2,
        FileType::BlockDevice => 6,
        FileType::Socket => 12,
    }
}
