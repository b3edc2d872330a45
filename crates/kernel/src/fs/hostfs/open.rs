//! Open host files.

use std::{
    io::IoSlice,
    os::fd::{AsFd, OwnedFd},
};

use lazaret_abi::errno::Errno;
use rustix::{
    fs::{FallocateFlags, SeekFrom},
    io::ReadWriteFlags,
};

use super::{Listing, errno, inode::HostInode};
use crate::{
    fs::{
        file::{File, FileOps, flags},
        inode::{DirSink, FileKind, HostMapping, Inode},
    },
    sync::{Arc, Mutex},
    uio::{Scratch, Sink, Source},
};

/// Opens a file of the host for the application. What is neither regular nor a directory is not
/// opened: the host's devices, FIFOs and sockets are not the container's.
pub fn open(inode: Arc<HostInode>, flags: u32) -> Result<Box<dyn FileOps>, Errno> {
    match inode.kind() {
        FileKind::Regular => {
            let writable = flags & flags::ACCMODE != flags::RDONLY || flags & flags::TRUNC != 0;
            let fd = inode.content(writable)?;
            if flags & flags::TRUNC != 0 {
                rustix::fs::ftruncate(&*fd, 0).map_err(errno)?;
            }
            Ok(Box::new(HostFile { inode, fd }))
        }
        FileKind::Directory => Ok(Box::new(HostDirectory { inode, entries: Mutex::new(None) })),
        FileKind::Symlink => Err(Errno::ELOOP),
        _ => Err(Errno::ENXIO),
    }
}

/// A regular file. The descriptor is shared by all who opened the file, so positions are always given.
struct HostFile {
    inode: Arc<HostInode>,
    fd: Arc<OwnedFd>,
}

impl FileOps for HostFile {
    fn read(&self, file: &File, offset: &mut u64, sink: &mut dyn Sink) -> Result<usize, Errno> {
        let count = sink.remaining();
        // A descriptor that writes stays here.
        let done = if file.is_writable() {
            sink.put_from_host(self.fd.as_fd(), *offset, count)?
        } else {
            sink.put_from_file(&self.fd, *offset, count)?
        };
        *offset = offset.saturating_add(done as u64);
        Ok(done)
    }

    fn write(&self, file: &File, offset: &mut u64, source: &mut dyn Source) -> Result<usize, Errno> {
        let append = file.flags() & flags::APPEND != 0;
        let how = if append { ReadWriteFlags::APPEND } else { ReadWriteFlags::empty() };
        let mut buffer = Scratch::take();
        let mut done = 0;
        while source.remaining() > 0 {
            let taken = match source.take(&mut buffer) {
                Ok(0) => break,
                Ok(taken) => taken,
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            };
            match rustix::io::pwritev2(&*self.fd, &[IoSlice::new(&buffer[..taken])], *offset, how) {
                Ok(written) => {
                    done += written;
                    *offset = offset.saturating_add(written as u64);
                    if written < taken {
                        break;
                    }
                }
                Err(_) if done > 0 => break,
                Err(error) => return Err(errno(error)),
            }
        }
        if append {
            *offset = file.attributes()?.size;
        }
        Ok(done)
    }

    fn seek_data(&self, _file: &File, offset: u64, hole: bool) -> Result<u64, Errno> {
        rustix::fs::seek(&*self.fd, if hole { SeekFrom::Hole(offset) } else { SeekFrom::Data(offset) }).map_err(errno)
    }

    fn host_mapping(&self, _file: &File, writable: bool) -> Result<HostMapping, Errno> {
        self.inode.host_mapping(writable)
    }

    fn sync(&self, _file: &File, data_only: bool) -> Result<(), Errno> {
        if data_only { rustix::fs::fdatasync(&*self.fd) } else { rustix::fs::fsync(&*self.fd) }.map_err(errno)
    }

    fn allocate(&self, _file: &File, mode: u32, offset: u64, length: u64) -> Result<(), Errno> {
        rustix::fs::fallocate(&*self.fd, FallocateFlags::from_bits_retain(mode), offset, length).map_err(errno)
    }
}

/// A directory. Its entries are read when reading starts and again after a rewind, so positions
/// stay valid while entries come and go.
struct HostDirectory {
    inode: Arc<HostInode>,
    entries: Mutex<Option<Arc<Listing>>>,
}

impl FileOps for HostDirectory {
    fn read(&self, _file: &File, _offset: &mut u64, _sink: &mut dyn Sink) -> Result<usize, Errno> {
        Err(Errno::EISDIR)
    }

    fn read_dir(&self, _file: &File, from: u64, sink: &mut dyn DirSink) -> Result<(), Errno> {
        let mut entries = self.entries.lock();
        if from == 0 || entries.is_none() {
            *entries = Some(self.inode.listing()?);
        }
        if let Some(entries) = &*entries {
            entries.emit(from, sink);
        }
        Ok(())
    }

    fn sync(&self, _file: &File, _data_only: bool) -> Result<(), Errno> {
        self.inode.directory()?.sync()
    }
}
