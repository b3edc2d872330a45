//! Listing directories of an overlay.

use std::collections::HashSet;

use lazaret_abi::errno::Errno;

use super::{OverlayInode, is_whiteout};
use crate::{
    fs::{
        file::{File, FileOps},
        hostfs::{Entry, HostInode, Listing},
        inode::{DirSink, FileKind, Inode},
    },
    sync::{Arc, Mutex},
    uio::Sink,
};

/// All entries that a directory shows: those of the upper layer, and those of the lower one that the
/// upper does not hide.
pub fn merged(directory: &OverlayInode) -> Result<Arc<Listing>, Errno> {
    let [upper, lower] = directory.layers();
    let mut shown = Listing::default();
    let mut hidden = HashSet::new();
    if let Some(upper) = upper {
        for entry in entries(&*upper)?.from(0) {
            let whiteout = entry.kind == FileKind::CharDevice && is_whiteout(&*upper.lookup(entry.name)?)?;
            if !whiteout {
                shown.push(Entry { inode: directory.shown_number(entry.inode), ..entry });
            }
            if lower.is_some() {
                hidden.insert(entry.name.to_vec());
            }
        }
    }
    let Some(lower) = lower else { return Ok(Arc::new(shown)) };
    let below = entries(&*lower)?;
    if hidden.is_empty() {
        return Ok(below);
    }
    below.from(0).filter(|entry| !hidden.contains(entry.name)).for_each(|entry| shown.push(entry));
    Ok(Arc::new(shown))
}

/// The entries of one layer.
pub fn entries(layer: &dyn Inode) -> Result<Arc<Listing>, Errno> {
    if let Some(host) = layer.downcast_ref::<HostInode>() {
        return host.listing();
    }
    let mut listing = Listing::default();
    layer.read_dir(0, &mut listing)?;
    Ok(Arc::new(listing))
}

/// An open directory. Its entries are collected when reading starts and again after a rewind, so
/// positions stay valid while entries come and go.
pub struct OverlayDirectory {
    inode: Arc<OverlayInode>,
    entries: Mutex<Option<Arc<Listing>>>,
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
            entries.emit(from, sink);
        }
        Ok(())
    }

    fn sync(&self, _file: &File, _data_only: bool) -> Result<(), Errno> {
        Ok(())
    }
}
