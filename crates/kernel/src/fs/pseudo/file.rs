//! Files and links with content made up by the kernel.

use lazaret_abi::errno::Errno;

use super::{NodeAttributes, PseudoFs};
use crate::{
    fs::{
        file::{File, FileOps},
        inode::{Attributes, FileKind, FsStatistics, Inode, LinkTarget, SetAttributes, read_slice, take_all},
    },
    sync::{Arc, Mutex},
    task::Task,
    uio::{Sink, Source},
};

/// What a pseudo file shows and takes.
pub trait Content: Send + Sync {
    /// The whole text, made anew for each reader that starts at the beginning.
    ///
    /// # Errors
    /// What read(2) then returns: `ESRCH` for a process that is gone.
    fn read(&self) -> Result<Vec<u8>, Errno>;

    /// Takes what one write(2) wrote.
    ///
    /// # Errors
    /// `EINVAL` for what the file does not understand; `EACCES` where it takes nothing.
    fn write(&self, _data: &[u8]) -> Result<(), Errno> {
        Err(Errno::EACCES)
    }

    /// Checks an open(2) beyond the permission bits.
    ///
    /// # Errors
    /// `EACCES`, `EPERM`.
    fn check_open(&self) -> Result<(), Errno> {
        Ok(())
    }
}

impl<F: Fn() -> Result<Vec<u8>, Errno> + Send + Sync> Content for F {
    fn read(&self) -> Result<Vec<u8>, Errno> {
        self()
    }
}

/// Longest write(2) that a pseudo file takes.
const MAX_WRITE: usize = 64 * 1024;

/// A regular file of a pseudo file system.
pub struct PseudoFile {
    fs: Arc<PseudoFs>,
    attributes: NodeAttributes,
    content: Arc<dyn Content>,
}

impl PseudoFile {
    /// A file of root; `permissions` are its mode bits.
    pub fn inode(fs: &Arc<PseudoFs>, permissions: u32, content: impl Content + 'static) -> Arc<dyn Inode> {
        PseudoFile::with_attributes(fs, NodeAttributes::new(fs, permissions), content)
    }

    /// A file with the given attributes.
    pub fn with_attributes(
        fs: &Arc<PseudoFs>,
        attributes: NodeAttributes,
        content: impl Content + 'static,
    ) -> Arc<dyn Inode> {
        Arc::new(PseudoFile { fs: fs.clone(), attributes, content: Arc::new(content) })
    }
}

impl Inode for PseudoFile {
    fn attributes(&self) -> Result<Attributes, Errno> {
        Ok(self.fs.attributes(&self.attributes, FileKind::Regular))
    }

    fn kind(&self) -> FileKind {
        FileKind::Regular
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<(), Errno> {
        // `echo 1 > file` truncates first, which means nothing here.
        change.refuse_rights()
    }

    fn open(self: Arc<Self>, _flags: u32) -> Result<Box<dyn FileOps>, Errno> {
        self.content.check_open()?;
        Ok(Box::new(OpenPseudoFile {
            content: self.content.clone(),
            has_end: !self.fs.is_proc(),
            text: Mutex::new(None),
        }))
    }

    fn is_generated(&self) -> bool {
        true
    }

    fn statistics(&self) -> Result<FsStatistics, Errno> {
        Ok(self.fs.statistics())
    }
}

struct OpenPseudoFile {
    content: Arc<dyn Content>,
    /// Files of procfs have no end to seek to.
    has_end: bool,
    /// The text as it was when reading began, so that a reader in pieces sees one state.
    text: Mutex<Option<Vec<u8>>>,
}

impl FileOps for OpenPseudoFile {
    fn read(&self, _file: &File, offset: &mut u64, sink: &mut dyn Sink) -> Result<usize, Errno> {
        let mut text = self.text.lock();
        let current = match &mut *text {
            Some(current) if *offset > 0 => current,
            slot => slot.insert(self.content.read()?),
        };
        read_slice(current, offset, sink)
    }

    fn write(&self, _file: &File, offset: &mut u64, source: &mut dyn Source) -> Result<usize, Errno> {
        let data = take_all(source, MAX_WRITE)?;
        self.content.write(&data)?;
        *offset = offset.saturating_add(data.len() as u64);
        Ok(data.len())
    }

    fn sync(&self, _file: &File, _data_only: bool) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn has_end(&self) -> bool {
        self.has_end
    }
}

/// A symbolic link of a pseudo file system; the target is found when it is followed.
pub struct PseudoLink<F> {
    fs: Arc<PseudoFs>,
    attributes: NodeAttributes,
    target: F,
}

impl<F: Fn() -> Result<LinkTarget, Errno> + Send + Sync + 'static> PseudoLink<F> {
    /// A link of root.
    pub fn inode(fs: &Arc<PseudoFs>, target: F) -> Arc<dyn Inode> {
        PseudoLink::with_attributes(fs, NodeAttributes::new(fs, 0o777), target)
    }

    /// A link with the given attributes.
    pub fn with_attributes(fs: &Arc<PseudoFs>, attributes: NodeAttributes, target: F) -> Arc<dyn Inode> {
        Arc::new(PseudoLink { fs: fs.clone(), attributes, target })
    }
}

impl<F: Fn() -> Result<LinkTarget, Errno> + Send + Sync + 'static> Inode for PseudoLink<F> {
    fn attributes(&self) -> Result<Attributes, Errno> {
        Ok(self.fs.attributes(&self.attributes, FileKind::Symlink))
    }

    fn kind(&self) -> FileKind {
        FileKind::Symlink
    }

    fn cacheable(&self) -> bool {
        false
    }

    fn read_link(&self) -> Result<Vec<u8>, Errno> {
        match (self.target)()? {
            LinkTarget::Path(path) => Ok(path),
            LinkTarget::Object(location) => Ok(match Task::try_current() {
                Some(task) => location.display_path(&task.fs().root()),
                None => location.path_from(&location).0,
            }),
        }
    }

    fn follow_link(&self) -> Result<LinkTarget, Errno> {
        (self.target)()
    }

    fn open(self: Arc<Self>, _flags: u32) -> Result<Box<dyn FileOps>, Errno> {
        Err(Errno::ELOOP)
    }

    fn is_generated(&self) -> bool {
        true
    }

    fn statistics(&self) -> Result<FsStatistics, Errno> {
        Ok(self.fs.statistics())
    }
}
