//! mqueue: the file system of an IPC namespace's POSIX message queues; see mq_overview(7).

mod inode;
mod queue;

pub use self::{
    inode::QueueFile,
    queue::{How, Queue},
};

use std::collections::HashMap;

use lazaret_abi::errno::Errno;

use self::inode::{QueueInode, RootInode};
use super::{
    file::{File, flags},
    inode::{FsStatistics, NewAttributes},
    notify::{self, Change},
    vfs::{
        Location, Mount, PathContext, SuperBlock,
        create::{check_create, new_attributes},
        open::{open_checked, open_location},
    },
};
use crate::{
    sync::{Arc, AtomicU64, Mutex, Ordering},
    task::creds::{Creds, cap},
};

/// `f_type` of mqueue.
const MAGIC: u64 = 0x1980_0202;
/// Most queues of a namespace (`/proc/sys/fs/mqueue/queues_max`), which CAP_SYS_RESOURCE ignores.
pub const QUEUES_MAX: usize = 256;
/// Messages of a new queue, and most that one may ask for without CAP_SYS_RESOURCE.
pub const MESSAGES: usize = 10;
/// The same for bytes of a message.
pub const MESSAGE_SIZE: usize = 8192;
/// Most that anybody may ask for.
const HARD_MESSAGES: usize = 65_536;
const HARD_MESSAGE_SIZE: usize = 16 << 20;
/// What Linux counts for each message beside its bytes, and for each priority in use.
const OVERHEAD: u64 = 48;

/// The queues' space.
pub struct Space {
    device: u64,
    next_inode: AtomicU64,
    /// Bytes that the queues of each user may hold (RLIMIT_MSGQUEUE).
    charged: Mutex<HashMap<u32, u64>>,
}

/// The size of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Most messages.
    pub messages: usize,
    /// Most bytes of a message.
    pub bytes: usize,
}

impl Default for Size {
    fn default() -> Size {
        Size { messages: MESSAGES, bytes: MESSAGE_SIZE }
    }
}

impl Size {
    /// What a `struct mq_attr` asks for.
    ///
    /// # Errors
    /// `EINVAL` for nothing or for more than `creds` may have.
    pub fn new(messages: i64, bytes: i64, creds: &Creds) -> Result<Size, Errno> {
        let limits =
            if creds.has(cap::SYS_RESOURCE) { (HARD_MESSAGES, HARD_MESSAGE_SIZE) } else { (MESSAGES, MESSAGE_SIZE) };
        let number = |value: i64, limit: usize| {
            usize::try_from(value).ok().filter(|value| *value > 0 && *value <= limit).ok_or(Errno::EINVAL)
        };
        Ok(Size { messages: number(messages, limits.0)?, bytes: number(bytes, limits.1)? })
    }

    /// What counts for RLIMIT_MSGQUEUE; see getrlimit(2).
    fn charge(self) -> u64 {
        // Within the hard limits no sum overflows.
        let priorities = self.messages.min(lazaret_abi::mqueue::PRIORITIES as usize);
        (self.messages * self.bytes) as u64 + (self.messages + priorities) as u64 * OVERHEAD
    }
}

impl Space {
    fn statistics() -> FsStatistics {
        FsStatistics { magic: MAGIC, block_size: 4096, name_max: 255, ..FsStatistics::default() }
    }
}

/// The queues of an IPC namespace.
pub struct Queues {
    superblock: Arc<SuperBlock>,
    /// Where mq_open(2) finds them, mounted or not.
    mount: Arc<Mount>,
    root: Arc<RootInode>,
}

impl Default for Queues {
    fn default() -> Self {
        Self::new()
    }
}

impl Queues {
    /// No queues.
    pub fn new() -> Queues {
        let space = Arc::new(Space {
            device: SuperBlock::allocate_device(),
            next_inode: AtomicU64::new(1),
            charged: Mutex::default(),
        });
        let root = RootInode::new(space);
        let superblock = SuperBlock::new("mqueue", "mqueue", "", root.clone());
        Queues { mount: Mount::internal(superblock.clone()), superblock, root }
    }

    /// What mount(2) shows.
    pub fn superblock(&self) -> &Arc<SuperBlock> {
        &self.superblock
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.root.is_empty()
    }

    /// mq_open(2). `size` is for a new queue, `limit` RLIMIT_MSGQUEUE of the caller.
    ///
    /// # Errors
    /// Those of mq_open(2).
    pub fn open(
        &self,
        context: &PathContext,
        name: &[u8],
        (open_flags, mode): (u32, u32),
        size: impl FnOnce() -> Result<Size, Errno>,
        limit: u64,
    ) -> Result<Arc<File>, Errno> {
        check_name(name)?;
        let kept = open_flags & (flags::ACCMODE | flags::NONBLOCK);
        let directory = Location::root_of(self.mount.clone());
        let cache = &self.superblock.cache;
        let mut children = directory.dentry.lock();
        if let Some(dentry) = directory.dentry.child_locked(&mut children, name, cache)? {
            drop(children);
            if open_flags & flags::CREAT != 0 && open_flags & flags::EXCL != 0 {
                return Err(Errno::EEXIST);
            }
            if kept & flags::ACCMODE == flags::ACCMODE {
                return Err(Errno::EINVAL);
            }
            return open_location(Location { mount: self.mount.clone(), dentry }, kept, &context.creds);
        }
        if open_flags & flags::CREAT == 0 {
            return Err(Errno::ENOENT);
        }
        let size = size()?;
        check_create(&directory.dentry, &context.creds)?;
        let parent = directory.inode().attributes()?;
        let owner = new_attributes(&parent, &context.creds, mode & 0o777 & !context.umask, false);
        let inode = self.root.add(name, &owner, size, &context.creds, limit)?;
        let dentry = directory.dentry.insert(&mut children, name, inode, cache);
        drop(children);
        let location = Location { mount: self.mount.clone(), dentry };
        notify::changed_entry(&location, Change::Created);
        // Who made it may open it, whatever mode it gave.
        open_checked(location, kept)
    }

    /// mq_unlink(2).
    ///
    /// # Errors
    /// Those of mq_unlink(2).
    pub fn unlink(&self, context: &PathContext, name: &[u8]) -> Result<(), Errno> {
        check_name(name)?;
        let root = Location::root_of(self.mount.clone());
        PathContext { root: root.clone(), directory: root, ..context.clone() }.unlink(name)
    }
}

/// Names are those of entries of one directory.
fn check_name(name: &[u8]) -> Result<(), Errno> {
    match name {
        [] => Err(Errno::ENOENT),
        b"." | b".." => Err(Errno::EACCES),
        _ if name.contains(&b'/') => Err(Errno::EACCES),
        _ if name.len() > 255 => Err(Errno::ENAMETOOLONG),
        _ => Ok(()),
    }
}

impl Space {
    /// Counts a queue of `user`, who may have `limit` bytes.
    fn charge(&self, user: u32, size: Size, limit: u64) -> Result<(), Errno> {
        let mut charged = self.charged.lock();
        let sum = charged.get(&user).copied().unwrap_or(0).saturating_add(size.charge());
        if sum > limit {
            return Err(Errno::EMFILE);
        }
        charged.insert(user, sum);
        Ok(())
    }

    fn release(&self, user: u32, size: Size) {
        let mut charged = self.charged.lock();
        if let Some(sum) = charged.get_mut(&user) {
            *sum = sum.saturating_sub(size.charge());
            if *sum == 0 {
                charged.remove(&user);
            }
        }
    }

    fn new_queue(
        self: &Arc<Self>,
        owner: &NewAttributes,
        size: Size,
        creds: &Creds,
        limit: u64,
    ) -> Result<Arc<QueueInode>, Errno> {
        self.charge(creds.uid, size, limit)?;
        let number = self.next_inode.fetch_add(1, Ordering::Relaxed);
        Ok(QueueInode::new(self.clone(), number, owner, size, creds.uid))
    }
}
