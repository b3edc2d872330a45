//! Inodes of tmpfs.

use lazaret_abi::errno::Errno;
use lazaret_snapshot::Snapshot;

use super::{
    TmpFs, TmpfsOptions,
    content::Content,
    directory::Directory,
    file::{TmpDirectory, TmpFile},
    memfd::Seals,
};
use crate::{
    fs::{
        file::FileOps,
        inode::{
            Attributes, DirSink, FileKind, FsStatistics, HostMapping, Inode, NewAttributes, NewNode, SetAttributes,
            Timestamp,
        },
        xattr::{CAPABILITIES, XattrMap},
    },
    sync::{Arc, Mutex, RwLock},
};

/// An inode of a tmpfs.
#[derive(Snapshot)]
pub struct TmpInode {
    pub(super) fs: Arc<TmpFs>,
    /// Size and blocks are the content's business and not kept here.
    pub(super) attributes: Mutex<Attributes>,
    pub(super) data: Data,
    xattrs: XattrMap,
}

/// What the kinds of files have.
#[derive(Snapshot)]
pub(super) enum Data {
    Regular(Regular),
    Directory(RwLock<Directory>),
    Symlink(Box<[u8]>),
    Special,
}

/// A regular file.
#[derive(Snapshot)]
pub(super) struct Regular {
    pub content: RwLock<Content>,
    /// Held through a write(2), so that appending ones do not mix.
    pub writing: Mutex<()>,
    pub seals: Mutex<Seals>,
    /// Made without a name; may get its first one by link(2).
    unnamed: bool,
}

/// Bytes that a directory's size grows by with each entry, as on Linux.
const ENTRY_SIZE: u64 = 20;

impl TmpInode {
    pub(super) fn root(fs: Arc<TmpFs>, options: &TmpfsOptions) -> Arc<TmpInode> {
        let owner = NewAttributes { permissions: options.permissions, uid: options.uid, gid: options.gid };
        let number = fs.next_inode.fetch_add(1, crate::sync::Ordering::Relaxed);
        Arc::new(TmpInode::make(
            fs,
            number,
            FileKind::Directory,
            &owner,
            Data::Directory(RwLock::new(Directory::new())),
        ))
    }

    /// A regular file in no directory.
    pub(super) fn unnamed(fs: Arc<TmpFs>, owner: &NewAttributes, seals: Seals) -> Result<Arc<TmpInode>, Errno> {
        let number = fs.new_inode()?;
        let data = Data::Regular(Regular::new(seals, true));
        let inode = TmpInode::make(fs, number, FileKind::Regular, owner, data);
        inode.attributes.lock().links = 0;
        Ok(Arc::new(inode))
    }

    fn make(fs: Arc<TmpFs>, number: u64, kind: FileKind, owner: &NewAttributes, data: Data) -> TmpInode {
        let attributes = Attributes::fresh(fs.device, number, kind, owner);
        TmpInode { fs, attributes: Mutex::new(attributes), data, xattrs: XattrMap::default() }
    }

    pub(super) fn number(&self) -> u64 {
        self.attributes.lock().inode
    }

    pub(super) fn file_kind(&self) -> FileKind {
        match &self.data {
            Data::Regular(_) => FileKind::Regular,
            Data::Directory(_) => FileKind::Directory,
            Data::Symlink(_) => FileKind::Symlink,
            Data::Special => self.attributes.lock().kind,
        }
    }

    pub(super) fn regular(&self) -> Option<&Regular> {
        match &self.data {
            Data::Regular(regular) => Some(regular),
            _ => None,
        }
    }

    pub(super) fn directory(&self) -> Result<&RwLock<Directory>, Errno> {
        match &self.data {
            Data::Directory(directory) => Ok(directory),
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// Content or entries changed now.
    pub(super) fn touch_modified(&self) {
        let now = Timestamp::now();
        let mut attributes = self.attributes.lock();
        (attributes.mtime, attributes.ctime) = (now, now);
    }

    /// Other content, or another owner, has not the capabilities of the file; see capabilities(7).
    pub(super) fn drop_capabilities(&self) {
        // Most have none.
        let _ = self.xattrs.remove(CAPABILITIES);
    }

    /// Adds to the number of links; the attributes changed now.
    pub(super) fn change_links(&self, change: i64) {
        let mut attributes = self.attributes.lock();
        attributes.links = attributes.links.saturating_add_signed(change);
        attributes.ctime = Timestamp::now();
    }

    /// The inode as one of this file system.
    pub(super) fn same_fs(&self, inode: &Arc<dyn Inode>) -> Result<Arc<TmpInode>, Errno> {
        let any: Arc<dyn std::any::Any + Send + Sync> = inode.clone();
        let inode = any.downcast::<TmpInode>().map_err(|_| Errno::EXDEV)?;
        if Arc::ptr_eq(&inode.fs, &self.fs) { Ok(inode) } else { Err(Errno::EXDEV) }
    }
}

impl Regular {
    fn new(seals: Seals, unnamed: bool) -> Regular {
        Regular { content: RwLock::new(Content::new()), writing: Mutex::new(()), seals: Mutex::new(seals), unnamed }
    }
}

impl Inode for TmpInode {
    fn attributes(&self) -> Result<Attributes, Errno> {
        let mut attributes = *self.attributes.lock();
        match &self.data {
            Data::Regular(regular) => {
                let content = regular.content.read();
                (attributes.size, attributes.blocks) = (content.size(), content.blocks());
            }
            Data::Directory(directory) => attributes.size = directory.read().len() as u64 * ENTRY_SIZE,
            Data::Symlink(target) => attributes.size = target.len() as u64,
            Data::Special => {}
        }
        Ok(attributes)
    }

    fn kind(&self) -> FileKind {
        self.file_kind()
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<(), Errno> {
        if let Some(size) = change.size {
            let regular = self.regular().ok_or(Errno::EINVAL)?;
            let _writing = regular.writing.lock();
            let mut content = regular.content.write();
            regular.seals.lock().check_resize(content.size(), size)?;
            content.resize(&self.fs.usage, size)?;
        }
        if let (Some(permissions), Some(regular)) = (change.permissions, self.regular()) {
            let executable = (permissions ^ self.attributes.lock().permissions) & 0o111 != 0;
            if executable && regular.seals.lock().contains(Seals::EXEC) {
                return Err(Errno::EPERM);
            }
        }
        let is_other = change.size.is_some() || change.uid.is_some() || change.gid.is_some();
        if is_other && !matches!(self.data, Data::Directory(_)) {
            self.drop_capabilities();
        }
        change.apply(&mut self.attributes.lock());
        Ok(())
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>, Errno> {
        match self.directory()?.read().get(name) {
            Some(inode) => Ok(inode.clone()),
            None => Err(Errno::ENOENT),
        }
    }

    fn create(&self, name: &[u8], node: NewNode<'_>, owner: &NewAttributes) -> Result<Arc<dyn Inode>, Errno> {
        let mut directory = self.directory()?.write();
        if directory.removed {
            return Err(Errno::ENOENT);
        }
        if directory.get(name).is_some() {
            return Err(Errno::EEXIST);
        }
        let number = self.fs.new_inode()?;
        let (kind, data) = match node {
            NewNode::Node { kind: FileKind::Regular, .. } => {
                (FileKind::Regular, Data::Regular(Regular::new(Seals::SEALED, false)))
            }
            NewNode::Node { kind, .. } => (kind, Data::Special),
            NewNode::Directory => (FileKind::Directory, Data::Directory(RwLock::new(Directory::new()))),
            NewNode::Symlink(target) => (FileKind::Symlink, Data::Symlink(target.into())),
        };
        let inode = TmpInode::make(self.fs.clone(), number, kind, owner, data);
        match node {
            NewNode::Node { rdev, .. } => inode.attributes.lock().rdev = rdev,
            NewNode::Directory => self.change_links(1),
            NewNode::Symlink(_) => {}
        }
        let inode = Arc::new(inode);
        directory.set(name, inode.clone());
        self.touch_modified();
        Ok(inode)
    }

    fn create_unnamed(&self, owner: &NewAttributes) -> Result<Arc<dyn Inode>, Errno> {
        Ok(TmpInode::unnamed(self.fs.clone(), owner, Seals::SEALED)?)
    }

    fn link(&self, name: &[u8], target: &Arc<dyn Inode>) -> Result<(), Errno> {
        let target = self.same_fs(target)?;
        let mut directory = self.directory()?.write();
        if directory.removed {
            return Err(Errno::ENOENT);
        }
        if directory.get(name).is_some() {
            return Err(Errno::EEXIST);
        }
        let linkable = target.regular().is_some_and(|regular| regular.unnamed);
        if target.attributes.lock().links == 0 && !linkable {
            return Err(Errno::ENOENT);
        }
        target.change_links(1);
        directory.set(name, target);
        self.touch_modified();
        Ok(())
    }

    fn unlink(&self, name: &[u8]) -> Result<(), Errno> {
        let mut directory = self.directory()?.write();
        match directory.get(name) {
            None => return Err(Errno::ENOENT),
            Some(inode) if inode.directory().is_ok() => return Err(Errno::EISDIR),
            Some(inode) => inode.change_links(-1),
        }
        let gone = directory.remove(name);
        drop(directory);
        self.touch_modified();
        // Its pages may be many: not under the lock of the directory.
        drop(gone);
        Ok(())
    }

    fn rmdir(&self, name: &[u8]) -> Result<(), Errno> {
        let mut directory = self.directory()?.write();
        let victim = directory.get(name).ok_or(Errno::ENOENT)?.clone();
        victim.remove_directory()?;
        directory.remove(name);
        self.change_links(-1);
        self.touch_modified();
        Ok(())
    }

    fn rename(&self, name: &[u8], new_directory: &Arc<dyn Inode>, new_name: &[u8], flags: u32) -> Result<(), Errno> {
        let new_directory = self.same_fs(new_directory)?;
        super::rename::rename(self, name, &new_directory, new_name, flags)
    }

    fn read_link(&self) -> Result<Vec<u8>, Errno> {
        match &self.data {
            Data::Symlink(target) => Ok(target.to_vec()),
            _ => Err(Errno::EINVAL),
        }
    }

    fn read_dir(&self, from: u64, sink: &mut dyn DirSink) -> Result<(), Errno> {
        self.directory()?.read().list(from, sink);
        Ok(())
    }

    fn open(self: Arc<Self>, _flags: u32) -> Result<Box<dyn FileOps>, Errno> {
        match &self.data {
            Data::Regular(_) => Ok(Box::new(TmpFile::new(self))),
            Data::Directory(_) => Ok(Box::new(TmpDirectory)),
            Data::Symlink(_) => Err(Errno::ELOOP),
            Data::Special => Err(Errno::ENXIO),
        }
    }

    fn host_mapping(&self, writable: bool) -> Result<HostMapping, Errno> {
        let regular = self.regular().ok_or(Errno::ENODEV)?;
        if writable {
            regular.seals.lock().check_map_writable()?;
        }
        let fd = regular.content.write().host_file(&self.fs.usage)?;
        Ok(HostMapping { fd, writable: true, lasting: false })
    }

    fn write_content(&self, mut offset: u64, mut data: &[u8]) -> Result<(), Errno> {
        let mut content = self.regular().ok_or(Errno::EINVAL)?.content.write();
        while !data.is_empty() {
            let length = data.len();
            offset += content.write(&self.fs.usage, offset, &mut data, length)? as u64;
        }
        Ok(())
    }

    fn get_xattr(&self, name: &[u8]) -> Result<Vec<u8>, Errno> {
        self.xattrs.get(name)
    }

    fn set_xattr(&self, name: &[u8], value: &[u8], flags: u32) -> Result<(), Errno> {
        self.xattrs.set(name, value, flags)
    }

    fn list_xattrs(&self) -> Result<Vec<Vec<u8>>, Errno> {
        Ok(self.xattrs.list())
    }

    fn remove_xattr(&self, name: &[u8]) -> Result<(), Errno> {
        self.xattrs.remove(name)
    }

    fn statistics(&self) -> Result<FsStatistics, Errno> {
        Ok(self.fs.statistics())
    }
}

impl TmpInode {
    /// Marks an empty directory as removed.
    pub(super) fn remove_directory(&self) -> Result<(), Errno> {
        let mut directory = self.directory()?.write();
        if !directory.is_empty() {
            return Err(Errno::ENOTEMPTY);
        }
        directory.removed = true;
        drop(directory);
        self.change_links(-2);
        Ok(())
    }
}

impl Drop for TmpInode {
    fn drop(&mut self) {
        super::give_back(&self.fs.usage.inodes, 1);
        match &mut self.data {
            Data::Regular(regular) => regular.content.get_mut().release(&self.fs.usage),
            Data::Directory(directory) => {
                // One by one: directories may be nested deeper than a host stack.
                let mut below: Vec<_> = directory.get_mut().drain().collect();
                while let Some(inode) = below.pop().map(Arc::into_inner) {
                    if let Some(mut inode) = inode
                        && let Data::Directory(directory) = &mut inode.data
                    {
                        below.extend(directory.get_mut().drain());
                    }
                }
            }
            Data::Symlink(_) | Data::Special => {}
        }
    }
}
