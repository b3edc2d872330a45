//! Open files (open file descriptions in the words of POSIX).

use std::{
    any::Any,
    ops::{Deref, DerefMut},
};

use lazaret_abi::errno::Errno;
use lazaret_snapshot::{Context, Snapshot};

use super::{
    busy,
    inode::{Attributes, DirSink, FileKind, HostMapping, Inode},
    lock,
    notify::{self, Change},
    sigio::{DirectoryNotice, SharedOwner, Teller},
};
use crate::{
    boot::Kernel,
    checkpoint,
    ipc::shared::Attachment,
    sync::{Arc, AtomicU32, Mutex, MutexGuard, Ordering},
    task::Current,
    uaddr::UserAddr,
    uio::{Sink, Source},
    wait::{Events, Poller},
};

/// Flags of open(2) as numbers of x86_64.
pub mod flags {
    #![allow(missing_docs, reason = "the names are open(2)'s")]
    pub const ACCMODE: u32 = 0o3;
    pub const RDONLY: u32 = 0;
    pub const WRONLY: u32 = 0o1;
    pub const RDWR: u32 = 0o2;
    pub const CREAT: u32 = 0o100;
    pub const EXCL: u32 = 0o200;
    pub const NOCTTY: u32 = 0o400;
    pub const TRUNC: u32 = 0o1000;
    pub const APPEND: u32 = 0o2000;
    pub const NONBLOCK: u32 = 0o4000;
    pub const DSYNC: u32 = 0o10000;
    pub const ASYNC: u32 = 0o20000;
    pub const DIRECT: u32 = 0o40000;
    pub const LARGEFILE: u32 = 0o100000;
    pub const DIRECTORY: u32 = 0o200000;
    pub const NOFOLLOW: u32 = 0o400000;
    pub const NOATIME: u32 = 0o1000000;
    pub const CLOEXEC: u32 = 0o2000000;
    pub const SYNC: u32 = 0o4010000;
    pub const PATH: u32 = 0o10000000;
    pub const TMPFILE: u32 = 0o20200000;
}

/// Where a file is: an entry of the dentry tree seen through a mount. The VFS (`fs/vfs`) defines
/// both; anonymous files (pipes, sockets, eventfds) have an entry on an internal mount.
pub type Location = super::vfs::Location;

/// Behaviour of an open file. One instance per open file, so it may keep state of its own.
///
/// Blocking operations sleep in [`crate::wait::wait_until`] and honour `O_NONBLOCK`
/// ([`File::is_nonblocking`]).
pub trait FileOps: Any + Send + Sync {
    /// Reads from `offset`, and moves it. Streams ignore it.
    fn read(&self, _file: &File, _offset: &mut u64, _sink: &mut dyn Sink) -> Result<usize, Errno> {
        Err(Errno::EINVAL)
    }

    /// Writes at `offset`, and moves it; a file opened with O_APPEND writes at its end whatever
    /// `offset` says, atomically. Streams ignore it.
    fn write(&self, _file: &File, _offset: &mut u64, _source: &mut dyn Source) -> Result<usize, Errno> {
        Err(Errno::EINVAL)
    }

    /// Whether the file has positions: otherwise lseek and pread fail with ESPIPE, and the file's
    /// position is neither locked nor used.
    fn is_seekable(&self) -> bool {
        true
    }

    /// The position, if the host keeps it since processes outside the sandbox share it. The file's
    /// `read` and `write` are then asked for [`HOST_POSITION`] where it is meant.
    fn host_position(&self) -> Option<u64> {
        None
    }

    /// Moves that position.
    fn set_host_position(&self, _position: u64) {}

    /// lseek(2) always moves to 0, as it does on `/dev/null`, or stays there, as on an eventfd.
    fn seeks_to_start(&self) -> bool {
        false
    }

    /// lseek(2) takes SEEK_END: not where the length is known only when all has been read.
    fn has_end(&self) -> bool {
        true
    }

    /// Finds the new position for lseek(2) with SEEK_DATA or SEEK_HOLE; the default sees one piece
    /// of data followed by a hole at the end.
    fn seek_data(&self, file: &File, offset: u64, hole: bool) -> Result<u64, Errno> {
        let size = file.attributes()?.size;
        if offset >= size {
            return Err(Errno::ENXIO);
        }
        Ok(if hole { size } else { offset })
    }

    /// Current readiness; registers the file's queues with `poller` if there is one. The default is
    /// a file that is always ready and cannot be watched by epoll (`EPERM` there).
    fn poll(&self, _file: &File, _poller: Option<&mut Poller>) -> Events {
        Events::READABLE | Events::WRITABLE
    }

    /// Whether epoll may watch the file: all but regular files and directories.
    fn can_poll(&self) -> bool {
        false
    }

    /// O_ASYNC has a meaning: the owner gets a signal when the file becomes ready.
    fn tells_by_signal(&self) -> bool {
        false
    }

    /// ioctl(2) requests that the VFS does not answer itself (it does FIOCLEX, FIONCLEX, FIONBIO,
    /// FIOASYNC).
    fn ioctl(&self, _file: &File, _current: &mut Current, _request: u32, _argument: UserAddr) -> Result<usize, Errno> {
        Err(Errno::ENOTTY)
    }

    /// Lists a directory; see [`Inode::read_dir`].
    fn read_dir(&self, file: &File, from: u64, sink: &mut dyn DirSink) -> Result<(), Errno> {
        file.inode().read_dir(from, sink)
    }

    /// Host file for mmap(2); see [`Inode::host_mapping`].
    fn host_mapping(&self, file: &File, writable: bool) -> Result<HostMapping, Errno> {
        file.inode().host_mapping(writable)
    }

    /// What counts the areas of memory that map the file, where somebody asks for their number.
    fn attachment(&self) -> Option<Attachment> {
        None
    }

    /// fsync(2) or fdatasync(2).
    fn sync(&self, _file: &File, _data_only: bool) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    /// fallocate(2); `mode` is its flags.
    fn allocate(&self, _file: &File, _mode: u32, _offset: u64, _length: u64) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// Called when a descriptor of the file is closed (not when the file goes: that is `Drop`).
    fn flush(&self, _file: &File) {}

    /// fcntl(F_SETFL) changed the status flags.
    fn flags_changed(&self, _file: &File, _old: u32, _new: u32) {}
}

impl dyn FileOps {
    /// The operations as their concrete type.
    pub fn downcast_ref<T: FileOps>(&self) -> Option<&T> {
        (self as &dyn Any).downcast_ref()
    }
}

/// What the file's signals hang on; see [`super::sigio`].
#[derive(Default)]
struct Told {
    /// O_ASYNC.
    readiness: Option<Poller>,
    /// F_NOTIFY.
    changes: Option<Arc<DirectoryNotice>>,
}

/// An offset that means the host's position; see [`FileOps::host_position`].
pub const HOST_POSITION: u64 = u64::MAX;

/// A file's position, locked.
pub struct Position<'a> {
    ops: &'a dyn FileOps,
    /// Where the host had it.
    host: Option<u64>,
    value: MutexGuard<'a, u64>,
}

impl Deref for Position<'_> {
    type Target = u64;

    fn deref(&self) -> &u64 {
        &self.value
    }
}

impl DerefMut for Position<'_> {
    fn deref_mut(&mut self) -> &mut u64 {
        &mut self.value
    }
}

impl Drop for Position<'_> {
    fn drop(&mut self) {
        if self.host.is_some_and(|host| host != *self.value) {
            self.ops.set_host_position(*self.value);
        }
    }
}

/// An open file: what a descriptor stands for, shared by dup(2) and fork(2).
#[derive(Snapshot)]
#[snapshot(attach = File::hold_again)]
pub struct File {
    ops: Box<dyn FileOps>,
    location: Location,
    /// Status flags and access mode of open(2).
    flags: AtomicU32,
    position: Mutex<u64>,
    async_owner: SharedOwner,
    #[snapshot(skip)]
    told: Mutex<Told>,
    /// What the file holds of [`busy`], to be given back with it.
    hold: Hold,
}

/// What an open file keeps others from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Snapshot)]
enum Hold {
    Nothing,
    /// Executing it: it is open for writing.
    Execution,
    /// Writing it: it is being executed.
    Writing,
}

impl File {
    /// Wraps operations that [`Inode::open`] returned. `flags` are those of open(2).
    pub fn new(ops: Box<dyn FileOps>, location: Location, flags: u32) -> Arc<File> {
        File::with_hold(ops, location, flags, Hold::Nothing)
    }

    /// As [`File::new`] for a file that cannot be executed while it is open for writing.
    ///
    /// # Errors
    /// `ETXTBSY` when it is to be written and is being executed.
    pub fn opened(ops: Box<dyn FileOps>, location: Location, flags: u32) -> Result<Arc<File>, Errno> {
        if flags & flags::ACCMODE == flags::RDONLY {
            return Ok(File::new(ops, location, flags));
        }
        busy::begin_write(&**location.inode())?;
        Ok(File::with_hold(ops, location, flags, Hold::Writing))
    }

    /// As [`File::new`] for a file that is executed: while it is open, nobody can write it.
    ///
    /// # Errors
    /// `ETXTBSY` when somebody has it open for writing.
    pub fn executed(ops: Box<dyn FileOps>, location: Location) -> Result<Arc<File>, Errno> {
        busy::deny_write(&**location.inode())?;
        Ok(File::with_hold(ops, location, flags::RDONLY | flags::LARGEFILE, Hold::Execution))
    }

    /// Takes the hold after a restore.
    fn hold_again(this: &Arc<File>, _context: &Context) -> lazaret_snapshot::Result<()> {
        match this.hold {
            Hold::Nothing => Ok(()),
            Hold::Execution => busy::deny_write(&**this.inode()),
            Hold::Writing => busy::begin_write(&**this.inode()),
        }
        .map_err(|error| checkpoint::refused("an open file", error))
    }

    fn with_hold(ops: Box<dyn FileOps>, location: Location, flags: u32, hold: Hold) -> Arc<File> {
        Arc::new(File {
            hold,
            ops,
            location,
            flags: AtomicU32::new(flags),
            position: Mutex::new(0),
            async_owner: SharedOwner::default(),
            told: Mutex::default(),
        })
    }

    /// The operations.
    pub fn ops(&self) -> &dyn FileOps {
        &*self.ops
    }

    /// Where the file is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The inode.
    pub fn inode(&self) -> &Arc<dyn Inode> {
        self.location.inode()
    }

    /// Attributes of the inode.
    pub fn attributes(&self) -> Result<Attributes, Errno> {
        self.inode().attributes()
    }

    /// Status flags with the access mode.
    pub fn flags(&self) -> u32 {
        self.flags.load(Ordering::Relaxed)
    }

    /// Replaces the status flags that fcntl(F_SETFL) may change.
    pub fn set_flags(&self, new: u32) {
        const CHANGEABLE: u32 = flags::APPEND | flags::NONBLOCK | flags::DIRECT | flags::NOATIME;
        let old = self.flags();
        let merged = old & !CHANGEABLE | new & CHANGEABLE;
        self.flags.store(merged, Ordering::Relaxed);
        self.ops.flags_changed(self, old, merged);
    }

    /// Who is told of the file by signals.
    pub fn async_owner(&self) -> &SharedOwner {
        &self.async_owner
    }

    /// Sets O_ASYNC, or takes it back: the owner is told of readiness. `fd` is the descriptor that it is told.
    /// Does nothing for files that do not tell.
    pub fn set_async(&self, kernel: &Arc<Kernel>, fd: i32, on: bool) {
        if !self.ops.tells_by_signal() {
            return;
        }
        let poller = on.then(|| {
            let mut poller = Poller::new(Arc::new(Teller::new(kernel, &self.async_owner, fd)));
            self.ops.poll(self, Some(&mut poller));
            poller
        });
        let old = std::mem::replace(&mut self.told.lock().readiness, poller);
        drop(old);
        if on {
            self.flags.fetch_or(flags::ASYNC, Ordering::Relaxed);
        } else {
            self.flags.fetch_and(!flags::ASYNC, Ordering::Relaxed);
        }
    }

    /// F_NOTIFY: the owner is told of changes in a directory; `wanted` are DN_*, 0 for no more.
    ///
    /// # Errors
    /// `ENOTDIR`.
    pub fn set_notice(&self, kernel: &Arc<Kernel>, fd: i32, wanted: u32) -> Result<(), Errno> {
        if self.inode().kind() != FileKind::Directory {
            return if wanted == 0 { Ok(()) } else { Err(Errno::ENOTDIR) };
        }
        let id = notify::identity(&**self.inode()).ok_or(Errno::EIO)?;
        let mut told = self.told.lock();
        match &told.changes {
            _ if wanted == 0 => told.changes = None,
            Some(notice) => notice.add(wanted),
            None => {
                let teller = Teller::new(kernel, &self.async_owner, fd);
                told.changes = Some(DirectoryNotice::new(teller, id, wanted));
            }
        }
        Ok(())
    }

    /// O_NONBLOCK is set.
    pub fn is_nonblocking(&self) -> bool {
        self.flags() & flags::NONBLOCK != 0
    }

    /// Opened for reading.
    pub fn is_readable(&self) -> bool {
        self.flags() & flags::PATH == 0 && matches!(self.flags() & flags::ACCMODE, flags::RDONLY | flags::RDWR)
    }

    /// Opened for writing.
    pub fn is_writable(&self) -> bool {
        self.flags() & flags::PATH == 0 && matches!(self.flags() & flags::ACCMODE, flags::WRONLY | flags::RDWR)
    }

    /// The position, locked: read(2), write(2), lseek(2) and getdents64(2) hold it throughout.
    pub fn position(&self) -> Position<'_> {
        let mut value = self.position.lock();
        let host = self.ops.host_position();
        if let Some(host) = host {
            *value = host;
        }
        Position { ops: &*self.ops, host, value }
    }

    /// read(2): from the position, moving it.
    ///
    /// # Errors
    /// `EBADF` when not open for reading, else those of the file.
    pub fn read(&self, sink: &mut dyn Sink) -> Result<usize, Errno> {
        if !self.is_readable() {
            return Err(Errno::EBADF);
        }
        let done = if self.ops.host_position().is_some() {
            self.ops.read(self, &mut { HOST_POSITION }, sink)
        } else if self.ops.is_seekable() {
            self.ops.read(self, &mut self.position(), sink)
        } else {
            self.ops.read(self, &mut 0, sink)
        }?;
        self.accessed(done);
        Ok(done)
    }

    /// write(2): at the position, moving it.
    ///
    /// # Errors
    /// `EBADF` when not open for writing, else those of the file.
    pub fn write(&self, source: &mut dyn Source) -> Result<usize, Errno> {
        if !self.is_writable() {
            return Err(Errno::EBADF);
        }
        let done = if self.ops.host_position().is_some() {
            self.ops.write(self, &mut { HOST_POSITION }, source)
        } else if self.ops.is_seekable() {
            self.ops.write(self, &mut self.position(), source)
        } else {
            self.ops.write(self, &mut 0, source)
        }?;
        self.modified(done);
        Ok(done)
    }

    /// pread(2).
    ///
    /// # Errors
    /// `ESPIPE` for streams, else as [`File::read`].
    pub fn read_at(&self, mut offset: u64, sink: &mut dyn Sink) -> Result<usize, Errno> {
        if !self.ops.is_seekable() {
            return Err(Errno::ESPIPE);
        }
        if !self.is_readable() {
            return Err(Errno::EBADF);
        }
        let done = self.ops.read(self, &mut offset, sink)?;
        self.accessed(done);
        Ok(done)
    }

    /// pwrite(2).
    ///
    /// # Errors
    /// `ESPIPE` for streams, else as [`File::write`].
    pub fn write_at(&self, mut offset: u64, source: &mut dyn Source) -> Result<usize, Errno> {
        if !self.ops.is_seekable() {
            return Err(Errno::ESPIPE);
        }
        if !self.is_writable() {
            return Err(Errno::EBADF);
        }
        let done = self.ops.write(self, &mut offset, source)?;
        self.modified(done);
        Ok(done)
    }

    fn accessed(&self, done: usize) {
        if done > 0 {
            notify::changed(&self.location, Change::Accessed);
        }
    }

    fn modified(&self, done: usize) {
        if done > 0 {
            notify::changed(&self.location, Change::Modified);
        }
    }

    /// Readiness, see [`FileOps::poll`].
    pub fn poll(&self, poller: Option<&mut Poller>) -> Events {
        self.ops.poll(self, poller)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        lock::file_gone(self);
        match self.hold {
            Hold::Nothing => {}
            Hold::Execution => busy::allow_write(&**self.inode()),
            Hold::Writing => busy::end_write(&**self.inode()),
        }
        if self.flags() & flags::PATH == 0 {
            let change = if self.is_writable() { Change::ClosedWritable } else { Change::ClosedReadOnly };
            notify::changed(&self.location, change);
        }
    }
}
