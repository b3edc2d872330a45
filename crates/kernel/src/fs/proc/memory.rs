//! `/proc/PID/mem` and `/proc/PID/pagemap`.

use lazaret_abi::errno::Errno;
use lazaret_platform::layout::{APP_MAX, PAGE_SIZE};

use super::process::Subject;
use crate::{
    boot::Kernel,
    fs::{
        file::{File, FileOps},
        inode::{Attributes, FileKind, FsStatistics, Inode, SetAttributes},
        pseudo::NodeAttributes,
    },
    mm::Mm,
    sync::Arc,
    uio::{Sink, Source},
};

/// What of the memory a file shows.
#[derive(Clone, Copy, Debug)]
pub enum View {
    /// The bytes, at their addresses.
    Content,
    /// A word for each page: whether it is present.
    Presence,
}

/// A file about a process's memory; it keeps the memory it was opened with.
pub struct MemoryFile {
    subject: Subject,
    attributes: NodeAttributes,
    view: View,
}

impl MemoryFile {
    /// The file of a process.
    pub fn inode(subject: Subject, permissions: u32, view: View) -> Arc<dyn Inode> {
        let attributes = subject.attributes(permissions);
        Arc::new(MemoryFile { subject, attributes, view })
    }
}

impl Inode for MemoryFile {
    fn attributes(&self) -> Result<Attributes, Errno> {
        Ok(self.subject.fs.attributes(&self.attributes, FileKind::Regular))
    }

    fn kind(&self) -> FileKind {
        FileKind::Regular
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<(), Errno> {
        change.refuse_rights()
    }

    fn open(self: Arc<Self>, _flags: u32) -> Result<Box<dyn FileOps>, Errno> {
        self.subject.check_access()?;
        let mm = self.subject.task()?.mm();
        Ok(match self.view {
            View::Content => Box::new(OpenContent { mm }),
            View::Presence => Box::new(OpenPresence { mm, kernel: self.subject.kernel()? }),
        })
    }

    fn is_generated(&self) -> bool {
        true
    }

    fn statistics(&self) -> Result<FsStatistics, Errno> {
        Ok(self.subject.fs.statistics())
    }
}

/// Bytes copied at a time.
const PIECE: usize = 64 << 10;

struct OpenContent {
    mm: Arc<Mm>,
}

impl FileOps for OpenContent {
    fn has_end(&self) -> bool {
        false
    }

    fn read(&self, _file: &File, offset: &mut u64, sink: &mut dyn Sink) -> Result<usize, Errno> {
        let mut piece = vec![0; PIECE.min(sink.remaining())];
        let mut done = 0;
        while sink.remaining() > 0 {
            let wanted = piece.len().min(sink.remaining());
            let got = self.mm.space().read(*offset, &mut piece[..wanted]).min(wanted);
            let put = if got == 0 { Err(Errno::EIO) } else { sink.put(&piece[..got]) };
            match put {
                Ok(put) => {
                    done += put;
                    *offset = offset.saturating_add(put as u64);
                    if put < wanted {
                        break;
                    }
                }
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write(&self, _file: &File, offset: &mut u64, source: &mut dyn Source) -> Result<usize, Errno> {
        let mut piece = vec![0; PIECE.min(source.remaining())];
        let mut done = 0;
        while source.remaining() > 0 {
            let taken = match source.take(&mut piece) {
                Ok(taken) => taken,
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            };
            let put = self.mm.space().write(*offset, &piece[..taken]).min(taken);
            done += put;
            *offset = offset.saturating_add(put as u64);
            if put < taken || put == 0 {
                break;
            }
        }
        if done == 0 && !piece.is_empty() { Err(Errno::EIO) } else { Ok(done) }
    }
}

struct OpenPresence {
    mm: Arc<Mm>,
    kernel: Arc<Kernel>,
}

impl FileOps for OpenPresence {
    fn read(&self, _file: &File, offset: &mut u64, sink: &mut dyn Sink) -> Result<usize, Errno> {
        const WORD: u64 = 8;
        /// Words told at a time.
        const COUNT: usize = 4096;
        if !offset.is_multiple_of(WORD) || !sink.remaining().is_multiple_of(8) {
            return Err(Errno::EINVAL);
        }
        let mut done = 0;
        while sink.remaining() > 0 && *offset < APP_MAX / PAGE_SIZE * WORD {
            let count = COUNT.min(sink.remaining() / 8);
            let pages = self.kernel.host_pages(self.mm.space().host_pid(), *offset / WORD, count)?;
            let bytes: Vec<u8> = pages.iter().flat_map(|page| page.to_le_bytes()).collect();
            if bytes.is_empty() {
                break;
            }
            let put = sink.put(&bytes)?;
            done += put;
            *offset += put as u64;
            if put < bytes.len() {
                break;
            }
        }
        Ok(done)
    }
}
