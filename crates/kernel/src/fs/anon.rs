//! Files without a path: pipes, sockets, eventfds, memfds and the like.

use std::any::Any;

use lazaret_abi::{errno::Errno, mount::magic};
use lazaret_snapshot::{Context, Snapshot};

use super::{
    file::{File, FileOps},
    inode::{Attributes, FileKind, FsStatistics, Inode, NewAttributes, SetAttributes},
    vfs::{
        Location,
        dentry::Dentry,
        mount::{Mount, SuperBlock},
    },
};
use crate::{
    sync::{Arc, AtomicU64, Mutex, OnceLock, Ordering},
    task::Task,
};

/// Device number that files without a path show.
const DEVICE: u64 = 0xe;

static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

/// A number no other file without a path has.
pub fn next_inode_number() -> u64 {
    NEXT_NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// What an inode without a path stands for, if it can be opened again through `/proc/PID/fd`.
pub trait Reopen: Any + Send + Sync {
    /// Operations of a new open file.
    ///
    /// # Errors
    /// Those of open(2).
    fn reopen(self: Arc<Self>, flags: u32) -> Result<Box<dyn FileOps>, Errno>;
}

/// An inode that has attributes and nothing else.
#[derive(Snapshot)]
#[snapshot(attach = AnonInode::restored)]
pub struct AnonInode {
    attributes: Mutex<Attributes>,
    kind: FileKind,
    object: Option<Arc<dyn Reopen>>,
}

impl AnonInode {
    /// New inodes get other numbers than restored ones have.
    fn restored(this: &Arc<AnonInode>, _context: &Context) -> lazaret_snapshot::Result<()> {
        NEXT_NUMBER.fetch_max(this.attributes.lock().inode.saturating_add(1), Ordering::Relaxed);
        Ok(())
    }

    /// An inode owned by the calling task.
    pub fn new(kind: FileKind, permissions: u32) -> Arc<AnonInode> {
        AnonInode::numbered(next_inode_number(), kind, permissions, None)
    }

    fn numbered(inode: u64, kind: FileKind, permissions: u32, object: Option<Arc<dyn Reopen>>) -> Arc<AnonInode> {
        let (uid, gid) = Task::try_current().map_or((0, 0), |task| {
            let creds = task.creds();
            (creds.fsuid, creds.fsgid)
        });
        let owner = NewAttributes { permissions, uid, gid };
        let attributes = Attributes { btime: None, ..Attributes::fresh(DEVICE, inode, kind, &owner) };
        Arc::new(AnonInode { attributes: Mutex::new(attributes), kind, object })
    }
}

impl Inode for AnonInode {
    fn attributes(&self) -> Result<Attributes, Errno> {
        Ok(*self.attributes.lock())
    }

    fn kind(&self) -> FileKind {
        self.kind
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<(), Errno> {
        if change.size.is_some() {
            return Err(Errno::EINVAL);
        }
        change.apply(&mut self.attributes.lock());
        Ok(())
    }

    fn open(self: Arc<Self>, flags: u32) -> Result<Box<dyn FileOps>, Errno> {
        self.object.clone().ok_or(Errno::ENXIO)?.reopen(flags)
    }

    fn statistics(&self) -> Result<FsStatistics, Errno> {
        let magic = match self.kind {
            FileKind::Fifo => magic::PIPEFS_MAGIC,
            FileKind::Socket => magic::SOCKFS_MAGIC,
            _ => magic::ANON_INODE_FS_MAGIC,
        };
        Ok(FsStatistics { magic, block_size: 4096, name_max: 255, ..FsStatistics::default() })
    }
}

/// The place of an inode that has no path; `name` is what `/proc/PID/fd` shows.
pub fn anonymous_location(inode: Arc<dyn Inode>, name: &[u8]) -> Location {
    static MOUNT: OnceLock<Arc<Mount>> = OnceLock::new();
    let mount = MOUNT.get_or_init(|| {
        let root: Arc<dyn Inode> = AnonInode::numbered(0, FileKind::Directory, 0o500, None);
        Mount::internal(SuperBlock::new("anon_inodefs", "anon_inodefs", "", root))
    });
    Location { mount: mount.clone(), dentry: Dentry::root(inode, name) }
}

/// A file of the kind that shows as `anon_inode:[eventfd]`. `flags` are those of open(2).
pub fn anonymous_file(name: &str, ops: Box<dyn FileOps>, flags: u32) -> Arc<File> {
    let inode = AnonInode::new(FileKind::Anonymous, 0o600);
    File::new(ops, anonymous_location(inode, format!("anon_inode:{name}").as_bytes()), flags)
}

/// The place of a namespace with this number, which shows as `mnt:[7]`.
pub fn namespace_location(name: &str, number: u64, namespace: Arc<dyn Reopen>) -> Location {
    let inode = AnonInode::numbered(number, FileKind::Regular, 0o444, Some(namespace));
    inode.attributes.lock().uid = 0;
    inode.attributes.lock().gid = 0;
    anonymous_location(inode, format!("{name}:[{number}]").as_bytes())
}

/// The place of a pipe or socket, which shows as `pipe:[7]`; `object` is what opening it through
/// `/proc/PID/fd` leads to.
pub fn numbered_location(prefix: &str, kind: FileKind, permissions: u32, object: Option<Arc<dyn Reopen>>) -> Location {
    let number = next_inode_number();
    let inode = AnonInode::numbered(number, kind, permissions, object);
    anonymous_location(inode, format!("{prefix}:[{number}]").as_bytes())
}
