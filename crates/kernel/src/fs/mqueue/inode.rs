//! Inodes of mqueue: one directory, and the queues in it.

use lazaret_abi::errno::Errno;

use super::{QUEUES_MAX, Queue, Size, Space};
use crate::{
    fs::{
        file::{File, FileOps},
        inode::{
            Attributes, DirSink, FileKind, FsStatistics, Inode, NewAttributes, NewNode, SetAttributes, Timestamp,
            read_slice,
        },
    },
    sync::{Arc, Mutex, Ordering},
    task::{
        Task,
        creds::{Creds, cap},
    },
    uio::Sink,
    wait::{Events, Poller},
};

/// Bytes that a directory's size grows by with each queue, and the size of a queue's file, as on Linux.
const ENTRY_SIZE: u64 = 20;
const FILE_SIZE: u64 = 80;

struct Entry {
    position: u64,
    name: Box<[u8]>,
    inode: Arc<QueueInode>,
}

/// The directory.
pub struct RootInode {
    space: Arc<Space>,
    attributes: Mutex<Attributes>,
    /// Ascending by position. There are few.
    entries: Mutex<Vec<Entry>>,
}

impl RootInode {
    /// An empty directory.
    pub fn new(space: Arc<Space>) -> Arc<RootInode> {
        let owner = NewAttributes { permissions: 0o1777, uid: 0, gid: 0 };
        let number = space.next_inode.fetch_add(1, Ordering::Relaxed);
        let attributes = Attributes::fresh(space.device, number, FileKind::Directory, &owner);
        Arc::new(RootInode { space, attributes: Mutex::new(attributes), entries: Mutex::default() })
    }

    /// There are no queues.
    pub fn is_empty(&self) -> bool {
        self.entries.lock().is_empty()
    }

    /// Makes a queue; `limit` is RLIMIT_MSGQUEUE.
    ///
    /// # Errors
    /// `ENOSPC` for too many queues, `EMFILE` for too large ones.
    pub fn add(
        &self,
        name: &[u8],
        owner: &NewAttributes,
        size: Size,
        creds: &Creds,
        limit: u64,
    ) -> Result<Arc<QueueInode>, Errno> {
        let mut entries = self.entries.lock();
        if entries.len() >= QUEUES_MAX && !creds.has(cap::SYS_RESOURCE) {
            return Err(Errno::ENOSPC);
        }
        let inode = self.space.new_queue(owner, size, creds, limit)?;
        let position = entries.last().map_or(1, |last| last.position + 1);
        entries.push(Entry { position, name: name.into(), inode: inode.clone() });
        drop(entries);
        self.touch();
        Ok(inode)
    }

    fn touch(&self) {
        let mut attributes = self.attributes.lock();
        let now = Timestamp::now();
        (attributes.mtime, attributes.ctime, attributes.atime) = (now, now, now);
    }
}

impl Inode for RootInode {
    fn attributes(&self) -> Result<Attributes, Errno> {
        let size = self.entries.lock().len() as u64 * ENTRY_SIZE;
        Ok(Attributes { size, ..*self.attributes.lock() })
    }

    fn kind(&self) -> FileKind {
        FileKind::Directory
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<(), Errno> {
        change.apply(&mut self.attributes.lock());
        Ok(())
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>, Errno> {
        let entries = self.entries.lock();
        let entry = entries.iter().find(|entry| *entry.name == *name).ok_or(Errno::ENOENT)?;
        Ok(entry.inode.clone())
    }

    fn create(&self, name: &[u8], node: NewNode<'_>, owner: &NewAttributes) -> Result<Arc<dyn Inode>, Errno> {
        // open(2) makes queues as well; all else is not for this directory.
        let NewNode::Node { kind: FileKind::Regular, .. } = node else { return Err(Errno::EPERM) };
        let task = Task::try_current().ok_or(Errno::ESRCH)?;
        let limit = task.group().limit(lazaret_abi::resource::limit::MSGQUEUE);
        Ok(self.add(name, owner, Size::default(), &task.creds(), limit)?)
    }

    fn unlink(&self, name: &[u8]) -> Result<(), Errno> {
        let mut entries = self.entries.lock();
        let index = entries.iter().position(|entry| *entry.name == *name).ok_or(Errno::ENOENT)?;
        let entry = entries.remove(index);
        drop(entries);
        let mut attributes = entry.inode.attributes.lock();
        (attributes.links, attributes.ctime) = (0, Timestamp::now());
        drop(attributes);
        self.touch();
        Ok(())
    }

    fn read_dir(&self, from: u64, sink: &mut dyn DirSink) -> Result<(), Errno> {
        for entry in self.entries.lock().iter().filter(|entry| entry.position > from) {
            let number = entry.inode.attributes.lock().inode;
            if !sink.entry(&entry.name, number, FileKind::Regular, entry.position) {
                break;
            }
        }
        Ok(())
    }

    fn open(self: Arc<Self>, _flags: u32) -> Result<Box<dyn FileOps>, Errno> {
        Ok(Box::new(OpenDirectory))
    }

    fn statistics(&self) -> Result<FsStatistics, Errno> {
        Ok(Space::statistics())
    }
}

/// The open directory; the inode lists itself.
struct OpenDirectory;

impl FileOps for OpenDirectory {
    fn read(&self, _file: &File, _offset: &mut u64, _sink: &mut dyn Sink) -> Result<usize, Errno> {
        Err(Errno::EISDIR)
    }

    fn sync(&self, _file: &File, _data_only: bool) -> Result<(), Errno> {
        Ok(())
    }
}

/// A queue's file.
pub struct QueueInode {
    space: Arc<Space>,
    attributes: Mutex<Attributes>,
    queue: Queue,
    /// Whom it is charged to.
    user: u32,
}

impl QueueInode {
    /// An empty queue, charged to `user` already.
    pub fn new(space: Arc<Space>, number: u64, owner: &NewAttributes, size: Size, user: u32) -> Arc<QueueInode> {
        let mut attributes = Attributes::fresh(space.device, number, FileKind::Regular, owner);
        attributes.size = FILE_SIZE;
        let queue = Queue::new(size.messages, size.bytes);
        Arc::new(QueueInode { space, attributes: Mutex::new(attributes), queue, user })
    }
}

impl Drop for QueueInode {
    fn drop(&mut self) {
        self.space.release(self.user, Size { messages: self.queue.max_messages, bytes: self.queue.message_size });
    }
}

impl Inode for QueueInode {
    fn attributes(&self) -> Result<Attributes, Errno> {
        Ok(*self.attributes.lock())
    }

    fn kind(&self) -> FileKind {
        FileKind::Regular
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<(), Errno> {
        let mut attributes = self.attributes.lock();
        // As all file systems of the simple kind, it lets the size be set, and means nothing by it.
        attributes.size = change.size.unwrap_or(attributes.size);
        change.apply(&mut attributes);
        Ok(())
    }

    fn open(self: Arc<Self>, _flags: u32) -> Result<Box<dyn FileOps>, Errno> {
        Ok(Box::new(QueueFile { inode: self }))
    }

    fn statistics(&self) -> Result<FsStatistics, Errno> {
        Ok(Space::statistics())
    }
}

/// An open queue.
pub struct QueueFile {
    inode: Arc<QueueInode>,
}

impl QueueFile {
    /// The queue.
    pub fn queue(&self) -> &Queue {
        &self.inode.queue
    }

    /// A message was sent or received: the times change as if a file was written.
    pub fn touch(&self) {
        let mut attributes = self.inode.attributes.lock();
        let now = Timestamp::now();
        (attributes.atime, attributes.mtime, attributes.ctime) = (now, now, now);
    }
}

impl FileOps for QueueFile {
    fn read(&self, _file: &File, offset: &mut u64, sink: &mut dyn Sink) -> Result<usize, Errno> {
        let task = Task::try_current().ok_or(Errno::ESRCH)?;
        read_slice(self.queue().show(task.group()).as_bytes(), offset, sink)
    }

    fn can_poll(&self) -> bool {
        true
    }

    fn poll(&self, _file: &File, poller: Option<&mut Poller>) -> Events {
        if let Some(poller) = poller {
            poller.register(self.queue().changed(), Events::READABLE | Events::WRITABLE);
        }
        self.queue().events()
    }

    fn flush(&self, _file: &File) {
        if let Some(task) = Task::try_current() {
            self.queue().ask_no_more(task.group());
        }
    }
}
