//! Building blocks of file systems whose content the kernel makes up: proc, sys, dev.

mod directory;
mod file;

pub use self::{
    directory::{Entries, PseudoDirectory, StaticDirectory},
    file::{Content, PseudoFile, PseudoLink},
};

use lazaret_abi::{errno::Errno, mount::magic};

use super::inode::{Attributes, FileKind, FsStatistics, Timestamp};
use crate::sync::{Arc, AtomicU64, Ordering};

/// One mounted pseudo file system.
pub struct PseudoFs {
    /// `st_dev`.
    device: u64,
    /// `f_type`.
    magic: u64,
    next: AtomicU64,
    /// When it was mounted: the times of its files.
    mounted: Timestamp,
}

impl PseudoFs {
    /// A file system with this device number and this `f_type`.
    pub fn new(device: u64, magic: u64) -> Arc<PseudoFs> {
        Arc::new(PseudoFs { device, magic, next: AtomicU64::new(1), mounted: Timestamp::now() })
    }

    /// `st_dev`.
    pub fn device(&self) -> u64 {
        self.device
    }

    /// It is a procfs.
    pub fn is_proc(&self) -> bool {
        self.magic == magic::PROC_SUPER_MAGIC
    }

    /// Why nothing can be made in its directories: a name that is not there cannot even be asked for in procfs.
    pub fn creation_error(&self) -> Errno {
        if self.is_proc() { Errno::ENOENT } else { Errno::EPERM }
    }

    /// A fresh inode number.
    pub fn new_number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Statistics for statfs(2): nothing is stored.
    pub fn statistics(&self) -> FsStatistics {
        FsStatistics { magic: self.magic, block_size: 4096, name_max: 255, ..FsStatistics::default() }
    }

    /// Attributes of a file.
    pub fn attributes(&self, node: &NodeAttributes, kind: FileKind) -> Attributes {
        Attributes {
            device: self.device,
            inode: node.number,
            kind,
            permissions: node.permissions,
            links: if kind == FileKind::Directory { 2 } else { 1 },
            uid: node.uid,
            gid: node.gid,
            rdev: 0,
            size: 0,
            block_size: 4096,
            blocks: 0,
            atime: self.mounted,
            mtime: self.mounted,
            ctime: self.mounted,
            btime: None,
        }
    }
}

/// What differs between the files of a pseudo file system.
#[derive(Clone, Copy, Debug)]
pub struct NodeAttributes {
    /// Inode number.
    pub number: u64,
    /// Permission bits.
    pub permissions: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl NodeAttributes {
    /// A file of root with a fresh number.
    pub fn new(fs: &PseudoFs, permissions: u32) -> NodeAttributes {
        NodeAttributes { number: fs.new_number(), permissions, uid: 0, gid: 0 }
    }
}
