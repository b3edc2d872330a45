//! Listing host directories.

use std::{mem::MaybeUninit, os::fd::OwnedFd};

use lazaret_abi::errno::Errno;
use rustix::fs::{FileType, RawDir};

use super::errno;
use crate::fs::inode::{DirSink, FileKind};

/// An entry of a directory.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name.
    pub name: Vec<u8>,
    /// Inode number.
    pub inode: u64,
    /// Type.
    pub kind: FileKind,
}

/// All entries of an open directory, without `.` and `..`.
pub fn list(directory: &OwnedFd) -> Result<Vec<Entry>, Errno> {
    let mut buffer = [MaybeUninit::uninit(); 32 * 1024];
    let mut entries = Vec::new();
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
        entries.push(Entry { name: name.to_vec(), inode: entry.ino(), kind });
    }
    Ok(entries)
}

/// Gives the entries from position `from` on to a sink; positions are indices.
pub fn emit(entries: &[Entry], from: u64, sink: &mut dyn DirSink) {
    let start = usize::try_from(from).unwrap_or(usize::MAX).min(entries.len());
    for (entry, next) in entries[start..].iter().zip(from + 1..) {
        if !sink.entry(&entry.name, entry.inode, entry.kind, next) {
            break;
        }
    }
}
