//! Entries of a directory.

use std::collections::{BTreeMap, HashMap};

use lazaret_snapshot::Snapshot;

use super::inode::TmpInode;
use crate::{fs::inode::DirSink, sync::Arc};

/// Entries by name, and in the order they were made, which is the order of reading. An entry keeps
/// its position for life, so readers miss none and see none twice.
#[derive(Snapshot)]
pub struct Directory {
    by_name: HashMap<Arc<[u8]>, Entry>,
    by_position: BTreeMap<u64, Arc<[u8]>>,
    next_position: u64,
    /// rmdir(2) was called: nothing can be made in it any more.
    pub removed: bool,
}

#[derive(Snapshot)]
struct Entry {
    position: u64,
    inode: Arc<TmpInode>,
}

impl Directory {
    /// An empty directory.
    pub fn new() -> Directory {
        Directory { by_name: HashMap::new(), by_position: BTreeMap::new(), next_position: 1, removed: false }
    }

    /// The inode of an entry.
    pub fn get(&self, name: &[u8]) -> Option<&Arc<TmpInode>> {
        self.by_name.get(name).map(|entry| &entry.inode)
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// There are no entries.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Sets an entry; one of that name is replaced, keeps its position, and its inode is returned.
    pub fn set(&mut self, name: &[u8], inode: Arc<TmpInode>) -> Option<Arc<TmpInode>> {
        if let Some(entry) = self.by_name.get_mut(name) {
            return Some(std::mem::replace(&mut entry.inode, inode));
        }
        let (name, position): (Arc<[u8]>, u64) = (name.into(), self.next_position);
        self.next_position += 1;
        self.by_position.insert(position, name.clone());
        self.by_name.insert(name, Entry { position, inode });
        None
    }

    /// Removes an entry.
    pub fn remove(&mut self, name: &[u8]) -> Option<Arc<TmpInode>> {
        let entry = self.by_name.remove(name)?;
        self.by_position.remove(&entry.position);
        Some(entry.inode)
    }

    /// Gives the entries after position `from` to `sink` until it is full.
    pub fn list(&self, from: u64, sink: &mut dyn DirSink) {
        for (position, name) in self.by_position.range(from.saturating_add(1)..) {
            let Some(entry) = self.by_name.get(name) else { continue };
            if !sink.entry(name, entry.inode.number(), entry.inode.file_kind(), *position) {
                return;
            }
        }
    }

    /// Takes all entries out.
    pub fn drain(&mut self) -> impl Iterator<Item = Arc<TmpInode>> {
        self.by_position.clear();
        self.by_name.drain().map(|(_, entry)| entry.inode)
    }
}
