//! Overlay: a writable layer above a tree that is never written.
//!
//! As in Linux's overlayfs, the upper layer is an ordinary tree (a tmpfs of the sandbox): what is
//! changed is copied up first, and a removed lower name leaves a whiteout, a character device 0:0,
//! in the upper directory. Unlike there, which lower directory an upper one continues is kept in
//! a table rather than in attributes, so directories can be renamed as on any other file system.

mod copy;
mod directory;
mod inode;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use lazaret_abi::errno::Errno;

pub use self::inode::OverlayInode;
use super::inode::{Attributes, Inode};
use crate::sync::{Arc, Mutex, Weak};

/// An overlay file system.
pub struct OverlayFs {
    /// `st_dev` of everything in it but what lies on further devices of the lower tree.
    device: u64,
    /// Device of the lower tree's root.
    lower_device: u64,
    /// Where copies of upper inodes come from, by upper inode number.
    origins: Mutex<HashMap<u64, Origin>>,
    /// Inodes in use, by the identity of the upper or lower inode that they show.
    inodes: Mutex<HashMap<usize, Weak<OverlayInode>>>,
    /// The lower tree does not change by itself.
    cacheable: bool,
    /// Held while the tree changes: by copying up, making, removing and renaming.
    change: Mutex<()>,
}

/// Device and inode number, as the application sees them.
#[derive(Clone, Copy)]
struct Identity {
    device: u64,
    inode: u64,
}

/// Bit in the number of an inode that was made in the upper layer, whose own numbers are not apart from those of the
/// lower layer. Numbers of the host are below it.
const UPPER: u64 = 1 << 62;

/// What an upper inode was copied from.
#[derive(Clone)]
struct Origin {
    /// What the application has seen, and goes on seeing.
    shown: Identity,
    /// The lower directory whose entries show through, for directories.
    lower: Option<Arc<dyn Inode>>,
}

impl OverlayFs {
    /// An overlay of `upper`, an empty writable directory, over `lower`; returns its root. `device` is
    /// its device number.
    ///
    /// # Errors
    /// Those of reading the attributes of either.
    pub fn new_root(upper: Arc<dyn Inode>, lower: Arc<dyn Inode>, device: u64) -> Result<Arc<OverlayInode>, Errno> {
        let below = lower.attributes()?;
        let fs = Arc::new(OverlayFs {
            device,
            lower_device: below.device,
            cacheable: lower.cacheable(),
            origins: Mutex::default(),
            inodes: Mutex::default(),
            change: Mutex::default(),
        });
        let origin = Origin { shown: fs.shown_lower(&below), lower: Some(lower.clone()) };
        fs.origins.lock().insert(upper.attributes()?.inode, origin);
        copy::copy_attributes(&*lower, &*upper)?;
        OverlayInode::new(&fs, Some(upper), Some(lower), None)
    }

    /// What is shown for a lower inode.
    fn shown_lower(&self, lower: &Attributes) -> Identity {
        let device = if lower.device == self.lower_device { self.device } else { lower.device };
        Identity { device, inode: lower.inode }
    }

    /// What is shown for the upper inode of this number.
    fn shown_upper(&self, upper: u64) -> Identity {
        let origins = self.origins.lock();
        origins.get(&upper).map_or(Identity { device: self.device, inode: UPPER | upper }, |origin| origin.shown)
    }
}

/// Identity of an inode object.
fn identity(inode: &Arc<dyn Inode>) -> usize {
    Arc::as_ptr(inode).cast::<u8>().addr()
}

/// The entry hides a lower one of its name.
fn is_whiteout(inode: &dyn Inode) -> Result<bool, Errno> {
    use super::inode::FileKind;
    Ok(inode.kind() == FileKind::CharDevice && inode.attributes()?.rdev == 0)
}
