//! `/dev/null`, `zero`, `full`, `random` and `urandom`; see null(4) and random(4).

use lazaret_abi::errno::Errno;

use crate::{
    fs::{
        file::{File, FileOps},
        inode::HostMapping,
    },
    sync::Arc,
    uio::{Sink, Source},
};

/// Opens a device of major number 1.
pub fn open(minor: u32) -> Result<Box<dyn FileOps>, Errno> {
    Ok(match minor {
        3 => Box::new(Null),
        5 => Box::new(Zero { full: false }),
        7 => Box::new(Zero { full: true }),
        8 | 9 => Box::new(Random),
        _ => return Err(Errno::ENXIO),
    })
}

/// Drops what a source gives, without reading it: write(2) to these devices touches no memory.
fn swallow(source: &dyn Source) -> usize {
    source.remaining()
}

struct Null;

impl FileOps for Null {
    fn seeks_to_start(&self) -> bool {
        true
    }

    fn read(&self, _file: &File, _offset: &mut u64, _sink: &mut dyn Sink) -> Result<usize, Errno> {
        Ok(0)
    }

    fn write(&self, _file: &File, _offset: &mut u64, source: &mut dyn Source) -> Result<usize, Errno> {
        Ok(swallow(source))
    }
}

struct Zero {
    /// `/dev/full`: has no room.
    full: bool,
}

impl FileOps for Zero {
    fn seeks_to_start(&self) -> bool {
        true
    }

    fn read(&self, _file: &File, _offset: &mut u64, sink: &mut dyn Sink) -> Result<usize, Errno> {
        const ZEROS: [u8; 16 * 1024] = [0; 16 * 1024];
        fill(sink, |want| Ok(&ZEROS[..want.min(ZEROS.len())]))
    }

    fn write(&self, _file: &File, _offset: &mut u64, source: &mut dyn Source) -> Result<usize, Errno> {
        if self.full { Err(Errno::ENOSPC) } else { Ok(swallow(source)) }
    }

    fn host_mapping(&self, _file: &File, _writable: bool) -> Result<HostMapping, Errno> {
        // A mapping of /dev/zero is anonymous memory: an object of its own for each.
        let fd = rustix::fs::memfd_create("zero", rustix::fs::MemfdFlags::CLOEXEC).map_err(crate::fs::hostfs::errno)?;
        // Larger than any mapping, and sparse.
        rustix::fs::ftruncate(&fd, 1 << 46).map_err(crate::fs::hostfs::errno)?;
        Ok(HostMapping { fd: Arc::new(fd), writable: true, lasting: false })
    }
}

struct Random;

impl FileOps for Random {
    fn read(&self, _file: &File, _offset: &mut u64, sink: &mut dyn Sink) -> Result<usize, Errno> {
        let mut buffer = [0; 256];
        let mut done = 0;
        while sink.remaining() > 0 {
            let want = sink.remaining().min(buffer.len());
            let got = rustix::rand::getrandom(&mut buffer[..want], rustix::rand::GetRandomFlags::empty())
                .map_err(crate::fs::hostfs::errno)?;
            match sink.put(&buffer[..got]) {
                Ok(stored) if stored == got => done += stored,
                Ok(stored) => return Ok(done + stored),
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn write(&self, _file: &File, _offset: &mut u64, source: &mut dyn Source) -> Result<usize, Errno> {
        // Linux mixes it into its pool, without crediting entropy: nobody can tell the difference.
        Ok(swallow(source))
    }
}

/// Fills a sink with pieces that `make` gives for a wanted length.
fn fill<'a>(sink: &mut dyn Sink, mut make: impl FnMut(usize) -> Result<&'a [u8], Errno>) -> Result<usize, Errno> {
    let mut done = 0;
    while sink.remaining() > 0 {
        let piece = make(sink.remaining())?;
        match sink.put(piece) {
            Ok(stored) => {
                done += stored;
                if stored < piece.len() {
                    break;
                }
            }
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
