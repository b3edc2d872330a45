//! Trees that are mounted more than once: volumes of several containers.

use std::collections::HashMap;

use lazaret_abi::errno::Errno;

use super::{
    Changed, HostFs, HostSockets,
    handle::{Handle, key_of},
};
use crate::{
    fs::vfs::SuperBlock,
    sync::{Arc, Mutex, Weak},
};

/// Device and inode of a root, whether the host lets us write there, whether others change it, and what may be done with
/// sockets: by the mount of another container none gets more than by its own.
type TreeId = (u64, u64, bool, bool, HostSockets);

/// The trees of host files that are in use, so that a volume of two containers is one object: locks,
/// sockets, FIFOs and watches in it are seen by both.
#[derive(Default)]
pub struct HostTrees {
    open: Mutex<HashMap<TreeId, Weak<SuperBlock>>>,
}

impl HostTrees {
    /// The tree below what the gofer has handed over: the one that is in use already, if it lets us do as much.
    /// `is_exclusive` promises that nobody else changes it.
    ///
    /// # Errors
    /// Those of asking for the root's attributes.
    pub fn open(&self, root: Handle, is_exclusive: bool) -> Result<Arc<SuperBlock>, Errno> {
        let (device, inode) = key_of(&root.attributes(c"")?);
        let is_writable = !root.is_read_only()?;
        let sockets = root.sockets();
        let mut open = self.open.lock();
        open.retain(|_, tree| tree.strong_count() > 0);
        // A writable one serves for reading too: each mount has its own read-only flag.
        let known = [true, is_writable]
            .map(|writable| open.get(&(device, inode, writable, is_exclusive, sockets)).and_then(Weak::upgrade));
        // One whose server has died is of no use to others.
        let lives = |tree: &Arc<SuperBlock>| tree.root().inode().attributes().is_ok();
        if let Some(known) = known.into_iter().flatten().find(lives) {
            return Ok(known);
        }
        let changed = match (is_exclusive, is_writable) {
            (false, _) => Changed::ByOthers,
            (true, true) => Changed::Here,
            (true, false) => Changed::Never,
        };
        let tree = HostFs::open_tree(root, SuperBlock::allocate_device(), changed)?;
        let tree = SuperBlock::new("hostfs", "host", "", tree);
        open.insert((device, inode, is_writable, is_exclusive, sockets), Arc::downgrade(&tree));
        Ok(tree)
    }
}
