//! Files of the host below a donated directory, or below the root of a server.
//!
//! In the first case (directfs) the sandbox process holds a descriptor of the directory, never one above it, and opens
//! entries by single names relative to it, never following links: what a name leads to is decided by the
//! kernel's own path walk. In the second it has no descriptors but those of regular files, and the gofer does the rest.
//! Only regular files, directories and symbolic links are opened; device nodes, FIFOs and sockets of the host
//! show up but lead nowhere.

mod descriptor;
mod directory;
mod handle;
mod inode;
mod keep;
mod local;
mod open;
mod remote;
mod trees;

use std::{collections::HashMap, os::fd::OwnedFd};

use lazaret_abi::errno::Errno;

use self::keep::Recent;
pub use self::{
    directory::{Entry, Listing},
    handle::{Handle, HostFile, HostSockets},
    inode::HostInode,
    trees::HostTrees,
};
use crate::{
    fs::inode::Attributes,
    sync::{Arc, AtomicUsize, Mutex, Ordering, Weak},
};

/// Most directory descriptors that one tree keeps open. Others are opened again when needed.
const MAX_OPEN_DIRECTORIES: usize = 2048;

/// A socket of the host that is bound to a name in a tree. The host's programs reach it as long as this is there.
pub struct HostBinding {
    /// The socket, which does not block.
    pub socket: OwnedFd,
    fid: remote::Fid,
}

impl HostBinding {
    /// listen(2).
    ///
    /// # Errors
    /// Those of listen(2), and of talking to the server.
    pub fn listen(&self, backlog: usize) -> Result<(), Errno> {
        self.fid.listen(u32::try_from(backlog).unwrap_or(u32::MAX))
    }
}

/// Who changes a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Others may, too, at any time: the host is asked again and again.
    ByOthers,
    /// Only those who use it here, so names lead where they led.
    Here,
    /// Nobody, as the lower layer of an overlay: what the host told once stays true.
    Never,
}

/// A tree of host files.
pub struct HostFs {
    /// `st_dev` of the tree's first file system.
    device: u64,
    /// The host's device numbers, and what the application sees for each.
    devices: Mutex<HashMap<u64, u64>>,
    /// Inodes in use, so that all names of one file lead to one inode.
    inodes: Mutex<HashMap<(u64, u64), Weak<HostInode>>>,
    /// Who changes it.
    changed: Changed,
    /// How many directories hold a descriptor.
    open_directories: AtomicUsize,
    /// Bytes that listings kept by directories take.
    kept_listings: AtomicUsize,
    /// Files that were opened lately, if nobody else changes them.
    recent: Recent,
}

impl HostFs {
    /// The tree below `root`, a directory or a single file. `device` is
    /// the device number the application sees.
    ///
    /// # Errors
    /// Those of asking for the root's attributes.
    pub fn open_tree(root: Handle, device: u64, changed: Changed) -> Result<Arc<HostInode>, Errno> {
        let fs = Arc::new(HostFs {
            device,
            devices: Mutex::new(HashMap::new()),
            inodes: Mutex::new(HashMap::new()),
            changed,
            open_directories: AtomicUsize::new(0),
            kept_listings: AtomicUsize::new(0),
            recent: Recent::default(),
        });
        HostInode::root(fs, root)
    }

    /// The device number shown for a device of the host: the tree's own for the first one, then
    /// numbers that only this tree uses.
    fn map_device(&self, host: u64) -> u64 {
        let mut devices = self.devices.lock();
        let next = devices.len() as u64;
        // The minor number of an anonymous device has 20 bits; further ones go above.
        *devices.entry(host).or_insert(self.device + (next << 32))
    }

    /// Nothing changes.
    fn is_immutable(&self) -> bool {
        self.changed == Changed::Never
    }

    /// Only this kernel changes it.
    fn is_changed_here(&self) -> bool {
        self.changed == Changed::Here
    }

    /// Others change it.
    fn is_shared(&self) -> bool {
        self.changed == Changed::ByOthers
    }

    /// What the application sees of attributes as the host has them.
    fn shown(&self, attributes: Attributes) -> Attributes {
        Attributes { device: self.map_device(attributes.device), ..attributes }
    }

    /// Room for one more open directory.
    fn may_keep_open(&self) -> bool {
        self.open_directories.load(Ordering::Relaxed) < MAX_OPEN_DIRECTORIES
    }
}

/// The kernel's errno for one of the host.
pub(crate) fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_raw(error.raw_os_error())
}

/// All that a file of the host's procfs or cgroups says.
pub(super) fn read_whole(file: &OwnedFd) -> Result<Vec<u8>, Errno> {
    // The longest, cpuinfo, takes a few hundred KiB on the largest machines.
    const LIMIT: usize = 4 << 20;
    let mut text = Vec::new();
    let mut buffer = [0; 16 * 1024];
    while text.len() < LIMIT {
        match rustix::io::pread(file, &mut buffer, text.len() as u64).map_err(errno)? {
            0 => break,
            count => text.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
    }
    Ok(text)
}
