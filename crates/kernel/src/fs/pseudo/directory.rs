//! Directories with entries made up by the kernel.

use std::collections::BTreeMap;

use lazaret_abi::errno::Errno;

use super::{NodeAttributes, PseudoFs};
use crate::{
    fs::{
        file::{File, FileOps},
        inode::{Attributes, DirSink, FileKind, FsStatistics, Inode, NewAttributes, NewNode, SetAttributes},
    },
    sync::Arc,
    uio::Sink,
};

/// An entry as it is listed: position, name, type, inode number.
pub type Listed = (u64, Vec<u8>, FileKind, u64);

/// What is in a directory.
pub trait Entries: Send + Sync {
    /// Finds an entry.
    ///
    /// # Errors
    /// `ENOENT`.
    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>, Errno>;

    /// Lists entries: a position greater than 0 that stays the same while the entry exists, the name,
    /// the type and the inode number (any non-zero number where it is not known). Ascending by
    /// position.
    ///
    /// # Errors
    /// `ESRCH`, `ENOENT` when what the directory shows is gone.
    fn list(&self) -> Result<Vec<Listed>, Errno>;

    /// Entries never change, so that lookups may be remembered.
    fn is_static(&self) -> bool {
        false
    }
}

/// A directory of a pseudo file system.
pub struct PseudoDirectory<E> {
    fs: Arc<PseudoFs>,
    attributes: NodeAttributes,
    entries: E,
}

impl<E: Entries + 'static> PseudoDirectory<E> {
    /// A directory of root, mode 0555.
    pub fn inode(fs: &Arc<PseudoFs>, entries: E) -> Arc<dyn Inode> {
        PseudoDirectory::with_attributes(fs, NodeAttributes::new(fs, 0o555), entries)
    }

    /// A directory with the given attributes.
    pub fn with_attributes(fs: &Arc<PseudoFs>, attributes: NodeAttributes, entries: E) -> Arc<dyn Inode> {
        Arc::new(PseudoDirectory { fs: fs.clone(), attributes, entries })
    }

    /// What is in it.
    pub fn entries(&self) -> &E {
        &self.entries
    }
}

impl<E: Entries + 'static> Inode for PseudoDirectory<E> {
    fn attributes(&self) -> Result<Attributes, Errno> {
        Ok(self.fs.attributes(&self.attributes, FileKind::Directory))
    }

    fn kind(&self) -> FileKind {
        FileKind::Directory
    }

    fn set_attributes(&self, _change: &SetAttributes) -> Result<(), Errno> {
        Err(Errno::EPERM)
    }

    fn create(&self, _name: &[u8], _node: NewNode<'_>, _attributes: &NewAttributes) -> Result<Arc<dyn Inode>, Errno> {
        Err(self.fs.creation_error())
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>, Errno> {
        self.entries.lookup(name)
    }

    fn cacheable(&self) -> bool {
        self.entries.is_static()
    }

    fn read_dir(&self, from: u64, sink: &mut dyn DirSink) -> Result<(), Errno> {
        for (position, name, kind, number) in self.entries.list()? {
            if position > from && !sink.entry(&name, number, kind, position) {
                break;
            }
        }
        Ok(())
    }

    fn open(self: Arc<Self>, _flags: u32) -> Result<Box<dyn FileOps>, Errno> {
        Ok(Box::new(OpenPseudoDirectory { directory: self }))
    }

    fn is_generated(&self) -> bool {
        true
    }

    fn statistics(&self) -> Result<FsStatistics, Errno> {
        Ok(self.fs.statistics())
    }
}

struct OpenPseudoDirectory {
    directory: Arc<dyn Inode>,
}

impl FileOps for OpenPseudoDirectory {
    fn read(&self, _file: &File, _offset: &mut u64, _sink: &mut dyn Sink) -> Result<usize, Errno> {
        Err(Errno::EISDIR)
    }

    fn read_dir(&self, _file: &File, from: u64, sink: &mut dyn DirSink) -> Result<(), Errno> {
        self.directory.read_dir(from, sink)
    }
}

/// Entries that never change.
#[derive(Default)]
pub struct StaticDirectory {
    entries: BTreeMap<Vec<u8>, Arc<dyn Inode>>,
}

impl StaticDirectory {
    /// No entries.
    pub fn new() -> StaticDirectory {
        StaticDirectory::default()
    }

    /// Adds an entry.
    #[must_use]
    pub fn with(mut self, name: &str, inode: Arc<dyn Inode>) -> StaticDirectory {
        self.entries.insert(name.as_bytes().to_vec(), inode);
        self
    }

    /// Adds an entry whose name is made up at run time.
    pub fn add(&mut self, name: impl Into<Vec<u8>>, inode: Arc<dyn Inode>) {
        self.entries.insert(name.into(), inode);
    }
}

impl Entries for StaticDirectory {
    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>, Errno> {
        self.entries.get(name).cloned().ok_or(Errno::ENOENT)
    }

    fn list(&self) -> Result<Vec<(u64, Vec<u8>, FileKind, u64)>, Errno> {
        let entries = self.entries.iter().zip(1..);
        entries
            .map(|((name, inode), position)| Ok((position, name.clone(), inode.kind(), inode.attributes()?.inode)))
            .collect()
    }

    fn is_static(&self) -> bool {
        true
    }
}
