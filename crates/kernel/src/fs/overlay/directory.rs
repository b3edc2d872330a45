//! Listing directories of an overlay.

use std::collections::HashSet;

use lazaret_abi::errno::Errno;

use super::{OverlayInode, is_whiteout};
use crate::{
    fs::{
        file::{File, FileOps},
        hostfs::{Entry, emit},
        inode::{DirSink, FileKind},
    },
    sync::{Arc, Mutex},
    uio::Sink,
};

/// Collects the entries of one layer.
#[derive(Default)]
pub struct Names {
    /// The entries.
    pub entries: Vec<Entry>,
}

impl DirSink for Names {
    fn entry(&mut self, name: &[u8], inode: u64, kind: FileKind, _next: u64) -> bool {
        self.entries.push(Entry { name: name.to_vec(), inode, kind });
        true
    }
}

/// All entries that a directory shows: those of the upper layer, and those of the lower one that the
/// upper does not hide.
pub fn merged(directory: &OverlayInode) -> Result<Vec<Entry>, Errno> {
    let (upper, lower) = directory.layers();
    let mut shown = Vec::new();
    let mut hidden = HashSet::new();
    if let Some(upper) = upper {
        let mut names = Names::default();
        upper.read_dir(0, &mut names)?;
        for entry in names.entries {
            let whiteout = entry.kind == FileKind::CharDevice && is_whiteout(&*upper.lookup(&entry.name)?)?;
            if !whiteout {
                shown.push(Entry { inode: directory.shown_number(entry.inode), ..entry.clone() });
            }
            if lower.is_some() {
                hidden.insert(entry.name);
            }
        }
    }
    if let Some(lower) = lower {
        let mut names = Names::default();
        lower.read_dir(0, &mut names)?;
        shown.extend(names.entries.into_iter().filter(|entry| !hidden.contains(&entry.name)));
    }
    Ok(shown)
}

/// An open directory. Its entries are collected when reading starts and again after a rewind, so
/// positions stay valid while entries come and go.
pub struct OverlayDirectory {
    inode: Arc<OverlayInode>,
    entries: Mutex<Option<Vec<Entry>>>,
}

impl OverlayDirectory {
    /// Operations of an open directory.
    pub fn new(inode: Arc<OverlayInode>) -> OverlayDirectory {
        OverlayDirectory { inode, entries: Mutex::new(None) }
    }
}

impl FileOps for OverlayDirectory {
    fn read(&self, _file: &File, _offset: &mut u64, _sink: &mut dyn Sink) -> Result<usize, Errno> {
        Err(Errno::EISDIR)
    }

    fn read_dir(&self, _file: &File, from: u64, sink: &mut dyn DirSink) -> Result<(), Errno> {
        let mut entries = self.entries.lock();
        if from == 0 || entries.is_none() {
            *entries = Some(merged(&self.inode)?);
        }
        if let Some(entries) = &*entries {
            emit(entries, from, sink);
        }
        Ok(())
    }

    fn sync(&self, _file: &File, _data_only: bool) -> Result<(), Errno> {
        Ok(())
    }
}
