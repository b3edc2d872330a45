//! Shared memory segments; see shmat(2).

use std::{fmt, os::fd::OwnedFd};

use lazaret_abi::{
    errno::Errno,
    ipc::{PRIVATE, SHM_DEST, ShmIdDs},
};

use super::{IpcNamespace, permission::Permission, table::Keyed};
use crate::{
    fs::{
        anon,
        file::{File, FileOps, flags},
        inode::{FileKind, HostMapping, Timestamp},
    },
    sync::{Arc, Mutex, MutexGuard, Weak},
    task::Task,
};

/// What the lock of a segment guards.
pub struct State {
    /// Owner and mode.
    pub permission: Permission,
    attach_time: i64,
    detach_time: i64,
    change_time: i64,
    creator: i32,
    last: i32,
    attached: u64,
    /// IPC_RMID: it goes with its last attachment.
    doomed: bool,
}

/// A segment of memory. Processes are named by their number in the root namespace.
pub struct Segment {
    key: i32,
    size: u64,
    memory: Arc<OwnedFd>,
    namespace: Weak<IpcNamespace>,
    state: Mutex<State>,
}

impl Keyed for Segment {
    fn key(&self) -> i32 {
        // A new segment may have the key already.
        if self.state.lock().doomed { PRIVATE } else { self.key }
    }
}

impl Segment {
    /// A segment of zeros, made by `creator`.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new(
        namespace: &Arc<IpcNamespace>,
        permission: Permission,
        size: u64,
        creator: i32,
    ) -> Result<Segment, Errno> {
        let failed = |_| Errno::ENOMEM;
        let memory = rustix::fs::memfd_create("SYSV", rustix::fs::MemfdFlags::CLOEXEC).map_err(failed)?;
        rustix::fs::ftruncate(&memory, size).map_err(failed)?;
        let state = State {
            permission,
            attach_time: 0,
            detach_time: 0,
            change_time: Timestamp::now().seconds,
            creator,
            last: 0,
            attached: 0,
            doomed: false,
        };
        let (memory, namespace) = (Arc::new(memory), Arc::downgrade(namespace));
        Ok(Segment { key: permission.key, size, memory, namespace, state: Mutex::new(state) })
    }

    /// The state, locked.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// IPC_STAT. `number` turns process ids into those of who asks.
    pub fn show(&self, number: impl Fn(i32) -> i32) -> ShmIdDs {
        let state = self.state.lock();
        let mut perm = state.permission.show();
        if state.doomed {
            perm.mode |= SHM_DEST;
            perm.key = PRIVATE;
        }
        ShmIdDs {
            perm,
            size: self.size,
            attach_time: state.attach_time,
            detach_time: state.detach_time,
            change_time: state.change_time,
            creator_pid: number(state.creator),
            last_pid: number(state.last),
            attached: state.attached,
            ..ShmIdDs::default()
        }
    }

    /// IPC_SET.
    ///
    /// # Errors
    /// As [`Permission::set`].
    pub fn set(&self, new: &ShmIdDs) -> Result<(), Errno> {
        let mut state = self.state.lock();
        state.permission.set(&new.perm)?;
        state.change_time = Timestamp::now().seconds;
        Ok(())
    }

    /// IPC_RMID. Returns whether it goes at once.
    pub fn doom(&self) -> bool {
        let mut state = self.state.lock();
        state.doomed = true;
        state.attached == 0
    }

    /// An open file whose mappings are attachments of the segment.
    pub fn open(self: &Arc<Self>, writable: bool) -> Arc<File> {
        let name = format!("/SYSV{:08x} (deleted)", self.key);
        let inode = anon::AnonInode::new(FileKind::Regular, self.state.lock().permission.mode);
        let location = anon::anonymous_location(inode, name.as_bytes());
        let access = if writable { flags::RDWR } else { flags::RDONLY };
        File::new(Box::new(SegmentFile { segment: self.clone() }), location, access)
    }
}

struct SegmentFile {
    segment: Arc<Segment>,
}

impl FileOps for SegmentFile {
    fn host_mapping(&self, _file: &File, _writable: bool) -> Result<HostMapping, Errno> {
        Ok(HostMapping { fd: self.segment.memory.clone(), writable: true, lasting: false })
    }

    fn attachment(&self) -> Option<Attachment> {
        Some(Attachment::new(&self.segment))
    }
}

/// Counts an area of memory that shows a segment: each copy of it is one more area.
pub struct Attachment {
    segment: Arc<Segment>,
}

impl Attachment {
    fn new(segment: &Arc<Segment>) -> Attachment {
        let mut state = segment.state.lock();
        state.attached += 1;
        state.attach_time = Timestamp::now().seconds;
        state.last = caller();
        Attachment { segment: segment.clone() }
    }

    /// The segment.
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }
}

/// The process that does something, by its number in the root namespace.
fn caller() -> i32 {
    Task::try_current().map_or(0, |task| task.group().id())
}

impl Clone for Attachment {
    fn clone(&self) -> Attachment {
        self.segment.state.lock().attached += 1;
        Attachment { segment: self.segment.clone() }
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attachment({:#x})", self.segment.key)
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        let mut state = self.segment.state.lock();
        state.attached = state.attached.saturating_sub(1);
        let last = state.doomed && state.attached == 0;
        drop(state);
        if last && let Some(namespace) = self.segment.namespace.upgrade() {
            namespace.segments.lock().remove(&self.segment);
        }
    }
}

impl Segment {
    /// shmdt(2), or the end of a process that had it attached.
    pub fn detached(&self) {
        let mut state = self.state.lock();
        state.detach_time = Timestamp::now().seconds;
        state.last = caller();
    }
}
