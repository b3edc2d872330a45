//! Open files of tmpfs.

use lazaret_abi::errno::Errno;
use lazaret_snapshot::Snapshot;

use super::inode::{Regular, TmpInode};
use crate::{
    fs::{
        file::{File, FileOps, flags},
        inode::Timestamp,
        vfs::{MountFlags, permission::without_set_id_after_write},
    },
    sync::Arc,
    uio::{Sink, Source},
};

/// Bytes stored at a time, between which others may look at the file.
const STEP: usize = 64 * 1024;

/// Mode bits of fallocate(2).
const KEEP_SIZE: u32 = 1;
const PUNCH_HOLE: u32 = 2;
const ZERO_RANGE: u32 = 16;

/// An open regular file.
#[derive(Snapshot)]
pub struct TmpFile {
    inode: Arc<TmpInode>,
}

impl TmpFile {
    pub(super) fn new(inode: Arc<TmpInode>) -> TmpFile {
        TmpFile { inode }
    }

    fn regular(&self) -> Result<&Regular, Errno> {
        self.inode.regular().ok_or(Errno::EINVAL)
    }

    /// Notes the access as the mount wants it: by default only when the last one is older than the
    /// last change or than a day (relatime).
    fn accessed(&self, file: &File) {
        const DAY: i64 = 24 * 3600;
        if file.flags() & flags::NOATIME != 0
            || file.location().mount.flags().intersects(MountFlags::NOATIME | MountFlags::READ_ONLY)
        {
            return;
        }
        let now = Timestamp::now();
        let mut attributes = self.inode.attributes.lock();
        let last = attributes.atime;
        if last <= attributes.mtime || last <= attributes.ctime || now.seconds.saturating_sub(last.seconds) > DAY {
            attributes.atime = now;
        }
    }

    fn modified(&self) {
        self.inode.touch_modified();
        self.inode.drop_capabilities();
        let permissions = self.inode.attributes.lock().permissions;
        if let Some(kept) = without_set_id_after_write(permissions) {
            self.inode.attributes.lock().permissions = kept;
        }
    }
}

impl FileOps for TmpFile {
    fn read(&self, file: &File, offset: &mut u64, sink: &mut dyn Sink) -> Result<usize, Errno> {
        let done = self.regular()?.content.read().read(*offset, sink)?;
        *offset += done as u64;
        self.accessed(file);
        Ok(done)
    }

    fn write(&self, file: &File, offset: &mut u64, source: &mut dyn Source) -> Result<usize, Errno> {
        let regular = self.regular()?;
        let _writing = regular.writing.lock();
        if file.flags() & flags::APPEND != 0 {
            *offset = regular.content.read().size();
        }
        let mut done = 0;
        while source.remaining() > 0 {
            let want = source.remaining().min(STEP);
            let mut content = regular.content.write();
            let step = offset.checked_add(want as u64).ok_or(Errno::EFBIG).and_then(|end| {
                regular.seals.lock().check_write(content.size(), end)?;
                content.write(&self.inode.fs.usage, *offset, source, want)
            });
            match step {
                Ok(stored) => {
                    done += stored;
                    *offset += stored as u64;
                    if stored < want {
                        break;
                    }
                }
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        if done > 0 {
            self.modified();
        }
        Ok(done)
    }

    fn seek_data(&self, _file: &File, offset: u64, hole: bool) -> Result<u64, Errno> {
        self.regular()?.content.read().seek(offset, hole)
    }

    fn sync(&self, _file: &File, _data_only: bool) -> Result<(), Errno> {
        Ok(())
    }

    fn allocate(&self, _file: &File, mode: u32, offset: u64, length: u64) -> Result<(), Errno> {
        let regular = self.regular()?;
        let _writing = regular.writing.lock();
        let mut content = regular.content.write();
        let usage = &self.inode.fs.usage;
        let end = offset.checked_add(length).ok_or(Errno::EFBIG)?;
        let (kept_end, size) = (end.min(content.size()), content.size());
        match mode {
            0 | KEEP_SIZE => {
                let keep_size = mode == KEEP_SIZE;
                if !keep_size {
                    regular.seals.lock().check_resize(size, size.max(end))?;
                }
                content.reserve(usage, offset, length, keep_size)?;
            }
            _ if mode == PUNCH_HOLE | KEEP_SIZE => {
                regular.seals.lock().check_write(size, kept_end)?;
                content.punch(usage, offset, length)?;
            }
            _ if mode & !KEEP_SIZE == ZERO_RANGE => {
                let new_size = if mode & KEEP_SIZE == 0 { size.max(end) } else { size };
                regular.seals.lock().check_write(size, new_size)?;
                content.punch(usage, offset, length)?;
                if new_size > size {
                    content.resize(usage, new_size)?;
                }
            }
            _ => return Err(Errno::EOPNOTSUPP),
        }
        drop(content);
        self.modified();
        Ok(())
    }
}

/// An open directory; the inode lists itself.
#[derive(Snapshot)]
pub struct TmpDirectory;

impl FileOps for TmpDirectory {
    fn read(&self, _file: &File, _offset: &mut u64, _sink: &mut dyn Sink) -> Result<usize, Errno> {
        Err(Errno::EISDIR)
    }

    fn sync(&self, _file: &File, _data_only: bool) -> Result<(), Errno> {
        Ok(())
    }
}
