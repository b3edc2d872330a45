//! Host files as standard streams of a process: pipes, sockets, regular files and devices that the
//! sandbox was started with.
//!
//! Others share these files' descriptions: O_NONBLOCK is never changed, and the position of a regular
//! file is the host's.

pub mod poller;

use std::os::fd::OwnedFd;

use lazaret_abi::errno::Errno;
use rustix::{fs::SeekFrom, io::ReadWriteFlags};

use super::{
    anon::anonymous_location,
    file::{File, FileOps, HOST_POSITION, flags},
    inode::{Attributes, FileKind, FsStatistics, Inode, Timestamp},
};
use crate::{
    sync::Arc,
    task::raise,
    uio::{Sink, Source},
    wait::{Events, Interruptible, Poller, WaitQueue, wait_until},
};

/// Bytes moved at once.
const PIECE: usize = 64 * 1024;

/// `position` argument of preadv2(2) that means the file's own.
const CURRENT_POSITION: u64 = u64::MAX;

fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_raw(error.raw_os_error())
}

/// The host file, shared by all who opened it again through /proc.
struct HostFile {
    fd: OwnedFd,
    kind: FileKind,
    queue: Arc<WaitQueue>,
    /// The host tells when it becomes ready; regular files always are.
    watched: bool,
}

/// An open host file.
pub struct HostStream {
    file: Arc<HostFile>,
}

/// Opens a host file as it is.
///
/// # Errors
/// Those of fstat(2) and fcntl(2).
pub fn open(fd: OwnedFd) -> Result<Arc<File>, Errno> {
    let stat = rustix::fs::fstat(&fd).map_err(errno)?;
    let kind = FileKind::from_mode(stat.st_mode).unwrap_or(FileKind::Anonymous);
    let status = rustix::fs::fcntl_getfl(&fd).map_err(errno)?;
    let name = match kind {
        FileKind::Fifo => format!("pipe:[{}]", stat.st_ino),
        FileKind::Socket => format!("socket:[{}]", stat.st_ino),
        _ => "/dev/stdio".into(),
    };
    let queue = Arc::new(WaitQueue::new());
    let watched =
        !matches!(kind, FileKind::Regular | FileKind::Directory | FileKind::BlockDevice) && poller::watch(&fd, &queue);
    let file = Arc::new(HostFile { fd, kind, queue, watched });
    let inode: Arc<dyn Inode> = Arc::new(StreamInode { file: file.clone() });
    let access = status.bits() & (flags::ACCMODE | flags::APPEND | flags::NONBLOCK);
    Ok(File::new(Box::new(HostStream { file }), anonymous_location(inode, name.as_bytes()), access))
}

impl Drop for HostFile {
    fn drop(&mut self) {
        if self.watched {
            poller::forget(&self.fd);
        }
    }
}

impl HostFile {
    /// Present readiness.
    fn ready(&self) -> Events {
        if !self.watched {
            return Events::READABLE | Events::WRITABLE;
        }
        poller::ready(&self.fd)
    }

    /// Waits until one of `events` holds; fails at once if the file is not to block.
    fn wait(&self, nonblocking: bool, events: Events) -> Result<(), Errno> {
        let wanted = events | Events::ALWAYS;
        if self.ready().intersects(wanted) {
            return Ok(());
        }
        if nonblocking {
            return Err(Errno::EAGAIN);
        }
        wait_until(&[(&self.queue, wanted)], None, Interruptible::Signals, || {
            self.ready().intersects(wanted).then_some(())
        })
    }

    /// Reads what is there, without blocking where the host can.
    fn read(&self, buffer: &mut [u8], offset: u64) -> rustix::io::Result<usize> {
        if self.kind == FileKind::Regular && offset != HOST_POSITION {
            return rustix::io::pread(&self.fd, buffer, offset);
        }
        if !self.watched {
            return rustix::io::read(&self.fd, buffer);
        }
        let mut parts = [std::io::IoSliceMut::new(buffer)];
        match rustix::io::preadv2(&self.fd, &mut parts, CURRENT_POSITION, ReadWriteFlags::NOWAIT) {
            // Terminals and some other devices do not know the flag. They have just told that they are
            // ready.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::INVAL) => rustix::io::read(&self.fd, buffer),
            result => result,
        }
    }

    fn write(&self, data: &[u8], offset: u64) -> rustix::io::Result<usize> {
        if self.kind == FileKind::Regular && offset != HOST_POSITION {
            return rustix::io::pwrite(&self.fd, data, offset);
        }
        if !self.watched {
            return rustix::io::write(&self.fd, data);
        }
        let parts = [std::io::IoSlice::new(data)];
        match rustix::io::pwritev2(&self.fd, &parts, CURRENT_POSITION, ReadWriteFlags::NOWAIT) {
            // No more than fits for sure where poll(2) says writable, so as not to block.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::INVAL) => {
                rustix::io::write(&self.fd, data.get(..4096).unwrap_or(data))
            }
            result => result,
        }
    }
}

/// Moves an offset that is not the host's own position.
fn advance(offset: &mut u64, count: usize) {
    if *offset != HOST_POSITION {
        *offset = offset.saturating_add(count as u64);
    }
}

impl FileOps for HostStream {
    fn read(&self, file: &File, offset: &mut u64, sink: &mut dyn Sink) -> Result<usize, Errno> {
        let mut buffer = vec![0; sink.remaining().min(PIECE)];
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            self.file.wait(file.is_nonblocking(), Events::READABLE)?;
            match self.file.read(&mut buffer, *offset) {
                Ok(got) => {
                    let stored = sink.put(buffer.get(..got).unwrap_or_default())?;
                    advance(offset, stored);
                    return Ok(stored);
                }
                // Another reader was faster.
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {
                    if file.is_nonblocking() {
                        return Err(Errno::EAGAIN);
                    }
                }
                Err(error) => return Err(errno(error)),
            }
        }
    }

    fn write(&self, file: &File, offset: &mut u64, source: &mut dyn Source) -> Result<usize, Errno> {
        let mut done = 0;
        while source.remaining() > 0 {
            let mut buffer = vec![0; source.remaining().min(PIECE)];
            let taken = match source.take(&mut buffer) {
                Ok(taken) => taken,
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            };
            let data = buffer.get(..taken).unwrap_or_default();
            match self.write_all(file, data, offset) {
                (written, None) if written > 0 || taken == 0 => done += written,
                (written, _) if done + written > 0 => {
                    done += written;
                    break;
                }
                (_, Some(error)) => return Err(error),
                (_, None) => break,
            }
            if taken == 0 {
                break;
            }
        }
        Ok(done)
    }

    fn is_seekable(&self) -> bool {
        self.file.kind == FileKind::Regular
    }

    fn host_position(&self) -> Option<u64> {
        if self.is_seekable() { rustix::fs::tell(&self.file.fd).ok() } else { None }
    }

    fn set_host_position(&self, position: u64) {
        // Only of a regular file, where it cannot fail for a position that it had told or was asked.
        let _ = rustix::fs::seek(&self.file.fd, SeekFrom::Start(position));
    }

    fn poll(&self, _file: &File, poller: Option<&mut Poller>) -> Events {
        if let Some(poller) = poller {
            poller.register(&self.file.queue, Events::all());
        }
        self.file.ready()
    }

    fn can_poll(&self) -> bool {
        self.file.watched
    }

    fn sync(&self, _file: &File, data_only: bool) -> Result<(), Errno> {
        let fd = &self.file.fd;
        if data_only { rustix::fs::fdatasync(fd) } else { rustix::fs::fsync(fd) }.map_err(errno)
    }
}

impl HostStream {
    /// Writes all of `data`, as far as it goes; what was written, and why no more.
    fn write_all(&self, file: &File, data: &[u8], offset: &mut u64) -> (usize, Option<Errno>) {
        let mut done = 0;
        while let Some(rest) = data.get(done..).filter(|rest| !rest.is_empty()) {
            if let Err(error) = self.file.wait(file.is_nonblocking(), Events::WRITABLE) {
                return (done, Some(error));
            }
            match self.file.write(rest, *offset) {
                Ok(written) => {
                    done += written;
                    advance(offset, written);
                }
                Err(rustix::io::Errno::AGAIN) if file.is_nonblocking() => return (done, Some(Errno::EAGAIN)),
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::PIPE) => {
                    raise::broken_pipe();
                    return (done, Some(Errno::EPIPE));
                }
                Err(error) => return (done, Some(errno(error))),
            }
        }
        (done, None)
    }
}

/// The inode of a host file: its attributes, and no name.
struct StreamInode {
    file: Arc<HostFile>,
}

impl Inode for StreamInode {
    fn attributes(&self) -> Result<Attributes, Errno> {
        let stat = rustix::fs::fstat(&self.file.fd).map_err(errno)?;
        let time = |seconds: i64, nanoseconds: u64| Timestamp {
            seconds,
            nanoseconds: u32::try_from(nanoseconds).unwrap_or(0),
        };
        Ok(Attributes {
            device: stat.st_dev,
            inode: stat.st_ino,
            kind: self.file.kind,
            permissions: stat.st_mode & 0o7777,
            links: stat.st_nlink,
            uid: stat.st_uid,
            gid: stat.st_gid,
            rdev: stat.st_rdev,
            size: stat.st_size.unsigned_abs(),
            block_size: u32::try_from(stat.st_blksize).unwrap_or(4096),
            blocks: stat.st_blocks.unsigned_abs(),
            atime: time(stat.st_atime, stat.st_atime_nsec),
            mtime: time(stat.st_mtime, stat.st_mtime_nsec),
            ctime: time(stat.st_ctime, stat.st_ctime_nsec),
            btime: None,
        })
    }

    fn kind(&self) -> FileKind {
        self.file.kind
    }

    fn set_attributes(&self, change: &super::inode::SetAttributes) -> Result<(), Errno> {
        match change.size {
            Some(size) if self.file.kind == FileKind::Regular => {
                rustix::fs::ftruncate(&self.file.fd, size).map_err(errno)
            }
            _ => Err(Errno::EPERM),
        }
    }

    fn open(self: Arc<Self>, _flags: u32) -> Result<Box<dyn FileOps>, Errno> {
        // By way of /proc/self/fd: the same description again, since the host's file has no name here.
        Ok(Box::new(HostStream { file: self.file.clone() }))
    }

    fn statistics(&self) -> Result<FsStatistics, Errno> {
        Ok(FsStatistics { block_size: 4096, name_max: 255, ..FsStatistics::default() })
    }
}
